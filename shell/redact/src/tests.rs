//! What is found, and what is left alone.

use serde_json::{Value, json};

use crate::{Left, MARK, Policy, What};

/// A secret of each kind, in words around it.
const SECRETS: [&str; 16] = [
    "sk-ant-api03-abcdefghijklmnopqrstu",
    "sk_live_abcdefghijklmnop1234",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "github_pat_11ABCDEFG0abcdefghijkl_mnop",
    "glpat-abcdefghij0123456789",
    "xoxb-123456789012-abcdefghij",
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "hf_abcdefghijklmnopqrstuvwxyz",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
    "Bearer abcdef0123456789abcdef",
    "password=correct-horse",
    "api_key = \"a1b2c3d4e5f6\"",
    "https://user:hunter22@example.org/x",
    "token='abcdef123456'",
];

/// The part of it that must be gone.
fn core_of(secret: &str) -> &str {
    let from = secret.len() - secret.len() / 2;
    match secret {
        _ if secret.starts_with("-----") => "MIIEowIBAAKCAQEA",
        _ if secret.starts_with("https") => "hunter22",
        _ if secret.ends_with(['"', '\'']) => &secret[from..secret.len() - 1],
        _ => &secret[from..],
    }
}

fn part(policy: &Policy, what: What, body: &Value) -> Value {
    match policy.apply(what, None, body.to_string().as_bytes()) {
        Left::Part(left) => serde_json::from_slice(&left).expect("JSON stays JSON"),
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn every_kind_of_secret_is_found_wherever_it_is() {
    let policy = Policy::default();
    for secret in SECRETS {
        let text = format!("für ‚{secret}‘\n{secret} for this");
        let body = json!({ "type": "x", "deep": [{ "text": text }], text.clone(): 1 });
        let left = part(&policy, What::Event, &body).to_string();
        assert!(!left.contains(core_of(secret)), "{left}");
        assert!(left.contains("for this") && left.contains(MARK), "{left}");
        let raw = format!("not JSON {text}");
        match policy.apply(What::Malformed, None, raw.as_bytes()) {
            Left::Part(left) => {
                let left = String::from_utf8(left).expect("text");
                assert!(!left.contains(core_of(secret)), "{left}");
            }
            other => panic!("{raw}: {other:?}"),
        }
        let nested = json!({ "arguments": json!({ "cmd": text }).to_string() });
        let left = part(&policy, What::Event, &nested).to_string();
        assert!(!left.contains(core_of(secret)), "{left}");
        assert!(policy.text(&text).is_some_and(|left| !left.contains(core_of(secret))), "{text}");
    }
}

#[test]
fn escapes_hide_nothing() {
    let policy = Policy::default();
    let escaped: Vec<String> =
        "ghp_abcdefghijklmnopqrstuvwxyz".bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let escaped = escaped.concat();
    let body = format!(r#"{{"message":"use {escaped}"}}"#);
    match policy.apply(What::Command, None, body.as_bytes()) {
        Left::Part(left) => assert_eq!(left, br#"{"message":"use [redacted]"}"#),
        other => panic!("{other:?}"),
    }
    let cut_off = &body.as_bytes()[..body.len() - 1];
    assert_eq!(policy.apply(What::Malformed, None, cut_off), Left::Nothing);
}

#[test]
fn secret_members_are_found_by_their_names() {
    let policy = Policy::default();
    let body = json!({ "headers": { "Authorization": "x", "X-Api-Key": "y" }, "apiKey": "z" });
    let left = part(&policy, What::Answer, &body);
    let marked = json!({
        "headers": { "Authorization": MARK, "X-Api-Key": MARK }, "apiKey": MARK,
    });
    assert_eq!(left, marked);
}

#[test]
fn ordinary_text_is_left_alone() {
    let policy = Policy::default();
    for text in [
        "fn login(password: String, token: &str) -> Token",
        "let password = env::var(\"PASSWORD\")?;",
        "if secret == None { return }",
        "tokens: 123456789, task-force, risk-management-of-everything",
        "see https://example.org:8080/a@b and a:b@c",
        "the sk- prefix, ghp_ and Bearer tokens",
        "export PASSWORD=$SECRET",
    ] {
        let body = json!({ "type": "prompt", "message": text, "usage": { "token": 7 } });
        let left = policy.apply(What::Command, None, body.to_string().as_bytes());
        assert_eq!(left, Left::All, "{text}");
    }
}

#[test]
fn rules_have_conditions_and_take_values_words_and_patterns_out() {
    let policy = Policy::parse(
        r#"{"builtin": false, "rules": [
            {"what": "command", "type": "prompt", "pointers": ["/images/*/data"]},
            {"session": "private", "erase": true},
            {"words": ["hunter2"], "patterns": ["PROJ-[0-9]+"]}
        ]}"#,
    )
    .expect("a policy");
    let body = json!({
        "type": "prompt", "message": "hunter2 on PROJ-17, sk-ant-api03-abcdefghijklmnopqrstu",
        "images": [{ "data": "AAAA" }],
    });
    let left = part(&policy, What::Command, &body);
    assert_eq!(left["images"][0]["data"], MARK);
    assert_eq!(left["message"], "[redacted] on [redacted], sk-ant-api03-abcdefghijklmnopqrstu");
    let event = json!({ "type": "prompt", "images": [{ "data": "AAAA" }] }).to_string();
    assert_eq!(policy.apply(What::Event, None, event.as_bytes()), Left::All);
    assert_eq!(policy.apply(What::Event, Some("private"), event.as_bytes()), Left::Nothing);
    assert_eq!(policy.apply(What::Event, Some("other"), event.as_bytes()), Left::All);
}

#[test]
fn a_policy_that_makes_no_sense_is_refused() {
    for (text, why) in [
        (r#"{"rules": [{}]}"#, "takes nothing out"),
        (r#"{"rules": [{"pointers": ["a"]}]}"#, "does not begin with /"),
        (r#"{"rules": [{"words": [""]}]}"#, "empty word"),
        (r#"{"rules": [{"patterns": ["("]}]}"#, "rule 1"),
        (r#"{"rules": [{"patterns": ["a*"]}]}"#, "matches nothing"),
        (r#"{"rules": [{"erase": true, "color": 1}]}"#, "unknown field"),
    ] {
        let error = Policy::parse(text).expect_err(text);
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_key_right_behind_an_escape_is_found() {
    let policy = Policy::default();
    for secret in SECRETS {
        for before in ["\n", "\t", "\"", "\u{1}"] {
            let body = json!({ "type": "x", "text": format!("a{before}{secret} b") });
            let left = part(&policy, What::Event, &body).to_string();
            assert!(!left.contains(core_of(secret)), "{left}");
        }
    }
}

#[test]
fn what_cannot_be_taken_apart_keeps_its_type_and_ids() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let secret = SECRETS[0];
    let body = format!(
        r#"{{"type":"tool_execution_end","toolCallId":"c1","requestId":"{secret}","id":7,"text":"\u0073{secret}","result":{deep}}}"#
    );
    let policy = Policy::default();
    let expected = br#"{"toolCallId":"c1","type":"tool_execution_end"}"#.to_vec();
    assert_eq!(policy.apply(What::Event, None, body.as_bytes()), Left::Part(expected));
    let body = body.replace("tool_execution_end", &format!("x {secret}"));
    assert_eq!(policy.apply(What::Event, None, body.as_bytes()), Left::Nothing);
}
