//! A strict JSON scanner over the bytes of one frame.
//!
//! One pass after one UTF-8 check. It exists beside `serde_json`, with which it agrees on what is
//! JSON (a property test holds it to that), because the protocol needs what that cannot give:
//! - **where**: byte offsets of errors, and the range of every member's value, so that a field can
//!   be passed on as it came;
//! - **numbers as text**: no float takes part in a decision, a digest or an output;
//! - **no key twice**: after unescaping. Two readers of one frame could otherwise disagree about
//!   what it says, and one of them decides while another executes;
//! - **bounds**: [`DEPTH_MAX`] levels, [`NUMBER_CHARS_MAX`] characters in a number, which is also
//!   less than 10^308 (whatever is accepted here can be read with 64-bit floats elsewhere).
//!
//! Time is linear in the length (but for sorting the keys of an object, which finds duplicates).
//! Strings without escapes are borrowed from the frame; the memory for the rest is some hundred
//! bytes for ordinary commands, and at the very worst (nothing but tiny arrays) about twenty times
//! the length of the frame while it is decoded.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::number::Decimal;
use super::text::plain_len;
use crate::input::{JsonProblem, Malformed};
use crate::limits::DEPTH_MAX;

/// Longest number, in characters.
pub const NUMBER_CHARS_MAX: usize = 400;

/// A JSON value, borrowing from its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it was written.
    Number(&'a str),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Value<'a>>),
    /// An object.
    Object(Object<'a>),
}

/// The members of an object, in the order of the code points of their keys; no key occurs twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object<'a> {
    members: Vec<Member<'a>>,
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// The key, unescaped.
    pub key: Cow<'a, str>,
    /// The value.
    pub value: Value<'a>,
    /// Where the value's text is.
    pub range: Range<usize>,
}

impl<'a> Object<'a> {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.member(key).map(|member| &member.value)
    }

    /// The string that `key` has, if it has a string.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Value::String(text)) => Some(text),
            Some(
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_),
            )
            | None => None,
        }
    }

    /// The member called `key`.
    pub fn member(&self, key: &str) -> Option<&Member<'a>> {
        // Most keys of a small object differ in length already, which is quicker to see than
        // their order.
        if self.members.len() <= 8 {
            return self.members.iter().find(|member| *member.key == *key);
        }
        let found = self.members.binary_search_by(|member| (*member.key).cmp(key));
        found.ok().and_then(|at| self.members.get(at))
    }

    /// All members, in the order of their keys.
    pub fn members(&self) -> &[Member<'a>] {
        &self.members
    }
}

/// Why bytes are not one JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonError {
    /// Not UTF-8.
    NotUtf8 {
        /// Offset of the first bad byte.
        at: usize,
    },
    /// UTF-8, but not JSON that the protocol can carry.
    NotJson {
        /// Offset of the problem; of the second value for a duplicate key.
        at: usize,
        /// What it is.
        problem: JsonProblem,
    },
}

impl From<JsonError> for Malformed {
    fn from(error: JsonError) -> Malformed {
        match error {
            JsonError::NotUtf8 { at } => Malformed::NotUtf8 { at: offset(at) },
            JsonError::NotJson { at, problem } => Malformed::NotJson { at: offset(at), problem },
        }
    }
}

fn offset(at: usize) -> u64 {
    u64::try_from(at).unwrap_or(u64::MAX)
}

