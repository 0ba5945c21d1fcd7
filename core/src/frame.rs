//! What clients are sent, as data. PROTOCOL.md has an example of every frame.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use bincode::{Decode, Encode};

use crate::command::CommandKind;
use crate::failure::Failure;
use crate::ids::{BodyRef, CommandNo, Micros, Seq, Text};
use crate::input::{AgentKind, Envelope, JournalFacts};
use crate::limits::Limits;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Frame {
    /// `server_ready`, the greeting.
    ServerReady {
        /// Version of the daemon.
        server_version: Text,
    },
    /// `startup_recovery_summary`: the recovery report without ids and paths.
    RecoverySummary(Arc<Recovery>),
    /// `server_shutdown`.
    ServerShutdown {
        /// How long the drain waits, in milliseconds.
        timeout_ms: u64,
    },
    /// `session_created`.
    SessionCreated(Arc<SessionInfo>),
    /// `session_deleted`.
    SessionDeleted {
        /// The session.
        session: Text,
    },
    /// `event`: something a session's agent reported.
    Event {
        /// The session.
        session: Text,
        /// The event's place, for `switch_session` with a cursor.
        cursor: Seq,
        /// The event, an object.
        event: BodyRef,
    },
    /// `extension_ui_resolved`: a dialog is closed.
    DialogClosed {
        /// The session.
        session: Text,
        /// The dialog.
        request: Text,
        /// How.
        how: DialogEnd,
    },
    /// `command_accepted`, `command_started` or `command_finished`.
    Lifecycle {
        /// The command.
        command: CommandNo,
        /// What it is.
        envelope: Arc<Envelope>,
        /// The session it is about (also where the daemon chose the id).
        session: Option<Text>,
        /// Its place in its lane.
        lane_sequence: u64,
        /// Which of the three.
        phase: Phase,
    },
    /// `response`.
    Response {
        /// The id of the request that is answered.
        id: Option<Text>,
        /// The request's `type`; `None` renders as `unknown`.
        command: Option<CommandName>,
        /// How it went.
        outcome: Arc<Outcome>,
        /// It is the answer of an earlier execution.
        replayed: bool,
    },
    /// `server_ready` since rule set 2.
    ServerReadyIn {
        /// Version of the daemon.
        server_version: Text,
        /// The epoch of cursors.
        epoch: Text,
    },
    /// `gap` of kind `events` for a client whose cursor lies in a future that was lost.
    Lost {
        /// The session.
        session: Text,
        /// The first place from which on events follow.
        from: Seq,
        /// The client's cursor.
        to: Seq,
        /// What the client was told of places before `from` has happened.
        exact: bool,
    },
    /// `event`: one that the daemon makes up for who watches a session, because who would have told it
    /// is gone. Since rule set 3.
    Interrupted {
        /// The session.
        session: Text,
        /// The place of the input that told of the end; all that is made up for it has this one.
        cursor: Seq,
        /// Which event.
        what: MadeUp,
        /// Who is gone.
        gone: Gone,
    },
}

/// An event that the daemon makes up for something that its agent cannot end any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum MadeUp {
    /// `compaction_end`.
    CompactionEnd,
    /// `agent_end`.
    AgentEnd,
    /// `agent_settled`.
    AgentSettled,
}

/// Who has ended in the middle of something.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Gone {
    /// The daemon, and every agent with it.
    Daemon,
    /// The session's agent.
    Agent {
        /// How, as in [`crate::input::Exit`].
        status: Text,
    },
}

impl Frame {
    /// The session that it is about.
    pub fn session(&self) -> Option<&Text> {
        match self {
            Frame::SessionCreated(info) => Some(&info.id),
            Frame::SessionDeleted { session }
            | Frame::Event { session, .. }
            | Frame::DialogClosed { session, .. }
            | Frame::Interrupted { session, .. }
            | Frame::Lost { session, .. } => Some(session),
            Frame::Lifecycle { session, .. } => session.as_ref(),
            Frame::ServerReady { .. }
            | Frame::ServerReadyIn { .. }
            | Frame::RecoverySummary(_)
            | Frame::ServerShutdown { .. }
            | Frame::Response { .. } => None,
        }
    }

    /// The one body that its bytes have in them: an event, or an answer that is kept in the journal.
    pub fn body(&self) -> Option<BodyRef> {
        match self {
            Frame::Event { event, .. } => Some(*event),
            Frame::Response { outcome, .. } => match outcome.result {
                Ok(Data::Body(body)) => Some(body),
                Ok(_) | Err(_) => None,
            },
            Frame::ServerReady { .. }
            | Frame::ServerReadyIn { .. }
            | Frame::Lost { .. }
            | Frame::RecoverySummary(_)
            | Frame::ServerShutdown { .. }
            | Frame::SessionCreated(_)
            | Frame::SessionDeleted { .. }
            | Frame::DialogClosed { .. }
            | Frame::Interrupted { .. }
            | Frame::Lifecycle { .. } => None,
        }
    }

    /// The place of the event that it is, if it is one.
    pub fn cursor(&self) -> Option<Seq> {
        match self {
            Frame::Event { cursor, .. } | Frame::Interrupted { cursor, .. } => Some(*cursor),
            Frame::ServerReady { .. }
            | Frame::ServerReadyIn { .. }
            | Frame::Lost { .. }
            | Frame::RecoverySummary(_)
            | Frame::ServerShutdown { .. }
            | Frame::SessionCreated(_)
            | Frame::SessionDeleted { .. }
            | Frame::DialogClosed { .. }
            | Frame::Response { .. }
            | Frame::Lifecycle { .. } => None,
        }
    }
}

/// What a response calls the command it answers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum CommandName {
    /// A command of the table.
    Known(CommandKind),
    /// The `type` as the client wrote it.
    Raw(Text),
}

