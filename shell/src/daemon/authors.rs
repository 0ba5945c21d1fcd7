//! Whose words an event of the journal is: which session an agent serves, and from where up to where
//! what it says counts; and the events that the core made up. Needed to deliver events a second time,
//! from the journal.

use std::collections::BTreeMap;

use pi_server_core::frame::{Frame, Gone, MadeUp};
use pi_server_core::input::{AgentSaid, InputKind};
use pi_server_core::output::{Ask, Output};
use pi_server_core::{AgentNo, Input, Seq, Text};

use super::past::{RestAgent, RestMadeUps};

/// Agents that are remembered. One life of an agent is one number, so these are months of work.
const AGENTS_MAX: usize = 100_000;

/// The agents of the whole journal, the newest ones.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Authors {
    agents: BTreeMap<AgentNo, Author>,
    /// By the input that told of the end of a run or of a compaction that its agent could not end any
    /// more: the events that the core made up for it. They are in no input.
    made_up: BTreeMap<Seq, Vec<(Text, MadeUp, Gone)>>,
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

    /// The events that were made up, as a snapshot has them.
    pub(super) fn made_up_image(&self) -> RestMadeUps {
        self.made_up.iter().map(|(seq, events)| (*seq, events.clone())).collect()
    }

    /// The agents of a snapshot, and the events that were made up.
    pub(super) fn restore(agents: Vec<(AgentNo, RestAgent)>, made_up: RestMadeUps) -> Authors {
        let of = |RestAgent { session, since, silent_from }| Author { session, since, silent_from };
        Authors {
            agents: agents.into_iter().map(|(agent, author)| (agent, of(author))).collect(),
            made_up: made_up.into_iter().collect(),
        }
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
            if let Output::Deliver { frame, .. } = output
                && let Frame::Interrupted { session, cursor, what, gone } = frame
            {
                let event = (session.clone(), *what, gone.clone());
                self.made_up.entry(*cursor).or_default().push(event);
                if self.made_up.len() > AGENTS_MAX {
                    self.made_up.pop_first();
                }
            }
        }
        if let InputKind::Agent { agent, said: AgentSaid::Event(_) } = &input.kind
            && !outputs.iter().any(is_event)
            && let Some(author) = self.agents.get_mut(agent)
        {
            author.silent_from.get_or_insert(input.seq);
        }
    }

    /// The events that were made up in the step of this input, in their order.
    pub(super) fn made_up(&self, cursor: Seq) -> impl Iterator<Item = Frame> {
        self.made_up.get(&cursor).into_iter().flatten().map(move |(session, what, gone)| {
            let (session, gone) = (session.clone(), gone.clone());
            Frame::Interrupted { session, cursor, what: *what, gone }
        })
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
