//! Everything the machine knows, and the one transition.
//!
//! `step` sorts an input to the module that knows its rule; every module ends in plain state, and
//! `State::settle` then starts whatever can start. Commands that end because of others are put
//! on a list and not ended by recursion, so that a chain of ten thousand dependents needs no stack.

mod admission;
mod agent;
mod boot;
mod breaker;
mod bucket;
mod dialog;
mod due;
mod execute;
mod finish;
mod identity;
mod ids;
mod image;
mod known;
mod lane;
mod lives;
mod pool;
mod session;
mod shares;
mod turn;
mod view;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::command::CommandKind;
use crate::failure::Failure;
use crate::frame::{Frame, Phase, Recovery};
use crate::ids::{AgentNo, BodyRef, CommandNo, ConnId, Micros, Seq, Text};
use crate::input::{AgentKind, Envelope, Input, InputKind, Interest, Opened, RuleSet};
use crate::limits::Limits;
use crate::output::{Audience, Output, Outputs};
use crate::walls::Walls;

use breaker::{Breaker, Probe};
use bucket::TokenBucket;
use due::{Due, Wake};
use identity::Identity;
use lane::{Hold, Lane, LaneKey};
use lives::Lives;
use session::Session;

pub use known::{IdPlace, KnownId};
pub use lives::{LIVES_MAX, epoch_of};
pub use view::{CommandView, ConnView, LaneView, Metrics, OriginView, SessionView};

/// Everything the machine knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    rules: RuleSet,
    life: Life,
    limits: Limits,
    server_version: Text,
    entropy: [u8; 16],
    agent_kind: AgentKind,
    default_cwd: Text,
    /// How far the wall clock is ahead of `now`, and was.
    walls: Walls,
    now: Micros,
    seq: Seq,
    boots: u64,
    lives: Lives,
    writable: bool,
    conns: BTreeMap<ConnId, Conn>,
    sessions: BTreeMap<Text, Session>,
    /// The session of every agent that has not exited. An agent whose session was deleted is not
    /// here any more, and whatever it still says is counted and ignored.
    agents: BTreeMap<AgentNo, Text>,
    last_agent: u64,
    /// The commands whose sessions wait for an agent to be asked for, oldest first.
    wanted: BTreeMap<CommandNo, Text>,
    lanes: BTreeMap<LaneKey, Lane>,
    /// Boxed: a command is large, and nothing is to be moved but the pointer.
    commands: BTreeMap<CommandNo, Box<Command>>,
    identity: Identity,
    control: TokenBucket,
    due: Due,
    providers: BTreeMap<Text, Breaker>,
    bash: Breaker,
    recovery: Arc<Recovery>,
    agent_versions: BTreeSet<Text>,
    absent: BTreeSet<CommandKind>,
    /// Outcomes that a crash left unknown and nobody has settled.
    unknown_outcomes: u64,
    counters: Counters,
    /// Lanes in which something may have become able to start. Empty between steps.
    dirty: Dirty,
    /// Commands to be failed because of others. Empty between steps.
    doomed: VecDeque<(CommandNo, Failure)>,
}

/// Where the daemon is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// Before the first `Boot`, or after a `Stop`.
    Down,
    /// Takes commands.
    Running,
    /// Refuses new commands, finishes what is in flight.
    Draining,
    /// Has asked the shell to exit.
    Leaving,
}

/// A client that is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Conn {
    /// Namespace of its ids; empty is the shared one.
    client: Text,
    /// Requests that have not been answered.
    pending: u64,
    bucket: TokenBucket,
    interest: Interest,
    subscriptions: BTreeSet<Text>,
}

