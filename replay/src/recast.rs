//! The inputs of one world in another, where something is changed: other limits, or some of the
//! inputs left out.
//!
//! Agents are numbered by the core in the order of their starts. Where a world starts fewer or
//! other agents, what an agent said must reach the one that plays the same part: the same life of
//! the agent of the same session.

use std::collections::BTreeMap;

use pi_server_core::output::{Ask, Output};
use pi_server_core::{AgentNo, Text};

/// Which life of which session's agent.
type Part = (Text, u64);

/// The agents of a world, by the parts that they play.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    parts: BTreeMap<AgentNo, Part>,
    agents: BTreeMap<Part, AgentNo>,
    lives: BTreeMap<Text, u64>,
}

impl Cast {
    /// Takes note of the outputs of a step.
    pub fn note(&mut self, outputs: &[Output]) {
        for output in outputs {
            if let Output::Ask(Ask::Spawn { agent, session, .. }) = output {
                let life = self.lives.entry(session.clone()).or_default();
                *life += 1;
                let part = (session.clone(), *life);
                self.parts.insert(*agent, part.clone());
                self.agents.insert(part, *agent);
            }
        }
    }

    /// Who plays in `other` what `agent` plays here; `None` if nobody does. One that was there
    /// before the first step has the same number in both.
    pub fn counterpart(&self, agent: AgentNo, other: &Cast) -> Option<AgentNo> {
        let Some(part) = self.parts.get(&agent) else { return Some(agent) };
        other.agents.get(part).copied()
    }
}
