//! The run of an agent and the turn that it serves: what an agent reports is turned into the
//! beginning and the end of turns. PROTOCOL.md section 7, "The run".

use super::State;
use super::due::Wake;
use super::lane::{LaneKey, Slot};
use super::session::{Agent, Kept, Run};
use crate::command::CommandKind;
use crate::frame::Data;
use crate::ids::{CommandNo, Text};
use crate::input::{AgentEvent, Details, Disposition};
use crate::output::{Ask, Output, Outputs};

impl State {
    /// Follows what an agent reports of its run.
    pub(super) fn run_event(&mut self, id: &Text, event: &AgentEvent, outputs: &mut Outputs) {
        match event {
            AgentEvent::RunStarted => self.run_started(id, outputs),
            // The end of a run before the one that was just asked for, or of none.
            AgentEvent::RunEnded { .. } | AgentEvent::RunRefused { .. }
                if !self.run_is_known(id) => {}
            AgentEvent::RetryScheduled if self.run_is_asked(id) => {}
            AgentEvent::RunEnded { will_retry, failed } => {
                self.attempt_ended(id, *will_retry, Some(*failed));
            }
            // It says nothing of the provider.
            AgentEvent::RunRefused { will_retry } => self.attempt_ended(id, *will_retry, None),
            AgentEvent::RunSettled => self.settled(id, outputs),
            AgentEvent::CompactionStarted => {
                self.set_compacting(id, true);
                let ended = self.sessions.get(id).map(|session| session.run);
                if let Some(Run::Ended { .. }) = ended {
                    self.set_run(id, Run::Retrying);
                }
            }
            AgentEvent::CompactionEnded { will_retry } => {
                self.set_compacting(id, false);
                if !*will_retry {
                    self.pause_over(id);
                }
                self.dirty.insert(LaneKey::Session(id.clone()));
            }
            AgentEvent::RetryScheduled => self.set_run(id, Run::Retrying),
            AgentEvent::RetryEnded => self.pause_over(id),
            AgentEvent::DialogOpened { .. } | AgentEvent::Other => {}
        }
    }

