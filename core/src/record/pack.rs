//! A pack: bodies that outlive their segments, since stored outcomes, commands in flight and open
//! dialogs still need them when the segments are dropped.
//!
//! ```text
//! 0 magic │ 8 version u32 │ 12 count u32 │ 16 journal id │ 32 segment u64 │ 40 length u64
//! 48 zeros │ 60 CRC32 of 0..60 and all entries
//! 64 entries: seq u64 │ offset u64 │ length u32 │ CRC32 of the body u32 │ keyed digest (16)
//!    bodies
//! ```

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::JournalId;
use super::header::{digest_at, u32_at, u64_at};
use crate::ids::{BodyRef, Seq};

/// The version of the format of packs that this build writes.
pub const PACK_VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"pi-pack1";
const HEADER_BYTES: usize = 64;
const ENTRY_BYTES: usize = 40;
const CRC_AT: usize = 60;

/// Where one body is in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackEntry {
    /// The body. A pack does not say whether it is redacted; whoever asks for a body knows.
    pub body: BodyRef,
    /// Where its bytes begin in the file.
    pub offset: usize,
    /// CRC32 of its bytes.
    crc: u32,
}

impl PackEntry {
    /// The bytes of the body in the file that the entry was read from; `None` if they are not
    /// all there.
    pub fn bytes<'a>(&self, pack: &'a [u8]) -> Option<&'a [u8]> {
        let end = self.offset.checked_add(usize::try_from(self.body.len).ok()?)?;
        pack.get(self.offset..end)
    }
}

/// Why a file is no pack that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackFault {
    /// The header is too short, has the wrong magic, or the checksum of header and entries is wrong.
    Header,
    /// It was written by a newer version of the format.
    Version {
        /// That version.
        found: u32,
    },
    /// It belongs to another journal, or was made when other segments were dropped.
    Foreign,
    /// The file is not as long as the header says.
    Length,
    /// The checksum of a body is wrong, or an entry points out of the file.
    Body {
        /// The input that the body came with.
        seq: Seq,
    },
    /// The entries are not in the order of their inputs.
    Order,
}

impl fmt::Display for PackFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PackFault::Header => f.write_str("the header is unreadable"),
            PackFault::Version { found } => {
                write!(f, "its format version {found} is not {PACK_VERSION}")
            }
            PackFault::Foreign => f.write_str("it is the pack of another journal or segment"),
            PackFault::Length => f.write_str("it is not as long as its header says"),
            PackFault::Body { seq } => write!(f, "the body of input #{seq} is damaged"),
            PackFault::Order => f.write_str("its entries are not in order"),
        }
    }
}

/// The bytes of a pack without its bodies, which follow in the order of `packed`; `sums` are their
/// CRC32s.
pub fn pack_head(journal: JournalId, segment: u64, packed: &[BodyRef], sums: &[u32]) -> Vec<u8> {
    let mut offset = HEADER_BYTES.saturating_add(ENTRY_BYTES.saturating_mul(packed.len()));
    let mut bytes = vec![0; HEADER_BYTES];
    for (body, crc) in packed.iter().zip(sums) {
        bytes.extend_from_slice(&body.seq.0.to_le_bytes());
        bytes.extend_from_slice(&length(offset).to_le_bytes());
        bytes.extend_from_slice(&body.len.to_le_bytes());
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes.extend_from_slice(&body.digest.0);
        offset = offset.saturating_add(usize::try_from(body.len).unwrap_or(usize::MAX));
    }
    let count = u32::try_from(packed.len()).unwrap_or(u32::MAX);
    bytes[0..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&PACK_VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&count.to_le_bytes());
    bytes[16..32].copy_from_slice(&journal.0);
    bytes[32..40].copy_from_slice(&segment.to_le_bytes());
    bytes[40..48].copy_from_slice(&length(offset).to_le_bytes());
    let sum = checksum(&bytes);
    bytes[CRC_AT..HEADER_BYTES].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// The entries of the pack of a journal and segment, of which `pack` is the whole file, if its head
/// and every body in it are as they were written. Memory is bounded by the length of the file.
///
/// # Errors
/// Why it cannot be used. Never panics, whatever the bytes are.
pub fn pack_entries(
    pack: &[u8],
    journal: JournalId,
    segment: u64,
) -> Result<Vec<PackEntry>, PackFault> {
    let header = pack.get(..HEADER_BYTES).ok_or(PackFault::Header)?;
    if header[..8] != MAGIC {
        return Err(PackFault::Header);
    }
    let version = u32_at(header, 8);
    if version > PACK_VERSION {
        return Err(PackFault::Version { found: version });
    }
    let end = usize::try_from(u32_at(header, 12))
        .ok()
        .and_then(|count| count.checked_mul(ENTRY_BYTES)?.checked_add(HEADER_BYTES));
    let head = end.and_then(|end| pack.get(..end)).ok_or(PackFault::Length)?;
    let intact = version == PACK_VERSION
        && header[48..CRC_AT].iter().all(|byte| *byte == 0)
        && u32_at(header, CRC_AT) == checksum(head);
    if !intact {
        return Err(PackFault::Header);
    }
    if header[16..32] != journal.0 || u64_at(header, 32) != segment {
        return Err(PackFault::Foreign);
    }
    if u64_at(header, 40) != length(pack.len()) {
        return Err(PackFault::Length);
    }
    let mut entries: Vec<PackEntry> = Vec::new();
    for at in head.get(HEADER_BYTES..).unwrap_or_default().chunks_exact(ENTRY_BYTES) {
        let seq = Seq(u64_at(at, 0));
        let body = BodyRef { seq, len: u32_at(at, 16), digest: digest_at(at, 24), redacted: false };
        let offset = usize::try_from(u64_at(at, 8)).map_err(|_| PackFault::Body { seq })?;
        let entry = PackEntry { body, offset, crc: u32_at(at, 20) };
        let bytes = entry.bytes(pack).ok_or(PackFault::Body { seq })?;
        if crc32fast::hash(bytes) != entry.crc {
            return Err(PackFault::Body { seq });
        }
        if entries.last().is_some_and(|last| last.body.seq > seq) {
            return Err(PackFault::Order);
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// The entry of a body among entries in the order of inputs.
pub fn packed_body(entries: &[PackEntry], body: BodyRef) -> Option<&PackEntry> {
    let place = entries.binary_search_by_key(&body.seq, |entry| entry.body.seq).ok()?;
    let plain = BodyRef { redacted: false, ..body };
    entries.get(place).filter(|entry| entry.body == plain)
}

/// Over the header before its checksum, and over the entries behind it.
fn checksum(head: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(head.get(..CRC_AT).unwrap_or_default());
    sum.update(head.get(HEADER_BYTES..).unwrap_or_default());
    sum.finalize()
}

/// No slice is longer than `u64` can say.
fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
