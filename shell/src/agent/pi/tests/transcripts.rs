//! Recorded traffic of both dialects, played to the translators: no Node.js needed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pi_server_core::command::CommandKind;
use pi_server_core::input::{AgentEvent, DialogMethod};
use serde_json::{Value, json};

use crate::agent::fields::Fields;
use crate::agent::pi::lines_in::{self, Line};
use crate::agent::pi::lines_out::{self, Plan};
use crate::agent::pi::noise::Noise;
use crate::agent::pi::version::{Dialect, Version};

const VERSIONS: [&str; 3] = ["0.73.1", "0.87.1", "1.5.2"];

struct Transcript {
    name: String,
    version: Version,
    /// Direction and message of each line.
    lines: Vec<(String, Value)>,
}

fn version(name: &str) -> Version {
    Version::parse(name).expect("directories are named after versions")
}

fn directory(version: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/pi-transcripts");
    fixtures.join(version)
}

fn transcript(version_name: &str, scene: &str) -> Transcript {
    let path = directory(version_name).join(format!("{scene}.jsonl"));
    let text = std::fs::read_to_string(&path).expect("a transcript");
    let lines = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).expect("a line of a transcript");
        (line["dir"].as_str().expect("a direction").to_owned(), line["msg"].clone())
    });
    let version = version(version_name);
    Transcript { name: format!("{version_name}/{scene}"), version, lines: lines.collect() }
}

fn scenes(version: &str) -> Vec<String> {
    let files = std::fs::read_dir(directory(version)).expect("the transcripts");
    let names = files.map(|file| file.expect("a file").path());
    let mut names: Vec<_> = names
        .map(|path| path.file_stem().and_then(|it| it.to_str()).expect("a name").to_owned())
        .collect();
    names.sort();
    names
}

fn all() -> Vec<Transcript> {
    let of = |version| scenes(version).into_iter().map(move |scene| transcript(version, &scene));
    VERSIONS.into_iter().flat_map(of).collect()
}

/// The events of a transcript as clients are told them.
fn events(transcript: &Transcript) -> Vec<(AgentEvent, Value)> {
    let out = transcript.lines.iter().filter(|(dir, _)| dir == "out");
    let mut events = Vec::new();
    for (_, message) in out {
        let line = message.to_string();
        match lines_in::read(&line, transcript.version, &mut Noise::default()) {
            Line::Event { event, body } => {
                let body = serde_json::from_str(&body).expect("events are JSON");
                events.push((event, body));
            }
            Line::Response(_) => {}
            other => panic!("{}: {line} became {other:?}", transcript.name),
        }
    }
    events
}

#[test]
fn every_line_of_every_transcript_is_understood() {
    let mut seen = 0;
    for transcript in all() {
        for (event, body) in events(&transcript) {
            seen += 1;
            let name = &transcript.name;
            assert!(body["type"].is_string(), "{name}: {body}");
            if body["type"] == "message_update" {
                assert_eq!(body["message"], Value::Null, "{name}");
                let inner = &body["assistantMessageEvent"];
                assert_eq!(inner["partial"], Value::Null, "{name}");
                assert!(inner["contentIndex"].is_u64(), "{name}: {body}");
            }
            if body["type"] == "extension_ui_request" {
                assert!(body["requestId"].is_string() && body["id"].is_null(), "{name}: {body}");
                let asks = matches!(event, AgentEvent::DialogOpened { .. });
                let one_way = ["notify", "setStatus", "setWidget", "setTitle", "set_editor_text"];
                let method = body["method"].as_str().expect("a method");
                assert_eq!(asks, !one_way.contains(&method), "{name}: {body}");
            }
            if body["type"] == "agent_end" {
                assert!(body["willRetry"].is_boolean(), "{name}: {body}");
            }
            assert_eq!(body["id"], Value::Null, "{name}: the daemon's ids are its own");
        }
    }
    assert!(seen > 1_500, "{seen}");
}

/// The names of the events of a scene, without what only one of the dialects has.
fn names(version: &str, scene: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (_, body) in events(&transcript(version, scene)) {
        let name = body["type"].as_str().expect("a type").to_owned();
        let role = body["message"]["role"].as_str().unwrap_or_default();
        let only_new = matches!(
            &*name,
            "agent_settled" | "entry_appended" | "bash_execution_update" | "tool_execution_update"
        );
        if !only_new && role != "system" {
            let inner = body["assistantMessageEvent"]["type"].as_str().unwrap_or_default();
            names.push(format!("{name} {role}{inner}").trim().to_owned());
        }
    }
    // How many pieces a text comes in is up to chance.
    names.dedup();
    names
}

#[test]
fn both_dialects_become_one_vocabulary() {
    for scene in [
        "abort-leaves-queue",
        "error-not-retried",
        "extension-ui",
        "extension-ui-one-way",
        "follow-up",
        "get-messages",
        "prompt-image",
        "prompt-plain",
        "prompt-thinking",
        "prompt-tool-bash",
        "prompt-tool-fails",
        "retry-then-ok",
        "set-session-name",
        "steer",
    ] {
        let [old, middle, new] = VERSIONS.map(|version| names(version, scene));
        assert_eq!(old, middle, "{scene}");
        assert_eq!(old, new, "{scene}");
    }
}

