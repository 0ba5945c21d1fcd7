//! What is dropped of a journal, and what of it is not missed. PROTOCOL.md section 10.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pi_server_tests::journal::segment;
use pi_server_tests::{Daemon, Setup};
use serde_json::{Value, json};

use crate::{prompt, session};

/// Until something holds of the daemon's files.
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The snapshot of the highest number.
fn newest_snapshot(daemon: &Daemon) -> Option<PathBuf> {
    let entries = std::fs::read_dir(daemon.dir().join("snapshots")).ok()?;
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "snap")).max()
}

#[test]
fn old_segments_go_and_stored_answers_verification_and_gaps_stay() {
    let mut daemon =
        Setup::new().arg("--segment-bytes").arg("65536").arg("--retain-bytes").arg("200K").start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let early = json!({ "id": "early", "type": "get_metrics" });
    client.send(&early);
    let before = client.response("early");
    for number in 0..12 {
        let id = format!("p{number}");
        client.send(&prompt(&id, "s", "[words:120] [delay:0]"));
        assert_eq!(client.response(&id)["success"], true);
    }
    let first = daemon.dir().join("journal/00000001.seg");
    wait_until("the first segment is dropped", || !first.exists());
    for _ in 0..2 {
        let mut client = daemon.websocket();
        client.send(&early);
        let again = client.response("early");
        assert_eq!(again["replayed"], true);
        assert_eq!(again["data"], before["data"], "the answer outlives its segment");
        client.ok(json!({ "type": "switch_session", "sessionId": "s", "cursor": 0 }));
        let gap = client.expect("a gap", |frame| frame["type"] == "gap");
        assert_eq!(gap["data"]["kind"], "events");
        assert_eq!(gap["data"]["sessionId"], "s");
        let from = gap["data"]["fromSeq"].as_u64().expect("a number");
        let to = gap["data"]["toSeq"].as_u64().expect("a number");
        // Before that there was no session of this name.
        assert!(from < 10 && to > 100, "{gap}");
        let next = client.expect("an event", |frame| frame["type"] == "event");
        assert!(next["cursor"].as_u64().is_some_and(|cursor| cursor > to), "{next}");
        let metrics = client.ok(json!({ "type": "get_metrics" }));
        let journal = &metrics["data"]["stores"]["journal"];
        // More may have been dropped since.
        assert!(journal["firstSeq"].as_u64() > Some(to), "{journal}");
        assert_eq!(journal["divergences"], 0, "{journal}");
        daemon.verify();
        daemon.kill9();
        daemon.restart();
    }
    assert!(daemon.stop().success());
    daemon.verify();
}

/// The room that all files below a directory take, in bytes; one that goes meanwhile takes none.
fn room_of(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let room = |path: PathBuf| match std::fs::symlink_metadata(&path) {
        Ok(facts) if facts.is_dir() => room_of(&path),
        Ok(facts) if facts.is_file() => facts.len().max(facts.blocks() * 512),
        Ok(_) | Err(_) => 0,
    };
    entries.filter_map(|entry| Some(room(entry.ok()?.path()))).sum()
}

