//! Inputs with their outputs, one below the other.

use std::io::Write;
use std::ops::ControlFlow;

use pi_server_core::{Input, Seq, State};
use serde_json::json;

use super::Range;
use super::life::Life;
use crate::play::{Ending, PlayError, Played, Player};
use crate::source::Source;
use crate::times::Iso;

/// Which part of the timeline is wanted, and how.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Which inputs.
    pub range: Range,
    /// Only steps about this.
    pub about: About,
    /// One JSON object a line, instead of the notation.
    pub json: bool,
}

/// What a timeline is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// Everything.
    Everything,
    /// One session.
    Session(String),
    /// The commands with this id, or the one with this number (`#12`).
    Command(String),
}

/// Decides step by step.
enum Filter<'a> {
    Everything,
    /// The session, and whether anything about it has been seen.
    Session(&'a str, bool),
    Command(Life),
}

impl Filter<'_> {
    fn takes(&mut self, played: &Played<'_>) -> bool {
        let Played { input, outputs, whose, .. } = played;
        match self {
            Filter::Everything => true,
            Filter::Session(session, seen) => {
                let is_about = whose.is_about(session, input, outputs);
                *seen |= is_about;
                is_about
            }
            Filter::Command(life) => life.is_about(whose, input, outputs),
        }
    }
}

/// Writes the timeline. `progress` is called with the number of inputs.
///
/// # Errors
/// The journal cannot be read or has no such command, or the result cannot be written.
pub fn timeline(
    source: &Source,
    wanted: &Timeline,
    progress: &mut dyn FnMut(u64),
    out: &mut dyn Write,
) -> Result<Ending, PlayError> {
    // What came before does not matter where everything is shown.
    let player = match wanted.about {
        About::Everything => Player::near(source, Seq(wanted.range.from.0.saturating_sub(1)))?,
        About::Session(_) | About::Command(_) => Player::open(source)?,
    };
    let mut filter = match &wanted.about {
        About::Everything => Filter::Everything,
        About::Session(session) => {
            let is_there = player.state().sessions().any(|view| *view.info.id == **session);
            Filter::Session(session, is_there)
        }
        About::Command(name) => {
            let mut life = Life::of(name);
            life.begin(player.whose());
            Filter::Command(life)
        }
    };
    let ending = player.run(|played| {
        let input = played.input;
        progress(input.seq.0);
        if filter.takes(played) && wanted.range.contains(input.seq) {
            write_step(played, wanted.json, out)?;
        }
        let is_last = wanted.range.ends_at(input.seq);
        Ok(if is_last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    match (&filter, &wanted.about) {
        (Filter::Command(life), About::Command(name)) if !life.was_there() => {
            let (first, last) = (ending.first, ending.last);
            let why = format!(
                "no command {name:?} from #{first} to #{last}, nor in flight before (name its id, or \
                 its number as #7)"
            );
            Err(ending.not_found(PlayError::Absent(why)))
        }
        (Filter::Session(_, false), About::Session(session)) => {
            Err(ending.not_found(PlayError::no_session(session, ending.begins)))
        }
        _ => Ok(ending),
    }
}

/// An input with its number and the time on the wall, as a line of its own.
pub(crate) fn input_line(state: &State, input: &Input) -> String {
    format!("{:>8}  {}  {input}", format!("#{}", input.seq), Iso(state.wall(input.at)))
}

fn write_step(played: &Played<'_>, json: bool, out: &mut dyn Write) -> Result<(), PlayError> {
    let Played { input, outputs, state, .. } = played;
    if json {
        let outputs: Vec<String> = outputs.iter().map(ToString::to_string).collect();
        let time = Iso(state.wall(input.at)).to_string();
        let (seq, at, input) = (input.seq.0, input.at.0, input.to_string());
        writeln!(
            out,
            "{}",
            json!({
                "seq": seq, "at": at, "time": time, "input": input, "outputs": outputs,
            })
        )?;
        return Ok(());
    }
    writeln!(out, "{}", input_line(state, input))?;
    for output in *outputs {
        writeln!(out, "{:>8}    {output}", "")?;
    }
    Ok(())
}
