//! Looking at the daemon: history, metrics, stored sessions. PROTOCOL.md section 5.3.

use pi_server_tests::Daemon;
use serde_json::json;

use crate::{prompt, refused, session};

#[test]
fn the_history_is_newest_first_and_the_same_after_a_crash() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    for number in 0..7 {
        client.send(&prompt(&format!("p{number}"), "s", "[say:x] [delay:0]"));
        client.response(&format!("p{number}"));
    }
    client.send(&prompt("bad", "s", "[fail:no]"));
    client.response("bad");
    let page = json!({ "type": "get_command_history", "sessionIdFilter": "s", "limit": 4 });
    let first = client.ok(page.clone())["data"].clone();
    assert_eq!(first["entries"][0]["commandId"], "bad");
    assert_eq!(first["entries"][0]["errorCode"], "agent_error");
    assert_eq!(first["truncated"], true);
    let mut next = page.clone();
    next["cursor"] = first["nextCursor"].clone();
    let second = client.ok(next)["data"].clone();
    let ids: Vec<&str> = [&first, &second]
        .iter()
        .flat_map(|page| page["entries"].as_array().expect("entries"))
        .filter_map(|entry| entry["commandId"].as_str())
        .collect();
    assert_eq!(ids, ["bad", "p6", "p5", "p4", "p3", "p2", "p1", "p0"]);
    daemon.kill9();
    daemon.restart();
    let after = daemon.websocket().ok(page)["data"].clone();
    assert_eq!(after, first, "built again from the journal");
    daemon.verify();
}

#[test]
fn metrics_count_what_happened() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.send_text("null");
    client.expect("an answer", |frame| frame["type"] == "response");
    let data = client.ok(json!({ "type": "get_metrics" }))["data"].clone();
    assert_eq!(data["sessionCount"], 1);
    assert_eq!(data["connectionCount"], 1);
    assert_eq!(data["commandsRejected"]["malformed"], 1);
    assert_eq!(data["loop"]["impossibleInputs"], 0);
    assert!(data["stores"]["journal"]["lastSeq"].as_u64() > Some(4));
}

#[test]
fn a_directory_or_file_that_cannot_be_used_is_refused_with_the_reason() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    for (cwd, text) in [
        ("work", "CWD must be an absolute path"),
        ("/no/such/place", "CWD must point to an existing directory"),
    ] {
        let response = client.call(json!({ "type": "create_session", "cwd": cwd }));
        refused(&response, "unavailable");
        assert_eq!(response["error"], text);
    }
    let load = client.call(json!({ "type": "load_session", "sessionPath": "/etc/passwd" }));
    refused(&load, "unavailable");
    assert_eq!(load["error"], "sessionPath must point to a .jsonl or .json session file");
}

#[test]
fn a_session_file_is_listed_and_can_be_loaded() {
    let daemon = Daemon::start();
    let dir = daemon.dir().join("sessions");
    std::fs::create_dir_all(&dir).expect("made");
    let file = dir.join("2026-01-01T00-00-00-000Z_x.jsonl");
    let text = "{\"type\":\"session\",\"version\":3,\"id\":\"x\",\"cwd\":\"/\"}\n\
        {\"type\":\"session_info\",\"id\":\"1\",\"name\":\"Kept\"}\n";
    std::fs::write(&file, text).expect("written");
    let mut client = daemon.websocket();
    let listed = client.ok(json!({ "type": "list_stored_sessions" }));
    let path = file.canonicalize().expect("canonical").to_string_lossy().into_owned();
    let found = listed["data"]["sessions"].as_array().expect("sessions").iter();
    let entry = found.clone().find(|entry| entry["sessionPath"] == path);
    assert_eq!(entry.expect("listed")["sessionName"], "Kept");
    let load = json!({ "type": "load_session", "sessionPath": path, "sessionId": "one" });
    let loaded = client.ok(load);
    assert_eq!(loaded["data"]["sessionInfo"]["cwd"], "/", "the directory of the header");
    assert_eq!(loaded["sessionVersion"], 0);
    daemon.verify();
}
