//! What PROTOCOL.md leaves to the daemon: the names of sessions that were created without one, and
//! which of several lanes goes first, and so in which order commands of different lanes end, and which
//! of several agents that are late at once is ended first. The
//! model takes them from what the state did.

use pi_server_core::frame::{Frame, Phase};
use pi_server_core::output::{Ask, Output};
use pi_server_core::{AgentNo, CommandNo, Text};

/// The free choices of one step.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    name: Option<Text>,
    order: Vec<Mark>,
    ends: Vec<CommandNo>,
    kills: Vec<AgentNo>,
}

/// Something that happened to a command or for a session.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Mark {
    Command(CommandNo),
    Session(Text),
}

impl Choices {
    /// Reads them off a step's outputs.
    pub fn of(outputs: &[Output]) -> Choices {
        let mut choices = Choices::default();
        for output in outputs {
            match output {
                Output::Deliver {
                    frame: Frame::Lifecycle { command, session, phase, .. }, ..
                } => match phase {
                    Phase::Accepted => choices.name.clone_from(session),
                    Phase::Started => choices.order.push(Mark::Command(*command)),
                    Phase::Finished(_) => {
                        choices.order.push(Mark::Command(*command));
                        choices.ends.push(*command);
                    }
                },
                Output::Ask(Ask::Call { call, .. }) => choices.order.push(Mark::Command(*call)),
                Output::Ask(Ask::Spawn { session, .. }) => {
                    choices.order.push(Mark::Session(session.clone()));
                }
                Output::Ask(Ask::Kill { agent }) => choices.kills.push(*agent),
                Output::Query { query, .. } => choices.order.push(Mark::Command(*query)),
                Output::Deliver { .. }
                | Output::Ask(Ask::Interrupt { .. } | Ask::Dialog { .. })
                | Output::Admit { .. }
                | Output::Leave { .. }
                | Output::Subscribe { .. }
                | Output::Unsubscribe { .. }
                | Output::Unlist { .. }
                | Output::SetInterest { .. }
                | Output::Exit => {}
            }
        }
        choices
    }

    /// The name of a session that is created without one.
    pub(super) fn name(&self) -> Text {
        self.name.clone().unwrap_or_else(|| Text::from("?"))
    }

    /// Whether several commands ended in this step.
    pub(super) fn has_several_ends(&self) -> bool {
        self.ends.len() > 1
    }

    /// When a command ended, among those that ended in this step.
    pub(super) fn end(&self, no: CommandNo) -> usize {
        self.ends.iter().position(|end| *end == no).unwrap_or(usize::MAX)
    }

    /// When an agent was ended, among those that were in this step; `None` if it was not.
    pub(super) fn kill(&self, no: AgentNo) -> Option<usize> {
        self.kills.iter().position(|killed| *killed == no)
    }

    /// When the state came to a command, among all that it came to in this step.
    pub(super) fn place(&self, no: CommandNo, session: Option<&Text>) -> usize {
        let found = self.order.iter().position(|mark| match mark {
            Mark::Command(command) => *command == no,
            Mark::Session(id) => Some(id) == session,
        });
        found.unwrap_or(usize::MAX)
    }
}
