//! Whose something is: the session, the client and the connection of commands, agents and answers.
//!
//! Every walk through a journal keeps one [`Attribution`]. It begins with the state in which the
//! journal begins, so that commands, agents and connections from before a snapshot are known, and
//! follows the steps from there. What has ended is known for the step in which it ends and is
//! forgotten with the next one, so that memory is bounded by what is in flight.

use std::collections::BTreeMap;

use pi_server_core::frame::{Frame, Phase};
use pi_server_core::input::{AgentSaid, Input, InputKind};
use pi_server_core::output::{Ask, Audience, Output};
use pi_server_core::{AgentNo, CommandNo, ConnId, Seq, State, Text};
use pi_server_redact::What;

/// Whose the commands, agents and connections of a journal are, after the steps so far.
#[derive(Clone, Debug, Default)]
pub struct Attribution {
    agents: BTreeMap<AgentNo, Agent>,
    /// The agent that serves a session for the time of that number.
    serving: BTreeMap<(Text, u64), AgentNo>,
    /// How many agents each session has had.
    lives: BTreeMap<Text, u64>,
    commands: BTreeMap<CommandNo, Owner>,
    clients: BTreeMap<ConnId, Text>,
    /// What ended in the last step, to be forgotten before the next one.
    ended: Vec<Ended>,
}

/// Whose a command is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The session it is about, also where the daemon chose the id.
    pub session: Option<Text>,
    /// The namespace of its id; empty is the shared one.
    pub client: Text,
    /// The connection that sent it, as far as that is known.
    pub conn: Option<ConnId>,
    /// The client's id for it.
    pub id: Option<Text>,
}

/// Whose an agent is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Agent {
    session: Text,
    /// How many agents of the session there were up to this one.
    life: u64,
    /// The input that asked for it; `None` if that is before the journal's beginning.
    asked_by: Option<Seq>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Agent(AgentNo),
    Command(CommandNo),
    Connection(ConnId),
}

impl Attribution {
    /// What a state knows.
    pub fn of(state: &State) -> Attribution {
        let mut known = Attribution::default();
        for (agent, session) in state.agents() {
            known.spawned(agent, session, None);
        }
        for origin in state.origins() {
            let owner = Owner {
                session: origin.session.cloned(),
                client: origin.client.clone(),
                conn: origin.conn,
                id: origin.envelope.id.clone(),
            };
            known.commands.insert(origin.number, owner);
        }
        for connection in state.connections() {
            known.clients.insert(connection.conn, connection.client.clone());
        }
        known
    }

    /// Takes note of a step.
    pub fn note(&mut self, input: &Input, outputs: &[Output]) {
        self.forget_ended();
        match &input.kind {
            InputKind::Boot(_) => {
                // Neither agents nor connections outlive their daemon; commands do.
                self.agents.clear();
                self.serving.clear();
                self.clients.clear();
            }
            InputKind::Opened(opened) => {
                let client = opened.client.clone().unwrap_or_default();
                self.clients.insert(ConnId(input.seq.0), client);
            }
            InputKind::Closed { conn } => self.ended.push(Ended::Connection(*conn)),
            InputKind::Command { conn, envelope }
            | InputKind::Repeated { conn, envelope, earlier: _ } => {
                let number = CommandNo(input.seq.0);
                let owner = Owner {
                    session: envelope.session.clone(),
                    client: self.client(*conn).cloned().unwrap_or_default(),
                    conn: Some(*conn),
                    id: envelope.id.clone(),
                };
                self.commands.insert(number, owner);
                if !outputs.iter().any(|output| accepts(output, number)) {
                    // Refused, or answered from an earlier execution.
                    self.ended.push(Ended::Command(number));
                }
            }
            InputKind::Agent {
                agent,
                said: AgentSaid::Exited(_) | AgentSaid::Unavailable { .. },
            } => {
                self.ended.push(Ended::Agent(*agent));
            }
            InputKind::Agent { .. }
            | InputKind::Malformed { .. }
            | InputKind::Answered { .. }
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Wall { .. }
            | InputKind::Indexed { .. }
            | InputKind::Drain
            | InputKind::Stop => {}
        }
        for output in outputs {
            self.note_output(output, input.seq);
        }
    }

