//! What the clock on the wall showed at inputs, for those who read a journal without stepping it.

use pi_server_core::ids::WallOffset;
use pi_server_core::input::{InputKind, RuleSet};
use pi_server_core::record::decode_kind;
use pi_server_core::{Micros, Seq, State};

use crate::feed::{Batch, Feed};
use crate::source::{Source, SourceError};

/// How far the clock on the wall is ahead of the time of the inputs that are read.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    offset: WallOffset,
}

impl Clock {
    /// As a state knows it, for what follows.
    pub fn of(state: &State) -> Clock {
        Clock { offset: state.walls().offset() }
    }

    /// Takes note of an input, before its time is asked for.
    pub fn note(&mut self, kind: &InputKind) {
        match kind {
            InputKind::Wall { offset } => self.offset = *offset,
            InputKind::Boot(boot) => match boot.rules {
                RuleSet::V1 => {}
                RuleSet::V2 | RuleSet::V3 => self.offset = boot.wall,
            },
            InputKind::Opened(_)
            | InputKind::Closed { .. }
            | InputKind::Command { .. }
            | InputKind::Repeated { .. }
            | InputKind::Malformed { .. }
            | InputKind::Agent { .. }
            | InputKind::Answered { .. }
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Indexed { .. }
            | InputKind::Drain
            | InputKind::Stop => {}
        }
    }

    /// What the wall showed at the time of the input that was noted last.
    pub fn wall(&self, at: Micros) -> Micros {
        self.offset.wall(at)
    }

    /// Takes note of the inputs of a batch, and shows `each` the number of every input with its time
    /// on the wall. What this build cannot decode moves no clock that it knows.
    pub fn walk(&mut self, batch: &Batch, mut each: impl FnMut(Seq, Micros)) {
        for item in batch.items().filter(|item| item.mark.is_none()) {
            if let Ok(kind) = decode_kind(item.input) {
                self.note(&kind);
            }
            each(item.header.seq, self.wall(item.header.at));
        }
    }
}

/// The time on the wall at an input; `None` if it is not there.
///
/// # Errors
/// The journal cannot be read.
pub fn wall_at(source: &Source, seq: Seq) -> Result<Option<Micros>, SourceError> {
    let mut feed = Feed::start_near(source, Seq(seq.0.saturating_sub(1)))?;
    let mut clock = Clock::of(&feed.begin().state);
    let mut found = None;
    while let (None, Some(batch)) = (found, feed.take()) {
        clock.walk(&batch, |at, wall| {
            if at == seq {
                found = Some(wall);
            }
        });
    }
    Ok(found)
}
