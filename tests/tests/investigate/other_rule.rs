//! A build of the tool whose core has one other rule, on the journal of a daemon that has not. Needs
//! the feature `other-build`.
//!
//! The other rule: what depends on a command that failed runs. In the incident `after-dies` waits for
//! `dies`, which the crash ends: the boot after it is the first step that differs.

use std::path::Path;
use std::process::Command;

use pi_server_tests::programs::{other_replay, program};
use serde_json::Value;

use crate::incident::{incident, tree};
use crate::step::answers_of;
use crate::{arg, replay_ends, replay_json};

/// The step in which `dies` fails and, as the rule is, `after-dies` with it: its number, and what it
/// has for `after-dies`.
fn expected(dir: &str) -> (u64, String) {
    let shown = replay_ends(0, &["show", dir]);
    let of = |line: &str| line.trim_start()[1..].split(' ').next().unwrap_or_default().to_owned();
    let sent = shown.lines().find(|line| line.contains(r#"command c2 "after-dies" health_check"#));
    let fails = format!(
        "finished #{} health_check failed dependency_failed",
        of(sent.expect("the command"))
    );
    let at = shown.find(&fails).unwrap_or_else(|| panic!("{fails}: {shown}"));
    let step = shown[..at].lines().rfind(|line| line.trim_start().starts_with('#'));
    (of(step.expect("a step")).parse().expect("a number"), fails)
}

/// Runs a verb of the other build.
fn other(status: i32, args: &[&str]) -> String {
    let output = Command::new(other_replay()).args(args).output().expect("it can be run");
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(status), "{args:?}: {text}");
    text
}

#[test]
fn a_changed_rule_is_found_at_the_first_step_that_it_changes() {
    let daemon = incident();
    let dir = arg(daemon.dir());
    let before = tree(daemon.dir());
    let (seq, fails) = expected(dir);
    let report: Value = serde_json::from_str(&other(10, &["verify", dir, "--json"])).expect("JSON");
    assert_eq!(report["divergence"]["seq"], seq, "{report:#}");

    let (own, changed) = (program("pi-replay"), other_replay());
    let walked = answers_of(&changed, dir, &[], "break divergence\nc\n");
    let found = walked.find("(not the recorded").unwrap_or_else(|| panic!("{walked}"));
    assert!(walked[..found].contains(&format!("#{seq}  ")), "{walked}");
    let found = replay_json(10, &["diff", dir, "--build", arg(&changed), "--json"]);
    let difference = &found["difference"];
    assert_eq!((&found["equalSteps"], &difference["seq"]), (&(seq - 1).into(), &seq.into()));
    let step = |side: &str| difference[side].as_str().expect("a step").to_owned();
    assert!(step("stepA").contains(&fails) && !step("stepB").contains(&fails), "{found:#}");

    // A row of builds, of which some are copies.
    let out = tempfile::tempdir().expect("a directory");
    let copy = |name: &str, of: &Path| {
        let path = out.path().join(name);
        std::fs::copy(of, &path).expect("copied");
        path
    };
    let row = [("0.1", &own), ("0.2", &own), ("0.3", &changed), ("0.4", &changed)]
        .map(|(name, of)| copy(name, of));
    let row: Vec<&str> = row.iter().map(|path| arg(path)).collect();
    let found = replay_json(10, &[&["bisect", dir, "--json"], row.as_slice()].concat());
    assert_eq!(found["firstOther"], row[2], "{found:#}");
    assert_eq!(found["difference"]["difference"]["seq"], seq, "{found:#}");
    assert_eq!(tree(daemon.dir()), before, "reading writes nothing");
}

#[test]
fn a_changed_rule_shrinks_to_the_inputs_that_show_it() {
    let daemon = incident();
    let out = tempfile::tempdir().expect("a directory");
    let (small, changed) = (out.path().join("small"), other_replay());
    let args = ["shrink", arg(daemon.dir()), "--until", "diverges", "--build", arg(&changed)];
    let found = replay_json(0, &[args.as_slice(), &["-o", arg(&small), "--json"]].concat());
    assert!(found["after"].as_u64() < Some(12), "{found}");
    let shown = replay_ends(0, &["show", arg(&small)]);
    assert!(shown.contains(r#" after ""#), "the dependency is in it: {shown}");
    let report = replay_json(0, &["verify", arg(&small), "--json"]);
    assert_eq!(report["verdict"], "identical", "{report:#}");
    other(10, &["verify", arg(&small)]);
}
