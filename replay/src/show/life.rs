//! Which steps are about one command.

use std::collections::BTreeSet;

use pi_server_core::CommandNo;
use pi_server_core::frame::Frame;
use pi_server_core::input::{AgentSaid, Input, InputKind};
use pi_server_core::output::{Ask, Output};

use crate::attribution::Attribution;

/// Knows the commands that have the wanted name: an id, which several clients may have used and one
/// client more than once, or a number with `#`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    wanted: String,
    number: Option<CommandNo>,
    /// Those that were seen: an answer may come after the end.
    seen: BTreeSet<CommandNo>,
}

impl Life {
    pub(crate) fn of(wanted: &str) -> Life {
        let number = wanted.strip_prefix('#').and_then(|number| number.parse().ok());
        let number = number.map(CommandNo);
        Life { wanted: wanted.to_owned(), number, seen: BTreeSet::new() }
    }

    /// Takes note of such commands that are in flight.
    pub(crate) fn begin(&mut self, whose: &Attribution) {
        let found =
            whose.owners().filter(|(number, owner)| self.is_it(*number, owner.id.as_deref()));
        let found: Vec<CommandNo> = found.map(|(number, _)| number).collect();
        self.seen.extend(found);
    }

    /// True if there was such a command.
    pub(crate) fn was_there(&self) -> bool {
        !self.seen.is_empty()
    }

    /// True if the last step is about such a command: it brings one, a transition of it, a question
    /// for it or the answer.
    pub(crate) fn is_about(
        &mut self,
        whose: &Attribution,
        input: &Input,
        outputs: &[Output],
    ) -> bool {
        if let Some((_, envelope)) = input.kind.command() {
            let number = CommandNo(input.seq.0);
            if self.is_it(number, envelope.id.as_deref()) {
                self.seen.insert(number);
            }
        }
        let named = |number: CommandNo| {
            let id = whose.owner(number).and_then(|owner| owner.id.as_deref());
            self.seen.contains(&number) || self.is_it(number, id)
        };
        self.is_of_input(input, &named) || outputs.iter().any(|it| self.is_of_output(it, &named))
    }

    fn is_it(&self, number: CommandNo, id: Option<&str>) -> bool {
        id == Some(&*self.wanted) || self.number == Some(number)
    }

    fn is_of_input(&self, input: &Input, named: &dyn Fn(CommandNo) -> bool) -> bool {
        match &input.kind {
            InputKind::Command { envelope, .. } | InputKind::Repeated { envelope, .. } => {
                self.is_it(CommandNo(input.seq.0), envelope.id.as_deref())
            }
            InputKind::Agent { said: AgentSaid::Replied { call, .. }, .. } => named(*call),
            InputKind::Answered { query, .. } => named(*query),
            InputKind::Agent { .. }
            | InputKind::Boot(_)
            | InputKind::Opened(_)
            | InputKind::Closed { .. }
            | InputKind::Malformed { .. }
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Wall { .. }
            | InputKind::Indexed { .. }
            | InputKind::Drain
            | InputKind::Stop => false,
        }
    }

    fn is_of_output(&self, output: &Output, named: &dyn Fn(CommandNo) -> bool) -> bool {
        match output {
            Output::Deliver { frame: Frame::Lifecycle { command, envelope, .. }, .. } => {
                self.is_it(*command, envelope.id.as_deref())
            }
            Output::Ask(Ask::Call { call, .. }) => named(*call),
            Output::Query { query, .. } => named(*query),
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
