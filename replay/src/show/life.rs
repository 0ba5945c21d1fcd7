//! Which steps are about one command.

use std::collections::BTreeSet;

use pi_server_core::CommandNo;
use pi_server_core::frame::Frame;
use pi_server_core::input::{AgentSaid, Input, InputKind};
use pi_server_core::output::{Ask, Output};

use crate::attribution::{Attribution, Owner};

/// Knows the commands that have the wanted name: an id, which several clients may have used and one
/// client more than once, or a number with `#`.
#[derive(Debug)]
pub(super) struct Life {
    wanted: String,
    numbers: BTreeSet<CommandNo>,
}

impl Life {
    /// Knows those that are in flight where the journal begins.
    pub(super) fn of(wanted: &str, whose: &Attribution) -> Life {
        let is_wanted = |(number, owner): &(CommandNo, &Owner)| {
            owner.id.as_deref() == Some(wanted) || format!("#{number}") == wanted
        };
        let numbers = whose.owners().filter(is_wanted).map(|(number, _)| number).collect();
        Life { wanted: wanted.to_owned(), numbers }
    }

    /// Takes note of a step, and says whether it is about such a command: it brings one, a
    /// transition of it, a question for it or the answer.
    pub(super) fn is_about(&mut self, input: &Input, outputs: &[Output]) -> bool {
        let brought = self.brings(input);
        if brought {
            self.numbers.insert(CommandNo(input.seq.0));
        }
        brought || self.answers(input) || outputs.iter().any(|output| self.is_of(output))
    }

    /// Whether there was such a command.
    pub(super) fn was_there(&self) -> bool {
        !self.numbers.is_empty()
    }

    fn brings(&self, input: &Input) -> bool {
        let InputKind::Command { envelope, .. } = &input.kind else { return false };
        let numbered = || format!("#{}", input.seq) == self.wanted;
        envelope.id.as_deref() == Some(&*self.wanted) || numbered()
    }

    fn answers(&self, input: &Input) -> bool {
        match &input.kind {
            InputKind::Agent { said: AgentSaid::Replied { call, .. }, .. } => {
                self.numbers.contains(call)
            }
            InputKind::Answered { query, .. } => self.numbers.contains(query),
            InputKind::Agent { .. }
            | InputKind::Command { .. }
            | InputKind::Boot(_)
            | InputKind::Opened(_)
            | InputKind::Closed { .. }
            | InputKind::Malformed { .. }
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Drain
            | InputKind::Stop => false,
        }
    }

    fn is_of(&self, output: &Output) -> bool {
        match output {
            Output::Deliver { frame: Frame::Lifecycle { command, .. }, .. } => {
                self.numbers.contains(command)
            }
            Output::Ask(Ask::Call { call, .. }) => self.numbers.contains(call),
            Output::Query { query, .. } => self.numbers.contains(query),
            Output::Deliver { .. }
            | Output::Admit { .. }
            | Output::Leave { .. }
            | Output::Subscribe { .. }
            | Output::Unsubscribe { .. }
            | Output::Unlist { .. }
            | Output::SetInterest { .. }
            | Output::Ask(_)
            | Output::Exit => false,
        }
    }
}
