//! What every verb says of a journal of which retention has dropped a part is what it says of the
//! whole one, for all that is still there.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pi_server_core::record::{Snapshot, pack_head};
use pi_server_tests::{Daemon, Setup};
use serde_json::{Value, json};

use crate::incident::prompt;
use crate::{arg, replay, replay_ends, replay_json};

/// A journal and a copy of it that begins with a snapshot.
struct Pair {
    daemon: Daemon,
    folder: tempfile::TempDir,
    /// The last input that the copy has not.
    behind: u64,
    /// The connection that is open there, and gets events.
    conn: u64,
}

impl Pair {
    fn whole(&self) -> &Path {
        self.daemon.dir()
    }

    fn trimmed(&self) -> PathBuf {
        self.folder.path().join("trimmed")
    }
}

fn snapshots(dir: &Path) -> Vec<u64> {
    let files = std::fs::read_dir(dir.join("snapshots")).into_iter().flatten().flatten();
    let names = files.filter_map(|file| file.file_name().into_string().ok());
    let mut numbers: Vec<u64> =
        names.filter_map(|name| name.strip_suffix(".snap")?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

/// Drops the segments up to a snapshot, as a daemon does, and with them all bodies.
fn trim(from: &Path, to: &Path, number: u64) {
    for folder in ["", "journal", "snapshots"] {
        std::fs::create_dir_all(to.join(folder)).expect("made");
    }
    for name in ["HEAD", "journal.key"] {
        std::fs::copy(from.join(name), to.join(name)).expect("copied");
    }
    for (folder, kept) in [("journal", number + 1), ("snapshots", number)] {
        for file in std::fs::read_dir(from.join(folder)).expect("listed").flatten() {
            let name = file.file_name().into_string().expect("text");
            let of: Option<u64> = name.split('.').next().and_then(|digits| digits.parse().ok());
            if of.is_some_and(|of| of >= kept) {
                std::fs::copy(file.path(), to.join(folder).join(name)).expect("copied");
            }
        }
    }
}

/// Two sessions. In one a turn takes so long that a snapshot is taken meanwhile, and a command of
/// it and one of the other session wait for it.
fn pair() -> Pair {
    let mut daemon = Setup::new().arg("--segment-bytes").arg("65536").start();
    let mut client = daemon.websocket_as("editor");
    for session in ["s", "other"] {
        client.ok(json!({ "type": "create_session", "sessionId": session }));
    }
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("early", "s", "[words:3] [delay:0]"));
    client.response("early");
    client.send(&prompt("long", "s", "[words:2500] [delay:1]"));
    client.send(&prompt("next", "s", "[words:3] [delay:0]"));
    let after =
        json!({ "id": "after", "type": "get_state", "sessionId": "other", "dependsOn": ["long"] });
    client.send(&after);
    client.lifecycle("after", "accepted");
    client.response("next");
    for number in 0..10 {
        let id = format!("p{number}");
        client.send(&prompt(&id, "other", "[words:60] [delay:0]"));
        client.response(&id);
    }
    for number in 0..20 {
        let id = format!("g{number}");
        client.send(&json!({ "id": id, "type": "get_state", "sessionId": "other" }));
    }
    client.response("g19");
    client.send(&prompt("bad", "s", "[fail:no luck]"));
    client.response("bad");
    daemon.stop();
    let until = Instant::now() + Duration::from_secs(60);
    while snapshots(daemon.dir()).is_empty() {
        assert!(Instant::now() < until, "a snapshot is written");
        daemon.restart();
        daemon.stop();
    }
    let number = snapshots(daemon.dir())[0];
    let file = daemon.dir().join(format!("snapshots/{number:08}.snap"));
    let bytes = std::fs::read(file).expect("a snapshot");
    let behind = Snapshot::parse(&bytes).expect("a snapshot").cursor.seq.0;
    let folder = tempfile::tempdir().expect("a directory");
    let trimmed = folder.path().join("trimmed");
    trim(daemon.dir(), &trimmed, number);
    let journal = Snapshot::parse(&bytes).expect("a snapshot").cursor.journal;
    std::fs::create_dir(trimmed.join("bodies")).expect("made");
    let pack = trimmed.join(format!("bodies/{number:08}.pack"));
    std::fs::write(pack, pack_head(journal, number, &[], &[])).expect("written");
    let opened = lines(daemon.dir(), &["show"])
        .into_iter()
        .find(|step| step["input"].as_str().is_some_and(|input| input.contains("\"editor\"")));
    let conn = opened.expect("it was opened")["seq"].as_u64().expect("a number");
    Pair { daemon, folder, behind, conn }
}

/// The objects that a verb prints of a journal with `--json`.
fn lines(dir: &Path, args: &[&str]) -> Vec<Value> {
    let (verb, rest) = args.split_first().expect("a verb");
    let all = [&[*verb, arg(dir)], rest, &["--json"]].concat();
    replay_ends(0, &all).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Those of inputs that the trimmed copy has.
fn still_there(lines: Vec<Value>, behind: u64) -> Vec<Value> {
    lines.into_iter().filter(|line| line["seq"].as_u64() > Some(behind)).collect()
}

#[test]
fn every_look_at_a_trimmed_journal_is_that_at_the_whole_one() {
    let pair = pair();
    let (whole, trimmed, behind) = (pair.whole(), pair.trimmed(), pair.behind);
    let conn = pair.conn.to_string();
    let in_flight = lines(&trimmed, &["show", "--at", &behind.to_string()]);
    let ids: Vec<_> = in_flight[0]["commands"].as_array().expect("a list").iter().collect();
    let named = |id: &str| ids.iter().find(|command| command["id"] == id).expect("in flight");
    let number = format!("#{}", named("long")["number"]);
    named("next");
    named("after");
    let looks: [&[&str]; 9] = [
        &["show"],
        &["show", "--session", "s"],
        &["show", "--session", "other"],
        &["show", "--client", &conn],
        &["show", "--command", "long"],
        &["show", "--command", &number],
        &["show", "--command", "after"],
        &["show", "--command", "p3"],
        &["digests"],
    ];
    for look in looks {
        let expected = still_there(lines(whole, look), behind);
        assert!(!expected.is_empty(), "{look:?}");
        assert!(lines(&trimmed, look) == expected, "{look:?} of {}", trimmed.display());
    }
    let export = |dir: &Path, more: &[&str]| -> Vec<Value> {
        let args = [&["export", arg(dir), "--format", "jsonl"], more].concat();
        let text = replay_ends(0, &args);
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    for more in [&[][..], &["--session", "s"], &["--session", "other"], &["--no-bodies"]] {
        let expected = still_there(export(whole, more), behind);
        let found = export(&trimmed, more);
        assert_eq!(found[0]["type"], "begin", "{more:?}");
        let (before, rest): (Vec<Value>, Vec<Value>) =
            found.into_iter().skip(1).partition(|line| line["phase"] == "inFlight");
        assert!(
            rest == expected,
            "{more:?}: {:#?}",
            rest.iter().zip(&expected).find(|(a, b)| a != b)
        );
        assert!(
            !before.is_empty() && before.iter().all(|it| it["command"].as_u64() <= Some(behind))
        );
        let events = rest.iter().filter(|line| line["type"] == "event");
        assert!(events.clone().count() > 10 && events.clone().all(|it| it["session"] != ""));
    }
    let lane = |dir: &Path| lines(dir, &["show", "--lane", "session:s"]);
    let (expected, found) = (lane(whole), lane(&trimmed));
    let in_lane = |all: &[Value], id: &str| {
        all.iter().find(|command| command["id"] == id).cloned().expect("a row")
    };
    assert_eq!(in_lane(&found, "bad"), in_lane(&expected, "bad"));
    let (one, other) = (in_lane(&found, "long"), in_lane(&expected, "long"));
    for field in ["finished", "outcome", "laneSequence", "command", "client", "connection"] {
        assert_eq!(one[field], other[field], "{field}");
    }
    let waited = in_lane(&found, "next");
    assert_eq!(waited["started"], in_lane(&expected, "next")["started"]);
    assert_eq!(waited["accepted"]["at"], Value::Null, "not known: {waited}");
}

#[test]
fn what_a_trimmed_journal_does_not_know_is_an_error_and_where_it_begins_is_said() {
    let pair = pair();
    let (trimmed, behind) = (pair.trimmed(), pair.behind);
    let dir = arg(&trimmed);
    let begins = format!("begins behind #{behind} ");
    for (args, status) in [
        (&["show", dir, "--session", "nobody"][..], 5),
        (&["show", dir, "--command", "early"], 5),
        (&["show", dir, "--client", "c1"], 5),
        (&["show", dir, "--to", "1"], 5),
        (&["show", dir, "--script"], 5),
        (&["export", dir, "--format", "md", "--session", "nobody"], 5),
    ] {
        let output = replay(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
        assert!(output.stdout.is_empty(), "{args:?}: nothing is shown before it is known");
        assert!(
            said.contains(&format!("#{behind}")) || said.contains(&format!("#{}", behind + 1)),
            "{args:?}: {said}"
        );
    }
    let said = |args: &[&str]| {
        let output = replay(args);
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).into_owned()
    };
    for args in [
        &["verify", dir][..],
        &["show", dir],
        &["show", dir, "--lane", "server"],
        &["show", dir, "--at", &(behind + 5).to_string()],
        &["stats", dir],
        &["digests", dir],
        &["diff", dir, dir],
        &["diff", dir, dir, "--align", "cause"],
        &["what-if", dir, "--set", "limits.rate=on"],
        &["export", dir, "--format", "md"],
        &["export", dir, "--format", "html"],
        &["export", dir, "--format", "perfetto"],
        &["export", dir, "--format", "jsonl"],
    ] {
        let text = said(args);
        assert!(text.contains(&begins), "{args:?} says {text}");
    }
}

#[test]
fn comparisons_and_other_limits_begin_with_the_snapshot() {
    let pair = pair();
    let trimmed = pair.trimmed();
    let (whole, dir) = (arg(pair.whole()), arg(&trimmed));
    for (a, b) in [(whole, dir), (dir, whole)] {
        let found = replay_json(0, &["diff", a, b, "--json"]);
        assert_eq!(found["difference"], Value::Null, "{found:#}");
        assert_eq!(found["comparedFrom"], pair.behind + 1, "{found:#}");
        let found = replay_json(0, &["diff", a, b, "--align", "cause", "--json"]);
        assert_eq!(found["differences"], json!([]), "{found:#}");
        assert!(found["alike"].as_u64() > Some(10), "{found:#}");
    }
    let changed =
        ["what-if", dir, "--set", "limits.session_burst=1", "--set", "limits.rate=on", "--json"];
    let found = replay_json(10, &changed);
    let refused = found["differences"].as_array().expect("a list");
    assert!(refused.iter().any(|it| it["b"] == "refused"), "{found:#}");
    let same = ["what-if", dir, "--set", "limits.lane_waiting_max=999", "--json"];
    assert_eq!(replay_json(0, &same)["differences"], json!([]));
}

#[test]
fn a_trimmed_journal_shrinks_to_one_that_begins_with_the_same_snapshot() {
    let pair = pair();
    let trimmed = pair.trimmed();
    let out = tempfile::tempdir().expect("a directory");
    let (small, seeds) = (out.path().join("small"), out.path().join("seeds"));
    let until = "output:\"long\" prompt ok";
    let args = ["shrink", arg(&trimmed), "--until", until, "-o", arg(&small), "--json"];
    let found = replay_json(0, &args);
    assert_eq!(found["begins"]["behind"], pair.behind, "{found}");
    assert!(found["after"].as_u64() < Some(5), "{found}");
    let report = replay_json(0, &["verify", arg(&small), "--json"]);
    assert_eq!(
        (&report["verdict"], &report["snapshot"]),
        (&"identical".into(), &pair.behind.into())
    );
    assert!(replay_ends(0, &["show", arg(&small)]).contains("\"long\" prompt ok"));
    let found = replay_json(0, &["corpus", arg(&trimmed), "-o", arg(&seeds), "--json"]);
    assert_eq!(
        (&found["script"], &found["begins"]["behind"]),
        (&false.into(), &pair.behind.into())
    );
    let frames = std::fs::read_dir(seeds.join("frame_decoder")).expect("seeds").count();
    assert!(frames > 10 && found["frames"] == frames && !seeds.join("script.txt").exists());
}
