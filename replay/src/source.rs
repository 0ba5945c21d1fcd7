//! A journal as a stream of inputs: found, checked and decoded on a thread of its own.
//!
//! Segments are read one after the other, each into memory of its own that lives as long as its
//! inputs are in use; a bounded queue keeps the reader from running ahead. Inputs are handed on when
//! the commit behind them was read, so that nothing is stepped that did not happen. Checksums, chain
//! and numbers are those of [`Survey`]; what it finds in the end decides whether they counted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use pi_server_core::record::{
    Damage, Head, Mark, Record, Secret, SegmentFault, Survey, Verdict, decode_kind, read_head,
};
use pi_server_core::{Digest, Input};

use crate::Error;

/// Inputs that are handed on at a time, about.
const BATCH: usize = 4_096;
/// Batches that the reader may be ahead.
const AHEAD: usize = 8;
/// How often a journal is read again that looks damaged: a daemon may be writing to it.
const ATTEMPTS: usize = 3;

/// A data directory with a journal in it.
#[derive(Clone, Debug)]
pub struct Source {
    dir: PathBuf,
}

/// Inputs of one segment.
#[derive(Debug)]
pub struct Batch {
    /// The whole segment.
    bytes: Arc<Vec<u8>>,
    /// The inputs, in order.
    pub items: Vec<Item>,
}

/// One input as it was read.
#[derive(Debug)]
pub struct Item {
    /// The input.
    pub input: Input,
    /// The recorded digest of the outputs of the step *before* it.
    pub outputs: Digest,
    /// Where its body is in the segment; `None` if it was erased.
    body: Option<usize>,
}

impl Batch {
    /// The body of one of the batch's inputs; `None` if it was erased.
    pub fn body(&self, item: &Item) -> Option<&[u8]> {
        let length = usize::try_from(item.input.body.len).ok()?;
        let from = item.body?;
        self.bytes.get(from..from.checked_add(length)?)
    }
}

/// What the reader sends.
#[derive(Debug)]
pub enum Message {
    /// More inputs, every one of them committed.
    Batch(Arc<Batch>),
    /// The end of the journal.
    End(Box<Verdict>),
    /// The journal cannot be read (further).
    Failed(Box<Error>),
}

impl Source {
    /// The journal in `dir`, which is a data directory or its `journal/`.
    ///
    /// # Errors
    /// There is none.
    pub fn find(dir: &Path) -> Result<Source, Error> {
        let parent = dir.parent().unwrap_or(dir);
        for candidate in [dir, parent] {
            if candidate.join("HEAD").is_file() && candidate.join("journal").is_dir() {
                return Ok(Source { dir: candidate.to_owned() });
            }
        }
        Err(Error::NoJournal { dir: dir.to_owned() })
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The journal's secret; `None` if there is no key file, or one that cannot be read or belongs
    /// to another journal. Everything but bodies and frames can be verified without.
    pub fn secret(&self) -> Option<Secret> {
        let key = fs::read(self.dir.join("journal.key")).ok()?;
        let secret = Secret::new(<[u8; 32]>::try_from(key).ok()?);
        let first = fs::read(self.segment_path(1)).ok()?;
        let header = pi_server_core::record::SegmentHeader::parse(&first).ok()?;
        (header.journal.key_check(&secret) == header.key_check).then_some(secret)
    }

    /// Number of bytes in all segments, for progress.
    pub fn size(&self) -> u64 {
        let segments = self.segments().unwrap_or_default();
        let lengths = segments.into_iter().map(|number| fs::metadata(self.segment_path(number)));
        lengths.flatten().map(|facts| facts.len()).sum()
    }

    /// Starts to read.
    pub fn read(&self) -> (Receiver<Message>, JoinHandle<()>) {
        let (sender, receiver) = sync_channel(AHEAD);
        let source = self.clone();
        let thread = std::thread::spawn(move || {
            let end = match source.survey(&sender) {
                Ok(Some(verdict)) => Message::End(Box::new(verdict)),
                // Nobody listens any more.
                Ok(None) => return,
                Err(error) => Message::Failed(Box::new(error)),
            };
            let _ = sender.send(end);
        });
        (receiver, thread)
    }

    /// Whether the same damage is found again. A journal that is being written can look damaged,
    /// because its files are not read at one moment; the next look sees something else then.
    pub fn confirms(&self, damage: Damage) -> bool {
        (0..ATTEMPTS).all(|_| {
            let (receiver, thread) = self.read();
            let mut last = None;
            for message in &receiver {
                last = Some(message);
            }
            let _ = thread.join();
            matches!(last, Some(Message::Failed(error))
                if matches!(*error, Error::Damaged(found) if found == damage))
        })
    }

    fn segment_path(&self, number: u64) -> PathBuf {
        self.dir.join("journal").join(format!("{number:08}.seg"))
    }

    fn segments(&self) -> Result<Vec<u64>, Error> {
        let path = self.dir.join("journal");
        let failed = |source| Error::Io { operation: "list", path: path.clone(), source };
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".seg"));
            numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn head(&self) -> Result<Head, Error> {
        let path = self.dir.join("HEAD");
        let bytes =
            fs::read(&path).map_err(|source| Error::Io { operation: "read", path, source })?;
        read_head(&bytes).ok_or(Error::Damaged(Damage::NoHead))
    }

