//! Directives: what a prompt tells the demo agent to do, as tags anywhere in its text.

use std::time::Duration;

use pi_server_core::input::DialogMethod;

/// Longest pause between two pieces.
const DELAY_MAX: Duration = Duration::from_secs(3_600);
/// Most words that `[words:N]` gives.
const WORDS_MAX: u32 = 100_000;

/// Longest name of a directive, in bytes.
const NAME_MAX: usize = 5;

/// Every directive, for `/help`.
pub(super) const HELP: &str = "\
Write these anywhere in a prompt:
[say:TEXT] answers with TEXT; [words:N] with N numbered words; [think:TEXT] thinks first
[delay:MS] waits before each streamed piece (15 by default)
[tool:CMD] shows a scripted tool call (CMD is not run); may be repeated
[ask:select|confirm|input|editor] opens a dialog and waits; [ask:input 500] gives up after 500 ms
[error:TEXT] ends the run with a provider's error; [error:TEXT*N] fails N times, then goes on
[stall] never ends until aborted; [noack] never even answers; [fail:TEXT] refuses the prompt
[die] ends the agent in mid-turn with status 1; [junk] writes lines that are no protocol
In `bash`: [delay:MS], [stall], [exit:CODE], [fail:TEXT]. In `compact`: [delay:MS], [stall].";

/// What a text tells the agent to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Script {
    /// `[say:TEXT]`.
    pub(super) say: Option<String>,
    /// `[think:TEXT]`.
    pub(super) think: Option<String>,
    /// `[words:N]`.
    pub(super) words: Option<u32>,
    /// `[delay:MS]`.
    pub(super) delay: Option<Duration>,
    /// `[tool:CMD]`, in order.
    pub(super) tools: Vec<String>,
    /// `[ask:METHOD MS]`, in order.
    pub(super) asks: Vec<Question>,
    /// `[error:TEXT*N]`.
    pub(super) error: Option<Failing>,
    /// `[fail:TEXT]`.
    pub(super) fail: Option<String>,
    /// `[exit:CODE]`.
    pub(super) exit: i32,
    marks: Vec<Mark>,
    /// The text without its directives.
    pub(super) rest: String,
}

/// A directive without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// `[stall]`: it never ends by itself.
    Stall,
    /// `[noack]`: not even an answer.
    NoAck,
    /// `[die]`: the agent ends.
    Die,
    /// `[junk]`: lines that are no protocol.
    Junk,
}

/// A dialog to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// What kind.
    pub(super) method: DialogMethod,
    /// How long the agent waits for an answer.
    pub(super) timeout: Option<Duration>,
}

/// A provider's error to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failing {
    /// Its words.
    pub(super) text: String,
    /// How many attempts fail, for an error that is worth another attempt.
    pub(super) times: Option<u32>,
}

impl Script {
    /// Reads the directives out of a text. Brackets that are no directive stay part of the text.
    pub(super) fn parse(text: &str) -> Script {
        let mut script = Script::default();
        let mut from = 0;
        for (open, close) in pairs(text) {
            // A pair inside of a directive that was taken belongs to its value.
            if open < from {
                continue;
            }
            let inside = &text[open + 1..close];
            let (name, value) = match inside.bytes().take(NAME_MAX + 1).position(|b| b == b':') {
                Some(at) => (&inside[..at], &inside[at + 1..]),
                None => (inside, ""),
            };
            let rest = script.rest.len();
            script.rest.push_str(&text[from..open]);
            if script.set(name, value) {
                from = close + 1;
            } else {
                script.rest.truncate(rest);
            }
        }
        script.rest.push_str(&text[from..]);
        script.rest = script.rest.trim().to_owned();
        script
    }

    /// Whether the text has that directive.
    pub(super) fn has(&self, mark: Mark) -> bool {
        self.marks.contains(&mark)
    }

    /// Takes one directive; `false` if it is none.
    fn set(&mut self, name: &str, value: &str) -> bool {
        match name {
            "say" => self.say = Some(value.to_owned()),
            "think" => self.think = Some(value.to_owned()),
            "words" => self.words = value.parse().ok().map(|n: u32| n.min(WORDS_MAX)),
            "delay" => self.delay = millis(value).map(|delay| delay.min(DELAY_MAX)),
            "tool" => self.tools.push(value.to_owned()),
            "ask" => match question(value) {
                Some(question) => self.asks.push(question),
                None => return false,
            },
            "error" => self.error = Some(failing(value)),
            "fail" => self.fail = Some(value.to_owned()),
            "exit" => self.exit = value.parse().unwrap_or(1),
            "stall" => self.marks.push(Mark::Stall),
            "noack" => self.marks.push(Mark::NoAck),
            "die" => self.marks.push(Mark::Die),
            "junk" => self.marks.push(Mark::Junk),
            _ => return false,
        }
        true
    }
}

/// The brackets of a text that belong together, in the order of the opening ones. One pass, since a
/// text may well consist of brackets only.
fn pairs(text: &str) -> Vec<(usize, usize)> {
    let mut open = Vec::new();
    let mut pairs = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => open.push(at),
            b']' => pairs.extend(open.pop().map(|from| (from, at))),
            _ => {}
        }
    }
    pairs.sort_unstable();
    pairs
}

fn millis(value: &str) -> Option<Duration> {
    value.trim().parse().ok().map(Duration::from_millis)
}

fn question(value: &str) -> Option<Question> {
    let (method, timeout) = value.split_once(' ').unwrap_or((value, ""));
    let method = match method {
        "select" => DialogMethod::Select,
        "confirm" => DialogMethod::Confirm,
        "input" => DialogMethod::Input,
        "editor" => DialogMethod::Editor,
        _ => return None,
    };
    Some(Question { method, timeout: millis(timeout) })
}

fn failing(value: &str) -> Failing {
    let counted = value.rsplit_once('*').and_then(|(text, n)| Some((text, n.parse().ok()?)));
    match counted {
        Some((text, times)) => Failing { text: text.to_owned(), times: Some(times) },
        None => Failing { text: value.to_owned(), times: None },
    }
}
