//! Clients that cost little: one thread, frames that are looked at only as far as they must be.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

/// How a server is put under load.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    /// Commands without an answer on each connection.
    pub(crate) in_flight: usize,
    /// Every connection gets three lifecycle frames for every command.
    pub(crate) fan_out: bool,
    /// Connections that do nothing, with other interests and with subscriptions.
    pub(crate) crowd: usize,
    /// What is sent, and why each connection gets the frames of all.
    pub(crate) work: Work,
    pub(crate) seconds: Duration,
}

/// What the connections of a load send.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// `health_check`; each connection has the interest `all`.
    Health,
    /// `get_state` of [`SESSIONS`] sessions; each connection has the interest `all`.
    States,
    /// The same, and each connection is subscribed to all sessions, with the interest `related`.
    StatesOfRelated,
    /// `health_check`; each connection has the interest `own`.
    HealthOfOwn,
}

/// Sessions that there are where sessions are asked for.
const SESSIONS: usize = 16;

/// What a run has shown.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Time before measuring begins.
const WARM_UP: Duration = Duration::from_millis(500);

/// A WebSocket connection after its handshake, with what came behind the handshake.
pub(crate) fn connect(address: SocketAddr, path: &str) -> (TcpStream, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("a server that listens");
    stream.set_nodelay(true).expect("an option of TCP");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("a request is sent");
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).expect("a response");
        assert!(read > 0, "the server has closed: {}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&piece[..read]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            assert!(bytes.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&bytes));
            return (stream, bytes.split_off(end + 4));
        }
    }
}

/// Puts a server under load and checks what it answers.
pub(crate) fn run(address: SocketAddr, path: &str, greeting: usize, load: Load) -> Measured {
    let mut poll = Poll::new().expect("an event queue");
    let _crowd = crowd(address, path, load);
    let lines: Vec<_> =
        (0..load.connections).map(|_| prepare(connect(address, path), load.work)).collect();
    let mut clients = Vec::new();
    for (number, line) in lines.into_iter().enumerate() {
        // Only now, or each would be sent what the others did to be prepared.
        let line = match interest(load.work) {
            Some(interest) => set_up(line, vec![set_interest(interest)]),
            None => line,
        };
        let greeting =
            if load.work == Work::Health || load.work == Work::States { greeting } else { 0 };
        clients.push(Client::new(number, line, (greeting, load.work), &poll));
    }
    let mut run = Run {
        measured_from: Instant::now() + WARM_UP,
        until: Instant::now() + WARM_UP + load.seconds,
        latencies: Vec::new(),
    };
    for client in &mut clients {
        client.ask(load.in_flight);
    }
    let mut events = Events::with_capacity(1024);
    // What is in flight at the end is waited for.
    while clients.iter().any(|client| !client.asked.is_empty()) {
        poll.poll(&mut events, Some(Duration::from_secs(30))).expect("events");
        assert!(!events.is_empty(), "the server has gone silent");
        for event in &events {
            clients[event.token().0].hear(&mut run);
        }
    }
    let asked: u64 = clients.iter().map(|client| client.sent).sum();
    if load.fan_out {
        for client in &mut clients {
            client.hear_until(3 * asked);
        }
    }
    run.measured()
}

/// What a client that floods sends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Flood {
    /// Commands.
    Commands,
    /// Commands with an idempotency key each.
    Keyed,
    /// What is no command.
    Malformed,
}

/// A client that sends as much as it can, and reads what comes, until this is dropped.
pub(crate) struct Flooder {
    stream: TcpStream,
    threads: Vec<JoinHandle<u64>>,
}

impl Flooder {
    /// Begins to flood.
    pub(crate) fn start(address: SocketAddr, path: &str, flood: Flood) -> Flooder {
        let (stream, _) = connect(address, path);
        let create = r#""type":"create_session","sessionId":"flooded""#.to_owned();
        let (stream, _) = set_up((stream, Vec::new()), vec![create]);
        let clone = || stream.try_clone().expect("a socket can be shared");
        let (mut reads, mut writes) = (clone(), clone());
        let reader = std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 20];
            let mut bytes = 0;
            while let Ok(read @ 1..) = reads.read(&mut buffer) {
                bytes += read as u64;
            }
            bytes
        });
        let writer = std::thread::spawn(move || {
            let mut sent = 0;
            loop {
                let mut bytes = Vec::new();
                for _ in 0..64 {
                    sent += 1;
                    let frame = match flood {
                        Flood::Commands => format!(r#"{{"id":"f{sent}","type":"health_check"}}"#),
                        Flood::Keyed => format!(
                            r#"{{"id":"f{sent}","type":"get_state","sessionId":"flooded","idempotencyKey":"{sent}"}}"#
                        ),
                        Flood::Malformed => "{".to_owned(),
                    };
                    let length = u8::try_from(frame.len()).expect("a short frame");
                    bytes.extend_from_slice(&[0x81, 0x80 | length, 0, 0, 0, 0]);
                    bytes.extend_from_slice(frame.as_bytes());
                }
                if writes.write_all(&bytes).is_err() {
                    return sent;
                }
            }
        });
        Flooder { stream, threads: vec![writer, reader] }
    }

    /// Ends the flood and returns how many frames were sent.
    pub(crate) fn stop(self) -> u64 {
        self.stream.shutdown(Shutdown::Both).expect("a socket can be shut");
        let ended = self.threads.into_iter().map(|thread| thread.join().expect("no panic"));
        ended.collect::<Vec<_>>()[0]
    }
}