#[test]
fn the_data_directory_stays_within_the_bound_on_bytes_with_everything_in_it() {
    const BOUND: u64 = 4 << 20;
    for compress in ["on", "off"] {
        let setup = Setup::new().arg("--retain-bytes").arg("4M").arg("--compress").arg(compress);
        let setup = setup.arg("--set").arg("limits.rate=off");
        // Every snapshot has the stored outcomes, and there are three at least.
        let mut daemon = setup.arg("--set").arg("limits.outcomes_max=300").start();
        assert!(!daemon.log().contains("cannot be kept"), "{}", daemon.log());
        let none = "x".repeat(100);
        let mut written = 0;
        let mut largest = 0;
        for life in 0..3 {
            let mut client = daemon.websocket();
            session(&mut client, &format!("s{life}"));
            for batch in 0..60 {
                // Small commands, of which an index has most, and some answers.
                for number in 0..200 {
                    let id = format!("{life}-{batch}-{number}");
                    client.send(&json!({ "id": id, "type": "cancel_command", "commandId": none }));
                }
                let id = format!("p{life}-{batch}");
                client.send(&prompt(&id, &format!("s{life}"), "[words:60] [delay:0]"));
                client.response(&id);
                client.response(&format!("{life}-{batch}-199"));
                largest = largest.max(room_of(daemon.dir()));
            }
            let metrics = client.ok(json!({ "type": "get_metrics" }));
            let journal = &metrics["data"]["stores"]["journal"];
            assert_eq!(journal["divergences"], 0, "{journal}");
            let segments = std::fs::read_dir(daemon.dir().join("journal")).expect("segments");
            let names = segments.filter_map(|it| it.ok()?.file_name().into_string().ok());
            let numbers = names.filter_map(|name| name.strip_suffix(".seg")?.parse::<u64>().ok());
            written = numbers.max().unwrap_or(0) * (BOUND / 16);
            daemon.kill9();
            daemon.restart();
        }
        println!("compress {compress}: {written} bytes were written, at most {largest} taken");
        assert!(written > 3 * BOUND, "{written}");
        let first = daemon.dir().join("journal/00000001.seg");
        wait_until("the first segment is dropped", || !first.exists());
        wait_until("the bound is kept", || room_of(daemon.dir()) <= BOUND);
        // While the keeper is behind the loop there may be more: how much depends on the machine.
        assert!(!daemon.log().contains("cannot be kept"), "{}", daemon.log());
        daemon.verify();
        assert!(daemon.stop().success());
        assert!(room_of(daemon.dir()) <= BOUND);
    }
}

#[test]
fn a_bound_that_cannot_be_kept_is_said_at_the_start_with_what_can() {
    let setup = Setup::new().arg("--segment-bytes").arg("1048576");
    let mut daemon = setup.arg("--retain-bytes").arg("2M").start();
    let log = daemon.log();
    assert!(log.contains("--retain-bytes 2097152 cannot be kept"), "{log}");
    assert!(log.contains("the journal cannot do with less than 6291456 bytes"), "{log}");
    // As soon as there is something to drop it can be asked for, too.
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let (mut floor, mut number) = (None, 0);
    let until = Instant::now() + Duration::from_secs(60);
    while floor.is_none() {
        assert!(Instant::now() < until, "{}", daemon.log());
        number += 1;
        let id = format!("p{number}");
        client.send(&prompt(&id, "s", "[words:120] [delay:0]"));
        client.response(&id);
        let metrics = client.ok(json!({ "type": "get_metrics" }));
        floor = metrics["data"]["stores"]["journal"]["retainFloorBytes"].as_u64();
    }
    assert!(floor > Some(2 << 20), "{floor:?}");
    let health = client.ok(json!({ "type": "health_check" }));
    assert_eq!(health["data"]["healthy"], true);
    assert!(daemon.stop().success());
}

#[test]
fn a_start_that_cannot_use_the_newest_snapshot_says_so_goes_on_and_makes_it_again() {
    let mut daemon = Setup::new().arg("--segment-bytes").arg("65536").start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    for number in 0..4 {
        let id = format!("p{number}");
        client.send(&prompt(&id, "s", "[words:120] [delay:0]"));
        client.response(&id);
    }
    wait_until("a snapshot is written", || newest_snapshot(&daemon).is_some());
    daemon.kill9();
    let newest = newest_snapshot(&daemon).expect("a snapshot");
    let good = std::fs::read(&newest).expect("a snapshot");
    let mut bytes = good.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&newest, bytes).expect("written");
    // Whoever verifies is told of the damage, and that nothing else is wrong.
    let output = daemon.replay(&["verify"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains(".snap: its digest is wrong"), "{said}");
    assert!(!said.contains("diverge"), "{said}");
    daemon.restart();
    assert!(daemon.log().contains("cannot be used: its digest is wrong"), "{}", daemon.log());
    let mut client = daemon.websocket();
    client.send(&prompt("p0", "s", "[words:120] [delay:0]"));
    assert_eq!(client.response("p0")["replayed"], true);
    wait_until("the snapshot is made again", || {
        std::fs::read(&newest).is_ok_and(|bytes| bytes == good)
    });
    verified(&daemon);
}

