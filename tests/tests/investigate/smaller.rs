//! `pi-replay shrink` and `corpus`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use pi_server_core::notation::parse_script;
use pi_server_tests::Daemon;
use pi_server_tests::programs::program;
use serde_json::{Value, json};

use crate::incident::{incident, prompt, tree};
use crate::{arg, replay, replay_ends, replay_json};

/// A build in which the rule for `abort` is another one: `awk` says what becomes of the digests,
/// where `s` is the number of the first abort.
fn build_with_another_abort(dir: &Path, name: &str, awk: &str) -> PathBuf {
    let (path, real) = (dir.join(name), program("pi-replay"));
    let find = r"sed -n 's/^ *#\([0-9]*\)  .* abort .*/\1/p' | head -1";
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = digests ] || exec '{0}' \"$@\"\n\
         seq=$('{0}' show \"$2\" | {find})\n\
         '{0}' \"$@\" | awk -v s=\"$seq\" '{awk}'\n",
        real.display()
    );
    std::fs::write(&path, script).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("set");
    path
}

/// The inputs of a journal in the notation.
fn inputs(dir: &Path) -> Vec<String> {
    let shown = replay_ends(0, &["show", arg(dir)]);
    let inputs = shown.lines().filter(|line| line.trim_start().starts_with('#'));
    inputs.map(|line| line.split_once("  t").expect("a time").1.to_owned()).collect()
}

#[test]
fn a_divergence_and_a_panic_shrink_to_the_inputs_that_make_them() {
    let daemon = incident();
    let dir = arg(daemon.dir());
    let before = tree(daemon.dir());
    let out = tempfile::tempdir().expect("a directory");
    let other = build_with_another_abort(out.path(), "other", "$1 == s { $2 = 0 } { print }");
    let crash = "$1 == s { exit 101 } { print }";
    let panics = build_with_another_abort(out.path(), "panics", crash);
    for (until, build) in [("diverges", &other), ("panics", &panics)] {
        let small = out.path().join(format!("small-{until}"));
        let args = ["shrink", dir, "--until", until, "--build", arg(build), "-o", arg(&small)];
        let found = replay_json(0, &[args.as_slice(), &["--json"]].concat());
        assert_eq!((&found["after"], &found["unfinished"]), (&3.into(), &false.into()), "{found}");
        let left = inputs(&small);
        assert!(left[0].contains(" boot") && left[1].contains(" open"), "{left:?}");
        assert!(left[2].contains(" abort s:beta"), "{left:?}");
        let report = replay_json(0, &["verify", arg(&small), "--json"]);
        assert_eq!(report["verdict"], "identical", "{report:#}");
        assert_eq!((&report["frames"], &report["key"]), (&1.into(), &"read".into()), "{report:#}");
        assert_eq!(replay(&args).status.code(), Some(2), "nothing is written over");
    }
    assert_eq!(tree(daemon.dir()), before, "reading writes nothing");
}

#[test]
fn an_outcome_shrinks_with_everything_it_needs_and_numbers_follow() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    // The daemon chooses these ids; what follows names them.
    let made: Vec<String> = (0..4)
        .map(|_| {
            let made = client.ok(json!({ "type": "create_session" }));
            made["data"]["sessionId"].as_str().expect("an id").to_owned()
        })
        .collect();
    for (number, session) in made.iter().enumerate() {
        client.send(&prompt(&format!("p{number}"), session, "[words:3] [delay:0]"));
        client.response(&format!("p{number}"));
    }
    client.send(&prompt("bad", &made[2], "[fail:no luck]"));
    client.response("bad");
    daemon.stop();
    let out = tempfile::tempdir().expect("a directory");
    let small = out.path().join("small");
    let until = "output:\"bad\" prompt failed agent_error";
    let args = ["shrink", arg(daemon.dir()), "--until", until, "-o", arg(&small), "--json"];
    let found = replay_json(0, &args);
    assert!(found["after"].as_u64() < Some(9), "{found} {:#?}", inputs(&small));
    let left = inputs(&small).join("\n");
    assert!(left.contains("\"bad\" prompt") && !left.contains("\"p0\""), "{left}");
    let report = replay_json(0, &["verify", arg(&small), "--json"]);
    assert_eq!(report["verdict"], "identical", "{report:#}");
    let never = out.path().join("never");
    let args = ["shrink", arg(daemon.dir()), "--until", "output:nowhere", "-o", arg(&never)];
    assert_eq!(replay(&args).status.code(), Some(5));
    let wrong = [("diverges", 2), ("nonsense", 2), ("output:", 2), ("exec:/nowhere", 5)];
    for (wrong, status) in wrong {
        let args = ["shrink", arg(daemon.dir()), "--until", wrong, "-o", arg(&never)];
        assert_eq!(replay(&args).status.code(), Some(status), "{wrong}");
    }
    assert!(!never.exists());
}

#[test]
fn a_program_can_decide_what_is_left() {
    let daemon = incident();
    let out = tempfile::tempdir().expect("a directory");
    let (check, small) = (out.path().join("check"), out.path().join("small"));
    let real = program("pi-replay");
    let script = format!("#!/bin/sh\n'{}' show \"$1\" | grep -q health_check\n", real.display());
    std::fs::write(&check, script).expect("written");
    std::fs::set_permissions(&check, std::fs::Permissions::from_mode(0o755)).expect("set");
    let until = format!("exec:{}", arg(&check));
    let args = ["shrink", arg(daemon.dir()), "--until", &until, "-o", arg(&small), "--json"];
    assert_eq!(replay_json(0, &args)["after"], 3);
    assert_eq!(inputs(&small).len(), 3);
}

#[test]
fn a_journal_becomes_seeds_and_a_script_and_those_become_journals() {
    let daemon = incident();
    let dir = arg(daemon.dir());
    let out = tempfile::tempdir().expect("a directory");
    let (seeds, again) = (out.path().join("seeds"), out.path().join("again"));
    let found = replay_json(0, &["corpus", dir, "-o", arg(&seeds), "--json"]);
    let frames = std::fs::read_dir(seeds.join("frame_decoder")).expect("seeds").count();
    assert_eq!(found["frames"], frames);
    let script = std::fs::read_to_string(seeds.join("script.txt")).expect("a script");
    let steps = parse_script(&script).expect("a script").steps.len();
    let file = seeds.join("script.txt");
    let args = ["corpus", "--script", arg(&file), "-o", arg(&again), "--json"];
    assert_eq!(replay_json(0, &args)["inputs"], steps);
    let report = replay_json(0, &["verify", arg(&again), "--json"]);
    assert_eq!((&report["verdict"], &report["inputs"]), (&"identical".into(), &steps.into()));
    let crash = out.path().join("crash");
    for (name, frame) in [("good", r#"{"id":"x","type":"health_check"}"#), ("bad", "nul\u{1}")] {
        std::fs::write(&crash, frame).expect("written");
        let journal = out.path().join(name);
        replay_ends(0, &["corpus", "--frame", arg(&crash), "-o", arg(&journal)]);
        let report: Value = replay_json(0, &["verify", arg(&journal), "--json"]);
        assert_eq!((&report["verdict"], &report["frames"]), (&"identical".into(), &1.into()));
    }
}
