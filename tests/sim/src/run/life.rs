//! How daemon lives begin and end.

use pi_server::world::{Cast, Config, Daemon, Error, OpenError, Origin, World};
use pi_server_core::input::{InputKind, RecoveryPolicy};
use pi_server_core::record::{JournalId, Tail};
use pi_server_core::{Micros, Seq};

use super::{Run, STRANGERS_MAX};
use crate::disk::{Counts, FaultyDisk};
use crate::matrix::{Fault, Situation, Sometimes};
use crate::oracle::Kept;
use crate::troupe::Players;

/// Starts that may be interrupted one after the other.
const STARTS_MAX: u64 = 30;

impl Run {
    fn world(&mut self, disk: &FaultyDisk, entropy: [u8; 16]) -> World {
        let cast = if self.taste.demo {
            Cast::Demo
        } else {
            Cast::Troupe(Box::new(Players(self.stage.clone())))
        };
        World {
            disk: std::sync::Arc::new(disk.clone()),
            durability: self.taste.durability,
            segment_bytes: self.taste.segment_bytes,
            origin: Origin { journal: JournalId([7; 16]), key: [9; 32], now: Micros(1) },
            time: std::rc::Rc::new(self.clocks.clone()),
            cast,
            net: Config {
                event_bytes_max: 4 << 10,
                log_bytes_max: 32 << 10,
                strangers_max: STRANGERS_MAX,
                ..Config::default()
            },
            limits: self.taste.limits.clone(),
            entropy,
            recovery: RecoveryPolicy::default(),
            retain_bytes: self.taste.retain_bytes,
            cwd: "/".to_owned(),
        }
    }

    /// Brings a daemon up, however often that is interrupted; nothing if one is up.
    pub(super) fn start(&mut self) -> Result<(), String> {
        if self.daemon.is_some() {
            return Ok(());
        }
        let mut interrupted = 0;
        for _ in 0..STARTS_MAX {
            self.disk.up();
            self.flip()?;
            self.arm_start();
            let before = self.disk.counts();
            let mut entropy = [0; 16];
            entropy[..8].copy_from_slice(&self.entropy.below(u64::MAX).to_le_bytes());
            entropy[8..].copy_from_slice(&(self.lives.len() as u64).to_le_bytes());
            let disk = self.disk.clone();
            let world = self.world(&disk, entropy);
            let started = Daemon::start(world);
            if self.disk.is_down() {
                interrupted += 1;
                drop(started);
                self.matrix.saw(Sometimes::Interrupted);
                if interrupted > 1 {
                    self.matrix.saw(Sometimes::InterruptedTwice);
                }
                self.say(|| "the start is interrupted".into());
                self.die(self.armed == Some(Fault::TornPower));
                continue;
            }
            match started {
                Ok(daemon) => return self.begin(daemon, entropy),
                Err(error) => self.not_started(&error, before)?,
            }
        }
        Err("no start succeeds".into())
    }

    fn not_started(&mut self, error: &Error, before: Counts) -> Result<(), String> {
        self.say(|| format!("no start: {error}"));
        let now = self.disk.counts();
        if self.is_full() {
            self.matrix.saw(Sometimes::NoRoom);
            self.matrix.hit(Fault::DiskFull, &[Situation::Recovery]);
            self.disk.faults(|faults| faults.full = false);
            return Ok(());
        }
        let injected = now.failed_syncs > before.failed_syncs
            || now.failed_puts > before.failed_puts
            || now.refused_builds > before.refused_builds;
        if injected {
            self.excuse(now.failed_syncs > before.failed_syncs);
            self.stage.borrow_mut().clear();
            return Ok(());
        }
        Err(format!("a start fails after ordinary faults: {error}"))
    }

