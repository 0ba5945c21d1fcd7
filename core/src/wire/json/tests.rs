use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};

use super::*;
use crate::wire::random::{Random, json_text, seeds};

fn error(text: &str) -> (usize, JsonProblem) {
    match parse(text.as_bytes()) {
        Err(JsonError::NotJson { at, problem }) => (at, problem),
        other => panic!("{text:?} gave {other:?}"),
    }
}

#[test]
fn values_are_what_they_say() {
    assert_eq!(parse(b" null ").unwrap(), Value::Null);
    assert_eq!(parse(b"true").unwrap(), Value::Bool(true));
    assert_eq!(parse(b"\t-1.50E+3\r\n").unwrap(), Value::Number("-1.50E+3"));
    let string = Value::String(Cow::Borrowed("é\u{2028}"));
    assert_eq!(parse("\"é\u{2028}\"".as_bytes()).unwrap(), string);
    assert_eq!(parse(b"[]").unwrap(), Value::Array(vec![]));
    assert_eq!(parse(b"[1 , [2]]").unwrap(), {
        Value::Array(vec![Value::Number("1"), Value::Array(vec![Value::Number("2")])])
    });
}

#[test]
fn escapes_are_undone() {
    let text = r#""\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00""#;
    let expected = "\"\\/\u{8}\u{c}\n\r\tAé😀";
    assert_eq!(parse(text.as_bytes()).unwrap(), Value::String(expected.into()));
}

#[test]
fn strings_without_escapes_are_not_copied() {
    let Value::String(Cow::Borrowed(_)) = parse(b"\"plain\"").unwrap() else {
        panic!("copied");
    };
}

#[test]
fn members_are_found_with_the_range_of_their_text() {
    let text = br#"{"b": [1, 2] ,"a\u0062": "x"}"#;
    let Value::Object(object) = parse(text).unwrap() else { panic!("no object") };
    assert_eq!(&text[object.member("b").unwrap().range.clone()], b"[1, 2]");
    assert_eq!(object.text("ab"), Some("x"));
    assert_eq!(object.text("b"), None);
    assert_eq!(object.get("c"), None);
    let keys: Vec<_> = object.members().iter().map(|member| &*member.key).collect();
    assert_eq!(keys, ["ab", "b"]);
}

