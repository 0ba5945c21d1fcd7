//! `pi-replay verify`: the same inputs must give the same outputs, to the bit.
//!
//! Three threads share the work: one reads and checks records ([`crate::feed`]), one checks bodies
//! and decodes the frames of clients again ([`checks`]), and the caller's thread steps the state
//! and compares the digest of every step's outputs with what the next record says about it.

mod checks;
mod difference;
mod report;

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use pi_server_core::input::InputKind;
use pi_server_core::record::{DecodeError, Mark, Place, decode_kind, digest_outputs};
use pi_server_core::{Digest, Input, Outputs, Seq, State};

use crate::feed::{Batch, Feed, Item, Reading};
use crate::source::{Source, SourceError};

pub use checks::{Altered, Checks};
pub use difference::{Difference, Divergence, Hint};

/// Batches that may wait for the checks.
const BATCHES_MAX: usize = 8;
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
    /// The first input that this build cannot decode: newer, or forged with all checksums.
    pub unreadable: Option<Unreadable>,
    /// Whether the key file could be used: `read`, `missing` or `foreign`.
    pub key: &'static str,
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
pub fn verify(source: &Source, progress: &mut dyn FnMut(u64)) -> Result<Report, SourceError> {
    let mut attempt = 1;
    loop {
        let report = verify_once(source, progress)?;
        // A record that was being written while it was read can look damaged, once.
        if report.reading.verdict.is_ok() || attempt == ATTEMPTS_MAX {
            return Ok(report);
        }
        attempt += 1;
    }
}

fn verify_once(source: &Source, progress: &mut dyn FnMut(u64)) -> Result<Report, SourceError> {
    let start = Instant::now();
    let mut feed = Feed::start(source)?;
    let key = feed.key().clone();
    let (sender, to_check) = sync_channel::<Arc<Batch>>(BATCHES_MAX);
    let secret = key.secret().cloned();
    let checker = std::thread::spawn(move || checks::run(&to_check, secret.as_ref()));
    let mut stepper = Stepper::new();
    while let Some(batch) = feed.next() {
        let batch = Arc::new(batch);
        // The checks end before the batches only by a panic, which joining passes on.
        let _ = sender.send(batch.clone());
        stepper.batch(&batch);
        progress(stepper.counts.inputs);
    }
    drop(sender);
    let (checks, frame) = match checker.join() {
        Ok(checked) => checked,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    let reading = feed.finish()?;
    let Stepper { counts, divergence, unreadable, .. } = stepper;
    Ok(Report {
        reading,
        counts,
        checks,
        // An altered input differs as a frame and then in its outputs: the frame is the cause.
        divergence: [frame, divergence].into_iter().flatten().min_by_key(|found| found.seq),
        unreadable,
        key: key.name(),
        elapsed: start.elapsed(),
    })
}

/// Steps inputs and compares digests, up to the first difference.
struct Stepper {
    state: State,
    outputs: Outputs,
    scratch: Vec<u8>,
    /// Digest of `outputs`.
    digest: Digest,
    /// The input that `outputs` are of.
    last: Option<Input>,
    counts: Counts,
    divergence: Option<Divergence>,
    unreadable: Option<Unreadable>,
}

impl Stepper {
    fn new() -> Stepper {
        Stepper {
            state: State::new(),
            outputs: Outputs::new(),
            scratch: Vec::new(),
            digest: Digest::default(),
            last: None,
            counts: Counts::default(),
            divergence: None,
            unreadable: None,
        }
    }

    fn batch(&mut self, batch: &Batch) {
        for item in batch.items() {
            if self.divergence.is_some() || self.unreadable.is_some() {
                return;
            }
            self.counts.records += 1;
            match item.mark {
                None => self.input(&item),
                Some(Mark::Commit(_)) => {
                    self.counts.commits += 1;
                    self.compare(&item);
                }
                // These repeat what the record before them said, whatever was stepped since.
                Some(Mark::Recovered(_) | Mark::Seal(_) | Mark::Begin(_)) => {}
            }
        }
    }

    fn input(&mut self, item: &Item<'_>) {
        self.compare(item);
        if self.divergence.is_some() {
            return;
        }
        let header = &item.header;
        let kind = match decode_kind(item.input) {
            Ok(kind) => kind,
            Err(error) => {
                let found = Unreadable { seq: header.seq, place: item.place, error };
                self.unreadable = Some(found);
                return;
            }
        };
        self.counts.inputs += 1;
        self.counts.boots += u64::from(matches!(kind, InputKind::Boot(_)));
        let input = Input { seq: header.seq, at: header.at, body: header.body_ref(), kind };
        self.state.step(&input, &mut self.outputs);
        self.digest = digest_outputs(self.outputs.as_slice(), &mut self.scratch);
        self.last = Some(input);
    }

    /// Compares the outputs of the last step with what a record that follows it says of them.
    fn compare(&mut self, item: &Item<'_>) {
        let expected = item.header.outputs;
        if expected == self.digest {
            return;
        }
        let difference = Difference::of_outputs(
            self.outputs.as_slice(),
            expected,
            self.digest,
            item.place,
            &mut self.scratch,
        );
        self.divergence = Some(match &self.last {
            Some(input) => Divergence::new(input, difference),
            // The first record speaks of a step that never was.
            None => Divergence::before_everything(difference),
        });
    }
}
