//! Where the blocks of a compressed segment are, and what is in them.

use std::io;

use pi_server_core::record::{SEGMENT_HEADER_BYTES, SegmentHeader};

use crate::{BLOCK_BYTES, BLOCK_BYTES_MAX, COMPRESSED, Fault, VERSION, is_compressed};

/// Where the checksum of header and table is.
const SUM_AT: usize = SEGMENT_HEADER_BYTES + 12;
/// Where the table begins: so much has to be read to know how long it is.
pub(crate) const START_BYTES: usize = SUM_AT + 4;
const ENTRY_BYTES: usize = 8;

/// Writes a compressed segment. `rest` is what follows the header.
pub(crate) fn build(header: &SegmentHeader, rest: &[u8]) -> Vec<u8> {
    let marked = SegmentHeader { format: header.format | COMPRESSED, ..*header };
    let blocks = rest.chunks(BLOCK_BYTES);
    let count = blocks.len();
    let mut file = marked.encode().to_vec();
    for field in [number(VERSION), number(BLOCK_BYTES), number(count), [0; 4]] {
        file.extend_from_slice(&field);
    }
    let mut entry_at = file.len();
    file.resize(file.len() + count * ENTRY_BYTES, 0);
    let table_end = file.len();
    let mut room = vec![0; lz4_flex::block::get_maximum_output_size(BLOCK_BYTES)];
    for block in blocks {
        let stored = match lz4_flex::block::compress_into(block, &mut room) {
            Ok(length) if length < block.len() => &room[..length],
            // It never lacks room; were it to, the block would be kept as it is.
            Ok(_) | Err(_) => block,
        };
        file[entry_at..entry_at + 4].copy_from_slice(&number(stored.len()));
        file[entry_at + 4..entry_at + ENTRY_BYTES]
            .copy_from_slice(&number(crc32fast::hash(stored)));
        entry_at += ENTRY_BYTES;
        file.extend_from_slice(stored);
    }
    let sum = sum(&file[..table_end]);
    file[SUM_AT..START_BYTES].copy_from_slice(&number(sum));
    file
}

/// A number as it is written. All are far below 2^32: a segment's length is a `u32`.
fn number(value: impl TryInto<u32>) -> [u8; 4] {
    value.try_into().unwrap_or(u32::MAX).to_le_bytes()
}

/// The checksum of header and table, which leaves itself out.
fn sum(front: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&front[..SUM_AT]);
    hasher.update(&front[START_BYTES..]);
    hasher.finalize()
}

/// What the first bytes of a file are.
pub(crate) enum Front {
    /// Not those of a compressed segment.
    Plain,
    /// Too few to tell; so many are needed.
    More(usize),
    /// Those of a compressed segment.
    Layout(Layout),
}

/// Reads a part of a file.
pub(crate) type Read<'a, E> = dyn FnMut(u64, &mut [u8]) -> Result<(), E> + 'a;

/// Where the blocks are.
pub(crate) struct Layout {
    /// The header of the segment as it was.
    header: Vec<u8>,
    /// How long the segment was.
    length: u64,
    block_bytes: usize,
    blocks: Vec<Block>,
}

/// A block in the file.
struct Block {
    at: u64,
    stored: usize,
    sum: u32,
}

impl Layout {
    /// Reads the front of a file that is `file_length` bytes long.
    pub(crate) fn parse(front: &[u8], file_length: u64) -> Result<Front, Fault> {
        let ends_here = front.len() as u64 >= file_length;
        let Some(head) = front.get(..SEGMENT_HEADER_BYTES) else {
            if !ends_here {
                return Ok(Front::More(START_BYTES));
            }
            // Where only zeros are cut off, the header can still be read: it must not be taken for
            // that of a newer format.
            let mut head = front.to_vec();
            head.resize(SEGMENT_HEADER_BYTES, 0);
            return if is_compressed(&head) { Err(Fault::Table) } else { Ok(Front::Plain) };
        };
        if !is_compressed(head) {
            return Ok(Front::Plain);
        }
        let Some(fields) = front.get(SEGMENT_HEADER_BYTES..START_BYTES) else {
            return if ends_here { Err(Fault::Table) } else { Ok(Front::More(START_BYTES)) };
        };
        let (version, block_bytes) = (u32_at(fields, 0), wide(u32_at(fields, 4)));
        let (count, stated) = (wide(u32_at(fields, 8)), u32_at(fields, 12));
        if version != VERSION {
            return Err(Fault::Version { found: version });
        }
        let capacity = u32_at(head, CAPACITY_AT);
        let rest = wide(capacity).checked_sub(SEGMENT_HEADER_BYTES).ok_or(Fault::Table)?;
        let is_sane = (1..=BLOCK_BYTES_MAX).contains(&block_bytes);
        // What is read and allocated depends on it.
        if !is_sane || count != rest.div_ceil(block_bytes) {
            return Err(Fault::Table);
        }
        let table_end = START_BYTES.saturating_add(count.saturating_mul(ENTRY_BYTES));
        let Some(whole) = front.get(..table_end) else {
            let too_long = table_end as u64 > file_length;
            return if too_long { Err(Fault::Table) } else { Ok(Front::More(table_end)) };
        };
        if sum(whole) != stated {
            return Err(Fault::Table);
        }
        let mut at = table_end as u64;
        let blocks: Vec<Block> = whole[START_BYTES..]
            .chunks_exact(ENTRY_BYTES)
            .map(|entry| {
                let block = Block { at, stored: wide(u32_at(entry, 0)), sum: u32_at(entry, 4) };
                at = at.saturating_add(block.stored as u64);
                block
            })
            .collect();
        if blocks.iter().any(|block| block.stored > block_bytes) {
            return Err(Fault::Table);
        }
        if at != file_length {
            return Err(Fault::FileLength { stated: at, actual: file_length });
        }
        let length = u64::from(capacity);
        Ok(Front::Layout(Layout { header: unmarked(head), length, block_bytes, blocks }))
    }

