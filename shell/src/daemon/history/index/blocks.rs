//! Entries in blocks that are compressed each for itself: numbers and times of an entry are written
//! as differences, so that entries are alike, and what is alike takes next to no room.
//!
//! A block is, LZ4 or as it is where that is not shorter: of each entry, its length and how far its
//! command is from the first one of the block; then the entries. bincode, private to the build that
//! wrote it.

use std::cell::RefCell;

use pi_server_compress::{pack_block, unpack_block};
use pi_server_core::{CommandNo, Micros, Seq};

use super::super::entry::{Entry, Moment};
use super::super::pages::{Damage, Pages, Region};
use super::{CONFIG, ENTRY_BYTES_MAX};

/// A block ends with the entry that makes it this long.
const BLOCK_BYTES: usize = 4096;
/// Of a block: offset u64, length in the file u32, length u32, first row u32, rows u32, first command
/// u64, smallest and largest time u64, of its entries.
const ITEM_BYTES: u64 = 48;
/// Largest block that is read: the longest entry on top of a full block, and the table.
const BLOCK_BYTES_MAX: usize = ENTRY_BYTES_MAX + 4 * BLOCK_BYTES;

/// The moments of an entry, as differences or not, whichever it has not been.
fn shift(entry: &mut Entry, base: Moment, subtract: bool) {
    let by = |number: u64, base: u64| {
        if subtract { number.wrapping_sub(base) } else { number.wrapping_add(base) }
    };
    let moved = |moment: Moment, base: Moment| Moment {
        seq: Seq(by(moment.seq.0, base.seq.0)),
        at: Micros(by(moment.at.0, base.at.0)),
    };
    let accepted = moved(entry.accepted, base);
    // The later ones are near the first one.
    let near = if subtract { entry.accepted } else { accepted };
    entry.accepted = accepted;
    entry.started = entry.started.map(|moment| moved(moment, near));
    if let Some((moment, _)) = &mut entry.finished {
        *moment = moved(*moment, near);
    }
}

/// Makes blocks.
#[derive(Default)]
pub(super) struct Writer {
    directory: Vec<u8>,
    contents: Vec<u8>,
    /// The block that is being made.
    table: Vec<(u32, u64)>,
    entries: Vec<u8>,
    first_row: u32,
    first: u64,
    base_at: u64,
    times: (u64, u64),
}

impl Writer {
    /// Adds an entry; they come in the order of their commands.
    pub(super) fn add(&mut self, row: u32, mut entry: Entry) {
        let at_ms = entry.latest().1.at.millis();
        if self.table.is_empty() {
            self.first_row = row;
            self.first = entry.command.0;
            self.base_at = entry.accepted.at.0;
            self.times = (at_ms, at_ms);
        }
        self.times = (self.times.0.min(at_ms), self.times.1.max(at_ms));
        let command = entry.command.0;
        let base = Moment { seq: Seq(command), at: Micros(self.base_at) };
        shift(&mut entry, base, true);
        entry.command = CommandNo(0);
        // Encoding into a growing vector has no way to fail.
        let bytes = bincode::encode_to_vec(&entry, CONFIG).unwrap_or_default();
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.table.push((length, command.wrapping_sub(self.first)));
        self.entries.extend_from_slice(&bytes);
        if self.entries.len() >= BLOCK_BYTES {
            self.end_block();
        }
    }

    fn end_block(&mut self) {
        let rows = u32::try_from(self.table.len()).unwrap_or(u32::MAX);
        let base = (self.base_at, std::mem::take(&mut self.table));
        let mut block = bincode::encode_to_vec(&base, CONFIG).unwrap_or_default();
        block.append(&mut self.entries);
        let stored = pack_block(&block);
        self.directory.extend_from_slice(&(self.contents.len() as u64).to_le_bytes());
        let lengths = [stored.len(), block.len()];
        let lengths = lengths.map(|length| u32::try_from(length).unwrap_or(u32::MAX));
        for number in [lengths[0], lengths[1], self.first_row, rows] {
            self.directory.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.first, self.times.0, self.times.1] {
            self.directory.extend_from_slice(&number.to_le_bytes());
        }
        self.contents.extend_from_slice(&stored);
    }

    /// The bytes of both parts: where each block is, and the blocks.
    pub(super) fn finish(mut self) -> (Vec<u8>, Vec<u8>) {
        if !self.table.is_empty() {
            self.end_block();
        }
        (self.directory, self.contents)
    }
}

/// Where a block is, and what range it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    place: u64,
    offset: u64,
    stored: u32,
    length: u32,
    pub(super) first_row: u64,
    rows: u32,
    first: u64,
    /// The smallest and the largest time, in milliseconds.
    pub(super) times: (u64, u64),
}

/// A block that was read.
struct Open {
    place: u64,
    base_at: u64,
    /// Of each entry, where it ends and what its command is.
    table: Vec<(usize, u64)>,
    entries: Vec<u8>,
}

