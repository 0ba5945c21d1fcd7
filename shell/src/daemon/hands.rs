//! Performing outputs, in their order: frames to clients, asks to agents, questions to the file
//! system. Everything here may happen only after the journal said that it is safe.

use std::collections::BTreeMap;
use std::time::Instant;

use pi_server_core::audience::Audiences;
use pi_server_core::frame::Frame;
use pi_server_core::input::{AgentSaid, InputKind, Interest};
use pi_server_core::output::{Ask, Audience, Output};
use pi_server_core::wire::render;
use pi_server_core::{ConnId, Seq, Text};
use serde_json::json;

use super::fan_out::FanOut;
use super::links::Links;
use super::machine::Machine;
use super::query::{LoopStats, Queries};
use super::spans::Spans;
use crate::agent::Agents;
use crate::journal::{Journal, Scanned};
use crate::net::{Link, Net};

/// Records that one turn of the loop reads for clients that catch up.
const CATCH_UP_RECORDS: usize = 4_096;

/// Bytes of memory that are kept for the rendering of frames.
const JSON_KEPT: usize = 64 << 10;

/// Everything that can be done to the world.
pub(super) struct Hands {
    pub(super) net: Net,
    pub(super) agents: Agents,
    pub(super) links: Links,
    pub(super) queries: Queries,
    pub(super) stats: LoopStats,
    audiences: Audiences,
    fan_out: FanOut,
    spans: Spans,
    /// The newest input whose outputs have been performed.
    performed: Seq,
    /// The core has asked for the end.
    pub(super) exit: bool,
    /// A client that catches up could not be served everything in its share of a turn.
    pub(super) behind: bool,
    json: Vec<u8>,
    targets: Vec<Link>,
}

impl Hands {
    pub(super) fn new(net: Net, agents: Agents, queries: Queries) -> Hands {
        Hands {
            net,
            agents,
            links: Links::new(),
            queries,
            stats: LoopStats::default(),
            audiences: Audiences::new(),
            fan_out: FanOut::new(),
            spans: Spans::new(),
            performed: Seq(0),
            exit: false,
            behind: false,
            json: Vec::new(),
            targets: Vec::new(),
        }
    }

    /// Does one thing that the step of input `seq` has asked for.
    pub(super) fn perform(&mut self, seq: Seq, output: &Output, machine: &Machine, now: Instant) {
        self.performed = seq;
        if changes_audiences(output) {
            self.hand_out();
        }
        self.audiences.apply(output);
        let (links, net) = (&self.links, &self.net);
        let lag = |conn| links.link(conn).and_then(|link| net.lags_after(link));
        if let Some((conn, after)) = self.spans.apply(seq, output, lag)
            && let Some(link) = self.links.link(conn)
        {
            self.net.lag(link, after);
        }
        match output {
            Output::Deliver { to, frame } => self.deliver(seq, to, frame, machine.journal()),
            Output::Admit { conn } => {
                if let Some(link) = self.links.link(*conn) {
                    self.net.admit(link);
                }
            }
            Output::Leave { conn } => {
                if let Some(link) = self.links.link(*conn) {
                    self.net.dismiss(link);
                }
            }
            Output::Ask(ask) => {
                if let Ask::Spawn { agent, session, .. } = ask
                    && let Some(info) = machine.state().agent_info(session)
                {
                    self.agents.remember(*agent, info.clone());
                }
                self.agents.ask(ask, machine.journal(), now);
            }
            Output::Query { query, what } => {
                self.stats.links = u64::try_from(self.links.count()).unwrap_or(u64::MAX);
                self.stats.wrong_tokens = self.net.wrong_tokens();
                self.queries.ask(*query, what, machine, &self.stats, now);
            }
            Output::Exit => self.exit = true,
            Output::SetInterest { conn, .. } => self.follow(*conn),
            Output::Subscribe { .. } | Output::Unsubscribe { .. } | Output::Unlist { .. } => {}
        }
    }

