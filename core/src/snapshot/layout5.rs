//! Layout 5, written since rule set 3: what layout 4 knows, followed by what rule set 3 added, a group of
//! facts for each thing that its rules have to know. It is frozen by the release that follows 0.1.0.
//!
//! docs/journal-format.md has the same as a table.

use alloc::vec::Vec;
use bincode::{Decode, Encode};

use super::layout4;
use crate::ids::{CommandNo, Micros, Seq, Text};

/// The state after one input.
#[derive(Debug, Encode, Decode)]
pub(crate) struct State {
    /// What layout 4 knows.
    pub(crate) before: layout4::State,
    /// Where sessions begin, for those of which it is known: ascending by session.
    pub(crate) begins: Vec<(Text, Seq)>,
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
    /// What rule set 3 notes is not in a state that it has not stepped.
    fn from(before: layout4::State) -> State {
        State { before, begins: Vec::new(), turns: Turns::default() }
    }
}
