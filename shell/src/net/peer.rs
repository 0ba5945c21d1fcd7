//! One client, from its first byte to its last: what phase its connection is in, and what each
//! thing that happens to the connection means there.

use std::io::{ErrorKind, IoSlice};
use std::mem;
use std::time::Instant;

use pi_server_core::failure::ErrorCode;
use pi_server_core::input::Transport;

use super::config::Config;
use super::framing::{Framing, PING, close_frame};
use super::http::{self, Verdict};
use super::lines::{self, Splitter};
use super::log::Log;
use super::outbox::Outbox;
use super::socket::Socket;
use super::websocket::{Farewell, Intake};
use super::{Happened, Link, Said};

/// Slices written in one call.
const SLICES_MAX: usize = 64;

/// A client.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that was seen by itself")]
pub(super) struct Peer {
    link: Link,
    socket: Socket,
    transport: Transport,
    phase: Phase,
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
    /// It is in the list of those with something to write.
    pub(super) is_dirty: bool,
    /// It is in the list of those with more to read.
    pub(super) is_listed: bool,
}

#[derive(Debug)]
enum Phase {
    /// The request, as far as it has arrived.
    Upgrading(Vec<u8>),
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

/// What the phases look at.
pub(super) struct Scene<'a> {
    pub(super) config: &'a Config,
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
        transport: Transport,
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
            phase,
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
            is_dirty: false,
            is_listed: false,
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

