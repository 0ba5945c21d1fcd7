//! The fingerprint of a command: what makes two frames the same command. PROTOCOL.md section 6.
//!
//! It covers every field, unknown ones included, but the top-level `id` and `idempotencyKey`, which
//! name an attempt and not what is asked for. An empty `dependsOn` says the same as none and is left
//! out as well. The order of keys, white space, escapes and the spelling of numbers (1, 1.0, 1e0,
//! 10e-1) do not matter; the order of arrays does.
//!
//! What is hashed is not JSON but an injective encoding of the value: each part begins with its
//! tag and its length, so that no two different commands have the same bytes. It is streamed, so
//! that a large message is hashed where it lies; nesting is bounded by the scanner. Its first byte
//! cannot begin a JSON text, so a fingerprint is never the digest of a frame.
//!
//! ```text
//! command = 01 object
//! value   = 'z' null | 't' true | 'f' false
//!         | '+' or '-', exponent: i64, length, digits     (number; zero is '+' 0 0)
//!         | 's' length, UTF-8
//!         | 'a' length, values
//!         | 'o' length, (length, UTF-8, value)...         (by code points of the keys)
//! length  = one byte below 255 | 255, u64
//! ```
//! Integers are little-endian. Short lengths take one byte, so that most commands fit one block of
//! the hash.

use super::json::{Object, Value};
use super::number::Decimal;
use crate::ids::Digest;
use crate::record::{Hasher, Secret};

/// Marks a length that is written in full.
const LONG: u8 = 255;

/// The keyed digest of a command's meaning.
pub(super) fn fingerprint(command: &Object<'_>, secret: &Secret) -> Digest {
    let mut sink = Sink { secret, buffer: [0; 512], used: 0, hasher: None };
    sink.put(&[1]);
    let counts = |key: &str, value: &Value<'_>| match key {
        "id" | "idempotencyKey" => false,
        "dependsOn" => !matches!(value, Value::Array(elements) if elements.is_empty()),
        _ => true,
    };
    let members = command.members().iter().filter(|member| counts(&member.key, &member.value));
    sink.tagged(b'o', members.clone().count());
    for member in members {
        sink.text(&member.key);
        sink.value(&member.value);
    }
    sink.finish()
}

/// Collects small pieces before they are hashed: most commands fit and are hashed at one go.
struct Sink<'a> {
    secret: &'a Secret,
    buffer: [u8; 512],
    used: usize,
    hasher: Option<Hasher>,
}

impl Sink<'_> {
    fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::Null => self.put(b"z"),
            Value::Bool(true) => self.put(b"t"),
            Value::Bool(false) => self.put(b"f"),
            Value::Number(text) => self.number(&Decimal::of(text)),
            Value::String(text) => {
                self.put(b"s");
                self.text(text);
            }
            Value::Array(elements) => {
                self.tagged(b'a', elements.len());
                for element in elements {
                    self.value(element);
                }
            }
            Value::Object(object) => {
                self.tagged(b'o', object.members().len());
                for member in object.members() {
                    self.text(&member.key);
                    self.value(&member.value);
                }
            }
        }
    }

    fn number(&mut self, number: &Decimal<'_>) {
        let Decimal { negative, digits: (head, tail), exponent } = number;
        self.put(if *negative { b"-" } else { b"+" });
        self.put(&exponent.to_le_bytes());
        self.length(head.len() + tail.len());
        self.put(head.as_bytes());
        self.put(tail.as_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.put(text.as_bytes());
    }

    fn tagged(&mut self, tag: u8, count: usize) {
        self.put(&[tag]);
        self.length(count);
    }

    fn length(&mut self, length: usize) {
        match u8::try_from(length) {
            Ok(short) if short < LONG => self.put(&[short]),
            Ok(_) | Err(_) => {
                self.put(&[LONG]);
                self.put(&u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes());
            }
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        if let Some(free) = self.buffer.get_mut(self.used..self.used + bytes.len()) {
            free.copy_from_slice(bytes);
            self.used += bytes.len();
            return;
        }
        let hasher = self.hasher.get_or_insert_with(|| self.secret.hasher());
        hasher.update(&self.buffer[..self.used]);
        self.used = 0;
        if bytes.len() < self.buffer.len() {
            self.put(bytes);
        } else {
            hasher.update(bytes);
        }
    }

    fn finish(mut self) -> Digest {
        let rest = &self.buffer[..self.used];
        match &mut self.hasher {
            None => self.secret.digest(rest),
            Some(hasher) => {
                hasher.update(rest);
                hasher.finish()
            }
        }
    }
}

#[cfg(test)]
mod tests;
