//! How commands end: once, stored before it is told. PROTOCOL.md sections 6 and 9.

use alloc::sync::Arc;

use super::admission::{key_scope, waiting_entry};
use super::breaker::{Thresholds, Verdict};
use super::due::Wake;
use super::identity::Stored;
use super::lane::{LaneKey, Slot};
use super::session::Run;
use super::{Charge, Command, Stage, State, bump};
use crate::command::{CommandKind, Target};
use crate::failure::{ErrorCode, Failure};
use crate::frame::{CommandName, Data, Frame, Outcome, Phase};
use crate::ids::{CommandNo, ConnId, Text};
use crate::output::{Ask, Audience, Output, Outputs};

impl State {
    /// Ends a command as succeeded.
    pub(super) fn finish_done(&mut self, number: CommandNo, data: Data, outputs: &mut Outputs) {
        self.finish(number, Ok(data), outputs);
    }

    /// Ends a command as failed.
    pub(super) fn finish_failed(
        &mut self,
        number: CommandNo,
        failure: Failure,
        outputs: &mut Outputs,
    ) {
        self.finish(number, Err(failure), outputs);
    }

    fn finish(&mut self, number: CommandNo, result: Result<Data, Failure>, outputs: &mut Outputs) {
        // A second end finds nothing: the first one is the outcome for ever.
        let Some(mut command) = self.commands.remove(&number) else { return };
        self.waits_no_longer(number, &command.unmet);
        self.due.clear(command.deadline, Wake::Command(number));
        self.wanted.remove(&number);
        self.vacate(number, &mut command);
        self.learn(&command, &result);
        let session_version = self.version_after(&command, &result);
        bump(if result.is_ok() { &mut self.counters.succeeded } else { &mut self.counters.failed });
        self.release_dependents(number, &command, &result);
        let outcome = Arc::new(Outcome {
            result,
            session_version,
            lane_sequence: Some(command.lane_sequence),
            at: self.now,
        });
        self.store_and_tell(number, *command, outcome, outputs);
    }

    /// Puts a command that its agent has not done back to its old place in its lane.
    pub(super) fn ask_again(&mut self, number: CommandNo) {
        let Some(mut command) = self.commands.remove(&number) else { return };
        self.due.clear(command.deadline.take(), Wake::Command(number));
        let lane = command.lane.clone();
        self.vacate(number, &mut command);
        // Nothing has been learned of a provider.
        self.learn(&command, &Err(Failure::Cancelled));
        command.lane = lane;
        command.asked_again = true;
        self.commands.insert(number, command);
        self.put_back(number);
    }

    /// Makes a command wait again at its old place in its lane, as if it had never started. Its entry in
    /// the deadlines must be gone.
    pub(super) fn put_back(&mut self, number: CommandNo) {
        let Some(command) = self.commands.get_mut(&number) else { return };
        command.stage = Stage::Waiting;
        command.charge = Charge::None;
        command.deadline = None;
        command.paused_since = None;
        let entry = waiting_entry(number, &command.envelope, command.unmet.is_empty());
        let (lane, sequence) = (command.lane.clone(), command.lane_sequence);
        self.lanes.entry(lane).or_insert_with(super::lane::Lane::new).requeue(sequence, entry);
    }

    /// Frees the command's place in its lane, which it is in no more.
    fn vacate(&mut self, number: CommandNo, command: &mut Command) {
        if let Stage::Asked(_) = command.stage
            && let Some(session) = command.session.as_ref().and_then(|id| self.sessions.get_mut(id))
        {
            session.asked.remove(&number);
        }
        if let Some(lane) = self.lanes.get_mut(&command.lane) {
            match command.stage {
                Stage::Waiting => lane.withdraw(command.lane_sequence),
                Stage::Starting | Stage::Querying | Stage::Asked(_) => lane.vacate(number),
            }
            if lane.slot == Slot::Turn(number) {
                lane.slot = Slot::Free;
                self.occupy_by_run(&command.lane);
            }
        }
        self.dirty.insert(core::mem::replace(&mut command.lane, LaneKey::Server));
    }

    /// A free slot belongs to the agent's run if one is going that no command asked for.
    pub(super) fn occupy_by_run(&mut self, key: &LaneKey) {
        let LaneKey::Session(id) = key else { return };
        let running = self.sessions.get(id).is_some_and(super::session::Session::is_running);
        if let Some(lane) = self.lanes.get_mut(key)
            && running
            && lane.slot == Slot::Free
        {
            lane.slot = Slot::Foreign;
        }
    }

