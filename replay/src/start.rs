//! What a journal begins with: the state before its first input, or, where older segments were
//! dropped, a snapshot.

use std::fmt;

use pi_server_core::record::{Cursor, JournalId, Snapshot};
use pi_server_core::{Digest, Micros, Seq, State};
use serde_json::{Value, json};

use crate::source::{Source, SourceError};
use crate::times::Iso;

/// What a journal begins with.
#[derive(Debug, Default)]
pub struct Start {
    /// The state after input `seq`.
    pub state: State,
    /// The last input that is not in the journal any more; 0 if all are there.
    pub seq: Seq,
    /// Digest of the outputs of that input's step.
    pub outputs: Digest,
    /// The chain there; `None` before the first input.
    pub(crate) cursor: Option<Cursor>,
}

/// The beginning of a journal whose older segments were dropped, and what is known from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begins {
    /// The last input that is not in the journal any more.
    pub seq: Seq,
    /// The time of that input.
    pub at: Micros,
    /// The same on the wall.
    pub wall: Micros,
    /// Sessions that there are.
    pub sessions: u64,
    /// Connections that are open.
    pub connections: u64,
    /// Agents that have not exited.
    pub agents: u64,
    /// Commands that are in flight.
    pub in_flight: u64,
}

impl Begins {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        let Begins { seq, at, wall, sessions, connections, agents, in_flight } = self;
        json!({
            "behind": seq.0,
            "at": at.0,
            "time": Iso(*wall).to_string(),
            "sessions": sessions,
            "connections": connections,
            "agents": agents,
            "commandsInFlight": in_flight,
        })
    }
}

/// A sentence without a full stop.
impl fmt::Display for Begins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Begins { seq, at: _, wall, sessions, connections, agents, in_flight } = self;
        write!(f, "the journal begins behind #{seq} at {} with a snapshot; ", Iso(*wall))?;
        write!(f, "known from before: {sessions} sessions, {agents} agents, ")?;
        write!(f, "{connections} connections, {in_flight} commands in flight")
    }
}

impl Start {
    /// Where the journal begins, if older segments were dropped.
    pub fn begins(&self) -> Option<Begins> {
        if self.seq == Seq(0) {
            return None;
        }
        let metrics = self.state.metrics();
        Some(Begins {
            seq: self.seq,
            at: self.state.now(),
            wall: self.state.wall(self.state.now()),
            sessions: metrics.sessions,
            connections: metrics.connections,
            agents: metrics.agents,
            in_flight: metrics.in_flight,
        })
    }

    /// What a journal begins with.
    ///
    /// # Errors
    /// A file cannot be read, or a snapshot is needed and there is none.
    pub fn of(source: &Source) -> Result<Start, SourceError> {
        let first = source.segments()?.first().copied().unwrap_or(1);
        Start::find(source, source.head()?.journal, first)
    }

    /// What the journal begins with whose first segment is `first`: of the snapshots that can be
    /// used the oldest, so that as much as can be is stepped.
    ///
    /// # Errors
    /// There is none, but one is needed.
    pub(crate) fn find(
        source: &Source,
        journal: JournalId,
        first: u64,
    ) -> Result<Start, SourceError> {
        if first <= 1 {
            return Ok(Start::default());
        }
        let mut numbers = source.snapshots()?.into_iter().filter(|number| number + 1 >= first);
        numbers
            .find_map(|number| Start::at_snapshot(source, journal, number, |_| true))
            .ok_or_else(|| SourceError::NoSnapshot { dir: source.dir().to_owned(), first })
    }

    /// Where to begin for a look at the state after input `at`: of the snapshots up to there that
    /// can be used the newest, so that as little as can be is stepped, and nothing if one was taken
    /// right there; without one, where the journal begins.
    ///
    /// # Errors
    /// As for a journal's beginning.
    pub(crate) fn near(
        source: &Source,
        journal: JournalId,
        first: u64,
        at: Seq,
    ) -> Result<Start, SourceError> {
        let mut numbers =
            source.snapshots()?.into_iter().rev().filter(|number| number + 1 >= first);
        numbers
            .find_map(|number| Start::at_snapshot(source, journal, number, |seq| seq <= at))
            .map_or_else(|| Start::find(source, journal, first), Ok)
    }

    /// What snapshot `number` has, if its last input is wanted and this build can use it.
    fn at_snapshot(
        source: &Source,
        journal: JournalId,
        number: u64,
        is_wanted: impl FnOnce(Seq) -> bool,
    ) -> Option<Start> {
        let bytes = source.read_snapshot(number).ok()?;
        let Snapshot { cursor, outputs, layout, state, rest: _ } = Snapshot::parse(&bytes).ok()?;
        if cursor.journal != journal || cursor.segment != number || !is_wanted(cursor.seq) {
            return None;
        }
        // The costly part, and only of the one that is used.
        let state = State::decode(layout, state).ok()?;
        Some(Start { state, seq: cursor.seq, outputs, cursor: Some(cursor) })
    }
}
