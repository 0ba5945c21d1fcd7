//! Which session the bodies of a journal are about: the condition of a policy's rules.

use std::collections::BTreeMap;

use pi_server_core::input::{AgentSaid, Answer, InputKind};
use pi_server_core::output::{Ask, Output};
use pi_server_core::{AgentNo, CommandNo, Text};
use pi_server_redact::What;

use crate::play::Played;

/// What is known of agents and commands, from the steps so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    agents: BTreeMap<AgentNo, Text>,
    commands: BTreeMap<CommandNo, Text>,
}

impl Sessions {
    /// Takes note of a step.
    pub(crate) fn note(&mut self, played: &Played<'_>) {
        for output in played.outputs {
            if let Output::Ask(Ask::Spawn { agent, session, .. }) = output {
                self.agents.insert(*agent, session.clone());
            }
        }
        match &played.input.kind {
            InputKind::Command { envelope, .. } | InputKind::Repeated { envelope, .. } => {
                if let Some(session) = &envelope.session {
                    self.commands.insert(CommandNo(played.input.seq.0), session.clone());
                }
            }
            // It was started before the snapshot with which the journal begins.
            InputKind::Agent { agent, .. } if !self.agents.contains_key(agent) => {
                let session = played.state.session_of(*agent).cloned();
                self.agents.extend(session.map(|session| (*agent, session)));
            }
            InputKind::Agent { .. }
            | InputKind::Boot(_)
            | InputKind::Opened(_)
            | InputKind::Closed { .. }
            | InputKind::Malformed { .. }
            | InputKind::Answered { .. }
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Wall { .. }
            | InputKind::Indexed { .. }
            | InputKind::Drain
            | InputKind::Stop => {}
        }
    }

    /// What a body is, and whose.
    pub(crate) fn about(&self, seq: u64, kind: &InputKind) -> (What, Option<&Text>) {
        match kind {
            InputKind::Command { .. } | InputKind::Repeated { .. } => {
                (What::Command, self.commands.get(&CommandNo(seq)))
            }
            InputKind::Malformed { .. } => (What::Malformed, None),
            InputKind::Agent { agent, said: AgentSaid::Replied { .. } } => {
                (What::Answer, self.agents.get(agent))
            }
            InputKind::Agent { agent, .. } => (What::Event, self.agents.get(agent)),
            InputKind::Answered { query, answer: Answer::Data } => {
                (What::Answer, self.commands.get(query))
            }
            InputKind::Answered { .. }
            | InputKind::Boot(_)
            | InputKind::Opened(_)
            | InputKind::Closed { .. }
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Wall { .. }
            | InputKind::Indexed { .. }
            | InputKind::Drain
            | InputKind::Stop => (What::Answer, None),
        }
    }
}
