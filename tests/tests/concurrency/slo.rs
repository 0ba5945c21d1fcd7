//! Service level objectives: `tests/slo.toml` against what was measured.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pi_server_tests::frames::{prompt, rename, session};
use pi_server_tests::journal::{Journal, segments};
use pi_server_tests::{Client, Daemon, Setup};
use serde_json::{Value, json};
use toml::Table;

/// What the runs with many clients measure.
pub(crate) const OF_RUNS: [&str; 6] = [
    "commands_lost",
    "commands_ended_twice",
    "mutations_repeated",
    "divergences",
    "model_differences",
    "events_caught_up_percent",
];
/// What tests of their own measure.
const OWN: [&str; 3] =
    ["commands_answered_after_kill_percent", "inputs_stepped_after_kill", "slow_client_bytes"];

fn objectives() -> Table {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("slo.toml");
    let text = std::fs::read_to_string(&file).expect("a file of objectives");
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Holds a measurement against its objective.
pub(crate) fn hold(name: &str, measured: u64) {
    let objectives = objectives();
    let bound = |kind: &str| {
        let bound = objectives.get(name)?.get(kind)?.as_integer()?;
        Some(u64::try_from(bound).expect("bounds are not negative"))
    };
    eprintln!("slo {name} = {measured}");
    match (bound("min"), bound("max")) {
        (Some(min), None) => {
            assert!(measured >= min, "{name}: {measured}, at least {min} promised");
        }
        (None, Some(max)) => {
            assert!(measured <= max, "{name}: {measured}, at most {max} promised");
        }
        _ => panic!("{name} has no bound, or two"),
    }
}

/// `part` of `whole` in percent, rounded down.
pub(crate) fn percent(part: usize, whole: usize) -> u64 {
    let percent = (part * 100).checked_div(whole).unwrap_or(100);
    u64::try_from(percent).expect("a small number")
}

#[test]
fn every_objective_is_measured() {
    let promised: BTreeSet<String> = objectives().keys().cloned().collect();
    let measured = OF_RUNS.iter().chain(&OWN).map(|name| (*name).to_owned()).collect();
    assert_eq!(promised, measured);
}

#[test]
fn after_a_kill_every_repeated_command_is_answered() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    for name in ["s", "t"] {
        session(&mut client, name);
    }
    let frame = |number: u64| -> Value {
        let id = format!("r{number}");
        match number % 4 {
            0 => rename(&id, "s", "x"),
            1 => prompt(&id, "s", "[words:3] [delay:0]"),
            2 => prompt(&id, "t", "[say:x] [delay:1]"),
            _ => json!({ "id": id, "type": "get_state", "sessionId": "t" }),
        }
    };
    let all = 80;
    for number in 0..all {
        client.send(&frame(number));
    }
    client.lifecycle("r40", "accepted");
    daemon.kill9();
    daemon.restart();
    let mut client = daemon.websocket();
    for number in 0..all {
        client.send(&frame(number));
    }
    let answers = (0..all).map(|number| client.response(&format!("r{number}")));
    let answered = answers.filter(|answer| answer["success"].is_boolean()).count();
    hold(
        "commands_answered_after_kill_percent",
        percent(answered, usize::try_from(all).expect("few")),
    );
}

/// The number of the newest snapshot; 0 if there is none.
fn newest_snapshot(dir: &Path) -> u64 {
    let Ok(files) = std::fs::read_dir(dir.join("snapshots")) else { return 0 };
    let names = files.map(|file| file.expect("a file").path());
    let number = |path: PathBuf| path.file_stem()?.to_str()?.parse().ok();
    names.filter_map(number).max().unwrap_or(0)
}

#[test]
fn a_start_after_a_kill_steps_through_what_follows_the_newest_snapshot_and_no_more() {
    const SEGMENTS: usize = 8;
    let mut daemon = Setup::new().arg("--segment-bytes").arg("65536").start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let mut turns = 0;
    let mut turn = || {
        turns += 1;
        let id = format!("p{turns}");
        client.send(&prompt(&id, "s", "[words:100] [delay:0]"));
        client.response(&id);
    };
    // The last two are the one that is written and the one that is built ahead.
    let sealed = |daemon: &Daemon| segments(daemon.dir()).len().saturating_sub(2);
    while sealed(&daemon) < SEGMENTS {
        turn();
    }
    // A snapshot follows the sync of its segment, which follows within a second.
    let until = Instant::now() + Duration::from_secs(60);
    while newest_snapshot(daemon.dir()) < u64::try_from(sealed(&daemon)).expect("few") {
        assert!(Instant::now() < until, "the snapshots do not follow the segments");
        std::thread::sleep(Duration::from_millis(50));
    }
    daemon.kill9();
    let all = Journal::read(daemon.dir()).inputs.len();
    daemon.restart();
    let stepped = daemon.stepped();
    eprintln!("{stepped} of {all} inputs stepped through");
    hold("inputs_stepped_after_kill", stepped);
}

#[test]
fn clients_that_do_not_read_cost_a_bounded_amount_each() {
    const LAZY: u64 = 8;
    let daemon = Daemon::start();
    let mut busy = daemon.websocket();
    session(&mut busy, "s");
    let subscribe = json!({ "type": "switch_session", "sessionId": "s" });
    let turn = |busy: &mut Client, id: &str| {
        busy.send(&prompt(id, "s", "[words:6000] [delay:0]"));
        busy.response(id);
    };
    // What the agent and the session need is there before anything is measured.
    turn(&mut busy, "first");
    let mut lazy: Vec<Client> = (0..LAZY).map(|_| daemon.websocket()).collect();
    for client in &mut lazy {
        client.ok(subscribe.clone());
    }
    let before = daemon.own_memory();
    for number in 0..4 {
        turn(&mut busy, &format!("p{number}"));
    }
    hold("slow_client_bytes", daemon.own_memory().saturating_sub(before) / LAZY);
}
