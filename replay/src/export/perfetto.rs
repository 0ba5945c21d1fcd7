//! Trace events in the JSON form that the Perfetto UI and `chrome://tracing` open: threads for each
//! lane, nestable async slices for the life of a command, flow arrows for dependencies.
//!
//! Running is a complete slice (`X`); waiting is an async slice (`b`, `e`) beside it, keyed by the
//! command's number. Slices of one thread may not overlap unless one is inside the other, and an
//! arrow is bound to the innermost slice where it begins or ends. Commands of a lane do overlap
//! (what passes a turn may end after it), so a lane has as many threads as it takes for none to.
//! What never started has no slice, and so no arrow: its dependencies are among its arguments.

use std::collections::BTreeMap;
use std::io::{self, Write};

use pi_server_core::CommandNo;
use serde_json::{Map, Value, json};

use super::command_json;
use crate::chart::{Bar, Chart, End};

/// All lanes belong to one process.
const PROCESS: u64 = 1;

pub(super) fn write(chart: &Chart, out: &mut dyn Write) -> io::Result<()> {
    let threads = Threads::of(chart);
    let mut trace = Trace { out, is_first: true };
    trace.out.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n")?;
    trace.put(&named("process_name", 0, "pi-server"))?;
    for (index, name) in threads.names.iter().enumerate() {
        trace.put(&named("thread_name", index + 1, name))?;
        let sort = json!({ "sort_index": index });
        trace.put(&json!({
            "ph": "M", "name": "thread_sort_index", "pid": PROCESS, "tid": index + 1, "args": sort,
        }))?;
    }
    if let Some(begins) = &chart.begins {
        trace.put(&json!({
            "ph": "i", "s": "g", "name": "the journal begins", "cat": "daemon", "pid": PROCESS,
            "tid": 1, "ts": begins.wall.0, "args": begins.to_json(),
        }))?;
    }
    for bar in &chart.bars {
        let tid = threads.of_command(bar);
        command(&mut trace, bar, tid)?;
        for number in &bar.depends_on {
            let index = chart.bars.binary_search_by_key(number, |bar| bar.number);
            if let Some(first) = index.ok().and_then(|index| chart.bars.get(index)) {
                flow(&mut trace, (first, threads.of_command(first)), (bar, tid))?;
            }
        }
    }
    for event in &chart.events {
        let tid = threads.of_lane(&event.lane());
        trace.put(&json!({
            "ph": "i", "s": "t", "name": "event", "cat": "event", "pid": PROCESS, "tid": tid,
            "ts": event.step.at.0, "args": { "seq": event.step.seq.0, "bytes": event.bytes },
        }))?;
    }
    for note in &chart.notes {
        trace.put(&json!({
            "ph": "i", "s": "p", "name": note.what, "cat": "daemon", "pid": PROCESS, "tid": 1,
            "ts": note.step.at.0, "args": { "seq": note.step.seq.0, "input": note.words },
        }))?;
    }
    trace.out.write_all(b"\n]}\n")
}

/// Which thread everything is on.
struct Threads {
    /// Their names; the first has the number 1.
    names: Vec<String>,
    /// The first thread of each lane.
    lanes: BTreeMap<String, usize>,
    /// On which of the threads of its lane a command is that ran; 0 is the first.
    rows: BTreeMap<CommandNo, usize>,
}

impl Threads {
    fn of(chart: &Chart) -> Threads {
        let mut ran: Vec<(u64, u64, &Bar)> = chart
            .bars
            .iter()
            .filter_map(|bar| slice(bar).map(|(begin, length)| (begin, begin + length, bar)))
            .collect();
        ran.sort_by_key(|(begin, _, bar)| (*begin, bar.number));
        // When each thread of a lane is free again.
        let mut free: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let mut rows = BTreeMap::new();
        for (begin, end, bar) in ran {
            let lane = free.entry(bar.lane()).or_default();
            let row = lane.iter().position(|at| *at <= begin).unwrap_or(lane.len());
            if row == lane.len() {
                lane.push(end);
            } else {
                lane[row] = end;
            }
            rows.insert(bar.number, row);
        }
        let (mut names, mut lanes) = (Vec::new(), BTreeMap::new());
        for lane in chart.lanes() {
            lanes.insert(lane.clone(), names.len() + 1);
            names.push(lane.clone());
            let beside = free.get(&lane).map_or(1, Vec::len);
            names.extend((2..=beside).map(|row| format!("{lane} ({row})")));
        }
        Threads { names, lanes, rows }
    }

