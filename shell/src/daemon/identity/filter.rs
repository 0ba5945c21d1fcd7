//! A filter over the ids in all files: which ids are certainly in none of them.
//!
//! It is a blocked Bloom filter: an id's six bits lie in one block of 64 bytes, which is all that a
//! question reads. Each block has a checksum, since a bit that was lost would let a mutation run twice.
//! docs/journal-format.md, "Ids".
//!
//! ```text
//! block 0: magic │ version │ journal │ first segment │ last segment │ tag │ ids │ crc32
//! block n: 480 bits │ crc32 of journal, last segment, n and the bits
//! ```

use pi_server_core::Digest;
use pi_server_core::record::JournalId;

use crate::journal::Archive;
use crate::journal::storage::Kept;

const MAGIC: [u8; 4] = *b"pi-f";
const VERSION: u32 = 1;
const BLOCK_BYTES: usize = 64;
const SUM_AT: usize = BLOCK_BYTES - 4;
const BITS: u64 = SUM_AT as u64 * 8;
/// Bits of an id: with the 8 to 16 bits that there are for each, between one and four of a hundred
/// new ids are not denied.
const BITS_OF_ID: u64 = 6;
/// The smallest filter: an empty one.
const BLOCKS_MIN: u64 = 64;
/// Bytes for each id when a filter is made; it is made anew when half of that is left.
const BYTES_OF_ID: u64 = 2;
/// Bytes of a filter when all of the journal is kept.
const BYTES_UNBOUNDED: u64 = 16 << 20;

/// Most bytes of the filter of a journal of which about so many bytes are kept; 0 for all.
pub(in crate::daemon) fn filter_bytes(retained: u64) -> u64 {
    let bytes = if retained == 0 { BYTES_UNBOUNDED } else { retained / 256 };
    bytes.clamp(64 << 10, 64 << 20)
}

/// What the first block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    /// The first segment whose ids are in it.
    first: u64,
    /// The last one.
    last: u64,
    /// The chain tag at its end.
    tag: Digest,
    /// How many ids were put in.
    ids: u64,
}

impl Head {
    fn encode(&self, journal: JournalId) -> [u8; BLOCK_BYTES] {
        let mut block = [0; BLOCK_BYTES];
        // Half of the journal's id: the checksum has all of it.
        let parts: [&[u8]; 7] = [
            &MAGIC,
            &VERSION.to_le_bytes(),
            &journal.0[..8],
            &self.first.to_le_bytes(),
            &self.last.to_le_bytes(),
            &self.tag.0,
            &self.ids.to_le_bytes(),
        ];
        let mut at = 0;
        for part in parts {
            block[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        let sum = checksum(journal, self.last, 0, &block);
        block[SUM_AT..].copy_from_slice(&sum.to_le_bytes());
        block
    }

    fn parse(block: &[u8; BLOCK_BYTES], journal: JournalId) -> Option<Head> {
        let number = |at: usize| Some(u64::from_le_bytes(*block.get(at..)?.first_chunk()?));
        let head = Head {
            first: number(16)?,
            last: number(24)?,
            tag: Digest(*block.get(32..)?.first_chunk()?),
            ids: number(48)?,
        };
        (head.encode(journal) == *block).then_some(head)
    }
}

fn checksum(journal: JournalId, last: u64, number: u64, block: &[u8; BLOCK_BYTES]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&journal.0);
    sum.update(&last.to_le_bytes());
    sum.update(&number.to_le_bytes());
    sum.update(&block[..SUM_AT]);
    sum.finalize()
}

/// The block of an id among so many, from 0 on, and its bits in it.
fn place(hash: u64, blocks: u64) -> (u64, impl Iterator<Item = (usize, u8)>) {
    // Both from one multiplication each, so that block and bits have nothing to do with each other.
    let spread = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let scaled = (u128::from(spread) * u128::from(blocks)) >> 64;
    let mixed = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let (start, step) = (mixed >> 32, (mixed & 0xffff_ffff) | 1);
    let bits = (0..BITS_OF_ID).map(move |turn| {
        let bit = start.wrapping_add(step.wrapping_mul(turn)) % BITS;
        (usize::try_from(bit / 8).unwrap_or(0), 1 << (bit % 8))
    });
    (u64::try_from(scaled).unwrap_or(0), bits)
}

/// A filter that is open.
pub(in crate::daemon) struct IdFilter {
    file: Box<dyn Kept>,
    journal: JournalId,
    head: Head,
    blocks: u64,
}

impl IdFilter {
    /// Opens the newest filter that fits the journal.
    pub(in crate::daemon) fn open_newest(archive: &Archive) -> Option<IdFilter> {
        let numbers = archive.filters().ok()?;
        numbers.into_iter().rev().find_map(|number| IdFilter::open(archive, number))
    }

