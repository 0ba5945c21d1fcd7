//! Taking values and parts of strings out of JSON. What is not taken out stays byte for byte: the
//! order of members, white space, and every digit of every number.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::builtin::{Secrecy, secrecy};
use crate::text::MARK;

/// The members by which a reader knows what a body was and what it belonged to.
const NAMES: [&str; 7] =
    ["type", "id", "requestId", "toolCallId", "parentToolCallId", "method", "command"];

/// Longest text that can be such a name, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// What is left of an object that cannot be taken apart: its type and its ids, as far as they are
/// short texts in which nothing is found. `None` for what is no object, or has no type.
pub(crate) fn bare(body: &[u8], is_found: &dyn Fn(&str) -> bool) -> Option<Vec<u8>> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
    let name = |key: &&str| {
        let text: String = serde_json::from_str(members.get(*key)?.get()).ok()?;
        (text.len() <= NAME_BYTES_MAX && !is_found(&text)).then(|| ((*key).into(), text.into()))
    };
    let kept: Map<String, Value> = NAMES.iter().filter_map(name).collect();
    kept.contains_key("type").then(|| Value::Object(kept).to_string().into_bytes())
}

/// What is to be taken out.
pub(crate) struct Rules<'a> {
    /// Values at paths of tokens; `*` stands for every member or element.
    pub(crate) pointers: Vec<&'a [String]>,
    /// The text without what is found in it; `None` if that is nothing.
    pub(crate) cut: &'a dyn Fn(&str) -> Option<String>,
    /// Whether names of members say that their values are secret.
    pub(crate) names: bool,
}

/// What became of a body.
pub(crate) enum Rewritten {
    /// Nothing was found.
    Unchanged,
    /// This is left.
    Changed(Vec<u8>),
    /// It is no JSON after all.
    Unreadable,
}

/// Rewrites a body that `serde_json` has read.
pub(crate) fn rewrite(body: &[u8], rules: &Rules<'_>) -> Rewritten {
    let mut walk = Walk { body, at: 0, copied: 0, left: Vec::new(), is_changed: false, rules };
    match walk.value(&rules.pointers, Secrecy::None) {
        None => Rewritten::Unreadable,
        Some(()) if walk.is_changed => {
            walk.left.extend_from_slice(body.get(walk.copied..).unwrap_or_default());
            Rewritten::Changed(walk.left)
        }
        Some(()) => Rewritten::Unchanged,
    }
}

/// A way through a body, which is JSON: where it is not, there is no way.
struct Walk<'a> {
    body: &'a [u8],
    at: usize,
    /// How much of the body is in `left`, or replaced there.
    copied: usize,
    left: Vec<u8>,
    is_changed: bool,
    rules: &'a Rules<'a>,
}

impl<'a> Walk<'a> {
    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while self.body.get(self.at)?.is_ascii_whitespace() {
            self.at += 1;
        }
        self.body.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Puts something in the place of what was passed since `from`.
    fn replace(&mut self, from: usize, with: &[u8]) -> Option<()> {
        if self.body.get(from..self.at)? == with {
            return Some(());
        }
        self.left.extend_from_slice(self.body.get(self.copied..from)?);
        self.left.extend_from_slice(with);
        self.copied = self.at;
        self.is_changed = true;
        Some(())
    }

    fn replace_text(&mut self, from: usize, with: &str) -> Option<()> {
        let with = Value::from(with).to_string();
        self.replace(from, with.as_bytes())
    }

    /// Passes a string. Where it begins, and its text.
    fn string(&mut self) -> Option<(usize, String)> {
        self.expect(b'"')?;
        let from = self.at - 1;
        self.pass_string()?;
        let text = serde_json::from_slice(self.body.get(from..self.at)?).ok()?;
        Some((from, text))
    }

