//! One client, from its first byte to its last: what phase its connection is in, and what each
//! thing that happens to the connection means there. What it says is in [`hear`].

mod hear;

use std::io::{ErrorKind, IoSlice};
use std::mem;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use pi_server_core::input::Transport;

use super::config::Config;
use super::framing::{Framing, PING, close_frame};
use super::lines::Splitter;
use super::log::Log;
use super::outbox::Outbox;
use super::socket::Socket;
use super::websocket::Intake;
use super::{Happened, Link, http};

/// Slices written in one call.
const SLICES_MAX: usize = 64;
/// Slices for which room is made at first: most turns need no more, and room for all costs as much as
/// the rest of the call.
const SLICES_FEW: usize = 8;
/// Bytes that are read at first, and from a client that says much in few bytes.
const READ_BYTES_MIN: usize = 4 << 10;

/// A client.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that was seen by itself")]
pub(super) struct Peer {
    link: Link,
    socket: Socket,
    transport: Transport,
    /// Where it comes from, if it came by TCP.
    source: Option<IpAddr>,
    phase: Phase,
    /// It has been let in once.
    was_in: bool,
    /// Why it was refused, until that is counted.
    pub(super) refused: Option<Refused>,
    /// What it is to be sent.
    pub(super) outbox: Outbox,
    /// When its phase has lasted long enough.
    due: Option<Instant>,
    /// `Opened` has been said, and `Closed` has not.
    is_open: bool,
    /// Something came, or was taken by a client that had let it wait.
    heard: bool,
    awaits_pong: bool,
    /// The socket takes nothing until it says so.
    is_blocked: bool,
    /// The other side has closed its half.
    is_ending: bool,
    /// The other side has closed both directions: it reads nothing any more.
    is_hung_up: bool,
    /// Everything that it said has been read.
    is_read: bool,
    /// There may be something to read that will not be announced again.
    has_more: bool,
    /// How much is read at a time.
    read_bytes: usize,
    /// It is in the list of those with something to write.
    pub(super) is_dirty: bool,
    /// It is in the list of those with more to read.
    pub(super) is_listed: bool,
    /// It is in the list of those who have not read all that is for them of the log.
    pub(super) is_behind: bool,
    /// It has followed the log.
    pub(super) is_member: bool,
    /// It is not read until what it has said is dealt with.
    is_paused: bool,
}

#[derive(Debug)]
enum Phase {
    /// The request, as far as it has arrived.
    Upgrading(Vec<u8>),
    /// It has shown a wrong token: this is the answer, which waits.
    Refusing(Vec<u8>),
    /// A Unix client that may give its name.
    Greeting(Splitter),
    /// In both directions.
    Talking(Inbound),
    /// It has ended its half, and may still listen.
    Listening,
    /// It is over; these last bytes follow what is sent in this turn.
    Leaving(Vec<u8>),
    /// The last bytes are queued.
    Ending,
    /// The last bytes are written; the client should close.
    Draining,
}

#[derive(Debug)]
enum Inbound {
    WebSocket(Box<Intake>),
    Lines(Splitter),
}

/// How a client comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gate {
    Tcp,
    Unix,
}

/// A refusal.
#[derive(Debug)]
pub(super) struct Refused {
    /// Why, for the log.
    pub(super) words: String,
    pub(super) is_wrong_token: bool,
}

/// What the phases look at.
pub(super) struct Scene<'a> {
    pub(super) config: &'a Config,
    /// Why the daemon is not healthy.
    pub(super) trouble: Option<&'a str>,
    /// What the answer to a wrong token waits.
    pub(super) delay: Duration,
    /// The limit of connections is reached.
    pub(super) is_full: bool,
    pub(super) now: Instant,
    pub(super) log: &'a Log,
}

/// Whether a client stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Fate {
    Stays,
    Gone,
}

