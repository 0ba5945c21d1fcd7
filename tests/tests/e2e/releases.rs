//! What a released version wrote, every later one opens: the families of journals in
//! `fixtures/journals/releases`, one for each release, found by listing the folder. Each was written
//! by that release's own daemon (`tests/examples/release`) and is never made anew.

use std::fs;
use std::path::Path;
use std::process::Command;

use pi_replay::feed::Feed;
use pi_replay::source::Source;
use pi_replay::start::Start;
use pi_server_core::Seq;
use pi_server_core::command::{Class, CommandKind};
use pi_server_tests::fixtures::{Release, copied, name, releases};
use pi_server_tests::journal::{restored, segment, segments};
use pi_server_tests::programs::program;
use pi_server_tests::{Daemon, Setup};
use serde_json::{Value, json};

use crate::prompt;

/// The members that every family has.
const MEMBERS: [&str; 6] = ["cold", "compressed", "trimmed", "trimmed-compressed", "warm", "whole"];

/// The answers that are expected of the journals of a release: of all alike, or of trimmed ones and
/// others.
struct Expected(Value);

impl Expected {
    /// Of a member of the family.
    fn of(&self, dir: &Path) -> &[Value] {
        let is_trimmed = name(dir).starts_with("trimmed");
        let kind = if is_trimmed { "trimmed" } else { "untrimmed" };
        let list = self.0.as_array().or_else(|| self.0[kind].as_array()).map(Vec::as_slice);
        list.filter(|list| !list.is_empty()).expect("a list of answers")
    }
}

/// Every release with the answers that are expected of its journals.
fn families() -> Vec<(Release, Expected)> {
    let expected = |release: Release| {
        let path = release.folder.join("expected.json");
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (release, Expected(serde_json::from_str(&text).expect("JSON")))
    };
    let families: Vec<_> = releases().into_iter().map(expected).collect();
    assert!(!families.is_empty(), "there is a family");
    families
}

