//! The daemon, and a client that waits for the answer to each frame.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pi_server_core::input::{RecoveryPolicy, Transport};
use pi_server_core::record::JournalId;
use pi_server_core::{Limits, Micros};
use serde_json::Value;

use super::super::{Cast, Config, Daemon, Durability, Link, Origin, Ready, Stream, Time, World};
use crate::journal::tests::fake::FakeDisk;

/// Clocks that go on when they are told to.
#[derive(Debug)]
struct Clocks {
    origin: Instant,
    passed: Cell<Duration>,
}

impl Time for Clocks {
    fn now(&self) -> Instant {
        self.origin + self.passed.get()
    }

    fn wall(&self) -> Duration {
        Duration::from_secs(1_767_225_600) + self.passed.get()
    }
}

/// What both ends of a connection share.
#[derive(Debug, Default)]
struct Wire {
    to_daemon: VecDeque<u8>,
    to_client: Vec<u8>,
}

/// The daemon's end.
#[derive(Debug)]
struct End(Rc<RefCell<Wire>>);

impl Stream for End {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        let count = into.len().min(wire.to_daemon.len());
        if count == 0 {
            return Err(io::Error::from(io::ErrorKind::WouldBlock));
        }
        for (byte, taken) in into.iter_mut().zip(wire.to_daemon.drain(..count)) {
            *byte = taken;
        }
        Ok(count)
    }

    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        for slice in slices {
            wire.to_client.extend_from_slice(slice);
        }
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A client.
pub(super) struct Client {
    link: Link,
    wire: Rc<RefCell<Wire>>,
    /// Frames that have come and were not asked for.
    pub(super) frames: Vec<Value>,
}

/// A daemon that can be restarted.
pub(super) struct Rig {
    pub(super) disk: Arc<FakeDisk>,
    clocks: Rc<Clocks>,
    pub(super) limits: Limits,
    pub(super) retain_bytes: u64,
    daemon: Option<Daemon>,
    lives: u8,
    /// Searches hang.
    pub(super) searches_hang: bool,
    /// The keeper does nothing.
    pub(super) keeper_rests: bool,
}

impl Rig {
    /// A first life, with small windows.
    pub(super) fn new() -> Rig {
        let mut limits = Limits { rate: false, ..Limits::default() };
        limits.outcomes_max = 20;
        limits.read_outcomes_max = 10;
        limits.unindexed_ids_max = 5_000;
        limits.pending_per_connection_max = 1_000;
        let clocks = Clocks { origin: Instant::now(), passed: Cell::new(Duration::ZERO) };
        let mut rig = Rig {
            disk: FakeDisk::new(),
            clocks: Rc::new(clocks),
            limits,
            retain_bytes: 0,
            daemon: None,
            lives: 0,
            searches_hang: false,
            keeper_rests: false,
        };
        rig.start();
        rig
    }

    pub(super) fn start(&mut self) {
        self.lives += 1;
        let world = World {
            disk: self.disk.clone(),
            durability: Durability::Process,
            segment_bytes: 64 << 10,
            origin: Origin { journal: JournalId([7; 16]), key: [9; 32], now: Micros(1) },
            time: self.clocks.clone(),
            cast: Cast::Demo,
            net: Config::default(),
            limits: self.limits.clone(),
            entropy: [self.lives; 16],
            recovery: RecoveryPolicy::default(),
            retain_bytes: self.retain_bytes,
            cwd: "/".to_owned(),
        };
        self.daemon = Some(Daemon::start(world).unwrap_or_else(|error| panic!("{error}")));
        self.work();
    }

    /// The process is killed and comes back.
    pub(super) fn restart(&mut self) {
        self.daemon = None;
        self.start();
    }

    pub(super) fn daemon(&mut self) -> &mut Daemon {
        self.daemon.as_mut().expect("it runs")
    }