    fn learn(&mut self, command: &Command, result: &Result<Data, Failure>) {
        let session = command.session.as_ref();
        match &command.charge {
            Charge::None => {}
            Charge::Provider { name, probe } => {
                let run_failed = match command.envelope.kind {
                    CommandKind::Compact => Some(false),
                    _ => session.and_then(|id| self.sessions.get(id)?.run_failed),
                };
                let verdict = match (result, run_failed) {
                    (Ok(_), Some(true)) => Verdict::Failure,
                    (Ok(_), Some(false)) => Verdict::Success,
                    // What ended without a run, what the agent refuses and what the operator
                    // cancels say nothing of the provider.
                    (Ok(_), None) | (Err(_), _) => Verdict::Nothing,
                };
                let by = Thresholds::provider(&self.limits);
                if let Some(breaker) = self.providers.get_mut(name) {
                    breaker.learn(*probe, verdict, self.now, by);
                }
            }
            Charge::Bash { session: probe, common } => {
                let verdict = match result.as_ref().map_err(Failure::code) {
                    Ok(_) => Verdict::Success,
                    Err(ErrorCode::Timeout | ErrorCode::AgentExited | ErrorCode::AgentError) => {
                        Verdict::Failure
                    }
                    Err(_) => Verdict::Nothing,
                };
                if let Some(session) = session.and_then(|id| self.sessions.get_mut(id)) {
                    session.bash.learn(*probe, verdict, self.now, Thresholds::bash(&self.limits));
                }
                self.bash.learn(*common, verdict, self.now, Thresholds::bash_global(&self.limits));
            }
        }
    }

    fn version_after(&mut self, command: &Command, result: &Result<Data, Failure>) -> Option<u64> {
        if result.is_err() {
            return None;
        }
        let row = command.envelope.kind.row();
        match row.target {
            Target::Server => None,
            Target::Session if row.mutates => self.raise_version(command.session.as_ref()),
            Target::Session | Target::Creates => {
                let id = command.session.as_ref()?;
                self.open_session(id).map(|session| session.version)
            }
        }
    }

    /// One more successful mutation.
    pub(super) fn raise_version(&mut self, session: Option<&Text>) -> Option<u64> {
        let session = self.sessions.get_mut(session?)?;
        bump(&mut session.version);
        session.touch();
        Some(session.version)
    }

    fn release_dependents(
        &mut self,
        number: CommandNo,
        command: &Command,
        result: &Result<Data, Failure>,
    ) {
        for dependent in &command.dependents {
            match result {
                // The one rule that is another in a build for tests, which `pi-replay diff` has to find.
                Err(failure) if !cfg!(pi_server_other_rule) => {
                    // Only commands with an id have dependents.
                    let id = command.envelope.id.clone().unwrap_or_else(|| Text::from(""));
                    let failure = Failure::DependencyFailed { id, code: failure.code() };
                    self.doomed.push_back((*dependent, failure));
                }
                Ok(_) | Err(_) => self.dependency_met(*dependent, number),
            }
        }
    }

    /// Takes a command that has ended before its dependencies off their lists, so that those say who
    /// waits, and follow from the commands that do.
    fn waits_no_longer(&mut self, number: CommandNo, unmet: &[CommandNo]) {
        for dependency in unmet {
            if let Some(dependency) = self.commands.get_mut(dependency)
                && let Ok(place) = dependency.dependents.binary_search(&number)
            {
                dependency.dependents.remove(place);
            }
        }
    }

    fn dependency_met(&mut self, number: CommandNo, dependency: CommandNo) {
        let Some(command) = self.commands.get_mut(&number) else { return };
        command.unmet.retain(|unmet| *unmet != dependency);
        if !command.unmet.is_empty() {
            return;
        }
        let (deadline, lane) = (command.deadline.take(), command.lane.clone());
        let sequence = command.lane_sequence;
        self.due.clear(deadline, Wake::Command(number));
        if let Some(queue) = self.lanes.get_mut(&lane) {
            queue.make_ready(sequence);
        }
        self.dirty.insert(lane);
    }

    /// Stores an outcome, tells everybody how the command has ended, and then those who wait for
    /// its answer.
    fn store_and_tell(
        &mut self,
        number: CommandNo,
        command: Command,
        outcome: Arc<Outcome>,
        outputs: &mut Outputs,
    ) {
        let Command { conn, client, id_hash, envelope, session, lane_sequence, waiters, .. } =
            command;
        if outcome.result == Err(Failure::OutcomeUnknown) {
            bump(&mut self.unknown_outcomes);
        }
        let key = key_scope(&client, &envelope);
        let stored =
            Stored::new(envelope.clone(), client, id_hash, session.clone(), outcome.clone());
        let at = (self.seq, self.now);
        self.identity.store(number, stored, key, at, self.rules, &self.limits);

        let (kind, id) = (envelope.kind, envelope.id.clone());
        let to = Audience::Lifecycle { owner: conn };
        let phase = Phase::Finished(outcome.clone());
        let end = Frame::Lifecycle { command: number, envelope, session, lane_sequence, phase };
        outputs.deliver(to, end);
        let mut respond =
            |conn: ConnId, id: Option<Text>, outcome: Arc<Outcome>, replayed: bool| {
                let Some(known) = self.conns.get_mut(&conn) else { return };
                known.pending = known.pending.saturating_sub(1);
                let command = Some(CommandName::Known(kind));
                let frame = Frame::Response { id, command, outcome, replayed };
                outputs.deliver(Audience::Conn(conn), frame);
            };
        let copy = (!waiters.is_empty()).then(|| outcome.clone());
        if let Some(conn) = conn {
            respond(conn, id, outcome, false);
        }
        if let Some(outcome) = copy {
            for waiter in waiters {
                respond(waiter.conn, waiter.id, outcome.clone(), true);
            }
        }
    }

