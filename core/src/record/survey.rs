//! Torn or damaged? Reads a whole journal, segment by segment, and tells what it is worth.
//!
//! The valid prefix ends at the last commit that every check reaches. What follows is an ordinary
//! torn tail, unless something proves that more than the prefix was on disk once: a commit in the
//! prefix, a commit found by scanning on behind the first bad byte, or `HEAD`. Then accepted data
//! is gone and the journal is damaged. Cutting at the first bad record, which most logs do, would
//! lose such data without a word; refusing whenever something follows the first bad record would
//! refuse after every other power cut, because kernels write pages in their own order.

use core::fmt;

use super::header::{Fault, Framer, RECORD_HEADER_BYTES, RECORD_STEP, u64_at};
use super::read::{Cursor, Reader, Record, Tags, record_at, tag_of};
use super::segment::{SegmentFault, SegmentHeader};
use super::{Commit, Head, JournalId, Mark, RecordKind, SEGMENT_HEADER_BYTES, decode_kind};
use crate::ids::{Digest, Seq};
use crate::input::InputKind;

/// A byte of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Number of the segment.
    pub segment: u64,
    /// Offset in it.
    pub offset: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {} offset {}", self.segment, self.offset)
    }
}

/// What a journal that can be gone on with ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// A commit, and then nothing.
    Clean,
    /// Good records without their commit: the daemon was killed within a turn of its loop. Their
    /// outputs were never released.
    Incomplete,
    /// Bytes that are no records: a power cut. They were never known to be on disk.
    Torn {
        /// Where the first of them is.
        at: Place,
        /// What is wrong there.
        fault: Fault,
    },
}

/// A journal that can be gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The end of the valid prefix, where the next record goes. Segment 0: nothing was written yet.
    pub end: Place,
    /// What the chain says there.
    pub cursor: Cursor,
    /// What follows.
    pub tail: Tail,
    /// The last segment in which something follows; segments behind it were never used.
    pub dirty_upto: u64,
    /// The last input of the prefix is [`InputKind::Stop`].
    pub stopped: bool,
    /// The last input that is proven to have been on disk.
    pub floor: Seq,
}

/// What proves how far the journal was on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A commit record.
    Commit(Place),
    /// The file `HEAD`.
    Head,
    /// A snapshot, which is only written when the segment behind it has begun on disk.
    Snapshot,
}

/// Why a journal is not to be gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// There are segments but no readable `HEAD`.
    NoHead,
    /// The header of a segment cannot be used.
    Segment {
        /// The segment.
        segment: u64,
        /// Why not.
        fault: SegmentFault,
    },
    /// The segment belongs to another journal than `HEAD`.
    Foreign {
        /// The segment.
        segment: u64,
        /// The journal it belongs to.
        found: JournalId,
    },
    /// The header says another number than the file's name.
    Renamed {
        /// Number in the name.
        segment: u64,
        /// Number in the header.
        found: u64,
    },
    /// A segment is gone.
    Missing {
        /// The segment.
        segment: u64,
    },
    /// A good record stands where it cannot have been written: spliced, rolled back or forged.
    Misplaced {
        /// Where.
        at: Place,
        /// What does not fit.
        fault: Fault,
    },
    /// More had been on disk than can be read.
    Lost {
        /// The first bad byte.
        at: Place,
        /// What is wrong there.
        fault: Fault,
        /// The first good commit behind it, if there is one: the loss ends before it.
        resumes: Option<Place>,
        /// The last input that can be read.
        prefix: Seq,
        /// The last input that was on disk.
        floor: Seq,
        /// What proves it.
        evidence: Evidence,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::NoHead => f.write_str("there are segments but no readable HEAD"),
            Damage::Segment { segment, fault } => write!(f, "segment {segment}: {fault}"),
            Damage::Foreign { segment, found } => {
                write!(f, "segment {segment} belongs to another journal ({found})")
            }
            Damage::Renamed { segment, found } => {
                write!(f, "segment {segment} says that it is segment {found}")
            }
            Damage::Missing { segment } => write!(f, "segment {segment} is missing"),
            Damage::Misplaced { at, fault } => write!(f, "{at}: {fault}"),
            Damage::Lost { at, fault, resumes, prefix, floor, evidence } => {
                write!(f, "{at}: {fault}; inputs {} to {floor} were on disk", prefix.0 + 1)?;
                match evidence {
                    Evidence::Commit(place) => write!(f, " (commit at {place} proves it)")?,
                    Evidence::Head => f.write_str(" (HEAD proves it)")?,
                    Evidence::Snapshot => f.write_str(" (a snapshot proves it)")?,
                }
                match resumes {
                    Some(place) => write!(f, "; good records again before {place}"),
                    None => f.write_str("; no good commit follows"),
                }
            }
        }
    }
}

