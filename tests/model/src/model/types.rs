//! What the model knows. Everything is in plain lists; nothing is kept that could be computed.

use std::sync::Arc;

use pi_server_core::command::{Class, CommandKind, Target};
use pi_server_core::failure::Failure;
use pi_server_core::frame::{Data, Outcome};
use pi_server_core::input::{AgentInfo, Details, DialogMethod, Envelope, Interest};
use pi_server_core::{AgentNo, BodyRef, CommandNo, ConnId, Digest, Micros, Seq, Text};

/// A lane: the server's (`None`) or a session's.
pub(super) type Lane = Option<Text>;
/// The name of a client, in which its ids live; clients without a name share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Namespace(pub(super) Option<Text>);
/// How a command ends.
pub(super) type Ending = Result<Data, Failure>;

/// A client that is connected: section 2.
#[derive(Clone, Debug)]
pub(super) struct Conn {
    pub(super) no: ConnId,
    pub(super) client: Namespace,
    pub(super) interest: Interest,
    pub(super) subscriptions: Vec<Text>,
    pub(super) bucket: Bucket,
}

/// A session that exists: section 5.2.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) id: Text,
    pub(super) version: u64,
    pub(super) cwd: Text,
    pub(super) created_at: Micros,
    pub(super) created_wall: Micros,
    pub(super) info: AgentInfo,
    pub(super) newest_event: Seq,
    /// Nothing up to here is of this session, whatever name it has: section 8.5.
    pub(super) not_before: Seq,
    pub(super) kept: Kept,
    pub(super) data: Bucket,
    pub(super) dialog: Bucket,
}

/// Where what has happened in a session is kept: the last paragraph of section 7.6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kept {
    #[default]
    NothingHappened,
    MaybeOnlyByTheAgent,
    InTheFile,
}

/// The agent of a session (or of one that is being created), and what it is doing: section 7.4.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) no: AgentNo,
    pub(super) session: Text,
    /// `None` while it is coming up.
    pub(super) up: Option<Facts>,
    pub(super) start_by: Micros,
    /// It was told to go.
    pub(super) ending: bool,
    pub(super) run: Run,
    pub(super) compacting: bool,
    pub(super) newest_event: Seq,
    /// Whether the last run since a prompt was passed on ended with the provider's error.
    pub(super) run_failed: Option<bool>,
    /// An abort was passed on before the run that was asked for had begun.
    pub(super) abort_came_early: bool,
    /// Since when it has been idle: section 7.6.
    pub(super) idle_since: Option<Micros>,
}

/// What an agent said of itself when it came up.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) settles: bool,
    pub(super) disposition: bool,
}

/// What an agent is doing, as far as the daemon can tell: the rows of the table in section 7.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Run {
    Idle,
    /// It has a prompt and has not begun its run.
    Asked,
    Running,
    /// A retry or something else may follow, until the agent settles or the quiet time is over.
    Between {
        quiet_at: Option<Micros>,
    },
}

/// The turn slot of a session when nobody is running in it but it is not free: section 7.2.
#[derive(Clone, Debug)]
pub(super) struct Stopping {
    pub(super) session: Text,
    pub(super) command: CommandNo,
    pub(super) kind: CommandKind,
    pub(super) until: Micros,
    /// It is a prompt that the agent took and whose run has not begun.
    pub(super) begin_by: Option<Micros>,
}

/// Where a command is: section 7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Waiting,
    Head,
    Slot,
    Aside,
}

/// What a started command waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    LookUp,
    Agent,
    Reply,
    /// The agent took the prompt; its run has not begun.
    RunBegin {
        by: Micros,
        handled_at: Option<Micros>,
    },
    /// The run has begun.
    RunEnd,
}

