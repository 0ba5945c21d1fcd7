//! `pi-replay export`: a journal for other tools and for people who have none.

mod html;
mod jsonl;
mod markdown;
mod page;
mod perfetto;

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::chart::{Bar, Chart};

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object a line for each command transition, event and note
    Jsonl,
    /// One self-contained page: lanes as swim-lanes, commands as bars
    Html,
    /// Trace events for the Perfetto UI: a track per lane, flows for dependencies
    Perfetto,
    /// A short incident report in Markdown
    Md,
}

/// Writes a chart. `title` names where it comes from.
///
/// # Errors
/// It cannot be written.
pub fn export(chart: &Chart, format: Format, title: &str, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Jsonl => jsonl::write(chart, out),
        Format::Html => html::write(chart, title, out),
        Format::Perfetto => perfetto::write(chart, out),
        Format::Md => markdown::write(chart, title, out),
    }
}

/// What every format that is JSON says about a command.
pub(crate) fn command_json(bar: &Bar) -> serde_json::Map<String, Value> {
    let mut object = serde_json::Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.into(), value);
    put("command", bar.number.0.into());
    if let Some(id) = &bar.id {
        put("id", (**id).into());
    }
    put("commandType", bar.kind.row().name.into());
    put("lane", bar.lane().into());
    if let Some(sequence) = bar.lane_sequence {
        put("laneSequence", sequence.into());
    }
    if let Some(session) = &bar.session {
        put("session", (**session).into());
    }
    if let Some(conn) = bar.conn {
        put("connection", conn.0.into());
    }
    if !bar.client.is_empty() {
        put("client", (*bar.client).into());
    }
    if !bar.depends_on.is_empty() {
        let numbers: Vec<u64> = bar.depends_on.iter().map(|number| number.0).collect();
        put("dependsOn", json!(numbers));
    }
    object
}

/// A JSON text as a value; as a string if it is none (cut, or never was).
fn value_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}
