//! A snapshot: what the inputs up to the end of a segment have made, so that neither a start nor
//! anybody who looks has to feed them again. It says where in the chain it belongs, and the first
//! record of the segment behind it has to agree.
//!
//! ```text
//! 0 magic │ 8 version u32 │ 12 layout u32 │ 16 journal id │ 32 seq │ 40 at │ 48 chain tag
//! 64 outputs as recorded │ 80 outputs of the step │ 96 epoch │ 104 commit │ 112 durable_upto
//! 120 segment │ 128 state length │ 136 length of the rest │ 144 BLAKE3 of state and rest (32)
//! 176 zeros │ 188 CRC32 of 0..188 │ 192 state │ rest
//! ```

use alloc::vec::Vec;
use core::fmt;

use super::header::{digest_at, u32_at, u64_at};
use super::{Cursor, JournalId};
use crate::ids::{Digest, Micros, Seq};
use crate::snapshot::{LAYOUT, OLDEST_LAYOUT};

/// Length of a snapshot's header in bytes.
pub const SNAPSHOT_HEADER_BYTES: usize = 192;
/// The version of the format of snapshots that this build writes.
pub const SNAPSHOT_VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"pi-snap1";
const CRC_AT: usize = 188;
const ZEROS: core::ops::Range<usize> = 176..CRC_AT;

/// A snapshot, borrowed from its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot<'a> {
    /// The chain behind the seal of the segment at whose end it was taken.
    pub cursor: Cursor,
    /// Digest of the outputs of the step of the last input.
    pub outputs: Digest,
    /// The layout of the state: [`crate::snapshot`].
    pub layout: u32,
    /// What [`crate::State::encode`] made.
    pub state: &'a [u8],
    /// What the daemon keeps beside the state.
    pub rest: &'a [u8],
}

/// Why a file is no snapshot that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotFault {
    /// The header is too short, has the wrong magic, or its checksum is wrong.
    Header,
    /// It was written by a newer version of the format.
    Version {
        /// That version.
        found: u32,
    },
    /// The state in it has a layout that this build does not know.
    Layout {
        /// That layout.
        found: u32,
    },
    /// The file is not as long as the header says.
    Length,
    /// The digest of state and rest is wrong.
    Digest,
}

impl fmt::Display for SnapshotFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SnapshotFault::Header => f.write_str("the header is unreadable"),
            SnapshotFault::Version { found } => {
                write!(f, "its format version {found} is not {SNAPSHOT_VERSION}")
            }
            SnapshotFault::Layout { found } => write!(
                f,
                "its state has layout {found}, this build reads {OLDEST_LAYOUT} to {LAYOUT}: it was \
                 written by a newer build"
            ),
            SnapshotFault::Length => f.write_str("it is not as long as its header says"),
            SnapshotFault::Digest => f.write_str("its digest is wrong"),
        }
    }
}

impl<'a> Snapshot<'a> {
    /// The header; state and rest follow it in the file.
    pub fn header(&self) -> [u8; SNAPSHOT_HEADER_BYTES] {
        let Cursor { journal, seq, at, tag, outputs, epoch, commit, durable_upto, segment, .. } =
            &self.cursor;
        let mut bytes = [0; SNAPSHOT_HEADER_BYTES];
        let mut put = |at: usize, part: &[u8]| bytes[at..at + part.len()].copy_from_slice(part);
        put(0, &MAGIC);
        put(8, &SNAPSHOT_VERSION.to_le_bytes());
        put(12, &self.layout.to_le_bytes());
        put(16, &journal.0);
        put(32, &seq.0.to_le_bytes());
        put(40, &at.0.to_le_bytes());
        put(48, &tag.0);
        put(64, &outputs.0);
        put(80, &self.outputs.0);
        put(96, &epoch.to_le_bytes());
        put(104, &commit.to_le_bytes());
        put(112, &durable_upto.0.to_le_bytes());
        put(120, &segment.to_le_bytes());
        put(128, &length(self.state).to_le_bytes());
        put(136, &length(self.rest).to_le_bytes());
        put(144, digest(self.state, self.rest).as_bytes());
        let sum = crc32fast::hash(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The whole file.
    pub fn encode(&self) -> Vec<u8> {
        [&self.header()[..], self.state, self.rest].concat()
    }

    /// Reads a snapshot of which `bytes` is the whole file. Whether it fits the journal is another
    /// question.
    ///
    /// # Errors
    /// Why it cannot be used. Never panics, whatever the bytes are.
    pub fn parse(bytes: &'a [u8]) -> Result<Snapshot<'a>, SnapshotFault> {
        let (header, payload) =
            bytes.split_at_checked(SNAPSHOT_HEADER_BYTES).ok_or(SnapshotFault::Header)?;
        let intact = header[..8] == MAGIC
            && crc32fast::hash(&header[..CRC_AT]) == u32_at(header, CRC_AT)
            && header[ZEROS].iter().all(|byte| *byte == 0);
        if !intact {
            return Err(SnapshotFault::Header);
        }
        let (version, layout) = (u32_at(header, 8), u32_at(header, 12));
        if version != SNAPSHOT_VERSION {
            return Err(SnapshotFault::Version { found: version });
        }
        if !(OLDEST_LAYOUT..=LAYOUT).contains(&layout) {
            return Err(SnapshotFault::Layout { found: layout });
        }
        let state_len = usize::try_from(u64_at(header, 128)).map_err(|_| SnapshotFault::Length)?;
        let (state, rest) = payload.split_at_checked(state_len).ok_or(SnapshotFault::Length)?;
        if length(rest) != u64_at(header, 136) {
            return Err(SnapshotFault::Length);
        }
        if digest(state, rest).as_bytes()[..] != header[144..176] {
            return Err(SnapshotFault::Digest);
        }
        let cursor = Cursor {
            journal: JournalId(digest_at(header, 16).0),
            seq: Seq(u64_at(header, 32)),
            at: Micros(u64_at(header, 40)),
            tag: digest_at(header, 48),
            outputs: digest_at(header, 64),
            epoch: u64_at(header, 96),
            commit: u64_at(header, 104),
            durable_upto: Seq(u64_at(header, 112)),
            segment: u64_at(header, 120),
            between: true,
        };
        Ok(Snapshot { cursor, outputs: digest_at(header, 80), layout, state, rest })
    }
}

/// No slice is longer than `u64` can say.
fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn digest(state: &[u8], rest: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(state);
    hasher.update(rest);
    hasher.finalize()
}

#[cfg(test)]
mod tests;
