use std::sync::Arc;

use pi_server_core::Text;
use pi_server_core::command::CommandKind;
use pi_server_core::failure::Failure;
use pi_server_core::frame::{Data, Outcome};
use pi_server_core::input::{Details, Envelope};
use pi_server_core::output::Audience;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::entry::ERROR_BYTES_MAX;
use crate::journal::{Archive, Journal, Options};

use super::*;

/// A history in which commands happen, one input after another.
struct World {
    history: History,
    seq: u64,
    /// Without an index.
    archive: Archive,
    _dir: TempDir,
}

impl World {
    fn new(capacity: usize) -> World {
        let dir = tempfile::tempdir().expect("a directory");
        let journal = Journal::open(&Options::new(dir.path())).expect("a journal").journal;
        let history = History { capacity, ..History::new() };
        World { history, seq: 0, archive: journal.archive(), _dir: dir }
    }

    fn answer(&self, filter: &HistoryFilter) -> Value {
        let tail = self.history.tail(filter, Seq(1));
        let search = Search { filter: filter.clone(), tail };
        search.answer(&self.archive, "/journal").expect("no index is needed")
    }

    fn step(&mut self, phases: Vec<(u64, Arc<Envelope>, Phase)>) {
        self.seq += 1;
        let outputs: Vec<Output> = phases
            .into_iter()
            .map(|(command, envelope, phase)| Output::Deliver {
                to: Audience::Everyone,
                frame: Frame::Lifecycle {
                    command: CommandNo(command),
                    session: envelope.session.clone(),
                    envelope,
                    lane_sequence: command,
                    phase,
                },
            })
            .collect();
        self.history.note(Seq(self.seq), Micros(self.seq * 1_000_000), &outputs);
    }

    /// A command that is admitted, runs and ends in one input; its number.
    fn ran(&mut self, id: &str, session: &str, result: Result<Data, Failure>) -> u64 {
        let number = self.seq + 1;
        let envelope = envelope(Some(id), session);
        let outcome =
            Outcome { result, session_version: None, lane_sequence: Some(1), at: Micros(0) };
        self.step(vec![
            (number, envelope.clone(), Phase::Accepted),
            (number, envelope.clone(), Phase::Started),
            (number, envelope, Phase::Finished(outcome.into())),
        ]);
        number
    }

    fn ids(&self, filter: &HistoryFilter) -> Vec<String> {
        let data = self.answer(filter);
        let entries = data["entries"].as_array().expect("entries").clone();
        assert_eq!(data["returned"], entries.len());
        entries.iter().map(|entry| entry["commandId"].as_str().expect("an id").into()).collect()
    }
}

fn envelope(id: Option<&str>, session: &str) -> Arc<Envelope> {
    Arc::new(Envelope {
        kind: CommandKind::GetState,
        id: id.map(Text::from),
        session: Some(session.into()),
        depends_on: Vec::new(),
        if_session_version: None,
        idempotency_key: None,
        timeout_ms: None,
        fingerprint: pi_server_core::Digest::default(),
        details: Details::None,
    })
}

fn all() -> HistoryFilter {
    HistoryFilter { limit: 100, ..HistoryFilter::default() }
}

#[test]
fn the_newest_command_comes_first_with_all_its_transitions() {
    let mut world = World::new(10);
    world.ran("a", "s", Ok(Data::None));
    let waiting = envelope(None, "s");
    world.step(vec![(2, waiting, Phase::Accepted)]);
    let data = world.answer(&all());
    assert_eq!(data["entries"][0]["commandId"], "anon:2");
    assert_eq!(data["entries"][0]["phase"], "command_accepted");
    assert_eq!(data["entries"][0]["explicitId"], false);
    assert!(data["entries"][0].get("success").is_none());
    let done = &data["entries"][1];
    assert_eq!(done["phase"], "command_finished");
    assert_eq!(done["recordedAt"], 1_000);
    assert_eq!(done["laneKey"], "session:s");
    assert_eq!(done["transitions"].as_array().map(Vec::len), Some(3));
    assert_eq!(data["truncated"], false);
}

#[test]
fn all_filters_must_match() {
    let mut world = World::new(10);
    world.ran("a", "s", Ok(Data::None));
    world.ran("b", "s", Err(Failure::Cancelled));
    world.ran("c", "t", Ok(Data::None));
    let ids = |filter: HistoryFilter| world.ids(&filter);
    assert_eq!(ids(all()), ["c", "b", "a"]);
    assert_eq!(ids(HistoryFilter { session: Some("s".into()), ..all() }), ["b", "a"]);
    assert_eq!(ids(HistoryFilter { success: Some(false), ..all() }), ["b"]);
    assert_eq!(ids(HistoryFilter { command: Some("c".into()), ..all() }), ["c"]);
    assert_eq!(ids(HistoryFilter { kind: Some(CommandKind::Prompt), ..all() }), [""; 0]);
    assert_eq!(ids(HistoryFilter { from_ms: Some(2_000), to_ms: Some(2_000), ..all() }), ["b"]);
    assert_eq!(
        ids(HistoryFilter { session: Some("s".into()), success: Some(true), ..all() }),
        ["a"]
    );
}

