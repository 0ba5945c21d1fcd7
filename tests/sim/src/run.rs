//! One run, from its seed to its verdict.

mod check;
mod faults;
mod life;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use pi_server::world::{Daemon, Ready, Time as _};
use pi_server_core::{AgentNo, Seq};
use pi_server_model::entropy::Entropy;

use crate::client::{Client, Line, Transcript};
use crate::disk::{Counts, FaultyDisk};
use crate::matrix::{Fault, Matrix, Situation, Sometimes};
use crate::oracle::Kept;
use crate::pipe::{ClientEnd, pipe};
use crate::taste::Taste;
use crate::time::Clocks;
use crate::troupe::Stage;

/// Turns that may pass until everything has come to rest after the last fault.
const REST_WITHIN: u64 = 20_000;

/// Turns after which agents that keep commands waiting are ended.
const AGENTS_WITHIN: u64 = 500;

/// Connections that are not in, of each way in.
const STRANGERS_MAX: u64 = 6;

/// What is wanted beside the verdict.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// A readable trace.
    pub trace: bool,
    /// The offline tool verifies the journal as well, which needs real files.
    pub verify: bool,
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// What does not hold, if something does not.
    pub failure: Option<String>,
    /// Digest of everything: what clients were told, and every byte of the disk.
    pub digest: String,
    /// What was tried where.
    pub matrix: Matrix,
    /// Inputs of the journal at the end.
    pub inputs: u64,
    /// Daemon lives.
    pub lives: u64,
    /// What happened, if that is wanted.
    pub trace: String,
}

/// A world and the daemon in it.
pub(crate) struct Run {
    entropy: Entropy<'static>,
    taste: Taste,
    disk: FaultyDisk,
    clocks: Clocks,
    stage: Rc<RefCell<Stage>>,
    daemon: Option<Daemon>,
    clients: Vec<Client>,
    transcripts: Vec<Transcript>,
    /// What each life's boot is known by.
    lives: Vec<[u8; 16]>,
    /// Lives of which answers may be lost: what they survive was less than what happened.
    excused: Vec<bool>,
    history: Vec<Kept>,
    /// How much of the history a start has found, and therefore must never be lost.
    stable: usize,
    matrix: Matrix,
    /// The disk has been told to die in the middle of something.
    armed: Option<Fault>,
    stall: u64,
    /// Turns for which no look-up answers.
    hung: u64,
    /// The ends of connections that say nothing.
    strangers: Vec<ClientEnd>,
    rolled: u64,
    snapshot: Option<Seq>,
    /// Turns since a segment was begun, and since a snapshot was written.
    since: (u64, u64),
    draining: bool,
    /// A sync has begun and not ended.
    syncing: bool,
    /// What the disk had counted when the life began.
    counted: Counts,
    /// The time of inputs then, and what had passed awake.
    begun: (u64, Duration),
    /// Faults have ended.
    peace: bool,
    trace: Option<String>,
}

thread_local! {
    static SEED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// The seed that this thread is running, for a report of a panic that ends the process.
pub fn current_seed() -> u64 {
    SEED.get()
}

/// Runs a seed.
pub fn run(seed: u64, options: Options) -> Outcome {
    SEED.set(seed);
    let mut run = Run::new(seed, options);
    let judged = catch_unwind(AssertUnwindSafe(|| run.all(options)));
    let failure = match judged {
        Ok(Ok(())) => None,
        Ok(Err(text)) => Some(text),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Some(format!("panic: {}", text.unwrap_or_default()))
        }
    };
    Outcome {
        seed,
        failure,
        digest: run.digest(),
        inputs: run.history.len() as u64,
        lives: run.lives.len() as u64,
        matrix: std::mem::take(&mut run.matrix),
        trace: run.trace.take().unwrap_or_default(),
    }
}

impl Run {
    fn new(seed: u64, options: Options) -> Run {
        let mut entropy = Entropy::Seed(seed);
        let taste = Taste::new(&mut entropy);
        let voice = Entropy::Seed(entropy.below(u64::MAX));
        let stage = Stage::new(voice, taste.event_bytes);
        let clients = (0..taste.clients).map(|number| Client::new(number, &mut entropy)).collect();
        let mut run = Run {
            disk: FaultyDisk::new(entropy.below(u64::MAX)),
            clocks: Clocks::default(),
            stage,
            daemon: None,
            clients,
            transcripts: Vec::new(),
            lives: Vec::new(),
            excused: Vec::new(),
            history: Vec::new(),
            stable: 0,
            matrix: Matrix::default(),
            armed: None,
            stall: 0,
            hung: 0,
            strangers: Vec::new(),
            rolled: 0,
            snapshot: None,
            since: (u64::MAX, u64::MAX),
            draining: false,
            syncing: false,
            counted: Counts::default(),
            begun: (0, Duration::ZERO),
            peace: false,
            trace: options.trace.then(String::new),
            entropy,
            taste,
        };
        for client in &mut run.clients {
            client.is_forgotten_early = run.taste.retain_bytes > 0;
        }
        let taste = format!("{:?}", run.taste);
        run.say(|| taste);
        run
    }

