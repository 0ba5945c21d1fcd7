//! Consistent pseudonyms for identifiers: the same one for the same text, another one for every
//! other text, numbered in the order in which the journal first names them. They are no function of
//! the texts, so nothing can be found out from them by guessing, not even with a key.
//!
//! They replace identifiers wherever these stand as words of their own: in fields, in the words of
//! failures, in what is shown of inputs, and inside of frames and events.

use std::collections::{BTreeMap, BTreeSet};

use pi_server_core::frame::Frame;
use pi_server_core::input::{
    AgentEvent, AgentInfo, AgentSaid, Answer, Details, Envelope, InputKind, Malformed,
};
use pi_server_core::notation::Escaped;
use pi_server_core::output::{Ask, Output};
use pi_server_core::{State, Text};
use pi_server_redact::MARK;
use serde_json::Value;

use crate::play::Played;

/// What an identifier names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Names {
    Session,
    SessionName,
    Command,
    Key,
    Client,
    Dialog,
    Path,
    Entropy,
}

impl Names {
    fn word(self) -> &'static str {
        match self {
            Names::Session => "session",
            Names::SessionName => "name",
            Names::Command => "command",
            Names::Key => "key",
            Names::Client => "client",
            Names::Dialog => "dialog",
            Names::Path => "path",
            Names::Entropy => "entropy",
        }
    }
}

/// Identifiers and what stands in their place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pseudonyms {
    by_text: BTreeMap<String, String>,
    /// The lengths of the texts: where a word begins, only these are looked up.
    lengths: BTreeSet<usize>,
    counts: BTreeMap<Names, u64>,
}

impl Pseudonyms {
    /// Takes note of the identifiers of a step.
    pub(crate) fn learn(&mut self, played: &Played<'_>) {
        self.learn_input(&played.input.kind);
        played.outputs.iter().for_each(|output| self.learn_output(output));
    }

    /// Takes note of what there is already where the journal begins.
    pub(crate) fn learn_state(&mut self, state: &State) {
        for session in state.sessions() {
            self.name(Names::Session, &session.info.id);
            self.some(Names::SessionName, session.info.name.as_ref());
            self.path(&session.info.cwd);
            session.info.file.iter().for_each(|path| self.path(path));
        }
        for connection in state.connections() {
            self.some(Names::Client, Some(connection.client));
        }
        for origin in state.origins() {
            self.name(Names::Client, origin.client);
            self.some(Names::Session, origin.session);
            self.learn_envelope(origin.envelope);
        }
    }

    fn learn_input(&mut self, kind: &InputKind) {
        match kind {
            InputKind::Boot(boot) => {
                // The ids that the daemon chooses are made of it.
                let entropy = format!("{:032x}", u128::from_be_bytes(boot.entropy));
                self.name(Names::Entropy, &entropy);
                self.path(&boot.default_cwd);
                self.path(&boot.journal_path);
            }
            InputKind::Opened(opened) => self.some(Names::Client, opened.client.as_ref()),
            InputKind::Command { envelope, .. } | InputKind::Repeated { envelope, .. } => {
                self.learn_envelope(envelope);
            }
            InputKind::Malformed { malformed, .. } => {
                if let Malformed::Invalid { id, .. } = &**malformed {
                    self.some(Names::Command, id.as_ref());
                }
            }
            InputKind::Agent { said, .. } => match said {
                AgentSaid::Ready(ready) => self.learn_info(&ready.info),
                AgentSaid::Info(info) => self.learn_info(info),
                AgentSaid::Event(AgentEvent::DialogOpened { request, .. }) => {
                    self.name(Names::Dialog, request);
                }
                AgentSaid::Event(_)
                | AgentSaid::Replied { .. }
                | AgentSaid::Noise { .. }
                | AgentSaid::Exited(_)
                | AgentSaid::Unavailable { .. } => {}
            },
            InputKind::Answered { answer, .. } => match answer {
                Answer::Directory { cwd } => self.path(cwd),
                Answer::SessionFile { path, cwd, name } => {
                    self.path(path);
                    self.path(cwd);
                    self.some(Names::SessionName, name.as_ref());
                }
                Answer::Data | Answer::Failed(_) => {}
            },
            InputKind::Closed { .. }
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Wall { .. }
            | InputKind::Indexed { .. }
            | InputKind::Drain
            | InputKind::Stop => {}
        }
    }

    fn learn_envelope(&mut self, envelope: &Envelope) {
        self.some(Names::Session, envelope.session.as_ref());
        self.some(Names::Command, envelope.id.as_ref());
        envelope.depends_on.iter().for_each(|id| self.name(Names::Command, id));
        self.some(Names::Key, envelope.idempotency_key.as_ref());
        self.learn_details(&envelope.details);
    }

    fn learn_details(&mut self, details: &Details) {
        match details {
            Details::Create { cwd } => cwd.iter().for_each(|path| self.path(path)),
            Details::Load { path } => self.path(path),
            Details::DialogAnswer { request, .. } => self.name(Names::Dialog, request),
            Details::Cancel { command } | Details::Reconcile { command, .. } => {
                self.name(Names::Command, command);
            }
            Details::History(filter) => {
                self.some(Names::Session, filter.session.as_ref());
                self.some(Names::Command, filter.command.as_ref());
            }
            Details::None
            | Details::Prompt { .. }
            | Details::Switch { .. }
            | Details::SwitchIn { .. }
            | Details::Interest(_) => {}
        }
    }

