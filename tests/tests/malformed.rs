//! The table of PROTOCOL.md section 3, on every transport, and what keeps a daemon from starting.

use std::net::TcpListener;
use std::process::Output;

use pi_server_core::input::{InputKind, JsonProblem, Malformed};
use pi_server_tests::daemon::fails_to_start;
#[cfg(feature = "mounts")]
use pi_server_tests::disk::with_mounts;
use pi_server_tests::frames::{count, refused, session};
use pi_server_tests::journal::Journal;
use pi_server_tests::{Client, Daemon, Setup};
use serde_json::{Value, json};

const FRAME_BYTES_MAX: u64 = 8_192;
/// Where the duplicate key of [`broken_json`] is noticed: at the end of its object.
const DUPLICATE_AT: usize = 39;

/// A frame that is no command, and what it is answered.
struct Case {
    frame: Vec<u8>,
    code: &'static str,
    /// The whole text, or the beginning of it if it ends with `…`.
    error: String,
    /// `command` and `id` of the response.
    command: &'static str,
    id: Option<&'static str>,
}

fn case(frame: impl Into<Vec<u8>>, code: &'static str, error: impl Into<String>) -> Case {
    Case { frame: frame.into(), code, error: error.into(), command: "unknown", id: None }
}

fn not_json(frame: impl Into<Vec<u8>>, at: usize) -> Case {
    case(frame, "malformed", format!("Invalid JSON at byte {at}: …"))
}

fn no_object(frame: &str) -> Case {
    case(frame, "malformed", "Command must be a JSON object")
}

/// A frame of `list_sessions` in which one field is wrong.
fn invalid(fields: &str, error: &str) -> Case {
    let frame = format!("{{\"type\":\"list_sessions\"{fields}}}");
    let error = format!("Validation failed: {error}");
    Case { command: "list_sessions", ..case(frame, "invalid", error) }
}

fn id(case: Case, id: &'static str) -> Case {
    Case { id: Some(id), ..case }
}

/// A frame of this many bytes in all.
fn padded(bytes: u64) -> String {
    let (head, tail) = ("{\"id\":\"fits\",\"type\":\"list_sessions\",\"pad\":\"", "\"}");
    let pad = usize::try_from(bytes).expect("a length") - head.len() - tail.len();
    format!("{head}{}{tail}", "x".repeat(pad))
}

fn broken_json() -> Vec<Case> {
    let key = "{\"type\":\"list_sessions\",\"a\":";
    vec![
        not_json("", 0),
        not_json("   ", 3),
        not_json("{", 1),
        not_json("{\"type\":\"list_sessions\"", 23),
        not_json("{\"type\":}", 8),
        not_json("{'type':1}", 1),
        not_json("{\"type\":\"list_sessions\"}{}", 24),
        not_json("{\"type\":\"list_sessions\",}", 24),
        not_json("nul", 3),
        not_json("NaN", 0),
        not_json("\u{feff}{}", 0),
        // A key twice, once in other letters.
        not_json(format!("{key}1,\"\\u0061\":2}}"), DUPLICATE_AT),
        // One level more than is allowed.
        not_json(format!("{key}{}{}}}", "[".repeat(128), "]".repeat(128)), key.len() + 127),
        not_json("[".repeat(8_000), 128),
        not_json(format!("{key}1e308}}"), key.len()),
        not_json(format!("{key}-1e999}}"), key.len()),
        not_json(format!("{key}{}}}", "1".repeat(401)), key.len()),
        not_json(format!("{key}01}}"), key.len() + 1),
        not_json(format!("{key}\"\\ud800\"}}"), key.len() + 1),
        not_json(format!("{key}\"\\x\"}}"), key.len() + 1),
        not_json(format!("{key}\"a\tb\"}}"), key.len() + 2),
    ]
}

fn other_values() -> Vec<Case> {
    [
        "null",
        "true",
        "0",
        "-1.5e3",
        "\"text\"",
        "\"\"",
        "[]",
        "[{\"type\":\"list_sessions\"}]",
        " null ",
    ]
    .map(no_object)
    .into()
}

