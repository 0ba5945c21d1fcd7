//! What the tests of both agents share: bodies in memory and shorthands for asking.

use std::collections::BTreeMap;

use pi_server_core::command::CommandKind;
use pi_server_core::input::{AgentEvent, AgentSaid, Reply};
use pi_server_core::output::Ask;
use pi_server_core::wire::Bodies;
use pi_server_core::{AgentNo, BodyRef, CommandNo, Digest, Seq};
use serde_json::Value;

use super::Heard;

/// Bodies as the journal would have them.
#[derive(Default)]
pub(super) struct Frames {
    frames: BTreeMap<Seq, Vec<u8>>,
}

impl Bodies for Frames {
    fn body(&self, body: BodyRef) -> Option<&[u8]> {
        self.frames.get(&body.seq).map(Vec::as_slice)
    }
}

impl Frames {
    /// Keeps a frame.
    pub(super) fn add(&mut self, frame: &Value) -> BodyRef {
        let bytes = frame.to_string().into_bytes();
        let seq = Seq(self.frames.len() as u64 + 1);
        let len = u32::try_from(bytes.len()).expect("test frames are small");
        self.frames.insert(seq, bytes);
        BodyRef { seq, len, digest: Digest::default(), redacted: false }
    }

    /// A call whose frame has these fields.
    pub(super) fn call(&mut self, call: u64, kind: CommandKind, fields: &Value) -> Ask {
        let frame = self.add(fields);
        Ask::Call { agent: AgentNo(1), call: CommandNo(call), kind, frame }
    }
}

/// The body as JSON.
pub(super) fn body(heard: &Heard) -> Value {
    serde_json::from_slice(&heard.body).unwrap_or(Value::Null)
}

/// One word for each thing heard, for comparing whole sequences.
pub(super) fn word(heard: &Heard) -> String {
    match &heard.said {
        AgentSaid::Ready(_) => "ready".to_owned(),
        AgentSaid::Replied { call, reply: Reply::Done(disposition) } => {
            format!("done {call} {disposition:?}").to_lowercase()
        }
        AgentSaid::Replied { call, reply: Reply::Failed(words) } => {
            format!("failed {call} {words}")
        }
        AgentSaid::Event(event) => event_word(event, &body(heard)),
        AgentSaid::Info(_) => "info".to_owned(),
        AgentSaid::Noise { lines } => format!("noise {lines}"),
        AgentSaid::Exited(exit) => format!("exited {}", exit.status),
        AgentSaid::Unavailable { why } => format!("unavailable {why}"),
    }
}

fn event_word(event: &AgentEvent, body: &Value) -> String {
    let name = body["type"].as_str().unwrap_or("?");
    let detail = match event {
        AgentEvent::RunEnded { will_retry: true, .. }
        | AgentEvent::RunRefused { will_retry: true } => " again",
        AgentEvent::RunRefused { will_retry: false } => " refused",
        AgentEvent::RunEnded { will_retry: false, failed: true } => " failed",
        AgentEvent::RunEnded { .. }
        | AgentEvent::RunStarted
        | AgentEvent::RunSettled
        | AgentEvent::CompactionStarted
        | AgentEvent::CompactionEnded { .. }
        | AgentEvent::RetryScheduled
        | AgentEvent::RetryEnded
        | AgentEvent::DialogOpened { .. }
        | AgentEvent::Other => match name {
            "message_update" => body["assistantMessageEvent"]["type"].as_str().unwrap_or("?"),
            "message_start" | "message_end" => body["message"]["role"].as_str().unwrap_or("?"),
            "extension_ui_request" => body["method"].as_str().unwrap_or("?"),
            _ => "",
        },
    };
    format!("{name} {}", detail.trim()).trim().to_owned()
}

/// The words of everything heard.
pub(super) fn words(heard: &[Heard]) -> Vec<String> {
    heard.iter().map(word).collect()
}
