//! What is checked about records that were stepped: the digest of the outputs, whether every body
//! is the one that was written, and whether every frame of a client still decodes to the input
//! that the core was given.

use std::fmt::Debug;
use std::sync::mpsc::Receiver;

use pi_server_core::input::{AgentSaid, Envelope, Input, InputKind, Malformed};
use pi_server_core::record::{
    Header, Mark, Place, Secret, decode_kind, digest_encoded, has_frame, is_command,
};
use pi_server_core::wire::decode;
use pi_server_core::{Digest, Limits, Seq};

use super::Counts;
use super::difference::{Difference, Divergence};
use super::tiers::{Origin, Tiers};
use crate::feed::{Batch, Item};

/// A daemon keeps at most this much of a frame that is no command.
const MALFORMED_BYTES_MAX: u32 = 64 << 10;

/// What was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Bodies whose keyed digest was right.
    pub bodies: u64,
    /// Bodies that were erased.
    pub erased: u64,
    /// Good bodies of which something was taken out before they were written.
    pub redacted: u64,
    /// Bodies that could not be checked, for want of the key.
    pub unchecked: u64,
    /// Frames that were decoded again and gave the recorded input.
    pub frames: u64,
    /// Frames that could not be decoded again: erased, without the key, redacted, or kept only in part.
    pub frames_skipped: u64,
    /// What is left of the bodies of each segment.
    pub tiers: Tiers,
    /// The first body that is not the one that was written.
    pub altered: Option<Altered>,
}

/// A body that is not the one that was written, although every checksum is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Altered {
    /// The input it came with.
    pub seq: Seq,
    /// Where its record is.
    pub place: Place,
}

/// Records whose inputs were stepped.
pub(super) struct Stepped {
    /// The records.
    pub(super) batch: Batch,
    /// The outputs of all steps, encoded, one after the other.
    pub(super) encoded: Vec<u8>,
    /// Fewer than inputs in the batch if one of them could not be decoded.
    pub(super) steps: Vec<Step>,
}

/// A step, and what of its input is needed besides the record. The input itself stays with whoever
/// stepped it: memory that two threads count references in costs more than a second look.
pub(super) struct Step {
    /// Where its outputs end.
    pub(super) end: usize,
    /// An agent said it by itself.
    pub(super) is_event: bool,
    /// The bounds that a daemon life begins with.
    pub(super) boot: Option<Box<Limits>>,
}

impl Step {
    pub(super) fn of(kind: &InputKind, end: usize) -> Step {
        let is_event = matches!(kind, InputKind::Agent { said: AgentSaid::Event(_), .. });
        let boot = match kind {
            InputKind::Boot(boot) => Some(Box::new(boot.limits.clone())),
            _ => None,
        };
        Step { end, is_event, boot }
    }
}

/// Outputs that have another digest than the journal says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mismatch {
    /// The input that was stepped; 0 for none.
    pub(super) seq: Seq,
    /// The record that says so.
    pub(super) recorded: Place,
    /// What it says.
    pub(super) expected: Digest,
    /// What was computed.
    pub(super) actual: Digest,
}

/// Everything that was found.
pub(super) struct Found {
    /// What was stepped and compared, up to the first mismatch.
    pub(super) counts: Counts,
    /// What was checked besides.
    pub(super) checks: Checks,
    /// The first mismatch of outputs.
    pub(super) mismatch: Option<Mismatch>,
    /// The first frame that decodes to something else.
    pub(super) frame: Option<Divergence>,
}

/// Checks every batch. `limits` are the bounds that are in force before it, `last` is the input
/// before it and the digest of its outputs.
pub(super) fn run(
    batches: &Receiver<Stepped>,
    secret: Option<&Secret>,
    limits: Limits,
    last: (Seq, Digest),
) -> Found {
    let mut checker = Checker {
        secret,
        limits,
        last,
        stepped: true,
        scratch: Vec::new(),
        found: Found {
            counts: Counts::default(),
            checks: Checks::default(),
            mismatch: None,
            frame: None,
        },
    };
    for stepped in batches {
        checker.batch(&stepped);
    }
    checker.found
}

struct Checker<'a> {
    secret: Option<&'a Secret>,
    /// The bounds in force.
    limits: Limits,
    /// The last input and the digest of its outputs.
    last: (Seq, Digest),
    /// Every input so far was stepped.
    stepped: bool,
    scratch: Vec<u8>,
    found: Found,
}

