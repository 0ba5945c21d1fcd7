//! All that can happen. The complete behaviour of one daemon life is in its inputs.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};

use crate::command::CommandKind;
use crate::ids::{AgentNo, BodyRef, CommandNo, ConnId, Digest, Micros, Seq, Text, WallOffset};
use crate::limits::Limits;
use crate::snapshot::outcome::Outcome;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Dense from 1.
    pub seq: Seq,
    /// Strictly increasing; the shell clamps its clock.
    pub at: Micros,
    /// The raw bytes that came with it, which the core never sees.
    pub body: BodyRef,
    /// What happened. Only this part is bincode in the journal; the rest is in the record's header.
    pub kind: InputKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum InputKind {
    /// A daemon life begins. Every journal's first input is one.
    Boot(Box<Boot>),
    /// A client has been let in (authenticated, upgraded).
    Opened(Opened),
    /// A client is gone.
    Closed {
        /// The connection.
        conn: ConnId,
    },
    /// A well-formed command; the body is the frame as it came.
    Command {
        /// Who sent it.
        conn: ConnId,
        /// What the core decides on.
        envelope: Arc<Envelope>,
    },
    /// A frame that is not a command; the body is (the beginning of) the frame as it came.
    Malformed {
        /// Who sent it.
        conn: ConnId,
        /// What is wrong with it.
        malformed: Box<Malformed>,
    },
    /// An agent said or did something.
    Agent {
        /// Which life of which agent.
        agent: AgentNo,
        /// What it said; the body belongs to it.
        said: AgentSaid,
    },
    /// The shell has looked something up; the body, if any, is the `data` of the response.
    Answered {
        /// The command that wanted to know.
        query: CommandNo,
        /// What was found.
        answer: Answer,
    },
    /// Whether the journal has room for new commands.
    Storage {
        /// `false` while the next segment cannot be allocated.
        writable: bool,
    },
    /// A deadline of the state is due.
    Tick,
    /// Stop taking commands, finish what is in flight, then exit.
    Drain,
    /// The daemon life ends; nothing follows but a `Boot`.
    Stop,
    /// The wall clock has been set, or the machine has slept. Since rule set 2.
    Wall {
        /// How far it is ahead of journal time from now on.
        offset: WallOffset,
    },
    /// A well-formed command whose id the journal has seen before, and the state has not any more. The
    /// body is the frame as it came. Since rule set 2.
    Repeated {
        /// Who sent it.
        conn: ConnId,
        /// What the core decides on.
        envelope: Arc<Envelope>,
        /// What became of the command that had the id.
        earlier: Box<Earlier>,
    },
    /// The indexes of ids cover all inputs up to this one, so that the state need not know the ids of
    /// commands that ended by then. Since rule set 2.
    Indexed {
        /// The last input that they cover.
        seq: Seq,
    },
}

impl InputKind {
    /// The command that it brings, and who sent it.
    pub fn command(&self) -> Option<(ConnId, &Arc<Envelope>)> {
        match self {
            InputKind::Command { conn, envelope }
            | InputKind::Repeated { conn, envelope, earlier: _ } => Some((*conn, envelope)),
            InputKind::Boot(_)
            | InputKind::Opened(_)
            | InputKind::Closed { .. }
            | InputKind::Malformed { .. }
            | InputKind::Agent { .. }
            | InputKind::Answered { .. }
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Drain
            | InputKind::Stop
            | InputKind::Wall { .. }
            | InputKind::Indexed { .. } => None,
        }
    }
}

/// What became of an earlier command with the same id, as the indexes of the journal tell it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Earlier {
    /// It ended.
    Answer {
        /// What it was.
        kind: CommandKind,
        /// Keyed digest of its canonical form.
        fingerprint: Digest,
        /// How it ended.
        outcome: Box<Outcome>,
    },
    /// It ended, and its answer has been erased.
    Expired,
    /// Nobody can tell at the moment: the index that would know is being made.
    Unavailable,
}

