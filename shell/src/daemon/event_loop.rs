//! The loop: one thread, one `poll`, one turn after another (docs/ARCHITECTURE.md).
//!
//! ```text
//! wait ─► gather ─► for each: append, step, hold ─► commit ─► release, perform ─► flush
//! ```
//!
//! A turn takes in *all* that is ready, a bounded share per source, so batches grow with the load
//! and one commit, one sync and one write per client pay for many inputs.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use pi_server_core::failure::Failure;
use pi_server_core::frame::{CommandName, Frame, Outcome};
use pi_server_core::input::{InputKind, Malformed, Opened};
use pi_server_core::wire::{decode, render};
use pi_server_core::{ConnId, Text};

use super::error::Error;
use super::hands::Hands;
use super::keeper::Keeper;
use super::machine::Machine;
use super::signals::Signals;
use crate::agent::Heard;
use crate::journal::AppendError;
use crate::net::{Happened, Link};

/// The waker of background threads: look-ups and syncs.
pub(super) const WAKER: Token = Token(0);
/// Signals.
pub(super) const SIGNALS: Token = Token(1);
/// Pipes of agents.
pub(super) const AGENTS: std::ops::Range<usize> = 16..(1 << 20);
/// Clients, from here on.
pub(super) const CLIENTS: Token = Token(1 << 20);

/// Readiness events taken at a time.
pub(super) const EVENTS: usize = 1_024;
/// Bytes of a malformed frame that are journaled.
const MALFORMED_BYTES_MAX: usize = 64 << 10;
/// A deadline that a tick did not move is not tried again before.
const TICK_PAUSE: Duration = Duration::from_millis(1);
/// How long the end waits for clients to take what they were sent.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long the end waits for the disk.
const LAST_SYNC: Duration = Duration::from_secs(30);

/// Everything that a turn needs.
pub(super) struct EventLoop {
    pub(super) poll: Poll,
    pub(super) events: Events,
    pub(super) signals: Signals,
    pub(super) machine: Machine,
    pub(super) hands: Hands,
    pub(super) keeper: Keeper,
    /// Standard input is the only way in: its end is the end.
    pub(super) only_stdio: bool,
    pub(super) turn: Turn,
}

/// What a turn works on; the memory is used again by the next one.
#[derive(Debug)]
pub(super) struct Turn {
    happened: Vec<Happened>,
    heard: Vec<Heard>,
    /// Signals to stop that have come.
    signals: usize,
    /// Whether the journal has room, as the core was told last.
    writable: bool,
    /// Whether the core has been told to drain.
    draining: bool,
    /// The last turn's tick left its deadline where it was.
    ticked: bool,
    inputs: u64,
}

impl Turn {
    pub(super) fn new() -> Turn {
        Turn {
            happened: Vec::new(),
            heard: Vec::new(),
            signals: 0,
            writable: true,
            draining: false,
            ticked: false,
            inputs: 0,
        }
    }
}

impl EventLoop {
    /// Runs until the core or a second signal says that it is over.
    ///
    /// # Errors
    /// Storage failed, or the system gave no events. Nothing may be done after that but to end.
    pub(super) fn run(mut self) -> Result<(), Error> {
        // The outputs of the boot.
        self.finish_turn()?;
        while !self.hands.exit && self.turn.signals < 2 {
            self.wait()?;
            let begun = Instant::now();
            self.gather(begun);
            self.take_in()?;
            self.finish_turn()?;
            self.count_turn(begun);
        }
        self.end()
    }

