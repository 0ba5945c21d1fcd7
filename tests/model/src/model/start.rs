//! What starting a command means: sections 5, 7.2 and 9.

use pi_server_core::command::{Class, CommandKind, Executor, Target, TimeoutClass};
use pi_server_core::failure::Failure;
use pi_server_core::frame::{Data, Phase};
use pi_server_core::input::{Answer, Details, HistoryFilter, RuleSet};
use pi_server_core::output::{Ask, Output, Query};
use pi_server_core::{CommandNo, Text};

use super::Model;
use super::lane::is_abort;
use super::types::{Command, Home, Kept, Needs, Place, Run};

impl Model {
    pub(super) fn start(&mut self, no: CommandNo) {
        let (now, announced) = {
            let now = self.now;
            let command = self.find_mut(no).expect("it waits");
            command.place = Place::Head;
            (now, std::mem::replace(&mut command.announced, true))
        };
        if !announced {
            self.lifecycle(no, Phase::Started);
        }
        let command = self.find(no).cloned().expect("it waits");
        let joined = command.is_streaming()
            && command
                .session
                .as_ref()
                .and_then(|id| self.agent_of(id))
                .is_some_and(|agent| agent.run == Run::Running);
        let row = command.kind().row();
        let limit = match (row.timeout, joined) {
            (TimeoutClass::Never, _) => None,
            (TimeoutClass::Turn, false) => Some(self.limits.turn_timeout_ms),
            (TimeoutClass::Short, _) | (TimeoutClass::Turn, true) => {
                Some(self.limits.short_timeout_ms)
            }
        };
        let limit = limit.map(|ms| command.envelope.timeout_ms.unwrap_or(ms));
        let command = self.find_mut(no).expect("it waits");
        command.joined = joined;
        command.times_out = limit.map(|ms| (now.plus_ms(ms), ms));
        let command = command.clone();
        if let Err(failure) = self.may_run(&command) {
            return self.finish(no, Err(failure));
        }
        match row.executor {
            Executor::Core => self.do_it(&command),
            Executor::Shell => self.look_up(&command),
            Executor::Agent => self.give_to_agent(no),
        }
    }

    /// Sections 5.1, 6.5 and 12.3: what is looked at when a command starts.
    fn may_run(&mut self, command: &Command) -> Result<(), Failure> {
        if command.kind().row().target == Target::Session {
            let id = command.session.clone().expect("it is about a session");
            let Some(session) = self.session(&id) else {
                if command.kind() == CommandKind::Unsubscribe {
                    return Ok(());
                }
                return Err(Failure::SessionNotFound { session: id });
            };
            if let Some(expected) = command.envelope.if_session_version
                && expected != session.version
            {
                return Err(Failure::VersionMismatch { expected, actual: session.version });
            }
            if self.absent.contains(&command.kind()) {
                return Err(Failure::Unsupported);
            }
            self.circuits_allow(command)?;
        }
        Ok(())
    }

    fn look_up(&mut self, command: &Command) {
        let no = command.no;
        if command.creates() {
            let id = command.session.clone().expect("a creation has a session");
            let max = self.limits.sessions_max;
            if self.session(&id).is_some() {
                return self.finish(no, Err(Failure::SessionExists { session: id }));
            }
            if self.sessions_taken() >= max {
                return self.finish(no, Err(Failure::SessionLimit { max }));
            }
        }
        let what = match &command.envelope.details {
            Details::Create { cwd } => Query::Directory { cwd: cwd.clone() },
            Details::Load { path } => Query::SessionFile { path: path.clone() },
            Details::History(filter) => Query::History(filter.clone()),
            _ => match command.kind() {
                CommandKind::ListStoredSessions => Query::StoredSessions,
                CommandKind::GetCommandHistory => Query::History(HistoryFilter::default()),
                _ => Query::Metrics,
            },
        };
        let command = self.find_mut(no).expect("it is in flight");
        command.needs = Needs::LookUp;
        if command.kind().row().target == Target::Server {
            command.place = Place::Aside;
        }
        self.ask_shell(&Output::Query { query: no, what });
    }

    /// Sessions that exist, and those whose agents are being brought up.
    fn sessions_taken(&self) -> u64 {
        let creating = self.commands.iter().filter(|c| c.creates() && c.home.is_some());
        (self.sessions.len() + creating.count()) as u64
    }

    fn make_home(&mut self, no: CommandNo, home: Home) {
        let max = self.limits.sessions_max;
        if self.sessions_taken() >= max {
            return self.finish(no, Err(Failure::SessionLimit { max }));
        }
        self.find_mut(no).expect("it is in flight").home = Some(home);
        self.give_to_agent(no);
    }

