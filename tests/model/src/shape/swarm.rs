//! Swarm testing: each run likes other things, so that together the runs reach corners that runs
//! of one average taste would never reach. The taste is taken from the first choices of a run.

use pi_server_core::Limits;
use pi_server_core::command::CommandKind;

use crate::entropy::Entropy;

/// The taste of one run.
#[derive(Clone, Debug)]
pub(super) struct Swarm {
    /// Weights of [`Act`], in its order.
    acts: [u32; Act::ALL.len()],
    /// Weights of [`COMMANDS`].
    commands: [u32; COMMANDS.len()],
    /// Three sessions instead of two.
    pub(super) crowded: bool,
    /// One command in so many has a key, dependencies, a version, a timeout.
    pub(super) keys: u64,
    pub(super) dependencies: u64,
    pub(super) versions: u64,
    pub(super) timeouts: u64,
    /// Agents are processes, of which there may not be many.
    pub(super) pi: bool,
    /// The bounds of the run.
    pub(super) limits: Limits,
}

/// What may be generated next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// A new command.
    Fresh,
    /// An earlier command, exactly.
    Again,
    /// An earlier command with other content.
    Altered,
    /// An agent does what it was asked.
    Obey,
    /// An agent does something of its own accord.
    Spontaneous,
    /// An agent, or something that is none, says what it must not.
    Lie,
    /// A look-up is answered.
    Answer,
    /// A look-up is answered that nobody asked for, or in the wrong way.
    LieAnswer,
    /// The deadline is due.
    Tick,
    /// A tick before its time.
    EarlyTick,
    /// The clock jumps.
    Jump,
    /// A client comes.
    Open,
    /// A client goes.
    Close,
    /// A frame that is no command.
    Malformed,
    /// The journal has no room, or has room again.
    Storage,
    /// `kill -9` and a new life.
    Crash,
    /// A shutdown begins.
    Drain,
    /// A clean stop and a new life.
    Restart,
}

impl Act {
    const ALL: [Act; 18] = [
        Act::Fresh,
        Act::Again,
        Act::Altered,
        Act::Obey,
        Act::Spontaneous,
        Act::Lie,
        Act::Answer,
        Act::LieAnswer,
        Act::Tick,
        Act::EarlyTick,
        Act::Jump,
        Act::Open,
        Act::Close,
        Act::Malformed,
        Act::Storage,
        Act::Crash,
        Act::Drain,
        Act::Restart,
    ];
    /// Weights of an ordinary day, which a run's taste multiplies.
    const USUAL: [u32; Act::ALL.len()] = [40, 5, 4, 45, 4, 2, 25, 1, 6, 1, 2, 2, 1, 1, 1, 1, 1, 1];
}

/// What clients send, and how often on an ordinary day.
const COMMANDS: [(CommandKind, u32); 34] = [
    (CommandKind::CreateSession, 14),
    (CommandKind::LoadSession, 3),
    (CommandKind::DeleteSession, 3),
    (CommandKind::SwitchSession, 4),
    (CommandKind::Unsubscribe, 2),
    (CommandKind::ListSessions, 1),
    (CommandKind::ListStoredSessions, 1),
    (CommandKind::GetMetrics, 1),
    (CommandKind::HealthCheck, 1),
    (CommandKind::GetStartupRecovery, 1),
    (CommandKind::GetCommandHistory, 1),
    (CommandKind::GetCapabilities, 1),
    (CommandKind::SetInterest, 1),
    (CommandKind::CancelCommand, 5),
    (CommandKind::ReconcileCommand, 2),
    (CommandKind::ExtensionUiResponse, 5),
    (CommandKind::GetState, 4),
    (CommandKind::GetMessages, 6),
    (CommandKind::GetTree, 3),
    (CommandKind::Prompt, 18),
    (CommandKind::Compact, 3),
    (CommandKind::Bash, 6),
    (CommandKind::Fork, 2),
    (CommandKind::SwitchSessionFile, 2),
    (CommandKind::NavigateTree, 1),
    (CommandKind::Steer, 5),
    (CommandKind::FollowUp, 3),
    (CommandKind::Abort, 5),
    (CommandKind::AbortBash, 2),
    (CommandKind::AbortRetry, 1),
    (CommandKind::SetModel, 4),
    (CommandKind::SetThinkingLevel, 1),
    (CommandKind::SetSessionName, 3),
    (CommandKind::ExportHtml, 2),
];

