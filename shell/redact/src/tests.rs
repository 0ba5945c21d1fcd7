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

/// What a template of [`crate::formats`] stands for.
fn example(template: &str) -> String {
    let alphabet = |kind| match kind {
        'A' => "aB3dE5gH7jK9mN2pQ4sT6vW8yZ1c",
        'H' => "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        'D' => "1234567890",
        'U' => "A1B2C3D4E5F6G7H8J9K0",
        other => panic!("no alphabet is called {other}"),
    };
    let mut text = String::new();
    for part in template.split('{') {
        let Some((count, rest)) = part.split_once('}') else {
            text.push_str(part);
            continue;
        };
        let (kind, count) = count.split_at(1);
        let letters = alphabet(kind.chars().next().expect("a kind")).chars().cycle();
        text.extend(letters.take(count.parse().expect("a count")));
        text.push_str(rest);
    }
    text
}

#[test]
fn every_format_is_found_and_only_it_goes() {
    let policy = Policy::default();
    for format in crate::formats::FORMATS {
        for template in format.examples {
            let secret = example(template);
            let body = json!({ "type": "x", "text": format!("use {secret} for this") });
            let left = part(&policy, What::Event, &body);
            assert_eq!(left["text"], format!("use {MARK} for this"), "{}: {secret}", format.issuer);
        }
    }
}

#[test]
fn secrets_behind_names_in_texts_are_found_and_the_names_stay() {
    let policy = Policy::default();
    for (text, left) in [
        ("x-api-key: 0123456789abcdef", "x-api-key: [redacted]"),
        ("-H 'X-Api-Key: 0123456789abcdef' x", "-H 'X-Api-Key: [redacted]' x"),
        ("PRIVATE-TOKEN: 0123456789abcdef", "PRIVATE-TOKEN: [redacted]"),
        ("Cookie: session=abcdef; id=1\r\nHost: x", "Cookie: [redacted]\r\nHost: x"),
        (
            "curl -sS -u admin:hunter2 https://x.example",
            "curl -sS -u admin:[redacted] https://x.example",
        ),
        ("curl --user 'admin:hunter2' x", "curl --user 'admin:[redacted]' x"),
        (
            "machine a.example login me password hunter2\n",
            "machine a.example login me password [redacted]\n",
        ),
        (
            "//registry.npmjs.org/:_authToken=0123456789",
            "//registry.npmjs.org/:_authToken=[redacted]",
        ),
        (
            "AccountName=a;AccountKey=abcdefghijkl0123==;X=1",
            "AccountName=a;AccountKey=[redacted];X=1",
        ),
        ("Server=a;Uid=b;Pwd=hunter22;", "Server=a;Uid=b;Pwd=[redacted];"),
        ("redis://:hunter22@cache:6379", "redis://:[redacted]@cache:6379"),
        ("Authorization: token 0123456789abcdef", "Authorization: token [redacted]"),
        ("key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY here", "key [redacted] here"),
        (
            "https://a.blob.example/x?sv=1&sig=abcdefghijklmnopqrstuvwxyz0123456789%3D",
            "https://a.blob.example/x?sv=1&sig=[redacted]",
        ),
    ] {
        let body = json!({ "type": "x", "text": text });
        assert_eq!(part(&policy, What::Event, &body)["text"], left);
    }
}

#[test]
fn a_member_with_a_secret_name_is_secret_whatever_it_holds() {
    let policy = Policy::default();
    for (body, left) in [
        (
            r#"{"Authorization": ["Basic x", "y"]}"#,
            r#"{"Authorization": ["[redacted]", "[redacted]"]}"#,
        ),
        (
            r#"{"password": {"value": "x", "n": [7, true, null]}}"#,
            r#"{"password": {"value": "[redacted]", "n": [0, true, null]}}"#,
        ),
        (r#"{"db_password" : 12345}"#, r#"{"db_password" : 0}"#),
        (
            r#"{"token" : "x", "pwd":"y", "Pass":"z", "cookie":["w"], "Set-Cookie":"v"}"#,
            r#"{"token" : "[redacted]", "pwd":"[redacted]", "Pass":"[redacted]", "cookie":["[redacted]"], "Set-Cookie":"[redacted]"}"#,
        ),
        (r#"{"AWS_SECRET_ACCESS_KEY":"x"}"#, r#"{"AWS_SECRET_ACCESS_KEY":"[redacted]"}"#),
        ("{\"\\u0070assword\":\"x\"}", "{\"\\u0070assword\":\"[redacted]\"}"),
        ("{\"pass\\u0077ord\"\n:\t\"\\/\"}", "{\"pass\\u0077ord\"\n:\t\"[redacted]\"}"),
    ] {
        match policy.apply(What::Answer, None, body.as_bytes()) {
            Left::Part(bytes) => assert_eq!(String::from_utf8(bytes).as_deref(), Ok(left)),
            other => panic!("{body}: {other:?}"),
        }
    }
    // Counts, and descriptions of values, are none.
    for body in [
        r#"{"token": 7, "pass": 12, "tokens": {"pass": 1}}"#,
        r#"{"properties": {"password": {"type": "string", "description": "what to log in with"}}}"#,
        r#"{"password": "", "secret": null, "apiKey": true}"#,
    ] {
        assert_eq!(policy.apply(What::Answer, None, body.as_bytes()), Left::All, "{body}");
    }
}

#[test]
fn what_is_not_taken_out_stays_byte_for_byte() {
    let policy = Policy::default();
    let secret = example("ghp_{A36}");
    let rest = |with: &str| {
        format!(
            "\n{{ \"z\": 18446744073709551617, \"a\" :[-0, 1.10,1E+400 ], \"t\":\"{with}\", \
             \"a\": \"\\u00e9\\t\", \"n\":null}} "
        )
    };
    let body = rest(&secret).replace("1E+400", "1E+40");
    match policy.apply(What::Event, None, body.as_bytes()) {
        Left::Part(left) => {
            let expected = rest(MARK).replace("1E+400", "1E+40");
            assert_eq!(String::from_utf8(left).as_deref(), Ok(expected.as_str()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn source_code_hashes_and_paths_are_no_secrets() {
    let policy = Policy::default();
    for text in [
        "commit da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "src/main/java/org/example/deep/Session1/A",
        "PWD=/home/me/work and OLDPWD=/home/me",
        "docker run -u 1000:1000 image",
        "let pass = passes.len(); // token: String",
        "re_export, fw_version, key-value, cio, dapi",
        "integrity sha512-abc, uuid 123e4567-e89b-12d3-a456-426614174000",
        "ssh git@github.com:owner/name.git",
    ] {
        let body = json!({ "type": "prompt", "message": text });
        let left = policy.apply(What::Command, None, body.to_string().as_bytes());
        assert_eq!(left, Left::All, "{text}");
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
