//! Opening a journal: make it, or read it through and go on with it.

use std::cell::Cell;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use pi_server_compress::Fault as CompressedFault;
use pi_server_core::input::JournalFacts;
use pi_server_core::record::{
    Cursor, Damage, FORMAT_VERSION, Framer, Head, JournalId, Mark, Place, Recovered,
    SEGMENT_BYTES_MIN, SEGMENT_HEADER_BYTES, Secret, SegmentFault, SegmentHeader, Snapshot, Survey,
    Tail, Verdict, read_head, record_at,
};
use pi_server_core::{Digest, Micros, Seq};

use super::archive::{Archive, SEGMENT_START_BYTES};
use super::error::{JournalError, OpenError, SnapshotError};
use super::files::{FileDisk, KEY_FILE};
use super::index::Index;
use super::options::{Options, Settings};
use super::originals::Originals;
use super::pack::Pack;
use super::spare::Spare;
use super::storage::{Disk, Shelf};
use super::sync::Syncer;
use super::{Journal, RESERVE};

/// The first segment is small, so that a first start is fast.
const FIRST_SEGMENT_BYTES: u32 = 4 << 20;

/// An open journal and what was found.
pub struct Opened {
    /// The journal. Its inputs have been checked but not fed to anybody: see [`Journal::replay`].
    pub journal: Journal,
    /// What was found.
    pub facts: Facts,
}

/// What was found when the journal was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// There was no journal before.
    pub first: bool,
    /// Committed inputs.
    pub records: u64,
    /// The last of them is a stop.
    pub clean: bool,
    /// What followed the last commit.
    pub tail: Tail,
    /// Bytes that were set aside because of it.
    pub torn_bytes: u64,
    /// Name of the durability level.
    pub durability: &'static str,
    /// `map` or `pwrite`.
    pub backend: &'static str,
    /// The last input of the snapshot that was used.
    pub snapshot: Option<Seq>,
    /// Newer snapshots that cannot be used, by their numbers, and why.
    pub rejected: Vec<(u64, String)>,
}

/// Takes a snapshot in; an error if what is in it cannot be decoded.
pub type Restore<'a> = dyn FnMut(&Snapshot<'_>) -> Result<(), SnapshotError> + 'a;

impl Facts {
    /// As they go into the input that begins a daemon life.
    pub fn journal_facts(&self) -> JournalFacts {
        JournalFacts {
            records: self.records,
            torn_bytes: self.torn_bytes,
            durability: format!("{} ({})", self.durability, self.backend).into(),
            format: FORMAT_VERSION,
        }
    }
}

/// What a new journal is made of.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Its id: random.
    pub journal: JournalId,
    /// Its key: random.
    pub key: [u8; 32],
    /// The time.
    pub now: Micros,
}

impl Origin {
    /// From the operating system's random source and clock.
    ///
    /// # Errors
    /// There is no random source.
    pub fn random() -> io::Result<Origin> {
        let mut journal = JournalId::default();
        let mut key = [0; 32];
        getrandom::fill(&mut journal.0).map_err(io::Error::other)?;
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        Ok(Origin { journal, key, now: Micros(u64::try_from(now).unwrap_or(u64::MAX)) })
    }
}

impl Journal {
    /// Opens the journal in a data directory: makes it if there is none, and sets a torn tail
    /// aside. Takes the directory's lock first, and keeps it. Reads everything: snapshots are left
    /// alone.
    ///
    /// # Errors
    /// Nothing was changed, unless a torn tail had been set aside already.
    pub fn open(options: &Options) -> Result<Opened, OpenError> {
        Journal::open_with(options, &mut |_| Err(SnapshotError::Payload))
    }

    /// As [`Journal::open`], but begins to read behind the newest snapshot that is good and that
    /// `restore` takes in. It is offered the newest first.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_with(options: &Options, restore: &mut Restore<'_>) -> Result<Opened, OpenError> {
        let disk = FileDisk::open(&options.dir, options.backend)?;
        let backend = disk.backend_name();
        let origin = Origin::random().map_err(|source| OpenError::Io {
            operation: "get random bytes",
            dir: options.dir.clone(),
            source,
        })?;
        let opener = Opener { dir: options.dir.clone(), disk: Arc::new(disk), backend };
        opener.open(options.settings(), &origin, restore)
    }

    /// Opens the journal on a disk of the caller's choice, for simulations.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        settings: Settings,
        origin: &Origin,
        restore: &mut Restore<'_>,
    ) -> Result<Opened, OpenError> {
        let opener = Opener { dir: PathBuf::new(), disk, backend: "simulated" };
        opener.open(settings, origin, restore)
    }
}

