//! The form in which a sealed segment of the journal takes less room: its header, a table, and its
//! bytes in blocks that are compressed each for itself. The bytes of the segment come back as they
//! were. Daemon and `pi-replay` read it with this; docs/journal-format.md says the same for readers
//! in another language.
//!
//! ```text
//! 0     the header of the segment, with COMPRESSED added to its format version
//! 4096  version u32 │ block bytes u32 │ blocks u32 │ CRC32 of 0..4108 and of the table
//! 4112  table: of each block, its length in the file u32 │ CRC32 of what is in the file u32
//!       blocks: LZ4, or as they are where that is not shorter
//! ```
//!
//! The version in the header is one that a reader without this refuses as newer than itself.

#![forbid(unsafe_code)]

mod block;
mod layout;

use core::fmt;
use std::io;

pub use block::{pack_block, unpack_block};
use layout::{Front, Layout};
use pi_server_core::record::{SEGMENT_HEADER_BYTES, SegmentFault, SegmentHeader};

/// What is added to the format version of a segment that is compressed.
pub const COMPRESSED: u32 = 1 << 16;
/// Bytes of the segment in each block but the last: as far back as LZ4 looks.
pub const BLOCK_BYTES: usize = 64 << 10;
/// LZ4 makes no byte into more bytes than this.
const EXPANSION_MAX: u64 = 256;
/// Largest blocks that are read.
pub const BLOCK_BYTES_MAX: usize = 1 << 20;
/// The version of the form that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// How much of a file has to be read to know where everything is in it, if it is not compressed, or
/// how much more.
pub const SEGMENT_START_BYTES: usize = layout::START_BYTES;

/// Why the bytes of a compressed segment cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A newer build wrote it.
    Version {
        /// The version of the form.
        found: u32,
    },
    /// The table of blocks is not what was written.
    Table,
    /// The file is not as long as its table says.
    FileLength {
        /// Length by the table.
        stated: u64,
        /// Length of the file.
        actual: u64,
    },
    /// A block is not what was written.
    Block {
        /// Where it begins in the segment.
        offset: u64,
        /// Where it begins in the file.
        at: u64,
    },
}

impl Fault {
    /// Where in the segment bytes are missing because of it.
    pub fn offset(&self) -> usize {
        match self {
            Fault::Block { offset, .. } => usize::try_from(*offset).unwrap_or(usize::MAX),
            Fault::Version { .. } | Fault::Table | Fault::FileLength { .. } => SEGMENT_HEADER_BYTES,
        }
    }

    /// The fault that an error of this package's functions, or one made of it, is about.
    pub fn of(error: &io::Error) -> Option<Fault> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Version { found } => write!(
                f,
                "compressed in form {found}, this build reads form {VERSION}: use a newer pi-server"
            ),
            Fault::Table => f.write_str("the table of its compressed blocks is damaged"),
            Fault::FileLength { stated, actual } => write!(
                f,
                "the compressed file has {actual} bytes, its table of blocks states {stated}"
            ),
            Fault::Block { offset, at } => write!(
                f,
                "the compressed block of the bytes from {offset} on, at {at} in the file, is damaged"
            ),
        }
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, fault)
    }
}

/// The compressed form of a whole segment; `None` if it is not shorter.
///
/// # Errors
/// These are not the bytes of a segment.
pub fn compress(segment: &[u8]) -> Result<Option<Vec<u8>>, SegmentFault> {
    let header = SegmentHeader::parse(segment)?;
    let file = layout::build(&header, &segment[SEGMENT_HEADER_BYTES..]);
    Ok((file.len() < segment.len()).then_some(file))
}

/// Whether a file is a compressed segment, by its first bytes, of which there must be
/// [`SEGMENT_HEADER_BYTES`].
pub fn is_compressed(start: &[u8]) -> bool {
    // A header of which one bit is wrong is no good header, and so not one of a compressed segment.
    let header = SegmentHeader::parse_start(start, 0);
    matches!(header, Err(SegmentFault::Version { found }) if found & COMPRESSED != 0)
}

