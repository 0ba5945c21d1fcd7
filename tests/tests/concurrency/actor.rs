//! A client that does what it likes: commands of every class, repetitions of its own and of its
//! namesakes, broken frames, connections that end in the middle.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use pi_server_tests::frames::session;
use pi_server_tests::{Client, Daemon};
use serde_json::{Value, json};

use crate::check::{Ended, Received};
use crate::random::Random;

/// Sessions that live as long as the run; every actor follows their events.
pub(crate) const LASTING: [&str; 3] = ["alpha", "beta", "gamma"];
/// Sessions that come and go.
const FLEETING: [&str; 3] = ["x", "y", "z"];
/// The namespaces: two clients each share one, and two have no name.
const NAMES: [Option<&str>; 3] = [Some("ann"), Some("bob"), None];
/// Frames that are remembered for repetitions, in each namespace.
const REPEATABLE_MAX: usize = 40;
/// Longest time for which the daemon is stopped while nobody sends anything.
const PAUSE: Duration = Duration::from_millis(100);

/// What the actors share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    progress: Mutex<Progress>,
    moved: Condvar,
    /// Of each namespace, frames that were sent.
    sent: [Mutex<Vec<Value>>; 3],
    tags: AtomicU64,
}

#[derive(Debug, Default)]
struct Progress {
    frames: u64,
    /// Actors that are not done with their round.
    busy: u64,
}

impl Shared {
    pub(crate) fn new() -> Shared {
        Shared::default()
    }

    /// Frames that all actors together have sent.
    pub(crate) fn sent(&self) -> u64 {
        self.progress.lock().expect("no actor panics with it").frames
    }

    /// An id that nobody else uses, which names a connection in the journal.
    fn tag(&self) -> String {
        format!("tag-{}", self.tags.fetch_add(1, Ordering::Relaxed))
    }

    fn move_on(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock().expect("no actor panics with it"));
        self.moved.notify_all();
    }

    /// A round begins, with so many actors.
    pub(crate) fn begin(&self, actors: u64) {
        self.move_on(|progress| progress.busy = actors);
    }

    /// Waits until so many frames were sent; `false` if all actors are done before.
    pub(crate) fn wait_until(&self, frames: u64) -> bool {
        let progress = self.progress.lock().expect("no actor panics with it");
        let early = |p: &mut Progress| p.frames < frames && p.busy > 0;
        self.moved.wait_while(progress, early).expect("no actor panics with it").frames >= frames
    }

    /// The same, but not for long.
    pub(crate) fn wait_a_moment(&self, frames: u64) {
        let progress = self.progress.lock().expect("no actor panics with it");
        let early = |p: &mut Progress| p.frames < frames;
        drop(self.moved.wait_timeout_while(progress, PAUSE, early));
    }
}

/// An actor that leaves a round, in whatever way.
struct Leaving<'a>(&'a Shared);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.move_on(|progress| progress.busy -= 1);
    }
}

/// One client.
#[derive(Debug)]
pub(crate) struct Actor {
    number: u64,
    random: Random,
    shared: Arc<Shared>,
    ids: u64,
    /// Of each lasting session, the cursors of the events that came, in order.
    pub(crate) cursors: BTreeMap<&'static str, Vec<u64>>,
}

/// The lasting sessions must be there before anybody talks about them.
pub(crate) fn prepare(daemon: &Daemon) {
    let mut client = daemon.websocket_as("first");
    for name in LASTING {
        session(&mut client, name);
    }
}

impl Actor {
    pub(crate) fn new(number: u64, random: Random, shared: Arc<Shared>) -> Actor {
        let cursors = LASTING.map(|name| (name, Vec::new())).into();
        Actor { number, random, shared, ids: 0, cursors }
    }

    fn space(&self) -> usize {
        usize::try_from(self.number).unwrap_or(0) % NAMES.len()
    }

    /// One round: a few connections, one after the other.
    pub(crate) fn bursts(&mut self, url: &str, socket: &Path) -> Vec<Received> {
        let shared = self.shared.clone();
        let _leaving = Leaving(&shared);
        let mut all = Vec::new();
        for _ in 0..=self.random.below(3) {
            let Some(client) = self.connect(url, socket) else { break };
            let received = self.connection(client);
            self.note(&received);
            let is_dead = received.ended == Ended::ByTheDaemon;
            all.push(received);
            if is_dead {
                break;
            }
        }
        all
    }

