//! The clock on the wall is set, forward and back, and no deadline knows. PROTOCOL.md section 9.1.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pi_server_tests::{Client, PATIENCE, Setup};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{prompt, refused, session};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// A clock on the wall that can be set.
struct Wall {
    /// libfaketime reads from it by how much, at every look at the clock.
    file: PathBuf,
    _dir: TempDir,
}

impl Wall {
    fn new() -> Wall {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let wall = Wall { file: dir.path().join("offset"), _dir: dir };
        wall.set(0);
        wall
    }

    /// So many seconds beside the truth.
    fn set(&self, seconds: i64) {
        // In one piece: a daemon may be looking.
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{seconds:+}")).expect("written");
        std::fs::rename(&new, &self.file).expect("renamed");
    }

    /// A daemon that has this clock; what passes is told by the system's.
    fn setup(&self) -> Setup {
        Setup::new()
            .env("LD_PRELOAD", library())
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }
}

/// libfaketime, for programs with threads.
fn library() -> PathBuf {
    let lib = Path::new("/usr/lib");
    let folders = std::fs::read_dir(lib).expect("libraries").filter_map(Result::ok);
    let folders = folders.map(|folder| folder.path()).chain([lib.to_owned()]);
    let mut found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    found.find(|path| path.exists()).expect("the package faketime is installed")
}

/// Seconds since the Unix epoch, truly.
fn truth() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after the epoch");
    i64::try_from(now.as_secs()).expect("in range")
}

/// How to get to the year 1970 from here.
fn to_1970() -> i64 {
    90 * DAY - truth()
}

fn is_near(seconds: i64, wanted: i64) -> bool {
    seconds.abs_diff(wanted) < 300
}

/// When each transition of a command was recorded, by the history, in seconds.
fn recorded(client: &mut Client, id: &str) -> Vec<i64> {
    let answer = client.ok(json!({ "type": "get_command_history", "commandId": id }));
    let entry = &answer["data"]["entries"][0];
    assert_eq!(entry["commandId"], id, "{answer}");
    let transitions = entry["transitions"].as_array().expect("transitions");
    transitions.iter().map(|at| at["recordedAt"].as_i64().expect("a time") / 1_000).collect()
}

fn key(id: &str) -> Value {
    json!({
        "id": id, "type": "set_session_name", "sessionId": "s", "name": "n", "idempotencyKey": "k",
    })
}

/// What must not end when the clock is set: a prompt with a timeout, a wait for it from another
/// lane, a key. Then it is set, and set back.
fn nothing_ends(seconds: i64) {
    let wall = Wall::new();
    let mut daemon = wall.setup().start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    session(&mut client, "t");
    client.send(&key("key"));
    assert_eq!(client.response("key")["success"], true);
    let mut stalled = prompt("p", "s", "[stall]");
    stalled["timeoutMs"] = 45_000.into();
    client.send(&stalled);
    client.expect("the prompt has started", |frame| {
        frame["type"] == "command_started" && frame["data"]["commandId"] == "p"
    });
    client.send(&json!({
        "id": "d", "type": "get_state", "sessionId": "t", "dependsOn": ["p"],
    }));
    client.expect("the dependent waits", |frame| {
        frame["type"] == "command_accepted" && frame["data"]["commandId"] == "d"
    });
    let begun = truth();
    for (number, by) in [seconds, 0].into_iter().enumerate() {
        wall.set(by);
        for round in 0..3 {
            let id = format!("again-{number}-{round}");
            client.send(&key(&id));
            let again = client.response(&id);
            assert_eq!(again["replayed"], true, "the key is live: {again}");
        }
        let id = format!("created-{number}");
        client.send(&json!({ "id": id, "type": "create_session", "sessionId": id }));
        assert_eq!(client.response(&id)["success"], true);
        let times = recorded(&mut client, &id);
        assert!(times.iter().all(|at| is_near(*at, begun + by)), "{times:?} is not {by} ahead");
        let ended = client.seen().iter().find(|frame| {
            frame["type"] == "command_finished"
                && (frame["data"]["commandId"] == "p" || frame["data"]["commandId"] == "d")
        });
        assert_eq!(ended, None, "the clock is {by} s beside the truth");
    }
    let times = recorded(&mut client, "key");
    assert!(times.iter().all(|at| is_near(*at, begun)), "{times:?} is when it was");
    client.ok(json!({ "type": "cancel_command", "commandId": "p" }));
    refused(&client.response("d"), "dependency_failed");
    // What began under another clock is over when it should be.
    let mut short = prompt("q", "t", "[stall]");
    short["timeoutMs"] = 300.into();
    client.send(&short);
    client.expect("the prompt has started", |frame| {
        frame["type"] == "command_started" && frame["data"]["commandId"] == "q"
    });
    wall.set(seconds);
    refused(&client.response("q"), "timeout");
    let created = client.ok(json!({ "type": "create_session", "sessionId": "u" }));
    let date = created["data"]["sessionInfo"]["createdAt"].as_str().expect("a date").to_owned();
    let year = (truth() + seconds) / (365 * DAY + DAY / 4) + 1970;
    assert!(date.starts_with(&year.to_string()), "{date}");
    // A start finds the clock where it is, and what it was before.
    assert!(daemon.stop().success());
    daemon.restart();
    let mut client = daemon.websocket();
    client.send(&key("later"));
    assert_eq!(client.response("later")["replayed"], true, "the key outlives the restart");
    let sessions = client.ok(json!({ "type": "list_sessions" }));
    let sessions = sessions["data"]["sessions"].as_array().expect("sessions");
    let shown = sessions.iter().find(|info| info["sessionId"] == "u").expect("it is there");
    assert_eq!(shown["createdAt"], date.as_str());
    let times = recorded(&mut client, "key");
    assert!(times.iter().all(|at| is_near(*at, begun)), "{times:?} is when it was");
    assert!(daemon.stop().success());
    daemon.verify();
}

