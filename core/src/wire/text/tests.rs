use alloc::string::{String, ToString};

use super::*;
use crate::wire::random::{Random, seeds};

fn string(text: &str) -> String {
    let mut json = Vec::new();
    push_string(&mut json, text);
    String::from_utf8(json).unwrap()
}

#[test]
fn strings_are_escaped_where_json_asks_for_it() {
    assert_eq!(string("plain é 漢 😀 \u{2028}\u{7f}"), "\"plain é 漢 😀 \u{2028}\u{7f}\"");
    assert_eq!(
        string("\"\\\n\r\t\u{8}\u{c}\u{0}\u{1f}"),
        r#""\"\\\n\r\t\u0008\u000c\u0000\u001f""#
    );
}

#[test]
fn any_text_comes_back_from_its_json_string() {
    for seed in seeds(2_000) {
        let mut random = Random::new(seed);
        let text: String = (0..random.below(200))
            .filter_map(|_| {
                let bound = [0x30, 0x80, 0x800, 0x11_0000][random.below(4)];
                char::from_u32(u32::try_from(random.below(bound)).unwrap())
            })
            .collect();
        let back: String = serde_json::from_str(&string(&text)).unwrap();
        assert_eq!(back, text, "seed {seed}");
    }
}

#[test]
fn the_plain_beginning_ends_at_the_first_special_byte() {
    for length in 0..300 {
        let mut bytes = alloc::vec![b'\x80'; length];
        assert_eq!(plain_len(&bytes), length);
        for (at, special) in [(0, b'"'), (7, b'\\'), (8, 0), (31, 0x1f), (33, b'"'), (200, b'\n')] {
            if at < length {
                bytes[at] = special;
                assert_eq!(plain_len(&bytes), at, "{length}");
                bytes[at] = b'!';
            }
        }
    }
    for byte in 0..=u8::MAX {
        let is_special = byte < 0x20 || byte == b'"' || byte == b'\\';
        for length in [1, 8, 100] {
            let mut bytes = alloc::vec![b'a'; length];
            bytes[length - 1] = byte;
            let expected = if is_special { length - 1 } else { length };
            assert_eq!(plain_len(&bytes), expected, "{byte}");
        }
    }
}

#[test]
fn integers_are_written_in_full() {
    for number in [0, 9, 10, 1_234_567_890, u64::MAX] {
        let mut json = Vec::new();
        push_number(&mut json, number);
        assert_eq!(String::from_utf8(json).unwrap(), number.to_string());
    }
}

#[test]
fn lengths_are_counted_in_utf_16_units() {
    assert!(!is_longer("abc", 3));
    assert!(is_longer("abcd", 3));
    assert!(!is_longer("ééé", 3));
    assert!(!is_longer("😀", 2));
    assert!(is_longer("😀", 1));
    assert_eq!(beginning("a😀b", 2), "a");
    assert_eq!(beginning("a😀b", 3), "a😀");
    assert_eq!(beginning("a😀b", 9), "a😀b");
}

#[test]
fn blank_is_nothing_but_white_space() {
    assert!(is_blank(""));
    assert!(is_blank(" \t\n\u{a0}\u{2003}"));
    assert!(!is_blank(" x "));
}
