//! One object a line, in the order in which things happened.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::{command_json, value_of};
use crate::chart::{Bar, Chart, End, Step};
use crate::start::Begins;
use crate::times::Iso;

/// Where a line belongs: its input, and its place among the lines of one input.
type Place = (u64, u8);

pub(super) fn write(chart: &Chart, out: &mut dyn Write) -> io::Result<()> {
    if let Some(begins) = &chart.begins {
        writeln!(out, "{}", begin(begins))?;
        for bar in chart.bars.iter().filter(|bar| bar.before) {
            // What is known of it, and no transition: those were before.
            let step = Step { seq: begins.seq, at: begins.wall };
            writeln!(out, "{}", transition(bar, step, "inFlight"))?;
        }
    }
    let mut lines: Vec<(Place, Line<'_>)> = Vec::new();
    for bar in &chart.bars {
        for (step, phase) in transitions(bar) {
            lines.push(((step.seq.0, rank(phase)), Line::Transition(bar, step, phase)));
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
    let mut all = Vec::new();
    if !bar.before {
        all.push((bar.arrived, "accepted"));
    }
    let started = bar.started.filter(|_| !bar.is_started_before());
    all.extend(started.map(|step| (step, "started")));
    all.extend(bar.acknowledged.map(|step| (step, "acknowledged")));
    all.extend(bar.finished.map(|step| (step, "finished")));
    all
}

/// The place of a transition among what one input has caused. It does not depend on the transitions
/// before it, of which a journal that begins with a snapshot does not have all.
fn rank(phase: &str) -> u8 {
    match phase {
        "started" => 1,
        "acknowledged" => 2,
        "finished" => 3,
        _ => 0,
    }
}

impl Line<'_> {
    fn to_json(&self) -> Value {
        match self {
            Line::Transition(bar, step, phase) => transition(bar, *step, phase),
            Line::Event(event) => json!({
                "seq": event.step.seq.0,
                "at": event.step.at.0,
                "time": Iso(event.step.at).to_string(),
                "type": "event",
                "session": &*event.session,
                "bytes": event.bytes,
                "event": event.body.as_deref().map(value_of),
            }),
            Line::Note(note) => json!({
                "seq": note.step.seq.0,
                "at": note.step.at.0,
                "time": Iso(note.step.at).to_string(),
                "type": note.what,
                "session": note.session.as_deref(),
                "input": note.words,
            }),
        }
    }
}

/// Where the journal begins.
fn begin(begins: &Begins) -> Value {
    let mut object = json!({ "seq": begins.seq.0, "at": begins.wall.0, "type": "begin" });
    object["known"] = begins.to_json();
    object
}

fn transition(bar: &Bar, step: Step, phase: &str) -> Value {
    let mut object = Map::new();
    object.insert("seq".into(), step.seq.0.into());
    object.insert("at".into(), step.at.0.into());
    object.insert("time".into(), Iso(step.at).to_string().into());
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
    if phase == "inFlight" {
        object.insert("started".into(), bar.is_started_before().into());
    }
    if let (Some(frame), "accepted" | "refused" | "repeated" | "inFlight") = (&bar.frame, phase) {
        object.insert("frame".into(), value_of(frame));
    }
    Value::Object(object)
}