#[test]
fn half_a_day_forward_ends_nothing() {
    nothing_ends(12 * HOUR);
}

#[test]
fn half_a_day_back_ends_nothing() {
    nothing_ends(-12 * HOUR);
}

#[test]
fn the_year_1970_ends_nothing() {
    nothing_ends(to_1970());
}

#[test]
fn forty_days_forward_end_nothing() {
    nothing_ends(40 * DAY);
}

/// Work that fills a segment or two, until the keeper has gone on: one more was looked at.
fn fill(client: &mut Client, names: &str) {
    let kept = |client: &mut Client| journal_of(client)["snapshotSeq"].as_u64();
    let (before, until) = (kept(client), Instant::now() + PATIENCE);
    for number in 0..4 {
        let id = format!("{names}{number}");
        client.send(&prompt(&id, "s", "[words:120] [delay:0]"));
        assert_eq!(client.response(&id)["success"], true);
    }
    while kept(client) <= before {
        assert!(Instant::now() < until, "no segment is settled");
        // Each question is a little work as well.
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn journal_of(client: &mut Client) -> Value {
    client.ok(json!({ "type": "get_metrics" }))["data"]["stores"]["journal"].clone()
}

#[test]
fn a_reading_forty_days_ahead_drops_and_erases_nothing() {
    let wall = Wall::new();
    let setup = wall.setup().arg("--segment-bytes").arg("65536");
    let setup = setup.arg("--retain-age").arg("30d").arg("--warm-after").arg("7d");
    let mut daemon = setup.arg("--cold-after").arg("14d").start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    for round in 0..4 {
        fill(&mut client, &format!("a{round}-"));
    }
    wall.set(40 * DAY);
    fill(&mut client, "b");
    daemon.says("that data is kept", |line| line.contains("clock on the wall"));
    // Nobody has answered the pings of the one before meanwhile.
    let mut client = daemon.websocket();
    let journal = journal_of(&mut client);
    assert_eq!(journal["firstSeq"], 1, "{journal}");
    assert!(journal["keptByDoubt"].as_u64().is_some_and(|kept| kept > 0), "{journal}");
    let tiers = std::fs::read_dir(daemon.dir().join("tiers")).map_or(0, Iterator::count);
    assert_eq!(tiers, 0, "nothing has been erased");
    // The same at a start that finds the clock there.
    assert!(daemon.stop().success());
    daemon.restart();
    daemon.says("that data is kept", |line| line.contains("clock on the wall"));
    let mut client = daemon.websocket();
    fill(&mut client, "d");
    assert_eq!(journal_of(&mut client)["firstSeq"], 1);
    wall.set(to_1970());
    fill(&mut client, "e");
    assert_eq!(journal_of(&mut client)["firstSeq"], 1);
    let said = daemon.log().matches("clock on the wall").count();
    assert_eq!(said, 1, "it is said once");
    assert!(daemon.stop().success());
    daemon.verify();
}