    /// Even numbers speak WebSocket, odd ones lines. A daemon that was killed lets nobody in.
    fn connect(&self, url: &str, socket: &Path) -> Option<Client> {
        let name = NAMES[self.space()];
        if self.number.is_multiple_of(2) {
            let url = name.map_or(url.to_owned(), |name| format!("{url}&client={name}"));
            Client::try_websocket(&url)
        } else {
            Client::try_unix(socket, name)
        }
    }

    fn connection(&mut self, mut client: Client) -> Received {
        let tag = self.shared.tag();
        let mut alive = self.send(&mut client, &json!({ "id": tag, "type": "health_check" }));
        for name in LASTING {
            let after = self.cursors[name].last().copied().unwrap_or(0);
            let id = self.fresh_id();
            let subscribe =
                json!({ "id": id, "type": "switch_session", "sessionId": name, "cursor": after });
            alive = alive && self.send(&mut client, &subscribe);
        }
        for _ in 0..10 + self.random.below(40) {
            if !alive {
                break;
            }
            let frame = self.frame(&client);
            alive = self.send(&mut client, &frame);
            self.remember(frame);
            if self.random.below(6) == 0 {
                client.drain(Duration::from_millis(1));
            }
        }
        self.leave(client, tag)
    }

    /// Goes away: at once, or with everything read that the daemon sends before an answer.
    fn leave(&mut self, mut client: Client, tag: String) -> Received {
        let last = self.fresh_id();
        let polite = self.random.below(3) > 0
            && self.send(&mut client, &json!({ "id": last, "type": "list_sessions" }));
        let answered = polite && client.came("the last response", |f| f["id"] == *last);
        let ended = match (polite, answered) {
            (true, true) => Ended::AfterResponse(last),
            (true, false) => Ended::ByTheDaemon,
            (false, _) => Ended::Abruptly,
        };
        Received { tag, frames: client.seen().to_vec(), ended }
    }

    /// Connects once more when all is quiet and reads every event that it has missed.
    pub(crate) fn catch_up(&mut self, daemon: &Daemon) -> Received {
        let mut client = self.connect(&daemon.url(), &daemon.socket()).expect("a living daemon");
        let tag = self.shared.tag();
        self.send(&mut client, &json!({ "id": tag, "type": "health_check" }));
        for name in LASTING {
            let after = self.cursors[name].last().copied().unwrap_or(0);
            let id = self.fresh_id();
            client.send(
                &json!({ "id": id, "type": "switch_session", "sessionId": name, "cursor": after }),
            );
            let response = client.response(&id);
            let newest = response["data"]["cursor"].as_u64().expect("a place in the journal");
            if newest > after {
                client.expect("the newest event", |frame| frame["cursor"] == newest);
            }
        }
        let last = self.fresh_id();
        client.send(&json!({ "id": last, "type": "list_sessions" }));
        client.response(&last);
        let frames = client.seen().to_vec();
        let received = Received { tag, frames, ended: Ended::AfterResponse(last) };
        self.note(&received);
        received
    }

    /// Takes note of events. An open dialog is offered again after a reconnect, with its cursor.
    fn note(&mut self, received: &Received) {
        for frame in received.frames.iter().filter(|frame| frame["type"] == "event") {
            let cursor = frame["cursor"].as_u64().expect("an event has a cursor");
            let session = frame["sessionId"].as_str().expect("an event has a session");
            let Some(known) = self.cursors.get_mut(session) else { continue };
            let again = frame["event"]["type"] == "extension_ui_request" && known.contains(&cursor);
            if !again {
                known.push(cursor);
            }
        }
    }

    fn send(&self, client: &mut Client, frame: &Value) -> bool {
        let sent = client.try_send(frame);
        self.shared.move_on(|progress| progress.frames += 1);
        sent
    }

    fn remember(&mut self, frame: Value) {
        let mut sent = self.shared.sent[self.space()].lock().expect("no actor panics with it");
        if sent.len() == REPEATABLE_MAX {
            let place = usize::try_from(self.random.below(REPEATABLE_MAX as u64)).unwrap_or(0);
            sent.swap_remove(place);
        }
        sent.push(frame);
    }

