//! What a step shows to each client, to each agent and to the shell. The state's outputs are brought
//! into the same form, so that what nobody can see is not compared.

use std::collections::BTreeMap;

use pi_server_core::audience::Audiences;
use pi_server_core::failure::Failure;
use pi_server_core::frame::{Data, Frame, Outcome, Phase};
use pi_server_core::output::{Ask, Output};
use pi_server_core::{AgentNo, ConnId};

/// What a step shows, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The frames of each connection, sorted: across lanes the order is the daemon's choice.
    pub frames: BTreeMap<ConnId, Vec<String>>,
    /// Of each connection and lane, the frames that say which lane they are of, in order.
    pub lanes: BTreeMap<(ConnId, String), Vec<String>>,
    /// What each agent is asked, in order.
    pub asks: BTreeMap<AgentNo, Vec<String>>,
    /// What the shell is asked, sorted.
    pub rest: Vec<String>,
}

impl Seen {
    /// A frame for a connection.
    pub fn frame(&mut self, conn: ConnId, frame: &Frame) {
        let text = describe(frame);
        if let Some(lane) = lane_of(frame) {
            self.lanes.entry((conn, lane)).or_default().push(text.clone());
        }
        self.note(conn, text);
    }

    /// Something else that a connection notices at this place in the order.
    pub fn note(&mut self, conn: ConnId, text: String) {
        let frames = self.frames.entry(conn).or_default();
        frames.push(text);
        frames.sort();
    }

    /// Something for an agent.
    pub fn ask(&mut self, ask: &Ask) {
        let agent = match ask {
            Ask::Spawn { agent, .. }
            | Ask::Call { agent, .. }
            | Ask::Interrupt { agent, .. }
            | Ask::Dialog { agent, .. }
            | Ask::Kill { agent } => *agent,
        };
        self.asks.entry(agent).or_default().push(format!("{}", Output::Ask(ask.clone())));
    }

    /// Something for the shell.
    pub fn rest(&mut self, output: &Output) {
        self.rest.push(output.to_string());
        self.rest.sort();
    }

    /// What the outputs of the state show.
    pub fn of(outputs: &[Output], audiences: &mut Audiences) -> Seen {
        let mut seen = Seen::default();
        for output in outputs {
            audiences.apply(output);
            match output {
                Output::Deliver { to, frame } => {
                    audiences.resolve(to, frame, |conn| seen.frame(conn, frame));
                }
                Output::Admit { conn } => seen.note(*conn, "admit".into()),
                Output::Subscribe { conn, session, after } => {
                    seen.note(*conn, format!("subscribe {session} {after:?}"));
                }
                Output::Ask(ask) => seen.ask(ask),
                Output::Query { .. } | Output::Exit => seen.rest(output),
                Output::Leave { .. }
                | Output::Unsubscribe { .. }
                | Output::Unlist { .. }
                | Output::SetInterest { .. } => {}
            }
        }
        seen
    }

    /// The first thing that differs, in words.
    pub fn difference(&self, other: &Seen) -> Option<String> {
        if self == other {
            return None;
        }
        let mut text = String::new();
        for conn in self.frames.keys().chain(other.frames.keys()) {
            differ(&mut text, &format!("c{conn}"), self.frames.get(conn), other.frames.get(conn));
        }
        for (conn, lane) in self.lanes.keys().chain(other.lanes.keys()) {
            let key = (*conn, lane.clone());
            let who = format!("c{conn} of {lane}");
            differ(&mut text, &who, self.lanes.get(&key), other.lanes.get(&key));
        }
        for agent in self.asks.keys().chain(other.asks.keys()) {
            differ(&mut text, &format!("a{agent}"), self.asks.get(agent), other.asks.get(agent));
        }
        differ(&mut text, "the shell", Some(&self.rest), Some(&other.rest));
        if text.is_empty() { None } else { Some(text) }
    }
}

fn differ(text: &mut String, who: &str, ours: Option<&Vec<String>>, theirs: Option<&Vec<String>>) {
    let none = Vec::new();
    let (ours, theirs) = (ours.unwrap_or(&none), theirs.unwrap_or(&none));
    if ours != theirs && text.is_empty() {
        *text = format!(
            "the model shows {who}\n    {}\n  the state shows\n    {}",
            ours.join("\n    "),
            theirs.join("\n    ")
        );
    }
}

/// The session that a frame is of, where it says so; `server` for the server's lane.
fn lane_of(frame: &Frame) -> Option<String> {
    let name = |session: &str| Some(format!("s:{session}"));
    match frame {
        Frame::Lifecycle { session, .. } => {
            session.as_ref().map_or(Some("server".into()), |id| name(id))
        }
        Frame::SessionCreated(info) => name(&info.id),
        Frame::SessionDeleted { session }
        | Frame::Event { session, .. }
        | Frame::Interrupted { session, .. }
        | Frame::DialogClosed { session, .. } => name(session),
        // It is the connection's own, as the response is that it follows.
        Frame::Lost { .. }
        | Frame::Response { .. }
        | Frame::ServerReady { .. }
        | Frame::ServerReadyIn { .. }
        | Frame::RecoverySummary(_)
        | Frame::ServerShutdown { .. } => None,
    }
}

/// A frame in words, as exact as PROTOCOL.md is.
fn describe(frame: &Frame) -> String {
    match frame {
        Frame::Response { id, command, outcome, replayed } => {
            format!("response {id:?} {command:?} {} replayed {replayed}", outcome_text(outcome))
        }
        Frame::Lifecycle { command, envelope, session, lane_sequence, phase } => {
            let phase = match phase {
                Phase::Accepted => "accepted".into(),
                Phase::Started => "started".into(),
                Phase::Finished(outcome) => format!("finished {}", outcome_text(outcome)),
            };
            let name = envelope.kind.row().name;
            format!("#{command} {name} {session:?} lane {lane_sequence} {phase}")
        }
        Frame::RecoverySummary(report) => format!(
            "recovery boot {} recoverable {} failed {} sessions {}",
            report.boot, report.recoverable, report.failed, report.sessions
        ),
        Frame::ServerReady { .. }
        | Frame::ServerReadyIn { .. }
        | Frame::Lost { .. }
        | Frame::ServerShutdown { .. }
        | Frame::SessionCreated(_)
        | Frame::SessionDeleted { .. }
        | Frame::Event { .. }
        | Frame::Interrupted { .. }
        | Frame::DialogClosed { .. } => format!("{frame:?}"),
    }
}

fn outcome_text(outcome: &Outcome) -> String {
    let result = match &outcome.result {
        Ok(Data::Health(health)) => {
            format!("health {} {}", health.open_circuit, health.open_bash_circuit)
        }
        Ok(Data::Recovery(report)) => format!("report {:?}", report.in_flight),
        Ok(Data::Capabilities(_)) => "capabilities".into(),
        Ok(data) => format!("{data:?}"),
        Err(failure) => failure_text(failure),
    };
    format!("{result} {:?} {:?}", outcome.session_version, outcome.lane_sequence)
}

/// Some failures carry words or times that PROTOCOL.md leaves open.
fn failure_text(failure: &Failure) -> String {
    match failure {
        Failure::AgentExited { .. }
        | Failure::AgentNotReady { .. }
        | Failure::RunNotStarted { .. }
        | Failure::CommandEnded { .. }
        | Failure::NothingToReconcile { .. }
        | Failure::RateLimited { .. }
        | Failure::CircuitOpen { .. }
        | Failure::Unavailable(_) => failure.code().name().into(),
        _ => format!("{failure:?}"),
    }
}
