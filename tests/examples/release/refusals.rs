//! What is refused: frames that are no commands, and commands that cannot be had.

use pi_server_tests::frames::{get_state, prompt, rename, with};
use pi_server_tests::{Client, until};
use serde_json::{Value, json};

/// Sends a command that must fail.
pub(crate) fn no(client: &mut Client, command: Value) -> Value {
    let response = client.call(command);
    assert_eq!(response["success"], false, "{response}");
    response
}

/// The same, with this code.
fn refused(client: &mut Client, command: Value, code: &str) {
    let response = no(client, command);
    assert_eq!(response["errorCode"], code, "{response}");
}

/// Frames of which no command can be made: one for each rule, on a line each.
pub(crate) fn of_frames(client: &mut Client) {
    let long = "x".repeat(300);
    let frames = [
        "[]".to_owned(),
        "{".to_owned(),
        "{\"type\":}".to_owned(),
        "{}{}".to_owned(),
        "[".repeat(200),
        "{\"a\":1,\"a\":2}".to_owned(),
        "\"\\x\"".to_owned(),
        "1e999".to_owned(),
        json!({ "type": "list_sessions", "pad": "x".repeat(4_096) }).to_string(),
    ];
    let invalid = [
        json!({}),
        json!({ "type": "no_such" }),
        json!({ "type": "list_sessions", "id": "" }),
        json!({ "type": "list_sessions", "id": long }),
        json!({ "type": "list_sessions", "id": "anon:1" }),
        json!({ "type": "list_sessions", "id": "i", "dependsOn": "a" }),
        json!({ "type": "list_sessions", "id": "i", "dependsOn": vec!["d"; 33] }),
        json!({ "type": "list_sessions", "id": "i", "dependsOn": [7] }),
        json!({ "type": "list_sessions", "dependsOn": ["a"] }),
        json!({ "type": "list_sessions", "ifSessionVersion": 0 }),
        json!({ "type": "list_sessions", "timeoutMs": 1.5 }),
        json!({ "type": "list_sessions", "timeoutMs": 0 }),
        json!({ "type": "get_state" }),
        json!({ "type": "get_state", "sessionId": "s", "ifSessionVersion": -1 }),
        json!({ "type": "set_session_name", "sessionId": "s", "name": "a\u{1}" }),
        json!({ "type": "create_session", "sessionId": "a b" }),
        json!({ "type": "create_session", "cwd": 7 }),
        json!({ "type": "create_session", "cwd": "~x" }),
        json!({ "type": "load_session" }),
        json!({ "type": "cancel_command", "commandId": "" }),
        json!({ "type": "set_interest", "lifecycle": "some" }),
        json!({ "type": "set_auto_retry", "sessionId": "s" }),
        json!({ "type": "set_thinking_level", "sessionId": "s", "level": "some" }),
        json!({ "type": "cycle_model", "sessionId": "s", "direction": "up" }),
        json!({ "type": "reconcile_command", "commandId": "c", "outcome": "some" }),
        json!({ "type": "prompt", "sessionId": "s" }),
        json!({ "type": "prompt", "sessionId": "s", "message": "m", "images": [7] }),
        json!({ "type": "prompt", "sessionId": "s", "message": "m", "streamingBehavior": "some" }),
        json!({ "type": "bash", "sessionId": "s", "command": "c", "excludeFromContext": 7 }),
        json!({ "type": "navigate_tree", "sessionId": "s", "targetId": "t", "options": 7 }),
        json!({ "type": "get_command_history", "fromTimestamp": -1 }),
        json!({ "type": "get_command_history", "fromTimestamp": 2, "toTimestamp": 1 }),
        json!({ "type": "get_command_history", "commandType": "some", "limit": 501 }),
        json!({ "type": "extension_ui_response", "sessionId": "s", "requestId": "r" }),
        json!({
            "type": "extension_ui_response", "sessionId": "s", "requestId": "r\u{1}",
            "response": { "method": "some" },
        }),
        json!({
            "type": "extension_ui_response", "sessionId": "s", "requestId": "r",
            "response": { "method": "confirm" },
        }),
    ];
    for frame in frames.into_iter().chain(invalid.iter().map(Value::to_string)) {
        client.send_text(&frame);
        client.expect("a refusal", |frame| frame["success"] == false && frame["id"] != "anon");
    }
    client.send_bytes(b"{\"type\":\"\xff\"}\n");
    client.expect("a refusal", |frame| frame["success"] == false);
}

