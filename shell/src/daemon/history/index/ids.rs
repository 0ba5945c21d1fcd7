//! Where a command is by its id: hash u32, row u32, ascending. A hash only finds candidates.

use super::super::pages::{Damage, Pages, Region};

const ITEM_BYTES: u64 = 8;

/// What of a key is kept: few of the ids of a segment agree in it by chance.
fn hash(key: u64) -> u32 {
    u32::try_from(key >> 32).unwrap_or(0)
}

/// Collects ids.
#[derive(Default)]
pub(super) struct Writer(Vec<(u32, u32)>);

impl Writer {
    pub(super) fn add(&mut self, key: u64, row: u32) {
        self.0.push((hash(key), row));
    }

    /// The bytes of the part.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.sort_unstable();
        let items = self.0.iter();
        items.flat_map(|(hash, row)| [hash.to_le_bytes(), row.to_le_bytes()]).flatten().collect()
    }
}

/// The items of one hash.
pub(super) struct Range {
    part: Region,
    from: u64,
    /// Behind the last that is of interest.
    to: u64,
}

impl Range {
    /// Finds the items of a key.
    pub(super) fn find(pages: &Pages, part: Region, key: u64) -> Result<Range, Damage> {
        let mut range = Range { part, from: 0, to: part.bytes / ITEM_BYTES };
        let wanted = u64::from(hash(key));
        range.from = range.first(pages, (wanted, 0))?;
        range.to = range.first(pages, (wanted + 1, 0))?;
        Ok(range)
    }

    /// The largest row that is at most this one. Those above it are passed over from here on.
    pub(super) fn last(&mut self, pages: &Pages, row: u64) -> Result<Option<u64>, Damage> {
        // Most often one step away, so steps get longer only while they have to.
        let (mut low, mut high, mut step) = (self.to, self.to, 1);
        while low > self.from && self.item(pages, low - 1)?.1 > row {
            high = low - 1;
            low = low.saturating_sub(step).max(self.from);
            step *= 2;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if self.item(pages, middle)?.1 <= row { low = middle + 1 } else { high = middle }
        }
        self.to = low;
        match self.to.checked_sub(1).filter(|last| *last >= self.from) {
            Some(last) => Ok(Some(self.item(pages, last)?.1)),
            None => Ok(None),
        }
    }

    /// The place of the first item that is at least this one.
    fn first(&self, pages: &Pages, item: (u64, u64)) -> Result<u64, Damage> {
        let (mut low, mut high) = (0, self.part.bytes / ITEM_BYTES);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.item(pages, middle)? < item { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    fn item(&self, pages: &Pages, place: u64) -> Result<(u64, u64), Damage> {
        let mut bytes = [0; 8];
        pages.read(self.part, place * ITEM_BYTES, &mut bytes)?;
        let number = u64::from_le_bytes(bytes);
        Ok((number & u64::from(u32::MAX), number >> 32))
    }
}
