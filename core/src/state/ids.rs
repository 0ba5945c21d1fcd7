//! What ids lead to: a command that is in flight or stored, or nothing any more. Ids stand here as
//! 64-bit keyed hashes.
//!
//! Every command with an id asks once, and tens of thousands of forgotten ids are remembered, so
//! all of them lie in one flat table with linear probing: one cache line a question. Its order is
//! an accident of history that nobody sees: answers depend on what is in it, and a snapshot has its
//! entries sorted. Two ids with the same hash are a chance of one in 10^14 a question; the second
//! one is treated as forgotten, so it never gets the other's outcome.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::admission::count;
use crate::ids::{CommandNo, Seq};

/// What an id leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Unknown,
    /// In flight, or stored.
    Command(CommandNo),
    /// An id of a command that changed something and has ended: it is not stored any more, and no index of
    /// the journal is known to have it yet.
    Parked,
    /// It leads nowhere any more, and its command does not run again (rule set 1), or it cannot be told
    /// from another one.
    Forgotten,
}

/// All ids that are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Ids {
    /// The forgotten ones, oldest first.
    forgotten: VecDeque<u64>,
    /// The parked ones with the inputs in whose steps their commands ended, in that order.
    parked: VecDeque<(Seq, u64)>,
    /// How many lead to a command.
    live: usize,
    /// Empty, or a power of two at least twice as long as there are ids.
    table: Vec<Place>,
}

/// A place of the table. A hash of zero says that it is empty; an id whose hash is zero has one
/// instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    hash: u64,
    /// Commands are numbered from one; zero stands for a forgotten id, the largest number for a parked
    /// one.
    command: CommandNo,
}

const FORGOTTEN: CommandNo = CommandNo(0);
const PARKED: CommandNo = CommandNo(u64::MAX);
/// A table that is this many times as long as there are ids gives memory back.
const LONG: usize = 16;

impl Place {
    fn leads_to_command(&self) -> bool {
        self.command != FORGOTTEN && self.command != PARKED
    }
}

impl Ids {
    pub(super) fn find(&self, hash: u64) -> Found {
        match self.seek(hash.max(1)).and_then(|place| self.table.get(place)) {
            None => Found::Unknown,
            Some(place) if place.command == FORGOTTEN => Found::Forgotten,
            Some(place) if place.command == PARKED => Found::Parked,
            Some(place) => Found::Command(place.command),
        }
    }

    /// The id of a command that has been admitted. It was unknown.
    pub(super) fn admit(&mut self, hash: u64, command: CommandNo) {
        let hash = hash.max(1);
        if self.seek(hash).is_none() {
            self.put(Place { hash, command });
            self.live = self.live.saturating_add(1);
        }
    }

    /// The id's outcome is stored no longer. Drops the oldest forgotten ids over `max`.
    pub(super) fn forget(&mut self, hash: u64, max: u64) {
        let hash = hash.max(1);
        let place = self.seek(hash).and_then(|place| self.table.get_mut(place));
        if let Some(place) = place.filter(|place| place.leads_to_command()) {
            place.command = FORGOTTEN;
            self.live = self.live.saturating_sub(1);
            self.forgotten.push_back(hash);
        }
        while count(self.forgotten.len()) > max {
            let Some(oldest) = self.forgotten.pop_front() else { break };
            self.take(oldest);
        }
    }

    /// The id's outcome is stored no longer, and nothing is to be known of it any more.
    pub(super) fn drop_id(&mut self, hash: u64) {
        let hash = hash.max(1);
        let place = self.seek(hash).and_then(|place| self.table.get(place));
        if place.is_some_and(Place::leads_to_command) {
            self.live = self.live.saturating_sub(1);
            self.take(hash);
        }
    }

    /// The id's outcome is stored no longer, and the step of input `ended`, in which its command ended,
    /// is not known to be indexed.
    pub(super) fn park(&mut self, hash: u64, ended: Seq) {
        let hash = hash.max(1);
        let place = self.seek(hash).and_then(|place| self.table.get_mut(place));
        if let Some(place) = place.filter(|place| place.leads_to_command()) {
            place.command = PARKED;
            self.live = self.live.saturating_sub(1);
            self.parked.push_back((ended, hash));
        }
    }

    /// All forgotten ids are parked, until what is before `seq` is indexed.
    pub(super) fn park_forgotten(&mut self, seq: Seq) {
        for hash in core::mem::take(&mut self.forgotten) {
            let place = self.seek(hash).and_then(|place| self.table.get_mut(place));
            if let Some(place) = place {
                place.command = PARKED;
                self.parked.push_back((seq, hash));
            }
        }
    }

    /// Drops the parked ids whose commands ended by input `seq`. Costs only what it drops: ends are in
    /// order.
    pub(super) fn drop_parked(&mut self, seq: Seq) {
        while self.parked.front().is_some_and(|(ended, _)| *ended <= seq) {
            let Some((_, hash)) = self.parked.pop_front() else { break };
            self.take(hash);
        }
        if self.table.len() > self.count().saturating_mul(LONG).max(1_024) {
            self.parked.shrink_to_fit();
            self.lengthen(self.count());
        }
    }

