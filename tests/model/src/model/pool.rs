//! Section 7.6: how many agents run.

use pi_server_core::command::CommandKind;
use pi_server_core::input::AgentKind;
use pi_server_core::{AgentNo, CommandNo, Text};

use super::Model;
use super::lane::is_abort;
use super::types::{Agent, Command, Kept, Needs, Run};

impl Model {
    /// At the end of a step: who is idle, who gets an agent, who has to go.
    pub(super) fn look_after_agents(&mut self) {
        if self.exited {
            return;
        }
        let idle: Vec<bool> = self.agents.iter().map(|agent| self.is_idle(agent)).collect();
        for (agent, idle) in self.agents.iter_mut().zip(idle) {
            agent.idle_since = idle.then(|| agent.idle_since.unwrap_or(self.now));
        }
        while let Some(no) = self.wanted().first().copied().filter(|_| self.has_room()) {
            self.spawn_for(no);
        }
        let going = self.agents.iter().filter(|agent| agent.ending).count();
        let coming = self.may_come_up();
        let needed = coming.min(self.wanted().len() as u64);
        for _ in going as u64..needed {
            let idle = self.agents.iter().filter(|agent| agent.idle_since.is_some());
            let Some(longest) = idle.min_by_key(|agent| (agent.idle_since, agent.no)) else {
                return;
            };
            let session = longest.session.clone();
            self.end_agent(&session);
        }
    }

    pub(super) fn idle_is_due(&mut self, no: AgentNo) {
        let agent = self.agents.iter().find(|agent| agent.no == no);
        if let Some(session) = agent.map(|agent| agent.session.clone()) {
            self.end_agent(&session);
        }
    }

    fn is_idle(&self, agent: &Agent) -> bool {
        let id = &agent.session;
        let Some(session) = self.session(id) else { return false };
        let replaceable = match session.kept {
            Kept::NothingHappened => true,
            Kept::MaybeOnlyByTheAgent => false,
            Kept::InTheFile => session.info.file.is_some(),
        };
        self.default_agent == AgentKind::Pi
            && agent.up.is_some()
            && !agent.ending
            && agent.run == Run::Idle
            && !agent.compacting
            && session.info.queued == 0
            && !self.dialogs.iter().any(|dialog| dialog.session == *id)
            && !self.commands.iter().any(|command| command.lane().as_ref() == Some(id))
            && !self.stopping.iter().any(|stopping| stopping.session == *id)
            && replaceable
    }

    /// The commands that need an agent which nobody has asked for, in the order of admission.
    fn wanted(&self) -> Vec<CommandNo> {
        let waits = |command: &&Command| {
            let session = command.session.as_ref();
            command.needs == Needs::Agent && session.is_some_and(|id| self.agent_of(id).is_none())
        };
        let mut wanted: Vec<CommandNo> = self.commands.iter().filter(waits).map(|c| c.no).collect();
        wanted.sort();
        wanted
    }

    fn has_room(&self) -> bool {
        self.default_agent == AgentKind::Demo
            || (self.may_come_up() > 0 && (self.agents.len() as u64) < self.limits.agents_max)
    }

    fn may_come_up(&self) -> u64 {
        let coming = self.agents.iter().filter(|agent| agent.up.is_none() && !agent.ending);
        self.limits.agents_starting_max.saturating_sub(coming.count() as u64)
    }

    fn spawn_for(&mut self, no: CommandNo) {
        let command = self.find(no).cloned().expect("it waits");
        let id = command.session.clone().expect("an agent's command has a session");
        let (cwd, resume) = match (&command.home, self.session(&id)) {
            (Some(home), None) => (home.cwd.clone(), home.file.clone()),
            (_, Some(session)) => (session.cwd.clone(), session.info.file.clone()),
            (None, None) => unreachable!("a command for an agent has a session or makes one"),
        };
        self.spawn(&id, cwd, resume);
    }

    /// A command is given to the agent of a session.
    pub(super) fn given(&mut self, id: &Text, kind: CommandKind) {
        let Some(session) = self.session(id) else { return };
        let moves = matches!(
            kind,
            CommandKind::NewSession
                | CommandKind::Fork
                | CommandKind::SwitchSessionFile
                | CommandKind::NavigateTree
        );
        let changes = kind.row().mutates && !is_abort(kind);
        if changes && (moves || session.kept == Kept::NothingHappened) {
            self.keep(id, Kept::MaybeOnlyByTheAgent);
        }
    }

    /// Notes it with the session, or with the creation that is bringing it into being.
    pub(super) fn keep(&mut self, id: &Text, kept: Kept) {
        if let Some(session) = self.session_mut(id) {
            session.kept = kept;
        } else if let Some(home) = self
            .commands
            .iter_mut()
            .find_map(|c| c.home.as_mut().filter(|_| c.session.as_ref() == Some(id)))
        {
            home.kept = kept;
        }
    }
}