    fn say(&mut self, text: impl FnOnce() -> String) {
        let passed = self.clocks.passed();
        if let Some(trace) = &mut self.trace {
            let text = text();
            writeln!(trace, "{:>14.6} {text}", passed.as_secs_f64()).expect("a string takes text");
        }
    }

    fn all(&mut self, options: Options) -> Result<(), String> {
        self.start()?;
        for _ in 0..self.taste.turns {
            self.fault();
            self.start()?;
            self.act();
            self.turn()?;
        }
        self.make_peace();
        self.rest()?;
        self.finish(options)
    }

    /// Clients do something.
    fn act(&mut self) {
        for at in 0..self.clients.len() {
            let client = &mut self.clients[at];
            if client.line.is_none() {
                if self.entropy.once_in(4) || self.peace {
                    self.connect(at);
                }
                continue;
            }
            if self.peace {
                continue;
            }
            if self.entropy.once_in(self.taste.flood) {
                self.clients[at].flood(&mut self.entropy);
            }
            if self.entropy.once_in(self.taste.send) {
                let count = if self.entropy.once_in(12) { 1 + self.entropy.below(12) } else { 1 };
                for _ in 0..count {
                    self.clients[at].command(&mut self.entropy, self.taste.demo);
                }
            }
        }
    }

    fn connect(&mut self, at: usize) {
        let Some(daemon) = &mut self.daemon else { return };
        let (ours, theirs) = pipe(self.taste.capacity, self.disk.switch());
        let client = &mut self.clients[at];
        let Some(link) = daemon.connect(Box::new(theirs), client.transport) else { return };
        client.connected(ours, link, self.lives.len() - 1);
        client.come_back();
        self.say(|| format!("client {at} connects"));
    }

    /// Bytes travel in both directions, in pieces of any size.
    fn travel(&mut self) {
        let Some(daemon) = &mut self.daemon else { return };
        for client in &mut self.clients {
            let Some(line) = &mut client.line else { continue };
            let waiting = line.outgoing.len();
            let count = if self.peace || self.entropy.once_in(2) {
                waiting
            } else {
                usize::try_from(self.entropy.below(waiting as u64 + 1)).unwrap_or(0)
            };
            if count > 0 {
                let ready = line.end.deliver(line.outgoing.drain(..count));
                daemon.ready(line.link, ready);
            }
            if !line.is_slow {
                let all = line.end.waiting();
                let count = if self.peace || self.entropy.once_in(2) {
                    all
                } else {
                    usize::try_from(self.entropy.below(all as u64 + 1)).unwrap_or(0)
                };
                let mut bytes = std::mem::take(line.inbox());
                let ready = line.end.read(count, &mut bytes);
                *line.inbox() = bytes;
                if ready != Ready::default() {
                    daemon.ready(line.link, ready);
                }
                client.hear();
            }
        }
    }

    /// A turn of the daemon, with what goes on around it.
    fn turn(&mut self) -> Result<(), String> {
        self.pass_time();
        self.travel();
        self.aside();
        let Some(daemon) = &mut self.daemon else { return Ok(()) };
        if self.disk.is_down() {
            self.crashed();
            return Ok(());
        }
        let before = self.disk.counts();
        let turned = daemon.turn();
        if self.disk.is_down() {
            self.crashed();
            return Ok(());
        }
        match turned {
            Ok(goes_on) => {
                let now = self.disk.counts();
                if now.failed_syncs > self.counted.failed_syncs {
                    return Err("law 8: a turn ends well after a failed sync".into());
                }
                if now.lost > self.counted.lost {
                    return Err("law 8: a turn ends well in a journal that was moved".into());
                }
                if now.failed_puts > self.counted.failed_puts {
                    return Err("law 8: a turn ends well after a failed write".into());
                }
                self.look()?;
                if goes_on { Ok(()) } else { self.stop() }
            }
            Err(error) => self.failed(&error, before),
        }
    }

