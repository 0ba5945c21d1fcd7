//! Ids that were used, whose outcomes are gone: a bounded set of 64-bit keyed hashes, oldest out
//! first.
//!
//! A hundred thousand of them have to be asked about at every command, so they lie in one flat
//! table with linear probing: one cache line a question. The table is made of the ring of hashes
//! and never iterated. Two ids with the same hash are a chance of one in 10^14 a question; the
//! answer would then be `outcome_expired` for an id that is new, and never a wrong outcome.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};

/// The set. Zero stands for an empty place, so a hash of zero is kept as one.
#[derive(Clone, Debug, Default)]
pub(super) struct Forgotten {
    ring: VecDeque<u64>,
    /// Empty, or a power of two at least twice as long as the ring.
    table: Vec<u64>,
}

impl Forgotten {
    pub(super) fn contains(&self, hash: u64) -> bool {
        self.find(hash.max(1)).is_some()
    }

    /// Adds a hash and drops the oldest ones over `max`.
    pub(super) fn insert(&mut self, hash: u64, max: u64) {
        let hash = hash.max(1);
        if self.find(hash).is_none() {
            self.ring.push_back(hash);
            if self.ring.len().saturating_mul(2) > self.table.len() {
                self.rebuild();
            } else {
                self.put(hash);
            }
        }
        while super::admission::count(self.ring.len()) > max {
            let Some(oldest) = self.ring.pop_front() else { break };
            self.take(oldest);
        }
    }

    pub(super) fn len(&self) -> u64 {
        super::admission::count(self.ring.len())
    }

    fn home(&self, hash: u64) -> usize {
        // The table's length is a power of two, so this is the hash modulo the length.
        let mask = self.table.len().wrapping_sub(1);
        usize::try_from(hash & u64::try_from(mask).unwrap_or(u64::MAX)).unwrap_or_default()
    }

    fn next(&self, place: usize) -> usize {
        place.wrapping_add(1) & self.table.len().wrapping_sub(1)
    }

    fn find(&self, hash: u64) -> Option<usize> {
        let mut place = self.home(hash);
        loop {
            match self.table.get(place) {
                Some(found) if *found == hash => return Some(place),
                Some(0) | None => return None,
                Some(_) => place = self.next(place),
            }
        }
    }

    fn put(&mut self, hash: u64) {
        let mut place = self.home(hash);
        while self.table.get(place).is_some_and(|found| *found != 0) {
            place = self.next(place);
        }
        if let Some(free) = self.table.get_mut(place) {
            *free = hash;
        }
    }

    /// Empties a place and moves up what had to probe past it, so that no marks of the dead are
    /// needed.
    fn take(&mut self, hash: u64) {
        let Some(mut hole) = self.find(hash) else { return };
        let mut place = self.next(hole);
        while let Some(found) = self.table.get(place).copied().filter(|found| *found != 0) {
            let mask = self.table.len().wrapping_sub(1);
            let travelled = place.wrapping_sub(self.home(found)) & mask;
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
            *free = 0;
        }
    }

    fn rebuild(&mut self) {
        let length = self.ring.len().saturating_mul(4).next_power_of_two().max(64);
        self.table.clear();
        self.table.resize(length, 0);
        for index in 0..self.ring.len() {
            if let Some(hash) = self.ring.get(index).copied() {
                self.put(hash);
            }
        }
    }
}

/// Equal are two sets with the same ring; how long their tables are is history.
impl PartialEq for Forgotten {
    fn eq(&self, other: &Forgotten) -> bool {
        self.ring == other.ring
    }
}

impl Eq for Forgotten {}

impl Encode for Forgotten {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.ring.encode(encoder)
    }
}

impl<Context> Decode<Context> for Forgotten {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Forgotten, DecodeError> {
        let mut set = Forgotten { ring: VecDeque::decode(decoder)?, table: Vec::new() };
        if set.ring.contains(&0) {
            return Err(DecodeError::Other("a forgotten id has no hash"));
        }
        if !set.ring.is_empty() {
            set.rebuild();
        }
        Ok(set)
    }
}

bincode::impl_borrow_decode!(Forgotten);

#[cfg(test)]
mod tests;
