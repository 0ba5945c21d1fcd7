//! The records that are not inputs: fixed little-endian fields in the place of the input.

use super::header::{Fault, Header, RecordKind, digest_at, u64_at};
use super::{JournalId, RECORD_HEADER_BYTES};
use crate::ids::{Digest, Seq};

/// Ends a turn of the daemon's loop: everything up to it happened, whatever follows without one of
/// its own did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Dense from 1 over the whole journal.
    pub number: u64,
    /// How often a torn tail has been set aside before.
    pub epoch: u64,
    /// The last input that was *known* to be on disk when this was written: its sync had returned.
    pub durable_upto: Seq,
    /// The journal. A client can put any bytes into a body but does not know this, so that nothing
    /// it sends is taken for a commit when a torn tail is scanned.
    pub journal: JournalId,
}

/// A torn tail was set aside and this stands in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The epoch that begins with it.
    pub epoch: u64,
    /// Segment of the first byte that was set aside.
    pub segment: u64,
    /// Offset of that byte.
    pub offset: u64,
    /// How many bytes were set aside, in all segments.
    pub bytes: u64,
    /// Keyed digest of them.
    pub digest: Digest,
}

/// The segment is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The segment that goes on.
    pub next: u64,
}

/// The first record of a segment: what a reader has to know who begins here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin {
    /// The segment.
    pub segment: u64,
    /// The chain tag before it.
    pub before: Digest,
    /// The epoch.
    pub epoch: u64,
    /// The number of the last commit before it.
    pub commit: u64,
}

/// A record that is not an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// See [`Commit`].
    Commit(Commit),
    /// See [`Recovered`].
    Recovered(Recovered),
    /// See [`Seal`].
    Seal(Seal),
    /// See [`Begin`].
    Begin(Begin),
}

impl Commit {
    /// Length of the whole record.
    pub const SPAN: usize = RECORD_HEADER_BYTES + 40;
}

impl Recovered {
    /// Length of the whole record.
    pub const SPAN: usize = RECORD_HEADER_BYTES + 48;
}

impl Seal {
    /// Length of the whole record.
    pub const SPAN: usize = RECORD_HEADER_BYTES + 8;
}

impl Begin {
    /// Length of the whole record.
    pub const SPAN: usize = RECORD_HEADER_BYTES + 40;
}

/// Longest payload of a mark in bytes.
const PAYLOAD_MAX: usize = 48;

impl Mark {
    /// The record's kind.
    pub fn kind(&self) -> RecordKind {
        match self {
            Mark::Commit(_) => RecordKind::Commit,
            Mark::Recovered(_) => RecordKind::Recovered,
            Mark::Seal(_) => RecordKind::Seal,
            Mark::Begin(_) => RecordKind::Begin,
        }
    }

    /// Calls `with` with the bytes that stand in the place of the input.
    pub fn with_bytes<T>(&self, with: impl FnOnce(&[u8]) -> T) -> T {
        let mut bytes = Payload { bytes: [0; PAYLOAD_MAX], len: 0 };
        match self {
            Mark::Commit(Commit { number, epoch, durable_upto, journal }) => {
                bytes.number(*number).number(*epoch).number(durable_upto.0).sixteen(&journal.0);
            }
            Mark::Recovered(Recovered { epoch, segment, offset, bytes: len, digest }) => {
                bytes.number(*epoch).number(*segment).number(*offset).number(*len);
                bytes.sixteen(&digest.0);
            }
            Mark::Seal(Seal { next }) => {
                bytes.number(*next);
            }
            Mark::Begin(Begin { segment, before, epoch, commit }) => {
                bytes.number(*segment).sixteen(&before.0).number(*epoch).number(*commit);
            }
        }
        with(&bytes.bytes[..bytes.len])
    }

    /// Reads the mark of a record that is not an input; `None` for an input.
    pub(super) fn parse(header: &Header, bytes: &[u8]) -> Result<Option<Mark>, Fault> {
        let expected = match header.kind {
            RecordKind::Input => return Ok(None),
            RecordKind::Commit | RecordKind::Begin => 40,
            RecordKind::Recovered => 48,
            RecordKind::Seal => 8,
        };
        if bytes.len() != expected || header.body_len != 0 {
            return Err(Fault::Mark);
        }
        Ok(Some(match header.kind {
            RecordKind::Input => return Ok(None),
            RecordKind::Commit => Mark::Commit(Commit {
                number: u64_at(bytes, 0),
                epoch: u64_at(bytes, 8),
                durable_upto: Seq(u64_at(bytes, 16)),
                journal: JournalId(digest_at(bytes, 24).0),
            }),
            RecordKind::Recovered => Mark::Recovered(Recovered {
                epoch: u64_at(bytes, 0),
                segment: u64_at(bytes, 8),
                offset: u64_at(bytes, 16),
                bytes: u64_at(bytes, 24),
                digest: digest_at(bytes, 32),
            }),
            RecordKind::Seal => Mark::Seal(Seal { next: u64_at(bytes, 0) }),
            RecordKind::Begin => Mark::Begin(Begin {
                segment: u64_at(bytes, 0),
                before: digest_at(bytes, 8),
                epoch: u64_at(bytes, 24),
                commit: u64_at(bytes, 32),
            }),
        }))
    }
}

struct Payload {
    bytes: [u8; PAYLOAD_MAX],
    len: usize,
}

impl Payload {
    fn number(&mut self, value: u64) -> &mut Payload {
        self.push(&value.to_le_bytes())
    }

    fn sixteen(&mut self, value: &[u8; 16]) -> &mut Payload {
        self.push(value)
    }

    fn push(&mut self, value: &[u8]) -> &mut Payload {
        self.bytes[self.len..self.len + value.len()].copy_from_slice(value);
        self.len += value.len();
        self
    }
}
