//! A whole daemon with a pi that is a script, every member of whose lines is broken in every way: no
//! conversation is lost, every command has one answer, and every frame can be read by every reader.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use pi_server::world::{
    Cast, Config, Daemon, Durability, Link, Origin, Ready, Script, Scripted, World,
};
use pi_server_core::input::{RecoveryPolicy, Transport};
use pi_server_core::record::JournalId;
use pi_server_core::{Limits, Micros, wire};
use pi_server_sim::disk::FaultyDisk;
use pi_server_sim::faulty::{broken, paths};
use pi_server_sim::pipe::{ClientEnd, pipe};
use pi_server_sim::time::Clocks;
use serde_json::{Value, json};

const FILE: &str = "/sessions/first.jsonl";

/// What the pi of a scene has seen and does, shared with the test.
#[derive(Default)]
struct Facts {
    /// The files that it was started with.
    resumed: Vec<Option<String>>,
    /// The type of the lines of its that are broken, and what they are then, but for the id.
    broken: Option<(String, String)>,
    /// A line was broken.
    met: bool,
}

/// A pi that answers everything, and says what a run says.
#[derive(Clone, Default)]
struct Pi(Rc<RefCell<Facts>>);

/// The place of the id in a broken line, which is another one each time.
const ID: u64 = 987_654_321;

fn data(kind: &str) -> Value {
    let model = json!({ "id": "m1", "provider": "p", "name": "M" });
    match kind {
        "get_state" => json!({
            "model": model, "thinkingLevel": "low", "isStreaming": false, "isCompacting": false,
            "sessionFile": FILE, "sessionId": "inner", "sessionName": "name",
            "messageCount": 4, "pendingMessageCount": 0,
        }),
        "get_commands" => {
            json!({ "commands": [{ "name": "pi-server-bridge", "source": "extension" }] })
        }
        "prompt" => json!({ "disposition": "started" }),
        "set_model" => model,
        "bash" => json!({ "output": "o", "exitCode": 0, "cancelled": false }),
        "get_messages" => json!({ "messages": [{ "role": "user", "content": "c" }] }),
        "get_available_models" => json!({ "models": [model] }),
        _ => Value::Null,
    }
}

fn response(kind: &str) -> Value {
    json!({ "id": ID, "type": "response", "command": kind, "success": true, "data": data(kind) })
}

/// What a run says, in its order.
fn run() -> Vec<Value> {
    let message = json!({ "role": "assistant", "content": [{ "type": "text", "text": "t" }],
        "stopReason": "stop" });
    vec![
        json!({ "type": "agent_start" }),
        json!({ "type": "message_update", "assistantMessageEvent":
            { "type": "text_delta", "contentIndex": 0, "delta": "d" } }),
        json!({ "type": "message_end", "message": message }),
        // While it is open the time of the turn stands still.
        json!({ "type": "extension_ui_request", "id": "d", "method": "confirm", "title": "t",
            "timeout": 1000 }),
        json!({ "type": "queue_update", "steering": [], "followUp": [] }),
        json!({ "type": "session_info_changed", "name": "name" }),
        json!({ "type": "agent_end", "messages": [message], "willRetry": false }),
        json!({ "type": "agent_settled" }),
    ]
}

impl Pi {
    /// A line as this pi writes it.
    fn line(&self, name: &str, right: &Value, id: &Value) -> String {
        let mut facts = self.0.borrow_mut();
        let line = match &facts.broken {
            Some((which, line)) if which == name => {
                let line = line.clone();
                facts.met = true;
                line
            }
            _ => right.to_string(),
        };
        line.replace(&ID.to_string(), &id.to_string())
    }
}

impl Script for Pi {
    fn started(&mut self, _: &str, resume: Option<&str>) {
        self.0.borrow_mut().resumed.push(resume.map(str::to_owned));
    }

