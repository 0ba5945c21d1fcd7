//! Characters that pi has cut in two: its deltas are pieces of a JavaScript string, which may end
//! between the halves of a surrogate pair. The first half waits here for the second one, which comes
//! with the next delta of the same block; if it does not, U+FFFD is told in its place, so that the
//! deltas of a block together are what its end repeats as a whole.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::object::Object;
use super::tidy::Half;

/// Blocks of which a half may wait at a time; of one more, the first one's is given up.
const BLOCKS_MAX: usize = 64;
/// Length of an escape that is half a pair.
const HALF: usize = 6;

/// The first halves that wait, by the block whose delta ended with them.
#[derive(Debug, Default)]
pub(super) struct Halves {
    waiting: BTreeMap<String, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    /// The half, as its escape.
    half: String,
    /// The line that tells U+FFFD in its place.
    instead: String,
}

impl Halves {
    /// Puts the halves of a line of pi together with those that wait. Gives the lines that have to be
    /// read before it, and the line itself as it is to be read.
    pub(super) fn join<'a>(&mut self, line: &'a str) -> (Vec<String>, Cow<'a, str>) {
        if self.waiting.is_empty() && !line.contains("\\u") {
            return (Vec::new(), Cow::Borrowed(line));
        }
        let mut before = Vec::new();
        let Some(mut object) = Object::parse(line) else { return (before, Cow::Borrowed(line)) };
        match object.text("type").as_deref() {
            Some("message_update") => {
                let inner = object.raw("assistantMessageEvent").map(RawValue::get);
                let Some(mut inner) = inner.and_then(Object::parse) else {
                    return (before, Cow::Borrowed(line));
                };
                let kind = inner.text("type").unwrap_or_default().into_owned();
                let (stem, step) = kind.rsplit_once('_').unwrap_or((&kind, ""));
                let part =
                    |object: &Object<'_>, key| object.raw(key).map_or("", RawValue::get).to_owned();
                let index = part(&inner, "contentIndex");
                let block = format!("{stem} {index} {}", part(&object, "parentToolCallId"));
                if step != "delta" {
                    before.extend(self.give_up(&block));
                    return (before, Cow::Borrowed(line));
                }
                let tell = |object: &mut Object<'_>, inner: &mut Object<'_>, delta: String| {
                    inner.set("delta", delta);
                    object.set("assistantMessageEvent", inner.write());
                    object.write()
                };
                let delta = inner.raw("delta").map(RawValue::get);
                let Some((delta, half)) = self.next(&block, delta) else {
                    return (before, Cow::Borrowed(line));
                };
                let joined = tell(&mut object, &mut inner, delta);
                if let Some(half) = half {
                    for key in ["message", "usage"] {
                        object.remove(key);
                    }
                    inner.remove("partial");
                    let instead = tell(&mut object, &mut inner, "\"\\ufffd\"".to_owned());
                    before.extend(self.wait(block, Waiting { half, instead }));
                }
                (before, Cow::Owned(joined))
            }
            Some("bash_execution_update") => {
                let block = format!("bash {}", object.raw("id").map_or("", RawValue::get));
                let delta = object.raw("delta").map(RawValue::get);
                let Some((delta, half)) = self.next(&block, delta) else {
                    return (before, Cow::Borrowed(line));
                };
                object.set("delta", delta);
                let joined = object.write();
                if let Some(half) = half {
                    object.set("delta", "\"\\ufffd\"".to_owned());
                    before.extend(self.wait(block, Waiting { half, instead: object.write() }));
                }
                (before, Cow::Owned(joined))
            }
            Some("response") => {
                let block = format!("bash {}", object.raw("id").map_or("", RawValue::get));
                before.extend(self.give_up(&block));
                (before, Cow::Borrowed(line))
            }
            Some(
                "message_start" | "message_end" | "turn_end" | "agent_start" | "agent_end"
                | "agent_settled",
            ) => {
                let blocks: Vec<String> =
                    self.waiting.keys().filter(|key| !key.starts_with("bash ")).cloned().collect();
                before.extend(blocks.iter().filter_map(|block| self.give_up(block)));
                (before, Cow::Borrowed(line))
            }
            Some(_) | None => (before, Cow::Borrowed(line)),
        }
    }

    /// The lines in the place of all halves that wait: nothing more comes.
    pub(super) fn end(&mut self) -> Vec<String> {
        std::mem::take(&mut self.waiting).into_values().map(|waiting| waiting.instead).collect()
    }

    /// A delta with the half before it and without the one at its end, which comes beside it; `None`
    /// if it is to stay as it is.
    fn next(&mut self, block: &str, delta: Option<&str>) -> Option<(String, Option<String>)> {
        let text = delta?.strip_prefix('"')?.strip_suffix('"')?;
        let first = self.waiting.remove(block).map(|waiting| waiting.half);
        if first.is_none() && !ends_with_half(text) {
            return None;
        }
        let mut whole = first.unwrap_or_default() + text;
        let half = ends_with_half(&whole).then(|| whole.split_off(whole.len() - HALF));
        Some((format!("\"{whole}\""), half))
    }

    fn wait(&mut self, block: String, waiting: Waiting) -> Option<String> {
        let full = self.waiting.len() >= BLOCKS_MAX;
        let given_up = if full { self.waiting.pop_first() } else { None };
        self.waiting.insert(block, waiting);
        given_up.map(|(_, waiting)| waiting.instead)
    }

    fn give_up(&mut self, block: &str) -> Option<String> {
        self.waiting.remove(block).map(|waiting| waiting.instead)
    }
}

