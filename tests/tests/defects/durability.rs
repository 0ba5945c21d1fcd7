//! Durability: W29 to W44.

use std::os::unix::fs::FileExt as _;

use pi_server_tests::Daemon;
use pi_server_tests::daemon::fails_to_start;
use pi_server_tests::frames::{get_state, prompt, refused, rename, session, succeeded, with};
use pi_server_tests::journal::{Journal, segments};
use serde_json::{Value, json};

/// `pi-server serve` ends with this when the journal is damaged.
const STATUS_DAMAGED: i32 = 3;
/// `pi-server serve` ends with this when another daemon has the journal.
const STATUS_LOCKED: i32 = 4;

#[test]
fn w29_a_torn_tail_is_set_aside_and_eats_nothing_that_comes_after_it() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.send(&rename("before", "s", "one"));
    succeeded(&client.response("before"));
    daemon.kill9();
    // The beginning of a record, as a power cut leaves it.
    let end = Journal::read(daemon.dir()).end;
    let (_, path) = segments(daemon.dir()).remove(usize::try_from(end.segment - 1).expect("few"));
    let file = std::fs::File::options().write(true).open(path).expect("the active segment");
    let offset = u64::try_from(end.offset).expect("an offset in a file");
    file.write_all_at(&[0xab; 60], offset).expect("a segment that can be written");
    daemon.restart();
    let mut client = daemon.websocket();
    let report = client.ok(json!({ "type": "get_startup_recovery" }));
    assert!(report["data"]["tornBytes"].as_u64() > Some(0), "{report}");
    client.send(&rename("after", "s", "two"));
    succeeded(&client.response("after"));
    daemon.kill9();
    daemon.restart();
    let mut client = daemon.websocket();
    for (id, name) in [("before", "one"), ("after", "two")] {
        client.send(&rename(id, "s", name));
        assert_eq!(client.response(id)["replayed"], true, "{id} was lost");
    }
    assert_eq!(Journal::read(daemon.dir()).recoveries, 1, "the healing is itself on record");
    daemon.verify();
}

#[test]
fn w30_what_was_accepted_is_on_disk_soon_without_being_asked_for() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    // The daemon says itself how far the last sync that returned has come.
    let journal = |metrics: &Value| metrics["data"]["stores"]["journal"].clone();
    let target = journal(&client.ok(json!({ "type": "get_metrics" })))["lastSeq"].as_u64();
    loop {
        // A command of known length is the clock; the harness gives up if this never ends.
        client.ok(json!({ "type": "bash", "sessionId": "s", "command": "[delay:100]" }));
        let now = journal(&client.ok(json!({ "type": "get_metrics" })));
        if now["durableSeq"].as_u64() >= target {
            break;
        }
        let passed = now["lastSeq"].as_u64().zip(target).map_or(0, |(now, then)| now - then);
        assert!(passed < 1_000, "it is not synced: {now}");
    }
}

#[test]
fn w31_inputs_that_come_together_share_a_turn_and_its_commit() {
    let daemon = Daemon::start();
    let mut client = daemon.unix();
    let before = Journal::read(daemon.dir());
    let lines: Vec<String> = (0..300)
        .map(|number| format!("{{\"id\":\"n{number}\",\"type\":\"health_check\"}}"))
        .collect();
    client.send_text(&lines.join("\n"));
    client.response("n299");
    let after = Journal::read(daemon.dir());
    let inputs = after.inputs.len() - before.inputs.len();
    let commits = after.commits - before.commits;
    assert!(inputs >= 300);
    assert!(commits * 4 < inputs, "{commits} commits for {inputs} inputs");
}

#[test]
fn w32_a_flipped_bit_in_what_was_accepted_is_refused_by_name() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let marked = "a name that is easily found";
    client.ok(rename("", "s", marked));
    client.ok(rename("", "s", "another"));
    assert!(daemon.stop().success());
    let (_, path) = segments(daemon.dir()).remove(0);
    let mut bytes = std::fs::read(&path).expect("a segment");
    let place = bytes.windows(marked.len()).position(|window| window == marked.as_bytes());
    bytes[place.expect("the frame is in the journal")] ^= 1;
    std::fs::write(&path, &bytes).expect("a segment that can be written");
    let output = fails_to_start(daemon.dir(), &["--listen", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(STATUS_DAMAGED), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    assert!(said.contains("segment 1") && said.contains("offset"), "{said}");
    assert_eq!(std::fs::read(&path).expect("a segment"), bytes, "nothing was changed");
}

#[test]
fn w33_an_answer_is_not_written_again_when_it_is_replayed() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(prompt("", "s", &format!("[say:ok] {}", "word ".repeat(12_000))));
    let read = json!({ "id": "m", "type": "get_messages", "sessionId": "s" });
    client.send(&read);
    let answer = client.response("m").to_string().len();
    assert!(answer > 50_000);
    let before = Journal::read(daemon.dir()).body_bytes();
    for _ in 0..20 {
        client.send(&read);
        assert_eq!(client.response("m")["replayed"], true);
    }
    let grown = Journal::read(daemon.dir()).body_bytes() - before;
    assert!(grown < answer, "twenty replays of {answer} bytes cost {grown} bytes");
    daemon.verify();
}

