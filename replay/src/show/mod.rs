//! `pi-replay show`: what happened, in the notation of scripts; the commands of a lane; the state at
//! a place; what a client was sent; or a script for the regression tests.

mod frames;
mod lane;
mod life;
mod script;
mod state;
mod timeline;

use std::ops::RangeInclusive;

use pi_server_core::Seq;

pub use frames::frames;
pub use lane::lane;
pub(crate) use life::Life;
pub use script::script;
pub use state::{state_at, state_json, state_text};
pub(crate) use timeline::input_line;
pub use timeline::{About, Timeline, timeline};

/// From which input to which.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// The first.
    pub from: Seq,
    /// The last.
    pub to: Seq,
}

impl Range {
    /// Whether the input is in it.
    pub fn contains(&self, seq: Seq) -> bool {
        RangeInclusive::new(self.from, self.to).contains(&seq)
    }

    /// Whether nothing follows the input in it.
    pub fn ends_at(&self, seq: Seq) -> bool {
        seq >= self.to
    }
}
