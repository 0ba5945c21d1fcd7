//! Reading records in order, with every check that needs no key.

use super::header::{Fault, Framer, Header, RECORD_HEADER_BYTES};
use super::{Begin, JournalId, Mark, SEGMENT_HEADER_BYTES, Secret};
use crate::ids::{Digest, Micros, Seq};
use crate::input::{Input, InputKind};

/// One record, borrowed from its segment.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Where it begins in the segment.
    pub offset: usize,
    /// Its header.
    pub header: Header,
    /// The bincode of the input, or the fields of a mark.
    pub input: &'a [u8],
    /// The body's bytes; zeros if it was erased.
    body: &'a [u8],
    /// What it is, if it is not an input.
    pub mark: Option<Mark>,
}

impl<'a> Record<'a> {
    /// Where the next record begins.
    pub fn end(&self) -> usize {
        let end = self.offset + RECORD_HEADER_BYTES + self.input.len() + self.body.len();
        end.next_multiple_of(super::RECORD_STEP)
    }

    /// The body; `None` if it was erased.
    pub fn body(&self) -> Option<&'a [u8]> {
        (!self.header.erased).then_some(self.body)
    }

    /// The bytes in the place of the body, erased or not.
    pub fn raw_body(&self) -> &'a [u8] {
        self.body
    }

    /// Whether the body is the one that was written, as the keyed digest knows it. An erased body
    /// cannot be told and counts as good.
    pub fn body_holds(&self, secret: &Secret) -> bool {
        self.header.erased || secret.body(self.body) == self.header.body_digest
    }

    /// The input around what [`super::decode_kind`] made of [`Record::input`].
    pub fn rebuild(&self, kind: InputKind) -> Input {
        Input { seq: self.header.seq, at: self.header.at, body: self.header.body_ref(), kind }
    }
}

/// The record at an offset. Checks form, checksums and padding, not the chain.
///
/// # Errors
/// Why there is none. Never panics, whatever the bytes are.
pub fn record_at<'a>(framer: &Framer, bytes: &'a [u8], offset: usize) -> Result<Record<'a>, Fault> {
    let (head, header) = header_at(bytes, offset)?;
    let [input, body, padding] = parts(bytes, offset, &header)?;
    if !framer.holds(head, input) {
        return Err(Fault::Checksum);
    }
    let sum = if header.erased || body.is_empty() { 0 } else { crc32fast::hash(body) };
    if sum != header.body_crc {
        return Err(Fault::Body);
    }
    if padding.iter().any(|byte| *byte != 0) {
        return Err(Fault::Padding);
    }
    let mark = Mark::parse(&header, input)?;
    Ok(Record { offset, header, input, body, mark })
}

/// The record at an offset of bytes in which [`record_at`] found one before: checks nothing again.
pub fn record_again(bytes: &[u8], offset: usize) -> Option<Record<'_>> {
    let header = peek(bytes, offset)?;
    let [input, body, _] = parts(bytes, offset, &header).ok()?;
    let mark = Mark::parse(&header, input).ok()?;
    Some(Record { offset, header, input, body, mark })
}

/// The input, the body and the padding of the record at an offset.
fn parts<'a>(bytes: &'a [u8], offset: usize, header: &Header) -> Result<[&'a [u8]; 3], Fault> {
    let span = usize::try_from(header.span()).map_err(|_| Fault::Length)?;
    let rest = bytes.get(offset..).and_then(|rest| rest.get(..span)).ok_or(Fault::Length)?;
    let (input, rest) = rest[RECORD_HEADER_BYTES..].split_at(wide(header.input_len));
    let (body, padding) = rest.split_at(wide(header.body_len));
    Ok([input, body, padding])
}

/// The header at an offset, with its bytes.
fn header_at(bytes: &[u8], offset: usize) -> Result<(&[u8; RECORD_HEADER_BYTES], Header), Fault> {
    // Too little room for a record is the same as room that was not used.
    let rest = bytes.get(offset..).ok_or(Fault::Blank)?;
    let head = rest.first_chunk::<RECORD_HEADER_BYTES>().ok_or(Fault::Blank)?;
    Ok((head, Header::parse(head)?))
}

/// The header at an offset of bytes that were checked before, for stepping over records.
pub fn peek(bytes: &[u8], offset: usize) -> Option<Header> {
    header_at(bytes, offset).ok().map(|(_, header)| header)
}

/// Lengths in a segment are `u32`, which a pointer of every supported machine holds.
fn wide(length: u32) -> usize {
    usize::try_from(length).expect("a pointer has at least 32 bits")
}

