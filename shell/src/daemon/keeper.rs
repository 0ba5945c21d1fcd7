//! The keeper: a thread that feeds every sealed segment again, to a state of its own.
//!
//! That verifies what the daemon did, input by input; it makes the index of the commands that ended
//! in it, and the snapshot at the segment's end, from which the next start goes on; it compresses the
//! segment; it makes older segments droppable, and before that erases bodies in them (the journal's
//! tiers). The loop never waits for it. Between segments it holds nothing: it begins with the newest snapshot each time.
//!
//! A difference between what a step did and what it does again is an alarm: it is said on standard
//! error and counted, and from then on nothing is written and nothing dropped, so that the evidence
//! stays.

mod age;
mod compress;
mod filter;
mod mend;
mod retain;
mod room;
mod times;

use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pi_server_core::record::{Cursor, Snapshot};
use pi_server_core::snapshot::LAYOUT;
use pi_server_core::walls::{Change, Walls};
use pi_server_core::{Micros, Seq};

use super::history::{self, Covered};
use super::identity::{self, IdFilter};
use super::past::{Divergence, Past};
use crate::journal::{Archive, HISTORY_DIR, Journal, ReadError, SNAPSHOT_DIR, SnapshotError};
pub(super) use age::Ages;
pub(super) use retain::Retention;
use room::Growth;
pub(super) use room::{floor, segment_bytes};
use times::Times;

/// Steps and decoding need little of it; the loop's own stack is larger.
const STACK_BYTES: usize = 2 << 20;
/// How much the thread steps back behind the loop where both want a processor.
const NICE: i32 = 10;
/// Settled segments for which nothing was done yet, of a keeper that is behind.
const BEHIND: u64 = 4;
/// How long a keeper is behind before that is said.
const BEHIND_FOR: Duration = Duration::from_secs(60);
/// How often a worker without clocks is told the time, in milliseconds.
const STEPPED_CLOCK_MS: u64 = 60_000;

/// What the keeper has done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// The last input that was fed again and did the same.
    pub(super) verified: Seq,
    /// The last input of the newest snapshot that was written.
    pub(super) snapshot: Option<Seq>,
    /// How far indexes of the history, and files of ids, were written.
    pub(super) indexed: Covered,
    /// The last segment whose ids are in the newest filter.
    pub(super) filter: u64,
    /// How many filters there were; 0 if there is none.
    pub(super) filters: u64,
    /// Inputs that did something else when they were fed again.
    pub(super) divergences: u64,
    /// Snapshots and indexes that could not be read or written, segments that could not be read or
    /// dropped.
    pub(super) failures: u64,
    /// Segments that would be dropped or thinned out if the clock on the wall were right: it has
    /// gone ahead by more than what has passed.
    pub(super) kept_by_doubt: u64,
    /// The least room that the journal can do with, in bytes, if that is more than is to be kept.
    pub(super) floor: Option<u64>,
    /// All that there was to do for the segments before this one was done.
    done: u64,
    /// Settled segments for which there is something left to do.
    pub(super) behind: u64,
}

/// What the loop tells the thread.
#[derive(Debug)]
enum Told {
    /// Segments before this one are settled.
    Settled(u64),
    /// The loop reads nothing any more of the segments up to this one.
    LetGo(u64),
    /// The index of this segment, or the file of its ids, cannot be used.
    Damaged(u64),
    /// What time it is, and was.
    Times(Box<Times>),
    /// The filter of ids cannot be used.
    DamagedFilter,
}

/// What the thread asks of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// To read nothing any more of the segments up to this one.
    LetGo(u64),
    /// To open this segment anew.
    Reopen(u64),
}

/// Since when the keeper is behind, and whether that was said.
#[derive(Debug, Default)]
struct Lag {
    since: Option<Instant>,
    said: bool,
}

impl Lag {
    /// Looks at how many settled segments the keeper has left; what is to be said of it, once when it
    /// has been behind for a while and once when it has caught up.
    fn look(&mut self, behind: u64, now: Instant) -> Option<String> {
        if behind < BEHIND {
            self.since = None;
            let said = std::mem::take(&mut self.said);
            return said.then(|| "the keeper has caught up with the journal".to_owned());
        }
        let since = *self.since.get_or_insert(now);
        if self.said || now.saturating_duration_since(since) < BEHIND_FOR {
            return None;
        }
        self.said = true;
        Some(format!(
            "the keeper is {behind} segments behind the journal: they are not verified, compressed or \
             dropped yet, and a bound on the journal's room may be exceeded meanwhile"
        ))
    }
}

