//! What went wrong, in one list: what a person who opens a journal wants to see first.

use std::collections::{BTreeMap, BTreeSet};

use pi_server_core::input::{AgentEvent, AgentSaid, Input, InputKind};
use pi_server_core::output::{Ask, Output};
use pi_server_core::{AgentNo, CommandNo, Micros, Text};

use super::{Bar, Chart, End, Step};
use crate::times::Iso;

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// When it was seen.
    pub step: Step,
    /// What it is.
    pub kind: ProblemKind,
    /// The session it is about, if it is about one.
    pub session: Option<Text>,
    /// The command it is about, if it is about one.
    pub command: Option<CommandNo>,
    /// What happened, in words.
    pub words: String,
    /// Where it began, if it lasted until it was seen: the daemon was away.
    pub since: Option<Micros>,
}

/// What a problem is, in the order in which counts of them are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemKind {
    /// The daemon ended without a stop, and was away until the next boot.
    Crash,
    /// The daemon was stopped and was away until the next boot.
    Downtime,
    /// The disk could not be written.
    Storage,
    /// An agent exited without having been told to.
    AgentDied,
    /// A run of an agent ended with an error of its model provider.
    ProviderError,
    /// An agent tried again after an error.
    Retry,
    /// A command failed.
    Failed,
    /// A command took too long.
    TimedOut,
    /// A command was cancelled.
    Cancelled,
    /// A command was not admitted.
    Refused,
    /// A frame was no command.
    Malformed,
    /// A command had not ended where the journal, or the part of it, ends.
    Open,
}

impl ProblemKind {
    /// As reports name it.
    pub fn name(self) -> &'static str {
        match self {
            ProblemKind::Crash => "crash",
            ProblemKind::Downtime => "downtime",
            ProblemKind::Storage => "disk full",
            ProblemKind::AgentDied => "agent died",
            ProblemKind::ProviderError => "provider error",
            ProblemKind::Retry => "retry",
            ProblemKind::Failed => "failed",
            ProblemKind::TimedOut => "timed out",
            ProblemKind::Cancelled => "cancelled",
            ProblemKind::Refused => "refused",
            ProblemKind::Malformed => "malformed",
            ProblemKind::Open => "not over",
        }
    }
}

/// Finds the problems that are no ends of commands, step by step.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// Agents that were told to exit.
    killed: BTreeSet<AgentNo>,
    /// When the last input came, on the wall.
    last: Option<Micros>,
}

impl Watch {
    /// Begins after an input of that time.
    pub(super) fn behind(last: Option<Micros>) -> Watch {
        Watch { last, ..Watch::default() }
    }

    /// What is wrong in a step. `session` is the one that the input is about.
    pub(super) fn see(
        &mut self,
        input: &Input,
        step: Step,
        outputs: &[Output],
        session: Option<&Text>,
    ) -> Option<Problem> {
        for output in outputs {
            if let Output::Ask(Ask::Kill { agent }) = output {
                self.killed.insert(*agent);
            }
        }
        let before = self.last.replace(step.at);
        let mut began = None;
        let (kind, words) = match &input.kind {
            InputKind::Boot(boot) => {
                self.killed.clear();
                let since = before?;
                began = Some(since);
                let away = step.at.0.saturating_sub(since.0);
                let (kind, how) = if boot.clean {
                    (ProblemKind::Downtime, "stopped")
                } else {
                    (ProblemKind::Crash, "ended without a stop")
                };
                let (seconds, millis) = (away / 1_000_000, away / 1_000 % 1_000);
                let words = format!(
                    "the daemon {how} after {} and was away for {seconds}.{millis:03} s",
                    Iso(since)
                );
                (kind, words)
            }
            InputKind::Storage { writable: false } => {
                (ProblemKind::Storage, "the journal cannot be written".into())
            }
            InputKind::Malformed { .. } => (ProblemKind::Malformed, input.to_string()),
            InputKind::Agent { agent, said } => match said {
                AgentSaid::Exited(exit) => {
                    if self.killed.remove(agent) {
                        return None;
                    }
                    (ProblemKind::AgentDied, format!("a{agent}: {}", exit.status))
                }
                AgentSaid::Unavailable { why } => {
                    (ProblemKind::AgentDied, format!("a{agent}: {why}"))
                }
                AgentSaid::Event(AgentEvent::RunEnded { failed: true, will_retry }) => {
                    let more = if *will_retry { ", and tries again" } else { "" };
                    let words = format!("a{agent}: the run ended with the provider's error{more}");
                    (ProblemKind::ProviderError, words)
                }
                AgentSaid::Event(AgentEvent::RunRefused { will_retry }) => {
                    let more = if *will_retry { ", and tries again" } else { "" };
                    let words = format!("a{agent}: the provider refused what it was asked{more}");
                    (ProblemKind::ProviderError, words)
                }
                AgentSaid::Event(AgentEvent::RetryScheduled) => {
                    (ProblemKind::Retry, format!("a{agent}: another attempt follows"))
                }
                AgentSaid::Event(_)
                | AgentSaid::Ready(_)
                | AgentSaid::Replied { .. }
                | AgentSaid::Info(_)
                | AgentSaid::Noise { .. } => return None,
            },
            InputKind::Opened(_)
            | InputKind::Closed { .. }
            | InputKind::Command { .. }
            | InputKind::Repeated { .. }
            | InputKind::Answered { .. }
            | InputKind::Storage { writable: true }
            | InputKind::Tick
            | InputKind::Wall { .. }
            | InputKind::Indexed { .. }
            | InputKind::Drain
            | InputKind::Stop => return None,
        };
        let session = session.cloned();
        Some(Problem { step, kind, session, command: None, words, since: began })
    }
}

impl Problem {
    /// What is wrong with a command, if anything is.
    pub fn of(bar: &Bar) -> Option<Problem> {
        let (kind, words) = match &bar.end {
            End::Failed(why) | End::Refused(why) => {
                let kind = match &bar.end {
                    End::Refused(_) => ProblemKind::Refused,
                    _ if why.code.contains("timeout") => ProblemKind::TimedOut,
                    _ if why.code.contains("cancel") => ProblemKind::Cancelled,
                    _ => ProblemKind::Failed,
                };
                (kind, format!("{}: {}", why.code, why.words))
            }
            End::Open => {
                let was = if bar.started.is_some() { "running" } else { "waiting" };
                (ProblemKind::Open, format!("it was {was} at the end"))
            }
            End::Done { .. } | End::Repeated => return None,
        };
        let (session, command) = (bar.session.clone(), Some(bar.number));
        Some(Problem { step: bar.last(), kind, session, command, words, since: None })
    }
}

impl Chart {
    /// Everything that went wrong, in the order in which it was seen.
    pub fn problems(&self) -> Vec<Problem> {
        let of_commands = self.bars.iter().filter_map(Problem::of);
        let mut all: Vec<Problem> = self.troubles.iter().cloned().chain(of_commands).collect();
        all.sort_by_key(|problem| (problem.step.seq, problem.command));
        all
    }
}

/// How many problems there are of each kind.
pub fn counts(problems: &[Problem]) -> BTreeMap<ProblemKind, u64> {
    let mut counts = BTreeMap::new();
    for problem in problems {
        *counts.entry(problem.kind).or_default() += 1;
    }
    counts
}
