//! How outcomes are kept: the stored form of [`frame::Outcome`] and of all that is in one.
//!
//! The types of `frame` follow what clients are told and change with it; these do not. Layouts 3 and 4
//! of snapshots have them.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bincode::{Decode, Encode};

use crate::command::CommandKind;
use crate::failure::Failure;
use crate::frame::{self, Fate};
use crate::ids::{BodyRef, CommandNo, Micros, Seq, Text};
use crate::input::{AgentKind, JournalFacts};
use crate::limits::Limits;

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Outcome {
    /// The `data`, or why it failed.
    pub result: Result<Data, Failure>,
    /// The session's version afterwards.
    pub session_version: Option<u64>,
    /// Its place in its lane.
    pub lane_sequence: Option<u64>,
    /// When it ended.
    pub at: Micros,
}

/// The `data` of a response.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Data {
    /// No `data`.
    None,
    /// JSON text in the journal.
    Body(BodyRef),
    /// `list_sessions`.
    Sessions(Vec<SessionInfo>),
    /// `create_session`, `load_session`.
    Created(SessionInfo),
    /// `delete_session`.
    Deleted,
    /// `switch_session`.
    Switched {
        /// The session.
        info: SessionInfo,
        /// Place of its newest event.
        cursor: Seq,
    },
    /// `get_state`.
    State(SessionInfo),
    /// `health_check`.
    Health(Health),
    /// `get_startup_recovery`.
    Recovery(Recovery),
    /// `get_capabilities`.
    Capabilities(Box<Capabilities>),
    /// `cancel_command`.
    Cancelled {
        /// It had started.
        started: bool,
    },
    /// `switch_session` since rule set 2.
    SwitchedIn {
        /// The session.
        info: SessionInfo,
        /// Place of its newest event.
        cursor: Seq,
        /// The epoch of cursors.
        epoch: Text,
    },
}

/// What clients see of a session.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SessionInfo {
    id: Text,
    name: Option<Text>,
    file: Option<Text>,
    model: Option<Text>,
    thinking: Text,
    streaming: bool,
    compacting: bool,
    messages: u64,
    queued: u64,
    created_at: Micros,
    cwd: Text,
    version: u64,
    dialogs: u64,
}

/// The answer of `health_check`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Health {
    issues: Vec<frame::HealthIssue>,
    open_circuit: bool,
    open_bash_circuit: bool,
}

/// The report of a recovery.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Recovery {
    journal_path: Text,
    journal: JournalFacts,
    clean: bool,
    boot: u64,
    outcomes: u64,
    sessions: u64,
    in_flight: Vec<Recovered>,
    recoverable: u64,
    failed: u64,
}

/// A command that was in flight at a start.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Recovered {
    command: CommandNo,
    id: Option<Text>,
    kind: CommandKind,
    session: Option<Text>,
    started: bool,
    fate: Fate,
}

/// The answer of `get_capabilities`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Capabilities {
    agent: AgentKind,
    agent_versions: Vec<Text>,
    absent: Vec<CommandKind>,
    limits: Limits,
    server_version: Text,
}

/// Two structures with the same fields, converted into each other by name. That all fields are named
/// on both sides is what the compiler checks.
macro_rules! alike {
    ($($kept:ident = $told:path { $($field:ident),* $(,)? })*) => {$(
        impl From<$told> for $kept {
            fn from(told: $told) -> $kept {
                let $told { $($field),* } = told;
                $kept { $($field: $field.keep()),* }
            }
        }

        impl From<$kept> for $told {
            fn from(kept: $kept) -> $told {
                let $kept { $($field),* } = kept;
                $told { $($field: Keep::tell($field)),* }
            }
        }

        impl Keep<$kept> for $told {
            fn keep(self) -> $kept {
                self.into()
            }

            fn tell(kept: $kept) -> $told {
                kept.into()
            }
        }
    )*};
}

/// A value that is kept in the form `K`.
trait Keep<K> {
    fn keep(self) -> K;
    fn tell(kept: K) -> Self;
}

macro_rules! as_it_is {
    ($($kind:ty),* $(,)?) => {$(
        impl Keep<$kind> for $kind {
            fn keep(self) -> $kind {
                self
            }

            fn tell(kept: $kind) -> $kind {
                kept
            }
        }
    )*};
}

