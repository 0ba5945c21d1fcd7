//! Traces that go there and back: a committed journal, the history that a daemon tells of it, and
//! the trace that `pi-replay export` makes of it, of which the same history can be made again.
//!
//! `UPDATE=1 cargo test -p pi-server-tests --test e2e traces` writes both down after the journals in
//! `fixtures/journals/` were made anew. Otherwise a difference is a change that users see: of the
//! answer, of the export, or of what is decided.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use pi_server_core::record::{FORMAT_VERSION, FORMAT_VERSION_MIN};
use pi_server_tests::journal::Journal;
use pi_server_tests::programs::program;
use pi_server_tests::{Setup, until};
use serde_json::{Map, Value, json};

use crate::formats::data_dir;

const PHASES: [&str; 3] = ["accepted", "started", "finished"];

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/traces").join(name)
}

/// The text must be the committed one.
fn compare(name: &str, text: &str) {
    let path = committed(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).expect("written");
    }
    let expected = std::fs::read_to_string(&path).expect("a committed file");
    for (number, (now, then)) in text.lines().zip(expected.lines()).enumerate() {
        assert_eq!(now, then, "{name}, line {}", number + 1);
    }
    assert_eq!(text.lines().count(), expected.lines().count(), "{name}");
}

/// Entries as a file, the oldest command first.
fn listed(entries: &[Value]) -> String {
    let lines: Vec<String> = entries.iter().map(Value::to_string).collect();
    lines.join("\n")
}

/// What a daemon on a copy of the journal tells of the commands in it. The fingerprint, which is a
/// keyed digest, is nothing that a trace has.
fn told(format: u32, last: u64) -> Vec<Value> {
    let mut daemon = Setup::new().start_in(data_dir(format));
    let mut client = daemon.websocket_as("reader");
    // The journal comes without indexes, which are made behind the loop.
    let mut answer = Value::Null;
    let mut tries = 0;
    until("the history is whole", || {
        tries += 1;
        let id = format!("history {tries}");
        client.send(&json!({ "id": id, "type": "get_command_history", "limit": 500 }));
        answer = client.response(&id);
        answer["success"] == true && answer["data"]["truncated"] == false
    });
    let entries = answer["data"]["entries"].as_array().expect("entries").iter();
    let of_fixture = |entry: &&Value| entry["transitions"][0]["seq"].as_u64() <= Some(last);
    let mut entries: Vec<Value> = entries.filter(of_fixture).cloned().collect();
    for entry in &mut entries {
        let fingerprint = entry.as_object_mut().and_then(|entry| entry.remove("fingerprint"));
        assert!(fingerprint.is_some(), "{entry}");
    }
    entries.reverse();
    drop(client);
    assert!(daemon.stop().success());
    entries
}

/// What `pi-replay` makes of the journal.
fn exported(dir: &Path) -> String {
    let output = Command::new(program("pi-replay"))
        .args(["export", "--format", "jsonl"])
        .arg(dir)
        .output()
        .expect("pi-replay can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The history that a trace tells.
fn made_of(trace: &str) -> Vec<Value> {
    let mut ids: BTreeMap<u64, Value> = BTreeMap::new();
    let mut entries: BTreeMap<u64, Map<String, Value>> = BTreeMap::new();
    for line in trace.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let phase = line["phase"].as_str().unwrap_or_default();
        if line["type"] != "command" || !PHASES.contains(&phase) {
            continue;
        }
        let number = line["command"].as_u64().expect("a number");
        let id = line.get("id").cloned().unwrap_or_else(|| format!("anon:{number}").into());
        ids.insert(number, id.clone());
        let entry = entries.entry(number).or_insert_with(|| begin(&line, id, &ids));
        let at = line["at"].as_u64().expect("a time") / 1_000;
        let phase = format!("command_{phase}");
        let transition = json!({
            "phase": phase, "seq": line["seq"], "recordedAt": at,
            "laneSequence": line["laneSequence"],
        });
        let transitions = entry.get_mut("transitions").and_then(Value::as_array_mut);
        transitions.expect("a list").push(transition);
        entry.insert("phase".into(), phase.into());
        entry.insert("recordedAt".into(), at.into());
        for outcome in ["success", "error", "errorCode", "sessionVersion"] {
            entry.extend(line.get(outcome).map(|value| (outcome.to_owned(), value.clone())));
        }
        match line["errorCode"].as_str() {
            Some("timeout" | "dependency_timeout") => {
                entry.insert("timedOut".into(), true.into());
            }
            Some(code @ ("outcome_unknown" | "not_recovered")) => {
                entry.insert("recovered".into(), true.into());
                entry.insert("recoveryReason".into(), code.into());
            }
            Some(_) | None => {}
        }
    }
    entries.into_values().map(Value::Object).collect()
}

fn begin(line: &Value, id: Value, ids: &BTreeMap<u64, Value>) -> Map<String, Value> {
    let numbers = line["dependsOn"].as_array().into_iter().flatten();
    let depends_on: Vec<&Value> =
        numbers.map(|number| &ids[&number.as_u64().expect("a number")]).collect();
    let mut entry = Map::new();
    entry.insert("commandId".into(), id);
    entry.insert("commandType".into(), line["commandType"].clone());
    entry.insert("laneKey".into(), line["lane"].clone());
    entry.insert("laneSequence".into(), line["laneSequence"].clone());
    entry.insert("explicitId".into(), line.get("id").is_some().into());
    entry.insert("dependsOn".into(), json!(depends_on));
    entry.insert("transitions".into(), json!([]));
    entry.extend(line.get("session").map(|session| ("sessionId".to_owned(), session.clone())));
    for sent in ["ifSessionVersion", "idempotencyKey"] {
        entry.extend(line["frame"].get(sent).map(|value| (sent.to_owned(), value.clone())));
    }
    entry
}

#[test]
fn a_journal_its_history_and_its_trace_tell_the_same() {
    for format in FORMAT_VERSION_MIN..=FORMAT_VERSION {
        let dir = data_dir(format);
        let last = Journal::read(dir.path()).inputs.last().map_or(0, |it| it.input.seq.0);
        let trace = exported(dir.path());
        compare(&format!("v{format}.jsonl"), &trace);
        let told = told(format, last);
        assert!(told.len() > 10, "{told:?}");
        compare(&format!("v{format}.history.jsonl"), &listed(&told));
        assert_eq!(listed(&made_of(&trace)), listed(&told), "format {format}");
    }
}
