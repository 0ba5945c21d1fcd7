//! Erasing bodies of a segment. What is left replays as before: the chain covers the digest of a
//! body and not the body, and no decision depends on one.
//!
//! Bytes become zeros, the record is marked, and its checksums are made anew. Everything else stays
//! where it is and as it is, the digest of the body included. A segment that is not what was written
//! is left alone, since the checksum that tells so would be lost.

use pi_server_core::record::{
    Fault, Framer, Mark, RECORD_HEADER_BYTES, Record, SEGMENT_HEADER_BYTES, record_at,
};

/// What erasing has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Bodies that were erased now.
    pub bodies: u64,
    /// How long they were.
    pub bytes: u64,
    /// The segment is full and has been sealed: nothing is written to it any more.
    pub sealed: bool,
}

/// Erases the bodies of the records that `chosen` picks, in the bytes of a whole segment. It is
/// asked about every body that is there, in order.
///
/// # Errors
/// Where which record is not what was written. Bodies before it may have been erased in `segment`,
/// which is then of no use.
pub fn erase_bodies(
    framer: &Framer,
    segment: &mut [u8],
    chosen: &mut dyn FnMut(&Record<'_>) -> bool,
) -> Result<Erased, (usize, Fault)> {
    let mut erased = Erased::default();
    let mut offset = SEGMENT_HEADER_BYTES;
    loop {
        let record = match record_at(framer, segment, offset) {
            Ok(record) => record,
            // Room that was not used yet.
            Err(Fault::Blank) => return Ok(erased),
            Err(fault) => return Err((offset, fault)),
        };
        if let Some(Mark::Seal(_)) = record.mark {
            erased.sealed = true;
            return Ok(erased);
        }
        let (end, mut header) = (record.end(), record.header);
        let is_there = record.body().is_some_and(|body| !body.is_empty());
        if is_there && chosen(&record) {
            header.erased = true;
            header.body_crc = 0;
            let head = framer.header(&header, record.input);
            let body = offset + RECORD_HEADER_BYTES + record.input.len();
            segment[offset..offset + RECORD_HEADER_BYTES].copy_from_slice(&head);
            // Padding is zeros already.
            segment[body..end].fill(0);
            erased.bodies += 1;
            erased.bytes += u64::from(header.body_len);
        }
        offset = end;
    }
}