/// A survey under way. Give it every segment in order, then ask for the verdict.
#[derive(Clone, Debug)]
pub struct Survey {
    framer: Framer,
    head: Head,
    key_check: Option<Digest>,
    given: u64,
    cursor: Cursor,
    /// The last input read so far is a stop.
    stopped: bool,
    /// Where good records end; `None` while every record was good so far.
    broken: Option<(Place, Fault)>,
    /// The last commit.
    prefix: Cursor,
    end: Place,
    prefix_stopped: bool,
    /// The last segment with anything behind the last commit.
    dirty_upto: u64,
    /// Bytes that are no zeros stand behind the first fault.
    litter: bool,
    floor: Seq,
    evidence: Evidence,
    resumes: Option<Place>,
}

impl Survey {
    /// Of the journal that `head` belongs to.
    pub fn new(head: Head) -> Survey {
        Survey::at(head, Cursor::start(head.journal), head.durable_upto, Evidence::Head)
    }

    /// Of the journal that `head` belongs to, from behind a snapshot on: the first segment to be
    /// given is the one after the snapshot's. A snapshot is written only when an input behind it
    /// was known to be on disk, so it proves that much.
    pub fn after(head: Head, snapshot: &Cursor) -> Survey {
        let proven = Seq(snapshot.seq.0.saturating_add(1));
        let (floor, evidence) = if head.durable_upto >= proven {
            (head.durable_upto, Evidence::Head)
        } else {
            (proven, Evidence::Snapshot)
        };
        Survey::at(head, *snapshot, floor, evidence)
    }

    fn at(head: Head, cursor: Cursor, floor: Seq, evidence: Evidence) -> Survey {
        Survey {
            framer: Framer::new(head.journal),
            head,
            key_check: None,
            given: cursor.segment,
            cursor,
            stopped: false,
            broken: None,
            prefix: cursor,
            end: Place::default(),
            prefix_stopped: false,
            dirty_upto: 0,
            litter: false,
            floor,
            evidence,
            resumes: None,
        }
    }