/// A command that was admitted and has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Command {
    /// Who gets the response, while that connection lives.
    conn: Option<ConnId>,
    client: Text,
    /// Hash of its id in its namespace.
    id_hash: Option<u64>,
    envelope: Arc<Envelope>,
    /// The session it is about, also where the daemon chose the id.
    session: Option<Text>,
    lane: LaneKey,
    lane_sequence: u64,
    frame: BodyRef,
    stage: Stage,
    /// `command_started` has been sent; a command that runs again after a crash is not announced
    /// twice.
    announced: bool,
    /// Dependencies that have not succeeded yet, at most [`crate::limits::DEPENDENCIES_MAX`].
    unmet: Vec<CommandNo>,
    /// The commands that wait for this one.
    dependents: Vec<CommandNo>,
    /// The requests that get a copy of the response.
    waiters: Vec<Waiter>,
    /// Its entry in [`Due`], which is not there while its time stands still.
    deadline: Option<Micros>,
    /// Since when its time stands still, because the turn waits for the answer to a dialog.
    paused_since: Option<Micros>,
    /// The agent that it was given first ended without doing it, and it was put back.
    asked_again: bool,
    /// The timeout that the entry stands for, once it has started.
    timeout_ms: u64,
    /// The circuit that learns how it ends.
    charge: Charge,
}

/// Where a command is between admission and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// In its lane's queue.
    Waiting,
    /// Started; it has had no effect yet, or it is being carried out in this very step.
    Starting,
    /// The shell looks something up for it; no effect yet.
    Querying,
    /// At an agent: nobody can take it back.
    Asked(AgentNo),
}

/// A request that waits for the answer of a command that another request brought.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Waiter {
    conn: ConnId,
    id: Option<Text>,
}

/// The circuit breaker that a command is counted in.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Charge {
    None,
    /// The provider's circuit.
    Provider {
        name: Text,
        probe: Probe,
    },
    /// The session's circuit and the common one.
    Bash {
        session: Probe,
        common: Probe,
    },
}

/// What has been counted since the last boot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counters {
    inputs: u64,
    admitted: u64,
    succeeded: u64,
    failed: u64,
    refused: u64,
    replayed: u64,
    malformed: u64,
    rate_limited: u64,
    events: u64,
    agent_noise: u64,
    /// Inputs that cannot happen if shell and agents keep their word: replies to unknown calls,
    /// words of dead agents, a clock that runs backwards.
    impossible: u64,
}

impl Default for State {
    fn default() -> State {
        State::new()
    }
}

impl State {
    /// The state before the first input. It refuses everything until a `Boot`.
    pub fn new() -> State {
        State {
            rules: RuleSet::V1,
            life: Life::Down,
            limits: Limits::default(),
            server_version: Text::from(""),
            entropy: [0; 16],
            agent_kind: AgentKind::Demo,
            default_cwd: Text::from("/"),
            walls: Walls::new(),
            now: Micros(0),
            seq: Seq(0),
            boots: 0,
            lives: Lives::default(),
            writable: true,
            conns: BTreeMap::new(),
            sessions: BTreeMap::new(),
            agents: BTreeMap::new(),
            last_agent: 0,
            wanted: BTreeMap::new(),
            lanes: BTreeMap::new(),
            commands: BTreeMap::new(),
            identity: Identity::default(),
            control: TokenBucket::default(),
            due: Due::default(),
            providers: BTreeMap::new(),
            bash: Breaker::default(),
            recovery: Arc::new(Recovery::default()),
            agent_versions: BTreeSet::new(),
            absent: BTreeSet::new(),
            unknown_outcomes: 0,
            counters: Counters::default(),
            dirty: Dirty::default(),
            doomed: VecDeque::new(),
        }
    }

    /// One transition: `(state, input) -> (state, outputs)`. Clears `outputs` first.
    ///
    /// Total: whatever can be decoded can be stepped. `&mut` is exclusive, so this is a pure
    /// function without the copy.
    pub fn step(&mut self, input: &Input, outputs: &mut Outputs) {
        outputs.clear();
        if input.at <= self.now {
            bump(&mut self.counters.impossible);
        }
        self.now = self.now.max(input.at);
        self.seq = input.seq;
        bump(&mut self.counters.inputs);
        self.react(input, outputs);
    }

    /// [`State::step`] by value, for readers and tests.
    #[must_use]
    pub fn stepped(mut self, input: &Input) -> (State, Vec<Output>) {
        let mut outputs = Outputs::new();
        self.step(input, &mut outputs);
        (self, outputs.drain().collect())
    }

