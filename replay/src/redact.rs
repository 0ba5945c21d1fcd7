//! `pi-replay redact`: a copy of a journal without what its policy names, which still replays bit
//! for bit, since no decision ever depended on a body and the chain covers only a body's digest.
//!
//! A body is erased whole, or keeps what the policy leaves of it: the JSON without the values that
//! were named, in the same place, padded with spaces to the old length. Either way its record is
//! marked as erased, and nothing takes its bytes for the original ones.
//!
//! What the core decides on is no body and stays: ids, session names, paths, the words of an
//! agent's failures.

use std::collections::BTreeMap;

use pi_server_core::input::{AgentSaid, Answer, InputKind};
use pi_server_core::output::{Ask, Output};
use pi_server_core::record::{Framer, SEGMENT_HEADER_BYTES, decode_kind};
use pi_server_core::{AgentNo, CommandNo, Text};
use serde::Deserialize;
use serde_json::Value;

use crate::feed::{Feed, Item};
use crate::made::Made;
use crate::play::{PlayError, play};
use crate::source::Source;
use crate::status::Status;

/// What is to be redacted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Every rule whose conditions hold is applied.
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Rule {
    /// Which bodies; all if it is not given.
    #[serde(default)]
    what: What,
    /// Only those whose JSON has this `type`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Only those about this session.
    session: Option<String>,
    /// Erase them whole.
    #[serde(default)]
    erase: bool,
    /// JSON pointers of values to take out; `*` stands for every member or element.
    #[serde(default)]
    pointers: Vec<String>,
    /// Texts to take out of every string in them.
    #[serde(default)]
    words: Vec<String>,
}

/// Whose bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum What {
    #[default]
    All,
    /// Frames that are commands.
    Command,
    /// Frames that are none.
    Malformed,
    /// Events of agents.
    Event,
    /// Data of responses.
    Answer,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Policy, String> {
        let policy: Policy = serde_json::from_str(text).map_err(|error| error.to_string())?;
        for (index, rule) in policy.rules.iter().enumerate() {
            let number = index + 1;
            if !rule.erase && rule.pointers.is_empty() && rule.words.is_empty() {
                return Err(format!("rule {number} takes nothing out (erase, pointers or words)"));
            }
            if let Some(bad) = rule.pointers.iter().find(|pointer| !pointer.starts_with('/')) {
                return Err(format!("rule {number}: the pointer {bad:?} does not begin with /"));
            }
            if rule.words.iter().any(String::is_empty) {
                return Err(format!("rule {number} has an empty word"));
            }
        }
        Ok(policy)
    }
}

/// What was redacted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redacted {
    /// Bodies in the journal.
    pub bodies: u64,
    /// Bodies that were erased whole, by this policy.
    pub erased: u64,
    /// Bodies that lost a part.
    pub reduced: u64,
}

/// Writes a redacted copy, without the key unless that is wanted: who has it can check guesses of
/// short texts against the digests that stay.
///
/// # Errors
/// The journal is damaged or cannot be read, or the copy cannot be written.
pub fn redact(
    source: &Source,
    policy: &Policy,
    made: &Made,
    with_key: bool,
    progress: &mut dyn FnMut(u64),
) -> Result<Redacted, PlayError> {
    let sessions = Sessions::of(source)?;
    let head = source.head_bytes()?;
    let journal = source.head()?.journal;
    let framer = Framer::new(journal);
    let mut feed = Feed::start(source)?;
    // Segments that a snapshot stands for are left out, and so are the bodies kept of dropped ones.
    let covered = feed.begin().cursor.map_or(0, |cursor| cursor.segment);
    let mut redacted = Redacted::default();
    let mut images: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    while let Some(batch) = feed.take() {
        for item in batch.items() {
            let number = item.place.segment;
            if !images.contains_key(&number) {
                flush(made, &mut images)?;
                images.insert(number, blank(source, number)?);
            }
            if let Some(image) = images.get_mut(&number) {
                copy(&item, policy, &sessions, &framer, image, &mut redacted);
            }
            progress(item.header.seq.0);
        }
    }
    let reading = feed.finish()?;
    if reading.status() != Status::Good {
        let words = reading.verdict.err().map(|damage| damage.to_string());
        return Err(PlayError::Damaged(words.unwrap_or_default()));
    }
    let last = images.keys().next_back().copied().unwrap_or(covered);
    flush(made, &mut images)?;
    // Segments that were built ahead, or hold nothing that was committed.
    for number in source.segments()?.into_iter().filter(|number| *number > last) {
        made.segment(number, &blank(source, number)?)?;
    }
    if covered > 0 {
        made.snapshot(covered, &source.read_snapshot(covered)?)?;
    }
    made.head(&head)?;
    if let (true, Some(key)) = (with_key, source.key_bytes()) {
        made.key(&key)?;
    }
    Ok(redacted)
}

