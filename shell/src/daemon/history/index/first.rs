//! Format 1 of an index: rows, keys and entries of fixed form. No build writes it any more; what is
//! there is read until it goes with its segment. docs/journal-format.md, "History".

use pi_server_core::input::HistoryFilter;
use pi_server_core::record::JournalId;
use pi_server_core::{Digest, Seq};

use super::super::entry::Entry;
use super::super::pages::{self, Damage, Owner, Pages, Region};
use super::{CONFIG, ENTRY_BYTES_MAX, key_of_id, lists_wanted};

const MAGIC: [u8; 8] = *b"pi-hist1";
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 120;
const ROW_BYTES: u64 = 24;
const KEY_BYTES: u64 = 12;

/// The keys that all have to fit.
fn keys_wanted(filter: &HistoryFilter) -> Vec<u64> {
    filter.command.as_deref().map(key_of_id).into_iter().chain(lists_wanted(filter)).collect()
}

/// The bytes of the index of the segment that ends at `end`, as builds before wrote it.
#[cfg(test)]
pub(in crate::daemon) fn build(
    end: &pi_server_core::record::Cursor,
    finished: impl IntoIterator<Item = Entry>,
) -> Vec<u8> {
    let mut entries: Vec<Entry> = finished.into_iter().collect();
    entries.sort_unstable_by_key(|entry| entry.command);
    let (mut rows, mut keys, mut heap) = (Vec::new(), Vec::new(), Vec::new());
    let mut times = (u64::MAX, 0);
    for (number, entry) in entries.iter().enumerate() {
        let at = entry.latest().1.at.millis();
        times = (times.0.min(at), times.1.max(at));
        // Encoding into a growing vector has no way to fail.
        let bytes = bincode::encode_to_vec(entry, CONFIG).unwrap_or_default();
        rows.extend_from_slice(&entry.command.0.to_le_bytes());
        rows.extend_from_slice(&at.to_le_bytes());
        for number in [heap.len(), bytes.len()] {
            rows.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
        }
        heap.extend_from_slice(&bytes);
        let row = u32::try_from(number).unwrap_or(u32::MAX);
        keys.extend(super::ids_of(entry).chain(super::lists_of(entry)).map(|key| (key, row)));
    }
    keys.sort_unstable();
    let commands = entries.first().map_or(0, |first| first.command.0)
        ..entries.last().map_or(0, |last| last.command.0);
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.extend_from_slice(&MAGIC);
    head.extend_from_slice(&VERSION.to_le_bytes());
    head.extend_from_slice(&[0; 4]);
    head.extend_from_slice(&end.journal.0);
    head.extend_from_slice(&end.segment.to_le_bytes());
    head.extend_from_slice(&end.seq.0.to_le_bytes());
    head.extend_from_slice(&end.tag.0);
    let counts = [entries.len() as u64, keys.len() as u64, heap.len() as u64];
    for number in counts.into_iter().chain([commands.start, commands.end, times.0, times.1]) {
        head.extend_from_slice(&number.to_le_bytes());
    }
    let packed: Vec<u8> = keys
        .iter()
        .flat_map(|(key, row)| key.to_le_bytes().into_iter().chain(row.to_le_bytes()))
        .collect();
    let owner = Owner { journal: end.journal, segment: end.segment };
    let mut file = Vec::new();
    for content in [&head, &rows, &packed, &heap] {
        pages::write(owner, content, &mut file);
    }
    file
}

/// What the first page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    seq: Seq,
    tag: Digest,
    rows: u64,
    keys: u64,
    heap: u64,
    commands: (u64, u64),
    times: (u64, u64),
}

impl Head {
    fn parse(bytes: &[u8; HEAD_BYTES], owner: Owner) -> Option<Head> {
        let number = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let is_ours = bytes[..8] == MAGIC
            && bytes[8..12] == VERSION.to_le_bytes()
            && bytes[12..16] == [0; 4]
            && JournalId(*bytes[16..].first_chunk()?) == owner.journal
            && number(32)? == owner.segment;
        is_ours.then_some(Head {
            seq: Seq(number(40)?),
            tag: Digest(*bytes[48..].first_chunk()?),
            rows: number(64)?,
            keys: number(72)?,
            heap: number(80)?,
            commands: (number(88)?, number(96)?),
            times: (number(104)?, number(112)?),
        })
    }
}

/// An open index.
pub(in crate::daemon::history) struct Index {
    pub(super) pages: Pages,
    head: Head,
    rows: Region,
    keys: Region,
    heap: Region,
}

/// One row.
#[derive(Clone, Copy, Debug)]
struct Row {
    command: u64,
    at_ms: u64,
    offset: u32,
    length: u32,
}

