//! Ids, idempotency keys, and what a repeated request is answered. PROTOCOL.md section 6.2.

use pi_server_tests::{Daemon, Setup};
use serde_json::json;

use crate::{get_state, prompt, refused, session};

#[test]
fn a_repeated_id_is_answered_again_in_flight_and_finished() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    let mut other = daemon.unix();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("p", "s", "[ask:confirm]"));
    let asked = client.event("s", "extension_ui_request");
    other.send(&prompt("p", "s", "[ask:confirm]"));
    // A later answer on the same connection shows that the repeated request has been handled.
    other.ok(json!({ "type": "list_sessions" }));
    client.ok(json!({
        "type": "extension_ui_response", "sessionId": "s",
        "requestId": asked["event"]["requestId"],
        "response": { "method": "confirm", "confirmed": true },
    }));
    let first = client.response("p");
    let copy = other.response("p");
    assert_eq!(first["success"], true);
    assert_eq!(copy["replayed"], true);
    assert_eq!(copy["sessionVersion"], first["sessionVersion"]);
    client.send(&prompt("p", "s", "[ask:confirm]"));
    let again = client.response("p");
    assert_eq!(again["replayed"], true);
    assert_eq!(again["sessionVersion"], first["sessionVersion"]);
    let state = client.ok(json!({ "type": "get_state", "sessionId": "s" }));
    assert_eq!(state["sessionVersion"], 1, "it ran once");
    daemon.verify();
}

#[test]
fn the_same_id_for_something_else_is_a_conflict() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.send(&get_state("x", "s"));
    client.response("x");
    client.send(&json!({ "id": "x", "type": "list_sessions" }));
    refused(&client.response("x"), "id_conflict");
    let named = |name: &str| {
        json!({
            "type": "set_session_name", "sessionId": "s", "name": name, "idempotencyKey": "k",
        })
    };
    client.ok(named("one"));
    assert_eq!(client.ok(named("one"))["replayed"], true);
    refused(&client.call(named("two")), "key_conflict");
}

#[test]
fn an_idempotency_key_is_free_again_when_its_time_is_over() {
    let daemon = Setup::new().limit("idempotency_ttl_ms", 50).start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let named = |name: &str| {
        json!({
            "type": "set_session_name", "sessionId": "s", "name": name, "idempotencyKey": "k",
        })
    };
    client.ok(named("one"));
    // Time passes for the daemon as it does here; a turn of known length is a clock of its own.
    client.ok(json!({ "type": "bash", "sessionId": "s", "command": "[delay:120]" }));
    let again = client.ok(named("two"));
    assert_ne!(again["replayed"], true);
    assert_eq!(again["sessionVersion"], 3);
}

#[test]
fn two_clients_that_both_count_from_one_do_not_collide() {
    let daemon = Daemon::start();
    let mut ann = daemon.websocket_as("ann");
    let mut bob = daemon.unix_as("bob");
    ann.send(&json!({ "id": "1", "type": "create_session", "sessionId": "a" }));
    bob.send(&json!({ "id": "1", "type": "create_session", "sessionId": "b" }));
    assert_eq!(ann.response("1")["data"]["sessionId"], "a");
    assert_eq!(bob.response("1")["data"]["sessionId"], "b");
    ann.send(&json!({ "id": "2", "type": "list_sessions" }));
    let sessions = ann.response("2");
    assert_eq!(sessions["data"]["sessions"].as_array().map(Vec::len), Some(2));
    // Back under the name, the outcome is found again.
    let mut ann = daemon.unix_as("ann");
    ann.send(&json!({ "id": "1", "type": "create_session", "sessionId": "a" }));
    assert_eq!(ann.response("1")["replayed"], true);
}
