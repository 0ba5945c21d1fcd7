//! One record's header: fields, checksum and chain tag.

use alloc::vec::Vec;
use core::fmt;

use super::JournalId;
use super::secret::truncate;
use crate::ids::{BodyRef, Digest, Micros, Seq};

/// Length of a record's header in bytes.
pub const RECORD_HEADER_BYTES: usize = 88;
/// Every record begins at a multiple of this from the segment's start.
pub const RECORD_STEP: usize = 8;

/// Bit of the flags byte: the body was erased; its bytes are zeros and its digest stays.
const FLAG_ERASED: u8 = 1;
/// Bit of the flags byte, since format 2: something was taken out of the body before it was written.
const FLAG_REDACTED: u8 = 2;
const CHAIN_PART: usize = 64;
const CRC_AT: usize = 84;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// An input: bincode of [`crate::input::InputKind`], then its body.
    Input,
    /// Ends a turn of the daemon's loop: [`super::Commit`].
    Commit,
    /// A torn tail was set aside: [`super::Recovered`].
    Recovered,
    /// The segment is full and the next one goes on: [`super::Seal`].
    Seal,
    /// The first record of a segment: [`super::Begin`].
    Begin,
}

impl RecordKind {
    pub(super) const COMMIT_CODE: u8 = 2;

    fn code(self) -> u8 {
        match self {
            RecordKind::Input => 1,
            RecordKind::Commit => RecordKind::COMMIT_CODE,
            RecordKind::Recovered => 3,
            RecordKind::Seal => 4,
            RecordKind::Begin => 5,
        }
    }

    fn from_code(code: u8) -> Option<RecordKind> {
        match code {
            1 => Some(RecordKind::Input),
            RecordKind::COMMIT_CODE => Some(RecordKind::Commit),
            3 => Some(RecordKind::Recovered),
            4 => Some(RecordKind::Seal),
            5 => Some(RecordKind::Begin),
            _ => None,
        }
    }
}

/// The fields of a record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the record is.
    pub kind: RecordKind,
    /// The body was erased.
    pub erased: bool,
    /// The body is what redaction left of the one that came, from the beginning; length, digest and
    /// checksum are those of what was left.
    pub redacted: bool,
    /// The input's number; in other records that of the last input before.
    pub seq: Seq,
    /// The input's time; in other records that of the last input before.
    pub at: Micros,
    /// Digest of the outputs of the step before this record.
    pub outputs: Digest,
    /// Length of the input part in bytes.
    pub input_len: u32,
    /// Length of the body in bytes; stays when the body is erased.
    pub body_len: u32,
    /// Keyed digest of the body; stays when the body is erased.
    pub body_digest: Digest,
    /// CRC32 of the body; 0 once the body is erased, so that no unkeyed sum of it is left.
    pub body_crc: u32,
    /// Chain tag: covers the tag before, this header's fields up to the digests, and the input.
    pub tag: Digest,
}

/// Why bytes are not the record that must stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing was written there: zeros where the header would be.
    Blank,
    /// The length does not fit the parts, or the segment.
    Length,
    /// The kind, a flag or a reserved byte has no meaning.
    Form,
    /// The checksum of header and input is wrong.
    Checksum,
    /// The checksum of the body is wrong.
    Body,
    /// The padding is not zeros.
    Padding,
    /// A good record, but not the successor of the one before (spliced, rolled back or replaced).
    Chain,
    /// A good record whose numbers do not follow from those before.
    Order,
    /// The fixed fields of a commit, seal, begin or recovered record make no sense.
    Mark,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Blank => "nothing is written there",
            Fault::Length => "the length is impossible",
            Fault::Form => "a field of the header is impossible",
            Fault::Checksum => "the checksum of header and input is wrong",
            Fault::Body => "the checksum of the body is wrong",
            Fault::Padding => "the padding is not zero",
            Fault::Chain => "the record does not continue the chain",
            Fault::Order => "the numbers do not follow from those before",
            Fault::Mark => "the record's fields make no sense",
        })
    }
}

/// What most chain tags cover fits into this; hashing it in one piece is cheaper than piece by piece.
const CHAIN_SHORT: usize = 320;

impl Header {
    /// Length of the record without padding.
    pub fn length(&self) -> u64 {
        RECORD_HEADER_BYTES as u64 + u64::from(self.input_len) + u64::from(self.body_len)
    }

    /// Length of the record with padding: where the next one begins.
    pub fn span(&self) -> u64 {
        self.length().next_multiple_of(RECORD_STEP as u64)
    }

    /// The reference by which the core knows the body.
    pub fn body_ref(&self) -> BodyRef {
        BodyRef {
            seq: self.seq,
            len: self.body_len,
            digest: self.body_digest,
            redacted: self.redacted,
        }
    }

