//! The journal against invariants and model, and clients against the journal.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::rc::Rc;

use pi_server_core::audience::Audiences;
use pi_server_core::frame::{Frame, Phase};
use pi_server_core::input::InputKind;
use pi_server_core::output::{Ask, Audience, Output};
use pi_server_core::record::digest_outputs;
use pi_server_core::wire::{Bodies, render};
use pi_server_core::{BodyRef, CommandNo, ConnId};
use pi_server_model::run::Check;
use pi_server_tests::journal::{Journal, Recorded};
use serde_json::Value;

use crate::actor::Actor;
use crate::slo;

/// What a connection received.
#[derive(Debug)]
pub(crate) struct Received {
    /// The id of its first command, which nobody else has.
    pub(crate) tag: String,
    pub(crate) frames: Vec<Value>,
    pub(crate) ended: Ended,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The client read everything up to the response to this id, the last that it sent.
    AfterResponse(String),
    /// The client went away with frames unread.
    Abruptly,
    /// The daemon was killed.
    ByTheDaemon,
}

/// What was compared.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    inputs: usize,
    connections: usize,
    frames: usize,
    events: usize,
    /// Events that clients should have seen.
    events_told: usize,
    divergences: u64,
    /// The first step that breaks a rule; there is no sense in going on after it.
    difference: Option<String>,
    fates: BTreeMap<CommandNo, Fate>,
}

/// What became of a command that was accepted.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    ended: u64,
    /// How often an agent was given it, if it changes something.
    called: u64,
}

impl Counts {
    /// Holds what was measured against `tests/slo.toml`.
    pub(crate) fn hold(&self) {
        let count = |fits: &dyn Fn(&Fate) -> bool| {
            let found = self.fates.values().filter(|fate| fits(fate)).count();
            u64::try_from(found).expect("a small number")
        };
        if let Some(difference) = &self.difference {
            eprintln!("{difference}");
        }
        for name in slo::OF_RUNS {
            let measured = match name {
                "commands_lost" => count(&|fate| fate.ended == 0),
                "commands_ended_twice" => count(&|fate| fate.ended > 1),
                "mutations_repeated" => count(&|fate| fate.called > 1),
                "divergences" => self.divergences,
                "model_differences" => u64::from(self.difference.is_some()),
                "events_caught_up_percent" => slo::percent(self.events, self.events_told),
                _ => panic!("{name} is not measured"),
            };
            slo::hold(name, measured);
        }
    }

    fn note(&mut self, output: &Output) {
        match output {
            Output::Deliver { frame: Frame::Lifecycle { command, phase, .. }, .. } => {
                let fate = self.fates.entry(*command).or_default();
                fate.ended += u64::from(matches!(phase, Phase::Finished(_)));
            }
            Output::Ask(Ask::Call { call, kind, .. }) if kind.row().mutates => {
                self.fates.entry(*call).or_default().called += 1;
            }
            _ => {}
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { inputs, connections, frames, events, .. } = self;
        write!(f, "{inputs} inputs, {connections} connections, {frames} frames, {events} events")
    }
}

/// Where frames find bodies: in the records.
struct Recording<'a>(&'a [Recorded]);

impl Bodies for Recording<'_> {
    fn body(&self, body: BodyRef) -> Option<&[u8]> {
        let at = usize::try_from(body.seq.0).ok()?.checked_sub(1)?;
        self.0.get(at).map(|recorded| recorded.body.as_slice())
    }
}

/// What the journal says that each connection was sent.
#[derive(Default)]
struct Told {
    tags: BTreeMap<String, ConnId>,
    sent: BTreeMap<ConnId, Vec<Rc<Value>>>,
    /// Of each session, all events in order.
    events: BTreeMap<String, Vec<(u64, Rc<Value>)>>,
}

/// Compares everything with everything.
pub(crate) fn everything(dir: &Path, received: &[Received], actors: &[Actor]) -> Counts {
    let journal = Journal::read(dir);
    let mut counts = Counts { inputs: journal.inputs.len(), ..Counts::default() };
    let told = told(&journal.inputs, &mut counts);
    if counts.difference.is_some() {
        return counts;
    }
    for received in received {
        counts.connections += 1;
        counts.frames += received.frames.len();
        if let Some(conn) = told.tags.get(&received.tag) {
            compare(received, &told.sent[conn]);
        } else {
            // It ended before its first command was taken.
            let answer = received.frames.iter().find(|frame| frame["type"] == "response");
            assert_eq!(answer, None, "an answer to what the journal does not have");
        }
    }
    for actor in actors {
        for (session, cursors) in &actor.cursors {
            let all: Vec<u64> = told
                .events
                .get(*session)
                .into_iter()
                .flatten()
                .map(|(cursor, _)| *cursor)
                .collect();
            let seen = cursors.iter().zip(&all).take_while(|(got, told)| got == told).count();
            counts.events += seen;
            counts.events_told += all.len();
            assert_eq!(seen, cursors.len(), "{session}: an event that came has another place");
        }
    }
    counts
}

