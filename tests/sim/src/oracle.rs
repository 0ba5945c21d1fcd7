//! What every client must have been told, worked out from the journal that is left at the end.
//!
//! The inputs that survived are fed to a state of their own, and what it puts out is resolved and
//! rendered for each connection. A client that was told something else, or something that no input
//! of the journal stands for, was told a lie: an answer was lost, invented, repeated or reordered.

use std::collections::{BTreeMap, VecDeque};

use pi_server_core::audience::Audiences;
use pi_server_core::command::Class;
use pi_server_core::frame::{Frame, Phase};
use pi_server_core::input::InputKind;
use pi_server_core::output::{Audience, Output};
use pi_server_core::wire::{Bodies, render};
use pi_server_core::{BodyRef, ConnId, Input, Outputs, Seq, State, Text};
use serde_json::Value;

use crate::client::Transcript;

/// An input as it survived.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The input.
    pub input: Input,
    /// Its body.
    pub body: Vec<u8>,
}

struct Store<'a>(&'a [Kept]);

impl Bodies for Store<'_> {
    fn body(&self, body: BodyRef) -> Option<&[u8]> {
        if body.is_empty() {
            return Some(&[]);
        }
        let at = usize::try_from(body.seq.0.checked_sub(1)?).ok()?;
        self.0.get(at).map(|kept| &kept.body[..])
    }
}

/// What one connection must be told. Frames of different streams may overtake each other only where
/// a client fell behind or asked for what it had missed.
#[derive(Clone, Debug, Default)]
struct Expected {
    /// For this connection, and for the subscribers of its sessions but for their events.
    own: VecDeque<String>,
    /// For everybody who wants to know. With each, whether it is about a command of this connection:
    /// no gap may speak of those.
    shared: VecDeque<(bool, String)>,
    /// How many of those gaps have spoken of that have not been found missing yet.
    missed: u64,
    /// Of each session.
    events: BTreeMap<String, VecDeque<(u64, String)>>,
    /// Events that are offered again out of their order: open dialogs.
    offered: Vec<String>,
    /// When the connection ended, if it did.
    is_over: bool,
}

/// Compares what clients were told with what they must have been told.
///
/// `lives` is what each life's boot is known by; a transcript of a life that has left no trace must
/// be empty.
///
/// # Errors
/// The first client that was told something else.
pub fn judge(
    history: &[Kept],
    lives: &[[u8; 16]],
    transcripts: &[Transcript],
) -> Result<(), String> {
    let mut boots = BTreeMap::new();
    for kept in history {
        if let InputKind::Boot(boot) = &kept.input.kind {
            boots.insert(boot.entropy, kept.input.seq);
        }
    }
    let mut wanted = BTreeMap::new();
    for transcript in transcripts {
        let Some(conn) = transcript.conn.filter(|_| !transcript.received.is_empty()) else {
            if let Some(frame) = transcript.received.first()
                && !is_refusal(frame)
            {
                return Err(format!("somebody without a connection was told {frame}"));
            }
            continue;
        };
        let opened = usize::try_from(conn.0).ok().and_then(|at| history.get(at.checked_sub(1)?));
        let is_there = matches!(opened.map(|kept| &kept.input.kind), Some(InputKind::Opened(_)));
        let boot = lives.get(transcript.life).and_then(|entropy| boots.get(entropy));
        let next = lives.get(transcript.life + 1..).unwrap_or_default();
        let next = next.iter().find_map(|entropy| boots.get(entropy));
        let in_life =
            boot.is_some_and(|boot| boot.0 < conn.0) && next.is_none_or(|next| next.0 > conn.0);
        // A daemon that cannot write any more says so, and ends.
        if (!is_there || !in_life) && transcript.received.iter().all(|frame| is_refusal(frame)) {
            continue;
        }
        if !is_there || !in_life {
            return Err(format!(
                "connection {conn} of life {} was told {} frames, and is not in the journal",
                transcript.life,
                transcript.received.len()
            ));
        }
        wanted.insert(conn, Expected::default());
    }
    expect(history, &mut wanted);
    for transcript in transcripts {
        if let Some(conn) = transcript.conn
            && let Some(expected) = wanted.get(&conn)
            && !transcript.received.is_empty()
        {
            compare(transcript, expected.clone())
                .map_err(|text| format!("connection {conn} of life {}: {text}", transcript.life))?;
        }
    }
    Ok(())
}