    fn note_output(&mut self, output: &Output, seq: Seq) {
        match output {
            Output::Ask(Ask::Spawn { agent, session, .. }) => {
                self.spawned(*agent, session, Some(seq));
            }
            Output::Deliver { frame: Frame::Lifecycle { command, session, phase, .. }, .. } => {
                if let (Some(owner), Some(session)) = (self.commands.get_mut(command), session) {
                    owner.session.get_or_insert_with(|| session.clone());
                }
                if matches!(phase, Phase::Finished(_)) {
                    self.ended.push(Ended::Command(*command));
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

    fn spawned(&mut self, agent: AgentNo, session: &Text, asked_by: Option<Seq>) {
        let life = self.lives.entry(session.clone()).or_default();
        *life += 1;
        let known = Agent { session: session.clone(), life: *life, asked_by };
        self.serving.insert((session.clone(), *life), agent);
        self.agents.insert(agent, known);
    }

    fn forget_ended(&mut self) {
        for ended in self.ended.drain(..) {
            match ended {
                Ended::Agent(agent) => {
                    if let Some(Agent { session, life, .. }) = self.agents.remove(&agent) {
                        self.serving.remove(&(session, life));
                    }
                }
                Ended::Command(number) => drop(self.commands.remove(&number)),
                Ended::Connection(conn) => drop(self.clients.remove(&conn)),
            }
        }
    }

    /// The namespace of a connection that is open, or was closed by the last step.
    pub fn client(&self, conn: ConnId) -> Option<&Text> {
        self.clients.get(&conn)
    }

    /// Whose a command is that is in flight, or has ended in the last step.
    pub fn owner(&self, number: CommandNo) -> Option<&Owner> {
        self.commands.get(&number)
    }

    /// The commands that are in flight, or have ended in the last step, oldest first.
    pub fn owners(&self) -> impl Iterator<Item = (CommandNo, &Owner)> {
        self.commands.iter().map(|(number, owner)| (*number, owner))
    }

    /// The session that an agent serves, or served until the last step.
    pub fn session_of_agent(&self, agent: AgentNo) -> Option<&Text> {
        Some(&self.agents.get(&agent)?.session)
    }

    fn session_of_command(&self, number: CommandNo) -> Option<&Text> {
        self.commands.get(&number)?.session.as_ref()
    }

    /// The session that an input is about, after its step.
    pub fn session_of_input(&self, input: &Input) -> Option<&Text> {
        match &input.kind {
            InputKind::Command { .. } | InputKind::Repeated { .. } => {
                self.session_of_command(CommandNo(input.seq.0))
            }
            InputKind::Agent { agent, .. } => self.session_of_agent(*agent),
            InputKind::Answered { query, .. } => self.session_of_command(*query),
            InputKind::Boot(_)
            | InputKind::Opened(_)
            | InputKind::Closed { .. }
            | InputKind::Malformed { .. }
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Wall { .. }
            | InputKind::Indexed { .. }
            | InputKind::Drain
            | InputKind::Stop => None,
        }
    }

    /// The session that an output of the last step is about.
    pub fn session_of_output<'a>(&'a self, output: &'a Output) -> Option<&'a str> {
        match output {
            Output::Deliver { to: Audience::Subscribers(session), .. }
            | Output::Subscribe { session, .. }
            | Output::Unsubscribe { session, .. }
            | Output::Unlist { session }
            | Output::Ask(Ask::Spawn { session, .. }) => Some(session),
            Output::Deliver { frame, .. } => frame.session().map(|id| &**id),
            Output::Ask(
                Ask::Call { agent, .. }
                | Ask::Interrupt { agent, .. }
                | Ask::Dialog { agent, .. }
                | Ask::Kill { agent },
            ) => self.session_of_agent(*agent).map(|session| &**session),
            Output::Query { query, .. } => self.session_of_command(*query).map(|it| &**it),
            Output::Admit { .. }
            | Output::Leave { .. }
            | Output::SetInterest { .. }
            | Output::Exit => None,
        }
    }

    /// True if the last step is about the session: its input or one of its outputs.
    pub fn is_about(&self, session: &str, input: &Input, outputs: &[Output]) -> bool {
        self.session_of_input(input).is_some_and(|found| &**found == session)
            || outputs.iter().any(|output| self.session_of_output(output) == Some(session))
    }

    /// What the body of the last step's input is, and the session it is about: the condition of a
    /// policy's rules.
    pub fn body_of(&self, input: &Input) -> (What, Option<&Text>) {
        let what = match &input.kind {
            InputKind::Command { .. } | InputKind::Repeated { .. } => What::Command,
            InputKind::Malformed { .. } => What::Malformed,
            InputKind::Agent { said: AgentSaid::Replied { .. }, .. }
            | InputKind::Answered { .. }
            | InputKind::Boot(_)
            | InputKind::Opened(_)
            | InputKind::Closed { .. }
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Wall { .. }
            | InputKind::Indexed { .. }
            | InputKind::Drain
            | InputKind::Stop => What::Answer,
            InputKind::Agent { .. } => What::Event,
        };
        (what, self.session_of_input(input))
    }

    /// The input that the last step's input refers to and makes no sense without; `None` if there
    /// is none, or it is before the journal's beginning.
    pub fn cause(&self, input: &Input) -> Option<Seq> {
        match &input.kind {
            InputKind::Closed { conn }
            | InputKind::Malformed { conn, .. }
            | InputKind::Command { conn, .. }
            | InputKind::Repeated { conn, .. } => Some(Seq(conn.0)),
            InputKind::Agent { said: AgentSaid::Replied { call, .. }, .. } => Some(Seq(call.0)),
            InputKind::Agent { agent, .. } => self.agents.get(agent)?.asked_by,
            InputKind::Answered { query, .. } => Some(Seq(query.0)),
            InputKind::Boot(_)
            | InputKind::Opened(_)
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Wall { .. }
            | InputKind::Indexed { .. }
            | InputKind::Drain
            | InputKind::Stop => None,
        }
    }

    /// The agent that in `other` does what `agent` does here: the session's agent of the same
    /// ordinal. `None` if there is none, or it has exited. An agent that is not known here has the
    /// same number in both.
    pub fn counterpart(&self, agent: AgentNo, other: &Attribution) -> Option<AgentNo> {
        let Some(Agent { session, life, .. }) = self.agents.get(&agent) else {
            return Some(agent);
        };
        other.serving.get(&(session.clone(), *life)).copied()
    }
}

/// True if the output admits the command.
fn accepts(output: &Output, number: CommandNo) -> bool {
    matches!(
        output,
        Output::Deliver { frame: Frame::Lifecycle { command, phase: Phase::Accepted, .. }, .. }
            if *command == number
    )
}