    fn told(&mut self, _: &str, line: &str) -> Vec<String> {
        if line.contains("\"extension_ui_response\"") {
            // Its id is as odd as the one that this pi gave.
            return Vec::new();
        }
        let told: Value = serde_json::from_str(line).unwrap();
        let kind = told["type"].as_str().unwrap();
        let mut lines = vec![self.line(kind, &response(kind), &told["id"])];
        if kind == "prompt" {
            for event in run() {
                lines.push(self.line(event["type"].as_str().unwrap(), &event, &Value::Null));
            }
        }
        lines
    }
}

/// A daemon and its disk.
struct Scene {
    disk: FaultyDisk,
    clocks: Clocks,
    pi: Pi,
    daemon: Option<Daemon>,
    end: ClientEnd,
    link: Link,
    inbox: Vec<u8>,
    sent: u64,
}

fn start(disk: &FaultyDisk, clocks: &Clocks, pi: &Pi, life: u8) -> Daemon {
    let limits = Limits { rate: false, turn_timeout_ms: 60_000, ..Limits::default() };
    let world = World {
        disk: Arc::new(disk.clone()),
        durability: Durability::Process,
        segment_bytes: 64 << 10,
        origin: Origin { journal: JournalId([7; 16]), key: [9; 32], now: Micros(1) },
        time: Rc::new(clocks.clone()),
        cast: Cast::Troupe(Box::new(Scripted::new("1.6.0", pi.clone()))),
        net: Config::default(),
        limits,
        entropy: [life; 16],
        recovery: RecoveryPolicy::default(),
        retain_bytes: 0,
        cwd: "/".to_owned(),
    };
    Daemon::start(world).unwrap()
}

fn connect(daemon: &mut Daemon, disk: &FaultyDisk) -> (ClientEnd, Link) {
    let (end, theirs) = pipe(16 << 20, disk.switch());
    let link = daemon.connect(Box::new(theirs), Transport::Unix).unwrap();
    (end, link)
}

impl Scene {
    fn new() -> Scene {
        let (disk, clocks, pi) = (FaultyDisk::new(1), Clocks::default(), Pi::default());
        let mut daemon = start(&disk, &clocks, &pi, 1);
        let (end, link) = connect(&mut daemon, &disk);
        Scene { disk, clocks, pi, daemon: Some(daemon), end, link, inbox: Vec::new(), sent: 0 }
    }

    /// The daemon dies, and another one begins.
    fn restart(&mut self) {
        self.daemon = None;
        let mut daemon = start(&self.disk, &self.clocks, &self.pi, 2);
        (self.end, self.link) = connect(&mut daemon, &self.disk);
        self.daemon = Some(daemon);
    }

    fn turn(&mut self, pass: Duration) {
        self.clocks.pass(pass);
        let daemon = self.daemon.as_mut().unwrap();
        daemon.turn().unwrap();
        daemon.build();
        daemon.look_up();
        let ready = self.end.read(self.end.waiting(), &mut self.inbox);
        if ready != Ready::default() {
            daemon.ready(self.link, ready);
        }
    }

    /// Sends a command and waits for its one response, for so long as any command may take.
    fn command(&mut self, what: &str, mut frame: Value) -> Value {
        self.sent += 1;
        let id = format!("c{}", self.sent);
        frame["id"] = json!(id);
        let ready = self.end.deliver(format!("{frame}\n").into_bytes().into_iter());
        self.daemon.as_mut().unwrap().ready(self.link, ready);
        for turn in 0..200 {
            self.turn(Duration::from_millis(if turn < 20 { 5 } else { 2_000 }));
            let answered = |it: &Value| it["type"] == "response" && it["id"] == *id;
            if let Some(found) = self.frames(what).into_iter().find(answered) {
                return found;
            }
        }
        panic!("{what}: no answer to {frame}");
    }

    /// What was sent since the last time, which has to keep the rules that clients are held to.
    fn frames(&mut self, what: &str) -> Vec<Value> {
        let whole = self.inbox.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let inbox: Vec<u8> = self.inbox.drain(..whole).collect();
        let lines = inbox.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let frames = lines.map(|line| {
            let text = String::from_utf8_lossy(line);
            assert!(wire::json::parse(line).is_ok(), "{what}: {text}");
            serde_json::from_slice(line).unwrap_or_else(|error| panic!("{what}: {error}: {text}"))
        });
        frames.collect()
    }
}

