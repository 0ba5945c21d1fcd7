//! `kill -9` at any moment. PROTOCOL.md section 10.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use pi_server_tests::{Client, Daemon, Setup};
use serde_json::{Value, json};

use crate::{prompt, refused, session};

#[test]
fn what_was_answered_is_answered_again_after_a_kill() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let command = json!({ "id": "n", "type": "set_session_name", "sessionId": "s", "name": "x" });
    client.send(&command);
    let before = client.response("n");
    daemon.kill9();
    daemon.restart();
    assert!(daemon.log().contains("after a sudden stop"), "{}", daemon.log());
    let mut client = daemon.websocket();
    client.send(&command);
    let after = client.response("n");
    assert_eq!(after["replayed"], true);
    assert_eq!(after["sessionVersion"], before["sessionVersion"]);
    let sessions = client.ok(json!({ "type": "list_sessions" }));
    assert_eq!(sessions["data"]["sessions"][0]["sessionId"], "s");
    assert_eq!(sessions["data"]["sessions"][0]["sessionVersion"], 1);
    daemon.verify();
}

#[test]
fn a_turn_that_was_at_its_agent_is_unknown_and_what_waited_runs() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("at it", "s", "[stall]"));
    client.event("s", "agent_start");
    client.send(&prompt("waits", "s", "[say:hello]"));
    client.lifecycle("waits", "accepted");
    daemon.kill9();
    daemon.restart();
    let mut client = daemon.websocket();
    client.send(&prompt("at it", "s", "[stall]"));
    let unknown = client.response("at it");
    refused(&unknown, "outcome_unknown");
    assert_eq!(unknown["replayed"], true);
    client.send(&prompt("waits", "s", "[say:hello]"));
    assert_eq!(client.response("waits")["success"], true);
    let report = client.ok(json!({ "type": "get_startup_recovery" }));
    assert_eq!(report["data"]["recoveredInFlightFailures"], 1, "{report}");
    assert_eq!(report["data"]["recoverable"], 1, "{report}");
    daemon.verify();
}

#[test]
fn with_recovery_fail_nothing_runs_by_itself() {
    let mut daemon = Setup::new().start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("at it", "s", "[stall]"));
    client.event("s", "agent_start");
    client.send(&prompt("waits", "s", "[say:hello]"));
    client.lifecycle("waits", "accepted");
    daemon.kill9();
    daemon.restart_with(&["--recovery", "fail"]);
    let mut client = daemon.websocket();
    client.send(&prompt("waits", "s", "[say:hello]"));
    refused(&client.response("waits"), "not_recovered");
    daemon.verify();
}

/// What a client was told about a command.
#[derive(Default)]
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
struct Worker {
    name: String,
    told: BTreeMap<String, Told>,
    /// How many of those that are not asked about any more changed the session.
    changed: u64,
}

impl Worker {
    fn connect(&self, daemon: &Daemon) -> Client {
        daemon.websocket_as(&self.name)
    }

    /// A burst of commands of every class, all under way at once.
    fn burst(&mut self, client: &mut Client, round: u64) {
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

    /// Takes note of all that came before the end.
    fn note(&mut self, client: &mut Client) {
        client.closed();
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

    /// Asks for every outcome again: none may differ from what was told, none may be missing.
    fn compare(&mut self, client: &mut Client) {
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
    fn forget(&mut self, round: u64) {
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
fn seed() -> u64 {
    let given = std::env::var("PI_SERVER_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after the epoch");
        u64::from(now.subsec_nanos())
    });
    eprintln!("PI_SERVER_TEST_SEED={seed}");
    seed
}

/// Rounds whose outcomes are asked for again and again: fewer than the daemon stores.
const ROUNDS_KEPT: u64 = 4;

/// How often to kill: `PI_SERVER_TEST_KILLS` for a long run, else what suits every run of the tests.
fn kills() -> u64 {
    let wanted = std::env::var("PI_SERVER_TEST_KILLS").ok();
    wanted.and_then(|count| count.parse().ok()).unwrap_or(4)
}

/// Load from several clients and a kill somewhere in it, again and again: every command that was
/// accepted has exactly one outcome, the one that was told if one was told, and versions go on.
#[test]
fn every_accepted_command_has_one_outcome_however_often_the_daemon_is_killed() {
    let mut random = seed();
    let mut daemon =
        Setup::new().arg("--segment-bytes").arg("65536").arg("--retain-bytes").arg("400K").start();
    let mut workers: Vec<Worker> = (0..3)
        .map(|number| Worker { name: format!("w{number}"), told: BTreeMap::new(), changed: 0 })
        .collect();
    for worker in &workers {
        session(&mut worker.connect(&daemon), &worker.name);
    }
    for round in 0..kills() {
        if let Some(old) = round.checked_sub(ROUNDS_KEPT) {
            for worker in &mut workers {
                worker.forget(old);
            }
        }
        let mut clients: Vec<Client> =
            workers.iter().map(|worker| worker.connect(&daemon)).collect();
        for (worker, client) in workers.iter_mut().zip(&mut clients) {
            worker.burst(client, round);
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let last = (random >> 33) % 60;
        clients[0].lifecycle(&format!("{round}-{last}"), "accepted");
        daemon.kill9();
        for (worker, client) in workers.iter_mut().zip(&mut clients) {
            worker.note(client);
        }
        daemon.restart();
        for worker in &mut workers {
            let mut client = worker.connect(&daemon);
            worker.compare(&mut client);
        }
        daemon.verify();
    }
    assert!(daemon.stop().success());
    daemon.verify();
}

#[test]
fn a_clean_stop_is_known_as_one() {
    let mut daemon = Daemon::start();
    session(&mut daemon.websocket(), "s");
    assert!(daemon.stop().success());
    daemon.restart();
    assert!(daemon.log().contains("after a clean stop: 1 session"), "{}", daemon.log());
    let report = daemon.websocket().ok(json!({ "type": "get_startup_recovery" }));
    assert_eq!(report["data"]["cleanShutdown"], true);
    assert_eq!(report["data"]["boot"], 2);
    daemon.verify();
}

#[test]
fn every_durability_and_backend_keeps_what_it_answered() {
    for durability in ["process", "power", "none"] {
        for backend in ["map", "pwrite"] {
            let mut daemon = Setup::new()
                .arg("--durability")
                .arg(durability)
                .arg("--backend")
                .arg(backend)
                .start();
            let mut client = daemon.websocket();
            session(&mut client, "s");
            client.send(&prompt("p", "s", "[words:5] [delay:1]"));
            let told = client.response("p");
            daemon.kill9();
            daemon.restart();
            let mut client = daemon.unix();
            client.send(&prompt("p", "s", "[words:5] [delay:1]"));
            let again = client.response("p");
            assert_eq!(again["replayed"], true, "{durability} {backend}: {again}");
            assert_eq!(again["sessionVersion"], told["sessionVersion"]);
            assert!(daemon.stop().success());
            daemon.verify();
        }
    }
}
