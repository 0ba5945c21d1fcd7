//! The threads that check what was stepped, and what they have found, put together in order.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use pi_server_core::record::Secret;

use super::checks::{Checker, Found, Stepped, Trail};
use crate::source::SourceError;

/// How many threads check. They have a little more to do than the one that steps, and so two of
/// them keep up with it.
const CHECKERS: usize = 2;
/// Batches that may wait for the checks.
const BATCHES_MAX: usize = 64;

/// The threads. Batches go in in order; in which order they come back does not matter.
pub(super) struct Checkers {
    work: SyncSender<Work>,
    done: Receiver<Done>,
    threads: Vec<JoinHandle<()>>,
    /// Batches that went in.
    given: u64,
    sum: Sum,
}

/// What the threads have brought back.
#[derive(Default)]
struct Sum {
    /// Batches that `found` is made of.
    added: u64,
    found: Found,
    /// What was found in batches behind one that is not done yet.
    ahead: BTreeMap<u64, Found>,
    /// Memory for the next steps.
    spare: Vec<Trail>,
}

/// A batch to be checked, and which of all it is.
struct Work {
    index: u64,
    stepped: Stepped,
}

/// A batch that was checked.
struct Done {
    index: u64,
    found: Found,
    trail: Trail,
}

impl Checkers {
    /// Starts the threads.
    ///
    /// # Errors
    /// There are none to be had.
    pub(super) fn start(secret: Option<&Secret>) -> Result<Checkers, SourceError> {
        let (work, waiting) = sync_channel(BATCHES_MAX);
        let (sender, done) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let start = |_| {
            let checker = Checker::new(secret.cloned());
            let (waiting, sender) = (waiting.clone(), sender.clone());
            Builder::new().name("check".into()).spawn(move || run(checker, &waiting, &sender))
        };
        let threads = (0..CHECKERS).map(start).collect::<Result<_, _>>();
        let threads = threads.map_err(SourceError::no_thread)?;
        Ok(Checkers { work, done, threads, given: 0, sum: Sum::default() })
    }

    /// Empty memory for what comes of the next batch.
    pub(super) fn trail(&mut self) -> Trail {
        for done in self.done.try_iter() {
            self.sum.take(done);
        }
        self.sum.spare.pop().unwrap_or_default()
    }

    /// Has a batch checked; waits while too many wait already.
    pub(super) fn give(&mut self, stepped: Stepped) {
        let work = Work { index: self.given, stepped };
        self.given += 1;
        // The threads end before the batches only by a panic, which joining passes on.
        let _ = self.work.send(work);
    }

    /// Everything that was found, when all is done.
    pub(super) fn finish(self) -> Found {
        let Checkers { work, done, threads, given: _, mut sum } = self;
        drop(work);
        for done in done {
            sum.take(done);
        }
        for thread in threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
        sum.found
    }
}

impl Sum {
    fn take(&mut self, done: Done) {
        let Done { index, found, mut trail } = done;
        trail.clear();
        self.spare.push(trail);
        self.ahead.insert(index, found);
        while let Some(next) = self.ahead.remove(&self.added) {
            self.found.add(next);
            self.added += 1;
        }
    }
}

/// Checks batches as long as some come.
fn run(mut checker: Checker, waiting: &Mutex<Receiver<Work>>, done: &Sender<Done>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Work { index, stepped }) = next else { return };
        let found = checker.check(&stepped);
        // Nobody listens any more only if the other side has panicked.
        let _ = done.send(Done { index, found, trail: stepped.trail });
    }
}

#[cfg(test)]
mod tests {
    use pi_server_core::record::Place;
    use pi_server_core::{Digest, Seq};

    use super::super::checks::Mismatch;
    use super::*;

    /// A batch in which this many frames were good.
    fn done(index: u64, frames: u64, is_mismatch: bool) -> Done {
        let mut found = Found::default();
        found.counts.inputs = frames;
        found.checks.frames = frames;
        found.mismatch = is_mismatch.then(|| Mismatch {
            seq: Seq(index),
            recorded: Place::default(),
            expected: Digest([1; 16]),
            actual: Digest([2; 16]),
        });
        Done { index, found, trail: Trail::default() }
    }

    #[test]
    fn finds_are_put_together_in_the_order_of_the_journal_whatever_is_done_first() {
        let mut sum = Sum::default();
        sum.take(done(3, 1_000, true));
        sum.take(done(1, 10, false));
        assert_eq!((sum.added, sum.found.checks.frames), (0, 0));
        sum.take(done(0, 1, false));
        assert_eq!((sum.added, sum.found.checks.frames), (2, 11));
        sum.take(done(2, 100, true));
        // Inputs count up to the first mismatch, checks to the end.
        assert_eq!((sum.added, sum.found.checks.frames), (4, 1_111));
        assert_eq!(sum.found.counts.inputs, 111);
        assert_eq!(sum.found.mismatch.map(|mismatch| mismatch.seq), Some(Seq(2)));
    }
}
