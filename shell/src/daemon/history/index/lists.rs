//! Which commands are of a session, of a type, or ended in a way: of each key, its rows in
//! containers of [`SPAN`] rows. A container is a bit for each row where many are in it, else two
//! bytes for each that is.

use std::collections::BTreeMap;

use super::super::pages::{Damage, Pages, Region};

/// Rows of a container.
const SPAN: u32 = 1 << 15;
/// Of a container: key u64, which of the containers u32, rows in it u32, offset of its bytes u32.
const ITEM_BYTES: u64 = 20;

/// How long the bits of a container are, in an index of so many rows.
fn bits_bytes(rows: u64, high: u32) -> u64 {
    let first = u64::from(high) * u64::from(SPAN);
    rows.saturating_sub(first).min(u64::from(SPAN)).div_ceil(8)
}

/// Whether a container is bits.
fn is_bits(rows: u64, high: u32, count: u32) -> bool {
    u64::from(count) * 2 > bits_bytes(rows, high)
}

/// Collects rows, which come in ascending order.
#[derive(Default)]
pub(super) struct Writer(BTreeMap<(u64, u32), Vec<u16>>);

impl Writer {
    pub(super) fn add(&mut self, key: u64, row: u32) {
        let low = u16::try_from(row % SPAN).unwrap_or(0);
        self.0.entry((key, row / SPAN)).or_default().push(low);
    }

    /// The bytes of both parts: where each container is, and what is in them.
    pub(super) fn finish(self, rows: u64) -> (Vec<u8>, Vec<u8>) {
        let (mut containers, mut bytes) = (Vec::new(), Vec::new());
        for ((key, high), lows) in self.0 {
            let count = u32::try_from(lows.len()).unwrap_or(u32::MAX);
            containers.extend_from_slice(&key.to_le_bytes());
            for number in [high, count, u32::try_from(bytes.len()).unwrap_or(u32::MAX)] {
                containers.extend_from_slice(&number.to_le_bytes());
            }
            if is_bits(rows, high, count) {
                let mut bits = vec![0; usize::try_from(bits_bytes(rows, high)).unwrap_or(0)];
                for low in lows {
                    bits[usize::from(low / 8)] |= 1 << (low % 8);
                }
                bytes.extend_from_slice(&bits);
            } else {
                bytes.extend(lows.iter().flat_map(|low| low.to_le_bytes()));
            }
        }
        (containers, bytes)
    }
}

/// The containers of one key.
pub(super) struct Range {
    containers: Region,
    bytes: Region,
    rows: u64,
    from: u64,
    /// Behind the last that is of interest.
    to: u64,
}

#[derive(Clone, Copy)]
struct Container {
    key: u64,
    high: u32,
    count: u32,
    offset: u32,
}

impl Range {
    /// Finds the containers of a key in an index of so many rows.
    pub(super) fn find(
        pages: &Pages,
        (containers, bytes): (Region, Region),
        rows: u64,
        key: u64,
    ) -> Result<Range, Damage> {
        let to = containers.bytes / ITEM_BYTES;
        let mut range = Range { containers, bytes, rows, from: 0, to };
        range.from = range.first(pages, |at| at.key >= key)?;
        range.to = range.first(pages, |at| at.key > key)?;
        Ok(range)
    }

    /// The largest row that is at most this one. Containers above it are passed over from here on.
    pub(super) fn last(&mut self, pages: &Pages, row: u64) -> Result<Option<u64>, Damage> {
        let high = row / u64::from(SPAN);
        while self.to > self.from {
            let container = self.container(pages, self.to - 1)?;
            if u64::from(container.high) <= high {
                let is_whole = u64::from(container.high) < high;
                let limit = if is_whole { u64::from(SPAN) - 1 } else { row % u64::from(SPAN) };
                if let Some(low) = self.last_in(pages, container, limit)? {
                    return Ok(Some(u64::from(container.high) * u64::from(SPAN) + low));
                }
            }
            self.to -= 1;
        }
        Ok(None)
    }

    /// The largest row of a container that is at most `limit`.
    fn last_in(&self, pages: &Pages, at: Container, limit: u64) -> Result<Option<u64>, Damage> {
        if is_bits(self.rows, at.high, at.count) {
            return self.last_bit(pages, at, limit);
        }
        let (mut low, mut high) = (0, u64::from(at.count));
        let item = |place: u64| {
            let mut bytes = [0; 2];
            pages.read(self.bytes, u64::from(at.offset) + place * 2, &mut bytes)?;
            Ok(u64::from(u16::from_le_bytes(bytes)))
        };
        while low < high {
            let middle = low + (high - low) / 2;
            if item(middle)? <= limit { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1).map(item).transpose()
    }

    fn last_bit(&self, pages: &Pages, at: Container, limit: u64) -> Result<Option<u64>, Damage> {
        let length = bits_bytes(self.rows, at.high);
        let limit = limit.min((length * 8).saturating_sub(1));
        // Eight bytes at a time, of which the highest may have bits above the limit.
        let mut end = (limit / 8 + 1).min(length);
        while end > 0 {
            let begin = end.saturating_sub(8);
            let mut bytes = [0; 8];
            let part = usize::try_from(end - begin).map_err(|_| Damage::Content)?;
            pages.read(self.bytes, u64::from(at.offset) + begin, &mut bytes[..part])?;
            let mut word = u64::from_le_bytes(bytes);
            let above = (limit + 1).saturating_sub(begin * 8);
            if above < 64 {
                word &= (1 << above) - 1;
            }
            if let Some(bit) = word.checked_ilog2() {
                return Ok(Some(begin * 8 + u64::from(bit)));
            }
            end = begin;
        }
        Ok(None)
    }

    /// The place of the first container of which this holds.
    fn first(&self, pages: &Pages, holds: impl Fn(Container) -> bool) -> Result<u64, Damage> {
        let (mut low, mut high) = (0, self.containers.bytes / ITEM_BYTES);
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(self.container(pages, middle)?) { high = middle } else { low = middle + 1 }
        }
        Ok(low)
    }

    fn container(&self, pages: &Pages, place: u64) -> Result<Container, Damage> {
        let mut bytes = [0; 20];
        pages.read(self.containers, place * ITEM_BYTES, &mut bytes)?;
        let small = |at: usize| bytes[at..].first_chunk().map_or(0, |it| u32::from_le_bytes(*it));
        let key = bytes.first_chunk().map_or(0, |key| u64::from_le_bytes(*key));
        Ok(Container { key, high: small(8), count: small(12), offset: small(16) })
    }
}
