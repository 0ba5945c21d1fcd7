//! Makes a chart by stepping the journal.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use pi_server_core::failure::Failure;
use pi_server_core::frame::{Frame, Outcome, Phase};
use pi_server_core::input::{AgentSaid, Envelope, Input, InputKind, Reply};
use pi_server_core::output::Output;
use pi_server_core::wire::failure_text;
use pi_server_core::{CommandNo, ConnId, Seq, State, Text};

use super::problems::{ProblemKind, Watch};
use super::{Bar, Chart, End, Event, FRAME_CHARS_MAX, Note, Step, Why};
use crate::attribution::Attribution;
use crate::pack::Packs;
use crate::play::{Ending, PlayError, Played, Player};
use crate::source::Source;
use crate::start::Begins;
use crate::veil::Veil;

/// Which part of a journal is wanted, and how much of it.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// From this input on.
    pub from: Seq,
    /// Up to this input.
    pub to: Seq,
    /// Only what is about this session.
    pub session: Option<String>,
    /// With the texts of frames and events.
    pub bodies: bool,
    /// What is not to be shown.
    pub veil: Option<Veil>,
}

impl Default for Wanted {
    fn default() -> Wanted {
        Wanted { from: Seq(0), to: Seq(u64::MAX), session: None, bodies: true, veil: None }
    }
}