    fn react(&mut self, input: &Input, outputs: &mut Outputs) {
        if self.life == Life::Down && !matches!(input.kind, InputKind::Boot(_)) {
            // Between a stop and the next boot nothing happens, whatever is reported.
            bump(&mut self.counters.impossible);
            return;
        }
        match &input.kind {
            InputKind::Boot(boot) => self.boot(boot, outputs),
            InputKind::Opened(opened) => self.opened(ConnId(input.seq.0), opened, outputs),
            InputKind::Closed { conn } => self.closed(*conn, outputs),
            InputKind::Command { conn, envelope } => {
                self.command(*conn, envelope, None, input.body, outputs);
            }
            InputKind::Repeated { conn, envelope, earlier } => {
                self.command(*conn, envelope, Some(earlier), input.body, outputs);
            }
            InputKind::Malformed { conn, malformed } => self.malformed(*conn, malformed, outputs),
            InputKind::Agent { agent, said } => self.agent_said(*agent, said, input.body, outputs),
            InputKind::Answered { query, answer } => {
                self.answered(*query, answer, input.body, outputs);
            }
            InputKind::Storage { writable } => self.writable = *writable,
            InputKind::Tick => self.tick(outputs),
            InputKind::Drain => self.drain(outputs),
            InputKind::Stop => self.life = Life::Down,
            InputKind::Wall { offset } => self.walls.moved(self.now, *offset),
            InputKind::Indexed { seq } => self.identity.index_upto(*seq),
        }
        self.settle(outputs);
    }

    /// When the state wants a `Tick`, if nothing else happens before. Derived from the state.
    pub fn deadline(&self) -> Option<Micros> {
        self.due.first()
    }

    /// The bounds in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The session that an agent serves, while it lives and its session exists.
    pub fn session_of(&self, agent: AgentNo) -> Option<&Text> {
        self.agents.get(&agent)
    }

    /// The wall time of a journal time: what the clock on the wall showed then.
    pub fn wall(&self, at: Micros) -> Micros {
        self.walls.wall(at)
    }

    /// How far the clock on the wall is ahead of journal time, and was.
    pub fn walls(&self) -> &Walls {
        &self.walls
    }

    /// The epoch of cursors: the name of this life, as clients are told it. `None` before rule set 2.
    pub fn epoch(&self) -> Option<Text> {
        match self.rules {
            RuleSet::V1 => None,
            RuleSet::V2 | RuleSet::V3 => self.lives.current().map(lives::Life::epoch),
        }
    }

    fn opened(&mut self, conn: ConnId, opened: &Opened, outputs: &mut Outputs) {
        let client = opened.client.clone().unwrap_or_else(|| Text::from(""));
        self.conns.insert(
            conn,
            Conn {
                client,
                pending: 0,
                bucket: TokenBucket::default(),
                interest: Interest::All,
                subscriptions: BTreeSet::new(),
            },
        );
        let server_version = self.server_version.clone();
        let greeting = match self.epoch() {
            None => Frame::ServerReady { server_version },
            Some(epoch) => Frame::ServerReadyIn { server_version, epoch },
        };
        outputs.deliver(Audience::Conn(conn), greeting);
        let summary = Frame::RecoverySummary(self.recovery.clone());
        outputs.deliver(Audience::Conn(conn), summary);
        outputs.push(Output::Admit { conn });
    }

    fn closed(&mut self, conn: ConnId, outputs: &mut Outputs) {
        self.identity.leave(conn);
        match self.conns.remove(&conn) {
            // Its commands go on; their outcomes are found again by id.
            Some(_) => outputs.push(Output::Leave { conn }),
            None => bump(&mut self.counters.impossible),
        }
    }

    fn tick(&mut self, outputs: &mut Outputs) {
        while let Some(wake) = self.due.pop(self.now) {
            match wake {
                Wake::Command(number) => self.command_overdue(number, outputs),
                Wake::AgentStart(session) => self.agent_start_overdue(&session, outputs),
                Wake::Run(session) => self.run_overdue(&session, outputs),
                Wake::Stopping(session) => self.stop_overdue(&session, outputs),
                Wake::Dialog(session, request) => {
                    self.dialog_overdue(&session, &request, outputs);
                }
                Wake::Drain => self.drain_overdue(outputs),
                Wake::AgentIdle(session) => self.end_agent(&session, outputs),
            }
            // What fails because of this must not be found overdue as well.
            while let Some((number, failure)) = self.doomed.pop_front() {
                self.finish_failed(number, failure, outputs);
            }
        }
    }

