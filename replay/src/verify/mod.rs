//! `pi-replay verify`: the same inputs must give the same outputs, to the bit.
//!
//! Threads share the work: one reads and checks records ([`crate::feed`]), the caller's thread
//! steps the state and encodes the outputs, and the others (module `checkers`) compare their
//! digests with what the next record says about them, check bodies and decode the frames of
//! clients again (module `checks`). What differs is looked at by stepping up to it once more.

mod checkers;
mod checks;
mod difference;
mod files;
mod identity;
mod report;
mod tiers;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pi_server_core::record::{DecodeError, Place, decode_kind, digest_encoded, encode_outputs};
use pi_server_core::{BodyRef, Digest, Input, Limits, Outputs, Seq, State};

use crate::clock::wall_at;
use crate::feed::{Batch, Feed, Key, Reading};
use crate::play::{PlayError, play};
use crate::source::Source;
use crate::start::Start;

use checkers::Checkers;
pub use checks::{Altered, Checks};
use checks::{Mismatch, Step, Stepped, Trail};
pub use difference::{Difference, Divergence, Hint};
use files::Snapshots;
pub use files::{Files, Unchecked};
use identity::Identity;
pub use identity::RanAgain;
pub use tiers::{Bodies, Tier, Tiers};

/// How often a damaged journal is read again, in case a daemon was writing what was being read.
const ATTEMPTS_MAX: u32 = 3;

/// What a verification has found.
#[derive(Clone, Debug)]
pub struct Report {
    /// What reading has told: whether the journal is damaged, and what it ends in.
    pub reading: Reading,
    /// What was stepped.
    pub counts: Counts,
    /// What was checked besides.
    pub checks: Checks,
    /// The first step or frame that differs.
    pub divergence: Option<Divergence>,
    /// The first mutation that ran again under an id that the journal holds.
    pub ran_again: Option<RanAgain>,
    /// The first input that this build cannot decode: newer, or forged with all checksums.
    pub unreadable: Option<Unreadable>,
    /// What there is of the key.
    pub key: Key,
    /// What was found in the files beside the segments, and what was not checked.
    pub files: Files,
    /// How long it took.
    pub elapsed: Duration,
}

/// What was stepped, up to the first difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records of all kinds.
    pub records: u64,
    /// Inputs.
    pub inputs: u64,
    /// Turns of the daemon's loop.
    pub commits: u64,
    /// Daemon lives.
    pub boots: u64,
}

impl Counts {
    fn add(&mut self, next: Counts) {
        let Counts { records, inputs, commits, boots } = next;
        self.records += records;
        self.inputs += inputs;
        self.commits += commits;
        self.boots += boots;
    }
}

/// An input that cannot be decoded although its record is intact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Which input.
    pub seq: Seq,
    /// Where its record is.
    pub place: Place,
    /// Why not.
    pub error: DecodeError,
}

/// Verifies a journal. `progress` is called now and then with the number of inputs so far.
///
/// # Errors
/// A file could not be read. Damage and differences are no errors but in the report.
pub fn verify(source: &Source, progress: &mut dyn FnMut(u64)) -> Result<Report, PlayError> {
    let mut attempts = 1;
    loop {
        let verified = verify_once(source, progress);
        match &verified {
            // A record that was being written while it was read can look damaged, once.
            Ok(report) if report.reading.verdict.is_err() && attempts < ATTEMPTS_MAX => {
                attempts += 1;
            }
            Ok(_) | Err(_) => return verified,
        }
    }
}

fn verify_once(source: &Source, progress: &mut dyn FnMut(u64)) -> Result<Report, PlayError> {
    let start = Instant::now();
    let mut feed = Feed::start(source)?;
    let key = feed.key().clone();
    let mut checkers = Checkers::start(key.secret())?;
    let begin = feed.begin();
    let needed = needed(&begin);
    let (start_seq, covered) = (begin.seq, begin.cursor.map_or(0, |cursor| cursor.segment));
    let snapshots = Snapshots::read(source, &begin)?;
    let mut state = Stepper::new(begin, snapshots);
    while let Some(batch) = feed.take() {
        let stepped = state.batch(batch, checkers.trail());
        progress(state.inputs);
        checkers.give(stepped);
    }
    let found = checkers.finish();
    let reading = feed.finish()?;
    let is_whole = reading.verdict.is_ok() && state.unreadable.is_none();
    let mut files = state.snapshots.finish(&state.state, state.stepped, is_whole);
    let start_needs = (start_seq > Seq(0)).then_some((start_seq, &*needed));
    // What serve asks of the first segment that is there, whatever a snapshot stands for.
    let first = source.segments()?.first().copied().unwrap_or(covered + 1);
    files::packs(source, start_needs, first, key.secret(), &mut files)?;
    files::others(source, &mut files)?;
    files.faults.extend(key.fault());
    let elapsed = start.elapsed();
    let outputs = found.mismatch.map(|mismatch| look_at(source, mismatch)).transpose()?;
    // An altered input differs as a frame and then in its outputs: the frame is the cause.
    let mut divergence = [found.frame, outputs].into_iter().flatten().min_by_key(|it| it.seq);
    if let Some(found) = &mut divergence {
        found.wall = wall_at(source, found.seq)?;
    }
    Ok(Report {
        reading,
        counts: found.counts,
        checks: found.checks,
        divergence,
        ran_again: state.identity.again,
        unreadable: state.unreadable,
        key,
        files,
        elapsed,
    })
}

