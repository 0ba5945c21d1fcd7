//! Journals of every format that this build reads: committed fixtures, each written by a real
//! daemon of its time (`tests/examples/fixture.rs`). docs/journal-format.md.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pi_server_core::input::InputKind;
use pi_server_core::record::{FORMAT_VERSION, FORMAT_VERSION_MIN, SegmentHeader};
use pi_server_tests::Setup;
use pi_server_tests::fixtures::{self, copied};
use pi_server_tests::journal::{Journal, segment, segments};
use pi_server_tests::programs::program;
use serde_json::{Value, json};

use crate::prompt;

/// Where the fixture of a format is.
pub(crate) fn fixture(format: u32) -> PathBuf {
    fixtures::folder().join(format!("v{format}"))
}

/// A copy of a fixture as a data directory.
pub(crate) fn data_dir(format: u32) -> tempfile::TempDir {
    copied(&fixture(format))
}

/// The formats of the segments of a journal, in order.
fn formats(dir: &Path) -> Vec<u32> {
    let format = |path: &Path| {
        let bytes = segment(path);
        SegmentHeader::parse(&bytes).expect("a header").format
    };
    segments(dir).iter().map(|(_, path)| format(path)).collect()
}

fn replay(args: &[&str], dir: &Path) -> Output {
    Command::new(program("pi-replay")).args(args).arg(dir).output().expect("pi-replay can be run")
}

#[test]
fn every_format_verifies_bit_for_bit() {
    for format in FORMAT_VERSION_MIN..=FORMAT_VERSION {
        let dir = data_dir(format);
        assert!(formats(dir.path()).iter().all(|found| *found == format));
        let output = replay(&["verify", "--json"], dir.path());
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        assert_eq!(report["verdict"], "identical", "{report}");
        assert_eq!(report["boots"], 2, "{report}");
        let inputs = Journal::read(dir.path()).inputs;
        let has_some = inputs.iter().any(|recorded| recorded.input.body.redacted);
        assert_eq!(has_some, format >= 2, "format {format} has what is new in it");
        for recorded in &inputs {
            if let InputKind::Boot(boot) = &recorded.input.kind {
                let made_in = (&*boot.default_cwd, &*boot.journal_path);
                assert_eq!(made_in, ("/srv/pi", "/srv/pi/journal"), "a place of nobody's");
            }
        }
    }
}

#[test]
fn a_journal_of_an_older_format_is_gone_on_with() {
    for format in FORMAT_VERSION_MIN..=FORMAT_VERSION {
        let dir = data_dir(format);
        let mut daemon = Setup::new().arg("--segment-bytes").arg("65536").start_in(dir);
        for life in 0..2 {
            let mut client = daemon.websocket_as("fixture");
            client.send(&prompt("p0", "s", "[words:60] [delay:0]"));
            assert_eq!(client.response("p0")["replayed"], true, "outcomes are there");
            client.send(&prompt("at it", "s", "[stall]"));
            assert_eq!(client.response("at it")["errorCode"], "outcome_unknown");
            let id = format!("new {life}");
            client.send(&prompt(&id, "s", "[say:hello] [delay:0]"));
            assert_eq!(client.response(&id)["success"], true);
            daemon.verify();
            let found = formats(daemon.dir());
            assert_eq!(found.first(), Some(&format), "what is there is not written anew");
            assert_eq!(found.last(), Some(&FORMAT_VERSION), "{found:?}");
            daemon.kill9();
            daemon.restart();
        }
        assert!(daemon.stop().success());
        daemon.verify();
    }
}

#[test]
fn migrate_writes_the_same_journal_in_the_current_format() {
    for format in FORMAT_VERSION_MIN..=FORMAT_VERSION {
        let dir = data_dir(format);
        let out = tempfile::tempdir().expect("a temporary directory");
        let target = out.path().join("migrated");
        let before: Vec<_> =
            segments(dir.path()).iter().map(|(_, path)| fs::read(path).expect("read")).collect();
        let output = replay(&["migrate", "--json", "-o", &target.to_string_lossy()], dir.path());
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        assert_eq!(report["verdict"], "identical", "{report}");
        assert_eq!((&report["from"], &report["to"]), (&json!(format), &json!(FORMAT_VERSION)));
        assert!(formats(&target).iter().all(|found| *found == FORMAT_VERSION));
        let after: Vec<_> =
            segments(dir.path()).iter().map(|(_, path)| fs::read(path).expect("read")).collect();
        assert!(before == after, "the input is as it was");
        let mut daemon = Setup::new().start_in(copied(&target));
        let mut client = daemon.websocket_as("fixture");
        client.send(&prompt("p0", "s", "[words:60] [delay:0]"));
        assert_eq!(client.response("p0")["replayed"], true);
        assert!(daemon.stop().success());
        daemon.verify();
    }
}

#[test]
fn a_newer_format_is_refused_by_name_and_left_alone() {
    let dir = data_dir(FORMAT_VERSION);
    let (_, path) = segments(dir.path()).pop().expect("a segment");
    let mut bytes = fs::read(&path).expect("a segment");
    let header = SegmentHeader::parse(&bytes).expect("a header");
    let newer = SegmentHeader { format: FORMAT_VERSION + 1, ..header }.encode();
    bytes[..newer.len()].copy_from_slice(&newer);
    fs::write(&path, &bytes).expect("written");
    let serve = Command::new(program("pi-server"))
        .args(["serve", "--agent", "demo", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir.path())
        .output()
        .expect("pi-server can be run");
    let verify = replay(&["verify"], dir.path());
    for (output, status) in [(serve, 9), (verify, 4)] {
        let said = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(said.contains(&format!("format version {}", FORMAT_VERSION + 1)), "{said}");
        assert!(said.contains("use a newer pi-server"), "{said}");
    }
    assert!(fs::read(&path).expect("a segment") == bytes, "nothing was changed");
}
