//! Layout 4, written since release 0.1.0: what the state knows, each fact once.
//!
//! What follows from other facts is left out and derived when a snapshot is read: deadlines, the table
//! of ids, who depends on whom, classes of waiting commands. Lists that stand for maps are ascending
//! by their first part. docs/journal-format.md has the same as a table.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bincode::{Decode, Encode};

use super::outcome::{Outcome, Recovery};
use crate::command::CommandKind;
use crate::ids::{AgentNo, BodyRef, CommandNo, ConnId, Micros, Seq, Text};
use crate::input::{AgentInfo, AgentKind, DialogMethod, Envelope, Interest, RuleSet};
use crate::limits::Limits;
use crate::walls::Change;

/// The state after one input.
#[derive(Debug, Encode, Decode)]
pub(crate) struct State {
    pub(crate) rules: RuleSet,
    pub(crate) life: Life,
    pub(crate) limits: Limits,
    pub(crate) server_version: Text,
    pub(crate) entropy: [u8; 16],
    pub(crate) agent_kind: AgentKind,
    pub(crate) default_cwd: Text,
    /// The offsets of the clock on the wall, oldest first.
    pub(crate) walls: Vec<Change>,
    pub(crate) now: Micros,
    pub(crate) seq: Seq,
    pub(crate) boots: u64,
    /// Number, mark and first input of the newest lives, oldest first.
    pub(crate) lives: Vec<(u64, u64, Seq)>,
    pub(crate) writable: bool,
    pub(crate) drain_by: Option<Micros>,
    pub(crate) conns: Vec<Conn>,
    pub(crate) sessions: Vec<Session>,
    /// Agents that have not exited, with the sessions that they serve.
    pub(crate) agents: Vec<(AgentNo, Text)>,
    pub(crate) last_agent: u64,
    /// Commands whose sessions wait for an agent to be asked for.
    pub(crate) wanted: Vec<(CommandNo, Text)>,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) commands: Vec<Command>,
    pub(crate) identity: Identity,
    pub(crate) control: Bucket,
    pub(crate) providers: Vec<(Text, Breaker)>,
    pub(crate) bash: Breaker,
    pub(crate) recovery: Recovery,
    pub(crate) agent_versions: Vec<Text>,
    pub(crate) absent: Vec<CommandKind>,
    pub(crate) unknown_outcomes: u64,
    pub(crate) counters: Counters,
}

/// Where the daemon is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Life {
    Down,
    Running,
    Draining,
    Leaving,
}

/// A connection.
#[derive(Debug, Encode, Decode)]
pub(crate) struct Conn {
    pub(crate) number: ConnId,
    pub(crate) client: Text,
    pub(crate) pending: u64,
    pub(crate) bucket: Bucket,
    pub(crate) interest: Interest,
    pub(crate) subscriptions: Vec<Text>,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, Encode, Decode)]
pub(crate) struct Bucket {
    /// Millionths of a token that were missing at `at`.
    pub(crate) missing: u64,
    pub(crate) at: Micros,
}

/// A session.
#[derive(Debug, Encode, Decode)]
pub(crate) struct Session {
    pub(crate) id: Text,
    pub(crate) cwd: Text,
    pub(crate) created_at: Micros,
    /// The same on the wall.
    pub(crate) created_wall: Micros,
    pub(crate) version: u64,
    pub(crate) creating: Option<CommandNo>,
    pub(crate) agent: Agent,
    pub(crate) run: Run,
    pub(crate) compacting: bool,
    pub(crate) run_failed: Option<bool>,
    pub(crate) info: AgentInfo,
    pub(crate) asked: Vec<CommandNo>,
    pub(crate) dialogs: Vec<(Text, Dialog)>,
    pub(crate) last_event: Seq,
    pub(crate) bucket: Bucket,
    pub(crate) dialog_bucket: Bucket,
    pub(crate) bash: Breaker,
    pub(crate) stop_by: Option<Micros>,
    pub(crate) idle_since: Option<Micros>,
    pub(crate) kept: Kept,
}

/// Where what has happened in a session is kept.
#[derive(Clone, Copy, Debug, Encode, Decode)]
pub(crate) enum Kept {
    Nowhere,
    InMemory,
    InFile,
}

/// A session's agent.
#[derive(Clone, Copy, Debug, Encode, Decode)]
pub(crate) enum Agent {
    Down,
    Starting { agent: AgentNo, by: Micros },
    Up { agent: AgentNo, settles: bool, disposition: bool },
    Ending { agent: AgentNo },
}

/// What an agent's run is doing.
#[derive(Clone, Copy, Debug, Encode, Decode)]
pub(crate) enum Run {
    Idle,
    Prompted(CommandNo),
    Accepted { command: CommandNo, by: Micros, slash: bool },
    Going,
    Retrying,
    Ended { by: Micros },
}

/// An open dialog.
#[derive(Clone, Copy, Debug, Encode, Decode)]
pub(crate) struct Dialog {
    pub(crate) cursor: Seq,
    pub(crate) event: BodyRef,
    pub(crate) method: DialogMethod,
    pub(crate) until: Option<Micros>,
}

