//! What is checked about records that were stepped: the digest of the outputs, whether every body
//! is the one that was written, and whether every frame of a client still decodes to the input
//! that the core was given.

use std::fmt::Debug;
use std::sync::Arc;

use pi_server_core::input::{AgentSaid, Envelope, Input, InputKind, Malformed};
use pi_server_core::record::{Header, Mark, Place, Secret, decode_kind, has_frame, is_command};
use pi_server_core::wire::decode;
use pi_server_core::{Digest, Limits, Seq};

use super::Counts;
use super::difference::{Difference, Divergence};
use super::tiers::{Origin, Tiers};
use crate::digests::Digests;
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

/// Records whose inputs were stepped, with all that is needed to check them apart from all others.
pub(super) struct Stepped {
    /// The records.
    pub(super) batch: Batch,
    /// What came of stepping them.
    pub(super) trail: Trail,
    /// The bounds in force before them.
    pub(super) limits: Arc<Limits>,
    /// The input before them and the digest of its outputs; `None` if not every input before them
    /// was stepped.
    pub(super) before: Option<(Seq, Digest)>,
}

/// What came of stepping a batch.
#[derive(Default)]
pub(super) struct Trail {
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
    pub(super) boot: Option<Arc<Limits>>,
}

impl Trail {
    /// Forgets everything but the memory.
    pub(super) fn clear(&mut self) {
        self.encoded.clear();
        self.steps.clear();
    }
}

impl Step {
    pub(super) fn of(kind: &InputKind, end: usize) -> Step {
        let is_event = matches!(kind, InputKind::Agent { said: AgentSaid::Event(_), .. });
        let boot = match kind {
            InputKind::Boot(boot) => Some(Arc::new(boot.limits.clone())),
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
#[derive(Default)]
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

impl Found {
    /// Adds what was found in the records that follow.
    pub(super) fn add(&mut self, next: Found) {
        let Found { counts, checks, mismatch, frame } = next;
        if self.mismatch.is_none() {
            self.counts.add(counts);
            self.mismatch = mismatch;
        }
        self.checks.add(checks);
        self.frame = self.frame.take().or(frame);
    }
}

impl Checks {
    fn add(&mut self, next: Checks) {
        let Checks { bodies, erased, redacted, unchecked, frames, frames_skipped, tiers, altered } =
            next;
        self.bodies += bodies;
        self.erased += erased;
        self.redacted += redacted;
        self.unchecked += unchecked;
        self.frames += frames;
        self.frames_skipped += frames_skipped;
        self.tiers.add(&tiers);
        self.altered = self.altered.or(altered);
    }
}

/// Checks one batch after the other. Keeps its memory, and nothing that it has found.
pub(super) struct Checker {
    secret: Option<Secret>,
    digests: Digests,
    scratch: Vec<u8>,
}

impl Checker {
    pub(super) fn new(secret: Option<Secret>) -> Checker {
        Checker { secret, digests: Digests::new(), scratch: Vec::new() }
    }

    /// What there is to find in a batch.
    pub(super) fn check(&mut self, stepped: &Stepped) -> Found {
        let Stepped { batch, trail, limits, before } = stepped;
        let ends = trail.steps.iter().map(|step| step.end);
        let mut steps = trail.steps.iter().zip(self.digests.of(&trail.encoded, ends));
        let mut check = Check {
            secret: self.secret.as_ref(),
            limits,
            last: *before,
            scratch: &mut self.scratch,
            found: Found::default(),
        };
        for item in batch.items() {
            check.compare(&item);
            check.found.checks.tiers.read(item.place.segment);
            if item.mark.is_some() {
                continue;
            }
            let step = steps.next();
            check.last = step.map(|(_, digest)| (item.header.seq, *digest));
            if let Some((step, _)) = step
                && check.found.mismatch.is_none()
            {
                check.found.counts.inputs += 1;
                check.found.counts.boots += u64::from(step.boot.is_some());
            }
            check.body(&item, step.map(|(step, _)| step));
        }
        check.found
    }
}

/// A batch that is being checked.
struct Check<'a> {
    secret: Option<&'a Secret>,
    /// The bounds in force.
    limits: &'a Limits,
    /// The last input and the digest of its outputs; `None` if not every input so far was stepped.
    last: Option<(Seq, Digest)>,
    scratch: &'a mut Vec<u8>,
    found: Found,
}

impl<'a> Check<'a> {
    /// Compares the outputs of the last step with what a record that follows it says of them.
    fn compare(&mut self, item: &Item<'_>) {
        let (Some((seq, actual)), None) = (self.last, self.found.mismatch) else { return };
        let counts = &mut self.found.counts;
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
    fn body(&mut self, item: &Item<'_>, step: Option<&'a Step>) {
        if let Some(limits) = step.and_then(|step| step.boot.as_deref()) {
            self.limits = limits;
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
        let again = decode(body, self.limits, secret);
        if let Ok(again) = &again
            && is_command(item.input, again, self.scratch)
        {
            self.found.checks.frames += 1;
            return;
        }
        // It was stepped, so it can be decoded.
        let Ok(kind) = decode_kind(item.input) else { return };
        let difference = match (&kind, again) {
            (
                InputKind::Command { envelope, .. } | InputKind::Repeated { envelope, .. },
                Ok(again),
            ) => first_field(envelope, &again),
            (
                InputKind::Command { envelope, .. } | InputKind::Repeated { envelope, .. },
                Err(again),
            ) => Some(frame("type", envelope.kind.row().name, &again)),
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
                | InputKind::Wall { .. }
                | InputKind::Indexed { .. }
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
