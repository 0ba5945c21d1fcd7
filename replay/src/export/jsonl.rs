//! One object a line, in the order in which things happened.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::{command_json, value_of};
use crate::chart::{Bar, Chart, End, Step};

/// Where a line belongs: its input, and its place among the lines of one input.
type Place = (u64, u8);

pub(super) fn write(chart: &Chart, out: &mut dyn Write) -> io::Result<()> {
    let mut lines: Vec<(Place, Line<'_>)> = Vec::new();
    for bar in &chart.bars {
        for (rank, (step, phase)) in transitions(bar).into_iter().enumerate() {
            let rank = u8::try_from(rank).unwrap_or(u8::MAX);
            lines.push(((step.seq.0, rank), Line::Transition(bar, step, phase)));
        }
    }
    lines.extend(chart.events.iter().map(|event| ((event.step.seq.0, 0), Line::Event(event))));
    lines.extend(chart.notes.iter().map(|note| ((note.step.seq.0, 0), Line::Note(note))));
    // Stable: lines of one place keep the order of commands.
    lines.sort_by_key(|(place, _)| *place);
    lines.iter().try_for_each(|(_, line)| writeln!(out, "{}", line.to_json()))
}

enum Line<'a> {
    Transition(&'a Bar, Step, &'static str),
    Event(&'a crate::chart::Event),
    Note(&'a crate::chart::Note),
}

fn transitions(bar: &Bar) -> Vec<(Step, &'static str)> {
    match bar.end {
        End::Refused(_) => return vec![(bar.arrived, "refused")],
        End::Repeated => return vec![(bar.arrived, "repeated")],
        End::Open | End::Done { .. } | End::Failed(_) => {}
    }
    let mut all = vec![(bar.arrived, "accepted")];
    all.extend(bar.started.map(|step| (step, "started")));
    all.extend(bar.acknowledged.map(|step| (step, "acknowledged")));
    all.extend(bar.finished.map(|step| (step, "finished")));
    all
}

impl Line<'_> {
    fn to_json(&self) -> Value {
        match self {
            Line::Transition(bar, step, phase) => transition(bar, *step, phase),
            Line::Event(event) => json!({
                "seq": event.step.seq.0,
                "at": event.step.at.0,
                "type": "event",
                "session": &*event.session,
                "bytes": event.bytes,
                "event": event.body.as_deref().map(value_of),
            }),
            Line::Note(note) => json!({
                "seq": note.step.seq.0,
                "at": note.step.at.0,
                "type": note.what,
                "session": note.session.as_deref(),
                "input": note.words,
            }),
        }
    }
}

fn transition(bar: &Bar, step: Step, phase: &str) -> Value {
    let mut object = Map::new();
    object.insert("seq".into(), step.seq.0.into());
    object.insert("at".into(), step.at.0.into());
    object.insert("type".into(), "command".into());
    object.insert("phase".into(), phase.into());
    object.extend(command_json(bar));
    if phase == "finished" || phase == "refused" {
        object.insert("success".into(), matches!(bar.end, End::Done { .. }).into());
        if let Some(why) = bar.end.why() {
            object.insert("errorCode".into(), why.code.into());
            object.insert("error".into(), why.words.as_str().into());
        }
        if let End::Done { version: Some(version) } = bar.end {
            object.insert("sessionVersion".into(), version.into());
        }
    }
    if let (Some(frame), "accepted" | "refused" | "repeated") = (&bar.frame, phase) {
        object.insert("frame".into(), value_of(frame));
    }
    Value::Object(object)
}
