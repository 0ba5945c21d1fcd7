//! The index of a segment: the commands that ended in it, to be found by id, session, type and
//! outcome. docs/journal-format.md, "History".
//!
//! It is derived data. It is read in pages that are checked one by one, so that a question costs
//! what it finds and not what there is. What it is made of are parts, which the [`head`] names: a
//! further kind of entry is a further [`head::Part`], and a reader that does not know it passes over
//! it.

mod blocks;
mod first;
mod head;
mod ids;
mod lists;

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use pi_server_core::input::HistoryFilter;
use pi_server_core::record::Cursor;
use pi_server_core::{Digest, Seq};

use super::entry::Entry;
use super::pages::{self, Damage, Owner, Pages};
use crate::journal::Archive;
use blocks::Blocks;
use head::{Head, Part};

/// Largest entry that is decoded: a command's envelope is part of a frame, but its ids are short.
const ENTRY_BYTES_MAX: usize = 1 << 20;

type Config = Configuration<LittleEndian, Varint, Limit<ENTRY_BYTES_MAX>>;
const CONFIG: Config = bincode::config::standard().with_limit::<ENTRY_BYTES_MAX>();

/// What a command can be found by, as the index has it: the first eight bytes of a BLAKE3.
fn key(what: u8, text: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[what]);
    hasher.update(text.as_bytes());
    let hash = hasher.finalize();
    hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn key_of_id(id: &str) -> u64 {
    key(b'i', id)
}

fn outcome_key(success: bool) -> u64 {
    key(b'o', if success { "succeeded" } else { "failed" })
}

/// The ids under which an entry is found, as keys.
fn ids_of(entry: &Entry) -> impl Iterator<Item = u64> {
    let settles = entry.settles().map(|id| key_of_id(id));
    [Some(key_of_id(&entry.id())), settles].into_iter().flatten()
}

/// The keys of the lists that an entry is in.
fn lists_of(entry: &Entry) -> impl Iterator<Item = u64> {
    let session = entry.session.as_deref().map(|session| key(b's', session));
    let outcome = entry.finished.as_ref().map(|(_, ending)| outcome_key(ending.failure.is_none()));
    let kind = key(b't', entry.envelope.kind.row().name);
    [session, outcome, Some(kind)].into_iter().flatten()
}

/// The keys of the lists in which an entry has to be, all of them.
fn lists_wanted(filter: &HistoryFilter) -> impl Iterator<Item = u64> {
    let HistoryFilter { session, kind, success, .. } = filter;
    let session = session.as_deref().map(|session| key(b's', session));
    let kind = kind.map(|kind| key(b't', kind.row().name));
    [session, kind, success.map(outcome_key)].into_iter().flatten()
}

/// The bytes of the index of the segment that ends at `end`.
pub(in crate::daemon) fn build(end: &Cursor, finished: impl IntoIterator<Item = Entry>) -> Vec<u8> {
    let mut entries: Vec<Entry> = finished.into_iter().collect();
    entries.sort_unstable_by_key(|entry| entry.command);
    let mut head = Head::of(end, &entries);
    let (mut ids, mut lists) = (ids::Writer::default(), lists::Writer::default());
    let mut blocks = blocks::Writer::default();
    // From here on an entry is in memory or encoded, and not both.
    for (row, entry) in (0..).zip(entries) {
        ids_of(&entry).for_each(|key| ids.add(key, row));
        lists_of(&entry).for_each(|key| lists.add(key, row));
        blocks.add(row, entry);
    }
    let (directory, contents) = blocks.finish();
    let (containers, rows) = lists.finish(head.rows);
    let parts = [
        (Part::Blocks, directory),
        (Part::Ids, ids.finish()),
        (Part::Containers, containers),
        (Part::Rows, rows),
        (Part::Entries, contents),
    ];
    let owner = Owner { journal: end.journal, segment: end.segment };
    let mut file = Vec::new();
    pages::write(
        owner,
        &head.encode(parts.iter().map(|(part, bytes)| (*part, bytes.len()))),
        &mut file,
    );
    for (_, bytes) in &parts {
        pages::write(owner, bytes, &mut file);
    }
    file
}

/// An open index.
pub(super) enum Index {
    /// Of a build before this one.
    First(first::Index),
    /// As this build writes it.
    Second(Second),
}

/// An open index of format 2.
pub(super) struct Second {
    pages: Pages,
    head: Head,
    blocks: Blocks,
}

impl Index {
    /// Opens the index of a segment. Only what is read of it is checked.
    ///
    /// # Errors
    /// It is not there, is damaged, or was made of another segment.
    pub(super) fn open(archive: &Archive, segment: u64) -> Result<Index, Damage> {
        let owner = Owner { journal: archive.journal(), segment };
        let pages = Pages::new(archive.open_index(segment).map_err(Damage::Io)?, owner);
        let tag = archive.tag_behind(segment).map_err(Damage::Io)?;
        match Head::read(&pages, owner)? {
            None => Ok(Index::First(first::Index::open(pages, owner, tag)?)),
            Some(head) => Ok(Index::Second(Second::open(pages, head, tag)?)),
        }
    }