    /// A frame that somebody of this name has sent.
    fn earlier(&mut self) -> Option<Value> {
        let sent = self.shared.sent[self.space()].lock().expect("no actor panics with it");
        if sent.is_empty() { None } else { Some(self.random.one(&sent).clone()) }
    }

    fn fresh_id(&mut self) -> String {
        self.ids += 1;
        format!("{}-{}", self.number, self.ids)
    }

    /// Something to say: new, or said before by this name, or nearly so.
    fn frame(&mut self, client: &Client) -> Value {
        match self.random.below(12) {
            0 | 1 => self.earlier().unwrap_or(Value::Null),
            2 => {
                let mut frame = self.earlier().unwrap_or_else(|| json!({}));
                if frame.is_object() {
                    frame["own"] = json!("another content under the same id");
                }
                frame
            }
            3 => self.about_another(client),
            _ => self.command(),
        }
    }

    fn about_another(&mut self, client: &Client) -> Value {
        let other = self.earlier().map_or(json!("nobody"), |frame| frame["id"].clone());
        let id = self.fresh_id();
        let asked = client.seen().iter().rev().find(|frame| {
            frame["event"]["type"] == "extension_ui_request"
                && frame["event"]["method"] == "confirm"
        });
        match (self.random.below(3), asked) {
            (0, Some(asked)) => json!({
                "id": id, "type": "extension_ui_response", "sessionId": asked["sessionId"],
                "requestId": asked["event"]["requestId"],
                "response": { "method": "confirm", "confirmed": true },
            }),
            (1, _) => json!({ "id": id, "type": "cancel_command", "commandId": other }),
            _ => {
                let session = self.random.one(&LASTING);
                json!({ "id": id, "type": "set_session_name", "sessionId": session,
                        "name": "after", "dependsOn": [other] })
            }
        }
    }

    fn command(&mut self) -> Value {
        let id = self.fresh_id();
        let session = if self.random.below(4) > 0 {
            *self.random.one(&LASTING)
        } else {
            *self.random.one(&FLEETING)
        };
        let fleeting = *self.random.one(&FLEETING);
        let message = *self.random.one(&MESSAGES);
        let mut frame = match self.random.below(16) {
            0..=2 => {
                json!({ "type": "prompt", "sessionId": session, "message": message, "timeoutMs": 400 })
            }
            3 => {
                json!({ "type": "bash", "sessionId": session, "command": *self.random.one(&SHELLS), "timeoutMs": 300 })
            }
            4 | 5 => json!({ "type": "get_state", "sessionId": session }),
            6 | 7 => json!({ "type": "set_session_name", "sessionId": session, "name": id }),
            8 => json!({ "type": "steer", "sessionId": session, "message": "faster" }),
            9 => json!({ "type": "abort", "sessionId": session }),
            10 => json!({ "type": "create_session", "sessionId": fleeting }),
            11 => json!({ "type": "delete_session", "sessionId": fleeting }),
            12 => {
                json!({ "type": *self.random.one(&["list_sessions", "health_check", "get_metrics"]) })
            }
            13 => {
                json!({ "type": "set_interest", "lifecycle": *self.random.one(&["all", "own", "related"]) })
            }
            14 => {
                json!({ "type": "prompt", "sessionId": session, "message": message, "streamingBehavior": "steer", "timeoutMs": 400 })
            }
            _ => json!({ "type": *self.random.one(&["no_such", "prompt"]) }),
        };
        frame["id"] = json!(id);
        match self.random.below(10) {
            0 => frame["idempotencyKey"] = json!(format!("k{}", self.random.below(4))),
            1 => frame["ifSessionVersion"] = json!(self.random.below(30)),
            2 => drop(frame.as_object_mut().and_then(|fields| fields.remove("id"))),
            _ => {}
        }
        frame
    }
}

/// What prompts tell the demo agent to do.
const MESSAGES: [&str; 8] = [
    "[say:x] [delay:0]",
    "[words:12] [delay:0]",
    "[words:5] [delay:2]",
    "[tool:ls] [delay:0]",
    "[fail:no]",
    "[ask:confirm 40] [delay:0]",
    "[stall]",
    "[die]",
];
/// What `bash` is told to do.
const SHELLS: [&str; 4] = ["true", "[exit:3]", "[delay:5]", "[stall]"];
