//! Clients that close the loop: they remember what they sent and what was answered, come back, send
//! again, and catch up from where they were.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

use pi_server::world::Link;
use pi_server_core::ConnId;
use pi_server_core::command::{Class, CommandKind};
use pi_server_core::input::Transport;
use pi_server_model::entropy::Entropy;
use serde_json::Value;

use crate::pipe::ClientEnd;

/// Key of the masked frames; any will do.
const MASK: [u8; 4] = [7, 1, 8, 2];
/// Commands that may be sent again.
const REMEMBERED: usize = 24;

/// What a connection has told its client, for the oracle.
#[derive(Clone, Debug)]
pub struct Transcript {
    /// The daemon life it was in.
    pub life: usize,
    /// The connection, if the daemon ever knew one.
    pub conn: Option<ConnId>,
    /// Whole frames, in order.
    pub received: Vec<String>,
    /// The client read everything that was sent to it until the run was over.
    pub complete: bool,
}

/// A connection as its client sees it.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each can be so without the others")]
pub struct Line {
    /// The client's end.
    pub end: ClientEnd,
    /// Its name in the daemon.
    pub link: Link,
    /// What the oracle needs.
    pub transcript: Transcript,
    /// Bytes on their way to the daemon.
    pub outgoing: VecDeque<u8>,
    /// The client reads nothing for now.
    pub is_slow: bool,
    /// It has ended its half.
    pub half_closed: bool,
    inbox: Vec<u8>,
    /// Its ids are those of the client's name. Not if its `hello` came too late: section 2.3.
    is_named: bool,
    is_web: bool,
    is_upgraded: bool,
    /// Sessions that this connection was ever subscribed to.
    joined: BTreeSet<String>,
    /// The daemon's, as its greeting told.
    epoch: String,
    /// Sessions of which this connection has given its cursor, and was told if it was a wrong one.
    confirmed: BTreeSet<String>,
}

/// A client.
#[derive(Debug)]
pub struct Client {
    number: usize,
    name: Option<String>,
    /// How it comes.
    pub transport: Transport,
    /// Its connection.
    pub line: Option<Line>,
    sent: VecDeque<(String, String)>,
    /// What it sent long ago: late duplicates are of these.
    long_ago: Vec<String>,
    next: u64,
    /// The newest event of each session, and the epoch in which it came.
    cursors: BTreeMap<String, (u64, String)>,
    /// The events of each session that it believes to have happened.
    believed: BTreeMap<String, BTreeMap<u64, String>>,
    /// Of ids, in the namespace of the client's name or in the one that all share.
    outcomes: BTreeMap<(bool, String), String>,
    dialogs: Vec<(String, String)>,
    /// Parts of the journal are dropped, and a mutation of these runs again when it is sent again.
    pub is_forgotten_early: bool,
    /// What it found wrong.
    pub complaint: Option<String>,
    /// Outcomes that it was given again.
    pub replays: u64,
    /// Gap frames.
    pub gaps: u64,
    /// Those that spoke of a future that was lost.
    pub lost: u64,
    /// It tells the epoch of its cursors.
    tells_epoch: bool,
}

impl Client {
    /// A client that has never been there.
    pub fn new(number: usize, entropy: &mut Entropy<'_>) -> Client {
        let name = entropy.once_in(2).then(|| format!("client{number}"));
        let transport = if entropy.once_in(2) { Transport::WebSocket } else { Transport::Unix };
        Client {
            number,
            name,
            transport,
            line: None,
            sent: VecDeque::new(),
            long_ago: Vec::new(),
            next: 0,
            cursors: BTreeMap::new(),
            believed: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            dialogs: Vec::new(),
            is_forgotten_early: false,
            complaint: None,
            replays: 0,
            gaps: 0,
            lost: 0,
            tells_epoch: entropy.once_in(2),
        }
    }

