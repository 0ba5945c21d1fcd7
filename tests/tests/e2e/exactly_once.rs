//! Exactly once, as long as the journal remembers: PROTOCOL.md 6.2.

use std::process::Command;
use std::time::{Duration, Instant};

use pi_server_tests::programs::program;
use pi_server_tests::{Client, Daemon, Setup, until};
use serde_json::{Value, json};

use crate::{prompt, refused, session};

fn name() -> Value {
    json!({ "id": "name", "type": "set_session_name", "sessionId": "s", "name": "once" })
}

/// Sends commands that are made of their numbers, and waits for all responses.
fn send_many(client: &mut Client, count: u32, frame: impl Fn(u32) -> Value) {
    const BATCH: u32 = 90;
    for from in (0..count).step_by(BATCH as usize) {
        let to = count.min(from + BATCH);
        (from..to).for_each(|number| client.send(&frame(number)));
        for number in from..to {
            let id = frame(number)["id"].as_str().expect("an id").to_owned();
            let response = client.response(&id);
            assert_eq!(response["success"], true, "{response}");
            assert!(response.get("replayed").is_none(), "{response}");
        }
    }
}

fn mutation(prefix: &str, number: u32) -> Value {
    json!({ "id": format!("{prefix}{number}"), "type": "set_interest", "lifecycle": "none" })
}

/// The name has been given once, and the same command says so.
fn assert_once(client: &mut Client) {
    assert_once_of(client, 1);
}

/// The name has been given once, as the first of so many changes of the session.
fn assert_once_of(client: &mut Client, version: u64) {
    client.send(&name());
    let again = client.response("name");
    assert_eq!((&again["success"], &again["replayed"]), (&json!(true), &json!(true)), "{again}");
    assert_eq!(again["sessionVersion"], 1, "{again}");
    let state = client.ok(json!({ "type": "get_state", "sessionId": "s" }));
    assert_eq!(state["sessionVersion"], version, "it ran again: {state}");
}

/// The number of ids that no index has yet, and how many files of ids there are.
fn unindexed(client: &mut Client) -> u64 {
    let metrics = client.ok(json!({ "type": "get_metrics" }));
    let count = &metrics["data"]["stores"]["replay"]["unindexedCount"];
    count.as_u64().unwrap_or_else(|| panic!("{metrics}"))
}