/// The loop's side.
pub(super) struct Keeper {
    /// `None` at the end.
    tell: Option<Sender<Told>>,
    asked: Receiver<Asked>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// What would be the thread's, if there is none.
    aside: Option<(Worker, Receiver<Told>)>,
    settled: u64,
    lag: Lag,
    /// What the thread had done when the loop looked last: see [`Report`].
    done: u64,
    /// The newest offset of the clock on the wall that the thread knows.
    known: Option<Change>,
    /// When it was told the time last.
    told_at: Micros,
}

#[derive(Default)]
struct Shared {
    report: Mutex<Report>,
    /// There may be something else to report since the loop looked last. The thread sets it while it holds
    /// the lock, so that whoever sees it waits for the change.
    has_news: AtomicBool,
    stop: AtomicBool,
}

impl Shared {
    /// Nobody panics while holding the lock, so that a poisoned one holds good values.
    fn look(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The report, for who may change it: the loop will look.
    fn report(&self) -> MutexGuard<'_, Report> {
        let report = self.look();
        self.has_news.store(true, Ordering::Release);
        report
    }
}

impl Keeper {
    /// Starts the thread. `bad` are snapshots that a start could not use; they are made again.
    /// Calls `wake` when the loop is to [`Keeper::attend`].
    ///
    /// # Errors
    /// No thread can be had.
    pub(super) fn start(
        journal: &Journal,
        retention: Retention,
        bad: Vec<u64>,
        wake: impl Fn() + Send + 'static,
    ) -> io::Result<Keeper> {
        let mut keeper = Keeper::stepped(journal, retention, bad, wake);
        if let Some((worker, told)) = keeper.aside.take() {
            let builder = thread::Builder::new().name("keeper".to_owned()).stack_size(STACK_BYTES);
            keeper.thread = Some(builder.spawn(move || worker.run(&told))?);
        }
        Ok(keeper)
    }

    /// The same without a thread: it works in [`Keeper::step`] only.
    pub(super) fn stepped(
        journal: &Journal,
        retention: Retention,
        bad: Vec<u64>,
        wake: impl Fn() + Send + 'static,
    ) -> Keeper {
        let (tell, told) = mpsc::channel();
        let (asking, asked) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        if let Some(filter) = IdFilter::open_newest(&journal.archive()) {
            let mut report = shared.report();
            (report.filter, report.filters) = (filter.last(), 1);
        }
        let worker = Worker {
            archive: journal.archive(),
            retention,
            settled: 0,
            bad,
            bad_indexes: BTreeSet::new(),
            given_up: BTreeSet::new(),
            bad_filter: false,
            stuck: None,
            compressed: 0,
            times: None,
            doubtful: 0,
            has_doubted: false,
            growth: Growth::default(),
            asking,
            shared: Arc::clone(&shared),
            wake: Box::new(wake),
        };
        let aside = Some((worker, told));
        Keeper {
            tell: Some(tell),
            asked,
            shared,
            thread: None,
            aside,
            settled: 0,
            lag: Lag::default(),
            done: 0,
            known: None,
            told_at: Micros(0),
        }
    }

    /// Does what it was told since the last step, on this thread. Whether there was anything.
    pub(super) fn step(&mut self) -> bool {
        let Some((worker, told)) = &mut self.aside else { return false };
        let Ok(first) = told.try_recv() else { return false };
        worker.heed(first, told);
        true
    }

    /// Tells the thread what is settled and which indexes are `damaged`, and does what it asks for.
    /// `held` is the first input of which outputs have not left yet: they are made of bodies, and
    /// nothing may happen to those before.
    pub(super) fn attend(
        &mut self,
        journal: &mut Journal,
        held: Option<Seq>,
        damaged: impl Iterator<Item = u64>,
        now: Instant,
    ) {
        damaged.for_each(|segment| self.tell(Told::Damaged(segment)));
        let settled = journal.settled();
        // What holds outputs back is a sync that the loop is woken by.
        let has_left = held.is_none_or(|held| journal.first_of(settled) <= Some(held));
        if settled > self.settled && has_left {
            self.settled = settled;
            // More is to be done, which the thread may not come to say.
            self.shared.has_news.store(true, Ordering::Release);
            self.tell(Told::Settled(settled));
        }
        if let Some(words) = self.lag.look(self.behind(self.done), now) {
            pi_server_system::report!("pi-server: {words}");
        }
        while let Ok(asked) = self.asked.try_recv() {
            match asked {
                Asked::Reopen(segment) => journal.reopen(segment),
                Asked::LetGo(segment) => match journal.let_go(segment) {
                    Ok(()) => self.tell(Told::LetGo(segment)),
                    Err(error) => {
                        pi_server_system::report!(
                            "pi-server: cannot read what is kept of segment {segment}: {error}"
                        );
                        self.shared.report().failures += 1;
                    }
                },
            }
        }
    }

