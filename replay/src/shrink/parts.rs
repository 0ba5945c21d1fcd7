//! How inputs hang together.

use std::collections::BTreeMap;

use pi_server_core::frame::{Frame, Phase};
use pi_server_core::input::{AgentSaid, Details, InputKind};
use pi_server_core::output::{Ask, Output};
use pi_server_core::record::Secret;
use pi_server_core::wire::decode;
use pi_server_core::{AgentNo, CommandNo, ConnId, Limits, Outputs, Seq, Text};

use crate::attribution::Attribution;
use crate::records::{Ground, Kept};

/// How the inputs of a journal hang together, by their places (from 0).
pub(super) struct Parts<'a> {
    ground: &'a Ground,
    /// The input that each one refers to.
    refers: Vec<Option<usize>>,
    /// The session that each one is about.
    sessions: Vec<Option<Text>>,
    /// The agents that each input brought up, in order.
    spawned: Vec<(usize, AgentNo)>,
    /// Sessions whose ids the daemon chose, by the input that made them.
    chosen: BTreeMap<usize, Text>,
}

impl<'a> Parts<'a> {
    /// Finds out by stepping the first `safe` of them.
    pub(super) fn of(ground: &'a Ground, inputs: &[Kept], safe: usize) -> Parts<'a> {
        let mut parts = Parts {
            ground,
            refers: vec![None; inputs.len()],
            sessions: vec![None; inputs.len()],
            spawned: Vec::new(),
            chosen: BTreeMap::new(),
        };
        let mut whose = Attribution::of(&ground.state);
        ground.step_all(&inputs[..safe.min(inputs.len())], |at, input, outputs| {
            whose.note(input, outputs.as_slice());
            parts.take(at, &whose, input, outputs);
            false
        });
        // Of what must not be stepped, as much as the inputs themselves say is known.
        let mut whose = Attribution::of(&ground.state);
        for (at, kept) in inputs.iter().enumerate().skip(safe) {
            let input = kept.input(ground.number(at));
            whose.note(&input, &[]);
            parts.take(at, &whose, &input, &Outputs::new());
        }
        parts
    }

    fn take(
        &mut self,
        at: usize,
        whose: &Attribution,
        input: &pi_server_core::Input,
        outputs: &Outputs,
    ) {
        self.refers[at] = whose.cause(input).and_then(|seq| self.ground.place(seq.0));
        self.sessions[at] = whose.session_of_input(input).cloned();
        for output in outputs.as_slice() {
            if let Output::Ask(Ask::Spawn { agent, .. }) = output {
                self.spawned.push((at, *agent));
            }
        }
        if let Some((_, envelope)) = input.kind.command()
            && envelope.session.is_none()
            && let Some(session) = outputs.as_slice().iter().find_map(chosen)
        {
            self.chosen.insert(at, session.clone());
        }
    }

    /// Inputs that go together: sessions, connections, commands with all that came of them.
    pub(super) fn groups(&self) -> Vec<Vec<Vec<usize>>> {
        let mut sessions: BTreeMap<&Text, Vec<usize>> = BTreeMap::new();
        let mut chains: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for at in 0..self.refers.len() {
            if let Some(session) = &self.sessions[at] {
                sessions.entry(session).or_default().push(at);
            }
            if let Some(cause) = self.refers[at] {
                chains.entry(cause).or_insert_with(|| vec![cause]).push(at);
            }
        }
        vec![sessions.into_values().collect(), chains.into_values().collect()]
    }

    /// What is left of `left` (places in order) without those that are `gone` and without whatever
    /// refers to them, which is marked as gone as well. Returns too which ones were marked.
    pub(super) fn without(&self, left: &[usize], gone: &mut [bool]) -> (Vec<usize>, Vec<usize>) {
        let (mut fewer, mut marked) = (Vec::new(), Vec::new());
        for at in left {
            // A cause comes before its effects, so that one pass is enough.
            let is_gone = gone[*at] || self.refers[*at].is_some_and(|cause| gone[cause]);
            if !is_gone {
                fewer.push(*at);
            } else if !gone[*at] {
                gone[*at] = true;
                marked.push(*at);
            }
        }
        (fewer, marked)
    }

    /// Gives sessions whose id the daemon chose that id by name, since it would choose another one
    /// for a command with another number.
    pub(super) fn name_sessions(&self, mut inputs: Vec<Kept>, key: Option<[u8; 32]>) -> Vec<Kept> {
        let secret = key.map(Secret::new);
        for (at, session) in &self.chosen {
            let Some(kept) = inputs.get_mut(*at) else { continue };
            let (InputKind::Command { envelope, .. } | InputKind::Repeated { envelope, .. }) =
                &mut kept.kind
            else {
                continue;
            };
            let mut named = (**envelope).clone();
            named.session = Some(session.clone());
            if let (Some(secret), false) = (&secret, kept.erased) {
                let frame =
                    serde_json::from_slice(&kept.body).ok().map(|mut json: serde_json::Value| {
                        json["sessionId"] = (&**session).into();
                        json.to_string().into_bytes()
                    });
                if let Some(frame) = frame
                    && let Ok(again) = decode(&frame, &Limits::default(), secret)
                {
                    named = again;
                    kept.digest = secret.body(&frame);
                    kept.body = frame.into();
                }
            }
            *envelope = named.into();
        }
        inputs
    }

    /// The inputs at the places that are left (in order), with numbers that follow. Agents are
    /// numbered in the order of the inputs that brought them up.
    pub(super) fn renumber(&self, inputs: &[Kept], left: &[usize]) -> Vec<Kept> {
        // What is before the first input keeps its number.
        let renumbered = |number: u64| match self.ground.place(number) {
            Some(at) => {
                let up_to = left.partition_point(|place| *place <= at);
                self.ground.seq.0 + u64::try_from(up_to).unwrap_or(u64::MAX)
            }
            None => number,
        };
        let last = self.ground.state.last_agent().0;
        let brought = self.spawned.iter().filter(|(at, _)| left.binary_search(at).is_ok());
        let agents: BTreeMap<AgentNo, AgentNo> =
            brought.zip(1..).map(|((_, agent), number)| (*agent, AgentNo(last + number))).collect();
        left.iter()
            .map(|at| {
                let mut input = inputs[*at].clone();
                follow(&mut input.kind, &renumbered, &agents);
                input
            })
            .collect()
    }
}

/// The session whose id the daemon chose, if the output accepts its creation.
fn chosen(output: &Output) -> Option<&Text> {
    match output {
        Output::Deliver {
            frame: Frame::Lifecycle { envelope, session, phase: Phase::Accepted, .. },
            ..
        } if envelope.session.is_none() => session.as_ref(),
        _ => None,
    }
}

/// Lets the numbers in an input follow.
fn follow(
    kind: &mut InputKind,
    renumbered: &dyn Fn(u64) -> u64,
    agents: &BTreeMap<AgentNo, AgentNo>,
) {
    let to_conn = |conn: &mut ConnId| conn.0 = renumbered(conn.0);
    let to_command = |call: &mut CommandNo| call.0 = renumbered(call.0);
    match kind {
        InputKind::Closed { conn } | InputKind::Malformed { conn, .. } => to_conn(conn),
        InputKind::Command { conn, envelope }
        | InputKind::Repeated { conn, envelope, earlier: _ } => {
            to_conn(conn);
            let mut moved = (**envelope).clone();
            if let Details::Switch { cursor: Some(cursor) }
            | Details::SwitchIn { cursor: Some(cursor), epoch: _ } = &mut moved.details
            {
                *cursor = Seq(renumbered(cursor.0));
                *envelope = moved.into();
            }
        }
        InputKind::Agent { agent, said } => {
            *agent = agents.get(agent).copied().unwrap_or(*agent);
            if let AgentSaid::Replied { call, .. } = said {
                to_command(call);
            }
        }
        InputKind::Answered { query, .. } => to_command(query),
        InputKind::Boot(_)
        | InputKind::Opened(_)
        | InputKind::Storage { .. }
        | InputKind::Tick
        | InputKind::Wall { .. }
        | InputKind::Drain
        | InputKind::Stop => {}
        InputKind::Indexed { seq } => seq.0 = renumbered(seq.0),
    }
}
