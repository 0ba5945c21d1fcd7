//! Section 7.3: which command starts next, and what is due of a command: section 9.

use pi_server_core::command::{Class, CommandKind};
use pi_server_core::failure::Failure;
use pi_server_core::input::RuleSet;
use pi_server_core::output::{Ask, Output};
use pi_server_core::{CommandNo, Micros, Text};

use super::Model;
use super::types::{Command, Lane, Needs, Place, Run, Stopping};

impl Model {
    /// First the failures that follow from others, then what can start, until nothing can.
    pub(super) fn settle(&mut self) {
        loop {
            self.fail_doomed();
            if let Some(no) = self.next_to_start() {
                self.start(no);
            } else {
                return;
            }
        }
    }

    /// Ends the commands that end because of others.
    pub(super) fn fail_doomed(&mut self) {
        while !self.doomed.is_empty() {
            let (no, ending) = self.doomed.remove(0);
            self.finish(no, ending);
        }
    }

    fn next_to_start(&self) -> Option<CommandNo> {
        if self.exited {
            return None;
        }
        let next = self.sequences.keys().filter_map(|lane| self.next_of_lane(lane));
        next.min_by_key(|no| {
            let session = self.find(*no).and_then(|command| command.session.as_ref());
            self.choices.place(*no, session)
        })
    }

    fn next_of_lane(&self, lane: &Lane) -> Option<CommandNo> {
        let waiting =
            || self.commands.iter().filter(move |c| c.lane() == lane && c.place == Place::Waiting);
        let mut order: Vec<&Command> = waiting().collect();
        order.sort_by_key(|c| c.lane_sequence);
        for (place, command) in order.iter().enumerate() {
            let passes = order[..place].iter().all(|other| may_pass(command, other));
            if passes && self.can_start(command) {
                return Some(command.no);
            }
        }
        None
    }

    fn can_start(&self, command: &Command) -> bool {
        let lane = command.lane();
        let head = self.commands.iter().any(|c| c.lane() == lane && c.place == Place::Head);
        if head || !command.open.is_empty() {
            return false;
        }
        if self.waits_for_a_run(command) {
            return false;
        }
        if command.kind().row().class != Class::Turn {
            return true;
        }
        let session = command.session.as_ref().expect("a turn has a session");
        let agent = self.agent_of(session);
        if agent.is_some_and(|agent| agent.compacting) {
            return false;
        }
        match agent.map_or(&Run::Idle, |agent| &agent.run) {
            Run::Running if command.is_streaming() => true,
            Run::Idle => self.slot_is_free(session),
            Run::Running | Run::Asked | Run::Between { .. } => false,
        }
    }

    /// Since rule set 3, a prompt leaves the head when the agent has it. Until its run has begun, or while
    /// it asks something, only looking, stopping and answering come before it has.
    fn waits_for_a_run(&self, command: &Command) -> bool {
        let Some(id) = command.lane() else { return false };
        let asked = self.agent_of(id).is_some_and(|agent| agent.run == Run::Asked);
        let passes = command.kind().row().class == Class::Read
            || is_abort(command.kind())
            || command.kind() == CommandKind::ExtensionUiResponse;
        self.rules >= RuleSet::V3 && asked && !passes && !self.asks(id)
    }

    /// A dialog of the session is open.
    fn asks(&self, session: &Text) -> bool {
        self.dialogs.iter().any(|dialog| dialog.session == *session)
    }

    /// Section 9.1: the time of a turn stands still while its session's agent asks something.
    fn stands_still(&self, command: &Command) -> bool {
        let started = command.place != Place::Waiting && command.is_turn();
        let asks = command.session.as_ref().is_some_and(|id| self.asks(id));
        self.rules >= RuleSet::V3 && started && asks
    }

    /// Since the step before, so many microseconds have gone.
    pub(super) fn time_stands_still(&mut self, gone: u64) {
        let still: Vec<CommandNo> =
            self.commands.iter().filter(|c| self.stands_still(c)).map(|c| c.no).collect();
        for no in still {
            let command = self.find_mut(no).expect("it was just found");
            command.times_out = command.times_out.map(|(at, ms)| (Micros(at.0 + gone), ms));
        }
    }

    pub(super) fn slot_is_free(&self, session: &Text) -> bool {
        let taken = self
            .commands
            .iter()
            .any(|c| c.place == Place::Slot && c.session.as_ref() == Some(session));
        !taken && !self.stopping.iter().any(|s| s.session == *session)
    }

    /// Section 7.1: a lane lives as long as its session or its last command.
    pub(super) fn forget_empty_lanes(&mut self) {
        let (sessions, commands) = (&self.sessions, &self.commands);
        self.sequences.retain(|lane, _| match lane {
            None => true,
            Some(id) => {
                sessions.iter().any(|s| s.id == *id) || commands.iter().any(|c| c.lane() == lane)
            }
        });
    }