/// The blocks of an open index. The last one that was read is kept.
pub(super) struct Blocks {
    directory: Region,
    contents: Region,
    open: RefCell<Option<Open>>,
    at: RefCell<Option<Block>>,
}

impl Blocks {
    pub(super) fn new(directory: Region, contents: Region) -> Blocks {
        Blocks { directory, contents, open: RefCell::new(None), at: RefCell::new(None) }
    }

    /// The block of a row.
    pub(super) fn of_row(&self, pages: &Pages, row: u64) -> Result<Block, Damage> {
        let is_in = |block: &Block| {
            row.checked_sub(block.first_row).is_some_and(|nth| nth < u64::from(block.rows))
        };
        if let Some(block) = self.at.borrow().filter(is_in) {
            return Ok(block);
        }
        let place = self.first(pages, |block| block.first_row > row)?;
        let block = self.block(pages, place.checked_sub(1).ok_or(Damage::Content)?)?;
        if !is_in(&block) {
            return Err(Damage::Content);
        }
        *self.at.borrow_mut() = Some(block);
        Ok(block)
    }

    /// How many rows have a command before this one.
    pub(super) fn rows_before(&self, pages: &Pages, command: u64) -> Result<u64, Damage> {
        let place = self.first(pages, |block| block.first >= command)?;
        let Some(place) = place.checked_sub(1) else { return Ok(0) };
        let block = self.block(pages, place)?;
        self.with(pages, &block, |open| {
            let before = open.table.partition_point(|(_, number)| *number < command);
            Ok(block.first_row + before as u64)
        })
    }

    /// The entry of a row, which is in this block.
    pub(super) fn entry(&self, pages: &Pages, block: &Block, row: u64) -> Result<Entry, Damage> {
        self.with(pages, block, |open| {
            let nth = usize::try_from(row - block.first_row).map_err(|_| Damage::Content)?;
            let (end, command) = *open.table.get(nth).ok_or(Damage::Content)?;
            let from = nth.checked_sub(1).and_then(|at| open.table.get(at)).map_or(0, |it| it.0);
            let bytes = open.entries.get(from..end).ok_or(Damage::Content)?;
            match bincode::decode_from_slice::<Entry, _>(bytes, CONFIG) {
                Ok((mut entry, used)) if used == bytes.len() => {
                    entry.command = CommandNo(command);
                    let base = Moment { seq: Seq(command), at: Micros(open.base_at) };
                    shift(&mut entry, base, false);
                    Ok(entry)
                }
                Ok(_) | Err(_) => Err(Damage::Content),
            }
        })
    }

    fn with<T>(
        &self,
        pages: &Pages,
        block: &Block,
        read: impl FnOnce(&Open) -> Result<T, Damage>,
    ) -> Result<T, Damage> {
        let mut open = self.open.borrow_mut();
        if let Some(open) = open.as_ref().filter(|open| open.place == block.place) {
            return read(open);
        }
        read(open.insert(self.read(pages, block)?))
    }

    fn read(&self, pages: &Pages, block: &Block) -> Result<Open, Damage> {
        let lengths = (usize::try_from(block.stored), usize::try_from(block.length));
        let (Ok(stored), Ok(length)) = lengths else { return Err(Damage::Content) };
        if stored.max(length) > BLOCK_BYTES_MAX {
            return Err(Damage::Content);
        }
        let mut bytes = vec![0; stored];
        pages.read(self.contents, block.offset, &mut bytes)?;
        let mut content = unpack_block(bytes, length).ok_or(Damage::Content)?;
        let decoded = bincode::decode_from_slice::<(u64, Vec<(u32, u64)>), _>(&content, CONFIG);
        let ((base_at, table), used) = decoded.map_err(|_| Damage::Content)?;
        content.drain(..used);
        let mut end = 0_usize;
        let table = table.into_iter().map(|(length, command)| {
            end = end.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
            (end, block.first.wrapping_add(command))
        });
        Ok(Open { place: block.place, base_at, table: table.collect(), entries: content })
    }

    /// The place of the first block of which this holds.
    fn first(&self, pages: &Pages, holds: impl Fn(Block) -> bool) -> Result<u64, Damage> {
        let (mut low, mut high) = (0, self.directory.bytes / ITEM_BYTES);
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(self.block(pages, middle)?) { high = middle } else { low = middle + 1 }
        }
        Ok(low)
    }

    fn block(&self, pages: &Pages, place: u64) -> Result<Block, Damage> {
        let mut bytes = [0; 48];
        pages.read(self.directory, place * ITEM_BYTES, &mut bytes)?;
        let small = |at: usize| bytes[at..].first_chunk().map_or(0, |it| u32::from_le_bytes(*it));
        let wide = |at: usize| bytes[at..].first_chunk().map_or(0, |it| u64::from_le_bytes(*it));
        Ok(Block {
            place,
            offset: wide(0),
            stored: small(8),
            length: small(12),
            first_row: u64::from(small(16)),
            rows: small(20),
            first: wide(24),
            times: (wide(32), wide(40)),
        })
    }
}
