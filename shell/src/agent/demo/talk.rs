//! The demo agent's conversation: entries in a tree, as a real agent's session file has them, but
//! in memory only.

use serde_json::{Value, json};

use crate::agent::first_units;

/// Entries kept; beyond them the oldest are forgotten.
const ENTRIES_MAX: usize = 4_096;
/// Bytes of messages kept; beyond them the oldest are forgotten.
const BYTES_MAX: usize = 16 << 20;
/// Longest text of a node in the tree, in characters as the protocol counts them.
const PREVIEW_CHARS: usize = 400;

/// One conversation.
#[derive(Debug, Default)]
pub(super) struct Talk {
    entries: Vec<Entry>,
    leaf: Option<u64>,
    issued: u64,
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    id: u64,
    parent: Option<u64>,
    at_ms: u64,
    label: Option<String>,
    kind: Kind,
    bytes: usize,
}

/// What an entry holds.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A message of the conversation.
    Message(Value),
    /// The model was changed.
    Model { provider: &'static str, model: &'static str },
    /// The thinking level was changed.
    Thinking(&'static str),
    /// Everything before was summarised.
    Compaction { summary: String, tokens_before: u64 },
    /// A branch was left, and this is what was on it.
    BranchSummary(String),
    /// The session was named.
    Name(String),
}

/// Sums over the messages that a model would see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) users: u64,
    pub(super) assistants: u64,
    pub(super) tool_calls: u64,
    pub(super) tool_results: u64,
    pub(super) messages: u64,
    pub(super) tokens_in: u64,
    pub(super) tokens_out: u64,
}

impl Talk {
    /// Adds an entry at the leaf, which it becomes; gives its id.
    pub(super) fn add(&mut self, kind: Kind, at_ms: u64) -> u64 {
        self.issued += 1;
        let id = self.issued;
        let bytes = kind.bytes();
        self.entries.push(Entry { id, parent: self.leaf, at_ms, label: None, kind, bytes });
        self.leaf = Some(id);
        self.bytes += bytes;
        if self.entries.len() > ENTRIES_MAX || self.bytes > BYTES_MAX {
            self.forget();
        }
        id
    }

    /// Forgets the older half; what follows becomes a root.
    fn forget(&mut self) {
        let last = self.entries.len().saturating_sub(1);
        let gone = self.entries.drain(..(last / 2).max(1).min(last)).map(|entry| entry.bytes);
        self.bytes -= gone.sum::<usize>();
        let Some(oldest) = self.entries.first().map(|entry| entry.id) else { return };
        for entry in &mut self.entries {
            entry.parent = entry.parent.filter(|parent| *parent >= oldest);
        }
        self.leaf = self.leaf.filter(|leaf| *leaf >= oldest);
    }

    fn entry(&self, id: u64) -> Option<&Entry> {
        // Ids grow with the places.
        let at = self.entries.binary_search_by_key(&id, |entry| entry.id).ok()?;
        self.entries.get(at)
    }

    fn entry_by_name(&self, name: &str) -> Option<&Entry> {
        self.entry(u64::from_str_radix(name, 16).ok()?).filter(|entry| id_text(entry.id) == name)
    }

    /// The way from the root to the leaf.
    fn branch(&self) -> Vec<&Entry> {
        let mut branch = Vec::new();
        let mut at = self.leaf;
        while let Some(entry) = at.and_then(|id| self.entry(id)) {
            branch.push(entry);
            at = entry.parent;
        }
        branch.reverse();
        branch
    }

