//! What anybody on the machine, a careless operator or a full machine can do to a daemon.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pi_server_tests::daemon::fails_to_start;
use pi_server_tests::frames::{prompt, session};
use pi_server_tests::programs::program;
use pi_server_tests::{Client, Daemon, PATIENCE, Setup};
use serde_json::json;
use tempfile::TempDir;

/// A folder with a `pi-server` that is the real one, run by a line of shell.
fn wrapped(line: &str) -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().expect("a directory");
    let program = program("pi-server");
    let script = format!("#!/bin/bash\n{line}\nexec {} \"$@\"\n", program.display());
    let path = dir.path().join("pi-server");
    fs::write(&path, script).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    dir
}

fn address(daemon: &Daemon) -> String {
    let text = fs::read_to_string(daemon.dir().join("address")).expect("it listens");
    text.trim().to_owned()
}

/// Asks for health and takes the whole answer.
fn health(address: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    stream.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").expect("there is room");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket can be told");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

#[test]
fn silent_connections_without_end_neither_stop_a_turn_nor_keep_anybody_out() {
    // The hard limit, too: nothing can be raised.
    for limit in [64, 256, 1_024] {
        let programs = wrapped(&format!("ulimit -n {limit}"));
        let mut daemon = Setup::new().programs(programs.path()).start();
        let mut client = daemon.websocket();
        session(&mut client, "s");
        client.send(&prompt("turn", "s", "[words:30] [delay:20]"));
        client.lifecycle("turn", "started");
        let address = address(&daemon);
        let mut silent: Vec<TcpStream> = Vec::new();
        for _ in 0..1_100 {
            silent.push(TcpStream::connect(&address).expect("somebody listens"));
        }
        for _ in 0..3 {
            let mut late = daemon.websocket();
            late.ok(json!({ "type": "list_sessions" }));
        }
        assert_eq!(client.response("turn")["success"], true, "limit {limit}");
        drop(silent);
        assert!(daemon.stop().success(), "limit {limit}: {}", daemon.log());
        daemon.verify();
    }
}

#[test]
fn a_wrong_token_is_said_in_the_log_and_counted_and_never_repeated() {
    let mut daemon = Daemon::start();
    let url = format!("ws://{}/?token=gu3ss", address(&daemon));
    assert!(Client::try_websocket(&url).is_none());
    let mut client = daemon.websocket();
    let metrics = client.ok(json!({ "type": "get_metrics" }));
    assert_eq!(metrics["data"]["wrongTokens"], 1);
    assert_eq!(metrics["data"]["doubleUnregisterErrors"], 0);
    let log = daemon.log();
    assert!(log.contains("refused 127.0.0.1: 401"), "{log}");
    assert!(!log.contains("gu3ss"), "{log}");
}

#[test]
fn the_token_is_not_shown_to_a_pipe_even_at_the_first_start() {
    let mut daemon = Daemon::start();
    let token = fs::read_to_string(daemon.dir().join("token")).expect("a token");
    let log = daemon.log();
    assert!(!log.contains(token.trim()), "{log}");
    assert!(log.contains("pi-server token"), "{log}");
}

