//! The registry of sessions and the small state of their agents.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;

use super::State;
use super::breaker::Breaker;
use super::bucket::TokenBucket;
use super::dialog::Dialog;
use super::due::Wake;
use super::lane::{Hold, LaneKey, Slot};
use crate::frame::SessionInfo;
use crate::ids::{AgentNo, CommandNo, Micros, Seq, Text};
use crate::input::{AgentInfo, RuleSet};
use crate::output::{Ask, Output, Outputs};
use crate::snapshot::layout4;

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) id: Text,
    pub(super) cwd: Text,
    pub(super) created_at: Micros,
    /// The same on the wall, as it was then.
    created_wall: Micros,
    pub(super) version: u64,
    /// The command that is bringing it into being; nobody sees it until that has succeeded.
    pub(super) creating: Option<CommandNo>,
    pub(super) agent: Agent,
    pub(super) run: Run,
    pub(super) compacting: bool,
    /// Whether the last run since a prompt was passed on ended with a provider's error; `None`
    /// while none has ended.
    pub(super) run_failed: Option<bool>,
    pub(super) info: AgentInfo,
    /// Commands at the agent.
    pub(super) asked: BTreeSet<CommandNo>,
    pub(super) dialogs: BTreeMap<Text, Dialog>,
    /// Place of the newest event.
    pub(super) last_event: Seq,
    /// The input in whose step its creation began: what happened before it in a session of that name
    /// happened in another. `None` for a session that was created before rule set 3.
    pub(super) begins: Option<Seq>,
    pub(super) bucket: TokenBucket,
    pub(super) dialog_bucket: TokenBucket,
    pub(super) bash: Breaker,
    /// An abort was passed on while the prompt that the agent has had not begun its run.
    pub(super) abort_came_early: bool,
    /// When a turn that was given up has to be over.
    pub(super) stop_by: Option<Micros>,
    /// Since when its agent has nothing to do and keeps nothing that would be lost with it.
    pub(super) idle_since: Option<Micros>,
    pub(super) kept: Kept,
    view: View,
}

/// What clients see of a session: made when it is asked for, dropped at every change. It follows from
/// the rest of the session, so it makes no difference between two, and no snapshot has it.
#[derive(Clone, Debug, Default)]
struct View(Option<Arc<SessionInfo>>);

impl PartialEq for View {
    fn eq(&self, _: &View) -> bool {
        true
    }
}

impl Eq for View {}

/// Where what has happened in a session is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Nothing has happened in it.
    Nowhere,
    /// Some of it may be in the memory of its agent only.
    InMemory,
    /// In its file, if it has one.
    InFile,
}

/// The life of a session's agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Agent {
    /// None; the next command that needs one brings it up.
    Down,
    /// Asked for, not ready yet.
    Starting { agent: AgentNo, by: Micros },
    /// Takes calls.
    Up { agent: AgentNo, settles: bool, disposition: bool },
    /// Told to go; takes nothing any more.
    Ending { agent: AgentNo },
}

/// What an agent's run is doing. PROTOCOL.md section 7, "The run".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    Idle,
    /// A prompt was passed on; the agent has not accepted it.
    Prompted(CommandNo),
    /// A prompt was accepted; its run has not begun. `by` says when that becomes a failure, or,
    /// for a slash command, when it means that there is no run.
    Accepted {
        command: CommandNo,
        by: Micros,
        slash: bool,
    },
    Going,
    /// Another attempt follows after a pause, or it has ended and the agent will say when it is
    /// over.
    Retrying,
    /// It ended, and this agent does not say when it is over: nothing more until `by` means that.
    Ended {
        by: Micros,
    },
}

impl Session {
    /// A session that a command begins to create, at this time of inputs and on the wall.
    pub(super) fn new(
        id: Text,
        cwd: Text,
        (at, wall): (Micros, Micros),
        creating: CommandNo,
    ) -> Session {
        Session {
            id,
            cwd,
            created_at: at,
            created_wall: wall,
            version: 0,
            creating: Some(creating),
            agent: Agent::Down,
            run: Run::Idle,
            compacting: false,
            run_failed: None,
            info: AgentInfo { thinking: Text::from("off"), ..AgentInfo::default() },
            asked: BTreeSet::new(),
            dialogs: BTreeMap::new(),
            last_event: Seq(0),
            begins: None,
            bucket: TokenBucket::default(),
            dialog_bucket: TokenBucket::default(),
            bash: Breaker::default(),
            abort_came_early: false,
            stop_by: None,
            idle_since: None,
            kept: Kept::Nowhere,
            view: View::default(),
        }
    }

    /// Something that clients see has changed.
    pub(super) fn touch(&mut self) {
        self.view = View::default();
    }