/// Until no more ids than this have no index.
fn until_indexed(client: &mut Client, most: u64) {
    let until = Instant::now() + Duration::from_secs(600);
    while unindexed(client) > most {
        assert!(Instant::now() < until, "nothing is indexed");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn files_of_ids(daemon: &Daemon) -> usize {
    std::fs::read_dir(daemon.dir().join("ids")).map_or(0, Iterator::count)
}

#[test]
fn a_mutation_runs_once_after_25000_reads_with_ids() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket_as("page");
    client.ok(json!({ "type": "set_interest", "lifecycle": "none" }));
    session(&mut client, "s");
    client.send(&name());
    assert_eq!(client.response("name")["sessionVersion"], 1);
    send_many(
        &mut client,
        25_000,
        |number| json!({ "id": format!("h{number}"), "type": "health_check" }),
    );
    assert_once(&mut client);
    daemon.verify();
}

#[test]
fn a_mutation_runs_once_after_many_others_a_kill_and_a_clean_restart() {
    let setup = Setup::new().arg("--segment-bytes").arg("65536");
    let mut daemon = setup.limit("outcomes_max", 50).limit("unindexed_ids_max", 1_000).start();
    let mut client = daemon.websocket_as("page");
    client.ok(json!({ "type": "set_interest", "lifecycle": "none" }));
    session(&mut client, "s");
    client.send(&name());
    assert_eq!(client.response("name")["sessionVersion"], 1);
    // A client that is refused because the keeper is behind sends again.
    send_many(&mut client, 800, |number| mutation("m", number));
    assert_once(&mut client);
    daemon.kill9();
    daemon.restart();
    let mut client = daemon.websocket_as("page");
    assert_once(&mut client);
    until_indexed(&mut client, 200);
    assert!(files_of_ids(&daemon) >= 2);
    assert_once(&mut client);
    assert!(daemon.stop().success());
    daemon.restart();
    let mut client = daemon.websocket_as("page");
    assert_once(&mut client);
    let mut other = daemon.websocket_as("somebody-else");
    other.send(&name());
    assert_eq!(other.response("name")["sessionVersion"], 2, "ids of another name are other ids");
    assert!(daemon.stop().success());
    daemon.verify();
}

/// Changes of the session until then: the name, the shell command and the prompt.
const LONG_AGO: u64 = 3;

/// A daemon that has given a name and run a shell command long ago: their outcomes have left the window
/// of stored ones, and their segments are indexed. The answer of the shell command comes with it.
fn long_ago() -> (Daemon, Value) {
    let setup = Setup::new().arg("--segment-bytes").arg("65536");
    let mut daemon = setup.limit("outcomes_max", 50).start();
    let mut client = daemon.websocket_as("page");
    client.ok(json!({ "type": "set_interest", "lifecycle": "none" }));
    session(&mut client, "s");
    client.send(&name());
    assert_eq!(client.response("name")["sessionVersion"], 1);
    client.send(&bash());
    let answer = client.response("bash");
    assert!(answer["data"].to_string().contains("PLANTEDbash"), "{answer}");
    // The deltas of a stream are what goes first.
    client.send(&prompt("words", "s", "[words:20] [delay:0]"));
    assert_eq!(client.response("words")["sessionVersion"], LONG_AGO);
    send_many(&mut client, 1_600, |number| mutation("m", number));
    until_indexed(&mut client, 800);
    assert!(daemon.stop().success());
    (daemon, answer)
}

fn bash() -> Value {
    json!({ "id": "bash", "type": "bash", "sessionId": "s", "command": "echo PLANTEDbash" })
}

#[test]
fn a_mutation_runs_once_while_its_segment_grows_warm_and_cold() {
    let (mut daemon, answer) = long_ago();
    for (tier, argument) in [("warm", "--warm-after"), ("cold", "--cold-after")] {
        daemon.restart_with(&[argument, "1s"]);
        until(tier, || {
            let report = daemon.replay(&["verify", "--json"]).stdout;
            let report: Value = serde_json::from_slice(&report).expect("a report");
            report["tiers"][0]["tier"] == tier
        });
        for _ in 0..2 {
            let mut client = daemon.websocket_as("page");
            assert_once_of(&mut client, LONG_AGO);
            client.send(&bash());
            let again = client.response("bash");
            if tier == "warm" {
                assert_eq!((&again["replayed"], &again["data"]), (&json!(true), &answer["data"]));
            } else {
                refused(&again, "outcome_expired");
            }
            daemon.kill9();
            daemon.restart();
        }
        assert!(daemon.stop().success());
        daemon.verify();
    }
}

#[test]
fn a_mutation_whose_answer_was_erased_is_expired_and_one_without_text_is_replayed() {
    let (mut daemon, _) = long_ago();
    let output = Command::new(program("pi-server"))
        .args(["journal", "erase", "--session", "s", "--yes", "--data-dir"])
        .arg(daemon.dir())
        .output()
        .expect("pi-server can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for _ in 0..2 {
        daemon.restart();
        let mut client = daemon.websocket_as("page");
        assert_once_of(&mut client, LONG_AGO);
        client.send(&bash());
        refused(&client.response("bash"), "outcome_expired");
        assert!(daemon.stop().success());
        daemon.verify();
    }
}

/// `scripts/campaign.sh ids`.
#[cfg(feature = "campaign")]
#[test]
fn a_mutation_runs_once_after_a_million_others_a_restart_and_a_compaction() {
    let setup = Setup::new().arg("--segment-bytes").arg("8388608").arg("--retain-bytes").arg("8G");
    let mut daemon = setup.start();
    let mut client = daemon.websocket_as("page");
    client.ok(json!({ "type": "set_interest", "lifecycle": "none" }));
    session(&mut client, "s");
    client.send(&name());
    assert_eq!(client.response("name")["sessionVersion"], 1);
    // Not more at a time than may wait for an index: on a busy machine the keeper is behind.
    for part in 0..20 {
        send_many(&mut client, 50_000, |number| mutation("m", 50_000 * part + number));
        until_indexed(&mut client, 45_000);
    }
    assert_once(&mut client);
    assert!(daemon.stop().success());
    daemon.restart();
    let mut client = daemon.websocket_as("page");
    until_indexed(&mut client, 100_000);
    assert_once(&mut client);
    for number in [0, 1, 499_999, 999_999] {
        client.send(&mutation("m", number));
        let again = client.response(&format!("m{number}"));
        assert_eq!(again["replayed"], true, "{again}");
    }
    assert!(daemon.stop().success());
    daemon.verify();
}
