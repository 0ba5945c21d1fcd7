//! Section 10.3: a daemon life begins.

use std::sync::Arc;

use pi_server_core::CommandNo;
use pi_server_core::failure::Failure;
use pi_server_core::frame::{Fate, Gone, RecoveredCommand, Recovery};
use pi_server_core::input::{Boot, RecoveryPolicy, RuleSet};
use pi_server_core::state::epoch_of;

use super::Model;
use super::types::{Bucket, Needs, Place};

/// How many commands the report lists.
const LISTED_MAX: usize = 100;

impl Model {
    pub(super) fn boot(&mut self, boot: &Boot) {
        self.alive = true;
        self.boots += 1;
        self.rules = boot.rules;
        if boot.rules >= RuleSet::V2 {
            self.wall = boot.wall;
            self.lives.push((self.boots, epoch_of(self.boots, &boot.entropy), self.seq));
        }
        self.limits = boot.limits.clone();
        self.server_version = boot.server_version.clone();
        self.default_agent = boot.agent;
        self.writable = true;
        self.drain_until = None;
        self.exited = false;
        self.conns.clear();
        for agent in std::mem::take(&mut self.agents) {
            self.cut_off(&agent, &Gone::Daemon);
        }
        self.stopping.clear();
        self.dialogs.clear();
        self.doomed.clear();
        self.absent.clear();
        for session in &mut self.sessions {
            session.info.queued = 0;
        }
        let all = self.providers.values_mut().chain(self.bash.values_mut());
        for circuit in all.chain([&mut self.bash_global]) {
            circuit.probes.clear();
        }
        if self.boots == 1 {
            self.control = Bucket::full(self.limits.control_burst, self.now);
        }
        let now = self.now;
        self.keys.retain(|key| key.ended.as_ref().is_none_or(|(_, end)| *end > now));
        let mut report = Recovery {
            journal_path: boot.journal_path.clone(),
            journal: boot.journal.clone(),
            clean: boot.clean,
            boot: self.boots,
            outcomes: self.stored.len() as u64,
            sessions: self.sessions.len() as u64,
            ..Recovery::default()
        };
        let mut endings: Vec<(CommandNo, Failure)> = Vec::new();
        for command in &mut self.commands {
            command.owner = None;
            command.waiters.clear();
            let fate = match (command.agent.is_some(), Model::only_reads(command)) {
                (true, false) => Fate::Unknown,
                _ if boot.recovery == RecoveryPolicy::Fail => Fate::NotRecovered,
                _ if command.body.redacted => Fate::Redacted,
                (true, true) => Fate::Read,
                (false, _) => Fate::NotStarted,
            };
            if report.in_flight.len() < LISTED_MAX {
                report.in_flight.push(RecoveredCommand {
                    command: command.no,
                    id: command.envelope.id.clone(),
                    kind: command.kind(),
                    session: command.session.clone(),
                    started: command.announced,
                    fate,
                });
            }
            match fate {
                Fate::Unknown => endings.push((command.no, Failure::OutcomeUnknown)),
                Fate::NotRecovered => endings.push((command.no, Failure::NotRecovered)),
                Fate::Redacted => endings.push((command.no, Failure::Redacted)),
                Fate::NotStarted | Fate::Read => {
                    report.recoverable += 1;
                    command.place = Place::Waiting;
                    command.needs = Needs::Nothing;
                    command.agent = None;
                    command.joined = false;
                    command.was_put_back = false;
                    command.times_out = None;
                    command.home = None;
                    command.provider = None;
                    command.admitted_at = now;
                }
            }
        }
        report.failed = endings.len() as u64;
        self.report = Arc::new(report);
        for (no, failure) in endings {
            self.finish(no, Err(failure));
        }
    }
}