    /// How many ids are parked.
    pub(super) fn parked_count(&self) -> u64 {
        count(self.parked.len())
    }

    /// The parked ids and when their commands ended, oldest first, as a snapshot has them.
    pub(super) fn parked(&self) -> impl Iterator<Item = (Seq, u64)> + '_ {
        self.parked.iter().copied()
    }

    fn count(&self) -> usize {
        self.live.saturating_add(self.forgotten.len()).saturating_add(self.parked.len())
    }

    pub(super) fn forgotten_count(&self) -> u64 {
        count(self.forgotten.len())
    }

    fn home(&self, hash: u64) -> usize {
        // The table's length is a power of two, so this is the hash modulo the length.
        let mask = self.table.len().wrapping_sub(1);
        usize::try_from(hash & u64::try_from(mask).unwrap_or(u64::MAX)).unwrap_or_default()
    }

    fn next(&self, place: usize) -> usize {
        place.wrapping_add(1) & self.table.len().wrapping_sub(1)
    }

    fn seek(&self, hash: u64) -> Option<usize> {
        let mut place = self.home(hash);
        loop {
            match self.table.get(place) {
                Some(found) if found.hash == hash => return Some(place),
                Some(Place { hash: 0, .. }) | None => return None,
                Some(_) => place = self.next(place),
            }
        }
    }

    /// Puts in an id that is not there, and makes room before it is needed.
    fn put(&mut self, id: Place) {
        let ids = self.count().saturating_add(1);
        if ids.saturating_mul(2) > self.table.len() {
            self.lengthen(ids);
        }
        self.lay(id);
    }

    /// Makes the table as long as so many ids want it.
    fn lengthen(&mut self, ids: usize) {
        let length = ids.saturating_mul(2).next_power_of_two().max(64);
        let mut table = Vec::with_capacity(length);
        table.resize(length, Place::default());
        let before = core::mem::replace(&mut self.table, table);
        before.into_iter().filter(|known| known.hash != 0).for_each(|known| self.lay(known));
    }

    fn lay(&mut self, id: Place) {
        let mut place = self.home(id.hash);
        while self.table.get(place).is_some_and(|found| found.hash != 0) {
            place = self.next(place);
        }
        if let Some(free) = self.table.get_mut(place) {
            *free = id;
        }
    }

    /// Empties a place and moves up what had to probe past it, so that no marks of the dead are
    /// needed.
    fn take(&mut self, hash: u64) {
        let Some(mut hole) = self.seek(hash) else { return };
        let mut place = self.next(hole);
        while let Some(found) = self.table.get(place).copied().filter(|found| found.hash != 0) {
            let mask = self.table.len().wrapping_sub(1);
            let travelled = place.wrapping_sub(self.home(found.hash)) & mask;
            let past_hole = place.wrapping_sub(hole) & mask;
            if travelled >= past_hole {
                if let Some(free) = self.table.get_mut(hole) {
                    *free = found;
                }
                hole = place;
            }
            place = self.next(place);
        }
        if let Some(free) = self.table.get_mut(hole) {
            *free = Place::default();
        }
    }

    /// The ids that lead to a command, by hash.
    fn sorted(&self) -> Vec<Place> {
        let is_live = |place: &&Place| place.leads_to_command();
        let mut live: Vec<Place> = self.table.iter().filter(is_live).copied().collect();
        live.sort_unstable();
        live
    }
}

/// Equal are those that give the same answers; how long their tables are is history.
impl PartialEq for Ids {
    fn eq(&self, other: &Ids) -> bool {
        self.forgotten == other.forgotten
            && self.parked == other.parked
            && self.sorted() == other.sorted()
    }
}

impl Eq for Ids {}

impl Ids {
    /// The forgotten ids, oldest first, as a snapshot has them.
    pub(super) fn forgotten(&self) -> impl Iterator<Item = u64> + '_ {
        self.forgotten.iter().copied()
    }

    /// The ids of a snapshot: the forgotten and the parked ones, oldest first, and those that lead to a
    /// command.
    /// Of a hash that comes twice, which no daemon writes, the first counts.
    pub(super) fn restore(
        forgotten: impl IntoIterator<Item = u64>,
        parked: impl IntoIterator<Item = (Seq, u64)>,
        live: impl IntoIterator<Item = (u64, CommandNo)>,
    ) -> Ids {
        let mut ids = Ids::default();
        for hash in forgotten.into_iter().map(|hash| hash.max(1)) {
            if ids.seek(hash).is_none() {
                ids.put(Place { hash, command: FORGOTTEN });
                ids.forgotten.push_back(hash);
            }
        }
        for (ended, hash) in parked.into_iter().map(|(ended, hash)| (ended, hash.max(1))) {
            if ids.seek(hash).is_none() {
                ids.put(Place { hash, command: PARKED });
                ids.parked.push_back((ended, hash));
            }
        }
        for (hash, command) in live {
            let place = Place { hash, command };
            if place.leads_to_command() {
                ids.admit(hash, command);
            }
        }
        ids
    }
}

#[cfg(test)]
mod tests;
