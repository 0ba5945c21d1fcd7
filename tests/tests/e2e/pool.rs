//! How many agents run, through the daemon: a small program in the place of the real agent.
//! PROTOCOL.md section 7.6.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use pi_server_tests::{Client, Daemon, Setup, until};
use serde_json::json;

use crate::prompt;

/// Speaks as much of the real agent's protocol as these tests need, and keeps its messages in its
/// session file.
const FAKE: &str = r#"#!/bin/sh
[ "$1" = --version ] && { echo 1.5.3; exit 0; }
for word; do [ "$before" = --session ] && file=$word; before=$word; done
: "${file:=$PI_CODING_AGENT_DIR/session-$$.jsonl}"
say() { printf '%s\n' "$1"; }
while read -r line; do
  id=$(expr "$line" : '.*"id":\([0-9]*\)')
  type=$(expr "$line" : '.*"type":"\([a-z_]*\)"')
  data=null
  messages=$(cat "$file" 2>/dev/null | grep -c message)
  case $type in
  get_state) data='{"sessionId":"x","sessionFile":"'$file'","thinkingLevel":"off",
    "messageCount":'$messages',"pendingMessageCount":0}' ;;
  get_commands) data='{"commands":[{"name":"pi-server-bridge"}]}' ;;
  get_last_assistant_text) data='{"text":"'$messages'"}' ;;
  esac
  say '{"type":"response","command":"'"$type"'","success":true,"id":'"$id"',"data":'"$(echo $data)"'}'
  if [ "$type" = prompt ]; then
    [ -e "$file" ] || say '{"type":"session","version":3,"id":"x","cwd":"/"}' >"$file"
    say '{"type":"message"}' >>"$file"
    say '{"type":"agent_start"}'
    case $line in *stall*) read -r line; exit 0 ;; esac
    say '{"type":"agent_end","messages":[],"willRetry":false}'
    say '{"type":"agent_settled"}'
  fi
done
"#;

fn stage(setup: Setup) -> (Daemon, tempfile::TempDir) {
    let home = tempfile::tempdir().expect("a directory");
    let program: PathBuf = home.path().join("pi");
    std::fs::write(&program, FAKE).expect("a script");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&program, executable).expect("an executable script");
    let daemon = setup.pi(&program, &home.path().join("user")).start();
    (daemon, home)
}

fn said(client: &mut Client, session: &str) -> serde_json::Value {
    let command = json!({ "type": "get_last_assistant_text", "sessionId": session });
    client.ok(command)["data"]["text"].clone()
}

#[test]
fn idle_agents_make_room_and_their_sessions_go_on() {
    let (mut daemon, _home) = stage(Setup::new().limit("agents_max", 2));
    let mut client = daemon.websocket();
    for round in 1..=2 {
        for session in ["a", "b", "c", "d"] {
            if round == 1 {
                client.ok(json!({ "type": "create_session", "sessionId": session }));
            }
            let id = format!("{session}{round}");
            client.send(&prompt(&id, session, "hello"));
            assert_eq!(client.response(&id)["success"], true);
            let metrics = client.ok(json!({ "type": "get_metrics" }));
            assert!(metrics["data"]["agents"]["alive"].as_u64() <= Some(2), "{metrics}");
        }
    }
    // Each of the four has both of its messages, whichever agent has written them.
    for session in ["a", "b", "c", "d"] {
        assert_eq!(said(&mut client, session), "2");
    }
    daemon.stop();
    daemon.verify();
}

#[test]
fn who_works_is_not_ended_and_who_waits_can_give_up() {
    let (mut daemon, _home) = stage(Setup::new().limit("agents_max", 1));
    let mut client = daemon.websocket();
    client.ok(json!({ "type": "create_session", "sessionId": "a" }));
    client.ok(json!({ "type": "switch_session", "sessionId": "a" }));
    client.send(&prompt("p", "a", "stall"));
    client.event("a", "agent_start");
    client.send(&json!({ "id": "b", "type": "create_session", "sessionId": "b" }));
    client.send(&json!({ "id": "c", "type": "create_session", "sessionId": "c" }));
    client.lifecycle("c", "started");
    let waiting = |client: &mut Client| {
        client.ok(json!({ "type": "get_metrics" }))["data"]["agents"]["waiting"].clone()
    };
    until("both wait", || waiting(&mut client) == 2);
    client.ok(json!({ "type": "cancel_command", "commandId": "b" }));
    assert_eq!(client.response("b")["errorCode"], "cancelled");
    // The session that works is deleted; the one that still waits gets its place.
    client.ok(json!({ "type": "cancel_command", "commandId": "p" }));
    client.ok(json!({ "type": "delete_session", "sessionId": "a" }));
    assert_eq!(client.response("c")["success"], true);
    daemon.stop();
    daemon.verify();
}

#[test]
fn an_idle_agent_ends_and_comes_back() {
    let (mut daemon, _home) = stage(Setup::new().limit("agent_idle_ms", 50));
    let mut client = daemon.websocket();
    client.ok(json!({ "type": "create_session", "sessionId": "a" }));
    client.send(&prompt("p", "a", "hello"));
    assert_eq!(client.response("p")["success"], true);
    let mut alive =
        || client.ok(json!({ "type": "get_metrics" }))["data"]["agents"]["alive"].clone();
    until("it is ended", || alive() == 0);
    let state = client.ok(json!({ "type": "get_state", "sessionId": "a" }));
    assert_eq!(state["data"]["messageCount"], 1, "{state}");
    assert_eq!(said(&mut client, "a"), "1");
    daemon.stop();
    daemon.verify();
}
