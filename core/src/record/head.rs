//! `HEAD`: how far the journal is known to be on disk, beside the journal itself.
//!
//! It catches what a chain of hashes cannot see: a journal that was cut at a record boundary, or
//! an old copy that was put back. Two slots are written in turn and synced, so that a power cut
//! spoils at most the one that was being written.

use super::JournalId;
use super::header::{digest_at, u32_at, u64_at};
use crate::ids::Seq;

/// Length of one slot: a sector, which a disk writes whole or not at all.
pub const HEAD_SLOT_BYTES: usize = 512;
/// Length of the file.
pub const HEAD_BYTES: usize = 2 * HEAD_SLOT_BYTES;

const MAGIC: [u8; 8] = *b"pi-head1";
const FIELDS: usize = 64;

/// One slot of `HEAD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The journal.
    pub journal: JournalId,
    /// Counts the writes; the slot is its parity.
    pub write: u64,
    /// The last input that is known to be on disk.
    pub durable_upto: Seq,
    /// The segment of that input's commit: segments before it are on disk as they are.
    pub segment: u64,
}

impl Head {
    /// The slot this belongs into: 0 or 1.
    pub fn slot(&self) -> usize {
        usize::from(self.write % 2 == 1)
    }

    /// The slot's bytes.
    pub fn encode(&self) -> [u8; HEAD_SLOT_BYTES] {
        let Head { journal, write, durable_upto, segment } = self;
        let mut bytes = [0; HEAD_SLOT_BYTES];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&write.to_le_bytes());
        bytes[16..24].copy_from_slice(&durable_upto.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&segment.to_le_bytes());
        bytes[32..48].copy_from_slice(&journal.0);
        let sum = crc32fast::hash(&bytes[..FIELDS]);
        bytes[FIELDS..FIELDS + 4].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Head> {
        let intact = bytes.len() == HEAD_SLOT_BYTES
            && bytes[..8] == MAGIC
            && crc32fast::hash(&bytes[..FIELDS]) == u32_at(bytes, FIELDS)
            && bytes[48..FIELDS].iter().chain(&bytes[FIELDS + 4..]).all(|byte| *byte == 0);
        intact.then(|| Head {
            journal: JournalId(digest_at(bytes, 32).0),
            write: u64_at(bytes, 8),
            durable_upto: Seq(u64_at(bytes, 16)),
            segment: u64_at(bytes, 24),
        })
    }
}

/// The newest good slot of the file, if any is good.
pub fn read_head(bytes: &[u8]) -> Option<Head> {
    bytes.chunks(HEAD_SLOT_BYTES).take(2).filter_map(Head::parse).max_by_key(|head| head.write)
}