#[test]
fn runs_begin_and_end_in_turns() {
    for transcript in all() {
        let mut running = false;
        for (event, _) in events(&transcript) {
            let (starts, ends) = match event {
                AgentEvent::RunStarted => (true, false),
                AgentEvent::RunEnded { .. } | AgentEvent::RunRefused { .. } => (false, true),
                AgentEvent::RunSettled
                | AgentEvent::CompactionStarted
                | AgentEvent::CompactionEnded { .. }
                | AgentEvent::RetryScheduled
                | AgentEvent::RetryEnded
                | AgentEvent::DialogOpened { .. }
                | AgentEvent::Other => (false, false),
            };
            // The old dialect leaves this one run without an end.
            let torn = transcript.name == "0.73.1/new-session-during-run";
            assert!(!(starts && running) || torn, "{}", transcript.name);
            assert!(!ends || running, "{}", transcript.name);
            running = (running || starts) && !ends;
        }
    }
}

#[test]
fn what_rules_need_is_read_off_the_events() {
    let of = |version, scene| -> Vec<AgentEvent> {
        let events = events(&transcript(version, scene)).into_iter().map(|(event, _)| event);
        events.filter(|event| *event != AgentEvent::Other).collect()
    };
    let end = |will_retry, failed| AgentEvent::RunEnded { will_retry, failed };
    let (start, settled) = (AgentEvent::RunStarted, AgentEvent::RunSettled);
    let (retry, over) = (AgentEvent::RetryScheduled, AgentEvent::RetryEnded);
    let plain = [start.clone(), end(false, false), settled.clone()];
    assert_eq!(of("1.5.2", "prompt-plain"), plain);
    assert_eq!(of("0.73.1", "prompt-plain"), plain[..2]);
    // It was answered with 400.
    let refused = AgentEvent::RunRefused { will_retry: false };
    assert_eq!(of("1.5.2", "error-not-retried"), [start.clone(), refused, settled.clone()]);
    let mut gives_up = Vec::new();
    for _ in 0..3 {
        gives_up.extend([start.clone(), end(true, true), retry.clone()]);
    }
    gives_up.extend([start, end(false, true), over, settled]);
    assert_eq!(of("1.5.2", "retry-gives-up"), gives_up);
    let dialogs: Vec<_> = of("1.5.2", "extension-ui")
        .into_iter()
        .filter_map(|event| match event {
            AgentEvent::DialogOpened { method, timeout_ms, .. } => Some((method, timeout_ms)),
            _ => None,
        })
        .collect();
    let methods: BTreeSet<_> = dialogs.iter().map(|(method, _)| format!("{method:?}")).collect();
    assert_eq!(methods.len(), 4, "{dialogs:?}");
    let timed = of("1.5.2", "extension-ui-timeout");
    let is_timed =
        |event: &AgentEvent| matches!(event, AgentEvent::DialogOpened { timeout_ms: Some(_), .. });
    assert!(timed.iter().any(is_timed), "{timed:?}");
    assert!(!dialogs.contains(&(DialogMethod::Interview, None)));
}

#[test]
fn calls_become_the_lines_that_were_recorded() {
    let mut compared = BTreeSet::new();
    for transcript in all() {
        let version = version(transcript.name.split('/').next().expect("a version"));
        for (dir, message) in &transcript.lines {
            let kind = message["type"].as_str().and_then(CommandKind::from_name);
            let (Some(kind), "in") = (kind, dir.as_str()) else { continue };
            let fields: Fields = serde_json::from_value(message.clone()).expect("the same fields");
            let mut expected = message.clone();
            expected.as_object_mut().expect("an object").remove("id");
            if let Plan::Line(line, _) = lines_out::plan(kind, &fields, version) {
                assert_eq!(line, expected, "{}", transcript.name);
                compared.insert(kind);
            }
        }
    }
    assert!(compared.len() >= 20, "{compared:?}");
}

fn read<'a>(line: &'a str, of: &str) -> Line<'a> {
    lines_in::read(line, version(of), &mut Noise::default())
}

#[test]
fn lines_that_are_no_protocol_are_junk() {
    for line in [
        "",
        "null",
        "42",
        "[]",
        "\"text\"",
        "{",
        "{}",
        r#"{"type":7}"#,
        "hello",
        r#"{"type":"error","message":"what a library prints"}"#,
        r#"{"type":"Error: it went wrong"}"#,
    ] {
        assert!(matches!(read(line, "1.6.0"), Line::Junk), "{line}");
    }
}

#[test]
fn unknown_events_of_unknown_versions_and_deep_ones_pass_unchanged() {
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let line = format!(r#"{{"type":"from_the_future","value":{deep},"x":1.50}}"#);
    match read(&line, "9.0.0") {
        Line::Event { event: AgentEvent::Other, body } => assert_eq!(body, line),
        other => panic!("{other:?}"),
    }
}

#[test]
fn old_names_are_brought_up_to_date() {
    let line = r#"{"type":"auto_compaction_end","reason":"overflow","willRetry":true}"#;
    match read(line, "0.73.1") {
        Line::Event { event: AgentEvent::CompactionEnded { will_retry: true }, body } => {
            let body: Value = serde_json::from_str(&body).expect("JSON");
            let expected =
                json!({ "type": "compaction_end", "reason": "overflow", "willRetry": true });
            assert_eq!(body, expected);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn versions_are_read_from_whatever_is_printed() {
    for (text, name) in [
        ("0.73.1\n", "pi 0.73.1"),
        ("warning: something\n1.5.2", "pi 1.5.2"),
        ("pi v0.87.1-beta.3", "pi 0.87.1"),
        ("2.0.0", "pi 2.0.0 (newer than any that was tried; taken for 1.6.0)"),
        ("0.54.2", "pi 0.54.2 (older than any that was tried)"),
    ] {
        assert_eq!(Version::parse(text).map(Version::describe).as_deref(), Some(name));
    }
    assert_eq!(Version::parse("not found"), None);
    assert_eq!(version("0.80.3").dialect(), Dialect::Old);
    assert_eq!(version("0.80.4").dialect(), Dialect::New);
}
