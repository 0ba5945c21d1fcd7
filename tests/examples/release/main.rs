//! Writes the family of journals of a release, by its own daemon. By hand, once for each release, before
//! its tag; later builds then must open it (`tests/tests/e2e/releases.rs`), and it is never made anew.
//!
//! ```sh
//! env -i PATH="$PATH" HOME=/srv/pi cargo run -p pi-server-tests --example release -- \
//!     /srv/pi tests/fixtures/journals/releases/0.1.0
//! ```
//!
//! The first argument is the daemon's data directory while it runs, its working directory and its
//! user's home: it is in the journals, so it should be nobody's. It must not exist and is removed in
//! the end. The second one must not exist either; its last part is the name of the release. A third
//! one names the folder of the programs of another build, if those of this one are not to be used:
//! `0.1.0-pre` was made with the last build before the release 0.1.0, whose snapshots have the layout
//! of its state (`STATE_LAYOUT` 3).
//!
//! One daemon lives four lives in segments of the smallest size (`lives.rs`); that is the journal
//! `whole`, which ends with a kill. Every other member is a copy of it on which the same daemon was
//! started once more with what makes it `trimmed` by retention, `warm`, `cold` or `compressed`, and
//! stopped when it had done so. `expected.json` says what ids are asked again for and what the release
//! itself answered, with its journal `trimmed` and `untrimmed`. Two runs make journals that differ in their times, random bits and key only.

mod lives;
mod refusals;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pi_server_tests::fixtures::copy;
use pi_server_tests::journal::{restored, segments};
use pi_server_tests::{Daemon, Setup, until};
use serde_json::{Value, json};

/// What makes a member of the family, and how to see that it is made.
struct Member {
    name: &'static str,
    /// Arguments of the daemon; those of [`ARGUMENTS`] that are not among them stay.
    arguments: &'static [(&'static str, &'static str)],
    /// Whether it is what it is called.
    is_made: fn(&Path) -> bool,
}

const MEMBERS: &[Member] = &[
    Member { name: "trimmed", arguments: &[("--retain-bytes", "64K")], is_made: is_trimmed },
    Member { name: "warm", arguments: &[("--warm-after", "1s")], is_made: |dir| has_tier(dir, 24) },
    Member { name: "cold", arguments: &[("--cold-after", "1s")], is_made: |dir| has_tier(dir, 32) },
    Member { name: "compressed", arguments: &[("--compress", "on")], is_made: is_compressed },
    Member {
        name: "trimmed-compressed",
        arguments: &[("--retain-bytes", "64K"), ("--compress", "on")],
        is_made: |dir| is_trimmed(dir) && is_compressed(dir),
    },
];

/// What a daemon is started with: the whole journal stays, as it was written.
const ARGUMENTS: &[(&str, &str)] = &[
    ("--segment-bytes", "65536"),
    ("--retain-bytes", "0"),
    ("--retain-age", "0"),
    ("--warm-after", "off"),
    ("--cold-after", "off"),
    ("--compress", "off"),
];

/// Files of a data directory that are no part of the journal.
const NO_JOURNAL: &[&str] = &["address", "token", "lock", "pi-server.sock", "sessions", ".pi"];