    /// The messages that a model would see: after a compaction its summary and the rest.
    pub(super) fn messages(&self) -> Vec<Value> {
        let mut messages = Vec::new();
        for entry in self.branch() {
            match &entry.kind {
                Kind::Message(message) => messages.push(message.clone()),
                Kind::Compaction { summary, tokens_before } => {
                    messages.clear();
                    messages.push(json!({
                        "role": "compactionSummary", "summary": summary,
                        "tokensBefore": tokens_before, "timestamp": entry.at_ms,
                    }));
                }
                Kind::BranchSummary(summary) => messages.push(json!({
                    "role": "branchSummary", "summary": summary,
                    "fromId": entry.parent.map(id_text), "timestamp": entry.at_ms,
                })),
                Kind::Model { .. } | Kind::Thinking(_) | Kind::Name(_) => {}
            }
        }
        messages
    }

    /// How many messages a model would see.
    pub(super) fn len(&self) -> u64 {
        let mut len = 0;
        for entry in self.branch() {
            match &entry.kind {
                Kind::Message(_) | Kind::BranchSummary(_) => len += 1,
                Kind::Compaction { .. } => len = 1,
                Kind::Model { .. } | Kind::Thinking(_) | Kind::Name(_) => {}
            }
        }
        len
    }

    /// Sums over the messages that a model would see.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for message in self.messages() {
            counts.messages += 1;
            let words = tokens(&text_of(&message));
            match message["role"].as_str() {
                Some("assistant") => {
                    counts.assistants += 1;
                    counts.tokens_out += words;
                    let parts = message["content"].as_array().map_or(&[][..], Vec::as_slice);
                    let calls = parts.iter().filter(|part| part["type"] == "toolCall").count();
                    counts.tool_calls += calls as u64;
                }
                Some("toolResult") => counts.tool_results += 1,
                Some("user") => {
                    counts.users += 1;
                    counts.tokens_in += words;
                }
                Some(_) | None => counts.tokens_in += words,
            }
        }
        counts
    }

    /// The text of the last answer.
    pub(super) fn last_answer(&self) -> Option<String> {
        let messages = self.messages();
        messages.iter().rev().find(|message| message["role"] == "assistant").map(text_of)
    }

    /// Every message of the user, on all branches: what `fork` takes.
    pub(super) fn user_messages(&self) -> Vec<Value> {
        let users = self.entries.iter().filter_map(|entry| Some((entry.id, entry.user_text()?)));
        users.map(|(id, text)| json!({ "entryId": id_text(id), "text": text })).collect()
    }

    /// Goes on as a copy of what came before a message of the user; gives that message's text.
    pub(super) fn fork(&mut self, name: &str) -> Option<String> {
        let entry = self.entry_by_name(name)?;
        let (text, parent) = (entry.user_text()?, entry.parent);
        self.leaf = parent;
        let kept: Vec<Entry> = self.branch().into_iter().cloned().collect();
        self.bytes = kept.iter().map(|entry| entry.bytes).sum();
        self.entries = kept;
        Some(text)
    }

    /// Moves to an entry (to before it, for a message of the user, whose text comes back).
    pub(super) fn navigate(&mut self, name: &str) -> Option<String> {
        let entry = self.entry_by_name(name)?;
        let text = entry.user_text();
        self.leaf = if text.is_some() { entry.parent } else { Some(entry.id) };
        text
    }

    /// Whether there is an entry of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entry_by_name(name).is_some()
    }

    /// Sets or clears the label of an entry.
    pub(super) fn label(&mut self, name: &str, label: &str) {
        let Some(id) = self.entry_by_name(name).map(|entry| entry.id) else { return };
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) {
            entry.label = (!label.is_empty()).then(|| label.to_owned());
        }
    }

    /// All entries as `get_tree` lists them: depth first, children in the order of their making.
    pub(super) fn tree(&self) -> Value {
        let mut children: std::collections::BTreeMap<Option<u64>, Vec<&Entry>> =
            std::collections::BTreeMap::new();
        for entry in self.entries.iter().rev() {
            children.entry(entry.parent).or_default().push(entry);
        }
        let mut nodes = Vec::with_capacity(self.entries.len());
        let mut open = children.remove(&None).unwrap_or_default();
        while let Some(entry) = open.pop() {
            nodes.push(entry.node());
            open.append(&mut children.remove(&Some(entry.id)).unwrap_or_default());
        }
        json!({ "currentLeafId": self.leaf.map(id_text), "nodes": nodes })
    }

    /// Name of the oldest entry that a compaction would keep.
    pub(super) fn leaf_name(&self) -> Option<String> {
        self.leaf.map(id_text)
    }

    /// Whether there is something to summarise.
    pub(super) fn can_compact(&self) -> bool {
        let mut found = false;
        for entry in self.branch() {
            match entry.kind {
                Kind::Message(_) => found = true,
                Kind::Compaction { .. } => found = false,
                Kind::Model { .. } | Kind::Thinking(_) | Kind::BranchSummary(_) | Kind::Name(_) => {
                }
            }
        }
        found
    }
}

