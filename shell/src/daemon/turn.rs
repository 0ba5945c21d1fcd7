//! What the loop does in a turn, whatever wakes it and wherever its events come from.

use std::rc::Rc;
use std::time::{Duration, Instant};

use pi_server_core::failure::Failure;
use pi_server_core::frame::{CommandName, Frame, Outcome};
use pi_server_core::input::{Answer, InputKind, Malformed, Opened};
use pi_server_core::wire::{decode, render};
use pi_server_core::{ConnId, Text};
use pi_server_system::report;

use super::clock::Time;
use super::error::Error;
use super::hands::Hands;
use super::identity::{Ids, LookUp, Searched};
use super::keeper::Keeper;
use super::machine::Machine;
use crate::agent::Heard;
use crate::journal::{AppendError, Journal};
use crate::net::{Happened, Link};

/// Bytes of a malformed frame that are journaled.
const MALFORMED_BYTES_MAX: usize = 64 << 10;
/// Time between two lines in the log about trouble that lasts.
const TOLD_EVERY: Duration = Duration::from_secs(60);
/// A deadline that a tick did not move is not tried again before.
const TICK_PAUSE: Duration = Duration::from_millis(1);

/// Events of a turn for which memory is kept.
const EVENTS_KEPT: usize = 2 << 10;

/// Everything that a turn needs.
pub(super) struct Daemon {
    pub(super) machine: Machine,
    pub(super) hands: Hands,
    pub(super) keeper: Keeper,
    pub(super) ids: Ids,
    /// Standard input is the only way in: its end is the end.
    pub(super) only_stdio: bool,
    pub(super) turn: Turn,
    pub(super) time: Rc<dyn Time>,
}

/// What a turn works on; the memory is used again by the next one.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) happened: Vec<Happened>,
    /// When the turn began, which is what it takes for the time where a reading of the clock would tell
    /// no more: reading it costs as much as a frame.
    begun: Instant,
    pub(super) heard: Vec<Heard>,
    /// Signals to stop that have come.
    pub(super) signals: usize,
    /// Whether the journal has room, as the core was told last.
    writable: bool,
    /// When the log was told of trouble with storage, which lasts.
    told: Option<Instant>,
    /// Whether the core has been told to drain.
    draining: bool,
    /// The last turn's tick left its deadline where it was.
    ticked: bool,
    inputs: u64,
}

impl Turn {
    /// A turn that begins at `now`.
    pub(super) fn new(now: Instant) -> Turn {
        Turn {
            happened: Vec::new(),
            begun: now,
            heard: Vec::new(),
            signals: 0,
            writable: true,
            told: None,
            draining: false,
            ticked: false,
            inputs: 0,
        }
    }
}

impl Daemon {
    /// Whether the core or a second signal says that it is over.
    pub(super) fn is_over(&self) -> bool {
        self.hands.exit || self.turn.signals >= 2
    }

    /// How long the loop may sleep; `None` until something happens.
    pub(super) fn patience(&self) -> Option<Duration> {
        let Hands { net, agents, queries, behind, .. } = &self.hands;
        if net.has_backlog() || agents.has_backlog() || queries.has_backlog() || *behind {
            return Some(Duration::ZERO);
        }
        let ticks = self
            .machine
            .patience()
            .map(|patience| if self.turn.ticked { patience.max(TICK_PAUSE) } else { patience });
        let ids = self.ids.deadline();
        let others = [net.deadline(), agents.deadline(), queries.deadline(), ids];
        let first = others.into_iter().flatten().min();
        let wait = first.map(|first| first.saturating_duration_since(self.time.now()));
        wait.into_iter().chain(ticks).min()
    }

    /// Takes in what no event announces: what is due, and what is left of earlier turns.
    pub(super) fn tick(&mut self, now: Instant) {
        self.turn.begun = now;
        self.hands.net.tick(now, &mut self.turn.happened);
        self.hands.agents.tick(now, &mut self.turn.heard);
        self.hands.queries.tick(now);
    }

