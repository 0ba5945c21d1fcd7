//! `pi-replay diff`, `bisect` and `what-if`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use pi_server_tests::programs::program;
use pi_server_tests::{Daemon, Setup};
use serde_json::{Value, json};

use crate::incident::{incident, prompt, tree};
use crate::{arg, replay, replay_ends, replay_json};

/// A build of the tool that behaves in another way: `awk` rewrites the line of one step, as a
/// changed rule would.
fn other_build(dir: &Path, name: &str, awk: &str) -> PathBuf {
    let path = dir.join(name);
    let real = program("pi-replay");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = digests ] || exec '{0}' \"$@\"\n'{0}' \"$@\" | awk '{awk}'\n",
        real.display()
    );
    std::fs::write(&path, script).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("set");
    path
}

#[test]
fn another_build_is_compared_and_bisected_to_the_step_that_differs() {
    let daemon = incident();
    let dir = arg(daemon.dir());
    let before = tree(daemon.dir());
    let bin = tempfile::tempdir().expect("a directory");
    let same = other_build(bin.path(), "same", "{ print }");
    let changed = other_build(bin.path(), "changed", "$1 == 9 { $2 = \"0\" } { print }");
    let short = other_build(bin.path(), "short", "$1 == 12 { exit } { print }");
    let equal = replay_json(0, &["diff", dir, "--build", arg(&same), "--json"]);
    assert_eq!(equal["difference"], Value::Null);
    assert!(equal["equalSteps"].as_u64() > Some(30), "{equal}");
    let other = replay_json(10, &["diff", dir, "--build", arg(&changed), "--json"]);
    assert_eq!((&other["equalSteps"], &other["difference"]["seq"]), (&8.into(), &9.into()));
    assert_eq!(other["difference"]["b"], "0", "{other}");
    assert!(other["difference"]["stepA"].as_str().expect("text").contains("#9  "), "{other}");
    let ended = replay_json(10, &["diff", dir, "--build", arg(&short), "--json"]);
    assert_eq!(ended["difference"]["seq"], 12, "{ended}");
    assert_eq!(ended["difference"]["b"], "has no such step", "{ended}");

    let row = [&same, &same, &same, &changed, &changed].map(|build| arg(build));
    let found = replay_json(10, &[&["bisect", dir, "--json"], row.as_slice()].concat());
    assert_eq!(found["firstOther"], arg(&changed), "{found}");
    assert_eq!(found["difference"]["difference"]["seq"], 9, "{found}");
    let none = replay_json(0, &["bisect", dir, arg(&same), arg(&same), "--json"]);
    assert_eq!(none["firstOther"], Value::Null);
    assert_eq!(replay(&["diff", dir, "--build", "/nowhere"]).status.code(), Some(5));

    // A build that fails is skipped, and what it says is shown; it may be the first other one.
    let fails = bin.path().join("fails");
    std::fs::write(&fails, "#!/bin/sh\necho 'no such library' >&2; exit 1\n").expect("written");
    std::fs::set_permissions(&fails, std::fs::Permissions::from_mode(0o755)).expect("set");
    let row = [&same, &same, &fails, &changed, &changed].map(|build| arg(build));
    let found = replay_json(10, &[&["bisect", dir, "--json"], row.as_slice()].concat());
    assert_eq!(found["firstOther"], arg(&changed), "{found}");
    assert_eq!(found["inDoubt"], json!([arg(&fails)]), "{found}");
    assert!(found["skipped"][0]["why"].to_string().contains("no such library"), "{found}");
    let text = replay_ends(10, &[&["bisect", dir], row.as_slice()].concat());
    assert!(text.contains("no such library") && text.contains("or one of those skipped"), "{text}");
    let failed = replay(&["bisect", dir, arg(&fails), arg(&same)]);
    assert_eq!(failed.status.code(), Some(6), "the first one is what all are compared with");
    assert!(String::from_utf8_lossy(&failed.stderr).contains("no such library"));
    for program in ["/bin/true", "/bin/echo"] {
        let row = [arg(&same), program, arg(&changed)];
        let output = replay(&[&["bisect", dir], row.as_slice()].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{program}: {said}");
        assert!(said.contains("is no build of pi-replay"), "{said}");
    }
    assert_eq!(tree(daemon.dir()), before, "reading writes nothing");
}

/// The same requests to a daemon of its own, one of them with another end.
fn day(message: &str, extra: bool) -> Daemon {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket_as("editor");
    if extra {
        // Moves the numbers of everything that follows.
        client.send(&json!({ "id": "extra", "type": "health_check" }));
        client.response("extra");
    }
    client.send(&json!({ "id": "make", "type": "create_session", "sessionId": "s" }));
    client.response("make");
    for (id, message) in [("p1", "[say:x] [delay:0]"), ("p2", message)] {
        client.send(&prompt(id, "s", message));
        client.response(id);
    }
    daemon.stop();
    daemon
}

#[test]
fn two_days_are_aligned_by_client_and_id() {
    let (good, bad) = (day("[say:x] [delay:0]", false), day("[fail:no]", true));
    let (a, b) = (arg(good.dir()), arg(bad.dir()));
    let found = replay_json(10, &["diff", a, b, "--json"]);
    assert_eq!(found["alike"], 2, "{found:#}");
    let differences = found["differences"].as_array().expect("a list");
    assert_eq!(differences.len(), 2, "{found:#}");
    let p2 = &differences[0];
    assert_eq!((&p2["command"], &p2["field"]), (&"prompt p2".into(), &"outcome".into()));
    assert_eq!((&p2["a"], &p2["b"]), (&"succeeded".into(), &"failed".into()));
    assert_eq!(differences[1]["command"], "health_check extra");
    assert_eq!(differences[1]["a"], "not there");
    let same = replay_ends(0, &["diff", a, a, "--align", "cause"]);
    assert!(same.starts_with("3 commands are alike, 0 are not"), "{same}");
    assert!(replay_ends(0, &["diff", a, a]).starts_with("equal: "));
}

#[test]
fn other_limits_have_other_outcomes() {
    let mut daemon = Setup::new().limit("session_burst", 5).start();
    let mut client = daemon.websocket();
    client.ok(json!({ "type": "create_session", "sessionId": "one" }));
    client.ok(json!({ "type": "create_session", "sessionId": "two" }));
    for number in 0..20 {
        client
            .send(&json!({ "id": format!("g{number}"), "type": "get_state", "sessionId": "two" }));
    }
    client.response("g19");
    client.send(&prompt("p", "two", "[words:3] [delay:1]"));
    client.response("p");
    daemon.stop();
    let dir = arg(daemon.dir());
    let before = tree(daemon.dir());
    let same = replay_json(0, &["what-if", dir, "--set", "limits.lane_waiting_max=999", "--json"]);
    assert_eq!(same["differences"], json!([]), "{same:#}");
    // Agents are numbered anew where the first session is not made.
    let fewer = replay_json(10, &["what-if", dir, "--set", "limits.sessions_max=1", "--json"]);
    let differences = fewer["differences"].as_array().expect("a list");
    let made = &differences[0];
    assert_eq!((&made["a"], &made["b"]), (&"succeeded".into(), &"failed".into()), "{fewer:#}");
    assert!(differences.iter().all(|it| it["b"] != "open"), "{fewer:#}");
    assert!(fewer["unheardInputs"].as_u64() > Some(0), "{fewer:#}");
    let rate = replay_json(10, &["what-if", dir, "--set", "limits.rate=on", "--json"]);
    let limited = rate["differences"].as_array().expect("a list");
    assert!(limited.iter().any(|it| it["command"] == "get_state g19" && it["b"] == "refused"));
    let never = ["what-if", dir, "--set", "limits.short_timeout_ms=1", "--json"];
    assert!(matches!(replay(&never).status.code(), Some(0 | 10)));
    for wrong in ["limits.nothing=1", "limits.sessions_max=0", "sessions_max=1", "limits.rate=1"] {
        assert_eq!(replay(&["what-if", dir, "--set", wrong]).status.code(), Some(2), "{wrong}");
    }
    assert_eq!(tree(daemon.dir()), before, "reading writes nothing");
}
