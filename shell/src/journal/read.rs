//! Reading what was written earlier in the same journal: bodies, and inputs in order.

use std::io;

use pi_server_core::record::{Fault, Header, RECORD_HEADER_BYTES, RecordKind, peek, record_at};
use pi_server_core::record::{SEGMENT_HEADER_BYTES, decode_kind};
use pi_server_core::{BodyRef, Digest, Input, Seq};

use super::error::{ReadError, ReadFault};
use super::{Journal, VIEWS_MAX};

impl Journal {
    /// The bytes of a body of any age; `None` if it was erased, if there is no such body, or if it
    /// is not what was written any more.
    pub fn body(&self, body: BodyRef) -> Option<&[u8]> {
        if body.is_empty() {
            return Some(&[]);
        }
        if body.seq < self.index.first_seq() {
            return self.pack.as_ref()?.body(body);
        }
        let hint = self.index.find(body.seq, |segment| self.offsets(segment))?;
        let bytes = self.bytes(hint.segment).ok()?;
        let mut offset = hint.offset;
        loop {
            let header = peek(bytes, offset)?;
            if header.kind == RecordKind::Input && header.seq == body.seq {
                let same = header.body_len == body.len && header.body_digest == body.digest;
                if header.erased || !same {
                    return None;
                }
                let at = offset + body_offset(&header);
                let body = bytes.get(at..at + usize::try_from(header.body_len).ok()?)?;
                // Segments that a snapshot covers were not read at the start, and disks rot.
                let intact = hint.segment == self.cursor.segment || {
                    crc32fast::hash(body) == header.body_crc
                };
                return intact.then_some(body);
            }
            if header.seq > body.seq {
                return None;
            }
            offset += usize::try_from(header.span()).ok()?;
        }
    }

    /// The inputs from `from` on, in order; none if `from` is before [`Journal::first_seq`]. A sealed segment that it comes to is opened, and stays
    /// open until the next commit.
    pub fn scan_from(&self, from: Seq) -> Scan<'_> {
        let from = from.max(Seq(1));
        let hint = self.index.find(from, |segment| self.offsets(segment));
        let place = hint.map(|hint| (hint.segment, hint.offset));
        Scan { journal: self, place, from }
    }

    /// Feeds every committed input to `each`, in order, from the snapshot on with which the journal
    /// was opened, or from the beginning, with the recorded
    /// digest of the outputs of the step *before* it. Each segment is read into one buffer, so that
    /// memory does not grow with the journal. How many there were.
    ///
    /// # Errors
    /// A record that was good when the journal was opened is not any more, or holds an input that
    /// this build does not know.
    pub fn replay(&self, mut each: impl FnMut(&Input, Digest)) -> Result<u64, ReadError> {
        let mut count = 0;
        let mut bytes = Vec::new();
        for segment in self.base + 1..=self.cursor.segment {
            let is_active = segment == self.cursor.segment;
            let failed = |offset, fault| ReadError { segment, offset, fault };
            if !is_active {
                let read = self.disk.read(segment, true, &mut bytes);
                read.map_err(|error| ReadError::of(segment, error))?;
            }
            let bytes = if is_active { self.active.bytes() } else { &bytes };
            let mut offset = SEGMENT_HEADER_BYTES;
            while !is_active || offset < self.offset {
                let record = match record_at(&self.framer, bytes, offset) {
                    Ok(record) => record,
                    Err(fault) => return Err(failed(offset, ReadFault::Record(fault))),
                };
                match record.header.kind {
                    RecordKind::Input if record.header.seq <= self.committed => {
                        let kind = decode_kind(record.input)
                            .map_err(|error| failed(offset, ReadFault::Input(error)))?;
                        each(&record.rebuild(kind), record.header.outputs);
                        count += 1;
                    }
                    RecordKind::Seal => break,
                    RecordKind::Input
                    | RecordKind::Commit
                    | RecordKind::Recovered
                    | RecordKind::Begin => {}
                }
                offset = record.end();
            }
        }
        Ok(count)
    }

    /// The bytes of a segment.
    pub(super) fn bytes(&self, segment: u64) -> io::Result<&[u8]> {
        if segment == self.cursor.segment {
            return Ok(self.active.bytes());
        }
        let place = segment.checked_sub(self.index.first_segment());
        let cell = place
            .and_then(|place| self.views.get(usize::try_from(place).ok()?))
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        if let Some(view) = cell.get() {
            return Ok(view.bytes());
        }
        let view = self.disk.view(segment)?;
        self.views_open.set(self.views_open.get() + 1);
        self.restored.set(self.restored.get() || view.is_restored());
        Ok(cell.get_or_init(|| view).bytes())
    }

    /// Where inputs are in a sealed segment that was not read yet.
    fn offsets(&self, segment: u64) -> Option<Vec<u32>> {
        Some(super::index::offsets(self.bytes(segment).ok()?))
    }

    /// Whether a compressed segment was opened since the last turn ended, which takes time and
    /// memory: what can wait for the next turn should.
    pub fn has_restored(&self) -> bool {
        self.restored.get()
    }

    /// Closes sealed segments if too many are open. Nobody can hold a part of them here.
    pub(super) fn drop_views(&mut self) {
        self.restored.set(false);
        if self.views_open.get() > VIEWS_MAX {
            for cell in &mut self.views {
                drop(cell.take());
            }
            self.views_open.set(0);
        }
    }
}

