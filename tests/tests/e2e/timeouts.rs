//! Timeouts are outcomes like any other. PROTOCOL.md section 9.

use pi_server_tests::Daemon;
use serde_json::json;

use crate::{places, refused, session};

#[test]
fn a_timeout_is_stored_and_answered_the_same_ever_after() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let stalled = json!({
        "id": "b", "type": "bash", "sessionId": "s", "command": "[stall]", "timeoutMs": 80,
    });
    client.send(&stalled);
    let response = client.response("b");
    refused(&response, "timeout");
    assert_eq!(response["timedOut"], true);
    assert_eq!(places(&client, "command_finished", "b").len(), 1);
    client.send(&stalled);
    let again = client.response("b");
    assert_eq!(again["replayed"], true);
    assert_eq!(again["error"], response["error"]);
    // The agent was told to stop, so the slot is free again.
    client.ok(json!({ "type": "prompt", "sessionId": "s", "message": "[say:on]" }));
    daemon.kill9();
    daemon.restart();
    let mut client = daemon.websocket();
    client.send(&stalled);
    let later = client.response("b");
    assert_eq!(later["replayed"], true);
    assert_eq!(later["error"], response["error"]);
    assert_eq!(later["timedOut"], true);
    daemon.verify();
}