    fn begin(&mut self, daemon: Daemon, entropy: [u8; 16]) -> Result<(), String> {
        let facts = daemon.facts().clone();
        let life = self.lives.len();
        self.say(|| format!("life {life} begins: {facts:?}"));
        let records = usize::try_from(facts.records).map_err(|error| error.to_string())?;
        if records < self.stable {
            return Err(format!(
                "{records} inputs are left of {} that were found before",
                self.stable
            ));
        }
        match facts.tail {
            Tail::Clean => {}
            Tail::Incomplete => self.matrix.saw(Sometimes::Incomplete),
            Tail::Torn { .. } => self.matrix.saw(Sometimes::Torn),
        }
        if facts.snapshot.is_some() {
            self.matrix.saw(Sometimes::FromSnapshot);
        }
        if !facts.rejected.is_empty() {
            self.matrix.saw(Sometimes::Rejected);
        }
        if daemon.journal().first_seq().0 > 1 {
            self.matrix.saw(Sometimes::Dropped);
        }
        if self.disk.compressed() > 0 {
            self.matrix.saw(Sometimes::Compressed);
        }
        if daemon.state().metrics().unknown_outcomes > 0 {
            self.matrix.saw(Sometimes::Unknown);
        }
        self.lives.push(entropy);
        self.excused.push(false);
        self.rolled = daemon.journal().segment();
        self.snapshot = None;
        self.since = (u64::MAX, u64::MAX);
        self.draining = false;
        self.syncing = false;
        self.counted = self.disk.counts();
        self.begun = (daemon.state().now().0, self.clocks.passed());
        // What was read before but was dropped from the journal since cannot be read again.
        let readable = usize::try_from(daemon.journal().first_seq().0).unwrap_or(usize::MAX);
        self.history.truncate(records.min(self.stable.max(readable.saturating_sub(1))));
        self.stable = records;
        self.daemon = Some(daemon);
        self.remember()
    }

    /// Keeps what the journal has taken, as long as it can be read.
    pub(super) fn remember(&mut self) -> Result<(), String> {
        let Some(daemon) = &self.daemon else { return Ok(()) };
        let journal = daemon.journal();
        let known = self.history.len() as u64;
        if journal.last_seq().0 <= known {
            return Ok(());
        }
        for scanned in journal.scan_from(Seq(known + 1)) {
            let scanned =
                scanned.map_err(|error| format!("the journal cannot be read: {error}"))?;
            if let InputKind::Wall { .. } = scanned.input.kind {
                self.matrix.saw(Sometimes::WallMoved);
            }
            let body = scanned.body.unwrap_or_default().to_vec();
            self.history.push(Kept { input: scanned.input, body });
        }
        let last = self.history.last().map(|kept| kept.input.seq);
        if last != Some(journal.last_seq()) || self.history.len() as u64 != journal.last_seq().0 {
            return Err(format!(
                "{} inputs can be read of {}",
                self.history.len(),
                journal.last_seq()
            ));
        }
        Ok(())
    }

    /// A disk with a flipped bit must be refused, or the bit must have been of no account.
    fn flip(&mut self) -> Result<(), String> {
        let wanted = self.taste.weights[Fault::BitFlip as usize] > 0;
        if self.peace || self.lives.is_empty() || !wanted || !self.entropy.once_in(6) {
            return Ok(());
        }
        let copy = self.disk.copy();
        let Some(place) = copy.flip(&mut self.entropy) else { return Ok(()) };
        self.matrix.hit(Fault::BitFlip, &[Situation::Recovery]);
        let world = self.world(&copy, [0; 16]);
        let started = Daemon::start(world);
        self.stage.borrow_mut().clear();
        self.say(|| match &started {
            Ok(daemon) => format!("flipped {place}: {:?}", daemon.facts()),
            Err(error) => format!("flipped {place}: refused: {error}"),
        });
        match started {
            Err(
                Error::Open(
                    OpenError::Damaged { .. }
                    | OpenError::Compressed { .. }
                    | OpenError::NoSnapshot { .. }
                    | OpenError::BadPack { .. }
                    | OpenError::NewerFormat { .. }
                    | OpenError::WrongKey { .. },
                )
                | Error::Read(_),
            ) => {
                self.matrix.saw(Sometimes::Refused);
                Ok(())
            }
            Err(Error::Open(OpenError::DiskFull { .. })) => Ok(()),
            Err(error) => Err(format!("a flipped bit ({place}) is not called damage: {error}")),
            Ok(daemon) => self.harmless(&daemon, &place),
        }
    }

