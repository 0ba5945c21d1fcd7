//! A file in pages, each of which is checked when it is read: whatever part of it a question needs,
//! nothing unchecked is ever answered from. docs/journal-format.md, "History".
//!
//! ```text
//! page: 4080 bytes │ segment u64 │ number of the page u32 │ CRC32 of journal id and all before
//! ```

use std::cell::RefCell;
use std::fmt;
use std::io;

use pi_server_core::record::JournalId;

use crate::journal::storage::Kept;

/// Bytes of a page.
pub(in crate::daemon) const PAGE_BYTES: usize = 4096;
/// Bytes of a page that are content: a multiple of 4, 12 and 24, so that no item is split.
pub(in crate::daemon) const CONTENT_BYTES: usize = 4080;
const CRC_AT: usize = PAGE_BYTES - 4;

/// Why a file cannot be used.
#[derive(Debug)]
pub(in crate::daemon) enum Damage {
    /// It is not there, or cannot be read.
    Io(io::Error),
    /// A page is not what was written.
    Page(u32),
    /// What the pages hold makes no sense, or belongs elsewhere.
    Content,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Io(error) => error.fmt(f),
            Damage::Page(number) => write!(f, "the checksum of page {number} is wrong"),
            Damage::Content => f.write_str("it belongs elsewhere or makes no sense"),
        }
    }
}

/// Which file a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::daemon) struct Owner {
    pub(in crate::daemon) journal: JournalId,
    pub(in crate::daemon) segment: u64,
}

/// Appends pages with this content.
pub(in crate::daemon) fn write(owner: Owner, content: &[u8], file: &mut Vec<u8>) {
    for part in content.chunks(CONTENT_BYTES) {
        let number = u32::try_from(file.len() / PAGE_BYTES).unwrap_or(u32::MAX);
        let begin = file.len();
        file.extend_from_slice(part);
        file.resize(begin + CONTENT_BYTES, 0);
        file.extend_from_slice(&owner.segment.to_le_bytes());
        file.extend_from_slice(&number.to_le_bytes());
        let sum = checksum(owner.journal, &file[begin..]);
        file.extend_from_slice(&sum.to_le_bytes());
    }
}

/// How many pages this much content takes.
pub(in crate::daemon) fn pages_of(bytes: u64) -> u64 {
    bytes.div_ceil(CONTENT_BYTES as u64)
}

fn checksum(journal: JournalId, page: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&journal.0);
    sum.update(page);
    sum.finalize()
}

/// A part of a file: its first page, and its length in bytes of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::daemon) struct Region {
    pub(in crate::daemon) page: u64,
    pub(in crate::daemon) bytes: u64,
}

/// An open file. The last page of each region that was read is kept, as the next read wants it
/// more often than not.
pub(in crate::daemon) struct Pages {
    file: Box<dyn Kept>,
    owner: Owner,
    recent: RefCell<Vec<(u64, Vec<u8>)>>,
}

/// Pages that are kept of an open file.
const RECENT_MAX: usize = 8;

impl Pages {
    pub(in crate::daemon) fn new(file: Box<dyn Kept>, owner: Owner) -> Pages {
        Pages { file, owner, recent: RefCell::new(Vec::new()) }
    }

    /// How many there are.
    ///
    /// # Errors
    /// The file does not end with a page.
    pub(in crate::daemon) fn count(&self) -> Result<u64, Damage> {
        let page = PAGE_BYTES as u64;
        let length = self.file.length();
        if length.is_multiple_of(page) { Ok(length / page) } else { Err(Damage::Content) }
    }

    /// Reads content of a region from `at` on, as much as `bytes` has.
    ///
    /// # Errors
    /// It is not there, or not what was written.
    pub(in crate::daemon) fn read(
        &self,
        region: Region,
        at: u64,
        bytes: &mut [u8],
    ) -> Result<(), Damage> {
        let end = at.checked_add(bytes.len() as u64).ok_or(Damage::Content)?;
        if end > region.bytes {
            return Err(Damage::Content);
        }
        let (mut at, mut bytes) = (at, bytes);
        while !bytes.is_empty() {
            let inside = usize::try_from(at % CONTENT_BYTES as u64).map_err(|_| Damage::Content)?;
            let length = bytes.len().min(CONTENT_BYTES - inside);
            let (part, rest) = bytes.split_at_mut(length);
            self.with_page(region.page + at / CONTENT_BYTES as u64, |content| {
                part.copy_from_slice(&content[inside..inside + length]);
            })?;
            bytes = rest;
            at += length as u64;
        }
        Ok(())
    }

    /// Checks every page.
    ///
    /// # Errors
    /// One is not what was written.
    #[cfg(test)]
    pub(in crate::daemon) fn check(&self) -> Result<(), Damage> {
        (0..self.count()?).try_for_each(|page| self.with_page(page, |_| ()))
    }

    fn with_page<T>(&self, number: u64, read: impl FnOnce(&[u8]) -> T) -> Result<T, Damage> {
        let mut recent = self.recent.borrow_mut();
        if let Some((_, page)) = recent.iter().find(|(kept, _)| *kept == number) {
            return Ok(read(&page[..CONTENT_BYTES]));
        }
        let mut page = if recent.len() < RECENT_MAX { Vec::new() } else { recent.remove(0).1 };
        page.resize(PAGE_BYTES, 0);
        let at = number.checked_mul(PAGE_BYTES as u64).ok_or(Damage::Content)?;
        self.file.read_at(at, &mut page).map_err(Damage::Io)?;
        let told = u32::try_from(number).map_err(|_| Damage::Content)?;
        let mut tail = Vec::with_capacity(PAGE_BYTES - CONTENT_BYTES);
        tail.extend_from_slice(&self.owner.segment.to_le_bytes());
        tail.extend_from_slice(&told.to_le_bytes());
        tail.extend_from_slice(&checksum(self.owner.journal, &page[..CRC_AT]).to_le_bytes());
        if page[CONTENT_BYTES..] != tail {
            return Err(Damage::Page(told));
        }
        let result = read(&page[..CONTENT_BYTES]);
        recent.push((number, page));
        Ok(result)
    }
}