/// Commands that are refused or fail, by the code that they get.
pub(crate) fn of_commands(ann: &mut Client, none: &mut Client, helper: &mut Client) {
    refused(ann, json!({ "type": "load_session", "sessionPath": "/etc/passwd" }), "unavailable");
    refused(
        ann,
        json!({ "type": "create_session", "sessionId": "n", "cwd": "/no" }),
        "unavailable",
    );
    ann.ok(json!({ "type": "create_session" }));
    refused(ann, json!({ "type": "create_session" }), "limit_reached");
    let fifth = json!({ "type": "switch_session", "sessionId": "loaded" });
    refused(ann, fifth, "limit_reached");
    refused(ann, json!({ "type": "create_session", "sessionId": "s" }), "session_exists");
    refused(ann, get_state("", "nowhere"), "session_not_found");
    refused(ann, json!({ "type": "export_html", "sessionId": "s" }), "unsupported");
    refused(ann, with(rename("", "s", "n"), "ifSessionVersion", 99), "version_mismatch");
    refused(ann, json!({ "type": "cancel_command", "commandId": "nobody" }), "command_not_found");
    keys_and_ids(ann);
    dependencies(ann);
    queues(ann, none, helper);
    circuits(ann);
}

fn keys_and_ids(ann: &mut Client) {
    ann.send(&rename("used", "s", "One"));
    ann.response("used");
    ann.send(&rename("used", "s", "Another"));
    assert_eq!(ann.response("used")["errorCode"], "id_conflict");
    for key in ["k1", "k2"] {
        ann.ok(with(rename("", "s", key), "idempotencyKey", key));
    }
    refused(ann, with(rename("", "s", "other"), "idempotencyKey", "k1"), "key_conflict");
    // The last key that is free is for somebody who holds fewer.
    no(ann, with(rename("", "s", "k3"), "idempotencyKey", "k3"));
}

fn dependencies(ann: &mut Client) {
    let depends = |id: &str, on: &str| with(rename(id, "zeta", "d"), "dependsOn", json!([on]));
    for (id, on) in [("itself", "itself"), ("unknown", "nobody")] {
        ann.send(&depends(id, on));
        assert_eq!(ann.response(id)["success"], false);
    }
    ann.send(&prompt("will fail", "s", "[fail:no]"));
    ann.send(&depends("fails too", "will fail"));
    ann.response("fails too");
    ann.send(&prompt("works", "s", "[say:yes] [delay:0]"));
    ann.send(&depends("works too", "works"));
    assert_eq!(ann.response("works too")["success"], true);
    ann.send(&prompt("never ends", "s", "[stall]"));
    ann.send(&depends("waits in vain", "never ends"));
    assert_eq!(ann.response("waits in vain")["success"], false);
    ann.ok(json!({ "type": "abort", "sessionId": "s" }));
    ann.response("never ends");
}

/// Queues that are full: of a lane, of a connection, of those who wait for one answer.
fn queues(ann: &mut Client, none: &mut Client, helper: &mut Client) {
    ann.send(&prompt("holds", "B_2", "[stall]"));
    ann.lifecycle("holds", "started");
    for number in 0..4 {
        none.send(&prompt(&format!("queued {number}"), "B_2", "waits"));
    }
    assert_eq!(none.response("queued 3")["success"], false);
    for _ in 0..3 {
        ann.send(&prompt("holds", "B_2", "[stall]"));
    }
    ann.expect("too many wait", |frame| frame["id"] == "holds" && frame["success"] == false);
    for number in 3..7 {
        none.send(&prompt(&format!("more {number}"), "alpha.1", "[stall]"));
    }
    none.expect("too many are pending", |frame| frame["errorCode"] == "too_many_pending");
    // Only a connection of the same namespace can. What holds `B_2` goes on and ends with it.
    for id in ["queued 2", "queued 1", "queued 0", "more 6", "more 5", "more 4", "more 3"] {
        helper.call(json!({ "type": "cancel_command", "commandId": id }));
    }
}

/// Circuits that open: of `bash` in a session, and of a provider.
fn circuits(ann: &mut Client) {
    let bash =
        json!({ "type": "bash", "sessionId": "zeta", "command": "[stall]", "timeoutMs": 20 });
    for _ in 0..2 {
        no(ann, bash.clone());
    }
    refused(ann, bash, "circuit_open");
    for _ in 0..2 {
        // The agent did as it was told; that the provider failed is in its events.
        ann.call(prompt("", "s", "[error:overloaded]"));
    }
    refused(ann, prompt("", "s", "not now"), "circuit_open");
    ann.ok(json!({ "type": "health_check" }));
    until("the provider is asked again", || {
        ann.call(prompt("", "s", "[say:well] [delay:0]"))["success"] == true
    });
}
