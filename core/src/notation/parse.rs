//! Inputs from text. What a script leaves out takes a plain default, so that scripts stay short.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::print::PLAIN_ENTROPY;
use crate::command::CommandKind;
use crate::failure::Failure;
use crate::ids::{AgentNo, BodyRef, CommandNo, ConnId, Digest, Micros, Seq, Text, WallOffset};
use crate::input::{
    AgentEvent, AgentInfo, AgentKind, AgentReady, AgentSaid, Answer, Boot, Details, DialogMethod,
    Disposition, Earlier, Envelope, Exit, HistoryFilter, Input, InputKind, Interest, JournalFacts,
    Malformed, Opened, RecoveryPolicy, Reply, RuleSet, Transport,
};
use crate::limits::Limits;
use crate::snapshot::outcome::{Data, Outcome};

/// A script: what is to happen, with the outputs that are expected of it.
#[derive(Clone, Debug)]
pub struct Script {
    /// Each input with its line number and the indented lines below it.
    pub steps: Vec<ScriptStep>,
}

/// One input of a script.
#[derive(Clone, Debug)]
pub struct ScriptStep {
    /// Line number, from 1.
    pub line: usize,
    /// What happens.
    pub input: Input,
    /// The outputs that the script expects, trimmed.
    pub expected: Vec<String>,
}

/// A line that is not in the notation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Line number, from 1.
    pub line: usize,
    /// What was expected there.
    pub expected: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: expected {}", self.line, self.expected)
    }
}

/// Reads a script. Lines that begin with `#` are comments.
///
/// # Errors
/// The first line that is not in the notation.
pub fn parse_script(text: &str) -> Result<Script, ParseError> {
    let mut steps: Vec<ScriptStep> = Vec::new();
    for (index, raw) in text.lines().enumerate() {
        let line = index.saturating_add(1);
        if raw.trim().is_empty() || raw.starts_with('#') {
            continue;
        }
        if raw.starts_with(' ') {
            let Some(step) = steps.last_mut() else {
                return Err(ParseError { line, expected: "an input before its outputs".into() });
            };
            step.expected.push(raw.trim().to_string());
            continue;
        }
        let seq = Seq(u64::try_from(steps.len()).unwrap_or(u64::MAX).saturating_add(1));
        let input = parse_input(raw, seq)
            .map_err(|expected| ParseError { line, expected: expected.to_string() })?;
        steps.push(ScriptStep { line, input, expected: Vec::new() });
    }
    Ok(Script { steps })
}

type Parsed<T> = Result<T, &'static str>;

fn parse_input(line: &str, seq: Seq) -> Parsed<Input> {
    let mut words = Words::new(line)?;
    let at = parse_time(&words.word("a time such as t200")?)?;
    let mut body = 0;
    let mut redacted = false;
    words.list.retain(|word| {
        let Some((name @ ("body" | "redacted"), len)) = word.split_once('=') else { return true };
        let Ok(len) = len.parse() else { return true };
        (body, redacted) = (len, name == "redacted");
        false
    });
    let kind = parse_kind(&mut words)?;
    if kind.command().is_some() {
        body = body.max(1);
    }
    if !words.is_empty() {
        return Err("nothing more on this line");
    }
    let body = BodyRef { seq, len: body, digest: Digest::default(), redacted };
    Ok(Input { seq, at, body, kind })
}

fn parse_time(word: &str) -> Parsed<Micros> {
    let text = word.strip_prefix('t').ok_or("a time such as t200")?;
    let (ms, us) = text.split_once('.').unwrap_or((text, "0"));
    let number = |text: &str| text.parse::<u64>().map_err(|_| "a time such as t200");
    Ok(Micros(number(ms)?.saturating_mul(1_000).saturating_add(number(us)?)))
}

