//! `kill -9` at any moment. PROTOCOL.md section 10.

use std::collections::BTreeMap;

use pi_server_tests::{Daemon, Setup};
use serde_json::{Value, json};

use crate::{prompt, refused, session};

#[test]
fn what_was_answered_is_answered_again_after_a_kill() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let command = json!({ "id": "n", "type": "set_session_name", "sessionId": "s", "name": "x" });
    client.send(&command);
    let before = client.response("n");
    daemon.kill9();
    daemon.restart();
    assert!(daemon.log().contains("after a sudden stop"), "{}", daemon.log());
    let mut client = daemon.websocket();
    client.send(&command);
    let after = client.response("n");
    assert_eq!(after["replayed"], true);
    assert_eq!(after["sessionVersion"], before["sessionVersion"]);
    let sessions = client.ok(json!({ "type": "list_sessions" }));
    assert_eq!(sessions["data"]["sessions"][0]["sessionId"], "s");
    assert_eq!(sessions["data"]["sessions"][0]["sessionVersion"], 1);
    daemon.verify();
}

#[test]
fn a_turn_that_was_at_its_agent_is_unknown_and_what_waited_runs() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("at it", "s", "[stall]"));
    client.event("s", "agent_start");
    client.send(&prompt("waits", "s", "[say:hello]"));
    client.lifecycle("waits", "accepted");
    daemon.kill9();
    daemon.restart();
    let mut client = daemon.websocket();
    client.send(&prompt("at it", "s", "[stall]"));
    let unknown = client.response("at it");
    refused(&unknown, "outcome_unknown");
    assert_eq!(unknown["replayed"], true);
    client.send(&prompt("waits", "s", "[say:hello]"));
    assert_eq!(client.response("waits")["success"], true);
    let report = client.ok(json!({ "type": "get_startup_recovery" }));
    assert_eq!(report["data"]["recoveredInFlightFailures"], 1, "{report}");
    assert_eq!(report["data"]["recoverable"], 1, "{report}");
    daemon.verify();
}

#[test]
fn with_recovery_fail_nothing_runs_by_itself() {
    let mut daemon = Setup::new().start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("at it", "s", "[stall]"));
    client.event("s", "agent_start");
    client.send(&prompt("waits", "s", "[say:hello]"));
    client.lifecycle("waits", "accepted");
    daemon.kill9();
    daemon.restart_with(&["--recovery", "fail"]);
    let mut client = daemon.websocket();
    client.send(&prompt("waits", "s", "[say:hello]"));
    refused(&client.response("waits"), "not_recovered");
    daemon.verify();
}

/// What every client was told about a command.
#[derive(Default)]
struct Told {
    command: Value,
    accepted: bool,
    response: Option<Value>,
}

/// Load from several clients, a kill in the middle, three times over: every command that was
/// accepted has exactly one outcome, the one that was told if one was told, and versions go on.
#[test]
fn every_accepted_command_has_one_outcome_however_often_the_daemon_is_killed() {
    let mut daemon = Setup::new().arg("--segment-bytes").arg("65536").start();
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    let mut version = 0;
    session(&mut daemon.websocket(), "s");
    for round in 0..3_u64 {
        let mut client = daemon.websocket();
        for number in 0..90 {
            let id = format!("r{round}-{number}");
            let command = json!({
                "id": id, "type": "set_session_name", "sessionId": "s", "name": id,
            });
            client.send(&command);
            told.insert(id, Told { command, ..Told::default() });
        }
        // Somewhere in the middle of the answers.
        client.response(&format!("r{round}-{}", 20 + round * 15));
        daemon.kill9();
        let frames = client.drain(std::time::Duration::from_secs(5));
        for frame in client.seen().iter().chain(&frames) {
            let id = frame["data"]["commandId"].as_str().or(frame["id"].as_str());
            let Some(known) = id.and_then(|id| told.get_mut(id)) else { continue };
            known.accepted |= frame["type"] == "command_accepted";
            if frame["type"] == "response" {
                known.response = Some(frame.clone());
            }
        }
        daemon.restart();
        let mut client = daemon.websocket();
        for (id, known) in &mut told {
            client.send(&known.command);
            let now = client.response(id);
            if let Some(before) = &known.response {
                assert_eq!(now["replayed"], true, "{id} ran twice: {now}");
                assert_eq!(now["success"], before["success"]);
                assert_eq!(now["sessionVersion"], before["sessionVersion"]);
            } else if known.accepted {
                assert_eq!(now["replayed"], true, "{id} was accepted: {now}");
            }
            assert!(now["success"] == true || now["errorCode"] == "outcome_unknown", "{id}: {now}");
            known.response = Some(now);
        }
        let state = client.ok(json!({ "type": "get_state", "sessionId": "s" }));
        let now = state["sessionVersion"].as_u64().expect("a version");
        let succeeded = told
            .values()
            .filter(|known| known.response.as_ref().is_some_and(|r| r["success"] == true));
        assert_eq!(now, u64::try_from(succeeded.count()).expect("few"), "one version a success");
        assert!(now > version);
        version = now;
        daemon.verify();
    }
    assert!(daemon.stop().success());
    daemon.verify();
}

#[test]
fn a_clean_stop_is_known_as_one() {
    let mut daemon = Daemon::start();
    session(&mut daemon.websocket(), "s");
    assert!(daemon.stop().success());
    daemon.restart();
    assert!(daemon.log().contains("after a clean stop: 1 session"), "{}", daemon.log());
    let report = daemon.websocket().ok(json!({ "type": "get_startup_recovery" }));
    assert_eq!(report["data"]["cleanShutdown"], true);
    assert_eq!(report["data"]["boot"], 2);
    daemon.verify();
}

#[test]
fn every_durability_and_backend_keeps_what_it_answered() {
    for durability in ["process", "power", "none"] {
        for backend in ["map", "pwrite"] {
            let mut daemon = Setup::new()
                .arg("--durability")
                .arg(durability)
                .arg("--backend")
                .arg(backend)
                .start();
            let mut client = daemon.websocket();
            session(&mut client, "s");
            client.send(&prompt("p", "s", "[words:5] [delay:1]"));
            let told = client.response("p");
            daemon.kill9();
            daemon.restart();
            let mut client = daemon.unix();
            client.send(&prompt("p", "s", "[words:5] [delay:1]"));
            let again = client.response("p");
            assert_eq!(again["replayed"], true, "{durability} {backend}: {again}");
            assert_eq!(again["sessionVersion"], told["sessionVersion"]);
            assert!(daemon.stop().success());
            daemon.verify();
        }
    }
}
