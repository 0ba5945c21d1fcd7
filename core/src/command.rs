//! The one table of commands. Decoder, validator, scheduler, documentation and schema are all read
//! off it; PROTOCOL.md section 5 is its prose.

use bincode::{Decode, Encode};

/// Whom a command is about, and with that the lane it runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The daemon: lane `server`.
    Server,
    /// The session that `sessionId` names: lane `session:<id>`. The session must exist when the
    /// command starts.
    Session,
    /// A session that the command itself brings into being: the lane of the new session.
    Creates,
}

/// How a command shares its lane with others. PROTOCOL.md section 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Class {
    /// Holds the agent for long; one at a time per session, in the turn slot.
    Turn,
    /// A short mutation; runs alone.
    Write,
    /// Looks without touching; runs alone, may pass turns that wait.
    Read,
    /// Means the turn that is running; may pass whatever waits.
    Interrupt,
}

/// Which limit ends a command that takes too long. PROTOCOL.md section 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeoutClass {
    /// `limits.short_timeout_ms`.
    Short,
    /// `limits.turn_timeout_ms`.
    Turn,
    /// Never: a late effect could not be undone.
    Never,
}

/// The rate-limit plane. PROTOCOL.md section 12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plane {
    /// Manages sessions or looks at the daemon; one common bucket.
    Control,
    /// Works in a session; that session's bucket.
    Data,
    /// Answers a dialog; that session's dialog bucket.
    Dialog,
}

/// Who does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executor {
    /// The core, within the step that starts the command.
    Core,
    /// The session's agent.
    Agent,
    /// The shell: something on this machine has to be looked up first.
    Shell,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The command.
    pub kind: CommandKind,
    /// Its `type` on the wire.
    pub name: &'static str,
    /// Whom it is about.
    pub target: Target,
    /// How it shares its lane.
    pub class: Class,
    /// Whether success raises the session's version.
    pub mutates: bool,
    /// What ends it when it takes too long.
    pub timeout: TimeoutClass,
    /// Which bucket pays for it.
    pub plane: Plane,
    /// Who does the work.
    pub executor: Executor,
}

macro_rules! row {
    ($kind:ident $name:literal $target:ident $class:ident $mutates:literal $timeout:ident
        $plane:ident $executor:ident) => {
        Row {
            kind: CommandKind::$kind,
            name: $name,
            target: Target::$target,
            class: Class::$class,
            mutates: $mutates,
            timeout: TimeoutClass::$timeout,
            plane: Plane::$plane,
            executor: Executor::$executor,
        }
    };
}

macro_rules! commands {
    ($($kind:ident $name:literal $target:ident $class:ident $mutates:literal $timeout:ident
        $plane:ident $executor:ident;)*) => {
        /// Every command of the protocol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
        #[expect(missing_docs, reason = "each is described by its row and in PROTOCOL.md section 5")]
        pub enum CommandKind { $($kind,)* }

        /// The table, in the order of [`CommandKind`].
        pub const TABLE: &[Row] =
            &[$(row!($kind $name $target $class $mutates $timeout $plane $executor),)*];

        impl CommandKind {
            /// This command's row.
            pub fn row(self) -> &'static Row {
                match self {
                    $(CommandKind::$kind => const {
                        &row!($kind $name $target $class $mutates $timeout $plane $executor)
                    },)*
                }
            }

            /// The command whose `type` is `name`.
            pub fn from_name(name: &str) -> Option<CommandKind> {
                match name {
                    $($name => Some(CommandKind::$kind),)*
                    _ => None,
                }
            }
        }
    };
}

commands! {
    // kind                 type                       target  class     mutates timeout plane executor
    ListSessions            "list_sessions"            Server  Read      false Short Control Core;
    CreateSession           "create_session"           Creates Write     false Never Control Shell;
    DeleteSession           "delete_session"           Session Write     false Never Control Core;
    SwitchSession           "switch_session"           Session Read      false Short Control Core;
    Unsubscribe             "unsubscribe"              Session Read      false Short Control Core;
    ListStoredSessions      "list_stored_sessions"     Server  Read      false Short Control Shell;
    LoadSession             "load_session"             Creates Write     false Never Control Shell;
    GetMetrics              "get_metrics"              Server  Read      false Short Control Shell;
    HealthCheck             "health_check"             Server  Read      false Short Control Core;
    GetStartupRecovery      "get_startup_recovery"     Server  Read      false Short Control Core;
    GetCommandHistory       "get_command_history"      Server  Read      false Short Control Shell;
    GetCapabilities         "get_capabilities"         Server  Read      false Short Control Core;
    SetInterest             "set_interest"             Server  Write     false Short Control Core;
    CancelCommand           "cancel_command"           Server  Interrupt    false Short Control Core;
    ReconcileCommand        "reconcile_command"        Server  Interrupt    false Short Control Core;
    ExtensionUiResponse     "extension_ui_response"    Session Interrupt false Short Dialog  Core;
    GetState                "get_state"                Session Read      false Short Data Core;
    GetMessages             "get_messages"             Session Read      false Short Data Agent;
    GetSessionStats         "get_session_stats"        Session Read      false Short Data Agent;
    GetForkMessages         "get_fork_messages"        Session Read      false Short Data Agent;
    GetTree                 "get_tree"                 Session Read      false Short Data Agent;
    GetLastAssistantText    "get_last_assistant_text"  Session Read      false Short Data Agent;
    GetContextUsage         "get_context_usage"        Session Read      false Short Data Agent;
    GetAvailableModels      "get_available_models"     Session Read      false Short Data Agent;
    GetCommands             "get_commands"             Session Read      false Short Data Agent;
    GetSkills               "get_skills"               Session Read      false Short Data Agent;
    GetTools                "get_tools"                Session Read      false Short Data Agent;
    ListSessionFiles        "list_session_files"       Session Read      false Short Data Agent;
    Prompt                  "prompt"                   Session Turn      true  Turn  Data Agent;
    Compact                 "compact"                  Session Turn      true  Turn  Data Agent;
    Bash                    "bash"                     Session Turn      true  Turn  Data Agent;
    NewSession              "new_session"              Session Turn      true  Turn  Data Agent;
    SwitchSessionFile       "switch_session_file"      Session Turn      true  Turn  Data Shell;
    Fork                    "fork"                     Session Turn      true  Turn  Data Agent;
    NavigateTree            "navigate_tree"            Session Turn      true  Turn  Data Agent;
    Steer                   "steer"                    Session Interrupt true  Short Data Agent;
    FollowUp                "follow_up"                Session Interrupt true  Short Data Agent;
    Abort                   "abort"                    Session Interrupt true  Short Data Agent;
    AbortCompaction         "abort_compaction"         Session Interrupt true  Short Data Agent;
    AbortRetry              "abort_retry"              Session Interrupt true  Short Data Agent;
    AbortBash               "abort_bash"               Session Interrupt true  Short Data Agent;
    SetModel                "set_model"                Session Write     true  Short Data Agent;
    CycleModel              "cycle_model"              Session Write     true  Short Data Agent;
    SetThinkingLevel        "set_thinking_level"       Session Write     true  Short Data Agent;
    CycleThinkingLevel      "cycle_thinking_level"     Session Write     true  Short Data Agent;
    SetAutoCompaction       "set_auto_compaction"      Session Write     true  Short Data Agent;
    SetAutoRetry            "set_auto_retry"           Session Write     true  Short Data Agent;
    SetSessionName          "set_session_name"         Session Write     true  Never Data Agent;
    ExportHtml              "export_html"              Session Write     true  Never Data Agent;
}
