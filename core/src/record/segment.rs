//! The header of a segment: who it belongs to and how large it is.
//!
//! It is written and synced when the segment is built, before any record, and holds nothing that
//! is only known later; so its two copies agree at every moment of every power cut.

use core::fmt;

use super::Secret;
use super::header::{digest_at, u32_at, u64_at};
use super::secret::truncate;
use crate::ids::{Digest, Micros};

/// The version of the format that this build writes.
pub const FORMAT_VERSION: u32 = 4;
/// The oldest version of the format that this build reads.
pub const FORMAT_VERSION_MIN: u32 = 1;
/// Where the first record begins.
pub const SEGMENT_HEADER_BYTES: usize = 4096;
/// Smallest segment.
pub const SEGMENT_BYTES_MIN: u32 = 64 * 1024;

const MAGIC: [u8; 8] = *b"piserver";
const COPY_AT: usize = 2048;
const COPY_BYTES: usize = 80;
const CRC_AT: usize = 76;

/// 128 random bits that every file of one journal carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalId(pub [u8; 16]);

impl JournalId {
    /// The chain tag before the first record of all.
    pub fn genesis(self) -> Digest {
        truncate(&blake3::hash(&self.0))
    }

    /// What a segment header says about the key: whoever has another one is told so at once.
    pub fn key_check(self, secret: &Secret) -> Digest {
        secret.digest(&self.0)
    }
}

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The fields of a segment's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The version of the format that its records have.
    pub format: u32,
    /// The journal it belongs to.
    pub journal: JournalId,
    /// Its number: dense from 1.
    pub number: u64,
    /// Length of the file in bytes, this header included.
    pub capacity: u32,
    /// When it was built.
    pub created: Micros,
    /// [`JournalId::key_check`] of the journal's secret.
    pub key_check: Digest,
}

/// Why a segment's header cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentFault {
    /// The file is too short for a header.
    Short,
    /// Neither copy is a header.
    Unreadable,
    /// One copy is good and the other is not, or both are good and differ.
    CopiesDisagree,
    /// The header is good but of a version of the format that this build does not read.
    Version {
        /// That version.
        found: u32,
    },
    /// The file is not as long as its header says.
    FileLength {
        /// Length that the header states.
        stated: u32,
        /// Length of the file.
        actual: u64,
    },
}

impl fmt::Display for SegmentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SegmentFault::Short => f.write_str("the file is too short for a segment"),
            SegmentFault::Unreadable => f.write_str("neither copy of the header is readable"),
            SegmentFault::CopiesDisagree => f.write_str("the two copies of the header disagree"),
            SegmentFault::Version { found } => {
                write!(
                    f,
                    "format version {found}, this build reads {FORMAT_VERSION_MIN} to \
                     {FORMAT_VERSION}: use a newer pi-server"
                )
            }
            SegmentFault::FileLength { stated, actual } => {
                write!(f, "the file has {actual} bytes, its header states {stated}")
            }
        }
    }
}

impl SegmentHeader {
    /// The first [`SEGMENT_HEADER_BYTES`] of the segment: two copies and zeros.
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let SegmentHeader { format, journal, number, capacity, created, key_check } = self;
        let mut copy = [0; COPY_BYTES];
        copy[0..8].copy_from_slice(&MAGIC);
        copy[8..12].copy_from_slice(&format.to_le_bytes());
        copy[12..16].copy_from_slice(&capacity.to_le_bytes());
        copy[16..24].copy_from_slice(&number.to_le_bytes());
        copy[24..32].copy_from_slice(&created.0.to_le_bytes());
        copy[32..48].copy_from_slice(&journal.0);
        copy[48..64].copy_from_slice(&key_check.0);
        let sum = crc32fast::hash(&copy[..CRC_AT]);
        copy[CRC_AT..].copy_from_slice(&sum.to_le_bytes());
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..COPY_BYTES].copy_from_slice(&copy);
        bytes[COPY_AT..COPY_AT + COPY_BYTES].copy_from_slice(&copy);
        bytes
    }

    /// Reads the header of a segment of which `bytes` is the whole file.
    ///
    /// # Errors
    /// Both copies must be good and equal, what surrounds them zeros, and the file as long as
    /// they say.
    pub fn parse(bytes: &[u8]) -> Result<SegmentHeader, SegmentFault> {
        SegmentHeader::parse_start(bytes, u64::try_from(bytes.len()).unwrap_or(u64::MAX))
    }

    /// Reads the header of a segment that begins with `bytes` and is `actual` bytes long.
    ///
    /// # Errors
    /// As [`SegmentHeader::parse`].
    pub fn parse_start(bytes: &[u8], actual: u64) -> Result<SegmentHeader, SegmentFault> {
        let region = bytes.get(..SEGMENT_HEADER_BYTES).ok_or(SegmentFault::Short)?;
        let (first, second) = region.split_at(COPY_AT);
        let header = match (parse_copy(first), parse_copy(second)) {
            (Some(one), Some(two)) if one == two && first == second => one,
            (None, None) => return Err(SegmentFault::Unreadable),
            (Some(_), _) | (None, Some(_)) => return Err(SegmentFault::CopiesDisagree),
        };
        if !(FORMAT_VERSION_MIN..=FORMAT_VERSION).contains(&header.format) {
            return Err(SegmentFault::Version { found: header.format });
        }
        if u64::from(header.capacity) != actual {
            return Err(SegmentFault::FileLength { stated: header.capacity, actual });
        }
        Ok(header)
    }
}

/// A copy is good if the magic and the checksum hold and all else up to its end is zero.
fn parse_copy(bytes: &[u8]) -> Option<SegmentHeader> {
    let (copy, rest) = bytes.split_at(COPY_BYTES);
    let intact = copy[..8] == MAGIC
        && crc32fast::hash(&copy[..CRC_AT]) == u32_at(copy, CRC_AT)
        && copy[64..CRC_AT].iter().chain(rest).all(|byte| *byte == 0);
    intact.then(|| SegmentHeader {
        format: u32_at(copy, 8),
        journal: JournalId(digest_at(copy, 32).0),
        number: u64_at(copy, 16),
        capacity: u32_at(copy, 12),
        created: Micros(u64_at(copy, 24)),
        key_check: digest_at(copy, 48),
    })
}

#[cfg(test)]
mod tests;
