//! `pi-replay export`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::incident::{incident, tree};
use crate::{arg, replay, replay_ends, replay_json};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn of<'a>(lines: &'a [Value], id: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["id"] == id).collect()
}

#[test]
fn jsonl_has_each_transition_and_event_in_order_and_html_md_and_perfetto_agree() {
    let daemon = incident();
    let dir = arg(daemon.dir());
    let before = tree(daemon.dir());
    let all = lines(&replay_ends(0, &["export", dir, "--format", "jsonl"]));
    assert!(all.is_sorted_by_key(|line| line["seq"].as_u64()));
    let p1 = of(&all, "p1");
    let phases: Vec<&str> = p1.iter().filter_map(|line| line["phase"].as_str()).collect();
    assert_eq!(phases, ["accepted", "started", "acknowledged", "finished", "repeated"]);
    assert_eq!(p1[0]["frame"]["message"], "[words:4] [delay:1] the secret is hunter2");
    let after = of(&all, "after-p1");
    assert_eq!(after[0]["dependsOn"], json!([p1[0]["command"]]));
    assert_eq!(of(&all, "bad").last().expect("an end")["errorCode"], "agent_error");
    assert_eq!(of(&all, "nobody")[2]["errorCode"], "session_not_found");
    assert_eq!(of(&all, "unknown")[0]["phase"], "refused");
    assert_eq!(of(&all, "unknown")[0]["errorCode"], "dependency_invalid");
    assert_eq!(of(&all, "dies").last().expect("an end")["errorCode"], "outcome_unknown");
    assert!(
        all.iter().any(|line| line["type"] == "event" && line["event"]["type"] == "agent_start")
    );
    assert_eq!(all.iter().filter(|line| line["type"] == "boot").count(), 2);

    let beta = lines(&replay_ends(0, &["export", dir, "--format", "jsonl", "--session", "beta"]));
    assert!(of(&beta, "p1").is_empty() && !of(&beta, "after-p1").is_empty());
    let first = p1[1]["seq"].to_string();
    let part = &["export", dir, "--format", "jsonl", "--to", &format!("#{first}"), "--no-bodies"];
    let part = lines(&replay_ends(0, part));
    assert!(part.iter().all(|line| line["seq"].as_u64() <= p1[1]["seq"].as_u64()));
    assert!(part.iter().all(|line| line["frame"].is_null()));

    let report = replay_ends(0, &["export", dir, "--format", "md"]);
    for words in ["## Failed and refused (", "`agent_error`", "prompt `bad`", "| session:alpha |"] {
        assert!(report.contains(words), "{words}: {report}");
    }
    perfetto(dir, &all);
    assert_eq!(tree(daemon.dir()), before, "reading writes nothing");
    let again = replay(&["export", dir, "--format", "md", "-o", &format!("{dir}/HEAD")]);
    assert_eq!(again.status.code(), Some(2), "nothing is written over");
    assert_eq!(replay(&["export", "/nowhere", "--format", "md"]).status.code(), Some(2));
    assert_eq!(tree(daemon.dir()), before);
}

/// The trace event format: every event has its phase's fields, slices of one thread nest, each
/// flow begins inside a slice and ends where another begins.
fn perfetto(dir: &str, lines: &[Value]) {
    let trace = replay_json(0, &["export", dir, "--format", "perfetto"]);
    let events = trace["traceEvents"].as_array().expect("events");
    let mut slices: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
    let mut waits: BTreeMap<String, i64> = BTreeMap::new();
    let mut flows: BTreeMap<String, Vec<(&str, u64, u64)>> = BTreeMap::new();
    for event in events {
        let phase = event["ph"].as_str().expect("a phase");
        assert!(event["name"].is_string() && event["pid"] == 1, "{event}");
        let id = || event["id"].as_str().expect("an id").to_owned();
        let (tid, ts) = (event["tid"].as_u64(), event["ts"].as_u64());
        match phase {
            "M" => assert!(event["args"].is_object(), "{event}"),
            "X" => {
                let (tid, ts) = (tid.expect("a thread"), ts.expect("a time"));
                let length = event["dur"].as_u64().expect("a length");
                slices.entry(tid).or_default().push((ts, ts + length));
            }
            "b" => *waits.entry(id()).or_default() += 1,
            "e" => *waits.entry(id()).or_default() -= 1,
            "s" | "f" => {
                let place = (phase, tid.expect("a thread"), ts.expect("a time"));
                flows.entry(id()).or_default().push(place);
                assert!(phase == "s" || event["bp"] == "e", "{event}");
            }
            "i" => assert!(event["s"] == "t" || event["s"] == "p", "{event}"),
            other => panic!("{other} is no phase that we write"),
        }
    }
    assert!(waits.values().all(|open| *open == 0), "{waits:?}");
    let ran = lines.iter().filter(|line| line["phase"] == "started").count();
    assert_eq!(slices.values().map(Vec::len).sum::<usize>(), ran);
    // The sessions' lanes hold p1 and after-p1; bad and after-bad never started both.
    assert!(!flows.is_empty());
    for (id, flow) in flows {
        assert_eq!((flow.len(), flow[0].0, flow[1].0), (2, "s", "f"), "{id}");
        let (_, tid, ts) = flow[0];
        let inside = slices[&tid].iter().any(|(begin, end)| (*begin..*end).contains(&ts));
        assert!(inside, "flow {id} leaves a slice");
    }
}