fn no_commands() -> Vec<Case> {
    let long = "x".repeat(257);
    let missing = "Validation failed: type: Command must have a string 'type' field";
    let many = vec!["\"d\""; 33].join(",");
    let state = "{\"type\":\"get_state\"";
    let needed = "Validation failed: sessionId: Session commands must have a non-empty string \
                  'sessionId'";
    let of = |command, case| Case { command, ..case };
    vec![
        case("{}", "invalid", missing),
        case("{\"type\":null}", "invalid", missing),
        case("{\"type\":7}", "invalid", missing),
        case("{\"type\":[\"list_sessions\"]}", "invalid", missing),
        id(case("{\"id\":\"i\"}", "invalid", missing), "i"),
        of(
            "no_such",
            case(
                "{\"type\":\"no_such\"}",
                "invalid",
                "Validation failed: type: Unknown command type 'no_such'",
            ),
        ),
        of(
            "hello",
            case(
                "{\"type\":\"hello\",\"client\":\"late\"}",
                "invalid",
                "Validation failed: type: Unknown command type 'hello'",
            ),
        ),
        invalid(",\"id\":7", "id: Must be a non-empty string if provided"),
        invalid(",\"id\":null", "id: Must be a non-empty string if provided"),
        invalid(",\"id\":\"\"", "id: Must be a non-empty string if provided"),
        id(invalid(",\"id\":\"  \"", "id: Must be a non-empty string if provided"), "  "),
        invalid(&format!(",\"id\":\"{long}\""), "id: Too long (max 256 chars)"),
        id(invalid(",\"id\":\"anon:1\"", "id: Cannot use reserved prefix 'anon:'"), "anon:1"),
        invalid(",\"idempotencyKey\":{}", "idempotencyKey: Must be a non-empty string if provided"),
        invalid(
            &format!(",\"idempotencyKey\":\"{long}\""),
            "idempotencyKey: Too long (max 256 chars)",
        ),
        id(
            invalid(
                ",\"id\":\"i\",\"dependsOn\":\"a\"",
                "dependsOn: Must be an array of command IDs",
            ),
            "i",
        ),
        id(
            invalid(
                &format!(",\"id\":\"i\",\"dependsOn\":[{many}]"),
                "dependsOn: Too many dependencies (max 32)",
            ),
            "i",
        ),
        id(
            invalid(
                ",\"id\":\"i\",\"dependsOn\":[\"a\",7]",
                "dependsOn[1]: Must be a non-empty command ID string",
            ),
            "i",
        ),
        invalid(",\"dependsOn\":[\"a\"]", "id: Required when dependsOn is provided"),
        invalid(
            ",\"ifSessionVersion\":0",
            "ifSessionVersion: Only supported for session-targeted commands",
        ),
        invalid(",\"timeoutMs\":\"1\"", "timeoutMs: Must be an integer if provided"),
        invalid(",\"timeoutMs\":1.5", "timeoutMs: Must be an integer if provided"),
        invalid(",\"timeoutMs\":0", "timeoutMs: Must be between 1 and 86400000"),
        invalid(",\"timeoutMs\":1e300", "timeoutMs: Must be between 1 and 86400000"),
        of("get_state", case(format!("{state}}}"), "invalid", needed)),
        of("get_state", case(format!("{state},\"sessionId\":5}}"), "invalid", needed)),
        of(
            "get_state",
            case(
                format!("{state},\"sessionId\":\"s\",\"ifSessionVersion\":-1}}"),
                "invalid",
                "Validation failed: ifSessionVersion: Must be a non-negative integer",
            ),
        ),
        id(
            invalid(
                ",\"id\":\"anon:\",\"timeoutMs\":-1",
                "id: Cannot use reserved prefix 'anon:'; timeoutMs: Must be between 1 and 86400000",
            ),
            "anon:",
        ),
    ]
}

fn cases() -> Vec<Case> {
    let mut all = broken_json();
    all.extend(other_values());
    all.extend(no_commands());
    let size = FRAME_BYTES_MAX + 1;
    let large = format!("Message size {size} exceeds limit {FRAME_BYTES_MAX}");
    all.push(case(padded(size), "frame_too_large", large));
    all
}

/// What is no UTF-8: as a binary message on a WebSocket, whose text messages would end the
/// connection (RFC 6455), and as a line elsewhere.
fn no_text() -> Vec<Case> {
    vec![
        case(*b"\xff", "malformed", "Invalid UTF-8 at byte 0"),
        case(*b"{\"type\":\"\xc3\"}", "malformed", "Invalid UTF-8 at byte 9"),
        case(*b"{\"type\":\"\xed\xa0\x80\"}", "malformed", "Invalid UTF-8 at byte 9"),
        case([0x80; 100], "malformed", "Invalid UTF-8 at byte 0"),
    ]
}

fn check(name: &str, case: &Case, answer: &Value) {
    let frame = String::from_utf8_lossy(&case.frame[..case.frame.len().min(200)]).into_owned();
    let context = format!("{name}: {frame} was answered {answer}");
    assert_eq!(answer["success"], false, "{context}");
    assert_eq!(answer["errorCode"], case.code, "{context}");
    assert_eq!(answer["command"], case.command, "{context}");
    assert_eq!(answer.get("id").and_then(Value::as_str), case.id, "{context}");
    assert_eq!(answer.get("laneSequence"), None, "{context}");
    let error = answer["error"].as_str().expect("a text");
    match case.error.strip_suffix('…') {
        Some(beginning) => {
            assert!(error.starts_with(beginning), "expected {beginning}…; {context}");
            assert!(error.len() > beginning.len(), "{context}");
        }
        None => assert_eq!(error, case.error, "{context}"),
    }
}

