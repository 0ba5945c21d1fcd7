//! Bodies that outlive their segments: what stored outcomes, commands in flight and open dialogs
//! still need of segments that were dropped.
//!
//! ```text
//! 0 magic │ 8 version u32 │ 12 count u32 │ 16 journal id │ 32 segment u64 │ 40 length u64
//! 48 zeros │ 60 CRC32 of 0..60 and all entries
//! 64 entries: seq u64 │ offset u64 │ length u32 │ CRC32 of the body u32 │ keyed digest (16)
//!    bodies
//! ```

use std::io;

use pi_server_core::record::JournalId;
use pi_server_core::{BodyRef, Digest, Seq};

use super::storage::{Disk, Shelf, View};

const MAGIC: [u8; 8] = *b"pi-pack1";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 64;
const ENTRY_BYTES: usize = 40;
const CRC_AT: usize = 60;

/// An open pack.
pub(super) struct Pack {
    view: Box<dyn View>,
    /// In the order of inputs.
    entries: Vec<Entry>,
}

/// Where one body is.
#[derive(Clone, Copy, Debug)]
struct Entry {
    body: BodyRef,
    offset: usize,
    crc: u32,
}

impl Pack {
    /// Opens the pack of a number and checks all of it.
    ///
    /// # Errors
    /// It cannot be read, or is not what was written.
    pub(super) fn open(disk: &dyn Disk, journal: JournalId, segment: u64) -> io::Result<Pack> {
        let view = disk.view_kept(Shelf::Bodies, segment)?;
        let entries = entries(view.bytes(), journal, segment)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the pack is damaged"))?;
        Ok(Pack { view, entries })
    }

    /// What is in it, in the order of inputs.
    pub(super) fn bodies(&self) -> impl Iterator<Item = BodyRef> {
        self.entries.iter().map(|entry| entry.body)
    }

    /// The bytes of a body; `None` if it is not there.
    pub(super) fn body(&self, body: BodyRef) -> Option<&[u8]> {
        let place = self.entries.binary_search_by_key(&body.seq, |entry| entry.body.seq).ok()?;
        let plain = BodyRef { redacted: false, ..body };
        let entry = self.entries.get(place).filter(|entry| entry.body == plain)?;
        bytes(self.view.bytes(), entry)
    }
}

/// The bytes of a pack without its bodies, which follow in the order of `packed`.
pub(super) fn head(journal: JournalId, segment: u64, packed: &[BodyRef], sums: &[u32]) -> Vec<u8> {
    let mut offset = HEADER_BYTES + ENTRY_BYTES * packed.len();
    let mut bytes = vec![0; HEADER_BYTES];
    for (body, crc) in packed.iter().zip(sums) {
        bytes.extend_from_slice(&body.seq.0.to_le_bytes());
        bytes.extend_from_slice(&(offset as u64).to_le_bytes());
        bytes.extend_from_slice(&body.len.to_le_bytes());
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes.extend_from_slice(&body.digest.0);
        offset = offset.saturating_add(usize::try_from(body.len).unwrap_or(usize::MAX));
    }
    let count = u32::try_from(packed.len()).unwrap_or(u32::MAX);
    bytes[0..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&count.to_le_bytes());
    bytes[16..32].copy_from_slice(&journal.0);
    bytes[32..40].copy_from_slice(&segment.to_le_bytes());
    bytes[40..48].copy_from_slice(&(offset as u64).to_le_bytes());
    let sum = checksum(&bytes);
    bytes[CRC_AT..HEADER_BYTES].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// Over the header before its checksum, and over the entries behind it.
fn checksum(head: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&head[..CRC_AT]);
    sum.update(&head[HEADER_BYTES..]);
    sum.finalize()
}

/// What the head of a pack says, if all of it and every body is good.
fn entries(pack: &[u8], journal: JournalId, segment: u64) -> Option<Vec<Entry>> {
    let header = pack.get(..HEADER_BYTES)?;
    let count = usize::try_from(u32_at(header, 12)?).ok()?;
    let head = pack.get(..HEADER_BYTES.checked_add(count.checked_mul(ENTRY_BYTES)?)?)?;
    let good = header[..8] == MAGIC
        && u32_at(header, 8)? == VERSION
        && header[16..32] == journal.0
        && u64_at(header, 32)? == segment
        && u64_at(header, 40)? == pack.len() as u64
        && header[48..CRC_AT].iter().all(|byte| *byte == 0)
        && u32_at(header, CRC_AT)? == checksum(head);
    if !good {
        return None;
    }
    let mut entries = Vec::with_capacity(count);
    for at in head[HEADER_BYTES..].chunks_exact(ENTRY_BYTES) {
        let entry = Entry {
            body: BodyRef {
                seq: Seq(u64_at(at, 0)?),
                len: u32_at(at, 16)?,
                digest: Digest(<[u8; 16]>::try_from(at.get(24..40)?).ok()?),
                // A pack does not say; whoever asks for a body knows.
                redacted: false,
            },
            offset: usize::try_from(u64_at(at, 8)?).ok()?,
            crc: u32_at(at, 20)?,
        };
        if crc32fast::hash(bytes(pack, &entry)?) != entry.crc {
            return None;
        }
        entries.push(entry);
    }
    Some(entries)
}

fn bytes<'a>(pack: &'a [u8], entry: &Entry) -> Option<&'a [u8]> {
    let end = entry.offset.checked_add(usize::try_from(entry.body.len).ok()?)?;
    pack.get(entry.offset..end)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
