//! The trace that `export --format perfetto` writes, held against the published Trace Event Format:
//! the JSON object form; complete (`X`), nestable async (`b`, `e`), flow (`s`, `f`), instant (`i`)
//! and metadata (`M`) events.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::incident::incident;
use crate::{arg, replay_ends, replay_json};

/// Numbers of a trace are read as doubles: above this they are not exact.
const EXACT_MAX: u64 = 1 << 53;

/// A complete event.
#[derive(Clone, Copy, Debug)]
struct Slice {
    begin: u64,
    end: u64,
    command: u64,
}

#[derive(Default)]
struct Trace {
    threads: BTreeMap<u64, String>,
    used: BTreeSet<u64>,
    slices: BTreeMap<u64, Vec<Slice>>,
    /// By category and id.
    waits: BTreeMap<(String, String), Vec<Value>>,
    flows: BTreeMap<(String, String), Vec<Value>>,
    /// Commands that something says something about.
    commands: BTreeSet<u64>,
}

fn number(event: &Value, name: &str) -> u64 {
    let number = event[name].as_u64().unwrap_or_else(|| panic!("{name} of {event} is no number"));
    assert!(number < EXACT_MAX, "{name} of {event}");
    number
}

fn text(event: &Value, name: &str) -> String {
    let text = event[name].as_str().unwrap_or_else(|| panic!("{name} of {event} is no text"));
    assert!(!text.is_empty(), "{name} of {event}");
    text.to_owned()
}

impl Trace {
    /// Reads a trace and checks every event by itself.
    fn read(json: &Value) -> Trace {
        assert!(["ms", "ns"].contains(&&*text(json, "displayTimeUnit")));
        let mut trace = Trace::default();
        let mut processes = 0;
        for event in json["traceEvents"].as_array().expect("events") {
            let (phase, name) = (text(event, "ph"), text(event, "name"));
            assert_eq!(number(event, "pid"), 1, "{event}");
            let tid = number(event, "tid");
            if phase == "M" {
                match &*name {
                    "process_name" => {
                        text(&event["args"], "name");
                        processes += 1;
                    }
                    "thread_name" => {
                        let name = text(&event["args"], "name");
                        assert_eq!(trace.threads.insert(tid, name), None, "two names: {event}");
                    }
                    "thread_sort_index" => drop(number(&event["args"], "sort_index")),
                    other => panic!("{other} is no metadata that we write"),
                }
                continue;
            }
            trace.event(&phase, tid, event);
        }
        assert_eq!(processes, 1, "the process has a name");
        trace
    }

    fn event(&mut self, phase: &str, tid: u64, event: &Value) {
        let (begin, category) = (number(event, "ts"), text(event, "cat"));
        self.used.insert(tid);
        self.commands.extend(event["args"]["command"].as_u64());
        match phase {
            "X" => {
                let (length, command) = (number(event, "dur"), number(&event["args"], "command"));
                assert!(length > 0, "an arrow finds no slice without a length: {event}");
                let slice = Slice { begin, end: begin + length, command };
                self.slices.entry(tid).or_default().push(slice);
            }
            "b" | "e" => {
                let key = (category, text(event, "id"));
                self.waits.entry(key).or_default().push(event.clone());
            }
            "s" | "f" => {
                let key = (category, text(event, "id"));
                self.flows.entry(key).or_default().push(event.clone());
            }
            "i" => assert!(["g", "p", "t"].contains(&&*text(event, "s")), "{event}"),
            other => panic!("{other} is no phase that we write"),
        }
    }

    /// The innermost slice of a thread at a moment.
    fn slice_at(&self, event: &Value) -> &Slice {
        let at = number(event, "ts");
        let slices = self.slices.get(&number(event, "tid"));
        let open = slices.into_iter().flatten().filter(|it| (it.begin..it.end).contains(&at));
        open.max_by_key(|it| it.begin).unwrap_or_else(|| panic!("{event} is bound to nothing"))
    }