struct Opener {
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    backend: &'static str,
}

/// What reading a journal through has brought.
struct Found {
    head: Head,
    /// The format of the segment that is written to.
    format: u32,
    segments: u64,
    verdict: Verdict,
    index: Index,
    key_check: Option<Digest>,
    base: Base,
    pack: Option<Pack>,
}

/// What reading begins with.
#[derive(Default)]
struct Base {
    /// The chain behind the snapshot that was taken in.
    cursor: Option<Cursor>,
    rejected: Vec<(u64, SnapshotError)>,
}

impl Opener {
    fn open(
        &self,
        settings: Settings,
        origin: &Origin,
        restore: &mut Restore<'_>,
    ) -> Result<Opened, OpenError> {
        let (found, first) = match self.survey(restore)? {
            Some(found) => (found, false),
            None => (self.create(&settings, origin)?, true),
        };
        let key = self.disk.read_key().map_err(|source| self.failed("read the key", source))?;
        let path = self.dir.join(KEY_FILE);
        let secret = match key {
            Some(key) => Secret::new(key),
            None => return Err(OpenError::MissingKey { path }),
        };
        let key_check = found.head.journal.key_check(&secret);
        if found.key_check.is_some_and(|check| check != key_check) {
            return Err(OpenError::WrongKey { path });
        }
        if found.format < FORMAT_VERSION {
            self.announce_upgrade(found.format);
        }
        let verdict = found.verdict;
        let healed = self.set_aside(&found, &secret)?;
        let rejected = found.base.rejected.iter();
        let rejected = rejected.map(|(number, error)| (*number, error.to_string())).collect();
        let snapshot = found.base.cursor.map(|cursor| cursor.seq);
        let durability = settings.durability.name();
        let journal = self.assemble(settings, found, secret, key_check, healed)?;
        let facts = Facts {
            first,
            records: verdict.cursor.seq.0,
            clean: verdict.stopped,
            tail: verdict.tail,
            torn_bytes: healed.map_or(0, |(bytes, _)| bytes),
            durability,
            backend: self.backend,
            snapshot,
            rejected,
        };
        Ok(Opened { journal, facts })
    }

    /// Says what a start of this build means for a journal of an older format, before anything is
    /// written.
    fn announce_upgrade(&self, found: u32) {
        pi_server_system::report!(
            "pi-server: {} has format {found}; this build goes on in format {FORMAT_VERSION}, which \
             older builds cannot read: keep a copy if you may want to go back \
             (docs/guides/upgrade.md)",
            self.dir.display()
        );
    }

    /// Reads what the newest good snapshot does not cover; `None` if there is no journal, or one
    /// that was never begun.
    fn survey(&self, restore: &mut Restore<'_>) -> Result<Option<Found>, OpenError> {
        let segments =
            self.disk.segments().map_err(|source| self.failed("list the segments", source))?;
        let head = self.disk.read_head().map_err(|source| self.failed("read HEAD", source))?;
        let Some(head) = read_head(&head) else {
            if segments.is_empty() && head.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            return Err(self.damaged(Damage::NoHead));
        };
        if segments.is_empty() && head.durable_upto == Seq(0) {
            return Ok(None);
        }
        let base = self.base(head, &segments, restore)?;
        let (mut index, covered) = match &base.cursor {
            Some(cursor) => self.covered(head, &segments, cursor)?,
            None => (Index::default(), None),
        };
        let mut survey = match &base.cursor {
            Some(cursor) => Survey::after(head, cursor),
            None => Survey::new(head),
        };
        let read_from = base.cursor.map_or(0, |cursor| cursor.segment + 1);
        let (mut bytes, mut formats) = (Vec::new(), Vec::new());
        for segment in segments.iter().filter(|segment| **segment >= read_from) {
            let settled = *segment < head.segment;
            let read = self.disk.read(*segment, settled, &mut bytes);
            read.map_err(|source| self.unread(*segment, source))?;
            let header = SegmentHeader::parse(&bytes);
            formats.push((*segment, header.map_or(FORMAT_VERSION, |header| header.format)));
            let surveyed = survey.segment(*segment, &bytes, &mut |_, record| match &record.mark {
                Some(Mark::Begin(_)) => index.begin(Seq(record.header.seq.0 + 1)),
                None => index.push(record.offset),
                Some(Mark::Commit(_) | Mark::Recovered(_) | Mark::Seal(_)) => {}
            });
            surveyed.map_err(|damage| self.damaged(damage))?;
        }
        let key_check = survey.key_check();
        if let (Some(covered), Some(other)) = (covered, key_check)
            && covered != other
        {
            let segment = index.first_segment();
            return Err(self.damaged(Damage::Foreign { segment, found: head.journal }));
        }
        let verdict = survey.finish().map_err(|damage| self.damaged(damage))?;
        index.cut(verdict.end.segment, verdict.cursor.seq);
        let pack = self.pack(head, index.first_segment())?;
        let segments = segments.last().copied().unwrap_or(0);
        let in_use = formats.iter().find(|(segment, _)| *segment == verdict.end.segment);
        let format = in_use.map_or(FORMAT_VERSION, |(_, format)| *format);
        Ok(Some(Found { head, format, segments, verdict, index, key_check, base, pack }))
    }