    fn harmless(&mut self, daemon: &Daemon, place: &str) -> Result<(), String> {
        self.matrix.saw(Sometimes::Harmless);
        if !daemon.facts().rejected.is_empty() {
            self.matrix.saw(Sometimes::Rejected);
        }
        if daemon.facts().records < self.stable as u64 {
            return Err(format!(
                "a flipped bit ({place}) has lost {} of {} inputs in silence",
                self.stable as u64 - daemon.facts().records,
                self.stable
            ));
        }
        for scanned in daemon.journal().scan_from(daemon.journal().first_seq()) {
            // It says so.
            let Ok(scanned) = scanned else { return Ok(()) };
            let at = usize::try_from(scanned.input.seq.0 - 1).unwrap_or(usize::MAX);
            if at < self.stable && self.history[at].input != scanned.input {
                return Err(format!("a flipped bit ({place}) has changed input {}", at + 1));
            }
        }
        Ok(())
    }

    /// The machine goes down between two operations.
    pub(super) fn crash(&mut self, power: bool) {
        self.disk.stop();
        self.die(power);
    }

    /// The machine has gone down in the middle of an operation.
    pub(super) fn crashed(&mut self) {
        self.say(|| "the machine goes down".into());
        self.die(self.armed == Some(Fault::TornPower));
    }

    /// The daemon has ended by itself because of this.
    pub(super) fn failed(&mut self, error: &Error, _: Counts) -> Result<(), String> {
        self.say(|| format!("the daemon ends: {error}"));
        let now = self.disk.counts();
        let injected = now.failed_syncs > self.counted.failed_syncs
            || now.failed_puts > self.counted.failed_puts
            || now.refused_builds > self.counted.refused_builds
            || now.lost > self.counted.lost;
        if !injected {
            return Err(format!("the daemon ends without a reason: {error}"));
        }
        if now.lost > self.counted.lost {
            self.matrix.saw(Sometimes::JournalMoved);
        }
        self.matrix.saw(Sometimes::FailStop);
        let power = self.entropy.once_in(2);
        self.die(power);
        Ok(())
    }

    /// A clean stop.
    pub(super) fn stop(&mut self) -> Result<(), String> {
        let Some(daemon) = self.daemon.take() else { return Ok(()) };
        let before = self.disk.counts();
        let ended = daemon.end();
        if self.disk.is_down() {
            self.crashed();
            return Ok(());
        }
        if let Err(error) = ended {
            return self.failed(&error, before);
        }
        self.say(|| "the daemon stops".into());
        self.matrix.saw(Sometimes::Clean);
        self.disk.stop();
        self.die(false);
        Ok(())
    }

    fn excuse(&mut self, is_lossy: bool) {
        let weak = self.taste.durability != pi_server::world::Durability::Power;
        if is_lossy && weak {
            if let Some(excused) = self.excused.last_mut() {
                *excused = true;
            }
            for client in &mut self.clients {
                client.excuse();
            }
        }
    }

    /// Everything in memory is gone, and with `power` also what the disk had not got.
    fn die(&mut self, power: bool) {
        self.disk.stop();
        self.daemon = None;
        for at in 0..self.clients.len() {
            if let Some(line) = &mut self.clients[at].line {
                // What was sent is on its way.
                let mut bytes = std::mem::take(line.inbox());
                line.end.read(usize::MAX, &mut bytes);
                *line.inbox() = bytes;
                self.disconnected(at);
            }
        }
        self.stage.borrow_mut().clear();
        self.armed = None;
        self.stall = 0;
        self.hung = 0;
        self.strangers.clear();
        self.stage.borrow_mut().stalled = false;
        // What `process` promises rests on a disk that takes what it is given.
        self.excuse(self.disk.counts().failed_syncs > self.counted.failed_syncs);
        if power {
            let odds = *self.entropy.pick(&[1, 2, 2, 1_000]);
            let entropy = &mut self.entropy;
            self.disk.lose_memory(|| odds < 1_000 && entropy.once_in(odds));
            self.excuse(true);
        }
    }

    /// Faults end.
    pub(super) fn make_peace(&mut self) {
        self.say(|| "faults end".into());
        self.peace = true;
        self.hung = 0;
        self.disk.faults(|faults| *faults = crate::disk::Faults::default());
        self.stage.borrow_mut().stalled = false;
        for at in 0..self.clients.len() {
            let Some(line) = &mut self.clients[at].line else { continue };
            line.is_slow = false;
            if line.half_closed
                && let Some(daemon) = &mut self.daemon
            {
                let ready = line.end.cut();
                daemon.ready(line.link, ready);
                self.disconnected(at);
            }
        }
    }
}
