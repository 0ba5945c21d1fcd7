//! How long a start takes, on a real disk.

use std::path::Path;
use std::time::{Duration, Instant};

use pi_server_core::input::{AgentEvent, AgentSaid, InputKind, Opened, Transport};

use super::super::super::machine::Machine;
use super::super::super::past::Past;
use super::world::{KEEP_ALL, agent, boot, worker};
use crate::journal::{Facts, Journal, Opened as Found, Options};

/// Inputs in the journal: `KEEPER_RECORDS` for a measurement, else what suits every run.
fn records() -> u64 {
    let wanted = std::env::var("KEEPER_RECORDS").ok();
    wanted.and_then(|count| count.parse().ok()).unwrap_or(60_000)
}

fn options(dir: &Path) -> Options {
    let small = records() < 1_000_000;
    let segment_bytes = if small { 1 << 20 } else { Options::SEGMENT_BYTES };
    Options { segment_bytes, ..Options::new(dir) }
}

/// A start: the machine, what was found, how many inputs were fed, and how long it took.
fn start(dir: &Path) -> (Machine, Facts, u64, Duration) {
    let begun = Instant::now();
    let mut past = Past::new();
    let opened = Journal::open_with(&options(dir), &mut |snapshot| {
        past = Past::restore(snapshot)?;
        Ok(())
    });
    let Found { journal, facts } = opened.expect("a journal");
    let fed = journal.replay(|input, previous| past.feed(input, previous).expect("the same"));
    let machine = Machine::new(journal, past);
    (machine, facts, fed.expect("read"), begun.elapsed())
}

fn take(machine: &mut Machine, kind: InputKind, body: &[u8]) {
    machine.take(kind, body).expect("taken");
    machine.commit().expect("committed");
    let durable = machine.journal().durable();
    while machine.release(durable).is_some() {}
}

#[test]
fn a_start_feeds_what_follows_the_newest_snapshot_and_no_more() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut machine, ..) = start(dir.path());
    take(&mut machine, boot(), b"");
    let client = Opened { transport: Transport::Unix, client: None };
    take(&mut machine, InputKind::Opened(client), b"");
    let body = [b' '; 100];
    while machine.journal().last_seq().0 < records() {
        take(&mut machine, agent(AgentSaid::Event(AgentEvent::Other)), &body);
    }
    machine.journal_mut().sync().expect("synced");
    let settled = machine.journal().settled();
    assert!(settled > 2);
    let begun = Instant::now();
    worker(machine.journal(), KEEP_ALL).keep(settled - 1).ok().expect("kept");
    let kept = begun.elapsed();
    machine.into_journal().close().expect("closed");
    let (machine, facts, fed, took) = start(dir.path());
    let snapshot = facts.snapshot.expect("a snapshot");
    assert_eq!(fed, records() - snapshot.0);
    assert!(fed < records() / 2, "{fed}");
    eprintln!(
        "{} inputs in {settled} segments: verified and kept in {kept:?}; a start feeds {fed} of \
         them and takes {took:?}",
        records()
    );
    drop(machine);
}