    /// Tells the thread what time it is, where it cannot know. `at` is the time of inputs, and `wall`
    /// what the clock on the wall shows, since the Unix epoch.
    pub(super) fn tell_time(&mut self, at: Micros, walls: &Walls, wall: impl FnOnce() -> Duration) {
        let newest = walls.changes().next_back();
        let knows = self.known.is_some() && newest == self.known;
        // A thread has clocks of its own. A worker that is stepped has not: it is told each minute,
        // and not before there is something to do.
        let spared = if self.thread.is_some() {
            knows
        } else {
            self.settled <= 1 || knows && at < self.told_at.plus_ms(STEPPED_CLOCK_MS)
        };
        if spared {
            return;
        }
        (self.known, self.told_at) = (newest, at);
        let read = self.thread.is_some().then(Instant::now);
        let wall = Micros(u64::try_from(wall().as_micros()).unwrap_or(u64::MAX));
        self.tell(Told::Times(Box::new(Times { at, wall, walls: walls.clone(), read })));
    }

    /// Tells the thread that the filter of ids cannot be used.
    pub(super) fn complain_of_filter(&self) {
        self.tell(Told::DamagedFilter);
    }

    /// What the thread has done.
    pub(super) fn report(&self) -> Report {
        let mut report = *self.shared.look();
        report.behind = self.behind(report.done);
        report
    }

    /// Settled segments for which there is something left to do.
    fn behind(&self, done: u64) -> u64 {
        // Before the first segment there is none.
        self.settled.saturating_sub(done.max(1))
    }

    /// What the thread has done and has left to do, if that may be something else than when this was asked
    /// last. The loop asks in every turn, and a look at a flag costs less than the lock.
    pub(super) fn news(&mut self) -> Option<Report> {
        let has_news = self.shared.has_news.load(Ordering::Relaxed)
            && self.shared.has_news.swap(false, Ordering::AcqRel);
        let report = has_news.then(|| self.report())?;
        self.done = report.done;
        Some(report)
    }