/// Where the body of a record begins, from the record's beginning on.
pub(super) fn body_offset(header: &Header) -> usize {
    RECORD_HEADER_BYTES + usize::try_from(header.input_len).unwrap_or(usize::MAX / 2)
}

/// An input that was read again.
#[derive(Debug)]
pub struct Scanned<'a> {
    /// The input.
    pub input: Input,
    /// Its body; `None` if it was erased.
    pub body: Option<&'a [u8]>,
    /// The recorded digest of the outputs of the step before it.
    pub outputs: Digest,
}

/// See [`Journal::scan_from`]. Ends after the first error.
pub struct Scan<'a> {
    journal: &'a Journal,
    /// Segment and offset of the next record.
    place: Option<(u64, usize)>,
    from: Seq,
}

impl<'a> Iterator for Scan<'a> {
    type Item = Result<Scanned<'a>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (segment, offset) = self.place?;
            let journal = self.journal;
            if segment == journal.cursor.segment && offset >= journal.offset {
                self.place = None;
                return None;
            }
            let read = self.read(segment, offset);
            if read.is_err() {
                self.place = None;
            }
            match read {
                Ok(None) => {}
                Ok(Some(scanned)) => return Some(Ok(scanned)),
                Err(fault) => return Some(Err(ReadError { segment, offset, fault })),
            }
        }
    }
}

impl<'a> Scan<'a> {
    /// Reads one record and moves on; `None` if it is not one of the inputs that are wanted.
    fn read(&mut self, segment: u64, offset: usize) -> Result<Option<Scanned<'a>>, ReadFault> {
        let bytes = self.journal.bytes(segment).map_err(ReadFault::of)?;
        let header = peek(bytes, offset).ok_or(ReadFault::Record(Fault::Blank))?;
        let span = usize::try_from(header.span()).unwrap_or(usize::MAX);
        self.place = Some((segment, offset.saturating_add(span)));
        match header.kind {
            RecordKind::Seal => self.place = Some((segment + 1, SEGMENT_HEADER_BYTES)),
            RecordKind::Input if header.seq >= self.from => {
                let record =
                    record_at(&self.journal.framer, bytes, offset).map_err(ReadFault::Record)?;
                let kind = decode_kind(record.input).map_err(ReadFault::Input)?;
                return Ok(Some(Scanned {
                    input: record.rebuild(kind),
                    body: record.body(),
                    outputs: record.header.outputs,
                }));
            }
            RecordKind::Input | RecordKind::Commit | RecordKind::Recovered | RecordKind::Begin => {}
        }
        Ok(None)
    }
}
