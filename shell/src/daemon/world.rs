//! A daemon in a world of the caller's: disk, clocks, streams and agents are given, nothing runs on
//! a thread, and every step is taken when the caller says so.
//!
//! This is the whole surface that simulations stand on (`tests/sim`). The logic is the daemon's own,
//! from the start through turns to the end; what is left out is what asks the operating system: the
//! poll, the listeners, the token file, child processes.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use pi_server_core::input::{AgentKind, Boot, RecoveryPolicy, RuleSet, Transport};
use pi_server_core::{ConnId, Limits, Seq, State, WallOffset};

use super::event_loop::CLIENTS;
use super::hands::Hands;
use super::identity::{Ids, Search};
use super::keeper::{Keeper, Retention};
use super::machine::Machine;
use super::past::Past;
use super::query::{Places, Queries};
use super::turn::{Daemon as Turns, Turn};
use super::{start, turn};
use crate::agent::Agents;
use crate::journal::{Facts, Journal, Settings};
use crate::net::Net;

pub use super::clock::Time;
pub use super::error::Error;
pub use crate::agent::{Heard, Script, Scripted, Troupe};
pub use crate::journal::storage::{Disk, Segment, Shelf, SyncFile, View};
pub use crate::journal::{Durability, OpenError, Origin};
pub use crate::journal::{Usage, segment_set_aside};
pub use crate::net::{Config, Link, Ready, Stream};

/// Who the agents are.
pub enum Cast {
    /// The demo agent.
    Demo,
    /// The caller's.
    Troupe(Box<dyn Troupe>),
}

/// Everything that a daemon life is given.
pub struct World {
    /// Where the journal is.
    pub disk: Arc<dyn Disk>,
    /// What answers survive.
    pub durability: Durability,
    /// Size of a segment in bytes.
    pub segment_bytes: u32,
    /// What a new journal is made of.
    pub origin: Origin,
    /// The clocks.
    pub time: Rc<dyn Time>,
    /// The agents.
    pub cast: Cast,
    /// What the transports are told; where to listen is of no account.
    pub net: Config,
    /// Every bound of the core.
    pub limits: Limits,
    /// Randomness of this life.
    pub entropy: [u8; 16],
    /// What becomes of commands that had not reached an agent.
    pub recovery: RecoveryPolicy,
    /// The room that the journal's files take together, in bytes; 0 for any.
    pub retain_bytes: u64,
    /// Where sessions work that name no directory.
    pub cwd: String,
}

/// A daemon life.
pub struct Daemon {
    turns: Turns,
    facts: Facts,
}

impl Daemon {
    /// Opens the journal, feeds it, and begins a life; the outputs of the boot leave with the first
    /// turn.
    ///
    /// # Errors
    /// As a start of the real daemon.
    pub fn start(world: World) -> Result<Daemon, Error> {
        let World { disk, time, limits, cwd, .. } = world;
        let settings = Settings {
            durability: world.durability,
            segment_bytes: world.segment_bytes,
            background: false,
            waker: Arc::new(|| {}),
        };
        let mut past = Past::new();
        let opened = Journal::open_on(disk, settings, &world.origin, &mut |snapshot| {
            past = Past::restore(snapshot)?;
            Ok(())
        });
        let opened = opened.map_err(Error::Open)?;
        let (journal, facts) = (opened.journal, opened.facts);
        let bad = facts.rejected.iter().map(|(number, _)| *number).collect();
        let (past, _) = start::feed(&journal, past, Path::new("the simulated disk"))?;
        let now = time.now();
        let net = Net::without_doors(world.net, CLIENTS, now);
        let (agent, agents) = match world.cast {
            Cast::Demo => (AgentKind::Demo, Agents::demo_at(now, time.wall())),
            Cast::Troupe(troupe) => (AgentKind::Pi, Agents::of_troupe(troupe)),
        };
        let queries = Queries::stepped(
            Places::new(&cwd, Vec::new()),
            journal.archive(),
            "journal".to_owned(),
        );
        let boot = Boot {
            rules: RuleSet::default(),
            server_version: env!("CARGO_PKG_VERSION").into(),
            limits,
            entropy: world.entropy,
            clean: past.is_clean(),
            recovery: world.recovery,
            agent,
            default_cwd: cwd.into(),
            journal_path: "journal".into(),
            journal: facts.journal_facts(),
            // The machine reads the clock.
            wall: WallOffset(0),
        };
        let retention =
            Retention { bytes: world.retain_bytes, compress: true, ..Retention::default() };
        let keeper = Keeper::stepped(&journal, retention, bad, || {});
        let mut machine = Machine::with_time(journal, past, Rc::clone(&time));
        machine.begin(boot)?;
        machine.commit()?;
        let hands = Hands::new(net, agents, queries);
        let archive = machine.journal().archive();
        let ids = Ids::new(Search::stepped(archive.clone()), archive);
        let turn = Turn::new(time.now());
        let turns = Turns { machine, hands, keeper, ids, only_stdio: false, turn, time };
        Ok(Daemon { turns, facts })
    }