    fn tell(&self, told: Told) {
        if let Some(tell) = &self.tell {
            // The thread ends only after this, unless it panicked, which ends the process.
            let _ = tell.send(told);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.tell = None;
        if let Some(thread) = self.thread.take() {
            // It ends by itself; a panic in it has been reported by the runtime.
            let _ = thread.join();
        }
    }
}

/// The thread's side.
struct Worker {
    archive: Archive,
    retention: Retention,
    /// Segments before this one are settled.
    settled: u64,
    /// Snapshots that cannot be used.
    bad: Vec<u64>,
    /// Indexes that cannot be used.
    bad_indexes: BTreeSet<u64>,
    /// Segments that there is no way to index, which has been said.
    given_up: BTreeSet<u64>,
    /// The newest filter of ids cannot be used.
    bad_filter: bool,
    /// A segment of which no bodies can be erased, which has been said.
    stuck: Option<u64>,
    /// The segments up to this one are compressed, or do not get shorter, or are damaged.
    compressed: u64,
    /// What time it is, once it was told.
    times: Option<Box<Times>>,
    /// Segments that only the clock on the wall calls old.
    doubtful: u64,
    /// That there are some was said.
    has_doubted: bool,
    growth: Growth,
    asking: Sender<Asked>,
    shared: Arc<Shared>,
    wake: Box<dyn Fn() + Send>,
}

/// Why a segment was not kept.
enum Trouble {
    /// The daemon ends.
    Stopped,
    /// A step has put out something else.
    Diverged(Divergence),
    /// A segment is not what was written.
    Read(ReadError),
    /// A file could not be read or written.
    Io(&'static str, io::Error),
}

impl Worker {
    fn run(mut self, told: &Receiver<Told>) {
        // Where it is not allowed the thread competes as an equal.
        let _ = rustix::process::setpriority_process(None, NICE);
        loop {
            match told.recv_timeout(self.retention.pause()) {
                Ok(first) => self.heed(first, told),
                Err(RecvTimeoutError::Timeout) => self.tend(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Does what it was told.
    fn heed(&mut self, first: Told, told: &Receiver<Told>) {
        for told in [first].into_iter().chain(told.try_iter()) {
            match told {
                Told::Times(times) => self.times = Some(times),
                Told::Settled(segment) => self.settled = segment,
                Told::LetGo(segment) => self.drop_up_to(segment),
                Told::Damaged(segment) => drop(self.bad_indexes.insert(segment)),
                Told::DamagedFilter => self.bad_filter = true,
            }
        }
        self.tend();
    }

    /// Does what there is to do for what is settled.
    fn tend(&mut self) {
        let alarmed = self.shared.report().divergences > 0;
        if self.settled > 1 && !alarmed {
            let last = self.settled - 1;
            self.doubtful = 0;
            let kept = self.keep(last).and_then(|()| self.retain());
            let kept = kept.and_then(|()| self.mend_ids(last));
            let kept = kept.and_then(|()| self.age());
            let kept = kept.and_then(|()| self.compress());
            if kept.is_ok() {
                self.shared.report().done = last + 1;
            }
            kept.unwrap_or_else(|trouble| self.complain(&trouble));
            self.doubt();
            (self.wake)();
        }
    }

    /// Feeds what is settled and not covered by a snapshot, and writes the snapshot at its end.
    fn keep(&mut self, target: u64) -> Result<(), Trouble> {
        if self.snapshots()?.last().is_some_and(|newest| *newest >= target) {
            return Ok(());
        }
        let (mut cursor, mut past) = self.base(target)?;
        while cursor.segment < target {
            self.feed(&mut cursor, &mut past)?;
            self.index(&cursor, &mut past)?;
            if cursor.segment == target || self.retention.keeps(cursor.segment, &self.archive) {
                self.save(cursor, &past)?;
            }
        }
        Ok(())
    }

    /// Snapshots that are there and were not found bad, ascending.
    fn snapshots(&self) -> Result<Vec<u64>, Trouble> {
        let list = self.archive.snapshots();
        let mut numbers = list.map_err(|error| Trouble::Io("list the snapshots", error))?;
        numbers.retain(|number| !self.bad.contains(number));
        Ok(numbers)
    }

    /// Where to begin: the newest good snapshot, or the first input of all.
    fn base(&mut self, target: u64) -> Result<(Cursor, Past), Trouble> {
        for number in self.snapshots()?.into_iter().rev().filter(|number| *number <= target) {
            match self
                .archive
                .load(number, |snapshot| Ok((snapshot.cursor, Past::restore(snapshot)?)))
            {
                Ok((cursor, past)) => return Ok((cursor, past.unbounded())),
                Err(error) => {
                    complain_of_snapshot(number, &error);
                    self.shared.report().failures += 1;
                    self.bad.push(number);
                }
            }
        }
        Ok((self.archive.start(), Past::new().unbounded()))
    }

    /// Feeds the segment behind `cursor`.
    fn feed(&self, cursor: &mut Cursor, past: &mut Past) -> Result<(), Trouble> {
        let mut diverged = None;
        let whole = self.archive.feed(cursor, &mut |input, previous| {
            diverged = past.feed(input, previous).err();
            if diverged.is_some() || self.shared.stop.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        let whole = whole.map_err(Trouble::Read)?;
        if diverged.is_none() {
            if !whole {
                // In the middle of a segment; what stands behind its end says nothing here.
                return Err(Trouble::Stopped);
            }
            // The digest of the last step stands behind the segment's end.
            let recorded = self.archive.outputs_at(cursor);
            let recorded = recorded.map_err(|error| Trouble::Io("read a segment", error))?;
            diverged = recorded.and_then(|recorded| past.check(cursor.seq, recorded).err());
        }
        if let Some(divergence) = diverged {
            return Err(Trouble::Diverged(divergence));
        }
        let mut report = self.shared.report();
        report.verified = report.verified.max(cursor.seq);
        Ok(())
    }

    fn save(&mut self, cursor: Cursor, past: &Past) -> Result<(), Trouble> {
        let (state, rest) = past.encode();
        let snapshot =
            Snapshot { cursor, outputs: past.digest, layout: LAYOUT, state: &state, rest: &rest };
        let saved = self.archive.save(&snapshot);
        saved.map_err(|error| Trouble::Io("write a snapshot", error))?;
        self.bad.retain(|number| *number != cursor.segment);
        self.shared.report().snapshot = Some(cursor.seq);
        Ok(())
    }

    fn complain(&self, trouble: &Trouble) {
        let mut report = self.shared.report();
        match trouble {
            Trouble::Stopped => {}
            Trouble::Diverged(Divergence { seq, recorded, computed }) => {
                report.divergences += 1;
                pi_server_system::report!(
                    "pi-server: ALARM: input {seq} does not do again what it did: its outputs are \
                     {computed}, on record is {recorded}; nothing is dropped from the journal any \
                     more. Look with `pi-replay verify`, and report this"
                );
            }
            Trouble::Read(error) => {
                report.failures += 1;
                pi_server_system::report!("pi-server: ALARM: the journal is damaged: {error}");
            }
            Trouble::Io(operation, error) => {
                report.failures += 1;
                pi_server_system::report!("pi-server: cannot {operation}: {error}");
            }
        }
    }
}

fn complain_of_snapshot(number: u64, error: &SnapshotError) {
    pi_server_system::report!("pi-server: {SNAPSHOT_DIR}/{number:08}.snap cannot be used: {error}");
}

#[cfg(test)]
mod tests;
