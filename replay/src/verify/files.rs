//! The files beside the segments: snapshots against the states that the inputs make, packs against
//! their digests, and a list of whatever cannot be checked, with the reason.
//!
//! A daemon that starts takes the newest snapshot for what the inputs before it have made, and the
//! newest pack for the bodies of dropped segments. So both are checked here, and what `pi-server
//! serve` refuses is refused.

use std::collections::BTreeMap;

use pi_server_core::record::{
    Commit, Cursor, HEAD_SLOT_BYTES, Mark, Secret, Snapshot, SnapshotFault, pack_entries, read_head,
};
use pi_server_core::{BodyRef, Digest, Seq, State};
use serde_json::{Value, json};

use crate::feed::Item;
use crate::source::{
    HEAD_FILE, KEY_FILE, PACK_DIR, SEGMENT_DIR, SNAPSHOT_DIR, Source, SourceError,
};
use crate::start::Start;
use crate::status::Status;

/// What was found in the files beside the segments.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// Snapshots whose state is the one that the inputs make.
    pub snapshots: u64,
    /// Packs that are as they were written.
    pub packs: u64,
    /// Bodies in them whose keyed digest is right.
    pub packed: u64,
    /// What was not checked, and why.
    pub unchecked: Vec<Unchecked>,
    /// What is wrong, and by whose fault; the first is the one that is told.
    pub faults: Vec<(Status, String)>,
}

/// Something that was not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unchecked {
    /// What: a file in the data directory, or a kind of content.
    pub what: String,
    /// Why not.
    pub why: String,
}

impl Unchecked {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        json!({ "what": self.what, "why": self.why })
    }
}

impl Files {
    /// Says that something was not checked.
    pub(super) fn skip(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.unchecked.push(Unchecked { what: what.into(), why: why.into() });
    }

    fn damaged(&mut self, why: String) {
        self.faults.push((Status::Damaged, why));
    }

    /// A file could not be read. One that a daemon has dropped meanwhile is not part of it any more.
    fn unread(&mut self, what: String, error: &SourceError) {
        match error {
            SourceError::Dropped { .. } => self.skip(what, "a daemon has dropped it meanwhile"),
            SourceError::NoJournal { .. }
            | SourceError::NoHead { .. }
            | SourceError::NoSnapshot { .. }
            | SourceError::Bundle { .. }
            | SourceError::Io { .. } => self.faults.push((error.status(), error.to_string())),
        }
    }
}

/// A snapshot that is to be compared.
struct Waiting {
    name: String,
    cursor: Cursor,
    outputs: Digest,
    state: State,
}

/// Compares snapshots with the states that the inputs make, as these are stepped.
pub(super) struct Snapshots {
    /// By the segment at whose end they were taken.
    waiting: BTreeMap<u64, Waiting>,
    /// The last commit, which a snapshot knows too.
    commit: Option<Commit>,
    files: Files,
}

fn snapshot_name(number: u64) -> String {
    format!("{SNAPSHOT_DIR}/{number:08}.snap")
}

impl Snapshots {
    /// Reads all snapshots. Those that cannot be compared are told of at once; `start` is what the
    /// journal begins with.
    pub(super) fn read(source: &Source, start: &Start) -> Result<Snapshots, SourceError> {
        let journal = source.head()?.journal;
        let mut files = Files::default();
        let mut waiting = BTreeMap::new();
        for number in source.snapshots()? {
            let name = snapshot_name(number);
            let bytes = match source.read_snapshot(number) {
                Ok(bytes) => bytes,
                Err(error) => {
                    files.unread(name, &error);
                    continue;
                }
            };
            let snapshot = match Snapshot::parse(&bytes) {
                Ok(snapshot) => snapshot,
                Err(fault @ (SnapshotFault::Version { .. } | SnapshotFault::Layout { .. })) => {
                    // No daemon of this build begins with it, so nothing depends on it.
                    files.skip(name, fault.to_string());
                    continue;
                }
                Err(
                    fault @ (SnapshotFault::Header | SnapshotFault::Length | SnapshotFault::Digest),
                ) => {
                    files.damaged(format!("{name}: {fault}"));
                    continue;
                }
            };
            let Snapshot { cursor, outputs, layout, state, rest } = snapshot;
            if cursor.journal != journal {
                files.damaged(format!("{name}: it is of another journal"));
                continue;
            }
            if cursor.segment != number {
                let of = cursor.segment;
                files.damaged(format!("{name}: it was taken at the end of segment {of}"));
                continue;
            }
            let Ok(state) = State::decode(layout, state) else {
                files.damaged(format!("{name}: the state in it cannot be decoded"));
                continue;
            };
            if !rest.is_empty() {
                let what = format!("{name}: {} bytes beside the state", rest.len());
                files.skip(what, "only their checksum says that they are as they were written");
            }
            if cursor.seq == start.seq {
                files.skip(
                    name,
                    "the journal begins with it: the inputs that made its state are not there, and \
                     only its own checksum and the chain of the next segment vouch for it",
                );
                continue;
            }
            if cursor.seq < start.seq {
                files.skip(name, "the inputs around it are not there any more");
                continue;
            }
            waiting.insert(number, Waiting { name, cursor, outputs, state });
        }
        Ok(Snapshots { waiting, commit: None, files })
    }