    /// Waits for something to happen, or for the next deadline.
    fn wait(&mut self) -> Result<(), Error> {
        let timeout = self.patience();
        match self.poll.poll(&mut self.events, timeout) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(source) => Err(Error::System { operation: "wait for events", source }),
        }
    }

    fn patience(&self) -> Option<Duration> {
        let Hands { net, agents, queries, behind, .. } = &self.hands;
        if net.has_backlog() || agents.has_backlog() || queries.has_backlog() || *behind {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        let until = |deadline: Instant| deadline.saturating_duration_since(now);
        let ticks = self
            .machine
            .patience()
            .map(|patience| if self.turn.ticked { patience.max(TICK_PAUSE) } else { patience });
        let others = [net.deadline().map(until), agents.deadline().map(until)];
        others.into_iter().flatten().chain(ticks).min()
    }

    /// Takes in what is ready, from everywhere, a bounded share each.
    fn gather(&mut self, now: Instant) {
        let Hands { net, agents, .. } = &mut self.hands;
        let Turn { happened, heard, signals, .. } = &mut self.turn;
        for event in &self.events {
            match event.token() {
                WAKER => {}
                SIGNALS => *signals += self.signals.count(),
                token if net.owns(token) => net.poll(event, now, happened),
                token => agents.poll(token, event.is_readable(), event.is_writable(), heard),
            }
        }
        net.tick(now, happened);
        agents.tick(now, heard);
    }

    /// Makes inputs of what was taken in: each is journaled, then stepped.
    fn take_in(&mut self) -> Result<(), Error> {
        self.turn.inputs = 0;
        self.machine.journal_mut().poll()?;
        self.keeper.attend(self.machine.journal_mut(), self.hands.queries.damaged());
        self.hands.stats.keeper = self.keeper.report();
        self.machine.cover(self.hands.stats.keeper.indexed);
        let writable = self.machine.journal().writable();
        if writable != self.turn.writable {
            self.turn.writable = writable;
            self.take(InputKind::Storage { writable }, &[])?;
        }
        self.turn.ticked = self.machine.patience().is_some_and(|wait| wait.is_zero());
        if self.turn.ticked {
            self.take(InputKind::Tick, &[])?;
        }
        let mut heard = std::mem::take(&mut self.turn.heard);
        for Heard { agent, said, body } in heard.drain(..) {
            self.take(InputKind::Agent { agent, said }, &body)?;
        }
        self.turn.heard = heard;
        let answers: Vec<_> = self.hands.queries.drain().collect();
        for answered in answers {
            let (kind, body) = answered.into_input();
            self.take(kind, &body)?;
        }
        let mut happened = std::mem::take(&mut self.turn.happened);
        for what in happened.drain(..) {
            self.arrive(what)?;
        }
        self.turn.happened = happened;
        self.bid_farewell()?;
        self.heed_signals()?;
        Ok(())
    }

    fn take(&mut self, kind: InputKind, body: &[u8]) -> Result<(), AppendError> {
        self.turn.inputs += 1;
        self.machine.take(kind, body).map(drop)
    }

    /// Something that a client did.
    fn arrive(&mut self, happened: Happened) -> Result<(), Error> {
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
            Happened::Frame { link, bytes } => self.frame(link, &bytes)?,
            Happened::TooLarge { link, size, head } => {
                let max = self.machine.state().limits().frame_bytes_max;
                self.malformed(link, Malformed::TooLarge { size, max }, &head)?;
            }
            Happened::Closed { link } => self.hands.links.silent(link),
        }
        Ok(())
    }

    fn frame(&mut self, link: Link, bytes: &[u8]) -> Result<(), Error> {
        let secret = self.machine.journal().secret();
        match decode(bytes, self.machine.state().limits(), secret) {
            Ok(envelope) => {
                let Some(conn) = self.hands.links.conn(link) else { return Ok(()) };
                let asked = (Some(CommandName::Known(envelope.kind)), envelope.id.clone());
                let input = InputKind::Command { conn, envelope: envelope.into() };
                self.ask(link, conn, input, bytes, asked)
            }
            Err(malformed) => {
                let body = bytes.get(..MALFORMED_BYTES_MAX).unwrap_or(bytes);
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
            self.refuse(link, asked);
            return Ok(());
        }
        match self.take(input, body) {
            Ok(()) => {
                self.hands.links.asked(conn);
                Ok(())
            }
            Err(AppendError::Full(_) | AppendError::TooLarge { .. }) => {
                self.refuse(link, asked);
                Ok(())
            }
            Err(error @ AppendError::Failed(_)) => {
                self.refuse(link, asked);
                self.hands.net.flush();
                Err(error.into())
            }
        }
    }

    /// Answers a frame that the journal did not take. Nothing has changed by it, so this is the one
    /// frame that no journal knows.
    fn refuse(&mut self, link: Link, asked: (Option<CommandName>, Option<Text>)) {
        let outcome = Outcome {
            result: Err(Failure::StorageFull),
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
    fn finish_turn(&mut self) -> Result<(), Error> {
        self.machine.commit()?;
        self.release();
        self.hands.catch_up(&self.machine);
        self.hands.net.flush();
        Ok(())
    }

    fn release(&mut self) {
        let durable = self.machine.journal().durable();
        let now = Instant::now();
        while let Some((seq, output)) = self.machine.release(durable) {
            self.hands.perform(seq, &output, &self.machine, now);
        }
    }

    fn count_turn(&mut self, begun: Instant) {
        if self.turn.inputs > 0 {
            let us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.hands.stats.count(self.turn.inputs, us);
        }
    }

    /// The end: the last input, the last sync, the last frames; then agents and journal.
    fn end(mut self) -> Result<(), Error> {
        self.machine.take(InputKind::Stop, &[])?;
        self.finish_turn()?;
        let until = Instant::now() + LAST_SYNC;
        while self.machine.holds() && Instant::now() < until {
            self.pause(Duration::from_millis(100))?;
            self.machine.journal_mut().poll()?;
            self.finish_turn()?;
        }
        self.say_goodbye()?;
        self.hands.agents.stop_all();
        drop(self.keeper);
        self.machine.into_journal().close()?;
        Ok(())
    }

    /// Closes every connection and waits, not for long, until clients have taken what they were
    /// sent. What they still say is not heard any more.
    fn say_goodbye(&mut self) -> Result<(), Error> {
        self.hands.net.shut(1001, "Server shutting down");
        self.hands.net.flush();
        let until = Instant::now() + FAREWELL;
        while Instant::now() < until && !self.hands.net.is_empty() {
            self.pause(Duration::from_millis(20))?;
            self.hands.net.flush();
        }
        Ok(())
    }

    /// Waits for at most `timeout`, serving sockets and signals only.
    fn pause(&mut self, timeout: Duration) -> Result<(), Error> {
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(source) => return Err(Error::System { operation: "wait for events", source }),
        }
        let now = Instant::now();
        let Hands { net, .. } = &mut self.hands;
        for event in &self.events {
            if net.owns(event.token()) {
                net.poll(event, now, &mut self.turn.happened);
            }
        }
        net.tick(now, &mut self.turn.happened);
        self.turn.happened.clear();
        Ok(())
    }
}
