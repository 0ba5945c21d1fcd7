//! `pi-server limits`: every bound, with its default, its range and its meaning.

use std::fmt::Write as _;
use std::io::Write as _;

use clap::Args;
use serde_json::json;

use super::Status;

const RATE: &str = "Whether the rate limits apply; off is for load tests.";

#[derive(Debug, Args)]
pub(super) struct Limits {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Limits {
    pub(super) fn run(&self) -> Status {
        let text = if self.json { as_json() } else { as_table() };
        // A reader that has seen enough (`| head`) is no error.
        drop(std::io::stdout().write_all(text.as_bytes()));
        Status::Ok
    }
}

fn as_json() -> String {
    let limits = pi_server_core::Limits::TABLE
        .iter()
        .zip(pi_server_core::Limits::MEANINGS)
        .map(|((name, default, min, max), meaning)| {
            json!({
                "name": name, "default": default, "min": min, "max": max,
                "meaning": meaning.trim(),
            })
        })
        .chain([json!({ "name": "rate", "default": "on", "values": ["on", "off"],
            "meaning": RATE })])
        .collect::<Vec<_>>();
    format!("{:#}\n", json!({ "limits": limits }))
}

fn as_table() -> String {
    let mut text = String::from(
        "Set any of them with `pi-server serve --set limits.NAME=VALUE` (repeatable).\n\
         Reaching a limit refuses new work with a clear error; accepted work is never dropped.\n\n",
    );
    let rows = pi_server_core::Limits::TABLE.iter().zip(pi_server_core::Limits::MEANINGS);
    for ((name, default, min, max), meaning) in rows {
        let put = writeln!(text, "{name} = {default}  ({min} to {max})\n    {}", meaning.trim());
        debug_assert!(put.is_ok(), "writing to a String cannot fail");
    }
    text.push_str("rate = on  (on or off)\n    ");
    text.push_str(RATE);
    text.push('\n');
    text
}
