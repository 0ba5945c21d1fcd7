//! What differs, and as much as can be known of it.

use std::fmt;

use pi_server_core::record::{Place, digest_outputs};
use pi_server_core::{Digest, Input, Micros, Output, Seq};

/// Most outputs of a step for which a [`Hint`] is looked for; it takes time by their square.
const HINT_OUTPUTS_MAX: usize = 200;

/// The first place where a replay differs from the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The input that was stepped (0: the journal speaks of a step before its first input).
    pub seq: Seq,
    /// Its time.
    pub at: Micros,
    /// The same on the wall; `None` where there is no such input.
    pub wall: Option<Micros>,
    /// The input in the notation.
    pub input: String,
    /// What differs.
    pub difference: Difference,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The outputs of the step.
    Outputs {
        /// Digest of the outputs that the daemon had.
        expected: Digest,
        /// Digest of those that were computed.
        actual: Digest,
        /// The record that has the expected digest.
        recorded: Place,
        /// The outputs that were computed, in the notation.
        outputs: Vec<String>,
        /// How the daemon's outputs differed, where their digest gives it away.
        hint: Option<Hint>,
    },
    /// The client's frame, decoded again, is another input than the recorded one.
    Frame {
        /// The first field that differs.
        field: &'static str,
        /// What the journal has.
        expected: String,
        /// What the frame says.
        actual: String,
    },
}

/// How the daemon's outputs differed from the computed ones. Only their digest is recorded, but a
/// small change can be guessed and proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// It had none.
    None,
    /// It had only the first so many.
    First(usize),
    /// It had all but this one, counted from 1.
    Without(usize),
    /// It had this one, counted from 1, and the next in the other order.
    Swapped(usize),
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hint::None => f.write_str("the daemon had no outputs here"),
            Hint::First(count) => write!(f, "the daemon had only the first {count} of them"),
            Hint::Without(place) => write!(f, "the daemon did not have output {place}"),
            Hint::Swapped(place) => {
                write!(f, "the daemon had outputs {place} and {} in the other order", place + 1)
            }
        }
    }
}

impl Divergence {
    /// At this input. What the wall showed is not known yet.
    pub fn new(input: &Input, difference: Difference) -> Divergence {
        let words = input.to_string();
        Divergence { seq: input.seq, at: input.at, wall: None, input: words, difference }
    }

    /// At a step before the first input.
    pub fn before_everything(difference: Difference) -> Divergence {
        let input = "(before the first input)".into();
        Divergence { seq: Seq(0), at: Micros(0), wall: None, input, difference }
    }
}

impl Difference {
    /// Outputs whose digest is `actual` where the record at `recorded` says `expected`.
    pub fn of_outputs(
        outputs: &[Output],
        expected: Digest,
        actual: Digest,
        recorded: Place,
        scratch: &mut Vec<u8>,
    ) -> Difference {
        let hint = hint(outputs, expected, scratch);
        let outputs = outputs.iter().map(ToString::to_string).collect();
        Difference::Outputs { expected, actual, recorded, outputs, hint }
    }
}

/// Looks for a small change that gives the expected digest.
fn hint(outputs: &[Output], expected: Digest, scratch: &mut Vec<u8>) -> Option<Hint> {
    if expected == Digest::default() {
        return Some(Hint::None);
    }
    if outputs.len() > HINT_OUTPUTS_MAX {
        return None;
    }
    let first = (1..outputs.len())
        .find(|count| digest_outputs(&outputs[..*count], scratch) == expected)
        .map(Hint::First);
    let without = || {
        (0..outputs.len()).find_map(|index| {
            let mut rest = outputs.to_vec();
            rest.remove(index);
            (digest_outputs(&rest, scratch) == expected).then_some(Hint::Without(index + 1))
        })
    };
    let first = first.or_else(without);
    first.or_else(|| {
        (1..outputs.len()).find_map(|index| {
            let mut other = outputs.to_vec();
            other.swap(index - 1, index);
            (digest_outputs(&other, scratch) == expected).then_some(Hint::Swapped(index))
        })
    })
}
