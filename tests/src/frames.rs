//! The frames that most tests need, and questions about what a client has seen.

use serde_json::{Value, json};

use crate::client::Client;

/// Creates a session and returns its id.
pub fn session(client: &mut Client, id: &str) -> String {
    client.ok(json!({ "type": "create_session", "sessionId": id }));
    id.to_owned()
}

/// A prompt under an id.
pub fn prompt(id: &str, session: &str, message: &str) -> Value {
    json!({ "id": id, "type": "prompt", "sessionId": session, "message": message })
}

/// A `get_state` under an id.
pub fn get_state(id: &str, session: &str) -> Value {
    json!({ "id": id, "type": "get_state", "sessionId": session })
}

/// A `set_session_name` under an id: the cheapest command that changes something.
pub fn rename(id: &str, session: &str, name: &str) -> Value {
    json!({ "id": id, "type": "set_session_name", "sessionId": session, "name": name })
}

/// The frame with one more field.
#[must_use]
pub fn with(mut frame: Value, field: &str, value: impl Into<Value>) -> Value {
    frame[field] = value.into();
    frame
}

/// A response must be a failure with this code.
pub fn refused(response: &Value, code: &str) {
    assert_eq!(response["success"], false, "{response}");
    assert_eq!(response["errorCode"], code, "{response}");
}

/// A response must be a success.
pub fn succeeded(response: &Value) {
    assert_eq!(response["success"], true, "{response}");
}

/// Where frames of a kind about a command are in what a client has seen.
pub fn places(client: &Client, kind: &str, id: &str) -> Vec<usize> {
    let fits = |frame: &Value| frame["type"] == kind && frame["data"]["commandId"] == id;
    client.seen().iter().enumerate().filter(|(_, f)| fits(f)).map(|(place, _)| place).collect()
}

/// How many of the frames that a client has seen fit.
pub fn count(client: &Client, fits: impl Fn(&Value) -> bool) -> usize {
    client.seen().iter().filter(|frame| fits(frame)).count()
}
