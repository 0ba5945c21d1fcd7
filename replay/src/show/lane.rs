//! The commands of a lane in its own order, each with the steps of its life.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::Range;
use crate::chart::{Bar, End, Step, Wanted, chart};
use crate::play::{Ending, PlayError};
use crate::source::Source;
use crate::times::Iso;

/// Most lanes that a message names.
const NAMED_MAX: usize = 20;

/// Writes a line for each command of a lane that was at work in `range`, in the order of
/// `laneSequence`; with `json`, an object a line. `progress` is called with the number of inputs.
///
/// # Errors
/// The journal cannot be read or has no such lane, or the result cannot be written.
pub fn lane(
    source: &Source,
    lane: &str,
    range: Range,
    json: bool,
    progress: &mut dyn FnMut(u64),
    out: &mut dyn Write,
) -> Result<Ending, PlayError> {
    let wanted = Wanted { from: range.from, to: range.to, bodies: false, ..Wanted::default() };
    let (chart, ending) = chart(source, &wanted, progress)?;
    let admitted = chart.bars.iter().filter_map(|bar| bar.lane_sequence.map(|at| (at, bar)));
    let mut bars: Vec<(u64, &Bar)> = admitted.filter(|(_, bar)| bar.lane() == lane).collect();
    let is_before = lane
        .strip_prefix("session:")
        .is_some_and(|session| chart.sessions_before.iter().any(|known| **known == *session));
    if bars.is_empty() && lane != "server" && !is_before {
        let absent = PlayError::Absent(no_such_lane(lane, &chart.lanes()));
        return Err(ending.not_found(absent));
    }
    bars.sort_by_key(|(sequence, _)| *sequence);
    if !json {
        write!(out, "lane {lane}: {} commands", bars.len())?;
        match ending.begins {
            Some(begins) => writeln!(out, " from #{} on\n{begins}", ending.first)?,
            None => writeln!(out)?,
        }
    }
    for (sequence, bar) in bars {
        if json {
            writeln!(out, "{}", to_json(bar))?;
        } else {
            write_text(sequence, bar, out)?;
        }
    }
    Ok(ending)
}

fn no_such_lane(lane: &str, lanes: &[String]) -> String {
    let named = lanes.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if lanes.len() > NAMED_MAX { ", ..." } else { "" };
    format!("no command was in a lane {lane:?} there; lanes are {named}{more}")
}

/// The steps that a command's life has, in order.
fn steps(bar: &Bar) -> impl Iterator<Item = (&'static str, Step)> {
    let all = [
        ("accepted", Some(bar.arrived)),
        ("started", bar.started),
        ("acknowledged", bar.acknowledged),
        ("finished", bar.finished),
    ];
    all.into_iter().filter_map(|(name, step)| step.map(|step| (name, step)))
}

fn write_text(sequence: u64, bar: &Bar, out: &mut dyn Write) -> io::Result<()> {
    let id = bar.id.as_deref().map_or_else(|| "-".into(), |id| format!("{id:?}"));
    let conn = bar.conn.map_or_else(|| "c?".to_owned(), |conn| format!("c{conn}"));
    write!(out, "{sequence:>8}  {id} {} {conn}", bar.kind.row().name)?;
    write!(out, "  accepted #{}", bar.arrived.seq)?;
    if bar.before {
        write!(out, ", before the journal begins")?;
    } else {
        write!(out, " t{} ({})", bar.arrived.at.millis(), Iso(bar.arrived.at))?;
    }
    for (name, Step { seq, at }) in steps(bar).skip(1) {
        if name == "started" && bar.is_started_before() {
            write!(out, "  started by #{seq}")?;
        } else if bar.before {
            write!(out, "  {name} #{seq} t{} ({})", at.millis(), Iso(at))?;
        } else {
            let after = at.0.saturating_sub(bar.arrived.at.0);
            write!(out, "  {name} #{seq} +{}.{:03} ms", after / 1_000, after % 1_000)?;
        }
    }
    write!(out, "  {}", bar.end.name())?;
    match &bar.end {
        End::Done { version: Some(version) } => writeln!(out, " v{version}"),
        End::Failed(why) | End::Refused(why) => writeln!(out, " {}", why.code),
        End::Done { version: None } | End::Open | End::Repeated => writeln!(out),
    }
}

fn to_json(bar: &Bar) -> Value {
    let mut object: Map<String, Value> = crate::export::command_json(bar);
    for (name, Step { seq, at }) in steps(bar) {
        let is_known = !bar.before || at > bar.arrived.at;
        // Of what was before the journal begins the time is not known, and of a start not the input.
        let seq = (is_known || name == "accepted").then_some(seq.0);
        object.insert(name.into(), json!({ "seq": seq, "at": is_known.then_some(at.0) }));
    }
    if bar.before {
        object.insert("inFlightAtBeginning".into(), true.into());
    }
    object.insert("outcome".into(), bar.end.name().into());
    if let Some(why) = bar.end.why() {
        object.insert("errorCode".into(), why.code.into());
        object.insert("error".into(), why.words.as_str().into());
    }
    if let End::Done { version: Some(version) } = bar.end {
        object.insert("sessionVersion".into(), version.into());
    }
    Value::Object(object)
}