/// A circuit breaker.
#[derive(Debug, Encode, Decode)]
pub(crate) struct Breaker {
    pub(crate) position: Position,
    pub(crate) failures: Vec<Micros>,
    pub(crate) trials: u64,
    pub(crate) successes: u64,
    pub(crate) failed: u64,
    pub(crate) refused: u64,
}

/// Whether a circuit lets commands through.
#[derive(Clone, Copy, Debug, Encode, Decode)]
pub(crate) enum Position {
    Closed,
    Open { until: Micros },
    HalfOpen { out: u64, succeeded: u64 },
}

/// A lane. Its session is `None` for the daemon's own lane, which comes first.
#[derive(Debug, Encode, Decode)]
pub(crate) struct Lane {
    pub(crate) session: Option<Text>,
    pub(crate) last_sequence: u64,
    /// By lane sequence, ascending; all are among the commands.
    pub(crate) waiting: Vec<(u64, CommandNo)>,
    pub(crate) head: Option<CommandNo>,
    pub(crate) asides: Vec<CommandNo>,
    pub(crate) slot: Slot,
}

/// A lane's turn slot.
#[derive(Clone, Copy, Debug, Encode, Decode)]
pub(crate) enum Slot {
    Free,
    Turn(CommandNo),
    Foreign,
    Stopping(CommandNo, CommandKind),
}

/// A command in flight.
#[derive(Debug, Encode, Decode)]
pub(crate) struct Command {
    pub(crate) number: CommandNo,
    pub(crate) conn: Option<ConnId>,
    pub(crate) client: Text,
    pub(crate) envelope: Arc<Envelope>,
    pub(crate) session: Option<Text>,
    /// The session of its lane; `None` for the daemon's own lane.
    pub(crate) lane: Option<Text>,
    pub(crate) lane_sequence: u64,
    pub(crate) frame: BodyRef,
    pub(crate) stage: Stage,
    pub(crate) announced: bool,
    pub(crate) unmet: Vec<CommandNo>,
    pub(crate) waiters: Vec<(ConnId, Option<Text>)>,
    pub(crate) deadline: Option<Micros>,
    pub(crate) timeout_ms: u64,
    pub(crate) charge: Charge,
}

/// Where a command is between admission and end.
#[derive(Clone, Copy, Debug, Encode, Decode)]
pub(crate) enum Stage {
    Waiting,
    Starting,
    Querying,
    Asked(AgentNo),
}

/// The circuit that a command counts in; a number is the trial whose probe it is.
#[derive(Debug, Encode, Decode)]
pub(crate) enum Charge {
    None,
    Provider { name: Text, probe: Option<u64> },
    Bash { session: Option<u64>, common: Option<u64> },
}

/// What is known of ids and idempotency keys.
#[derive(Debug, Encode, Decode)]
pub(crate) struct Identity {
    pub(crate) seed: Option<u64>,
    /// Hashes of ids that answer `outcome_expired`, oldest first.
    pub(crate) forgotten: Vec<u64>,
    /// Ids of commands that changed something, not stored any more and not known to be indexed: the input
    /// in whose step each ended, and its hash, in that order.
    pub(crate) parked: Vec<(Seq, u64)>,
    pub(crate) outcomes: Vec<Stored>,
    /// Stored commands that are found by id, in the order of their ends.
    pub(crate) stored_order: Vec<CommandNo>,
    /// Stored reads that are found by id, in the order of their ends; under rule set 1 they are among
    /// the others.
    pub(crate) read_order: Vec<CommandNo>,
    pub(crate) keys: Vec<Key>,
    /// Keys whose commands have ended, soonest expiry first.
    pub(crate) expiring: Vec<(Micros, Scope)>,
    /// The last input that the indexes of ids are known to cover.
    pub(crate) indexed: Seq,
}

/// A stored outcome.
#[derive(Debug, Encode, Decode)]
pub(crate) struct Stored {
    pub(crate) number: CommandNo,
    pub(crate) envelope: Arc<Envelope>,
    pub(crate) session: Option<Text>,
    pub(crate) outcome: Box<Outcome>,
    pub(crate) client: Text,
    pub(crate) by_id: bool,
    pub(crate) by_key: bool,
    /// The input in whose step the command ended; 0 under rule set 1.
    pub(crate) ended: Seq,
}

/// A live idempotency key.
#[derive(Debug, Encode, Decode)]
pub(crate) struct Key {
    pub(crate) scope: Scope,
    /// The connection that took it, if it has no name.
    pub(crate) conn: Option<ConnId>,
    pub(crate) command: CommandNo,
    pub(crate) expires: Option<Micros>,
}

/// An idempotency key in its scope.
#[derive(Debug, Encode, Decode)]
pub(crate) struct Scope {
    pub(crate) client: Text,
    pub(crate) session: Option<Text>,
    pub(crate) key: Text,
}

/// What has been counted since the last boot.
#[derive(Clone, Copy, Debug, Encode, Decode)]
pub(crate) struct Counters {
    pub(crate) inputs: u64,
    pub(crate) admitted: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) refused: u64,
    pub(crate) replayed: u64,
    pub(crate) malformed: u64,
    pub(crate) rate_limited: u64,
    pub(crate) events: u64,
    pub(crate) agent_noise: u64,
    pub(crate) impossible: u64,
}
