//! Security: W63 to W69.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use pi_server_tests::daemon::fails_to_start;
use pi_server_tests::frames::refused;
use pi_server_tests::programs::program;
use pi_server_tests::{Daemon, Setup};
use serde_json::json;

/// `pi-server serve` ends with this when the command line makes no sense.
const STATUS_USAGE: i32 = 2;

/// An upgrade request with these headers: the status of the answer.
fn knock(daemon: &Daemon, path: &str, headers: &[&str]) -> u16 {
    let url = daemon.url();
    let address = url.strip_prefix("ws://").and_then(|url| url.split('/').next());
    let mut stream = TcpStream::connect(address.expect("an address")).expect("a listener");
    let mut request = format!("GET {path} HTTP/1.1\r\n");
    if !headers.iter().any(|header| header.starts_with("Host:")) {
        request.push_str("Host: localhost\r\n");
    }
    request.push_str("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
    request.push_str("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut status = [0; 12];
    stream.read_exact(&mut status).expect("an answer");
    let text = String::from_utf8_lossy(&status).into_owned();
    text.strip_prefix("HTTP/1.1 ").and_then(|code| code.parse().ok()).expect("a status")
}

/// The token of a daemon.
fn token(daemon: &Daemon) -> String {
    let url = daemon.url();
    url.split_once("token=").expect("a token in the URL").1.to_owned()
}

#[test]
fn w63_the_door_is_closed_to_web_pages_other_hosts_and_whoever_has_no_token() {
    let daemon = Setup::new().arg("--allow-origin").arg("http://localhost:5173").start();
    let bearer = format!("Authorization: Bearer {}", token(&daemon));
    assert_eq!(knock(&daemon, "/", &[&bearer]), 101);
    assert_eq!(knock(&daemon, "/", &[]), 401);
    // What a web page can send, and what only a program can.
    let query = format!("/?token={}", token(&daemon));
    for origin in ["Origin: https://evil.example", "Origin: null"] {
        assert_eq!(knock(&daemon, &query, &[origin]), 403);
        assert_eq!(knock(&daemon, "/", &[&bearer, origin]), 101);
    }
    assert_eq!(knock(&daemon, &query, &["Origin: http://localhost:5173"]), 101);
    // Names that somebody else had point at this machine, and those that are this machine.
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "", "::1"] {
        assert_eq!(knock(&daemon, "/", &[&bearer, &format!("Host: {host}")]), 421, "{host}");
    }
    for host in ["localhost:1", "127.0.0.1", "127.0.0.1:3141", "[::1]", "[::1]:3141"] {
        assert_eq!(knock(&daemon, "/", &[&bearer, &format!("Host: {host}")]), 101, "{host}");
    }
}

#[test]
fn w63_only_this_machine_is_listened_to_unless_there_is_a_token() {
    let dir = tempfile::tempdir().expect("a directory");
    for address in ["0.0.0.0:0", "[::]:0"] {
        let output = fails_to_start(dir.path(), &["--listen", address, "--auth", "none"]);
        assert_eq!(output.status.code(), Some(STATUS_USAGE));
    }
    let help = Command::new(program("pi-server")).args(["serve", "--help"]).output();
    let help = String::from_utf8(help.expect("help").stdout).expect("text");
    assert!(help.contains("[default: 127.0.0.1:3141]"), "{help}");
}

#[test]
fn w67_a_token_is_taken_whole_and_in_its_place_or_not_at_all() {
    let daemon = Daemon::start();
    let token = token(&daemon);
    let cases = [
        (format!("Authorization: Bearer {token}"), 101),
        (format!("Authorization: {token}"), 401),
        (format!("Authorization: Bearer {}", &token[1..]), 401),
        (format!("Authorization: Bearer {token}x"), 401),
        ("Authorization: Bearer".to_owned(), 401),
        (format!("Authorization: Bearer {}", "x".repeat(2_000)), 401),
        (format!("X-Token: {token}"), 401),
    ];
    for (header, expected) in cases {
        assert_eq!(knock(&daemon, "/", &[&header]), expected, "{header}");
    }
    assert_eq!(knock(&daemon, &format!("/?token={token}"), &[]), 101);
    assert_eq!(knock(&daemon, "/?token=", &[]), 401);
    // Who was refused is gone and not left on an open socket that nobody serves.
    let metrics = daemon.unix().ok(json!({ "type": "get_metrics" }));
    assert!(metrics["data"]["connectionCount"].as_u64() <= Some(3), "{metrics}");
}

#[test]
fn w69_a_path_is_judged_by_what_it_leads_to() {
    let daemon = Daemon::start();
    let outside = tempfile::tempdir().expect("a directory");
    let secret = outside.path().join("secret.jsonl");
    let header = json!({ "type": "session", "version": 3, "id": "x", "cwd": "/" });
    std::fs::write(&secret, format!("{header}\n")).expect("written");
    let allowed = daemon.dir().join("sessions");
    std::fs::create_dir_all(&allowed).expect("a directory");
    let link = allowed.join("link.jsonl");
    std::os::unix::fs::symlink(&secret, &link).expect("a link");
    let config = allowed.join("config.json");
    std::fs::write(&config, "{\"password\":\"x\"}").expect("written");
    let mut client = daemon.websocket();
    for path in [&secret, &link, &config] {
        let answer = client.call(json!({
            "type": "load_session", "sessionPath": path.to_str().expect("a path in UTF-8"),
        }));
        refused(&answer, "unavailable");
    }
    let stored = client.ok(json!({ "type": "list_stored_sessions" }));
    let sessions = stored["data"]["sessions"].as_array().expect("sessions");
    let ours = |session: &&serde_json::Value| {
        session["sessionPath"].as_str().is_some_and(|path| path.ends_with("config.json"))
    };
    assert!(!sessions.iter().any(|session| ours(&session)), "{stored}");
}
