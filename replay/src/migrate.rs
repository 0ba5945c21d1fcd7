//! `pi-replay migrate`: the same journal in the format of this build, for builds that do not read the
//! old one any more.
//!
//! Format 2 has all that format 1 has, so records are copied as they are, every byte of them; only
//! the headers of segments change. What was never committed is copied too, with its place.

use pi_server_core::record::{FORMAT_VERSION, SegmentHeader};

use crate::made::Made;
use crate::play::PlayError;
use crate::source::Source;

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Migrated {
    /// Segments.
    pub segments: u64,
    /// Segments that had an older format.
    pub changed: u64,
    /// The oldest format among them.
    pub oldest: u32,
}

/// Writes a copy in the current format, with its key.
///
/// # Errors
/// The journal cannot be read, a segment's header is damaged or newer, or the copy cannot be
/// written.
pub fn migrate(source: &Source, made: &Made) -> Result<Migrated, PlayError> {
    let mut migrated = Migrated { oldest: FORMAT_VERSION, ..Migrated::default() };
    let mut bytes = Vec::new();
    // First, so that it never promises more than the segments that are read after it hold.
    made.head(&source.head_bytes()?)?;
    if let Some(key) = source.key_bytes() {
        made.key(&key)?;
    }
    for number in source.segments()? {
        source.read_segment(number, &mut bytes)?;
        let header = SegmentHeader::parse(&bytes)
            .map_err(|fault| PlayError::Damaged(format!("segment {number}: {fault}")))?;
        let current = SegmentHeader { format: FORMAT_VERSION, ..header }.encode();
        bytes.iter_mut().zip(current).for_each(|(to, from)| *to = from);
        made.segment(number, &bytes)?;
        migrated.segments += 1;
        migrated.changed += u64::from(header.format < FORMAT_VERSION);
        migrated.oldest = migrated.oldest.min(header.format);
    }
    for number in source.snapshots()? {
        made.snapshot(number, &source.read_snapshot(number)?)?;
    }
    for number in source.packs()? {
        made.pack(number, &source.read_pack(number)?)?;
    }
    Ok(migrated)
}
