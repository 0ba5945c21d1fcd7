use alloc::string::{String, ToString};
use alloc::{format, vec};

use super::*;
use crate::command::TABLE;
use crate::failure::Failure;
use crate::input::{Details, Interest, JsonProblem};
use crate::wire::failure_text;
use crate::wire::random::{Random, json_text, seeds};

fn decoded(frame: &str) -> Result<Envelope, Malformed> {
    decode(frame.as_bytes(), &Limits::default(), &Secret::new([7; 32]))
}

fn accepted(frame: &str) -> Envelope {
    decoded(frame).unwrap_or_else(|malformed| panic!("{frame} gave {malformed:?}"))
}

/// The words with which a frame is refused.
fn refused(frame: &str) -> String {
    let malformed = decoded(frame).expect_err(frame);
    failure_text(&Failure::Malformed(malformed), None)
}

/// What is wrong with a command of session `s`, without the introduction.
fn wrong(fields: &str) -> String {
    let text = refused(&format!(r#"{{"sessionId":"s",{fields}}}"#));
    text.strip_prefix("Validation failed: ").expect(&text).to_string()
}

#[test]
fn a_frame_that_is_no_object_is_malformed() {
    let limits = Limits { frame_bytes_max: 30, ..Limits::default() };
    let secret = Secret::new([7; 32]);
    let exact = br#"{"type":"list_sessions"      }"#;
    assert!(decode(exact, &limits, &secret).is_ok());
    assert_eq!(
        decode(&[b' '; 31], &limits, &secret),
        Err(Malformed::TooLarge { size: 31, max: 30 })
    );
    assert_eq!(decode(b"\"\xff\"", &limits, &secret), Err(Malformed::NotUtf8 { at: 1 }));
    let end = Malformed::NotJson { at: 0, problem: JsonProblem::End };
    assert_eq!(decoded(""), Err(end));
    for text in ["null", "0", "true", "\"list_sessions\"", "[]", "[{\"type\":\"list_sessions\"}]"] {
        assert_eq!(decoded(text), Err(Malformed::NotAnObject), "{text}");
    }
    for (frame, words) in [
        ("", "Invalid JSON at byte 0: the text ends too early"),
        ("{} {}", "Invalid JSON at byte 3: something follows the value"),
        ("{x}", "Invalid JSON at byte 1: unexpected character"),
        ("{\"a\":1,\"a\":1}", "Invalid JSON at byte 11: duplicate key"),
        ("\"\\x\"", "Invalid JSON at byte 1: bad escape or control character in a string"),
        ("01", "Invalid JSON at byte 1: not a number that can be carried"),
        ("null", "Command must be a JSON object"),
    ] {
        assert_eq!(refused(frame), words, "{frame}");
    }
    let deep = "[".repeat(20_000);
    assert_eq!(refused(&deep), "Invalid JSON at byte 128: nested too deeply (max 128 levels)");
}

#[test]
fn the_type_must_be_a_known_one() {
    let missing = "Validation failed: type: Command must have a string 'type' field";
    for frame in ["{}", r#"{"type":5}"#, r#"{"type":null}"#, r#"{"type":["prompt"]}"#] {
        assert_eq!(refused(frame), missing, "{frame}");
    }
    let empty = format!("{missing}; type: Unknown command type ''");
    assert_eq!(refused(r#"{"type":""}"#), empty);
    let unknown = "Validation failed: type: Unknown command type 'list_session'";
    assert_eq!(refused(r#"{"type":"list_session"}"#), unknown);
}

#[test]
fn a_refusal_names_the_request_as_far_as_it_can_be_used() {
    let identity = |frame: &str| match decoded(frame) {
        Err(Malformed::Invalid { id, command, problems: _ }) => (id, command),
        other => panic!("{frame} gave {other:?}"),
    };
    let text = |text: &str| Some(Text::from(text));
    assert_eq!(identity(r#"{"id":"1","type":"x"}"#), (text("1"), text("x")));
    assert_eq!(identity(r#"{"id":" ","type":7}"#), (text(" "), None));
    assert_eq!(identity(r#"{"id":7}"#), (None, None));
    assert_eq!(identity(r#"{"id":"","type":""}"#), (None, text("")));
    assert_eq!(identity(r#"{"id":"anon:7","type":"list_sessions"}"#).0, text("anon:7"));
    let long = "x".repeat(257);
    let (id, command) = identity(&format!(r#"{{"id":"{long}","type":"{long}"}}"#));
    assert_eq!((id, command), (None, text(&long[..256])));
}

#[test]
fn the_envelope_is_validated_in_order() {
    let long = "é".repeat(257);
    let list = |fields: &str| {
        let text = refused(&format!(r#"{{"type":"list_sessions",{fields}}}"#));
        text.strip_prefix("Validation failed: ").expect(&text).to_string()
    };
    let ids = vec!["\"a\""; 33].join(",");
    for (fields, words) in [
        (r#""id":"""#, "id: Must be a non-empty string if provided"),
        (r#""id":" \t""#, "id: Must be a non-empty string if provided"),
        (r#""id":null"#, "id: Must be a non-empty string if provided"),
        (r#""id":1"#, "id: Must be a non-empty string if provided"),
        (&format!(r#""id":"{long}""#), "id: Too long (max 256 chars)"),
        (r#""id":"anon:1""#, "id: Cannot use reserved prefix 'anon:'"),
        (r#""idempotencyKey":5"#, "idempotencyKey: Must be a non-empty string if provided"),
        (r#""idempotencyKey":"\u2003""#, "idempotencyKey: Must be a non-empty string if provided"),
        (&format!(r#""idempotencyKey":"{long}""#), "idempotencyKey: Too long (max 256 chars)"),
        (r#""id":"1","dependsOn":"a""#, "dependsOn: Must be an array of command IDs"),
        (r#""id":"1","dependsOn":null"#, "dependsOn: Must be an array of command IDs"),
        (&format!(r#""id":"1","dependsOn":[{ids}]"#), "dependsOn: Too many dependencies (max 32)"),
        (
            r#""id":"1","dependsOn":["a"," ",3]"#,
            "dependsOn[1]: Must be a non-empty command ID string; \
             dependsOn[2]: Must be a non-empty command ID string",
        ),
        (&format!(r#""id":"1","dependsOn":["{long}"]"#), "dependsOn[0]: Too long (max 256 chars)"),
        (r#""dependsOn":["a"]"#, "id: Required when dependsOn is provided"),
        (r#""timeoutMs":"5""#, "timeoutMs: Must be an integer if provided"),
        (r#""timeoutMs":1.5"#, "timeoutMs: Must be an integer if provided"),
        (r#""timeoutMs":0"#, "timeoutMs: Must be between 1 and 86400000"),
        (r#""timeoutMs":86400001"#, "timeoutMs: Must be between 1 and 86400000"),
        (r#""timeoutMs":-1"#, "timeoutMs: Must be between 1 and 86400000"),
        (
            r#""ifSessionVersion":3"#,
            "ifSessionVersion: Only supported for session-targeted commands",
        ),
    ] {
        assert_eq!(list(fields), words, "{fields}");
    }
    for bad in ["-1", "1.5", "\"1\"", "null", "18446744073709551616"] {
        let words = "ifSessionVersion: Must be a non-negative integer";
        assert_eq!(wrong(&format!(r#""type":"get_state","ifSessionVersion":{bad}"#)), words);
    }
    let everything = refused(
        r#"{"type":"get_state","timeoutMs":0,"ifSessionVersion":-1,"dependsOn":[""],
            "idempotencyKey":"","id":""}"#,
    );
    assert_eq!(
        everything,
        "Validation failed: id: Must be a non-empty string if provided; \
         idempotencyKey: Must be a non-empty string if provided; \
         dependsOn[0]: Must be a non-empty command ID string; \
         ifSessionVersion: Must be a non-negative integer; \
         timeoutMs: Must be between 1 and 86400000; \
         sessionId: Session commands must have a non-empty string 'sessionId'"
    );
}

#[test]
fn at_most_sixteen_problems_are_listed() {
    let ids = vec!["0"; 32].join(",");
    let Err(Malformed::Invalid { problems, .. }) =
        decoded(&format!(r#"{{"id":"1","type":"list_sessions","dependsOn":[{ids}]}}"#))
    else {
        panic!("accepted")
    };
    assert_eq!(problems.len(), PROBLEMS_MAX);
}

#[test]
fn commands_about_a_session_must_name_it() {
    let long = "x".repeat(257);
    for row in TABLE.iter().filter(|row| row.target == Target::Session) {
        let name = row.name;
        let words = match row.kind {
            CommandKind::DeleteSession | CommandKind::SwitchSession | CommandKind::Unsubscribe => {
                "sessionId: Required non-empty string"
            }
            _ => "sessionId: Session commands must have a non-empty string 'sessionId'",
        };
        for session in ["", r#","sessionId":"""#, r#","sessionId":" ""#, r#","sessionId":5"#] {
            let text = refused(&format!(r#"{{"type":"{name}"{session}}}"#));
            assert!(text.contains(words), "{name}{session}: {text}");
        }
        let text = refused(&format!(r#"{{"type":"{name}","sessionId":"{long}"}}"#));
        assert!(text.contains("sessionId: Too long (max 256 chars)"), "{name}: {text}");
    }
    // Characters are checked where a session is made; elsewhere an odd name is not found.
    assert_eq!(
        accepted(r#"{"type":"get_state","sessionId":"../ö"}"#).session.as_deref(),
        Some("../ö")
    );
    for kind in ["create_session", r#"load_session","sessionPath":"/a.jsonl"#] {
        for (session, words) in [
            (r#""""#, "sessionId: Must be a non-empty string if provided"),
            ("5", "sessionId: Must be a non-empty string if provided"),
            (&*format!("\"{long}\""), "sessionId: Too long (max 256 chars)"),
            (
                r#""a/b""#,
                "sessionId: Must contain only alphanumeric characters, underscores, dashes, and dots",
            ),
        ] {
            let frame = format!(r#"{{"type":"{kind}","sessionId":{session}}}"#);
            assert_eq!(refused(&frame), format!("Validation failed: {words}"));
        }
        let frame = format!(r#"{{"type":"{kind}","sessionId":"A-z_0.9"}}"#);
        assert_eq!(accepted(&frame).session.as_deref(), Some("A-z_0.9"));
    }
}

#[test]
fn an_envelope_has_what_decisions_depend_on() {
    let envelope = accepted(
        r#"{"id":" a ","type":"prompt","sessionId":"s","message":"/x","dependsOn":["b","b"],
            "ifSessionVersion":3e0,"idempotencyKey":"k","timeoutMs":5000.0}"#,
    );
    assert_eq!(envelope.kind, CommandKind::Prompt);
    // Tested trimmed, kept as it came.
    assert_eq!(envelope.id.as_deref(), Some(" a "));
    assert_eq!(envelope.session.as_deref(), Some("s"));
    assert_eq!(envelope.depends_on, [Text::from("b"), Text::from("b")]);
    assert_eq!(envelope.if_session_version, Some(3));
    assert_eq!(envelope.idempotency_key.as_deref(), Some("k"));
    assert_eq!(envelope.timeout_ms, Some(5_000));
    assert_eq!(envelope.details, Details::Prompt { streaming: false, slash: true });

    let bare = accepted(r#"{"type":"list_sessions","dependsOn":[],"unknown":{"x":1}}"#);
    assert_eq!((bare.id, bare.idempotency_key, bare.timeout_ms), (None, None, None));
    assert_eq!((bare.depends_on.len(), bare.if_session_version), (0, None));
}

#[test]
fn a_stray_session_on_a_server_command_means_nothing() {
    let with = accepted(r#"{"type":"list_sessions","sessionId":"s"}"#);
    assert_eq!(with.session, None);
    assert_ne!(with.fingerprint, accepted(r#"{"type":"list_sessions"}"#).fingerprint);
    assert_eq!(accepted(r#"{"type":"list_sessions","sessionId":5}"#).session, None);
}

#[test]
fn a_version_may_be_expected_of_every_session_that_is_named() {
    for row in TABLE {
        let frame = format!(r#"{{"type":"{}","sessionId":"s","ifSessionVersion":1}}"#, row.name);
        let text = decoded(&frame).map_or_else(
            |malformed| failure_text(&Failure::Malformed(malformed), None),
            |_| String::new(),
        );
        let is_refused = text.contains("ifSessionVersion: Only supported");
        assert_eq!(is_refused, row.target != Target::Session, "{}: {text}", row.name);
    }
}

#[test]
fn details_are_taken_from_the_fields() {
    let details = |frame: &str| accepted(frame).details;
    assert_eq!(
        details(r#"{"type":"prompt","sessionId":"s","message":"x","streamingBehavior":"steer"}"#),
        Details::Prompt { streaming: true, slash: false }
    );
    assert_eq!(details(r#"{"type":"create_session"}"#), Details::Create { cwd: None });
    assert_eq!(details(r#"{"type":"create_session","cwd":""}"#), Details::Create { cwd: None });
    assert_eq!(
        details(r#"{"type":"create_session","cwd":"/a/../b"}"#),
        Details::Create { cwd: Some(Text::from("/a/../b")) }
    );
    assert_eq!(
        details(r#"{"type":"load_session","sessionPath":"/a.jsonl"}"#),
        Details::Load { path: Text::from("/a.jsonl") }
    );
    assert_eq!(
        details(r#"{"type":"switch_session","sessionId":"s","cursor":9}"#),
        Details::Switch { cursor: Some(Seq(9)) }
    );
    assert_eq!(
        details(r#"{"type":"switch_session","sessionId":"s"}"#),
        Details::Switch { cursor: None }
    );
    assert_eq!(
        details(r#"{"type":"cancel_command","commandId":"c"}"#),
        Details::Cancel { command: Text::from("c") }
    );
    let reconcile = |outcome: &str| {
        details(&format!(
            r#"{{"type":"reconcile_command","commandId":"c","outcome":"{outcome}","note":"n"}}"#
        ))
    };
    for (outcome, succeeded) in [("succeeded", true), ("failed", false)] {
        let (command, note) = (Text::from("c"), Some(Text::from("n")));
        assert_eq!(reconcile(outcome), Details::Reconcile { command, succeeded, note });
    }
    for (word, interest) in [
        ("all", Interest::All),
        ("related", Interest::Related),
        ("own", Interest::Own),
        ("none", Interest::Nothing),
    ] {
        let frame = format!(r#"{{"type":"set_interest","lifecycle":"{word}"}}"#);
        assert_eq!(details(&frame), Details::Interest(interest));
    }
    assert_eq!(details(r#"{"type":"get_state","sessionId":"s"}"#), Details::None);
}

#[test]
fn the_history_can_be_filtered() {
    let plain = HistoryFilter { limit: 100, ..HistoryFilter::default() };
    let of =
        |fields: &str| accepted(&format!(r#"{{"type":"get_command_history"{fields}}}"#)).details;
    assert_eq!(of(""), Details::History(plain));
    assert_eq!(
        of(r#","sessionIdFilter":"s","commandId":"c","commandType":"bash","outcome":"failed",
            "fromTimestamp":5,"toTimestamp":5,"limit":500,"cursor":77"#),
        Details::History(HistoryFilter {
            session: Some(Text::from("s")),
            command: Some(Text::from("c")),
            kind: Some(CommandKind::Bash),
            success: Some(false),
            from_ms: Some(5),
            to_ms: Some(5),
            limit: 500,
            before: Some(Seq(77)),
        })
    );
}

#[test]
fn dialogs_are_answered_by_their_method() {
    for (answer, method) in [
        (r#""method":"select","value":"a""#, DialogMethod::Select),
        (r#""method":"confirm","confirmed":false"#, DialogMethod::Confirm),
        (r#""method":"input","value":"""#, DialogMethod::Input),
        (r#""method":"editor","value":"x""#, DialogMethod::Editor),
        (r#""method":"interview","responses":{}"#, DialogMethod::Interview),
        (r#""method":"cancelled""#, DialogMethod::Cancelled),
    ] {
        let envelope = accepted(&format!(
            r#"{{"type":"extension_ui_response","sessionId":"s","requestId":"a.b:1 ö",
                "response":{{{answer}}}}}"#
        ));
        let request = Text::from("a.b:1 ö");
        assert_eq!(envelope.details, Details::DialogAnswer { request, method });
    }
}

/// The examples of PROTOCOL.md that clients send.
fn examples() -> impl Iterator<Item = (&'static str, &'static str)> {
    let protocol = include_str!("../../../../PROTOCOL.md");
    protocol.split("<!-- example: client ").skip(1).map(|rest| {
        let (name, rest) = rest.split_once(" -->").expect("the comment ends");
        let text = rest.split("```json\n").nth(1).and_then(|text| text.split("\n```").next());
        (name, text.expect("an example follows"))
    })
}

#[test]
fn every_example_of_the_protocol_is_accepted() {
    let mut shown = alloc::collections::BTreeSet::new();
    for (name, frame) in examples().filter(|(name, _)| *name != "hello") {
        shown.insert(accepted(frame).kind.row().name);
        assert!(name.starts_with(accepted(frame).kind.row().name), "{name}");
    }
    let missing: Vec<_> = TABLE.iter().filter(|row| !shown.contains(row.name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn no_bytes_make_the_decoder_panic() {
    let (limits, secret) = (Limits::default(), Secret::new([7; 32]));
    let frames: Vec<_> = examples().map(|(_, frame)| frame).collect();
    for seed in seeds(5_000) {
        let mut random = Random::new(seed);
        let noise: Vec<u8> =
            (0..random.below(64)).map(|_| random.next().to_le_bytes()[0]).collect();
        let _ = decode(&noise, &limits, &secret);
        // A frame whose fields have any value at all.
        let frame = random.pick(&frames);
        if let Some(at) = frame.match_indices(':').map(|(at, _)| at).nth(random.below(6)) {
            let end = frame[at..].find([',', '}']).map_or(frame.len(), |end| at + end);
            let value = json_text(&mut random, 2);
            let mutated = format!("{}:{value}{}", &frame[..at], &frame[end..]);
            if let Err(malformed) = decode(mutated.as_bytes(), &limits, &secret) {
                assert!(!failure_text(&Failure::Malformed(malformed), None).is_empty());
            }
        }
        let mut cut = frame.as_bytes().to_vec();
        cut.truncate(random.below(cut.len() + 1));
        let _ = decode(&cut, &limits, &secret);
    }
}