fn parse_kind(words: &mut Words) -> Parsed<InputKind> {
    match words.word("an input")?.as_str() {
        "boot" => parse_boot(words),
        "open" => {
            let transport = if words.take("unix") {
                Transport::Unix
            } else if words.take("stdio") {
                Transport::Stdio
            } else {
                Transport::WebSocket
            };
            Ok(InputKind::Opened(Opened { transport, client: words.quoted() }))
        }
        "close" => Ok(InputKind::Closed { conn: ConnId(words.number('c')?) }),
        "command" => {
            let conn = ConnId(words.number('c')?);
            Ok(InputKind::Command { conn, envelope: Arc::new(parse_envelope(words)?) })
        }
        "malformed" => {
            let conn = ConnId(words.number('c')?);
            Ok(InputKind::Malformed { conn, malformed: Box::new(parse_malformed(words)?) })
        }
        "agent" => {
            let agent = AgentNo(words.number('a')?);
            Ok(InputKind::Agent { agent, said: parse_said(words)? })
        }
        "answered" => {
            let query = CommandNo(words.number('#')?);
            Ok(InputKind::Answered { query, answer: parse_answer(words)? })
        }
        "storage" => match words.word("ok or full")?.as_str() {
            "ok" => Ok(InputKind::Storage { writable: true }),
            "full" => Ok(InputKind::Storage { writable: false }),
            _ => Err("ok or full"),
        },
        "tick" => Ok(InputKind::Tick),
        "drain" => Ok(InputKind::Drain),
        "stop" => Ok(InputKind::Stop),
        "wall" => {
            let word = words.word("microseconds, with a sign")?;
            let offset = word.parse().map_err(|_| "microseconds, with a sign")?;
            Ok(InputKind::Wall { offset: WallOffset(offset) })
        }
        "repeated" => {
            let conn = ConnId(words.number('c')?);
            let earlier = parse_earlier(words)?;
            let envelope = parse_envelope(words)?;
            let earlier = Box::new(earlier.with(envelope.fingerprint));
            Ok(InputKind::Repeated { conn, envelope: Arc::new(envelope), earlier })
        }
        "indexed" => Ok(InputKind::Indexed { seq: Seq(words.number('#')?) }),
        _ => Err("an input: boot, open, close, command, repeated, malformed, agent, answered, \
                  storage, tick, wall, indexed, drain, stop"),
    }
}

/// What a repeated command's line says of the earlier one. Whether that was the same command shows
/// only when the envelope has been read.
enum ParsedEarlier {
    Answer { kind: CommandKind, same: bool, outcome: Box<Outcome> },
    Expired,
    Unavailable,
}

impl ParsedEarlier {
    fn with(self, fingerprint: Digest) -> Earlier {
        match self {
            ParsedEarlier::Answer { kind, same, outcome } => Earlier::Answer {
                kind,
                fingerprint: if same { fingerprint } else { Digest::default() },
                outcome,
            },
            ParsedEarlier::Expired => Earlier::Expired,
            ParsedEarlier::Unavailable => Earlier::Unavailable,
        }
    }
}

fn parse_earlier(words: &mut Words) -> Parsed<ParsedEarlier> {
    let expected = "answered, expired or unavailable";
    match words.word(expected)?.as_str() {
        "expired" => return Ok(ParsedEarlier::Expired),
        "unavailable" => return Ok(ParsedEarlier::Unavailable),
        "answered" => {}
        _ => return Err(expected),
    }
    let kind = CommandKind::from_name(&words.word("a command")?).ok_or("a command")?;
    let same = match words.word("same or other")?.as_str() {
        "same" => true,
        "other" => false,
        _ => return Err("same or other"),
    };
    let result = match words.word("ok or failed")?.as_str() {
        "ok" => Ok(Data::None),
        "failed" => Err(Failure::OutcomeUnknown),
        _ => return Err("ok or failed"),
    };
    let session_version = if words.take("version") { Some(words.plain()?) } else { None };
    let lane_sequence = if words.take("lane") { Some(words.plain()?) } else { None };
    let outcome = Box::new(Outcome { result, session_version, lane_sequence, at: Micros(0) });
    Ok(ParsedEarlier::Answer { kind, same, outcome })
}

fn parse_malformed(words: &mut Words) -> Parsed<Malformed> {
    let expected = "malformed, invalid or frame_too_large";
    match words.word(expected)?.as_str() {
        "malformed" => Ok(Malformed::NotAnObject),
        "frame_too_large" => {
            let size = words.plain()?;
            let max = if words.take("max") { words.plain()? } else { size };
            Ok(Malformed::TooLarge { size, max })
        }
        "invalid" => {
            let id = if words.take("id") { words.quoted() } else { None };
            let command = if words.take("type") { words.quoted() } else { None };
            Ok(Malformed::Invalid { id, command, problems: Vec::new() })
        }
        _ => Err(expected),
    }
}

