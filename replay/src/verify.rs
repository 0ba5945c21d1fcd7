//! `pi-replay verify`: is what this build does, bit for bit, what the daemon did?

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pi_server_core::record::{FORMAT_VERSION, Tail, Verdict, digest_outputs};
use pi_server_core::{Digest, Input, Outputs, Seq, State};
use serde_json::{Value, json};

use crate::Error;
use crate::frames::{Counts, Fault, Worker};
use crate::progress::Progress;
use crate::source::{Batch, Message, Source};

/// How often a journal is read that changes while it is read.
const ATTEMPTS: usize = 3;

/// What verifying came to.
#[derive(Debug)]
pub struct Report {
    /// Inputs that were stepped.
    pub inputs: u64,
    /// The end of the journal; `None` if it was not reached because of a divergence.
    pub end: Option<Verdict>,
    /// What needed the journal's key; `None` without one.
    pub counts: Option<Counts>,
    /// The first difference.
    pub divergence: Option<Divergence>,
    /// How long it took.
    pub elapsed: Duration,
}

/// The first difference between the journal and this build.
#[derive(Debug, PartialEq, Eq)]
pub enum Divergence {
    /// A step puts out something else.
    Outputs {
        /// The input that was stepped.
        seq: Seq,
        /// It, in the one notation.
        input: String,
        /// Digest of its outputs on record.
        recorded: Digest,
        /// Digest of the outputs of this build.
        computed: Digest,
        /// The outputs of this build. With one output it is the one that differs; the journal has
        /// only their digest.
        outputs: Vec<String>,
    },
    /// A frame decodes to something else.
    Frame {
        /// The input that it is.
        seq: Seq,
        /// What was recorded.
        recorded: String,
        /// What this build makes of it.
        computed: String,
    },
}

/// Verifies the journal in a directory.
///
/// # Errors
/// It cannot be read, or is damaged.
pub fn verify(dir: &Path) -> Result<Report, Error> {
    let source = Source::find(dir)?;
    let mut attempt = 1;
    loop {
        match once(&source) {
            Err(Error::Damaged(damage)) if attempt < ATTEMPTS && !source.confirms(damage) => {
                attempt += 1;
            }
            other => return other,
        }
    }
}

fn once(source: &Source) -> Result<Report, Error> {
    let worker = source.secret().map(Worker::start);
    let mut progress = Progress::start();
    let (receiver, reader) = source.read();
    let mut stepper = Stepper::new();
    let mut divergence = None;
    let mut end = None;
    for message in &receiver {
        match message {
            Message::Batch(batch) => {
                if let Some(worker) = &worker {
                    worker.take(&batch);
                }
                divergence = stepper.take(&batch);
                progress.at(stepper.inputs);
            }
            Message::End(verdict) => {
                divergence = stepper.check(verdict.cursor.outputs);
                end = Some(*verdict);
            }
            Message::Failed(error) => return Err(*error),
        }
        if divergence.is_some() {
            break;
        }
    }
    // A reader that is ahead of a divergence ends when nobody listens.
    drop(receiver);
    let _ = reader.join();
    let (counts, fault) = worker.map(Worker::finish).unzip();
    match fault.flatten() {
        Some(Fault::Body(seq)) => return Err(Error::BodyDamaged { seq }),
        Some(Fault::Frame { seq, recorded, computed }) => {
            divergence.get_or_insert(Divergence::Frame { seq, recorded, computed });
        }
        None => {}
    }
    let elapsed = progress.elapsed();
    Ok(Report { inputs: stepper.inputs, end, counts, divergence, elapsed })
}

/// The state, and what the last step put out.
struct Stepper {
    state: State,
    outputs: Outputs,
    scratch: Vec<u8>,
    digest: Digest,
    inputs: u64,
    /// The last batch, whose last input was the last one stepped.
    last: Option<Arc<Batch>>,
}

impl Stepper {
    fn new() -> Stepper {
        Stepper {
            state: State::new(),
            outputs: Outputs::new(),
            scratch: Vec::new(),
            digest: Digest::default(),
            inputs: 0,
            last: None,
        }
    }

    /// Steps a batch; the first difference ends it.
    fn take(&mut self, batch: &Arc<Batch>) -> Option<Divergence> {
        for (index, item) in batch.items.iter().enumerate() {
            if item.outputs != self.digest {
                let before = index.checked_sub(1).and_then(|index| batch.items.get(index));
                let before = before.map(|item| item.input.clone());
                return Some(self.divergence(before, item.outputs));
            }
            self.state.step(&item.input, &mut self.outputs);
            self.digest = digest_outputs(self.outputs.as_slice(), &mut self.scratch);
            self.inputs += 1;
        }
        self.last = Some(batch.clone());
        None
    }

