//! Checks that need no state: is every body the one that was written, and does every frame of a
//! client still decode to the input that the core was given?

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use pi_server_core::input::{Envelope, Input, InputKind, Malformed};
use pi_server_core::record::{Place, Secret, decode_kind};
use pi_server_core::wire::decode;
use pi_server_core::{Limits, Seq};

use super::difference::{Difference, Divergence};
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
    /// Bodies that could not be checked, for want of the key.
    pub unchecked: u64,
    /// Frames that were decoded again and gave the recorded input.
    pub frames: u64,
    /// Frames that could not be decoded again: erased, without the key, or kept only in part.
    pub frames_skipped: u64,
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

/// Checks every batch; the counts, and the first frame that decodes to something else.
pub(super) fn run(
    batches: &Receiver<Arc<Batch>>,
    secret: Option<&Secret>,
) -> (Checks, Option<Divergence>) {
    let mut checker =
        Checker { secret, limits: Limits::default(), checks: Checks::default(), divergence: None };
    for batch in batches {
        for item in batch.items().filter(|item| item.mark.is_none()) {
            checker.check(&item);
        }
    }
    (checker.checks, checker.divergence)
}

struct Checker<'a> {
    secret: Option<&'a Secret>,
    /// The bounds in force.
    limits: Limits,
    checks: Checks,
    divergence: Option<Divergence>,
}

impl Checker<'_> {
    fn check(&mut self, item: &Item<'_>) {
        let kind_code = item.input.first().copied().unwrap_or_default();
        if kind_code == BOOT
            && let Ok(InputKind::Boot(boot)) = decode_kind(item.input)
        {
            self.limits = boot.limits;
        }
        if item.header.body_len == 0 {
            return;
        }
        let is_frame = kind_code == COMMAND || kind_code == MALFORMED;
        let (Some(secret), Some(body)) = (self.secret, item.body()) else {
            self.checks.erased += u64::from(item.header.erased);
            self.checks.unchecked += u64::from(!item.header.erased);
            self.checks.frames_skipped += u64::from(is_frame);
            return;
        };
        if secret.body(body) != item.header.body_digest {
            let altered = Altered { seq: item.header.seq, place: item.place };
            self.checks.altered.get_or_insert(altered);
            return;
        }
        self.checks.bodies += 1;
        if is_frame {
            self.frame(item, body, secret);
        }
    }

    fn frame(&mut self, item: &Item<'_>, body: &[u8], secret: &Secret) {
        // What cannot be decoded is reported by whoever steps.
        let Ok(kind) = decode_kind(item.input) else { return };
        let again = decode(body, &self.limits, secret);
        let difference = match (&kind, again) {
            (InputKind::Command { envelope, .. }, Ok(again)) => {
                if **envelope == again {
                    None
                } else {
                    first_field(envelope, &again)
                }
            }
            (InputKind::Command { envelope, .. }, Err(again)) => {
                Some(frame("type", envelope.kind.row().name, &again))
            }
            (InputKind::Malformed { malformed, .. }, again) => {
                let whole = item.header.body_len < MALFORMED_BYTES_MAX;
                let cut = matches!(**malformed, Malformed::TooLarge { .. }) || !whole;
                match again {
                    Err(again) if again == **malformed => None,
                    _ if cut => {
                        self.checks.frames_skipped += 1;
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
            None => self.checks.frames += 1,
            Some(difference) if self.divergence.is_none() => {
                let header = &item.header;
                let input = Input { seq: header.seq, at: header.at, body: header.body_ref(), kind };
                self.divergence = Some(Divergence::new(&input, difference));
            }
            Some(_) => {}
        }
    }
}

/// The first byte of an encoded input is the number of its variant.
const BOOT: u8 = 0;
const COMMAND: u8 = 3;
const MALFORMED: u8 = 4;

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