/// Every event of the journal, by its session and its place.
pub fn events(history: &[Kept]) -> BTreeMap<(String, u64), Vec<String>> {
    let (mut state, mut outputs) = (State::new(), Outputs::new());
    let (store, mut json) = (Store(history), Vec::new());
    let mut events: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for Kept { input, .. } in history {
        state.step(input, &mut outputs);
        for output in outputs.as_slice() {
            if let Output::Deliver { to: Audience::Subscribers(session), frame } = output
                && let Some(cursor) = frame.cursor()
            {
                json.clear();
                render(frame, &store, &mut json);
                let text = String::from_utf8_lossy(&json).into_owned();
                events.entry((session.to_string(), cursor.0)).or_default().push(text);
            }
        }
    }
    events
}

/// Section 6.2, in a journal of which nothing was dropped: no mutation was admitted twice under one id.
///
/// # Errors
/// The first that was.
pub fn runs_once(history: &[Kept]) -> Result<(), String> {
    let (mut state, mut outputs) = (State::new(), Outputs::new());
    let mut known = BTreeMap::new();
    for Kept { input, .. } in history {
        state.step(input, &mut outputs);
        let Some((conn, envelope)) = input.kind.command() else { continue };
        let (Some(id), Some(client)) = (&envelope.id, state.client_of(conn)) else { continue };
        let is_admission = |output: &Output| {
            matches!(
                output,
                Output::Deliver {
                    frame: Frame::Lifecycle { command, phase: Phase::Accepted, .. },
                    ..
                } if command.0 == input.seq.0
            )
        };
        let is_new =
            envelope.kind.row().class != Class::Read && outputs.as_slice().iter().any(is_admission);
        if !is_new {
            continue;
        }
        if let Some(first) = known.insert((client.clone(), id.clone()), input.seq) {
            return Err(format!("{id} of {client:?} ran as #{first} and again as #{}", input.seq));
        }
    }
    Ok(())
}

fn expect(history: &[Kept], wanted: &mut BTreeMap<ConnId, Expected>) {
    let (mut state, mut outputs) = (State::new(), Outputs::new());
    let mut audiences = Audiences::new();
    let mut told: BTreeMap<Text, Vec<(Seq, String)>> = BTreeMap::new();
    let store = Store(history);
    let mut json = Vec::new();
    for Kept { input, .. } in history {
        if let InputKind::Boot(_) = input.kind {
            audiences.clear();
        }
        if let InputKind::Closed { conn } = input.kind
            && let Some(expected) = wanted.get_mut(&conn)
        {
            expected.is_over = true;
        }
        state.step(input, &mut outputs);
        for output in outputs.as_slice() {
            audiences.apply(output);
            match output {
                Output::Deliver { to, frame } => {
                    json.clear();
                    render(frame, &store, &mut json);
                    let text = String::from_utf8_lossy(&json).into_owned();
                    if let (Audience::Subscribers(session), Some(cursor)) = (to, frame.cursor()) {
                        told.entry(session.clone()).or_default().push((cursor, text.clone()));
                    }
                    audiences.resolve(to, frame, |conn| {
                        if let Some(expected) = wanted.get_mut(&conn) {
                            expected.take(conn, to, frame, text.clone());
                        }
                    });
                }
                Output::Subscribe { conn, session, after: Some(after) } => {
                    if let Some(expected) = wanted.get_mut(conn) {
                        let events = expected.events.entry(session.to_string()).or_default();
                        let missed = told.get(session).into_iter().flatten();
                        let missed = missed.filter(|(cursor, _)| cursor > after);
                        events.extend(missed.map(|(cursor, text)| (cursor.0, text.clone())));
                    }
                }
                _ => {}
            }
        }
    }
}

impl Expected {
    fn take(&mut self, conn: ConnId, to: &Audience, frame: &Frame, text: String) {
        match (to, frame) {
            (Audience::Conn(_), Frame::Event { .. }) => self.offered.push(text),
            (
                Audience::Subscribers(_),
                Frame::Event { session, cursor, .. } | Frame::Interrupted { session, cursor, .. },
            ) => {
                self.events.entry(session.to_string()).or_default().push_back((cursor.0, text));
            }
            (Audience::Lifecycle { owner }, _) => {
                self.shared.push_back((*owner == Some(conn), text));
            }
            (Audience::Everyone, _) => self.shared.push_back((false, text)),
            (Audience::Conn(_) | Audience::Subscribers(_), _) => self.own.push_back(text),
        }
    }
}