    /// Connects a client with a name, or without one.
    pub(super) fn connect(&mut self, name: Option<&str>) -> Client {
        let wire = Rc::new(RefCell::new(Wire::default()));
        let end = Box::new(End(wire.clone()));
        let link = self.daemon().connect(end, Transport::Unix).expect("let in");
        let mut client = Client { link, wire, frames: Vec::new() };
        let first = match name {
            Some(name) => format!(r#"{{"type":"hello","client":"{name}"}}"#),
            None => r#"{"type":"health_check"}"#.to_owned(),
        };
        self.send(&client, &first);
        self.work();
        client.take_in();
        client.frames.clear();
        client
    }

    pub(super) fn send(&mut self, client: &Client, frame: &str) {
        client.wire.borrow_mut().to_daemon.extend(frame.bytes().chain([b'\n']));
        let ready = Ready { readable: true, ..Ready::default() };
        self.daemon().ready(client.link, ready);
    }

    /// Lets time pass.
    pub(super) fn pass(&self, time: Duration) {
        self.clocks.passed.set(self.clocks.passed.get() + time);
    }

    /// One round of everything that can go on. Whether something did beside the loop.
    fn round(&mut self) -> bool {
        let (hang, rest) = (self.searches_hang, self.keeper_rests);
        self.pass(Duration::from_millis(1));
        let daemon = self.daemon();
        assert!(daemon.turn().unwrap_or_else(|error| panic!("{error}")));
        let mut went_on = daemon.begin_sync(true);
        daemon.end_sync();
        went_on |= daemon.build();
        went_on |= !rest && daemon.keep();
        went_on |= !hang && daemon.look_up();
        went_on || daemon.patience() == Some(Duration::ZERO)
    }

    /// Lets everything go on until nothing does.
    pub(super) fn work(&mut self) {
        let mut quiet = 0;
        for _ in 0..10_000 {
            quiet = if self.round() { 0 } else { quiet + 1 };
            if quiet > 3 {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// Sends a frame with an id and waits for the response to it.
    pub(super) fn ask(&mut self, client: &mut Client, frame: &str) -> Value {
        self.send(client, frame);
        let sent: Value = serde_json::from_str(frame).expect("JSON");
        for _ in 0..10_000 {
            self.round();
            client.take_in();
            if let Some(response) = client.response(&sent["id"]) {
                return response;
            }
            self.pass(Duration::from_millis(5));
        }
        panic!("no response to {frame}");
    }

    /// Mutations without effect, each with an id of its own that begins with `prefix`.
    pub(super) fn mutate(&mut self, client: &mut Client, prefix: &str, count: u32) {
        self.flood(client, count, |n| {
            format!(r#"{{"type":"set_interest","id":"{prefix}{n}","lifecycle":"own"}}"#)
        });
    }

    /// Reads, each with an id of its own.
    pub(super) fn read(&mut self, client: &mut Client, prefix: &str, count: u32) {
        self.flood(client, count, |n| format!(r#"{{"type":"health_check","id":"{prefix}{n}"}}"#));
    }

    fn flood(&mut self, client: &mut Client, count: u32, frame: impl Fn(u32) -> String) {
        for from in (0..count).step_by(500) {
            let numbers = from..count.min(from + 500);
            let wanted = numbers.len();
            let frames: Vec<String> = numbers.map(&frame).collect();
            self.send(client, &frames.join("\n"));
            let mut responses = 0;
            for _ in 0..10_000 {
                self.round();
                client.take_in();
                for frame in client.frames.drain(..) {
                    if frame["type"] == "response" {
                        assert_eq!(frame["success"], true, "{frame}");
                        assert!(frame.get("replayed").is_none(), "{frame}");
                        responses += 1;
                    }
                }
                if responses == wanted {
                    break;
                }
            }
            assert_eq!(responses, wanted, "responses to {}", frames[0]);
        }
    }

    /// Waits until every segment but the last is indexed, and the state knows.
    pub(super) fn settle(&mut self) {
        self.work();
        let state = self.daemon().state();
        assert!(state.indexed().0 > 0, "nothing is indexed");
    }
}

impl Client {
    /// Takes in what has come.
    pub(super) fn take_in(&mut self) {
        let mut wire = self.wire.borrow_mut();
        while let Some(end) = wire.to_client.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = wire.to_client.drain(..=end).collect();
            self.frames.push(serde_json::from_slice(&line).expect("JSON"));
        }
    }

    /// Takes the response to the request with an id, if it has come.
    pub(super) fn response(&mut self, id: &Value) -> Option<Value> {
        let is_it = |frame: &Value| frame["type"] == "response" && frame["id"] == *id;
        let at = self.frames.iter().position(is_it)?;
        Some(self.frames.remove(at))
    }

    /// How many lifecycle frames of an id have come.
    pub(super) fn lifecycle(&self, id: &str) -> usize {
        let is_it = |frame: &&Value| frame["data"]["commandId"] == id;
        self.frames.iter().filter(is_it).count()
    }
}