/// The start of a daemon life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Which behaviour the inputs that follow are to be run under.
    pub rules: RuleSet,
    /// Version of the daemon, as clients are told it.
    pub server_version: Text,
    /// Every bound.
    pub limits: Limits,
    /// 128 random bits, the only randomness of this life.
    pub entropy: [u8; 16],
    /// Whether the life before ended with [`InputKind::Stop`].
    pub clean: bool,
    /// What becomes of recoverable commands.
    pub recovery: RecoveryPolicy,
    /// The agent program that sessions run on.
    pub agent: AgentKind,
    /// Working directory of sessions that name none.
    pub default_cwd: Text,
    /// Where the journal is, as `get_startup_recovery` reports it.
    pub journal_path: Text,
    /// What reading the journal found, reported by `get_startup_recovery`.
    pub journal: JournalFacts,
    /// How far the wall clock is ahead of journal time. Since rule set 2; 0 before.
    pub wall: WallOffset,
}

/// The rule set comes first and says which fields there are, so that journals of earlier rule sets keep
/// their bytes.
impl Encode for Boot {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let Boot {
            rules,
            server_version,
            limits,
            entropy,
            clean,
            recovery,
            agent,
            default_cwd,
            journal_path,
            journal,
            wall,
        } = self;
        (rules, server_version, limits, entropy, clean, recovery).encode(encoder)?;
        (agent, default_cwd, journal_path, journal).encode(encoder)?;
        match rules {
            RuleSet::V1 => Ok(()),
            RuleSet::V2 | RuleSet::V3 => wall.encode(encoder),
        }
    }
}

impl<C> Decode<C> for Boot {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Boot, DecodeError> {
        let rules = RuleSet::decode(decoder)?;
        Ok(Boot {
            rules,
            server_version: Text::decode(decoder)?,
            limits: Limits::decode(decoder)?,
            entropy: <[u8; 16]>::decode(decoder)?,
            clean: bool::decode(decoder)?,
            recovery: RecoveryPolicy::decode(decoder)?,
            agent: AgentKind::decode(decoder)?,
            default_cwd: Text::decode(decoder)?,
            journal_path: Text::decode(decoder)?,
            journal: JournalFacts::decode(decoder)?,
            wall: match rules {
                RuleSet::V1 => WallOffset(0),
                RuleSet::V2 | RuleSet::V3 => WallOffset::decode(decoder)?,
            },
        })
    }
}

bincode::impl_borrow_decode!(Boot);

/// What the shell found when it opened the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct JournalFacts {
    /// Records read.
    pub records: u64,
    /// Bytes of a torn tail that were set aside.
    pub torn_bytes: u64,
    /// Names of the durability level and of the storage backend.
    pub durability: Text,
    /// Journal format version.
    pub format: u32,
}

/// A numbered behaviour. A change of behaviour adds one, so that old journals replay as they ran. A
/// later set has all of an earlier one but what it changes, so rules ask for the set that brought them
/// with `>=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum RuleSet {
    /// The rules before release 0.1.0.
    V1,
    /// The rules of release 0.1.0: ids of commands that change something are remembered as long as the
    /// journal is, and journal time is time that has passed.
    V2,
    /// The rules since release 0.1.0, not frozen before the next one.
    #[default]
    V3,
}

/// What becomes of commands that were accepted but had not reached an agent when the daemon died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub enum RecoveryPolicy {
    /// They run.
    #[default]
    Resume,
    /// They end as failed.
    Fail,
}

/// Which agent program sessions run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub enum AgentKind {
    /// The embedded scripted agent, for newcomers and tests.
    #[default]
    Demo,
    /// `pi --mode rpc`, one child process per session.
    Pi,
}

/// How a client reached the daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub enum Transport {
    /// WebSocket over TCP.
    #[default]
    WebSocket,
    /// Newline-delimited JSON on the Unix socket.
    Unix,
    /// Newline-delimited JSON on standard input and output.
    Stdio,
}

/// A client that has been let in. Its [`ConnId`] is the input's `seq`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Opened {
    /// How it came.
    pub transport: Transport,
    /// The name it gave, which is the namespace of its command ids; `None` is the shared one.
    pub client: Option<Text>,
}