    fn of_lane(&self, lane: &str) -> usize {
        self.lanes.get(lane).copied().unwrap_or(1)
    }

    fn of_command(&self, bar: &Bar) -> usize {
        self.of_lane(&bar.lane()) + self.rows.get(&bar.number).copied().unwrap_or(0)
    }
}

struct Trace<'a> {
    out: &'a mut dyn Write,
    is_first: bool,
}

impl Trace<'_> {
    fn put(&mut self, event: &Value) -> io::Result<()> {
        let comma = if self.is_first { "" } else { ",\n" };
        self.is_first = false;
        write!(self.out, "{comma}{event}")
    }
}

fn named(what: &str, tid: usize, name: &str) -> Value {
    json!({ "ph": "M", "name": what, "pid": PROCESS, "tid": tid, "args": { "name": name } })
}

fn command(trace: &mut Trace<'_>, bar: &Bar, tid: usize) -> io::Result<()> {
    let name = format!("{} {}", bar.kind.row().name, bar.name());
    let args = arguments(bar);
    let Some((begin, length)) = slice(bar) else {
        let ended = format!("{} {name}", bar.end.name());
        let waited = bar.last().at > bar.arrived.at;
        if matches!(bar.end, End::Refused(_) | End::Repeated) || !waited {
            return trace.put(&json!({
                "ph": "i", "s": "t", "name": ended, "cat": "command", "pid": PROCESS, "tid": tid,
                "ts": bar.arrived.at.0, "args": args,
            }));
        }
        return queued(trace, bar, tid, bar.last().at.0, &args);
    };
    if begin > bar.arrived.at.0 {
        queued(trace, bar, tid, begin, &Map::new())?;
    }
    trace.put(&json!({
        "ph": "X", "name": name, "cat": "command", "pid": PROCESS, "tid": tid, "ts": begin,
        "dur": length, "args": args,
    }))
}

/// What is said about a command.
fn arguments(bar: &Bar) -> Map<String, Value> {
    let mut args = command_json(bar);
    args.insert("outcome".into(), bar.end.name().into());
    if bar.before {
        args.insert("inFlightAtBeginning".into(), true.into());
    }
    if let Some(why) = bar.end.why() {
        args.insert("errorCode".into(), why.code.into());
        args.insert("error".into(), why.words.as_str().into());
    }
    args
}

/// The time that a command waited, from its arrival on.
fn queued(
    trace: &mut Trace<'_>,
    bar: &Bar,
    tid: usize,
    until: u64,
    args: &Map<String, Value>,
) -> io::Result<()> {
    let name = format!("queued {} {}", bar.kind.row().name, bar.name());
    for (phase, at) in [("b", bar.arrived.at.0), ("e", until)] {
        trace.put(&json!({
            "ph": phase, "name": name, "cat": "queue", "pid": PROCESS, "tid": tid,
            "id": bar.number.0.to_string(), "ts": at, "args": args,
        }))?;
    }
    Ok(())
}

/// The slice of a command that ran: when it begins, and its length in microseconds. Arrows need
/// slices that have a length.
fn slice(bar: &Bar) -> Option<(u64, u64)> {
    let begin = bar.started?.at.0;
    Some((begin, bar.last().at.0.saturating_sub(begin).max(1)))
}

/// An arrow from the end of a dependency to the start of what waited for it, if both ran.
fn flow(trace: &mut Trace<'_>, from: (&Bar, usize), to: (&Bar, usize)) -> io::Result<()> {
    let (Some((begin, length)), Some((arrives, _))) = (slice(from.0), slice(to.0)) else {
        return Ok(());
    };
    let id = format!("{}-{}", from.0.number, to.0.number);
    let mut put = |phase: &str, tid: usize, at: u64| {
        let mut event = json!({
            "ph": phase, "name": "dependsOn", "cat": "dependency", "pid": PROCESS, "tid": tid,
            "id": id, "ts": at,
        });
        if phase == "f" {
            // Binds to the slice that encloses the moment, which is the command's own.
            event["bp"] = "e".into();
        }
        trace.put(&event)
    };
    put("s", from.1, begin + length - 1)?;
    put("f", to.1, arrives)
}
