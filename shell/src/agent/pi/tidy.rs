//! JSON that every reader can read: what an agent writes, held to the rules of PROTOCOL.md section 3
//! that clients are held to. JavaScript writes half a surrogate pair where a text was cut in the
//! middle of a character, and reads objects that have a key twice; many other readers do not.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::value::RawValue;

use super::object::{Object, quote};

/// Levels of arrays and objects that are left of a value; deeper ones become the text that they are
/// written as. Fewer than a frame may have, since the value stands inside of one.
pub(super) const LEVELS_MAX: usize = 120;

/// Longest number that is left as it is, in characters; every shorter one without an exponent is
/// within bounds.
const PLAIN_NUMBER_MAX: usize = 300;

/// Makes a text that is one JSON value one that keeps the rules: half a surrogate pair becomes
/// U+FFFD, of a key that stands twice the last one counts, numbers are cut to what a 64-bit float
/// holds with a margin, and what is nested too deep becomes a string. A text that keeps the rules is
/// given back as it is; of a text that is no JSON this promises nothing.
pub(super) fn tidy(text: &str) -> Cow<'_, str> {
    if is_tidy(text) {
        return Cow::Borrowed(text);
    }
    let whole = whole_characters(text);
    let mut tidied = String::with_capacity(whole.len());
    match serde_json::from_str::<&RawValue>(&whole) {
        Ok(raw) => {
            write(raw.get(), 0, &mut tidied);
            Cow::Owned(tidied)
        }
        Err(_) => Cow::Owned(whole.into_owned()),
    }
}

/// A text with U+FFFD in the place of every escape that is half a surrogate pair.
pub(super) fn whole_characters(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut whole = String::new();
    let (mut at, mut kept) = (0, 0);
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'\\') {
        let start = at + found;
        match Half::of(&bytes[start..]) {
            Some(Half::High) if Half::of(&bytes[start + 6..]) == Some(Half::Low) => at = start + 12,
            Some(_) => {
                whole.push_str(&text[kept..start]);
                whole.push_str("\\ufffd");
                at = start + 6;
                kept = at;
            }
            // An escape, of which the next byte is a part.
            None => at = (start + 2).min(bytes.len()),
        }
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    whole.push_str(&text[kept..]);
    Cow::Owned(whole)
}

/// Which half of a surrogate pair an escape is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    /// The first one.
    High,
    /// The second one.
    Low,
}

impl Half {
    /// The half that these bytes begin with, as `\uXXXX`; the backslash must not be escaped itself.
    pub(super) fn of(bytes: &[u8]) -> Option<Half> {
        match bytes {
            [b'\\', b'u', b'd' | b'D', digit, a, b, ..]
                if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() =>
            {
                match digit {
                    b'8' | b'9' | b'a' | b'b' | b'A' | b'B' => Some(Half::High),
                    b'c'..=b'f' | b'C'..=b'F' => Some(Half::Low),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// Whether a text that is one JSON value keeps the rules.
fn is_tidy(text: &str) -> bool {
    let bytes = text.as_bytes();
    // The keys of the objects that are open, and where those of each begin; `None` for an array.
    let mut keys: Vec<&[u8]> = Vec::new();
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let Some((end, escaped)) = string_end(bytes, at + 1) else { return false };
                let after = bytes[end..].iter().skip(1).find(|byte| !byte.is_ascii_whitespace());
                if after == Some(&b':') && matches!(open.last(), Some(Some(_))) {
                    if escaped {
                        // Rare, and two ways to write one key are left to who unescapes it.
                        return false;
                    }
                    keys.push(&bytes[at + 1..end]);
                }
                at = end;
            }
            b'{' | b'[' if open.len() >= LEVELS_MAX => return false,
            b'{' => open.push(Some(keys.len())),
            b'[' => open.push(None),
            b'}' | b']' => {
                if let Some(Some(from)) = open.pop() {
                    if has_double(&mut keys[from..]) {
                        return false;
                    }
                    keys.truncate(from);
                }
            }
            b'-' | b'0'..=b'9' => {
                let length = bytes[at..].iter().take_while(|byte| is_of_number(**byte)).count();
                if !is_fit(&text[at..at + length]) {
                    return false;
                }
                at += length - 1;
            }
            _ => {}
        }
        at += 1;
    }
    true
}

/// Where the closing quote of a string is, and whether it has escapes; `None` if there is none, or
/// the string has half a surrogate pair.
fn string_end(bytes: &[u8], from: usize) -> Option<(usize, bool)> {
    let mut at = from;
    let mut escaped = false;
    loop {
        let rest = bytes.get(at..)?;
        at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        if bytes[at] == b'"' {
            return Some((at, escaped));
        }
        escaped = true;
        at += match Half::of(&bytes[at..]) {
            Some(Half::High) if Half::of(&bytes[at + 6..]) == Some(Half::Low) => 12,
            Some(_) => return None,
            None => 2,
        };
    }
}

fn has_double(keys: &mut [&[u8]]) -> bool {
    if keys.len() <= 8 {
        return keys.iter().enumerate().any(|(at, key)| keys[..at].contains(key));
    }
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

fn is_fit(number: &str) -> bool {
    if number.len() <= PLAIN_NUMBER_MAX && !number.contains(['e', 'E']) {
        return true;
    }
    number.len() <= PLAIN_NUMBER_MAX
        && number.parse::<f64>().is_ok_and(|value| value.abs() < LARGEST)
}

/// Largest number that is left, without its sign.
const LARGEST: f64 = 9e307;

/// Writes a value that keeps the rules in the place of one that has no half characters, inside of
/// `level` arrays and objects.
fn write(raw: &str, level: usize, json: &mut String) {
    let raw = raw.trim();
    match raw.as_bytes().first() {
        Some(b'{' | b'[') if level >= LEVELS_MAX => json.push_str(&quote(raw)),
        Some(b'{') => match Object::parse(raw) {
            Some(object) => write_object(&object, level, json),
            None => json.push_str("null"),
        },
        Some(b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
            json.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                write(element.get(), level + 1, json);
            }
            json.push(']');
        }
        Some(b'-' | b'0'..=b'9') if !is_fit(raw) => {
            let value = raw.parse::<f64>().unwrap_or_default();
            match (value.abs() < LARGEST, raw.starts_with('-')) {
                (true, _) => json.push_str(&serde_json::Value::from(value).to_string()),
                (false, false) => json.push_str("9e307"),
                (false, true) => json.push_str("-9e307"),
            }
        }
        _ => json.push_str(raw),
    }
}

fn write_object(object: &Object<'_>, level: usize, json: &mut String) {
    let members: Vec<(&str, &RawValue)> = object.raw_members().collect();
    let mut seen = BTreeSet::new();
    let mut last: Vec<_> = members.iter().rev().filter(|(key, _)| seen.insert(*key)).collect();
    last.reverse();
    json.push('{');
    for (index, (key, value)) in last.into_iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        json.push_str(&quote(key));
        json.push(':');
        write(value.get(), level + 1, json);
    }
    json.push('}');
}

#[cfg(test)]
mod tests {
    use pi_server_core::wire::json::parse;

