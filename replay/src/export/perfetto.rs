//! Trace events in the JSON form that the Perfetto UI and `chrome://tracing` open: one thread for
//! each lane, nestable async slices for the life of a command, flow arrows for dependencies.
//!
//! Commands of one lane overlap (they wait while another runs), which slices of one thread may not.
//! Running is a complete slice (`X`) on the lane's thread; waiting is an async slice (`b`, `e`)
//! beside it, keyed by the command's number.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::command_json;
use crate::chart::{Bar, Chart, End};

/// All lanes belong to one process.
const PROCESS: u64 = 1;

pub(super) fn write(chart: &Chart, out: &mut dyn Write) -> io::Result<()> {
    let lanes = chart.lanes();
    let thread = |lane: &str| lanes.iter().position(|known| known == lane).map_or(1, |at| at + 1);
    let mut trace = Trace { out, is_first: true };
    trace.out.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n")?;
    trace.put(&named("process_name", 0, "pi-server"))?;
    for (index, lane) in lanes.iter().enumerate() {
        trace.put(&named("thread_name", index + 1, lane))?;
        let sort = json!({ "sort_index": index });
        trace.put(&json!({
            "ph": "M", "name": "thread_sort_index", "pid": PROCESS, "tid": index + 1, "args": sort,
        }))?;
    }
    for bar in &chart.bars {
        command(&mut trace, bar, thread(&bar.lane()))?;
        for number in &bar.depends_on {
            let index = chart.bars.binary_search_by_key(number, |bar| bar.number);
            if let Some(first) = index.ok().and_then(|index| chart.bars.get(index)) {
                flow(&mut trace, (first, thread(&first.lane())), (bar, thread(&bar.lane())))?;
            }
        }
    }
    for event in &chart.events {
        let tid = thread(&format!("session:{}", event.session));
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
    let mut args = command_json(bar);
    args.insert("outcome".into(), bar.end.name().into());
    if let Some(why) = bar.end.why() {
        args.insert("errorCode".into(), why.code.into());
        args.insert("error".into(), why.words.as_str().into());
    }
    if matches!(bar.end, End::Refused(_) | End::Repeated) {
        return trace.put(&json!({
            "ph": "i", "s": "t", "name": format!("{} {name}", bar.end.name()), "cat": "command",
            "pid": PROCESS, "tid": tid, "ts": bar.arrived.at.0, "args": args,
        }));
    }
    let runs_at = bar.started.map_or(bar.last().at.0, |step| step.at.0);
    if runs_at > bar.arrived.at.0 {
        for (phase, at) in [("b", bar.arrived.at.0), ("e", runs_at)] {
            trace.put(&json!({
                "ph": phase, "name": format!("queued {name}"), "cat": "queue", "pid": PROCESS,
                "tid": tid, "id": bar.number.0.to_string(), "ts": at,
            }))?;
        }
    }
    if bar.started.is_none() {
        return Ok(());
    }
    trace.put(&json!({
        "ph": "X", "name": name, "cat": "command", "pid": PROCESS, "tid": tid, "ts": runs_at,
        "dur": duration(bar), "args": args,
    }))
}

/// From start to end in microseconds; flows need a slice that has a length.
fn duration(bar: &Bar) -> u64 {
    let begin = bar.started.unwrap_or(bar.arrived).at.0;
    bar.last().at.0.saturating_sub(begin).max(1)
}

/// An arrow from the end of a dependency to the start of what waited for it.
fn flow(trace: &mut Trace<'_>, from: (&Bar, usize), to: (&Bar, usize)) -> io::Result<()> {
    let id = format!("{}-{}", from.0.number, to.0.number);
    let begin = from.0.started.unwrap_or(from.0.arrived).at.0;
    let leaves = begin + duration(from.0) - 1;
    let arrives = to.0.started.unwrap_or(to.0.arrived).at.0;
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
    put("s", from.1, leaves)?;
    put("f", to.1, arrives)
}
