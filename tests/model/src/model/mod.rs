//! The naive twin: PROTOCOL.md as plainly as it can be written down, slow and obvious.
//!
//! It shares the input and output types with the core and nothing else. For every input it says
//! what each client, each agent and the shell get to see; any difference is a failure of the core,
//! of the model, or of PROTOCOL.md.

mod admission;
mod agent;
mod boot;
mod choices;
mod circuit;
mod dialog;
mod finish;
mod lane;
mod pool;
mod seen;
mod session;
mod start;
mod types;

use std::collections::BTreeMap;
use std::sync::Arc;

use pi_server_core::command::CommandKind;
use pi_server_core::failure::Failure;
use pi_server_core::frame::{CommandName, Frame, Outcome, Recovery};
use pi_server_core::input::{
    AgentKind, InputKind, Interest, Malformed, Opened, RuleSet, Transport,
};
use pi_server_core::output::Output;
use pi_server_core::{
    AgentNo, BodyRef, CommandNo, ConnId, Input, Limits, Micros, Seq, Text, WallOffset,
};

use self::agent::agent_due_at;
pub use self::choices::Choices;
pub use self::seen::Seen;
use self::types::{
    Agent, Bucket, Circuit, Command, Conn, Dialog, Ending, Key, Lane, Namespace, Session, Stopping,
    Stored,
};

/// Everything that the model knows.
#[derive(Clone, Debug)]
pub struct Model {
    limits: Limits,
    alive: bool,
    server_version: Text,
    default_agent: AgentKind,
    report: Arc<Recovery>,
    boots: u64,
    rules: RuleSet,
    /// Sections 8.5: every life that there was, by its number, its epoch and its first input.
    lives: Vec<(u64, Text, Seq)>,
    /// Elapsed time, awake.
    now: Micros,
    /// How far the clock on the wall is ahead of that. Time asleep shows in nothing but this.
    wall: WallOffset,
    seq: Seq,
    body: BodyRef,
    writable: bool,
    drain_until: Option<Micros>,
    exited: bool,
    conns: Vec<Conn>,
    /// In the order of creation.
    sessions: Vec<Session>,
    agents: Vec<Agent>,
    agents_so_far: u64,
    stopping: Vec<Stopping>,
    /// In flight, in the order of admission.
    commands: Vec<Command>,
    /// The last lane sequence of each lane.
    sequences: BTreeMap<Lane, u64>,
    /// Oldest first.
    stored: Vec<Stored>,
    /// Ids of mutations that are neither stored nor known to be indexed, and when they ended; oldest
    /// first.
    parked: Vec<(Namespace, Text, Seq)>,
    /// The last input whose ids are known to be indexed.
    indexed: Seq,
    /// Outcomes of commands with an id that ended in this step, in the model's order.
    ended: Vec<Stored>,
    keys: Vec<Key>,
    dialogs: Vec<Dialog>,
    control: Bucket,
    providers: BTreeMap<Text, Circuit>,
    bash: BTreeMap<Text, Circuit>,
    bash_global: Circuit,
    /// Commands that end because of others, before anything else starts.
    doomed: Vec<(CommandNo, Ending)>,
    /// Commands that the agents of this daemon cannot offer, as the last one said.
    absent: Vec<CommandKind>,
    choices: Choices,
    seen: Seen,
}

impl Default for Model {
    fn default() -> Model {
        Model::new()
    }
}

impl Model {
    /// Before the first input.
    pub fn new() -> Model {
        Model {
            limits: Limits::default(),
            alive: false,
            server_version: Text::from(""),
            default_agent: AgentKind::Demo,
            report: Arc::default(),
            boots: 0,
            rules: RuleSet::V1,
            lives: Vec::new(),
            now: Micros(0),
            wall: WallOffset(0),
            seq: Seq(0),
            body: BodyRef::default(),
            writable: true,
            drain_until: None,
            exited: false,
            conns: Vec::new(),
            sessions: Vec::new(),
            agents: Vec::new(),
            agents_so_far: 0,
            stopping: Vec::new(),
            commands: Vec::new(),
            sequences: BTreeMap::new(),
            stored: Vec::new(),
            parked: Vec::new(),
            indexed: Seq(0),
            ended: Vec::new(),
            keys: Vec::new(),
            dialogs: Vec::new(),
            control: Bucket::full(0, Micros(0)),
            providers: BTreeMap::new(),
            bash: BTreeMap::new(),
            bash_global: Circuit::default(),
            doomed: Vec::new(),
            absent: Vec::new(),
            choices: Choices::default(),
            seen: Seen::default(),
        }
    }