    /// Finds the newest snapshot that can be used.
    fn base(
        &self,
        head: Head,
        segments: &[u64],
        restore: &mut Restore<'_>,
    ) -> Result<Base, OpenError> {
        let archive = Archive::new(self.disk.clone(), head.journal, 0);
        let list = archive.snapshots();
        let numbers = list.map_err(|source| self.failed("list the snapshots", source))?;
        let first = segments.first().copied().unwrap_or(1);
        let mut base = Base::default();
        for number in numbers.into_iter().rev().filter(|number| number + 1 >= first) {
            let taken = archive.load(number, |snapshot| {
                restore(snapshot)?;
                Ok(snapshot.cursor)
            });
            match taken {
                Ok(cursor) => {
                    base.cursor = Some(cursor);
                    return Ok(base);
                }
                Err(error) => base.rejected.push((number, error)),
            }
        }
        if first > 1 {
            return Err(OpenError::NoSnapshot { dir: self.dir.clone(), rejected: base.rejected });
        }
        Ok(base)
    }

    /// Looks at how the segments begin that a snapshot covers: they are there for what is asked
    /// about the past. Also what they say about the key.
    fn covered(
        &self,
        head: Head,
        segments: &[u64],
        cursor: &Cursor,
    ) -> Result<(Index, Option<Digest>), OpenError> {
        let framer = Framer::new(head.journal);
        let first = segments.first().copied().unwrap_or(1);
        let mut firsts = Vec::new();
        let mut key_check = None;
        for (number, segment) in (first..=cursor.segment).zip(segments) {
            let mut bytes = [0; SEGMENT_START_BYTES];
            let read = self.disk.read_start(*segment, &mut bytes);
            let length = read.map_err(|source| self.unread(*segment, source))?;
            let header = SegmentHeader::parse_start(&bytes, length)
                .map_err(|fault| self.damaged(Damage::Segment { segment: *segment, fault }))?;
            let key_check = *key_check.get_or_insert(header.key_check);
            if *segment != number {
                return Err(self.damaged(Damage::Missing { segment: number }));
            }
            if header.journal != head.journal || header.key_check != key_check {
                let found = header.journal;
                return Err(self.damaged(Damage::Foreign { segment: number, found }));
            }
            if header.number != number {
                let found = header.number;
                return Err(self.damaged(Damage::Renamed { segment: number, found }));
            }
            let at = Place { segment: number, offset: SEGMENT_HEADER_BYTES };
            let begin = record_at(&framer, &bytes, SEGMENT_HEADER_BYTES)
                .map_err(|fault| self.damaged(Damage::Misplaced { at, fault }))?;
            firsts.push(Seq(begin.header.seq.0 + 1));
        }
        let end = Seq(cursor.seq.0 + 1);
        Ok((Index::unread(first, &firsts, end), key_check))
    }

    /// Opens the bodies of segments that were dropped, if any were.
    fn pack(&self, head: Head, first: u64) -> Result<Option<Pack>, OpenError> {
        if first <= 1 {
            return Ok(None);
        }
        let bad = |source| OpenError::BadPack { dir: self.dir.clone(), source };
        let packs = self.disk.kept(Shelf::Bodies).map_err(bad)?;
        // The newest has all that is needed; an older one only if nothing was dropped since.
        let newest = packs.into_iter().rev().find(|number| number + 1 >= first);
        let number = newest.ok_or_else(|| bad(io::Error::from(io::ErrorKind::NotFound)))?;
        Pack::open(&*self.disk, head.journal, number).map(Some).map_err(bad)
    }

