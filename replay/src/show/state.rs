//! The state after an input.

use std::fmt::{self, Write as _};
use std::io::Write;

use pi_server_core::state::{CommandView, LaneView, Metrics, SessionView};
use pi_server_core::{CommandNo, Micros, Seq, State};
use serde_json::{Value, json};

use crate::play::{Ending, PlayError, look_at};
use crate::shown::Shown;
use crate::source::Source;
use crate::start::Start;
use crate::times::Iso;

/// Writes the state after input `at`, or of one session in it, from the nearest snapshot on.
/// `progress` is called with the number of inputs.
///
/// # Errors
/// The journal cannot be read or has no such input, or the result cannot be written.
pub fn state_at(
    source: &Source,
    at: Seq,
    session: Option<&str>,
    json: bool,
    progress: &mut dyn FnMut(u64),
    out: &mut dyn Write,
) -> Result<Ending, PlayError> {
    let mut found = None;
    let ending =
        look_at(source, at, progress, |state| found = Some(Picture::take(at, state, session)))?;
    let Some(picture) = found else {
        let first = Seq(Start::of(source)?.seq.0 + 1);
        let absent = PlayError::NoInput { asked: at, first, last: ending.last };
        return Err(ending.not_found(absent));
    };
    if json {
        writeln!(out, "{}", picture.to_json())?;
    } else {
        write!(out, "{picture}")?;
    }
    Ok(ending)
}

/// A state as people read it.
pub fn state_text(at: Seq, state: &State, session: Option<&str>) -> String {
    Picture::take(at, state, session).to_string()
}

/// A state as `show --at --json` has it.
pub fn state_json(at: Seq, state: &State, session: Option<&str>) -> Value {
    Picture::take(at, state, session).to_json()
}

/// A state, for people.
struct Picture {
    seq: Seq,
    now: Micros,
    /// The same on the wall.
    wall: Micros,
    running: bool,
    metrics: Metrics,
    sessions: Vec<SessionView>,
    lanes: Vec<LaneView>,
    commands: Vec<CommandView>,
}

impl Picture {
    fn take(seq: Seq, state: &State, session: Option<&str>) -> Picture {
        let lane = session.map(|id| format!("session:{id}"));
        let of_lane = |name: &str| lane.as_deref().is_none_or(|lane| lane == name);
        Picture {
            seq,
            now: state.now(),
            wall: state.wall(state.now()),
            running: state.is_running(),
            metrics: state.metrics(),
            sessions: state
                .sessions()
                .filter(|view| session.is_none_or(|id| &*view.info.id == id))
                .collect(),
            lanes: state.lanes().filter(|view| of_lane(&view.name)).collect(),
            commands: state.commands().filter(|view| of_lane(&view.lane)).collect(),
        }
    }

    fn to_json(&self) -> Value {
        let Picture { seq, now, wall, running, metrics, sessions, lanes, commands } = self;
        json!({
            "seq": seq.0,
            "at": now.0,
            "time": Iso(*wall).to_string(),
            "running": running,
            "metrics": metrics_json(metrics),
            "sessions": sessions.iter().map(session_json).collect::<Vec<_>>(),
            "lanes": lanes.iter().map(lane_json).collect::<Vec<_>>(),
            "commands": commands.iter().map(command_json).collect::<Vec<_>>(),
        })
    }
}

