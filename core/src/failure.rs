//! Every way in which a command can be refused or fail, each with its stable code and its words.
//! PROTOCOL.md section 11.

use bincode::{Decode, Encode};

use crate::command::CommandKind;
use crate::ids::Text;

/// Why a command was refused or failed. The words are rendered from it, never stored.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Failure {
    /// The frame is no command at all.
    Malformed(crate::input::Malformed),
    /// The daemon is shutting down.
    ShuttingDown,
    /// The journal cannot take new commands.
    StorageFull,
    /// More unanswered commands on this connection than allowed.
    TooManyPending {
        /// The limit.
        max: u64,
    },
    /// The id was used for another command.
    IdConflict {
        /// The id.
        id: Text,
        /// The command it was used for.
        before: CommandKind,
        /// The command it came with now.
        now: CommandKind,
    },
    /// The idempotency key was used for another command.
    KeyConflict {
        /// The key.
        key: Text,
        /// The command it was used for.
        before: CommandKind,
        /// The command it came with now.
        now: CommandKind,
    },
    /// The id's outcome has been forgotten; it does not run again.
    OutcomeExpired {
        /// The id.
        id: Text,
    },
    /// Too many requests wait for one command.
    TooManyWaiters {
        /// The limit.
        max: u64,
    },
    /// A rate limit.
    RateLimited {
        /// Whose bucket is empty.
        bucket: Bucket,
        /// When the next command fits, in milliseconds from now.
        retry_ms: u64,
    },
    /// Too many commands in flight.
    Busy,
    /// Too many commands wait in the lane.
    LaneFull {
        /// The limit.
        max: u64,
    },
    /// Too many live idempotency keys.
    TooManyKeys {
        /// The limit.
        max: u64,
    },
    /// A dependency names the command itself.
    DependencySelf {
        /// The id.
        id: Text,
    },
    /// A dependency is not known.
    DependencyUnknown {
        /// The id it names.
        id: Text,
    },
    /// A dependency failed.
    DependencyFailed {
        /// Its id.
        id: Text,
        /// Its code.
        code: ErrorCode,
    },
    /// A dependency did not end in time.
    DependencyTimeout {
        /// How long was waited, in milliseconds.
        ms: u64,
    },
    /// The session's version is another one.
    VersionMismatch {
        /// What the client expected.
        expected: u64,
        /// What it is.
        actual: u64,
    },
    /// There is no such session.
    SessionNotFound {
        /// Its id.
        session: Text,
    },
    /// The session exists already.
    SessionExists {
        /// Its id.
        session: Text,
    },
    /// Too many sessions.
    SessionLimit {
        /// The limit.
        max: u64,
    },
    /// The file is open in another session.
    FileInUse {
        /// The session that has it.
        session: Text,
    },
    /// The command took too long.
    Timeout {
        /// The limit that applied, in milliseconds.
        ms: u64,
    },
    /// Somebody cancelled it.
    Cancelled,
    /// The session was deleted while the command was in flight.
    SessionDeleted,
    /// The agent refused or failed; its own words.
    Agent(Text),
    /// The agent ended while the command was in flight.
    AgentExited {
        /// How it ended.
        status: Text,
        /// The tail of its standard error.
        stderr: Text,
    },
    /// The agent did not get ready in time.
    AgentNotReady {
        /// The limit, in milliseconds.
        ms: u64,
    },
    /// The agent accepted a prompt but no run began.
    RunNotStarted {
        /// The limit, in milliseconds.
        ms: u64,
    },
    /// The agent cannot do it at all.
    Unsupported,
    /// The shell could not find out; its words.
    Unavailable(Text),
    /// A circuit is open.
    CircuitOpen {
        /// Which one.
        circuit: Text,
        /// When it lets a probe through, in milliseconds from now; `None` while probes are out.
        retry_ms: Option<u64>,
    },
    /// No such dialog is open.
    DialogNotFound {
        /// Its id.
        request: Text,
    },
    /// The dialog belongs to another session.
    DialogMismatch {
        /// Its id.
        request: Text,
    },
    /// The answer is for another kind of dialog; the dialog stays open.
    DialogMethod {
        /// Its id.
        request: Text,
        /// What it asks for.
        expected: crate::input::DialogMethod,
    },
    /// Too many subscriptions on this connection.
    TooManySubscriptions {
        /// The limit.
        max: u64,
    },
    /// No command with that id is known.
    CommandNotFound {
        /// The id.
        id: Text,
    },
    /// The command has ended and cannot be cancelled.
    CommandEnded {
        /// The id.
        id: Text,
    },
    /// The command's outcome is not unknown, so there is nothing to settle.
    NothingToReconcile {
        /// The id.
        id: Text,
    },
    /// The daemon died while the agent was at it: nobody knows how it ended.
    OutcomeUnknown,
    /// The daemon died before it ran, and recovery was told not to run it.
    NotRecovered,
    /// An operator found out that it failed.
    ReconciledFailed {
        /// The operator's words.
        note: Option<Text>,
    },
    /// The daemon died before it ran, and a part of its text was not kept.
    Redacted,
    /// The session is another agent's than the daemon has.
    AgentUnavailable {
        /// What is missing and what to do.
        why: Text,
    },
}

