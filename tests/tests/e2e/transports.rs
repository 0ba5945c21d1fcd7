//! The ways in. PROTOCOL.md sections 2 and 3.

use pi_server_tests::{Daemon, Setup};
use serde_json::json;

use crate::{refused, session};

#[test]
fn all_transports_speak_the_same_protocol() {
    let mut daemon = Setup::new().stdio().start();
    let mut clients = [daemon.websocket(), daemon.unix(), daemon.stdio()];
    for (number, client) in clients.iter_mut().enumerate() {
        session(client, &format!("s{number}"));
    }
    for client in &mut clients {
        let sessions = client.ok(json!({ "type": "list_sessions" }));
        assert_eq!(sessions["data"]["sessions"].as_array().map(Vec::len), Some(3));
        for number in 0..3 {
            client.expect("session_created", |frame| {
                frame["type"] == "session_created"
                    && frame["data"]["sessionId"] == format!("s{number}")
            });
        }
    }
    daemon.verify();
}

#[test]
fn bad_frames_are_answered_and_the_connection_lives_on() {
    let daemon = Setup::new().limit("frame_bytes_max", 4_096).start();
    for mut client in [daemon.websocket(), daemon.unix()] {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let huge = format!("{{\"type\":\"list_sessions\",\"pad\":\"{}\"}}", "x".repeat(5_000));
        let cases: [(&str, &str); 9] = [
            ("null", "malformed"),
            ("{", "malformed"),
            ("[]", "malformed"),
            ("", "malformed"),
            ("{\"a\":1,\"a\":2}", "malformed"),
            (&deep, "malformed"),
            ("{\"type\":\"no such thing\"}", "invalid"),
            ("{\"type\":\"get_state\"}", "invalid"),
            (&huge, "frame_too_large"),
        ];
        for (text, code) in cases {
            client.send_text(text);
            let answer = client.expect(text, |frame| frame["type"] == "response");
            refused(&answer, code);
        }
        client.send_bytes(b"{\"type\":\"\xff\"}");
        let answer = client.expect("bad UTF-8", |frame| frame["type"] == "response");
        refused(&answer, "malformed");
        client.ok(json!({ "type": "list_sessions" }));
    }
    daemon.verify();
}

#[test]
fn the_end_of_input_comes_after_the_last_answer_and_ends_a_daemon_that_has_no_other_way_in() {
    let mut daemon = Setup::new().only_stdio().start();
    let mut client = daemon.stdio();
    session(&mut client, "s");
    client.send(&json!({
        "id": "p", "type": "prompt", "sessionId": "s", "message": "[words:3] [delay:10]",
    }));
    client.finish();
    assert_eq!(client.response("p")["success"], true);
    assert!(daemon.wait().success());
    daemon.verify();
}

#[test]
fn a_half_closed_socket_gets_the_answers_it_waits_for() {
    let daemon = Daemon::start();
    let mut client = daemon.unix();
    session(&mut client, "s");
    client.send(&json!({
        "id": "p", "type": "prompt", "sessionId": "s", "message": "[words:3] [delay:10]",
    }));
    client.finish();
    assert_eq!(client.response("p")["success"], true);
    assert_eq!(client.closed(), None);
}
