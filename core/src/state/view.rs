//! Looking at the state from outside: for `get_metrics`, for `pi-replay show`, and for invariants.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::admission::count;
use super::dialog::Dialog;
use super::identity::Found;
use super::lane::{Lane, LaneKey, Slot};
use super::{Life, Stage, State};
use crate::command::CommandKind;
use crate::frame::{Recovery, SessionInfo};
use crate::ids::{AgentNo, BodyRef, CommandNo, ConnId, Micros, Text};
use crate::input::{AgentInfo, Envelope, Interest};
use crate::limits::Limits;

/// What the core counts. Counts of events are since the last boot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Inputs stepped.
    pub inputs: u64,
    /// Commands admitted.
    pub admitted: u64,
    /// Commands that ended well.
    pub succeeded: u64,
    /// Commands that ended badly.
    pub failed: u64,
    /// Requests refused at a gate.
    pub refused: u64,
    /// Requests answered from an earlier execution.
    pub replayed: u64,
    /// Frames that were no commands.
    pub malformed: u64,
    /// Requests refused by a rate limit.
    pub rate_limited: u64,
    /// Events of agents.
    pub events: u64,
    /// Lines of agents that were no protocol.
    pub agent_noise: u64,
    /// Inputs that cannot happen and did.
    pub impossible: u64,
    /// Open sessions.
    pub sessions: u64,
    /// Agents that have not exited.
    pub agents: u64,
    /// Sessions that wait for room to bring an agent up.
    pub agents_wanted: u64,
    /// Connections.
    pub connections: u64,
    /// Admitted commands that have not ended.
    pub in_flight: u64,
    /// Lanes that something holds.
    pub lanes: u64,
    /// Stored outcomes.
    pub outcomes: u64,
    /// Ids that answer `outcome_expired`.
    pub forgotten: u64,
    /// Ids of commands that changed something, neither stored nor known to be indexed.
    pub unindexed: u64,
    /// Live idempotency keys.
    pub idempotency_keys: u64,
    /// Open dialogs.
    pub dialogs: u64,
    /// Outcomes that a crash left unknown.
    pub unknown_outcomes: u64,
    /// Circuits: name, position, successes, failures, refused.
    pub circuits: Vec<(Text, &'static str, u64, u64, u64)>,
}

/// A command in flight, for readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandView {
    /// The command.
    pub number: CommandNo,
    /// Its id, if the client gave one.
    pub id: Option<Text>,
    /// Its kind.
    pub kind: CommandKind,
    /// Its lane, `server` or `session:<id>`.
    pub lane: Text,
    /// Its place there.
    pub lane_sequence: u64,
    /// `waiting`, `starting`, `querying` or `asked`.
    pub stage: &'static str,
    /// Dependencies that have not succeeded.
    pub unmet: u64,
}

/// A lane, for readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneView {
    /// `server` or `session:<id>`.
    pub name: Text,
    /// Sequence numbers given out.
    pub last_sequence: u64,
    /// Commands in the queue.
    pub waiting: u64,
    /// The command at the head.
    pub head: Option<CommandNo>,
    /// `free`, `turn`, `foreign` or `stopping`.
    pub slot: &'static str,
    /// The command in the slot.
    pub turn: Option<CommandNo>,
}

/// A session, for readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// What clients see.
    pub info: SessionInfo,
    /// Its creation has not succeeded yet.
    pub creating: bool,
    /// Commands at its agent.
    pub asked: Vec<CommandNo>,
}

/// A command in flight with everything that says whose it is, for readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginView<'a> {
    /// The command.
    pub number: CommandNo,
    /// The connection that sent it; `None` if a boot has come between.
    pub conn: Option<ConnId>,
    /// The namespace of its id; empty is the shared one.
    pub client: &'a Text,
    /// The frame as it was decoded.
    pub envelope: &'a Arc<Envelope>,
    /// The session it is about, also where the daemon chose the id.
    pub session: Option<&'a Text>,
    /// Its place in its lane.
    pub lane_sequence: u64,
    /// Where the frame's bytes are.
    pub frame: BodyRef,
    /// True if `command_started` has been sent.
    pub started: bool,
}

/// A connection, for readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnView<'a> {
    /// The connection.
    pub conn: ConnId,
    /// The namespace of its ids; empty is the shared one.
    pub client: &'a Text,
    /// The lifecycle frames that it wants.
    pub interest: Interest,
    /// The sessions whose events it gets.
    pub subscriptions: &'a BTreeSet<Text>,
}

impl State {
    /// What the core counts.
    pub fn metrics(&self) -> Metrics {
        let counters = &self.counters;
        let mut circuits = Vec::new();
        let named = self.providers.iter().map(|(name, breaker)| (name.clone(), breaker));
        for (name, breaker) in named.chain([(Text::from("bash"), &self.bash)]) {
            let totals = breaker.totals;
            let position = breaker.position_name();
            circuits.push((name, position, totals.successes, totals.failures, totals.refused));
        }
        Metrics {
            inputs: counters.inputs,
            admitted: counters.admitted,
            succeeded: counters.succeeded,
            failed: counters.failed,
            refused: counters.refused,
            replayed: counters.replayed,
            malformed: counters.malformed,
            rate_limited: counters.rate_limited,
            events: counters.events,
            agent_noise: counters.agent_noise,
            impossible: counters.impossible,
            sessions: count(self.sessions.len()),
            agents: count(self.agents.len()),
            agents_wanted: count(self.wanted.len()),
            connections: count(self.conns.len()),
            in_flight: count(self.commands.len()),
            lanes: count(self.lanes.values().filter(|lane| !lane.is_idle()).count()),
            outcomes: self.identity.outcome_count(),
            forgotten: self.identity.forgotten_count(),
            unindexed: self.identity.parked_count(),
            idempotency_keys: self.identity.key_count(),
            dialogs: count(self.sessions.values().map(|session| session.dialogs.len()).sum()),
            unknown_outcomes: self.unknown_outcomes,
            circuits,
        }
    }