as_it_is!(
    bool,
    u64,
    Text,
    Option<Text>,
    Option<u64>,
    Micros,
    CommandNo,
    CommandKind,
    Fate,
    AgentKind,
    Limits,
    JournalFacts,
    Vec<Text>,
    Vec<CommandKind>,
    Vec<frame::HealthIssue>,
);

impl Keep<Vec<Recovered>> for Vec<frame::RecoveredCommand> {
    fn keep(self) -> Vec<Recovered> {
        self.into_iter().map(Keep::keep).collect()
    }

    fn tell(kept: Vec<Recovered>) -> Vec<frame::RecoveredCommand> {
        kept.into_iter().map(Keep::tell).collect()
    }
}

impl Keep<Result<Data, Failure>> for Result<frame::Data, Failure> {
    fn keep(self) -> Result<Data, Failure> {
        self.map(Keep::keep)
    }

    fn tell(kept: Result<Data, Failure>) -> Result<frame::Data, Failure> {
        kept.map(Keep::tell)
    }
}

alike! {
    Outcome = frame::Outcome { result, session_version, lane_sequence, at }
    SessionInfo = frame::SessionInfo {
        id, name, file, model, thinking, streaming, compacting, messages, queued, created_at, cwd,
        version, dialogs,
    }
    Health = frame::Health { issues, open_circuit, open_bash_circuit }
    Recovery = frame::Recovery {
        journal_path, journal, clean, boot, outcomes, sessions, in_flight, recoverable, failed,
    }
    Recovered = frame::RecoveredCommand { command, id, kind, session, started, fate }
    Capabilities = frame::Capabilities { agent, agent_versions, absent, limits, server_version }
}

impl Keep<Data> for frame::Data {
    fn keep(self) -> Data {
        match self {
            frame::Data::None => Data::None,
            frame::Data::Body(body) => Data::Body(body),
            frame::Data::Sessions(list) => {
                Data::Sessions(list.into_iter().map(of_shared).collect())
            }
            frame::Data::Created(info) => Data::Created(of_shared(info)),
            frame::Data::Deleted => Data::Deleted,
            frame::Data::Switched { info, cursor } => {
                Data::Switched { info: of_shared(info), cursor }
            }
            frame::Data::State(info) => Data::State(of_shared(info)),
            frame::Data::Health(health) => Data::Health(health.into()),
            frame::Data::Recovery(recovery) => Data::Recovery(of_shared(recovery)),
            frame::Data::Capabilities(known) => Data::Capabilities(Box::new((*known).into())),
            frame::Data::Cancelled { started } => Data::Cancelled { started },
            frame::Data::SwitchedIn { info, cursor, epoch } => {
                Data::SwitchedIn { info: of_shared(info), cursor, epoch }
            }
        }
    }

    fn tell(kept: Data) -> frame::Data {
        match kept {
            Data::None => frame::Data::None,
            Data::Body(body) => frame::Data::Body(body),
            Data::Sessions(list) => frame::Data::Sessions(list.into_iter().map(shared).collect()),
            Data::Created(info) => frame::Data::Created(shared(info)),
            Data::Deleted => frame::Data::Deleted,
            Data::Switched { info, cursor } => frame::Data::Switched { info: shared(info), cursor },
            Data::State(info) => frame::Data::State(shared(info)),
            Data::Health(health) => frame::Data::Health(health.into()),
            Data::Recovery(recovery) => frame::Data::Recovery(shared(recovery)),
            Data::Capabilities(known) => frame::Data::Capabilities(Box::new((*known).into())),
            Data::Cancelled { started } => frame::Data::Cancelled { started },
            Data::SwitchedIn { info, cursor, epoch } => {
                frame::Data::SwitchedIn { info: shared(info), cursor, epoch }
            }
        }
    }
}

/// The kept form of what others may hold as well.
pub(crate) fn of_shared<T: Clone, K: From<T>>(told: Arc<T>) -> K {
    Arc::unwrap_or_clone(told).into()
}

/// What was kept, to be held by many.
pub(crate) fn shared<K, T: From<K>>(kept: K) -> Arc<T> {
    Arc::new(kept.into())
}
