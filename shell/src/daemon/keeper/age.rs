//! The tiers of the journal: bodies that are erased while their segments are kept.
//!
//! A *hot* segment has every body. A *warm* one has lost the deltas of streams, which the messages at
//! their ends repeat. A *cold* one has lost all bodies but those that something still needs: answers
//! of stored outcomes, frames of commands in flight, questions of open dialogs. Decisions and digests
//! stay, so each replays as before.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pi_server_core::Seq;
use pi_server_core::input::{AgentEvent, AgentSaid, InputKind};
use pi_server_core::record::{Record, decode_kind};
use serde::Deserialize;

use super::{Asked, Trouble, Worker};
use crate::journal::{ReadError, ReadFault, Tiers};

/// Events that add to something which a later event has as a whole.
const DELTAS: [&str; 3] = ["message_update", "tool_execution_update", "bash_execution_update"];

/// How long inputs are kept with which bodies, from the end of their segment on; `None` for as long
/// as the segment is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::daemon) struct Ages {
    /// With every body.
    pub(in crate::daemon) warm: Option<Duration>,
    /// With more than what is needed.
    pub(in crate::daemon) cold: Option<Duration>,
}

impl Worker {
    /// Erases what is old enough, oldest segment first, and tells the loop.
    pub(super) fn age(&mut self) -> Result<(), Trouble> {
        let Ages { warm, cold } = self.retention.tiers;
        if warm.is_none() && cold.is_none() {
            return Ok(());
        }
        // Behind a snapshot is what was fed again and did the same.
        let Some(newest) = self.snapshots()?.last().copied() else { return Ok(()) };
        let segments = self.archive.segments();
        let segments = segments.map_err(|error| Trouble::Io("list the segments", error))?;
        let (warm, cold) = (self.last_older(&segments, warm)?, self.last_older(&segments, cold)?);
        let tiers = self.archive.tiers();
        let mut tiers = tiers.map_err(|error| Trouble::Io("read the tiers", error))?;
        let mut needed = None;
        let end = self.stuck.map_or(newest, |stuck| newest.min(stuck - 1));
        for segment in segments.into_iter().take_while(|segment| *segment <= end) {
            if self.shared.stop.load(Ordering::Relaxed) {
                return Err(Trouble::Stopped);
            }
            let before = tiers;
            if segment <= cold && segment > tiers.cold {
                if needed.is_none() {
                    needed = self.needed(newest);
                }
                let Some(needed) = &needed else { return Ok(()) };
                self.erase(segment, &mut |record| !needed.contains(&record.header.seq))?;
                tiers = Tiers { warm: tiers.warm.max(segment), cold: segment };
            } else if segment <= warm && segment > tiers.warm {
                self.erase(segment, &mut is_delta)?;
                tiers.warm = segment;
            }
            if tiers != before {
                let saved = self.archive.save_tiers(tiers);
                saved.map_err(|error| Trouble::Io("write the tiers", error))?;
            }
        }
        Ok(())
    }

    fn erase(
        &mut self,
        segment: u64,
        chosen: &mut dyn FnMut(&Record<'_>) -> bool,
    ) -> Result<(), Trouble> {
        let erased = match self.archive.erase(segment, chosen) {
            Ok(erased) => erased,
            // There may be no room; the next time there may.
            Err(ReadError { fault: ReadFault::Io(error), .. }) => {
                return Err(Trouble::Io("erase in a segment", error));
            }
            Err(error) => {
                // That it is damaged is said once; it is not looked at again in this life.
                self.stuck = Some(segment);
                return Err(Trouble::Read(error));
            }
        };
        if erased.bodies > 0 {
            // It may get shorter now.
            self.compressed = self.compressed.min(segment - 1);
            // The loop ends after the thread, or with it.
            let _ = self.asking.send(Asked::Reopen(segment));
        }
        Ok(())
    }

    /// The inputs whose bodies something needs behind a segment with a snapshot. What is needed of
    /// older inputs later is among them: nothing comes to need an old body again. `None` if the
    /// snapshot cannot be used, which has been said.
    fn needed(&mut self, segment: u64) -> Option<BTreeSet<Seq>> {
        Some(self.bodies(segment)?.into_iter().map(|body| body.seq).collect())
    }
}

/// Whether a record is of a delta.
fn is_delta(record: &Record<'_>) -> bool {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(rename = "type", borrow)]
        kind: std::borrow::Cow<'a, str>,
    }
    let Ok(InputKind::Agent { said: AgentSaid::Event(AgentEvent::Other), .. }) =
        decode_kind(record.input)
    else {
        return false;
    };
    let event = record.body().and_then(|body| serde_json::from_slice::<Event<'_>>(body).ok());
    event.is_some_and(|event| DELTAS.contains(&&*event.kind))
}
