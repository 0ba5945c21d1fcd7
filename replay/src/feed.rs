//! The committed records of a journal, read and checked on a thread of their own.
//!
//! The reader checks checksums and the chain and says in the end whether the journal is whole. It
//! hands on records only when their commit has been seen, in batches over a bounded channel, so
//! that memory stays bounded by a few segments and whoever steps never waits for a disk.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use pi_server_core::record::{
    Damage, JournalId, Mark, Place, RECORD_HEADER_BYTES, RECORD_STEP, Record, RecordKind,
    SEGMENT_HEADER_BYTES, Secret, SegmentFault, Survey, Verdict, peek, record_again,
};
use pi_server_core::{Digest, Seq};

use crate::ahead::Ahead;
use crate::play::PlayError;
use crate::source::{KEY_FILE, Source, SourceError};
use crate::start::{Begins, Start};
use crate::status::Status;

/// Records in a batch before it is sent at the next commit.
const BATCH_RECORDS: usize = 1_024;
/// Batches that may wait.
const BATCHES_MAX: usize = 64;
/// Segments whose memory is kept for reuse.
const BUFFERS_MAX: usize = 3;

/// Committed records of one segment.
#[derive(Debug)]
pub struct Batch {
    segment: u64,
    bytes: Arc<Vec<u8>>,
    /// Where each begins. Reading a header again is cheaper than passing it on.
    offsets: Vec<usize>,
}

/// One committed record.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// Where it begins.
    pub place: Place,
    record: Record<'a>,
}

impl<'a> Deref for Item<'a> {
    type Target = Record<'a>;

    fn deref(&self) -> &Record<'a> {
        &self.record
    }
}

impl<'a> Item<'a> {
    /// What there is to see of the body: all of it, or what redaction has left of an erased one
    /// (a body without any bytes but zeros was erased whole).
    pub fn remains(&self) -> Option<&'a [u8]> {
        if self.header.erased {
            let left = self.raw_body().trim_ascii_end();
            return left.iter().any(|byte| *byte != 0).then_some(left);
        }
        (!self.raw_body().is_empty()).then_some(self.raw_body())
    }
}

impl Batch {
    /// The records, in order.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        self.offsets.iter().map(|offset| self.read(*offset))
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// One record, by its place in the batch.
    pub fn item(&self, index: usize) -> Option<Item<'_>> {
        self.offsets.get(index).map(|offset| self.read(*offset))
    }

    fn read(&self, offset: usize) -> Item<'_> {
        let record =
            record_again(&self.bytes, offset).expect("the reader has found a record there");
        Item { place: Place { segment: self.segment, offset }, record }
    }
}

/// Lengths in a segment are `u32`, which a pointer of every supported machine holds.
fn wide(length: u32) -> usize {
    usize::try_from(length).expect("a pointer has at least 32 bits")
}

/// What reading a journal to its end has told.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The journal.
    pub journal: JournalId,
    /// What it is worth.
    pub verdict: Result<Verdict, Damage>,
    /// Segments that were read, unused ones included.
    pub segments: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Bytes that they take where they are: fewer if they are compressed there.
    pub stored: u64,
    /// The last input that `HEAD` said was on disk when reading began.
    pub head: Seq,
    /// Where it begins, if that is a snapshot.
    pub begins: Option<Begins>,
    /// The last input that is not in the journal any more; 0 if all are there.
    pub start: Seq,
}

impl Reading {
    /// The verdict as an error, if the journal is damaged or newer.
    pub fn error(&self) -> Option<PlayError> {
        let damage = self.verdict.as_ref().err()?.to_string();
        Some(match self.status() {
            Status::Newer => PlayError::Newer(damage),
            _ => PlayError::Damaged(damage),
        })
    }

    /// What the verdict comes to. A journal of a newer format is not damaged: this build is old.
    pub fn status(&self) -> Status {
        match &self.verdict {
            Ok(_) => Status::Good,
            Err(Damage::Segment { fault: SegmentFault::Version { .. }, .. }) => Status::Newer,
            Err(_) => Status::Damaged,
        }
    }
}

/// A journal that is being read.
pub struct Feed {
    batches: Receiver<Batch>,
    reader: JoinHandle<Result<Reading, SourceError>>,
    secret: Key,
    start: Start,
}

/// What there is of the journal's secret.
#[derive(Clone, Debug)]
pub enum Key {
    /// It is there and fits.
    Fits(Secret),
    /// There is no readable key file: digests of bodies cannot be checked.
    Missing,
    /// The key file belongs to another journal.
    Foreign,
    /// The key file has not the length of a key.
    Malformed,
    /// The key file is there and cannot be read.
    Unreadable {
        /// Why not.
        why: String,
        /// By whose fault.
        status: Status,
    },
}

