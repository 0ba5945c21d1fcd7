//! Outputs that wait until the input that caused them is durable (law 2).

use std::collections::VecDeque;

use pi_server_core::{Output, Seq};

use crate::journal::Durable;

/// Outputs for which memory is kept when none wait.
const OUTPUTS_KEPT: usize = 8 << 10;

/// A queue of outputs, each with the input that caused it. Only a [`Durable`], which only the
/// journal can make, lets them out: to answer before the answer is safe does not compile.
#[derive(Debug, Default)]
pub(super) struct Held {
    outputs: VecDeque<(Seq, Output)>,
}

impl Held {
    /// Nothing held.
    pub(super) fn new() -> Held {
        Held::default()
    }

    /// Keeps the outputs of the step of input `seq`.
    pub(super) fn hold(&mut self, seq: Seq, outputs: impl Iterator<Item = Output>) {
        self.outputs.extend(outputs.map(|output| (seq, output)));
    }

    /// The next output whose input is durable, in order.
    pub(super) fn release(&mut self, durable: Durable) -> Option<(Seq, Output)> {
        let Some((seq, _)) = self.outputs.front() else {
            if self.outputs.capacity() > OUTPUTS_KEPT {
                self.outputs = VecDeque::new();
            }
            return None;
        };
        if *seq <= durable.seq() { self.outputs.pop_front() } else { None }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    /// The first input of which something waits.
    pub(super) fn first(&self) -> Option<Seq> {
        self.outputs.front().map(|(seq, _)| *seq)
    }
}