    /// Opens a filter; `None` if it is none or does not fit the journal.
    pub(in crate::daemon) fn open(archive: &Archive, number: u64) -> Option<IdFilter> {
        let file = archive.open_filter(number).ok()?;
        let length = file.length();
        let mut block = [0; BLOCK_BYTES];
        file.read_at(0, &mut block).ok()?;
        let head = Head::parse(&block, archive.journal())?;
        let blocks = (length / BLOCK_BYTES as u64).checked_sub(1)?;
        let fits = length.is_multiple_of(BLOCK_BYTES as u64)
            && blocks >= BLOCKS_MIN
            && head.last == number
            && archive.tag_behind(number).is_ok_and(|tag| tag == head.tag);
        fits.then_some(IdFilter { file, journal: archive.journal(), head, blocks })
    }

    /// The last segment whose ids are in it.
    pub(in crate::daemon) fn last(&self) -> u64 {
        self.head.last
    }

    /// Whether it has the ids of every segment from `first` on, and not many of earlier ones.
    pub(in crate::daemon) fn is_of(&self, first: u64) -> bool {
        let dropped = first.saturating_sub(self.head.first);
        self.head.first <= first && dropped <= (self.head.last + 1).saturating_sub(first)
    }

    /// Whether an id may be in a file. `Err` if that cannot be read, which says that it may.
    pub(in crate::daemon) fn may_have(&self, hash: u64) -> Result<bool, ()> {
        let (block, mut bits) = place(hash, self.blocks);
        let bytes = self.block(block).ok_or(())?;
        Ok(bits.all(|(byte, mask)| bytes.get(byte).is_some_and(|byte| byte & mask != 0)))
    }

    /// A block, from 0 on, if it is what was written.
    fn block(&self, number: u64) -> Option<[u8; BLOCK_BYTES]> {
        let mut block = [0; BLOCK_BYTES];
        self.file.read_at((number + 1) * BLOCK_BYTES as u64, &mut block).ok()?;
        let sum = checksum(self.journal, self.head.last, number + 1, &block);
        (block[SUM_AT..] == sum.to_le_bytes()).then_some(block)
    }

    /// What it has, to be added to. `None` if a block is damaged, or so many ids more are too many for
    /// its size, which is to be at most `bytes_max`.
    pub(in crate::daemon) fn extend(&self, more: u64, bytes_max: u64) -> Option<FilterBuilder> {
        let ids = self.head.ids.saturating_add(more);
        if blocks_for(ids, bytes_max) > self.blocks.saturating_mul(2) {
            return None;
        }
        let mut bits = Vec::with_capacity(usize::try_from(self.blocks).ok()? * BLOCK_BYTES);
        for number in 0..self.blocks {
            bits.extend_from_slice(&self.block(number)?);
        }
        let (first, ids) = (self.head.first, self.head.ids);
        Some(FilterBuilder { first, ids, blocks: self.blocks, bits })
    }
}

fn blocks_for(ids: u64, bytes_max: u64) -> u64 {
    let bytes = ids.saturating_mul(BYTES_OF_ID).min(bytes_max);
    (bytes / BLOCK_BYTES as u64).max(BLOCKS_MIN)
}

/// A filter that is being made, in memory.
pub(in crate::daemon) struct FilterBuilder {
    first: u64,
    ids: u64,
    blocks: u64,
    bits: Vec<u8>,
}

impl FilterBuilder {
    /// An empty one for about so many ids, in segments from `first` on.
    pub(in crate::daemon) fn new(first: u64, ids: u64, bytes_max: u64) -> FilterBuilder {
        let blocks = blocks_for(ids, bytes_max);
        let length = usize::try_from(blocks).unwrap_or(0) * BLOCK_BYTES;
        FilterBuilder { first, ids: 0, blocks, bits: vec![0; length] }
    }

    /// Puts an id in.
    pub(in crate::daemon) fn add(&mut self, hash: u64) {
        self.ids += 1;
        let (block, bits) = place(hash, self.blocks);
        let from = usize::try_from(block).unwrap_or(0) * BLOCK_BYTES;
        for (byte, mask) in bits {
            if let Some(byte) = self.bits.get_mut(from + byte) {
                *byte |= mask;
            }
        }
    }

    /// The filter's bytes, of the ids in the segments up to `last`, behind whose end `tag` stands.
    pub(in crate::daemon) fn finish(
        self,
        journal: JournalId,
        last: u64,
        tag: Digest,
    ) -> (Vec<u8>, Vec<u8>) {
        let FilterBuilder { first, ids, mut bits, .. } = self;
        let head = Head { first, last, tag, ids }.encode(journal);
        for (number, block) in (1..).zip(bits.chunks_exact_mut(BLOCK_BYTES)) {
            let Some(block) = block.first_chunk_mut::<BLOCK_BYTES>() else { continue };
            let sum = checksum(journal, last, number, block);
            block[SUM_AT..].copy_from_slice(&sum.to_le_bytes());
        }
        (head.to_vec(), bits)
    }
}

#[cfg(test)]
mod tests;