impl Expected {
    /// Frames that are due and that a gap may speak of.
    fn may_be_missed(&self) -> u64 {
        self.shared.iter().filter(|(is_own, _)| !is_own).count() as u64
    }
}

fn is_refusal(text: &str) -> bool {
    text.contains(r#""errorCode":"storage_full""#)
        || text.contains(r#""errorCode":"limit_reached""#)
}

fn compare(transcript: &Transcript, mut expected: Expected) -> Result<(), String> {
    for text in &transcript.received {
        let frame: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let kind = frame["type"].as_str().unwrap_or_default();
        match kind {
            "gap" if frame["data"]["lost"] == true => {
                same(expected.own.pop_front(), text, "a gap of a lost future")?;
            }
            "gap" => gap(&frame["data"], &mut expected)?,
            "event" => event(&frame, text, &mut expected)?,
            "command_accepted" | "command_started" | "command_finished" | "session_created"
            | "session_deleted" | "server_shutdown" => {
                // What a gap speaks of is not there, and other frames of the same inputs may be.
                while expected.missed > 0
                    && let Some((is_own, due)) = expected.shared.front()
                    && due != text
                {
                    if *is_own {
                        return Err(format!("a frame about its own command is missing: {due}"));
                    }
                    expected.shared.pop_front();
                    expected.missed -= 1;
                }
                let due = expected.shared.pop_front().map(|(_, text)| text);
                same(due, text, "a frame for everybody")?;
            }
            _ if expected.own.front() != Some(text) && is_refusal(text) => {}
            _ => same(expected.own.pop_front(), text, "a frame of its own")?,
        }
    }
    if !transcript.complete || expected.is_over {
        return Ok(());
    }
    if let Some((_, text)) = expected.shared.iter().find(|(is_own, _)| *is_own) {
        return Err(format!("was never told of its own command: {text}"));
    }
    let shared = usize::try_from(expected.missed).ok().and_then(|at| expected.shared.get(at));
    let missing = expected.own.front().or(shared.map(|(_, text)| text));
    let event = expected.events.values().find_map(|events| events.front());
    match missing.or(event.map(|(_, text)| text)) {
        Some(text) => Err(format!("was never told {text}")),
        None if expected.missed > expected.may_be_missed() => {
            Err("was told of more missed frames than there were".into())
        }
        None => Ok(()),
    }
}

fn same(expected: Option<String>, text: &str, what: &str) -> Result<(), String> {
    match expected {
        Some(expected) if expected == text => Ok(()),
        Some(expected) => Err(format!("{what} is {text}, and must be {expected}")),
        None => Err(format!("{what} is {text}, and there must be none")),
    }
}

fn event(frame: &Value, text: &str, expected: &mut Expected) -> Result<(), String> {
    let session = frame["sessionId"].as_str().unwrap_or_default();
    let events = expected.events.entry(session.to_owned()).or_default();
    if events.front().is_some_and(|(_, event)| event == text) {
        events.pop_front();
        return Ok(());
    }
    if let Some(at) = expected.offered.iter().position(|offered| offered == text) {
        expected.offered.remove(at);
        return Ok(());
    }
    match events.front() {
        Some((_, event)) => Err(format!("an event is {text}, and must be {event}")),
        None => Err(format!("an event is {text}, and there must be none")),
    }
}

/// Section 8.6: a gap says how much is missing, and nothing else may be.
fn gap(data: &Value, expected: &mut Expected) -> Result<(), String> {
    if data["kind"] == "lifecycle" {
        expected.missed += data["missed"].as_u64().unwrap_or_default();
        if expected.missed > expected.may_be_missed() {
            return Err(format!("{} frames missed where fewer were due", expected.missed));
        }
        return Ok(());
    }
    let to = data["toSeq"].as_u64().unwrap_or_default();
    let session = data["sessionId"].as_str().unwrap_or_default();
    let events = expected.events.entry(session.to_owned()).or_default();
    while events.front().is_some_and(|(cursor, _)| *cursor <= to) {
        events.pop_front();
    }
    Ok(())
}
