//! Which steps are about a session or a client.

use std::collections::{BTreeMap, BTreeSet};

use pi_server_core::frame::Frame;
use pi_server_core::input::InputKind;
use pi_server_core::output::{Ask, Audience};
use pi_server_core::{AgentNo, ConnId, Input, Output, Text};

/// Chooses steps. It must see every step, in order: it learns who is who from them.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    session: Option<String>,
    /// A client's name, or `c7`.
    client: Option<String>,
    /// Connections of that client.
    conns: BTreeSet<ConnId>,
    /// The session that each agent serves.
    agents: BTreeMap<AgentNo, Text>,
}

impl Filter {
    pub(crate) fn new(session: Option<String>, client: Option<String>) -> Filter {
        Filter { session, client, ..Filter::default() }
    }

    /// Whether the step is one of those that are wanted.
    pub(crate) fn wants(&mut self, input: &Input, outputs: &[Output]) -> bool {
        self.learn(input, outputs);
        let session = self.session.as_deref().is_none_or(|session| {
            self.input_is_about(input, session)
                || outputs.iter().any(|output| self.output_is_about(output, session))
        });
        let client = self.client.is_none()
            || conn_of(input).is_some_and(|conn| self.conns.contains(&conn))
            || outputs.iter().filter_map(receiver).any(|conn| self.conns.contains(&conn));
        session && client
    }

    fn learn(&mut self, input: &Input, outputs: &[Output]) {
        if let (InputKind::Opened(opened), Some(client)) = (&input.kind, &self.client) {
            let named = opened.client.as_deref() == Some(client);
            if named || format!("c{}", input.seq) == *client {
                self.conns.insert(ConnId(input.seq.0));
            }
        }
        for output in outputs {
            if let Output::Ask(Ask::Spawn { agent, session, .. }) = output {
                self.agents.insert(*agent, session.clone());
            }
        }
    }

    fn input_is_about(&self, input: &Input, session: &str) -> bool {
        match &input.kind {
            InputKind::Command { envelope, .. } => envelope.session.as_deref() == Some(session),
            InputKind::Agent { agent, .. } => self.serves(*agent, session),
            InputKind::Boot(_)
            | InputKind::Opened(_)
            | InputKind::Closed { .. }
            | InputKind::Malformed { .. }
            | InputKind::Answered { .. }
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Drain
            | InputKind::Stop => false,
        }
    }

    fn output_is_about(&self, output: &Output, wanted: &str) -> bool {
        match output {
            Output::Deliver { to, frame } => {
                let named = match to {
                    Audience::Subscribers(session) => Some(&**session),
                    Audience::Lifecycle { session, .. } => session.as_deref(),
                    Audience::Conn(_) | Audience::Everyone => None,
                };
                named == Some(wanted) || frame_session(frame) == Some(wanted)
            }
            Output::Subscribe { session, .. }
            | Output::Unsubscribe { session, .. }
            | Output::Unlist { session } => &**session == wanted,
            Output::Ask(ask) => match ask {
                Ask::Spawn { session, .. } => &**session == wanted,
                Ask::Call { agent, .. }
                | Ask::Interrupt { agent, .. }
                | Ask::Dialog { agent, .. }
                | Ask::Kill { agent } => self.serves(*agent, wanted),
            },
            Output::Admit { .. }
            | Output::Leave { .. }
            | Output::SetInterest { .. }
            | Output::Query { .. }
            | Output::Exit => false,
        }
    }

    fn serves(&self, agent: AgentNo, session: &str) -> bool {
        self.agents.get(&agent).is_some_and(|served| &**served == session)
    }
}

fn conn_of(input: &Input) -> Option<ConnId> {
    match &input.kind {
        InputKind::Opened(_) => Some(ConnId(input.seq.0)),
        InputKind::Closed { conn }
        | InputKind::Command { conn, .. }
        | InputKind::Malformed { conn, .. } => Some(*conn),
        InputKind::Boot(_)
        | InputKind::Agent { .. }
        | InputKind::Answered { .. }
        | InputKind::Storage { .. }
        | InputKind::Tick
        | InputKind::Drain
        | InputKind::Stop => None,
    }
}

/// The connection that an output is for in particular.
fn receiver(output: &Output) -> Option<ConnId> {
    match output {
        Output::Deliver { to: Audience::Conn(conn), .. }
        | Output::Deliver { to: Audience::Lifecycle { owner: Some(conn), .. }, .. }
        | Output::Admit { conn }
        | Output::Leave { conn }
        | Output::Subscribe { conn, .. }
        | Output::Unsubscribe { conn, .. }
        | Output::SetInterest { conn, .. } => Some(*conn),
        Output::Deliver { .. }
        | Output::Unlist { .. }
        | Output::Ask(_)
        | Output::Query { .. }
        | Output::Exit => None,
    }
}

fn frame_session(frame: &Frame) -> Option<&str> {
    match frame {
        Frame::SessionCreated(info) => Some(&*info.id),
        Frame::SessionDeleted { session }
        | Frame::Event { session, .. }
        | Frame::DialogClosed { session, .. } => Some(&**session),
        Frame::Lifecycle { session, .. } => session.as_deref(),
        Frame::ServerReady { .. }
        | Frame::RecoverySummary(_)
        | Frame::ServerShutdown { .. }
        | Frame::Response { .. } => None,
    }
}
