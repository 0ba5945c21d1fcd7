//! Section 7.4: what agents say, and what it means for the commands that they have.

use pi_server_core::command::CommandKind;
use pi_server_core::failure::Failure;
use pi_server_core::frame::{Data, Frame};
use pi_server_core::input::{
    AgentEvent, AgentInfo, AgentReady, AgentSaid, Disposition, Exit, Reply,
};
use pi_server_core::output::Ask;
use pi_server_core::{AgentNo, CommandNo, Micros, Seq, Text};

use super::Model;
use super::types::{Agent, Bucket, Command, Facts, Needs, Place, Run, Session};

impl Model {
    pub(super) fn spawn(&mut self, session: &Text, cwd: Text, resume: Option<Text>) {
        self.agents_so_far += 1;
        let agent = AgentNo(self.agents_so_far);
        self.agents.push(Agent {
            no: agent,
            session: session.clone(),
            up: None,
            start_by: self.now.plus_ms(self.limits.agent_start_timeout_ms),
            run: Run::Idle,
        });
        self.seen.ask(&Ask::Spawn { agent, session: session.clone(), cwd, resume });
    }

    pub(super) fn agent_said(&mut self, no: AgentNo, said: &AgentSaid) {
        let Some(agent) = self.agents.iter().find(|agent| agent.no == no).cloned() else {
            return;
        };
        match said {
            AgentSaid::Ready(ready) => self.agent_ready(&agent, ready),
            AgentSaid::Replied { call, reply } => self.replied(&agent, *call, reply),
            AgentSaid::Event(event) => self.agent_event(&agent, event),
            AgentSaid::Info(info) => self.agent_info(&agent.session, info),
            AgentSaid::Noise { .. } => {}
            AgentSaid::Exited(exit) => self.agent_exited(&agent.session, exit),
        }
    }

    fn agent_ready(&mut self, agent: &Agent, ready: &AgentReady) {
        if agent.up.is_some() {
            return;
        }
        let known = self.agents.iter_mut().find(|a| a.no == agent.no).expect("it lives");
        known.up = Some(Facts {
            settles: ready.settles,
            disposition: ready.disposition,
            absent: ready.absent.clone(),
        });
        self.agent_info(&agent.session, &ready.info);
        let waiting = self.commands.iter().find(|c| {
            c.session.as_ref() == Some(&agent.session) && c.needs == Needs::Agent
        });
        let Some(command) = waiting.cloned() else { return };
        if command.creates() {
            return self.created(&command, &ready.info);
        }
        self.call(command.no, agent.no);
    }

    fn created(&mut self, command: &Command, info: &AgentInfo) {
        let id = command.session.clone().expect("a creation has a session");
        let (cwd, file, name) = command.home.clone().expect("it was looked up");
        let info = AgentInfo {
            file: info.file.clone().or(file),
            name: info.name.clone().or(name),
            ..info.clone()
        };
        let session = Session {
            id,
            version: 0,
            cwd,
            created_at: self.now,
            info,
            newest_event: Seq(0),
            data: Bucket::full(self.limits.session_burst, self.now),
            dialog: Bucket::full(self.limits.dialog_burst, self.now),
        };
        self.sessions.push(session.clone());
        let info = self.info(&session);
        self.finish(command.no, Ok(Data::Created(info)));
    }

    fn agent_info(&mut self, session: &Text, info: &AgentInfo) {
        if let Some(session) = self.session_mut(session) {
            let file = info.file.clone().or(session.info.file.clone());
            session.info = AgentInfo { file, ..info.clone() };
        }
    }