impl Wanted {
    fn begins(&self, step: Step) -> bool {
        step.seq >= self.from
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
    let player = Player::open(source)?;
    let mut builder = Builder::new(wanted.bodies, player.state(), player.begins());
    if wanted.bodies {
        builder.frames_before(source, player.state(), wanted.veil.as_ref())?;
    }
    let ending = player.run(|played| {
        let step = Step { seq: played.input.seq, at: played.state.wall(played.input.at) };
        if step.seq > wanted.to {
            return Ok(ControlFlow::Break(()));
        }
        match &wanted.veil {
            Some(veil) if wanted.bodies => {
                builder.take(&Taken::of(played, veil.body(played).as_deref()));
            }
            Some(_) | None => builder.step(played),
        }
        progress(step.seq.0);
        Ok(ControlFlow::Continue(()))
    })?;
    let mut chart = builder.chart;
    if let Some(session) = &wanted.session
        && !chart.has_session(session)
    {
        return Err(ending.not_found(PlayError::no_session(session, ending.begins)));
    }
    chart.bars.retain(|bar| {
        // A command that was at work when the part begins belongs to it.
        let reaches = wanted.begins(bar.last()) || bar.end == End::Open;
        reaches && wanted.is_about(bar.session.as_ref())
    });
    let about = |session: &Text| wanted.is_about(Some(session));
    chart.events.retain(|event| wanted.begins(event.step) && about(&event.session));
    let conns: BTreeSet<ConnId> = chart.bars.iter().filter_map(|bar| bar.conn).collect();
    chart.notes.retain(|note| {
        let concerns = match (&wanted.session, &note.session, note.conn) {
            // Of other clients nothing is told, and whose a bad frame is nobody knows.
            (Some(_), None, Some(conn)) => note.what != "malformed" && conns.contains(&conn),
            (None, ..) | (Some(_), None, None) => true,
            (Some(_), Some(_), _) => wanted.is_about(note.session.as_ref()),
        };
        wanted.begins(note.step) && concerns
    });
    chart.troubles.retain(|problem| {
        let is_general = problem.session.is_none() && problem.kind != ProblemKind::Malformed;
        wanted.begins(problem.step) && (is_general || wanted.is_about(problem.session.as_ref()))
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
    watch: Watch,
}

/// A step as a chart takes it.
pub(crate) struct Taken<'a> {
    /// The input.
    pub(crate) input: &'a Input,
    /// The text of the input's body, if it is there and wanted.
    pub(crate) body: Option<&'a [u8]>,
    /// What came of it.
    pub(crate) outputs: &'a [Output],
    /// The state after it.
    pub(crate) state: &'a State,
    /// Whose everything is, after it.
    pub(crate) whose: &'a Attribution,
}

impl<'a> Taken<'a> {
    fn of(played: &'a Played<'_>, body: Option<&'a [u8]>) -> Taken<'a> {
        let Played { item: _, input, outputs, state, whose } = played;
        Taken { input, body, outputs, state, whose }
    }
}

impl Builder {
    /// Begins with the commands that are in flight in the state with which the journal begins.
    pub(crate) fn new(bodies: bool, state: &State, begins: Option<Begins>) -> Builder {
        let mut chart = Chart { begins, ..Chart::default() };
        if let Some(Begins { seq, wall: at, .. }) = begins {
            chart.sessions_before = state.sessions().map(|view| view.info.id).collect();
            for origin in state.origins() {
                let named = |id: &Text| state.command_named(origin.client, id);
                chart.bars.push(Bar {
                    number: origin.number,
                    id: origin.envelope.id.clone(),
                    kind: origin.envelope.kind,
                    session: origin.session.cloned(),
                    conn: origin.conn,
                    client: origin.client.clone(),
                    lane_sequence: Some(origin.lane_sequence),
                    depends_on: origin.envelope.depends_on.iter().filter_map(named).collect(),
                    arrived: Step { seq: Seq(origin.number.0), at },
                    before: true,
                    started: origin.started.then_some(Step { seq, at }),
                    acknowledged: None,
                    finished: None,
                    end: End::Open,
                    frame: None,
                });
            }
        }
        let watch = Watch::behind(begins.map(|begins| state.wall(begins.at)));
        Builder { chart, bodies, watch }
    }

    /// Looks up the frames of the commands that are in flight where the journal begins.
    fn frames_before(
        &mut self,
        source: &Source,
        state: &State,
        veil: Option<&Veil>,
    ) -> Result<(), PlayError> {
        if self.chart.bars.is_empty() {
            return Ok(());
        }
        let packs = Packs::read(source)?;
        for origin in state.origins() {
            let Some(body) = packs.body(origin.frame) else { continue };
            let session = origin.session.map(|id| &**id);
            let body = match veil {
                Some(veil) => veil.text(pi_server_redact::What::Command, session, body),
                None => Some(body.to_vec()),
            };
            let frame = body.as_deref().map(frame_text);
            if let Some(bar) = self.bar(origin.number) {
                bar.frame = frame;
            }
        }
        Ok(())
    }

    pub(crate) fn step(&mut self, played: &Played<'_>) {
        let body = self.bodies.then(|| played.item.remains()).flatten();
        self.take(&Taken::of(played, body));
    }

    /// Takes a step.
    pub(crate) fn take(&mut self, taken: &Taken<'_>) {
        // On the wall: journal time stands still while no daemon runs.
        let step = Step { seq: taken.input.seq, at: taken.state.wall(taken.input.at) };
        let session = taken.whose.session_of_input(taken.input);
        self.chart.troubles.extend(self.watch.see(taken.input, step, taken.outputs, session));
        self.input(taken, step);
        for output in taken.outputs {
            if let Output::Deliver { frame, .. } = output {
                self.frame(frame, taken.input, step);
            }
        }
    }

    fn input(&mut self, taken: &Taken<'_>, step: Step) {
        let Taken { input, body, whose, .. } = taken;
        match &input.kind {
            InputKind::Command { conn, envelope }
            | InputKind::Repeated { conn, envelope, earlier: _ } => {
                self.command(*conn, envelope, taken, step);
            }
            InputKind::Opened(_) => self.note("open", None, input, step),
            InputKind::Closed { .. } => self.note("close", None, input, step),
            InputKind::Boot(_) => self.note("boot", None, input, step),
            InputKind::Wall { .. } => self.note("wall", None, input, step),
            InputKind::Malformed { .. } => self.note("malformed", None, input, step),
            InputKind::Storage { .. } => self.note("storage", None, input, step),
            InputKind::Drain => self.note("drain", None, input, step),
            InputKind::Stop => self.note("stop", None, input, step),
            InputKind::Agent { agent, said } => {
                let session = whose.session_of_agent(*agent).cloned();
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
                    AgentSaid::Ready(_)
                    | AgentSaid::Exited(_)
                    | AgentSaid::Unavailable { .. }
                    | AgentSaid::Noise { .. } => {
                        self.note("agent", session, input, step);
                    }
                    AgentSaid::Replied { reply: Reply::Failed(_), .. } | AgentSaid::Info(_) => {}
                }
            }
            InputKind::Answered { .. } | InputKind::Tick | InputKind::Indexed { .. } => {}
        }
    }

    fn command(&mut self, conn: ConnId, envelope: &Envelope, taken: &Taken<'_>, step: Step) {
        let client = taken.whose.client(conn).cloned().unwrap_or_default();
        let named = |id: &Text| taken.state.command_named(&client, id);
        let depends_on = envelope.depends_on.iter().filter_map(named).collect();
        let frame = taken.body.map(frame_text);
        self.chart.bars.push(Bar {
            number: CommandNo(step.seq.0),
            id: envelope.id.clone(),
            kind: envelope.kind,
            session: envelope.session.clone(),
            conn: Some(conn),
            client,
            lane_sequence: None,
            depends_on,
            arrived: step,
            before: false,
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
            Frame::Lifecycle { command, envelope: _, session, lane_sequence, phase } => {
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
            | Frame::Interrupted { .. }
            | Frame::DialogClosed { .. } => {}
        }
    }

    fn note(&mut self, what: &'static str, session: Option<Text>, input: &Input, step: Step) {
        let conn = match &input.kind {
            InputKind::Opened(_) => Some(ConnId(input.seq.0)),
            InputKind::Closed { conn } | InputKind::Malformed { conn, .. } => Some(*conn),
            _ => None,
        };
        self.chart.notes.push(Note { step, session, conn, what, words: input.to_string() });
    }

    fn bar(&mut self, number: CommandNo) -> Option<&mut Bar> {
        let index = self.chart.bars.binary_search_by_key(&number, |bar| bar.number).ok()?;
        self.chart.bars.get_mut(index)
    }
}

/// A frame as text, cut.
fn frame_text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(FRAME_CHARS_MAX).collect()
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