fn parse_boot(words: &mut Words) -> Parsed<InputKind> {
    let mut limits = Limits::default();
    let rules = if words.take("rules=1") {
        RuleSet::V1
    } else if words.take("rules=2") {
        RuleSet::V2
    } else {
        RuleSet::default()
    };
    let clean = words.take("clean");
    let fail = words.take("recovery=fail");
    let pi = words.take("pi");
    let rate = !words.take("rate=off");
    limits.rate = rate;
    let mut entropy = PLAIN_ENTROPY;
    let mut wall = WallOffset(0);
    while let Some(word) = words.next() {
        let (name, value) = word.split_once('=').ok_or("a limit such as sessions_max=2")?;
        if name == "entropy" {
            let bits = u128::from_str_radix(value, 16).map_err(|_| "32 hexadecimal digits")?;
            entropy = bits.to_be_bytes();
            continue;
        }
        if name == "groups" {
            let groups = value.parse().ok().and_then(Limits::of_age);
            limits = groups.ok_or("how many groups of later limits the journal has")?;
            limits.rate = rate;
            continue;
        }
        if name == "wall" {
            wall = WallOffset(value.parse().map_err(|_| "microseconds, with a sign")?);
            continue;
        }
        let value = value.parse().map_err(|_| "a number for the limit")?;
        limits.set(name, value).map_err(|_| "a limit of the table, within its range")?;
    }
    Ok(InputKind::Boot(Box::new(Boot {
        rules,
        server_version: Text::from("0.0.0"),
        limits,
        entropy,
        clean,
        recovery: if fail { RecoveryPolicy::Fail } else { RecoveryPolicy::Resume },
        agent: if pi { AgentKind::Pi } else { AgentKind::Demo },
        default_cwd: Text::from("/"),
        journal_path: Text::from("/journal"),
        journal: JournalFacts::default(),
        wall,
    })))
}

fn parse_envelope(words: &mut Words) -> Parsed<Envelope> {
    let id = if words.take("-") { None } else { Some(words.quoted().ok_or("an id, or -")?) };
    let same: String = words.list.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let kind = CommandKind::from_name(&words.word("a command")?).ok_or("a command")?;
    let mut envelope = Envelope {
        kind,
        id,
        session: None,
        depends_on: Vec::new(),
        if_session_version: None,
        idempotency_key: None,
        timeout_ms: None,
        fingerprint: Digest::default(),
        details: default_details(kind),
    };
    let mut key_text = String::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            "after" => {
                while let Some(id) = words.quoted() {
                    envelope.depends_on.push(id);
                }
            }
            "if-version" => envelope.if_session_version = Some(words.plain()?),
            "key" => {
                let key = words.quoted().ok_or("a key in quotes")?;
                key_text = alloc::format!(" key \"{key}\"");
                envelope.idempotency_key = Some(key);
            }
            "timeout" => envelope.timeout_ms = Some(words.plain()?),
            // A word that only makes the fingerprint another one.
            word if word.starts_with("fp=") => {}
            word => match word.strip_prefix("s:") {
                Some(session) => envelope.session = Some(Text::from(session)),
                None => parse_detail(word, words, &mut envelope.details)?,
            },
        }
    }
    // Neither the id nor the key is part of what makes two commands the same.
    let same = same.replace(&key_text, "");
    let mut digest = [0; 16];
    digest.copy_from_slice(&blake3::hash(same.as_bytes()).as_bytes()[..16]);
    envelope.fingerprint = Digest(digest);
    Ok(envelope)
}

fn default_details(kind: CommandKind) -> Details {
    let text = || Text::from("");
    match kind {
        CommandKind::Prompt => Details::Prompt { streaming: false, slash: false },
        CommandKind::CreateSession => Details::Create { cwd: None },
        CommandKind::LoadSession | CommandKind::SwitchSessionFile => Details::Load { path: text() },
        CommandKind::SwitchSession => Details::Switch { cursor: None },
        CommandKind::ExtensionUiResponse => {
            Details::DialogAnswer { request: text(), method: DialogMethod::Cancelled }
        }
        CommandKind::CancelCommand => Details::Cancel { command: text() },
        CommandKind::ReconcileCommand => {
            Details::Reconcile { command: text(), succeeded: true, note: None }
        }
        CommandKind::SetInterest => Details::Interest(Interest::All),
        CommandKind::GetCommandHistory => Details::History(plain_history()),
        _ => Details::None,
    }
}

/// What the history is asked for without filters.
pub(super) fn plain_history() -> HistoryFilter {
    HistoryFilter { limit: 100, ..HistoryFilter::default() }
}

