//! How much room the files of a journal take.

use std::collections::BTreeMap;

use super::storage::Shelf;

/// File systems give room in blocks of this many bytes.
const BLOCK_BYTES: u64 = 4096;

/// The room that each file of a data directory takes, in bytes. Everything that is there is counted,
/// files that are being written under a temporary name included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    segments: BTreeMap<u64, u64>,
    kept: BTreeMap<(Shelf, u64), u64>,
    set_aside: BTreeMap<u64, u64>,
    rest: u64,
}

/// The segment of which a torn tail was set aside, by the name of its file; 0 if the name does not
/// tell.
pub fn segment_set_aside(name: &str) -> u64 {
    let digits = name.split_once("-segment-").and_then(|(_, rest)| rest.split('-').next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// The room of a file of this length: whole blocks.
pub(crate) fn room(length: u64) -> u64 {
    length.div_ceil(BLOCK_BYTES).saturating_mul(BLOCK_BYTES)
}

impl Usage {
    /// Adds a segment, by the length of its file.
    pub fn add_segment(&mut self, segment: u64, length: u64) {
        self.segments.insert(segment, room(length));
    }

    /// Adds a file on a shelf, by its length.
    pub fn add_kept(&mut self, shelf: Shelf, number: u64, length: u64) {
        self.kept.insert((shelf, number), room(length));
    }

    /// Adds a torn tail of a segment that was set aside, by its length.
    pub fn add_set_aside(&mut self, segment: u64, length: u64) {
        *self.set_aside.entry(segment).or_default() += room(length);
    }

    /// Adds any other file, by its length.
    pub fn add_other(&mut self, length: u64) {
        self.rest += room(length);
    }

    /// The room of all files together.
    pub fn total(&self) -> u64 {
        let sum = |files: &mut dyn Iterator<Item = &u64>| files.sum::<u64>();
        sum(&mut self.segments.values())
            + sum(&mut self.kept.values())
            + sum(&mut self.set_aside.values())
            + self.rest
    }

    /// The room of a file on a shelf; 0 if there is none.
    pub fn of_kept(&self, shelf: Shelf, number: u64) -> u64 {
        self.kept.get(&(shelf, number)).copied().unwrap_or(0)
    }

    /// The room of the largest file on a shelf; 0 if there is none.
    pub fn largest(&self, shelf: Shelf) -> u64 {
        let files = self.kept.iter().filter(|((on, _), _)| *on == shelf);
        files.map(|(_, room)| *room).max().unwrap_or(0)
    }

    /// A file on a shelf was dropped.
    pub fn discard(&mut self, shelf: Shelf, number: u64) {
        self.kept.remove(&(shelf, number));
    }

    /// The room that is left when everything up to `segment` is dropped, apart from the pack of the
    /// bodies that are still needed, which is made for that.
    pub fn without(&self, segment: u64) -> u64 {
        let segments = self.segments.range(segment + 1..).map(|(_, room)| room);
        let kept = self.kept.iter().filter(|((shelf, number), _)| match shelf {
            Shelf::Snapshots => *number >= segment,
            Shelf::Bodies | Shelf::History | Shelf::Ids => *number > segment,
            Shelf::Tiers | Shelf::Filters => true,
        });
        let set_aside = self.set_aside.range(segment + 1..).map(|(_, room)| room);
        segments.sum::<u64>()
            + kept.map(|(_, room)| room).sum::<u64>()
            + set_aside.sum::<u64>()
            + self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_counted_in_whole_blocks_and_what_a_drop_leaves_is_told() {
        let mut usage = Usage::default();
        for segment in 3..=5 {
            usage.add_segment(segment, 100_000);
            usage.add_kept(Shelf::History, segment, 4_096);
        }
        for number in [2, 3, 4] {
            usage.add_kept(Shelf::Snapshots, number, 5_000);
        }
        usage.add_kept(Shelf::Bodies, 2, 1);
        usage.add_kept(Shelf::Tiers, 1, 44);
        usage.add_set_aside(segment_set_aside("epoch-2-segment-00000003-offset-900.bin.2"), 10);
        usage.add_set_aside(segment_set_aside("something else"), 10);
        usage.add_other(1);
        let (segment, block) = (102_400, 4_096);
        assert_eq!(usage.total(), 3 * segment + 3 * block + 3 * 2 * block + 5 * block);
        // The unknown file goes with the first segment.
        assert_eq!(usage.without(3), 2 * segment + 2 * block + 2 * 2 * block + 2 * block);
        assert_eq!(usage.largest(Shelf::Snapshots), 2 * block);
        usage.discard(Shelf::Snapshots, 2);
        assert_eq!(usage.of_kept(Shelf::Snapshots, 2), 0);
    }
}