    fn learn_info(&mut self, info: &AgentInfo) {
        self.some(Names::SessionName, info.name.as_ref());
        info.file.iter().for_each(|path| self.path(path));
    }

    fn learn_output(&mut self, output: &Output) {
        match output {
            Output::Ask(Ask::Spawn { session, cwd, .. }) => {
                self.name(Names::Session, session);
                self.path(cwd);
            }
            Output::Deliver { frame: Frame::SessionCreated(info), .. } => {
                self.name(Names::Session, &info.id);
                self.path(&info.cwd);
            }
            Output::Deliver { frame: Frame::Lifecycle { session, .. }, .. } => {
                self.some(Names::Session, session.as_ref());
            }
            Output::Deliver { .. }
            | Output::Admit { .. }
            | Output::Leave { .. }
            | Output::Subscribe { .. }
            | Output::Unsubscribe { .. }
            | Output::Unlist { .. }
            | Output::SetInterest { .. }
            | Output::Ask(_)
            | Output::Query { .. }
            | Output::Exit => {}
        }
    }

    fn some(&mut self, names: Names, text: Option<&Text>) {
        if let Some(text) = text {
            self.name(names, text);
        }
    }

    /// A path and the folders that it is in, but for those at the root: a home directory says whose
    /// it is.
    fn path(&mut self, path: &str) {
        // The root is nobody's, and in every path.
        if path != "/" {
            self.name(Names::Path, path);
        }
        let ends = path.char_indices().filter(|(at, letter)| *at > 0 && *letter == '/');
        for (end, _) in ends.skip(1) {
            self.name(Names::Path, &path[..end]);
        }
    }

    fn name(&mut self, names: Names, text: &str) {
        if text.is_empty() || self.by_text.contains_key(text) {
            return;
        }
        let count = self.counts.entry(names).or_default();
        *count += 1;
        let pseudonym = format!("{}-{count}", names.word());
        // As it is, and as the notation and JSON write it.
        for shown in [text.to_owned(), Escaped(text).to_string(), as_json(text)] {
            self.lengths.insert(shown.len());
            self.by_text.insert(shown, pseudonym.clone());
        }
    }

    /// Keeps only the identifiers for which this holds.
    pub(crate) fn retain(&mut self, is_wanted: impl Fn(&str) -> bool) {
        self.by_text.retain(|text, _| is_wanted(text));
        self.lengths = self.by_text.keys().map(String::len).collect();
    }

    /// Lets what a policy leaves of an identifier stand for it too. `left` is `None` where it leaves
    /// all of it.
    pub(crate) fn also(&mut self, left: impl Fn(&str) -> Option<String>) {
        // A mark alone is no identifier.
        let is_name = |left: &String| left.replace(MARK, "").contains(char::is_alphanumeric);
        let all = self.by_text.iter();
        let found: Vec<(String, String)> = all
            .filter_map(|(text, pseudonym)| Some((left(text).filter(is_name)?, pseudonym.clone())))
            .collect();
        for (left, pseudonym) in found {
            self.lengths.insert(left.len());
            self.by_text.entry(left).or_insert(pseudonym);
        }
    }

    /// Whether nothing is replaced.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_text.is_empty()
    }

    /// The text with pseudonyms in the place of identifiers.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let mut before = None;
        while let Some(letter) = rest.chars().next() {
            let found = if is_border(before, Some(letter)) { self.longest(rest) } else { None };
            let taken = if let Some((length, pseudonym)) = found {
                out.push_str(pseudonym);
                length
            } else {
                out.push(letter);
                letter.len_utf8()
            };
            let (done, left) = rest.split_at(taken);
            before = done.chars().next_back();
            rest = left;
        }
        out
    }

    /// The longest identifier with which the text begins and which is a word there.
    fn longest(&self, text: &str) -> Option<(usize, &str)> {
        let lengths = self.lengths.range(..=text.len()).rev();
        lengths.copied().find_map(|length| {
            let (word, rest) = text.split_at_checked(length)?;
            if !is_border(word.chars().next_back(), rest.chars().next()) {
                return None;
            }
            Some((length, self.by_text.get(word)?.as_str()))
        })
    }

    /// The same in every string of a JSON value, names of members included.
    pub(crate) fn json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(elements) => elements.into_iter().map(|it| self.json(it)).collect(),
            Value::Object(members) => {
                let members = members.into_iter();
                members.map(|(name, member)| (self.text(&name), self.json(member))).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }
}

/// Whether a word may begin or end between these.
fn is_border(before: Option<char>, after: Option<char>) -> bool {
    let is_of_word =
        |letter: Option<char>| letter.is_some_and(|it| it.is_alphanumeric() || it == '_');
    !(is_of_word(before) && is_of_word(after))
}

/// The text as JSON has it between quotes.
fn as_json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests;
