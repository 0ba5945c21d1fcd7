//! The journal: segments on disk, one writer.
//!
//! Every input is appended before the core sees it, a commit ends each turn of the loop, and
//! outputs are released only against a [`Durable`], which only the journal can make. The bytes are
//! those of [`pi_server_core::record`]; this module knows about files, syncs and room.

mod archive;
mod erase;
mod error;
mod files;
mod guard;
mod index;
#[allow(unsafe_code, reason = "the one module that maps files")]
mod map;
mod open;
mod options;
mod originals;
mod pack;
mod pwrite;
mod read;
mod spare;
pub mod storage;
mod sync;
mod tiers;
mod usage;

use std::cell::{Cell, OnceCell};
use std::io;
use std::sync::Arc;

use pi_server_core::record::{
    Begin, Commit, Cursor, Framer, Header, Mark, RECORD_STEP, RecordKind, SEGMENT_HEADER_BYTES,
    Seal, Secret, SegmentHeader, encode_kind,
};
use pi_server_core::{BodyRef, Digest, Input, InputKind, Micros, Seq};

pub use archive::Archive;
pub use erase::{Erased, erase_bodies};
pub use error::{AppendError, Full, JournalError, OpenError, ReadError, ReadFault, SnapshotError};
pub use files::{
    BODIES_DIR, HEAD_FILE, HISTORY_DIR, KEY_FILE, LOCK_FILE, QUARANTINE_DIR, SEGMENT_DIR,
    SNAPSHOT_DIR, drop_key, segment_file, segment_number,
};
pub use open::{Facts, Opened, Origin, Restore};
pub use options::{Backend, Durability, Options, Settings, UnknownName, Waker};
pub use read::{Scan, Scanned};
pub use tiers::Tiers;
pub(crate) use usage::room;
pub use usage::{Usage, segment_set_aside};

use index::Index;
use originals::Originals;
use pack::Pack;
use spare::{OpenSegment, Spare};
use storage::{Disk, Segment, View};
use sync::Syncer;

/// Longest record in bytes: far above the largest frame that can be configured.
const RECORD_BYTES_MAX: u64 = 1 << 30;
/// What an input must leave free in its segment: a commit and a seal.
const RESERVE: usize = Commit::SPAN + Seal::SPAN;
/// Segments have whole pages.
const PAGE: usize = 4096;
/// Sealed segments that may stay open for reading from one commit to the next.
const VIEWS_MAX: usize = 8;

/// Proof that every input up to this one survives what was configured. Only the journal makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Durable(Seq);

impl Durable {
    /// The last input that survives.
    pub fn seq(self) -> Seq {
        self.0
    }
}

/// An open journal, owned by the loop.
pub struct Journal {
    disk: Arc<dyn Disk>,
    settings: Settings,
    secret: Secret,
    framer: Framer,
    /// What every segment's header says, apart from number, size and time.
    template: SegmentHeader,
    /// The chain at the last record that was written.
    cursor: Cursor,
    active: Box<dyn Segment>,
    /// Where the next record goes in `active`.
    offset: usize,
    index: Index,
    /// The last segment of the snapshot that the journal was opened with; 0 if there was none.
    base: u64,
    /// Bodies of dropped segments.
    pack: Option<Pack>,
    /// Segments that are there, opened on demand; the last place is that of `active` and stays empty.
    views: Vec<OnceCell<Box<dyn View>>>,
    views_open: Cell<usize>,
    /// A compressed one was opened since the last turn ended.
    restored: Cell<bool>,
    committed: Seq,
    /// Inputs were appended after the last commit.
    pending: bool,
    /// What came in the place of redacted bodies.
    originals: Originals,
    syncer: Syncer,
    spare: Spare,
    /// Encoded input, reused.
    encoded: Vec<u8>,
    failed: Option<JournalError>,
}