impl Key {
    /// The secret, if it fits.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Key::Fits(secret) => Some(secret),
            Key::Missing | Key::Foreign | Key::Malformed | Key::Unreadable { .. } => None,
        }
    }

    /// As reports name it.
    pub fn name(&self) -> &'static str {
        match self {
            Key::Fits(_) => "read",
            Key::Missing => "missing",
            Key::Foreign => "foreign",
            Key::Malformed => "malformed",
            Key::Unreadable { .. } => "unreadable",
        }
    }

    /// What is wrong with it, and by whose fault. One that is not there was left out or dropped, and
    /// nothing is wrong with that.
    pub fn fault(&self) -> Option<(Status, String)> {
        match self {
            Key::Fits(_) | Key::Missing => None,
            Key::Foreign => {
                Some((Status::Damaged, format!("{KEY_FILE} is the key of another journal")))
            }
            Key::Malformed => Some((Status::Damaged, format!("{KEY_FILE} is no key"))),
            Key::Unreadable { why, status } => Some((*status, why.clone())),
        }
    }
}

impl Feed {
    /// Begins to read where the journal begins.
    ///
    /// # Errors
    /// `HEAD` or the list of segments cannot be read.
    pub fn start(source: &Source) -> Result<Feed, SourceError> {
        Feed::start_with(source, |journal, first| Start::find(source, journal, first))
    }

    /// Begins to read behind the newest snapshot that has not more than input `at`, or where the journal begins.
    ///
    /// # Errors
    /// `HEAD` or the list of segments cannot be read.
    pub fn start_near(source: &Source, at: Seq) -> Result<Feed, SourceError> {
        Feed::start_with(source, |journal, first| Start::near(source, journal, first, at))
    }

    fn start_with(
        source: &Source,
        find: impl FnOnce(JournalId, u64) -> Result<Start, SourceError>,
    ) -> Result<Feed, SourceError> {
        let head = source.head()?;
        let mut segments = source.segments()?;
        let first = segments.first().copied().unwrap_or(1);
        let start = find(head.journal, first)?;
        let survey = match &start.cursor {
            Some(cursor) => Survey::after(head, cursor),
            None => Survey::new(head),
        };
        // Segments that a drop has left for the next one to finish are no part of it.
        segments.retain(|number| start.cursor.is_none_or(|cursor| *number > cursor.segment));
        let (begin, begins) = (start.seq, start.begins());
        let secret = key_of(source, head.journal, &segments)?;
        let (sender, batches) = sync_channel(BATCHES_MAX);
        let source = source.clone();
        let reader = Builder::new().name("read".into()).spawn(move || {
            let mut reader = Reader::new(source, sender);
            reader.read(survey, segments).map(|verdict| Reading {
                journal: head.journal,
                verdict,
                segments: reader.segments,
                bytes: reader.bytes,
                stored: reader.stored,
                head: head.durable_upto,
                begins,
                start: begin,
            })
        });
        let reader = reader.map_err(SourceError::no_thread)?;
        Ok(Feed { batches, reader, secret, start })
    }

    /// The next committed records; `None` at the end.
    pub fn take(&mut self) -> Option<Batch> {
        self.batches.recv().ok()
    }

    /// What the journal begins with; the second time, nothing.
    pub fn begin(&mut self) -> Start {
        std::mem::take(&mut self.start)
    }

    /// What there is of the secret.
    pub fn key(&self) -> &Key {
        &self.secret
    }