#[test]
fn each_offence_has_its_name_and_place() {
    use JsonProblem as P;
    let cases = [
        ("", (0, P::End)),
        ("  ", (2, P::End)),
        ("{", (1, P::End)),
        ("{\"a\"", (4, P::End)),
        ("{\"a\":", (5, P::End)),
        ("{\"a\":1", (6, P::End)),
        ("{\"a\":1,", (7, P::End)),
        ("[1", (2, P::End)),
        ("\"abc", (4, P::End)),
        ("\"abc\\", (5, P::End)),
        ("\"\\u00", (5, P::End)),
        ("tru", (3, P::End)),
        ("-", (1, P::End)),
        ("1.", (2, P::End)),
        ("1e+", (3, P::End)),
        ("?", (0, P::Unexpected)),
        ("trux", (3, P::Unexpected)),
        ("{a:1}", (1, P::Unexpected)),
        ("{\"a\" 1}", (5, P::Unexpected)),
        ("{\"a\":1,}", (7, P::Unexpected)),
        ("[1,]", (3, P::Unexpected)),
        ("[1 2]", (3, P::Unexpected)),
        ("\u{feff}{}", (0, P::Unexpected)),
        ("'a'", (0, P::Unexpected)),
        ("NaN", (0, P::Unexpected)),
        ("{} {}", (3, P::Trailing)),
        ("1 2", (2, P::Trailing)),
        ("\"a\u{1}\"", (2, P::BadString)),
        ("\"\\x\"", (1, P::BadString)),
        ("\"\\u00zz\"", (5, P::BadString)),
        ("\"\\ud83d\"", (1, P::BadString)),
        ("\"\\ud83d\\n\"", (1, P::BadString)),
        ("\"\\ud83d\\u0041\"", (1, P::BadString)),
        ("\"\\ude00\"", (1, P::BadString)),
        ("01", (1, P::BadNumber)),
        ("-a", (1, P::BadNumber)),
        ("1.e1", (2, P::BadNumber)),
        ("1ex", (2, P::BadNumber)),
        ("[1e999]", (1, P::BadNumber)),
        ("-1e308", (0, P::BadNumber)),
        ("{\"a\":1,\"b\":2,\"a\":3}", (17, P::DuplicateKey)),
        ("{\"a\":1,\"\\u0061\":2}", (16, P::DuplicateKey)),
        ("{\"x\":{\"\":1,\"\":2}}", (14, P::DuplicateKey)),
    ];
    for (text, expected) in cases {
        assert_eq!(error(text), expected, "{text:?}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_named_by_their_offset() {
    assert_eq!(parse(b"{\"a\":\"\xff\"}"), Err(JsonError::NotUtf8 { at: 6 }));
    assert_eq!(parse(b"\"\xed\xa0\x80\""), Err(JsonError::NotUtf8 { at: 1 }));
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse(nested(DEPTH_MAX).as_bytes()).is_ok());
    assert_eq!(error(&nested(DEPTH_MAX + 1)), (DEPTH_MAX, JsonProblem::TooDeep));
    let objects = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    assert!(parse(objects(DEPTH_MAX).as_bytes()).is_ok());
    assert_eq!(error(&objects(DEPTH_MAX + 1)).1, JsonProblem::TooDeep);
    assert_eq!(error(&"[".repeat(1_000_000)).1, JsonProblem::TooDeep);
}

#[test]
fn numbers_are_bounded_in_length_and_size() {
    let digits = |count: usize| format!("0.{}", "1".repeat(count - 2));
    assert!(parse(digits(NUMBER_CHARS_MAX).as_bytes()).is_ok());
    assert_eq!(error(&digits(NUMBER_CHARS_MAX + 1)), (0, JsonProblem::BadNumber));
    for fine in ["9.99e307", "0e999999999999999999999", "1e-999999999999999999999", "-0.0"] {
        assert!(parse(fine.as_bytes()).is_ok(), "{fine}");
    }
    assert!(parse("9".repeat(308).as_bytes()).is_ok());
    assert_eq!(error(&"9".repeat(309)), (0, JsonProblem::BadNumber));
}

#[test]
fn many_keys_take_no_time_in_their_square() {
    let keys: Vec<_> = (0..100_000).map(|key| format!("\"{key:x}\":0")).collect();
    let text = format!("{{{}}}", keys.join(","));
    let Value::Object(object) = parse(text.as_bytes()).unwrap() else { panic!("no object") };
    assert_eq!(object.members().len(), 100_000);
}

/// What the scanner refuses although it is JSON.
fn is_stricter(problem: JsonProblem) -> bool {
    matches!(problem, JsonProblem::DuplicateKey | JsonProblem::TooDeep | JsonProblem::BadNumber)
}

fn same(ours: &Value<'_>, theirs: &serde_json::Value) -> bool {
    match (ours, theirs) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(ours), serde_json::Value::Bool(theirs)) => ours == theirs,
        (Value::Number(ours), serde_json::Value::Number(theirs)) => {
            serde_json::from_str::<serde_json::Number>(ours).is_ok_and(|ours| ours == *theirs)
        }
        (Value::String(ours), serde_json::Value::String(theirs)) => ours == theirs,
        (Value::Array(ours), serde_json::Value::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Object(ours), serde_json::Value::Object(theirs)) => {
            ours.members().len() == theirs.len()
                && ours.members().iter().all(|member| {
                    theirs.get(&*member.key).is_some_and(|theirs| same(&member.value, theirs))
                })
        }
        _ => false,
    }
}

fn check_against_oracle(text: &[u8], seed: u64) {
    let shown = String::from_utf8_lossy(text);
    match (parse(text), serde_json::from_slice::<serde_json::Value>(text)) {
        (Ok(ours), Ok(theirs)) => {
            assert!(same(&ours, &theirs), "seed {seed}: {shown}: {ours:?} is not {theirs:?}");
        }
        (Err(JsonError::NotJson { problem, .. }), Ok(_)) if is_stricter(problem) => {}
        (Err(_), Err(_)) => {}
        (ours, theirs) => panic!("seed {seed}: {shown}: {ours:?} against {theirs:?}"),
    }
}

#[test]
fn it_agrees_with_another_reader_on_what_is_json() {
    for seed in seeds(20_000) {
        let mut random = Random::new(seed);
        let text = json_text(&mut random, 4);
        check_against_oracle(text.as_bytes(), seed);
        let mut bytes = text.into_bytes();
        for _ in 0..=random.below(3) {
            mutate(&mut bytes, &mut random);
            check_against_oracle(&bytes, seed);
        }
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    const TELLING: &[u8] = b"{}[]:,\"\\/u0123456789abcdefDE+-. \n\x00\x1f\x7f\x80\xc3\xff";
    let at = random.below(bytes.len() + 1);
    let byte = TELLING[random.below(TELLING.len())];
    match random.below(4) {
        0 => bytes.insert(at, byte),
        1 if at < bytes.len() => bytes[at] = byte,
        2 if at < bytes.len() => {
            bytes.remove(at);
        }
        _ => bytes.truncate(at),
    }
}
