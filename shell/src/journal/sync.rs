//! Getting records onto the disk beside the loop that writes them.
//!
//! One sync covers everything that was committed while the one before ran. The first error is the
//! last thing that happens: it is kept, the loop is woken, and no sync is tried again.

use std::io;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pi_server_core::Seq;
use pi_server_core::record::Head;

use super::error::JournalError;
use super::options::{Durability, Settings, Waker};
use super::storage::{Disk, SyncFile};

/// How long `process` waits for more to sync, and how old `HEAD` may get.
const INTERVAL: Duration = Duration::from_secs(1);
/// The thread calls little; the default of megabytes is not needed.
const STACK_BYTES: usize = 128 * 1024;

/// What is to be synced, shared between the loop and the thread.
struct Shared {
    work: Mutex<Work>,
    changed: Condvar,
    /// The last input that is on disk; read without the lock after every commit.
    durable: AtomicU64,
    /// The segment that `HEAD` names.
    settled: AtomicU64,
    disk: Arc<dyn Disk>,
    waker: Waker,
    durability: Durability,
}

struct Work {
    /// The last input whose commit was written.
    wanted: Seq,
    /// The segment that holds that commit. A later one may have begun, but if its commit is lost,
    /// writing goes on in this one.
    segment: u64,
    /// The segment that is being written.
    current: Arc<dyn SyncFile>,
    /// Sealed segments that were not synced since.
    sealed: Vec<Arc<dyn SyncFile>>,
    head: Head,
    /// A segment was sealed: `HEAD` is to be written with the next sync.
    head_due: bool,
    failed: Option<JournalError>,
    /// The thread waits for something to be wanted.
    idle: bool,
    stop: bool,
}

/// What a sync is to include.
#[derive(Clone, Copy)]
struct Scope {
    /// `HEAD`, if it is behind.
    head: bool,
    /// Records even if no input among them is new.
    unasked: bool,
}

/// A sync that has begun: what it brings to the disk, whatever is written meanwhile.
struct Underway {
    target: Seq,
    segment: u64,
    /// None if nothing of them is missing on the disk.
    files: Vec<Arc<dyn SyncFile>>,
    head: Head,
    write_head: bool,
}

/// The loop's side.
pub(super) struct Syncer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Without a thread: the sync that [`Syncer::begin`] has begun.
    underway: Mutex<Option<Underway>>,
}

impl Syncer {
    /// `head` is the newest slot of `HEAD`; everything up to `durable`, in `segment`, is on disk.
    pub(super) fn start(
        disk: Arc<dyn Disk>,
        settings: &Settings,
        head: Head,
        durable: Seq,
        segment: u64,
        current: Box<dyn SyncFile>,
    ) -> io::Result<Syncer> {
        let shared = Arc::new(Shared {
            work: Mutex::new(Work {
                wanted: durable,
                segment,
                current: Arc::from(current),
                sealed: Vec::new(),
                head,
                head_due: false,
                failed: None,
                idle: false,
                stop: false,
            }),
            changed: Condvar::new(),
            durable: AtomicU64::new(durable.0),
            settled: AtomicU64::new(head.segment),
            disk,
            waker: settings.waker.clone(),
            durability: settings.durability,
        });
        let thread = if settings.background && settings.durability != Durability::None {
            let shared = shared.clone();
            let builder = std::thread::Builder::new().name("journal-sync".to_owned());
            Some(builder.stack_size(STACK_BYTES).spawn(move || shared.run())?)
        } else {
            None
        };
        Ok(Syncer { shared, thread, underway: Mutex::new(None) })
    }

    /// The last input that is known to be on disk.
    pub(super) fn durable(&self) -> Seq {
        Seq(self.shared.durable.load(Ordering::Acquire))
    }

    /// The segment in which the last input is that `HEAD` says is on disk.
    pub(super) fn settled(&self) -> u64 {
        self.shared.settled.load(Ordering::Acquire)
    }

    /// A commit was written to `segment`: everything up to `seq` is wanted on disk.
    pub(super) fn want(&self, seq: Seq, segment: u64) {
        let mut work = self.shared.lock();
        work.wanted = seq;
        work.segment = segment;
        if work.idle {
            work.idle = false;
            self.shared.changed.notify_all();
        }
    }

    /// Records go to another segment from here on.
    pub(super) fn rolled(&self, file: Box<dyn SyncFile>) {
        let mut work = self.shared.lock();
        let sealed = mem::replace(&mut work.current, Arc::from(file));
        work.sealed.push(sealed);
        work.head_due = true;
    }

    /// The first error, if there was one.
    pub(super) fn check(&self) -> Result<(), JournalError> {
        match &self.shared.lock().failed {
            None => Ok(()),
            Some(error) => Err(error.clone()),
        }
    }

    /// Syncs now, on this thread, and writes `HEAD`.
    pub(super) fn sync(&self) -> Result<(), JournalError> {
        // The files of a sync that has begun are not among those that the next one takes.
        self.end();
        let scope = Scope { head: true, unasked: true };
        self.shared.sync_once(self.shared.lock(), scope).map(|_| ())
    }

