//! Section 7.4: what agents say, and what it means for the commands that they have.

use pi_server_core::command::CommandKind;
use pi_server_core::failure::Failure;
use pi_server_core::frame::{Data, Frame, Gone, MadeUp};
use pi_server_core::input::{
    AgentEvent, AgentInfo, AgentReady, AgentSaid, Details, Disposition, Exit, Reply, RuleSet,
};
use pi_server_core::output::Ask;
use pi_server_core::{AgentNo, CommandNo, Micros, Seq, Text};

use super::Model;
use super::types::{Agent, Bucket, Command, Facts, Kept, Needs, Place, Run, Session, Stopping};

impl Model {
    pub(super) fn spawn(&mut self, session: &Text, cwd: Text, resume: Option<Text>) {
        self.agents_so_far += 1;
        let agent = AgentNo(self.agents_so_far);
        self.agents.push(Agent {
            no: agent,
            session: session.clone(),
            up: None,
            start_by: self.now.plus_ms(self.limits.agent_start_timeout_ms),
            ending: false,
            run: Run::Idle,
            compacting: false,
            newest_event: Seq(0),
            run_failed: None,
            abort_came_early: false,
            idle_since: None,
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
            AgentSaid::Exited(Exit { status, stderr }) => {
                let failure =
                    Failure::AgentExited { status: status.clone(), stderr: stderr.clone() };
                self.agent_gone(&agent.session, status, &failure);
            }
            // Section 7.6: nobody comes, for a reason that the client is told.
            AgentSaid::Unavailable { why } => {
                let failure = Failure::AgentUnavailable { why: why.clone() };
                self.agent_gone(&agent.session, why, &failure);
            }
        }
    }

    fn agent_ready(&mut self, agent: &Agent, ready: &AgentReady) {
        if agent.up.is_some() || agent.ending {
            return;
        }
        let known = self.agents.iter_mut().find(|a| a.no == agent.no).expect("it lives");
        known.up = Some(Facts { settles: ready.settles, disposition: ready.disposition });
        self.absent.clone_from(&ready.absent);
        self.agent_info(&agent.session, &ready.info);
        let waiting = self
            .commands
            .iter()
            .find(|c| c.session.as_ref() == Some(&agent.session) && c.needs == Needs::Agent);
        let Some(command) = waiting.cloned() else { return };
        if command.creates() {
            return self.created(&command, &ready.info);
        }
        self.call(command.no, agent.no);
    }

    fn created(&mut self, command: &Command, info: &AgentInfo) {
        let id = command.session.clone().expect("a creation has a session");
        let home = command.home.clone().expect("it was looked up");
        let info = info.clone();
        let session = Session {
            id,
            version: 0,
            cwd: home.cwd,
            created_at: home.since,
            created_wall: home.wall,
            info,
            kept: home.kept,
            not_before: home.not_before,
            newest_event: self
                .agent_of(&command.session.clone().expect("it has one"))
                .map_or(Seq(0), |agent| agent.newest_event),
            data: Bucket::full(self.limits.session_burst, self.now),
            dialog: Bucket::full(self.limits.dialog_burst, self.now),
        };
        self.sessions.push(session.clone());
        let info = self.info(&session);
        self.finish(command.no, Ok(Data::Created(info)));
    }

    fn agent_info(&mut self, session: &Text, info: &AgentInfo) {
        if let Some(session) = self.session_mut(session) {
            session.info = info.clone();
        } else if let Some(home) = self
            .commands
            .iter_mut()
            .find_map(|c| c.home.as_mut().filter(|_| c.session.as_ref() == Some(session)))
        {
            // The file is taken from here on, for nobody else to load.
            home.file.clone_from(&info.file);
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
            (CommandKind::Prompt, None) if command.joined => self.joined(&command, reply),
            (CommandKind::Prompt, None) => self.prompt_taken(agent, &command, reply),
            (kind, failure) => {
                if kind == CommandKind::Compact && failure.is_none() {
                    self.set_compacting(agent.no, false);
                }
                self.finish_call(&command, failure);
            }
        }
    }

    /// A prompt for the run that was going. If the run had just ended, it has begun another one,
    /// and is a turn like any other.
    fn joined(&mut self, command: &Command, reply: &Reply) {
        let session = command.session.clone().expect("a prompt has a session");
        let run = self.agent_of(&session).map(|agent| agent.run.clone());
        let running = matches!(run, Some(Run::Running | Run::Between { .. }));
        let own_run = matches!(reply, Reply::Done(Disposition::Started));
        if own_run && running && self.slot_is_free(&session) {
            let command = self.find_mut(command.no).expect("it is in flight");
            command.joined = false;
            command.place = Place::Slot;
            command.needs = Needs::RunEnd;
            return;
        }
        self.finish(command.no, Ok(Data::None));
    }

    pub(super) fn body_data(&self) -> Data {
        if self.body.is_empty() { Data::None } else { Data::Body(self.body) }
    }

    fn finish_call(&mut self, command: &Command, failure: Option<Failure>) {
        let data = self.body_data();
        self.finish(command.no, failure.map_or(Ok(data), Err));
    }

    fn prompt_taken(&mut self, agent: &Agent, command: &Command, reply: &Reply) {
        let facts = agent.up.clone().expect("a command was given to it");
        let Reply::Done(disposition) = reply else { return };
        match disposition {
            Disposition::Handled | Disposition::Queued => {
                self.run_will_not_begin(agent.no);
                self.finish(command.no, Ok(Data::None));
            }
            // Its run has begun, or its answer was heard already.
            Disposition::Unspecified | Disposition::Started if command.needs != Needs::Reply => {}
            Disposition::Unspecified | Disposition::Started => {
                let slash = matches!(
                    command.envelope.details,
                    pi_server_core::input::Details::Prompt { slash: true, .. }
                );
                let by = self.now.plus_ms(self.limits.run_start_timeout_ms);
                let silent = *disposition == Disposition::Unspecified;
                let handled_at = (slash && silent && !facts.disposition)
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
        let ours = |s: &Stopping| s.command == call && s.session == agent.session;
        let Some(place) = self.stopping.iter().position(ours) else { return };
        let stopping = &mut self.stopping[place];
        if stopping.kind != CommandKind::Prompt {
            self.stopping.remove(place);
            return;
        }
        if agent.run != Run::Asked {
            // Its run has begun and will end.
            return;
        }
        match reply {
            // Said twice.
            Reply::Done(Disposition::Started | Disposition::Unspecified)
                if stopping.begin_by.is_some() => {}
            Reply::Done(Disposition::Started | Disposition::Unspecified) => {
                stopping.begin_by = Some(self.now.plus_ms(self.limits.run_start_timeout_ms));
            }
            Reply::Failed(_) | Reply::Done(Disposition::Handled | Disposition::Queued) => {
                self.stopping.remove(place);
                self.run_will_not_begin(agent.no);
            }
        }
    }

    fn set_compacting(&mut self, agent: AgentNo, compacting: bool) {
        if let Some(agent) = self.agents.iter_mut().find(|a| a.no == agent) {
            agent.compacting = compacting;
        }
    }

    fn agent_event(&mut self, agent: &Agent, event: &AgentEvent) {
        let id = agent.session.clone();
        let seq = self.seq;
        if let Some(session) = self.session_mut(&id) {
            session.newest_event = seq;
        }
        let known = self.agents.iter_mut().find(|a| a.no == agent.no).expect("it lives");
        known.newest_event = seq;
        let frame = Frame::Event { session: id.clone(), cursor: seq, event: self.body };
        self.tell_subscribers(&id, &frame);
        // Who is not up has not said that it would say so.
        let settles = !agent.ending && agent.up.as_ref().is_some_and(|facts| facts.settles);
        let quiet_at = (!settles).then(|| self.now.plus_ms(self.limits.settle_ms));
        match event {
            AgentEvent::RunStarted => self.run_started(agent),
            // The end of a run that is not known, or of one before the one that was asked for.
            AgentEvent::RunEnded { .. } | AgentEvent::RunRefused { .. }
                if matches!(agent.run, Run::Idle | Run::Asked) => {}
            AgentEvent::RunEnded { will_retry, .. } | AgentEvent::RunRefused { will_retry } => {
                let known = self.agents.iter_mut().find(|a| a.no == agent.no).expect("it lives");
                known.run_failed = match event {
                    AgentEvent::RunEnded { failed, .. } => Some(*failed),
                    // What was asked was wrong, and not the provider.
                    _ => None,
                };
                known.run = Run::Between { quiet_at: quiet_at.filter(|_| !will_retry) };
                if !will_retry {
                    self.keep(&id, Kept::InTheFile);
                }
            }
            AgentEvent::RunSettled => self.settled(agent.no),
            AgentEvent::CompactionStarted => {
                self.set_compacting(agent.no, true);
                if let Run::Between { .. } = agent.run {
                    self.set_run(agent.no, Run::Between { quiet_at: None });
                }
            }
            AgentEvent::CompactionEnded { will_retry } => {
                self.set_compacting(agent.no, false);
                if !will_retry && agent.run == (Run::Between { quiet_at: None }) {
                    self.set_run(agent.no, Run::Between { quiet_at });
                }
            }
            AgentEvent::RetryScheduled if agent.run == Run::Asked => {}
            AgentEvent::RetryScheduled => {
                self.set_run(agent.no, Run::Between { quiet_at: None });
            }
            AgentEvent::RetryEnded => {
                if let Run::Between { quiet_at: None } = agent.run {
                    self.set_run(agent.no, Run::Between { quiet_at });
                }
            }
            AgentEvent::DialogOpened { request, method, timeout_ms } => {
                self.open_dialog(agent.no, &id, request, *method, *timeout_ms);
            }
            AgentEvent::Other => {}
        }
    }

    fn run_started(&mut self, agent: &Agent) {
        self.prompt_acknowledged(&agent.session, true);
        self.set_run(agent.no, Run::Running);
        let stopping = self
            .stopping
            .iter_mut()
            .find(|s| s.session == agent.session && s.kind == CommandKind::Prompt);
        if let Some(stopping) = stopping {
            // An abort that came before the run had begun has not stopped it.
            stopping.begin_by = None;
            if agent.up.is_some() && !agent.ending {
                self.seen.ask(&Ask::Interrupt { agent: agent.no, kind: CommandKind::Prompt });
            }
        } else if self.rules >= RuleSet::V3
            && agent.run == Run::Asked
            && agent.abort_came_early
            && agent.up.is_some()
            && !agent.ending
        {
            self.seen.ask(&Ask::Interrupt { agent: agent.no, kind: CommandKind::Prompt });
        }
    }

    fn set_run(&mut self, agent: AgentNo, run: Run) {
        if let Some(agent) = self.agents.iter_mut().find(|a| a.no == agent) {
            agent.run = run;
        }
    }

    /// Section 7.2: its run has begun, or the agent asks something on its behalf.
    pub(super) fn prompt_acknowledged(&mut self, session: &Text, begun: bool) {
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
        self.set_compacting(no, false);
        self.stopping.retain(|s| s.session != agent.session || s.kind != CommandKind::Prompt);
        let prompt = self
            .commands
            .iter()
            .find(|c| c.session.as_ref() == Some(&agent.session) && c.needs == Needs::RunEnd);
        if let Some(no) = prompt.map(|c| c.no) {
            self.finish(no, Ok(Data::None));
        }
    }

    pub(super) fn agent_is_due(&mut self, no: AgentNo) {
        let Some(agent) = self.agents.iter().find(|a| a.no == no).cloned() else { return };
        let quiet = matches!(agent.run, Run::Between { quiet_at: Some(at) } if at <= self.now);
        if agent.up.is_some() || agent.ending || (quiet && agent.start_by > self.now) {
            return self.settled(no);
        }
        let ms = self.limits.agent_start_timeout_ms;
        self.end_agent(&agent.session);
        self.nobody_came(&agent.session, &Failure::AgentNotReady { ms });
    }

    /// The daemon ends an agent; what it has ends when it is gone.
    pub(super) fn end_agent(&mut self, session: &Text) {
        let agent = self.agents.iter_mut().find(|a| a.session == *session && !a.ending);
        let Some(agent) = agent else { return };
        agent.ending = true;
        agent.idle_since = None;
        let agent = agent.no;
        self.seen.ask(&Ask::Kill { agent });
    }

    /// Ends an agent whose session is no more: nothing that it still says matters.
    pub(super) fn forget_agent(&mut self, session: &Text) {
        self.withdraw_dialogs(session, false);
        self.end_agent(session);
        self.agents.retain(|agent| agent.session != *session);
        self.stopping.retain(|s| s.session != *session);
    }

    fn agent_gone(&mut self, session: &Text, status: &Text, failure: &Failure) {
        let ending = self.agent_of(session).is_some_and(|agent| agent.ending);
        let agent = self.agent_of(session).cloned();
        let asked = agent.as_ref().is_some_and(|agent| agent.run == Run::Asked);
        let went = agent.as_ref().is_some_and(|a| a.up.is_some() && !a.ending);
        let by_itself = went && &**status == "exit status 0" && self.rules >= RuleSet::V3;
        if let Some(agent) = agent {
            self.cut_off(&agent, &Gone::Agent { status: status.clone() });
        }
        self.agents.retain(|agent| agent.session != *session);
        self.stopping.retain(|s| s.session != *session);
        self.withdraw_dialogs(session, false);
        let mut had: Vec<&Command> = self
            .commands
            .iter()
            .filter(|c| c.session.as_ref() == Some(session) && c.agent.is_some())
            .collect();
        had.sort_by_key(|c| c.lane_sequence);
        let had: Vec<CommandNo> = had.into_iter().map(|c| c.no).collect();
        for no in had {
            if by_itself && self.is_to_be_asked_again(no, asked) {
                self.put_back(no);
            } else {
                self.finish(no, Err(failure.clone()));
            }
        }
        // Who waited while it was going was waiting for the next one.
        if !ending {
            self.nobody_came(session, failure);
        }
    }

    /// Section 7.4, the last point: what the agent has not begun, and what only looks.
    fn is_to_be_asked_again(&self, no: CommandNo, asked: bool) -> bool {
        let command = self.find(no).expect("the agent had it");
        let slash = matches!(command.envelope.details, Details::Prompt { slash: true, .. });
        let unanswered = !command.joined && command.needs == Needs::Reply;
        let fits = match command.kind() {
            CommandKind::Prompt => asked && unanswered && !slash,
            _ => Model::only_reads(command),
        };
        fits && !command.was_put_back && !command.body.redacted
    }

    fn put_back(&mut self, no: CommandNo) {
        for circuit in self.providers.values_mut() {
            circuit.probes.retain(|probe| *probe != no);
        }
        let command = self.find_mut(no).expect("the agent had it");
        command.place = Place::Waiting;
        command.needs = Needs::Nothing;
        command.agent = None;
        command.joined = false;
        command.times_out = None;
        command.provider = None;
        command.was_put_back = true;
    }

    /// Section 8.5, "What is cut off": since rule set 3 somebody says what the agent cannot say.
    pub(super) fn cut_off(&mut self, agent: &Agent, gone: &Gone) {
        let ran = matches!(agent.run, Run::Running | Run::Between { .. });
        let mut ends = Vec::new();
        if agent.compacting {
            ends.push(MadeUp::CompactionEnd);
        }
        if ran {
            ends.extend([MadeUp::AgentEnd, MadeUp::AgentSettled]);
        }
        if self.rules < RuleSet::V3 || ends.is_empty() {
            return;
        }
        let (id, seq) = (agent.session.clone(), self.seq);
        if let Some(session) = self.session_mut(&id) {
            session.newest_event = seq;
        }
        for what in ends {
            let (session, gone) = (id.clone(), gone.clone());
            self.tell_subscribers(&id, &Frame::Interrupted { session, cursor: seq, what, gone });
        }
    }

    fn waits_for_agent(&self, session: &Text) -> Option<CommandNo> {
        let waiting = self
            .commands
            .iter()
            .find(|c| c.session.as_ref() == Some(session) && c.needs == Needs::Agent);
        waiting.map(|c| c.no)
    }

    /// The agent that a command waited for did not come up.
    fn nobody_came(&mut self, session: &Text, failure: &Failure) {
        if let Some(no) = self.waits_for_agent(session) {
            self.finish(no, Err(failure.clone()));
        }
        if self.session(session).is_none() {
            self.forget_agent(session);
        }
    }
}

/// When something is due of an agent: its start, or the end of the quiet time after a run.
pub(super) fn agent_due_at(agent: &Agent) -> Option<Micros> {
    match (&agent.up, &agent.run) {
        (None, Run::Between { quiet_at: Some(quiet_at) }) if !agent.ending => {
            Some(agent.start_by.min(*quiet_at))
        }
        (None, _) if !agent.ending => Some(agent.start_by),
        (_, Run::Between { quiet_at }) => *quiet_at,
        (_, Run::Idle | Run::Asked | Run::Running) => None,
    }
}
