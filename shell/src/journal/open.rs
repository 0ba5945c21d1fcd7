//! Opening a journal: make it, or read it through and go on with it.

use std::cell::Cell;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use pi_server_core::input::JournalFacts;
use pi_server_core::record::{
    Damage, FORMAT_VERSION, Framer, Head, JournalId, Mark, Place, Recovered, SEGMENT_BYTES_MIN,
    SEGMENT_HEADER_BYTES, Secret, SegmentFault, SegmentHeader, Survey, Tail, Verdict, read_head,
};
use pi_server_core::{Digest, Micros, Seq};

use super::error::{JournalError, OpenError};
use super::files::{FileDisk, KEY_FILE};
use super::index::Index;
use super::options::{Options, Settings};
use super::spare::Spare;
use super::storage::Disk;
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
}

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
    /// aside. Takes the directory's lock first, and keeps it.
    ///
    /// # Errors
    /// Nothing was changed, unless a torn tail had been set aside already.
    pub fn open(options: &Options) -> Result<Opened, OpenError> {
        let disk = FileDisk::open(&options.dir, options.backend)?;
        let backend = disk.backend_name();
        let origin = Origin::random().map_err(|source| OpenError::Io {
            operation: "get random bytes",
            dir: options.dir.clone(),
            source,
        })?;
        let opener = Opener { dir: options.dir.clone(), disk: Arc::new(disk), backend };
        opener.open(options.settings(), &origin)
    }

    /// Opens the journal on a disk of the caller's choice, for simulations.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        settings: Settings,
        origin: &Origin,
    ) -> Result<Opened, OpenError> {
        Opener { dir: PathBuf::new(), disk, backend: "simulated" }.open(settings, origin)
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
    segments: u64,
    verdict: Verdict,
    index: Index,
    key_check: Option<Digest>,
}

impl Opener {
    fn open(&self, settings: Settings, origin: &Origin) -> Result<Opened, OpenError> {
        let (found, first) = match self.survey()? {
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
        let verdict = found.verdict;
        let healed = self.set_aside(&found, &secret)?;
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
        };
        Ok(Opened { journal, facts })
    }

    /// Reads everything; `None` if there is no journal, or one that was never begun.
    fn survey(&self) -> Result<Option<Found>, OpenError> {
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
        let mut survey = Survey::new(head);
        let mut index = Index::default();
        let mut bytes = Vec::new();
        for segment in &segments {
            let settled = *segment < head.segment;
            let read = self.disk.read(*segment, settled, &mut bytes);
            read.map_err(|source| self.failed("read a segment", source))?;
            let surveyed = survey.segment(*segment, &bytes, &mut |_, record| match &record.mark {
                Some(Mark::Begin(_)) => index.begin(Seq(record.header.seq.0 + 1)),
                None => index.push(record.offset),
                Some(Mark::Commit(_) | Mark::Recovered(_) | Mark::Seal(_)) => {}
            });
            surveyed.map_err(|damage| self.damaged(damage))?;
        }
        let key_check = survey.key_check();
        let verdict = survey.finish().map_err(|damage| self.damaged(damage))?;
        index.cut(verdict.end.segment, verdict.cursor.seq);
        let segments = segments.len() as u64;
        Ok(Some(Found { head, segments, verdict, index, key_check }))
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
        self.survey()?.ok_or_else(|| self.damaged(Damage::NoHead))
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
            read.map_err(|source| self.failed("read a segment", source))?;
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
        let Found { head, segments, verdict, index, key_check: _ } = found;
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
        let spare = Spare::start(self.disk.clone(), &settings, segments).map_err(threads)?;
        let template = SegmentHeader {
            journal: head.journal,
            number,
            capacity: settings.segment_bytes,
            created: Micros(0),
            key_check,
        };
        let views = (0..segment).map(|_| std::cell::OnceCell::new()).collect();
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
            views,
            views_open: Cell::new(0),
            committed: verdict.cursor.seq,
            pending: false,
            syncer,
            spare,
            encoded: Vec::new(),
            failed: None,
        };
        let begun = journal.go_on(verdict.end, healed, head);
        begun.map_err(|error| match error {
            JournalError::SyncFailed { source, .. }
            | JournalError::WriteFailed { source, .. }
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
    ) -> Result<(), JournalError> {
        if end.segment == 0 {
            self.begin(1)?;
        } else {
            let next = self.header(self.cursor.segment + 1, self.settings.segment_bytes);
            self.spare.want(next);
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