/// What a reader knows at a place of the chain; each record is checked against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The journal.
    pub journal: JournalId,
    /// The last input.
    pub seq: Seq,
    /// Its time.
    pub at: Micros,
    /// Tag of the last record.
    pub tag: Digest,
    /// Digest of the outputs of the last step, as far as a record has told it.
    pub outputs: Digest,
    /// The epoch.
    pub epoch: u64,
    /// Number of the last commit.
    pub commit: u64,
    /// The largest `durable_upto` of a commit.
    pub durable_upto: Seq,
    /// The segment that is being read; 0 before the first.
    pub segment: u64,
    /// The segment has been sealed, or has not begun: the next record must be a `Begin`.
    pub between: bool,
}

impl Cursor {
    /// Before the first record of a journal.
    pub fn start(journal: JournalId) -> Cursor {
        Cursor {
            journal,
            seq: Seq(0),
            at: Micros(0),
            tag: journal.genesis(),
            outputs: Digest::default(),
            epoch: 0,
            commit: 0,
            durable_upto: Seq(0),
            segment: 0,
            between: true,
        }
    }

    /// Takes note of the next record, which must have this chain tag.
    ///
    /// # Errors
    /// It is not the successor of the one before: nothing changes then.
    fn advance(&mut self, record: &Record<'_>, tag: Digest) -> Result<(), Fault> {
        if record.header.tag != tag {
            return Err(Fault::Chain);
        }
        self.follow(&record.header, record.mark.as_ref())
    }

    /// Takes note of a record that was just made to continue the chain.
    ///
    /// # Errors
    /// Its numbers do not follow from those before: nothing changes then.
    pub fn follow(&mut self, header: &Header, mark: Option<&Mark>) -> Result<(), Fault> {
        let mut next = *self;
        next.tag = header.tag;
        next.outputs = header.outputs;
        let is_begin = matches!(mark, Some(Mark::Begin(_)));
        if is_begin != self.between {
            return Err(Fault::Order);
        }
        match mark {
            None => {
                if self.seq.0.checked_add(1) != Some(header.seq.0) || header.at <= self.at {
                    return Err(Fault::Order);
                }
                next.seq = header.seq;
                next.at = header.at;
            }
            Some(mark) => {
                if header.seq != self.seq || header.at != self.at {
                    return Err(Fault::Order);
                }
                if let Mark::Begin(begin) = mark
                    && begin.before != self.tag
                {
                    return Err(Fault::Order);
                }
                next.note(mark)?;
            }
        }
        *self = next;
        Ok(())
    }

    fn note(&mut self, mark: &Mark) -> Result<(), Fault> {
        let good = match mark {
            Mark::Commit(commit) => {
                let good = self.commit.checked_add(1) == Some(commit.number)
                    && commit.epoch == self.epoch
                    && commit.journal == self.journal
                    && commit.durable_upto >= self.durable_upto
                    && commit.durable_upto <= self.seq;
                self.commit = commit.number;
                self.durable_upto = commit.durable_upto;
                good
            }
            Mark::Recovered(recovered) => {
                let good = self.epoch.checked_add(1) == Some(recovered.epoch);
                self.epoch = recovered.epoch;
                good
            }
            Mark::Seal(seal) => {
                self.between = true;
                self.segment.checked_add(1) == Some(seal.next)
            }
            Mark::Begin(Begin { segment, before: _, epoch, commit }) => {
                let good = self.segment.checked_add(1) == Some(*segment)
                    && *epoch == self.epoch
                    && *commit == self.commit;
                self.segment = *segment;
                self.between = false;
                good
            }
        };
        if good { Ok(()) } else { Err(Fault::Order) }
    }
}

/// Computes the chain tag that a record must have after one with the given tag.
pub type Tags<'a> = dyn FnMut(Digest, &Record<'_>) -> Digest + 'a;

/// [`Tags`] one at a time.
pub(super) fn tag_of(before: Digest, record: &Record<'_>) -> Digest {
    record.header.chain(before, record.input)
}

/// The records of one segment, in order, checked against the chain.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    framer: &'a Framer,
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// From the first record of a segment of which `bytes` is the whole file.
    pub fn new(framer: &'a Framer, bytes: &'a [u8]) -> Reader<'a> {
        Reader { framer, bytes, offset: SEGMENT_HEADER_BYTES }
    }

    /// Where the next record begins.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The next record, which `cursor` takes note of.
    ///
    /// # Errors
    /// Why there is none; reader and cursor stay where they are.
    pub fn next(&mut self, cursor: &mut Cursor) -> Result<Record<'a>, Fault> {
        self.next_by(cursor, &mut tag_of)
    }

    /// The next record, whose chain tag is computed by `tags`.
    ///
    /// # Errors
    /// As with [`Reader::next`].
    pub fn next_by(
        &mut self,
        cursor: &mut Cursor,
        tags: &mut Tags<'_>,
    ) -> Result<Record<'a>, Fault> {
        let record = record_at(self.framer, self.bytes, self.offset)?;
        let tag = tags(cursor.tag, &record);
        cursor.advance(&record, tag)?;
        self.offset = record.end();
        Ok(record)
    }
}