    /// True if there is nothing to compare any more.
    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes note of a record that is no input, after the inputs before it were stepped. `outputs` is
    /// the digest of those of the last step.
    pub(super) fn mark(
        &mut self,
        item: &Item<'_>,
        state: &State,
        outputs: impl FnOnce() -> Option<Digest>,
    ) {
        match &item.mark {
            Some(Mark::Commit(commit)) => self.commit = Some(*commit),
            Some(Mark::Seal(_)) => {
                let Some(taken) = self.waiting.remove(&item.place.segment) else { return };
                let header = &item.header;
                let Cursor { seq, at, tag, outputs: told, commit, durable_upto, epoch, .. } =
                    taken.cursor;
                let fits = (seq, at, tag, told)
                    == (header.seq, header.at, header.tag, header.outputs)
                    && self.commit.is_none_or(|last| {
                        (last.number, last.durable_upto, last.epoch)
                            == (commit, durable_upto, epoch)
                    })
                    && outputs().is_none_or(|digest| digest == taken.outputs);
                self.compare(taken, state, fits);
            }
            Some(Mark::Recovered(_) | Mark::Begin(_)) | None => {}
        }
    }

    fn compare(&mut self, taken: Waiting, state: &State, fits: bool) {
        let Waiting { name, cursor, state: stored, .. } = taken;
        if !fits {
            self.files.damaged(format!("{name}: it does not fit the chain of the journal there"));
        } else if stored != *state {
            let why = format!(
                "{name}: its state is not the one that the inputs up to #{} make",
                cursor.seq
            );
            self.files.faults.push((Status::Diverged, why));
        } else {
            self.files.snapshots += 1;
        }
    }

    /// What was found, at the end. `last` is the last input that was stepped.
    pub(super) fn finish(mut self, state: &State, last: Seq, is_whole: bool) -> Files {
        for (_, taken) in std::mem::take(&mut self.waiting) {
            if taken.cursor.seq == last && is_whole {
                // The seal has no commit behind it yet.
                self.compare(taken, state, true);
            } else if is_whole {
                let Waiting { name, cursor, .. } = taken;
                let why = format!("{name}: it has inputs up to #{}, the journal not", cursor.seq);
                self.files.damaged(why);
            } else {
                self.files.skip(taken.name, "the inputs before it could not all be stepped");
            }
        }
        self.files
    }
}

/// Checks the packs. `start` is what the journal begins with, whose state says what it needs.
pub(super) fn packs(
    source: &Source,
    start: Option<(Seq, &[BodyRef])>,
    first: u64,
    secret: Option<&Secret>,
    files: &mut Files,
) -> Result<(), SourceError> {
    let journal = source.head()?.journal;
    let numbers = source.packs()?;
    for number in &numbers {
        let name = format!("{PACK_DIR}/{number:08}.pack");
        let bytes = match source.read_pack(*number) {
            Ok(bytes) => bytes,
            Err(error) => {
                files.unread(name, &error);
                continue;
            }
        };
        let entries = match pack_entries(&bytes, journal, *number) {
            Ok(entries) => entries,
            Err(fault) => {
                files.damaged(format!("{name}: {fault}"));
                continue;
            }
        };
        files.packs += 1;
        for entry in &entries {
            let body = entry.body;
            let needed = start.filter(|(seq, _)| body.seq <= *seq).and_then(|(_, needed)| {
                let at = needed.binary_search_by_key(&body.seq, |needed| needed.seq).ok()?;
                needed.get(at)
            });
            let is_other = needed.is_some_and(|it| (it.len, it.digest) != (body.len, body.digest));
            let bytes = entry.bytes(&bytes).unwrap_or_default();
            if is_other || secret.is_some_and(|secret| secret.body(bytes) != body.digest) {
                let seq = body.seq;
                files.damaged(format!(
                    "{name}: the body of input #{seq} is not the one that was written"
                ));
                break;
            }
            files.packed += u64::from(secret.is_some());
        }
        if secret.is_none() && !entries.is_empty() {
            files.skip(
                format!("{name}: {} bodies", entries.len()),
                "without the key only their checksums can be checked",
            );
        }
    }
    if first > 1 && !numbers.iter().any(|number| number + 1 >= first) {
        files.damaged(format!(
            "segments before {first} were dropped, and {PACK_DIR}/ has no pack of their bodies"
        ));
    }
    Ok(())
}

/// Names what is in a data directory besides.
pub(super) fn others(source: &Source, files: &mut Files) -> Result<(), SourceError> {
    for (number, slot) in source.head_bytes()?.chunks(HEAD_SLOT_BYTES).enumerate() {
        if slot.iter().any(|byte| *byte != 0) && read_head(slot).is_none() {
            let what = format!("{HEAD_FILE}, slot {}", number + 1);
            files.skip(what, "it is unreadable, as after a torn write; the other one counts");
        }
    }
    if source.is_bundle() {
        return Ok(());
    }
    for name in source.names("")? {
        let why = match &*name {
            HEAD_FILE | KEY_FILE | SEGMENT_DIR | SNAPSHOT_DIR | PACK_DIR => continue,
            "lock" => "it only says which daemon is running",
            "history" => "indexes of the journal, which a daemon makes anew when they do not fit",
            "tiers" => "notes of how far bodies were erased; which are is seen in the journal",
            "quarantine" => "torn tails that were set aside, and are no part of the journal",
            _ => "it is no part of the journal",
        };
        files.skip(name, why);
    }
    for folder in [SEGMENT_DIR, SNAPSHOT_DIR, PACK_DIR] {
        let known: Vec<String> = match folder {
            SEGMENT_DIR => source.segments()?.iter().map(|it| format!("{it:08}.seg")).collect(),
            SNAPSHOT_DIR => source.snapshots()?.iter().map(|it| format!("{it:08}.snap")).collect(),
            _ => source.packs()?.iter().map(|it| format!("{it:08}.pack")).collect(),
        };
        for name in source.names(folder)?.into_iter().filter(|name| !known.contains(name)) {
            files.skip(format!("{folder}/{name}"), "its name is none of a file of the journal");
        }
    }
    Ok(())
}
