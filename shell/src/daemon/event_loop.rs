//! The loop: one thread, one `poll`, one turn after another (docs/ARCHITECTURE.md).
//!
//! ```text
//! wait ─► gather ─► for each: append, step, hold ─► commit ─► release, perform ─► flush
//! ```
//!
//! A turn takes in *all* that is ready, a bounded share per source, so batches grow with the load
//! and one commit, one sync and one write per client pay for many inputs. Here is what waits and
//! gathers; the rest is a turn of the [`Daemon`], which knows of no poll.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::error::Error;
use super::signals::Signals;
use super::turn::Daemon;

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
/// How long the end waits for clients to take what they were sent.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long the end waits for the disk.
const LAST_SYNC: Duration = Duration::from_secs(30);

/// A daemon among the files and sockets of this system.
pub(super) struct EventLoop {
    pub(super) poll: Poll,
    pub(super) events: Events,
    pub(super) signals: Signals,
    pub(super) daemon: Daemon,
}

impl EventLoop {
    /// Runs until the core or a second signal says that it is over.
    ///
    /// # Errors
    /// Storage failed, or the system gave no events. Nothing may be done after that but to end.
    pub(super) fn run(mut self) -> Result<(), Error> {
        // The outputs of the boot.
        self.daemon.finish_turn()?;
        while !self.daemon.is_over() {
            self.wait()?;
            let begun = Instant::now();
            self.gather(begun);
            self.daemon.take_in()?;
            self.daemon.finish_turn()?;
            self.daemon.count_turn(begun);
        }
        self.end()
    }

    /// Waits for something to happen, or for the next deadline.
    fn wait(&mut self) -> Result<(), Error> {
        let timeout = self.daemon.patience();
        match self.poll.poll(&mut self.events, timeout) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(source) => Err(Error::System { operation: "wait for events", source }),
        }
    }

    /// Takes in what is ready, from everywhere, a bounded share each.
    fn gather(&mut self, now: Instant) {
        let Daemon { hands, turn, .. } = &mut self.daemon;
        for event in &self.events {
            match event.token() {
                WAKER | SIGNALS => {}
                token if hands.net.owns(token) => hands.net.poll(event, now, &mut turn.happened),
                token => {
                    let (readable, writable) = (event.is_readable(), event.is_writable());
                    hands.agents.poll(token, readable, writable, &mut turn.heard);
                }
            }
        }
        turn.signals += self.signals.count();
        self.daemon.tick(now);
    }

    /// The end: the last input, the last sync, the last frames; then agents and journal.
    fn end(mut self) -> Result<(), Error> {
        self.daemon.begin_end()?;
        let until = Instant::now() + LAST_SYNC;
        while self.daemon.machine.holds() && Instant::now() < until {
            self.pause(Duration::from_millis(100))?;
            self.daemon.machine.journal_mut().poll()?;
            self.daemon.finish_turn()?;
        }
        self.say_goodbye()?;
        self.daemon.finish().close()?;
        Ok(())
    }

    /// Closes every connection and waits, not for long, until clients have taken what they were
    /// sent. What they still say is not heard any more.
    fn say_goodbye(&mut self) -> Result<(), Error> {
        self.daemon.say_goodbye();
        let until = Instant::now() + FAREWELL;
        while Instant::now() < until && !self.daemon.hands.net.is_empty() {
            self.pause(Duration::from_millis(20))?;
            self.daemon.hands.net.flush();
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
        let Daemon { hands, turn, .. } = &mut self.daemon;
        for event in &self.events {
            if hands.net.owns(event.token()) {
                hands.net.poll(event, now, &mut turn.happened);
            }
        }
        hands.net.tick(now, &mut turn.happened);
        turn.happened.clear();
        Ok(())
    }
}
