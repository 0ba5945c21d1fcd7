//! Compressing segments, once they were fed again, a snapshot stands behind them and their history is
//! indexed: from then on they are read now and then, and never written but to erase something.

use std::sync::atomic::Ordering;

use super::{Asked, Trouble, Worker};
use crate::journal::{ReadError, ReadFault};

impl Worker {
    /// Compresses what is not yet, oldest segment first, and tells the loop.
    pub(super) fn compress(&mut self) -> Result<(), Trouble> {
        if !self.retention.compress {
            return Ok(());
        }
        let Some(newest) = self.snapshots()?.last().copied() else { return Ok(()) };
        let last = newest.min(self.settled.saturating_sub(1));
        let segments = self.archive.segments();
        let segments = segments.map_err(|error| Trouble::Io("list the segments", error))?;
        for segment in segments {
            if segment <= self.compressed || segment > last {
                continue;
            }
            if self.shared.stop.load(Ordering::Relaxed) {
                return Err(Trouble::Stopped);
            }
            let done = match self.archive.compress(segment) {
                Ok(done) => done,
                // There may be no room; the next time there may.
                Err(ReadError { fault: ReadFault::Io(error), .. }) => {
                    return Err(Trouble::Io("compress a segment", error));
                }
                Err(error) => {
                    // That it is damaged is said once; it is not looked at again in this life.
                    self.compressed = segment;
                    return Err(Trouble::Read(error));
                }
            };
            if done {
                // The loop ends after the thread, or with it.
                let _ = self.asking.send(Asked::Reopen(segment));
            }
            self.compressed = segment;
        }
        Ok(())
    }
}