#[test]
fn the_history_outlives_restarts_and_a_damaged_index_is_made_again() {
    let mut daemon = Setup::new().arg("--segment-bytes").arg("65536").start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    for number in 0..6 {
        let id = format!("p{number}");
        client.send(&prompt(&id, "s", "[words:120] [delay:0]"));
        client.response(&id);
    }
    wait_until("a snapshot is written", || newest_snapshot(&daemon).is_some());
    let page = json!({ "type": "get_command_history", "sessionIdFilter": "s", "limit": 20 });
    let before = client.ok(page.clone())["data"]["entries"].clone();
    assert_eq!(before.as_array().map(Vec::len), Some(7), "six prompts and the creation");
    daemon.kill9();
    let index = daemon.dir().join("history/00000001.idx");
    let mode = std::fs::metadata(&index).expect("an index").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    daemon.restart();
    let mut client = daemon.websocket();
    assert_eq!(client.ok(page.clone())["data"]["entries"], before);
    let good = std::fs::read(&index).expect("an index");
    let mut bytes = good.clone();
    bytes[4_100] ^= 4;
    std::fs::write(&index, bytes).expect("written");
    client.send(&json!({ "id": "bad", "type": "get_command_history", "commandId": "p0" }));
    let refused = client.response("bad");
    assert_eq!(refused["success"], false, "{refused}");
    assert!(refused["error"].as_str().is_some_and(|text| text.contains("segment 1")), "{refused}");
    wait_until("the index is made again", || std::fs::read(&index).is_ok_and(|it| it == good));
    assert_eq!(client.ok(page)["data"]["entries"], before);
    assert!(daemon.stop().success());
}

