//! "Identical" means that all that can be checked was: every byte of a data directory is either
//! checked, or named as unchecked with the reason.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use pi_server_tests::{Daemon, Setup};
use serde_json::{Value, json};

use crate::incident::prompt;
use crate::{arg, replay, replay_ends, replay_json};

/// A journal of several segments with snapshots; with `retained`, one of which a daemon has dropped
/// the first ones.
fn journal(retained: bool) -> Daemon {
    let mut setup = Setup::new().arg("--segment-bytes").arg("65536");
    if retained {
        setup = setup.arg("--retain-bytes").arg("200K");
    }
    let mut daemon = setup.start();
    let mut client = daemon.websocket();
    client.ok(json!({ "type": "create_session", "sessionId": "s" }));
    client.ok(json!({ "id": "kept", "type": "get_state", "sessionId": "s" }));
    let until = Instant::now() + Duration::from_secs(60);
    let mut ids = (0..).map(|number| format!("p{number}"));
    let is_enough = |dir: &Path| {
        let packs = files(dir, "bodies", "pack");
        let is_dropped = !packs.is_empty() && !dir.join("journal/00000001.seg").exists();
        files(dir, "snapshots", "snap").len() >= 2 && (!retained || is_dropped)
    };
    while !is_enough(daemon.dir()) {
        assert!(Instant::now() < until, "snapshots are written");
        let id = ids.next().expect("there is always one more");
        client.send(&prompt(&id, "s", "[words:120] [delay:0]"));
        client.response(&id);
    }
    daemon.stop();
    daemon
}

fn files(dir: &Path, folder: &str, extension: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(dir.join(folder)).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = files.map(|file| file.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    paths
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp");
    assert!(copied.success());
}

/// What `verify` says of a directory, with its exit status.
fn verdict(dir: &Path) -> (i32, Value) {
    let output = replay(&["verify", arg(dir), "--json"]);
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().expect("it ends by itself"), report)
}

/// Places in each file in which a bit is flipped.
const PLACES: usize = 6;

#[test]
fn every_bit_of_snapshots_packs_head_and_key_counts() {
    for retained in [false, true] {
        let daemon = journal(retained);
        let dir = daemon.dir();
        let (status, report) = verdict(dir);
        assert_eq!((status, &report["verdict"]), (0, &"identical".into()), "{report:#}");
        assert!(report["snapshotsCompared"].as_u64() > Some(0), "{report:#}");
        // The first one, with which a journal may begin, and the last stand for those between.
        let mut targets = files(dir, "snapshots", "snap");
        targets.drain(1..targets.len() - 1);
        if retained {
            let packs = files(dir, "bodies", "pack");
            assert!(!packs.is_empty() && report["packedBodies"].as_u64() > Some(0), "{report:#}");
            targets.extend(packs);
            let begins = report["unchecked"].to_string();
            assert!(begins.contains("the journal begins with it"), "{begins}");
        }
        targets.push(dir.join("journal.key"));
        let mut missed = Vec::new();
        for path in targets {
            let bytes = std::fs::read(&path).expect("it is there");
            for part in 0..PLACES {
                let at = bytes.len() * part / PLACES;
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << (part % 8);
                std::fs::write(&path, &flipped).expect("written");
                let (status, _) = verdict(dir);
                if !matches!(status, 3 | 10) {
                    missed.push((path.clone(), at, status));
                }
            }
            std::fs::write(&path, &bytes).expect("written");
        }
        assert!(missed.is_empty(), "{missed:?}");
        assert_eq!(verdict(dir).0, 0);
    }
}

