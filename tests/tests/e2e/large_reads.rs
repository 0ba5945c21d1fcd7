//! Answers of reads that are too large to be kept. PROTOCOL.md 10.5.

use pi_server_tests::journal::segment;
use pi_server_tests::{Client, Daemon, Setup};
use serde_json::{Value, json};

use crate::{prompt, refused, session};

/// Characters of a prompt that makes the conversation larger than what is kept of an answer.
const LONG: usize = 70_000;

fn read(client: &mut Client, id: &str) -> Value {
    client.send(&json!({ "id": id, "type": "get_messages", "sessionId": "s" }));
    client.response(id)
}

/// Places of a text in the segments.
fn occurrences(daemon: &Daemon, needle: &[u8]) -> usize {
    let segments = std::fs::read_dir(daemon.dir().join("journal")).expect("segments");
    let files = segments.map(|entry| segment(&entry.expect("an entry").path()));
    files.map(|bytes| bytes.windows(needle.len()).filter(|window| *window == needle).count()).sum()
}

#[test]
fn the_answer_of_a_large_read_is_given_but_not_kept() {
    let mut daemon = Setup::new().start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let marked = format!("MARKED{}", "x".repeat(LONG));
    client.send(&prompt("p", "s", &format!("{marked} [delay:0]")));
    assert_eq!(client.response("p")["success"], true);
    client.send(&json!({ "id": "small", "type": "get_state", "sessionId": "s" }));
    let small = client.response("small");
    let before = occurrences(&daemon, b"MARKEDxx");
    let first = read(&mut client, "large");
    assert!(first["data"].to_string().contains(&marked), "who asks gets all of it");
    assert_eq!(occurrences(&daemon, b"MARKEDxx"), before, "the answer is not written");
    // A client that has lost its connection and says it again.
    let mut again = daemon.websocket();
    let repeated = read(&mut again, "large");
    assert_eq!((&repeated["data"], &repeated["replayed"]), (&first["data"], &json!(true)));
    daemon.kill9();
    daemon.restart();
    let mut client = daemon.websocket();
    let expired = read(&mut client, "large");
    refused(&expired, "outcome_expired");
    assert_eq!(expired["replayed"], true, "it did not run again: {expired}");
    client.send(&json!({ "id": "small", "type": "get_state", "sessionId": "s" }));
    let kept = client.response("small");
    assert_eq!(kept["data"], small["data"], "a small answer is kept");
    // It has ended, and well: who depends on it runs, and the history knows it.
    client.send(&json!({
        "id": "after", "type": "get_state", "sessionId": "s", "dependsOn": ["large"],
    }));
    assert_eq!(client.response("after")["success"], true);
    client.send(&json!({ "id": "h", "type": "get_command_history", "commandId": "large" }));
    let history = client.response("h");
    assert!(history["data"].to_string().contains(r#""success":true"#), "{history}");
    daemon.verify();
}
