use std::path::Path;

use pi_server_core::input::{Boot, Opened};
use pi_server_core::{ConnId, Limits};

use super::super::past::Divergence;
use super::*;
use crate::journal::{Durability, Options};

fn boot() -> InputKind {
    InputKind::Boot(Box::new(Boot {
        rules: pi_server_core::input::RuleSet::default(),
        server_version: "0".into(),
        limits: Limits::default(),
        entropy: [7; 16],
        clean: true,
        recovery: pi_server_core::input::RecoveryPolicy::Resume,
        agent: pi_server_core::input::AgentKind::Demo,
        default_cwd: "/".into(),
        journal_path: "/journal".into(),
        journal: pi_server_core::input::JournalFacts::default(),
        wall: pi_server_core::WallOffset(0),
    }))
}

fn opened() -> InputKind {
    InputKind::Opened(Opened { transport: pi_server_core::input::Transport::Unix, client: None })
}

fn journal(dir: &Path, durability: Durability) -> Journal {
    let mut options = Options::new(dir);
    options.durability = durability;
    options.segment_bytes = 1 << 16;
    Journal::open(&options).expect("a journal").journal
}

fn released(machine: &mut Machine) -> Vec<Seq> {
    let durable = machine.journal().durable();
    std::iter::from_fn(|| machine.release(durable)).map(|(seq, _)| seq).collect()
}

#[test]
fn no_output_leaves_before_its_turn_is_committed() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut machine = Machine::new(journal(dir.path(), Durability::Process), Past::new());
    machine.take(boot(), &[]).expect("taken");
    let conn = machine.take(opened(), &[]).expect("taken");
    assert!(released(&mut machine).is_empty());
    assert!(machine.holds());
    machine.commit().expect("committed");
    let seqs = released(&mut machine);
    assert!(!seqs.is_empty() && seqs.iter().all(|seq| *seq == conn));
    assert!(!machine.holds());
}

#[test]
fn with_durability_power_no_output_leaves_before_the_sync() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut machine = Machine::new(journal(dir.path(), Durability::Power), Past::new());
    machine.take(boot(), &[]).expect("taken");
    machine.take(opened(), &[]).expect("taken");
    let before = machine.journal().durable();
    assert_eq!(machine.release(before), None);
    machine.commit().expect("committed");
    machine.journal_mut().sync().expect("synced");
    assert!(!released(&mut machine).is_empty());
}

/// Feeds a journal of one life again; `tamper` may change what is on record.
fn feed(dir: &Path, tamper: impl Fn(Seq, Digest) -> Digest) -> Result<Past, Divergence> {
    let journal = journal(dir, Durability::Process);
    let mut past = Past::new();
    let mut result = Ok(());
    journal
        .replay(|input, previous| {
            let previous = tamper(input.seq, previous);
            if result.is_ok() {
                result = past.feed(input, previous);
            }
        })
        .expect("a journal that can be read");
    result?;
    past.check(journal.last_seq(), journal.last_outputs())?;
    Ok(past)
}

#[test]
fn a_journal_that_is_fed_again_gives_the_same_state() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut machine = Machine::new(journal(dir.path(), Durability::Process), Past::new());
    machine.take(boot(), &[]).expect("taken");
    let conn = ConnId(machine.take(opened(), &[]).expect("taken").0);
    machine.take(InputKind::Closed { conn }, &[]).expect("taken");
    machine.commit().expect("committed");
    let before = machine.state().encode();
    machine.into_journal().close().expect("closed");
    let past = feed(dir.path(), |_, digest| digest).expect("identical");
    assert_eq!(past.state.encode(), before);
    assert!(!past.is_clean(), "the last input is no stop");
}

#[test]
fn a_step_that_puts_out_something_else_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut machine = Machine::new(journal(dir.path(), Durability::Process), Past::new());
    machine.take(boot(), &[]).expect("taken");
    let opened = machine.take(opened(), &[]).expect("taken");
    machine.take(InputKind::Tick, &[]).expect("taken");
    machine.take(InputKind::Stop, &[]).expect("taken");
    machine.commit().expect("committed");
    machine.into_journal().close().expect("closed");
    assert!(feed(dir.path(), |_, digest| digest).expect("identical").is_clean());
    let wrong = Digest([9; 16]);
    let divergence =
        feed(dir.path(), |seq, digest| if seq.0 == 3 { wrong } else { digest }).expect_err("other");
    assert_eq!(divergence.seq, opened, "the record of 3 holds what 2 put out");
    assert_eq!(divergence.recorded, wrong);
}
