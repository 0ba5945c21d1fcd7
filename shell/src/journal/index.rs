//! Where the record of an input is.
//!
//! The segment that is being written is indexed in full, four bytes a record; of a sealed segment
//! every 64th record stays, and the others are found by stepping over headers. Ten million records
//! take less than a megabyte.

use pi_server_core::Seq;

/// Of a sealed segment, every how many records are kept.
const STRIDE: u64 = 64;

/// The index of a whole journal.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// In the order of segments, the first of which is number 1.
    segments: Vec<Part>,
}

/// The index of one segment.
#[derive(Debug)]
struct Part {
    /// The first input in it, or the one that would be if there were any.
    first: Seq,
    /// How many inputs are in it.
    count: u64,
    /// 1 or [`STRIDE`].
    stride: u64,
    /// Offsets of the records of inputs `first`, `first + stride`, …
    offsets: Vec<u32>,
}

/// Where to begin to look for an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hint {
    pub(super) segment: u64,
    pub(super) offset: usize,
}

impl Index {
    /// Records of a further segment follow. The one before becomes sparse.
    pub(super) fn begin(&mut self, first: Seq) {
        if let Some(sealed) = self.segments.last_mut() {
            sealed.thin();
        }
        self.segments.push(Part { first, count: 0, stride: 1, offsets: Vec::new() });
    }

    /// The next input's record is in the last segment, at `offset`.
    pub(super) fn push(&mut self, offset: usize) {
        let Some(part) = self.segments.last_mut() else { return };
        if part.count % part.stride == 0 {
            // A segment's capacity is a `u32`.
            part.offsets.push(u32::try_from(offset).unwrap_or(u32::MAX));
        }
        part.count += 1;
    }

    /// Forgets inputs after `last` and segments after `segment`: they were set aside.
    pub(super) fn cut(&mut self, segment: u64, last: Seq) {
        self.segments.truncate(usize::try_from(segment).unwrap_or(usize::MAX));
        if let Some(part) = self.segments.last_mut() {
            part.count = part.count.min((last.0 + 1).saturating_sub(part.first.0));
            let kept = part.count.div_ceil(part.stride);
            part.offsets.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        }
    }

    /// Where to begin to look for an input; `None` if there is no such input.
    pub(super) fn find(&self, seq: Seq) -> Option<Hint> {
        let after = self.segments.partition_point(|part| part.first <= seq);
        let part = self.segments.get(after.checked_sub(1)?)?;
        let nth = seq.0 - part.first.0;
        if nth >= part.count {
            return None;
        }
        let entry = usize::try_from(nth / part.stride).ok()?;
        let offset = usize::try_from(*part.offsets.get(entry)?).ok()?;
        Some(Hint { segment: u64::try_from(after).ok()?, offset })
    }
}

impl Part {
    fn thin(&mut self) {
        if self.stride == 1 {
            self.stride = STRIDE;
            let mut nth = 0;
            self.offsets.retain(|_| {
                nth += 1;
                (nth - 1) % STRIDE == 0
            });
            self.offsets.shrink_to_fit();
        }
    }
}
