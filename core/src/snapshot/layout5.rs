//! Layout 5, written since release 0.1.0 was left behind: layout 4, and behind it one group of facts for
//! each thing that later rules have to know. A layout that is not released yet may get further groups.
//!
//! docs/journal-format.md has the same as a table.

use alloc::vec::Vec;
use bincode::{Decode, Encode};

use super::layout4;
use crate::ids::{CommandNo, Micros, Text};

/// The state after one input.
#[derive(Debug, Encode, Decode)]
pub(crate) struct State {
    pub(crate) first: layout4::State,
    pub(crate) turns: Turns,
}

/// What rule set 3 has to know of turns.
#[derive(Debug, Default, Encode, Decode)]
pub(crate) struct Turns {
    /// Commands whose timeouts stand still, ascending, and since when.
    pub(crate) paused: Vec<(CommandNo, Micros)>,
    /// Commands that were put back because an agent ended without doing them, ascending.
    pub(crate) asked_again: Vec<CommandNo>,
    /// Sessions in which an abort was passed on before the run that it meant had begun, ascending.
    pub(crate) aborted_early: Vec<Text>,
}

impl From<layout4::State> for State {
    fn from(first: layout4::State) -> State {
        State { first, turns: Turns::default() }
    }
}
