//! Layout 5, written since release 0.2.0: what layout 4 knows, followed by what rule set 3 added, a group
//! of facts for each rule. docs/journal-format.md has the same as a table.

use alloc::vec::Vec;
use bincode::{Decode, Encode};

use super::layout4;
use crate::ids::{Seq, Text};

/// The state after one input.
#[derive(Debug, Encode, Decode)]
pub(crate) struct State {
    /// What layout 4 knows.
    pub(crate) before: layout4::State,
    /// Where sessions begin, for those of which it is known: ascending by session.
    pub(crate) begins: Vec<(Text, Seq)>,
}

impl From<layout4::State> for State {
    /// What rule set 3 notes is not in a state that it has not stepped.
    fn from(before: layout4::State) -> State {
        State { before, begins: Vec::new() }
    }
}