    pub(super) fn answered(&mut self, no: CommandNo, answer: &Answer) {
        let Some(command) = self.find(no).cloned() else { return };
        if command.needs != Needs::LookUp {
            return;
        }
        let words = |text: &str| Err(Failure::Unavailable(Text::from(text)));
        let id = command.session.clone();
        match (command.kind(), answer) {
            (_, Answer::Failed(text)) => self.finish(no, words(text)),
            (CommandKind::CreateSession, Answer::Directory { cwd }) => {
                let (since, kept) = (self.now, Kept::NothingHappened);
                let wall = self.wall.wall(since);
                let (cwd, not_before) = (cwd.clone(), self.beginning());
                let home = Home { cwd, file: None, since, wall, not_before, kept };
                self.make_home(no, home);
            }
            (
                CommandKind::LoadSession | CommandKind::SwitchSessionFile,
                Answer::SessionFile { path, cwd, name: _ },
            ) => {
                if let Some(session) = self.holder_of(path, id.as_ref()) {
                    return self.finish(no, Err(Failure::FileInUse { session }));
                }
                let (since, kept) = (self.now, Kept::InTheFile);
                let wall = self.wall.wall(since);
                let (cwd, file) = (cwd.clone(), Some(path.clone()));
                let not_before = self.beginning();
                let home = Home { cwd, file, since, wall, not_before, kept };
                if command.creates() {
                    self.make_home(no, home);
                } else {
                    self.give_to_agent(no);
                }
            }
            (
                CommandKind::ListStoredSessions
                | CommandKind::GetMetrics
                | CommandKind::GetCommandHistory,
                Answer::Data,
            ) => {
                let data = self.body_data();
                self.finish(no, Ok(data));
            }
            // Not what was asked for.
            _ => self.finish(no, words("")),
        }
    }

    /// The other session that a file is open in.
    fn holder_of(&self, path: &Text, not: Option<&Text>) -> Option<Text> {
        let open = self.sessions.iter().map(|s| (&s.id, &s.info.file));
        let creating = self
            .commands
            .iter()
            .filter_map(|c| Some((c.session.as_ref()?, &c.home.as_ref()?.file)));
        let holders = open
            .chain(creating)
            .filter(|(id, file)| file.as_ref() == Some(path) && Some(*id) != not);
        holders.map(|(id, _)| id.clone()).min()
    }

    /// Section 7.2: an agent that is not up is brought up first.
    pub(super) fn give_to_agent(&mut self, no: CommandNo) {
        let command = self.find(no).cloned().expect("it is in flight");
        let id = command.session.clone().expect("an agent's command has a session");
        let agent = self.agent_of(&id).map(|a| (a.no, a.up.is_some() && !a.ending));
        if let Some((agent, true)) = agent {
            return self.call(no, agent);
        }
        if is_abort(command.kind()) {
            // Nothing runs that could be stopped.
            return self.finish(no, Ok(Data::None));
        }
        self.find_mut(no).expect("found").needs = Needs::Agent;
    }

    /// Gives a command to its agent, which is up.
    pub(super) fn call(&mut self, no: CommandNo, agent: pi_server_core::AgentNo) {
        let command = self.find(no).cloned().expect("it is in flight");
        let id = command.session.clone().expect("an agent's command has a session");
        let known = self.agents.iter_mut().find(|a| a.no == agent).expect("it is up");
        // A run may have begun while the agent came up.
        let joined = command.kind() == CommandKind::Prompt && known.run != Run::Idle;
        if self.absent.contains(&command.kind()) {
            return self.finish(no, Err(Failure::Unsupported));
        }
        let place = match command.kind() {
            CommandKind::Prompt if joined || self.rules < RuleSet::V3 => Place::Head,
            CommandKind::Prompt => Place::Slot,
            kind if kind.row().class == Class::Turn => Place::Slot,
            kind if is_abort(kind) => Place::Aside,
            _ => Place::Head,
        };
        if command.kind() == CommandKind::Prompt && !joined {
            known.run = Run::Asked;
            known.run_failed = None;
            known.abort_came_early = false;
        }
        self.find_mut(no).expect("found").joined = joined;
        self.pass_circuits(no);
        self.given(&id, command.kind());
        let call = Ask::Call { agent, call: no, kind: command.kind(), frame: command.body };
        self.seen.ask(&call);
        let command = self.find_mut(no).expect("found");
        command.place = place;
        command.needs = Needs::Reply;
        command.agent = Some(agent);
        if command.kind() == CommandKind::Abort {
            // It stops what goes on before the run, and has to be said again when the run begins.
            let known = self.agents.iter_mut().find(|a| a.no == agent).expect("it is up");
            known.abort_came_early |= known.run == Run::Asked;
            self.withdraw_dialogs(&id, true);
        }
    }
}