    /// A command's time is up: its timeout, or its wait for dependencies.
    pub(super) fn command_overdue(&mut self, number: CommandNo, outputs: &mut Outputs) {
        let Some(command) = self.commands.get_mut(&number) else { return };
        command.deadline = None;
        let (stage, timeout_ms) = (command.stage, command.timeout_ms);
        let failure = if stage == Stage::Waiting {
            if !self.waits_for_other_lanes(number) {
                return;
            }
            Failure::DependencyTimeout { ms: self.limits.dependency_timeout_ms }
        } else {
            Failure::Timeout { ms: timeout_ms }
        };
        self.give_up(number, failure, outputs);
    }

    /// Whether a command waits for one in another lane. The wait for an earlier command of its own
    /// lane is the lane's order, which has no time limit.
    fn waits_for_other_lanes(&self, number: CommandNo) -> bool {
        self.commands.get(&number).is_some_and(|command| {
            let lane = |unmet| self.commands.get(unmet).map(|other| &other.lane);
            command.unmet.iter().any(|unmet| lane(unmet) != Some(&command.lane))
        })
    }

    /// Sets the end of a command's wait for dependencies, if it has one.
    pub(super) fn arm_dependency_wait(&mut self, number: CommandNo) {
        if !self.waits_for_other_lanes(number) {
            return;
        }
        let at = self.now.plus_ms(self.limits.dependency_timeout_ms);
        if let Some(command) = self.commands.get_mut(&number) {
            command.deadline = Some(at);
            self.due.set(at, Wake::Command(number));
        }
    }

    /// Ends a command before it is over. Who waits is answered at once; a turn that an agent is at
    /// keeps its slot until the agent is done with it.
    pub(super) fn give_up(&mut self, number: CommandNo, failure: Failure, outputs: &mut Outputs) {
        let Some(command) = self.commands.get(&number) else { return };
        let (kind, lane) = (command.envelope.kind, command.lane.clone());
        let (stage, session) = (command.stage, command.session.clone());
        if let (Stage::Asked(agent), Some(id)) = (stage, &session)
            && self.holds_turn(number, &lane, id)
        {
            self.stop_turn(number, kind, id);
            outputs.push(Output::Ask(Ask::Interrupt { agent, kind }));
            if kind == CommandKind::Prompt {
                self.withdraw_dialogs(id, true, outputs);
            }
        }
        self.finish_failed(number, failure, outputs);
        if kind.row().target == Target::Creates {
            self.undo_creation(number, session.as_ref(), outputs);
        }
    }

    /// Forgets a session whose creation has ended without success.
    pub(super) fn undo_creation(
        &mut self,
        number: CommandNo,
        session: Option<&Text>,
        outputs: &mut Outputs,
    ) {
        let Some(id) = session else { return };
        let ours = self.sessions.get(id).is_some_and(|known| known.creating == Some(number));
        if ours {
            self.remove_session(id, outputs);
            self.dirty.insert(LaneKey::Session(id.clone()));
        }
    }

    fn holds_turn(&self, number: CommandNo, lane: &LaneKey, session: &Text) -> bool {
        let in_slot = self.lanes.get(lane).is_some_and(|lane| lane.slot == Slot::Turn(number));
        let prompted = self.sessions.get(session).is_some_and(|session| match session.run {
            Run::Prompted(command) | Run::Accepted { command, .. } => command == number,
            Run::Idle | Run::Going | Run::Retrying | Run::Ended { .. } => false,
        });
        in_slot || prompted
    }

    fn stop_turn(&mut self, number: CommandNo, kind: CommandKind, session: &Text) {
        let by = self.now.plus_ms(self.limits.stop_grace_ms);
        if let Some(lane) = self.lanes.get_mut(&LaneKey::Session(session.clone())) {
            lane.vacate(number);
            lane.slot = Slot::Stopping(number, kind);
        }
        if let Some(session) = self.sessions.get_mut(session) {
            session.stop_by = Some(by);
        }
        self.due.set(by, Wake::Stopping(session.clone()));
    }

    /// A turn that was given up is still not over: its agent is ended.
    pub(super) fn stop_overdue(&mut self, id: &Text, outputs: &mut Outputs) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.stop_by = None;
        }
        self.end_agent(id, outputs);
    }
}