    /// One step; `choices` is what the daemon chose where PROTOCOL.md leaves it the choice.
    pub fn step(&mut self, input: &Input, choices: Choices) -> Seen {
        let gone = input.at.0.saturating_sub(self.now.0);
        self.now = input.at;
        self.seq = input.seq;
        self.time_stands_still(gone);
        self.body = input.body;
        self.choices = choices;
        self.seen = Seen::default();
        let ids = self.ids();
        if let InputKind::Boot(boot) = &input.kind {
            self.boot(boot);
        } else if self.alive {
            self.happen(input);
        }
        if self.alive {
            self.settle();
            self.look_after_agents();
            self.exit_when_drained();
        }
        self.forget_empty_lanes();
        self.store_in_the_order_of_ends(ids);
        std::mem::take(&mut self.seen)
    }

    fn happen(&mut self, input: &Input) {
        match &input.kind {
            InputKind::Boot(_) => unreachable!("handled by the caller"),
            InputKind::Opened(opened) => self.opened(opened),
            InputKind::Closed { conn } => self.closed(*conn),
            InputKind::Command { conn, envelope } => self.command(input, *conn, envelope, None),
            InputKind::Repeated { conn, envelope, earlier } => {
                self.command(input, *conn, envelope, Some(earlier));
            }
            InputKind::Malformed { conn, malformed } => self.malformed(*conn, malformed),
            InputKind::Agent { agent, said } => self.agent_said(*agent, said),
            InputKind::Answered { query, answer } => self.answered(*query, answer),
            InputKind::Storage { writable } => self.writable = *writable,
            InputKind::Tick => self.overdue(),
            InputKind::Wall { offset } => self.wall = *offset,
            InputKind::Indexed { seq } => {
                self.indexed = self.indexed.max(*seq);
                self.parked.retain(|(_, _, ended)| ended > seq);
            }
            InputKind::Drain => self.drain(),
            InputKind::Stop => {
                self.alive = false;
                self.conns.clear();
            }
        }
    }

    /// Sections 2.1 and 8.2.
    fn opened(&mut self, opened: &Opened) {
        let Opened { transport: Transport::WebSocket | Transport::Unix | Transport::Stdio, client } =
            opened;
        let no = ConnId(self.seq.0);
        self.conns.push(Conn {
            no,
            client: Namespace(client.clone()),
            interest: Interest::default(),
            subscriptions: Vec::new(),
            bucket: Bucket::full(self.limits.connection_burst, self.now),
        });
        let server_version = self.server_version.clone();
        let greeting = match self.epoch() {
            None => Frame::ServerReady { server_version },
            Some(epoch) => Frame::ServerReadyIn { server_version, epoch },
        };
        self.seen.frame(no, &greeting);
        self.seen.frame(no, &Frame::RecoverySummary(self.report.clone()));
        self.seen.note(no, "admit".into());
    }

    /// Section 2.1: commands go on when their connection ends; their responses go nowhere.
    fn closed(&mut self, conn: ConnId) {
        self.conns.retain(|c| c.no != conn);
        for command in &mut self.commands {
            command.waiters.retain(|(waiter, _)| *waiter != conn);
            if command.owner == Some(conn) {
                command.owner = None;
            }
        }
    }

    /// Section 3.
    fn malformed(&mut self, conn: ConnId, malformed: &Malformed) {
        if !self.conns.iter().any(|c| c.no == conn) {
            return;
        }
        let (id, command) = match malformed {
            Malformed::Invalid { id, command, .. } => (id.clone(), command.clone()),
            Malformed::TooLarge { .. }
            | Malformed::NotUtf8 { .. }
            | Malformed::NotJson { .. }
            | Malformed::NotAnObject => (None, None),
        };
        let outcome = Outcome {
            result: Err(Failure::Malformed(malformed.clone())),
            session_version: None,
            lane_sequence: None,
            at: self.now,
        };
        let command = command.map(CommandName::Raw);
        let outcome = Arc::new(outcome);
        self.seen.frame(conn, &Frame::Response { id, command, outcome, replayed: false });
    }

    /// Section 13.
    fn drain(&mut self) {
        let timeout_ms = self.limits.drain_timeout_ms;
        if self.drain_until.is_some() {
            // What a second signal means is the shell's affair.
            return;
        }
        self.drain_until = Some(self.now.plus_ms(timeout_ms));
        self.tell_everyone(&Frame::ServerShutdown { timeout_ms });
    }