fn replay(dir: &Path, args: &[&str]) -> Value {
    let output = Command::new(program("pi-replay")).args(args).arg(dir).output();
    let output = output.expect("pi-replay can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {args:?}: {said}", dir.display());
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Nothing in them grows older or goes, whatever day it is.
fn start_on(dir: &Path) -> Daemon {
    let ages = ["--retain-bytes", "--retain-age"].map(|name| (name, "0"));
    let tiers = ["--warm-after", "--cold-after", "--compress"].map(|name| (name, "off"));
    let setup = ages
        .into_iter()
        .chain(tiers)
        .fold(Setup::new(), |setup, (name, value)| setup.arg(name).arg(value));
    setup.arg("--segment-bytes").arg("65536").start_in(copied(dir))
}

/// Every id that the family's release knew is known: the stored answers come again, to the byte of
/// their data, and what was forgotten does not run. What only looks may look again.
fn answers_again(daemon: &Daemon, expected: &[Value]) {
    for expected in expected {
        let client = expected["client"].as_str().expect("a name");
        let mut client = daemon.websocket_as(client);
        let (frame, answer) = (&expected["frame"], &expected["answer"]);
        client.send(frame);
        let response = client.response(frame["id"].as_str().expect("an id"));
        if answer["success"] == true && answer["replayed"] != true {
            // Retention has dropped it, so it ran once more for whoever made the family.
            assert_eq!(response["success"], true, "{frame}: {response}");
            continue;
        }
        if answer["errorCode"] == "outcome_expired" {
            // A later build may remember more.
            let expired = response["errorCode"] == "outcome_expired";
            assert!(expired || response["replayed"] == true, "{frame} ran again: {response}");
            continue;
        }
        let looks = frame["type"].as_str().and_then(CommandKind::from_name);
        if looks.is_some_and(|kind| kind.row().class == Class::Read) && response["success"] == true
        {
            assert!(response["replayed"] != true || response["data"] == answer["data"], "{frame}");
            continue;
        }
        assert_eq!(response["replayed"], true, "{frame} ran again: {response}");
        for (key, value) in answer.as_object().expect("an object") {
            assert_eq!(&response[key], value, "{key} of {frame}");
        }
    }
}

/// The versions that have a section in a changelog.
fn released(changelog: &str) -> Vec<&str> {
    let titles = changelog.lines().filter_map(|line| line.strip_prefix("## "));
    let names = titles.filter_map(|title| title.split([' ', ']']).next());
    let names = names.map(|name| name.trim_start_matches('['));
    names.filter(|name| name.starts_with(|first: char| first.is_ascii_digit())).collect()
}

#[test]
fn every_version_of_the_changelog_has_a_family() {
    assert_eq!(released("## Unreleased\n## [0.2.0] - today\n## 0.1.0\n"), ["0.2.0", "0.1.0"]);
    let changelog = Path::new(env!("CARGO_MANIFEST_DIR")).join("../CHANGELOG.md");
    let changelog = fs::read_to_string(changelog).expect("a changelog");
    let families: Vec<_> = families().into_iter().map(|(release, _)| release.name).collect();
    for version in released(&changelog) {
        assert!(families.iter().any(|name| name == version), "no journals of {version}");
    }
}

#[test]
fn a_family_has_every_kind_of_journal_that_its_release_wrote() {
    for (release, expected) in families() {
        let names: Vec<_> = release.members.iter().map(|path| name(path)).collect();
        assert_eq!(names, MEMBERS, "{}", release.name);
        for dir in &release.members {
            let answers = |key: &str, value: &Value| {
                let expected = expected.of(dir).iter();
                expected.filter(|expected| expected["answer"][key] == *value).count()
            };
            let early = |expected: &&Value| expected["client"] == "bob";
            assert!(expected.of(dir).iter().filter(early).count() > 0, "early ids");
            assert!(answers("errorCode", &json!("outcome_unknown")) > 0, "commands that were cut");
            assert!(answers("success", &json!(true)) > 5, "stored answers");
            let report = replay(dir, &["verify", "--json"]);
            let first = segments(dir).first().expect("a segment").0;
            let is_compressed =
                segments(dir).iter().any(|(_, path)| restored(&fs::read(path).unwrap()).is_some());
            let tiers = report["tiers"].as_array().expect("a list");
            let has = |tier: &str| tiers.iter().any(|part| part["tier"] == tier);
            let name = name(dir);
            assert_eq!(first > 1, name.starts_with("trimmed"), "{name} begins with {first}");
            assert_eq!(is_compressed, name.ends_with("compressed"), "{name}");
            assert_eq!((has("warm"), has("cold")), (name == "warm", name == "cold"), "{name}");
        }
    }
}

#[test]
fn a_journal_of_every_release_verifies_to_the_bit() {
    for (release, _) in families() {
        for dir in release.members {
            let report = replay(&dir, &["verify", "--json"]);
            assert_eq!(report["verdict"], "identical", "{}: {report}", dir.display());
        }
    }
}

#[test]
fn every_snapshot_of_every_release_is_a_state_that_can_be_shown_and_gone_on_from() {
    for (release, _) in families() {
        for dir in release.members {
            let source = Source::open(&dir).expect("a journal");
            let begins = Start::of(&source).expect("a beginning").seq;
            let newest = Feed::start_near(&source, Seq(u64::MAX)).expect("a feed").begin().seq;
            assert!(newest > begins, "{}: the newest snapshot is used", dir.display());
            let mut places = vec![newest];
            places.extend((begins > Seq(0)).then_some(begins));
            for seq in places {
                let state = replay(&dir, &["show", "--json", "--at", &seq.to_string()]);
                let text = state.to_string();
                assert!(text.contains("at it"), "{} at {seq}: a command in flight", dir.display());
                assert!(text.contains("zeta"), "{} at {seq}: sessions", dir.display());
            }
        }
    }
}

#[test]
fn a_daemon_goes_on_with_the_journal_of_every_release() {
    for (release, expected) in families() {
        for dir in release.members {
            let mut daemon = start_on(&dir);
            let inputs = replay(&dir, &["verify", "--json"])["inputs"].as_u64();
            assert!(Some(daemon.stepped()) < inputs, "{}: from a snapshot", dir.display());
            for life in 0..2 {
                answers_again(&daemon, expected.of(&dir));
                let mut client = daemon.websocket_as("ann");
                let id = format!("new {life}");
                client.send(&prompt(&id, "s", "[say:hello] [delay:0]"));
                assert_eq!(client.response(&id)["success"], true, "{}", dir.display());
                daemon.verify();
                daemon.kill9();
                daemon.restart();
            }
            answers_again(&daemon, expected.of(&dir));
            assert!(daemon.stop().success());
            daemon.verify();
        }
    }
}

#[test]
fn nothing_of_the_machine_that_made_them_is_in_the_journals_of_releases() {
    let machine = ["/tmp/", "/home/", "/root/", "/work/", "/usr/"];
    for (release, _) in families() {
        for dir in &release.members {
            for (_, path) in segments(dir) {
                let bytes = segment(&path);
                for place in machine {
                    let is_there = bytes.windows(place.len()).any(|part| part == place.as_bytes());
                    assert!(!is_there, "{} has {place}", path.display());
                }
            }
        }
    }
}
