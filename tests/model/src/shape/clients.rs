//! Commands as clients send them: few ids, few sessions, and a liking for what was sent before.

use pi_server_core::command::{CommandKind, Target};
use pi_server_core::input::{Details, DialogMethod, Envelope, HistoryFilter, Interest};
use pi_server_core::state::epoch_of;
use pi_server_core::{Digest, Seq, Text};

use super::swarm::Swarm;
use crate::entropy::Entropy;

const IDS: [&str; 8] = ["1", "2", "3", "4", "5", "6", "7", "8"];
const SESSIONS: [&str; 3] = ["a", "b", "c"];
const KEYS: [&str; 3] = ["k1", "k2", "k3"];

/// What a new command may refer to.
pub(super) struct Known<'a> {
    /// Ids that were sent before, newest last.
    pub(super) recent: &'a [Text],
    /// A dialog that is open.
    pub(super) dialog: Option<(Text, DialogMethod)>,
    /// The newest input.
    pub(super) seq: Seq,
    /// Lives that there were.
    pub(super) boots: u64,
}

/// A command that was not sent before, except by chance.
pub(super) fn fresh(swarm: &Swarm, known: &Known<'_>, entropy: &mut Entropy<'_>) -> Envelope {
    let kind = kin(swarm.command(entropy), known.seq);
    let sessions = &SESSIONS[..if swarm.crowded { 3 } else { 2 }];
    let session = match kind.row().target {
        Target::Server => None,
        Target::Creates if entropy.once_in(8) => None,
        Target::Creates | Target::Session => Some(Text::from(*entropy.pick(sessions))),
    };
    let mut envelope = Envelope {
        kind,
        id: if entropy.once_in(4) { None } else { Some(Text::from(*entropy.pick(&IDS))) },
        session,
        depends_on: Vec::new(),
        if_session_version: None,
        idempotency_key: None,
        timeout_ms: None,
        fingerprint: Digest::default(),
        details: details(kind, known, entropy),
    };
    if entropy.once_in(swarm.keys) {
        envelope.idempotency_key = Some(Text::from(*entropy.pick(&KEYS)));
    }
    if envelope.id.is_some() && entropy.once_in(swarm.dependencies) {
        for _ in 0..=entropy.below(2) {
            let id = if known.recent.is_empty() || entropy.once_in(6) {
                Text::from(*entropy.pick(&IDS))
            } else {
                entropy.pick(known.recent).clone()
            };
            envelope.depends_on.push(id);
        }
    }
    if kind.row().target == Target::Session && entropy.once_in(swarm.versions) {
        envelope.if_session_version = Some(entropy.below(4));
    }
    if entropy.once_in(swarm.timeouts) {
        envelope.timeout_ms = Some(*entropy.pick(&[1, 5, 50, 5_000]));
    }
    envelope
}

/// Commands for which the same rules hold take turns by the number of the input, which costs no
/// choice: a run of a seed, or of a corpus, stays the run that it is.
fn kin(kind: CommandKind, seq: Seq) -> CommandKind {
    let kin: &[CommandKind] = match kind {
        CommandKind::GetTree => &[
            CommandKind::GetTree,
            CommandKind::GetSessionStats,
            CommandKind::GetForkMessages,
            CommandKind::GetLastAssistantText,
            CommandKind::GetContextUsage,
            CommandKind::GetAvailableModels,
            CommandKind::GetCommands,
            CommandKind::GetSkills,
            CommandKind::GetTools,
            CommandKind::ListSessionFiles,
        ],
        CommandKind::SetModel => &[CommandKind::SetModel, CommandKind::CycleModel],
        CommandKind::SetThinkingLevel => &[
            CommandKind::SetThinkingLevel,
            CommandKind::CycleThinkingLevel,
            CommandKind::SetAutoCompaction,
            CommandKind::SetAutoRetry,
        ],
        CommandKind::AbortRetry => &[CommandKind::AbortRetry, CommandKind::AbortCompaction],
        CommandKind::SwitchSessionFile => {
            &[CommandKind::SwitchSessionFile, CommandKind::NewSession]
        }
        _ => return kind,
    };
    let place = usize::try_from(seq.0).unwrap_or(0) % kin.len();
    kin[place]
}

