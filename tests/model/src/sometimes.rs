//! Situations that a campaign must have come to sometimes. A generator or a corpus that never comes to
//! one of them checks less than it seems to, and nothing else would say so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pi_server_core::command::{CommandKind, TABLE};
use pi_server_core::failure::ErrorCode;
use pi_server_core::frame::{DialogEnd, Frame, Gone, MadeUp, Outcome, Phase};
use pi_server_core::input::{AgentEvent, AgentSaid, InputKind};
use pi_server_core::output::{Ask, Output};
use pi_server_core::{AgentNo, CommandNo, Input};

/// What a situation is called: its group and its name.
type Name = (&'static str, &'static str);

const FAILS: &str = "fails";
const SUCCEEDS: &str = "succeeds";
const DIALOG: &str = "dialog is";
const ALSO: &str = "also";

const DIALOG_ENDS: [DialogEnd; 4] =
    [DialogEnd::Answered, DialogEnd::Dismissed, DialogEnd::TimedOut, DialogEnd::Withdrawn];

/// What else a step can show. `meets` says of each which outputs show it.
const OTHERS: [&str; 17] = [
    "an outcome is given again",
    "an agent goes on from its file",
    "a turn is interrupted",
    "an agent is ended",
    "a dialog is dismissed at the agent",
    "a client catches up",
    "a subscription ends",
    "a client wants fewer frames",
    "a start after a clean stop",
    "work goes on after a crash",
    "work is lost in a crash",
    "the daemon exits",
    "a run is cut off by its agent",
    "a run is cut off by the daemon",
    "a compaction is cut off",
    "a command is given to a second agent",
    "something is asked before the run of its session has begun",
];

/// How often each was met.
#[derive(Clone, Debug, Default)]
pub struct Sometimes {
    met: BTreeMap<Name, u64>,
    /// The commands that were given to agents in this life.
    called: BTreeSet<CommandNo>,
    /// Sessions' agents that were given a prompt and have not said anything of a run.
    asked: BTreeSet<AgentNo>,
}

impl Sometimes {
    /// Nothing yet.
    pub fn new() -> Sometimes {
        Sometimes::default()
    }

    /// Takes note of a step.
    pub fn note(&mut self, input: &Input, outputs: &[Output]) {
        match &input.kind {
            InputKind::Boot(_) => {
                self.called.clear();
                self.asked.clear();
            }
            InputKind::Agent {
                agent,
                said:
                    AgentSaid::Event(AgentEvent::RunStarted)
                    | AgentSaid::Exited(_)
                    | AgentSaid::Replied { .. },
            } => {
                self.asked.remove(agent);
            }
            _ => {}
        }
        for output in outputs {
            match output {
                Output::Deliver { frame, .. } => self.frame(input, frame),
                Output::Ask(ask) => self.ask(ask),
                Output::Subscribe { after: Some(_), .. } => self.also("a client catches up"),
                Output::Unsubscribe { .. } => self.also("a subscription ends"),
                Output::SetInterest { .. } => self.also("a client wants fewer frames"),
                Output::Exit => self.also("the daemon exits"),
                Output::Subscribe { after: None, .. }
                | Output::Admit { .. }
                | Output::Leave { .. }
                | Output::Unlist { .. }
                | Output::Query { .. } => {}
            }
        }
    }

    /// What was never met.
    pub fn never(&self) -> Vec<String> {
        let missing = all().filter(|name| !self.met.contains_key(name));
        missing.map(|(group, name)| format!("{group} {name}")).collect()
    }

    fn frame(&mut self, input: &Input, frame: &Frame) {
        match frame {
            Frame::Response { outcome, replayed, .. } => {
                self.failure(outcome);
                if *replayed {
                    self.also("an outcome is given again");
                }
            }
            Frame::Lifecycle { envelope, phase: Phase::Finished(outcome), .. } => {
                self.failure(outcome);
                if outcome.result.is_ok() {
                    self.meet((SUCCEEDS, envelope.kind.row().name));
                }
            }
            Frame::DialogClosed { how, .. } => self.meet((DIALOG, dialog(*how))),
            Frame::Interrupted { what: MadeUp::CompactionEnd, .. } => {
                self.also("a compaction is cut off");
            }
            Frame::Interrupted { what: MadeUp::AgentEnd, gone: Gone::Daemon, .. } => {
                self.also("a run is cut off by the daemon");
            }
            Frame::Interrupted { what: MadeUp::AgentEnd, gone: Gone::Agent { .. }, .. } => {
                self.also("a run is cut off by its agent");
            }
            // Every client is told of the start before it.
            Frame::RecoverySummary(report) if matches!(input.kind, InputKind::Opened(_)) => {
                if report.clean && report.boot > 1 {
                    self.also("a start after a clean stop");
                }
                if report.recoverable > 0 {
                    self.also("work goes on after a crash");
                }
                if report.failed > 0 {
                    self.also("work is lost in a crash");
                }
            }
            _ => {}
        }
    }

    fn ask(&mut self, ask: &Ask) {
        match ask {
            Ask::Spawn { resume: Some(_), .. } => self.also("an agent goes on from its file"),
            Ask::Interrupt { .. } => self.also("a turn is interrupted"),
            Ask::Kill { .. } => self.also("an agent is ended"),
            Ask::Dialog { answer: None, .. } => self.also("a dialog is dismissed at the agent"),
            Ask::Call { agent, call, kind, .. } => {
                if !self.called.insert(*call) {
                    self.also("a command is given to a second agent");
                }
                if self.asked.contains(agent) {
                    self.also("something is asked before the run of its session has begun");
                } else if *kind == CommandKind::Prompt {
                    self.asked.insert(*agent);
                }
            }
            Ask::Spawn { resume: None, .. } | Ask::Dialog { answer: Some(_), .. } => {}
        }
    }

    fn failure(&mut self, outcome: &Outcome) {
        if let Err(failure) = &outcome.result {
            self.meet((FAILS, failure.code().name()));
        }
    }

    fn also(&mut self, name: &'static str) {
        self.meet((ALSO, name));
    }

    fn meet(&mut self, name: Name) {
        *self.met.entry(name).or_default() += 1;
    }
}

/// Every situation there is.
fn all() -> impl Iterator<Item = Name> {
    let failures = ErrorCode::ALL.iter().map(|code| (FAILS, code.name()));
    let successes = TABLE.iter().map(|row| (SUCCEEDS, row.name));
    let dialogs = DIALOG_ENDS.iter().map(|how| (DIALOG, dialog(*how)));
    failures.chain(successes).chain(dialogs).chain(OTHERS.iter().map(|name| (ALSO, *name)))
}

fn dialog(how: DialogEnd) -> &'static str {
    match how {
        DialogEnd::Answered => "answered",
        DialogEnd::Dismissed => "dismissed",
        DialogEnd::TimedOut => "timed out",
        DialogEnd::Withdrawn => "withdrawn",
    }
}

impl fmt::Display for Sometimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in all() {
            let count = self.met.get(&name).copied().unwrap_or(0);
            writeln!(f, "{count:>9}  {} {}", name.0, name.1)?;
        }
        Ok(())
    }
}