impl Entry {
    fn user_text(&self) -> Option<String> {
        match &self.kind {
            Kind::Message(message) if message["role"] == "user" => Some(text_of(message)),
            Kind::Message(_)
            | Kind::Model { .. }
            | Kind::Thinking(_)
            | Kind::Compaction { .. }
            | Kind::BranchSummary(_)
            | Kind::Name(_) => None,
        }
    }

    fn node(&self) -> Value {
        let role = match &self.kind {
            Kind::Message(message) => message["role"].clone(),
            Kind::Model { .. }
            | Kind::Thinking(_)
            | Kind::Compaction { .. }
            | Kind::BranchSummary(_)
            | Kind::Name(_) => Value::Null,
        };
        let mut node = json!({
            "entryId": id_text(self.id),
            "parentId": self.parent.map(id_text),
            "entryType": self.kind.name(),
            "role": role,
            "text": preview(&self.kind.text()),
            "timestamp": super::time::iso(self.at_ms),
        });
        if let (Some(label), Some(node)) = (&self.label, node.as_object_mut()) {
            node.insert("label".to_owned(), json!(label));
        }
        node
    }
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Kind::Message(_) => "message",
            Kind::Model { .. } => "model_change",
            Kind::Thinking(_) => "thinking_level_change",
            Kind::Compaction { .. } => "compaction",
            Kind::BranchSummary(_) => "branch_summary",
            Kind::Name(_) => "session_info",
        }
    }

    /// What it takes, roughly; images count in full.
    fn bytes(&self) -> usize {
        match self {
            Kind::Message(message) => message.to_string().len(),
            Kind::Model { .. }
            | Kind::Thinking(_)
            | Kind::Compaction { .. }
            | Kind::BranchSummary(_)
            | Kind::Name(_) => self.text().len(),
        }
    }

    fn text(&self) -> String {
        match self {
            Kind::Message(message) => text_of(message),
            Kind::Model { provider, model } => format!("{provider}/{model}"),
            Kind::Thinking(level) => (*level).to_owned(),
            Kind::Compaction { summary, .. } | Kind::BranchSummary(summary) => summary.clone(),
            Kind::Name(name) => name.clone(),
        }
    }
}

/// An id as clients see it.
fn id_text(id: u64) -> String {
    format!("{id:08x}")
}

/// The readable text of a message.
pub(super) fn text_of(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().concat()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            message["command"].as_str().unwrap_or_default().to_owned()
        }
    }
}

/// One line of a text, cut.
fn preview(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = first_units(&line, PREVIEW_CHARS).len();
    if end < line.len() {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// What the demo agent calls the tokens of a text: its words.
pub(super) fn tokens(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_text_in_the_tree_is_cut_as_the_protocol_counts_characters() {
        assert_eq!(super::preview(&"🦀".repeat(200)), "🦀".repeat(200));
        let cut = super::preview(&format!("a{}", "🦀".repeat(200)));
        assert_eq!(cut, format!("a{}…", "🦀".repeat(199)));
        assert_eq!(super::preview(&"x".repeat(401)), "x".repeat(400) + "…");
    }
}