    /// What was found when the journal was opened.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// A client has connected. `None` if nobody is let in.
    pub fn connect(&mut self, stream: Box<dyn Stream>, transport: Transport) -> Option<Link> {
        let now = self.turns.time.now();
        self.turns.hands.net.connect(stream, transport, now)
    }

    /// Something has begun to be true of a client's stream.
    pub fn ready(&mut self, link: Link, ready: Ready) {
        let now = self.turns.time.now();
        let turn::Daemon { hands, turn, .. } = &mut self.turns;
        hands.net.ready(link, ready, now, &mut turn.happened);
    }

    /// The connection that a client is, once the core knows it and until it is gone.
    pub fn connection(&self, link: Link) -> Option<ConnId> {
        self.turns.hands.links.conn(link)
    }

    /// A signal to stop has come.
    pub fn signal(&mut self) {
        self.turns.turn.signals += 1;
    }

    /// One turn: takes in what is there, commits, and does what may be done. Whether another
    /// follows; after the last comes [`Daemon::end`].
    ///
    /// # Errors
    /// Storage failed. Nothing may be done after that but to drop this.
    pub fn turn(&mut self) -> Result<bool, Error> {
        let begun = self.turns.time.now();
        self.turns.tick(begun);
        self.turns.take_in()?;
        self.turns.finish_turn()?;
        self.turns.count_turn(begun);
        Ok(!self.turns.is_over())
    }

    /// How long the daemon would sleep now; `None` until something happens.
    pub fn patience(&self) -> Option<Duration> {
        self.turns.patience()
    }

    /// A clean stop, with its last sync.
    ///
    /// # Errors
    /// Storage failed.
    pub fn end(mut self) -> Result<(), Error> {
        self.turns.begin_end()?;
        self.turns.machine.journal_mut().sync()?;
        self.turns.finish_turn()?;
        self.turns.say_goodbye();
        self.turns.finish().close()?;
        Ok(())
    }

    /// The thread that syncs begins a sync of what was committed by now; with `HEAD` if
    /// `interval_passed`. Whether there is anything to sync.
    pub fn begin_sync(&mut self, interval_passed: bool) -> bool {
        self.turns.machine.journal().begin_sync_aside(interval_passed)
    }

    /// The sync that was begun comes to its end, unless it has. Whether one had begun.
    pub fn end_sync(&mut self) -> bool {
        self.turns.machine.journal().end_sync_aside()
    }

    /// What the thread that builds segments would do now. Whether there was anything.
    pub fn build(&mut self) -> bool {
        self.turns.machine.journal().build_aside()
    }

    /// What the keeper would do now. Whether there was anything.
    pub fn keep(&mut self) -> bool {
        self.turns.keeper.step()
    }

    /// One look-up. Whether there was anything.
    pub fn look_up(&mut self) -> bool {
        self.turns.hands.queries.step() || self.turns.ids.step()
    }

    /// The state.
    pub fn state(&self) -> &State {
        self.turns.machine.state()
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        self.turns.machine.journal()
    }

    /// Inputs that did something else when the keeper fed them again.
    pub fn divergences(&self) -> u64 {
        self.turns.keeper.report().divergences
    }

    /// The least room that the journal can do with, in bytes, if that is more than is to be kept.
    pub fn floor(&self) -> Option<u64> {
        self.turns.keeper.report().floor
    }

    /// The last input of the newest snapshot that was written in this life.
    pub fn snapshot(&self) -> Option<Seq> {
        self.turns.keeper.report().snapshot
    }

    /// Look-ups that were given up in this life.
    pub fn given_up(&self) -> u64 {
        self.turns.hands.queries.given_up()
    }

    /// Whether outputs wait for the disk.
    pub fn holds(&self) -> bool {
        self.turns.machine.holds()
    }

    /// Whether clients wait for events out of the journal.
    pub fn is_catching_up(&self) -> bool {
        self.turns.hands.net.is_lagging()
    }

    /// Bytes that are kept for clients.
    pub fn kept_bytes(&self) -> usize {
        self.turns.hands.net.kept_bytes()
    }
}

#[cfg(test)]
mod tests;