    fn check(&self) {
        for tid in &self.used {
            assert!(self.threads.contains_key(tid), "thread {tid} has no name");
        }
        let names: BTreeSet<&String> = self.threads.values().collect();
        assert_eq!(names.len(), self.threads.len(), "names tell threads apart: {:?}", self.threads);
        for (tid, slices) in &self.slices {
            for (index, one) in slices.iter().enumerate() {
                for other in &slices[index + 1..] {
                    let apart = one.end <= other.begin || other.end <= one.begin;
                    let inside = (one.begin <= other.begin && other.end <= one.end)
                        || (other.begin <= one.begin && one.end <= other.end);
                    assert!(apart || inside, "{one:?} and {other:?} overlap on thread {tid}");
                }
            }
        }
        for (key, events) in &self.waits {
            let phases: Vec<String> = events.iter().map(|event| text(event, "ph")).collect();
            assert_eq!(phases, ["b", "e"], "{key:?}");
            assert_eq!(events[0]["name"], events[1]["name"], "{key:?}");
            assert!(number(&events[0], "ts") <= number(&events[1], "ts"), "{key:?}");
        }
        for (key, events) in &self.flows {
            let phases: Vec<String> = events.iter().map(|event| text(event, "ph")).collect();
            assert_eq!(phases, ["s", "f"], "{key:?}: each start has one end");
            assert_eq!(events[0]["name"], events[1]["name"], "{key:?}");
            assert!(number(&events[0], "ts") <= number(&events[1], "ts"), "{key:?} goes forwards");
            assert_eq!(events[1]["bp"], "e", "{key:?} ends in the slice that encloses it");
            let ends = [&events[0], &events[1]].map(|event| self.slice_at(event).command);
            assert_eq!(key.1, format!("{}-{}", ends[0], ends[1]), "it joins the right slices");
        }
    }
}

#[test]
fn the_trace_is_one_as_the_format_demands_and_nothing_is_missing_from_it() {
    let daemon = incident();
    let dir = arg(daemon.dir());
    let trace = Trace::read(&replay_json(0, &["export", dir, "--format", "perfetto"]));
    trace.check();
    // Parts of it too: what an arrow would come from may be missing there.
    for part in [["--session", "beta"], ["--from", "30"], ["--to", "30"]] {
        let args = [&["export", dir, "--format", "perfetto"], part.as_slice()].concat();
        Trace::read(&replay_json(0, &args)).check();
    }
    for lane in ["server", "session:alpha", "session:beta"] {
        assert!(trace.threads.values().any(|name| name == lane), "{:?}", trace.threads);
    }
    let lines = replay_ends(0, &["export", dir, "--format", "jsonl"]);
    let lines: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let numbers = |phase: &str| -> BTreeSet<u64> {
        let of = lines.iter().filter(|line| line["phase"] == phase);
        of.map(|line| line["command"].as_u64().expect("a number")).collect()
    };
    let ran: BTreeSet<u64> = trace.slices.values().flatten().map(|slice| slice.command).collect();
    assert_eq!(ran, numbers("started"), "a slice for each command that ran");
    let mut all = numbers("accepted");
    all.extend(numbers("refused"));
    all.extend(numbers("repeated"));
    assert_eq!(trace.commands, all, "and something for each that did not");
    // An arrow for each dependency where both ran, and for no other.
    let named = |id: &str| {
        let line = lines.iter().find(|line| line["id"] == id && line["phase"] == "accepted");
        line.expect("it is there")["command"].as_u64().expect("a number")
    };
    let arrow = format!("{}-{}", named("p1"), named("after-p1"));
    let arrows: Vec<&str> = trace.flows.keys().map(|(_, id)| &**id).collect();
    assert_eq!(arrows, [&*arrow]);
    for never in ["after-bad", "after-dies"] {
        assert!(!ran.contains(&named(never)), "{never} never ran");
    }
}