    /// When [`Peer::expire`] is to be called.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether frames sent to it can still reach it.
    pub(super) fn is_listening(&self) -> bool {
        match self.phase {
            Phase::Talking(_) | Phase::Listening | Phase::Leaving(_) => true,
            Phase::Upgrading(_) | Phase::Greeting(_) | Phase::Ending | Phase::Draining => false,
        }
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

    /// Takes note of a readiness event.
    pub(super) fn ready(&mut self, event: &mio::event::Event) -> Fate {
        self.is_ending |= event.is_read_closed();
        self.is_hung_up |= event.is_write_closed() || event.is_error();
        self.has_more |= event.is_readable() || self.is_ending || self.is_hung_up;
        if event.is_writable() && mem::take(&mut self.is_blocked) {
            // It reads, if slowly.
            self.heard = true;
        }
        if self.is_read && self.is_hung_up { Fate::Gone } else { Fate::Stays }
    }

    /// Whether there is anything to read, and it may be read.
    pub(super) fn wants_reading(&self) -> bool {
        self.has_more && !self.is_read && (self.is_hung_up || !self.outbox.is_choked())
    }

    /// Reads a bounded share.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        scene: &Scene<'_>,
        happened: &mut Vec<Happened>,
    ) -> Fate {
        match self.socket.read(buffer) {
            Ok(0) => {
                self.is_read = true;
                self.end_of_input(scene, happened)
            }
            Ok(count) => {
                // A short read empties the socket, but an end that was announced is still to come.
                self.has_more = count == buffer.len() || self.is_ending || self.is_hung_up;
                self.heard = true;
                self.take_in(&buffer[..count], scene, happened);
                Fate::Stays
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.has_more = false;
                Fate::Stays
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Fate::Stays,
            Err(_) => Fate::Gone,
        }
    }

    fn take_in(&mut self, bytes: &[u8], scene: &Scene<'_>, happened: &mut Vec<Happened>) {
        let link = self.link;
        match &mut self.phase {
            Phase::Upgrading(request) => {
                request.extend_from_slice(bytes);
                self.upgrade(scene, happened);
            }
            Phase::Greeting(splitter) => {
                let mut said = Vec::new();
                splitter.feed(bytes, |line| said.push(line));
                if !said.is_empty() {
                    self.greet(said, scene, happened);
                }
            }
            Phase::Talking(Inbound::Lines(splitter)) => {
                splitter.feed(bytes, |said| happened.push(said.by(link)));
            }
            Phase::Talking(Inbound::WebSocket(intake)) => {
                let control = self.outbox.control();
                let fed = intake.feed(bytes, control, |said| happened.push(said.by(link)));
                if let Err(Farewell(last)) = fed {
                    self.phase = Phase::Leaving(last);
                    self.say_closed(happened);
                }
            }
            Phase::Listening | Phase::Leaving(_) | Phase::Ending | Phase::Draining => {}
        }
    }

    fn upgrade(&mut self, scene: &Scene<'_>, happened: &mut Vec<Happened>) {
        let Phase::Upgrading(request) = &mut self.phase else { return };
        match http::judge(request, scene.config) {
            Verdict::Incomplete => {}
            Verdict::Answer(answer) => self.end(answer, scene),
            Verdict::Upgrade { answer, client, used } => {
                let rest = request.split_off(used);
                self.outbox.control().extend(answer);
                if scene.is_full {
                    self.end(close_frame(1013, &limit_reached(scene.config)), scene);
                    return;
                }
                let intake = Box::new(Intake::new(scene.config));
                self.phase = Phase::Talking(Inbound::WebSocket(intake));
                self.due = Some(scene.now + scene.config.ping_every);
                self.say_opened(client, happened);
                if !rest.is_empty() {
                    self.take_in(&rest, scene, happened);
                }
            }
        }
    }

    /// Lets a Unix client in, with what it said first.
    fn greet(&mut self, said: Vec<Said>, scene: &Scene<'_>, happened: &mut Vec<Happened>) {
        let mut said = said.into_iter().peekable();
        let client = match said.peek() {
            Some(Said::Frame(line)) => lines::hello(line),
            Some(Said::TooLarge { .. }) | None => None,
        };
        if scene.is_full {
            return self.end(refusal(&limit_reached(scene.config), ErrorCode::LimitReached), scene);
        }
        if let Some(name) = &client {
            said.next();
            if !http::is_name(name) {
                let text = "A client name has 1 to 256 characters";
                return self.end(refusal(text, ErrorCode::Invalid), scene);
            }
        }
        let Phase::Greeting(splitter) = mem::replace(&mut self.phase, Phase::Listening) else {
            return;
        };
        self.phase = Phase::Talking(Inbound::Lines(splitter));
        self.due = None;
        self.say_opened(client, happened);
        happened.extend(said.map(|said| said.by(self.link)));
    }

    fn end_of_input(&mut self, scene: &Scene<'_>, happened: &mut Vec<Happened>) -> Fate {
        let link = self.link;
        match &mut self.phase {
            Phase::Upgrading(_) | Phase::Draining | Phase::Talking(Inbound::WebSocket(_)) => {
                Fate::Gone
            }
            Phase::Greeting(splitter) => {
                let mut said = Vec::new();
                splitter.finish(|line| said.push(line));
                if said.is_empty() {
                    return Fate::Gone;
                }
                self.greet(said, scene, happened);
                self.end_of_input(scene, happened)
            }
            Phase::Talking(Inbound::Lines(splitter)) => {
                splitter.finish(|said| happened.push(said.by(link)));
                self.phase = Phase::Listening;
                self.say_closed(happened);
                self.unless_hung_up()
            }
            Phase::Listening | Phase::Leaving(_) | Phase::Ending => self.unless_hung_up(),
        }
    }

    fn unless_hung_up(&self) -> Fate {
        if self.is_hung_up { Fate::Gone } else { Fate::Stays }
    }

    /// Its phase has lasted long enough.
    pub(super) fn expire(&mut self, scene: &Scene<'_>, happened: &mut Vec<Happened>) -> Fate {
        self.due = None;
        match self.phase {
            Phase::Upgrading(_) | Phase::Ending | Phase::Draining => Fate::Gone,
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
        if self.heard {
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
            (Phase::Upgrading(_) | Phase::Greeting(_) | Phase::Ending | Phase::Draining, _) => {
                return false;
            }
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
        loop {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = self.outbox.gather(scene.log, &mut slices);
            if count == 0 {
                break;
            }
            match self.socket.write(&slices[..count]) {
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
        happened.push(Happened::Opened { link: self.link, transport: self.transport, client });
    }

    /// Says `Closed`, once.
    pub(super) fn say_closed(&mut self, happened: &mut Vec<Happened>) {
        if mem::take(&mut self.is_open) {
            happened.push(Happened::Closed { link: self.link });
        }
    }
}

fn limit_reached(config: &Config) -> String {
    format!("Connection limit reached ({} connections)", config.connections_max)
}

/// What a line client is told that is not let in.
fn refusal(text: &str, code: ErrorCode) -> Vec<u8> {
    let code = code.name();
    let json = format!(
        r#"{{"type":"response","command":"unknown","success":false,"error":"{text}","errorCode":"{code}"}}"#
    );
    Framing::Lines.frame(json.as_bytes())
}