    fn drain(&mut self, outputs: &mut Outputs) {
        if self.life != Life::Running {
            return;
        }
        self.life = Life::Draining;
        let timeout_ms = self.limits.drain_timeout_ms;
        outputs.deliver(Audience::Everyone, Frame::ServerShutdown { timeout_ms });
        self.due.set(self.now.plus_ms(timeout_ms), Wake::Drain);
    }

    /// The drain has taken too long. What is at an agent ends here, with an honest answer; what
    /// has not reached one stays in its lane and runs in the next life.
    fn drain_overdue(&mut self, outputs: &mut Outputs) {
        let asked: Vec<CommandNo> = self
            .commands
            .iter()
            .filter(|(_, command)| matches!(command.stage, Stage::Asked(_)))
            .map(|(number, _)| *number)
            .collect();
        for number in asked {
            self.give_up(number, Failure::ShuttingDown, outputs);
        }
        self.leave(outputs);
    }

    fn leave(&mut self, outputs: &mut Outputs) {
        if self.life == Life::Draining {
            self.life = Life::Leaving;
            outputs.push(Output::Exit);
        }
    }

    /// Starts whatever can start and fails whatever is doomed, until nothing changes any more.
    fn settle(&mut self, outputs: &mut Outputs) {
        loop {
            if let Some((number, failure)) = self.doomed.pop_front() {
                self.finish_failed(number, failure, outputs);
            } else if let Some(key) = self.dirty.pop() {
                if self.start_ready(&key, outputs) {
                    // What has ended in it did so before it was last looked through: nothing can start.
                    self.dirty.pop_if(&key);
                }
            } else {
                break;
            }
        }
        self.start_agents(outputs);
        if self.life == Life::Draining && self.commands.is_empty() {
            self.leave(outputs);
        }
    }

    /// Starts the commands of a lane that can start, and forgets the lane when nothing holds it.
    /// Says whether it has come to the end of that, and no failure of others comes first.
    fn start_ready(&mut self, key: &LaneKey, outputs: &mut Outputs) -> bool {
        if self.life == Life::Leaving || self.life == Life::Down {
            return true;
        }
        while let Some(number) = self.next_startable(key) {
            self.start(number, outputs);
            if !self.doomed.is_empty() {
                // Failures first: they may take commands out of this very lane.
                self.dirty.insert(key.clone());
                return false;
            }
        }
        let lives = match key {
            LaneKey::Server => true,
            LaneKey::Session(id) => self.sessions.contains_key(id),
        };
        if let LaneKey::Session(id) = key {
            self.watch_idle(id);
        }
        if !lives && self.lanes.get(key).is_some_and(Lane::is_idle) {
            self.lanes.remove(key);
        }
        true
    }

    fn next_startable(&mut self, key: &LaneKey) -> Option<CommandNo> {
        let hold = match key {
            LaneKey::Server => Hold::Nothing,
            LaneKey::Session(id) => {
                self.sessions.get(id).map_or(Hold::Nothing, |session| session.holds(self.rules))
            }
        };
        self.lanes.get_mut(key)?.take_startable(hold)
    }
}

/// Sends one of the three lifecycle frames of a command.
fn announce(number: CommandNo, command: &Command, phase: Phase, outputs: &mut Outputs) {
    let to = Audience::Lifecycle { owner: command.conn };
    let frame = Frame::Lifecycle {
        command: number,
        envelope: command.envelope.clone(),
        session: command.session.clone(),
        lane_sequence: command.lane_sequence,
        phase,
    };
    outputs.deliver(to, frame);
}

/// A short list of lanes without repetitions, in the order in which they were put there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Dirty {
    keys: VecDeque<LaneKey>,
}

impl Dirty {
    fn insert(&mut self, key: LaneKey) {
        if !self.keys.contains(&key) {
            self.keys.push_back(key);
        }
    }

    fn pop(&mut self) -> Option<LaneKey> {
        self.keys.pop_front()
    }

    /// Takes a lane out if it is the next.
    fn pop_if(&mut self, key: &LaneKey) {
        if self.keys.front() == Some(key) {
            self.keys.pop_front();
        }
    }

    fn clear(&mut self) {
        self.keys.clear();
    }
}

/// Counters stop at their largest value instead of wrapping or panicking.
fn bump(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

#[cfg(test)]
mod tests;
