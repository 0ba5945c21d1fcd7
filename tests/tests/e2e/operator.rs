//! What the person at the command line meets: exit statuses, `call`, signals.

use pi_server_tests::daemon::fails_to_start;
use pi_server_tests::{Daemon, Setup};
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