impl Journal {
    /// Takes an input, before the core sees it. `at` is moved on if it would not be later than the
    /// input before; the number, the time and the reference to the body are in the answer.
    ///
    /// `previous` is the digest of the outputs of the step before
    /// ([`pi_server_core::record::digest_outputs`]).
    ///
    /// # Errors
    /// The input was not taken and must not be stepped.
    pub fn append(
        &mut self,
        at: Micros,
        kind: InputKind,
        body: &[u8],
        previous: Digest,
    ) -> Result<Input, AppendError> {
        self.append_body(at, kind, Written::Whole(body), previous)
    }

    /// As [`Journal::append`], for an input whose body is not to be written as it came but as what
    /// redaction left of it. The original is held in memory until [`Journal::release_originals`].
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn append_redacted(
        &mut self,
        at: Micros,
        kind: InputKind,
        (left, original): (&[u8], &[u8]),
        previous: Digest,
    ) -> Result<Input, AppendError> {
        let input = self.append_body(at, kind, Written::Redacted(left), previous)?;
        self.originals.hold(input.seq, original);
        Ok(input)
    }

    /// As [`Journal::append_redacted`], for an answer that is not to be written at all: of what
    /// redaction left of it, only the digest and the length are. The original can still be handed
    /// on for a while after [`Journal::release_originals`], as far as a bound on memory allows.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn append_unkept(
        &mut self,
        at: Micros,
        kind: InputKind,
        (left, original): (&[u8], &[u8]),
        previous: Digest,
    ) -> Result<Input, AppendError> {
        let input = self.append_body(at, kind, Written::Digest(left), previous)?;
        self.originals.hold_answer(input.seq, original);
        Ok(input)
    }

    /// Lets go of the originals that are not wanted any more.
    pub fn release_originals(&mut self, is_wanted: impl FnMut(Seq) -> bool) {
        self.originals.retain(is_wanted);
    }

    /// Whether so many originals are held that clients must not add to them.
    pub fn holds_too_much(&self) -> bool {
        self.originals.is_full()
    }

    fn append_body(
        &mut self,
        at: Micros,
        kind: InputKind,
        written: Written<'_>,
        previous: Digest,
    ) -> Result<Input, AppendError> {
        self.check()?;
        let length;
        let (digested, body) = match written {
            Written::Whole(body) | Written::Redacted(body) => (body, body),
            Written::Digest(answer) => {
                length = format!("{{\"unkept\":{}}}", answer.len());
                (answer, length.as_bytes())
            }
        };
        let erased = matches!(written, Written::Digest(_));
        let too_large = AppendError::TooLarge { body: body.len() as u64 };
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        let fits = encode_kind(&kind, &mut encoded).is_ok();
        let lengths = (u32::try_from(encoded.len()), u32::try_from(body.len()));
        let (Ok(input_len), Ok(body_len), true) = (lengths.0, lengths.1, fits) else {
            return Err(too_large);
        };
        let header = Header {
            kind: RecordKind::Input,
            erased,
            redacted: !matches!(written, Written::Whole(_)),
            seq: Seq(self.cursor.seq.0 + 1),
            at: at.max(Micros(self.cursor.at.0 + 1)),
            outputs: previous,
            input_len,
            body_len,
            body_digest: self.secret.body(digested),
            body_crc: if body.is_empty() || erased { 0 } else { crc32fast::hash(body) },
            tag: Digest::default(),
        };
        if header.length() > RECORD_BYTES_MAX {
            return Err(too_large);
        }
        self.make_room(span(&header) + RESERVE)?;
        let offset = self.offset;
        self.put(header, None, &encoded, body)?;
        self.encoded = encoded;
        self.index.push(offset);
        self.pending = true;
        Ok(Input { seq: header.seq, at: header.at, body: header.body_ref(), kind })
    }

    /// Ends a turn of the loop; nothing if nothing was appended since the last. `last` is the
    /// digest of the outputs of the last step.
    ///
    /// # Errors
    /// The turn's outputs must not be released; the process should end.
    pub fn commit(&mut self, last: Digest) -> Result<(), JournalError> {
        self.check()?;
        self.drop_views();
        if !self.pending {
            return Ok(());
        }
        self.put_commit(last)?;
        self.pending = false;
        self.committed = self.cursor.seq;
        self.syncer.want(self.committed, self.cursor.segment);
        Ok(())
    }

    /// Up to where outputs may be released: in `power`, what was synced; otherwise what was
    /// committed.
    pub fn durable(&self) -> Durable {
        match self.settings.durability {
            Durability::Power => Durable(self.syncer.durable().min(self.committed)),
            Durability::Process | Durability::None => Durable(self.committed),
        }
    }

    /// To be called when the waker was: notices failed syncs, and writes down how far the journal
    /// is on disk when nothing else would.
    ///
    /// # Errors
    /// A sync failed: the process should end.
    pub fn poll(&mut self) -> Result<(), JournalError> {
        self.check()?;
        let news = self.syncer.durable() > self.cursor.durable_upto;
        let room = self.offset + Commit::SPAN + RESERVE <= self.active.bytes().len();
        if news && room && !self.pending {
            self.put_commit(self.cursor.outputs)?;
        }
        Ok(())
    }

    /// Whether there is room for new work: the segment after this one is there, or on its way.
    pub fn writable(&self) -> bool {
        self.spare.promises(self.cursor.segment + 1)
    }

    /// Why there is no room for new work, if there is none.
    pub fn trouble(&self) -> Option<String> {
        if self.writable() {
            return None;
        }
        let why = self.spare.trouble().map_or_else(String::new, |error| format!(": {error}"));
        Some(format!("the journal has no room for new work{why}"))
    }

    /// Whether there is no next segment and only the last quarter of this one is left: what is in
    /// flight, and the stop, need that.
    pub fn is_nearly_full(&self) -> bool {
        self.offset > self.active.bytes().len() / 4 * 3 && !self.writable()
    }

    /// The last input.
    pub fn last_seq(&self) -> Seq {
        self.cursor.seq
    }

    /// Time of the last input.
    pub fn last_at(&self) -> Micros {
        self.cursor.at
    }

    /// Digest of the outputs of the last step that was committed, as recorded.
    pub fn last_outputs(&self) -> Digest {
        self.cursor.outputs
    }

    /// Keys the digests of clients' bytes.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Number of the segment that is being written; the journal takes about this many times
    /// [`Options::segment_bytes`].
    pub fn segment(&self) -> u64 {
        self.cursor.segment
    }

    /// The first segment that is known to be on disk not in full: those before it are sealed, on
    /// disk as they are, and every input in them was committed.
    pub fn settled(&self) -> u64 {
        self.syncer.settled()
    }

    /// The first input that can still be read again; older ones were dropped.
    pub fn first_seq(&self) -> Seq {
        self.index.first_seq()
    }

    /// What is settled, for a thread beside the loop.
    pub fn archive(&self) -> Archive {
        Archive::new(self.disk.clone(), self.cursor.journal, self.settings.segment_bytes)
    }

    /// Seals the segment between two turns, so that it can be settled before it is full. Returns false
    /// if there is nothing in it, or no next one to go on in.
    ///
    /// # Errors
    /// A record could not be written: the process should end.
    pub fn seal_early(&mut self) -> Result<bool, JournalError> {
        self.check()?;
        let is_used = self.index.first_of(self.cursor.segment) <= Some(self.cursor.seq);
        if self.pending || !is_used || !self.writable() {
            return Ok(false);
        }
        match self.roll(RESERVE) {
            Ok(()) => Ok(true),
            Err(JournalError::Full(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Forgets the segments up to `segment`, before they are dropped: from here on their bodies are
    /// those of the pack of that number.
    ///
    /// # Errors
    /// The pack cannot be read; nothing has changed then.
    pub fn let_go(&mut self, segment: u64) -> io::Result<()> {
        self.pack = Some(Pack::open(&*self.disk, self.cursor.journal, segment)?);
        let dropped = self.index.let_go(segment);
        let opened = self.views.drain(..dropped.min(self.views.len()));
        let closed = opened.filter(|cell| cell.get().is_some()).count();
        self.views_open.set(self.views_open.get().saturating_sub(closed));
        Ok(())
    }

    /// Opens a sealed segment anew when something in it is wanted again: its bytes were replaced.
    pub fn reopen(&mut self, segment: u64) {
        let place = segment.checked_sub(self.index.first_segment());
        let place = place.and_then(|place| usize::try_from(place).ok());
        if let Some(cell) = place.and_then(|place| self.views.get_mut(place))
            && cell.take().is_some()
        {
            self.views_open.set(self.views_open.get().saturating_sub(1));
        }
    }

    /// The first input behind the segments before `segment`.
    pub fn first_of(&self, segment: u64) -> Option<Seq> {
        self.index.first_of(segment)
    }

    /// Syncs everything that was committed, on this thread.
    ///
    /// # Errors
    /// A sync failed, now or earlier.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.check()?;
        self.syncer.sync()
    }

    /// Without threads of its own ([`Settings::background`]): syncs once what the thread would sync
    /// by now, with `HEAD` if `interval_passed`. A failure shows in the next call.
    pub fn sync_aside(&self, interval_passed: bool) {
        self.begin_sync_aside(interval_passed);
        self.end_sync_aside();
    }

    /// The first half of [`Journal::sync_aside`]: such a sync is for what was committed by now, and
    /// nothing of it counts as synced before the second half. Whether there is anything to sync.
    pub fn begin_sync_aside(&self, interval_passed: bool) -> bool {
        self.settings.durability != Durability::None && self.syncer.begin(interval_passed)
    }

    /// The second half. Whether a sync had begun.
    pub fn end_sync_aside(&self) -> bool {
        self.syncer.end()
    }

    /// Without threads of its own: tries once to build the segment that is wanted, if one is.
    /// Whether one was.
    pub fn build_aside(&self) -> bool {
        self.spare.step()
    }

    /// A clean stop: what was committed is synced (except in `none`), and `HEAD` says so.
    ///
    /// # Errors
    /// A sync failed, now or earlier.
    pub fn close(self) -> Result<(), JournalError> {
        self.check()?;
        self.syncer.stop()
    }

    /// Whether so many bytes of records fit into the segment that is being written.
    #[cfg(test)]
    pub(crate) fn fits(&self, bytes: usize) -> bool {
        self.offset + bytes + RESERVE <= self.active.bytes().len()
    }

    fn check(&self) -> Result<(), JournalError> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None => self.syncer.check(),
        }
    }

    fn put_commit(&mut self, outputs: Digest) -> Result<(), JournalError> {
        let commit = Mark::Commit(Commit {
            number: self.cursor.commit + 1,
            epoch: self.cursor.epoch,
            durable_upto: self.syncer.durable().min(self.cursor.seq),
            journal: self.cursor.journal,
        });
        self.put_mark(commit, outputs)
    }

    fn put_mark(&mut self, mark: Mark, outputs: Digest) -> Result<(), JournalError> {
        mark.with_bytes(|bytes| {
            let header = Header {
                kind: mark.kind(),
                erased: false,
                redacted: false,
                seq: self.cursor.seq,
                at: self.cursor.at,
                outputs,
                input_len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                body_len: 0,
                body_digest: Digest::default(),
                body_crc: 0,
                tag: Digest::default(),
            };
            self.put(header, Some(&mark), bytes, &[])
        })
    }

    /// Writes a record where there is room for it, and makes it part of the chain.
    fn put(
        &mut self,
        mut header: Header,
        mark: Option<&Mark>,
        input: &[u8],
        body: &[u8],
    ) -> Result<(), JournalError> {
        header.tag = header.chain(self.cursor.tag, input);
        let bytes = self.framer.header(&header, input);
        let span = span(&header);
        let segment = self.cursor.segment;
        if let Err(source) = self.active.put(self.offset, [&bytes, input, body]) {
            let error = JournalError::WriteFailed { segment, source: Arc::new(source) };
            self.failed = Some(error.clone());
            return Err(error);
        }
        let followed = self.cursor.follow(&header, mark);
        assert!(followed.is_ok(), "the journal numbers its own records: {followed:?}");
        self.offset += span;
        Ok(())
    }

    /// Goes on in the next segment if this one has less than `bytes` left. Nothing has changed if
    /// there is no next one.
    fn make_room(&mut self, bytes: usize) -> Result<(), JournalError> {
        if self.offset + bytes <= self.active.bytes().len() {
            return Ok(());
        }
        self.roll(bytes)
    }

    /// Seals the segment and goes on in the next one, which has room for `bytes`.
    fn roll(&mut self, bytes: usize) -> Result<(), JournalError> {
        let number = self.cursor.segment + 1;
        let minimum = SEGMENT_HEADER_BYTES + Begin::SPAN + bytes;
        self.disk.check().map_err(|source| {
            let error = JournalError::Lost { source: Arc::new(source) };
            self.failed.get_or_insert(error).clone()
        })?;
        let OpenSegment { segment, file } =
            self.next_segment(number, minimum).map_err(JournalError::Full)?;
        self.put_mark(Mark::Seal(Seal { next: number }), self.cursor.outputs)?;
        self.active = segment;
        self.syncer.rolled(file);
        self.begin(number)
    }

    /// Opens the next segment, which has room for at least `minimum` bytes.
    fn next_segment(&self, number: u64, minimum: usize) -> Result<OpenSegment, Full> {
        let standard = self.header(number, self.settings.segment_bytes);
        let opened = self.spare.take(&standard)?;
        if opened.segment.bytes().len() >= minimum {
            return Ok(opened);
        }
        // A record larger than a segment gets one of its own size, in place of the unused one.
        drop(opened);
        let pages = minimum.next_multiple_of(PAGE);
        let capacity = u32::try_from(pages)
            .map_err(|error| Full { segment: number, source: Arc::new(io::Error::other(error)) })?;
        self.spare.build(&self.header(number, capacity.max(self.settings.segment_bytes)))
    }

    /// The first record of the segment that has just become the active one.
    fn begin(&mut self, number: u64) -> Result<(), JournalError> {
        self.offset = SEGMENT_HEADER_BYTES;
        let begin = Begin {
            segment: number,
            before: self.cursor.tag,
            epoch: self.cursor.epoch,
            commit: self.cursor.commit,
        };
        self.put_mark(Mark::Begin(begin), self.cursor.outputs)?;
        self.index.begin(Seq(self.cursor.seq.0 + 1));
        self.views.push(OnceCell::new());
        self.spare.want(self.header(number + 1, self.settings.segment_bytes));
        Ok(())
    }

    fn header(&self, number: u64, capacity: u32) -> SegmentHeader {
        SegmentHeader { number, capacity, created: self.cursor.at, ..self.template }
    }
}

/// What is written of a body.
#[derive(Clone, Copy)]
enum Written<'a> {
    /// The body that came.
    Whole(&'a [u8]),
    /// What redaction has left of it.
    Redacted(&'a [u8]),
    /// The digest and the length of what redaction has left of it: it is erased from the beginning.
    Digest(&'a [u8]),
}

/// A record's length with padding; records are far smaller than a pointer can address.
fn span(header: &Header) -> usize {
    let length = header.span();
    usize::try_from(length).expect("a record has at most RECORD_BYTES_MAX bytes")
}

const _: () = assert!(RESERVE.is_multiple_of(RECORD_STEP));

#[cfg(test)]
pub(crate) mod tests;

impl pi_server_core::wire::Bodies for Journal {
    fn body(&self, body: BodyRef) -> Option<&[u8]> {
        Journal::body(self, body)
    }

    fn original(&self, body: BodyRef) -> Option<&[u8]> {
        self.originals.of(body)
    }
}