fn flush(made: &Made, images: &mut BTreeMap<u64, Vec<u8>>) -> Result<(), PlayError> {
    for (number, image) in std::mem::take(images) {
        made.segment(number, &image)?;
    }
    Ok(())
}

/// A segment with its header only: what was never committed is not copied either.
fn blank(source: &Source, number: u64) -> Result<Vec<u8>, PlayError> {
    let mut bytes = Vec::new();
    source.read_segment(number, &mut bytes)?;
    bytes.get_mut(SEGMENT_HEADER_BYTES..).unwrap_or_default().fill(0);
    Ok(bytes)
}

fn copy(
    item: &Item<'_>,
    policy: &Policy,
    sessions: &Sessions,
    framer: &Framer,
    image: &mut [u8],
    redacted: &mut Redacted,
) {
    let mut header = item.header;
    let mut body = item.raw_body().to_vec();
    if !body.is_empty() {
        redacted.bodies += 1;
        match apply(policy, item, sessions) {
            Left::All => {}
            Left::Nothing => {
                redacted.erased += 1;
                header.erased = true;
                body.fill(0);
            }
            Left::Part(part) => {
                redacted.reduced += 1;
                header.erased = true;
                body.fill(b' ');
                // The part is never longer: see `apply`.
                body.iter_mut().zip(&part).for_each(|(to, from)| *to = *from);
            }
        }
    }
    if header.erased {
        header.body_crc = 0;
    }
    let head = framer.header(&header, item.input);
    let parts = head.iter().chain(item.input).chain(&body);
    let place = image.get_mut(item.place.offset..).unwrap_or_default();
    place.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
}

/// What a policy leaves of a body.
enum Left {
    All,
    Nothing,
    Part(Vec<u8>),
}

fn apply(policy: &Policy, item: &Item<'_>, sessions: &Sessions) -> Left {
    let Some(body) = item.remains() else { return Left::All };
    let Ok(kind) = decode_kind(item.input) else { return Left::Nothing };
    let (what, session) = sessions.about(item.header.seq.0, &kind);
    let mut json: Option<Value> = serde_json::from_slice(body).ok();
    let has_type = |wanted: &str| {
        json.as_ref().and_then(|json| json.get("type")).is_some_and(|kind| kind == wanted)
    };
    let fits = |rule: &&Rule| {
        (rule.what == What::All || rule.what == what)
            && rule.kind.as_ref().is_none_or(|kind| has_type(kind))
            && rule.session.as_ref().is_none_or(|id| session.is_some_and(|it| **it == **id))
    };
    let rules: Vec<&Rule> = policy.rules.iter().filter(fits).collect();
    if rules.iter().any(|rule| rule.erase) {
        return Left::Nothing;
    }
    let Some(json) = &mut json else {
        // What is no JSON cannot be taken apart: a rule that means it erases it.
        return if rules.is_empty() { Left::All } else { Left::Nothing };
    };
    let mut changed = false;
    for rule in rules {
        for pointer in &rule.pointers {
            let path: Vec<String> = pointer.split('/').skip(1).map(unescape).collect();
            changed |= take_out(json, &path);
        }
        changed |= take_words(json, &rule.words);
    }
    if !changed {
        return Left::All;
    }
    let part = json.to_string().into_bytes();
    // Numbers may be written longer than they came, and marks may be longer than what they hide.
    if part.len() <= body.len() { Left::Part(part) } else { shorter(json, body.len()) }
}