/// The part of a command frame that decisions depend on. PROTOCOL.md section 4.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Envelope {
    /// The command.
    pub kind: CommandKind,
    /// The client's id for it.
    pub id: Option<Text>,
    /// `sessionId`, for commands that have one.
    pub session: Option<Text>,
    /// Ids that must have succeeded first.
    pub depends_on: Vec<Text>,
    /// The session version that the client expects.
    pub if_session_version: Option<u64>,
    /// Makes retries under new ids safe.
    pub idempotency_key: Option<Text>,
    /// A timeout of the client's choice, from start, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Keyed digest of the canonical command without `id` and `idempotencyKey`.
    pub fingerprint: Digest,
    /// The few fields that a rule needs.
    pub details: Details,
}

/// Fields of single commands that a rule of the core needs; everything else stays in the body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub enum Details {
    /// No field of it matters to a rule.
    #[default]
    None,
    /// `prompt`.
    Prompt {
        /// `streamingBehavior` was given: the prompt means the turn that is running.
        streaming: bool,
        /// The message begins with `/`: an extension may handle it without a run.
        slash: bool,
    },
    /// `create_session`.
    Create {
        /// Working directory.
        cwd: Option<Text>,
    },
    /// `load_session`.
    Load {
        /// The session file.
        path: Text,
    },
    /// `switch_session`.
    Switch {
        /// Deliver the session's events after this cursor first.
        cursor: Option<Seq>,
    },
    /// `extension_ui_response`.
    DialogAnswer {
        /// The dialog.
        request: Text,
        /// How it was answered.
        method: DialogMethod,
    },
    /// `cancel_command`.
    Cancel {
        /// Its id, in the sender's namespace.
        command: Text,
    },
    /// `reconcile_command`.
    Reconcile {
        /// Its id, in the sender's namespace.
        command: Text,
        /// What the operator found out.
        succeeded: bool,
        /// Why, for the history.
        note: Option<Text>,
    },
    /// `set_interest`.
    Interest(Interest),
    /// `get_command_history`.
    History(HistoryFilter),
    /// `switch_session` with an epoch.
    SwitchIn {
        /// Deliver the session's events after this cursor first.
        cursor: Option<Seq>,
        /// The epoch in which the client was given it.
        epoch: Text,
    },
}

/// Which lifecycle frames a connection wants. PROTOCOL.md section 8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Interest {
    /// Those of every command of every client (the peer's behaviour, and the default).
    #[default]
    All,
    /// Those of its own commands and of the sessions it is subscribed to.
    Related,
    /// Those of its own commands.
    Own,
    /// None.
    Nothing,
}

/// Filters of `get_command_history`; all that are given must match. PROTOCOL.md section 5.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct HistoryFilter {
    /// `sessionIdFilter`.
    pub session: Option<Text>,
    /// `commandId`.
    pub command: Option<Text>,
    /// `commandType`.
    pub kind: Option<CommandKind>,
    /// `outcome`: `true` for successes only, `false` for failures only.
    pub success: Option<bool>,
    /// `fromTimestamp`, inclusive, in milliseconds.
    pub from_ms: Option<u64>,
    /// `toTimestamp`, inclusive, in milliseconds.
    pub to_ms: Option<u64>,
    /// `limit`, 1 to 500.
    pub limit: u32,
    /// `cursor` of the page before: only what is older.
    pub before: Option<Seq>,
}

/// What a dialog asks for, or how it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum DialogMethod {
    /// One of several options.
    Select,
    /// Yes or no.
    Confirm,
    /// A line of text.
    Input,
    /// A longer text.
    Editor,
    /// Accepted in answers for the peer's sake; nothing asks it.
    Interview,
    /// Dismissed.
    Cancelled,
}

/// What is wrong with a frame. PROTOCOL.md section 3.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Malformed {
    /// More bytes than `limits.frame_bytes_max`.
    TooLarge {
        /// Bytes that the frame has (or had when reading it was given up).
        size: u64,
        /// The limit.
        max: u64,
    },
    /// Not UTF-8.
    NotUtf8 {
        /// Offset of the first bad byte.
        at: u64,
    },
    /// Not one JSON value, or one that the protocol cannot carry.
    NotJson {
        /// Offset of the problem.
        at: u64,
        /// What it is.
        problem: JsonProblem,
    },
    /// JSON, but not an object.
    NotAnObject,
    /// An object that is no valid command.
    Invalid {
        /// `id`, if it is a string of acceptable length.
        id: Option<Text>,
        /// `type`, if it is a string (cut to 256 characters).
        command: Option<Text>,
        /// At most [`crate::limits::PROBLEMS_MAX`], in the order of PROTOCOL.md section 4.
        problems: Vec<Problem>,
    },
}

