//! What happened in a journal, as a person asks for it: every command with the times of its life,
//! every event of a session, and what happened around them. All exports and comparisons read this.

mod build;
mod problems;

use pi_server_core::command::{CommandKind, Target};
use pi_server_core::{CommandNo, ConnId, Micros, Seq, Text};

use crate::start::Begins;

pub(crate) use build::{Builder, Taken};
pub use build::{Wanted, chart};
pub use problems::{Problem, ProblemKind, counts};

/// A journal, or a part of it, as commands, events and notes.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    /// Every command frame, in the order of its input: admitted, refused or answered again.
    pub bars: Vec<Bar>,
    /// Every event that a session's agent reported.
    pub events: Vec<Event>,
    /// Everything else that explains what is seen: boots, connections, agents, bad frames.
    pub notes: Vec<Note>,
    /// What went wrong besides the ends of commands.
    pub troubles: Vec<Problem>,
    /// Where the journal begins, if that is a snapshot.
    pub begins: Option<Begins>,
    /// The sessions that there are where the journal begins.
    pub sessions_before: Vec<Text>,
}

/// The life of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Its number: the input that carried it.
    pub number: CommandNo,
    /// The client's id for it.
    pub id: Option<Text>,
    /// What it is.
    pub kind: CommandKind,
    /// The session it is about, also where the daemon chose the id.
    pub session: Option<Text>,
    /// The connection that sent it; `None` if that is before the journal's beginning and a boot
    /// has come between.
    pub conn: Option<ConnId>,
    /// The name that client gave; empty is the shared namespace.
    pub client: Text,
    /// Its place in its lane; `None` if it was not admitted.
    pub lane_sequence: Option<u64>,
    /// The commands it depends on, as far as their ids are known.
    pub depends_on: Vec<CommandNo>,
    /// When it arrived: when it was accepted or refused. With `before`, the time is that of the
    /// journal's beginning.
    pub arrived: Step,
    /// True if it was in flight where the journal begins: it arrived, and perhaps started, earlier
    /// than is said here.
    pub before: bool,
    /// When it left the queue.
    pub started: Option<Step>,
    /// When its agent said that it was on it.
    pub acknowledged: Option<Step>,
    /// When it ended.
    pub finished: Option<Step>,
    /// How it ended.
    pub end: End,
    /// The frame, cut to [`FRAME_CHARS_MAX`]; `None` if it was erased or is not wanted.
    pub frame: Option<String>,
}

/// Most characters of a frame that a chart keeps.
pub const FRAME_CHARS_MAX: usize = 2_000;

/// A place in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The input.
    pub seq: Seq,
    /// Its time.
    pub at: Micros,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It had not ended where the journal (or the part of it) ends.
    Open,
    /// Well.
    Done {
        /// The session's version afterwards.
        version: Option<u64>,
    },
    /// Badly, after it had been admitted.
    Failed(Why),
    /// It was not admitted.
    Refused(Why),
    /// It was answered from an earlier execution, or waits for one that is in flight.
    Repeated,
}

/// A failure in its stable code and in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// `errorCode`.
    pub code: &'static str,
    /// `error`.
    pub words: String,
}

/// An event of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub step: Step,
    /// The session.
    pub session: Text,
    /// The event, a JSON text; `None` if it was erased or is not wanted.
    pub body: Option<String>,
    /// Its length in bytes.
    pub bytes: u32,
}

/// Something that happened around the commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub step: Step,
    /// The session it is about, if it is about one.
    pub session: Option<Text>,
    /// The connection it is about, if it is about one.
    pub conn: Option<ConnId>,
    /// What, in a word: `boot`, `open`, `close`, `malformed`, `agent`, `storage`, `drain`, `stop`.
    pub what: &'static str,
    /// The input in the notation.
    pub words: String,
}

impl Event {
    /// The lane of its session. An agent whose session was deleted before the journal begins may
    /// still speak: whose it is nobody knows any more.
    pub fn lane(&self) -> String {
        if self.session.is_empty() {
            return "session not known".into();
        }
        format!("session:{}", self.session)
    }
}

impl Bar {
    /// The lane it ran in, or would have.
    pub fn lane(&self) -> String {
        match (self.kind.row().target, &self.session) {
            (Target::Server, _) | (_, None) => "server".into(),
            (Target::Session | Target::Creates, Some(session)) => format!("session:{session}"),
        }
    }

    /// Its id as frames have it, or its number where the client gave none.
    pub fn name(&self) -> String {
        self.id.as_ref().map_or_else(|| format!("#{}", self.number), ToString::to_string)
    }

    /// True if it had started where the journal begins.
    pub fn is_started_before(&self) -> bool {
        self.before && self.started.is_some_and(|step| step.at == self.arrived.at)
    }

    /// The last that is known of it.
    pub fn last(&self) -> Step {
        self.finished.or(self.acknowledged).or(self.started).unwrap_or(self.arrived)
    }
}

impl End {
    /// In a word.
    pub fn name(&self) -> &'static str {
        match self {
            End::Open => "open",
            End::Done { .. } => "succeeded",
            End::Failed(_) => "failed",
            End::Refused(_) => "refused",
            End::Repeated => "repeated",
        }
    }

    /// Why it is no success, if it is a failure or a refusal.
    pub fn why(&self) -> Option<&Why> {
        match self {
            End::Failed(why) | End::Refused(why) => Some(why),
            End::Open | End::Done { .. } | End::Repeated => None,
        }
    }
}

impl Chart {
    /// The first and the last moment in it.
    pub fn span(&self) -> Option<(Micros, Micros)> {
        let bars = self.bars.iter().flat_map(|bar| [bar.arrived.at, bar.last().at]);
        let events = self.events.iter().map(|event| event.step.at);
        let notes = self.notes.iter().map(|note| note.step.at);
        let all = bars.chain(events).chain(notes);
        all.fold(None, |span, at| match span {
            None => Some((at, at)),
            Some((first, last)) => Some((first.min(at), last.max(at))),
        })
    }

    /// The command of that number.
    pub fn bar(&self, number: CommandNo) -> Option<&Bar> {
        let index = self.bars.binary_search_by_key(&number, |bar| bar.number).ok()?;
        self.bars.get(index)
    }

    /// True if anything in it is about the session, or it is there where the journal begins.
    pub fn has_session(&self, session: &str) -> bool {
        let is_it = |id: &Text| &**id == session;
        self.sessions_before.iter().any(is_it)
            || self.bars.iter().any(|bar| bar.session.as_ref().is_some_and(is_it))
            || self.notes.iter().any(|note| note.session.as_ref().is_some_and(is_it))
            || self.events.iter().any(|event| is_it(&event.session))
    }

    /// The names of the lanes, `server` first and then in the order of their first command.
    pub fn lanes(&self) -> Vec<String> {
        let mut lanes = vec!["server".to_owned()];
        let mut known = std::collections::BTreeSet::from(["server".to_owned()]);
        let of_events = self.events.iter().map(Event::lane);
        for lane in self.bars.iter().map(Bar::lane).chain(of_events) {
            if known.insert(lane.clone()) {
                lanes.push(lane);
            }
        }
        lanes
    }
}