    /// Compares the outputs of the last step.
    fn check(&self, recorded: Digest) -> Option<Divergence> {
        (recorded != self.digest).then(|| self.divergence(None, recorded))
    }

    /// `input` is the last that was stepped; `None` for the last of the batch before.
    fn divergence(&self, input: Option<Input>, recorded: Digest) -> Divergence {
        let last = || Some(self.last.as_ref()?.items.last()?.input.clone());
        let input = input.or_else(last);
        Divergence::Outputs {
            seq: input.as_ref().map_or(Seq(0), |input| input.seq),
            input: input.map_or_else(String::new, |input| input.to_string()),
            recorded,
            computed: self.digest,
            outputs: self.outputs.as_slice().iter().map(ToString::to_string).collect(),
        }
    }
}

impl Report {
    /// The exit status: 0 identical, 10 diverged.
    pub fn status(&self) -> u8 {
        if self.divergence.is_some() { 10 } else { 0 }
    }

    /// Inputs per second.
    pub fn rate(&self) -> u64 {
        let micros = u64::try_from(self.elapsed.as_micros()).unwrap_or(u64::MAX).max(1);
        self.inputs.saturating_mul(1_000_000) / micros
    }

    /// For people.
    ///
    /// # Errors
    /// Writing failed.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.divergence {
            None => writeln!(out, "identical: {} inputs", self.inputs)?,
            Some(Divergence::Outputs { seq, input, recorded, computed, outputs }) => {
                writeln!(out, "diverged at input {seq}")?;
                writeln!(out, "{input}")?;
                for output in outputs {
                    writeln!(out, "  {output}")?;
                }
                writeln!(out, "expected outputs {recorded} (as recorded)")?;
                writeln!(out, "actual outputs   {computed} (above)")?;
            }
            Some(Divergence::Frame { seq, recorded, computed }) => {
                writeln!(out, "diverged at input {seq}: its frame decodes to something else")?;
                writeln!(out, "expected {recorded}")?;
                writeln!(out, "actual   {computed}")?;
            }
        }
        match &self.counts {
            Some(counts) => writeln!(
                out,
                "bodies: {} as written, {} erased; frames: {} decoded alike, {} not kept in full",
                counts.bodies, counts.erased, counts.frames, counts.incomplete
            )?,
            None => {
                writeln!(out, "bodies and frames: not compared, the journal's key is not there")?;
            }
        }
        if let Some(verdict) = &self.end {
            match verdict.tail {
                Tail::Clean => {}
                Tail::Incomplete => {
                    writeln!(out, "tail: a turn without its commit, not part of it")?;
                }
                Tail::Torn { at, fault } => writeln!(out, "tail: torn at {at} ({fault})")?,
            }
        }
        writeln!(out, "{} ms, {} inputs/s", self.elapsed.as_millis(), self.rate())
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let divergence = self.divergence.as_ref().map(|divergence| match divergence {
            Divergence::Outputs { seq, input, recorded, computed, outputs } => json!({
                "kind": "outputs",
                "seq": seq.0,
                "input": input,
                "firstOutput": outputs.first(),
                "expected": recorded.to_string(),
                "actual": computed.to_string(),
                "outputs": outputs,
            }),
            Divergence::Frame { seq, recorded, computed } => json!({
                "kind": "frame",
                "seq": seq.0,
                "expected": recorded,
                "actual": computed,
            }),
        });
        let tail = self.end.as_ref().map(|verdict| match verdict.tail {
            Tail::Clean => "clean",
            Tail::Incomplete => "incomplete",
            Tail::Torn { .. } => "torn",
        });
        json!({
            "result": if self.divergence.is_some() { "diverged" } else { "identical" },
            "inputs": self.inputs,
            "commits": self.end.as_ref().map(|verdict| verdict.cursor.commit),
            "segments": self.end.as_ref().map(|verdict| verdict.end.segment),
            "epoch": self.end.as_ref().map(|verdict| verdict.cursor.epoch),
            "format": FORMAT_VERSION,
            "tail": tail,
            "keyed": self.counts.as_ref().map(|counts| json!({
                "bodies": counts.bodies,
                "erased": counts.erased,
                "frames": counts.frames,
                "framesIncomplete": counts.incomplete,
            })),
            "divergence": divergence,
            "elapsedMs": u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX),
            "inputsPerSecond": self.rate(),
        })
    }
}
