//! Clients that catch up from compressed segments, each from another one: a turn decompresses what
//! the first of them needs, and not what all of them do.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use pi_server::world::{Cast, Config, Daemon, Durability, Link, Origin, Ready, World};
use pi_server_core::input::{RecoveryPolicy, Transport};
use pi_server_core::record::JournalId;
use pi_server_core::{Limits, Micros};
use pi_server_sim::disk::FaultyDisk;
use pi_server_sim::pipe::{ClientEnd, pipe};
use pi_server_sim::time::Clocks;
use serde_json::{Value, json};

/// A daemon and its disk.
struct Scene {
    disk: FaultyDisk,
    clocks: Clocks,
    daemon: Daemon,
}

/// A client, and what it was sent.
struct Client {
    end: ClientEnd,
    link: Link,
    inbox: Vec<u8>,
}

impl Client {
    fn frames(&self) -> Vec<Value> {
        let lines = self.inbox.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }

    fn cursors(&self) -> Vec<u64> {
        self.frames().iter().filter_map(|frame| frame["cursor"].as_u64()).collect()
    }
}

impl Scene {
    fn new() -> Scene {
        let (disk, clocks) = (FaultyDisk::new(1), Clocks::default());
        let world = World {
            disk: Arc::new(disk.clone()),
            durability: Durability::Process,
            segment_bytes: 64 << 10,
            origin: Origin { journal: JournalId([7; 16]), key: [9; 32], now: Micros(1) },
            time: Rc::new(clocks.clone()),
            cast: Cast::Demo,
            // Whoever was not there has missed it: nothing is sent from memory.
            net: Config { event_bytes_max: 4 << 10, log_bytes_max: 4 << 10, ..Config::default() },
            limits: Limits { rate: false, ..Limits::default() },
            entropy: [3; 16],
            recovery: RecoveryPolicy::default(),
            retain_bytes: 0,
            cwd: "/".to_owned(),
        };
        let daemon = Daemon::start(world).unwrap();
        Scene { disk, clocks, daemon }
    }

    fn connect(&mut self) -> Client {
        let (end, theirs) = pipe(16 << 20, self.disk.switch());
        let link = self.daemon.connect(Box::new(theirs), Transport::Unix).unwrap();
        Client { end, link, inbox: Vec::new() }
    }

    fn send(&mut self, client: &Client, frame: &Value) {
        let ready = client.end.deliver(format!("{frame}\n").into_bytes().into_iter());
        self.daemon.ready(client.link, ready);
    }

    /// A turn; how many compressed segments were opened in it.
    fn turn(&mut self) -> u64 {
        let before = self.disk.counts().restored;
        self.daemon.turn().unwrap();
        self.disk.counts().restored - before
    }

    fn read(&mut self, client: &mut Client) {
        let ready = client.end.read(client.end.waiting(), &mut client.inbox);
        if ready != Ready::default() {
            self.daemon.ready(client.link, ready);
        }
    }

    /// Goes on for a while, with what goes on beside the loop.
    fn go_on(&mut self, turns: u32, client: &mut Client) {
        for _ in 0..turns {
            self.clocks.pass(Duration::from_millis(20));
            self.turn();
            self.read(client);
            self.disk.sync_begins();
            self.daemon.begin_sync(true);
            self.disk.sync_ends(|| self.daemon.end_sync());
            self.daemon.build();
            self.daemon.look_up();
            self.daemon.keep();
        }
    }
}

#[test]
fn a_turn_decompresses_no_more_than_one_client_needs() {
    let mut scene = Scene::new();
    let mut first = scene.connect();
    scene.send(&first, &json!({ "type": "create_session", "id": "c", "sessionId": "s" }));
    scene.go_on(10, &mut first);
    scene.send(&first, &json!({ "type": "switch_session", "id": "w", "sessionId": "s" }));
    for number in 0..24 {
        let message = "[words:120] [delay:0]";
        let id = format!("p{number}");
        let frame = json!({ "type": "prompt", "id": id, "sessionId": "s", "message": message });
        scene.send(&first, &frame);
        scene.go_on(30, &mut first);
    }
    assert!(scene.disk.compressed() > 7, "{}", scene.disk.compressed());
    let all = first.cursors();
    assert!(all.len() > 2_000, "{}", all.len());

    let places = [0, all.len() / 8, all.len() / 4, all.len() * 3 / 8, all.len() / 2];
    let mut clients: Vec<(Client, usize)> =
        places.iter().map(|place| (scene.connect(), *place)).collect();
    for (client, place) in &clients {
        let frame = json!({
            "type": "switch_session", "id": format!("from{place}"), "sessionId": "s",
            "cursor": all[*place],
        });
        scene.send(client, &frame);
    }
    let (mut most, mut restored) = (0, 0);
    for _ in 0..400 {
        scene.clocks.pass(Duration::from_millis(1));
        let opened = scene.turn();
        most = most.max(opened);
        restored += opened;
        for (client, _) in &mut clients {
            scene.read(client);
        }
    }
    for (client, place) in &clients {
        assert!(client.cursors() == all[place + 1..], "from {place}");
    }
    assert!(restored >= 5, "{restored}");
    // One client's part of a turn may go on into the next segments.
    assert!(most < 5, "{most} in one turn, {restored} in all");
}
