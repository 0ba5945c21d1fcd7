//! Order within a lane. PROTOCOL.md section 7.

use pi_server_tests::Daemon;
use serde_json::json;

use crate::{get_state, places, prompt, session};

#[test]
fn create_steer_and_follow_up_in_one_burst_happen_in_that_order() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    client.send(&json!({ "id": "c", "type": "create_session", "sessionId": "s" }));
    client.send(&json!({ "id": "s", "type": "steer", "sessionId": "s", "message": "left" }));
    client.send(&json!({ "id": "f", "type": "follow_up", "sessionId": "s", "message": "on" }));
    for id in ["c", "s", "f"] {
        let response = client.response(id);
        assert_eq!(response["success"], true, "{response}");
    }
    let place = |kind: &str, id: &str| {
        let found = places(&client, kind, id);
        assert_eq!(found.len(), 1, "{kind} of {id} came {} times", found.len());
        found[0]
    };
    let mut last = 0;
    for id in ["c", "s", "f"] {
        let started = place("command_started", id);
        let finished = place("command_finished", id);
        assert!(place("command_accepted", id) < started);
        assert!(last < started && started < finished, "{id} is out of order");
        last = finished;
    }
    daemon.verify();
}

#[test]
fn every_command_is_accepted_started_and_finished_exactly_once() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    let mut other = daemon.unix();
    session(&mut client, "s");
    let ids: Vec<String> = (0..200).map(|number| format!("n{number}")).collect();
    for window in ids.chunks(50) {
        for id in window {
            client.send(&get_state(id, "s"));
        }
        for id in window {
            assert_eq!(client.response(id)["success"], true);
        }
    }
    // The other client sees the same, whoever asked.
    other.lifecycle(&ids[199], "finished");
    for reader in [&client, &other] {
        for id in &ids {
            for kind in ["command_accepted", "command_started", "command_finished"] {
                assert_eq!(places(reader, kind, id).len(), 1, "{kind} of {id}");
            }
        }
    }
    let sequences: Vec<u64> = client
        .seen()
        .iter()
        .filter(|frame| frame["type"] == "command_accepted")
        .filter(|frame| frame["data"]["sessionId"] == "s")
        .filter_map(|frame| frame["data"]["laneSequence"].as_u64())
        .collect();
    let dense: Vec<u64> = (1..=201).collect();
    assert_eq!(sequences, dense);
}

#[test]
fn a_read_passes_a_waiting_turn_and_an_abort_the_running_one() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("long", "s", "[stall]"));
    client.event("s", "agent_start");
    client.send(&prompt("next", "s", "[say:after]"));
    client.lifecycle("next", "accepted");
    client.send(&get_state("read", "s"));
    let read = client.response("read");
    assert_eq!(read["data"]["isStreaming"], true, "{read}");
    client.send(&json!({ "id": "stop", "type": "abort", "sessionId": "s" }));
    assert_eq!(client.response("stop")["success"], true);
    client.response("long");
    assert_eq!(client.response("next")["success"], true);
    let finished = places(&client, "command_finished", "long")[0];
    let started = places(&client, "command_started", "next")[0];
    assert!(finished < started, "the next turn starts when the slot is free");
    daemon.verify();
}

#[test]
fn versions_have_no_gap() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    for version in 1..=20 {
        let name = json!({
            "type": "set_session_name", "sessionId": "s", "name": format!("name {version}"),
            "ifSessionVersion": version - 1,
        });
        let response = client.ok(name);
        assert_eq!(response["sessionVersion"], version);
        let read = client.ok(json!({ "type": "get_state", "sessionId": "s" }));
        assert_eq!(read["sessionVersion"], version, "a read does not change it");
    }
    let stale = client.call(json!({
        "type": "set_session_name", "sessionId": "s", "name": "late", "ifSessionVersion": 3,
    }));
    crate::refused(&stale, "version_mismatch");
    assert_eq!(stale["error"], "Session version mismatch: expected 3, got 20");
}