/// Reads exactly one JSON value; white space around it is fine.
///
/// # Errors
/// [`JsonError`] names the first offence and its place.
pub fn parse(bytes: &[u8]) -> Result<Value<'_>, JsonError> {
    let text = core::str::from_utf8(bytes)
        .map_err(|error| JsonError::NotUtf8 { at: error.valid_up_to() })?;
    let mut scanner = Scanner { text, bytes, at: 0 };
    scanner.white_space();
    let value = scanner.value(0)?;
    scanner.white_space();
    if scanner.at == bytes.len() { Ok(value) } else { Err(scanner.error(JsonProblem::Trailing)) }
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    /// Reads a value that is inside of `depth` arrays and objects.
    fn value(&mut self, depth: usize) -> Result<Value<'a>, JsonError> {
        match self.peek() {
            Some(b'"') => self.string().map(Value::String),
            Some(b'{') => self.object(depth).map(Value::Object),
            Some(b'[') => self.array(depth).map(Value::Array),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => Err(self.error(JsonProblem::Unexpected)),
            None => Err(self.error(JsonProblem::End)),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Object<'a>, JsonError> {
        if depth >= DEPTH_MAX {
            return Err(self.error(JsonProblem::TooDeep));
        }
        self.at += 1;
        self.white_space();
        let mut members = Vec::new();
        if self.eat(b'}') {
            return Ok(Object { members });
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.unexpected());
            }
            let key = self.string()?;
            self.white_space();
            if !self.eat(b':') {
                return Err(self.unexpected());
            }
            self.white_space();
            let start = self.at;
            let value = self.value(depth + 1)?;
            members.push(Member { key, value, range: start..self.at });
            self.white_space();
            if self.eat(b'}') {
                if depth > 0 {
                    members.shrink_to_fit();
                }
                return sorted(members);
            }
            if !self.eat(b',') {
                return Err(self.unexpected());
            }
            self.white_space();
        }
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Value<'a>>, JsonError> {
        if depth >= DEPTH_MAX {
            return Err(self.error(JsonProblem::TooDeep));
        }
        self.at += 1;
        self.white_space();
        let mut elements = Vec::new();
        if self.eat(b']') {
            return Ok(elements);
        }
        loop {
            elements.push(self.value(depth + 1)?);
            self.white_space();
            if self.eat(b']') {
                // Many small ones would otherwise take several times their share of memory.
                if depth > 0 {
                    elements.shrink_to_fit();
                }
                return Ok(elements);
            }
            if !self.eat(b',') {
                return Err(self.unexpected());
            }
            self.white_space();
        }
    }

    /// Reads a string, from its opening to behind its closing quote.
    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.at += 1;
        let start = self.at;
        self.at += plain_len(self.rest());
        if self.peek() == Some(b'"') {
            let text = self.slice(start);
            self.at += 1;
            return Ok(Cow::Borrowed(text));
        }
        self.escaped(start).map(Cow::Owned)
    }

    /// Goes on with a string that has an escape, or an error, at the current place.
    fn escaped(&mut self, start: usize) -> Result<String, JsonError> {
        let mut text = String::from(self.slice(start));
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => return Err(self.error(JsonProblem::BadString)),
                None => return Err(self.error(JsonProblem::End)),
            }
            let start = self.at;
            self.at += plain_len(self.rest());
            text.push_str(self.slice(start));
        }
    }

    /// Reads one escape, from its backslash on.
    fn escape(&mut self) -> Result<char, JsonError> {
        let start = self.at;
        let bad = JsonError::NotJson { at: start, problem: JsonProblem::BadString };
        let Some(letter) = self.bytes.get(start + 1) else {
            self.at = self.bytes.len();
            return Err(self.error(JsonProblem::End));
        };
        self.at += 2;
        Ok(match letter {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.unit()?;
                let code = match unit {
                    0xD800..=0xDBFF => {
                        if !(self.eat(b'\\') && self.eat(b'u')) {
                            return Err(bad);
                        }
                        let low = self.unit()?;
                        if !(0xDC00..=0xDFFF).contains(&low) {
                            return Err(bad);
                        }
                        0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
                    }
                    _ => unit,
                };
                // A low surrogate on its own is no character.
                char::from_u32(code).ok_or(bad)?
            }
            _ => return Err(bad),
        })
    }

    /// Reads the four hexadecimal digits of an escape.
    fn unit(&mut self) -> Result<u32, JsonError> {
        let mut unit = 0;
        for _ in 0..4 {
            let Some(byte) = self.peek() else { return Err(self.error(JsonProblem::End)) };
            let digit = char::from(byte).to_digit(16);
            unit = unit * 16 + digit.ok_or_else(|| self.error(JsonProblem::BadString))?;
            self.at += 1;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<&'a str, JsonError> {
        let start = self.at;
        self.eat(b'-');
        // No digit may follow a leading zero; it would be an unexpected character afterwards.
        if !self.eat(b'0') && self.digits() == 0 {
            return Err(self.bad_number());
        }
        if matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.bad_number());
        }
        if self.eat(b'.') && self.digits() == 0 {
            return Err(self.bad_number());
        }
        if self.eat(b'e') || self.eat(b'E') {
            if !self.eat(b'+') {
                self.eat(b'-');
            }
            if self.digits() == 0 {
                return Err(self.bad_number());
            }
        }
        let text = self.slice(start);
        if text.len() > NUMBER_CHARS_MAX || !Decimal::of(text).fits_a_float() {
            return Err(JsonError::NotJson { at: start, problem: JsonProblem::BadNumber });
        }
        Ok(text)
    }

    /// Skips digits and says how many there were.
    fn digits(&mut self) -> usize {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, JsonError> {
        for expected in word.bytes() {
            if !self.eat(expected) {
                return Err(self.unexpected());
            }
        }
        Ok(value)
    }

    fn white_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The text from `start` to the current place; both are next to ASCII characters.
    fn slice(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn error(&self, problem: JsonProblem) -> JsonError {
        JsonError::NotJson { at: self.at, problem }
    }

    fn unexpected(&self) -> JsonError {
        match self.peek() {
            Some(_) => self.error(JsonProblem::Unexpected),
            None => self.error(JsonProblem::End),
        }
    }

    fn bad_number(&self) -> JsonError {
        match self.peek() {
            Some(_) => self.error(JsonProblem::BadNumber),
            None => self.error(JsonProblem::End),
        }
    }
}

/// Sorts members by key, which brings equal keys together: comparing all pairs would take time in
/// the square of what a client chooses.
fn sorted(mut members: Vec<Member<'_>>) -> Result<Object<'_>, JsonError> {
    members.sort_unstable_by(|a, b| (&a.key, a.range.start).cmp(&(&b.key, b.range.start)));
    let twice = members.windows(2).filter_map(|pair| match pair {
        [a, b] if a.key == b.key => Some(b.range.start),
        _ => None,
    });
    match twice.min() {
        Some(at) => Err(JsonError::NotJson { at, problem: JsonProblem::DuplicateKey }),
        None => Ok(Object { members }),
    }
}

#[cfg(test)]
mod tests;