    fn exit_when_drained(&mut self) {
        if self.drain_until.is_some() && self.commands.is_empty() {
            self.exit();
        }
    }

    fn exit(&mut self) {
        if !std::mem::replace(&mut self.exited, true) {
            self.seen.rest(&Output::Exit);
        }
    }

    /// Everything whose time has come, the earliest first.
    fn overdue(&mut self) {
        let now = self.now;
        while let Some((_, due)) = self.next_due().filter(|(at, _)| *at <= now) {
            match due {
                Due::Command(no) => self.command_is_due(no),
                Due::Agent(no) => self.agent_is_due(no),
                Due::Stopping(no) => self.stop_is_due(no),
                Due::NoRun(no) => self.stopped_without_run(no),
                Due::Dialog(place) => self.dialog_is_due(place),
                Due::Idle(no) => self.idle_is_due(no),
                Due::Drain => self.drain_is_due(),
            }
            self.fail_doomed();
        }
    }

    fn next_due(&self) -> Option<(Micros, Due)> {
        let mut all: Vec<(Micros, Due)> = Vec::new();
        all.extend(
            self.commands
                .iter()
                .filter_map(|c| self.command_due_at(c).map(|at| (at, Due::Command(c.no)))),
        );
        all.extend(
            self.agents.iter().filter_map(|a| agent_due_at(a).map(|at| (at, Due::Agent(a.no)))),
        );
        all.extend(self.agents.iter().filter_map(|a| {
            let since = a.idle_since?;
            Some((since.plus_ms(self.limits.agent_idle_ms), Due::Idle(a.no)))
        }));
        all.extend(self.stopping.iter().flat_map(|s| {
            let over = (s.until, Due::Stopping(s.command));
            // In the same moment the run that never began comes first: nothing is left to end.
            [s.begin_by.map(|at| (at, Due::NoRun(s.command))), Some(over)].into_iter().flatten()
        }));
        all.extend(
            self.dialogs
                .iter()
                .enumerate()
                .filter_map(|(place, dialog)| dialog.until.map(|at| (at, Due::Dialog(place)))),
        );
        if let (Some(until), false) = (self.drain_until, self.exited) {
            all.push((until, Due::Drain));
        }
        let (at, due) = all.iter().copied().min_by_key(|(at, _)| *at)?;
        let Due::Agent(no) = due else { return Some((at, due)) };
        if self.choices.kill(no).is_none() {
            return Some((at, due));
        }
        // Of agents that should have been up by the same moment, each of a session of its own, the
        // first is the daemon's choice.
        let ended = all.iter().filter_map(|(also, due)| match due {
            Due::Agent(no) if *also == at => self.choices.kill(*no).map(|place| (place, *no)),
            _ => None,
        });
        Some((at, ended.min().map_or(due, |(_, no)| Due::Agent(no))))
    }

    /// Section 13: the drain has taken too long.
    fn drain_is_due(&mut self) {
        let at_an_agent: Vec<CommandNo> =
            self.commands.iter().filter(|c| c.agent.is_some()).map(|c| c.no).collect();
        for no in at_an_agent {
            self.stop(no, Failure::ShuttingDown);
        }
        self.exit();
    }

    fn tell_everyone(&mut self, frame: &Frame) {
        for conn in &self.conns {
            self.seen.frame(conn.no, frame);
        }
    }

    fn tell_subscribers(&mut self, session: &Text, frame: &Frame) {
        for conn in &self.conns {
            if conn.subscriptions.contains(session) {
                self.seen.frame(conn.no, frame);
            }
        }
    }

    fn agent_of(&self, session: &Text) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.session == *session)
    }

    fn find(&self, no: CommandNo) -> Option<&Command> {
        self.commands.iter().find(|command| command.no == no)
    }

    fn find_mut(&mut self, no: CommandNo) -> Option<&mut Command> {
        self.commands.iter_mut().find(|command| command.no == no)
    }

    fn session(&self, id: &Text) -> Option<&Session> {
        self.sessions.iter().find(|session| session.id == *id)
    }

    fn session_mut(&mut self, id: &Text) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|session| session.id == *id)
    }
}

/// What may be due.
#[derive(Clone, Copy, Debug)]
enum Due {
    Command(CommandNo),
    Agent(AgentNo),
    Stopping(CommandNo),
    NoRun(CommandNo),
    Dialog(usize),
    Idle(AgentNo),
    Drain,
}
