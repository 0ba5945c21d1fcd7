//! Journals with snapshots, and journals that begin with one.

use std::time::{Duration, Instant};

use pi_replay::bundle::bundle;
use pi_replay::show::{About, Range, Timeline, state_at, timeline};
use pi_replay::source::Source;
use pi_replay::verify::verify;
use pi_server_core::Seq;
use pi_server_core::record::{Snapshot, SnapshotFault};
use pi_server_core::snapshot::LAYOUT;
use pi_server_tests::Setup;
use serde_json::{Value, json};

use crate::incident::prompt;
use crate::{arg, replay, replay_ends, replay_json};

#[test]
fn a_journal_that_begins_with_a_snapshot_is_investigated_too() {
    let setup = Setup::new().arg("--segment-bytes").arg("65536");
    let mut daemon = setup.arg("--retain-bytes").arg("200K").start();
    let mut client = daemon.websocket();
    client.ok(json!({ "type": "create_session", "sessionId": "s" }));
    for number in 0..12 {
        let id = format!("p{number}");
        client.send(&prompt(&id, "s", "[words:120] [delay:0]"));
        client.response(&id);
    }
    let first = daemon.dir().join("journal/00000001.seg");
    let until = Instant::now() + Duration::from_secs(60);
    while first.exists() {
        assert!(Instant::now() < until, "the first segment is dropped");
        std::thread::sleep(Duration::from_millis(20));
    }
    daemon.stop();
    let dir = arg(daemon.dir());
    let out = tempfile::tempdir().expect("a directory");
    let path = |name: &str| out.path().join(name);
    let (policy, copy, file, again) = (path("policy"), path("copy"), path("b.pib"), path("again"));
    std::fs::write(&policy, r#"{"rules":[{"what":"event","erase":true}]}"#).expect("written");
    replay_ends(0, &["redact", dir, "--policy", arg(&policy), "-o", arg(&copy)]);
    let packed = replay_json(0, &["verify", arg(&copy), "--json"]);
    assert_eq!(packed["packs"], 1, "a daemon wants one: {packed:#}");
    let pack = std::fs::read_dir(copy.join("bodies")).expect("listed").flatten().next();
    let length = pack.expect("a pack").metadata().expect("its length").len();
    assert_eq!(length, 64, "bodies of dropped segments are not in a redacted copy");
    // Whose events they are is known also where the agent was started before the snapshot.
    let (of_session, other) = (path("of-session.json"), path("other"));
    std::fs::write(&of_session, r#"{"rules":[{"what":"event","session":"s","erase":true}]}"#)
        .expect("written");
    replay_ends(0, &["redact", dir, "--policy", arg(&of_session), "-o", arg(&other)]);
    let erased = |dir| replay_json(0, &["stats", dir, "--json"])["counts"]["erasedBodies"].clone();
    assert_eq!(erased(arg(&other)), erased(arg(&copy)));
    let veiled = ["export", dir, "--format", "jsonl", "--redact", arg(&of_session)];
    let veiled = replay_ends(0, &veiled);
    let events = veiled.lines().filter(|line| line.contains(r#""type":"event""#));
    assert!(events.clone().count() > 50 && events.clone().all(|it| it.contains(r#""event":null"#)));
    replay_ends(0, &["bundle", dir, "--with-key", "-o", arg(&file)]);
    let found = replay_json(0, &["verify-bundle", arg(&file), "--json"]);
    assert_eq!(found["verdict"], "identical", "{found:#}");
    replay_ends(0, &["unbundle", arg(&file), "-o", arg(&again)]);
    let original = replay_ends(0, &["show", dir]);
    for other in [&copy, &file, &again] {
        let report = replay_json(0, &["verify", arg(other), "--json"]);
        assert_eq!(report["verdict"], "identical", "{}: {report:#}", other.display());
        assert!(report["snapshot"].as_u64() > Some(10), "{report:#}");
        assert_eq!(replay_ends(0, &["show", arg(other)]), original, "{}", other.display());
    }
    let lane = replay_ends(0, &["show", dir, "--lane", "session:s"]);
    let (head, rows) = lane.split_once('\n').expect("lines");
    let first = original.lines().next().expect("a step").split_whitespace().next();
    assert!(head.ends_with(&format!(" from {} on", first.expect("a number"))), "{head}");
    assert!(rows.contains("\"p11\" prompt") && !rows.contains("\"p0\" prompt"), "{lane}");
    let lines = replay_ends(0, &["export", dir, "--format", "jsonl"]);
    assert!(lines.lines().count() > 100);
    let own = pi_server_tests::programs::program("pi-replay");
    let equal = replay_json(0, &["diff", dir, "--build", arg(&own), "--json"]);
    assert_eq!(equal["difference"], Value::Null);
    let same = ["what-if", dir, "--set", "limits.lane_waiting_max=999", "--json"];
    assert_eq!(replay_json(0, &same)["differences"], json!([]));
    let taken = ["shrink", dir, "--until", "output:x", "-o", arg(&again)];
    assert_eq!(replay(&taken).status.code(), Some(2), "the directory exists");
}

#[test]
fn what_a_daemon_drops_while_a_verb_reads_is_read_to_its_end() {
    let setup = Setup::new().arg("--segment-bytes").arg("65536");
    let mut daemon = setup.arg("--retain-bytes").arg("200K").start();
    let mut client = daemon.websocket();
    client.ok(json!({ "type": "create_session", "sessionId": "s" }));
    // The verb has begun: all that it will read, also for a second time, is there.
    let source = Source::open(daemon.dir()).expect("a journal");
    let first = daemon.dir().join("journal/00000001.seg");
    let until = Instant::now() + Duration::from_secs(60);
    let mut ids = (0..).map(|number| format!("p{number}"));
    while first.exists() {
        assert!(Instant::now() < until, "the first segment is dropped");
        let id = ids.next().expect("there is always one more");
        client.send(&prompt(&id, "s", "[words:120] [delay:0]"));
        client.response(&id);
    }
    daemon.stop();
    let begins_later = replay_json(0, &["verify", arg(daemon.dir()), "--json"]);
    assert!(begins_later["snapshot"].as_u64() > Some(10), "{begins_later:#}");
    let report = verify(&source, &mut |_| {}).expect("it is read").to_json();
    assert_eq!(report["verdict"], "identical", "{report:#}");
    assert_eq!(report["snapshot"], Value::Null, "{report:#}");
    let mut shown = Vec::new();
    let range = Range { from: Seq(1), to: Seq(u64::MAX) };
    let all = Timeline { range, about: About::Everything, json: false };
    timeline(&source, &all, &mut |_| {}, &mut shown).expect("it is shown");
    assert!(String::from_utf8_lossy(&shown).starts_with("      #1  "));
    let out = tempfile::tempdir().expect("a directory");
    let file = out.path().join("b.pib");
    let mut bytes = Vec::new();
    bundle(&source, true, None, &mut |_| {}, &mut bytes).expect("made");
    std::fs::write(&file, bytes).expect("written");
    assert_eq!(replay_ends(0, &["show", arg(&file)]).as_bytes(), shown);
    replay_ends(0, &["verify-bundle", arg(&file)]);
}

/// The snapshot as a build would write it that lays states out otherwise.
fn of_another_layout(snapshot: &[u8]) -> Vec<u8> {
    let mut bytes = snapshot.to_vec();
    bytes[12..16].copy_from_slice(&(LAYOUT + 1).to_le_bytes());
    let sum = crc32fast::hash(&bytes[..188]);
    bytes[188..192].copy_from_slice(&sum.to_le_bytes());
    bytes
}

#[test]
fn a_state_is_shown_from_the_nearest_snapshot_that_can_be_used() {
    let mut daemon = Setup::new().arg("--segment-bytes").arg("65536").start();
    let mut client = daemon.websocket();
    client.ok(json!({ "type": "create_session", "sessionId": "s" }));
    let snapshots = daemon.dir().join("snapshots");
    let snaps = || {
        let files = std::fs::read_dir(&snapshots).into_iter().flatten().flatten();
        let mut paths: Vec<_> = files.map(|file| file.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "snap"));
        paths.sort();
        paths
    };
    let until = Instant::now() + Duration::from_secs(60);
    let mut ids = (0..).map(|number| format!("p{number}"));
    while snaps().len() < 2 {
        assert!(Instant::now() < until, "two snapshots are written");
        let id = ids.next().expect("there is always one more");
        client.send(&prompt(&id, "s", "[words:120] [delay:0]"));
        client.response(&id);
    }
    daemon.stop();
    let stats = replay_json(0, &["verify", arg(daemon.dir()), "--json"]);
    let last = Seq(stats["inputs"].as_u64().expect("a number"));
    // The state, and how many inputs were stepped for it.
    let look = |at: Seq| {
        let source = Source::open(daemon.dir()).expect("a journal");
        let mut text = Vec::new();
        let ending =
            state_at(&source, at, None, true, &mut |_| {}, &mut text).expect("it is shown");
        (text, ending.last.0 + 1 - ending.first.0)
    };
    let (near, fed) = look(last);
    let newest = snaps().pop().expect("a snapshot");
    let bytes = std::fs::read(&newest).expect("a snapshot");
    let taken_at = Snapshot::parse(&bytes).expect("a snapshot").cursor.seq;
    let (there, none) = look(taken_at);
    assert_eq!(none, 0, "a snapshot that was taken right there is the state");
    // One of another build, in all else as it should be, and one that was damaged.
    std::fs::write(&newest, of_another_layout(&bytes)).expect("written");
    assert!(matches!(
        Snapshot::parse(&std::fs::read(&newest).expect("it is there")),
        Err(SnapshotFault::Layout { .. })
    ));
    let (foreign, more) = look(last);
    std::fs::write(&newest, "damaged").expect("written");
    let (before, as_many) = look(last);
    std::fs::remove_dir_all(&snapshots).expect("removed");
    let (whole, all) = look(last);
    assert_eq!((all, as_many), (last.0, more));
    assert!(fed < more && more < all, "{fed}, {more} and {all} inputs were stepped");
    assert!(near == whole && before == whole && foreign == whole, "wherever one begins");
    assert!(there == look(taken_at).0, "and where nothing is stepped");
    let beyond = format!("{}", last.0 + 1);
    assert_eq!(replay(&["show", arg(daemon.dir()), "--at", &beyond]).status.code(), Some(5));
}