/// Whose rate-limit bucket is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Bucket {
    /// The session's.
    Session,
    /// The connection's.
    Connection,
    /// The one of all control commands.
    Control,
    /// The session's, for dialog answers.
    Dialog,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident $name:literal;)*) => {
        /// The stable, machine-readable code of a failure: `errorCode` on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
        pub enum ErrorCode { $($(#[$doc])* $code,)* }

        impl ErrorCode {
            /// All codes, for documentation and tests.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$code,)*];

            /// As on the wire.
            pub fn name(self) -> &'static str {
                match self { $(ErrorCode::$code => $name,)* }
            }
        }
    };
}

codes! {
    /// The frame is not a JSON object.
    Malformed "malformed";
    /// The frame is too large.
    FrameTooLarge "frame_too_large";
    /// A field is wrong.
    Invalid "invalid";
    /// The daemon is shutting down.
    ShuttingDown "shutting_down";
    /// The journal is full.
    StorageFull "storage_full";
    /// Too many unanswered commands on the connection.
    TooManyPending "too_many_pending";
    /// Same id, other command.
    IdConflict "id_conflict";
    /// Same key, other command.
    KeyConflict "key_conflict";
    /// The outcome was forgotten.
    OutcomeExpired "outcome_expired";
    /// A rate limit.
    RateLimited "rate_limited";
    /// A bound on admitted work.
    Busy "busy";
    /// A dependency cannot be honoured.
    DependencyInvalid "dependency_invalid";
    /// A dependency failed.
    DependencyFailed "dependency_failed";
    /// A dependency took too long.
    DependencyTimeout "dependency_timeout";
    /// The session's version is another one.
    VersionMismatch "version_mismatch";
    /// No such session.
    SessionNotFound "session_not_found";
    /// Session exists.
    SessionExists "session_exists";
    /// A bound on sessions or subscriptions.
    LimitReached "limit_reached";
    /// The file is open in another session.
    FileInUse "file_in_use";
    /// The command took too long.
    Timeout "timeout";
    /// Cancelled.
    Cancelled "cancelled";
    /// The session was deleted meanwhile.
    SessionDeleted "session_deleted";
    /// The agent refused or failed.
    AgentError "agent_error";
    /// The agent ended or did not start.
    AgentExited "agent_exited";
    /// The agent cannot do it.
    Unsupported "unsupported";
    /// Could not be looked up.
    Unavailable "unavailable";
    /// A circuit is open.
    CircuitOpen "circuit_open";
    /// No such dialog.
    DialogNotFound "dialog_not_found";
    /// No such command.
    CommandNotFound "command_not_found";
    /// It has ended already.
    CommandEnded "command_ended";
    /// Nobody knows how it ended.
    OutcomeUnknown "outcome_unknown";
    /// Not run again after a crash.
    NotRecovered "not_recovered";
    /// The session is another agent's than the daemon has.
    AgentUnavailable "agent_unavailable";
}

impl Failure {
    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Failure::Malformed(malformed) => match malformed {
                crate::input::Malformed::TooLarge { .. } => ErrorCode::FrameTooLarge,
                crate::input::Malformed::NotUtf8 { .. }
                | crate::input::Malformed::NotJson { .. }
                | crate::input::Malformed::NotAnObject => ErrorCode::Malformed,
                crate::input::Malformed::Invalid { .. } => ErrorCode::Invalid,
            },
            Failure::ShuttingDown => ErrorCode::ShuttingDown,
            Failure::StorageFull => ErrorCode::StorageFull,
            Failure::TooManyPending { .. } => ErrorCode::TooManyPending,
            Failure::IdConflict { .. } => ErrorCode::IdConflict,
            Failure::KeyConflict { .. } => ErrorCode::KeyConflict,
            Failure::OutcomeExpired { .. } => ErrorCode::OutcomeExpired,
            Failure::RateLimited { .. } => ErrorCode::RateLimited,
            Failure::Busy
            | Failure::LaneFull { .. }
            | Failure::TooManyKeys { .. }
            | Failure::TooManyWaiters { .. } => ErrorCode::Busy,
            Failure::DependencySelf { .. } | Failure::DependencyUnknown { .. } => {
                ErrorCode::DependencyInvalid
            }
            Failure::DependencyFailed { .. } => ErrorCode::DependencyFailed,
            Failure::DependencyTimeout { .. } => ErrorCode::DependencyTimeout,
            Failure::VersionMismatch { .. } => ErrorCode::VersionMismatch,
            Failure::SessionNotFound { .. } => ErrorCode::SessionNotFound,
            Failure::SessionExists { .. } => ErrorCode::SessionExists,
            Failure::SessionLimit { .. } | Failure::TooManySubscriptions { .. } => {
                ErrorCode::LimitReached
            }
            Failure::FileInUse { .. } => ErrorCode::FileInUse,
            Failure::Timeout { .. } => ErrorCode::Timeout,
            Failure::Cancelled => ErrorCode::Cancelled,
            Failure::SessionDeleted => ErrorCode::SessionDeleted,
            Failure::Agent(_) | Failure::ReconciledFailed { .. } => ErrorCode::AgentError,
            Failure::AgentExited { .. }
            | Failure::AgentNotReady { .. }
            | Failure::RunNotStarted { .. } => ErrorCode::AgentExited,
            Failure::AgentUnavailable { .. } => ErrorCode::AgentUnavailable,
            Failure::Unsupported => ErrorCode::Unsupported,
            Failure::Unavailable(_) => ErrorCode::Unavailable,
            Failure::CircuitOpen { .. } => ErrorCode::CircuitOpen,
            Failure::DialogNotFound { .. } | Failure::DialogMismatch { .. } => {
                ErrorCode::DialogNotFound
            }
            Failure::DialogMethod { .. } => ErrorCode::Invalid,
            Failure::CommandNotFound { .. } => ErrorCode::CommandNotFound,
            Failure::CommandEnded { .. } | Failure::NothingToReconcile { .. } => {
                ErrorCode::CommandEnded
            }
            Failure::OutcomeUnknown => ErrorCode::OutcomeUnknown,
            Failure::NotRecovered | Failure::Redacted => ErrorCode::NotRecovered,
        }
    }

    /// Whether the failure is a timeout (`timedOut` on the wire).
    pub fn timed_out(&self) -> bool {
        matches!(self.code(), ErrorCode::Timeout | ErrorCode::DependencyTimeout)
    }
}
