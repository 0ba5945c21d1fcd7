//! What the person at the command line meets: exit statuses, `call`, signals.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use pi_server_tests::daemon::fails_to_start;
use pi_server_tests::programs::program;
use pi_server_tests::{Client, Daemon, PATIENCE, Setup};
use serde_json::{Value, json};

use crate::{prompt, session};

fn status(output: &std::process::Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn every_obstacle_has_its_own_exit_status_and_one_line_that_says_what_to_do() {
    let daemon = Daemon::start();
    let dir = tempfile::tempdir().expect("a directory");
    let url = daemon.url();
    let address = url.strip_prefix("ws://").and_then(|url| url.split('/').next());
    let taken = address.expect("an address");
    let file = dir.path().join("file");
    std::fs::write(&file, "").expect("written");
    let cases = [
        (fails_to_start(daemon.dir(), &["--listen", "127.0.0.1:0"]), 4),
        (fails_to_start(dir.path(), &["--listen", taken]), 5),
        (fails_to_start(&file.join("below"), &["--listen", "127.0.0.1:0"]), 6),
        (fails_to_start(dir.path(), &["--listen", "0.0.0.0:0", "--auth", "none"]), 2),
        (fails_to_start(dir.path(), &["--set", "limits.no_such=1"]), 2),
        (fails_to_start(dir.path(), &["--set", "limits.sessions_max=0"]), 2),
        (fails_to_start(dir.path(), &["--no-listen"]), 2),
    ];
    for (output, expected) in cases {
        let (code, text) = status(&output);
        assert_eq!(code, Some(expected), "{text}");
        assert_eq!(text.trim().lines().count(), 1, "{text}");
    }
}

/// Starts a daemon by a line of shell, after `before`, under the command `under`.
fn by_shell(before: &str, under: &str, dir: &Path) -> std::process::Output {
    let script = format!(
        "{before} && exec {under} \"$0\" serve --agent demo --no-listen --unix \"$1/socket\" \
         --data-dir \"$1\""
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(program("pi-server")).arg(dir);
    command.stdin(Stdio::null()).output().expect("sh can be run")
}

#[test]
fn a_lock_that_something_else_has_inherited_still_holds_and_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    // The lock belongs to a process that is no daemon, as if one had left it to its child.
    let output = by_shell("exec 9>\"$1/lock\" && flock 9", "", dir.path());
    let (code, text) = status(&output);
    assert_eq!(code, Some(4), "{text}");
    assert_eq!(text.trim().lines().count(), 1, "{text}");
    assert!(text.contains("is in use"), "{text}");
    // An agent does not inherit it: nothing that a daemon leaves behind keeps the next one out.
    let mut daemon = Daemon::start();
    let lock = std::fs::canonicalize(daemon.dir().join("lock")).expect("a lock");
    let handles = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).expect("handles");
    let mine = handles.map(|entry| entry.expect("a handle").path());
    let held: Vec<_> =
        mine.filter(|it| std::fs::read_link(it).is_ok_and(|to| to == lock)).collect();
    assert_eq!(held.len(), 1, "one handle of the lock");
    let number = held[0].file_name().expect("a number").to_string_lossy().into_owned();
    let info = std::fs::read_to_string(format!("/proc/{}/fdinfo/{number}", daemon.pid()));
    let info = info.expect("facts about a handle");
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).expect("flags");
    let flags = u32::from_str_radix(flags.trim(), 8).expect("an octal number");
    assert_ne!(flags & 0o2_000_000, 0, "close-on-exec");
    daemon.kill9();
}

#[test]
fn a_daemon_without_file_descriptors_says_so_in_one_line() {
    for handles in 3..40 {
        let dir = tempfile::tempdir().expect("a directory");
        // The one that has enough is told to stop.
        let limit = format!("ulimit -n {handles}");
        let output = by_shell(&limit, "timeout 1", dir.path());
        let (code, text) = status(&output);
        if code == Some(124) || code == Some(0) {
            assert!(handles > 10, "{handles} are not enough: {text}");
            return;
        }
        // With hardly any, the system cannot even load the program.
        if code == Some(127) {
            continue;
        }
        assert!(matches!(code, Some(1 | 5 | 6)), "{handles}: {code:?} {text}");
        assert_eq!(text.trim().lines().count(), 1, "{handles}: {text}");
        assert!(text.contains("Too many open files"), "{handles}: {text}");
    }
    panic!("no number of file descriptors is enough");
}

#[test]
fn nobody_else_can_read_any_file_that_a_busy_daemon_makes() {
    let mut daemon =
        Setup::new().arg("--segment-bytes").arg("65536").arg("--retain-bytes").arg("200K").start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let first = daemon.dir().join("journal/00000001.seg");
    let (until, mut number) = (Instant::now() + 4 * PATIENCE, 0);
    while first.exists() {
        number += 1;
        assert!(Instant::now() < until, "nothing is dropped");
        client.send(&prompt(&format!("p{number}"), "s", "[words:120] [delay:0]"));
        assert_eq!(client.response(&format!("p{number}"))["success"], true);
    }
    client.send(&prompt("torn", "s", "[words:2000] [delay:0]"));
    client.lifecycle("torn", "started");
    daemon.kill9();
    daemon.restart();
    let mut seen = Vec::new();
    walk(daemon.dir(), &mut seen);
    for name in ["journal", "snapshots", "bodies", "HEAD", "journal.key", "lock", "token"] {
        assert!(seen.iter().any(|path| path.ends_with(name)), "{name}: {seen:?}");
    }
    assert!(daemon.stop().success());
}

