//! Building segments ahead of need, so that the loop never waits for a disk to fill one with zeros,
//! and so that a full disk is noticed while there is still room for a clean stop. What was built is
//! opened at once: when it is needed, there may be no descriptor to be had.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pi_server_core::record::SegmentHeader;
use rustix::io::Errno;

use super::error::Full;
use super::options::{Settings, Waker};
use super::storage::{Disk, Segment, SyncFile};

/// How long to wait before a segment that could not be built is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How long the loop waits for a segment that it needs at once and that could not be built for a reason
/// that passes. Work in flight has to be written down; without a segment the daemon would have to stop.
const PASSING_WITHIN: Duration = Duration::from_secs(5);
/// How long to wait before such a segment is tried again.
const PASSING_RETRY: Duration = Duration::from_millis(20);
const STACK_BYTES: usize = 128 * 1024;

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    disk: Arc<dyn Disk>,
    waker: Waker,
}

struct State {
    /// What is to be built, until it is.
    wanted: Option<SegmentHeader>,
    /// The thread is at it.
    building: bool,
    /// The last segment that is there.
    built: u64,
    /// A segment that is there and open, by its number.
    opened: Option<(u64, OpenSegment)>,
    /// The last attempt failed; another follows.
    failed: Option<Arc<io::Error>>,
    stop: bool,
}

/// A segment that was opened, and what it is synced by.
pub(super) struct OpenSegment {
    pub(super) segment: Box<dyn Segment>,
    pub(super) file: Box<dyn SyncFile>,
}

impl OpenSegment {
    fn open(disk: &dyn Disk, number: u64) -> io::Result<OpenSegment> {
        let segment = disk.open(number)?;
        let file = segment.syncer()?;
        Ok(OpenSegment { segment, file })
    }
}

/// The builder of segments.
pub(super) struct Spare {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Spare {
    /// `built` is the last segment that is there.
    pub(super) fn start(disk: Arc<dyn Disk>, settings: &Settings, built: u64) -> io::Result<Spare> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                wanted: None,
                building: false,
                built,
                opened: None,
                failed: None,
                stop: false,
            }),
            changed: Condvar::new(),
            disk,
            waker: settings.waker.clone(),
        });
        let thread = if settings.background {
            let shared = shared.clone();
            let builder = std::thread::Builder::new().name("journal-build".to_owned());
            Some(builder.stack_size(STACK_BYTES).spawn(move || shared.run())?)
        } else {
            None
        };
        Ok(Spare { shared, thread })
    }

    /// Asks for a segment to be built beside the loop. One that is there already, from an earlier
    /// life, is opened here.
    pub(super) fn want(&self, header: SegmentHeader) {
        let mut state = self.shared.lock();
        if header.number > state.built {
            state.wanted = Some(header);
            self.shared.changed.notify_all();
        } else {
            // Should it fail, it is tried again when the segment is taken, and then says why.
            let opened = OpenSegment::open(&*self.shared.disk, header.number).ok();
            state.opened = opened.map(|opened| (header.number, opened));
        }
    }

    /// Tries once to build what was asked for, on this thread, as the thread would do. Whether there
    /// was anything to build.
    pub(super) fn step(&self) -> bool {
        let state = self.shared.lock();
        let Some(header) = state.wanted else { return false };
        drop(self.shared.attempt(state, &header));
        true
    }

    /// Whether the segment is there. A segment that is being built for the first time counts, since
    /// it will be there, or will have failed, before it is missed.
    pub(super) fn promises(&self, number: u64) -> bool {
        let state = self.shared.lock();
        state.built >= number || state.failed.is_none()
    }

    /// Why the last attempt to build a segment failed, until one succeeds.
    pub(super) fn trouble(&self) -> Option<Arc<io::Error>> {
        self.shared.lock().failed.clone()
    }

    /// Returns the segment when it is there, or when an attempt to build it has failed: at once if the
    /// disk is full or broken, and after [`PASSING_WITHIN`] if the machine has no descriptor or no memory
    /// to spare.
    pub(super) fn take(&self, header: &SegmentHeader) -> Result<OpenSegment, Full> {
        let until = Instant::now() + PASSING_WITHIN;
        loop {
            match self.take_once(header) {
                Err(full) if passes(&full.source) && self.thread.is_some() => {
                    if Instant::now() >= until {
                        return Err(full);
                    }
                    std::thread::sleep(PASSING_RETRY);
                    self.shared.retry(header);
                }
                taken => return taken,
            }
        }
    }

    fn take_once(&self, header: &SegmentHeader) -> Result<OpenSegment, Full> {
        let mut state = self.shared.lock();
        loop {
            if state.built >= header.number {
                return match state.opened.take() {
                    Some((number, opened)) if number == header.number => Ok(opened),
                    Some(_) | None => self.open(header.number),
                };
            }
            if let Some(source) = &state.failed {
                return Err(Full { segment: header.number, source: source.clone() });
            }
            if self.thread.is_none() {
                drop(state);
                return self.build(header);
            }
            if state.wanted.is_none() {
                state.wanted = Some(*header);
                self.shared.changed.notify_all();
            }
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Builds a segment on this thread, in place of an unused one of the same number.
    pub(super) fn build(&self, header: &SegmentHeader) -> Result<OpenSegment, Full> {
        let mut state = self.shared.lock();
        while state.building {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // Under the lock, so that the thread does not begin to build the same segment.
        state.wanted = None;
        state.opened = None;
        match self.shared.disk.build(header) {
            Ok(()) => {
                state.built = state.built.max(header.number);
                state.failed = None;
                self.open(header.number)
            }
            Err(source) => Err(Full { segment: header.number, source: Arc::new(source) }),
        }
    }

    fn open(&self, number: u64) -> Result<OpenSegment, Full> {
        OpenSegment::open(&*self.shared.disk, number)
            .map_err(|source| Full { segment: number, source: Arc::new(source) })
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It ends by itself; a panic in it has been reported by the runtime.
            let _ = thread.join();
        }
    }
}

/// Whether an error says that the machine lacks something that others hold, and not that the disk is full
/// or broken.
fn passes(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    errno.is_some_and(|errno| {
        [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::AGAIN, Errno::INTR].contains(&errno)
    })
}

impl Shared {
    /// Has a segment that could not be built tried again at once.
    fn retry(&self, header: &SegmentHeader) {
        let mut state = self.lock();
        if state.failed.is_some() && !state.building {
            state.wanted = Some(*header);
            drop(self.attempt(state, header));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tries to build the segment that is wanted.
    fn attempt<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        header: &SegmentHeader,
    ) -> MutexGuard<'a, State> {
        state.building = true;
        drop(state);
        let built = self.disk.build(header);
        let built = built.and_then(|()| OpenSegment::open(&*self.disk, header.number));
        state = self.lock();
        state.building = false;
        let changed = match built {
            Ok(opened) => {
                state.built = state.built.max(header.number);
                state.opened = Some((header.number, opened));
                state.wanted = None;
                state.failed.take().is_some()
            }
            Err(source) => state.failed.replace(Arc::new(source)).is_none(),
        };
        self.changed.notify_all();
        if changed {
            (self.waker)();
        }
        state
    }

    /// The thread.
    fn run(&self) {
        let mut state = self.lock();
        loop {
            if state.stop {
                return;
            }
            let Some(header) = state.wanted else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state = self.attempt(state, &header);
            if state.failed.is_some() && !state.stop {
                let waited = self.changed.wait_timeout(state, RETRY);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}
