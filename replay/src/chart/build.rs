//! Makes a chart by stepping the journal.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use pi_server_core::failure::Failure;
use pi_server_core::frame::{Frame, Outcome, Phase};
use pi_server_core::input::{AgentSaid, Envelope, Input, InputKind, Reply};
use pi_server_core::output::{Ask, Output};
use pi_server_core::wire::failure_text;
use pi_server_core::{AgentNo, CommandNo, ConnId, Micros, Seq, Text};

use super::{Bar, Chart, End, Event, FRAME_CHARS_MAX, Note, Step, Why};
use crate::play::{Ending, PlayError, Played, play};
use crate::source::Source;
use crate::veil::Veil;

/// Which part of a journal is wanted, and how much of it.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// From this input on.
    pub from: Seq,
    /// From this time on.
    pub from_at: Micros,
    /// Up to this input.
    pub to: Seq,
    /// Up to this time.
    pub to_at: Micros,
    /// Only what is about this session.
    pub session: Option<String>,
    /// With the texts of frames and events.
    pub bodies: bool,
    /// What is not to be shown.
    pub veil: Option<Veil>,
}

impl Default for Wanted {
    fn default() -> Wanted {
        Wanted {
            from: Seq(0),
            from_at: Micros(0),
            to: Seq(u64::MAX),
            to_at: Micros(u64::MAX),
            session: None,
            bodies: true,
            veil: None,
        }
    }
}

impl Wanted {
    fn begins(&self, step: Step) -> bool {
        step.seq >= self.from && step.at >= self.from_at
    }

    fn is_about(&self, session: Option<&Text>) -> bool {
        match &self.session {
            None => true,
            Some(wanted) => session.is_some_and(|session| **session == **wanted),
        }
    }
}

/// Steps a journal and keeps what is wanted of it. `progress` is called with the number of inputs.
///
/// # Errors
/// The journal cannot be read or decoded.
pub fn chart(
    source: &Source,
    wanted: &Wanted,
    progress: &mut dyn FnMut(u64),
) -> Result<(Chart, Ending), PlayError> {
    let mut builder = Builder::new(wanted.bodies);
    let ending = play(source, |played| {
        let step = Step { seq: played.input.seq, at: played.input.at };
        if step.seq > wanted.to || step.at > wanted.to_at {
            return Ok(ControlFlow::Break(()));
        }
        match &wanted.veil {
            Some(veil) if wanted.bodies => {
                builder.take(played.input, veil.body(played).as_deref(), played.outputs);
            }
            Some(_) | None => builder.step(played),
        }
        progress(step.seq.0);
        Ok(ControlFlow::Continue(()))
    })?;
    let mut chart = builder.chart;
    chart.bars.retain(|bar| {
        // A command that was at work when the part begins belongs to it.
        let reaches = wanted.begins(bar.last()) || bar.end == End::Open;
        reaches && wanted.is_about(bar.session.as_ref())
    });
    let about = |session: &Text| wanted.is_about(Some(session));
    chart.events.retain(|event| wanted.begins(event.step) && about(&event.session));
    chart.notes.retain(|note| {
        let general = wanted.session.is_some() && note.session.is_none();
        wanted.begins(note.step) && (general || wanted.is_about(note.session.as_ref()))
    });
    if let Some(veil) = &wanted.veil {
        veil.cover(&mut chart);
    }
    Ok((chart, ending))
}

/// A chart in the making, fed with steps in order.
pub(crate) struct Builder {
    /// What there is of it.
    pub(crate) chart: Chart,
    bodies: bool,
    /// Namespaces of connections.
    clients: BTreeMap<ConnId, Text>,
    /// The last admitted command under an id, by namespace.
    by_id: BTreeMap<(Text, Text), CommandNo>,
    /// The session of each agent.
    agents: BTreeMap<AgentNo, Text>,
}

impl Builder {
    pub(crate) fn new(bodies: bool) -> Builder {
        Builder {
            chart: Chart::default(),
            bodies,
            clients: BTreeMap::new(),
            by_id: BTreeMap::new(),
            agents: BTreeMap::new(),
        }
    }

    pub(crate) fn step(&mut self, played: &Played<'_>) {
        let body = self.bodies.then(|| played.item.remains()).flatten();
        self.take(played.input, body, played.outputs);
    }

    /// Takes a step; `body` is the text of the input's body, if it is there and wanted.
    pub(crate) fn take(&mut self, input: &Input, body: Option<&[u8]>, outputs: &[Output]) {
        let step = Step { seq: input.seq, at: input.at };
        for output in outputs {
            if let Output::Ask(Ask::Spawn { agent, session, .. }) = output {
                self.agents.insert(*agent, session.clone());
            }
        }
        self.input(input, body, step);
        for output in outputs {
            if let Output::Deliver { frame, .. } = output {
                self.frame(frame, input, step);
            }
        }
    }