    /// Reads everything; `None` if nobody listens.
    fn survey(&self, sender: &SyncSender<Message>) -> Result<Option<Verdict>, Error> {
        // First, so that it never promises more than the segments then hold.
        let mut survey = Survey::new(self.head()?);
        let mut hand = Hand { sender, waiting: Vec::new(), failed: None, alone: false };
        for number in self.segments()? {
            let path = self.segment_path(number);
            let bytes = match fs::read(&path) {
                Ok(bytes) => Arc::new(bytes),
                Err(source) if source.kind() == io::ErrorKind::NotFound => break,
                Err(source) => return Err(Error::Io { operation: "read", path, source }),
            };
            hand.waiting.push(Batch { bytes: bytes.clone(), items: Vec::new() });
            let surveyed = survey.segment(number, &bytes, &mut |_, record| hand.take(record));
            if let Some(error) = hand.failed {
                return Err(error);
            }
            if hand.alone {
                return Ok(None);
            }
            surveyed.map_err(damaged)?;
            // What was not committed in this segment may be by the next one.
            hand.waiting.retain(|batch| !batch.items.is_empty());
        }
        let verdict = survey.finish().map_err(damaged)?;
        for batch in &mut hand.waiting {
            batch.items.retain(|item| item.input.seq <= verdict.cursor.seq);
        }
        hand.pass_on();
        Ok(if hand.alone { None } else { Some(verdict) })
    }
}

fn damaged(damage: Damage) -> Error {
    match damage {
        Damage::Segment { fault: SegmentFault::Version { found }, .. } => {
            Error::NewerFormat { found }
        }
        Damage::NoHead
        | Damage::Segment { .. }
        | Damage::Foreign { .. }
        | Damage::Renamed { .. }
        | Damage::Missing { .. }
        | Damage::Misplaced { .. }
        | Damage::Lost { .. } => Error::Damaged(damage),
    }
}

/// Collects inputs until they are committed and many.
struct Hand<'a> {
    sender: &'a SyncSender<Message>,
    /// Inputs that were not handed on, by segment.
    waiting: Vec<Batch>,
    failed: Option<Error>,
    /// Nobody listens.
    alone: bool,
}

impl Hand<'_> {
    fn take(&mut self, record: &Record<'_>) {
        if self.failed.is_some() || self.alone {
            return;
        }
        match record.mark {
            Some(Mark::Commit(_)) => {
                if self.waiting.iter().map(|batch| batch.items.len()).sum::<usize>() >= BATCH {
                    self.commit();
                }
                return;
            }
            Some(Mark::Begin(_) | Mark::Seal(_) | Mark::Recovered(_)) => return,
            None => {}
        }
        let seq = record.header.seq;
        match decode_kind(record.input) {
            Err(source) => self.failed = Some(Error::UnknownInput { seq, source }),
            Ok(kind) => {
                let item = Item {
                    input: record.rebuild(kind),
                    outputs: record.header.outputs,
                    body: record.body_offset(),
                };
                if let Some(batch) = self.waiting.last_mut() {
                    batch.items.push(item);
                }
            }
        }
    }

    /// Hands on all that is waiting; records go on in the last segment.
    fn commit(&mut self) {
        let bytes = self.waiting.last().map(|batch| batch.bytes.clone());
        self.pass_on();
        self.waiting.extend(bytes.map(|bytes| Batch { bytes, items: Vec::new() }));
    }

    fn pass_on(&mut self) {
        for batch in self.waiting.drain(..) {
            if !batch.items.is_empty() {
                self.alone |= self.sender.send(Message::Batch(Arc::new(batch))).is_err();
            }
        }
    }
}
