//! What pi writes: a line becomes a response, an event in the vocabulary of PROTOCOL.md section
//! 8.5, an answer of the bridge, or junk. Pure; knows neither processes nor calls.

use std::borrow::Cow;

use pi_server_core::input::{AgentEvent, DialogMethod};
use pi_server_core::limits::ID_CHARS_MAX;
use pi_server_core::wire::text::is_control;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::facts;
use super::lines_out::BRIDGE;
use super::noise::Noise;
use super::object::{Object, quote};
use super::version::{Dialect, Version};

/// A line of pi.
#[derive(Debug)]
pub(super) enum Line<'a> {
    /// The answer to a line that was written.
    Response(Response<'a>),
    /// Something it reports, as a client is told it.
    Event {
        /// What a rule needs to know of it.
        event: AgentEvent,
        /// Compact JSON.
        body: String,
    },
    /// A dialog that no client could answer: it has to be withdrawn.
    Nameless,
    /// The bridge answers.
    Bridged {
        /// The request.
        id: u64,
        /// `{"ok":true,"data":…}` or `{"ok":false,"error":…}`.
        answer: String,
    },
    /// Not the protocol.
    Junk,
}

/// An answer of pi.
#[derive(Debug)]
pub(super) struct Response<'a> {
    /// The id that the line had, if it is one of the daemon's.
    pub(super) id: Option<u64>,
    /// The type that the line had, as far as pi says so.
    pub(super) command: Option<String>,
    /// What came of it: `data`, or pi's words.
    pub(super) result: Result<Option<&'a RawValue>, String>,
}

/// Everything that the versions that were tried report, beside `response`.
const EVENTS: &[&str] = &[
    "agent_end",
    "agent_settled",
    "agent_start",
    "auto_compaction_end",
    "auto_compaction_start",
    "auto_retry_end",
    "auto_retry_start",
    "bash_execution_update",
    "compaction_end",
    "compaction_start",
    "entry_appended",
    "extension_error",
    "extension_ui_request",
    "message_end",
    "message_start",
    "message_update",
    "queue_update",
    "session_info_changed",
    "summarization_retry_attempt_start",
    "summarization_retry_finished",
    "summarization_retry_scheduled",
    "thinking_level_changed",
    "tool_execution_end",
    "tool_execution_start",
    "tool_execution_update",
    "turn_end",
    "turn_start",
];

/// Reads a line, without its line end, that keeps the rules of [`super::tidy`]. Members that cannot
/// be read are counted, and are as if they were not there.
pub(super) fn read<'a>(line: &'a str, version: Version, noise: &mut Noise) -> Line<'a> {
    let Some(mut object) = Object::parse(line) else { return Line::Junk };
    let kind = object.text("type").unwrap_or_default();
    if kind == "response" {
        return Line::Response(response(&object, noise));
    }
    if kind == "extension_ui_request" {
        return ui_request(object, noise);
    }
    if !is_event(&kind, version) {
        // No event has both: an answer is known by them as well.
        if object.raw("command").is_some() && object.raw("success").is_some() {
            noise.unreadable("type");
            return Line::Response(response(&object, noise));
        }
        return Line::Junk;
    }
    normalise(&kind, &mut object, version.dialect());
    Line::Event { event: classify(&kind, &object, noise), body: object.write() }
}

/// Whether a line of this type is pi's. What else prints JSON to its output is not; a version that
/// was never tried may report what no other does.
fn is_event(kind: &str, version: Version) -> bool {
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let is_known = EVENTS.binary_search(&kind).is_ok();
    is_known || (!version.was_tried() && kind.len() <= 64 && kind.bytes().all(is_name))
}

fn response<'a>(object: &Object<'a>, noise: &mut Noise) -> Response<'a> {
    let result = match object.get::<bool>("success") {
        Some(true) => Ok(object.raw("data")),
        Some(false) => Err(reason(object.raw("error"), noise)),
        None => {
            noise.unreadable("success");
            Err(match object.raw("error") {
                Some(error) => reason(Some(error), noise),
                None => "the agent's answer does not say whether it worked".to_owned(),
            })
        }
    };
    let id = object.raw("id").and_then(|raw| {
        facts::count(raw).or_else(|| facts::text(raw).and_then(|text| text.parse().ok()))
    });
    Response { id, command: object.text("command").map(Cow::into_owned), result }
}

