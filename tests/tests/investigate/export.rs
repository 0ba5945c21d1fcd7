//! `pi-replay export`.

use serde_json::{Value, json};

use crate::incident::{incident, tree};
use crate::{arg, replay, replay_ends};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn of<'a>(lines: &'a [Value], id: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["id"] == id).collect()
}

#[test]
fn jsonl_has_each_transition_and_event_in_order_and_the_report_agrees() {
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
    assert_eq!(tree(daemon.dir()), before, "reading writes nothing");
    let again = replay(&["export", dir, "--format", "md", "-o", &format!("{dir}/HEAD")]);
    assert_eq!(again.status.code(), Some(2), "nothing is written over");
    assert_eq!(replay(&["export", "/nowhere", "--format", "md"]).status.code(), Some(5));
    assert_eq!(tree(daemon.dir()), before);
}
