//! Bodies against their digests, and frames against their envelopes: what needs the journal's key.
//!
//! Every raw frame is decoded again; the decoder must make the same envelope of it, or find the
//! same fault, as it did when the frame came.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use pi_server_core::input::{InputKind, Malformed};
use pi_server_core::record::Secret;
use pi_server_core::wire::decode;
use pi_server_core::{Limits, Seq};

use crate::source::{Batch, Item};

/// Batches that may wait.
const AHEAD: usize = 8;
/// The daemon keeps this much of a frame that it could not decode; of a longer one only the
/// beginning is there, which need not have the same fault.
const MALFORMED_BYTES_MAX: usize = 64 << 10;

/// What was compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bodies that have their digest.
    pub bodies: u64,
    /// Bodies that were erased.
    pub erased: u64,
    /// Frames that decode to what was recorded.
    pub frames: u64,
    /// Frames that are not there in full.
    pub incomplete: u64,
}

/// The first thing that was not as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A body has another digest.
    Body(Seq),
    /// A frame decodes to something else.
    Frame {
        /// The input.
        seq: Seq,
        /// What was recorded.
        recorded: String,
        /// What the decoder makes of it.
        computed: String,
    },
}

/// The worker, on a thread of its own.
pub(crate) struct Worker {
    sender: SyncSender<Arc<Batch>>,
    thread: JoinHandle<(Counts, Option<Fault>)>,
}

impl Worker {
    pub(crate) fn start(secret: Secret) -> Worker {
        let (sender, receiver) = sync_channel(AHEAD);
        let thread = std::thread::spawn(move || run(&receiver, &secret));
        Worker { sender, thread }
    }

    pub(crate) fn take(&self, batch: &Arc<Batch>) {
        // After its first fault it listens no longer.
        let _ = self.sender.send(batch.clone());
    }

    pub(crate) fn finish(self) -> (Counts, Option<Fault>) {
        drop(self.sender);
        match self.thread.join() {
            Ok(found) => found,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn run(receiver: &Receiver<Arc<Batch>>, secret: &Secret) -> (Counts, Option<Fault>) {
    let mut counts = Counts::default();
    let mut limits = Limits::default();
    for batch in receiver {
        for item in &batch.items {
            if let InputKind::Boot(boot) = &item.input.kind {
                limits.clone_from(&boot.limits);
            }
            if let Err(fault) = check(&batch, item, &limits, secret, &mut counts) {
                return (counts, Some(fault));
            }
        }
    }
    (counts, None)
}

fn check(
    batch: &Batch,
    item: &Item,
    limits: &Limits,
    secret: &Secret,
    counts: &mut Counts,
) -> Result<(), Fault> {
    let input = &item.input;
    let Some(body) = batch.body(item) else {
        counts.erased += 1;
        return Ok(());
    };
    if !body.is_empty() {
        if secret.body(body) != input.body.digest {
            return Err(Fault::Body(input.seq));
        }
        counts.bodies += 1;
    }
    let different = |recorded, computed| Fault::Frame { seq: input.seq, recorded, computed };
    match &input.kind {
        InputKind::Command { envelope, .. } => match decode(body, limits, secret) {
            Ok(computed) if computed == **envelope => counts.frames += 1,
            computed => return Err(different(format!("{envelope:?}"), format!("{computed:?}"))),
        },
        InputKind::Malformed { malformed, .. } => match decode(body, limits, secret) {
            Err(computed) if computed == **malformed => counts.frames += 1,
            computed => {
                let cut = body.len() >= MALFORMED_BYTES_MAX
                    || matches!(**malformed, Malformed::TooLarge { .. });
                if !cut {
                    return Err(different(format!("{malformed:?}"), format!("{computed:?}")));
                }
                counts.incomplete += 1;
            }
        },
        InputKind::Boot(_)
        | InputKind::Opened(_)
        | InputKind::Closed { .. }
        | InputKind::Agent { .. }
        | InputKind::Answered { .. }
        | InputKind::Storage { .. }
        | InputKind::Tick
        | InputKind::Drain
        | InputKind::Stop => {}
    }
    Ok(())
}