    fn replied(&mut self, agent: &Agent, call: CommandNo, reply: &Reply) {
        let given = self.find(call).filter(|c| c.agent == Some(agent.no)).cloned();
        let Some(command) = given else {
            return self.late_reply(agent, call, reply);
        };
        let failure = match reply {
            Reply::Failed(text) => Some(Failure::Agent(text.clone())),
            Reply::Done(_) => None,
        };
        match (command.kind(), failure) {
            (CommandKind::Prompt, Some(failure)) => {
                if !command.joined {
                    self.run_will_not_begin(agent.no);
                }
                self.finish(call, Err(failure));
            }
            (CommandKind::Prompt, None) if command.joined => self.finish(call, Ok(Data::None)),
            (CommandKind::Prompt, None) => self.prompt_taken(agent, &command, reply),
            (CommandKind::Bash, failure) => {
                self.bash_replied(&command, failure.is_some());
                self.finish_call(&command, failure);
            }
            (_, failure) => {
                if command.kind() == CommandKind::Compact && failure.is_none() {
                    self.provider_succeeded(&command);
                }
                self.finish_call(&command, failure);
            }
        }
    }

    fn finish_call(&mut self, command: &Command, failure: Option<Failure>) {
        let data = if self.body.is_empty() { Data::None } else { Data::Body(self.body) };
        self.finish(command.no, failure.map_or(Ok(data), Err));
    }

    fn prompt_taken(&mut self, agent: &Agent, command: &Command, reply: &Reply) {
        let facts = agent.up.clone().expect("a command was given to it");
        let Reply::Done(disposition) = reply else { return };
        if command.needs != Needs::Reply {
            // Its run has begun, or its answer was heard already.
            return;
        }
        match disposition {
            Disposition::Handled => {
                self.run_will_not_begin(agent.no);
                self.finish(command.no, Ok(Data::None));
            }
            Disposition::Unspecified | Disposition::Started | Disposition::Queued => {
                let slash = matches!(
                    command.envelope.details,
                    pi_server_core::input::Details::Prompt { slash: true, .. }
                );
                let by = self.now.plus_ms(self.limits.run_start_timeout_ms);
                let handled_at = (slash && !facts.disposition)
                    .then(|| self.now.plus_ms(self.limits.slash_grace_ms));
                let command = self.find_mut(command.no).expect("it is in flight");
                command.needs = Needs::RunBegin { by, handled_at };
            }
        }
    }

    fn run_will_not_begin(&mut self, agent: AgentNo) {
        let agent = self.agents.iter_mut().find(|a| a.no == agent).expect("it lives");
        if agent.run == Run::Asked {
            agent.run = Run::Idle;
        }
    }

    /// The answer to a call whose command has been answered already: section 9.2.
    fn late_reply(&mut self, agent: &Agent, call: CommandNo, reply: &Reply) {
        let Some(place) = self.stopping.iter().position(|s| s.command == call) else { return };
        let run_follows = self.stopping[place].kind == CommandKind::Prompt
            && !matches!(reply, Reply::Failed(_) | Reply::Done(Disposition::Handled));
        if !run_follows {
            self.stopping.remove(place);
            self.run_will_not_begin(agent.no);
        }
    }

    fn agent_event(&mut self, agent: &Agent, event: &AgentEvent) {
        let id = agent.session.clone();
        let seq = self.seq;
        if let Some(session) = self.session_mut(&id) {
            session.newest_event = seq;
        }
        let frame = Frame::Event { session: id.clone(), cursor: seq, event: self.body };
        self.to_subscribers(&id, &frame);
        let settles = agent.up.as_ref().is_some_and(|facts| facts.settles);
        let quiet_at = (!settles).then(|| self.now.plus_ms(self.limits.settle_ms));
        match event {
            AgentEvent::RunStarted => {
                self.prompt_acknowledged(&id, true);
                self.set_run(agent.no, Run::Running);
            }
            AgentEvent::RunEnded { will_retry, failed } => {
                self.run_ended(&id, *failed);
                let quiet_at = quiet_at.filter(|_| !will_retry);
                self.set_run(agent.no, Run::Between { quiet_at });
            }
            AgentEvent::RunSettled => self.settled(agent.no),
            AgentEvent::CompactionStarted => {
                let before = Box::new(agent.run.clone());
                self.set_run(agent.no, Run::Compacting { before });
            }
            AgentEvent::CompactionEnded { will_retry } => {
                let Run::Compacting { before } = &agent.run else { return };
                let run = match before.as_ref() {
                    _ if *will_retry => Run::Between { quiet_at: None },
                    Run::Between { .. } => Run::Between { quiet_at },
                    other => other.clone(),
                };
                self.set_run(agent.no, run);
            }
            AgentEvent::RetryScheduled => {
                self.set_run(agent.no, Run::Between { quiet_at: None });
            }
            AgentEvent::RetryEnded => {
                if let Run::Between { .. } = agent.run {
                    self.set_run(agent.no, Run::Between { quiet_at });
                }
            }
            AgentEvent::DialogOpened { request, method, timeout_ms } => {
                self.prompt_acknowledged(&id, false);
                self.open_dialog(agent.no, &id, request, *method, *timeout_ms);
            }
            AgentEvent::Other => {}
        }
    }