fn parse_detail(word: &str, words: &mut Words, details: &mut Details) -> Parsed<()> {
    if let ("epoch", Details::Switch { cursor }) = (word, &*details) {
        let epoch = words.quoted().ok_or("an epoch in quotes")?;
        *details = Details::SwitchIn { cursor: *cursor, epoch };
        return Ok(());
    }
    match (word, details) {
        ("streaming", Details::Prompt { streaming, .. }) => *streaming = true,
        ("slash", Details::Prompt { slash, .. }) => *slash = true,
        ("cwd", Details::Create { cwd }) => *cwd = Some(words.quoted().ok_or("a path")?),
        ("path", Details::Load { path }) => *path = words.quoted().ok_or("a path")?,
        ("cursor", Details::Switch { cursor } | Details::SwitchIn { cursor, epoch: _ }) => {
            *cursor = Some(Seq(words.plain()?));
        }
        ("answer", Details::DialogAnswer { request, method }) => {
            *request = words.quoted().ok_or("a dialog in quotes")?;
            *method = parse_method(words)?;
        }
        ("target", Details::Cancel { command } | Details::Reconcile { command, .. }) => {
            *command = words.quoted().ok_or("an id in quotes")?;
        }
        ("succeeded", Details::Reconcile { succeeded, .. }) => *succeeded = true,
        ("failed", Details::Reconcile { succeeded, .. }) => *succeeded = false,
        ("note", Details::Reconcile { note, .. }) => *note = words.quoted(),
        (word, Details::Interest(interest)) => {
            *interest = Interest::from_name(word).ok_or("all, related, own or none")?;
        }
        _ => return Err("a word that this command knows"),
    }
    Ok(())
}

fn parse_method(words: &mut Words) -> Parsed<DialogMethod> {
    let expected = "a dialog method";
    DialogMethod::from_name(&words.word(expected)?).ok_or(expected)
}

fn parse_said(words: &mut Words) -> Parsed<AgentSaid> {
    match words.word("what the agent says")?.as_str() {
        "ready" => {
            let settles = words.take("settles");
            let disposition = words.take("disposition");
            let mut absent = Vec::new();
            while words.take("absent") {
                let name = words.word("a command")?;
                absent.push(CommandKind::from_name(&name).ok_or("a command")?);
            }
            let version = if words.take("version") { words.quoted() } else { None };
            let version = version.unwrap_or_else(|| Text::from(""));
            let info = parse_info(words)?;
            Ok(AgentSaid::Ready(Box::new(AgentReady {
                version,
                settles,
                disposition,
                absent,
                info,
            })))
        }
        "replied" => {
            let call = CommandNo(words.number('#')?);
            Ok(AgentSaid::Replied { call, reply: parse_reply(words)? })
        }
        "event" => Ok(AgentSaid::Event(parse_event(words)?)),
        "info" => Ok(AgentSaid::Info(Box::new(parse_info(words)?))),
        "noise" => {
            let lines = u32::try_from(words.plain()?).map_err(|_| "a smaller number")?;
            Ok(AgentSaid::Noise { lines })
        }
        "exited" => {
            let text = || Text::from("");
            let status = words.quoted().unwrap_or_else(text);
            let stderr = words.quoted().unwrap_or_else(text);
            Ok(AgentSaid::Exited(Exit { status, stderr }))
        }
        "unavailable" => {
            let why = words.quoted().unwrap_or_else(|| Text::from(""));
            Ok(AgentSaid::Unavailable { why })
        }
        _ => Err("ready, replied, event, info, noise, exited or unavailable"),
    }
}

fn parse_reply(words: &mut Words) -> Parsed<Reply> {
    match words.word("done or failed")?.as_str() {
        "done" => {
            let disposition = if words.take("started") {
                Disposition::Started
            } else if words.take("queued") {
                Disposition::Queued
            } else if words.take("handled") {
                Disposition::Handled
            } else {
                Disposition::Unspecified
            };
            Ok(Reply::Done(disposition))
        }
        "failed" => Ok(Reply::Failed(words.quoted().ok_or("the agent's words")?)),
        _ => Err("done or failed"),
    }
}

fn parse_info(words: &mut Words) -> Parsed<AgentInfo> {
    let mut info = AgentInfo { thinking: Text::from("off"), ..AgentInfo::default() };
    while let Some(word) = words.next() {
        match word.as_str() {
            "name" => info.name = words.quoted(),
            "file" => info.file = words.quoted(),
            "model" => info.model = words.quoted(),
            "provider" => info.provider = words.quoted(),
            "thinking" => info.thinking = words.quoted().ok_or("a level")?,
            "messages" => info.messages = words.plain()?,
            "queued" => info.queued = words.plain()?,
            _ => return Err("a fact: name, file, model, provider, thinking, messages, queued"),
        }
    }
    Ok(info)
}