/// The counters by name, in the order in which they are shown.
fn numbers(metrics: &Metrics) -> [(&'static str, u64); 23] {
    let Metrics {
        inputs,
        admitted,
        succeeded,
        failed,
        refused,
        replayed,
        malformed,
        rate_limited,
        events,
        agent_noise,
        impossible,
        sessions,
        agents,
        agents_wanted,
        connections,
        in_flight,
        lanes,
        outcomes,
        forgotten,
        unindexed,
        idempotency_keys,
        dialogs,
        unknown_outcomes,
        circuits: _,
    } = metrics;
    [
        ("inputs", *inputs),
        ("admitted", *admitted),
        ("succeeded", *succeeded),
        ("failed", *failed),
        ("refused", *refused),
        ("replayed", *replayed),
        ("malformed", *malformed),
        ("rateLimited", *rate_limited),
        ("events", *events),
        ("agentNoise", *agent_noise),
        ("impossible", *impossible),
        ("sessions", *sessions),
        ("agents", *agents),
        ("agentsWanted", *agents_wanted),
        ("connections", *connections),
        ("inFlight", *in_flight),
        ("lanes", *lanes),
        ("outcomes", *outcomes),
        ("forgotten", *forgotten),
        ("unindexed", *unindexed),
        ("idempotencyKeys", *idempotency_keys),
        ("dialogs", *dialogs),
        ("unknownOutcomes", *unknown_outcomes),
    ]
}

fn metrics_json(metrics: &Metrics) -> Value {
    let mut object: serde_json::Map<String, Value> =
        numbers(metrics).into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    let circuits = metrics.circuits.iter().map(|(name, position, successes, failures, refused)| {
        json!({
            "name": &**name,
            "position": position,
            "successes": successes,
            "failures": failures,
            "refused": refused,
        })
    });
    object.insert("circuits".into(), circuits.collect());
    Value::Object(object)
}

fn session_json(view: &SessionView) -> Value {
    let SessionView { info, creating, asked } = view;
    json!({
        "id": &*info.id,
        "name": info.name.as_deref(),
        "file": info.file.as_deref(),
        "cwd": &*info.cwd,
        "version": info.version,
        "createdAt": info.created_at.0,
        "creating": creating,
        "streaming": info.streaming,
        "compacting": info.compacting,
        "messages": info.messages,
        "queued": info.queued,
        "dialogs": info.dialogs,
        "asked": asked.iter().map(|number| number.0).collect::<Vec<_>>(),
    })
}

fn lane_json(view: &LaneView) -> Value {
    let LaneView { name, last_sequence, waiting, head, slot, turn } = view;
    json!({
        "name": &**name,
        "lastSequence": last_sequence,
        "waiting": waiting,
        "head": head.map(|number| number.0),
        "slot": slot,
        "turn": turn.map(|number| number.0),
    })
}

fn command_json(view: &CommandView) -> Value {
    let CommandView { number, id, kind, lane, lane_sequence, stage, unmet } = view;
    json!({
        "number": number.0,
        "id": id.as_deref(),
        "type": kind.row().name,
        "lane": &**lane,
        "laneSequence": lane_sequence,
        "stage": stage,
        "unmet": unmet,
    })
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = if self.running { "running" } else { "not taking commands" };
        let (seq, now, wall) = (self.seq, self.now, self.wall);
        writeln!(f, "after #{seq} at t{} ({}): {running}", now.millis(), Iso(wall))?;
        writeln!(f, "counters")?;
        for (name, value) in numbers(&self.metrics).into_iter().filter(|(_, value)| *value > 0) {
            writeln!(f, "  {name} {value}")?;
        }
        for (name, position, successes, failures, refused) in &self.metrics.circuits {
            if (*successes, *failures, *refused) != (0, 0, 0) {
                writeln!(f, "  circuit {name} {position}: {successes} good, {failures} failed")?;
            }
        }
        writeln!(f, "sessions ({})", self.sessions.len())?;
        self.sessions.iter().try_for_each(|view| write_session(f, view))?;
        writeln!(f, "lanes ({})", self.lanes.len())?;
        for view in &self.lanes {
            let LaneView { name, last_sequence, waiting, head, slot, turn } = view;
            write!(f, "  {name} last {last_sequence} waiting {waiting}")?;
            write!(f, "{} slot {slot}{}", numbered(" head", *head), numbered("", *turn))?;
            writeln!(f)?;
        }
        writeln!(f, "commands in flight ({})", self.commands.len())?;
        for view in &self.commands {
            let CommandView { number, id, kind, lane, lane_sequence, stage, unmet } = view;
            let id = id.as_deref().map_or("-".into(), |id| format!("{id:?}"));
            write!(f, "  #{number} {id} {} in {lane}", kind.row().name)?;
            write!(f, " lane {lane_sequence} {stage}")?;
            writeln!(f, "{}", if *unmet > 0 { format!(" unmet {unmet}") } else { String::new() })?;
        }
        Ok(())
    }
}

fn write_session(f: &mut fmt::Formatter<'_>, view: &SessionView) -> fmt::Result {
    let SessionView { info, creating, asked } = view;
    let (id, cwd) = (Shown(&info.id), Shown(&info.cwd));
    write!(f, "  s:{id} version {} in {cwd}", info.version)?;
    info.name.as_ref().map_or(Ok(()), |name| write!(f, " name {name:?}"))?;
    f.write_str(if *creating { " creating" } else { "" })?;
    f.write_str(if info.streaming { " streaming" } else { "" })?;
    f.write_str(if info.compacting { " compacting" } else { "" })?;
    if info.dialogs > 0 {
        write!(f, " dialogs {}", info.dialogs)?;
    }
    if !asked.is_empty() {
        f.write_str(" asked")?;
        asked.iter().try_for_each(|number| write!(f, " #{number}"))?;
    }
    f.write_char('\n')
}

fn numbered(word: &str, number: Option<CommandNo>) -> String {
    number.map_or_else(String::new, |number| format!("{word} #{number}"))
}
