//! Inputs with their outputs, one below the other.

use std::io::Write;
use std::ops::ControlFlow;

use serde_json::json;

use super::Range;
use super::relation::Relations;
use crate::play::{Ending, PlayError, Played, play};
use crate::source::Source;

/// Which part of the timeline is wanted, and how.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Which inputs.
    pub range: Range,
    /// Only steps about this session.
    pub session: Option<String>,
    /// One JSON object a line, instead of the notation.
    pub json: bool,
}

/// Writes the timeline.
///
/// # Errors
/// The journal cannot be read, or the result cannot be written.
pub fn timeline(
    source: &Source,
    wanted: &Timeline,
    out: &mut dyn Write,
) -> Result<Ending, PlayError> {
    let mut relations = Relations::default();
    play(source, |played| {
        let Played { input, outputs, .. } = played;
        let about = wanted
            .session
            .as_ref()
            .is_none_or(|session| relations.is_about(session, input, outputs));
        if about && wanted.range.contains(input.seq) {
            write_step(played, wanted.json, out)?;
        }
        let is_last = wanted.range.ends_at(input.seq);
        Ok(if is_last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
}

fn write_step(played: &Played<'_>, json: bool, out: &mut dyn Write) -> Result<(), PlayError> {
    let Played { input, outputs, .. } = played;
    if json {
        let outputs: Vec<String> = outputs.iter().map(ToString::to_string).collect();
        let (seq, at, input) = (input.seq.0, input.at.0, input.to_string());
        writeln!(out, "{}", json!({ "seq": seq, "at": at, "input": input, "outputs": outputs }))?;
        return Ok(());
    }
    writeln!(out, "{:>8}  {input}", format!("#{}", input.seq))?;
    for output in *outputs {
        writeln!(out, "{:>8}    {output}", "")?;
    }
    Ok(())
}