/// The same command with something changed that makes it another one.
pub(super) fn altered(envelope: &Envelope, entropy: &mut Entropy<'_>) -> Envelope {
    let mut other = envelope.clone();
    if entropy.once_in(2) {
        other.timeout_ms = match envelope.timeout_ms {
            None => Some(7),
            Some(ms) => Some(ms + 1),
        };
    } else if entropy.once_in(2) && !envelope.depends_on.is_empty() {
        other.depends_on.clear();
    } else {
        other.kind = match envelope.kind {
            CommandKind::GetState => CommandKind::GetMessages,
            _ => CommandKind::GetState,
        };
        other.session = Some(envelope.session.clone().unwrap_or_else(|| Text::from(SESSIONS[0])));
        other.details = Details::None;
    }
    other
}

fn details(kind: CommandKind, known: &Known<'_>, entropy: &mut Entropy<'_>) -> Details {
    let target = |entropy: &mut Entropy<'_>| {
        if known.recent.is_empty() || entropy.once_in(5) {
            Text::from(*entropy.pick(&IDS))
        } else {
            entropy.pick(known.recent).clone()
        }
    };
    match kind {
        CommandKind::Prompt => {
            Details::Prompt { streaming: entropy.once_in(4), slash: entropy.once_in(4) }
        }
        CommandKind::CreateSession => {
            Details::Create { cwd: if entropy.once_in(2) { Some(Text::from("/w")) } else { None } }
        }
        CommandKind::LoadSession | CommandKind::SwitchSessionFile => {
            let path = *entropy.pick(&["/f1.jsonl", "/f2.jsonl", "/f3.jsonl"]);
            Details::Load { path: Text::from(path) }
        }
        CommandKind::SwitchSession => {
            let after = entropy.below(known.seq.0 + 3);
            let cursor = if entropy.once_in(2) { Some(Seq(after)) } else { None };
            // The epochs take turns, which costs no choice: none, that of a life that there was or
            // was not, and what nobody was ever told.
            let boot = known.boots.saturating_sub(known.seq.0 / 8 % 3);
            match known.seq.0 % 8 {
                0 => Details::SwitchIn { cursor, epoch: epoch_of(boot, &[7; 16]) },
                1 => Details::SwitchIn { cursor, epoch: epoch_of(boot, &[8; 16]) },
                2 => Details::SwitchIn { cursor, epoch: epoch_of(known.boots + 1, &[7; 16]) },
                3 => Details::SwitchIn { cursor, epoch: Text::from("never") },
                _ => Details::Switch { cursor },
            }
        }
        CommandKind::ExtensionUiResponse => answer(known, entropy),
        CommandKind::CancelCommand => Details::Cancel { command: target(entropy) },
        CommandKind::ReconcileCommand => Details::Reconcile {
            command: target(entropy),
            succeeded: entropy.once_in(2),
            note: if entropy.once_in(2) { Some(Text::from("seen")) } else { None },
        },
        CommandKind::SetInterest => Details::Interest(*entropy.pick(&[
            Interest::All,
            Interest::Related,
            Interest::Own,
            Interest::Nothing,
        ])),
        CommandKind::GetCommandHistory => {
            Details::History(HistoryFilter { limit: 100, ..HistoryFilter::default() })
        }
        _ => Details::None,
    }
}

fn answer(known: &Known<'_>, entropy: &mut Entropy<'_>) -> Details {
    match &known.dialog {
        Some((request, method)) if !entropy.once_in(5) => {
            let cancelled = entropy.once_in(4);
            let method = if cancelled { DialogMethod::Cancelled } else { *method };
            Details::DialogAnswer { request: request.clone(), method }
        }
        _ => {
            let request = Text::from(format!("d{}", entropy.below(4)));
            let method = *entropy.pick(&[DialogMethod::Confirm, DialogMethod::Interview]);
            Details::DialogAnswer { request, method }
        }
    }
}
