//! What agents say, put into [`Heard`]s: one method per kind of statement.

use pi_server_core::input::{
    AgentEvent, AgentInfo, AgentReady, AgentSaid, Disposition, Exit, Reply,
};
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

    /// It does not come, since the session is another agent's.
    pub(super) fn unavailable(&mut self, why: &str) {
        self.say(AgentSaid::Unavailable { why: cut(why) }, Vec::new());
    }

    /// It is gone.
    pub(super) fn exited(&mut self, status: &str, stderr: &str) {
        let exit = Exit { status: cut(status), stderr: end_of(stderr, WORDS_BYTES_MAX).into() };
        self.say(AgentSaid::Exited(exit), Vec::new());
    }
}

/// Most bytes of an error's words and of standard error that are heard. The daemon keeps fewer
/// ([`pi_server_core::limits::ERROR_TEXT_MAX`]), but only once it has looked for secrets: half of one
/// is not recognised.
pub(super) const WORDS_BYTES_MAX: usize = 64 << 10;

/// The beginning of a text, at most [`WORDS_BYTES_MAX`] bytes.
pub(super) fn cut(text: &str) -> Text {
    start_of(text, WORDS_BYTES_MAX).into()
}

/// The beginning of a text in at most so many bytes.
pub(crate) fn start_of(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The beginning of a text in at most so many characters as the protocol counts them: UTF-16 code
/// units. No pair is cut in two.
pub(crate) fn first_units(text: &str, most: usize) -> &str {
    let mut units = 0;
    let end = text.char_indices().find(|(_, letter)| {
        units += letter.len_utf16();
        units > most
    });
    end.map_or(text, |(end, _)| &text[..end])
}

/// The end of a text in at most so many bytes.
pub(crate) fn end_of(text: &str, most: usize) -> &str {
    let mut from = text.len().saturating_sub(most);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

#[cfg(test)]
mod tests {
    use super::first_units;

    #[test]
    fn characters_are_counted_as_the_protocol_does_and_no_pair_is_cut() {
        for (text, most, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "abc"),
            ("🦀🦀", 4, "🦀🦀"),
            ("🦀🦀", 3, "🦀"),
            ("a🦀🦀", 4, "a🦀"),
            ("名前", 1, "名"),
            ("", 0, ""),
            ("a", 0, ""),
        ] {
            assert_eq!(first_units(text, most), expected, "{text} {most}");
        }
    }
}