/// What is done to a copy of a data directory, and the exit status that `verify` must have then.
type Change = (&'static str, i32, fn(&Path));

fn first_segment(dir: &Path) -> PathBuf {
    files(dir, "journal", "seg").into_iter().next().expect("a segment")
}

fn last_snapshot(dir: &Path) -> PathBuf {
    files(dir, "snapshots", "snap").pop().expect("a snapshot")
}

fn pipe(path: &Path) {
    drop(std::fs::remove_file(path));
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
}

fn folder(path: &Path) {
    drop(std::fs::remove_file(path));
    std::fs::create_dir(path).expect("made");
}

const CHANGES: [Change; 17] = [
    ("nothing", 0, |_| {}),
    ("the first segment is gone beside a snapshot", 3, |dir| {
        std::fs::remove_file(first_segment(dir)).expect("removed");
    }),
    ("a pack of nothing is there", 3, |dir| {
        drop(std::fs::create_dir(dir.join("bodies")));
        std::fs::write(dir.join("bodies/00000099.pack"), "stray").expect("written");
    }),
    ("an empty segment of the far future", 3, |dir| {
        std::fs::write(dir.join("journal/99999999.seg"), "").expect("written");
    }),
    ("a directory for a segment", 3, |dir| folder(&first_segment(dir))),
    ("a pipe for a segment", 3, |dir| pipe(&first_segment(dir))),
    ("a directory for a snapshot", 3, |dir| folder(&last_snapshot(dir))),
    ("a pipe for a snapshot", 3, |dir| pipe(&last_snapshot(dir))),
    ("a pipe for the head", 3, |dir| pipe(&dir.join("HEAD"))),
    ("a directory for the head", 3, |dir| folder(&dir.join("HEAD"))),
    ("a pipe for the key", 3, |dir| pipe(&dir.join("journal.key"))),
    ("the key of another journal", 3, |dir| {
        std::fs::write(dir.join("journal.key"), [7; 32]).expect("written");
    }),
    ("half a key", 3, |dir| std::fs::write(dir.join("journal.key"), [7; 16]).expect("written")),
    ("no key", 0, |dir| std::fs::remove_file(dir.join("journal.key")).expect("removed")),
    ("a snapshot under the number of another", 3, |dir| {
        let all = files(dir, "snapshots", "snap");
        std::fs::copy(&all[0], &all[1]).expect("copied");
    }),
    ("a snapshot of no segment", 3, |dir| {
        std::fs::copy(last_snapshot(dir), dir.join("snapshots/00000099.snap")).expect("copied");
    }),
    ("a file that is none of the journal", 0, |dir| {
        std::fs::write(dir.join("journal/notes.txt"), "mine").expect("written");
    }),
];

#[test]
fn whatever_is_done_to_the_files_is_noticed_and_nothing_hangs() {
    let daemon = journal(false);
    let out = tempfile::tempdir().expect("a directory");
    for (number, (what, expected, change)) in CHANGES.into_iter().enumerate() {
        let dir = out.path().join(number.to_string());
        copy(daemon.dir(), &dir);
        change(&dir);
        let (status, report) = verdict(&dir);
        assert_eq!(status, expected, "{what}: {report:#}");
        let text = replay_ends(status, &["verify", arg(&dir)]);
        if what == "no key" {
            assert!(text.contains("against their keyed digests: there is no key"), "{text}");
        }
        if what == "a file that is none of the journal" {
            assert!(text.contains("unchecked journal/notes.txt: "), "{text}");
        }
        // Every other verb ends by itself too.
        for verb in ["show", "stats", "digests"] {
            assert!(replay(&[verb, arg(&dir)]).status.code().is_some(), "{verb}: {what}");
        }
    }
    let dir = out.path().join("unreadable");
    copy(daemon.dir(), &dir);
    std::fs::set_permissions(dir.join("journal.key"), PermissionsExt::from_mode(0o0)).expect("set");
    let is_root = std::fs::read(dir.join("journal.key")).is_ok();
    assert_eq!(verdict(&dir).0, if is_root { 0 } else { 6 });
}

#[test]
fn a_dropped_part_without_its_pack_is_refused_as_by_a_daemon() {
    let daemon = journal(true);
    let dir = daemon.dir();
    let (_, report) = verdict(dir);
    replay_json(0, &["verify", arg(dir), "--json"]);
    assert!(report["snapshot"].as_u64() > Some(10), "{report:#}");
    std::fs::remove_dir_all(dir.join("bodies")).expect("removed");
    let (status, report) = verdict(dir);
    assert_eq!(status, 3, "{report:#}");
    assert!(report["damage"].to_string().contains("no pack of their bodies"), "{report:#}");
}