/// Why bytes are not a JSON value that the protocol can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum JsonProblem {
    /// The text ends too early.
    End,
    /// A character that cannot stand here.
    Unexpected,
    /// Something follows the value.
    Trailing,
    /// Nested deeper than [`crate::limits::DEPTH_MAX`].
    TooDeep,
    /// An object has a key twice.
    DuplicateKey,
    /// A bad escape, a lone surrogate or a bare control character in a string.
    BadString,
    /// Not a JSON number, or one with more than 400 characters or of 10^308 or more.
    BadNumber,
}

/// One field that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Problem {
    /// The field, e.g. `dependsOn[3]`.
    pub field: Text,
    /// The rule it breaks.
    pub rule: Rule,
}

/// The rule that a field breaks; each is one message of PROTOCOL.md section 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Rule {
    /// `Command must have a string 'type' field`.
    TypeMissing,
    /// `Unknown command type '<t>'`.
    TypeUnknown,
    /// `Must be a non-empty string if provided`.
    NonEmptyStringIfProvided,
    /// `Too long (max <n> chars)`.
    TooLong {
        /// The bound in UTF-16 units.
        max: u32,
    },
    /// `Cannot use reserved prefix 'anon:'`.
    ReservedPrefix,
    /// `Must be an array of command IDs`.
    ArrayOfIds,
    /// `Too many dependencies (max <n>)`.
    TooManyDependencies {
        /// The bound.
        max: u32,
    },
    /// `Must be a non-empty command ID string`.
    NonEmptyId,
    /// `Required when dependsOn is provided`.
    IdRequired,
    /// `Must be a non-negative integer`.
    NonNegativeInteger,
    /// `Session commands must have a non-empty string 'sessionId'`.
    SessionRequired,
    /// `Only supported for session-targeted commands`.
    SessionTargetedOnly,
    /// `Required string`.
    RequiredString,
    /// `Required non-empty string`.
    RequiredNonEmptyString,
    /// `Must be a string if provided`.
    StringIfProvided,
    /// `Must be a boolean if provided`.
    BooleanIfProvided,
    /// `Required boolean`.
    RequiredBoolean,
    /// `Must be an object if provided`.
    ObjectIfProvided,
    /// `Required object`.
    RequiredObject,
    /// `Must be one of: …`.
    OneOf(OneOf),
    /// `Must not contain control characters`.
    ControlCharacters,
    /// `… contains potentially dangerous path components`.
    DangerousPath,
    /// `Must contain only alphanumeric characters, underscores, dashes, and dots`.
    SessionIdCharacters,
    /// `Must contain only printable characters` (dialog request ids).
    RequestIdCharacters,
    /// `Must be a non-negative integer timestamp`.
    Timestamp,
    /// `Must be less than or equal to toTimestamp`.
    TimestampOrder,
    /// `Must be an integer if provided`.
    IntegerIfProvided,
    /// `Must be between <min> and <max>`.
    Between {
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
    },
    /// `Must be an array of image blocks`.
    Images,
    /// `Answer does not fit the method` (dialog answers).
    AnswerMismatch,
}

/// The closed vocabularies of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum OneOf {
    /// `steer, followUp`.
    StreamingBehavior,
    /// `forward, backward`.
    Direction,
    /// `off, none, minimal, low, medium, high, xhigh, max`.
    ThinkingLevel,
    /// `select, confirm, input, editor, interview, cancelled`.
    DialogMethod,
    /// `all, related, own, none`.
    Interest,
    /// `succeeded, failed`.
    Outcome,
    /// The names of the command table.
    CommandType,
}

