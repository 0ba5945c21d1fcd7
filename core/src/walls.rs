//! The clock on the wall, beside the time of inputs. PROTOCOL.md section 9.1.
//!
//! Inputs carry elapsed awake time. What the wall showed is that plus an offset, and every offset is
//! an input. They are remembered here, a bounded number, so that the time on the wall of something
//! older can be told later, and so that what became old by a jump of that clock is known as such.

use alloc::collections::VecDeque;
use bincode::{Decode, Encode};

use crate::ids::{Micros, WallOffset};

/// Offsets that are remembered; of older ones the smaller of two that follow each other is.
pub const WALLS_MAX: usize = 1_000;
/// Elapsed time for which a jump forward makes nothing older, in microseconds: 24 hours.
pub const DOUBT_US: u64 = 24 * 3_600 * 1_000_000;
/// The longest stop that ages data at once, in microseconds: a week.
pub const STOP_US: u64 = 7 * 24 * 3_600 * 1_000_000;

/// The offsets of the clock on the wall, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walls {
    changes: VecDeque<Change>,
}

/// An offset that is in force from one time of the inputs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Change {
    /// The time of the input that brought it.
    pub from: Micros,
    /// What is to be added to the time of inputs.
    pub offset: WallOffset,
    /// It is further ahead than the one before for no reason but the reading of one clock.
    pub doubtful: bool,
}

impl Walls {
    /// No offset is known: times of inputs are times on the wall.
    pub fn new() -> Walls {
        Walls::default()
    }

    /// Those that [`Walls::changes`] gave, at most [`WALLS_MAX`].
    pub fn of(changes: impl IntoIterator<Item = Change>) -> Walls {
        let mut walls = Walls { changes: changes.into_iter().collect() };
        walls.bound();
        walls
    }

    /// Every change that is remembered, oldest first.
    pub fn changes(&self) -> impl ExactSizeIterator<Item = Change> + DoubleEndedIterator + '_ {
        self.changes.iter().copied()
    }

    /// A life began at `at` with this offset. What the wall has gone ahead by is the time of the
    /// stop, which is believed up to [`STOP_US`]. The first offset of all has none before it to be
    /// compared with but that of times on the wall, which is zero, unless nothing was before it.
    pub fn started(&mut self, at: Micros, offset: WallOffset, is_first: bool) {
        let ahead = offset.0.saturating_sub(self.offset().0);
        let doubtful = !is_first && u64::try_from(ahead).is_ok_and(|ahead| ahead > STOP_US);
        self.note(Change { from: at, offset, doubtful });
    }

    /// The clock on the wall was found elsewhere at `at`: it was set, or everything was suspended.
    pub fn moved(&mut self, at: Micros, offset: WallOffset) {
        let doubtful = offset > self.offset();
        self.note(Change { from: at, offset, doubtful });
    }

    /// The offset in force.
    pub fn offset(&self) -> WallOffset {
        self.changes.back().map_or(WallOffset(0), |change| change.offset)
    }

    /// What the wall showed at a time of the inputs, in microseconds since the Unix epoch.
    pub fn wall(&self, at: Micros) -> Micros {
        let after = self.changes.partition_point(|change| change.from <= at);
        let offset = match after.checked_sub(1).and_then(|index| self.changes.get(index)) {
            Some(change) => change.offset,
            None => WallOffset(0),
        };
        offset.wall(at)
    }

    /// What the wall shows at `now` as far as elapsed time agrees: a jump forward in the last
    /// [`DOUBT_US`] of elapsed time has not happened yet. Ages of data are counted up to here.
    pub fn agreed(&self, now: Micros) -> Micros {
        let mut offset = self.offset();
        // What has been believed at once since the change that is looked at.
        let mut believed = 0_i64;
        let younger = |change: &Change| change.from.0.saturating_add(DOUBT_US) > now.0;
        let mut changes = self.changes.iter().rev().peekable();
        while let Some(change) = changes.next_if(|change| younger(change)) {
            let before = changes.peek().map_or(WallOffset(0), |before| before.offset);
            let ahead = change.offset.0.saturating_sub(before.0);
            if changes.peek().is_none() && !change.doubtful {
                // There was nothing before it.
                break;
            }
            if ahead > 0 && !change.doubtful {
                believed = believed.saturating_add(ahead);
            }
            offset = offset.min(WallOffset(before.0.saturating_add(believed)));
        }
        offset.wall(now)
    }

    fn note(&mut self, change: Change) {
        if self.changes.is_empty() || change.offset != self.offset() {
            self.changes.push_back(change);
            self.bound();
        }
    }

    fn bound(&mut self) {
        while self.changes.len() > WALLS_MAX {
            let Some(oldest) = self.changes.pop_front() else { break };
            if let Some(next) = self.changes.front_mut() {
                next.from = oldest.from;
                next.offset = next.offset.min(oldest.offset);
                next.doubtful |= oldest.doubtful;
            }
        }
    }
}

#[cfg(test)]
mod tests;
