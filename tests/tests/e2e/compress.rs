//! Compressed files of the journal: nobody can tell, but by how much room they take.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use pi_server_tests::fixtures::{copied, copy};
use pi_server_tests::journal::{restored, segments};
use pi_server_tests::programs::program;
use pi_server_tests::{Client, Daemon, Setup, until};
use serde_json::{Value, json};

use crate::formats::{data_dir, fixture};
use crate::{prompt, session};

/// A daemon whose files are small.
fn setup() -> Setup {
    Setup::new().arg("--segment-bytes").arg("65536")
}

/// Answers that fill some files.
fn work(client: &mut Client, ids: std::ops::Range<u32>) {
    for number in ids {
        let id = format!("p{number}");
        client.send(&prompt(&id, "s", "[words:120] [delay:0]"));
        assert_eq!(client.response(&id)["success"], true);
    }
}

/// The files that are compressed.
fn compressed(dir: &Path) -> Vec<u64> {
    let is_compressed = |path: &Path| fs::read(path).ok().and_then(|it| restored(&it)).is_some();
    let all = segments(dir).into_iter();
    all.filter(|(_, path)| is_compressed(path)).map(|(number, _)| number).collect()
}

/// Another directory with the same journal, and no file of it compressed.
fn plain(dir: &Path) -> tempfile::TempDir {
    let plain = tempfile::tempdir().expect("a directory");
    copy(dir, plain.path());
    for (_, path) in segments(plain.path()) {
        if let Some(bytes) = restored(&fs::read(&path).expect("a segment")) {
            fs::write(&path, bytes).expect("written");
        }
    }
    plain
}

fn replay(args: &[&str]) -> Output {
    std::process::Command::new(program("pi-replay")).args(args).output().expect("it can be run")
}

/// What a verb prints.
fn said(verb: &[&str], dir: &Path) -> String {
    let dir = dir.to_string_lossy();
    let output = replay(&[verb, &[&*dir]].concat());
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(
        output.status.success(),
        "{verb:?}: {text} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let Ok(mut report) = serde_json::from_str::<Value>(&text) else { return text };
    // How fast it was.
    for member in ["elapsedMs", "inputsPerSecond"] {
        report.as_object_mut().expect("an object").remove(member);
    }
    report.to_string()
}

/// Every file below a directory, with its bytes.
fn tree(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(tree(&path));
        } else {
            files.push((path.clone(), fs::read(&path).expect("a file")));
        }
    }
    files.sort();
    files
}

/// Events that a client is sent when it asks for all of them.
fn events(daemon: &Daemon) -> Vec<Value> {
    let mut client = daemon.websocket();
    client.ok(json!({ "type": "switch_session", "sessionId": "s", "cursor": 0 }));
    client.send(&prompt("end", "s", "[say:the-end] [delay:0]"));
    let mut events: Vec<Value> = Vec::new();
    loop {
        let event = client.expect("an event", |frame| frame["type"] == "event");
        events.push(event);
        if events.last().is_some_and(|it| it.to_string().contains("the-end")) {
            return events;
        }
    }
}

