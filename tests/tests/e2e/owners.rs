//! A session stays with its agent: PROTOCOL.md 7.4.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use pi_server_tests::{Client, Setup};
use serde_json::{Value, json};

use crate::{prompt, session};

/// A program that answers as pi does when it is started, and says of a session that it has messages.
fn pi(dir: &Path) -> PathBuf {
    let path = dir.join("pi");
    let text = r#"#!/bin/sh
[ "$1" = --version ] && { echo 1.5.3; exit 0; }
ok() { echo '{"type":"response","success":true,"id":'"$1"',"data":'"$2"'}'; }
read line; ok 1 '{"thinkingLevel":"off","messageCount":2,"pendingMessageCount":0,"sessionId":"i","model":{"provider":"p","id":"m"}}'
read line; ok 2 '{"commands":[{"name":"pi-server-bridge"}]}'
while read line; do
    case $line in
    *get_messages*) ok 3 '{"messages":[]}' ;;
    esac
done
"#;
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
    path
}

/// The words with which a command that needs the agent is refused. The session can be looked at.
fn refused(client: &mut Client, id: &str) -> String {
    client.send(&prompt(id, "s", "[say:hello] [delay:0]"));
    let response = client.response(id);
    assert_eq!(response["errorCode"], "agent_unavailable", "{response}");
    let state = client.ok(json!({ "type": "get_state", "sessionId": "s" }));
    assert_eq!(state["sessionVersion"], 0, "nothing ran: {state}");
    response["error"].as_str().expect("words").to_owned()
}

fn messages(client: &mut Client) -> Value {
    client.call(json!({ "type": "get_messages", "sessionId": "s" }))
}

#[test]
fn the_demo_agent_does_not_answer_for_pi_and_pi_goes_on_when_it_is_there_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = pi(folder.path());
    let mut daemon = Setup::new().pi(&program, folder.path()).start();
    session(&mut daemon.websocket(), "s");
    assert!(daemon.stop().success());

    // As where a service has another PATH than its user.
    let path = "/nowhere/bin:/usr/no/bin";
    daemon.restart_as(Setup::new().agent("auto").env("PATH", path));
    assert!(daemon.log().contains("agent demo"), "{}", daemon.log());
    let mut client = daemon.websocket();
    let words = refused(&mut client, "first");
    for part in ["This session is pi's", path, "--pi-command"] {
        assert!(words.contains(part), "{words}");
    }
    session(&mut client, "new");
    client.send(&prompt("other", "new", "[say:hello] [delay:0]"));
    assert_eq!(client.response("other")["success"], true, "a new session is the demo agent's");
    assert!(daemon.stop().success());
    daemon.verify();

    daemon.restart_as(Setup::new());
    let words = refused(&mut daemon.websocket(), "second");
    assert!(words.contains("--agent demo") && words.contains("--agent pi"), "{words}");
    assert!(daemon.stop().success());

    daemon.restart_as(Setup::new().pi(&program, folder.path()));
    let mut client = daemon.websocket();
    assert_eq!(messages(&mut client)["success"], true);
    client.send(&prompt("third", "new", "[say:hello] [delay:0]"));
    let response = client.response("third");
    assert_eq!(response["errorCode"], "agent_unavailable", "{response}");
    let words = response["error"].as_str().expect("words");
    assert!(words.contains("This session is the demo agent's"), "{words}");
    assert!(daemon.stop().success());
    daemon.verify();
}
