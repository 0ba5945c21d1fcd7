//! `pi-server journal erase`: what was said is gone, what was decided stays. docs/guides/privacy.md.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use pi_server_core::record::SEGMENT_HEADER_BYTES;
use pi_server_tests::journal::segments;
use pi_server_tests::programs::program;
use pi_server_tests::{Client, Daemon, Setup, until};
use serde_json::{Value, json};

use crate::privacy::holding;
use crate::{prompt, refused, session};

fn run(dir: &Path, args: &[&str]) -> Output {
    Command::new(program("pi-server"))
        .args(["journal", "erase", "--data-dir"])
        .arg(dir)
        .args(args)
        .output()
        .expect("pi-server can be run")
}

/// Erases, or says what it would erase; it must go well.
fn erase(dir: &Path, args: &[&str]) -> Value {
    let output = run(dir, &[args, &["--json"]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {said}");
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

/// The files of the journal that hold a text.
fn files_with(daemon: &Daemon, text: &str) -> Vec<PathBuf> {
    holding(daemon.dir(), text.as_bytes()).into_iter().map(PathBuf::from).collect()
}

/// Says a word in a session by every way that there is.
fn say(client: &mut Client, session: &str, word: &str) {
    let id = |what: &str| format!("{what} {session}");
    client.send(&prompt(&id("says"), session, &format!("[say:so {word}] [delay:0]")));
    client.response(&id("says"));
    client.send(&prompt(&id("tool"), session, &format!("[tool:bash {word}] [delay:0]")));
    client.response(&id("tool"));
    client.send(&json!({
        "id": id("bash"), "type": "bash", "sessionId": session, "command": format!("echo {word}"),
    }));
    client.response(&id("bash"));
    client.send(&prompt(&id("asks"), session, "[ask:input] [say:done] [delay:0]"));
    let asked = |frame: &Value| {
        frame["event"]["type"] == "extension_ui_request" && frame["sessionId"] == session
    };
    let dialog = client.expect("a dialog", asked);
    client.ok(json!({
        "type": "extension_ui_response", "sessionId": session,
        "requestId": dialog["event"]["requestId"],
        "response": { "method": "input", "value": word },
    }));
    client.response(&id("asks"));
    client.send(&messages(&id("all"), session));
    assert!(client.response(&id("all"))["data"].to_string().contains(word));
}

fn messages(id: &str, session: &str) -> Value {
    json!({ "id": id, "type": "get_messages", "sessionId": session })
}

/// A day with two sessions over several segments, of which one is to be forgotten.
fn day() -> Daemon {
    let mut daemon = Setup::new().arg("--segment-bytes").arg("65536").start();
    let mut client = daemon.websocket();
    for (id, word) in [("gone", "PLANTEDgone"), ("kept", "PLANTEDkept")] {
        session(&mut client, id);
        client.ok(json!({ "type": "switch_session", "sessionId": id }));
        say(&mut client, id, word);
    }
    for number in 0..6 {
        let id = format!("more {number}");
        client.send(&prompt(&id, "gone", "[words:60] [say:PLANTEDgone] [delay:0]"));
        client.response(&id);
    }
    drop(client);
    assert!(daemon.stop().success());
    daemon
}

#[test]
fn a_session_that_is_erased_is_in_no_byte_and_the_journal_replays_and_goes_on() {
    let mut daemon = day();
    let segments = files_with(&daemon, "PLANTEDgone");
    assert!(segments.len() > 1, "sealed ones and the one that is written: {segments:?}");
    let would = erase(daemon.dir(), &["--session", "gone"]);
    assert_eq!(would["erased"], false);
    assert_eq!(files_with(&daemon, "PLANTEDgone"), segments, "nothing is erased without --yes");
    let did = erase(daemon.dir(), &["--session", "gone", "--yes"]);
    for count in ["frames", "answers", "events", "bytes", "segments"] {
        assert!(did[count].as_u64() > Some(0) && did[count] == would[count], "{did} {would}");
    }
    assert_eq!(files_with(&daemon, "PLANTEDgone"), Vec::<PathBuf>::new());
    assert!(!files_with(&daemon, "PLANTEDkept").is_empty());
    daemon.verify();
    let again = erase(daemon.dir(), &["--session", "gone", "--yes"]);
    assert_eq!((&again["frames"], &again["bytes"]), (&json!(0), &json!(0)), "{again}");

    for _ in 0..2 {
        daemon.restart();
        let mut client = daemon.websocket();
        client.send(&messages("all gone", "gone"));
        refused(&client.response("all gone"), "outcome_expired");
        client.send(&messages("all kept", "kept"));
        let kept = client.response("all kept");
        assert_eq!(kept["replayed"], true);
        assert!(kept["data"].to_string().contains("PLANTEDkept"), "{kept}");
        client.send(&prompt("says gone", "gone", "[say:so PLANTEDgone] [delay:0]"));
        let replayed = client.response("says gone");
        assert_eq!((&replayed["success"], &replayed["replayed"]), (&json!(true), &json!(true)));
        // Who catches up with its events is told that they are gone.
        client.ok(json!({ "type": "switch_session", "sessionId": "gone", "cursor": 0 }));
        let first =
            client.expect("a gap", |frame| frame["type"] == "gap" || frame["type"] == "event");
        assert_eq!((&first["type"], &first["data"]["kind"]), (&json!("gap"), &json!("events")));
        let id = format!("new {}", daemon.pid());
        client.send(&prompt(&id, "gone", "[say:hello] [delay:0]"));
        assert_eq!(client.response(&id)["success"], true);
        assert!(daemon.stop().success());
        daemon.verify();
    }
}

#[test]
fn an_erasure_that_is_killed_leaves_a_whole_journal_and_is_done_again() {
    let daemon = day();
    for delay in [0, 5, 10, 15, 20, 30, 40, 60] {
        let mut child = Command::new(program("pi-server"))
            .args(["journal", "erase", "--session", "gone", "--yes", "--data-dir"])
            .arg(daemon.dir())
            .stdout(Stdio::null())
            .spawn()
            .expect("pi-server can be run");
        std::thread::sleep(Duration::from_millis(delay));
        // It may have ended already.
        drop(child.kill());
        child.wait().expect("it ends");
        daemon.verify();
    }
    erase(daemon.dir(), &["--session", "gone", "--yes"]);
    assert!(files_with(&daemon, "PLANTEDgone").is_empty());
    assert!(!files_with(&daemon, "PLANTEDkept").is_empty());
    daemon.verify();
}

#[test]
fn a_command_is_erased_with_its_answer_and_what_its_agent_said_meanwhile() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    for (id, word) in [("before", "PLANTEDone"), ("it", "PLANTEDtwo"), ("after", "PLANTEDthree")] {
        client.send(&prompt(id, "s", &format!("[ask:input] [say:{word}] [delay:0]")));
        let dialog = client.event("s", "extension_ui_request");
        client.ok(json!({
            "type": "extension_ui_response", "sessionId": "s",
            "requestId": dialog["event"]["requestId"],
            "response": { "method": "input", "value": word },
        }));
        client.response(id);
    }
    client.send(&messages("read", "s"));
    client.response("read");
    drop(client);
    assert!(daemon.stop().success());
    let did = erase(daemon.dir(), &["--command", "it", "--yes"]);
    assert_eq!((&did["frames"], &did["answers"]), (&json!(2), &json!(0)), "{did}");
    assert!(!files_with(&daemon, "PLANTEDtwo").is_empty(), "another command's answer repeats it");
    erase(daemon.dir(), &["--command", "read", "--yes"]);
    assert!(files_with(&daemon, "PLANTEDtwo").is_empty());
    for stays in ["PLANTEDone", "PLANTEDthree"] {
        assert!(!files_with(&daemon, stays).is_empty(), "{stays}");
    }
    daemon.verify();
    // Conditions of two kinds must both hold.
    let none = erase(daemon.dir(), &["--command", "after", "--session", "other"]);
    assert_eq!(none["frames"], 0, "{none}");
    let none = erase(daemon.dir(), &["--session", "s", "--before", "2020-02-29"]);
    assert_eq!(none["frames"], 0, "{none}");
    let all = erase(daemon.dir(), &["--session", "s", "--before", "2100-01-01T00:00:00Z", "--yes"]);
    assert!(all["frames"].as_u64() > Some(3), "{all}");
    assert!(files_with(&daemon, "PLANTED").is_empty());
    daemon.verify();
}

#[test]
fn a_command_that_has_not_ended_keeps_its_text_and_runs() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.send(&prompt("runs", "s", "[stall]"));
    client.lifecycle("runs", "started");
    client.send(&prompt("waits", "s", "[say:PLANTEDwaits] [delay:0]"));
    client.lifecycle("waits", "accepted");
    drop(client);
    daemon.kill9();
    let did = erase(daemon.dir(), &["--session", "s", "--yes"]);
    assert_eq!(did["kept"]["unfinishedCommands"], json!(["runs", "waits"]), "{did}");
    daemon.restart();
    let mut client = daemon.websocket();
    client.send(&prompt("waits", "s", "[say:PLANTEDwaits] [delay:0]"));
    assert_eq!(client.response("waits")["success"], true);
    drop(client);
    assert!(daemon.stop().success());
    erase(daemon.dir(), &["--session", "s", "--yes"]);
    assert!(files_with(&daemon, "PLANTEDwaits").is_empty());
    daemon.verify();
}

/// Writes bytes that are no record behind the last one.
fn tear(daemon: &Daemon, torn: &[u8]) {
    for (_, path) in segments(daemon.dir()).into_iter().rev() {
        let mut bytes = std::fs::read(&path).expect("a segment");
        let records = &bytes[SEGMENT_HEADER_BYTES..];
        // Segments behind the one that is written hold nothing; a commit ends with random bytes.
        if let Some(last) = records.iter().rposition(|byte| *byte != 0) {
            let end = SEGMENT_HEADER_BYTES + (last + 1).next_multiple_of(8);
            bytes[end..end + torn.len()].copy_from_slice(torn);
            std::fs::write(&path, bytes).expect("written");
            return;
        }
    }
}

#[test]
fn answers_of_dropped_segments_and_torn_tails_go_when_they_are_named() {
    let setup = Setup::new().arg("--segment-bytes").arg("65536").arg("--retain-bytes").arg("200K");
    let mut daemon = setup.start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.send(&prompt("p", "s", "[say:PLANTEDearly] [delay:0]"));
    client.response("p");
    client.send(&messages("early", "s"));
    client.response("early");
    session(&mut client, "other");
    for number in 0..12 {
        let id = format!("p{number}");
        client.send(&prompt(&id, "other", "[words:120] [delay:0]"));
        client.response(&id);
    }
    let pack = |daemon: &Daemon| holding(&daemon.dir().join("bodies"), b"PLANTEDearly").len();
    let first = daemon.dir().join("journal/00000001.seg");
    until("the first segment is dropped", || !first.exists());
    assert!(pack(&daemon) > 0, "the answer outlives its segment");
    drop(client);
    daemon.kill9();
    tear(&daemon, b"PLANTEDtorn");

    let did = erase(daemon.dir(), &["--session", "s", "--yes"]);
    assert!(did["kept"]["droppedAnswers"].as_u64() > Some(0), "{did}");
    assert_eq!(did["kept"]["quarantineFiles"], 1, "{did}");
    assert!(pack(&daemon) > 0, "whose it is is not known any more");
    let all = ["--session", "s", "--dropped", "--quarantine"];
    let would = erase(daemon.dir(), &all);
    assert!(would["droppedAnswers"].as_u64() > Some(0) && would["quarantineFiles"] == 1, "{would}");
    assert!(pack(&daemon) > 0 && !files_with(&daemon, "PLANTEDtorn").is_empty());
    erase(daemon.dir(), &[&all[..], &["--yes"]].concat());
    assert!(files_with(&daemon, "PLANTED").is_empty());
    daemon.verify();
    daemon.restart();
    let mut client = daemon.websocket();
    client.send(&messages("early", "s"));
    refused(&client.response("early"), "outcome_expired");
    client.send(&prompt("last", "s", "[say:hello] [delay:0]"));
    assert_eq!(client.response("last")["success"], true);
    assert!(daemon.stop().success());
    daemon.verify();
}

#[test]
fn what_cannot_be_erased_says_why_and_changes_nothing() {
    let daemon = Daemon::start();
    let empty = tempfile::tempdir().expect("a directory");
    let status = |dir: &Path, args: &[&str]| {
        let output = run(dir, args);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = status(daemon.dir(), &["--session", "s", "--yes"]);
    assert!(code == Some(4) && said.contains("in use"), "{code:?} {said}");
    for args in [&["--yes"][..], &["--before", "yesterday"], &["--before", "2026-02-30"]] {
        assert_eq!(status(daemon.dir(), args).0, Some(2), "{args:?}");
    }
    let (code, said) = status(empty.path(), &["--session", "s"]);
    assert!(code == Some(2) && said.contains("no journal"), "{code:?} {said}");
    assert!(std::fs::read_dir(empty.path()).expect("a folder").next().is_none());
}
