//! Which session a step is about.

use std::collections::BTreeMap;

use pi_server_core::frame::{Frame, Phase};
use pi_server_core::input::{Input, InputKind};
use pi_server_core::output::{Ask, Audience, Output};
use pi_server_core::{AgentNo, CommandNo, Text};

/// Knows which session agents and commands belong to, from what was put out so far.
#[derive(Debug, Default)]
pub(super) struct Relations {
    agents: BTreeMap<AgentNo, Text>,
    commands: BTreeMap<CommandNo, Text>,
}

impl Relations {
    /// Takes note of a step, and says whether it is about the session.
    pub(super) fn is_about(&mut self, session: &str, input: &Input, outputs: &[Output]) -> bool {
        for output in outputs {
            match output {
                Output::Ask(Ask::Spawn { agent, session, .. }) => {
                    self.agents.insert(*agent, session.clone());
                }
                Output::Deliver {
                    frame: Frame::Lifecycle { command, session, phase, .. }, ..
                } => {
                    if let (Some(session), Phase::Accepted) = (session, phase) {
                        self.commands.insert(*command, session.clone());
                    }
                }
                Output::Deliver { .. }
                | Output::Admit { .. }
                | Output::Leave { .. }
                | Output::Subscribe { .. }
                | Output::Unsubscribe { .. }
                | Output::Unlist { .. }
                | Output::SetInterest { .. }
                | Output::Ask(_)
                | Output::Query { .. }
                | Output::Exit => {}
            }
        }
        let about = self.of_input(input).is_some_and(|found| &**found == session)
            || outputs
                .iter()
                .any(|output| self.of_output(output).is_some_and(|found| found == session));
        self.forget(outputs);
        about
    }

    fn of_input<'a>(&'a self, input: &'a Input) -> Option<&'a Text> {
        match &input.kind {
            InputKind::Command { envelope, .. } | InputKind::Repeated { envelope, .. } => {
                envelope.session.as_ref()
            }
            InputKind::Agent { agent, .. } => self.agents.get(agent),
            InputKind::Answered { query, .. } => self.commands.get(query),
            InputKind::Boot(_)
            | InputKind::Opened(_)
            | InputKind::Closed { .. }
            | InputKind::Malformed { .. }
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Wall { .. }
            | InputKind::Indexed { .. }
            | InputKind::Drain
            | InputKind::Stop => None,
        }
    }

    fn of_output<'a>(&'a self, output: &'a Output) -> Option<&'a str> {
        match output {
            Output::Deliver { to: Audience::Subscribers(session), .. }
            | Output::Subscribe { session, .. }
            | Output::Unsubscribe { session, .. }
            | Output::Unlist { session } => Some(session),
            Output::Deliver { frame, .. } => frame.session().map(|id| &**id),
            Output::Ask(
                Ask::Spawn { agent, .. }
                | Ask::Call { agent, .. }
                | Ask::Interrupt { agent, .. }
                | Ask::Dialog { agent, .. }
                | Ask::Kill { agent },
            ) => self.agents.get(agent).map(|session| &**session),
            Output::Query { query, .. } => self.commands.get(query).map(|session| &**session),
            Output::Admit { .. }
            | Output::Leave { .. }
            | Output::SetInterest { .. }
            | Output::Exit => None,
        }
    }

    /// A command that has ended is not spoken of again.
    fn forget(&mut self, outputs: &[Output]) {
        for output in outputs {
            if let Output::Deliver { frame: Frame::Lifecycle { command, phase, .. }, .. } = output
                && matches!(phase, Phase::Finished(_))
            {
                self.commands.remove(command);
            }
        }
    }
}