    /// Takes in the next segment, of which `bytes` is the whole file. Calls `each` for every good
    /// record; those behind the verdict's `end` do not count in the end.
    ///
    /// # Errors
    /// The journal is damaged, whatever follows.
    pub fn segment(
        &mut self,
        number: u64,
        bytes: &[u8],
        each: &mut dyn FnMut(u64, &Record<'_>),
    ) -> Result<(), Damage> {
        self.segment_by(number, bytes, &mut tag_of, each)
    }

    /// Takes in the next segment as [`Survey::segment`] does, with chain tags that `tags` computes.
    ///
    /// # Errors
    /// The journal is damaged, whatever follows.
    pub fn segment_by(
        &mut self,
        number: u64,
        bytes: &[u8],
        tags: &mut Tags<'_>,
        each: &mut dyn FnMut(u64, &Record<'_>),
    ) -> Result<(), Damage> {
        self.given += 1;
        if number != self.given {
            return Err(Damage::Missing { segment: self.given });
        }
        let header = SegmentHeader::parse(bytes)
            .map_err(|fault| Damage::Segment { segment: number, fault })?;
        let key_check = *self.key_check.get_or_insert(header.key_check);
        if header.journal != self.head.journal || header.key_check != key_check {
            return Err(Damage::Foreign { segment: number, found: header.journal });
        }
        if header.number != number {
            return Err(Damage::Renamed { segment: number, found: header.number });
        }
        if self.broken.is_none() {
            self.read(number, bytes, tags, each)
        } else {
            self.scan(number, bytes, SEGMENT_HEADER_BYTES);
            Ok(())
        }
    }

    /// Reads records as long as they are good.
    fn read(
        &mut self,
        number: u64,
        bytes: &[u8],
        tags: &mut Tags<'_>,
        each: &mut dyn FnMut(u64, &Record<'_>),
    ) -> Result<(), Damage> {
        let framer = self.framer.clone();
        let mut reader = Reader::new(&framer, bytes);
        let fault = loop {
            let record = match reader.next_by(&mut self.cursor, tags) {
                Ok(record) => record,
                Err(fault) => break fault,
            };
            self.dirty_upto = number;
            if record.mark.is_none() {
                self.stopped = is_stop(record.input);
            }
            each(number, &record);
            match record.mark {
                Some(Mark::Commit(commit)) => {
                    let at = Place { segment: number, offset: record.offset };
                    self.raise_floor(commit.durable_upto, at);
                    self.prefix = self.cursor;
                    self.prefix_stopped = self.stopped;
                    self.end = Place { segment: number, offset: record.end() };
                    self.dirty_upto = 0;
                }
                // What follows a seal was never used.
                Some(Mark::Seal(_)) => return Ok(()),
                None | Some(Mark::Begin(_) | Mark::Recovered(_)) => {}
            }
        };
        let at = Place { segment: number, offset: reader.offset() };
        match fault {
            // No order of lost writes leaves a good record in a wrong place, because a torn tail is
            // cleared and synced before anything is written over it.
            Fault::Chain | Fault::Order | Fault::Mark => {
                return Err(Damage::Misplaced { at, fault });
            }
            Fault::Blank
            | Fault::Length
            | Fault::Form
            | Fault::Checksum
            | Fault::Body
            | Fault::Padding => {}
        }
        self.broken = Some((at, fault));
        self.scan(number, bytes, at.offset);
        Ok(())
    }

    /// Looks for commits behind the end of the good records, at every step.
    fn scan(&mut self, number: u64, bytes: &[u8], from: usize) {
        let tail = bytes.get(from..).unwrap_or_default();
        if is_zero(tail) {
            return;
        }
        self.litter = true;
        self.dirty_upto = number;
        for (index, window) in tail.chunks_exact(RECORD_STEP).enumerate() {
            let kind_and_length = u64_at(window, 0);
            if kind_and_length != COMMIT_START {
                continue;
            }
            let offset = from + index * RECORD_STEP;
            let Ok(record) = record_at(&self.framer, bytes, offset) else { continue };
            let Some(Mark::Commit(commit)) = record.mark else { continue };
            if commit.journal == self.head.journal {
                let at = Place { segment: number, offset };
                self.resumes.get_or_insert(at);
                self.raise_floor(commit.durable_upto, at);
            }
        }
    }

    fn raise_floor(&mut self, durable_upto: Seq, at: Place) {
        if durable_upto > self.floor {
            self.floor = durable_upto;
            self.evidence = Evidence::Commit(at);
        }
    }

    /// The verdict, after the last segment.
    ///
    /// # Errors
    /// The journal is damaged.
    pub fn finish(self) -> Result<Verdict, Damage> {
        let sealed = self.broken.is_none() && self.cursor.between && self.given > 0;
        if sealed || (self.given == 0 && self.floor > Seq(0)) {
            return Err(Damage::Missing { segment: self.given + 1 });
        }
        let (at, fault) = self.broken.unwrap_or((self.end, Fault::Blank));
        if self.floor > self.prefix.seq {
            return Err(Damage::Lost {
                at,
                fault,
                resumes: self.resumes,
                prefix: self.prefix.seq,
                floor: self.floor,
                evidence: self.evidence,
            });
        }
        let tail = if self.litter {
            Tail::Torn { at, fault }
        } else if self.dirty_upto > 0 {
            Tail::Incomplete
        } else {
            Tail::Clean
        };
        Ok(Verdict {
            end: self.end,
            cursor: self.prefix,
            tail,
            dirty_upto: self.dirty_upto,
            stopped: self.prefix_stopped,
            floor: self.floor,
        })
    }

    /// What a segment header of this journal says about the key, once one was read.
    pub fn key_check(&self) -> Option<Digest> {
        self.key_check
    }
}

/// The first eight bytes of every commit record: length, kind, no flags.
const COMMIT_START: u64 = {
    assert!(RECORD_HEADER_BYTES < Commit::SPAN);
    // Both numbers are small constants.
    #[expect(clippy::cast_possible_truncation, reason = "a commit record has 128 bytes")]
    let length = Commit::SPAN as u32;
    length as u64 | (RecordKind::COMMIT_CODE as u64) << 32
};

fn is_stop(input: &[u8]) -> bool {
    // A stop has no fields and so a single byte; nothing longer needs decoding.
    input.len() == 1 && matches!(decode_kind(input), Ok(InputKind::Stop))
}

/// Whether all bytes are zero; by words, because unused segments are checked at every start.
fn is_zero(bytes: &[u8]) -> bool {
    let mut words = bytes.chunks_exact(64);
    words.by_ref().all(|word| *word == [0; 64]) && words.remainder().iter().all(|byte| *byte == 0)
}