#[test]
fn w34_lane_sequences_go_on_after_a_restart() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let last = client.ok(rename("", "s", "x"))["laneSequence"].as_u64().expect("a number");
    let server = client.ok(json!({ "type": "list_sessions" }))["laneSequence"].as_u64();
    daemon.kill9();
    daemon.restart();
    let mut client = daemon.websocket();
    assert_eq!(client.ok(rename("", "s", "y"))["laneSequence"], last + 1);
    let next = client.ok(json!({ "type": "list_sessions" }))["laneSequence"].as_u64();
    // The lane of the daemon itself is nobody's and may have been left in between.
    assert!(next == Some(1) || next == server.map(|server| server + 1), "{server:?} then {next:?}");
}

#[test]
fn w36_the_whole_history_can_be_walked_page_by_page() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    for number in 0..130 {
        client.send(&rename(&format!("n{number}"), "s", "x"));
        client.response(&format!("n{number}"));
    }
    let mut found = Vec::new();
    let mut page = json!({
        "type": "get_command_history", "commandType": "set_session_name", "limit": 50,
    });
    loop {
        let answer = client.ok(page.clone());
        let entries = answer["data"]["entries"].as_array().cloned().expect("entries");
        found.extend(entries.iter().map(|entry| entry["commandId"].clone()));
        match answer["data"].get("nextCursor") {
            Some(cursor) => page["cursor"] = cursor.clone(),
            None => break,
        }
    }
    let expected: Vec<Value> = (0..130).rev().map(|number| json!(format!("n{number}"))).collect();
    assert_eq!(found, expected, "newest first, none missing, none twice");
}

#[test]
fn w37_the_lock_is_held_by_the_living_and_gone_with_the_dead() {
    let mut daemon = Daemon::start();
    for _ in 0..3 {
        let second = fails_to_start(daemon.dir(), &["--listen", "127.0.0.1:0"]);
        assert_eq!(second.status.code(), Some(STATUS_LOCKED));
        session(&mut daemon.websocket(), &format!("s{}", daemon.pid()));
        daemon.kill9();
        // No waiting for a stale lock to grow old.
        daemon.restart();
    }
    daemon.verify();
}

#[test]
fn w39_keys_versions_and_sessions_are_recovered_and_what_had_no_effect_runs() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.ok(with(rename("", "s", "x"), "idempotencyKey", "k"));
    client.send(&prompt("at it", "s", "[stall]"));
    let cursor = client.event("s", "agent_start")["cursor"].clone();
    client.send(&prompt("waits", "s", "[say:hello]"));
    client.lifecycle("waits", "accepted");
    daemon.kill9();
    daemon.restart();
    let mut client = daemon.websocket();
    let again = client.ok(with(rename("", "s", "x"), "idempotencyKey", "k"));
    assert_eq!(again["replayed"], true);
    assert_eq!(again["sessionVersion"], 1);
    client.send(&prompt("waits", "s", "[say:hello]"));
    succeeded(&client.response("waits"));
    client.send(&prompt("at it", "s", "[stall]"));
    refused(&client.response("at it"), "outcome_unknown");
    // Subscriptions belong to connections; a cursor brings what was missed, over the crash.
    client.ok(json!({ "type": "switch_session", "sessionId": "s", "cursor": cursor }));
    client.event("s", "agent_settled");
    client.ok(get_state("", "s"));
    daemon.verify();
}

#[test]
fn w40_the_history_answers_right_after_a_crash() {
    let mut daemon = Daemon::start();
    session(&mut daemon.websocket(), "s");
    daemon.kill9();
    daemon.restart();
    let mut client = daemon.websocket();
    let history = client.ok(json!({ "type": "get_command_history" }));
    assert_eq!(history["data"]["initialized"], true);
    let entries = history["data"]["entries"].as_array().expect("entries");
    assert!(entries.iter().any(|entry| entry["commandType"] == "create_session"));
    client.ok(json!({ "type": "get_startup_recovery" }));
}

#[test]
fn w42_nothing_of_a_stopped_daemon_keeps_the_next_one_out() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    // Work that is under way while the daemon stops, and ends after it has been told to.
    client.send(&json!({ "id": "b", "type": "bash", "sessionId": "s", "command": "[delay:200]" }));
    client.lifecycle("b", "started");
    assert!(daemon.stop().success());
    succeeded(&client.response("b"));
    for _ in 0..2 {
        daemon.restart();
        assert!(daemon.log().contains("after a clean stop"), "{}", daemon.log());
        assert!(daemon.stop().success());
    }
    daemon.verify();
}

#[test]
fn w43_a_session_is_listed_as_it_is_and_not_as_a_file_remembers_it() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    for number in 0..50 {
        session(&mut client, &format!("s{number}"));
        client.ok(rename("", &format!("s{number}"), &format!("name {number}")));
    }
    client.ok(json!({ "type": "delete_session", "sessionId": "s7" }));
    daemon.kill9();
    daemon.restart();
    let mut client = daemon.websocket();
    let listed = client.ok(json!({ "type": "list_sessions" }));
    let sessions = listed["data"]["sessions"].as_array().expect("sessions");
    let names: Vec<&str> = sessions.iter().filter_map(|it| it["sessionName"].as_str()).collect();
    let expected: Vec<String> =
        (0..50).filter(|number| *number != 7).map(|number| format!("name {number}")).collect();
    assert_eq!(names, expected);
}
