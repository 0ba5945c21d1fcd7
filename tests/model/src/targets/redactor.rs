//! The redactor: no planted secret is left, what is left of JSON is JSON, and what was redacted
//! changes no decision.

use pi_server_core::input::InputKind;
use pi_server_core::{Input, Outputs, State};
use pi_server_redact::{Left, Policy, What};
use serde_json::{Value, json};

use crate::entropy::Entropy;
use crate::run;

/// Inputs of the run whose decisions are compared.
const INPUTS: usize = 60;
/// Part of every secret that is planted.
const CORE: &str = "PLANTEDplantedPLANTED0123456789";

/// The bytes are the surroundings of a secret: the first chooses which, how it is written and where.
///
/// # Panics
/// A secret is left, or a decision differs.
pub fn redactor(bytes: &[u8]) {
    let (choice, around) = bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest));
    let around = String::from_utf8_lossy(around);
    let policy = Policy::default();
    // Whatever comes: no panic, and JSON stays JSON.
    for what in [What::Command, What::Malformed, What::Event, What::Answer] {
        if let Left::Part(left) = policy.apply(what, None, around.as_bytes()) {
            let was_json = serde_json::from_str::<Value>(&around).is_ok();
            assert!(!was_json || serde_json::from_slice::<Value>(&left).is_ok(), "{around}");
        }
    }
    let text = format!("{around} {} {around}", secret(choice % 8));
    let body = planted(choice / 8, &text);
    gone(&policy.apply(What::Event, None, body.as_bytes()), &body);
    // A word of its own choice is found, too, whatever stands around it.
    let words = r#"{"builtin": false, "rules": [{"words": ["PLANTEDplanted"]}]}"#;
    let policy = Policy::parse(words).expect("a policy");
    let body = planted(choice / 8, &format!("{around}{CORE}{around}"));
    gone(&policy.apply(What::Event, None, body.as_bytes()), &body);
    if choice.is_multiple_of(16) {
        decisions(bytes);
    }
}

fn secret(choice: u8) -> String {
    match choice {
        0 => format!("sk-ant-{CORE}"),
        1 => format!("ghp_{CORE}"),
        2 => format!("github_pat_{CORE}"),
        3 => format!("glpat-{CORE}"),
        4 => format!("xoxb-{CORE}"),
        5 => format!("Bearer {CORE}"),
        6 => format!("hf_{CORE}"),
        _ => format!("-----BEGIN PRIVATE KEY-----\n{CORE}\n-----END PRIVATE KEY-----"),
    }
}

/// A body with the text in it: as a value, a name, inside of JSON in a string, escaped, or raw.
fn planted(choice: u8, text: &str) -> String {
    match choice % 5 {
        0 => json!({ "type": "x", "a": [{ "b": text }] }).to_string(),
        1 => json!({ text: 1 }).to_string(),
        2 => json!({ "arguments": json!({ "cmd": text }).to_string() }).to_string(),
        3 => {
            let escaped: Vec<String> =
                text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            format!(r#"{{"a":"{}"}}"#, escaped.concat())
        }
        _ => format!("no JSON: {text}"),
    }
}

fn gone(left: &Left, body: &str) {
    match left {
        Left::All => panic!("nothing was found in {body}"),
        Left::Nothing => {}
        Left::Part(left) => {
            let left = String::from_utf8_lossy(left);
            assert!(!left.contains("PLANTEDplanted"), "{body} became {left}");
        }
    }
}

/// Within one life of a daemon nothing is decided by what was redacted: outputs differ only in the
/// mark.
fn decisions(bytes: &[u8]) {
    // Rules that do not hold are the business of the target `step`.
    let Ok(inputs) = run::run(Entropy::Bytes(bytes), INPUTS) else { return };
    let (mut plain, mut marked) = (State::new(), State::new());
    let (mut outputs, mut others) = (Outputs::new(), Outputs::new());
    for (index, input) in inputs.iter().enumerate() {
        if index > 0 && matches!(input.kind, InputKind::Boot(_)) {
            return;
        }
        plain.step(&with_mark(input, false), &mut outputs);
        marked.step(&with_mark(input, true), &mut others);
        let same = outputs.as_slice().iter().map(ToString::to_string);
        assert!(same.eq(others.as_slice().iter().map(ToString::to_string)), "input {}", input.seq);
    }
}

fn with_mark(input: &Input, redacted: bool) -> Input {
    let mut input = input.clone();
    input.body.redacted = redacted && !input.body.is_empty();
    input
}
