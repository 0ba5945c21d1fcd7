//! One page with everything in it: no network, no other file, no dependency.
//!
//! The page's code is in `timeline.html`; the chart is put in as JSON. Times are microseconds from
//! the first, so that they stay exact in a browser's numbers.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::command_json;
use crate::chart::{Bar, Chart, Step};

const PAGE: &str = include_str!("timeline.html");
/// Where the page expects its data.
const DATA: &str = "/*DATA*/";

pub(super) fn write(chart: &Chart, title: &str, out: &mut dyn Write) -> io::Result<()> {
    let Some((before, after)) = PAGE.split_once(DATA) else {
        return Err(io::Error::other("the page has no place for its data"));
    };
    out.write_all(before.as_bytes())?;
    let begin = chart.span().map_or(0, |(first, _)| first.0);
    let lanes = chart.lanes();
    let lane_of = |name: &str| lanes.iter().position(|lane| lane == name);
    let mut head = json!({ "title": title, "begin": begin, "lanes": lanes });
    if let Some(begins) = &chart.begins {
        head["begins"] = begins.to_string().into();
    }
    let head = safe(&head);
    // The object is written open, so that the long lists need no second copy in memory.
    write!(out, "{},\n\"commands\":[", head.strip_suffix('}').unwrap_or(&head))?;
    let bars = chart.bars.iter().map(|bar| command(bar, begin, lane_of(&bar.lane())));
    list(bars, out)?;
    out.write_all(b"],\n\"events\":[")?;
    let events = chart.events.iter().map(|event| {
        let lane = lane_of(&event.lane());
        json!([event.step.at.0.saturating_sub(begin), lane, event.step.seq.0])
    });
    list(events, out)?;
    out.write_all(b"],\n\"notes\":[")?;
    let notes = chart.notes.iter().map(|note| {
        let at = note.step.at.0.saturating_sub(begin);
        json!({ "at": at, "seq": note.step.seq.0, "what": note.what, "input": note.words })
    });
    list(notes, out)?;
    out.write_all(b"],\n\"problems\":[")?;
    let problems = chart.problems();
    let problems = problems.iter().map(|problem| {
        json!({
            "at": problem.step.at.0.saturating_sub(begin),
            "seq": problem.step.seq.0,
            "kind": problem.kind.name(),
            "session": problem.session.as_deref(),
            "command": problem.command.map(|number| number.0),
            "words": problem.words,
        })
    });
    list(problems, out)?;
    out.write_all(b"]}")?;
    out.write_all(after.as_bytes())
}

fn list(values: impl Iterator<Item = Value>, out: &mut dyn Write) -> io::Result<()> {
    for (index, value) in values.enumerate() {
        write!(out, "{}{}", if index > 0 { ",\n" } else { "" }, safe(&value))?;
    }
    Ok(())
}

fn command(bar: &Bar, begin: u64, lane: Option<usize>) -> Value {
    let at = |step: Step| step.at.0.saturating_sub(begin);
    let mut object = command_json(bar);
    object.remove("lane");
    object.insert("laneIndex".into(), lane.into());
    object.insert("accepted".into(), at(bar.arrived).into());
    object.insert("started".into(), bar.started.map(at).into());
    object.insert("acknowledged".into(), bar.acknowledged.map(at).into());
    object.insert("finished".into(), bar.finished.map(at).into());
    object.insert("outcome".into(), bar.end.name().into());
    if let Some(why) = bar.end.why() {
        object.insert("errorCode".into(), why.code.into());
        object.insert("error".into(), why.words.as_str().into());
    }
    if bar.before {
        object.insert("before".into(), true.into());
    }
    if let Some(frame) = &bar.frame {
        object.insert("frame".into(), frame.as_str().into());
    }
    Value::Object(object)
}

/// JSON that no text of a client can use to leave its script element.
fn safe(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c")
}
