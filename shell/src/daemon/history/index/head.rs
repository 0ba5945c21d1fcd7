//! The first page of an index: what it is of, and where its parts are.

use pi_server_core::record::{Cursor, JournalId};
use pi_server_core::{Digest, Seq};

use super::super::entry::Entry;
use super::super::pages::{self, CONTENT_BYTES, Damage, Owner, Pages, Region};

const MAGIC: [u8; 8] = *b"pi-hist2";
const VERSION: u32 = 2;
/// Where the table of parts begins.
const TABLE_AT: usize = 104;
const PART_BYTES: usize = 24;

/// A part of an index. The numbers are those in the file; each part begins a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Part {
    /// Of each block of entries, where it is and what range it has.
    Blocks = 1,
    /// Ids of commands, in the order of their hashes.
    Ids = 2,
    /// Of each container of a list, where it is.
    Containers = 3,
    /// What is in the containers.
    Rows = 4,
    /// Blocks of entries.
    Entries = 5,
}

/// What the first page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    owner: Owner,
    pub(super) seq: Seq,
    pub(super) tag: Digest,
    pub(super) rows: u64,
    /// The first and the last command.
    pub(super) commands: (u64, u64),
    /// The smallest and the largest time, in milliseconds.
    pub(super) times: (u64, u64),
    /// Numbers of parts, those that this build does not know included, and where they are.
    parts: Vec<(u32, Region)>,
}

impl Head {
    /// The head of an index of these entries, which are in order; without parts.
    pub(super) fn of(end: &Cursor, entries: &[Entry]) -> Head {
        let times = entries.iter().map(|entry| entry.latest().1.at.millis());
        let number = |entry: Option<&Entry>| entry.map_or(0, |entry| entry.command.0);
        Head {
            owner: Owner { journal: end.journal, segment: end.segment },
            seq: end.seq,
            tag: end.tag,
            rows: entries.len() as u64,
            commands: (number(entries.first()), number(entries.last())),
            times: (times.clone().min().unwrap_or(u64::MAX), times.max().unwrap_or(0)),
            parts: Vec::new(),
        }
    }

    /// The content of the first page, with parts of these lengths, which follow one another.
    pub(super) fn encode(&mut self, parts: impl Iterator<Item = (Part, usize)>) -> Vec<u8> {
        let mut page = 1;
        for (part, bytes) in parts {
            let region = Region { page, bytes: bytes as u64 };
            self.parts.push((part as u32, region));
            page += pages::pages_of(region.bytes);
        }
        let mut head = Vec::with_capacity(CONTENT_BYTES);
        head.extend_from_slice(&MAGIC);
        head.extend_from_slice(&VERSION.to_le_bytes());
        // There are a handful.
        head.extend_from_slice(&u32::try_from(self.parts.len()).unwrap_or(u32::MAX).to_le_bytes());
        head.extend_from_slice(&self.owner.journal.0);
        head.extend_from_slice(&self.owner.segment.to_le_bytes());
        head.extend_from_slice(&self.seq.0.to_le_bytes());
        head.extend_from_slice(&self.tag.0);
        let (commands, times) = (self.commands, self.times);
        for number in [self.rows, commands.0, commands.1, times.0, times.1] {
            head.extend_from_slice(&number.to_le_bytes());
        }
        for (part, region) in &self.parts {
            head.extend_from_slice(&u64::from(*part).to_le_bytes());
            head.extend_from_slice(&region.page.to_le_bytes());
            head.extend_from_slice(&region.bytes.to_le_bytes());
        }
        head
    }

    /// Reads the first page; `None` if it is of another format.
    pub(super) fn read(pages: &Pages, owner: Owner) -> Result<Option<Head>, Damage> {
        let mut bytes = [0; CONTENT_BYTES];
        pages.read(Region { page: 0, bytes: CONTENT_BYTES as u64 }, 0, &mut bytes)?;
        if bytes[..8] != MAGIC {
            return Ok(None);
        }
        Head::parse(&bytes, owner).map(Some).ok_or(Damage::Content)
    }

    fn parse(bytes: &[u8], owner: Owner) -> Option<Head> {
        let number = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let small = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let is_ours = small(8)? == VERSION
            && JournalId(*bytes.get(16..)?.first_chunk()?) == owner.journal
            && number(32)? == owner.segment;
        if !is_ours {
            return None;
        }
        let mut parts = Vec::new();
        for place in 0..usize::try_from(small(12)?).ok()? {
            let at = TABLE_AT.checked_add(place.checked_mul(PART_BYTES)?)?;
            let region = Region { page: number(at + 8)?, bytes: number(at + 16)? };
            region.page.checked_add(pages::pages_of(region.bytes))?;
            parts.push((small(at)?, region));
        }
        Some(Head {
            owner,
            seq: Seq(number(40)?),
            tag: Digest(*bytes.get(48..)?.first_chunk()?),
            rows: number(64)?,
            commands: (number(72)?, number(80)?),
            times: (number(88)?, number(96)?),
            parts,
        })
    }

    /// Where a part is; `None` if the build that wrote the index did not know it.
    pub(super) fn part(&self, part: Part) -> Option<Region> {
        self.parts.iter().find(|(number, _)| *number == part as u32).map(|(_, region)| *region)
    }

    /// How many pages there are.
    pub(super) fn pages(&self) -> u64 {
        let ends = self.parts.iter().map(|(_, region)| region.page + pages::pages_of(region.bytes));
        ends.max().unwrap_or(1)
    }
}