/// The bodies of dropped segments that the state needs with which a journal begins, in order.
fn needed(begin: &Start) -> Vec<BodyRef> {
    let mut needed: Vec<BodyRef> = begin.state.bodies().collect();
    needed.sort_unstable_by_key(|body| body.seq);
    needed
}

/// Steps up to the input whose outputs differ, to see them.
fn look_at(source: &Source, mismatch: Mismatch) -> Result<Divergence, PlayError> {
    let Mismatch { seq, recorded, expected, actual } = mismatch;
    let mut scratch = Vec::new();
    let mut found = None;
    if seq > Seq(0) {
        play(source, |played| {
            if played.input.seq < seq {
                return Ok(ControlFlow::Continue(()));
            }
            let outputs = played.outputs;
            let difference =
                Difference::of_outputs(outputs, expected, actual, recorded, &mut scratch);
            found = Some(Divergence::new(played.input, difference));
            Ok(ControlFlow::Break(()))
        })?;
    }
    Ok(found.unwrap_or_else(|| {
        // The first record speaks of a step that never was.
        let difference = Difference::of_outputs(&[], expected, actual, recorded, &mut scratch);
        Divergence::before_everything(difference)
    }))
}

/// Steps inputs and encodes their outputs, up to the first that cannot be decoded.
struct Stepper {
    state: State,
    outputs: Outputs,
    inputs: u64,
    identity: Identity,
    unreadable: Option<Unreadable>,
    /// The bounds in force.
    limits: Arc<Limits>,
    /// The last input and the digest of its outputs, while all can be decoded.
    last: Option<(Seq, Digest)>,
    /// The last input that was stepped.
    stepped: Seq,
    snapshots: Snapshots,
}

impl Stepper {
    fn new(start: Start, snapshots: Snapshots) -> Stepper {
        let limits = Arc::new(start.state.limits().clone());
        let last = Some((start.seq, start.outputs));
        let (state, outputs) = (start.state, Outputs::new());
        let stepped = start.seq;
        let unreadable = None;
        let identity = Identity::new(&state);
        Stepper {
            state,
            outputs,
            inputs: 0,
            identity,
            unreadable,
            limits,
            last,
            stepped,
            snapshots,
        }
    }

    /// Steps a batch. `trail` is empty memory for what comes of it.
    fn batch(&mut self, batch: Batch, mut trail: Trail) -> Stepped {
        let (limits, before) = (self.limits.clone(), self.last);
        let mut last = None;
        for item in batch.items() {
            if self.unreadable.is_some() {
                break;
            }
            if item.mark.is_some() {
                if !self.snapshots.is_done() {
                    let outputs = || match last {
                        Some((_, begin)) => Some(digest_encoded(&trail.encoded[begin..])),
                        None => self.last.map(|(_, digest)| digest),
                    };
                    self.snapshots.mark(&item, &self.state, outputs);
                }
                continue;
            }
            let header = item.header;
            match decode_kind(item.input) {
                Ok(kind) => {
                    let (seq, at, body) = (header.seq, header.at, header.body_ref());
                    let input = Input { seq, at, body, kind };
                    self.state.step(&input, &mut self.outputs);
                    self.identity.note(&input, self.outputs.as_slice(), &self.state);
                    last = Some((seq, trail.encoded.len()));
                    encode_outputs(self.outputs.as_slice(), &mut trail.encoded);
                    let step = Step::of(&input.kind, trail.encoded.len());
                    if let Some(limits) = &step.boot {
                        self.limits = limits.clone();
                    }
                    trail.steps.push(step);
                    self.inputs += 1;
                    self.stepped = seq;
                }
                Err(error) => {
                    let place = item.place;
                    self.unreadable = Some(Unreadable { seq: header.seq, place, error });
                    self.last = None;
                }
            }
        }
        if let (Some((seq, begin)), Some(_)) = (last, self.last) {
            self.last = Some((seq, digest_encoded(&trail.encoded[begin..])));
        }
        Stepped { batch, trail, limits, before }
    }
}
