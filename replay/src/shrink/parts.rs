//! How inputs hang together.

use std::collections::{BTreeMap, BTreeSet};

use pi_server_core::frame::{Frame, Phase};
use pi_server_core::input::{AgentSaid, Details, InputKind};
use pi_server_core::output::{Ask, Output};
use pi_server_core::record::Secret;
use pi_server_core::wire::decode;
use pi_server_core::{AgentNo, CommandNo, ConnId, Limits, Outputs, Seq, State, Text};

use crate::records::Kept;

/// How the inputs of a journal hang together, by their places (from 0; numbers are one more).
pub(super) struct Parts {
    /// The input that each one refers to.
    refers: Vec<Option<usize>>,
    /// The session that each one is about.
    sessions: Vec<Option<Text>>,
    /// The input that brought up each agent.
    spawned: BTreeMap<AgentNo, usize>,
    /// Sessions whose ids the daemon chose, by the input that made them.
    chosen: BTreeMap<usize, Text>,
}

impl Parts {
    /// Finds out by stepping the first `safe` of them.
    pub(super) fn of(inputs: &[Kept], safe: usize) -> Parts {
        let mut parts = Parts {
            refers: vec![None; inputs.len()],
            sessions: vec![None; inputs.len()],
            spawned: BTreeMap::new(),
            chosen: BTreeMap::new(),
        };
        let mut agents: BTreeMap<AgentNo, Text> = BTreeMap::new();
        let (mut state, mut outputs) = (State::new(), Outputs::new());
        for (at, kept) in inputs.iter().enumerate() {
            if at < safe {
                state.step(&kept.input(Seq(number(at))), &mut outputs);
            }
            for output in outputs.as_slice() {
                match output {
                    Output::Ask(Ask::Spawn { agent, session, .. }) => {
                        parts.spawned.insert(*agent, at);
                        agents.insert(*agent, session.clone());
                    }
                    Output::Deliver {
                        frame: Frame::Lifecycle { envelope, session, phase, .. },
                        ..
                    } if *phase == Phase::Accepted
                        && at < safe
                        && envelope.session.is_none()
                        && kept.kind.command().is_some() =>
                    {
                        if let Some(session) = session {
                            parts.chosen.insert(at, session.clone());
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
            parts.take(at, kept, &agents);
        }
        parts
    }

    fn take(&mut self, at: usize, kept: &Kept, agents: &BTreeMap<AgentNo, Text>) {
        let of_command = |parts: &Parts, command: CommandNo| {
            place(command.0).and_then(|at| parts.sessions.get(at).cloned().flatten())
        };
        match &kept.kind {
            InputKind::Closed { conn } | InputKind::Malformed { conn, .. } => {
                self.refers[at] = place(conn.0);
            }
            InputKind::Command { conn, envelope }
            | InputKind::Repeated { conn, envelope, earlier: _ } => {
                self.refers[at] = place(conn.0);
                let chosen = self.chosen.get(&at).cloned();
                self.sessions[at] = envelope.session.clone().or(chosen);
            }
            InputKind::Agent { agent, said } => {
                self.sessions[at] = agents.get(agent).cloned();
                self.refers[at] = match said {
                    AgentSaid::Replied { call, .. } => place(call.0),
                    AgentSaid::Ready(_)
                    | AgentSaid::Event(_)
                    | AgentSaid::Info(_)
                    | AgentSaid::Noise { .. }
                    | AgentSaid::Exited(_) => self.spawned.get(agent).copied(),
                };
            }
            InputKind::Answered { query, .. } => {
                self.refers[at] = place(query.0);
                self.sessions[at] = of_command(self, *query);
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

    /// Leaves out whatever refers to what is left out.
    pub(super) fn close(&self, kept: &mut [bool]) {
        for at in 0..kept.len() {
            // A cause comes before its effects, so that one pass is enough.
            if self.refers[at].is_some_and(|cause| !kept.get(cause).copied().unwrap_or(false)) {
                kept[at] = false;
            }
        }
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
                    kept.body = frame;
                }
            }
            *envelope = named.into();
        }
        inputs
    }

    /// The inputs that are left, with numbers that follow. Agents are numbered in the order of
    /// the inputs that brought them up.
    pub(super) fn renumber(&self, inputs: &[Kept], kept: &[bool]) -> Vec<Kept> {
        let mut numbers = vec![0; inputs.len()];
        let mut next = 0;
        for (at, number) in numbers.iter_mut().enumerate() {
            next += u64::from(kept[at]);
            *number = next;
        }
        let renumbered = |number: u64| place(number).and_then(|at| numbers.get(at)).copied();
        let brought: BTreeSet<(usize, AgentNo)> = self
            .spawned
            .iter()
            .filter(|(_, at)| kept[**at])
            .map(|(agent, at)| (*at, *agent))
            .collect();
        let agents: BTreeMap<AgentNo, AgentNo> = brought
            .into_iter()
            .zip(1..)
            .map(|((_, agent), number)| (agent, AgentNo(number)))
            .collect();
        let left = inputs.iter().zip(kept).filter(|(_, kept)| **kept);
        left.map(|(input, _)| {
            let mut input = input.clone();
            follow(&mut input.kind, &renumbered, &agents);
            input
        })
        .collect()
    }
}

/// Lets the numbers in an input follow.
fn follow(
    kind: &mut InputKind,
    renumbered: &dyn Fn(u64) -> Option<u64>,
    agents: &BTreeMap<AgentNo, AgentNo>,
) {
    let to_conn = |conn: &mut ConnId| conn.0 = renumbered(conn.0).unwrap_or(conn.0);
    let to_command = |call: &mut CommandNo| call.0 = renumbered(call.0).unwrap_or(call.0);
    match kind {
        InputKind::Closed { conn } | InputKind::Malformed { conn, .. } => to_conn(conn),
        InputKind::Command { conn, envelope }
        | InputKind::Repeated { conn, envelope, earlier: _ } => {
            to_conn(conn);
            let mut moved = (**envelope).clone();
            if let Details::Switch { cursor: Some(cursor) }
            | Details::SwitchIn { cursor: Some(cursor), epoch: _ } = &mut moved.details
            {
                *cursor = Seq(renumbered(cursor.0).unwrap_or(cursor.0));
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
        InputKind::Indexed { seq } => seq.0 = renumbered(seq.0).unwrap_or(seq.0),
    }
}

/// The place of an input by its number.
fn place(number: u64) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}

/// The number of an input by its place.
fn number(at: usize) -> u64 {
    u64::try_from(at).unwrap_or(u64::MAX).saturating_add(1)
}
