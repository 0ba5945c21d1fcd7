//! Times are those of the clock on the wall, in and out, in every verb.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its journal has failed")]

mod common;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Scribe, binary, forge, json};
use pi_server_core::input::InputKind;
use pi_server_core::{Digest, WallOffset};

const DAY: i64 = 86_400 * 1_000_000;

/// A journal in the first seconds of 1970, on a wall that is set to the second and the third of
/// January and back to the second. Each day has a command of its name.
fn three_days(dir: &Path) {
    let mut scribe = Scribe::open(dir, 1 << 20);
    scribe.boot(true);
    let conn = scribe.client(None);
    for (name, day) in [("first", 0), ("second", 1), ("third", 2), ("back", 1)] {
        scribe.take(InputKind::Wall { offset: WallOffset(day * DAY) }, &[]);
        scribe.frame(conn, &format!(r#"{{"id":"{name}","type":"health_check"}}"#));
    }
    scribe.stop();
}

fn text(arguments: &[&str], dir: &Path) -> String {
    let output = binary(arguments, dir);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Which of the commands are in it.
fn commands(shown: &str) -> Vec<&'static str> {
    let all = ["first", "second", "third", "back"];
    all.into_iter().filter(|id| shown.contains(&format!("{id}\""))).collect()
}

#[test]
fn every_part_is_found_by_the_clock_on_the_wall() {
    let dir = tempfile::tempdir().unwrap();
    three_days(dir.path());
    for verb in [&["show"][..], &["export", "--format", "jsonl"]] {
        let part = |arguments: &[&str]| commands(&text(&[verb, arguments].concat(), dir.path()));
        assert_eq!(part(&["--from", "1970-01-02"]), ["second", "third", "back"], "{verb:?}");
        assert_eq!(part(&["--from", "1970-01-03T01:00+01:00"]), ["third", "back"], "{verb:?}");
        assert_eq!(part(&["--until", "1970-01-01T12:00Z"]), ["first"], "{verb:?}");
        // The clock was set back: all that is not later, and what lies between.
        assert_eq!(part(&["--to", "1970-01-02T12:00"]).len(), 4, "{verb:?}");
        let beyond = binary(&[verb, &["--from", "1970-01-04"]].concat(), dir.path());
        assert_eq!(beyond.status.code(), Some(5), "{verb:?}");
        let before = binary(&[verb, &["--until", "1970-01-01"]].concat(), dir.path());
        assert_eq!(before.status.code(), Some(5), "{verb:?}");
    }
    let at = text(&["show", "--at", "1970-01-01T23:59", "--json"], dir.path());
    assert_eq!(serde_json::from_str::<serde_json::Value>(&at).unwrap()["seq"], 4);
}

#[test]
fn every_report_shows_the_clock_on_the_wall() {
    let dir = tempfile::tempdir().unwrap();
    three_days(dir.path());
    let shown = text(&["show"], dir.path());
    let third = shown.lines().find(|line| line.contains("\"third\"")).unwrap();
    assert!(third.contains("1970-01-03T00:00:01.008000Z  t1008 "), "{third}");
    let frames = text(&["show", "--client", "c2", "--json"], dir.path());
    assert!(frames.contains(r#""time":"1970-01-03T00:00:01.008000Z","frame":"#), "{frames}");
    let stats = text(&["stats"], dir.path());
    let span = "1970-01-01T00:00:01.001000Z to 1970-01-02T00:00:01.011000Z, 0.010000 s";
    assert!(stats.contains(span), "{stats}");
    // A digest that is not the one of the third command's step.
    forge(dir.path(), |record| {
        if record.header.seq.0 == 9 {
            record.header.outputs = Digest([7; 16]);
        }
    });
    let verified = json(&binary(&["verify", "--json"], dir.path()));
    assert_eq!(verified["divergence"]["time"], "1970-01-03T00:00:01.008000Z", "{verified:#}");
    let verified = String::from_utf8(binary(&["verify"], dir.path()).stdout).unwrap();
    assert!(verified.contains("time      1970-01-03T00:00:01.008000Z"), "{verified}");
}

#[test]
fn a_walk_goes_to_a_time_on_the_wall() {
    let dir = tempfile::tempdir().unwrap();
    three_days(dir.path());
    let mut child = Command::new(env!("CARGO_BIN_EXE_pi-replay"))
        .arg("step")
        .arg(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = b"g 1970-01-01T18:00\ng 1969\ng 1970-01-01\ng t999\n";
    child.stdin.take().unwrap().write_all(lines).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(said.contains("      #4  1970-01-01T00:00:01.004000Z  t1004 command"), "{said}");
    assert!(said.contains("there is no input #1969"), "{said}");
    assert_eq!(said.matches("there is no input up to 1970-01-01T00:00").count(), 2, "{said}");
}
