//! JSON strings and numbers, out of and into bytes.

use alloc::vec::Vec;
use core::fmt;

/// How many of the first bytes can stand in a JSON string as they are: all up to the first quote,
/// backslash or control character.
pub(super) fn plain_len(bytes: &[u8]) -> usize {
    // Most strings are short; only long ones are worth the wide loop.
    let (words, _) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().take(4).enumerate() {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return index * 8 + first_byte(found);
        }
    }
    let mut at = words.len().min(4) * 8;
    let (blocks, _) = bytes.get(at..).unwrap_or_default().as_chunks::<64>();
    let is_special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    // A fold without an early exit, which compilers turn into vector instructions.
    let plain = |block: &&[u8; 64]| !block.iter().fold(false, |any, byte| any | is_special(*byte));
    at += blocks.iter().take_while(plain).count() * 64;
    let tail = bytes.get(at..).unwrap_or_default();
    at + tail.iter().position(|byte| is_special(*byte)).unwrap_or(tail.len())
}

/// A word whose lowest set bit is in the first byte of `word` that is a quote, a backslash or a
/// control character; zero if there is none. (Bits above the lowest may be wrong.)
fn special(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = EACH * 0x80;
    let below = |word: u64, bound: u64| word.wrapping_sub(EACH * bound) & !word & HIGH;
    let quote = word ^ (EACH * 0x22);
    let backslash = word ^ (EACH * 0x5C);
    below(word, 0x20) | below(quote, 1) | below(backslash, 1)
}

/// Index of the byte that has the lowest set bit.
fn first_byte(word: u64) -> usize {
    usize::try_from(word.trailing_zeros() / 8).unwrap_or_default()
}

/// Returns true if a character controls whoever shows it: a control character (C0, DEL, C1), a line or
/// paragraph separator, or one that changes the direction of writing. PROTOCOL.md section 1.
pub fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

/// Appends a JSON string with its quotes.
pub fn push_string(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    push_escaped(json, text);
    json.push(b'"');
}

/// Appends what stands between the quotes of a JSON string.
pub fn push_escaped(json: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let plain = plain_len(rest);
        json.extend_from_slice(rest.get(..plain).unwrap_or_default());
        let Some(byte) = rest.get(plain) else { return };
        match byte {
            b'"' => json.extend_from_slice(b"\\\""),
            b'\\' => json.extend_from_slice(b"\\\\"),
            b'\n' => json.extend_from_slice(b"\\n"),
            b'\r' => json.extend_from_slice(b"\\r"),
            b'\t' => json.extend_from_slice(b"\\t"),
            _ => {
                let digit = |half: u8| b"0123456789abcdef"[usize::from(half & 15)];
                json.extend_from_slice(b"\\u00");
                json.extend_from_slice(&[digit(byte >> 4), digit(*byte)]);
            }
        }
        rest = rest.get(plain + 1..).unwrap_or_default();
    }
}

/// Appends an integer.
pub fn push_number(json: &mut Vec<u8>, number: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    json.extend_from_slice(&digits[at..]);
}

/// Formats into a JSON string, between its quotes.
pub(super) struct Escaped<'a>(pub(super) &'a mut Vec<u8>);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push_escaped(self.0, text);
        Ok(())
    }
}

/// Writes the members of an object.
pub struct Members<'a> {
    json: &'a mut Vec<u8>,
    is_first: bool,
}

impl<'a> Members<'a> {
    /// Begins the object.
    pub fn open(json: &'a mut Vec<u8>) -> Members<'a> {
        json.push(b'{');
        Members { json, is_first: true }
    }

    /// Writes a key, which must need no escape; the value is to be appended next.
    pub fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !self.is_first {
            self.json.push(b',');
        }
        self.is_first = false;
        self.json.push(b'"');
        self.json.extend_from_slice(key.as_bytes());
        self.json.extend_from_slice(b"\":");
        self.json
    }

    /// Writes a member that is a string.
    pub fn string(&mut self, key: &str, value: &str) {
        push_string(self.key(key), value);
    }

    /// Writes a member that is an integer.
    pub fn number(&mut self, key: &str, value: u64) {
        push_number(self.key(key), value);
    }

    /// Writes a member that is a truth value.
    pub fn bool(&mut self, key: &str, value: bool) {
        self.key(key).extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// Ends the object.
    pub fn close(self) {
        self.json.push(b'}');
    }
}

/// The length in UTF-16 units, by which the protocol counts, is more than `max`.
pub(super) fn is_longer(text: &str, max: usize) -> bool {
    // No character takes more units than bytes.
    text.len() > max && text.chars().map(char::len_utf16).sum::<usize>() > max
}

/// Nothing but white space.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

/// The longest beginning of `text` that has at most `max` UTF-16 units.
pub(super) fn beginning(text: &str, max: usize) -> &str {
    let mut units = 0;
    let beyond = text.char_indices().find(|(_, char)| {
        units += char.len_utf16();
        units > max
    });
    beyond.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests;