#[test]
fn a_journal_with_compressed_files_is_the_same_to_every_reader() {
    let mut daemon = setup().start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    work(&mut client, 0..12);
    until("files are compressed", || compressed(daemon.dir()).len() > 3);
    // Across what is compressed: every event, and every command.
    let events = events(&daemon);
    let ended = events.iter().filter(|event| event["event"]["type"] == "agent_end");
    assert_eq!(ended.count(), 12, "{} events", events.len());
    let cursors: Vec<_> = events.iter().map(|event| event["cursor"].as_u64()).collect();
    assert!(cursors.is_sorted());
    let history = client.ok(json!({ "type": "get_command_history", "limit": 100 }));
    let listed = history["data"]["entries"].to_string();
    (0..12).for_each(|number| assert!(listed.contains(&format!("\"p{number}\"")), "{number}"));
    client.send(&prompt("p0", "s", "[words:120] [delay:0]"));
    assert_eq!(client.response("p0")["replayed"], true);
    drop(client);
    assert!(daemon.stop().success());
    daemon.verify();

    let plain = plain(daemon.dir());
    for verb in [
        &["verify", "--json"][..],
        &["show"],
        &["show", "--script"],
        &["show", "--client", "2"],
        &["export", "--format", "jsonl"],
    ] {
        assert!(said(verb, daemon.dir()) == said(verb, plain.path()), "{verb:?}");
    }
    let stats = |dir: &Path| -> Value {
        serde_json::from_str(&said(&["stats", "--json"], dir)).expect("JSON")
    };
    let (small, large) = (stats(daemon.dir()), stats(plain.path()));
    assert_eq!((&small["bytes"], &small["counts"]), (&large["bytes"], &large["counts"]));
    assert_eq!(large["storedBytes"], large["bytes"]);
    let files = segments(daemon.dir()).into_iter();
    let bytes: u64 = files.map(|(_, path)| fs::metadata(path).expect("a file").len()).sum();
    assert_eq!(small["storedBytes"], bytes);
    // The last two are as they were built.
    assert!(bytes * 3 < large["bytes"].as_u64().expect("a number") * 2, "{small}");
    // Copies are the same, however they are made.
    let out = tempfile::tempdir().expect("a directory");
    let policy = out.path().join("policy");
    fs::write(&policy, r#"{"rules":[{"what":"event","erase":true}]}"#).expect("written");
    let policy = policy.to_string_lossy().into_owned();
    for (name, verb) in [
        ("bundle", &["bundle", "--with-key"][..]),
        ("migrated", &["migrate"]),
        ("redacted", &["redact", "--policy", &policy]),
    ] {
        let copies = [daemon.dir(), plain.path()].map(|dir| {
            let copy = out.path().join(format!("{name}-{}", dir == plain.path()));
            said(&[verb, &["-o", &copy.to_string_lossy()]].concat(), dir);
            copy
        });
        let bytes = copies.each_ref().map(|copy| {
            if copy.is_file() {
                return vec![(PathBuf::new(), fs::read(copy).expect("a bundle"))];
            }
            let files = tree(copy).into_iter();
            files.map(|(path, it)| (path.strip_prefix(copy).expect("in it").into(), it)).collect()
        });
        assert!(bytes[0] == bytes[1], "{name}");
    }
    let unbundled = out.path().join("unbundled");
    let bundle = out.path().join("bundle-false");
    said(&["unbundle", "-o", &unbundled.to_string_lossy()], &bundle);
    for (number, path) in segments(plain.path()) {
        let copy = unbundled.join("journal").join(path.file_name().expect("a name"));
        assert!(
            fs::read(&copy).expect("a copy") == fs::read(&path).expect("a segment"),
            "{number}"
        );
    }
    // The next life goes on from it, and so does one that compresses nothing.
    for mut daemon in [
        Setup::new().start_in(plain),
        setup().arg("--compress").arg("off").start_in(copied(daemon.dir())),
    ] {
        let mut client = daemon.websocket();
        client.send(&prompt("p3", "s", "[words:120] [delay:0]"));
        assert_eq!(client.response("p3")["replayed"], true);
        work(&mut client, 20..22);
        assert!(daemon.stop().success());
        daemon.verify();
    }
}

#[test]
fn nothing_is_compressed_when_it_is_switched_off() {
    let mut daemon = setup().arg("--compress").arg("off").start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    work(&mut client, 0..8);
    let verified = |client: &mut Client| {
        let metrics = client.ok(json!({ "type": "get_metrics" }));
        metrics["data"]["stores"]["journal"]["snapshotSeq"].as_u64()
    };
    until("a snapshot is there", || verified(&mut client).is_some());
    assert!(daemon.stop().success());
    assert!(segments(daemon.dir()).len() > 3);
    assert_eq!(compressed(daemon.dir()), Vec::<u64>::new());
}

#[test]
fn a_daemon_that_is_killed_while_it_compresses_loses_nothing() {
    let mut daemon = setup().start();
    session(&mut daemon.websocket(), "s");
    let mut sent = 0;
    for round in 0..8 {
        let before = segments(daemon.dir()).len();
        let mut client = daemon.websocket();
        // A new file is there: one before it is full, and the keeper is about to be at it.
        while segments(daemon.dir()).len() < before + 2 {
            work(&mut client, sent..sent + 1);
            sent += 1;
        }
        std::thread::sleep(std::time::Duration::from_millis(round * 4));
        daemon.kill9();
        daemon.verify();
        daemon.restart();
    }
    let mut client = daemon.websocket();
    for number in 0..sent {
        let id = format!("p{number}");
        client.send(&prompt(&id, "s", "[words:120] [delay:0]"));
        assert_eq!(client.response(&id)["replayed"], true, "{id}");
    }
    until("files are compressed", || compressed(daemon.dir()).len() > 8);
    assert!(daemon.stop().success());
    assert!(!daemon.dir().join("journal/replaced.tmp").exists());
    daemon.verify();
}

#[test]
fn a_journal_from_before_is_compressed_and_gone_on_with() {
    for format in [1, 2] {
        let mut daemon = setup().start_in(data_dir(format));
        let mut client = daemon.websocket_as("fixture");
        client.send(&prompt("p0", "s", "[words:60] [delay:0]"));
        assert_eq!(client.response("p0")["replayed"], true);
        work(&mut client, 20..28);
        until("the file from before is compressed", || compressed(daemon.dir()).contains(&1));
        drop(client);
        daemon.kill9();
        daemon.verify();
        daemon.restart();
        let mut client = daemon.websocket_as("fixture");
        client.send(&prompt("p0", "s", "[words:60] [delay:0]"));
        assert_eq!(client.response("p0")["replayed"], true);
        assert!(daemon.stop().success());
        daemon.verify();
    }
}

#[test]
fn damage_to_a_compressed_file_or_a_newer_form_is_named_by_daemon_and_tool() {
    let dir = data_dir(2);
    let path = dir.path().join("journal/00000001.seg");
    fs::copy(compressed_fixture(), &path).expect("copied");
    for snapshot in fs::read_dir(dir.path().join("snapshots")).expect("a folder") {
        fs::remove_file(snapshot.expect("a snapshot").path()).expect("removed");
    }
    let good = fs::read(&path).expect("a segment");
    let mut newer = good.clone();
    newer[4_096] = 2;
    let serve = || {
        let mut command = std::process::Command::new(program("pi-server"));
        command.args(["serve", "--agent", "demo", "--listen", "127.0.0.1:0", "--data-dir"]);
        command.arg(dir.path()).output().expect("it can be run")
    };
    let cut = good[..good.len() - 9].to_vec();
    let mut flipped = good.clone();
    let last = flipped.len() - 9;
    flipped[last] ^= 0x10;
    let block = "the compressed block of the bytes from 4096 on";
    for (bad, words, statuses) in [
        (flipped, block, [3, 3]),
        (cut, "states", [3, 3]),
        (newer, "use a newer pi-server", [9, 4]),
    ] {
        fs::write(&path, &bad).expect("written");
        let verify = replay(&["verify", &dir.path().to_string_lossy()]);
        for (output, status) in [serve(), verify].into_iter().zip(statuses) {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(status), "{said}");
            assert!(said.contains(words), "{said}");
            assert!(status == 3 || !said.contains("damaged"), "{said}");
            assert!(said.contains("segment 1") || said.contains("00000001.seg"), "{said}");
        }
        assert!(fs::read(&path).expect("a segment") == bad, "nothing was changed");
    }
}

