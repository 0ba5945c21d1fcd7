//! Journals that begin with a snapshot.

use std::time::{Duration, Instant};

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
    assert!(!copy.join("bodies").exists(), "bodies of dropped segments are not in a redacted copy");
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
    let lines = replay_ends(0, &["export", dir, "--format", "jsonl"]);
    assert!(lines.lines().count() > 100);
    let own = pi_server_tests::programs::program("pi-replay");
    let equal = replay_json(0, &["diff", dir, "--build", arg(&own), "--json"]);
    assert_eq!(equal["difference"], Value::Null);
    let same = ["what-if", dir, "--set", "limits.lane_waiting_max=999", "--json"];
    assert_eq!(replay_json(0, &same)["differences"], json!([]));
    let needs_all = ["shrink", dir, "--until", "output:x", "-o", arg(&again)];
    assert_eq!(replay(&needs_all).status.code(), Some(2));
}
