//! The bound on the room of the journal's directory: how much has to go for it to be kept.
//!
//! Everything in the directory counts: segments, compressed or not, the spare one included, indexes
//! of the history, snapshots, packs of bodies, torn tails that were set aside, files that are being
//! written. What is chosen to go leaves a reserve below the bound, for what comes before the next
//! choice takes effect, so that the bound holds at every time and not only after the fact, as long
//! as the keeper keeps up with the loop.
//!
//! Some of it cannot go: the floor. A bound below it is not kept, which is said with the number.

use pi_server_core::record::SEGMENT_BYTES_MIN;

use super::Worker;
use crate::journal::storage::Shelf;
use crate::journal::{Options, Usage, room};

/// What may come before the next choice takes effect, in segments with their indexes and snapshots:
/// the loop fills a second one while the keeper is at the first.
const AHEAD: u64 = 2;
/// Segments that are there at most when as little is kept as can be: the one that is being written,
/// the spare one behind it, the last that was verified, the copy of one that is being written anew,
/// and those that come meanwhile.
const FLOOR_SEGMENTS: u64 = 4 + AHEAD;
/// Segments in the bound, at least, where their size can be chosen.
const SEGMENTS: u64 = 16;
/// What an entry of a pack takes beside its body, and no less than its header.
const PACK_ENTRY_BYTES: u64 = 64;

/// The least bound in bytes that can be kept with segments of this size, when snapshots and packs
/// take next to nothing.
pub(in crate::daemon) fn floor(segment_bytes: u32) -> u64 {
    FLOOR_SEGMENTS * u64::from(segment_bytes)
}

/// The size of a segment in bytes for a bound in bytes, 0 for none: a small part of it, so that what
/// is dropped is a small part, too.
pub(in crate::daemon) fn segment_bytes(bound: u64) -> u32 {
    let most = Options::SEGMENT_BYTES;
    if bound == 0 {
        return most;
    }
    let share = bound / SEGMENTS / u64::from(SEGMENT_BYTES_MIN) * u64::from(SEGMENT_BYTES_MIN);
    u32::try_from(share).unwrap_or(most).clamp(SEGMENT_BYTES_MIN, most)
}

/// How the room that is taken changes, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Growth {
    /// Segments before this one were settled at the last look.
    settled: u64,
    /// What was to be left at the last look.
    left: u64,
    /// The most that came between two looks; what was long ago counts less.
    most: u64,
    /// The floor that was said last.
    said: u64,
}

impl Growth {
    /// Looks at what is taken now; once for each time that something was settled.
    fn look(&mut self, settled: u64, total: u64) {
        if settled > self.settled {
            let grown = total.saturating_sub(self.left);
            let is_first = self.settled == 0;
            self.most = if is_first { 0 } else { grown.max(self.most - self.most / 8) };
            self.settled = settled;
        }
    }
}

impl Worker {
    /// The snapshot up to which the journal is dropped so that the bound is kept: the oldest of the
    /// `candidates` that is enough. If none is, the one that leaves the least. `None` if nothing is to
    /// be dropped.
    pub(super) fn exceeding(&mut self, usage: &Usage, candidates: &[u64]) -> Option<u64> {
        let bound = self.retention.bytes;
        if bound == 0 {
            return None;
        }
        let total = usage.total();
        self.growth.look(self.settled, total);
        self.growth.left = total;
        let reserve = self.reserve(usage);
        let copy = self.copy();
        // What there is at the most, if so much is left now and a pack like this is made again.
        let most =
            |left: u64, pack: u64| left.saturating_add(reserve).saturating_add(pack.max(copy));
        if most(total, usage.largest(Shelf::Bodies)) <= bound {
            self.shared.report().floor = None;
            return None;
        }
        let mut least: Option<(u64, u64, u64)> = None;
        for number in candidates {
            let Some(pack) = self.pack_bytes(*number) else { continue };
            let left = usage.without(*number).saturating_add(pack);
            if most(left, pack) <= bound {
                self.growth.left = left;
                self.shared.report().floor = None;
                return Some(*number);
            }
            if least.is_none_or(|(least, ..)| left < least) {
                least = Some((left, pack, *number));
            }
        }
        let (left, pack) = least.map_or((total, 0), |(left, pack, _)| (left, pack));
        // Until the drop has taken effect there is what there is now, and the new pack.
        let now = total.saturating_add(pack.max(copy));
        self.shared.report().floor = Some(most(left, pack).max(now));
        // What came at once lately is no reason why a bound could not be kept in general.
        self.say_floor(left.saturating_add(self.next(usage)).saturating_add(pack.max(copy)));
        let chosen = least.filter(|(left, ..)| *left < total);
        if let Some((left, ..)) = chosen {
            self.growth.left = left;
        }
        chosen.map(|(.., number)| number)
    }

