//! Delta debugging: the few inputs of a broken run that are enough to break it.
//!
//! Leaving inputs out moves every number after them, so numbers are followed: a connection, a
//! command and a look-up by the input that brought them, an agent by being the n-th of its session.

use std::collections::BTreeMap;

use pi_server_core::input::{AgentSaid, InputKind};
use pi_server_core::output::{Ask, Output};
use pi_server_core::{AgentNo, CommandNo, ConnId, Input, Outputs, Seq, State, Text};

use crate::run::{Broken, Check};

/// Stands for whatever is not there in a shorter run.
const NOBODY: u64 = 999_999;
/// Enough rounds for runs of a few hundred inputs; more would only polish.
const ROUNDS_MAX: usize = 12;

/// A shorter run that breaks a rule of the same section.
pub fn shrink(broken: &Broken) -> Broken {
    let names = agent_names(&broken.inputs);
    let topic = broken.topic();
    let mut best = broken.clone();
    let mut kept: Vec<Input> = broken.inputs.clone();
    for _ in 0..ROUNDS_MAX {
        let before = kept.len();
        let mut size = kept.len().div_ceil(2);
        while size > 0 {
            // A journal's first input is a boot.
            let mut at = 1;
            while at < kept.len() {
                let mut fewer = kept.clone();
                fewer.drain(at..(at + size).min(kept.len()));
                match replay(&fewer, &names) {
                    Some(found) if found.topic() == topic => {
                        fewer.truncate(found.inputs.len());
                        best = found;
                        kept = fewer;
                    }
                    _ => at += size,
                }
            }
            size /= 2;
        }
        if kept.len() == before {
            break;
        }
    }
    best
}

/// An agent's name that does not depend on what happened in other sessions.
type AgentName = (Text, usize);

fn agent_names(inputs: &[Input]) -> BTreeMap<AgentNo, AgentName> {
    let (mut state, mut outputs) = (State::new(), Outputs::new());
    let mut names = Names::default();
    for input in inputs {
        // The last step of the run may be one that panics.
        let stepped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            state.step(input, &mut outputs);
        }));
        if stepped.is_err() {
            break;
        }
        names.note(outputs.as_slice());
    }
    names.by_number
}

#[derive(Default)]
struct Names {
    by_number: BTreeMap<AgentNo, AgentName>,
    by_name: BTreeMap<AgentName, AgentNo>,
    count: BTreeMap<Text, usize>,
}

impl Names {
    fn note(&mut self, outputs: &[Output]) {
        for output in outputs {
            if let Output::Ask(Ask::Spawn { agent, session, .. }) = output {
                let count = self.count.entry(session.clone()).or_default();
                *count += 1;
                self.by_number.insert(*agent, (session.clone(), *count));
                self.by_name.insert((session.clone(), *count), *agent);
            }
        }
    }
}

/// Steps inputs of an earlier run with their numbers brought up to date.
fn replay(inputs: &[Input], old_names: &BTreeMap<AgentNo, AgentName>) -> Option<Broken> {
    let mut check = Check::new();
    let mut places: BTreeMap<u64, u64> = BTreeMap::new();
    let mut names = Names::default();
    let mut done = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let seq = u64::try_from(index).unwrap_or(NOBODY) + 1;
        places.insert(input.seq.0, seq);
        let place = |old: u64| places.get(&old).copied().unwrap_or(NOBODY);
        let mut input = input.clone();
        input.seq = Seq(seq);
        input.body.seq = Seq(seq);
        match &mut input.kind {
            InputKind::Closed { conn }
            | InputKind::Command { conn, .. }
            | InputKind::Repeated { conn, .. }
            | InputKind::Malformed { conn, .. } => *conn = ConnId(place(conn.0)),
            InputKind::Answered { query, .. } => *query = CommandNo(place(query.0)),
            InputKind::Agent { agent, said } => {
                let name = old_names.get(agent);
                let number = name.and_then(|name| names.by_name.get(name));
                *agent = number.copied().unwrap_or(AgentNo(NOBODY));
                if let AgentSaid::Replied { call, .. } = said {
                    *call = CommandNo(place(call.0));
                }
            }
            InputKind::Boot(_)
            | InputKind::Opened(_)
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Wall { .. }
            | InputKind::Indexed { .. }
            | InputKind::Drain
            | InputKind::Stop => {}
        }
        done.push(input.clone());
        if let Err(rule) = check.step(&input) {
            return Some(Broken { rule, inputs: done });
        }
        names.note(check.outputs.as_slice());
    }
    None
}