    /// Checks every byte.
    ///
    /// # Errors
    /// One is not what was written.
    #[cfg(test)]
    pub(super) fn check(&self) -> Result<(), Damage> {
        match self {
            Index::First(index) => index.pages.check(),
            Index::Second(index) => index.pages.check(),
        }
    }

    /// The last input of the segment.
    pub(super) fn seq(&self) -> Seq {
        match self {
            Index::First(index) => index.seq(),
            Index::Second(index) => index.head.seq,
        }
    }

    /// The largest number of a command in it.
    pub(super) fn newest(&self) -> u64 {
        match self {
            Index::First(index) => index.newest(),
            Index::Second(index) => index.head.commands.1,
        }
    }

    /// Calls `found` with the commands that match, newest first, until it has had `wanted`, or one
    /// whose number is not above `floor` would be next.
    ///
    /// # Errors
    /// A part that is needed is damaged. What was found before is good.
    pub(super) fn search(
        &self,
        filter: &HistoryFilter,
        wanted: usize,
        floor: u64,
        found: &mut Vec<Entry>,
    ) -> Result<(), Damage> {
        match self {
            Index::First(index) => index.search(filter, wanted, floor, found),
            Index::Second(index) => index.search(filter, wanted, floor, found),
        }
    }
}

/// Rows in which something is found, ascending.
enum Candidates {
    Id(ids::Range),
    List(lists::Range),
}

impl Second {
    fn open(pages: Pages, head: Head, tag: Digest) -> Result<Second, Damage> {
        if tag != head.tag || head.pages() != pages.count()? {
            return Err(Damage::Content);
        }
        let part = |part| head.part(part).ok_or(Damage::Content);
        let blocks = Blocks::new(part(Part::Blocks)?, part(Part::Entries)?);
        Ok(Second { pages, head, blocks })
    }

    fn search(
        &self,
        filter: &HistoryFilter,
        wanted: usize,
        floor: u64,
        found: &mut Vec<Entry>,
    ) -> Result<(), Damage> {
        let (from, to) = (filter.from_ms.unwrap_or(0), filter.to_ms.unwrap_or(u64::MAX));
        if self.head.rows == 0 || self.head.times.1 < from || self.head.times.0 > to {
            return Ok(());
        }
        let mut candidates = self.candidates(filter)?;
        let mut end = match filter.before {
            Some(before) => self.blocks.rows_before(&self.pages, before.0)?,
            None => self.head.rows,
        };
        let mut count = 0;
        while count < wanted
            && let Some(row) = self.last_common(&mut candidates, end)?
        {
            end = row;
            let block = self.blocks.of_row(&self.pages, row)?;
            if block.times.1 < from || block.times.0 > to {
                end = block.first_row;
                continue;
            }
            let entry = self.blocks.entry(&self.pages, &block, row)?;
            if entry.command.0 <= floor {
                break;
            }
            if entry.matches(filter) {
                found.push(entry);
                count += 1;
            }
        }
        Ok(())
    }

    fn candidates(&self, filter: &HistoryFilter) -> Result<Vec<Candidates>, Damage> {
        let mut candidates = Vec::new();
        if let Some(id) = &filter.command {
            let part = self.head.part(Part::Ids).ok_or(Damage::Content)?;
            let range = ids::Range::find(&self.pages, part, key_of_id(id))?;
            candidates.push(Candidates::Id(range));
        }
        for key in lists_wanted(filter) {
            let part = |part| self.head.part(part).ok_or(Damage::Content);
            let (containers, rows) = (part(Part::Containers)?, part(Part::Rows)?);
            let range = lists::Range::find(&self.pages, (containers, rows), self.head.rows, key)?;
            candidates.push(Candidates::List(range));
        }
        Ok(candidates)
    }

    /// The largest row below `end` that all candidates have.
    fn last_common(&self, all: &mut [Candidates], end: u64) -> Result<Option<u64>, Damage> {
        let Some(mut candidate) = end.checked_sub(1) else { return Ok(None) };
        let (mut agreed, mut turn) = (0, 0);
        while agreed < all.len() {
            let last = match &mut all[turn] {
                Candidates::Id(range) => range.last(&self.pages, candidate)?,
                Candidates::List(range) => range.last(&self.pages, candidate)?,
            };
            let Some(row) = last else { return Ok(None) };
            agreed = if row == candidate { agreed + 1 } else { 1 };
            candidate = row;
            turn = (turn + 1) % all.len();
        }
        Ok(Some(candidate))
    }
}

#[cfg(test)]
pub(in crate::daemon) use first::build as build_first;

#[cfg(test)]
mod tests;