impl Checker<'_> {
    fn batch(&mut self, stepped: &Stepped) {
        let mut begin = 0;
        let mut steps = stepped.steps.iter();
        for item in stepped.batch.items() {
            self.compare(&item);
            self.found.checks.tiers.read(item.place.segment);
            if item.mark.is_some() {
                continue;
            }
            let step = steps.next();
            if let Some(step) = step {
                let outputs = stepped.encoded.get(begin..step.end).unwrap_or_default();
                begin = step.end;
                self.last = (item.header.seq, digest_encoded(outputs));
                if self.found.mismatch.is_none() {
                    self.found.counts.inputs += 1;
                    self.found.counts.boots += u64::from(step.boot.is_some());
                }
            } else {
                self.stepped = false;
            }
            self.check(&item, step);
        }
    }

    /// Compares the outputs of the last step with what a record that follows it says of them.
    fn compare(&mut self, item: &Item<'_>) {
        if self.found.mismatch.is_some() || !self.stepped {
            return;
        }
        let counts = &mut self.found.counts;
        let (seq, actual) = self.last;
        let expected = item.header.outputs;
        let is_told = match item.mark {
            None | Some(Mark::Commit(_)) => true,
            // These repeat what the record before them said, whatever was stepped since.
            Some(Mark::Recovered(_) | Mark::Seal(_) | Mark::Begin(_)) => false,
        };
        if is_told && expected != actual {
            let recorded = item.place;
            self.found.mismatch = Some(Mismatch { seq, recorded, expected, actual });
            return;
        }
        counts.records += 1;
        counts.commits += u64::from(matches!(item.mark, Some(Mark::Commit(_))));
    }

    /// `step` is there if the input and everything before it could be decoded.
    fn check(&mut self, item: &Item<'_>, step: Option<&Step>) {
        if let Some(limits) = step.and_then(|step| step.boot.as_deref()) {
            self.limits = limits.clone();
        }
        if item.header.body_len == 0 {
            return;
        }
        let is_frame = has_frame(item.input);
        let from = match step {
            _ if is_frame => Origin::Client,
            Some(Step { is_event: true, .. }) => Origin::Event,
            Some(_) | None => Origin::Other,
        };
        self.found.checks.tiers.body(from, item.header.erased);
        let (Some(secret), Some(body)) = (self.secret, item.body()) else {
            self.found.checks.erased += u64::from(item.header.erased);
            self.found.checks.unchecked += u64::from(!item.header.erased);
            self.found.checks.frames_skipped += u64::from(is_frame);
            return;
        };
        if secret.body(body) != item.header.body_digest {
            let altered = Altered { seq: item.header.seq, place: item.place };
            self.found.checks.altered.get_or_insert(altered);
            return;
        }
        self.found.checks.bodies += 1;
        self.found.checks.redacted += u64::from(item.header.redacted);
        if step.is_some() && is_frame && !item.header.redacted {
            self.frame(item, body, secret);
        } else {
            self.found.checks.frames_skipped += u64::from(is_frame);
        }
    }

    fn frame(&mut self, item: &Item<'_>, body: &[u8], secret: &Secret) {
        let again = decode(body, &self.limits, secret);
        if let Ok(again) = &again
            && is_command(item.input, again, &mut self.scratch)
        {
            self.found.checks.frames += 1;
            return;
        }
        // It was stepped, so it can be decoded.
        let Ok(kind) = decode_kind(item.input) else { return };
        let difference = match (&kind, again) {
            (InputKind::Command { envelope, .. }, Ok(again)) => first_field(envelope, &again),
            (InputKind::Command { envelope, .. }, Err(again)) => {
                Some(frame("type", envelope.kind.row().name, &again))
            }
            (InputKind::Malformed { malformed, .. }, again) => {
                let whole = item.header.body_len < MALFORMED_BYTES_MAX;
                let cut = matches!(**malformed, Malformed::TooLarge { .. }) || !whole;
                match again {
                    Err(again) if again == **malformed => None,
                    _ if cut => {
                        self.found.checks.frames_skipped += 1;
                        return;
                    }
                    Err(again) => Some(frame("problem", malformed, &again)),
                    Ok(again) => Some(frame("problem", malformed, &again)),
                }
            }
            // No other input has a frame.
            (
                InputKind::Boot(_)
                | InputKind::Opened(_)
                | InputKind::Closed { .. }
                | InputKind::Agent { .. }
                | InputKind::Answered { .. }
                | InputKind::Storage { .. }
                | InputKind::Tick
                | InputKind::Drain
                | InputKind::Stop,
                _,
            ) => return,
        };
        match difference {
            None => self.found.checks.frames += 1,
            Some(difference) if self.found.frame.is_none() => {
                let Header { seq, at, .. } = item.header;
                let input = Input { seq, at, body: item.header.body_ref(), kind };
                self.found.frame = Some(Divergence::new(&input, difference));
            }
            Some(_) => {}
        }
    }
}

/// The first field in which a recorded envelope and the frame differ.
fn first_field(recorded: &Envelope, again: &Envelope) -> Option<Difference> {
    let Envelope {
        kind,
        id,
        session,
        depends_on,
        if_session_version,
        idempotency_key,
        timeout_ms,
        fingerprint,
        details,
    } = recorded;
    field("type", kind, &again.kind)
        .or_else(|| field("id", id, &again.id))
        .or_else(|| field("sessionId", session, &again.session))
        .or_else(|| field("dependsOn", depends_on, &again.depends_on))
        .or_else(|| field("ifSessionVersion", if_session_version, &again.if_session_version))
        .or_else(|| field("idempotencyKey", idempotency_key, &again.idempotency_key))
        .or_else(|| field("timeoutMs", timeout_ms, &again.timeout_ms))
        .or_else(|| field("details", details, &again.details))
        .or_else(|| field("fingerprint", fingerprint, &again.fingerprint))
}

fn field<T: PartialEq + Debug>(name: &'static str, recorded: &T, again: &T) -> Option<Difference> {
    (recorded != again).then(|| frame(name, recorded, again))
}

fn frame(field: &'static str, expected: impl Debug, actual: impl Debug) -> Difference {
    Difference::Frame { field, expected: format!("{expected:?}"), actual: format!("{actual:?}") }
}