    /// The fields that the chain tag covers, as bytes. That the body was erased is left out, so that
    /// the chain holds when it is.
    fn chained(&self) -> [u8; CHAIN_PART] {
        let mut bytes = [0; CHAIN_PART];
        let length = u32::try_from(self.length()).unwrap_or(u32::MAX);
        bytes[0..4].copy_from_slice(&length.to_le_bytes());
        bytes[4] = self.kind.code();
        bytes[5] = if self.redacted { FLAG_REDACTED } else { 0 };
        bytes[8..16].copy_from_slice(&self.seq.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.at.0.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.input_len.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.body_len.to_le_bytes());
        bytes[32..48].copy_from_slice(&self.outputs.0);
        bytes[48..64].copy_from_slice(&self.body_digest.0);
        bytes
    }

    /// The tag this record must have after one with the tag `before`.
    pub fn chain(&self, before: Digest, input: &[u8]) -> Digest {
        let mut short = [0; CHAIN_SHORT];
        let end = 16 + CHAIN_PART + input.len();
        if let Some(bytes) = short.get_mut(..end) {
            bytes[..16].copy_from_slice(&before.0);
            bytes[16..16 + CHAIN_PART].copy_from_slice(&self.chained());
            bytes[16 + CHAIN_PART..].copy_from_slice(input);
            return truncate(&blake3::hash(bytes));
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&before.0);
        hasher.update(&self.chained());
        hasher.update(input);
        truncate(&hasher.finalize())
    }

    /// Appends what [`Header::chain`] is a digest of ([`super::digest_encoded`]), for whoever computes
    /// the tags of many records at once.
    pub fn append_chained(&self, before: Digest, input: &[u8], bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&before.0);
        bytes.extend_from_slice(&self.chained());
        bytes.extend_from_slice(input);
    }

    /// Reads the fields, without judging them against any other bytes.
    pub(super) fn parse(bytes: &[u8; RECORD_HEADER_BYTES]) -> Result<Header, Fault> {
        if u32_at(bytes, 0) == 0 {
            // The length is published last: a record that was being written looks like this too.
            return Err(Fault::Blank);
        }
        let kind = RecordKind::from_code(bytes[4]).ok_or(Fault::Form)?;
        if bytes[5] & !(FLAG_ERASED | FLAG_REDACTED) != 0 || bytes[6] != 0 || bytes[7] != 0 {
            return Err(Fault::Form);
        }
        let header = Header {
            kind,
            erased: bytes[5] & FLAG_ERASED != 0,
            redacted: bytes[5] & FLAG_REDACTED != 0,
            seq: Seq(u64_at(bytes, 8)),
            at: Micros(u64_at(bytes, 16)),
            input_len: u32_at(bytes, 24),
            body_len: u32_at(bytes, 28),
            outputs: digest_at(bytes, 32),
            body_digest: digest_at(bytes, 48),
            tag: digest_at(bytes, 64),
            body_crc: u32_at(bytes, 80),
        };
        if header.length() != u64::from(u32_at(bytes, 0)) {
            return Err(Fault::Length);
        }
        Ok(header)
    }
}

/// Makes and checks the checksums of one journal's records. The journal's id is part of each sum,
/// so that a record of another journal is never taken for one of this.
#[derive(Clone, Debug)]
pub struct Framer {
    seed: crc32fast::Hasher,
}

impl Framer {
    /// For the records of this journal.
    pub fn new(id: JournalId) -> Framer {
        let mut seed = crc32fast::Hasher::new();
        seed.update(&id.0);
        Framer { seed }
    }

    /// The header's bytes. The caller has set `tag` by [`Header::chain`].
    pub fn header(&self, header: &Header, input: &[u8]) -> [u8; RECORD_HEADER_BYTES] {
        let mut bytes = [0; RECORD_HEADER_BYTES];
        bytes[..CHAIN_PART].copy_from_slice(&header.chained());
        bytes[5] |= if header.erased { FLAG_ERASED } else { 0 };
        bytes[64..80].copy_from_slice(&header.tag.0);
        bytes[80..84].copy_from_slice(&header.body_crc.to_le_bytes());
        let sum = self.sum(&bytes, input);
        bytes[CRC_AT..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Whether header and input are as they were written.
    pub(super) fn holds(&self, bytes: &[u8; RECORD_HEADER_BYTES], input: &[u8]) -> bool {
        u32_at(bytes, CRC_AT) == self.sum(bytes, input)
    }

    fn sum(&self, bytes: &[u8; RECORD_HEADER_BYTES], input: &[u8]) -> u32 {
        let mut hasher = self.seed.clone();
        hasher.update(&bytes[..CRC_AT]);
        hasher.update(input);
        hasher.finalize()
    }
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut value = [0; 4];
    value.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(value)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(value)
}

pub(super) fn digest_at(bytes: &[u8], at: usize) -> Digest {
    let mut value = [0; 16];
    value.copy_from_slice(&bytes[at..at + 16]);
    Digest(value)
}