/// What clients do in every scene.
fn commands() -> Vec<Value> {
    let of = |kind: &str| json!({ "type": kind, "sessionId": "s" });
    let with = |kind: &str, key: &str, value: &str| {
        let mut frame = of(kind);
        frame[key] = json!(value);
        frame
    };
    let mut model = with("set_model", "provider", "p");
    model["modelId"] = json!("m1");
    vec![
        with("set_session_name", "name", "name"),
        with("prompt", "message", "m"),
        model,
        with("bash", "command", "c"),
        of("get_messages"),
        of("get_available_models"),
        of("get_commands"),
    ]
}

/// A scene in which the lines of one kind are broken in one way, from the first prompt on.
fn scene(name: &str, what: &str, line: String) {
    let mut scene = Scene::new();
    let created = scene.command(what, json!({ "type": "create_session", "sessionId": "s" }));
    assert_eq!(created["success"], true, "{what}: {created}");
    scene.command(what, json!({ "type": "switch_session", "sessionId": "s" }));
    scene.pi.0.borrow_mut().broken = Some((name.to_owned(), line));
    for life in 0..2 {
        for frame in commands() {
            scene.command(what, frame);
        }
        let listed = scene.command(what, json!({ "type": "list_sessions" }));
        let session = &listed["data"]["sessions"][0];
        assert_eq!(session["sessionFile"], FILE, "{what}: {session}");
        assert_eq!(session["thinkingLevel"].as_str().map(str::is_empty), Some(false), "{what}");
        if life == 0 {
            scene.restart();
        }
    }
    let facts = scene.pi.0.borrow();
    assert!(facts.met, "{what}: nothing was broken");
    let (first, later) = facts.resumed.split_first().unwrap();
    assert_eq!(*first, None);
    let resumed = later.iter().all(|file| file.as_deref() == Some(FILE));
    assert!(!later.is_empty() && resumed, "{what}: {:?}", facts.resumed);
}

/// Plays the scenes of a table: one of so many as `AGENT_FAULTS_EVERY` says (8), beginning with
/// another one each time; with 1 all of them.
fn table(name: &str, whole: &Value) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<usize>().ok());
    let every = number("AGENT_FAULTS_EVERY").unwrap_or(8).max(1);
    let clock = std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos() as usize;
    let from = number("AGENT_FAULTS_FROM").unwrap_or(clock / 1_000) % every;
    println!("{name}: AGENT_FAULTS_EVERY={every} AGENT_FAULTS_FROM={from}");
    let all = paths(whole).into_iter().flat_map(|path| {
        let faults = broken(whole, &path).into_iter();
        faults.map(move |(fault, line)| (path.clone(), fault, line))
    });
    let mut scenes = 0;
    for (path, fault, line) in all.skip(from).step_by(every) {
        // With the id of another answer nobody can know whose this one is.
        if path != ["id"] || !matches!(fault, "a number" | "3.0") {
            scene(name, &format!("{name}: {path:?} {fault}: {line:.200}"), line);
            scenes += 1;
        }
    }
    assert!(scenes > 0);
}

#[test]
fn a_state_that_is_broken_costs_no_conversation() {
    table("get_state", &response("get_state"));
}

#[test]
fn a_list_of_commands_that_is_broken_costs_no_conversation() {
    table("get_commands", &response("get_commands"));
}

#[test]
fn an_answer_to_a_prompt_that_is_broken_costs_no_conversation() {
    table("prompt", &response("prompt"));
}

#[test]
fn other_answers_that_are_broken_cost_no_conversation() {
    for kind in ["set_model", "bash", "get_messages", "get_available_models", "set_session_name"] {
        table(kind, &response(kind));
    }
}

#[test]
fn events_that_are_broken_cost_no_conversation() {
    for event in run() {
        table(event["type"].as_str().unwrap(), &event);
    }
}