/// What an agent said or did.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum AgentSaid {
    /// It is up and takes calls.
    Ready(Box<AgentReady>),
    /// It answered a call. On success the body, if any, is the `data` of the response.
    Replied {
        /// The command that the call was made for.
        call: CommandNo,
        /// How it went.
        reply: Reply,
    },
    /// It reported something of its own accord; the body is the event in the vocabulary of
    /// PROTOCOL.md section 8.
    Event(AgentEvent),
    /// What it looks like by now (after a turn, a rename, a model change); no client sees a frame.
    Info(Box<AgentInfo>),
    /// It wrote lines that are no protocol; they are counted.
    Noise {
        /// How many lines since the last report.
        lines: u32,
    },
    /// It is gone. Nothing more comes from this [`AgentNo`].
    Exited(Exit),
    /// It cannot be brought up at all, since the session is another agent's than this daemon has. Nothing
    /// more comes from this [`AgentNo`].
    Unavailable {
        /// What is missing and what to do, in words for the client.
        why: Text,
    },
}

/// An agent that is up.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AgentReady {
    /// Name and version, e.g. `pi 0.87.1` or `demo`.
    pub version: Text,
    /// It says when a run has settled; without that the core watches for retries.
    pub settles: bool,
    /// Its answer to a prompt says whether a run starts.
    pub disposition: bool,
    /// Commands that it cannot offer; they are refused as `unsupported`.
    pub absent: Vec<CommandKind>,
    /// What it looks like.
    pub info: AgentInfo,
}

/// The facts of a session that only its agent knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct AgentInfo {
    /// Display name.
    pub name: Option<Text>,
    /// The session file; a restarted agent resumes from it.
    pub file: Option<Text>,
    /// The model object as JSON, at most 8 KiB and without credentials.
    pub model: Option<Text>,
    /// The model's provider, which is the key of its circuit.
    pub provider: Option<Text>,
    /// `off`, `minimal`, `low`, `medium`, `high`, `xhigh` or `max`.
    pub thinking: Text,
    /// Messages in the conversation.
    pub messages: u64,
    /// Messages queued for the run (steering and follow-up).
    pub queued: u64,
}

/// An agent's answer to a call.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Reply {
    /// It worked.
    Done(Disposition),
    /// It did not; the agent's own words, at most [`crate::limits::ERROR_TEXT_MAX`] bytes.
    Failed(Text),
}

/// What an accepted call means for the agent's run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub enum Disposition {
    /// The agent did not say, or the call is none that could start a run.
    #[default]
    Unspecified,
    /// A run starts.
    Started,
    /// The message joins the run that is going.
    Queued,
    /// An extension handled it; no run starts.
    Handled,
}

/// What an agent reported, as far as a rule depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum AgentEvent {
    /// A run (or another attempt of it) has begun.
    RunStarted,
    /// A run has ended; a retry or queued work may follow.
    RunEnded {
        /// The agent says that it tries again.
        will_retry: bool,
        /// The run ended with a model provider's error.
        failed: bool,
    },
    /// Nothing more will happen by itself.
    RunSettled,
    /// A compaction has begun.
    CompactionStarted,
    /// A compaction has ended.
    CompactionEnded {
        /// The prompt is tried again.
        will_retry: bool,
    },
    /// Another attempt follows after a pause.
    RetryScheduled,
    /// The attempts are over.
    RetryEnded,
    /// It asks a question and waits for the answer.
    DialogOpened {
        /// Its id for the question.
        request: Text,
        /// What it asks for.
        method: DialogMethod,
        /// How long it waits itself, in milliseconds.
        timeout_ms: Option<u64>,
    },
    /// Anything else; passed on as it is.
    Other,
    /// A run has ended because the model's provider refused what it was asked: the provider works, and
    /// another request may fare better. Since rule set 3.
    RunRefused {
        /// The agent says that it tries again.
        will_retry: bool,
    },
}

/// How an agent ended.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Exit {
    /// In words: `exit status 1`, `signal 9`, or why it could not be started.
    pub status: Text,
    /// The tail of its standard error, at most [`crate::limits::ERROR_TEXT_MAX`] bytes.
    pub stderr: Text,
}

/// What the shell found out.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Answer {
    /// The body is the `data` of the response.
    Data,
    /// A directory that a session may work in (canonical).
    Directory {
        /// Absolute path.
        cwd: Text,
    },
    /// A session file that may be loaded.
    SessionFile {
        /// Absolute path, symbolic links resolved.
        path: Text,
        /// The working directory of its header.
        cwd: Text,
        /// Its last name.
        name: Option<Text>,
    },
    /// It cannot be had; the words are for the client.
    Failed(Text),
}
