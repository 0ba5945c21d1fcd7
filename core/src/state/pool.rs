//! How many agents run at a time: which are ended because they have nothing to do, and which
//! commands wait for room. PROTOCOL.md section 7.6.
//!
//! Nothing here is decided in the middle of a step: when everything that an input leads to has
//! happened, `watch_idle` has seen every session that it touched, and `start_agents` gives out what
//! room there is.

use super::State;
use super::admission::{count, stops_something};
use super::due::Wake;
use super::lane::{Lane, LaneKey};
use super::session::{Agent, Kept, Run, Session};
use super::{Life, bump};
use crate::command::CommandKind;
use crate::ids::Text;
use crate::input::AgentKind;
use crate::output::Outputs;

impl Session {
    /// Its agent is given a command: what that leaves behind may be in the agent's memory only.
    pub(super) fn given(&mut self, kind: CommandKind) {
        if !kind.row().mutates || stops_something(kind) {
            return;
        }
        // The place in the tree, and files that begin, are written with the next answer.
        let moves = matches!(
            kind,
            CommandKind::NewSession
                | CommandKind::Fork
                | CommandKind::SwitchSessionFile
                | CommandKind::NavigateTree
        );
        if moves || self.kept == Kept::Nowhere {
            self.kept = Kept::InMemory;
        }
    }

    /// Whether another agent could go on as if it were this one.
    fn is_replaceable(&self) -> bool {
        match self.kept {
            Kept::Nowhere => true,
            Kept::InMemory => false,
            Kept::InFile => self.info.file.is_some(),
        }
    }

    /// Whether its agent is up and has nothing to do, apart from commands in its lane.
    fn agent_rests(&self) -> bool {
        self.agent_up().is_some()
            && self.run == Run::Idle
            && !self.compacting
            && self.dialogs.is_empty()
            && self.info.queued == 0
    }
}

impl State {
    /// The embedded agent costs nothing and would forget its sessions.
    fn agents_are_processes(&self) -> bool {
        match self.agent_kind {
            AgentKind::Demo => false,
            AgentKind::Pi => true,
        }
    }

    /// Notes when a session's agent begins or ceases to have nothing to do.
    pub(super) fn watch_idle(&mut self, id: &Text) {
        if !self.agents_are_processes() {
            return;
        }
        let Some(session) = self.sessions.get(id) else { return };
        let lane = self.lanes.get(&LaneKey::Session(id.clone()));
        let idle =
            session.agent_rests() && session.is_replaceable() && lane.is_none_or(Lane::is_idle);
        if !idle {
            return self.idle_over(id);
        }
        let now = self.now;
        if let Some(session) = self.sessions.get_mut(id)
            && session.idle_since.is_none()
        {
            session.idle_since = Some(now);
            let at = now.plus_ms(self.limits.agent_idle_ms);
            self.due.set(at, Wake::AgentIdle(id.clone()));
        }
    }

    /// A session's agent has something to do, or is no more.
    pub(super) fn idle_over(&mut self, id: &Text) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        if let Some(since) = session.idle_since.take() {
            let at = since.plus_ms(self.limits.agent_idle_ms);
            self.due.clear(Some(at), Wake::AgentIdle(id.clone()));
        }
    }

    /// Brings agents up for those that wait, the oldest command first, as far as there is room, and
    /// ends agents that have nothing to do to make some.
    pub(super) fn start_agents(&mut self, outputs: &mut Outputs) {
        match self.life {
            Life::Running | Life::Draining => {}
            Life::Leaving | Life::Down => return,
        }
        while !self.wanted.is_empty() && self.has_room() {
            let Some((_, id)) = self.wanted.pop_first() else { return };
            self.bring_up(&id, outputs);
        }
        if !self.wanted.is_empty() {
            self.make_room(outputs);
        }
    }

    fn has_room(&self) -> bool {
        !self.agents_are_processes()
            || (self.may_come_up() > 0 && count(self.agents.len()) < self.limits.agents_max)
    }

    /// How many more agents may come up at the same time.
    fn may_come_up(&self) -> u64 {
        let coming = self.agents_that(|agent| matches!(agent, Agent::Starting { .. }));
        self.limits.agents_starting_max.saturating_sub(coming)
    }

    fn agents_that(&self, wanted: impl Fn(&Agent) -> bool) -> u64 {
        let sessions = self.agents.values().filter_map(|id| self.sessions.get(id));
        count(sessions.filter(|session| wanted(&session.agent)).count())
    }

    /// Ends as many agents that have nothing to do as could come up instead, those first that have
    /// had nothing to do for longest. Whoever is going already leaves room as well.
    fn make_room(&mut self, outputs: &mut Outputs) {
        let going = self.agents_that(|agent| matches!(agent, Agent::Ending { .. }));
        let mut room = going;
        let needed = self.may_come_up().min(count(self.wanted.len()));
        while room < needed {
            let idle = self.agents.iter().filter_map(|(agent, id)| {
                let since = self.sessions.get(id)?.idle_since?;
                Some((since, *agent, id))
            });
            let Some(id) = idle.min().map(|(_, _, id)| id.clone()) else { return };
            self.end_agent(&id, outputs);
            bump(&mut room);
        }
    }
}