    fn set_run(&mut self, agent: AgentNo, run: Run) {
        if let Some(agent) = self.agents.iter_mut().find(|a| a.no == agent) {
            agent.run = run;
        }
    }

    /// Section 7.2: its run has begun, or the agent asks something on its behalf.
    fn prompt_acknowledged(&mut self, session: &Text, begun: bool) {
        let prompt = self.commands.iter_mut().find(|c| {
            c.session.as_ref() == Some(session)
                && c.kind() == CommandKind::Prompt
                && !c.joined
                && c.agent.is_some()
        });
        if let Some(prompt) = prompt {
            prompt.place = Place::Slot;
            if begun {
                prompt.needs = Needs::RunEnd;
            }
        }
    }

    /// The agent has settled: the turn is over.
    fn settled(&mut self, no: AgentNo) {
        let Some(agent) = self.agents.iter().find(|a| a.no == no).cloned() else { return };
        if agent.run == Run::Asked {
            // That was an earlier run; the one that was asked for has not begun.
            return;
        }
        self.set_run(no, Run::Idle);
        self.stopping.retain(|s| s.session != agent.session || s.kind != CommandKind::Prompt);
        let prompt = self.commands.iter().find(|c| {
            c.session.as_ref() == Some(&agent.session) && c.needs == Needs::RunEnd
        });
        if let Some(no) = prompt.map(|c| c.no) {
            self.finish(no, Ok(Data::None));
        }
    }

    pub(super) fn agent_due_at(&self, agent: &Agent) -> Option<Micros> {
        match (&agent.up, &agent.run) {
            (None, _) => Some(agent.start_by),
            (Some(_), Run::Between { quiet_at }) => *quiet_at,
            (Some(_), Run::Idle | Run::Asked | Run::Running | Run::Compacting { .. }) => None,
        }
    }

    pub(super) fn agent_is_due(&mut self, no: AgentNo) {
        let Some(agent) = self.agents.iter().find(|a| a.no == no).cloned() else { return };
        if agent.up.is_some() {
            return self.settled(no);
        }
        self.end_agent(&agent.session);
    }

    /// The daemon ends an agent: what it had fails as if it had exited.
    pub(super) fn end_agent(&mut self, session: &Text) {
        let Some(agent) = self.agent_of(session).map(|agent| agent.no) else { return };
        self.seen.ask(&Ask::Kill { agent });
        let exit = Exit { status: Text::from(""), stderr: Text::from("") };
        self.agent_exited(session, &exit);
    }

    fn agent_exited(&mut self, session: &Text, exit: &Exit) {
        self.agents.retain(|agent| agent.session != *session);
        self.stopping.retain(|s| s.session != *session);
        self.withdraw_dialogs(session);
        let mut had: Vec<&Command> = self
            .commands
            .iter()
            .filter(|c| c.session.as_ref() == Some(session))
            .filter(|c| c.agent.is_some() || c.needs == Needs::Agent)
            .collect();
        had.sort_by_key(|c| c.lane_sequence);
        let had: Vec<CommandNo> = had.into_iter().map(|c| c.no).collect();
        for no in had {
            let failure = Failure::AgentExited {
                status: exit.status.clone(),
                stderr: exit.stderr.clone(),
            };
            self.finish(no, Err(failure));
        }
    }
}