    /// What comes before the next choice takes effect, as far as can be told.
    fn reserve(&self, usage: &Usage) -> u64 {
        let grown = self.growth.most.saturating_add(self.growth.most / 4);
        // A single burst is no reason to keep next to nothing.
        self.next(usage).max(grown.min(self.retention.bytes / 2))
    }

    /// What comes if the keeper is as far behind the loop as it always may be.
    fn next(&self, usage: &Usage) -> u64 {
        let with_segment = usage.largest(Shelf::History)
            + usage.largest(Shelf::Ids)
            + usage.largest(Shelf::Filters)
            + usage.largest(Shelf::Snapshots);
        AHEAD * (u64::from(self.archive.segment_bytes()) + with_segment)
    }

    /// A segment that is compressed, or of which bodies are erased, is there twice meanwhile. A pack
    /// is, too, but not at the same time.
    fn copy(&self) -> u64 {
        let ages = self.retention.tiers;
        let writes = self.retention.compress || ages.warm.is_some() || ages.cold.is_some();
        if writes { u64::from(self.archive.segment_bytes()) } else { 0 }
    }

    /// The room of the pack that dropping everything up to `segment` needs, at most; `None` if the
    /// snapshot cannot be used, which has been said.
    fn pack_bytes(&mut self, segment: u64) -> Option<u64> {
        let mut bodies = self.bodies(segment)?;
        bodies.retain(|body| !body.is_empty());
        bodies.sort_unstable_by_key(|body| body.seq);
        bodies.dedup();
        let bytes: u64 = bodies.iter().map(|body| u64::from(body.len) + PACK_ENTRY_BYTES).sum();
        Some(room(bytes + PACK_ENTRY_BYTES))
    }

    /// Says that the bound cannot be kept and why, once, and again when it is off by a quarter more.
    fn say_floor(&mut self, floor: u64) {
        let bound = self.retention.bytes;
        if floor > bound && floor > self.growth.said.saturating_add(self.growth.said / 4) {
            self.growth.said = floor;
            pi_server_system::report!(
                "pi-server: --retain-bytes {bound} cannot be kept: the journal cannot do with less \
                 than {floor} bytes (files that are being written, the newest snapshots and what \
                 follows them, answers that are still stored)"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_a_small_part_of_the_bound_and_never_larger_than_the_default() {
        for (bound, expected) in [
            (0, Options::SEGMENT_BYTES),
            (1, SEGMENT_BYTES_MIN),
            (1 << 20, SEGMENT_BYTES_MIN),
            (64 << 20, 4 << 20),
            (100 << 20, 6_553_600),
            (512 << 20, 32 << 20),
            (4 << 30, 32 << 20),
            (u64::MAX, 32 << 20),
        ] {
            assert_eq!(segment_bytes(bound), expected, "{bound}");
        }
        for megabytes in 1..3_000 {
            let bound = megabytes << 20;
            assert!(floor(segment_bytes(bound)) <= bound, "{megabytes} MiB");
        }
    }

    #[test]
    fn the_most_that_came_between_two_looks_counts_and_less_later() {
        let mut growth = Growth::default();
        growth.look(5, 1_000);
        assert_eq!(growth.most, 0, "what was there at the start did not come now");
        growth.left = 1_000;
        growth.look(5, 9_000);
        assert_eq!(growth.most, 0, "nothing was settled");
        growth.look(6, 1_800);
        assert_eq!(growth.most, 800);
        growth.look(7, 1_100);
        assert_eq!(growth.most, 700);
    }
}
