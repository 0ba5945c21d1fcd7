use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};
use core::fmt::Write;

use super::*;
use crate::wire::json::{Member, parse};
use crate::wire::random::{Random, json_text, seeds};

fn of(command: &str) -> Digest {
    let Value::Object(command) = parse(command.as_bytes()).unwrap() else { panic!("no object") };
    fingerprint(&command, &Secret::new([7; 32]))
}

#[test]
fn what_only_names_the_attempt_does_not_count() {
    let plain = of(r#"{"type":"list_sessions"}"#);
    for alike in [
        r#"{"id":"1","type":"list_sessions"}"#,
        r#"{"idempotencyKey":"k","type":"list_sessions","id":"2"}"#,
        r#"{"dependsOn":[],"type":"list_sessions"}"#,
        "\n{ \"typ\\u0065\" :\t\"list\\u005fsessions\" }",
    ] {
        assert_eq!(of(alike), plain, "{alike}");
    }
}

#[test]
fn spelling_and_order_of_keys_do_not_count() {
    let groups: &[&[&str]] = &[
        &[
            r#"{"type":"x","a":{"b":1,"c":[1,{"d":2,"e":3}]}}"#,
            r#"{"a":{"c":[1.0,{"e":30e-1,"d":0.2E1}],"b":1e0},"type":"x"}"#,
        ],
        &[r#"{"n":0}"#, r#"{"n":-0}"#, r#"{"n":-0.00e9}"#],
        &[r#"{"n":1}"#, r#"{"n":1.0}"#, r#"{"n":1e0}"#, r#"{"n":10e-1}"#],
        &[r#"{"s":"\u00e9\/"}"#, r#"{"s":"é/"}"#],
    ];
    for group in groups {
        for other in *group {
            assert_eq!(of(other), of(group[0]), "{other}");
        }
    }
}

#[test]
fn everything_else_counts() {
    let commands = [
        r"{}",
        r#"{"type":"prompt"}"#,
        r#"{"type":"prompt","dependsOn":["a"]}"#,
        r#"{"type":"prompt","dependsOn":["a","b"]}"#,
        r#"{"type":"prompt","dependsOn":["b","a"]}"#,
        r#"{"type":"prompt","dependsOn":["ab"]}"#,
        r#"{"type":"prompt","dependsOn":null}"#,
        r#"{"type":"prompt","timeoutMs":5}"#,
        r#"{"type":"prompt","timeoutMs":50}"#,
        r#"{"type":"prompt","timeoutMs":0.5}"#,
        r#"{"type":"prompt","timeoutMs":-5}"#,
        r#"{"type":"prompt","timeoutMs":"5"}"#,
        r#"{"type":"prompt","ifSessionVersion":5}"#,
        r#"{"type":"prompt","unknown":{}}"#,
        r#"{"type":"prompt","unknown":[]}"#,
        r#"{"type":"prompt","unknown":""}"#,
        r#"{"type":"prompt","unknown":0}"#,
        r#"{"type":"prompt","unknown":null}"#,
        r#"{"type":"prompt","unknown":true}"#,
        r#"{"type":"prompt","unknown":false}"#,
        r#"{"type":"prompt","unknown":{"id":"1"}}"#,
        r#"{"type":"prompt","unknown":{"id":"2"}}"#,
        r#"{"type":"prompt","unknown":{"dependsOn":[]}}"#,
        r#"{"type":"prompt","unknown":[[],{}]}"#,
        r#"{"type":"prompt","unknown":[{},[]]}"#,
        r#"{"type":"prompt","a":"bc"}"#,
        r#"{"type":"prompt","ab":"c"}"#,
        r#"{"type":"prompt","a":"b","c":"d"}"#,
        r#"{"type":"prompt","a":["b","c"],"d":0}"#,
    ];
    let mut seen: Vec<(Digest, &str)> = Vec::new();
    for command in commands {
        let digest = of(command);
        if let Some((_, other)) = seen.iter().find(|(other, _)| *other == digest) {
            panic!("{command} is taken for {other}");
        }
        seen.push((digest, command));
    }
}

#[test]
fn the_secret_counts() {
    let Value::Object(command) = parse(b"{}").unwrap() else { panic!("no object") };
    let with = |byte| fingerprint(&command, &Secret::new([byte; 32]));
    assert_ne!(with(1), with(2));
}

/// The encoding as the module describes it, made at one go.
fn naive(value: &Value<'_>, bytes: &mut Vec<u8>) {
    let length = |count: usize, bytes: &mut Vec<u8>| {
        if count < 255 {
            bytes.push(count.to_le_bytes()[0]);
        } else {
            bytes.push(255);
            bytes.extend_from_slice(&u64::try_from(count).unwrap().to_le_bytes());
        }
    };
    match value {
        Value::Null => bytes.push(b'z'),
        Value::Bool(truth) => bytes.push(if *truth { b't' } else { b'f' }),
        Value::Number(text) => {
            let number = Decimal::of(text);
            let digits = format!("{}{}", number.digits.0, number.digits.1);
            bytes.push(if number.negative { b'-' } else { b'+' });
            bytes.extend_from_slice(&number.exponent.to_le_bytes());
            length(digits.len(), bytes);
            bytes.extend_from_slice(digits.as_bytes());
        }
        Value::String(text) => {
            bytes.push(b's');
            length(text.len(), bytes);
            bytes.extend_from_slice(text.as_bytes());
        }
        Value::Array(elements) => {
            bytes.push(b'a');
            length(elements.len(), bytes);
            for element in elements {
                naive(element, bytes);
            }
        }
        Value::Object(object) => {
            bytes.push(b'o');
            length(object.members().len(), bytes);
            for Member { key, value, range: _ } in object.members() {
                length(key.len(), bytes);
                bytes.extend_from_slice(key.as_bytes());
                naive(value, bytes);
            }
        }
    }
}

#[test]
fn streaming_hashes_what_the_description_says() {
    let secret = Secret::new([7; 32]);
    for seed in seeds(3_000) {
        let mut random = Random::new(seed);
        let long = "x".repeat(random.below(1_200));
        let fields: Vec<_> = (0..random.below(12))
            .map(|n| format!(",\"{n}\":{}", json_text(&mut random, 3)))
            .collect();
        let text = format!("{{\"type\":\"{long}\"{}}}", fields.concat());
        // Some texts have a key twice somewhere, or a number that is too large.
        let Ok(Value::Object(command)) = parse(text.as_bytes()) else { continue };
        let mut expected = vec![1];
        naive(&Value::Object(command.clone()), &mut expected);
        assert_eq!(fingerprint(&command, &secret), secret.digest(&expected), "seed {seed}: {text}");
    }
}

#[test]
fn a_length_takes_nine_bytes_from_255_on() {
    let secret = Secret::new([7; 32]);
    for length in [0, 1, 253, 254, 255, 256, 257, 511, 512, 513] {
        let (long, list) = ("x".repeat(length), vec!["0"; length].join(","));
        let text = format!("{{\"{long}\":[{list}],\"{long}y\":\"{long}\"}}");
        let Value::Object(command) = parse(text.as_bytes()).unwrap() else { panic!("no object") };
        let mut expected = vec![1];
        naive(&Value::Object(command.clone()), &mut expected);
        assert_eq!(fingerprint(&command, &secret), secret.digest(&expected), "{length}");
    }
}

/// The same value with its members in reverse and its strings all escapes.
fn respell(value: &Value<'_>, text: &mut String) {
    let string = |value: &str, text: &mut String| {
        text.push('"');
        for unit in value.encode_utf16() {
            write!(text, "\\u{unit:04X}").unwrap();
        }
        text.push('"');
    };
    match value {
        Value::Null => text.push_str(" null"),
        Value::Bool(truth) => write!(text, "{truth} ").unwrap(),
        Value::Number(number) if number.contains(['e', 'E']) => text.push_str(number),
        Value::Number(number) => write!(text, "{number}e0").unwrap(),
        Value::String(value) => string(value, text),
        Value::Array(elements) => {
            text.push('[');
            for (index, element) in elements.iter().enumerate() {
                text.push_str(if index > 0 { " , " } else { "" });
                respell(element, text);
            }
            text.push(']');
        }
        Value::Object(object) => {
            text.push('{');
            for (index, member) in object.members().iter().rev().enumerate() {
                text.push_str(if index > 0 { "\t,\n" } else { "" });
                string(&member.key, text);
                text.push(':');
                respell(&member.value, text);
            }
            text.push('}');
        }
    }
}

#[test]
fn a_command_that_is_spelt_in_another_way_is_the_same_command() {
    for seed in seeds(3_000) {
        let text = format!("{{\"a\":{}}}", json_text(&mut Random::new(seed), 4));
        let Ok(value) = parse(text.as_bytes()) else { continue };
        let mut respelt = String::new();
        respell(&value, &mut respelt);
        assert_eq!(of(&respelt), of(&text), "seed {seed}: {text}");
    }
}