/// The mark in the place of what was taken out.
const MARK: &str = "[redacted]";

/// The same without marks, if that fits.
fn shorter(json: &mut Value, most: usize) -> Left {
    take_words(json, &[MARK.to_owned()]);
    let part = json.to_string().into_bytes();
    if part.len() <= most { Left::Part(part) } else { Left::Nothing }
}

fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

fn take_out(json: &mut Value, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        *json = match json {
            Value::String(_) => MARK.into(),
            Value::Number(_) => 0.into(),
            Value::Array(_) => Value::Array(Vec::new()),
            Value::Object(_) => Value::Object(serde_json::Map::new()),
            Value::Null | Value::Bool(_) => Value::Null,
        };
        return true;
    };
    match json {
        Value::Object(members) if first == "*" => {
            members.values_mut().fold(false, |changed, member| take_out(member, rest) | changed)
        }
        Value::Array(elements) if first == "*" => {
            elements.iter_mut().fold(false, |changed, element| take_out(element, rest) | changed)
        }
        Value::Object(members) => {
            members.get_mut(first).is_some_and(|member| take_out(member, rest))
        }
        Value::Array(elements) => {
            let element = first.parse().ok().and_then(|index: usize| elements.get_mut(index));
            element.is_some_and(|element| take_out(element, rest))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn take_words(json: &mut Value, words: &[String]) -> bool {
    match json {
        Value::String(text) => {
            let found = words.iter().any(|word| text.contains(word.as_str()));
            for word in words {
                let mark = if word.len() >= MARK.len() && word != MARK { MARK } else { "" };
                *text = text.replace(word.as_str(), mark);
            }
            found
        }
        Value::Array(elements) => {
            elements.iter_mut().fold(false, |changed, element| take_words(element, words) | changed)
        }
        Value::Object(members) => {
            members.values_mut().fold(false, |changed, member| take_words(member, words) | changed)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Which session inputs are about, found by stepping the journal once.
#[derive(Default)]
struct Sessions {
    agents: BTreeMap<AgentNo, Text>,
    commands: BTreeMap<CommandNo, Text>,
}

impl Sessions {
    fn of(source: &Source) -> Result<Sessions, PlayError> {
        let mut sessions = Sessions::default();
        play(source, |played| {
            for output in played.outputs {
                if let Output::Ask(Ask::Spawn { agent, session, .. }) = output {
                    sessions.agents.insert(*agent, session.clone());
                }
            }
            if let InputKind::Command { envelope, .. } = &played.input.kind
                && let Some(session) = &envelope.session
            {
                sessions.commands.insert(CommandNo(played.input.seq.0), session.clone());
            }
            Ok(std::ops::ControlFlow::Continue(()))
        })?;
        Ok(sessions)
    }

    /// What a body is, and whose.
    fn about(&self, seq: u64, kind: &InputKind) -> (What, Option<&Text>) {
        match kind {
            InputKind::Command { .. } => (What::Command, self.commands.get(&CommandNo(seq))),
            InputKind::Malformed { .. } => (What::Malformed, None),
            InputKind::Agent { agent, said: AgentSaid::Replied { .. } } => {
                (What::Answer, self.agents.get(agent))
            }
            InputKind::Agent { agent, .. } => (What::Event, self.agents.get(agent)),
            InputKind::Answered { query, answer: Answer::Data } => {
                (What::Answer, self.commands.get(query))
            }
            InputKind::Answered { .. }
            | InputKind::Boot(_)
            | InputKind::Opened(_)
            | InputKind::Closed { .. }
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Drain
            | InputKind::Stop => (What::Answer, None),
        }
    }
}