    fn pass_time(&mut self) {
        let patience = self.daemon.as_ref().and_then(Daemon::patience);
        let us = match self.entropy.weighted(&[8, 4, 2]) {
            0 => 200,
            1 => self.entropy.below(20_000),
            _ => self.entropy.below(2_000_000),
        };
        let mut time = Duration::from_micros(us);
        // Often exactly to what is due, which is where dialogs and timeouts meet their answers.
        let is_waited_for = if self.peace { !self.is_busy() } else { self.entropy.once_in(3) };
        if let Some(patience) = patience
            && is_waited_for
        {
            time = patience.min(Duration::from_secs(4_000));
        }
        self.clocks.pass(time);
    }

    /// What threads would do beside the loop.
    fn aside(&mut self) {
        let Some(daemon) = &mut self.daemon else { return };
        let when = |entropy: &mut Entropy<'_>| self.peace || entropy.once_in(self.taste.aside);
        if when(&mut self.entropy) {
            let interval = self.peace || self.entropy.once_in(4);
            // Turns and crashes may come before its end, as beside a thread.
            if !self.syncing {
                self.disk.sync_begins();
                self.syncing = daemon.begin_sync(interval);
            }
            if self.peace || !self.syncing || self.entropy.once_in(2) {
                self.disk.sync_ends(|| daemon.end_sync());
                self.syncing = false;
            }
        }
        if when(&mut self.entropy) {
            daemon.build();
        }
        if self.hung == 0 && when(&mut self.entropy) {
            while daemon.look_up() && !self.entropy.once_in(3) {}
        }
        if when(&mut self.entropy) {
            daemon.keep();
        }
    }

    /// What a turn has changed.
    fn look(&mut self) -> Result<(), String> {
        let Some(daemon) = &mut self.daemon else { return Ok(()) };
        self.since.0 = self.since.0.saturating_add(1);
        self.since.1 = self.since.1.saturating_add(1);
        let segment = daemon.journal().segment();
        if segment != self.rolled {
            self.rolled = segment;
            self.since.0 = 0;
        }
        if daemon.snapshot() != self.snapshot {
            self.snapshot = daemon.snapshot();
            self.since.1 = 0;
        }
        if daemon.is_catching_up() {
            self.matrix.saw(Sometimes::CaughtUp);
        }
        if daemon.given_up() > 0 {
            self.matrix.saw(Sometimes::GivenUp);
        }
        if daemon.divergences() > 0 {
            return Err("the keeper found that an input did not do again what it did".into());
        }
        self.look_at_clocks()?;
        let Some(daemon) = &mut self.daemon else { return Ok(()) };
        let mut over = Vec::new();
        for (at, client) in self.clients.iter_mut().enumerate() {
            if let Some(complaint) = client.complaint.take() {
                return Err(format!("client {at}: {complaint}"));
            }
            let Some(line) = &mut client.line else { continue };
            if line.transcript.conn.is_none() {
                line.transcript.conn = daemon.connection(line.link);
            }
            if line.end.is_ended() && line.end.waiting() == 0 {
                over.push(at);
            }
        }
        self.remember()?;
        for at in over {
            self.disconnected(at);
        }
        Ok(())
    }

    /// Section 9.1: the time of inputs is what has passed awake and nothing else, and the wall is
    /// where it is, as far as an input could tell.
    fn look_at_clocks(&mut self) -> Result<(), String> {
        let Some(daemon) = &self.daemon else { return Ok(()) };
        let (state, known) = (daemon.state(), self.history.len() as u64);
        if daemon.journal().last_seq().0 <= known {
            return Ok(());
        }
        let at = state.now();
        let passed = self.clocks.passed().saturating_sub(self.begun.1);
        let passed = u64::try_from(passed.as_micros()).unwrap_or(u64::MAX);
        // No two inputs have the same time.
        let most = passed + daemon.journal().last_seq().0;
        let elapsed = at.0.saturating_sub(self.begun.0);
        let least = passed.saturating_sub(known);
        if elapsed > most || elapsed < least {
            return Err(format!("{elapsed} us have passed for inputs, and {passed} really"));
        }
        let shown = u64::try_from(self.clocks.wall().as_micros()).unwrap_or(u64::MAX);
        let off = state.wall(at).0.abs_diff(shown);
        // A journal without room is not told.
        if off > 1_000_000 + most - passed && !daemon.journal().is_nearly_full() {
            return Err(format!("the wall is {off} us from where the daemon has it"));
        }
        Ok(())
    }

