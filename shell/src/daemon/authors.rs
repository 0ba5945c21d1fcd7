//! Whose words an event of the journal is: which session an agent serves, and from where up to where
//! what it says counts. Needed to deliver events a second time, from the journal.

use std::collections::BTreeMap;

use pi_server_core::frame::Frame;
use pi_server_core::input::{AgentSaid, InputKind};
use pi_server_core::output::{Ask, Output};
use pi_server_core::{AgentNo, Input, Seq, Text};

use super::past::RestAgent;

/// Agents that are remembered. One life of an agent is one number, so these are months of work.
const AGENTS_MAX: usize = 100_000;

/// The agents of the whole journal, the newest ones.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Authors {
    agents: BTreeMap<AgentNo, Author>,
}

#[derive(Debug, PartialEq, Eq)]
struct Author {
    session: Text,
    /// The input that asked for the agent. What somebody said in its name before was nobody's.
    since: Seq,
    /// The first event that made no frame: its session was gone, or the agent given up.
    silent_from: Option<Seq>,
}

impl Authors {
    /// Nobody.
    pub(super) fn new() -> Authors {
        Authors::default()
    }

    /// The agents as a snapshot has them.
    pub(super) fn image(&self) -> Vec<(AgentNo, RestAgent)> {
        let of = |author: &Author| {
            let Author { session, since, silent_from } = author;
            RestAgent { session: session.clone(), since: *since, silent_from: *silent_from }
        };
        self.agents.iter().map(|(agent, author)| (*agent, of(author))).collect()
    }

    /// The agents of a snapshot.
    pub(super) fn restore(agents: Vec<(AgentNo, RestAgent)>) -> Authors {
        let of = |RestAgent { session, since, silent_from }| Author { session, since, silent_from };
        Authors { agents: agents.into_iter().map(|(agent, author)| (agent, of(author))).collect() }
    }

    /// Takes note of a step.
    pub(super) fn note(&mut self, input: &Input, outputs: &[Output]) {
        for output in outputs {
            if let Output::Ask(Ask::Spawn { agent, session, .. }) = output {
                if self.agents.len() >= AGENTS_MAX {
                    self.agents.pop_first();
                }
                let session = session.clone();
                self.agents.insert(*agent, Author { session, since: input.seq, silent_from: None });
            }
        }
        if let InputKind::Agent { agent, said: AgentSaid::Event(_) } = &input.kind
            && !outputs.iter().any(is_event)
            && let Some(author) = self.agents.get_mut(agent)
        {
            author.silent_from.get_or_insert(input.seq);
        }
    }

    /// The session that an agent serves, or served when it still did.
    pub(super) fn serves(&self, agent: AgentNo) -> Option<&Text> {
        self.agents.get(&agent).map(|author| &author.session)
    }

    /// The session whose subscribers were sent this event, if any were.
    pub(super) fn session(&self, agent: AgentNo, event: Seq) -> Option<&Text> {
        let author = self.agents.get(&agent)?;
        let heard = author.since < event && author.silent_from.is_none_or(|from| event < from);
        heard.then_some(&author.session)
    }
}

fn is_event(output: &Output) -> bool {
    matches!(output, Output::Deliver { frame: Frame::Event { .. }, .. })
}

#[cfg(test)]
mod tests;