/// The interest that each connection of a load has, if it is not the one that it has by itself.
fn interest(work: Work) -> Option<&'static str> {
    match work {
        Work::Health | Work::States => None,
        Work::StatesOfRelated => Some("related"),
        Work::HealthOfOwn => Some("own"),
    }
}

fn set_interest(interest: &str) -> String {
    format!(r#""type":"set_interest","lifecycle":"{interest}""#)
}

/// Subscribes a connection to what its load needs.
fn prepare(line: (TcpStream, Vec<u8>), work: Work) -> (TcpStream, Vec<u8>) {
    if work != Work::StatesOfRelated {
        return line;
    }
    let subscribe =
        (0..SESSIONS).map(|number| format!(r#""type":"switch_session","sessionId":"s{number}""#));
    set_up(line, [set_interest("none")].into_iter().chain(subscribe).collect())
}

/// Opens the sessions, and the connections that do nothing.
fn crowd(address: SocketAddr, path: &str, load: Load) -> Vec<TcpStream> {
    let create = (0..SESSIONS)
        .map(|number| format!(r#""type":"create_session","sessionId":"s{number}""#))
        .collect();
    let mut crowd = Vec::new();
    if load.crowd > 0 || load.work != Work::Health {
        crowd.push(set_up(connect(address, path), create).0);
    }
    for number in 0..load.crowd {
        let interest = ["own", "related", "none"][number % 3];
        let mut commands = vec![set_interest(interest)];
        // Some are subscribed to a session of which nothing is asked.
        if load.work == Work::Health && number % 2 == 0 {
            let session = number % SESSIONS;
            commands.push(format!(r#""type":"switch_session","sessionId":"s{session}""#));
        }
        crowd.push(set_up(connect(address, path), commands).0);
    }
    crowd
}

/// Sends commands one after the other and waits for the response of each.
fn set_up(
    (mut stream, mut input): (TcpStream, Vec<u8>),
    commands: Vec<String>,
) -> (TcpStream, Vec<u8>) {
    static SET_UPS: AtomicU64 = AtomicU64::new(0);
    for command in commands {
        let number = SET_UPS.fetch_add(1, Ordering::Relaxed);
        let id = format!(r#""id":"{SET_UP}{number}""#);
        let frame = format!("{{{id},{command}}}");
        let length = u8::try_from(frame.len()).expect("a short frame");
        stream.write_all(&[0x81, 0x80 | length, 0, 0, 0, 0]).expect("a command is sent");
        stream.write_all(frame.as_bytes()).expect("a command is sent");
        let (mut at, mut is_answered) = (0, false);
        while !is_answered {
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece).expect("a response");
            assert!(read > 0, "the server has closed");
            input.extend_from_slice(&piece[..read]);
            while let Some((payload, end)) = frame_at(&input, at) {
                let text = String::from_utf8_lossy(payload);
                if text.contains(r#""type":"response""#) && text.contains(&id) {
                    assert!(text.contains(r#""success":true"#), "{command}: {text}");
                    is_answered = true;
                }
                at = end;
            }
        }
        // Of what came until then only the greeting counts, and that has come first.
        input.drain(..at);
    }
    (stream, input)
}

/// How the ids of commands begin that are not part of a load.
const SET_UP: char = 'x';

struct Run {
    measured_from: Instant,
    until: Instant,
    latencies: Vec<Duration>,
}

impl Run {
    fn measured(mut self) -> Measured {
        self.latencies.sort_unstable();
        let count = self.latencies.len();
        assert!(count > 0, "nothing was answered");
        let time = self.until - self.measured_from;
        Measured {
            per_second: count as f64 / time.as_secs_f64(),
            p50: self.latencies[count / 2],
            p99: self.latencies[count * 99 / 100],
        }
    }
}

struct Client {
    number: usize,
    stream: mio::net::TcpStream,
    /// What has come of a frame that is not complete.
    input: Vec<u8>,
    /// When each command without an answer was sent, and its number.
    asked: VecDeque<(Instant, u64)>,
    sent: u64,
    /// Lifecycle frames so far.
    lifecycle: u64,
    greeting: usize,
    /// The fields of its commands behind the id.
    command: String,
}

impl Client {
    fn new(
        number: usize,
        (stream, input): (TcpStream, Vec<u8>),
        (greeting, work): (usize, Work),
        poll: &Poll,
    ) -> Client {
        let command = match work {
            Work::Health | Work::HealthOfOwn => r#""type":"health_check""#.to_owned(),
            Work::States | Work::StatesOfRelated => {
                format!(r#""type":"get_state","sessionId":"s{}""#, number % SESSIONS)
            }
        };
        stream.set_nonblocking(true).expect("an option of the socket");
        let mut stream = mio::net::TcpStream::from_std(stream);
        poll.registry()
            .register(&mut stream, Token(number), Interest::READABLE)
            .expect("a socket can be waited for");
        let asked = VecDeque::new();
        Client { number, stream, input, asked, sent: 0, lifecycle: 0, greeting, command }
    }

    /// Sends commands.
    fn ask(&mut self, count: usize) {
        let now = Instant::now();
        let mut bytes = Vec::new();
        for _ in 0..count {
            self.sent += 1;
            let (client, command) = (self.number, self.sent);
            let frame = format!(r#"{{"id":"{client}-{command}",{}}}"#, self.command);
            let length = u8::try_from(frame.len()).expect("a short frame");
            assert!(length < 126, "a short frame");
            // A mask of zeros leaves the text as it is.
            bytes.extend_from_slice(&[0x81, 0x80 | length, 0, 0, 0, 0]);
            bytes.extend_from_slice(frame.as_bytes());
            self.asked.push_back((now, command));
        }
        // A few commands of some forty bytes always fit into the socket.
        self.stream.write_all(&bytes).expect("commands are sent");
    }

    fn hear(&mut self, run: &mut Run) {
        let mut answered = 0;
        while self.read() {
            answered += self.take(run);
        }
        answered += self.take(run);
        if Instant::now() < run.until && answered > 0 {
            self.ask(answered);
        }
    }

    /// Waits for the lifecycle frames that are still on their way.
    fn hear_until(&mut self, lifecycle: u64) {
        let patience = Instant::now() + Duration::from_secs(30);
        let mut nothing = Run { measured_from: patience, until: patience, latencies: Vec::new() };
        while self.lifecycle < lifecycle {
            assert!(Instant::now() < patience, "{} of {lifecycle} frames", self.lifecycle);
            self.read();
            self.take(&mut nothing);
        }
        assert_eq!(self.lifecycle, lifecycle, "three frames for every command");
    }

    /// Whether something was there to be read.
    fn read(&mut self) -> bool {
        const PIECE: usize = 64 << 10;
        let before = self.input.len();
        self.input.resize(before + PIECE, 0);
        let read = match self.stream.read(&mut self.input[before..]) {
            Ok(0) => panic!("the server has closed connection {}", self.number),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) if error.kind() == ErrorKind::Interrupted => 0,
            Err(error) => panic!("connection {}: {error}", self.number),
        };
        self.input.truncate(before + read);
        read > 0
    }

    /// Takes the frames that have come; how many were answers.
    fn take(&mut self, run: &mut Run) -> usize {
        let (mut at, mut answered) = (0, 0);
        let input = std::mem::take(&mut self.input);
        while let Some((payload, end)) = frame_at(&input, at) {
            at = end;
            if payload.starts_with(br#"{"type":"command_"#) {
                self.lifecycle += u64::from(!is_set_up(payload));
            } else if self.greeting > 0 {
                self.greeting -= 1;
            } else {
                self.answer(payload, run);
                answered += 1;
            }
        }
        self.input = input;
        self.input.drain(..at);
        answered
    }

    fn answer(&mut self, payload: &[u8], run: &mut Run) {
        let now = Instant::now();
        let (asked, command) = self.asked.pop_front().expect("an answer to a command");
        let id = format!(r#""id":"{}-{command}""#, self.number);
        let has = |text: &str| payload.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(has(&id), "{id} is next: {}", String::from_utf8_lossy(payload));
        // An echo has no success to tell of.
        assert!(!has(r#""success":false"#), "{}", String::from_utf8_lossy(payload));
        if now >= run.measured_from && now < run.until {
            run.latencies.push(now - asked);
        }
    }
}

/// Returns true if a lifecycle frame is of a command that is not part of the load. Looks only at the
/// place where the id is: there are millions of these frames.
fn is_set_up(payload: &[u8]) -> bool {
    const ID_AT: usize = br#"{"type":"command_started","data":{"commandId":""#.len();
    let is_started = payload.get(17) == Some(&b's');
    payload.get(ID_AT + usize::from(!is_started)) == Some(&(SET_UP as u8))
}

/// The payload of the frame that begins at `at`, and where the next one begins.
fn frame_at(input: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let head = input.get(at..at + 2)?;
    assert_eq!(head[0], 0x81, "a whole text message");
    let (length, start) = match head[1] {
        126 => {
            let bytes = input.get(at + 2..at + 4)?;
            (usize::from(u16::from_be_bytes([bytes[0], bytes[1]])), at + 4)
        }
        127 => panic!("no frame is that long"),
        length => (usize::from(length), at + 2),
    };
    Some((input.get(start..start + length)?, start + length))
}
