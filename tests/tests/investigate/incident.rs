//! An incident to investigate: two sessions, dependencies across them, a tool call, a failure, an
//! abort, refusals, a crash and a second life.

use std::path::Path;

use pi_server_tests::{Client, Daemon};
use serde_json::{Value, json};

pub(crate) fn prompt(id: &str, session: &str, message: &str) -> Value {
    json!({ "id": id, "type": "prompt", "sessionId": session, "message": message })
}

/// Makes the incident and stops the daemon, whose directory holds the journal.
pub(crate) fn incident() -> Daemon {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    let mut editor = daemon.websocket_as("editor");
    for session in ["alpha", "beta"] {
        client.ok(json!({ "type": "create_session", "sessionId": session }));
    }
    client.send(&prompt("p1", "alpha", "[words:4] [delay:1] the secret is hunter2"));
    client.send(&json!({
        "id": "after-p1", "type": "prompt", "sessionId": "beta", "message": "[say:ok] [delay:0]",
        "dependsOn": ["p1"],
    }));
    client.response("after-p1");
    client.send(&prompt("bad", "alpha", "[fail:no luck]"));
    client.response("bad");
    client.send(&json!({
        "id": "after-bad", "type": "get_state", "sessionId": "beta", "dependsOn": ["bad"],
    }));
    client.response("after-bad");
    editor.send(&prompt("long", "beta", "[stall]"));
    editor.lifecycle("long", "started");
    editor.ok(json!({ "type": "abort", "sessionId": "beta" }));
    editor.response("long");
    refusals(&mut client);
    client.send(&prompt("p1", "alpha", "[words:4] [delay:1] the secret is hunter2"));
    client.response("p1");
    client.send(&prompt("dies", "alpha", "[stall]"));
    client.lifecycle("dies", "started");
    client.send(&json!({ "id": "after-dies", "type": "health_check", "dependsOn": ["dies"] }));
    client.lifecycle("after-dies", "accepted");
    daemon.kill9();
    daemon.restart();
    let mut client = daemon.websocket();
    client.send(&prompt("p2", "alpha", "[say:back] [delay:0]"));
    client.response("p2");
    drop((client, editor));
    assert!(daemon.stop().success());
    daemon.verify();
    daemon
}

fn refusals(client: &mut Client) {
    client.send(&json!({ "id": "nobody", "type": "get_state", "sessionId": "gamma" }));
    client.response("nobody");
    client.send(&json!({
        "id": "unknown", "type": "health_check", "dependsOn": ["never-sent"],
    }));
    client.response("unknown");
}

/// Every file below a directory with its bytes.
pub(crate) fn tree(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(tree(&path));
        } else if path.is_file() {
            files.push((path.clone(), std::fs::read(&path).expect("a file")));
        }
    }
    files.sort();
    files
}