impl Swarm {
    /// A taste.
    pub(super) fn new(entropy: &mut Entropy<'_>) -> Swarm {
        let mut acts = Act::USUAL;
        for weight in &mut acts {
            *weight *= [0, 1, 2, 2, 2, 3, 6, 2][below(entropy, 8)];
        }
        // A run in which nothing is asked or answered finds nothing.
        acts[0] = acts[0].max(20);
        let mut commands = COMMANDS.map(|(_, weight)| weight);
        for weight in &mut commands {
            *weight *= [0, 1, 1, 1, 1, 1, 2, 5][below(entropy, 8)];
        }
        commands[0] = commands[0].max(6);
        let rarity = [2, 4, 4, 8, 1_000_000];
        Swarm {
            acts,
            commands,
            crowded: entropy.once_in(3),
            keys: *entropy.pick(&rarity),
            dependencies: *entropy.pick(&rarity),
            versions: *entropy.pick(&rarity),
            timeouts: *entropy.pick(&rarity),
            pi: entropy.once_in(2),
            limits: limits(entropy),
        }
    }

    /// What comes next.
    pub(super) fn act(&self, entropy: &mut Entropy<'_>) -> Act {
        Act::ALL[entropy.weighted(&self.acts)]
    }

    /// What a client sends next.
    pub(super) fn command(&self, entropy: &mut Entropy<'_>) -> CommandKind {
        COMMANDS[entropy.weighted(&self.commands)].0
    }
}

/// The bounds of a run: those of every day, or some that are reached at once.
fn limits(entropy: &mut Entropy<'_>) -> Limits {
    let mut limits = Limits { rate: entropy.once_in(4), ..Limits::default() };
    let tiny: [(&str, &[u64]); 23] = [
        ("pending_per_connection_max", &[1, 3]),
        ("subscriptions_per_connection_max", &[1]),
        ("sessions_max", &[1, 2]),
        ("commands_in_flight_max", &[1, 4]),
        ("lane_waiting_max", &[1, 3]),
        ("waiters_per_command_max", &[1]),
        ("outcomes_max", &[1, 3]),
        ("unindexed_ids_max", &[10, 11, 12]),
        ("idempotency_keys_max", &[1, 4]),
        ("idempotency_ttl_ms", &[1, 10]),
        ("dialogs_max", &[1, 2]),
        ("session_burst", &[1, 3]),
        ("connection_burst", &[1, 4]),
        ("control_burst", &[1, 3]),
        ("dialog_burst", &[1]),
        ("session_per_second", &[1, 1_000]),
        ("provider_failures", &[1, 2]),
        ("bash_failures", &[1, 2]),
        ("bash_global_failures", &[1, 2]),
        ("circuit_probes", &[1]),
        ("circuit_successes", &[1]),
        ("agents_max", &[1, 1, 2]),
        ("agents_starting_max", &[1]),
    ];
    if entropy.once_in(2) {
        for (name, values) in tiny {
            if entropy.once_in(4) {
                limits.set(name, *entropy.pick(values)).expect("tiny bounds are within range");
            }
        }
    }
    if limits.outcomes_max < 10 {
        // Costs no choice.
        limits.read_outcomes_max = 4 - limits.outcomes_max;
    }
    if entropy.once_in(2) {
        let times = [
            "short_timeout_ms",
            "turn_timeout_ms",
            "dependency_timeout_ms",
            "agent_start_timeout_ms",
            "run_start_timeout_ms",
            "stop_grace_ms",
            "drain_timeout_ms",
            "circuit_open_ms",
            "provider_window_ms",
            "agent_idle_ms",
        ];
        for name in times {
            let ms = *entropy.pick(&[10, 40, 200, 30_000]);
            limits.set(name, ms).expect("short times are within range");
        }
    }
    limits
}

fn below(entropy: &mut Entropy<'_>, bound: u64) -> usize {
    usize::try_from(entropy.below(bound)).unwrap_or(0)
}