    /// Tells the transports whether a connection wants every frame that is for many.
    fn follow(&mut self, conn: ConnId) {
        let Some(link) = self.links.link(conn) else { return };
        match self.audiences.interest(conn) {
            Some(Interest::All) => self.net.admit(link),
            Some(Interest::Related | Interest::Own | Interest::Nothing) => self.net.dismiss(link),
            None => {}
        }
    }

    /// Hands out what was performed: after the last output of a turn.
    pub(super) fn hand_out(&mut self) {
        self.json.clear();
        self.json.shrink_to(JSON_KEPT);
        self.fan_out.hand_out(&self.audiences, &self.links, &mut self.net);
    }

    /// The newest input whose outputs have been performed.
    pub(super) fn performed(&self) -> Seq {
        self.performed
    }

    /// Renders a frame once and hands it to everybody it is for.
    fn deliver(&mut self, seq: Seq, to: &Audience, frame: &Frame, journal: &Journal) {
        match to {
            Audience::Everyone => {
                if !self.audiences.is_empty() {
                    self.render(frame, journal);
                    self.fan_out.announce(seq, &self.json, &mut self.net);
                }
            }
            Audience::Lifecycle { owner } => self.lifecycle(seq, *owner, frame, journal),
            Audience::Conn(_) | Audience::Subscribers(_) => {
                self.deliver_to_some(seq, to, frame, journal);
            }
        }
    }

    fn lifecycle(&mut self, seq: Seq, owner: Option<ConnId>, frame: &Frame, journal: &Journal) {
        let session = frame.session();
        let owner = owner.and_then(|conn| Some((conn, self.audiences.interest(conn)?)));
        let is_wanted = self.audiences.has_all()
            || owner.is_some_and(|(_, interest)| interest != Interest::Nothing)
            || session.is_some_and(|id| self.audiences.related(id).next().is_some());
        if is_wanted {
            self.render(frame, journal);
            let world = (&self.audiences, &self.links, &mut self.net);
            self.fan_out.lifecycle((seq, &self.json), owner, session, world);
        }
    }

    /// Renders a frame for one connection, or for the subscribers of a session.
    fn deliver_to_some(&mut self, seq: Seq, to: &Audience, frame: &Frame, journal: &Journal) {
        self.targets.clear();
        let (links, targets) = (&mut self.links, &mut self.targets);
        let is_response = matches!(frame, Frame::Response { .. });
        self.audiences.resolve(to, frame, |conn| {
            targets.extend(links.link(conn));
            if is_response {
                links.answered(conn);
            }
        });
        if self.targets.is_empty() {
            return;
        }
        self.render(frame, journal);
        if let (Audience::Subscribers(_), Some(cursor)) = (to, frame.cursor()) {
            self.net.event(&self.targets, cursor, &self.json);
        } else {
            for link in &self.targets {
                self.net.send(*link, seq, &self.json);
            }
        }
    }

    fn render(&mut self, frame: &Frame, journal: &Journal) {
        self.json.clear();
        render(frame, journal, &mut self.json);
    }

    /// Feeds clients that lag, from the journal, as much as they take and a turn can spare.
    pub(super) fn catch_up(&mut self, machine: &Machine) {
        self.behind = false;
        let mut budget = CATCH_UP_RECORDS;
        for (link, cursor) in self.net.lagging() {
            let Some(conn) = self.links.conn(link) else { continue };
            let Some(position) = self.spans.position(conn, cursor) else {
                // It reads no session any more, so what was held for its events may go.
                self.net.caught_up(link);
                continue;
            };
            if budget == 0 || machine.journal().has_restored() {
                self.behind = true;
                return;
            }
            self.serve(conn, link, position, machine, &mut budget);
        }
    }