fn on_every_transport(daemon: &mut Daemon) -> [(&'static str, Client); 3] {
    [("WebSocket", daemon.websocket()), ("Unix socket", daemon.unix()), ("stdio", daemon.stdio())]
}

#[test]
fn every_malformed_frame_gets_its_answer_on_every_transport() {
    let mut daemon = Setup::new().stdio().limit("frame_bytes_max", FRAME_BYTES_MAX).start();
    for (name, mut client) in on_every_transport(&mut daemon) {
        for case in cases() {
            let text = std::str::from_utf8(&case.frame).expect("these are text");
            client.send_text(text);
            let answer = client.expect(text, |frame| frame["type"] == "response");
            check(name, &case, &answer);
        }
        for case in no_text() {
            client.send_bytes(&case.frame);
            let answer = client.expect("an answer", |frame| frame["type"] == "response");
            check(name, &case, &answer);
        }
        // Calls of this harness are the only commands that were ever admitted.
        let admitted = count(&client, |frame| {
            let id = frame["data"]["commandId"].as_str().unwrap_or_default();
            frame["type"] == "command_accepted" && !id.starts_with("call-")
        });
        assert_eq!(admitted, 0, "{name}");
        client.ok(json!({ "type": "list_sessions" }));
    }
    daemon.verify();
}

#[test]
fn what_is_allowed_at_the_bounds_is_taken() {
    let mut daemon = Setup::new().stdio().limit("frame_bytes_max", FRAME_BYTES_MAX).start();
    let longest = "\u{e9}".repeat(256);
    let key = "{\"id\":\"fits\",\"type\":\"list_sessions\",\"a\":";
    for (name, mut client) in on_every_transport(&mut daemon) {
        let frames = [
            padded(FRAME_BYTES_MAX),
            format!(" \t{key}1}} "),
            format!("{key}{}{}}}", "[".repeat(127), "]".repeat(127)),
            format!("{key}{}}}", "1".repeat(308)),
            format!("{key}9.9e307}}"),
            format!("{key}\"\\ud83d\\ude00\\u0000\"}}"),
            format!("{key}{{\"a\":1}}}}"),
        ];
        for (number, frame) in frames.iter().enumerate() {
            let id = format!("{name} {number}");
            let room = id.len() - "fits".len();
            let frame = frame.replacen("fits", &id, 1).replacen(&"x".repeat(room), "", 1);
            client.send_text(&frame);
            assert_eq!(client.response(&id)["success"], true, "{name}: {frame}");
        }
        client.send(&json!({ "id": format!("{}{longest}", ""), "type": "health_check" }));
        assert_eq!(client.response(&longest)["success"], true);
        // A binary message is the same text; on a line there is no difference.
        client.send_bytes(format!("{{\"id\":\"{name} b\",\"type\":\"list_sessions\"}}").as_bytes());
        assert_eq!(client.response(&format!("{name} b"))["success"], true);
    }
    daemon.verify();
}

#[test]
fn a_frame_far_too_large_leaves_the_next_one_readable_on_a_line_and_ends_a_web_socket() {
    let mut daemon = Setup::new().stdio().limit("frame_bytes_max", FRAME_BYTES_MAX).start();
    for (name, mut client) in on_every_transport(&mut daemon) {
        let size = FRAME_BYTES_MAX * 5;
        client.send_text(&padded(size));
        if name == "WebSocket" {
            assert_eq!(client.closed(), Some(1009), "more than four times the limit");
            continue;
        }
        let answer = client.expect("an answer", |frame| frame["type"] == "response");
        refused(&answer, "frame_too_large");
        client.ok(json!({ "type": "list_sessions" }));
    }
    daemon.unix().ok(json!({ "type": "health_check" }));
    daemon.verify();
}

#[test]
fn text_that_is_no_utf_8_ends_a_web_socket_as_its_standard_demands() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    client.send_bad_text();
    assert_eq!(client.closed(), Some(1007));
    daemon.websocket().ok(json!({ "type": "health_check" }));
}