    /// The end of the reading. Whatever was not taken yet is read and checked, and then dropped.
    ///
    /// # Errors
    /// A file could not be read.
    pub fn finish(self) -> Result<Reading, SourceError> {
        let Feed { batches, reader, secret: _, start: _ } = self;
        while batches.recv().is_ok() {}
        match reader.join() {
            Ok(reading) => reading,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// The secret, held against what the first segment's header says about it.
fn key_of(source: &Source, journal: JournalId, segments: &[u64]) -> Result<Key, SourceError> {
    let bytes = match source.key_file() {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(Key::Missing),
        Err(error) => {
            return Ok(Key::Unreadable { why: error.to_string(), status: error.status() });
        }
    };
    let Ok(secret) = <[u8; 32]>::try_from(bytes) else { return Ok(Key::Malformed) };
    let secret = Secret::new(secret);
    let Some(first) = segments.first() else { return Ok(Key::Missing) };
    let mut check = [0; 16];
    source.read_part(*first, KEY_CHECK_AT, &mut check)?;
    let fits = journal.key_check(&secret) == Digest(check);
    Ok(if fits { Key::Fits(secret) } else { Key::Foreign })
}

/// Where a segment's header has [`pi_server_core::record::SegmentHeader::key_check`].
const KEY_CHECK_AT: u64 = 48;

/// Takes the seal out of a segment's bytes, if it has one, and what may follow it.
pub(crate) fn without_seal(bytes: &mut [u8]) {
    let mut at = SEGMENT_HEADER_BYTES;
    while let Some(header) = peek(bytes, at) {
        if header.kind == RecordKind::Seal {
            bytes[at..].fill(0);
            return;
        }
        let length = RECORD_HEADER_BYTES + wide(header.input_len) + wide(header.body_len);
        at += length.next_multiple_of(RECORD_STEP);
    }
}

struct Reader {
    source: Source,
    sender: SyncSender<Batch>,
    buffers: Vec<Arc<Vec<u8>>>,
    /// Batches that wait for their commit; the last is of the segment that is being read.
    pending: Vec<Batch>,
    /// Records of the last pending batch up to its last commit.
    committed: usize,
    /// Nobody takes batches any more, nor waits for the verdict.
    deserted: bool,
    /// Segments that were read.
    segments: u64,
    /// Their bytes.
    bytes: u64,
    /// The bytes that they take where they are.
    stored: u64,
}

impl Reader {
    fn new(source: Source, sender: SyncSender<Batch>) -> Reader {
        Reader {
            source,
            sender,
            buffers: Vec::new(),
            pending: Vec::new(),
            committed: 0,
            deserted: false,
            segments: 0,
            bytes: 0,
            stored: 0,
        }
    }

    /// Reads all segments, those that appear meanwhile included. Returns the verdict.
    fn read(
        &mut self,
        mut survey: Survey,
        mut segments: Vec<u64>,
    ) -> Result<Result<Verdict, Damage>, SourceError> {
        let mut last = 0;
        let mut before = survey.clone();
        let mut ahead = Ahead::new();
        loop {
            for number in segments {
                let bytes = self.load(number)?;
                self.segments += 1;
                self.bytes += bytes.len() as u64;
                last = number;
                before.clone_from(&survey);
                let surveyed = self.survey(&mut survey, &mut ahead, number, &bytes);
                self.keep(bytes);
                if let Err(damage) = surveyed {
                    return Ok(Err(damage));
                }
                if self.deserted {
                    return Ok(survey.finish());
                }
            }
            segments = self.source.segments()?;
            segments.retain(|number| *number > last);
            if segments.is_empty() {
                let verdict = match survey.finish() {
                    Err(Damage::Missing { .. }) if self.source.is_ahead(last)? => {
                        self.as_it_was(before, last)?
                    }
                    verdict => verdict,
                };
                return Ok(verdict);
            }
        }
    }

    /// The verdict on a journal of which a daemon has dropped what followed segment `last` before it
    /// could be read: as it was when that segment had no seal yet. `before` has surveyed all others.
    fn as_it_was(
        &mut self,
        mut before: Survey,
        last: u64,
    ) -> Result<Result<Verdict, Damage>, SourceError> {
        let mut bytes = Vec::new();
        self.source.read_segment(last, &mut bytes)?;
        without_seal(&mut bytes);
        Ok(before.segment(last, &bytes, &mut |_, _| {}).and_then(|()| before.finish()))
    }

    fn survey(
        &mut self,
        survey: &mut Survey,
        ahead: &mut Ahead,
        number: u64,
        bytes: &Arc<Vec<u8>>,
    ) -> Result<(), Damage> {
        self.pending.push(Batch { segment: number, bytes: bytes.clone(), offsets: Vec::new() });
        self.committed = 0;
        ahead.clear();
        let mut tags = |before, record: &Record<'_>| ahead.tag(bytes, before, record);
        let surveyed =
            survey.segment_by(number, bytes, &mut tags, &mut |_, record| self.take(record));
        self.flush();
        // What has no commit yet may get it in the next segment.
        self.pending.retain(|batch| !batch.offsets.is_empty());
        surveyed
    }

    fn take(&mut self, record: &Record<'_>) {
        let Some(batch) = self.pending.last_mut() else { return };
        batch.offsets.push(record.offset);
        if matches!(record.mark, Some(Mark::Commit(_))) {
            self.committed = batch.offsets.len();
            if self.committed >= BATCH_RECORDS {
                self.flush();
            }
        }
    }

    /// Sends what is committed.
    fn flush(&mut self) {
        if self.committed == 0 {
            return;
        }
        let Some(mut open) = self.pending.pop() else { return };
        let offsets = open.offsets.split_off(self.committed);
        let next = Batch { segment: open.segment, bytes: open.bytes.clone(), offsets };
        for batch in self.pending.drain(..).chain([open]) {
            self.deserted |= self.sender.send(batch).is_err();
        }
        self.pending.push(next);
        self.committed = 0;
    }

    /// The bytes of a segment, in memory that nobody uses any more if there is some.
    fn load(&mut self, number: u64) -> Result<Arc<Vec<u8>>, SourceError> {
        let free = self.buffers.iter_mut().position(|buffer| Arc::get_mut(buffer).is_some());
        let mut buffer = free.map_or_else(Arc::default, |index| self.buffers.swap_remove(index));
        if let Some(bytes) = Arc::get_mut(&mut buffer) {
            self.stored += self.source.read_segment(number, bytes)?;
        }
        Ok(buffer)
    }

    fn keep(&mut self, bytes: Arc<Vec<u8>>) {
        if self.buffers.len() < BUFFERS_MAX {
            self.buffers.push(bytes);
        }
    }
}