    use super::{LEVELS_MAX, tidy};

    fn nested(levels: usize) -> String {
        format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn what_keeps_the_rules_is_left_as_it_is() {
        let deep = nested(LEVELS_MAX);
        for text in [
            r#"{"a":1,"b":{"a":2},"c":[{"a":1},{"a":1}]}"#,
            r#"{"a":"\ud83d\ude00","b":"\\ud83d","c":"\\\\"}"#,
            r#"{"a":"x","b":-1.5e300,"c":12345678901234567890123}"#,
            r#"[1, 2,  "a:b" , {"a": "b" }]"#,
            &deep,
        ] {
            assert!(matches!(tidy(text), std::borrow::Cow::Borrowed(_)), "{text}");
            assert!(parse(text.as_bytes()).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_breaks_a_rule_is_mended_and_says_what_javascript_would_read() {
        for (text, mended) in [
            (r#"{"a":"x\ud83d"}"#, r#"{"a":"x\ufffd"}"#),
            (r#"{"a":"\ude00x"}"#, r#"{"a":"\ufffdx"}"#),
            (r#"{"a":"\ude00\ud83d"}"#, r#"{"a":"\ufffd\ufffd"}"#),
            (r#"{"a":"\ud83d\ud83d\ude00"}"#, r#"{"a":"\ufffd\ud83d\ude00"}"#),
            (r#"{"a":"\\\ud83d"}"#, r#"{"a":"\\\ufffd"}"#),
            (r#"{"a\ud83d":1}"#, "{\"a\u{fffd}\":1}"),
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"b":2,"a":3}"#),
            (r#"{"a":1,"\u0061":3}"#, r#"{"a":3}"#),
            (r#"{"x":[{"a":1,"a":{"b":1,"b":2}}]}"#, r#"{"x":[{"a":{"b":2}}]}"#),
            (r#"{"a":1e308}"#, r#"{"a":9e307}"#),
            (r#"{"a":-1e999}"#, r#"{"a":-9e307}"#),
        ] {
            assert_eq!(tidy(text), mended, "{text}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_becomes_its_text() {
        let deep = nested(5_000);
        let text = format!("{{\"a\":{deep},\"b\":{}}}", "9".repeat(500));
        let tidied = tidy(&text);
        assert!(parse(tidied.as_bytes()).is_ok(), "{tidied}");
        assert!(tidied.contains(&nested(5_000 - LEVELS_MAX + 1)));
    }
}
