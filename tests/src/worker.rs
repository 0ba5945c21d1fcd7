//! Clients that keep a daemon busy, and hold it to everything that it told them.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::{Client, Daemon};

/// What a client was told about a command.
#[derive(Clone, Debug, Default)]
struct Told {
    command: Value,
    accepted: bool,
    response: Option<Value>,
}

impl Told {
    /// Whether it is known to have changed its session.
    fn changed(&self) -> bool {
        let succeeded = self.response.as_ref().is_some_and(|now| now["success"] == true);
        succeeded && self.command["type"] != "get_state"
    }
}

/// A client with a name and a session of its own, and all that it was told.
#[derive(Clone, Debug)]
pub struct Worker {
    name: String,
    told: BTreeMap<String, Told>,
    /// How many of those that are not asked about any more changed the session.
    changed: u64,
}

impl Worker {
    /// A client with this name, which is also that of its session.
    pub fn new(name: &str) -> Worker {
        Worker { name: name.to_owned(), told: BTreeMap::new(), changed: 0 }
    }

    /// Its name, and that of its session.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A burst from each of `workers` on a connection of its own. What was told in rounds before the
    /// last `kept` is not asked about any more.
    pub fn round(workers: &mut [Worker], daemon: &Daemon, round: u64, kept: u64) -> Vec<Client> {
        if let Some(old) = round.checked_sub(kept) {
            for worker in &mut *workers {
                worker.forget(old);
            }
        }
        let mut clients: Vec<Client> =
            workers.iter().map(|worker| worker.connect(daemon)).collect();
        for (worker, client) in workers.iter_mut().zip(&mut clients) {
            worker.burst(client, round);
        }
        clients
    }

    /// Connects to a daemon.
    pub fn connect(&self, daemon: &Daemon) -> Client {
        daemon.websocket_as(&self.name)
    }

    /// A burst of commands of every class, all under way at once.
    pub fn burst(&mut self, client: &mut Client, round: u64) {
        let session = &self.name;
        for number in 0..60 {
            let id = format!("{round}-{number}");
            let command = match number % 4 {
                0 => json!({ "type": "set_session_name", "sessionId": session, "name": id }),
                1 => {
                    json!({ "type": "prompt", "sessionId": session, "message": "[say:x][delay:0]" })
                }
                2 => json!({ "type": "get_state", "sessionId": session }),
                _ => json!({ "type": "bash", "sessionId": session, "command": "true" }),
            };
            let mut command = command;
            command["id"] = json!(id);
            client.send(&command);
            self.told.insert(id, Told { command, ..Told::default() });
        }
    }

    /// Takes note of all that came before the end of the connection.
    pub fn note_to_the_end(&mut self, client: &mut Client) {
        client.closed();
        self.note(client);
    }

    /// Takes note of all that has come so far.
    pub fn note(&mut self, client: &Client) {
        for frame in client.seen() {
            let id = frame["data"]["commandId"].as_str().or(frame["id"].as_str());
            let Some(known) = id.and_then(|id| self.told.get_mut(id)) else { continue };
            // Lifecycle frames are everybody's, and the others use the same ids.
            let own = frame["data"]["sessionId"] == *self.name;
            known.accepted |= frame["type"] == "command_accepted" && own;
            if frame["type"] == "response" {
                known.response = Some(frame.clone());
            }
        }
    }

    /// How many commands were answered.
    pub fn answered(&self) -> usize {
        self.told.values().filter(|known| known.response.is_some()).count()
    }

    /// Asks for every outcome again: none may differ from what was told, none may be missing.
    pub fn compare(&mut self, client: &mut Client) {
        for (id, known) in &mut self.told {
            client.send(&known.command);
            let now = client.response(id);
            if let Some(before) = &known.response {
                assert_eq!(now["replayed"], true, "{id} ran twice: {now}");
                for key in ["success", "error", "data", "sessionVersion", "laneSequence"] {
                    assert_eq!(now[key], before[key], "{key} of {id}");
                }
            } else if known.accepted {
                assert_eq!(now["replayed"], true, "{id} was accepted: {now}");
            }
            let ended = now["success"] == true || now["errorCode"] == "outcome_unknown";
            assert!(ended, "{id}: {now}");
            known.response = Some(now);
        }
        let state = client.ok(json!({ "type": "get_state", "sessionId": self.name }));
        let changed = self.told.values().filter(|known| known.changed()).count();
        let changed = self.changed + u64::try_from(changed).expect("few");
        assert_eq!(state["sessionVersion"].as_u64(), Some(changed), "one version for each success");
    }

    /// Asks no more about the commands of a round, whose outcomes need not be stored for ever.
    pub fn forget(&mut self, round: u64) {
        let prefix = format!("{round}-");
        let (old, told) = std::mem::take(&mut self.told)
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(id, _)| id.starts_with(&prefix));
        self.told = told;
        let changed = old.values().filter(|known| known.changed()).count();
        self.changed += u64::try_from(changed).expect("few");
    }
}

/// A number that differs from run to run; the failing run prints it.
pub fn seed() -> u64 {
    let given = std::env::var("PI_SERVER_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after the epoch");
        u64::from(now.subsec_nanos())
    });
    eprintln!("PI_SERVER_TEST_SEED={seed}");
    seed
}
