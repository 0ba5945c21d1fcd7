//! End-to-end tests: the real daemon, real sockets, the demo agent. One binary, a module a subject.

mod crash;
mod dependencies;
mod identity;
mod lanes;
mod looking;
mod many;
mod operator;
mod real_pi;
mod timeouts;
mod transports;
mod turns;

use pi_server_tests::Client;
use serde_json::{Value, json};

/// Creates a session and returns its id.
fn session(client: &mut Client, id: &str) -> String {
    client.ok(json!({ "type": "create_session", "sessionId": id }));
    id.to_owned()
}

fn prompt(id: &str, session: &str, message: &str) -> Value {
    json!({ "id": id, "type": "prompt", "sessionId": session, "message": message })
}

fn get_state(id: &str, session: &str) -> Value {
    json!({ "id": id, "type": "get_state", "sessionId": session })
}

/// A response must be a failure with this code.
fn refused(response: &Value, code: &str) {
    assert_eq!(response["success"], false, "{response}");
    assert_eq!(response["errorCode"], code, "{response}");
}

/// Where frames of a kind about a command are in what a client has seen.
fn places(client: &Client, kind: &str, id: &str) -> Vec<usize> {
    let fits = |frame: &Value| frame["type"] == kind && frame["data"]["commandId"] == id;
    client.seen().iter().enumerate().filter(|(_, f)| fits(f)).map(|(place, _)| place).collect()
}