/// Every file and directory below this one, each of which must be for its owner only.
fn walk(dir: &Path, seen: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        // A segment may be dropped, a temporary file be renamed while this looks.
        let Ok(facts) = std::fs::symlink_metadata(&path) else { continue };
        let expected = if facts.is_dir() { 0o700 } else { 0o600 };
        let mode = facts.permissions().mode() & 0o7777;
        assert_eq!(mode, expected, "{} has mode {mode:o}", path.display());
        if facts.is_dir() {
            walk(&path, seen);
        }
        seen.push(path);
    }
}

#[test]
fn call_prints_responses_and_its_status_says_whether_they_succeeded() {
    let daemon = Daemon::start();
    let create = r#"{"type":"create_session","sessionId":"s"}"#;
    let created = daemon.call(&[create], "");
    assert_eq!(created.status.code(), Some(0), "{:?}", status(&created));
    let response: Value = serde_json::from_slice(&created.stdout).expect("one response");
    assert_eq!(response["data"]["sessionId"], "s");
    let again = daemon.call(&[create], "");
    assert_eq!(again.status.code(), Some(1));
    let lines = "{\"type\":\"list_sessions\"}\n\n{\"type\":\"health_check\"}\n";
    let both = daemon.call(&["-", "--unix", &daemon.socket().to_string_lossy()], lines);
    assert_eq!(both.status.code(), Some(0), "{:?}", status(&both));
    assert_eq!(String::from_utf8_lossy(&both.stdout).lines().count(), 2);
    let nobody = daemon.call(&["--url", "ws://127.0.0.1:1/", create], "");
    assert_eq!(nobody.status.code(), Some(5));
    let wrong = daemon.call(&["--token", "wrong", create], "");
    assert_eq!(wrong.status.code(), Some(5));
    assert!(status(&wrong).1.contains("401"), "{:?}", status(&wrong));
}

#[test]
fn a_signal_lets_what_is_in_flight_end() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("p", "s", "[words:20] [delay:5]"));
    client.event("s", "agent_start");
    daemon.signal("TERM");
    client.expect("server_shutdown", |frame| frame["type"] == "server_shutdown");
    client.send(&json!({ "id": "late", "type": "list_sessions" }));
    crate::refused(&client.response("late"), "shutting_down");
    assert_eq!(client.response("p")["success"], true);
    assert_eq!(client.closed(), Some(1001));
    assert!(daemon.wait().success());
    daemon.verify();
}

#[test]
fn a_second_signal_stops_at_once_and_the_next_start_recovers() {
    let mut daemon = Setup::new().start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("p", "s", "[stall]"));
    client.event("s", "agent_start");
    daemon.signal("INT");
    client.expect("server_shutdown", |frame| frame["type"] == "server_shutdown");
    daemon.signal("INT");
    assert!(daemon.wait().success());
    daemon.restart();
    let mut client = daemon.websocket();
    client.send(&prompt("p", "s", "[stall]"));
    crate::refused(&client.response("p"), "outcome_unknown");
    daemon.verify();
}

#[test]
fn what_an_operator_found_out_is_in_the_history_of_the_command() {
    let mut daemon = Setup::new().arg("--segment-bytes").arg("65536").start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("p", "s", "[stall]"));
    client.event("s", "agent_start");
    daemon.kill9();
    daemon.restart();
    let mut client = daemon.websocket();
    client.send(&prompt("p", "s", "[stall]"));
    crate::refused(&client.response("p"), "outcome_unknown");
    client.send(&json!({
        "id": "r", "type": "reconcile_command", "commandId": "p", "outcome": "succeeded",
        "note": "the file was written",
    }));
    assert_eq!(client.response("r")["success"], true);
    client.send(&prompt("p", "s", "[stall]"));
    assert_eq!(client.response("p")["success"], true, "replays see it");
    // So much that what is asked for comes from an index.
    for number in 0..400 {
        let id = format!("h{number}");
        client.send(&json!({ "id": id, "type": "health_check" }));
        client.response(&id);
    }
    let told = |client: &mut Client, id: &str| {
        client.send(&json!({ "id": id, "type": "get_command_history", "commandId": "p" }));
        client.response(id)["data"]["entries"].clone()
    };
    let before = told(&mut client, "before");
    assert_eq!(before[0]["commandId"], "r");
    assert_eq!(
        before[0]["reconciles"],
        json!({ "commandId": "p", "outcome": "succeeded", "note": "the file was written" })
    );
    assert_eq!((&before[1]["commandId"], &before[1]["success"]), (&json!("p"), &json!(false)));
    assert!(before.get(2).is_none(), "{before}");
    daemon.kill9();
    daemon.restart();
    assert_eq!(told(&mut daemon.websocket(), "after"), before);
    daemon.verify();
}
