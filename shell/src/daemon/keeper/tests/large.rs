//! How long a start takes, and a look into a long history, on a real disk.

#![allow(clippy::disallowed_macros, reason = "figures for whoever runs the test")]

use std::path::Path;
use std::time::{Duration, Instant};

use pi_server_core::command::CommandKind;
use pi_server_core::input::{AgentEvent, AgentSaid, HistoryFilter, InputKind, Opened, Transport};
use pi_server_core::wire::decode;
use pi_server_core::{ConnId, Seq};
use serde_json::Value;

use super::super::super::history::Search;
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

fn take(machine: &mut Machine, kind: InputKind, body: &[u8]) -> Seq {
    let seq = machine.take(kind, body).expect("taken");
    machine.commit().expect("committed");
    let durable = machine.journal().durable();
    while machine.release(durable).is_some() {}
    seq
}

/// One input in so many is a command.
const COMMAND_EVERY: u64 = 10;

/// A command that ends at once, under the number of its input as its id.
fn command(machine: &mut Machine, conn: ConnId) {
    let seq = machine.journal().last_seq().0 + 1;
    let frame = format!(r#"{{"type":"list_sessions","id":"c{seq}"}}"#);
    let secret = machine.journal().secret();
    let envelope = decode(frame.as_bytes(), machine.state().limits(), secret).expect("valid");
    take(machine, InputKind::Command { conn, envelope: envelope.into() }, frame.as_bytes());
}

/// The ids of a page of the history, and how long it took.
fn look(machine: &Machine, filter: HistoryFilter) -> (Vec<String>, Duration) {
    let begun = Instant::now();
    let tail = machine.history().tail(&filter, machine.journal().first_seq());
    let answer = Search { filter, tail }.answer(&machine.journal().archive(), "").ok();
    let took = begun.elapsed();
    let answer = answer.expect("answered");
    let id = |entry: &Value| entry["commandId"].as_str().expect("an id").to_owned();
    (answer["entries"].as_array().expect("entries").iter().map(id).collect(), took)
}

/// Questions to a history in which every command is called after its input.
fn question(machine: &Machine, last: Seq) {
    let all = || HistoryFilter { limit: 100, ..HistoryFilter::default() };
    // Commands are the inputs whose numbers leave this rest.
    let id = |seq: u64| format!("c{}", seq - seq % COMMAND_EVERY);
    let newest: Vec<_> = (0..100).map(|n| id(last.0 - n * COMMAND_EVERY)).collect();
    let middle = last.0 / 2;
    let before: Vec<_> =
        (1..=100).map(|n| id(middle - middle % 10 + 10 - n * COMMAND_EVERY)).collect();
    let cursor = Seq(middle - middle % COMMAND_EVERY + 1);
    let questions = [
        ("the newest page", all(), newest.clone()),
        ("a page in the middle", HistoryFilter { before: Some(cursor), ..all() }, before),
        ("an id", HistoryFilter { command: Some(id(middle).into()), ..all() }, vec![id(middle)]),
        ("no such id", HistoryFilter { command: Some("never".into()), ..all() }, vec![]),
        ("no such session", HistoryFilter { session: Some("never".into()), ..all() }, vec![]),
        ("no such type", HistoryFilter { kind: Some(CommandKind::Prompt), ..all() }, vec![]),
        ("no failure", HistoryFilter { success: Some(false), ..all() }, vec![]),
        ("a type", HistoryFilter { kind: Some(CommandKind::ListSessions), ..all() }, newest),
    ];
    for (name, filter, expected) in questions {
        let (ids, first) = look(machine, filter.clone());
        assert_eq!(ids, expected, "{name}");
        let (_, again) = look(machine, filter);
        eprintln!("history, {name}: {first:?}, again {again:?}");
    }
}

#[test]
fn a_start_feeds_what_follows_the_newest_snapshot_and_no_more() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut machine, ..) = start(dir.path());
    take(&mut machine, boot(), b"");
    let client = Opened { transport: Transport::Unix, client: None };
    let conn = ConnId(take(&mut machine, InputKind::Opened(client), b"").0);
    let body = [b' '; 100];
    while machine.journal().last_seq().0 < records() {
        if (machine.journal().last_seq().0 + 1).is_multiple_of(COMMAND_EVERY) {
            command(&mut machine, conn);
        } else {
            take(&mut machine, agent(AgentSaid::Event(AgentEvent::Other)), &body);
        }
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
    question(&machine, Seq(records()));
}
