//! Frames for many clients, kept once per framing. A client that gets all of them has a place in the
//! log, which is all that such a frame costs it; a client that gets some of them has the spans that
//! are for it. What every client has taken is dropped at the end of each turn; so the log is only as
//! long as the slowest client is behind, and never longer than its bound.

use std::collections::VecDeque;

use pi_server_core::Seq;

/// Size from which a chunk takes no further frame.
const CHUNK_BYTES: usize = 64 << 10;

/// The log. Places in it are byte offsets from the first frame ever pushed; a client is always at
/// the beginning of a frame, since the rest of a frame that was partly written is its own.
#[derive(Debug)]
pub(super) struct Log {
    chunks: VecDeque<Chunk>,
    end: u64,
    pushed: u64,
    bytes_max: u64,
    spare: Option<Chunk>,
    /// How often something was looked up, for tests of what a client costs.
    #[cfg(test)]
    pub(super) looked_up: std::cell::Cell<usize>,
}

/// A run of whole frames.
#[derive(Debug, Default)]
struct Chunk {
    start: u64,
    /// How many frames were pushed before this chunk.
    before: u64,
    bytes: Vec<u8>,
    frames: Vec<Mark>,
}

/// Where a frame ends within its chunk, and what caused it.
#[derive(Clone, Copy, Debug)]
struct Mark {
    end: u32,
    seq: Seq,
}

/// A part of the log that begins and ends between two frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    /// Where it begins.
    pub(super) start: u64,
    /// The place behind its last byte.
    pub(super) end: u64,
}

impl Span {
    /// Returns true if nothing lies between its ends.
    pub(super) fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// Returns its length in bytes.
    pub(super) fn len(self) -> usize {
        usize::try_from(self.end.saturating_sub(self.start)).unwrap_or(usize::MAX)
    }
}

/// A frame in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Where it begins.
    pub(super) start: u64,
    /// Where the next one begins.
    pub(super) end: u64,
    /// How many frames were pushed before it.
    pub(super) number: u64,
    /// What caused it.
    pub(super) seq: Seq,
}

impl Log {
    /// An empty log that holds about `bytes_max` bytes at the end of a turn.
    pub(super) fn new(bytes_max: u64) -> Log {
        Log {
            chunks: VecDeque::new(),
            end: 0,
            pushed: 0,
            bytes_max,
            spare: None,
            #[cfg(test)]
            looked_up: std::cell::Cell::default(),
        }
    }

    /// Appends a frame, which `put` writes, and returns where it is.
    pub(super) fn push(&mut self, seq: Seq, put: impl FnOnce(&mut Vec<u8>)) -> Span {
        let start = self.end;
        if self.chunks.back().is_none_or(|chunk| chunk.bytes.len() >= CHUNK_BYTES) {
            let mut chunk = self.spare.take().unwrap_or_default();
            chunk.start = self.end;
            chunk.before = self.pushed;
            self.chunks.push_back(chunk);
        }
        let Some(chunk) = self.chunks.back_mut() else { return Span { start, end: start } };
        put(&mut chunk.bytes);
        let end = u32::try_from(chunk.bytes.len()).expect("a chunk is one frame over 64 KiB");
        chunk.frames.push(Mark { end, seq });
        self.end = chunk.end();
        self.pushed += 1;
        Span { start, end: self.end }
    }

    /// The place behind the last frame.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Returns true if nothing is kept.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Bytes from `place` on, as far as they are in one piece. Empty at the end.
    pub(super) fn piece(&self, place: u64) -> &[u8] {
        self.chunk_at(place).map_or(&[], |chunk| &chunk.bytes[chunk.within(place)..])
    }

    /// The frame that the byte at `place` belongs to.
    pub(super) fn frame_at(&self, place: u64) -> Option<Place> {
        let chunk = self.chunk_at(place)?;
        let within = chunk.within(place);
        Some(chunk.frame(chunk.frames.partition_point(|mark| mark.end as usize <= within)))
    }

    /// Where the first frame begins that was caused by `seq` or by something later.
    pub(super) fn place_of(&self, seq: Seq) -> u64 {
        let earlier = |chunk: &Chunk| chunk.frames.last().is_some_and(|mark| mark.seq < seq);
        let Some(chunk) = self.chunks.get(self.chunks.partition_point(earlier)) else {
            return self.end;
        };
        chunk.frame(chunk.frames.partition_point(|mark| mark.seq < seq)).start
    }

    /// Drops what lies before `place`, as far as it fills chunks.
    pub(super) fn trim(&mut self, place: u64) {
        while self.chunks.front().is_some_and(|chunk| chunk.end() <= place) {
            self.drop_first();
        }
    }

    /// Where the second chunk begins, if the log is longer than its bound: what lies before is to
    /// be dropped, after those who have not taken it were told.
    pub(super) fn excess(&self) -> Option<u64> {
        let first = self.chunks.front()?;
        let over = self.end - first.start > self.bytes_max && self.chunks.len() > 1;
        over.then(|| first.end())
    }

    /// Bytes that are kept.
    pub(super) fn bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.bytes.len()).sum()
    }

    /// Returns the frame that a span begins with and the one that it ends with; nothing if the span is
    /// empty or no longer kept.
    pub(super) fn ends_of(&self, span: Span) -> Option<(Place, Place)> {
        let last = span.end.checked_sub(1).filter(|last| *last >= span.start)?;
        Some((self.frame_at(span.start)?, self.frame_at(last)?))
    }

    fn drop_first(&mut self) {
        let chunk = self.chunks.pop_front();
        self.spare = chunk.filter(|chunk| chunk.bytes.capacity() <= 4 * CHUNK_BYTES);
        if let Some(chunk) = &mut self.spare {
            chunk.bytes.clear();
            chunk.frames.clear();
        }
    }

    fn chunk_at(&self, place: u64) -> Option<&Chunk> {
        #[cfg(test)]
        self.looked_up.update(|count| count + 1);
        self.chunks.get(self.chunks.partition_point(|chunk| chunk.end() <= place))
    }
}

impl Chunk {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// The offset of a place in this chunk; places before it count as its beginning.
    fn within(&self, place: u64) -> usize {
        usize::try_from(place.saturating_sub(self.start)).map_or(self.bytes.len(), |offset| offset)
    }

    fn frame(&self, index: usize) -> Place {
        let mark = self.frames[index];
        let start = if index == 0 { 0 } else { self.frames[index - 1].end };
        Place {
            start: self.start + u64::from(start),
            end: self.start + u64::from(mark.end),
            number: self.before + index as u64,
            seq: mark.seq,
        }
    }
}

#[cfg(test)]
mod tests;
