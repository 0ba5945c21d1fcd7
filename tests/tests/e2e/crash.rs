//! `kill -9` at any moment. PROTOCOL.md section 10.

use std::path::Path;

use pi_server_tests::worker::{Worker, seed};
use pi_server_tests::{Daemon, Setup};
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
fn who_watched_a_run_when_the_daemon_died_is_told_at_the_next_start_that_it_is_over() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    session(&mut client, "idle");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("p", "s", "[stall]"));
    let seen = client.event("s", "agent_start")["cursor"].clone();
    daemon.kill9();
    daemon.restart();
    let interrupted = |daemon: &Daemon| {
        let mut client = daemon.websocket();
        let look = json!({ "type": "switch_session", "sessionId": "s", "cursor": seen });
        let newest = client.ok(look)["data"]["cursor"].clone();
        let last = client.expect("the last event", |frame| {
            frame["event"]["type"] == "agent_settled" && frame["cursor"] == newest
        });
        let ends = client.seen().iter().filter(|frame| {
            frame["type"] == "event" && frame["event"]["stopReason"] == "interrupted"
        });
        let ends: Vec<Value> = ends.cloned().collect();
        assert_eq!(ends.last(), Some(&last));
        client.ok(json!({ "type": "switch_session", "sessionId": "idle", "cursor": 0 }));
        client.ok(json!({ "type": "get_startup_recovery" }));
        let idle = |frame: &&Value| frame["type"] == "event" && frame["sessionId"] == "idle";
        assert_eq!(client.seen().iter().find(idle), None, "it was at nothing");
        ends
    };
    let ends = interrupted(&daemon);
    let kinds: Vec<&Value> = ends.iter().map(|frame| &frame["event"]["type"]).collect();
    assert_eq!(kinds, ["agent_end", "agent_settled"]);
    let words = ends[0]["event"]["errorMessage"].as_str().unwrap_or_default();
    assert!(words.contains("The daemon ended") && words.contains("nothing of it runs"), "{words}");
    // Told once, however often the daemon starts, and found in each of its lives.
    daemon.kill9();
    daemon.restart();
    assert_eq!(interrupted(&daemon), ends);
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
    let mut workers: Vec<Worker> =
        (0..3).map(|number| Worker::new(&format!("w{number}"))).collect();
    for worker in &workers {
        session(&mut worker.connect(&daemon), worker.name());
    }
    for round in 0..kills() {
        let mut clients = Worker::round(&mut workers, &daemon, round, ROUNDS_KEPT);
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let last = (random >> 33) % 60;
        clients[0].lifecycle(&format!("{round}-{last}"), "accepted");
        daemon.kill9();
        for (worker, client) in workers.iter_mut().zip(&mut clients) {
            worker.note_to_the_end(client);
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

/// Copies a directory with all that is in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let there = to.join(path.file_name().expect("a name"));
        let kind = std::fs::symlink_metadata(&path).expect("a file").file_type();
        if kind.is_dir() {
            copy(&path, &there);
        } else if kind.is_file() {
            std::fs::copy(&path, &there).expect("a copy");
        }
    }
}

/// What a start makes of a crash: the report, but for times and places, and who ended how.
fn classified(daemon: &Daemon, ids: &[String]) -> Vec<Value> {
    let mut client = daemon.websocket();
    let report = client.ok(json!({ "type": "get_startup_recovery" }));
    let numbers = ["recoveredInFlightFailures", "recoverable", "tornBytes", "cleanShutdown"];
    let mut found: Vec<Value> = numbers.iter().map(|key| report["data"][key].clone()).collect();
    for id in ids {
        client.send(&prompt(id, "s", "[stall]"));
        let answer = client.response(id);
        assert_eq!(answer["replayed"], true, "{answer}");
        found.push(json!([id, answer["success"], answer["errorCode"], answer["error"]]));
    }
    found
}

#[test]
fn a_crash_is_classified_alike_at_every_boot_and_on_every_machine() {
    let mut daemon = Setup::new().arg("--recovery").arg("fail").start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    let ids: Vec<String> = (0..20).map(|number| format!("p{number}")).collect();
    for id in &ids {
        client.send(&prompt(id, "s", "[stall]"));
    }
    client.event("s", "agent_start");
    client.lifecycle("p19", "accepted");
    daemon.kill9();
    let (one, two) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    copy(daemon.dir(), one.path());
    copy(daemon.dir(), two.path());
    let on = |dir| Setup::new().arg("--recovery").arg("fail").start_in(dir);
    let (mut first, second) = (on(one), on(two));
    let found = classified(&first, &ids);
    assert_eq!(found[..4], [json!(20), json!(0), found[2].clone(), json!(false)], "{found:?}");
    assert!(found[4].to_string().contains("outcome_unknown"), "{found:?}");
    assert!(found[5].to_string().contains("not_recovered"), "{found:?}");
    assert_eq!(found, classified(&second, &ids), "the same journal, the same answer");
    // Later boots find outcomes where this one found commands in flight, and change none.
    for _ in 0..2 {
        first.kill9();
        first.restart();
        assert_eq!(found[4..], classified(&first, &ids)[4..]);
        first.verify();
    }
}

/// Exit status of a daemon that a page of its journal was taken from.
const STATUS_BUS: i32 = 74;

#[test]
fn a_segment_that_is_cut_short_under_the_daemon_ends_it_with_one_line() {
    let mut daemon = Setup::new().arg("--backend").arg("map").start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let path = daemon.dir().join("journal/00000001.seg");
    let segment = std::fs::File::options().write(true).open(&path).expect("a segment");
    segment.set_len(4_096).expect("cut short");
    client.send(&prompt("p", "s", "[say:hello]"));
    assert_eq!(daemon.wait().code(), Some(STATUS_BUS), "{}", daemon.log());
    let log = daemon.log();
    let said = log.lines().filter(|line| line.starts_with("pi-server: "));
    assert_eq!(said.count(), 1, "{log}");
    assert!(log.contains("bus error: a page of the journal"), "{log}");
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