    pub(super) fn command_due_at(&self, command: &Command) -> Option<Micros> {
        if command.place == Place::Waiting {
            // The order of its own lane is a wait without a limit.
            let lane = command.lane();
            let other = |no: &CommandNo| self.find(*no).is_some_and(|c| c.lane() != lane);
            let limit = self.limits.dependency_timeout_ms;
            let waits = command.open.iter().any(|(no, _)| other(no));
            return waits.then(|| command.admitted_at.plus_ms(limit));
        }
        let counts = !self.stands_still(command);
        let timeout = command.times_out.map(|(at, _)| at).filter(|_| counts);
        let run = match command.needs {
            Needs::RunBegin { by, handled_at } => Some(handled_at.unwrap_or(by)),
            Needs::Nothing | Needs::LookUp | Needs::Agent | Needs::Reply | Needs::RunEnd => None,
        };
        timeout.into_iter().chain(run).min()
    }

    pub(super) fn command_is_due(&mut self, no: CommandNo) {
        let Some(command) = self.find(no).cloned() else { return };
        let now = self.now;
        if command.place == Place::Waiting {
            let ms = self.limits.dependency_timeout_ms;
            return self.finish(no, Err(Failure::DependencyTimeout { ms }));
        }
        let run = match command.needs {
            Needs::RunBegin { by, handled_at } => handled_at.unwrap_or(by),
            Needs::Nothing | Needs::LookUp | Needs::Agent | Needs::Reply | Needs::RunEnd => {
                Micros(u64::MAX)
            }
        };
        // After a jump of the clock both may be due; the earlier one counts.
        if let Some((at, ms)) = command.times_out
            && at <= now
            && at <= run
            && !self.stands_still(&command)
        {
            return self.stop(no, Failure::Timeout { ms });
        }
        if let Needs::RunBegin { by, handled_at } = command.needs {
            let session = command.session.clone().expect("a prompt has a session");
            if handled_at.is_some_and(|at| at <= now) {
                self.set_idle(&session);
                return self.finish(no, Ok(pi_server_core::frame::Data::None));
            }
            if by <= now {
                let ms = self.limits.run_start_timeout_ms;
                self.set_idle(&session);
                self.finish(no, Err(Failure::RunNotStarted { ms }));
            }
        }
    }

    fn set_idle(&mut self, session: &Text) {
        let agent = self.agents.iter_mut().find(|agent| agent.session == *session);
        if let Some(agent) = agent
            && agent.run == Run::Asked
        {
            agent.run = Run::Idle;
        }
    }

    /// Sections 9.2 and 9.3: a started command ends although its agent has not ended it.
    pub(super) fn stop(&mut self, no: CommandNo, failure: Failure) {
        let Some(command) = self.find(no).cloned() else { return };
        if command.is_turn() && command.agent.is_some() {
            let session = command.session.clone().expect("a turn has a session");
            self.stopping.push(Stopping {
                session: session.clone(),
                command: no,
                kind: command.kind(),
                until: self.now.plus_ms(self.limits.stop_grace_ms),
                begin_by: match command.needs {
                    Needs::RunBegin { by, handled_at } => Some(handled_at.unwrap_or(by)),
                    _ => None,
                },
            });
            let agent = self.agent_of(&session).expect("it was given to the agent");
            let ask = Ask::Interrupt { agent: agent.no, kind: command.kind() };
            self.seen.ask(&ask);
            if command.kind() == CommandKind::Prompt {
                self.withdraw_dialogs(&session, true);
            }
        }
        self.finish(no, Err(failure));
        if command.creates() {
            let session = command.session.clone().expect("a creation has a session");
            self.forget_agent(&session);
        }
    }

    /// The agent took the prompt that was stopped, and no run has begun.
    pub(super) fn stopped_without_run(&mut self, no: CommandNo) {
        let Some(place) = self.stopping.iter().position(|s| s.command == no) else { return };
        let session = self.stopping.remove(place).session;
        self.set_idle(&session);
    }

    /// Section 7.2: the agent did not stop in time, so it is ended.
    pub(super) fn stop_is_due(&mut self, no: CommandNo) {
        let Some(stopping) = self.stopping.iter_mut().find(|s| s.command == no) else { return };
        let session = stopping.session.clone();
        // It stays taken until the agent is gone.
        stopping.until = Micros(u64::MAX);
        self.end_agent(&session);
    }

    pub(super) fn ask_shell(&mut self, output: &Output) {
        self.seen.rest(output);
    }
}

/// The table of section 7.3.
fn may_pass(command: &Command, other: &Command) -> bool {
    match command.kind().row().class {
        Class::Read => other.kind().row().class == Class::Turn,
        Class::Interrupt => !other.creates(),
        Class::Turn => command.is_streaming() && !other.creates(),
        Class::Write => false,
    }
}

/// The rows of section 7.2 that leave the head when they have been passed to the agent.
pub(super) fn is_abort(kind: CommandKind) -> bool {
    matches!(
        kind,
        CommandKind::Abort
            | CommandKind::AbortCompaction
            | CommandKind::AbortRetry
            | CommandKind::AbortBash
    )
}