impl Peer {
    /// A client that has just connected.
    pub(super) fn new(
        link: Link,
        socket: Socket,
        (transport, source): (Transport, Option<IpAddr>),
        (config, now): (&Config, Instant),
        happened: &mut Vec<Happened>,
    ) -> Peer {
        let splitter = || Splitter::new(config.frame_bytes_max);
        let (framing, phase, due) = match transport {
            Transport::WebSocket => {
                let due = now + config.handshake_within;
                (Framing::WebSocket, Phase::Upgrading(Vec::new()), Some(due))
            }
            Transport::Unix => {
                let due = now + config.hello_within;
                (Framing::Lines, Phase::Greeting(splitter()), Some(due))
            }
            Transport::Stdio => {
                happened.push(Happened::Opened { link, transport, client: None });
                (Framing::Lines, Phase::Talking(Inbound::Lines(splitter())), None)
            }
        };
        Peer {
            link,
            socket,
            transport,
            source,
            phase,
            was_in: transport == Transport::Stdio,
            refused: None,
            outbox: Outbox::new(framing, config.event_bytes_max),
            due,
            is_open: transport == Transport::Stdio,
            heard: false,
            awaits_pong: false,
            is_blocked: false,
            is_ending: false,
            is_hung_up: false,
            is_read: false,
            has_more: false,
            read_bytes: READ_BYTES_MIN,
            is_dirty: false,
            is_listed: false,
            is_behind: false,
            is_member: false,
            is_paused: false,
        }
    }

    /// The name that the daemon knows it by.
    pub(super) fn link(&self) -> Link {
        self.link
    }

