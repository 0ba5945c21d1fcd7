//! What a client says, in each phase of its connection.

use std::io::ErrorKind;
use std::mem;

use pi_server_core::failure::ErrorCode;

use super::{Fate, Inbound, Peer, Phase, READ_BYTES_MIN, Refused, Scene};
use crate::net::config::Config;
use crate::net::framing::{Framing, close_frame};
use crate::net::held::FRAMES_PER_TURN;
use crate::net::http::{self, Verdict};
use crate::net::lines;
use crate::net::websocket::{Farewell, Intake};
use crate::net::{Happened, READ_BYTES, Ready, Said};

impl Peer {
    /// Takes note of a readiness event.
    pub(in crate::net) fn ready(&mut self, ready: Ready) -> Fate {
        self.is_ending |= ready.read_closed;
        self.is_hung_up |= ready.write_closed;
        self.has_more |= ready.readable || self.is_ending || self.is_hung_up;
        if ready.writable && mem::take(&mut self.is_blocked) {
            // It reads, if slowly.
            self.heard = true;
        }
        if self.is_read && self.is_hung_up { Fate::Gone } else { Fate::Stays }
    }

    /// Whether there is anything to read, and it may be read.
    pub(in crate::net) fn wants_reading(&self) -> bool {
        self.has_more
            && !self.is_read
            && !self.is_paused
            && (self.is_hung_up || !self.outbox.is_choked())
    }

    /// Reads a bounded share.
    pub(in crate::net) fn read(
        &mut self,
        buffer: &mut [u8],
        scene: &Scene<'_>,
        happened: &mut Vec<Happened>,
    ) -> Fate {
        let count = self.read_bytes.min(buffer.len());
        let buffer = &mut buffer[..count];
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

    /// What was read came to so many frames. Few large ones are read faster; what many small ones come to
    /// has to be kept until their turns, so less is read of them.
    pub(in crate::net) fn said(&mut self, frames: usize) {
        self.read_bytes = if frames <= FRAMES_PER_TURN {
            READ_BYTES.min(2 * self.read_bytes)
        } else {
            READ_BYTES_MIN
        };
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
            Phase::Refusing(_)
            | Phase::Listening
            | Phase::Leaving(_)
            | Phase::Ending
            | Phase::Draining => {}
        }
    }

    fn upgrade(&mut self, scene: &Scene<'_>, happened: &mut Vec<Happened>) {
        let Phase::Upgrading(request) = &mut self.phase else { return };
        match http::judge(request, scene.config, scene.trouble) {
            Verdict::Incomplete => {}
            Verdict::Answer(answer) => self.end(answer, scene),
            Verdict::Refuse { answer, words, is_wrong_token } => {
                self.refused = Some(Refused { words, is_wrong_token });
                if is_wrong_token && !scene.delay.is_zero() {
                    self.phase = Phase::Refusing(answer);
                    self.due = Some(scene.now + scene.delay);
                } else {
                    self.end(answer, scene);
                }
            }
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
    pub(super) fn greet(
        &mut self,
        said: Vec<Said>,
        scene: &Scene<'_>,
        happened: &mut Vec<Happened>,
    ) {
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
            Phase::Upgrading(_)
            | Phase::Refusing(_)
            | Phase::Draining
            | Phase::Talking(Inbound::WebSocket(_)) => Fate::Gone,
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
