//! The start of a daemon life: what was in flight is classified here, as an ordinary step, so that
//! booting twice gives the same answer. PROTOCOL.md section 10.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::admission::count;
use super::lane::LaneKey;
use super::session::{Agent, Run};
use super::{Counters, Life, Stage, State};
use crate::command::Class;
use crate::failure::Failure;
use crate::frame::{Fate, Gone, RecoveredCommand, Recovery};
use crate::ids::{CommandNo, Text};
use crate::input::{Boot, RecoveryPolicy, RuleSet};
use crate::output::Outputs;

/// Recovered commands that the report lists; the counts cover all.
const LISTED_MAX: usize = 100;

impl State {
    pub(super) fn boot(&mut self, boot: &Boot, outputs: &mut Outputs) {
        super::bump(&mut self.boots);
        self.rules = boot.rules;
        self.limits = boot.limits.clone();
        self.server_version = boot.server_version.clone();
        self.entropy = boot.entropy;
        match boot.rules {
            RuleSet::V1 => {}
            RuleSet::V2 | RuleSet::V3 => {
                self.walls.started(self.now, boot.wall, self.boots == 1);
                self.lives.begin(super::lives::Life::new(self.boots, &boot.entropy, self.seq));
            }
        }
        self.identity.seed(boot.entropy);
        self.identity.adopt(boot.rules, self.seq);
        self.agent_kind = boot.agent;
        self.default_cwd = boot.default_cwd.clone();
        self.life = Life::Running;
        self.writable = true;
        self.counters = Counters::default();
        self.agent_versions.clear();
        self.absent.clear();
        self.conns.clear();
        self.agents.clear();
        self.wanted.clear();
        self.due.clear_all();
        self.dirty.clear();
        self.doomed.clear();
        self.bash.recall();
        self.providers.values_mut().for_each(super::breaker::Breaker::recall);
        self.identity.leave_all();
        self.identity.expire_keys(self.now);
        let outcomes = self.identity.outcome_count();
        self.reset_sessions(outputs);
        self.lanes.values_mut().for_each(super::lane::Lane::reset);
        let found: Vec<RecoveredCommand> = self.classify(boot.recovery);
        self.recovery = Arc::new(Recovery {
            journal_path: boot.journal_path.clone(),
            journal: boot.journal.clone(),
            clean: boot.clean,
            boot: self.boots,
            outcomes,
            sessions: count(self.sessions.len()),
            recoverable: fates(&found, true),
            failed: fates(&found, false),
            in_flight: found.iter().take(LISTED_MAX).cloned().collect(),
        });
        for command in &found {
            self.recover(command, outputs);
        }
        let lanes: Vec<LaneKey> = self.lanes.keys().cloned().collect();
        for key in lanes {
            self.dirty.insert(key);
        }
    }

    /// No agent outlives its daemon. Sessions whose creation had not succeeded were never there.
    fn reset_sessions(&mut self, outputs: &mut Outputs) {
        self.sessions.retain(|_, session| session.creating.is_none());
        let known: Vec<Text> = self.sessions.keys().cloned().collect();
        for id in known {
            self.interrupted(&id, &Gone::Daemon, outputs);
        }
        for session in self.sessions.values_mut() {
            session.agent = Agent::Down;
            session.run = Run::Idle;
            session.compacting = false;
            session.asked.clear();
            session.dialogs.clear();
            session.stop_by = None;
            session.abort_came_early = false;
            session.idle_since = None;
            session.info.queued = 0;
            session.bash.recall();
            session.touch();
        }
    }

    /// Decides about every command in flight, in the order of their admission.
    fn classify(&self, policy: RecoveryPolicy) -> Vec<RecoveredCommand> {
        let fate = |stage: Stage, class: Class| match (stage, class) {
            (Stage::Asked(_), Class::Turn | Class::Write | Class::Interrupt) => Fate::Unknown,
            (Stage::Asked(_), Class::Read) => Fate::Read,
            (Stage::Waiting | Stage::Starting | Stage::Querying, _) => Fate::NotStarted,
        };
        let decide = |fate: Fate, redacted: bool| match (fate, policy) {
            (Fate::NotStarted | Fate::Read, RecoveryPolicy::Fail) => Fate::NotRecovered,
            // An agent would be given something else than what the client has said.
            (Fate::NotStarted | Fate::Read, RecoveryPolicy::Resume) if redacted => Fate::Redacted,
            (fate, _) => fate,
        };
        self.commands
            .iter()
            .map(|(number, command)| RecoveredCommand {
                command: *number,
                id: command.envelope.id.clone(),
                kind: command.envelope.kind,
                session: command.session.clone(),
                started: command.announced,
                fate: decide(
                    fate(command.stage, command.envelope.kind.row().class),
                    command.frame.redacted,
                ),
            })
            .collect()
    }

    fn recover(&mut self, found: &RecoveredCommand, outputs: &mut Outputs) {
        match found.fate {
            Fate::Unknown => {
                self.finish_failed(found.command, Failure::OutcomeUnknown, outputs);
            }
            Fate::NotRecovered => {
                self.finish_failed(found.command, Failure::NotRecovered, outputs);
            }
            Fate::Redacted => {
                self.finish_failed(found.command, Failure::Redacted, outputs);
            }
            Fate::NotStarted | Fate::Read => self.run_again(found.command),
        }
    }

    /// Puts a command back to its old place in its lane. Who sent it is gone; the answer is found
    /// again by id.
    fn run_again(&mut self, number: CommandNo) {
        let Some(command) = self.commands.get_mut(&number) else { return };
        command.conn = None;
        command.waiters.clear();
        command.asked_again = false;
        self.put_back(number);
        // Time that the daemon was away is not held against a command.
        self.arm_dependency_wait(number);
    }

    /// The lane of a session, as the wire and the history name it.
    pub(super) fn lane_name(key: &LaneKey) -> Text {
        match key {
            LaneKey::Server => Text::from("server"),
            LaneKey::Session(id) => Text::from(alloc::format!("session:{id}")),
        }
    }
}

fn fates(found: &[RecoveredCommand], again: bool) -> u64 {
    let runs = |command: &&RecoveredCommand| match command.fate {
        Fate::NotStarted | Fate::Read => again,
        Fate::Unknown | Fate::NotRecovered | Fate::Redacted => !again,
    };
    count(found.iter().filter(runs).count())
}