/// Whether the inside of a JSON string ends with the first half of a pair.
fn ends_with_half(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(start) = bytes.len().checked_sub(HALF) else { return false };
    let slashes = bytes[..start].iter().rev().take_while(|byte| **byte == b'\\').count();
    slashes % 2 == 0 && Half::of(&bytes[start..]) == Some(Half::High)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Halves;
    use crate::agent::pi::tidy::tidy;

    /// The deltas of lines, after they were put together.
    fn deltas(lines: &[&str]) -> Vec<String> {
        let mut halves = Halves::default();
        let mut all = Vec::new();
        for line in lines {
            let (before, line) = halves.join(line);
            all.extend(before);
            all.push(line.into_owned());
        }
        all.extend(halves.end());
        let read = |line: &String| -> Option<String> {
            let value: Value = serde_json::from_str(&tidy(line)).expect("JSON");
            let inner = value["assistantMessageEvent"]["delta"].as_str();
            inner.or(value["delta"].as_str()).map(str::to_owned)
        };
        all.iter().filter_map(read).collect()
    }

    fn update(index: u64, kind: &str, delta: &str) -> String {
        format!(
            r#"{{"type":"message_update","assistantMessageEvent":{{"type":"{kind}","contentIndex":{index},"delta":"{delta}"}}}}"#
        )
    }

    #[test]
    fn halves_of_one_block_are_joined_over_deltas_of_other_blocks() {
        let lines = [
            update(0, "text_delta", r"a\ud83d"),
            update(1, "text_delta", r"b\uD83D"),
            update(0, "thinking_delta", "c"),
            update(1, "text_delta", r"\uDE00d"),
            update(0, "text_delta", r"\ude00e\ud83d"),
            update(0, "text_delta", r"\ude01"),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(deltas(&lines), ["a", "b", "c", "😀d", "😀e", "😁"]);
    }

    #[test]
    fn a_half_whose_other_never_comes_is_told_as_a_replacement_before_the_end_of_its_block() {
        let first = update(0, "text_delta", r"a\ud83d");
        for end in [
            r#"{"type":"message_update","assistantMessageEvent":{"type":"text_end","contentIndex":0,"content":"x"}}"#,
            r#"{"type":"message_end","message":{}}"#,
            r#"{"type":"agent_end","messages":[]}"#,
        ] {
            let mut halves = Halves::default();
            let (before, line) = halves.join(&first);
            assert!(before.is_empty());
            let line: Value = serde_json::from_str(&line).expect("JSON");
            assert_eq!(line["assistantMessageEvent"]["delta"], "a");
            let (before, line) = halves.join(end);
            assert_eq!(line, end);
            let before: Value = serde_json::from_str(&before[0]).expect("JSON");
            assert_eq!(
                before["assistantMessageEvent"],
                json!({ "type": "text_delta", "contentIndex": 0, "delta": "\u{fffd}" })
            );
        }
        assert_eq!(deltas(&[&first, &update(0, "text_delta", "b")]), ["a", "\u{fffd}b"]);
        assert_eq!(deltas(&[&first]), ["a", "\u{fffd}"]);
    }

    #[test]
    fn output_of_shell_commands_is_joined_by_command() {
        let piece = |id: u64, delta: &str| {
            format!(r#"{{"type":"bash_execution_update","id":{id},"delta":"{delta}"}}"#)
        };
        let lines = [piece(3, r"a\ud83d"), piece(4, "b"), piece(3, r"\ude00"), piece(4, r"\ud83d")];
        let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        lines.push(r#"{"type":"response","id":4,"success":true}"#);
        assert_eq!(deltas(&lines), ["a", "b", "😀", "", "\u{fffd}"]);
    }

    #[test]
    fn an_escaped_backslash_before_such_letters_is_no_half() {
        let line = update(0, "text_delta", r"\\ud83d");
        assert_eq!(deltas(&[&line, &update(0, "text_delta", "x")]), ["\\ud83d", "x"]);
    }
}
