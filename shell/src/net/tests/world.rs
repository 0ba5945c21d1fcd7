//! A loop with [`Net`] in it, and clients on real sockets. Everything runs in one thread: whoever
//! waits for something turns the loop meanwhile.

#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use tempfile::TempDir;

use crate::net::{Config, Happened, Link, Net};

/// Far longer than anything takes, so that a test that waits in vain fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(20);
const MASK: [u8; 4] = [1, 2, 3, 4];

/// The loop.
pub(super) struct World {
    poll: Poll,
    events: Events,
    pub(super) net: Net,
    /// What happened and was not looked at.
    pub(super) happened: Vec<Happened>,
    dir: TempDir,
}

impl World {
    /// A world that listens on a free port and on a Unix socket.
    pub(super) fn new(config: Config) -> World {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let config = Config {
            listen: Some(([127, 0, 0, 1], 0).into()),
            unix: Some(dir.path().join("socket")),
            ..config
        };
        let poll = Poll::new().expect("an event queue can be had");
        let net = Net::bind(config, poll.registry(), Token(7)).expect("the addresses are free");
        let events = Events::with_capacity(256);
        World { poll, events, net, happened: Vec::new(), dir }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    /// One turn of the loop. What the test has queued is written at its end.
    pub(super) fn turn(&mut self) {
        self.turn_within(Duration::ZERO);
    }

    fn turn_within(&mut self, wait: Duration) {
        let wait = if self.net.has_backlog() { Duration::ZERO } else { wait };
        match self.poll.poll(&mut self.events, Some(wait)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("the event queue fails: {error}"),
        }
        let now = Instant::now();
        for event in &self.events {
            assert!(self.net.owns(event.token()));
            self.net.poll(event, now, &mut self.happened);
        }
        self.net.tick(now, &mut self.happened);
        self.net.flush();
    }

    /// Turns the loop until `look` finds what it looks for.
    #[track_caller]
    pub(super) fn until<T>(&mut self, mut look: impl FnMut(&mut World) -> Option<T>) -> T {
        let start = Instant::now();
        for turns in 0.. {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(start.elapsed() < PATIENCE, "waited in vain; happened: {:?}", self.happened);
            // At first there is something to do in each turn; after that only time can help.
            self.turn_within(Duration::from_millis(u64::from(turns > 20)));
        }
        unreachable!("patience ends before the numbers do")
    }

    /// Waits for the next thing that happens.
    #[track_caller]
    pub(super) fn next(&mut self) -> Happened {
        self.until(|world| (!world.happened.is_empty()).then(|| world.happened.remove(0)))
    }

    /// A WebSocket client that has been let in and admitted.
    #[track_caller]
    pub(super) fn web(&mut self) -> (Link, Client) {
        let mut client = self.web_stranger("/", "");
        let head = self.until(|_| client.http());
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let link = self.opened();
        self.net.admit(link);
        (link, client)
    }

    /// A Unix client that has been let in and admitted.
    #[track_caller]
    pub(super) fn unix(&mut self) -> (Link, Client) {
        let client = self.unix_stranger();
        let link = self.opened();
        self.net.admit(link);
        (link, client)
    }

    /// A TCP client that has sent a request.
    pub(super) fn web_stranger(&mut self, target: &str, headers: &str) -> Client {
        let mut client = self.tcp_stranger();
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        client.write(request.as_bytes());
        client
    }

    pub(super) fn tcp_stranger(&mut self) -> Client {
        let address = self.net.local_addr().expect("it listens");
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_nonblocking(true).expect("a socket can be told");
        Client::new(Stream::Tcp(stream))
    }

    pub(super) fn unix_stranger(&mut self) -> Client {
        let stream = UnixStream::connect(self.path()).expect("somebody listens");
        stream.set_nonblocking(true).expect("a socket can be told");
        Client::new(Stream::Unix(stream))
    }

    #[track_caller]
    pub(super) fn opened(&mut self) -> Link {
        match self.next() {
            Happened::Opened { link, .. } => link,
            other => panic!("expected Opened, got {other:?}"),
        }
    }

    /// Waits until a client has received a frame; answers with it.
    #[track_caller]
    pub(super) fn received(&mut self, client: &mut Client) -> String {
        self.until(|_| client.frame())
    }

    /// Waits until a client's connection has ended, having received nothing more.
    #[track_caller]
    pub(super) fn ended(&mut self, client: &mut Client) {
        self.until(|_| client.is_ended().then_some(()));
        assert_eq!(client.inbox[client.taken..], *b"", "nothing follows");
    }
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A client.
pub(super) struct Client {
    stream: Stream,
    /// What was read; the first `taken` bytes of it were looked at.
    inbox: Vec<u8>,
    taken: usize,
    has_ended: bool,
    /// Whether frames are WebSocket frames by now.
    pub(super) is_web: bool,
}

impl Client {
    fn new(stream: Stream) -> Client {
        Client { stream, inbox: Vec::new(), taken: 0, has_ended: false, is_web: false }
    }

    /// Writes bytes that fit into the socket's buffer.
    #[track_caller]
    pub(super) fn write(&mut self, bytes: &[u8]) {
        assert_eq!(self.try_write(bytes), bytes.len());
    }

    pub(super) fn try_write(&mut self, bytes: &[u8]) -> usize {
        let written = match &mut self.stream {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        };
        match written {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => panic!("a client cannot write: {error}"),
        }
    }

    /// Writes bytes that may not fit, turning the loop meanwhile.
    #[track_caller]
    pub(super) fn write_all(&mut self, world: &mut World, mut bytes: &[u8]) {
        world.until(|_| {
            bytes = &bytes[self.try_write(bytes)..];
            bytes.is_empty().then_some(())
        });
    }

    /// Sends a frame in the framing of the connection.
    #[track_caller]
    pub(super) fn send(&mut self, text: &str) {
        let frame = self.frame_of(0x81, text.as_bytes());
        self.write(&frame);
    }

    pub(super) fn frame_of(&self, first: u8, payload: &[u8]) -> Vec<u8> {
        if !self.is_web {
            return [payload, b"\n"].concat();
        }
        let mut frame = vec![first];
        match payload.len() {
            len @ ..126 => frame.push(0x80 | len as u8),
            len @ ..0x1_0000 => {
                frame.push(0xfe);
                frame.extend((len as u16).to_be_bytes());
            }
            len => {
                frame.push(0xff);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
        frame
    }

    /// Ends the client's half of the connection.
    pub(super) fn finish(&mut self) {
        let finished = match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
        finished.expect("the connection is there");
    }

    /// Takes up to `count` bytes from the socket; answers how many there were.
    pub(super) fn read(&mut self, count: usize) -> usize {
        self.inbox.drain(..std::mem::take(&mut self.taken));
        let before = self.inbox.len();
        self.inbox.resize(before + count, 0);
        let read = match &mut self.stream {
            Stream::Tcp(stream) => stream.read(&mut self.inbox[before..]),
            Stream::Unix(stream) => stream.read(&mut self.inbox[before..]),
        };
        let count = match read {
            Ok(0) => {
                self.has_ended = true;
                0
            }
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                self.has_ended = true;
                0
            }
            Err(error) => panic!("a client cannot read: {error}"),
        };
        self.inbox.truncate(before + count);
        count
    }

    /// The head of an HTTP answer; what follows is WebSocket.
    pub(super) fn http(&mut self) -> Option<String> {
        self.read(1 << 16);
        let end = self.inbox.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
        let head = self.inbox[..end].to_vec();
        self.taken = end;
        self.is_web = true;
        Some(String::from_utf8(head).expect("heads are text"))
    }

    /// The next frame, as text: a ping is `ping`, a pong `pong TEXT`, a close `close CODE REASON`.
    pub(super) fn frame(&mut self) -> Option<String> {
        if let Some(frame) = self.buffered() {
            return Some(frame);
        }
        self.read(1 << 16);
        self.buffered()
    }

    /// The next frame, if it has been read already.
    pub(super) fn buffered(&mut self) -> Option<String> {
        let inbox = &self.inbox[self.taken..];
        let (head, len) = if self.is_web {
            match *inbox.get(1)? {
                126 => (4, usize::from(u16::from_be_bytes(inbox.get(2..4)?.try_into().ok()?))),
                127 => (10, u64::from_be_bytes(inbox.get(2..10)?.try_into().ok()?) as usize),
                len => (2, usize::from(len)),
            }
        } else {
            (0, inbox.iter().position(|byte| *byte == b'\n')?)
        };
        let end = head + len + usize::from(!self.is_web);
        let frame = inbox.get(..end)?;
        let payload = String::from_utf8_lossy(&frame[head..head + len]).into_owned();
        let text = match frame[0] {
            _ if !self.is_web => payload,
            0x81 => payload,
            0x88 => {
                let code = u16::from_be_bytes([frame[2], frame[3]]);
                format!("close {code} {}", String::from_utf8_lossy(&frame[4..]))
            }
            0x89 => "ping".into(),
            0x8a => format!("pong {payload}"),
            first => panic!("no frame begins with {first:x}"),
        };
        self.taken += end;
        Some(text)
    }

    pub(super) fn is_ended(&mut self) -> bool {
        self.read(1 << 16);
        self.has_ended
    }
}