    /// Makes a journal: the key first and the first segment last, so that an interrupted first
    /// start leaves nothing that looks like a journal without its key.
    fn create(&self, settings: &Settings, origin: &Origin) -> Result<Found, OpenError> {
        let key = self.disk.read_key().map_err(|source| self.failed("read the key", source))?;
        if key.is_none() {
            self.disk
                .write_key(&origin.key)
                .map_err(|source| self.failed("write the key", source))?;
        }
        let secret = Secret::new(key.unwrap_or(origin.key));
        let head = Head { journal: origin.journal, write: 0, durable_upto: Seq(0), segment: 1 };
        self.disk
            .write_head(head.slot(), &head.encode())
            .map_err(|source| self.failed("write HEAD", source))?;
        let capacity = settings.segment_bytes.clamp(SEGMENT_BYTES_MIN, FIRST_SEGMENT_BYTES);
        let key_check = origin.journal.key_check(&secret);
        let header = SegmentHeader {
            format: FORMAT_VERSION,
            journal: origin.journal,
            number: 1,
            capacity,
            created: origin.now,
            key_check,
        };
        self.disk.build(&header).map_err(|source| {
            if source.kind() == io::ErrorKind::StorageFull {
                OpenError::DiskFull { dir: self.dir.clone(), bytes: u64::from(capacity) }
            } else {
                self.failed("build the first segment", source)
            }
        })?;
        let nothing = &mut |_: &Snapshot<'_>| Err(SnapshotError::Payload);
        self.survey(nothing)?.ok_or_else(|| self.damaged(Damage::NoHead))
    }

    /// Copies what follows the last commit to the quarantine and clears it. How many bytes, and
    /// their digest.
    fn set_aside(
        &self,
        found: &Found,
        secret: &Secret,
    ) -> Result<Option<(u64, Digest)>, OpenError> {
        let Verdict { end, cursor, dirty_upto, .. } = &found.verdict;
        if found.verdict.tail == Tail::Clean {
            return Ok(None);
        }
        let epoch = cursor.epoch + 1;
        let mut bytes = Vec::new();
        let mut digest = secret.hasher();
        let mut total = 0;
        let mut ranges = Vec::new();
        for segment in end.segment.max(1)..=*dirty_upto {
            let read = self.disk.read(segment, true, &mut bytes);
            read.map_err(|source| self.unread(segment, source))?;
            let from = if segment == end.segment { end.offset } else { SEGMENT_HEADER_BYTES };
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(from, |last| last + 1);
            if used <= from {
                continue;
            }
            let tail = &bytes[from..used];
            let name = format!("epoch-{epoch}-segment-{segment:08}-offset-{from}.bin");
            let kept = self.disk.set_aside(&name, tail);
            kept.map_err(|source| self.failed("copy the torn tail to quarantine/", source))?;
            digest.update(tail);
            total += tail.len() as u64;
            ranges.push((segment, from, used));
        }
        // Copied in full before anything is cleared, and cleared from the front, where a seal may
        // point to the segments behind.
        for (segment, from, used) in ranges {
            let cleared = self.disk.clear(segment, from, used);
            cleared.map_err(|source| self.failed("clear the torn tail", source))?;
        }
        Ok(Some((total, digest.finish())))
    }

