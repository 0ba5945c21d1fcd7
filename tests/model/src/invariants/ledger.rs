//! What an onlooker knows who reads every input and every output, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pi_server_core::command::{Class, CommandKind, Target};
use pi_server_core::frame::Outcome;
use pi_server_core::input::{Details, Envelope};
use pi_server_core::{AgentNo, CommandNo, ConnId, Limits, Seq, Text};

use super::order::Subscription;

/// A lane: `None` is the server's.
pub(super) type Lane = Option<Text>;
/// A name in the namespace of a client.
pub(super) type Name = (Option<Text>, Text);

/// A command that was accepted.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) envelope: Arc<Envelope>,
    pub(super) client: Option<Text>,
    pub(super) owner: Option<ConnId>,
    pub(super) session: Option<Text>,
    pub(super) lane: Lane,
    pub(super) lane_sequence: u64,
    pub(super) started: bool,
    pub(super) outcome: Option<Arc<Outcome>>,
    /// The input with which it ended.
    pub(super) ended: Seq,
    pub(super) answered: bool,
    /// What an operator said of an unknown outcome.
    pub(super) settled: Option<bool>,
    /// What its dependencies were at admission.
    pub(super) dependencies: Vec<CommandNo>,
    /// Requests that repeat it and wait for its outcome.
    pub(super) waiters: Vec<(ConnId, Option<Text>)>,
}

impl Command {
    pub(super) fn kind(&self) -> CommandKind {
        self.envelope.kind
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.started && self.outcome.is_none()
    }

    pub(super) fn has_succeeded(&self) -> bool {
        let ended_well = self.outcome.as_ref().is_some_and(|outcome| outcome.result.is_ok());
        self.settled.unwrap_or(ended_well)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.outcome.is_some() && !self.has_succeeded()
    }

    /// Whether a repetition may be answered with `outcome`. Of a settled outcome only the place
    /// and the success are known.
    pub(super) fn answers_with(&self, outcome: &Outcome) -> bool {
        match self.settled {
            Some(succeeded) => {
                outcome.lane_sequence == Some(self.lane_sequence)
                    && outcome.result.is_ok() == succeeded
            }
            None => self.outcome.as_ref().is_some_and(|known| **known == *outcome),
        }
    }

    /// A prompt that means the turn that is running.
    pub(super) fn is_streaming(&self) -> bool {
        matches!(self.envelope.details, Details::Prompt { streaming: true, .. })
    }

    /// Whether it may start before `other`, which waits before it in their lane: section 7.3.
    pub(super) fn may_pass(&self, other: &Command) -> bool {
        let creates = other.kind().row().target == Target::Creates;
        match self.kind().row().class {
            Class::Interrupt => !creates,
            Class::Turn if self.is_streaming() => !creates,
            Class::Turn | Class::Write => false,
            Class::Read => other.kind().row().class == Class::Turn,
        }
    }
}

/// What is known of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agent {
    Spawned,
    Up,
    Killed,
    Gone,
}

/// Everything that was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    pub(super) limits: Limits,
    /// Whether agents are processes of their own.
    pub(super) agents_are_bounded: bool,
    pub(super) alive: bool,
    pub(super) conns: BTreeMap<ConnId, Option<Text>>,
    pub(super) commands: BTreeMap<CommandNo, Command>,
    pub(super) in_flight: BTreeSet<CommandNo>,
    /// Those that ended in this step.
    pub(super) just_ended: Vec<CommandNo>,
    pub(super) ids: BTreeMap<Name, CommandNo>,
    pub(super) sequences: BTreeMap<Lane, u64>,
    pub(super) versions: BTreeMap<Text, u64>,
    /// The input that brought a session into being.
    pub(super) born: BTreeMap<Text, Seq>,
    pub(super) agents: BTreeMap<AgentNo, Agent>,
    pub(super) called: BTreeMap<CommandNo, Vec<AgentNo>>,
    pub(super) queried: BTreeSet<CommandNo>,
    /// Who gets the events of which session.
    pub(super) subscriptions: BTreeSet<Subscription>,
    pub(super) exited: bool,
}

impl Ledger {
    /// Commands in flight in a lane.
    pub(super) fn in_lane<'a>(
        &'a self,
        lane: &'a Lane,
    ) -> impl Iterator<Item = (&'a CommandNo, &'a Command)> {
        self.in_flight
            .iter()
            .filter_map(|no| self.commands.get(no).map(|command| (no, command)))
            .filter(move |(_, command)| command.lane == *lane)
    }

    /// A daemon life ends: who was connected is so no longer, and agents are gone.
    pub(super) fn end_life(&mut self) {
        self.conns.clear();
        self.subscriptions.clear();
        self.agents.clear();
        self.called.clear();
        self.queried.clear();
        self.exited = false;
        for no in &self.in_flight {
            if let Some(command) = self.commands.get_mut(no) {
                command.owner = None;
                command.waiters.clear();
            }
        }
    }

    /// The lane of a command.
    pub(super) fn lane_of(envelope: &Envelope, session: Option<&Text>) -> Lane {
        match envelope.kind.row().target {
            Target::Server => None,
            Target::Session | Target::Creates => session.cloned(),
        }
    }
}