fn main() {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let absolute = |path: &PathBuf| std::path::absolute(path).expect("a path");
    let (data, out, programs) = match &paths[..] {
        [data, out] => (absolute(data), absolute(out), None),
        [data, out, programs] => (absolute(data), absolute(out), Some(absolute(programs))),
        _ => panic!("usage: release DATA-DIR FAMILY [PROGRAMS]"),
    };
    let home = std::env::var_os("HOME").map(PathBuf::from);
    assert_eq!(home.as_ref(), Some(&data), "what is in the home directory gets into the journal");
    fs::create_dir_all(&out).expect("a new folder for the family");
    // The first use builds the programs, for which it needs the working directory that it has.
    drop(pi_server_tests::programs::program("pi-server"));
    let start = |from: Option<&Path>, arguments: &[(&str, &str)]| {
        let (parent, name) = (data.parent().expect("a parent"), data.file_name().expect("a name"));
        let dir = tempfile::Builder::new().prefix(name).rand_bytes(0).tempdir_in(parent);
        let dir = dir.expect("a new data directory");
        std::env::set_current_dir(&data).expect("a folder");
        if let Some(from) = from {
            copy(from, &data);
        }
        let setup = lives::limits(setup(arguments));
        let setup = programs.iter().fold(setup, |setup, programs| setup.programs(programs));
        setup.start_in(dir)
    };
    let whole = out.join("whole");
    let mut daemon = start(None, &[]);
    lives::live(&mut daemon);
    daemon.verify();
    keep(daemon.dir(), &whole);
    drop(daemon);
    let mut expected = BTreeMap::new();
    for member in MEMBERS {
        let mut daemon = start(Some(&whole), member.arguments);
        until(member.name, || (member.is_made)(daemon.dir()));
        // What the loop was told of last it has done once it answers.
        let answers = asked_again(&daemon, is_trimmed(daemon.dir()));
        let kind = if is_trimmed(daemon.dir()) { "trimmed" } else { "untrimmed" };
        assert_eq!(
            expected.entry(kind).or_insert_with(|| answers.clone()),
            &answers,
            "{}",
            member.name
        );
        assert!(daemon.stop().success());
        daemon.verify();
        keep(daemon.dir(), &out.join(member.name));
    }
    let expected = serde_json::to_string_pretty(&json!(expected)).expect("JSON");
    fs::write(out.join("expected.json"), expected + "\n").expect("written");
}

fn setup(arguments: &[(&str, &str)]) -> Setup {
    let mut setup = Setup::new().stdio();
    for (name, value) in ARGUMENTS {
        let own = arguments.iter().find(|(other, _)| other == name);
        setup = setup.arg(*name).arg(own.map_or(*value, |(_, value)| *value));
    }
    setup
}

/// What the daemon answers to every id that is asked for again. Of an answer what never changes. What
/// changes something is never run again while the journal has it; what only looks may look again.
fn asked_again(daemon: &Daemon, is_trimmed: bool) -> Value {
    let mut answers = Vec::new();
    for (client, frames) in [("ann", lives::stored()), ("bob", lives::early())] {
        let mut connection = daemon.websocket_as(client);
        for frame in frames {
            connection.send(&frame);
            let response = connection.response(frame["id"].as_str().expect("an id"));
            let mut answer = json!({});
            for key in ["success", "errorCode", "data", "replayed"] {
                if let Some(value) = response.get(key) {
                    answer[key] = value.clone();
                }
            }
            let is_beyond = is_trimmed && client == "bob";
            assert_eq!(answer["replayed"] == true, !is_beyond, "{response}");
            answers.push(json!({ "client": client, "frame": frame, "answer": answer }));
        }
    }
    Value::from(answers)
}

fn is_trimmed(dir: &Path) -> bool {
    segments(dir).first().is_some_and(|(first, _)| {
        *first > 1 && dir.join(format!("snapshots/{:08}.snap", first - 1)).exists()
    })
}

/// Every segment but the last that is in use is compressed.
fn is_compressed(dir: &Path) -> bool {
    let segments = segments(dir);
    let plain = segments.iter().filter(|(number, path)| {
        *number <= lives::SEALED && fs::read(path).is_ok_and(|file| restored(&file).is_none())
    });
    plain.count() == 0
}

/// The newest file of tiers says of the last sealed segment that it is in the tier whose number is at
/// this offset. Written once the bytes are gone.
fn has_tier(dir: &Path, offset: usize) -> bool {
    let Ok(entries) = fs::read_dir(dir.join("tiers")) else { return false };
    let newest = entries.map(|entry| entry.expect("an entry").path()).max();
    let bytes = newest.and_then(|path| fs::read(path).ok()).unwrap_or_default();
    let number = bytes.get(offset..offset + 8).and_then(|part| part.try_into().ok());
    number.map(u64::from_le_bytes) == Some(lives::SEALED)
}

/// Copies what is a journal in a data directory, without the token, the socket and the lock, and
/// without the segment that is ready to be used next.
fn keep(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a new folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if NO_JOURNAL.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        if path.is_dir() {
            fs::create_dir(&target).expect("a new folder");
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
        }
    }
    for (_, unused) in segments(to).into_iter().filter(|(number, _)| *number > lives::SEALED + 1) {
        fs::remove_file(unused).expect("removed");
    }
}