    /// The stream.
    pub(super) fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }

    /// Where it comes from, if that is known.
    pub(super) fn source(&self) -> Option<IpAddr> {
        self.source
    }

    /// Where it waits, if it takes none of the connections that are allowed; and whether it once was
    /// in.
    pub(super) fn waits_at(&self) -> Option<(Gate, bool)> {
        let gate = match self.transport {
            Transport::WebSocket => Gate::Tcp,
            Transport::Unix => Gate::Unix,
            Transport::Stdio => return None,
        };
        (!self.counts()).then_some((gate, self.was_in))
    }

    /// It goes in favour of one that came later. Whatever it can still be told, it is told at once.
    pub(super) fn give_way(&mut self) {
        if let Phase::Upgrading(_) | Phase::Refusing(_) = self.phase {
            let _ = self.socket.write(&[IoSlice::new(http::BUSY.as_bytes())]);
        }
    }

    /// When [`Peer::expire`] is to be called.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether frames sent to it can still reach it.
    pub(super) fn is_listening(&self) -> bool {
        match self.phase {
            Phase::Talking(_) | Phase::Listening | Phase::Leaving(_) => true,
            Phase::Upgrading(_)
            | Phase::Refusing(_)
            | Phase::Greeting(_)
            | Phase::Ending
            | Phase::Draining => false,
        }
    }

    /// Reads nothing from it, or goes on reading.
    pub(super) fn pause(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
    }

    /// Whether its last bytes are on their way.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending | Phase::Draining)
    }

    /// Whether it takes up one of the connections that the configuration allows.
    pub(super) fn counts(&self) -> bool {
        let is_in = matches!(self.phase, Phase::Talking(_) | Phase::Listening);
        is_in && self.transport != Transport::Stdio
    }

    /// Its phase has lasted long enough.
    pub(super) fn expire(&mut self, scene: &Scene<'_>, happened: &mut Vec<Happened>) -> Fate {
        self.due = None;
        match &mut self.phase {
            Phase::Upgrading(_) | Phase::Ending | Phase::Draining => Fate::Gone,
            Phase::Refusing(answer) => {
                let answer = mem::take(answer);
                self.end(answer, scene);
                Fate::Stays
            }
            Phase::Greeting(_) => {
                self.greet(Vec::new(), scene, happened);
                Fate::Stays
            }
            Phase::Talking(Inbound::WebSocket(_)) => self.beat(scene),
            Phase::Talking(Inbound::Lines(_)) | Phase::Listening | Phase::Leaving(_) => Fate::Stays,
        }
    }

    /// Pings, or looks whether the ping did any good.
    fn beat(&mut self, scene: &Scene<'_>) -> Fate {
        let Config { ping_every, pong_within, .. } = scene.config;
        if !mem::replace(&mut self.awaits_pong, false) {
            self.outbox.control().extend_from_slice(&PING);
            self.awaits_pong = true;
            self.heard = false;
            self.due = Some(scene.now + *pong_within);
            return Fate::Stays;
        }
        // What it says is not read while it is paused.
        if self.heard || self.is_paused {
            self.due = Some(scene.now + ping_every.saturating_sub(*pong_within));
            return Fate::Stays;
        }
        if !self.outbox.is_mid_frame() {
            // A last word to a client that only stopped answering. It may well not get it, and the
            // socket is dropped at once in any case: nobody is there to close it politely.
            let frame = close_frame(1001, "Heartbeat timeout");
            let _ = self.socket.write(&[IoSlice::new(&frame)]);
        }
        Fate::Gone
    }

    /// Ends the connection from this side, after everything that was sent.
    pub(super) fn close(&mut self, code: u16, reason: &str, scene: &Scene<'_>) -> bool {
        let last = match (&mut self.phase, self.outbox.framing()) {
            (Phase::Leaving(last), _) => mem::take(last),
            (Phase::Talking(_) | Phase::Listening, Framing::WebSocket) => close_frame(code, reason),
            (Phase::Talking(_) | Phase::Listening, Framing::Lines) => Vec::new(),
            (
                Phase::Upgrading(_)
                | Phase::Refusing(_)
                | Phase::Greeting(_)
                | Phase::Ending
                | Phase::Draining,
                _,
            ) => return false,
        };
        self.end(last, scene);
        mem::take(&mut self.is_open)
    }

    /// The end of the turn in which the client left: what it is sent is complete.
    pub(super) fn leave(&mut self, scene: &Scene<'_>) {
        if let Phase::Leaving(last) = &mut self.phase {
            let last = mem::take(last);
            self.end(last, scene);
        }
    }

    fn end(&mut self, last: Vec<u8>, scene: &Scene<'_>) {
        self.outbox.farewell(scene.log, last);
        self.phase = Phase::Ending;
        self.due = Some(scene.now + scene.config.pong_within);
    }

    /// Writes what is queued, as far as the socket takes it.
    pub(super) fn write(&mut self, scene: &Scene<'_>) -> Fate {
        if self.is_blocked || self.is_hung_up {
            return Fate::Stays;
        }
        // Asked before room for the slices is made, which costs more than the question.
        while !self.outbox.is_empty(scene.log) {
            let mut few = [IoSlice::new(&[]); SLICES_FEW];
            let written = match self.outbox.gather(scene.log, &mut few) {
                0 => break,
                SLICES_FEW => {
                    let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                    let count = self.outbox.gather(scene.log, &mut slices);
                    self.socket.write(&slices[..count])
                }
                count => self.socket.write(&few[..count]),
            };
            match written {
                Ok(written) => self.outbox.wrote(scene.log, written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.is_blocked = true;
                    return Fate::Stays;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    // It listens no longer, but what it said before is still to be read.
                    self.is_hung_up = true;
                    self.has_more = true;
                    return if self.is_read { Fate::Gone } else { Fate::Stays };
                }
            }
        }
        if self.outbox.is_over() && matches!(self.phase, Phase::Ending) {
            return self.drain(scene);
        }
        Fate::Stays
    }

    /// Everything is written: waits a little for the client to close too, so that it reads the
    /// last bytes before a reset can destroy them.
    fn drain(&mut self, scene: &Scene<'_>) -> Fate {
        self.phase = Phase::Draining;
        self.due = Some(scene.now + scene.config.linger);
        match self.socket.finish() {
            Ok(()) if !self.is_read => Fate::Stays,
            Ok(()) | Err(_) => Fate::Gone,
        }
    }

    fn say_opened(&mut self, client: Option<String>, happened: &mut Vec<Happened>) {
        self.is_open = true;
        self.was_in = true;
        happened.push(Happened::Opened { link: self.link, transport: self.transport, client });
    }

    /// Says `Closed`, once.
    pub(super) fn say_closed(&mut self, happened: &mut Vec<Happened>) {
        if mem::take(&mut self.is_open) {
            happened.push(Happened::Closed { link: self.link });
        }
    }
}