    /// The commands in flight, oldest first.
    pub fn commands(&self) -> impl Iterator<Item = CommandView> + '_ {
        self.commands.iter().map(|(number, command)| CommandView {
            number: *number,
            id: command.envelope.id.clone(),
            kind: command.envelope.kind,
            lane: State::lane_name(&command.lane),
            lane_sequence: command.lane_sequence,
            stage: match command.stage {
                Stage::Waiting => "waiting",
                Stage::Starting => "starting",
                Stage::Querying => "querying",
                Stage::Asked(_) => "asked",
            },
            unmet: count(command.unmet.len()),
        })
    }

    /// Whether a command was admitted and has not ended.
    pub fn is_in_flight(&self, number: CommandNo) -> bool {
        self.commands.contains_key(&number)
    }

    /// The kind of a command that is in flight.
    pub fn kind_of(&self, number: CommandNo) -> Option<CommandKind> {
        Some(self.commands.get(&number)?.envelope.kind)
    }

    /// The lanes, by name.
    pub fn lanes(&self) -> impl Iterator<Item = LaneView> + '_ {
        self.lanes.iter().map(|(key, lane)| lane_view(key, lane))
    }

    /// The sessions, by id.
    pub fn sessions(&self) -> impl Iterator<Item = SessionView> + '_ {
        self.sessions.values().map(|session| SessionView {
            info: session.describe(),
            creating: session.creating.is_some(),
            asked: session.asked.iter().copied().collect(),
        })
    }

    /// The commands in flight with everything that says whose they are, oldest first.
    pub fn origins(&self) -> impl Iterator<Item = OriginView<'_>> + '_ {
        self.commands.iter().map(|(number, command)| OriginView {
            number: *number,
            conn: command.conn,
            client: &command.client,
            envelope: &command.envelope,
            session: command.session.as_ref(),
            lane_sequence: command.lane_sequence,
            frame: command.frame,
            started: command.announced,
        })
    }

    /// The connections, oldest first.
    pub fn connections(&self) -> impl Iterator<Item = ConnView<'_>> + '_ {
        self.conns.iter().map(|(conn, known)| ConnView {
            conn: *conn,
            client: &known.client,
            interest: known.interest,
            subscriptions: &known.subscriptions,
        })
    }

    /// The agents that have not exited, each with the session that it serves.
    pub fn agents(&self) -> impl Iterator<Item = (AgentNo, &Text)> + '_ {
        self.agents.iter().map(|(agent, session)| (*agent, session))
    }

    /// The number of the last agent that was asked for; 0 if there was none.
    pub fn last_agent(&self) -> AgentNo {
        AgentNo(self.last_agent)
    }

    /// The command that an id of a namespace leads to, while it is in flight or its outcome is
    /// stored.
    pub fn command_named(&self, client: &str, id: &str) -> Option<CommandNo> {
        let Found::Command(number) = self.identity.by_hash(self.identity.id_hash(client, id))
        else {
            return None;
        };
        let in_flight = self.commands.get(&number).map(|command| &command.envelope);
        let stored = || self.identity.stored(number).map(|stored| &stored.envelope);
        let envelope = in_flight.or_else(stored)?;
        (envelope.id.as_deref() == Some(id)).then_some(number)
    }

    /// The same state under other bounds, as if the last boot had brought them. For readers that
    /// ask what would have been: a daemon's bounds come with its boot.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> State {
        self.limits = limits;
        self
    }

    /// The facts of a session that its agents have told, for the agent that comes next.
    pub fn agent_info(&self, session: &str) -> Option<&AgentInfo> {
        self.sessions.get(session).map(|session| &session.info)
    }

    /// What the last boot found and did.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The bodies that may still be asked for: frames of commands in flight, answers of stored
    /// outcomes, questions of open dialogs. In no particular order.
    pub fn bodies(&self) -> impl Iterator<Item = BodyRef> + '_ {
        let frames = self.commands.values().map(|command| command.frame);
        let dialogs = self.sessions.values().flat_map(|session| session.dialogs.values());
        frames.chain(self.identity.bodies()).chain(dialogs.map(Dialog::event))
    }

    /// Whether new commands are taken.
    pub fn is_running(&self) -> bool {
        self.life == Life::Running
    }

    /// The time of the last input.
    pub fn now(&self) -> Micros {
        self.now
    }
}

fn lane_view(key: &LaneKey, lane: &Lane) -> LaneView {
    let (slot, turn) = match lane.slot {
        Slot::Free => ("free", None),
        Slot::Turn(number) => ("turn", Some(number)),
        Slot::Foreign => ("foreign", None),
        Slot::Stopping(number, _) => ("stopping", Some(number)),
    };
    LaneView {
        name: State::lane_name(key),
        last_sequence: lane.last_sequence(),
        waiting: lane.waiting_count(),
        head: lane.head(),
        slot,
        turn,
    }
}