#[test]
fn the_history_of_a_command_has_what_was_found_out_about_it_later() {
    let mut world = World::new(10);
    world.ran("a", "s", Err(Failure::OutcomeUnknown));
    let details = Details::Reconcile {
        command: "a".into(),
        succeeded: true,
        note: Some("the file is there".into()),
    };
    let settles = Arc::new(Envelope {
        kind: CommandKind::ReconcileCommand,
        details,
        ..(*envelope(Some("b"), "s")).clone()
    });
    let outcome = Outcome {
        result: Ok(Data::None),
        session_version: None,
        lane_sequence: Some(1),
        at: Micros(0),
    };
    world.step(vec![
        (2, settles.clone(), Phase::Accepted),
        (2, settles, Phase::Finished(outcome.into())),
    ]);
    let data = world.answer(&HistoryFilter { command: Some("a".into()), ..all() });
    assert_eq!(data["entries"][0]["commandId"], "b");
    assert_eq!(
        data["entries"][0]["reconciles"],
        json!({ "commandId": "a", "outcome": "succeeded", "note": "the file is there" })
    );
    assert_eq!(data["entries"][1]["errorCode"], "outcome_unknown", "it ended as it did");
    assert_eq!(world.ids(&HistoryFilter { command: Some("b".into()), ..all() }), ["b"]);
}

#[test]
fn pages_follow_each_other_without_gap_or_overlap() {
    let mut world = World::new(100);
    for number in 0..23 {
        world.ran(&format!("c{number}"), "s", Ok(Data::None));
    }
    let mut filter = HistoryFilter { limit: 5, ..all() };
    let mut seen = Vec::new();
    loop {
        seen.extend(world.ids(&filter));
        let data = world.answer(&filter);
        let Some(cursor) = data.get("nextCursor") else {
            assert_eq!(data["truncated"], false);
            break;
        };
        assert_eq!(data["truncated"], true);
        filter.before = cursor.as_u64().map(Seq);
    }
    let expected: Vec<String> = (0..23).rev().map(|number| format!("c{number}")).collect();
    assert_eq!(seen, expected);
}

#[test]
fn what_is_not_held_before_it_is_indexed_is_named() {
    let mut world = World::new(3);
    for number in 0..5 {
        world.ran(&format!("c{number}"), "s", Ok(Data::None));
    }
    assert_eq!(world.ids(&all()), ["c4", "c3", "c2"]);
    let data = world.answer(&all());
    assert_eq!(data["truncated"], true);
    assert_eq!(data["missing"], serde_json::json!({ "fromSeq": 1, "toSeq": 2 }));
    // An index brings them back, and takes the others out of memory.
    world.history.cover(Covered { segment: 1, seq: Seq(4) });
    let tail = world.history.tail(&all(), Seq(1));
    assert_eq!((tail.entries.len(), tail.missing), (1, None));
}

#[test]
fn what_a_crash_ended_or_ran_again_is_marked() {
    let mut world = World::new(10);
    world.ran("a", "s", Err(Failure::OutcomeUnknown));
    let again = envelope(Some("b"), "s");
    world.step(vec![(2, again.clone(), Phase::Accepted), (2, again.clone(), Phase::Started)]);
    world.step(vec![(2, again, Phase::Started)]);
    let data = world.answer(&all());
    assert_eq!(data["entries"][1]["recovered"], true);
    assert_eq!(data["entries"][1]["recoveryReason"], "outcome_unknown");
    assert_eq!(data["entries"][0]["recovered"], true);
}

#[test]
fn a_long_error_is_cut_between_characters() {
    let mut world = World::new(10);
    world.ran("a", "s", Err(Failure::Agent("é".repeat(2_000).into())));
    let data = world.answer(&all());
    let error = data["entries"][0]["error"].as_str().expect("an error");
    assert!(error.len() <= ERROR_BYTES_MAX && error.len() > ERROR_BYTES_MAX - 4);
}

#[test]
fn the_memory_of_a_burst_is_given_back_when_there_is_an_index() {
    let mut world = World::new(FINISHED_MAX);
    for _ in 0..20_000 {
        world.ran("a", "s", Ok(Data::None));
    }
    assert!(world.history.finished.capacity() >= 20_000);
    world.history.cover(Covered { segment: 1, seq: Seq(world.seq - 10) });
    assert_eq!(world.history.finished.len(), 10);
    assert!(world.history.finished.capacity() <= FINISHED_KEPT);
}