    /// Passes what is left of a string.
    fn pass_string(&mut self) -> Option<()> {
        loop {
            let byte = *self.body.get(self.at)?;
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                return Some(());
            }
        }
    }

    /// Passes a value of any kind.
    fn pass(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    self.pass_string()?;
                }
                b'{' | b'[' => {
                    self.at += 1;
                    depth += 1;
                }
                b'}' | b']' => {
                    self.at += 1;
                    depth = depth.checked_sub(1)?;
                }
                b',' | b':' if depth > 0 => self.at += 1,
                _ => self.pass_scalar()?,
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Passes a number or a word.
    fn pass_scalar(&mut self) -> Option<()> {
        let rest = self.body.get(self.at..)?;
        let is_part =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let length = rest.iter().take_while(|byte| is_part(byte)).count();
        self.at += length;
        (length > 0).then_some(())
    }

    fn value(&mut self, pointers: &[&'a [String]], mut inherited: Secrecy) -> Option<()> {
        let kind = self.peek()?;
        let from = self.at;
        if pointers.iter().any(|pointer| pointer.is_empty()) {
            self.pass()?;
            return match kind {
                b'"' => self.replace_text(from, MARK),
                b'{' => self.replace(from, b"{}"),
                b'[' => self.replace(from, b"[]"),
                b't' | b'f' | b'n' => self.replace(from, b"null"),
                _ => self.replace(from, b"0"),
            };
        }
        match kind {
            b'"' => self.text(inherited),
            b'{' => {
                if inherited > Secrecy::None && self.is_schema()? {
                    inherited = Secrecy::None;
                }
                self.object(pointers, inherited)
            }
            b'[' => self.array(pointers, inherited),
            b't' | b'f' | b'n' => self.pass_scalar(),
            _ => {
                self.pass_scalar()?;
                if inherited == Secrecy::All { self.replace(from, b"0") } else { Some(()) }
            }
        }
    }

    fn text(&mut self, inherited: Secrecy) -> Option<()> {
        let (from, text) = self.string()?;
        if inherited > Secrecy::None {
            return if text.is_empty() { Some(()) } else { self.replace_text(from, MARK) };
        }
        match (self.rules.cut)(&text) {
            Some(left) => self.replace_text(from, &left),
            None => Some(()),
        }
    }

    fn object(&mut self, pointers: &[&'a [String]], inherited: Secrecy) -> Option<()> {
        self.expect(b'{')?;
        if self.peek()? == b'}' {
            return self.expect(b'}');
        }
        loop {
            self.peek()?;
            let (from, name) = self.string()?;
            if let Some(left) = (self.rules.cut)(&name) {
                self.replace_text(from, &left)?;
            }
            self.expect(b':')?;
            let own = if self.rules.names { secrecy(&name) } else { Secrecy::None };
            let below = below(pointers, |first| first == name);
            self.value(&below, own.max(inherited))?;
            match self.peek()? {
                b',' => self.at += 1,
                _ => return self.expect(b'}'),
            }
        }
    }

    fn array(&mut self, pointers: &[&'a [String]], inherited: Secrecy) -> Option<()> {
        self.expect(b'[')?;
        if self.peek()? == b']' {
            return self.expect(b']');
        }
        for index in 0_usize.. {
            let below = below(pointers, |first| first.parse() == Ok(index));
            self.value(&below, inherited)?;
            match self.peek()? {
                b',' => self.at += 1,
                _ => return self.expect(b']'),
            }
        }
        None
    }

    /// Whether the object that follows describes values and holds none: JSON Schema, in which tools
    /// say what they take, has members that are called `password`.
    fn is_schema(&mut self) -> Option<bool> {
        let from = self.at;
        self.pass()?;
        let object = self.body.get(from..self.at)?;
        self.at = from;
        let object: Value = serde_json::from_slice(object).ok()?;
        let kinds = ["string", "number", "integer", "boolean", "object", "array", "null"];
        Some(object["type"].as_str().is_some_and(|kind| kinds.contains(&kind)))
    }
}

/// The paths that go on behind a member or an element.
fn below<'a>(pointers: &[&'a [String]], is: impl Fn(&str) -> bool) -> Vec<&'a [String]> {
    let firsts = pointers.iter().filter_map(|pointer| pointer.split_first());
    firsts.filter(|(first, _)| *first == "*" || is(first)).map(|(_, rest)| rest).collect()
}
