//! Writes the journal of a small day as a fixture, by a real daemon. By hand, once for each format:
//!
//! ```sh
//! cargo run -p pi-server-tests --example fixture -- /srv/pi tests/fixtures/journals/v2
//! ```
//!
//! The first argument is the daemon's data directory while it runs, and its working directory: it is
//! in the journal, so it should be nobody's. It must not exist and is removed in the end. The second
//! one must not exist either. A third one names the folder of another `pi-server` to run, for the
//! fixture of an older format:
//!
//! ```sh
//! git worktree add --detach ../format-1 4ba8654
//! (cd ../format-1 && cargo build -p pi-server --bins)
//! cargo run -p pi-server-tests --example fixture -- \
//!     /srv/pi tests/fixtures/journals/v1 ../format-1/target/debug
//! ```
//!
//! Then `UPDATE=1 cargo test -p pi-server-tests --test determinism golden`, and the same with
//! `--test e2e traces`.

use std::fs;
use std::path::{Path, PathBuf};

use pi_server_tests::frames::{prompt, session};
use pi_server_tests::journal::Journal;
use pi_server_tests::{Daemon, Setup, until};
use serde_json::json;

fn main() {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let absolute = |path: &PathBuf| std::path::absolute(path).expect("a path");
    let (data, out, programs) = match &paths[..] {
        [data, out] => (absolute(data), absolute(out), None),
        [data, out, programs] => (absolute(data), absolute(out), Some(absolute(programs))),
        _ => panic!("usage: fixture DATA-DIR FIXTURE [PROGRAMS]"),
    };
    fs::create_dir(&out).expect("a new folder for the fixture");
    let (parent, name) = (data.parent().expect("a parent"), data.file_name().expect("a name"));
    let dir = tempfile::Builder::new().prefix(name).rand_bytes(0).tempdir_in(parent);
    let dir = dir.expect("a new data directory");
    // The first use builds the programs, for which it needs the working directory that it has.
    drop(pi_server_tests::programs::program("pi-server"));
    std::env::set_current_dir(&data).expect("a folder");
    let mut setup = Setup::new().arg("--segment-bytes").arg("65536");
    setup = match &programs {
        // Those of before may not know what they are not to do.
        Some(programs) => setup.programs(programs),
        None => setup.arg("--compress").arg("off"),
    };
    let mut daemon = setup.start_in(dir);
    live(&mut daemon);
    daemon.verify();
    keep_journal(daemon.dir(), &out);
}

/// A day in small: a session, turns, a dialog, what depends on something, frames that are none, a
/// crash with a torn tail, and enough events for a sealed segment with its snapshot.
fn live(daemon: &mut Daemon) {
    let mut client = daemon.websocket_as("fixture");
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("asks", "s", "[ask:confirm] [say:done] [delay:0]"));
    let dialog = client.event("s", "extension_ui_request");
    client.ok(json!({
        "type": "extension_ui_response", "sessionId": "s", "requestId": dialog["event"]["requestId"],
        "response": { "method": "confirm", "confirmed": true },
    }));
    client.response("asks");
    for text in ["no frame", r#"{"type":"unknown"}"#, r#"{"id":7,"type":"prompt"}"#] {
        client.send_text(text);
        client.expect("a refusal", |frame| frame["success"] == false);
    }
    for number in 0..3 {
        let id = format!("p{number}");
        client.send(&prompt(&id, "s", "[words:60] [delay:0]"));
        client.response(&id);
    }
    // Since format 2 what looks like a secret is taken out, and the record says so.
    client.send(&prompt("secret", "s", "[say:password=never-was-one] [delay:0]"));
    client.response("secret");
    client.send(&prompt("fails", "s", "[fail:no luck]"));
    client.response("fails");
    client.send(&json!({
        "id": "after", "type": "get_state", "sessionId": "s", "dependsOn": ["fails"],
    }));
    client.response("after");
    client.send(&prompt("at it", "s", "[stall]"));
    client.lifecycle("at it", "started");
    daemon.kill9();
    tear(daemon);
    daemon.restart();
    let mut client = daemon.websocket_as("fixture");
    client.send(&prompt("at it", "s", "[stall]"));
    client.expect("outcome unknown", |frame| frame["errorCode"] == "outcome_unknown");
    client.send(&prompt("last", "s", "[words:60] [delay:0]"));
    client.response("last");
    let snapshot = daemon.dir().join("snapshots/00000001.snap");
    until("there is a snapshot", || snapshot.exists());
    assert!(daemon.stop().success());
}

/// Writes bytes behind the last commit that are no record.
fn tear(daemon: &Daemon) {
    let end = Journal::read(daemon.dir()).end;
    let path = daemon.dir().join(format!("journal/{:08}.seg", end.segment));
    let mut bytes = fs::read(&path).expect("a segment");
    bytes[end.offset..end.offset + 64].fill(0xA5);
    fs::write(&path, bytes).expect("written");
}

/// Copies what is a journal in a data directory, without the token, the socket and the lock.
fn keep_journal(from: &Path, to: &Path) {
    for name in ["journal", "snapshots", "bodies", "quarantine"] {
        let Ok(entries) = fs::read_dir(from.join(name)) else { continue };
        fs::create_dir(to.join(name)).expect("a new folder");
        for entry in entries {
            let file = entry.expect("an entry").file_name();
            if !file.to_string_lossy().ends_with(".tmp") {
                fs::copy(from.join(name).join(&file), to.join(name).join(&file)).expect("copied");
            }
        }
    }
    for name in ["HEAD", "journal.key"] {
        fs::copy(from.join(name), to.join(name)).expect("copied");
    }
}