/// The first segment of the fixture of version 2, compressed.
fn compressed_fixture() -> PathBuf {
    fixture(2).with_file_name("compressed.seg")
}

#[test]
fn the_segments_of_every_fixture_come_back_and_a_compressed_one_is_read() {
    let mut count = 0;
    for folder in [fixture(1), fixture(2), fixture(2).with_file_name("day")] {
        for (_, path) in segments(&folder) {
            let segment = fs::read(&path).expect("a segment");
            let file = pi_server_compress::compress(&segment).expect("a segment").expect("shorter");
            assert!(restored(&file).as_ref() == Some(&segment), "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
    let original = fs::read(fixture(2).join("journal/00000001.seg")).expect("a segment");
    if std::env::var_os("UPDATE").is_some() && !compressed_fixture().exists() {
        let file = pi_server_compress::compress(&original).expect("a segment");
        fs::write(compressed_fixture(), file.expect("shorter")).expect("written");
    }
    let file = fs::read(compressed_fixture()).expect("a fixture");
    assert!(restored(&file) == Some(original));
    let dir = data_dir(2);
    let before = said(&["verify", "--json"], dir.path());
    fs::write(dir.path().join("journal/00000001.seg"), file).expect("written");
    assert_eq!(said(&["verify", "--json"], dir.path()), before);
}