/// The words of a failure: the text, or what is most like one.
pub(super) fn reason(error: Option<&RawValue>, noise: &mut Noise) -> String {
    let none = || "the agent gave no reason".to_owned();
    let Some(error) = error else {
        noise.unreadable("error");
        return none();
    };
    if let Some(text) = facts::text(error) {
        return if text.is_empty() { none() } else { text };
    }
    noise.unreadable("error");
    let inside = Object::parse(error.get());
    let words = inside.and_then(|inside| {
        let mut words = ["message", "error", "reason"].iter().filter_map(|key| inside.text(key));
        words.find(|text| !text.is_empty()).map(Cow::into_owned)
    });
    match words {
        Some(words) => words,
        None if error.get() == "null" => none(),
        None => error.get().to_owned(),
    }
}

/// What a rule of the core needs to know of an event: the table of PROTOCOL.md section 8.5.
fn classify(kind: &str, object: &Object<'_>, noise: &mut Noise) -> AgentEvent {
    let mut will_retry = || match object.raw("willRetry") {
        None => false,
        Some(raw) => serde_json::from_str(raw.get()).unwrap_or_else(|_| {
            noise.unreadable("willRetry");
            false
        }),
    };
    match kind {
        "agent_start" => AgentEvent::RunStarted,
        "agent_end" => {
            let will_retry = will_retry();
            match end_of(object, noise) {
                End::Refused => AgentEvent::RunRefused { will_retry },
                End::Failed => AgentEvent::RunEnded { will_retry, failed: true },
                End::Well => AgentEvent::RunEnded { will_retry, failed: false },
            }
        }
        "agent_settled" => AgentEvent::RunSettled,
        "compaction_start" | "auto_compaction_start" => AgentEvent::CompactionStarted,
        "compaction_end" | "auto_compaction_end" => {
            AgentEvent::CompactionEnded { will_retry: will_retry() }
        }
        "auto_retry_start" => AgentEvent::RetryScheduled,
        "auto_retry_end" => AgentEvent::RetryEnded,
        _ => AgentEvent::Other,
    }
}

/// Brings an event of either dialect into the one vocabulary.
fn normalise(kind: &str, object: &mut Object<'_>, dialect: Dialect) {
    match kind {
        // Before 0.84 every update repeats the whole message so far, twice; `message_end` has it.
        "message_update" => {
            object.remove("message");
            let inner = object.raw("assistantMessageEvent").map(RawValue::get);
            if let Some(mut inner) = inner.and_then(Object::parse)
                && inner.raw("partial").is_some()
            {
                inner.remove("partial");
                object.set("assistantMessageEvent", inner.write());
            }
        }
        // The id is the daemon's own.
        "bash_execution_update" => object.remove("id"),
        "agent_end" if dialect == Dialect::Old && object.raw("willRetry").is_none() => {
            object.set("willRetry", "false".to_owned());
        }
        "auto_compaction_start" => object.set("type", "\"compaction_start\"".to_owned()),
        "auto_compaction_end" => object.set("type", "\"compaction_end\"".to_owned()),
        _ => {}
    }
}

/// How the last answer of a run came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It came, or was stopped.
    Well,
    /// The provider failed.
    Failed,
    /// The provider refused what it was asked.
    Refused,
}

fn end_of(object: &Object<'_>, noise: &mut Noise) -> End {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Message {
        role: String,
        stop_reason: Option<String>,
        /// Read for itself: an odd one must not hide the rest.
        #[serde(rename = "errorMessage")]
        error: Option<Box<RawValue>>,
    }
    let Some(messages) = object.get::<Vec<&RawValue>>("messages") else {
        noise.unreadable("messages");
        return End::Well;
    };
    let mut messages = messages.into_iter().rev();
    let last = messages.find_map(|raw| {
        serde_json::from_str::<Message>(raw.get()).ok().filter(|it| it.role == "assistant")
    });
    let Some(last) = last.filter(|it| it.stop_reason.as_deref() == Some("error")) else {
        return End::Well;
    };
    let words = last.error.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
    match words.as_deref().and_then(status_of) {
        // Too slow, too early, too often: the same request fares better later.
        Some(408 | 425 | 429) | None => End::Failed,
        Some(400..500) => End::Refused,
        Some(_) => End::Failed,
    }
}

