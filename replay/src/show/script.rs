//! A journal as a script for the regression tests.
//!
//! The notation leaves out what no rule depends on (texts, digests, paths), so the outputs in the
//! script are those of stepping the script itself; where they differ from the journal's, a comment
//! says so.

use std::fmt::Write as _;
use std::io::Write;
use std::ops::ControlFlow;

use pi_server_core::input::{Input, InputKind};
use pi_server_core::notation::{ParseError, parse_script};
use pi_server_core::{Outputs, Seq, State};

use crate::play::{Ending, PlayError, Player};
use crate::source::Source;

/// Writes the inputs up to `to` as a script, with the outputs that stepping it has. `progress` is
/// called with the number of inputs.
///
/// # Errors
/// The journal cannot be read, or the result cannot be written.
pub fn script(
    source: &Source,
    to: Seq,
    progress: &mut dyn FnMut(u64),
    out: &mut dyn Write,
) -> Result<Ending, PlayError> {
    let player = Player::open(source)?;
    if let Some(begins) = player.begins() {
        let why = format!("a script begins with the first input, and {begins}");
        return Err(PlayError::Absent(why));
    }
    let mut lines = String::new();
    let mut recorded: Vec<Vec<String>> = Vec::new();
    let ending = player.run(|played| {
        progress(played.input.seq.0);
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{}", line(played.input));
        recorded.push(played.outputs.iter().map(ToString::to_string).collect());
        let is_last = played.input.seq >= to;
        Ok(if is_last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    let script = parse_script(&lines).map_err(|error| not_in_the_notation(&error))?;
    writeln!(out, "# Inputs #1 to #{} of a journal, by `pi-replay show --script`.", ending.last)?;
    let (mut state, mut outputs) = (State::new(), Outputs::new());
    for ((line, step), recorded) in lines.lines().zip(&script.steps).zip(&recorded) {
        state.step(&step.input, &mut outputs);
        let outputs: Vec<String> = outputs.as_slice().iter().map(ToString::to_string).collect();
        if outputs != *recorded {
            writeln!(out, "# The journal had other outputs here:")?;
            recorded.iter().try_for_each(|output| writeln!(out, "#   {output}"))?;
        }
        writeln!(out, "{line}")?;
        outputs.iter().try_for_each(|output| writeln!(out, "  {output}"))?;
    }
    Ok(ending)
}

/// The input as a line. A command keeps a part of its fingerprint, which tells commands with
/// different texts apart.
fn line(input: &Input) -> String {
    match &input.kind {
        InputKind::Command { envelope, .. } | InputKind::Repeated { envelope, .. } => {
            let fingerprint = envelope.fingerprint.to_string();
            format!("{input} fp={}", &fingerprint[..8])
        }
        InputKind::Boot(_)
        | InputKind::Opened(_)
        | InputKind::Closed { .. }
        | InputKind::Malformed { .. }
        | InputKind::Agent { .. }
        | InputKind::Answered { .. }
        | InputKind::Storage { .. }
        | InputKind::Tick
        | InputKind::Wall { .. }
        | InputKind::Indexed { .. }
        | InputKind::Drain
        | InputKind::Stop => input.to_string(),
    }
}

/// A line that this build has just written must be in its own notation; if it is not, the tool is
/// wrong and not the journal.
fn not_in_the_notation(error: &ParseError) -> PlayError {
    PlayError::Internal(format!("the notation cannot say it: {error}"))
}