    fn input(&mut self, input: &Input, body: Option<&[u8]>, step: Step) {
        match &input.kind {
            InputKind::Command { conn, envelope }
            | InputKind::Repeated { conn, envelope, earlier: _ } => {
                self.command(*conn, envelope, body, step);
            }
            InputKind::Opened(opened) => {
                let conn = ConnId(input.seq.0);
                self.clients.insert(conn, opened.client.clone().unwrap_or_default());
                self.note("open", None, input, step);
            }
            InputKind::Closed { .. } => self.note("close", None, input, step),
            InputKind::Boot(_) => self.note("boot", None, input, step),
            InputKind::Wall { .. } => self.note("wall", None, input, step),
            InputKind::Malformed { .. } => self.note("malformed", None, input, step),
            InputKind::Storage { .. } => self.note("storage", None, input, step),
            InputKind::Drain => self.note("drain", None, input, step),
            InputKind::Stop => self.note("stop", None, input, step),
            InputKind::Agent { agent, said } => {
                let session = self.agents.get(agent).cloned();
                match said {
                    AgentSaid::Replied { call, reply: Reply::Done(_) } => {
                        if let Some(bar) = self.bar(*call)
                            && bar.finished.is_none()
                        {
                            bar.acknowledged.get_or_insert(step);
                        }
                    }
                    AgentSaid::Event(_) => {
                        let body = body.map(|body| String::from_utf8_lossy(body).into_owned());
                        let bytes = input.body.len;
                        let session = session.unwrap_or_default();
                        self.chart.events.push(Event { step, session, body, bytes });
                    }
                    AgentSaid::Ready(_) | AgentSaid::Exited(_) | AgentSaid::Noise { .. } => {
                        self.note("agent", session, input, step);
                    }
                    AgentSaid::Replied { reply: Reply::Failed(_), .. } | AgentSaid::Info(_) => {}
                }
            }
            InputKind::Answered { .. } | InputKind::Tick | InputKind::Indexed { .. } => {}
        }
    }

    fn command(&mut self, conn: ConnId, envelope: &Envelope, body: Option<&[u8]>, step: Step) {
        let client = self.clients.get(&conn).cloned().unwrap_or_default();
        let known = |id: &Text| self.by_id.get(&(client.clone(), id.clone())).copied();
        let depends_on = envelope.depends_on.iter().filter_map(known).collect();
        let frame = body.map(|body| {
            let text = String::from_utf8_lossy(body);
            text.chars().take(FRAME_CHARS_MAX).collect()
        });
        self.chart.bars.push(Bar {
            number: CommandNo(step.seq.0),
            id: envelope.id.clone(),
            kind: envelope.kind,
            session: envelope.session.clone(),
            conn,
            client,
            lane_sequence: None,
            depends_on,
            arrived: step,
            started: None,
            acknowledged: None,
            finished: None,
            // What neither is admitted nor refused waits for the answer of its first execution.
            end: End::Repeated,
            frame,
        });
    }

    fn frame(&mut self, frame: &Frame, input: &Input, step: Step) {
        match frame {
            Frame::Lifecycle { command, envelope, session, lane_sequence, phase } => {
                if *phase == Phase::Accepted
                    && let Some(id) = &envelope.id
                {
                    let client = self.bar(*command).map(|bar| bar.client.clone());
                    self.by_id.insert((client.unwrap_or_default(), id.clone()), *command);
                }
                let Some(bar) = self.bar(*command) else { return };
                bar.session.clone_from(session);
                bar.lane_sequence = Some(*lane_sequence);
                match phase {
                    Phase::Accepted => bar.end = End::Open,
                    Phase::Started => {
                        bar.started.get_or_insert(step);
                    }
                    Phase::Finished(outcome) => {
                        bar.finished = Some(step);
                        bar.end = ended(bar, outcome);
                    }
                }
            }
            Frame::Response { outcome, replayed: false, .. } if input.kind.command().is_some() => {
                let (None, Err(failure)) = (outcome.lane_sequence, &outcome.result) else { return };
                if let Some(bar) = self.bar(CommandNo(input.seq.0))
                    && bar.lane_sequence.is_none()
                {
                    bar.finished = Some(step);
                    bar.end = End::Refused(why(failure, bar));
                }
            }
            Frame::Response { .. }
            | Frame::ServerReady { .. }
            | Frame::ServerReadyIn { .. }
            | Frame::Lost { .. }
            | Frame::RecoverySummary(_)
            | Frame::ServerShutdown { .. }
            | Frame::SessionCreated(_)
            | Frame::SessionDeleted { .. }
            | Frame::Event { .. }
            | Frame::DialogClosed { .. } => {}
        }
    }

    fn note(&mut self, what: &'static str, session: Option<Text>, input: &Input, step: Step) {
        self.chart.notes.push(Note { step, session, what, words: input.to_string() });
    }

    fn bar(&mut self, number: CommandNo) -> Option<&mut Bar> {
        let index = self.chart.bars.binary_search_by_key(&number, |bar| bar.number).ok()?;
        self.chart.bars.get_mut(index)
    }
}

fn ended(bar: &Bar, outcome: &Outcome) -> End {
    match &outcome.result {
        Ok(_) => End::Done { version: outcome.session_version },
        Err(failure) => End::Failed(why(failure, bar)),
    }
}

fn why(failure: &Failure, bar: &Bar) -> Why {
    Why { code: failure.code().name(), words: failure_text(failure, Some(bar.kind)) }
}