    fn disconnected(&mut self, at: usize) {
        let client = &mut self.clients[at];
        client.hear();
        if let Some(transcript) = client.disconnected() {
            self.say(|| format!("client {at} is without a connection"));
            self.transcripts.push(transcript);
        }
        let client = &mut self.clients[at];
        let (replays, gaps) =
            (std::mem::take(&mut client.replays), std::mem::take(&mut client.gaps));
        let lost = std::mem::take(&mut client.lost);
        (0..replays).for_each(|_| self.matrix.saw(Sometimes::Replayed));
        (0..gaps).for_each(|_| self.matrix.saw(Sometimes::Gap));
        (0..lost).for_each(|_| self.matrix.saw(Sometimes::Lost));
    }

    /// Which situations the daemon is in.
    fn situations(&self) -> Vec<Situation> {
        let Some(daemon) = &self.daemon else { return vec![Situation::Recovery] };
        let state = daemon.state();
        let metrics = state.metrics();
        let running = state.lanes().any(|lane| lane.turn.is_some());
        let all = [
            (Situation::Idle, metrics.in_flight == 0),
            (Situation::Burst, metrics.in_flight >= 6),
            (Situation::Turn, running),
            (Situation::Dialog, metrics.dialogs > 0),
            (Situation::Unsynced, daemon.holds()),
            (Situation::Syncing, self.syncing),
            (Situation::Roll, self.since.0 < 3),
            (Situation::Snapshot, self.since.1 < 6),
            (Situation::Full, self.is_full()),
            (Situation::CatchUp, daemon.is_catching_up()),
            (Situation::Drain, self.draining),
        ];
        all.into_iter().filter(|(_, holds)| *holds).map(|(situation, _)| situation).collect()
    }

    fn is_full(&self) -> bool {
        let mut full = false;
        self.disk.faults(|faults| full = faults.full);
        full
    }

    /// Everything comes to rest when the faults have ended.
    fn rest(&mut self) -> Result<(), String> {
        for turn in 1..=REST_WITHIN {
            self.start()?;
            // Some commands have no timeout, and agents forget to answer: such agents are ended.
            if turn.is_multiple_of(AGENTS_WITHIN) {
                self.end_agents();
            }
            self.act();
            self.turn()?;
            if self.is_at_rest() {
                return Ok(());
            }
        }
        let mut text = String::from("does not come to rest:");
        if let Some(daemon) = &self.daemon {
            for command in daemon.state().commands().take(5) {
                write!(text, " {} {:?} {}", command.number, command.kind, command.stage)
                    .expect("a string takes text");
            }
            write!(text, " holds {} catching up {}", daemon.holds(), daemon.is_catching_up())
                .expect("a string takes text");
        }
        for kept in self.history.iter().rev().take(4) {
            write!(text, "; {}", kept.input).expect("a string takes text");
        }
        Err(text)
    }

    fn end_agents(&mut self) {
        let now = self.clocks.now();
        let mut stage = self.stage.borrow_mut();
        for agent in 1..=stage.newest().map_or(0, |newest| newest.0) {
            stage.die(AgentNo(agent), now);
        }
    }

    /// Whether something is on its way that needs no time but turns.
    fn is_busy(&self) -> bool {
        let moves = |line: &Line| !line.outgoing.is_empty() || line.end.waiting() > 0;
        self.daemon.as_ref().is_some_and(Daemon::holds)
            || self.clients.iter().filter_map(|client| client.line.as_ref()).any(moves)
    }

    fn is_at_rest(&self) -> bool {
        let Some(daemon) = &self.daemon else { return false };
        let quiet = |client: &Client| {
            client.line.as_ref().is_some_and(|line| {
                line.outgoing.is_empty() && line.end.waiting() == 0 && !line.end.is_ended()
            })
        };
        daemon.state().metrics().in_flight == 0
            && !daemon.holds()
            && !daemon.is_catching_up()
            && daemon.patience() != Some(Duration::ZERO)
            && self.clients.iter().all(quiet)
    }

    fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for transcript in &self.transcripts {
            hasher.update(&transcript.life.to_le_bytes());
            for frame in &transcript.received {
                hasher.update(frame.as_bytes());
                hasher.update(b"\n");
            }
        }
        self.disk.digest(&mut hasher);
        hasher.finalize().to_hex()[..16].to_owned()
    }
}