    fn assemble(
        &self,
        settings: Settings,
        found: Found,
        secret: Secret,
        key_check: Digest,
        healed: Option<(u64, Digest)>,
    ) -> Result<Journal, OpenError> {
        let Found { head, segments, verdict, index, key_check: _, base, pack, format: _ } = found;
        let Place { segment, offset } = verdict.end;
        let number = segment.max(1);
        let active =
            self.disk.open(number).map_err(|source| self.failed("open a segment", source))?;
        let file = active.syncer().map_err(|source| self.failed("open a segment", source))?;
        // Reading the last segments has synced them, so that the whole prefix is on disk.
        let durable = verdict.cursor.seq;
        let threads = |source| self.failed("start a thread for the journal", source);
        let syncer = Syncer::start(self.disk.clone(), &settings, head, durable, number, file)
            .map_err(threads)?;
        // A segment of an older format is gone on with in a new one, and unused ones are built anew.
        let header = SegmentHeader::parse(active.bytes());
        let is_old = header.is_ok_and(|header| header.format < FORMAT_VERSION);
        let is_spare_large = segments > number
            && self
                .disk
                .file_facts(number + 1)
                .is_ok_and(|(length, _)| length > u64::from(settings.segment_bytes));
        // So are those that are larger than what is configured now, which may be for want of room.
        let built = if is_old || is_spare_large { number } else { segments };
        let spare = Spare::start(self.disk.clone(), &settings, built).map_err(threads)?;
        let template = SegmentHeader {
            format: FORMAT_VERSION,
            journal: head.journal,
            number,
            capacity: settings.segment_bytes,
            created: Micros(0),
            key_check,
        };
        let views = (index.first_segment()..=segment).map(|_| std::cell::OnceCell::new()).collect();
        let mut journal = Journal {
            framer: Framer::new(head.journal),
            disk: self.disk.clone(),
            settings,
            secret,
            template,
            cursor: verdict.cursor,
            active,
            offset: offset.max(SEGMENT_HEADER_BYTES),
            index,
            base: base.cursor.map_or(0, |cursor| cursor.segment),
            pack,
            views,
            views_open: Cell::new(0),
            restored: Cell::new(false),
            committed: verdict.cursor.seq,
            pending: false,
            originals: Originals::default(),
            syncer,
            spare,
            encoded: Vec::new(),
            failed: None,
        };
        let begun = journal.go_on(verdict.end, healed, head, is_old);
        begun.map_err(|error| match error {
            JournalError::SyncFailed { source, .. }
            | JournalError::WriteFailed { source, .. }
            | JournalError::Lost { source }
            | JournalError::Full(super::Full { source, .. }) => {
                self.failed("go on with the journal", io::Error::new(source.kind(), source))
            }
        })?;
        Ok(journal)
    }

    fn damaged(&self, damage: Damage) -> OpenError {
        match damage {
            Damage::Segment { fault: SegmentFault::Version { found }, .. } => {
                OpenError::NewerFormat { found }
            }
            Damage::NoHead
            | Damage::Segment { .. }
            | Damage::Foreign { .. }
            | Damage::Renamed { .. }
            | Damage::Missing { .. }
            | Damage::Misplaced { .. }
            | Damage::Lost { .. } => OpenError::Damaged { dir: self.dir.clone(), damage },
        }
    }

    /// The bytes of a segment cannot be had.
    fn unread(&self, segment: u64, source: io::Error) -> OpenError {
        match CompressedFault::of(&source) {
            Some(fault) => OpenError::Compressed { dir: self.dir.clone(), segment, fault },
            None => self.failed("read a segment", source),
        }
    }

    fn failed(&self, operation: &'static str, source: io::Error) -> OpenError {
        if source.kind() == io::ErrorKind::StorageFull {
            return OpenError::DiskFull { dir: self.dir.clone(), bytes: 0 };
        }
        OpenError::Io { operation, dir: self.dir.clone(), source }
    }
}

impl Journal {
    /// Writes what a journal that was just opened has to say: the first record of all, or what was
    /// set aside.
    fn go_on(
        &mut self,
        end: Place,
        healed: Option<(u64, Digest)>,
        head: Head,
        is_old: bool,
    ) -> Result<(), JournalError> {
        if end.segment == 0 {
            self.begin(1)?;
        } else {
            let next = self.header(self.cursor.segment + 1, self.settings.segment_bytes);
            self.spare.want(next);
        }
        if is_old {
            self.roll(RESERVE)?;
        }
        let Some((bytes, digest)) = healed else {
            // What was read is on disk and may be answered from. From here on a loss of it is one
            // that must be noticed.
            let proven = head.durable_upto >= self.cursor.seq;
            return if proven { Ok(()) } else { self.syncer.sync() };
        };
        self.make_room(Recovered::SPAN + RESERVE)?;
        let recovered = Recovered {
            epoch: self.cursor.epoch + 1,
            segment: end.segment.max(1),
            offset: end.offset.max(SEGMENT_HEADER_BYTES) as u64,
            bytes,
            digest,
        };
        self.put_mark(Mark::Recovered(recovered), self.cursor.outputs)?;
        self.put_commit(self.cursor.outputs)?;
        self.syncer.sync()
    }
}