    /// Makes inputs of what was taken in: each is journaled, then stepped.
    ///
    /// # Errors
    /// Storage failed.
    pub(super) fn take_in(&mut self) -> Result<(), Error> {
        self.turn.inputs = 0;
        self.machine.journal_mut().poll()?;
        if let Some(report) = self.keeper.news() {
            self.hands.stats.keeper = report;
        }
        self.take_indexed()?;
        let writable = self.machine.journal().writable();
        self.tell_trouble(writable);
        if writable != self.turn.writable {
            self.turn.writable = writable;
            self.take(InputKind::Storage { writable }, &[])?;
        }
        if let Some(offset) = self.machine.moved(self.turn.begun) {
            self.take(InputKind::Wall { offset }, &[])?;
        }
        self.turn.ticked = self.machine.is_due(self.turn.begun);
        if self.turn.ticked {
            self.take(InputKind::Tick, &[])?;
        }
        let mut heard = std::mem::take(&mut self.turn.heard);
        for Heard { agent, said, body } in heard.drain(..) {
            self.take(InputKind::Agent { agent, said }, &body)?;
        }
        heard.shrink_to(EVENTS_KEPT);
        self.turn.heard = heard;
        let answers: Vec<_> = self.hands.queries.drain().collect();
        for answered in answers {
            let (kind, body) = answered.into_input();
            if let InputKind::Answered { query, answer: Answer::SessionFile { path, .. } } = &kind {
                let state = self.machine.state();
                self.hands.agents.found(*query, path.clone(), &|call| state.is_in_flight(call));
            }
            self.take(kind, &body)?;
        }
        self.resume()?;
        let mut happened = std::mem::take(&mut self.turn.happened);
        for what in happened.drain(..) {
            self.arrive(what)?;
        }
        happened.shrink_to(EVENTS_KEPT);
        self.turn.happened = happened;
        self.bid_farewell()?;
        self.heed_signals()?;
        Ok(())
    }

    /// Says whether storage is in trouble: at once, and again as long as it lasts; and to whoever asks
    /// for health.
    fn tell_trouble(&mut self, writable: bool) {
        if writable && self.turn.told.is_none() {
            return;
        }
        let trouble = self.machine.journal().trouble();
        self.hands.net.set_trouble(trouble.as_deref());
        let now = self.time.now();
        match (trouble, self.turn.told) {
            (Some(trouble), told)
                if told.is_none_or(|told| now.saturating_duration_since(told) >= TOLD_EVERY) =>
            {
                self.turn.told = Some(now);
                report!("pi-server: {trouble}; new commands are refused until there is");
            }
            (None, Some(_)) => {
                self.turn.told = None;
                report!("pi-server: the journal has room again");
            }
            (Some(_) | None, _) => {}
        }
    }

    pub(super) fn take(&mut self, kind: InputKind, body: &[u8]) -> Result<(), AppendError> {
        self.turn.inputs += 1;
        self.machine.take(kind, body).map(drop)
    }