#[test]
fn every_malformed_frame_is_in_the_journal() {
    let daemon = Setup::new().limit("frame_bytes_max", FRAME_BYTES_MAX).start();
    let mut client = daemon.websocket();
    let mut sent = 0;
    for case in cases() {
        client.send_text(std::str::from_utf8(&case.frame).expect("these are text"));
        client.expect("an answer", |frame| frame["type"] == "response");
        sent += 1;
    }
    for case in no_text() {
        client.send_bytes(&case.frame);
        client.expect("an answer", |frame| frame["type"] == "response");
        sent += 1;
    }
    let journal = Journal::read(daemon.dir());
    let mut found: Vec<(Malformed, Vec<u8>)> = Vec::new();
    for recorded in journal.inputs {
        if let InputKind::Malformed { malformed, .. } = recorded.input.kind {
            found.push((*malformed, recorded.body));
        }
    }
    assert_eq!(found.len(), sent, "one record for each");
    for ((malformed, body), case) in found.iter().zip(cases().into_iter().chain(no_text())) {
        assert!(case.frame.starts_with(body), "the record has the frame, or its beginning");
        let code = match malformed {
            Malformed::TooLarge { .. } => "frame_too_large",
            Malformed::NotUtf8 { .. } | Malformed::NotJson { .. } | Malformed::NotAnObject => {
                "malformed"
            }
            Malformed::Invalid { .. } => "invalid",
        };
        assert_eq!(code, case.code);
    }
    let at = u64::try_from(DUPLICATE_AT).expect("an offset");
    let twice = Malformed::NotJson { at, problem: JsonProblem::DuplicateKey };
    assert!(found.iter().any(|(malformed, _)| *malformed == twice));
    daemon.verify();
}

/// The exit status and the one line that says what to do.
fn complaint(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    assert_eq!(text.lines().count(), 1, "{text}");
    (output.status.code(), text)
}

#[test]
fn a_port_that_is_taken_a_journal_that_is_locked_and_a_socket_that_is_used_are_named() {
    let daemon = Daemon::start();
    let dir = tempfile::tempdir().expect("a directory");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = listener.local_addr().expect("an address").to_string();
    let (code, text) = complaint(&fails_to_start(dir.path(), &["--listen", &taken]));
    assert_eq!(code, Some(5), "{text}");
    assert!(text.contains(&taken) && text.contains("--listen"), "{text}");
    let (code, text) = complaint(&fails_to_start(daemon.dir(), &["--listen", "127.0.0.1:0"]));
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains(&daemon.pid().to_string()), "it says who has it: {text}");
    let socket = daemon.socket();
    let arguments = ["--no-listen", "--unix", socket.to_str().expect("a path in UTF-8")];
    let (code, text) = complaint(&fails_to_start(dir.path(), &arguments));
    assert_eq!(code, Some(5), "{text}");
    assert!(text.contains("--unix"), "{text}");
    daemon.unix().ok(json!({ "type": "health_check" }));
}

/// How a daemon is started in a script, with its directory as `$0` and the program as `$1`.
#[cfg(feature = "mounts")]
const SERVE: &str = "\"$1\" serve --agent demo --no-listen --unix --data-dir \"$0\"";

#[cfg(feature = "mounts")]
#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = format!("mount -t tmpfs -o ro none \"$0\" && exec {SERVE}");
    let output = with_mounts(&script, dir.path()).output().expect("`unshare` runs");
    let (code, text) = complaint(&output);
    assert_eq!(code, Some(6), "{text}");
    assert!(text.contains(dir.path().to_str().expect("a path in UTF-8")), "{text}");
}

#[cfg(feature = "mounts")]
#[test]
fn a_disk_that_is_full_at_the_start_is_named_and_a_later_start_succeeds() {
    let dir = tempfile::tempdir().expect("a directory");
    // Room for the small files, not for a segment; then room for all.
    let script = format!(
        "mount -t tmpfs -o size=1m none \"$0\" && {SERVE}; echo $? && mount -o remount,size=128m \
         \"$0\" && timeout -s TERM 2 {SERVE} --quiet; echo $?"
    );
    let output = with_mounts(&script, dir.path()).output().expect("`unshare` runs");
    let text = String::from_utf8_lossy(&output.stderr);
    let codes = String::from_utf8_lossy(&output.stdout);
    let codes: Vec<&str> = codes.lines().collect();
    // `timeout` says 124 if it had to end what it ran, which is what a daemon waits for.
    assert_eq!(codes, ["7", "124"], "{text}");
    assert_eq!(text.trim().lines().count(), 1, "{text}");
    assert!(text.contains("full") || text.contains("space"), "{text}");
}

#[test]
fn a_session_created_after_a_storm_of_bad_frames_is_like_any_other() {
    let daemon = Daemon::start();
    let mut client = daemon.unix();
    let storm = ["null", "{", "[]", "", "{\"type\":7}", "\"\\ud800\""].join("\n");
    for _ in 0..200 {
        client.send_text(&storm);
    }
    session(&mut client, "s");
    let answers = client.seen().iter().filter(|frame| frame["success"] == false).count();
    assert_eq!(answers, 200 * 6);
    let metrics = client.ok(json!({ "type": "get_metrics" }));
    assert_eq!(metrics["data"]["commandsRejected"]["malformed"], 200 * 6);
    daemon.verify();
}
