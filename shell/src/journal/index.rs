//! Where the record of an input is.
//!
//! The segment that is being written is indexed in full, four bytes a record; of a sealed segment
//! every 64th record stays, and the others are found by stepping over headers. Ten million records
//! take less than a megabyte. Sealed segments that a snapshot covers are not read when a journal is
//! opened; each is indexed when something in it is wanted.

use std::cell::OnceCell;

use pi_server_core::Seq;
use pi_server_core::record::{RecordKind, SEGMENT_HEADER_BYTES, peek};

/// Of a sealed segment, every how many records are kept.
const STRIDE: u64 = 64;

/// The index of a whole journal.
#[derive(Debug)]
pub(super) struct Index {
    /// The number of the first segment that is there.
    first_segment: u64,
    /// In the order of segments.
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
    /// Offsets of the records of inputs `first`, `first + stride`, …; not set before the segment
    /// was read.
    offsets: OnceCell<Vec<u32>>,
}

/// Where to begin to look for an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hint {
    pub(super) segment: u64,
    pub(super) offset: usize,
}

impl Default for Index {
    fn default() -> Index {
        Index { first_segment: 1, segments: Vec::new() }
    }
}

impl Index {
    /// Of segments that were not read: the first of them is number `first_segment`, `firsts` has
    /// the first input of each, and `end` is the one behind the last of them.
    pub(super) fn unread(first_segment: u64, firsts: &[Seq], end: Seq) -> Index {
        let ends = firsts.iter().skip(1).chain([&end]);
        let segments = firsts.iter().zip(ends).map(|(first, next)| Part {
            first: *first,
            count: next.0.saturating_sub(first.0),
            stride: STRIDE,
            offsets: OnceCell::new(),
        });
        Index { first_segment, segments: segments.collect() }
    }

    /// The number of the first segment that is there.
    pub(super) fn first_segment(&self) -> u64 {
        self.first_segment
    }

    /// The first input that is there.
    pub(super) fn first_seq(&self) -> Seq {
        self.segments.first().map_or(Seq(1), |part| part.first)
    }

    /// The first input of a segment, or the one that would be; `None` if there is no such segment.
    pub(super) fn first_of(&self, segment: u64) -> Option<Seq> {
        let place = usize::try_from(segment.checked_sub(self.first_segment)?).ok()?;
        self.segments.get(place).map(|part| part.first)
    }

    /// Records of a further segment follow. The one before becomes sparse.
    pub(super) fn begin(&mut self, first: Seq) {
        if let Some(sealed) = self.segments.last_mut() {
            sealed.thin();
        }
        self.segments.push(Part { first, count: 0, stride: 1, offsets: Vec::new().into() });
    }

    /// The next input's record is in the last segment, at `offset`.
    pub(super) fn push(&mut self, offset: usize) {
        let Some(part) = self.segments.last_mut() else { return };
        if part.count % part.stride == 0
            && let Some(offsets) = part.offsets.get_mut()
        {
            // A segment's capacity is a `u32`.
            offsets.push(u32::try_from(offset).unwrap_or(u32::MAX));
        }
        part.count += 1;
    }

    /// Forgets inputs after `last` and segments after `segment`: they were set aside.
    pub(super) fn cut(&mut self, segment: u64, last: Seq) {
        let kept = (segment + 1).saturating_sub(self.first_segment);
        self.segments.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        if let Some(part) = self.segments.last_mut() {
            part.count = part.count.min((last.0 + 1).saturating_sub(part.first.0));
            let kept = part.count.div_ceil(part.stride);
            if let Some(offsets) = part.offsets.get_mut() {
                offsets.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
            }
        }
    }

    /// Forgets segments up to `segment`. How many they were.
    pub(super) fn let_go(&mut self, segment: u64) -> usize {
        let count = (segment + 1).saturating_sub(self.first_segment);
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.segments.len());
        self.segments.drain(..count);
        self.first_segment = self.first_segment.max(segment + 1);
        count
    }

    /// Where to begin to look for an input; `None` if there is no such input. `read` tells what
    /// [`offsets`] says of a segment that was not read yet.
    pub(super) fn find(
        &self,
        seq: Seq,
        read: impl FnOnce(u64) -> Option<Vec<u32>>,
    ) -> Option<Hint> {
        let place = self.segments.partition_point(|part| part.first <= seq).checked_sub(1)?;
        let part = self.segments.get(place)?;
        let nth = seq.0 - part.first.0;
        if nth >= part.count {
            return None;
        }
        let segment = self.first_segment + u64::try_from(place).ok()?;
        let offsets = if let Some(offsets) = part.offsets.get() {
            offsets
        } else {
            let offsets = read(segment)?;
            part.offsets.get_or_init(|| offsets)
        };
        let entry = usize::try_from(nth / part.stride).ok()?;
        let offset = usize::try_from(*offsets.get(entry)?).ok()?;
        Some(Hint { segment, offset })
    }
}

/// The offsets of every 64th input of a sealed segment, from the first on.
pub(super) fn offsets(bytes: &[u8]) -> Vec<u32> {
    let mut offsets = Vec::new();
    let (mut offset, mut nth) = (SEGMENT_HEADER_BYTES, 0);
    while let Some(header) = peek(bytes, offset) {
        match header.kind {
            RecordKind::Input => {
                if nth % STRIDE == 0 {
                    offsets.push(u32::try_from(offset).unwrap_or(u32::MAX));
                }
                nth += 1;
            }
            // What follows a seal means nothing.
            RecordKind::Seal => break,
            RecordKind::Commit | RecordKind::Recovered | RecordKind::Begin => {}
        }
        offset = offset.saturating_add(usize::try_from(header.span()).unwrap_or(usize::MAX));
    }
    offsets
}

impl Part {
    fn thin(&mut self) {
        if self.stride == 1
            && let Some(offsets) = self.offsets.get_mut()
        {
            self.stride = STRIDE;
            let mut nth = 0;
            offsets.retain(|_| {
                nth += 1;
                (nth - 1) % STRIDE == 0
            });
            offsets.shrink_to_fit();
        }
    }
}
