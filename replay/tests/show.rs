//! `pi-replay show`, `stats` and `diff`, on journals written by the daemon's own writer.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its journal has failed")]

mod common;

use std::path::Path;

use common::{Forged, Scribe, binary, forge, json, tree, two_lives};
use pi_server_core::input::{AgentSaid, Disposition, Reply};
use pi_server_core::notation::parse_script;
use pi_server_core::{Outputs, State};
use serde_json::Value;

fn text(arguments: &[&str], dir: &Path) -> String {
    let output = binary(arguments, dir);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The lines without the numbers and times on the wall before them.
fn notation(timeline: &str) -> String {
    let shown = timeline.lines().map(|line| match line.split_once("Z  ") {
        Some((number, input)) if number.trim_start().starts_with('#') => input,
        _ => &line[10..],
    });
    shown.flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn the_timeline_is_what_the_daemon_did() {
    let dir = tempfile::tempdir().unwrap();
    let written = two_lives(dir.path());
    let before = tree(dir.path());
    let shown = text(&["show"], dir.path());
    assert_eq!(notation(&shown), written);
    let first = "      #1  1970-01-01T00:00:01.001000Z  t1001 boot clean rate=off";
    assert!(shown.lines().next().unwrap().starts_with(first), "{shown}");
    let part = text(&["show", "--from", "#4", "--to", "6"], dir.path());
    let begin = shown.find("      #4").unwrap();
    let end = shown.find("      #7").unwrap();
    assert_eq!(part, shown[begin..end]);
    for line in text(&["show", "--json"], dir.path()).lines() {
        let step: Value = serde_json::from_str(line).unwrap();
        let outputs = step["outputs"].as_array().unwrap();
        assert!(shown.contains(step["input"].as_str().unwrap()));
        assert!(outputs.iter().all(|output| shown.contains(output.as_str().unwrap())));
    }
    assert_eq!(tree(dir.path()), before, "reading writes nothing");
}

#[test]
fn the_timeline_of_a_session_has_its_steps_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut scribe = Scribe::open(dir.path(), 1 << 20);
    scribe.boot(true);
    let conn = scribe.client(None);
    scribe.session(conn, "a", 1);
    scribe.session(conn, "b", 2);
    scribe.turn(conn, "a", 1, "in-a", 2);
    scribe.turn(conn, "b", 2, "in-b", 2);
    scribe.frame(conn, r#"{"id":"h","type":"health_check"}"#);
    scribe.commit();
    let shown = text(&["show", "--session", "a"], dir.path());
    let inputs: Vec<&str> =
        shown.lines().filter(|line| line.trim_start().starts_with('#')).collect();
    assert_eq!(inputs.len(), 3 + 7, "{shown}");
    assert!(shown.contains("\"in-a\"") && !shown.contains("in-b") && !shown.contains("s:b"));
    assert!(!shown.contains("health_check"), "{shown}");
    let nobody = binary(&["show", "--session", "nobody"], dir.path());
    assert_eq!((nobody.status.code(), nobody.stdout.len()), (Some(5), 0));
}

#[test]
fn a_client_is_shown_the_bytes_that_it_was_sent() {
    let dir = tempfile::tempdir().unwrap();
    let mut scribe = Scribe::open(dir.path(), 64 << 10);
    scribe.boot(true);
    let (one, two) = (scribe.client(None), scribe.client(Some("editor")));
    scribe.session(one, "a", 1);
    scribe.frame(two, r#"{"id":"s","type":"switch_session","sessionId":"a"}"#);
    scribe.frame(two, r#"{"id":"i","type":"set_interest","lifecycle":"own"}"#);
    for turn in 0..40 {
        scribe.turn(one, "a", 1, &format!("p{turn}"), 20);
    }
    let messages = scribe.frame(two, r#"{"id":"g","type":"get_messages","sessionId":"a"}"#);
    let done = Reply::Done(Disposition::Unspecified);
    let said = AgentSaid::Replied { call: messages, reply: done };
    scribe.agent(1, said, r#"{"messages":["from the journal"]}"#.as_bytes());
    for turn in 0..40 {
        scribe.turn(one, "a", 1, &format!("q{turn}"), 20);
    }
    // The answer is replayed from a body that is segments away.
    scribe.frame(two, r#"{"id":"g","type":"get_messages","sessionId":"a"}"#);
    scribe.commit();
    assert!(scribe.journal.segment() > 3);
    for conn in [one, two] {
        let mut expected = Vec::new();
        for (to, frame) in &scribe.sent {
            if *to == conn {
                expected.extend_from_slice(frame);
                expected.push(b'\n');
            }
        }
        let output = binary(&["show", "--client", &format!("c{conn}")], dir.path());
        assert!(output.status.success() && output.stdout == expected, "connection {conn}");
        let lines = text(&["show", "--client", &conn.to_string(), "--json"], dir.path());
        let frames: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(frames[0]["frame"]["type"], "server_ready");
        assert_eq!(frames[0]["seq"], conn.0);
    }
    let of_two = text(&["show", "--client", &two.to_string()], dir.path());
    assert_eq!(of_two.matches("from the journal").count(), 2);
    assert!(of_two.contains(r#""type":"event","sessionId":"a""#));
}

#[test]
fn a_client_that_subscribes_with_a_cursor_is_shown_what_it_missed() {
    let dir = tempfile::tempdir().unwrap();
    two_lives(dir.path());
    let timeline = text(&["show"], dir.path());
    let conn = timeline.lines().rfind(|line| line.ends_with(" open")).unwrap();
    let conn = conn.split_whitespace().next().unwrap().replace('#', "c");
    let shown = text(&["show", "--client", &conn], dir.path());
    let frames: Vec<Value> =
        shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&Value> = frames.iter().filter(|frame| frame["type"] == "event").collect();
    assert_eq!(events.len(), 11, "all of both turns: {shown}");
    assert!(events.is_sorted_by_key(|event| event["cursor"].as_u64()));
    assert!(shown.contains("p1 0") && shown.contains("p2 1"), "{shown}");
}

#[test]
fn an_erased_event_is_shown_as_erased() {
    let dir = tempfile::tempdir().unwrap();
    two_lives(dir.path());
    forge(dir.path(), |record: &mut Forged| {
        if record.body.starts_with(br#"{"type":"message_update""#) {
            record.header.erased = true;
            record.body.fill(0);
        }
    });
    let shown = text(&["show", "--client", "c3"], dir.path());
    assert!(shown.contains(r#""event":{"type":"erased","bytes":"#), "{shown}");
    assert!(!shown.contains("message_update"), "{shown}");
}

#[test]
fn the_state_after_an_input_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let mut scribe = Scribe::open(dir.path(), 1 << 20);
    scribe.boot(true);
    let conn = scribe.client(None);
    scribe.session(conn, "a", 1);
    let prompt = r#"{"id":"p","type":"prompt","sessionId":"a","message":"x"}"#;
    let at = scribe.frame(conn, prompt).to_string();
    scribe.frame(conn, r#"{"id":"q","type":"compact","sessionId":"a"}"#);
    scribe.commit();
    let state = json(&binary(&["show", "--at", &at, "--json"], dir.path()));
    assert_eq!((&state["seq"].to_string(), &state["running"]), (&at, &true.into()), "{state:#}");
    assert_eq!(state["metrics"]["inFlight"], 1, "{state:#}");
    assert_eq!(state["commands"][0]["type"], "prompt");
    assert_eq!(state["commands"][0]["stage"], "asked");
    assert_eq!(state["sessions"][0]["id"], "a");
    assert_eq!(state["lanes"][0]["slot"], "turn", "{state:#}");
    let words = text(&["show", "--at", &at, "--session", "a"], dir.path());
    assert!(words.contains("\"p\" prompt in session:a"), "{words}");
    let beyond = binary(&["show", "--at", "99"], dir.path());
    assert_eq!(beyond.status.code(), Some(5));
    assert!(String::from_utf8(beyond.stderr).unwrap().contains("#1 to #7"));
    assert_eq!(binary(&["show", "--client", "c3"], dir.path()).status.code(), Some(5));
    assert_eq!(binary(&["show", "--from", "99"], dir.path()).status.code(), Some(5));
}

#[test]
fn a_journal_becomes_a_script_that_plays() {
    let dir = tempfile::tempdir().unwrap();
    let written = two_lives(dir.path());
    let script = text(&["show", "--script"], dir.path());
    let steps = parse_script(&script).unwrap().steps;
    assert_eq!(steps.len(), written.lines().filter(|line| line.starts_with('t')).count());
    let (mut state, mut outputs) = (State::new(), Outputs::new());
    for step in steps {
        state.step(&step.input, &mut outputs);
        let played: Vec<String> = outputs.as_slice().iter().map(ToString::to_string).collect();
        assert_eq!(played, step.expected, "line {}", step.line);
    }
    assert!(!script.contains("other outputs"), "nothing that happened here is lost: {script}");
    let beginning = text(&["show", "--script", "--to", "4"], dir.path());
    assert_eq!(parse_script(&beginning).unwrap().steps.len(), 4);
}

#[test]
fn stats_count_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let written = two_lives(dir.path());
    let stats = json(&binary(&["stats", "--json"], dir.path()));
    let inputs = written.lines().filter(|line| line.starts_with('t')).count();
    assert_eq!(stats["counts"]["inputs"], inputs);
    assert_eq!(stats["counts"]["inputsByKind"]["boot"], 2);
    assert_eq!(stats["counts"]["inputsByKind"]["command prompt"], 3);
    // The one that is not used yet may be there already.
    let files = std::fs::read_dir(dir.path().join("journal")).unwrap().count();
    assert_eq!((&stats["counts"]["bodies"], &stats["segments"]), (&23.into(), &files.into()));
    let words = text(&["stats"], dir.path());
    assert!(words.contains("boots         2\n") && words.contains("agent event"), "{words}");
}

#[test]
fn diff_finds_the_first_input_that_differs() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    two_lives(dirs[0].path());
    for (path, bytes) in tree(dirs[0].path()) {
        let copy = dirs[1].path().join(path.strip_prefix(dirs[0].path()).unwrap());
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::write(copy, bytes).unwrap();
    }
    let other = dirs[1].path().to_str().unwrap();
    let equal = binary(&["diff", other], dirs[0].path());
    assert_eq!(equal.status.code(), Some(0));
    assert!(String::from_utf8(equal.stdout).unwrap().starts_with("equal: "));
    forge(dirs[1].path(), |record: &mut Forged| {
        if record.mark.is_none() && record.header.seq.0 == 7 {
            record.header.outputs.0[0] ^= 1;
        }
    });
    let output = binary(&["diff", other, "--json"], dirs[0].path());
    let report = json(&output);
    assert_eq!(output.status.code(), Some(10));
    assert_eq!(report["difference"]["seq"], 6, "{report:#}");
    assert_eq!(
        (&report["difference"]["field"], &report["equalInputs"]),
        (&"outputs".into(), &6.into())
    );
}

#[test]
fn diff_names_the_field_of_an_input_that_differs() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (dir, id) in dirs.iter().zip(["one", "two"]) {
        let mut scribe = Scribe::open(dir.path(), 1 << 20);
        scribe.boot(true);
        let conn = scribe.client(None);
        let depends = r#""type":"get_state","sessionId":"a","dependsOn""#;
        scribe.frame(conn, &format!(r#"{{"id":"c",{depends}:["{id}"]}}"#));
        scribe.stop();
    }
    let arguments = ["diff", dirs[1].path().to_str().unwrap(), "--align", "seq", "--json"];
    let output = binary(&arguments, dirs[0].path());
    assert_eq!(output.status.code(), Some(10));
    let report = json(&output);
    let found = &report["difference"];
    assert_eq!(
        (&found["seq"], &found["a"], &found["b"]),
        (&3.into(), &"\"one\"".into(), &"\"two\"".into())
    );
    assert!(found["field"].as_str().unwrap().ends_with("envelope.depends_on"), "{report:#}");
    assert!(found["input"].as_str().unwrap().contains("get_state s:a"), "{report:#}");
}

#[test]
fn stepping_stops_where_an_altered_record_makes_it_diverge() {
    let dir = tempfile::tempdir().unwrap();
    two_lives(dir.path());
    forge(dir.path(), |record: &mut Forged| {
        if record.mark.is_none() && record.header.seq.0 == 7 {
            record.header.outputs.0[0] ^= 1;
        }
    });
    let mut out = Vec::new();
    let source = pi_replay::source::Source::open(dir.path()).unwrap();
    let mut lines = "break divergence\nc\nb\nq\n".as_bytes();
    pi_replay::step::walk(&source, false, false, &mut lines, &mut out).unwrap();
    let said = String::from_utf8(out).unwrap();
    let altered = said.find("      #6  ").unwrap();
    let back = said.find("      #5  ").unwrap();
    let marks: Vec<usize> = said.match_indices("(not the recorded").map(|(at, _)| at).collect();
    assert!(marks.len() == 1 && altered < marks[0] && marks[0] < back, "{said}");
}