    /// What clients see.
    pub(super) fn view(&mut self) -> Arc<SessionInfo> {
        if let View(Some(view)) = &self.view {
            return view.clone();
        }
        let view = Arc::new(self.describe());
        self.view = View(Some(view.clone()));
        view
    }

    pub(super) fn describe(&self) -> SessionInfo {
        SessionInfo {
            id: self.id.clone(),
            name: self.info.name.clone(),
            file: self.info.file.clone(),
            model: self.info.model.clone(),
            thinking: self.info.thinking.clone(),
            streaming: self.is_running(),
            compacting: self.compacting,
            messages: self.info.messages,
            queued: self.info.queued,
            created_at: self.created_wall,
            cwd: self.cwd.clone(),
            version: self.version,
            dialogs: u64::try_from(self.dialogs.len()).unwrap_or(u64::MAX),
        }
    }

    /// A dialog of it is open.
    pub(super) fn asks(&self) -> bool {
        !self.dialogs.is_empty()
    }

    /// Its agent has a prompt and has not begun its run.
    pub(super) fn is_asked(&self) -> bool {
        match self.run {
            Run::Prompted(_) | Run::Accepted { .. } => true,
            Run::Idle | Run::Going | Run::Retrying | Run::Ended { .. } => false,
        }
    }

    /// A run is going, between attempts, or about to be over.
    pub(super) fn is_running(&self) -> bool {
        match self.run {
            Run::Going | Run::Retrying | Run::Ended { .. } => true,
            Run::Idle | Run::Prompted(_) | Run::Accepted { .. } => false,
        }
    }

    /// What would be lost now. Prompts for the turn that is running are, while its run has not
    /// begun, is between attempts or may be over, and during a compaction.
    pub(super) fn holds(&self, rules: RuleSet) -> Hold {
        match self.run {
            Run::Prompted(_) | Run::Accepted { .. } if rules >= RuleSet::V3 && !self.asks() => {
                Hold::AllThatChanges
            }
            _ if self.compacting => Hold::TurnsAndPrompts,
            Run::Prompted(_) | Run::Accepted { .. } | Run::Retrying | Run::Ended { .. } => {
                Hold::TurnsAndPrompts
            }
            Run::Going => Hold::Turns,
            Run::Idle => Hold::Nothing,
        }
    }

    /// The agent that takes calls.
    pub(super) fn agent_up(&self) -> Option<AgentNo> {
        match self.agent {
            Agent::Up { agent, .. } => Some(agent),
            Agent::Down | Agent::Starting { .. } | Agent::Ending { .. } => None,
        }
    }

    /// The agent that has not exited, in whatever state.
    pub(super) fn agent_alive(&self) -> Option<AgentNo> {
        match self.agent {
            Agent::Up { agent, .. } | Agent::Starting { agent, .. } | Agent::Ending { agent } => {
                Some(agent)
            }
            Agent::Down => None,
        }
    }
}

impl State {
    /// The session of that id, if its creation has succeeded.
    pub(super) fn open_session(&self, id: &str) -> Option<&Session> {
        self.sessions.get(id).filter(|session| session.creating.is_none())
    }

    /// Asks for an agent if the session has none.
    pub(super) fn bring_up(&mut self, id: &Text, outputs: &mut Outputs) {
        let by = self.now.plus_ms(self.limits.agent_start_timeout_ms);
        let Some(session) = self.sessions.get_mut(id) else { return };
        if session.agent != Agent::Down {
            return;
        }
        self.last_agent = self.last_agent.saturating_add(1);
        let agent = AgentNo(self.last_agent);
        session.agent = Agent::Starting { agent, by };
        self.agents.insert(agent, id.clone());
        self.due.set(by, Wake::AgentStart(id.clone()));
        outputs.push(Output::Ask(Ask::Spawn {
            agent,
            session: id.clone(),
            cwd: session.cwd.clone(),
            resume: session.info.file.clone(),
        }));
    }

    /// Tells a session's agent to go.
    pub(super) fn end_agent(&mut self, id: &Text, outputs: &mut Outputs) {
        self.idle_over(id);
        let Some(session) = self.sessions.get_mut(id) else { return };
        match session.agent {
            Agent::Starting { agent, by } => {
                self.due.clear(Some(by), Wake::AgentStart(id.clone()));
                session.agent = Agent::Ending { agent };
                outputs.push(Output::Ask(Ask::Kill { agent }));
            }
            Agent::Up { agent, .. } => {
                session.agent = Agent::Ending { agent };
                outputs.push(Output::Ask(Ask::Kill { agent }));
            }
            Agent::Down | Agent::Ending { .. } => {}
        }
    }