/// Steps through the journal, with everything that must hold after each step.
fn told(inputs: &[Recorded], counts: &mut Counts) -> Told {
    let (mut check, mut audiences, mut told) = (Check::new(), Audiences::new(), Told::default());
    let (mut scratch, mut before) = (Vec::new(), None);
    for recorded in inputs {
        let input = &recorded.input;
        counts.divergences += u64::from(before.is_some_and(|before| recorded.before != before));
        if let InputKind::Boot(_) = input.kind {
            audiences.clear();
        }
        if let InputKind::Command { conn, envelope } = &input.kind
            && let Some(id) = envelope.id.as_ref().filter(|id| id.starts_with("tag-"))
        {
            told.tags.insert(id.to_string(), *conn);
        }
        if let Err(rule) = check.step(input) {
            counts.difference = Some(format!("{input}: {rule}"));
            return told;
        }
        for output in check.outputs.as_slice() {
            audiences.apply(output);
            told.note(output, &audiences, inputs);
            counts.note(output);
        }
        before = Some(digest_outputs(check.outputs.as_slice(), &mut scratch));
    }
    told
}

impl Told {
    fn note(&mut self, output: &Output, audiences: &Audiences, inputs: &[Recorded]) {
        match output {
            Output::Deliver { to, frame } => {
                let mut json = Vec::new();
                render(frame, &Recording(inputs), &mut json);
                let value: Rc<Value> = Rc::new(serde_json::from_slice(&json).expect("JSON"));
                audiences.resolve(to, frame, |conn| {
                    self.sent.entry(conn).or_default().push(value.clone());
                });
                if let (Some(cursor), Audience::Subscribers(session)) = (frame.cursor(), to) {
                    let events = self.events.entry(session.to_string()).or_default();
                    events.push((cursor.0, value));
                }
            }
            Output::Subscribe { conn, session, after: Some(after) } => {
                let missed = self.events.get(session.as_ref() as &str).into_iter().flatten();
                let missed = missed.filter(|(cursor, _)| *cursor > after.0);
                let missed: Vec<Rc<Value>> = missed.map(|(_, value)| value.clone()).collect();
                self.sent.entry(*conn).or_default().extend(missed);
            }
            _ => {}
        }
    }
}

/// Frames of one kind arrive in the order of the journal, each once, and none is left out before the
/// last that arrived; where the client has read all, none at all. How the kinds interleave depends
/// on how fast a client reads: PROTOCOL.md section 2.5.
fn compare(received: &Received, told: &[Rc<Value>]) {
    let (got, mut told) =
        (streams(received.frames.iter()), streams(told.iter().map(AsRef::as_ref)));
    if let (Ended::AfterResponse(id), Some(own)) = (&received.ended, told.get_mut("own")) {
        let end = own.iter().position(|frame| frame["id"] == **id);
        own.truncate(end.expect("the journal has the response that came") + 1);
    }
    for (stream, got) in &got {
        let none = Vec::new();
        let told = told.get(stream).unwrap_or(&none);
        let mut told = told.iter();
        for (place, frame) in got.iter().enumerate() {
            if frame["type"] == "gap" {
                // So many frames were left out, and the client was told.
                let missed = frame["data"]["missed"].as_u64().expect("a number");
                let missed = usize::try_from(missed).expect("a small number");
                assert!(missed > 0 && told.nth(missed - 1).is_some(), "{frame}");
                continue;
            }
            let expected = told.next();
            assert!(
                expected == Some(frame),
                "frame {place} of {stream} of {}:\n{frame}\nand in the journal\n{expected:?}",
                received.tag
            );
        }
    }
    if let Ended::AfterResponse(_) = received.ended {
        let (own, theirs) = (got.get("own").map(Vec::len), told.get("own").map(Vec::len));
        assert_eq!(own, theirs, "responses to {}", received.tag);
    }
}

/// The frames for this connection alone, those for many, and the events of each session.
fn streams<'a>(frames: impl Iterator<Item = &'a Value>) -> BTreeMap<String, Vec<&'a Value>> {
    let mut streams: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for frame in frames {
        let stream = match frame["type"].as_str().expect("every frame has a type") {
            "response" | "server_ready" | "startup_recovery_summary" => "own".to_owned(),
            "event" => format!("events of {}", frame["sessionId"]),
            "gap" if frame["data"]["kind"] != "lifecycle" => {
                panic!("nothing was dropped from this journal: {frame}")
            }
            _ => "many".to_owned(),
        };
        streams.entry(stream).or_default().push(frame);
    }
    streams
}