fn parse_event(words: &mut Words) -> Parsed<AgentEvent> {
    Ok(match words.word("an event")?.as_str() {
        "run-started" => AgentEvent::RunStarted,
        "run-ended" => {
            let will_retry = words.take("will-retry");
            AgentEvent::RunEnded { will_retry, failed: words.take("failed") }
        }
        "run-refused" => AgentEvent::RunRefused { will_retry: words.take("will-retry") },
        "run-settled" => AgentEvent::RunSettled,
        "compaction-started" => AgentEvent::CompactionStarted,
        "compaction-ended" => AgentEvent::CompactionEnded { will_retry: words.take("will-retry") },
        "retry-scheduled" => AgentEvent::RetryScheduled,
        "retry-ended" => AgentEvent::RetryEnded,
        "dialog" => {
            let request = words.quoted().ok_or("a dialog in quotes")?;
            let method = parse_method(words)?;
            let timeout_ms = if words.take("timeout") { Some(words.plain()?) } else { None };
            AgentEvent::DialogOpened { request, method, timeout_ms }
        }
        "other" => AgentEvent::Other,
        _ => return Err("an event such as run-started"),
    })
}

fn parse_answer(words: &mut Words) -> Parsed<Answer> {
    Ok(match words.word("an answer")?.as_str() {
        "data" => Answer::Data,
        "directory" => Answer::Directory { cwd: words.quoted().ok_or("a path")? },
        "file" => {
            let path = words.quoted().ok_or("a path")?;
            let cwd = words.quoted().ok_or("a path")?;
            let name = if words.take("name") { words.quoted() } else { None };
            Answer::SessionFile { path, cwd, name }
        }
        "failed" => Answer::Failed(words.quoted().ok_or("the reason")?),
        _ => return Err("data, directory, file or failed"),
    })
}

/// Reads the rest of a text in quotes, up to the closing one.
fn quoted(chars: &mut impl Iterator<Item = char>, word: &mut String) -> Parsed<()> {
    loop {
        match chars.next().ok_or("a closing quote")? {
            '"' => return Ok(()),
            '\\' => match chars.next().ok_or("a character after the backslash")? {
                'n' => word.push('\n'),
                'u' => word.push(numbered(chars)?),
                other => word.push(other),
            },
            other => word.push(other),
        }
    }
}

/// Reads the rest of a character that is written as its number: `{1b}`.
fn numbered(chars: &mut impl Iterator<Item = char>) -> Parsed<char> {
    let expected = "the number of a character, such as \\u{1b}";
    if chars.next() != Some('{') {
        return Err(expected);
    }
    let digits: String = chars.take_while(|c| *c != '}').collect();
    u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).ok_or(expected)
}

/// The words of a line; quoted text is one word that keeps its opening quote as a mark.
struct Words {
    list: alloc::collections::VecDeque<String>,
}

impl Words {
    fn new(line: &str) -> Parsed<Words> {
        let mut list = alloc::collections::VecDeque::new();
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            if c.is_whitespace() {
                continue;
            }
            let mut word = String::from(c);
            if c == '"' {
                quoted(&mut chars, &mut word)?;
            } else {
                while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
                    if c == '"' && word == "s:" {
                        quoted(&mut chars, &mut word)?;
                    } else {
                        word.push(c);
                    }
                }
            }
            list.push_back(word);
        }
        Ok(Words { list })
    }

    fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn next(&mut self) -> Option<String> {
        self.list.pop_front()
    }

    fn word(&mut self, expected: &'static str) -> Parsed<String> {
        self.next().ok_or(expected)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.list.front().is_some_and(|front| front == word);
        if found {
            self.list.pop_front();
        }
        found
    }

    fn quoted(&mut self) -> Option<Text> {
        let text = self.list.front()?.strip_prefix('"').map(Text::from)?;
        self.list.pop_front();
        Some(text)
    }

    fn number(&mut self, mark: char) -> Parsed<u64> {
        let expected = "a number with its mark, such as c2, a1 or #5";
        self.word(expected)?.strip_prefix(mark).and_then(|n| n.parse().ok()).ok_or(expected)
    }

    fn plain(&mut self) -> Parsed<u64> {
        self.word("a number")?.parse().map_err(|_| "a number")
    }
}
