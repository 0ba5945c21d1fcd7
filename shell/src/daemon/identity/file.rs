//! The file of the ids of one segment: every mutation with an id that ended in it, with its outcome.
//! docs/journal-format.md, "Ids".
//!
//! It is derived data. It is read in pages that are checked one by one, so that a search costs a few
//! of them.

use pi_server_core::record::{Cursor, JournalId};
use pi_server_core::{Digest, Seq};

use super::super::history::pages::{self, Damage, Owner, Pages, Region};
use super::remembered::{Found, Remembered, Trail};
use super::stored;
use crate::journal::Archive;

const MAGIC: [u8; 8] = *b"pi-ids-1";
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 80;
/// Of a page's 4,080 bytes of content, so that no row is split.
const ROW_BYTES: u64 = 24;
/// The bytes of the file of the segment that ends at `end`. `facts` each come with the hash of their
/// id, those of one id oldest first.
pub(in crate::daemon) fn build(end: &Cursor, mut facts: Vec<(u64, Remembered)>) -> Vec<u8> {
    // Stable: the facts of one id stay in their order.
    facts.sort_by_key(|(hash, _)| *hash);
    let (mut rows, mut heap) = (Vec::new(), Vec::new());
    for (hash, fact) in &facts {
        let bytes = stored::encode(fact);
        rows.extend_from_slice(&hash.to_le_bytes());
        rows.extend_from_slice(&(heap.len() as u64).to_le_bytes());
        rows.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        heap.extend_from_slice(&bytes);
    }
    write(end.journal, end.segment, (end.seq, end.tag), &rows, &heap)
}

/// The bytes of the file of a segment that cannot be read any more: it has no ids. The journal does
/// not hold what cannot be read.
pub(in crate::daemon) fn unreadable(journal: JournalId, segment: u64, tag: Digest) -> Vec<u8> {
    write(journal, segment, (Seq(0), tag), &[], &[])
}

fn write(
    journal: JournalId,
    segment: u64,
    (seq, tag): (Seq, Digest),
    rows: &[u8],
    heap: &[u8],
) -> Vec<u8> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.extend_from_slice(&MAGIC);
    head.extend_from_slice(&VERSION.to_le_bytes());
    head.extend_from_slice(&[0; 4]);
    head.extend_from_slice(&journal.0);
    head.extend_from_slice(&segment.to_le_bytes());
    head.extend_from_slice(&seq.0.to_le_bytes());
    head.extend_from_slice(&tag.0);
    head.extend_from_slice(&(rows.len() as u64 / ROW_BYTES).to_le_bytes());
    head.extend_from_slice(&(heap.len() as u64).to_le_bytes());
    let owner = Owner { journal, segment };
    let mut file = Vec::new();
    for content in [&head, rows, heap] {
        pages::write(owner, content, &mut file);
    }
    file
}

/// An open file.
pub(in crate::daemon) struct IdFile {
    pages: Pages,
    count: u64,
    rows: Region,
    heap: Region,
}

/// One row: where the fact of an id lies.
struct Row {
    hash: u64,
    offset: u64,
    length: u64,
}

impl IdFile {
    /// Opens the file of a segment. Only what is read of it is checked.
    ///
    /// # Errors
    /// It is not there, is damaged, or was made of another segment.
    pub(in crate::daemon) fn open(archive: &Archive, segment: u64) -> Result<IdFile, Damage> {
        let owner = Owner { journal: archive.journal(), segment };
        let pages = Pages::new(archive.open_ids(segment).map_err(Damage::Io)?, owner);
        let mut head = [0; HEAD_BYTES];
        pages.read(Region { page: 0, bytes: HEAD_BYTES as u64 }, 0, &mut head)?;
        let number = |at: usize| {
            let bytes = head.get(at..).and_then(|bytes| bytes.first_chunk());
            bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
        };
        let tag = archive.tag_behind(segment).map_err(Damage::Io)?;
        let is_ours = head[..8] == MAGIC
            && head[8..12] == VERSION.to_le_bytes()
            && head[12..16] == [0; 4]
            && head[16..32] == owner.journal.0
            && number(32) == segment
            && head[48..64] == tag.0;
        let count = number(64);
        let bytes = count.checked_mul(ROW_BYTES).filter(|_| is_ours).ok_or(Damage::Content)?;
        let rows = Region { page: 1, bytes };
        let heap = Region { page: 1 + pages::pages_of(bytes), bytes: number(72) };
        if heap.page.checked_add(pages::pages_of(heap.bytes)) != Some(pages.count()?) {
            return Err(Damage::Content);
        }
        Ok(IdFile { pages, count, rows, heap })
    }

    /// How many facts it has.
    pub(in crate::daemon) fn count(&self) -> u64 {
        self.count
    }

    /// Calls `each` with the hash of every id in it, ascending.
    ///
    /// # Errors
    /// A part of it is damaged.
    pub(in crate::daemon) fn hashes(&self, mut each: impl FnMut(u64)) -> Result<(), Damage> {
        (0..self.count).try_for_each(|number| self.row(number).map(|row| each(row.hash)))
    }

    /// The answer of an id, if its end is in the file; what is known of it otherwise is in the
    /// trail.
    ///
    /// # Errors
    /// A part that is needed is damaged.
    pub(in crate::daemon) fn find(
        &self,
        hash: u64,
        client: &str,
        id: &str,
        trail: &mut Trail,
    ) -> Result<Option<Found>, Damage> {
        let mut end = self.rows_upto(hash)?;
        while let Some(number) = end.checked_sub(1) {
            end = number;
            let row = self.row(number)?;
            if row.hash != hash {
                break;
            }
            let fact = self.fact(&row)?;
            if fact.is_about(client, id)
                && let Some(found) = trail.follow(&fact.fact)
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// How many rows have at most this hash.
    fn rows_upto(&self, hash: u64) -> Result<u64, Damage> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.row(middle)?.hash <= hash { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    fn row(&self, number: u64) -> Result<Row, Damage> {
        let mut bytes = [0; 24];
        self.pages.read(self.rows, number.saturating_mul(ROW_BYTES), &mut bytes)?;
        let wide = |at: usize| bytes[at..].first_chunk().map_or(0, |it| u64::from_le_bytes(*it));
        Ok(Row { hash: wide(0), offset: wide(8), length: wide(16) })
    }

    fn fact(&self, row: &Row) -> Result<Remembered, Damage> {
        let length = usize::try_from(row.length).map_err(|_| Damage::Content)?;
        if length > stored::FACT_BYTES_MAX {
            return Err(Damage::Content);
        }
        let mut bytes = vec![0; length];
        self.pages.read(self.heap, row.offset, &mut bytes)?;
        stored::decode(&bytes).ok_or(Damage::Content)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What is read of a fact that was written.
    pub(in super::super) fn written(fact: &Remembered) -> Remembered {
        stored::decode(&stored::encode(fact)).expect("a fact")
    }
}
