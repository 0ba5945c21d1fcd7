//! What agents say, and what it means for the commands that were passed on to them.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::due::Wake;
use super::lane::{LaneKey, Slot};
use super::session::{Agent, Run};
use super::{Stage, State, bump};
use crate::command::{Class, CommandKind, Target};
use crate::failure::Failure;
use crate::frame::{Data, Frame, Gone, MadeUp};
use crate::ids::{AgentNo, BodyRef, CommandNo, Seq, Text};
use crate::input::{AgentEvent, AgentReady, AgentSaid, Details, Disposition, Exit, Reply, RuleSet};
use crate::output::{Audience, Outputs};

impl State {
    pub(super) fn agent_said(
        &mut self,
        agent: AgentNo,
        said: &AgentSaid,
        body: BodyRef,
        outputs: &mut Outputs,
    ) {
        let Some(id) = self.agents.get(&agent).cloned() else {
            // Last words of an agent whose session is gone, or of an earlier life.
            bump(&mut self.counters.impossible);
            return;
        };
        match said {
            AgentSaid::Ready(ready) => self.agent_ready(&id, agent, ready, outputs),
            AgentSaid::Replied { call, reply } => {
                self.agent_replied(&id, agent, *call, reply, body, outputs);
            }
            AgentSaid::Event(event) => self.agent_event(&id, event, body, outputs),
            AgentSaid::Info(info) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.info = (**info).clone();
                    session.touch();
                    self.dirty.insert(LaneKey::Session(id));
                }
            }
            AgentSaid::Noise { lines } => {
                let lines = u64::from(*lines);
                self.counters.agent_noise = self.counters.agent_noise.saturating_add(lines);
            }
            AgentSaid::Exited(Exit { status, stderr }) => {
                let failure =
                    Failure::AgentExited { status: status.clone(), stderr: stderr.clone() };
                self.agent_gone((&id, agent), status, failure, outputs);
            }
            AgentSaid::Unavailable { why } => {
                let failure = Failure::AgentUnavailable { why: why.clone() };
                self.agent_gone((&id, agent), why, failure, outputs);
            }
        }
    }

    fn agent_ready(
        &mut self,
        id: &Text,
        agent: AgentNo,
        ready: &AgentReady,
        outputs: &mut Outputs,
    ) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let Agent::Starting { agent: expected, by } = session.agent else {
            bump(&mut self.counters.impossible);
            return;
        };
        if expected != agent {
            bump(&mut self.counters.impossible);
            return;
        }
        let (settles, disposition) = (ready.settles, ready.disposition);
        session.agent = Agent::Up { agent, settles, disposition };
        session.info = ready.info.clone();
        session.touch();
        self.due.clear(Some(by), Wake::AgentStart(id.clone()));
        if super::admission::count(self.agent_versions.len()) < VERSIONS_MAX {
            self.agent_versions.insert(ready.version.clone());
        }
        self.absent = ready.absent.iter().copied().collect::<BTreeSet<_>>();
        self.dirty.insert(LaneKey::Session(id.clone()));
        self.serve_head(id, outputs);
    }

    /// Gives the command that waited for its agent what it waited for.
    fn serve_head(&mut self, id: &Text, outputs: &mut Outputs) {
        let Some((number, command)) = self
            .lanes
            .get(&LaneKey::Session(id.clone()))
            .and_then(super::lane::Lane::head)
            .and_then(|number| Some((number, self.commands.get(&number)?)))
        else {
            return;
        };
        if command.stage != Stage::Starting {
            return;
        }
        let creates = command.envelope.kind.row().target == Target::Creates;
        let Some(session) = self.sessions.get_mut(id) else { return };
        if !creates {
            let agent = session.agent_up();
            if self.absent.contains(&command.envelope.kind) {
                // Nobody could know before its agent was up.
                self.finish_failed(number, Failure::Unsupported, outputs);
            } else if let Some(agent) = agent {
                self.dispatch(number, agent, outputs);
            }
            return;
        }
        session.creating = None;
        session.touch();
        let info = session.view();
        self.finish_done(number, Data::Created(Arc::clone(&info)), outputs);
        outputs.deliver(Audience::Everyone, Frame::SessionCreated(info));
    }

    fn agent_replied(
        &mut self,
        id: &Text,
        agent: AgentNo,
        call: CommandNo,
        reply: &Reply,
        body: BodyRef,
        outputs: &mut Outputs,
    ) {
        if self.stopping(id) == Some(call) {
            return self.late_reply(id, call, reply, outputs);
        }
        let Some(command) = self.commands.get(&call) else {
            // It was answered before, by a timeout or a cancellation; this changes nothing.
            bump(&mut self.counters.impossible);
            return;
        };
        if command.stage != Stage::Asked(agent) {
            bump(&mut self.counters.impossible);
            return;
        }
        let kind = command.envelope.kind;
        match reply {
            Reply::Done(disposition) if kind == CommandKind::Prompt => {
                self.prompt_accepted(id, call, *disposition, outputs);
            }
            Reply::Done(_) => {
                if kind == CommandKind::Compact
                    && let Some(session) = self.sessions.get_mut(id)
                {
                    session.compacting = false;
                    session.touch();
                }
                let data = if body.is_empty() { Data::None } else { Data::Body(body) };
                self.finish_done(call, data, outputs);
            }
            Reply::Failed(text) => {
                if kind == CommandKind::Prompt {
                    self.prompt_over(id, call);
                }
                self.finish_failed(call, Failure::Agent(text.clone()), outputs);
            }
        }
    }

    /// The answer to a turn that was given up: nobody waits for it, but it says that the agent is
    /// done with it, or that its run is still to come.
    fn late_reply(&mut self, id: &Text, call: CommandNo, reply: &Reply, outputs: &mut Outputs) {
        let slot = self.lanes.get(&LaneKey::Session(id.clone())).map(|lane| lane.slot);
        match (slot, reply) {
            (Some(Slot::Stopping(_, CommandKind::Prompt)), Reply::Failed(_)) => {
                self.prompt_over(id, call);
            }
            (Some(Slot::Stopping(_, CommandKind::Prompt)), Reply::Done(disposition)) => {
                match disposition {
                    Disposition::Started | Disposition::Unspecified => {
                        self.prompt_accepted(id, call, *disposition, outputs);
                    }
                    Disposition::Queued | Disposition::Handled => self.prompt_over(id, call),
                }
            }
            (Some(_) | None, _) => self.stopped(id),
        }
    }

    fn agent_event(&mut self, id: &Text, event: &AgentEvent, body: BodyRef, outputs: &mut Outputs) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        bump(&mut self.counters.events);
        let cursor = Seq(self.seq.0);
        session.last_event = cursor;
        // The event comes before whatever it causes: a turn's events before its end.
        outputs.deliver(
            Audience::Subscribers(id.clone()),
            Frame::Event { session: id.clone(), cursor, event: body },
        );
        if let AgentEvent::DialogOpened { request, method, timeout_ms } = event {
            self.dialog_opened(id, request, *method, *timeout_ms, body, outputs);
        } else {
            self.run_event(id, event, outputs);
        }
    }

    /// An agent is gone, or never came, which is how what it had ends.
    fn agent_gone(
        &mut self,
        (id, agent): (&Text, AgentNo),
        status: &Text,
        failure: Failure,
        outputs: &mut Outputs,
    ) {
        self.agents.remove(&agent);
        self.idle_over(id);
        let Some(session) = self.sessions.get_mut(id) else { return };
        if let Agent::Starting { by, .. } = session.agent {
            self.due.clear(Some(by), Wake::AgentStart(id.clone()));
        }
        self.interrupted(id, &Gone::Agent { status: status.clone() }, outputs);
        let unread = self.unread_by(id, status);
        let Some(session) = self.sessions.get_mut(id) else { return };
        // A command that waits for the next agent is not a victim of this one's end.
        let restart = matches!(session.agent, Agent::Ending { .. });
        session.agent = Agent::Down;
        session.compacting = false;
        session.touch();
        let asked: Vec<CommandNo> = session.asked.iter().copied().collect();
        let copy = session.clone();
        self.clear_run_wake(&copy);
        if let Some(session) = self.sessions.get_mut(id) {
            session.run = Run::Idle;
        }
        self.withdraw_dialogs(id, false, outputs);
        for number in asked {
            if unread.contains(&number) {
                self.ask_again(number);
            } else {
                self.finish_failed(number, failure.clone(), outputs);
            }
        }
        self.stopped(id);
        self.after_exit(id, restart, failure, outputs);
    }

    /// What an agent that has ended as it wanted to was given and did not do: the next one is asked. It
    /// had not begun the run of its prompt, and to look twice changes nothing. Once only, so that an
    /// agent that ends at each prompt does not come up for ever.
    fn unread_by(&self, id: &Text, status: &str) -> Vec<CommandNo> {
        let Some(session) = self.sessions.get(id) else { return Vec::new() };
        let by_itself = session.agent_up().is_some() && status == ENDED_WELL;
        if self.rules < RuleSet::V3 || !by_itself {
            return Vec::new();
        }
        let is_unread = |number: &CommandNo| {
            let Some(command) = self.commands.get(number) else { return false };
            let harmless = match command.envelope.details {
                // An extension's command may have been what ended it.
                Details::Prompt { slash, .. } => !slash && session.run == Run::Prompted(*number),
                _ => command.envelope.kind.row().class == Class::Read,
            };
            harmless && !command.asked_again && !command.frame.redacted
        };
        session.asked.iter().copied().filter(is_unread).collect()
    }

    /// Tells those who watch a session that what its agent was at is over, which nobody else can.
    pub(super) fn interrupted(&mut self, id: &Text, gone: &Gone, outputs: &mut Outputs) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let (runs, compacts) = (session.is_running(), session.compacting);
        if self.rules < RuleSet::V3 || !(runs || compacts) {
            return;
        }
        let cursor = self.seq;
        session.last_event = cursor;
        let ends = [
            (compacts, MadeUp::CompactionEnd),
            (runs, MadeUp::AgentEnd),
            (runs, MadeUp::AgentSettled),
        ];
        for (_, what) in ends.into_iter().filter(|(open, _)| *open) {
            let (session, gone) = (id.clone(), gone.clone());
            let frame = Frame::Interrupted { session, cursor, what, gone };
            outputs.deliver(Audience::Subscribers(id.clone()), frame);
        }
    }

    /// What becomes of the command that waits for an agent when the agent is gone.
    fn after_exit(&mut self, id: &Text, restart: bool, failure: Failure, outputs: &mut Outputs) {
        let head =
            self.lanes.get(&LaneKey::Session(id.clone())).and_then(super::lane::Lane::head).filter(
                |number| {
                    let command = self.commands.get(number);
                    command.is_some_and(|command| command.stage == Stage::Starting)
                },
            );
        let Some(number) = head else { return };
        if restart {
            self.wanted.insert(number, id.clone());
            return;
        }
        self.finish_failed(number, failure, outputs);
        self.undo_creation(number, Some(id), outputs);
    }

    /// An agent has not become ready in time.
    pub(super) fn agent_start_overdue(&mut self, id: &Text, outputs: &mut Outputs) {
        let ms = self.limits.agent_start_timeout_ms;
        self.end_agent(id, outputs);
        self.after_exit(id, false, Failure::AgentNotReady { ms }, outputs);
    }
}

/// The status of an agent that has ended by itself, and not because something was wrong.
const ENDED_WELL: &str = "exit status 0";

/// Versions of agents that `get_capabilities` lists.
const VERSIONS_MAX: u64 = 16;