/// A command in flight.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) no: CommandNo,
    pub(super) envelope: Arc<Envelope>,
    pub(super) body: BodyRef,
    pub(super) client: Namespace,
    pub(super) owner: Option<ConnId>,
    pub(super) session: Option<Text>,
    pub(super) lane_sequence: u64,
    pub(super) admitted_at: Micros,
    /// Dependencies that have not succeeded yet.
    pub(super) open: Vec<(CommandNo, Text)>,
    pub(super) waiters: Vec<(ConnId, Option<Text>)>,
    pub(super) place: Place,
    pub(super) needs: Needs,
    pub(super) announced: bool,
    /// It was given to this agent.
    pub(super) agent: Option<AgentNo>,
    /// An agent ended without doing it, and it waits, or was given to the next one.
    pub(super) was_put_back: bool,
    /// It is a prompt that joined a run.
    pub(super) joined: bool,
    pub(super) times_out: Option<(Micros, u64)>,
    /// For a creation: where the session is to work and which file it goes on from.
    pub(super) home: Option<Home>,
    /// The provider whose circuit learns how it ends.
    pub(super) provider: Option<Text>,
}

impl Command {
    pub(super) fn kind(&self) -> CommandKind {
        self.envelope.kind
    }

    pub(super) fn lane(&self) -> &Lane {
        match self.kind().row().target {
            Target::Server => &None,
            Target::Session | Target::Creates => &self.session,
        }
    }

    pub(super) fn creates(&self) -> bool {
        self.kind().row().target == Target::Creates
    }

    pub(super) fn is_streaming(&self) -> bool {
        matches!(self.envelope.details, Details::Prompt { streaming: true, .. })
    }

    pub(super) fn is_turn(&self) -> bool {
        self.kind().row().class == Class::Turn && !self.joined
    }
}

/// Where a session that is being created is to work.
#[derive(Clone, Debug)]
pub(super) struct Home {
    pub(super) cwd: Text,
    pub(super) file: Option<Text>,
    pub(super) since: Micros,
    /// The same on the wall.
    pub(super) wall: Micros,
    /// Nothing up to here is of the session that comes to live there: section 8.5.
    pub(super) not_before: Seq,
    pub(super) kept: Kept,
}

/// A stored outcome: section 6.2.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) client: Namespace,
    pub(super) id: Text,
    pub(super) no: CommandNo,
    pub(super) kind: CommandKind,
    pub(super) fingerprint: Digest,
    pub(super) session: Option<Text>,
    pub(super) outcome: Arc<Outcome>,
    /// The input in whose step it ended.
    pub(super) ended: Seq,
}

impl Stored {
    pub(super) fn is_mutation(&self) -> bool {
        self.kind.row().class != Class::Read
    }
}

/// A live idempotency key: section 6.2.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) client: Namespace,
    pub(super) session: Option<Text>,
    pub(super) text: Text,
    pub(super) no: CommandNo,
    /// Who took it.
    pub(super) conn: ConnId,
    pub(super) kind: CommandKind,
    pub(super) fingerprint: Digest,
    /// The outcome and the end of the key's life, once its command has ended.
    pub(super) ended: Option<(Arc<Outcome>, Micros)>,
}

/// An open dialog: section 8.7.
#[derive(Clone, Debug)]
pub(super) struct Dialog {
    pub(super) session: Text,
    pub(super) agent: AgentNo,
    pub(super) request: Text,
    pub(super) method: DialogMethod,
    pub(super) cursor: Seq,
    pub(super) event: BodyRef,
    pub(super) until: Option<Micros>,
}

/// A token bucket in millionths of a token: section 12.2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    pub(super) micro_tokens: u64,
    pub(super) at: Micros,
}

impl Bucket {
    pub(super) fn full(burst: u64, at: Micros) -> Bucket {
        Bucket { micro_tokens: burst * 1_000_000, at }
    }

    /// Brings it up to date.
    pub(super) fn refill(&mut self, burst: u64, per_second: u64, now: Micros) {
        let gained = now.0.saturating_sub(self.at.0).saturating_mul(per_second);
        self.micro_tokens = self.micro_tokens.saturating_add(gained).min(burst * 1_000_000);
        self.at = now;
    }

    pub(super) fn has_one(&self) -> bool {
        self.micro_tokens >= 1_000_000
    }

    pub(super) fn take(&mut self) {
        self.micro_tokens -= 1_000_000;
    }
}

/// A circuit breaker: section 12.3.
#[derive(Clone, Debug, Default)]
pub(super) struct Circuit {
    pub(super) failures: Vec<Micros>,
    pub(super) open_until: Option<Micros>,
    pub(super) half_open: bool,
    pub(super) probes: Vec<CommandNo>,
    pub(super) successes: u64,
}