/// A step of a command's life.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Phase {
    /// Admitted: it has a place in its lane and will end exactly once.
    Accepted,
    /// It left the queue.
    Started,
    /// It ended.
    Finished(Arc<Outcome>),
}

/// How a command ended, exactly once, for ever.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Outcome {
    /// What it came to.
    pub result: Result<Data, Failure>,
    /// The session's version afterwards, for successful commands about a session.
    pub session_version: Option<u64>,
    /// Its place in its lane; `None` for refusals, which have none.
    pub lane_sequence: Option<u64>,
    /// When it ended.
    pub at: Micros,
}

/// The `data` of a response.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Data {
    /// No `data` key.
    None,
    /// JSON text in the journal.
    Body(BodyRef),
    /// `list_sessions`.
    Sessions(Vec<Arc<SessionInfo>>),
    /// `create_session`, `load_session`.
    Created(Arc<SessionInfo>),
    /// `delete_session`.
    Deleted,
    /// `switch_session`: `{sessionInfo, cursor}`.
    Switched {
        /// The session.
        info: Arc<SessionInfo>,
        /// Place of the session's newest event.
        cursor: Seq,
    },
    /// `get_state`.
    State(Arc<SessionInfo>),
    /// `health_check`.
    Health(Health),
    /// `get_startup_recovery`.
    Recovery(Arc<Recovery>),
    /// `get_capabilities`.
    Capabilities(Box<Capabilities>),
    /// `cancel_command`: what the command was doing.
    Cancelled {
        /// It had started.
        started: bool,
    },
    /// `switch_session` since rule set 2: `{sessionInfo, cursor, epoch}`.
    SwitchedIn {
        /// The session.
        info: Arc<SessionInfo>,
        /// Place of the session's newest event.
        cursor: Seq,
        /// The epoch of cursors.
        epoch: Text,
    },
}

/// What a client sees of a session.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SessionInfo {
    /// The daemon's id for it.
    pub id: Text,
    /// Display name.
    pub name: Option<Text>,
    /// The agent's session file.
    pub file: Option<Text>,
    /// The model object, JSON.
    pub model: Option<Text>,
    /// Thinking level.
    pub thinking: Text,
    /// A run is going.
    pub streaming: bool,
    /// A compaction is going.
    pub compacting: bool,
    /// Messages in the conversation.
    pub messages: u64,
    /// Messages queued for the run.
    pub queued: u64,
    /// When this daemon's journal first had it.
    pub created_at: Micros,
    /// Where it works.
    pub cwd: Text,
    /// Its version.
    pub version: u64,
    /// Dialogs that wait for an answer.
    pub dialogs: u64,
}

/// How a dialog ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum DialogEnd {
    /// A client answered.
    Answered,
    /// A client dismissed it.
    Dismissed,
    /// Its own timeout passed.
    TimedOut,
    /// The run it belonged to was stopped, or its agent or session is gone.
    Withdrawn,
}

/// `health_check`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Health {
    /// What is wrong.
    pub issues: Vec<HealthIssue>,
    /// A provider's circuit is open.
    pub open_circuit: bool,
    /// A bash circuit is open.
    pub open_bash_circuit: bool,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum HealthIssue {
    /// 90 % of the sessions are taken.
    Sessions {
        /// Open sessions.
        count: u64,
        /// The limit.
        max: u64,
    },
    /// 90 % of the connections are taken.
    Connections {
        /// Open connections.
        count: u64,
        /// The limit.
        max: u64,
    },
    /// A model provider's circuit is open.
    ProviderCircuit,
    /// A bash circuit is open.
    BashCircuit,
    /// The journal takes no new commands.
    StorageFull,
    /// A command of an earlier life has an unknown outcome that nobody settled.
    UnknownOutcomes {
        /// How many.
        count: u64,
    },
}

/// What the last boot found and did. PROTOCOL.md section 10.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Recovery {
    /// Where the journal is.
    pub journal_path: Text,
    /// What reading it found.
    pub journal: JournalFacts,
    /// The life before ended with a clean stop.
    pub clean: bool,
    /// Number of this life, from 1.
    pub boot: u64,
    /// Stored outcomes that answer their ids again.
    pub outcomes: u64,
    /// Sessions that are known again.
    pub sessions: u64,
    /// Commands that were in flight, in the order of their acceptance; at most 100 are listed.
    pub in_flight: Vec<RecoveredCommand>,
    /// How many of them run again.
    pub recoverable: u64,
    /// How many of them ended as failed.
    pub failed: u64,
}

/// A command that was in flight when the daemon died.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RecoveredCommand {
    /// The command.
    pub command: CommandNo,
    /// Its id, if the client gave one.
    pub id: Option<Text>,
    /// Its kind.
    pub kind: CommandKind,
    /// Its session.
    pub session: Option<Text>,
    /// Whether it had started.
    pub started: bool,
    /// What became of it.
    pub fate: Fate,
}

/// What becomes of a command that was in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Fate {
    /// It had not reached an agent: it runs.
    NotStarted,
    /// It only reads: it runs again.
    Read,
    /// It reached an agent and changes things: outcome unknown, never run again by itself.
    Unknown,
    /// It would run, but recovery was told not to.
    NotRecovered,
    /// It would run, but a part of its text was not kept.
    Redacted,
}

/// `get_capabilities`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Capabilities {
    /// Which agent program.
    pub agent: AgentKind,
    /// Versions of agents seen in this life.
    pub agent_versions: Vec<Text>,
    /// Commands that the agent cannot offer.
    pub absent: Vec<CommandKind>,
    /// Every bound.
    pub limits: Limits,
    /// Version of the daemon.
    pub server_version: Text,
}

#[cfg(test)]
mod tests;