    /// Takes a session out of the registry with everything that waits on its behalf. Commands in
    /// its lane are the caller's business.
    pub(super) fn remove_session(&mut self, id: &Text, outputs: &mut Outputs) -> Option<Session> {
        self.withdraw_dialogs(id, false, outputs);
        self.end_agent(id, outputs);
        let session = self.sessions.remove(id)?;
        self.clear_run_wake(&session);
        self.due.clear(session.stop_by, Wake::Stopping(id.clone()));
        if let Some(agent) = session.agent_alive() {
            self.agents.remove(&agent);
        }
        for conn in self.conns.values_mut() {
            conn.subscriptions.remove(id);
        }
        // Whatever its agent was busy with, a session of the same name begins with a free slot.
        if let Some(lane) = self.lanes.get_mut(&LaneKey::Session(id.clone())) {
            lane.slot = Slot::Free;
        }
        Some(session)
    }

    /// Takes back the wake-up that a session's run had asked for.
    pub(super) fn clear_run_wake(&mut self, session: &Session) {
        match session.run {
            Run::Accepted { by, .. } | Run::Ended { by } => {
                self.due.clear(Some(by), Wake::Run(session.id.clone()));
            }
            Run::Idle | Run::Prompted(_) | Run::Going | Run::Retrying => {}
        }
    }
}

impl From<&Session> for layout4::Session {
    fn from(session: &Session) -> layout4::Session {
        layout4::Session {
            id: session.id.clone(),
            cwd: session.cwd.clone(),
            created_at: session.created_at,
            created_wall: session.created_wall,
            version: session.version,
            creating: session.creating,
            agent: match session.agent {
                Agent::Down => layout4::Agent::Down,
                Agent::Starting { agent, by } => layout4::Agent::Starting { agent, by },
                Agent::Up { agent, settles, disposition } => {
                    layout4::Agent::Up { agent, settles, disposition }
                }
                Agent::Ending { agent } => layout4::Agent::Ending { agent },
            },
            run: match session.run {
                Run::Idle => layout4::Run::Idle,
                Run::Prompted(command) => layout4::Run::Prompted(command),
                Run::Accepted { command, by, slash } => {
                    layout4::Run::Accepted { command, by, slash }
                }
                Run::Going => layout4::Run::Going,
                Run::Retrying => layout4::Run::Retrying,
                Run::Ended { by } => layout4::Run::Ended { by },
            },
            compacting: session.compacting,
            run_failed: session.run_failed,
            info: session.info.clone(),
            asked: session.asked.iter().copied().collect(),
            dialogs: session
                .dialogs
                .iter()
                .map(|(id, dialog)| (id.clone(), dialog.into()))
                .collect(),
            last_event: session.last_event,
            bucket: (&session.bucket).into(),
            dialog_bucket: (&session.dialog_bucket).into(),
            bash: (&session.bash).into(),
            stop_by: session.stop_by,
            idle_since: session.idle_since,
            kept: match session.kept {
                Kept::Nowhere => layout4::Kept::Nowhere,
                Kept::InMemory => layout4::Kept::InMemory,
                Kept::InFile => layout4::Kept::InFile,
            },
        }
    }
}

impl From<layout4::Session> for Session {
    fn from(image: layout4::Session) -> Session {
        Session {
            id: image.id,
            cwd: image.cwd,
            created_at: image.created_at,
            created_wall: image.created_wall,
            version: image.version,
            creating: image.creating,
            agent: match image.agent {
                layout4::Agent::Down => Agent::Down,
                layout4::Agent::Starting { agent, by } => Agent::Starting { agent, by },
                layout4::Agent::Up { agent, settles, disposition } => {
                    Agent::Up { agent, settles, disposition }
                }
                layout4::Agent::Ending { agent } => Agent::Ending { agent },
            },
            run: match image.run {
                layout4::Run::Idle => Run::Idle,
                layout4::Run::Prompted(command) => Run::Prompted(command),
                layout4::Run::Accepted { command, by, slash } => {
                    Run::Accepted { command, by, slash }
                }
                layout4::Run::Going => Run::Going,
                layout4::Run::Retrying => Run::Retrying,
                layout4::Run::Ended { by } => Run::Ended { by },
            },
            compacting: image.compacting,
            run_failed: image.run_failed,
            info: image.info,
            asked: image.asked.into_iter().collect(),
            dialogs: image.dialogs.into_iter().map(|(id, dialog)| (id, dialog.into())).collect(),
            last_event: image.last_event,
            begins: None,
            bucket: image.bucket.into(),
            dialog_bucket: image.dialog_bucket.into(),
            bash: image.bash.into(),
            abort_came_early: false,
            stop_by: image.stop_by,
            idle_since: image.idle_since,
            kept: match image.kept {
                layout4::Kept::Nowhere => Kept::Nowhere,
                layout4::Kept::InMemory => Kept::InMemory,
                layout4::Kept::InFile => Kept::InFile,
            },
            view: View::default(),
        }
    }
}
