//! Exactly once, as long as the journal remembers (PROTOCOL.md 6.2).

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{Client, Rig};
use crate::journal::storage::{Disk, Shelf};

const NAME: &str = r#"{"type":"set_session_name","id":"name","sessionId":"s","name":"once"}"#;

/// A daemon with a session that has been given a name, and the answer to that.
fn named() -> (Rig, Client, Value) {
    let mut rig = Rig::new();
    let mut client = rig.connect(Some("one"));
    let created = rig.ask(&mut client, r#"{"type":"create_session","id":"c","sessionId":"s"}"#);
    assert_eq!(created["success"], true, "{created}");
    let answer = rig.ask(&mut client, NAME);
    assert_eq!((&answer["success"], &answer["sessionVersion"]), (&json!(true), &json!(1)));
    (rig, client, answer)
}

/// The same command again has the same answer, and no effect.
fn assert_replayed(rig: &mut Rig, client: &mut Client, answer: &Value) {
    client.frames.clear();
    let again = rig.ask(client, NAME);
    let mut expected = answer.clone();
    expected["replayed"] = json!(true);
    assert_eq!(again, expected);
    rig.work();
    client.take_in();
    assert_eq!(client.lifecycle("name"), 0, "{:?}", client.frames);
    let state = rig.ask(client, r#"{"type":"get_state","sessionId":"s"}"#);
    assert_eq!(
        state["data"]["version"].as_u64().or(state["sessionVersion"].as_u64()),
        Some(1),
        "{state}"
    );
}

#[test]
fn reads_with_ids_never_push_out_a_mutation() {
    let (mut rig, mut client, answer) = named();
    rig.read(&mut client, "r", 25_000);
    assert_replayed(&mut rig, &mut client, &answer);
}

#[test]
fn a_mutation_is_answered_after_fifty_thousand_others_and_a_restart() {
    let (mut rig, mut client, answer) = named();
    for part in 0..10 {
        rig.mutate(&mut client, &format!("m{part}-"), 5_000);
        if part == 4 {
            rig.restart();
            client = rig.connect(Some("one"));
        }
    }
    assert_replayed(&mut rig, &mut client, &answer);
    rig.settle();
    assert!(rig.disk.kept_numbers(Shelf::Ids).len() > 50);
    rig.restart();
    client = rig.connect(Some("one"));
    assert_replayed(&mut rig, &mut client, &answer);
    let state = rig.daemon().state();
    assert!(state.unindexed_ids() < 5_000, "{}", state.unindexed_ids());
    assert_eq!(state.metrics().impossible, 0);
    let early = rig.ask(&mut client, r#"{"type":"set_interest","id":"m0-7","lifecycle":"own"}"#);
    assert_eq!(early["replayed"], true, "{early}");
}

#[test]
fn a_mutation_is_answered_while_its_segment_has_no_index_yet() {
    let (mut rig, mut client, answer) = named();
    rig.keeper_rests = true;
    rig.mutate(&mut client, "m", 300);
    assert_eq!(rig.daemon().state().indexed().0, 0);
    assert_replayed(&mut rig, &mut client, &answer);
    rig.restart();
    client = rig.connect(Some("one"));
    assert_replayed(&mut rig, &mut client, &answer);
}

#[test]
fn a_late_duplicate_of_a_read_runs_again() {
    let mut rig = Rig::new();
    let mut client = rig.connect(None);
    let read = r#"{"type":"health_check","id":"read"}"#;
    rig.ask(&mut client, read);
    assert_eq!(rig.ask(&mut client, read)["replayed"], true);
    rig.read(&mut client, "r", 30);
    assert_eq!(rig.ask(&mut client, read).get("replayed"), None);
}

#[test]
fn the_ids_of_another_client_name_are_other_ids() {
    let (mut rig, mut client, answer) = named();
    rig.mutate(&mut client, "m", 1_000);
    rig.settle();
    let mut other = rig.connect(Some("two"));
    let theirs = rig.ask(&mut other, NAME);
    assert_eq!((theirs.get("replayed"), &theirs["sessionVersion"]), (None, &json!(2)), "{theirs}");
    let mut nobody = rig.connect(None);
    let third = rig.ask(&mut nobody, NAME);
    assert_eq!((third.get("replayed"), &third["sessionVersion"]), (None, &json!(3)), "{third}");
    let again = rig.ask(&mut client, NAME);
    assert_eq!(
        (&again["replayed"], &again["sessionVersion"]),
        (&json!(true), &answer["sessionVersion"])
    );
}

#[test]
fn another_command_under_an_old_id_is_a_conflict() {
    let (mut rig, mut client, _) = named();
    rig.mutate(&mut client, "m", 1_000);
    rig.settle();
    for _ in 0..2 {
        let other = r#"{"type":"set_session_name","id":"name","sessionId":"s","name":"twice"}"#;
        let refused = rig.ask(&mut client, other);
        assert_eq!(refused["errorCode"], "id_conflict", "{refused}");
        rig.restart();
        client = rig.connect(Some("one"));
    }
}

#[test]
fn a_connection_that_waits_for_a_search_keeps_its_order_and_holds_up_nobody() {
    let (mut rig, mut client, answer) = named();
    let mut other = rig.connect(Some("two"));
    rig.mutate(&mut client, "m", 1_000);
    rig.settle();
    rig.searches_hang = true;
    rig.send(&client, NAME);
    rig.send(&client, r#"{"type":"health_check","id":"behind"}"#);
    rig.send(&client, r#"{"type":"set_interest","id":"m3","lifecycle":"own"}"#);
    rig.work();
    client.take_in();
    assert_eq!(client.response(&json!("name")), None);
    assert_eq!(client.response(&json!("behind")), None, "it follows what waits");
    assert_eq!(rig.ask(&mut other, r#"{"type":"health_check","id":"h"}"#)["success"], true);
    rig.searches_hang = false;
    rig.work();
    client.take_in();
    let responses = client.frames.iter().filter(|frame| frame["type"] == "response");
    let ids: Vec<&Value> = responses.map(|frame| &frame["id"]).collect();
    assert_eq!(ids, [&json!("name"), &json!("behind"), &json!("m3")]);
    assert_eq!(
        client.response(&json!("name")).map(|frame| frame["sessionVersion"].clone()),
        Some(answer["sessionVersion"].clone())
    );
}

#[test]
fn a_search_that_hangs_is_busy_and_never_a_run() {
    let (mut rig, mut client, answer) = named();
    rig.mutate(&mut client, "m", 1_000);
    rig.settle();
    rig.searches_hang = true;
    rig.send(&client, NAME);
    rig.work();
    client.take_in();
    assert_eq!(client.response(&json!("name")), None);
    rig.pass(Duration::from_secs(6));
    rig.work();
    client.take_in();
    let refused = client.response(&json!("name")).expect("an answer");
    assert_eq!(refused["errorCode"], "busy", "{refused}");
    rig.searches_hang = false;
    rig.work();
    assert_replayed(&mut rig, &mut client, &answer);
}

#[test]
fn two_clients_that_ask_for_one_old_id_at_a_time_get_one_answer() {
    let (mut rig, mut client, answer) = named();
    let mut twin = rig.connect(Some("one"));
    rig.mutate(&mut client, "m", 1_000);
    rig.settle();
    rig.send(&client, NAME);
    rig.send(&twin, NAME);
    rig.work();
    for client in [&mut client, &mut twin] {
        client.take_in();
        let response = client.response(&json!("name")).expect("an answer");
        assert_eq!(
            (&response["replayed"], &response["sessionVersion"]),
            (&json!(true), &answer["sessionVersion"])
        );
    }
    // The same for an id that no search finds: one run, and one who waits for it.
    rig.searches_hang = true;
    for number in rig.disk.kept_numbers(Shelf::Filters) {
        rig.disk.damage_kept(Shelf::Filters, number, |bytes| bytes[64..].fill(0));
    }
    rig.restart();
    let (mut client, mut twin) = (rig.connect(Some("one")), rig.connect(Some("one")));
    let new = r#"{"type":"set_session_name","id":"new","sessionId":"s","name":"new"}"#;
    rig.send(&client, new);
    rig.send(&twin, new);
    rig.work();
    rig.searches_hang = false;
    rig.ask(&mut client, r#"{"type":"health_check","id":"h"}"#);
    for _ in 0..100 {
        rig.pass(Duration::from_millis(5));
        rig.work();
    }
    client.take_in();
    twin.take_in();
    let answers = [client.response(&json!("new")), twin.response(&json!("new"))];
    let replayed = answers.iter().flatten().filter(|answer| answer["replayed"] == true).count();
    let versions = answers.iter().flatten().map(|answer| answer["sessionVersion"].as_u64());
    assert_eq!(versions.collect::<Vec<_>>(), [Some(2), Some(2)], "{answers:?}");
    assert_eq!(replayed, 1, "{answers:?}");
}

#[test]
fn a_damaged_or_missing_file_is_busy_until_it_is_made_anew() {
    let (mut rig, mut client, answer) = named();
    rig.mutate(&mut client, "m", 1_000);
    rig.settle();
    let first = rig.disk.kept_numbers(Shelf::Ids)[0];
    rig.disk.damage_kept(Shelf::Ids, first, |bytes| bytes[5_000] ^= 1);
    rig.keeper_rests = true;
    let refused = rig.ask(&mut client, NAME);
    assert!(refused["errorCode"] == "busy" || refused["replayed"] == true, "{refused}");
    rig.disk.damage_kept(Shelf::Ids, first, |bytes| bytes.truncate(4_096));
    let refused = rig.ask(&mut client, NAME);
    assert_eq!(refused["errorCode"], "busy", "{refused}");
    rig.keeper_rests = false;
    rig.work();
    assert_replayed(&mut rig, &mut client, &answer);
}

#[test]
fn without_files_of_ids_as_an_older_build_leaves_a_journal_new_ids_run_and_old_ones_wait() {
    let (mut rig, mut client, answer) = named();
    rig.mutate(&mut client, "m", 1_000);
    rig.settle();
    rig.keeper_rests = true;
    for shelf in [Shelf::Ids, Shelf::Filters] {
        for number in rig.disk.kept_numbers(shelf) {
            rig.disk.discard(shelf, number).expect("discarded");
        }
    }
    rig.restart();
    client = rig.connect(Some("one"));
    let new = rig.ask(&mut client, r#"{"type":"set_interest","id":"new","lifecycle":"own"}"#);
    assert_eq!((&new["success"], new.get("replayed")), (&json!(true), None), "{new}");
    let old = rig.ask(&mut client, NAME);
    assert_eq!(old["errorCode"], "busy", "{old}");
    rig.keeper_rests = false;
    rig.mutate(&mut client, "n", 400);
    rig.work();
    assert_replayed(&mut rig, &mut client, &answer);
}

#[test]
fn a_filter_that_lost_bits_denies_nothing_and_is_made_anew() {
    let (mut rig, mut client, answer) = named();
    rig.mutate(&mut client, "m", 1_000);
    rig.settle();
    let number = rig.disk.kept_numbers(Shelf::Filters)[0];
    rig.disk.damage_kept(Shelf::Filters, number, |bytes| bytes[64..].fill(0));
    rig.restart();
    client = rig.connect(Some("one"));
    assert_replayed(&mut rig, &mut client, &answer);
    rig.mutate(&mut client, "n", 400);
    rig.work();
    assert_replayed(&mut rig, &mut client, &answer);
}

#[test]
fn unindexed_ids_reach_their_bound_only_if_nothing_is_indexed_and_then_nothing_is_lost() {
    let mut rig = Rig::new();
    rig.limits.unindexed_ids_max = 300;
    rig.restart();
    let mut client = rig.connect(Some("one"));
    // The segments are sealed early, so that their ids are indexed in time.
    for part in 0..20 {
        rig.mutate(&mut client, &format!("m{part}-"), 50);
    }
    rig.keeper_rests = true;
    for number in 0..600 {
        let frame = format!(r#"{{"type":"set_interest","id":"k{number}","lifecycle":"own"}}"#);
        rig.send(&client, &frame);
    }
    rig.work();
    client.take_in();
    let busy = client.frames.drain(..).filter(|frame| frame["errorCode"] == "busy").count();
    assert!((280..600).contains(&busy), "{busy} of 600 were refused");
    assert!(rig.daemon().state().unindexed_ids() <= 300);
    assert_eq!(rig.ask(&mut client, r#"{"type":"health_check","id":"h"}"#)["success"], true);
    rig.keeper_rests = false;
    rig.work();
    rig.mutate(&mut client, "l", 50);
    let first = rig.ask(&mut client, r#"{"type":"set_interest","id":"k0","lifecycle":"own"}"#);
    assert_eq!(first["replayed"], true, "{first}");
}

#[test]
fn an_id_is_new_when_retention_has_dropped_its_segment() {
    let (mut rig, _, _) = named();
    rig.retain_bytes = 512 << 10;
    rig.restart();
    let mut client = rig.connect(Some("one"));
    for part in 0..6 {
        rig.mutate(&mut client, &format!("m{part}-"), 2_000);
        rig.work();
    }
    let first = rig.disk.segment_numbers()[0];
    assert!(first > 1, "nothing was dropped");
    assert!(rig.disk.kept_numbers(Shelf::Ids)[0] >= first);
    let again = rig.ask(&mut client, NAME);
    assert_eq!((again.get("replayed"), &again["sessionVersion"]), (None, &json!(2)), "{again}");
}