#[test]
fn a_daemon_whose_standard_error_has_no_reader_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut child = Command::new(program("pi-server"))
        .args(["serve", "--agent", "demo", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir.path())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pi-server can be run");
    // Gone before the first word.
    drop(child.stderr.take());
    let until = Instant::now() + PATIENCE;
    let address = loop {
        assert!(Instant::now() < until, "it does not listen");
        assert!(child.try_wait().expect("it can be asked").is_none(), "it has ended");
        match fs::read_to_string(dir.path().join("address")) {
            Ok(text) if !text.trim().is_empty() => break text.trim().to_owned(),
            Ok(_) | Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    // Something to say.
    assert!(Client::try_websocket(&format!("ws://{address}/?token=wrong")).is_none());
    assert!(health(&address).starts_with("HTTP/1.1 200 "));
    assert!(child.try_wait().expect("it can be asked").is_none(), "it has ended");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

#[test]
fn a_lock_that_was_removed_lets_no_second_daemon_in_and_stops_nobody() {
    let mut daemon = Setup::new().arg("--segment-bytes").arg("65536").start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    fs::remove_file(daemon.dir().join("lock")).expect("it is there");
    for _ in 0..2 {
        let second = fails_to_start(daemon.dir(), &["--listen", "127.0.0.1:0"]);
        assert_eq!(second.status.code(), Some(4), "{}", String::from_utf8_lossy(&second.stderr));
    }
    // Over the end of more than one segment.
    for number in 0..20 {
        client.ok(prompt(&format!("p{number}"), "s", "[words:400] [delay:0]"));
    }
    assert!(daemon.dir().join("journal/00000003.seg").exists(), "it has rolled");
    assert!(daemon.dir().join("lock").exists(), "the lock is there again");
    assert!(daemon.stop().success());
    daemon.verify();
}

/// Names and bytes of the files in a directory.
fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .expect("a directory")
        .map(|entry| {
            let entry = entry.expect("an entry");
            let bytes = fs::read(entry.path()).expect("a file");
            (entry.file_name().to_string_lossy().into_owned(), bytes)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_journal_whose_directory_was_replaced_by_a_copy_is_left_alone_and_the_daemon_stops() {
    let mut daemon = Setup::new().arg("--segment-bytes").arg("65536").start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let (journal, away) = (daemon.dir().join("journal"), daemon.dir().join("away"));
    fs::rename(&journal, &away).expect("it can be moved");
    fs::create_dir(&journal).expect("a copy");
    for (name, bytes) in contents(&away) {
        fs::write(journal.join(name), bytes).expect("a copy");
    }
    let before = contents(&journal);
    for number in 0..200 {
        if !client.try_send(&prompt(&format!("p{number}"), "s", "[words:400] [delay:0]")) {
            break;
        }
    }
    let status = daemon.wait();
    assert_eq!(status.code(), Some(8), "{}", daemon.log());
    assert!(daemon.log().contains("was moved or replaced"), "{}", daemon.log());
    assert!(contents(&journal) == before, "the copy was written to");
}

#[test]
fn a_path_whose_socket_takes_nobody_ends_the_start_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("socket");
    let listener = UnixListener::bind(&path).expect("the path is free");
    // Until nobody else fits into its backlog.
    let mut waiting = Vec::new();
    let full = std::thread::scope(|scope| {
        let (told, tell) = std::sync::mpsc::channel();
        scope.spawn(move || {
            while let Ok(stream) = UnixStream::connect(&path) {
                if told.send(stream).is_err() {
                    return;
                }
            }
        });
        while let Ok(stream) = tell.recv_timeout(Duration::from_millis(300)) {
            waiting.push(stream);
        }
        let begun = Instant::now();
        let mut child = Command::new("timeout")
            .arg("20")
            .arg(program("pi-server"))
            .args(["serve", "--agent", "demo", "--data-dir"])
            .arg(dir.path().join("data"))
            .args(["--no-listen", "--unix"])
            .arg(dir.path().join("socket"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("timeout can be run");
        let status = child.wait().expect("it ends");
        // Whoever waits is let in, so that the thread ends.
        drop(tell);
        listener.set_nonblocking(true).expect("a socket can be told");
        while listener.accept().is_ok() {}
        (status.code(), begun.elapsed())
    });
    assert_eq!(full.0, Some(5), "{full:?}");
}

#[test]
fn allow_lists_that_can_never_match_are_refused_at_the_start() {
    let dir = tempfile::tempdir().expect("a directory");
    for (flag, values) in [
        ("--allow-origin", ["https://box/", "*", "", "box:8099"]),
        ("--allow-host", ["box:8099", "https://box", "*", ""]),
    ] {
        for value in values {
            let output = fails_to_start(dir.path(), &["--listen", "127.0.0.1:0", flag, value]);
            let text = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{flag} {value}: {text}");
            assert!(text.contains(flag), "{text}");
        }
    }
}

#[test]
fn a_session_file_that_is_a_pipe_is_refused_and_hangs_nobody_in_this_life_or_the_next() {
    let dir = tempfile::tempdir().expect("a directory");
    let sessions = dir.path().join("sessions");
    fs::create_dir(&sessions).expect("a directory");
    let fifo = sessions.join("a.jsonl");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo can be run").success());
    std::os::unix::fs::symlink(&fifo, sessions.join("b.jsonl")).expect("a link");
    let mut daemon = Setup::new().start_in(dir);
    for life in 0..2 {
        let mut client = daemon.websocket();
        for name in ["a.jsonl", "b.jsonl"] {
            let path = sessions.join(name).to_string_lossy().into_owned();
            let refused = client.call(json!({ "type": "load_session", "sessionPath": path }));
            assert_eq!(refused["success"], false, "{refused}");
        }
        let listed = client.ok(json!({ "type": "list_stored_sessions" }));
        let listed = listed["data"]["sessions"].as_array().expect("a list").iter();
        assert!(listed.filter(|it| it["sessionFile"].as_str() == fifo.to_str()).count() == 0);
        client.ok(json!({ "type": "get_command_history" }));
        session(&mut client, &format!("s{life}"));
        let begun = Instant::now();
        assert!(daemon.stop().success());
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        daemon.restart();
    }
}

#[test]
fn a_pi_that_never_says_its_version_fails_creations_and_goes_with_the_daemon() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().expect("a directory");
    let pi = dir.path().join("pi");
    let mark = dir.path().join("pid");
    let script = format!("#!/bin/sh\necho $$ > {}\nexec sleep 1000\n", mark.display());
    fs::write(&pi, script).expect("a file");
    fs::set_permissions(&pi, fs::Permissions::from_mode(0o755)).expect("a mode");
    let mut daemon = Setup::new().pi(&pi, dir.path()).start();
    let mut client = daemon.websocket();
    client.ok(json!({ "type": "list_sessions" }));
    let refused = client.call(json!({ "type": "create_session", "sessionId": "s" }));
    assert_eq!(refused["success"], false, "{refused}");
    assert!(refused["error"].as_str().is_some_and(|it| it.contains("--version")), "{refused}");
    let pid = || fs::read_to_string(&mark).expect("it has run").trim().to_owned();
    let runs = |pid: &str| {
        fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"sleep"))
    };
    let first = pid();
    assert!(!runs(&first), "it is killed");
    // And once more, while the daemon ends.
    client.send(&json!({ "id": "late", "type": "create_session", "sessionId": "t" }));
    let until = Instant::now() + PATIENCE;
    while pid() == first || !runs(&pid()) {
        assert!(Instant::now() < until, "it is not asked again");
        std::thread::sleep(Duration::from_millis(10));
    }
    let begun = Instant::now();
    assert!(daemon.stop().success());
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(!runs(&pid()), "it outlives the daemon");
}

/// The deleted conversation of a session and, of another session of the same name, its own: what a
/// client gets that names a place from before both.
fn conversation(daemon: &Daemon, name: &str) -> String {
    let mut client = daemon.websocket_as(name);
    client.ok(json!({ "type": "switch_session", "sessionId": "work", "cursor": 0 }));
    client.ok(json!({ "type": "get_state", "sessionId": "work" }));
    let events = client.seen().iter().filter(|frame| frame["type"] == "event");
    events.map(ToString::to_string).collect()
}

#[test]
fn a_session_never_brings_the_events_of_a_deleted_one_of_its_name_also_after_a_restart() {
    let mut daemon = Setup::new().arg("--segment-bytes").arg("65536").start();
    let mut first = daemon.websocket_as("first");
    session(&mut first, "work");
    first.send(&prompt("p", "work", "[say:elephant] [delay:0]"));
    first.response("p");
    assert!(conversation(&daemon, "witness").contains("elephant"), "there is something to bring");
    first.ok(json!({ "type": "delete_session", "sessionId": "work" }));
    let mut second = daemon.websocket_as("second");
    session(&mut second, "work");
    // The agent of the second says that it is new, which is all that there is.
    let begun = conversation(&daemon, "third");
    assert!(begun.contains("starts empty") && !begun.contains("elephant"), "{begun}");
    assert_eq!(begun.matches("starts empty").count(), 1, "{begun}");
    second.send(&prompt("p", "work", "[say:giraffe] [delay:0]"));
    second.response("p");
    let whole = conversation(&daemon, "fourth");
    assert!(whole.contains("giraffe") && !whole.contains("elephant"), "{whole}");
    daemon.kill9();
    daemon.restart();
    assert_eq!(conversation(&daemon, "fifth"), whole);
    // From a snapshot, too, of which the segments that it covers are not read.
    let mut client = daemon.websocket_as("second");
    session(&mut client, "filler");
    for number in 0..6 {
        let id = format!("f{number}");
        client.send(&prompt(&id, "filler", "[words:120] [delay:0]"));
        client.response(&id);
    }
    let snapshots = daemon.dir().join("snapshots");
    let is_there = || fs::read_dir(&snapshots).is_ok_and(|mut entries| entries.next().is_some());
    let until = Instant::now() + PATIENCE;
    while !is_there() {
        assert!(Instant::now() < until, "no snapshot is written");
        std::thread::sleep(Duration::from_millis(10));
    }
    daemon.kill9();
    daemon.restart();
    // Each of the 720 words was an input.
    assert!(daemon.stepped() < 720, "{}", daemon.log());
    assert_eq!(conversation(&daemon, "sixth"), whole);
    daemon.kill9();
    daemon.verify();
}

/// What somebody does to a data directory while no daemon runs, and whether that is damage.
type Accident = (&'static str, fn(&Path), bool);

const ACCIDENTS: [Accident; 11] = [
    ("nothing", |_| {}, false),
    (
        "directories named like unfinished files",
        |dir| {
            for name in ["journal/00000002.seg.tmp", "journal/tmp", "snapshots/00000001.snap.tmp"] {
                fs::create_dir_all(dir.join(name)).expect("a directory");
            }
        },
        false,
    ),
    ("no snapshots", |dir| remove(&dir.join("snapshots")), false),
    ("no bodies, of which none was needed", |dir| remove(&dir.join("bodies")), false),
    (
        "an empty last segment of a far number",
        |dir| fs::write(dir.join("journal/99999999.seg"), "").expect("a file"),
        true,
    ),
    (
        "a directory in the place of a segment",
        |dir| fs::create_dir(dir.join("journal/99999999.seg")).expect("a directory"),
        true,
    ),
    (
        // Of what is before the snapshot there are no bodies then.
        "no first segment beside a snapshot, and no bodies",
        |dir| {
            remove(&dir.join("bodies"));
            fs::remove_file(dir.join("journal/00000001.seg")).expect("it was there");
        },
        true,
    ),
    (
        "no first segment and no snapshots",
        |dir| {
            remove(&dir.join("snapshots"));
            fs::remove_file(dir.join("journal/00000001.seg")).expect("it was there");
        },
        true,
    ),
    (
        "no segment in the middle",
        |dir| fs::remove_file(dir.join("journal/00000003.seg")).expect("it was there"),
        true,
    ),
    ("a short key", |dir| fs::write(dir.join("journal.key"), "short").expect("a file"), true),
    ("no head", |dir| fs::remove_file(dir.join("HEAD")).expect("it was there"), true),
];

/// Removes a directory that may be there.
fn remove(dir: &Path) {
    if let Err(error) = fs::remove_dir_all(dir) {
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
    }
}

/// Copies a directory of directories of files.
fn copied(from: &Path) -> TempDir {
    let to = tempfile::tempdir().expect("a directory");
    let status = Command::new("cp").arg("-a").arg(from.join(".")).arg(to.path()).status();
    assert!(status.expect("`cp` runs").success());
    to
}

#[test]
fn what_serve_refuses_verify_refuses_and_the_reverse() {
    let mut daemon = Setup::new().arg("--segment-bytes").arg("65536").start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    for number in 0..8 {
        let id = format!("p{number}");
        client.send(&prompt(&id, "s", "[words:120] [delay:0]"));
        client.response(&id);
    }
    let until = Instant::now() + PATIENCE;
    let there = |name: &str| {
        fs::read_dir(daemon.dir().join(name)).is_ok_and(|mut list| list.next().is_some())
    };
    while !there("snapshots") {
        assert!(Instant::now() < until, "no snapshot is written");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(daemon.stop().success());
    let mut wrong = Vec::new();
    for (what, accident, is_damage) in ACCIDENTS {
        let dir = copied(daemon.dir());
        accident(dir.path());
        let verify = Command::new(program("pi-replay")).arg("verify").arg(dir.path()).output();
        let verify = verify.expect("pi-replay runs").status.code();
        // Told to stop before it begins, it ends well or says what is wrong.
        let mut serve = Command::new(program("pi-server"))
            .args(["serve", "--agent", "demo", "--no-listen", "--stdio", "--data-dir"])
            .arg(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pi-server runs");
        let serve = serve.wait().expect("it ends").code();
        let expected = Some(if is_damage { 3 } else { 0 });
        if (verify, serve) != (expected, expected) {
            wrong.push(format!("{what}: verify {verify:?}, serve {serve:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