    /// A run has ended, and with it, unless another attempt follows, the turn.
    fn attempt_ended(&mut self, id: &Text, will_retry: bool, failed: Option<bool>) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.run_failed = failed;
            if !will_retry {
                session.kept = Kept::InFile;
            }
        }
        if will_retry {
            self.set_run(id, Run::Retrying);
        } else {
            self.run_ended(id);
        }
    }

    fn run_is_known(&self, id: &Text) -> bool {
        self.sessions.get(id).is_some_and(super::session::Session::is_running)
    }

    fn run_is_asked(&self, id: &Text) -> bool {
        self.sessions.get(id).is_some_and(|session| match session.run {
            Run::Prompted(_) | Run::Accepted { .. } => true,
            Run::Idle | Run::Going | Run::Retrying | Run::Ended { .. } => false,
        })
    }

    fn set_compacting(&mut self, id: &Text, compacting: bool) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.compacting = compacting;
            session.touch();
            self.dirty.insert(LaneKey::Session(id.clone()));
        }
    }

    /// Moves a run on, and its wake-up with it.
    fn set_run(&mut self, id: &Text, run: Run) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        match session.run {
            Run::Accepted { by, .. } | Run::Ended { by } => {
                self.due.clear(Some(by), Wake::Run(id.clone()));
            }
            Run::Idle | Run::Prompted(_) | Run::Going | Run::Retrying => {}
        }
        session.run = run;
        session.touch();
        match run {
            Run::Accepted { by, .. } | Run::Ended { by } => {
                self.due.set(by, Wake::Run(id.clone()));
            }
            Run::Idle | Run::Prompted(_) | Run::Going | Run::Retrying => {}
        }
        let key = LaneKey::Session(id.clone());
        self.occupy_by_run(&key);
        self.dirty.insert(key);
    }

    fn run_started(&mut self, id: &Text, outputs: &mut Outputs) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let prompt = match session.run {
            Run::Prompted(command) | Run::Accepted { command, .. } => Some(command),
            Run::Idle | Run::Going | Run::Retrying | Run::Ended { .. } => None,
        };
        let agent = session.agent_up();
        let stop = core::mem::take(&mut session.abort_came_early) && prompt.is_some();
        self.set_run(id, Run::Going);
        let Some(lane) = self.lanes.get_mut(&LaneKey::Session(id.clone())) else { return };
        match (lane.slot, prompt) {
            (Slot::Stopping(_, CommandKind::Prompt), _) => {
                // It was given up before it began; a stop that came too early stops nothing.
                if let Some(agent) = agent {
                    let kind = CommandKind::Prompt;
                    outputs.push(Output::Ask(Ask::Interrupt { agent, kind }));
                }
            }
            // The abort stopped what was going on before the run, and not the run.
            (Slot::Turn(_), Some(_)) if stop => {
                if let Some(agent) = agent {
                    let kind = CommandKind::Prompt;
                    outputs.push(Output::Ask(Ask::Interrupt { agent, kind }));
                }
            }
            (Slot::Free | Slot::Foreign, Some(command)) => lane.head_to_slot(command),
            (Slot::Free | Slot::Foreign, None) | (Slot::Turn(_) | Slot::Stopping(..), _) => {}
        }
    }

    fn run_ended(&mut self, id: &Text) {
        let by = self.now.plus_ms(self.limits.settle_ms);
        let Some(session) = self.sessions.get(id) else { return };
        match session.agent {
            // It will say when it is over, and takes nothing for this run any more.
            Agent::Up { settles: true, .. } => self.set_run(id, Run::Retrying),
            // Who is not up has not said that it would.
            Agent::Up { settles: false, .. }
            | Agent::Down
            | Agent::Starting { .. }
            | Agent::Ending { .. } => self.set_run(id, Run::Ended { by }),
        }
    }

    /// The pause between attempts is over without another attempt.
    fn pause_over(&mut self, id: &Text) {
        if self.sessions.get(id).is_some_and(|session| session.run == Run::Retrying) {
            self.run_ended(id);
        }
    }

    /// Nothing more will happen by itself: the turn is over.
    pub(super) fn settled(&mut self, id: &Text, outputs: &mut Outputs) {
        let prompt = self.sessions.get(id).and_then(|session| match session.run {
            Run::Prompted(command) | Run::Accepted { command, .. } => Some(command),
            Run::Idle | Run::Going | Run::Retrying | Run::Ended { .. } => None,
        });
        if prompt.is_some() {
            // The end of a run before the one that was just asked for.
            return;
        }
        self.set_compacting(id, false);
        self.set_run(id, Run::Idle);
        let Some(lane) = self.lanes.get_mut(&LaneKey::Session(id.clone())) else { return };
        match lane.slot {
            Slot::Turn(number) => {
                let prompt = self
                    .commands
                    .get(&number)
                    .is_some_and(|command| command.envelope.kind == CommandKind::Prompt);
                if prompt {
                    self.finish_done(number, Data::None, outputs);
                }
            }
            Slot::Foreign => lane.slot = Slot::Free,
            Slot::Stopping(_, CommandKind::Prompt) => self.stopped(id),
            Slot::Stopping(..) | Slot::Free => {}
        }
    }

    /// A turn that was given up is over.
    pub(super) fn stopped(&mut self, id: &Text) {
        if let Some(session) = self.sessions.get_mut(id) {
            let by = session.stop_by.take();
            self.due.clear(by, Wake::Stopping(id.clone()));
        }
        let key = LaneKey::Session(id.clone());
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.slot = Slot::Free;
        }
        self.occupy_by_run(&key);
        self.dirty.insert(key);
    }

    /// A run has not begun in time, or nothing has followed its end.
    pub(super) fn run_overdue(&mut self, id: &Text, outputs: &mut Outputs) {
        let Some(session) = self.sessions.get(id) else { return };
        match session.run {
            Run::Ended { .. } => self.settled(id, outputs),
            Run::Accepted { command, slash, .. } => {
                self.set_run(id, Run::Idle);
                if self.stopping(id) == Some(command) {
                    self.stopped(id);
                } else if slash {
                    // An extension has handled it.
                    self.finish_done(command, Data::None, outputs);
                } else {
                    let ms = self.limits.run_start_timeout_ms;
                    let failure = crate::failure::Failure::RunNotStarted { ms };
                    self.finish_failed(command, failure, outputs);
                }
            }
            Run::Idle | Run::Prompted(_) | Run::Going | Run::Retrying => {}
        }
    }

    /// The command whose turn was given up and is not over.
    pub(super) fn stopping(&self, id: &Text) -> Option<CommandNo> {
        let lane = self.lanes.get(&LaneKey::Session(id.clone()))?;
        match lane.slot {
            Slot::Stopping(command, _) => Some(command),
            Slot::Free | Slot::Foreign | Slot::Turn(_) => None,
        }
    }

    /// The agent has accepted a prompt.
    pub(super) fn prompt_accepted(
        &mut self,
        id: &Text,
        number: CommandNo,
        disposition: Disposition,
        outputs: &mut Outputs,
    ) {
        let Some(session) = self.sessions.get(id) else { return };
        let prompted = session.run == Run::Prompted(number);
        let accepted = matches!(session.run, Run::Accepted { command, .. } if command == number);
        let told = matches!(session.agent, Agent::Up { disposition: true, .. });
        let slot = self.lanes.get(&LaneKey::Session(id.clone())).map(|lane| lane.slot);
        match disposition {
            Disposition::Started | Disposition::Unspecified if prompted => {
                let slash = !told && disposition == Disposition::Unspecified && self.slash(number);
                let ms = if slash {
                    self.limits.slash_grace_ms
                } else {
                    self.limits.run_start_timeout_ms
                };
                let by = self.now.plus_ms(ms);
                self.set_run(id, Run::Accepted { command: number, by, slash });
            }
            // Said twice.
            Disposition::Started | Disposition::Unspecified if accepted => {}
            Disposition::Queued | Disposition::Handled if prompted || accepted => {
                self.set_run(id, Run::Idle);
                if slot == Some(Slot::Stopping(number, CommandKind::Prompt)) {
                    self.stopped(id);
                } else {
                    self.finish_done(number, Data::None, outputs);
                }
            }
            // Its run began before its answer came: it ends with the run.
            Disposition::Started | Disposition::Unspecified if slot == Some(Slot::Turn(number)) => {
            }
            Disposition::Started if slot == Some(Slot::Foreign) => {
                if let Some(lane) = self.lanes.get_mut(&LaneKey::Session(id.clone())) {
                    lane.head_to_slot(number);
                    self.dirty.insert(LaneKey::Session(id.clone()));
                }
            }
            Disposition::Started
            | Disposition::Unspecified
            | Disposition::Queued
            | Disposition::Handled => self.finish_done(number, Data::None, outputs),
        }
    }

    /// The agent has refused a prompt, or answered one that was given up in a way that says that
    /// no run begins.
    pub(super) fn prompt_over(&mut self, id: &Text, number: CommandNo) {
        let asked = self.sessions.get(id).is_some_and(|session| match session.run {
            Run::Prompted(command) | Run::Accepted { command, .. } => command == number,
            Run::Idle | Run::Going | Run::Retrying | Run::Ended { .. } => false,
        });
        if asked {
            self.set_run(id, Run::Idle);
            if self.stopping(id) == Some(number) {
                self.stopped(id);
            }
        }
    }

    fn slash(&self, number: CommandNo) -> bool {
        self.commands.get(&number).is_some_and(|command| {
            matches!(command.envelope.details, Details::Prompt { slash: true, .. })
        })
    }
}