    /// It has connected.
    pub fn connected(&mut self, end: ClientEnd, link: Link, life: usize) {
        let is_web = self.transport == Transport::WebSocket;
        let hello = match (&self.name, is_web) {
            (name, true) => {
                let query = name.as_ref().map_or(String::new(), |name| format!("?client={name}"));
                format!(
                    "GET /{query} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
                     Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                )
            }
            (Some(name), false) => format!("{{\"type\":\"hello\",\"client\":\"{name}\"}}\n"),
            (None, false) => String::new(),
        };
        self.line = Some(Line {
            end,
            link,
            transcript: Transcript { life, conn: None, received: Vec::new(), complete: false },
            outgoing: hello.into_bytes().into(),
            is_slow: false,
            half_closed: false,
            inbox: Vec::new(),
            is_named: self.name.is_some(),
            is_web,
            is_upgraded: false,
            joined: BTreeSet::new(),
            epoch: String::new(),
            confirmed: BTreeSet::new(),
        });
    }

    /// Forgets what it was told: the daemon may have forgotten it too. Cursors it keeps: the daemon
    /// has to know those of a future that was lost.
    pub fn excuse(&mut self) {
        self.outcomes.clear();
    }

    /// Sends a new command.
    pub fn command(&mut self, entropy: &mut Entropy<'_>, demo: bool) {
        let number = self.next;
        self.next += 1;
        let id = format!("c{}-{number}", self.number);
        let Some(line) = &mut self.line else { return };
        if line.half_closed {
            return;
        }
        let session = format!("s{}", entropy.below(3));
        let older = self.sent.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
        let mut rest = command(entropy, &session, &older, demo, &self.dialogs);
        if rest.contains("switch_session") {
            // Twice on one connection would repeat events, as it asks for.
            if !line.joined.insert(session.clone()) {
                return;
            }
            if let Some(place) = self.cursors.get(&session) {
                rest.push_str(&cursor(place, self.tells_epoch));
            }
        }
        if entropy.once_in(6) && !older.is_empty() {
            let _ = write!(rest, r#","dependsOn":["{}"]"#, entropy.pick(&older));
        }
        if entropy.once_in(12) {
            let _ = write!(rest, r#","idempotencyKey":"k{}""#, entropy.below(6));
        }
        if entropy.once_in(16) {
            let _ = write!(rest, r#","timeoutMs":{}"#, 1 + entropy.below(2_000));
        }
        let frame = format!(r#"{{"id":"{id}",{rest}}}"#);
        line.send(frame.as_bytes());
        self.sent.push_back((id, frame));
        if self.sent.len() > REMEMBERED
            && let Some((_, frame)) = self.sent.pop_front()
        {
            self.long_ago.push(frame);
        }
    }

    /// Sends so many commands at once that others who read slowly fall behind.
    pub fn flood(&mut self, entropy: &mut Entropy<'_>) {
        let Some(line) = self.line.as_mut().filter(|line| !line.half_closed) else { return };
        let count = 20 + entropy.below(120);
        let session = entropy.below(3);
        for _ in 0..count {
            let id = format!("c{}-{}", self.number, self.next);
            self.next += 1;
            let rest = match entropy.below(3) {
                0 => r#""type":"health_check""#.to_owned(),
                1 => format!(r#""type":"get_state","sessionId":"s{session}""#),
                _ => format!(r#""type":"set_session_name","sessionId":"s{session}","name":"n""#),
            };
            line.send(format!(r#"{{"id":"{id}",{rest}}}"#).as_bytes());
        }
    }

    /// Sends an earlier command again.
    pub fn again(&mut self, entropy: &mut Entropy<'_>) -> bool {
        let Some(line) = self.line.as_mut().filter(|line| !line.half_closed) else { return false };
        let late = !self.long_ago.is_empty() && entropy.once_in(2);
        let recent = self.sent.iter().map(|(_, frame)| frame).filter(|_| !late);
        let frames: Vec<&String> = self
            .long_ago
            .iter()
            .filter(|_| late)
            .chain(recent)
            .filter(|frame| !frame.contains("switch_session"))
            .collect();
        if frames.is_empty() {
            return false;
        }
        line.send(entropy.pick(&frames).as_bytes());
        true
    }

    /// After a reconnect: sends what was not answered, and asks for the events it missed.
    pub fn come_back(&mut self) {
        let Some(line) = &mut self.line else { return };
        for (id, frame) in &self.sent {
            let known = self.outcomes.contains_key(&(line.is_named, id.clone()));
            if !known && !frame.contains("switch_session") {
                line.send(frame.as_bytes());
            }
        }
        for (session, place) in &self.cursors {
            if line.joined.insert(session.clone()) {
                let id = format!("c{}-{}", self.number, self.next);
                self.next += 1;
                let cursor = cursor(place, self.tells_epoch);
                let frame = format!(
                    r#"{{"id":"{id}","type":"switch_session","sessionId":"{session}"{cursor}}}"#
                );
                line.send(frame.as_bytes());
            }
        }
    }

    /// Events that it believes to have happened, since the daemon has not said otherwise although it
    /// could: by session and place. Only a client that tells epochs is told of every lost future.
    pub fn believes(&self) -> impl Iterator<Item = (&str, u64, &str)> {
        let confirmed = self.line.iter().filter(|_| self.tells_epoch);
        let confirmed = confirmed.flat_map(|line| &line.confirmed);
        let events = confirmed.filter_map(|id| Some((id, self.believed.get(id)?)));
        events.flat_map(|(id, events)| events.iter().map(|(at, text)| (&**id, *at, &**text)))
    }

    /// Sends something that is no command.
    pub fn garbage(&mut self, entropy: &mut Entropy<'_>) {
        let Some(line) = self.line.as_mut().filter(|line| !line.half_closed) else { return };
        let text = *entropy.pick(&["{", "[]", "{\"type\":\"nothing\"}", "{\"id\":7}", "\u{1}"]);
        line.send(text.as_bytes());
    }

    /// Takes in what the line has brought, and looks whether it agrees with what it knows.
    pub fn hear(&mut self) {
        let Some(line) = &mut self.line else { return };
        let before = line.transcript.received.len();
        line.parse();
        for at in before..line.transcript.received.len() {
            let Ok(frame) = serde_json::from_str::<Value>(&line.transcript.received[at]) else {
                self.complaint = Some(format!("no JSON: {}", line.transcript.received[at]));
                return;
            };
            match frame["type"].as_str() {
                Some("event") => {
                    if let (Some(session), Some(cursor)) =
                        (frame["sessionId"].as_str(), frame["cursor"].as_u64())
                    {
                        let last = self.cursors.entry(session.to_owned()).or_default();
                        if cursor >= last.0 {
                            *last = (cursor, line.epoch.clone());
                        }
                        let believed = self.believed.entry(session.to_owned()).or_default();
                        believed.insert(cursor, line.transcript.received[at].clone());
                        if frame["event"]["type"] == "extension_ui_request"
                            && let Some(request) = frame["event"]["requestId"].as_str()
                        {
                            self.dialogs.push((session.to_owned(), request.to_owned()));
                        }
                    }
                }
                Some("server_ready") => {
                    let epoch = frame["data"]["epoch"].as_str().unwrap_or_default();
                    epoch.clone_into(&mut line.epoch);
                }
                Some("gap") if frame["data"]["lost"] == true => {
                    self.lost += 1;
                    if let (Some(session), Some(from)) =
                        (frame["data"]["sessionId"].as_str(), frame["data"]["fromSeq"].as_u64())
                    {
                        let place = (from.saturating_sub(1), line.epoch.clone());
                        self.cursors.insert(session.to_owned(), place);
                        let holds = if frame["data"]["exact"] == true { from } else { 0 };
                        if let Some(believed) = self.believed.get_mut(session) {
                            believed.split_off(&holds);
                        }
                    }
                }
                Some("gap") => self.gaps += 1,
                Some("response") if frame["command"] == "hello" => line.is_named = false,
                Some("response") => {
                    if frame["command"] == "switch_session"
                        && let Some(id) = frame["data"]["sessionInfo"]["sessionId"].as_str()
                    {
                        line.confirmed.insert(id.to_owned());
                    }
                    let wrong =
                        response(&mut self.outcomes, line.is_named, &mut self.replays, frame);
                    if let Some(text) = wrong.filter(|_| !self.is_forgotten_early) {
                        self.complaint = Some(text);
                    }
                }
                _ => {}
            }
        }
    }

    /// The connection is over; what it told.
    pub fn disconnected(&mut self) -> Option<Transcript> {
        self.line.take().map(|line| line.transcript)
    }
}

/// The fields of a cursor.
fn cursor((place, epoch): &(u64, String), tells_epoch: bool) -> String {
    if tells_epoch {
        format!(r#","cursor":{place},"epoch":"{epoch}""#)
    } else {
        format!(r#","cursor":{place}"#)
    }
}

/// Section 6.2: the id of a mutation has the same answer, for ever. Says what is wrong.
fn response(
    outcomes: &mut BTreeMap<(bool, String), String>,
    is_named: bool,
    replays: &mut u64,
    mut frame: Value,
) -> Option<String> {
    // Only what was admitted has an outcome.
    frame.get("laneSequence")?;
    let id = frame["id"].as_str()?.to_owned();
    let object = frame.as_object_mut()?;
    if object.remove("replayed").is_some() {
        *replays += 1;
    }
    if object.get("data").is_some_and(|data| data.get("erased").is_some()) {
        return None;
    }
    let kind = object.get("command").and_then(Value::as_str).and_then(CommandKind::from_name);
    if kind.is_none_or(|kind| kind.row().class == Class::Read) {
        // A late duplicate of a read runs again.
        return None;
    }
    let text = frame.to_string();
    let known = outcomes.entry((is_named, id.clone())).or_insert_with(|| text.clone());
    if known.contains("outcome_unknown") {
        // An operator may have found out since; what that said stays.
        *known = text;
        return None;
    }
    (*known != text).then(|| format!("{id} was answered twice: {known} and {text}"))
}

impl Line {
    fn send(&mut self, payload: &[u8]) {
        self.frame(0x81, payload);
    }

    fn frame(&mut self, first: u8, payload: &[u8]) {
        if !self.is_web {
            self.outgoing.extend(payload);
            self.outgoing.push_back(b'\n');
            return;
        }
        self.outgoing.push_back(first);
        match u16::try_from(payload.len()) {
            Ok(length @ ..126) => self.outgoing.push_back(0x80 | length.to_be_bytes()[1]),
            Ok(length) => {
                self.outgoing.push_back(0xfe);
                self.outgoing.extend(length.to_be_bytes());
            }
            Err(_) => {
                self.outgoing.push_back(0xff);
                self.outgoing.extend((payload.len() as u64).to_be_bytes());
            }
        }
        self.outgoing.extend(MASK);
        self.outgoing.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    }

    /// Bytes that the client has read.
    pub fn inbox(&mut self) -> &mut Vec<u8> {
        &mut self.inbox
    }

    fn parse(&mut self) {
        let mut taken = 0;
        if self.is_web && !self.is_upgraded {
            let end = self.inbox.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            let Some(end) = end else { return };
            self.is_upgraded = true;
            taken = end + 4;
        }
        while let Some((opcode, used, payload)) = self.next_frame(taken) {
            taken += used;
            match opcode {
                // A ping is answered, whatever else happens.
                0x89 if !self.half_closed => self.frame(0x8a, &payload),
                0x81 => {
                    let text = String::from_utf8_lossy(&payload).into_owned();
                    self.transcript.received.push(text);
                }
                _ => {}
            }
        }
        self.inbox.drain(..taken);
    }

    /// The frame that begins at `at`: what it is, its length, what it holds.
    fn next_frame(&self, at: usize) -> Option<(u8, usize, Vec<u8>)> {
        let inbox = self.inbox.get(at..)?;
        if !self.is_web {
            let length = inbox.iter().position(|byte| *byte == b'\n')?;
            return Some((0x81, length + 1, inbox[..length].to_vec()));
        }
        let (head, length) = match *inbox.get(1)? {
            126 => (4, usize::from(u16::from_be_bytes(inbox.get(2..4)?.try_into().ok()?))),
            127 => {
                let length = u64::from_be_bytes(inbox.get(2..10)?.try_into().ok()?);
                (10, usize::try_from(length).ok()?)
            }
            length => (2, usize::from(length)),
        };
        let payload = inbox.get(head..head + length)?.to_vec();
        Some((inbox[0], head + length, payload))
    }
}

/// The fields of a command behind its id.
fn command(
    entropy: &mut Entropy<'_>,
    session: &str,
    older: &[String],
    demo: bool,
    dialogs: &[(String, String)],
) -> String {
    let of = |kind: &str| format!(r#""type":"{kind}","sessionId":"{session}""#);
    let none = String::from("none");
    match entropy.weighted(&[12, 14, 6, 4, 3, 4, 2, 2, 2, 2, 2, 3, 2, 3, 3, 3, 2, 1, 1, 2]) {
        0 => of("create_session"),
        1 => format!(r#"{},"message":"{}""#, of("prompt"), message(entropy, demo)),
        2 => of("switch_session"),
        3 => of("get_state"),
        4 => of("get_messages"),
        5 => format!(r#"{},"command":"ls""#, of("bash")),
        6 => format!(r#"{},"message":"go on""#, of("steer")),
        7 => format!(r#"{},"message":"and then""#, of("follow_up")),
        8 => of("abort"),
        9 => of("unsubscribe"),
        10 => of("delete_session"),
        11 => r#""type":"list_sessions""#.to_owned(),
        12 => r#""type":"get_metrics""#.to_owned(),
        13 => r#""type":"get_command_history","limit":5"#.to_owned(),
        14 => format!(r#""type":"cancel_command","commandId":"{}""#, pick(entropy, older, &none)),
        15 => match dialogs.last() {
            Some((session, request)) => format!(
                r#""type":"extension_ui_response","sessionId":"{session}","requestId":"{request}","response":{{"method":"confirm","confirmed":true}}"#
            ),
            None => format!(
                r#"{},"requestId":"d{}","response":{{"method":"cancelled"}}"#,
                of("extension_ui_response"),
                entropy.below(8)
            ),
        },
        16 => {
            let interest = *entropy.pick(&["all", "related", "own", "none"]);
            format!(r#""type":"set_interest","lifecycle":"{interest}""#)
        }
        17 => format!(
            r#""type":"reconcile_command","commandId":"{}","outcome":"failed""#,
            pick(entropy, older, &none)
        ),
        18 => r#""type":"health_check""#.to_owned(),
        _ => format!(r#"{},"name":"n{}""#, of("set_session_name"), entropy.below(9)),
    }
}

fn pick<'a>(entropy: &mut Entropy<'_>, from: &'a [String], none: &'a String) -> &'a String {
    if from.is_empty() { none } else { entropy.pick(from) }
}

fn message(entropy: &mut Entropy<'_>, demo: bool) -> String {
    if demo {
        let tags = [
            "hello",
            "[words:40][delay:20]",
            "[ask:confirm 300]",
            "[ask:input 60000]",
            "[stall]",
            "[noack]",
            "[error:busy*2]",
            "[fail:no]",
            "[die]",
            "[junk]",
            "[tool:ls][words:5]",
            "[say:fine]",
        ];
        return (*entropy.pick(&tags)).to_owned();
    }
    let length = match entropy.weighted(&[8, 3, 1]) {
        0 => entropy.below(40),
        1 => entropy.below(3_000),
        _ => entropy.below(30_000),
    };
    "m".repeat(usize::try_from(length).unwrap_or(0).max(1))
}
