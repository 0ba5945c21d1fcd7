//! What pi writes: a line becomes a response, an event in the vocabulary of PROTOCOL.md section
//! 8.5, an answer of the bridge, or junk. Pure; knows neither processes nor calls.

use pi_server_core::input::{AgentEvent, DialogMethod};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::lines_out::BRIDGE;
use super::object::Object;
use super::version::Dialect;

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
    /// What came of it: `data`, or pi's words.
    pub(super) result: Result<Option<&'a RawValue>, String>,
}

/// Reads a line, without its line end.
pub(super) fn read(line: &[u8], dialect: Dialect) -> Line<'_> {
    let Some(mut object) = std::str::from_utf8(line).ok().and_then(Object::parse) else {
        return Line::Junk;
    };
    let Some(kind) = object.text("type") else { return Line::Junk };
    if kind == "response" {
        return Line::Response(response(&object));
    }
    if kind == "extension_ui_request" {
        return ui_request(object);
    }
    normalise(&kind, &mut object, dialect);
    Line::Event { event: classify(&kind, &object), body: object.write() }
}

fn response<'a>(object: &Object<'a>) -> Response<'a> {
    let result = if object.get("success") == Some(true) {
        Ok(object.raw("data"))
    } else {
        let words = object.text("error");
        Err(words.map_or_else(|| "the agent gave no reason".to_owned(), String::from))
    };
    Response { id: object.get("id"), result }
}

/// What a rule of the core needs to know of an event: the table of PROTOCOL.md section 8.5.
fn classify(kind: &str, object: &Object<'_>) -> AgentEvent {
    let will_retry = || object.get("willRetry") == Some(true);
    match kind {
        "agent_start" => AgentEvent::RunStarted,
        "agent_end" => AgentEvent::RunEnded { will_retry: will_retry(), failed: failed(object) },
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

/// Whether the last answer of a run is a provider's error.
fn failed(object: &Object<'_>) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Message {
        role: String,
        stop_reason: Option<String>,
    }
    let messages: Vec<&RawValue> = object.get("messages").unwrap_or_default();
    let mut messages = messages.into_iter().rev();
    let last = messages.find_map(|raw| {
        serde_json::from_str::<Message>(raw.get()).ok().filter(|it| it.role == "assistant")
    });
    last.is_some_and(|message| message.stop_reason.as_deref() == Some("error"))
}

/// What an extension asks or shows, under the names of PROTOCOL.md section 8.7.
fn ui_request(mut object: Object<'_>) -> Line<'_> {
    let (Some(id), Some(method)) = (object.text("id"), object.text("method")) else {
        return Line::Junk;
    };
    let dialog = match &*method {
        "select" => Some(DialogMethod::Select),
        "confirm" => Some(DialogMethod::Confirm),
        "input" => Some(DialogMethod::Input),
        "editor" => Some(DialogMethod::Editor),
        _ => None,
    };
    if let Some(bridged) = bridged(&object) {
        return bridged;
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
    let event = match dialog {
        Some(method) => AgentEvent::DialogOpened {
            request: id.as_ref().into(),
            method,
            timeout_ms: object.get::<f64>("timeout").and_then(whole_ms),
        },
        None => AgentEvent::Other,
    };
    Line::Event { event, body: object.write() }
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