impl Index {
    /// Opens an index whose segment ends with this chain tag. Only what is read of it is checked.
    ///
    /// # Errors
    /// It is damaged, or was made of another segment.
    pub(super) fn open(pages: Pages, owner: Owner, tag: Digest) -> Result<Index, Damage> {
        let mut bytes = [0; HEAD_BYTES];
        pages.read(Region { page: 0, bytes: HEAD_BYTES as u64 }, 0, &mut bytes)?;
        let head = Head::parse(&bytes, owner).ok_or(Damage::Content)?;
        let size = |count: u64, item: u64| count.checked_mul(item).ok_or(Damage::Content);
        let rows = Region { page: 1, bytes: size(head.rows, ROW_BYTES)? };
        let after = |region: Region, bytes| Region {
            page: region.page + pages::pages_of(region.bytes),
            bytes,
        };
        let keys = after(rows, size(head.keys, KEY_BYTES)?);
        let heap = after(keys, head.heap);
        if tag != head.tag || after(heap, 0).page != pages.count()? {
            return Err(Damage::Content);
        }
        Ok(Index { pages, head, rows, keys, heap })
    }

    /// The last input of the segment.
    pub(super) fn seq(&self) -> Seq {
        self.head.seq
    }

    /// The largest number of a command in it.
    pub(super) fn newest(&self) -> u64 {
        self.head.commands.1
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
        let (from, to) = (filter.from_ms.unwrap_or(0), filter.to_ms.unwrap_or(u64::MAX));
        if self.head.rows == 0 || self.head.times.1 < from || self.head.times.0 > to {
            return Ok(());
        }
        let mut lists = Vec::new();
        for key in keys_wanted(filter) {
            lists.push((self.lower_bound(key, 0)?, self.lower_bound(key, u64::from(u32::MAX))?));
        }
        let mut end = match filter.before {
            Some(before) => self.rows_before(before.0)?,
            None => self.head.rows,
        };
        let mut count = 0;
        while count < wanted
            && let Some(number) = self.last_common(&mut lists, end)?
        {
            end = number;
            let row = self.row(number)?;
            if row.command <= floor {
                break;
            }
            if row.at_ms < from || row.at_ms > to {
                continue;
            }
            let entry = self.entry(row)?;
            if entry.matches(filter) {
                found.push(entry);
                count += 1;
            }
        }
        Ok(())
    }

    /// The largest row below `end` that is in all lists, each a range of keys, which are shortened
    /// on the way.
    fn last_common(&self, lists: &mut [(u64, u64)], end: u64) -> Result<Option<u64>, Damage> {
        let Some(mut candidate) = end.checked_sub(1) else { return Ok(None) };
        let mut agreed = 0;
        let mut turn = 0;
        while agreed < lists.len() {
            let list = &mut lists[turn];
            list.1 = self.end_of(*list, candidate)?;
            let Some(last) = list.1.checked_sub(1).filter(|last| *last >= list.0) else {
                return Ok(None);
            };
            let row = self.key(last)?.1;
            agreed = if row == candidate { agreed + 1 } else { 1 };
            candidate = row;
            turn = (turn + 1) % lists.len();
        }
        Ok(Some(candidate))
    }

    /// The end of those keys in a range whose rows are at most `row`: most often one step away, so
    /// steps get longer only while they have to.
    fn end_of(&self, (from, to): (u64, u64), row: u64) -> Result<u64, Damage> {
        let (mut low, mut high, mut step) = (to, to, 1);
        while low > from && self.key(low - 1)?.1 > row {
            high = low - 1;
            low = low.saturating_sub(step).max(from);
            step *= 2;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if self.key(middle)?.1 <= row { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    /// The first key that is at least this one.
    fn lower_bound(&self, key: u64, row: u64) -> Result<u64, Damage> {
        let (mut low, mut high) = (0, self.head.keys);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.key(middle)? < (key, row) { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    /// How many rows have a command before this one.
    fn rows_before(&self, command: u64) -> Result<u64, Damage> {
        let (mut low, mut high) = (0, self.head.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.row(middle)?.command < command { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    fn key(&self, number: u64) -> Result<(u64, u64), Damage> {
        let mut bytes = [0; 12];
        self.pages.read(self.keys, number * KEY_BYTES, &mut bytes)?;
        let key = bytes.first_chunk().map_or(0, |key| u64::from_le_bytes(*key));
        let row = bytes.last_chunk().map_or(0, |row| u32::from_le_bytes(*row));
        Ok((key, u64::from(row)))
    }

    fn row(&self, number: u64) -> Result<Row, Damage> {
        let mut bytes = [0; 24];
        self.pages.read(self.rows, number.saturating_mul(ROW_BYTES), &mut bytes)?;
        let wide = |at: usize| bytes[at..].first_chunk().map_or(0, |it| u64::from_le_bytes(*it));
        let narrow = |at: usize| bytes[at..].first_chunk().map_or(0, |it| u32::from_le_bytes(*it));
        Ok(Row { command: wide(0), at_ms: wide(8), offset: narrow(16), length: narrow(20) })
    }

    fn entry(&self, row: Row) -> Result<Entry, Damage> {
        let length = usize::try_from(row.length).map_err(|_| Damage::Content)?;
        if length > ENTRY_BYTES_MAX {
            return Err(Damage::Content);
        }
        let mut bytes = vec![0; length];
        self.pages.read(self.heap, u64::from(row.offset), &mut bytes)?;
        match bincode::decode_from_slice::<Entry, _>(&bytes, CONFIG) {
            Ok((entry, used)) if used == length && entry.command.0 == row.command => Ok(entry),
            Ok(_) | Err(_) => Err(Damage::Content),
        }
    }
}