/// Puts the bytes of a segment into `segment` if `file` is the compressed form of one. Whether it
/// is; whatever else it may be is left to whoever reads segments.
///
/// # Errors
/// The file is not what was written; nothing in `segment` means anything then.
pub fn restore(file: &[u8], segment: &mut Vec<u8>) -> Result<bool, Fault> {
    let layout = match Layout::parse(file, file.len() as u64)? {
        Front::Plain => return Ok(false),
        Front::More(_) => return Err(Fault::Table),
        Front::Layout(layout) => layout,
    };
    // No block becomes longer than this, so that no table claims memory that the file does not have.
    if layout.length() > (file.len() as u64).saturating_mul(EXPANSION_MAX) {
        return Err(Fault::Table);
    }
    // Old bytes are written over: zeroing them first would take as long as reading.
    segment.resize(usize::try_from(layout.length()).map_err(|_| Fault::Table)?, 0);
    layout.copy(0, segment, &mut |at, stored| {
        let from = usize::try_from(at).ok().and_then(|at| file.get(at..)?.get(..stored.len()));
        stored.copy_from_slice(from.ok_or(Fault::Table)?);
        Ok::<(), Fault>(())
    })?;
    Ok(true)
}

/// What the first bytes of a file come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The first bytes of the segment are there. How long the segment is.
    Read(u64),
    /// As many bytes of the file are needed.
    More(usize),
}

/// Puts the first bytes of a segment into `bytes`, as many as that has or the segment is long, from
/// the first bytes of its file, compressed or not. `length` is that of the file.
///
/// # Errors
/// The file is not what was written.
pub fn restore_start(front: &[u8], length: u64, bytes: &mut [u8]) -> Result<Start, Fault> {
    let there = usize::try_from(length).map_or(front.len(), |length| length.min(front.len()));
    let front = &front[..there];
    let layout = match Layout::parse(front, length)? {
        Front::Plain if there < bytes.len() && (there as u64) < length => {
            return Ok(Start::More(bytes.len()));
        }
        Front::Plain => {
            let there = there.min(bytes.len());
            bytes[..there].copy_from_slice(&front[..there]);
            return Ok(Start::Read(length));
        }
        Front::More(needed) => return Ok(Start::More(needed)),
        Front::Layout(layout) => layout,
    };
    let wanted = usize::try_from(layout.length()).map_or(bytes.len(), |all| all.min(bytes.len()));
    let needed = layout.file_bytes(wanted);
    if front.len() < needed {
        return Ok(Start::More(needed));
    }
    layout.copy(0, &mut bytes[..wanted], &mut |at, stored| {
        let from = usize::try_from(at).ok().and_then(|at| front.get(at..)?.get(..stored.len()));
        stored.copy_from_slice(from.ok_or(Fault::Table)?);
        Ok::<(), Fault>(())
    })?;
    Ok(Start::Read(layout.length()))
}

/// Puts the bytes of a segment from `at` on into `bytes`. `read` reads parts of its file, compressed
/// or not, which is `length` bytes long.
///
/// # Errors
/// `read` failed, the segment ends earlier, or its file is not what was written.
pub fn read_part(
    length: u64,
    read: &mut dyn FnMut(u64, &mut [u8]) -> io::Result<()>,
    at: u64,
    bytes: &mut [u8],
) -> io::Result<()> {
    let mut needed = layout::START_BYTES;
    loop {
        let there = usize::try_from(length).map_or(needed, |length| length.min(needed));
        let mut front = vec![0; there];
        read(0, &mut front)?;
        match Layout::parse(&front, length)? {
            Front::Plain => return read(at, bytes),
            Front::More(more) if more > needed => needed = more,
            Front::More(_) => return Err(Fault::Table.into()),
            Front::Layout(layout) => return layout.copy(at, bytes, read),
        }
    }
}

#[cfg(test)]
mod tests;
