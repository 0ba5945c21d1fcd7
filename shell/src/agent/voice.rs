//! What agents say, put into [`Heard`]s: one method per kind of statement.

use pi_server_core::input::{
    AgentEvent, AgentInfo, AgentReady, AgentSaid, Disposition, Exit, Reply,
};
use pi_server_core::limits::ERROR_TEXT_MAX;
use pi_server_core::{AgentNo, CommandNo, Text};
use serde_json::Value;

use super::Heard;

/// One agent's voice: writes to the common list, in order.
pub(super) struct Voice<'a> {
    agent: AgentNo,
    heard: &'a mut Vec<Heard>,
}

impl<'a> Voice<'a> {
    /// The voice of `agent`.
    pub(super) fn new(agent: AgentNo, heard: &'a mut Vec<Heard>) -> Voice<'a> {
        Voice { agent, heard }
    }

    /// Anything, with its body.
    pub(super) fn say(&mut self, said: AgentSaid, body: Vec<u8>) {
        self.heard.push(Heard { agent: self.agent, said, body });
    }

    /// It is up.
    pub(super) fn ready(&mut self, ready: AgentReady) {
        self.say(AgentSaid::Ready(Box::new(ready)), Vec::new());
    }

    /// It reports something.
    pub(super) fn event(&mut self, event: AgentEvent, body: &Value) {
        self.say(AgentSaid::Event(event), body.to_string().into_bytes());
    }

    /// A call worked; `data` is what the response carries.
    pub(super) fn done(&mut self, call: CommandNo, data: Option<&Value>) {
        let body = data.map(|data| data.to_string().into_bytes()).unwrap_or_default();
        let reply = Reply::Done(Disposition::Unspecified);
        self.say(AgentSaid::Replied { call, reply }, body);
    }

    /// A call was accepted, with what that means for the run.
    pub(super) fn accepted(&mut self, call: CommandNo, disposition: Disposition) {
        self.say(AgentSaid::Replied { call, reply: Reply::Done(disposition) }, Vec::new());
    }

    /// A call failed.
    pub(super) fn failed(&mut self, call: CommandNo, words: &str) {
        let reply = Reply::Failed(cut(words));
        self.say(AgentSaid::Replied { call, reply }, Vec::new());
    }

    /// What it looks like by now.
    pub(super) fn info(&mut self, info: AgentInfo) {
        self.say(AgentSaid::Info(Box::new(info)), Vec::new());
    }

    /// It is gone.
    pub(super) fn exited(&mut self, status: &str, stderr: &str) {
        let exit = Exit { status: cut(status), stderr: cut_front(stderr) };
        self.say(AgentSaid::Exited(exit), Vec::new());
    }
}

/// The beginning of a text, at most [`ERROR_TEXT_MAX`] bytes.
pub(super) fn cut(text: &str) -> Text {
    let mut end = text.len().min(ERROR_TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].into()
}

/// The end of a text, at most [`ERROR_TEXT_MAX`] bytes.
pub(super) fn cut_front(text: &str) -> Text {
    let mut from = text.len().saturating_sub(ERROR_TEXT_MAX);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..].into()
}