    /// How long the segment was.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// How much of the file has to be read for the first bytes of the segment.
    pub(crate) fn file_bytes(&self, wanted: usize) -> usize {
        let blocks = wanted.saturating_sub(SEGMENT_HEADER_BYTES).div_ceil(self.block_bytes);
        let last = self.blocks[..blocks.min(self.blocks.len())].last();
        let end = last.map_or(0, |block| block.at.saturating_add(block.stored as u64));
        usize::try_from(end).unwrap_or(usize::MAX)
    }

    /// Puts the bytes of the segment from `from` on into `bytes`. `read` reads parts of the file.
    pub(crate) fn copy<E: From<Fault> + From<End>>(
        &self,
        from: u64,
        bytes: &mut [u8],
        read: &mut Read<'_, E>,
    ) -> Result<(), E> {
        let long = bytes.len() as u64;
        if from.checked_add(long).is_none_or(|end| end > self.length) {
            return Err(End.into());
        }
        let mut from = usize::try_from(from).map_err(|_| End)?;
        let (of_header, mut rest) =
            bytes.split_at_mut(SEGMENT_HEADER_BYTES.saturating_sub(from).min(bytes.len()));
        if !of_header.is_empty() {
            of_header.copy_from_slice(&self.header[from..from + of_header.len()]);
            from += of_header.len();
        }
        let (mut stored, mut block) = (Vec::new(), Vec::new());
        while !rest.is_empty() {
            let index = (from - SEGMENT_HEADER_BYTES) / self.block_bytes;
            let begin = SEGMENT_HEADER_BYTES + index * self.block_bytes;
            let length = self.block_bytes.min(wide_u64(self.length) - begin);
            let skip = from - begin;
            let (part, behind) = rest.split_at_mut((length - skip).min(rest.len()));
            let Block { at, stored: stored_bytes, sum } = self.blocks[index];
            stored.resize(stored_bytes, 0);
            read(at, &mut stored)?;
            let fault = Fault::Block { offset: begin as u64, at };
            if crc32fast::hash(&stored) != sum {
                return Err(fault.into());
            }
            if part.len() == length {
                decode(&stored, part).ok_or(fault)?;
            } else {
                block.resize(length, 0);
                decode(&stored, &mut block).ok_or(fault)?;
                part.copy_from_slice(&block[skip..skip + part.len()]);
            }
            from += part.len();
            rest = behind;
        }
        Ok(())
    }
}

/// More of a segment was asked for than there is.
pub(crate) struct End;

impl From<End> for Fault {
    /// Nobody asks for more of a whole segment than it says that it is long.
    fn from(_: End) -> Fault {
        Fault::Table
    }
}

impl From<End> for io::Error {
    fn from(_: End) -> io::Error {
        io::Error::from(io::ErrorKind::UnexpectedEof)
    }
}

/// Puts the bytes of one block into `block`; `None` if there are not exactly as many.
fn decode(stored: &[u8], block: &mut [u8]) -> Option<()> {
    if stored.len() == block.len() {
        block.copy_from_slice(stored);
        return Some(());
    }
    let length = lz4_flex::block::decompress_into(stored, block).ok()?;
    (length == block.len()).then_some(())
}

const FORMAT_AT: usize = 8;
const CAPACITY_AT: usize = 12;
const HEADER_SUM_AT: usize = 76;

/// The header of a segment as it was before the segment was compressed. Both copies are good.
fn unmarked(head: &[u8]) -> Vec<u8> {
    let mut header = head.to_vec();
    let format = u32_at(head, FORMAT_AT) & !COMPRESSED;
    header[FORMAT_AT..FORMAT_AT + 4].copy_from_slice(&number(format));
    let sum = crc32fast::hash(&header[..HEADER_SUM_AT]);
    header[HEADER_SUM_AT..HEADER_SUM_AT + 4].copy_from_slice(&number(sum));
    let copy = header[..SEGMENT_HEADER_BYTES / 2].to_vec();
    header[SEGMENT_HEADER_BYTES / 2..].copy_from_slice(&copy);
    header
}

/// The number at a place that the caller knows to be there.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(field)
}

/// A pointer of every supported machine has at least 32 bits.
fn wide(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn wide_u64(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