    /// Begins a sync of what is wanted, as the thread would do it; with `HEAD` if that is due, or an
    /// interval has passed. Failures are kept for [`Syncer::check`], as the thread does. One runs at a
    /// time. Whether there is anything to sync.
    pub(super) fn begin(&self, interval_passed: bool) -> bool {
        self.end();
        let work = self.shared.lock();
        let scope = Scope { head: work.head_due || interval_passed, unasked: false };
        let Ok(begun) = self.shared.begin(work, scope) else { return false };
        let moves = !begun.files.is_empty();
        *self.underway() = Some(begun);
        moves
    }

    /// Ends the sync that was begun last, if it has not ended. Whether it had not.
    pub(super) fn end(&self) -> bool {
        let Some(begun) = self.underway().take() else { return false };
        let _ = self.shared.end(begun);
        true
    }

    fn underway(&self) -> MutexGuard<'_, Option<Underway>> {
        self.underway.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the thread after a last sync.
    pub(super) fn stop(mut self) -> Result<(), JournalError> {
        self.join();
        if self.shared.durability == Durability::None { self.check() } else { self.sync() }
    }

    fn join(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It ends by itself; a panic in it has been reported by the runtime.
            let _ = thread.join();
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.join();
    }
}

impl Shared {
    /// Nobody panics while holding the lock, so that a poisoned one holds good values.
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread.
    fn run(&self) {
        let mut last_sync = Instant::now();
        loop {
            let work = self.lock();
            let Some(work) = self.wait(work, last_sync) else { return };
            let head = work.head_due || last_sync.elapsed() >= INTERVAL;
            let moved = self.sync_once(work, Scope { head, unasked: false });
            if head {
                last_sync = Instant::now();
            }
            if !matches!(moved, Ok(false)) {
                (self.waker)();
            }
            if moved.is_err() {
                return;
            }
        }
    }

    /// Waits until there is something to do; `None` at the end.
    fn wait<'a>(
        &'a self,
        mut work: MutexGuard<'a, Work>,
        last_sync: Instant,
    ) -> Option<MutexGuard<'a, Work>> {
        let mut since = None;
        loop {
            if work.stop {
                return None;
            }
            let behind = work.wanted > self.durable_seq();
            let head_behind = work.wanted > work.head.durable_upto;
            let patience = match self.durability {
                Durability::Power if behind => return Some(work),
                // Only `HEAD` is left, which may be up to a second old.
                Durability::Power if head_behind => {
                    INTERVAL.checked_sub(last_sync.elapsed()).unwrap_or_default()
                }
                Durability::Process | Durability::None if behind || head_behind => {
                    let since = *since.get_or_insert_with(Instant::now);
                    INTERVAL.checked_sub(since.elapsed()).unwrap_or_default()
                }
                Durability::Process | Durability::Power | Durability::None => {
                    work.idle = true;
                    work = self.changed.wait(work).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
            };
            if patience.is_zero() {
                return Some(work);
            }
            // In `power` the next commit must end this wait; in `process` it need not.
            work.idle = self.durability == Durability::Power;
            let waited = self.changed.wait_timeout(work, patience);
            work = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn durable_seq(&self) -> Seq {
        Seq(self.durable.load(Ordering::Acquire))
    }

    /// One sync of everything that is wanted by now. Whether anything moved.
    fn sync_once(&self, work: MutexGuard<'_, Work>, scope: Scope) -> Result<bool, JournalError> {
        let begun = self.begin(work, scope)?;
        self.end(begun)
    }

    /// Takes what is wanted by now. What is written from here on is for the sync after this one.
    fn begin(
        &self,
        mut work: MutexGuard<'_, Work>,
        scope: Scope,
    ) -> Result<Underway, JournalError> {
        if let Some(error) = &work.failed {
            return Err(error.clone());
        }
        work.idle = false;
        let Work { wanted: target, segment, head, .. } = *work;
        let mut files = mem::take(&mut work.sealed);
        if target > self.durable_seq() || !files.is_empty() || scope.unasked {
            files.push(work.current.clone());
        }
        work.head_due = false;
        Ok(Underway { target, segment, files, head, write_head: scope.head })
    }

    /// Brings it to the disk, and only then says so. Whether anything moved.
    fn end(&self, begun: Underway) -> Result<bool, JournalError> {
        let Underway { target, segment, files, head, write_head } = begun;
        let before = self.durable_seq();
        if !files.is_empty() {
            self.disk.check().map_err(|source| {
                let error = JournalError::Lost { source: Arc::new(source) };
                self.lock().failed.get_or_insert(error).clone()
            })?;
            for file in files {
                file.sync().map_err(|source| self.fail("a segment", source))?;
            }
            self.durable.store(target.0, Ordering::Release);
        }
        if write_head && (target > head.durable_upto || segment > head.segment) {
            let head = Head { write: head.write + 1, durable_upto: target, segment, ..head };
            let written = self.disk.write_head(head.slot(), &head.encode());
            written.map_err(|source| self.fail("HEAD", source))?;
            self.lock().head = head;
            self.settled.store(segment, Ordering::Release);
        }
        Ok(target > before)
    }

    fn fail(&self, what: &'static str, source: io::Error) -> JournalError {
        let error = JournalError::SyncFailed { what, source: Arc::new(source) };
        self.lock().failed.get_or_insert(error).clone()
    }
}