    /// Something that a client did.
    pub(super) fn arrive(&mut self, happened: Happened) -> Result<(), Error> {
        // Behind a frame that waits for a search, its client's next ones wait too.
        let Some(happened) = self.ids.keep(happened) else { return Ok(()) };
        match happened {
            Happened::Opened { link, transport, client } => {
                let client = client.map(Text::from);
                self.turn.inputs += 1;
                match self.machine.take(InputKind::Opened(Opened { transport, client }), &[]) {
                    Ok(seq) => self.hands.links.opened(ConnId(seq.0), link),
                    Err(AppendError::Full(_)) => {
                        self.hands.net.close(link, 1013, "The journal has no room");
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Happened::Frame { link, bytes } => self.frame(link, bytes, Searched::default())?,
            Happened::TooLarge { link, size, head } => {
                let max = self.machine.state().limits().frame_bytes_max;
                self.malformed(link, Malformed::TooLarge { size, max }, &head)?;
            }
            Happened::Closed { link } => self.hands.links.silent(link),
        }
        Ok(())
    }

    /// A frame came, with what a search for its id has come to if it waited for one.
    pub(super) fn frame(
        &mut self,
        link: Link,
        bytes: Vec<u8>,
        searched: Searched,
    ) -> Result<(), Error> {
        let secret = self.machine.journal().secret();
        match decode(&bytes, self.machine.state().limits(), secret) {
            Ok(envelope) => {
                let Some(conn) = self.hands.links.conn(link) else { return Ok(()) };
                let since = searched.since();
                let earlier = match self.look_up(conn, &envelope, searched) {
                    LookUp::Done(earlier) => earlier,
                    LookUp::Search(job) => {
                        self.pause(link, *job, bytes, since);
                        return Ok(());
                    }
                };
                let asked = (Some(CommandName::Known(envelope.kind)), envelope.id.clone());
                let envelope = envelope.into();
                let input = match earlier {
                    None => InputKind::Command { conn, envelope },
                    Some(earlier) => {
                        InputKind::Repeated { conn, envelope, earlier: Box::new(earlier) }
                    }
                };
                self.ask(link, conn, input, &bytes, asked)
            }
            Err(malformed) => {
                let body = bytes.get(..MALFORMED_BYTES_MAX).unwrap_or(&bytes);
                self.malformed(link, malformed, body)
            }
        }
    }

    fn malformed(&mut self, link: Link, malformed: Malformed, body: &[u8]) -> Result<(), Error> {
        let Some(conn) = self.hands.links.conn(link) else { return Ok(()) };
        let input = InputKind::Malformed { conn, malformed: Box::new(malformed) };
        self.ask(link, conn, input, body, (None, None))
    }

    /// Takes a client's frame, or tells the client that the journal has no room for it. What is in
    /// flight goes on, so clients must not use up the room that its end needs.
    fn ask(
        &mut self,
        link: Link,
        conn: ConnId,
        input: InputKind,
        body: &[u8],
        asked: (Option<CommandName>, Option<Text>),
    ) -> Result<(), Error> {
        if self.machine.journal().is_nearly_full() {
            self.refuse(link, asked, Failure::StorageFull);
            return Ok(());
        }
        match self.take(input, body) {
            Ok(()) => {
                self.hands.links.asked(conn);
                Ok(())
            }
            Err(AppendError::Full(_) | AppendError::TooLarge { .. }) => {
                self.refuse(link, asked, Failure::StorageFull);
                Ok(())
            }
            Err(AppendError::Held) => {
                self.refuse(link, asked, Failure::Busy);
                Ok(())
            }
            Err(error @ AppendError::Failed(_)) => {
                self.refuse(link, asked, Failure::StorageFull);
                self.hands.net.flush();
                Err(error.into())
            }
        }
    }

    /// Answers a frame that the journal did not take. Nothing has changed by it, so this is the one
    /// frame that no journal knows.
    fn refuse(&mut self, link: Link, asked: (Option<CommandName>, Option<Text>), failure: Failure) {
        let outcome = Outcome {
            result: Err(failure),
            session_version: None,
            lane_sequence: None,
            at: self.machine.state().now(),
        };
        let (command, id) = asked;
        let frame = Frame::Response { id, command, outcome: outcome.into(), replayed: false };
        let journal = self.machine.journal();
        let mut json = Vec::new();
        render(&frame, journal, &mut json);
        self.hands.net.send(link, journal.last_seq(), &json);
    }

    /// Tells the core of clients that are gone, and lets go of them.
    fn bid_farewell(&mut self) -> Result<(), Error> {
        loop {
            let Hands { links, net, .. } = &mut self.hands;
            let Some((conn, link)) = links.take_gone(|link| net.is_open(link)) else { break };
            net.dismiss(link);
            // It has been sent everything that it asked for.
            net.close(link, 1000, "");
            self.take(InputKind::Closed { conn }, &[])?;
            if self.only_stdio {
                self.drain()?;
            }
        }
        Ok(())
    }

    fn heed_signals(&mut self) -> Result<(), Error> {
        if self.turn.signals > 0 { self.drain() } else { Ok(()) }
    }

    fn drain(&mut self) -> Result<(), Error> {
        if !self.turn.draining {
            self.turn.draining = true;
            self.hands.net.lock();
            self.take(InputKind::Drain, &[])?;
        }
        Ok(())
    }

    /// Commits what was taken in and does what may be done now.
    ///
    /// # Errors
    /// Storage failed.
    pub(super) fn finish_turn(&mut self) -> Result<(), Error> {
        self.machine.commit()?;
        self.release();
        self.machine.release_originals(self.hands.performed());
        self.hands.catch_up(&self.machine);
        self.hands.net.flush();
        let state = self.machine.state();
        self.keeper.tell_time(state.now(), state.walls(), || self.time.wall());
        self.roll_for_ids()?;
        let held = self.machine.first_held();
        let damaged = self.hands.queries.damaged().chain(self.ids.damaged());
        self.keeper.attend(self.machine.journal_mut(), held, damaged, self.turn.begun);
        Ok(())
    }

    fn release(&mut self) {
        let (durable, now) = (self.machine.journal().durable(), self.turn.begun);
        while let Some((seq, output)) = self.machine.release(durable) {
            self.hands.perform(seq, &output, &self.machine, now);
        }
        self.hands.hand_out();
    }

    /// Counts a turn that began then.
    pub(super) fn count_turn(&mut self, begun: Instant) {
        if self.turn.inputs > 0 {
            let us = u64::try_from(self.time.now().saturating_duration_since(begun).as_micros())
                .unwrap_or(u64::MAX);
            self.hands.stats.count(self.turn.inputs, us);
        }
    }

    /// The last input. Its outputs, and those before, leave with later turns until nothing
    /// [`Machine::holds`].
    ///
    /// # Errors
    /// Storage failed.
    pub(super) fn begin_end(&mut self) -> Result<(), Error> {
        self.machine.take(InputKind::Stop, &[])?;
        self.finish_turn()
    }

    /// Closes every connection, after what it was sent.
    pub(super) fn say_goodbye(&mut self) {
        self.hands.net.shut(1001, "Server shutting down");
        self.hands.net.flush();
    }

    /// Ends agents and background work; the journal is left to be closed.
    pub(super) fn finish(mut self) -> Journal {
        self.hands.agents.stop_all();
        drop(self.keeper);
        self.machine.into_journal()
    }
}