/// What `pi-replay verify` says.
fn verified(daemon: &Daemon) -> Value {
    let output = daemon.replay(&["verify", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).expect("a report")
}

/// How many segments of each tier there are.
fn tiers(report: &Value) -> [usize; 3] {
    let tiers = report["tiers"].as_array().expect("a list");
    ["hot", "warm", "cold"].map(|name| tiers.iter().filter(|tier| tier["tier"] == name).count())
}

/// Events and gaps that a client is sent that subscribes from the beginning, up to the newest event.
fn caught_up(daemon: &Daemon) -> Vec<Value> {
    let mut client = daemon.websocket();
    let response = client.ok(json!({ "type": "switch_session", "sessionId": "s", "cursor": 0 }));
    let newest = response["data"]["cursor"].as_u64().expect("a number");
    let mut frames = Vec::new();
    while frames.last().is_none_or(|frame: &Value| frame["cursor"] != newest) {
        frames.push(client.expect("an event or a gap", |frame| {
            frame["type"] == "event" || frame["type"] == "gap"
        }));
    }
    frames
}

/// Every event comes as it was, in its order, or is in a gap; and there is no gap without one. The
/// types of those that did not come.
fn missing(before: &[Value], after: &[Value]) -> Vec<String> {
    let mut missing = Vec::new();
    let mut expected = before.iter().peekable();
    for frame in after {
        if frame["type"] == "event" {
            assert_eq!(expected.next(), Some(frame));
            continue;
        }
        let data = &frame["data"];
        assert_eq!((&data["kind"], &data["sessionId"]), (&json!("events"), &json!("s")));
        let (from, to) = (data["fromSeq"].as_u64(), data["toSeq"].as_u64());
        assert_eq!(expected.peek().map(|event| event["cursor"].as_u64()), Some(from), "{frame}");
        let mut last = None;
        while let Some(event) = expected.next_if(|event| event["cursor"].as_u64() <= to) {
            last = event["cursor"].as_u64();
            missing.push(event["event"]["type"].as_str().expect("a type").to_owned());
        }
        assert_eq!(last, to, "{frame}");
    }
    assert_eq!(expected.next(), None);
    missing
}

/// Whether the first segment holds some bytes. Later ones hold what was sent again.
fn holds(daemon: &Daemon, needle: &str) -> bool {
    let bytes = segment(&daemon.dir().join("journal/00000001.seg"));
    bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[test]
fn the_journal_grows_warm_and_cold_and_still_replays_answers_and_says_what_it_lost() {
    let mut daemon = Setup::new().arg("--segment-bytes").arg("65536").start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let early = json!({ "id": "early", "type": "get_metrics" });
    client.send(&early);
    let answer = client.response("early")["data"].clone();
    // More than one turn of the loop reads for a client that catches up.
    for number in 0..40 {
        let id = format!("p{number}");
        client.send(&prompt(&id, "s", &format!("planted-{number}- [words:120] [delay:0]")));
        assert_eq!(client.response(&id)["success"], true);
    }
    let events = caught_up(&daemon);
    assert!(events.len() > 5_000, "{}", events.len());
    let page = json!({ "type": "get_command_history", "commandType": "prompt", "limit": 20 });
    let history = client.ok(page.clone())["data"]["entries"].clone();
    assert_eq!(verified(&daemon)["tier"], "hot");
    assert!(holds(&daemon, "planted-0-"));
    let is_warm = |report: &Value| tiers(report)[0] <= 2 && tiers(report)[1] > 1;
    let is_cold = |report: &Value| tiers(report)[0] <= 2 && tiers(report)[2] > 1;
    for (name, argument) in [("warm", "--warm-after"), ("cold", "--cold-after")] {
        assert!(daemon.stop().success());
        daemon.restart_with(&[argument, "1s"]);
        // Nothing is asked of the daemon meanwhile: it grows old by itself.
        wait_until(name, || {
            let report = verified(&daemon);
            if name == "warm" { is_warm(&report) } else { is_cold(&report) }
        });
        let report = verified(&daemon);
        assert_eq!(report["tier"], name, "{report:#}");
        let text = daemon.replay(&["verify"]).stdout;
        let text = String::from_utf8_lossy(&text);
        assert!(text.contains(&format!("  tier      {name} (segment 1")), "{text}");
        for _ in 0..2 {
            let missing = missing(&events, &caught_up(&daemon));
            if name == "warm" {
                assert!(missing.len() > 3_000, "{}", missing.len());
                assert!(missing.iter().all(|kind| kind == "message_update"), "{missing:?}");
                assert!(holds(&daemon, "planted-0-"), "what a person wrote is there");
            } else {
                assert!(missing.iter().any(|kind| kind == "message_end"), "{missing:?}");
                assert!(!holds(&daemon, "planted-0-"));
            }
            let mut client = daemon.websocket();
            client.send(&early);
            let again = client.response("early");
            assert_eq!((&again["replayed"], &again["data"]), (&json!(true), &answer));
            client.send(&prompt("p0", "s", "planted-0- [words:120] [delay:0]"));
            assert_eq!(client.response("p0")["replayed"], true);
            assert_eq!(client.ok(page.clone())["data"]["entries"], history);
            let metrics = client.ok(json!({ "type": "get_metrics" }));
            let journal = &metrics["data"]["stores"]["journal"];
            assert_eq!(journal["divergences"], 0, "{journal}");
            daemon.kill9();
            daemon.restart();
            daemon.verify();
        }
    }
    assert!(daemon.stop().success());
    daemon.verify();
}