/// The HTTP status that an agent's words about an error begin with, as in `400: …` and `400 …`.
fn status_of(words: &str) -> Option<u16> {
    let digits = words.find(|c: char| !c.is_ascii_digit()).unwrap_or(words.len());
    let (status, rest) = words.split_at(digits);
    let ends = rest.chars().next().is_none_or(|c| c == ' ' || c == ':');
    status.parse().ok().filter(|_| digits == 3 && ends)
}

/// What an extension asks or shows, under the names of PROTOCOL.md section 8.7.
fn ui_request<'a>(mut object: Object<'a>, noise: &mut Noise) -> Line<'a> {
    if let Some(bridged) = bridged(&object) {
        return bridged;
    }
    let Some(method) = object.text("method") else {
        noise.unreadable("method");
        return Line::Nameless;
    };
    let dialog = match &*method {
        "select" => Some(DialogMethod::Select),
        "confirm" => Some(DialogMethod::Confirm),
        "input" => Some(DialogMethod::Input),
        "editor" => Some(DialogMethod::Editor),
        _ => None,
    };
    let id = object.text("id").filter(|id| is_nameable(id));
    let event = match (dialog, &id) {
        (Some(_), None) => {
            noise.unreadable("dialog id");
            return Line::Nameless;
        }
        (Some(method), Some(id)) => {
            let timeout = object.raw("timeout");
            let timeout_ms = timeout.and_then(|raw| serde_json::from_str(raw.get()).ok());
            if timeout.is_some() && timeout_ms.is_none() {
                noise.unreadable("timeout");
                object.remove("timeout");
            }
            AgentEvent::DialogOpened {
                request: id.as_ref().into(),
                method,
                timeout_ms: timeout_ms.and_then(whole_ms),
            }
        }
        (None, _) => AgentEvent::Other,
    };
    if id.is_none() && object.raw("id").is_some() {
        // Nobody answers to this one, but its key is still a string for whoever reads it.
        noise.unreadable("request id");
        object.set("id", quote(""));
    }
    object.rename("id", "requestId");
    for (theirs, ours) in [
        ("statusKey", "key"),
        ("statusText", "text"),
        ("widgetKey", "key"),
        ("widgetLines", "content"),
        ("widgetPlacement", "placement"),
    ] {
        object.rename(theirs, ours);
    }
    if method == "notify" && object.raw("notifyType").is_none() {
        object.set("notifyType", "\"info\"".to_owned());
    }
    Line::Event { event, body: object.write() }
}

/// Whether a client can name a dialog by this id: `requestId` of PROTOCOL.md 5.3. U+FFFD may stand
/// for half a character, and then pi would not know the id again.
fn is_nameable(id: &str) -> bool {
    let units = id.encode_utf16().count();
    let plain = !id.chars().any(|letter| is_control(letter) || letter == '\u{fffd}');
    (1..=ID_CHARS_MAX).contains(&units) && !id.trim().is_empty() && plain
}

/// The answer of the bridge, which comes as a status that no client is to see.
fn bridged<'a>(object: &Object<'_>) -> Option<Line<'a>> {
    let key = object.text("statusKey")?;
    let id = key.strip_prefix(BRIDGE)?.strip_prefix(':')?;
    let answer = object.text("statusText").unwrap_or_default().into_owned();
    Some(match id.parse() {
        Ok(id) => Line::Bridged { id, answer },
        Err(_) => Line::Junk,
    })
}

/// Milliseconds as extensions give them: any number, of which only positive ones mean something.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn whole_ms(ms: f64) -> Option<u64> {
    (1.0..=9e15).contains(&ms).then_some(ms as u64)
}