    /// Feeds one client the events after `position`.
    fn serve(
        &mut self,
        conn: ConnId,
        link: Link,
        mut position: Seq,
        machine: &Machine,
        budget: &mut usize,
    ) {
        let journal = machine.journal();
        let mut room = true;
        let first = journal.first_seq();
        if position.0.saturating_add(1) < first.0 {
            position = Seq(first.0.saturating_sub(1));
            for (session, from, to) in self.spans.lose(conn, first) {
                room &= self.net.feed(link, position, gap(&session, from, to).as_bytes());
            }
        }
        // By session, the events in a row that are not there any more, and the client was not told.
        let mut gone: BTreeMap<Text, (Seq, Seq)> = BTreeMap::new();
        for scanned in journal.scan_from(Seq(position.0.saturating_add(1))) {
            let Ok(Scanned { input, body, .. }) = scanned else {
                // Nothing is left out in silence: without its events the client is sent away.
                self.net.close(link, 1011, "The journal cannot be read");
                break;
            };
            if input.seq > self.performed {
                break;
            }
            if !room || *budget == 0 {
                self.behind |= room;
                self.tell_gone(link, position, &gone);
                self.spans.served(conn, position);
                return;
            }
            *budget = budget.saturating_sub(1);
            if let InputKind::Agent { agent, said: AgentSaid::Event(_) } = input.kind
                && let Some(session) = machine.authors().session(agent, input.seq)
                && self.spans.wants(conn, session, input.seq)
            {
                if body.is_none() {
                    let (_, to) = gone.entry(session.clone()).or_insert((input.seq, input.seq));
                    *to = input.seq;
                    position = input.seq;
                    continue;
                }
                let frame =
                    Frame::Event { session: session.clone(), cursor: input.seq, event: input.body };
                room = self.feed((link, position), (session, &frame), &mut gone, journal);
            }
            for frame in machine.authors().made_up(input.seq) {
                let wanted =
                    frame.session().filter(|session| self.spans.wants(conn, session, input.seq));
                let Some(session) = wanted else { continue };
                // All of one place go together: the client could not ask for the second alone.
                room = self.feed((link, position), (session, &frame), &mut gone, journal);
            }
            position = input.seq;
        }
        self.tell_gone(link, position, &gone);
        self.spans.caught_up(conn);
        self.net.caught_up(link);
    }

    /// Feeds a client that was served up to `position` an event of a session, behind what it has to be told
    /// of those before it. `false`: no more for now.
    fn feed(
        &mut self,
        (link, position): (Link, Seq),
        (session, frame): (&Text, &Frame),
        gone: &mut BTreeMap<Text, (Seq, Seq)>,
        journal: &Journal,
    ) -> bool {
        if let Some((from, to)) = gone.remove(session) {
            self.net.feed(link, position, gap(session, from, to).as_bytes());
        }
        self.render(frame, journal);
        self.net.feed(link, frame.cursor().unwrap_or(position), &self.json)
    }

    /// Tells a client that catches up which events it does not get.
    fn tell_gone(&mut self, link: Link, position: Seq, gone: &BTreeMap<Text, (Seq, Seq)>) {
        for (session, (from, to)) in gone {
            self.net.feed(link, position, gap(session, *from, *to).as_bytes());
        }
    }
}

/// Returns true if an output changes who gets frames that are for many.
fn changes_audiences(output: &Output) -> bool {
    match output {
        Output::Admit { .. }
        | Output::Leave { .. }
        | Output::Subscribe { .. }
        | Output::Unsubscribe { .. }
        | Output::Unlist { .. }
        | Output::SetInterest { .. } => true,
        Output::Deliver { .. } | Output::Ask(_) | Output::Query { .. } | Output::Exit => false,
    }
}

/// The frame that says which events of a session are not in the journal any more.
fn gap(session: &str, from: Seq, to: Seq) -> String {
    let data = json!({
        "kind": "events", "sessionId": session, "fromSeq": from.0, "toSeq": to.0,
    });
    json!({ "type": "gap", "data": data }).to_string()
}
