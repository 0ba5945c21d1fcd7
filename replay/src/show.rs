//! `pi-replay show`: steps in the one notation, as `core/tests/scripts/` has them.

use std::io::{self, Write};
use std::path::Path;

use pi_server_core::{Input, Outputs, Seq, State};
use serde_json::json;

use crate::Error;
use crate::progress::Progress;
use crate::relate::Filter;
use crate::source::{Message, Source};

/// What to show.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Only this step, and then the state after it.
    pub at: Option<u64>,
    /// Only steps about this session.
    pub session: Option<String>,
    /// Only steps of this client: its name, or `c` and the number of a connection.
    pub client: Option<String>,
    /// One JSON object a line.
    pub json: bool,
}

/// Shows steps of the journal in a directory.
///
/// # Errors
/// It cannot be read, is damaged, or has no such input. What was shown before is good.
pub fn show(dir: &Path, choice: &Choice, out: &mut dyn Write) -> Result<(), Error> {
    let source = Source::find(dir)?;
    let mut progress = Progress::start();
    let (receiver, _reader) = source.read();
    let mut filter = Filter::new(choice.session.clone(), choice.client.clone());
    let (mut state, mut outputs) = (State::new(), Outputs::new());
    let mut last = Seq(0);
    for message in &receiver {
        let batch = match message {
            Message::Batch(batch) => batch,
            Message::End(_) => break,
            Message::Failed(error) => return Err(*error),
        };
        for item in &batch.items {
            let input = &item.input;
            last = input.seq;
            state.step(input, &mut outputs);
            let here = choice.at.is_none_or(|at| input.seq.0 == at);
            if !filter.wants(input, outputs.as_slice()) || !here {
                continue;
            }
            let shown = write_step(choice, input, &outputs, out).and_then(|()| {
                if choice.at.is_some() { write_state(choice, &state, out) } else { Ok(()) }
            });
            match shown {
                Ok(()) => {}
                // Whoever reads has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(source) => {
                    let path = "standard output".into();
                    return Err(Error::Io { operation: "write to", path, source });
                }
            }
            if choice.at.is_some() {
                return Ok(());
            }
        }
        progress.at(last.0);
    }
    match choice.at {
        Some(at) if at > last.0 || at == 0 => Err(Error::NoSuchInput { seq: Seq(at), last }),
        Some(_) | None => Ok(()),
    }
}

fn write_step(
    choice: &Choice,
    input: &Input,
    outputs: &Outputs,
    out: &mut dyn Write,
) -> io::Result<()> {
    if choice.json {
        let outputs = outputs.as_slice().iter().map(ToString::to_string).collect::<Vec<_>>();
        let line = json!({
            "seq": input.seq.0,
            "at": input.at.0,
            "input": input.to_string(),
            "body": input.body.len,
            "outputs": outputs,
        });
        return writeln!(out, "{line}");
    }
    writeln!(out, "{input}")?;
    outputs.as_slice().iter().try_for_each(|output| writeln!(out, "  {output}"))
}

/// The state has no notation of its own: its fields are shown as the code names them.
fn write_state(choice: &Choice, state: &State, out: &mut dyn Write) -> io::Result<()> {
    if choice.json {
        return writeln!(out, "{}", json!({ "state": format!("{state:?}") }));
    }
    writeln!(out, "# the state after it\n{state:#?}")
}
