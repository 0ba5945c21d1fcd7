//! `pi-replay export`.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::progress::Progress;
use crate::chart::{Wanted, chart};
use crate::export::{Format, export};
use crate::place::{Place, place};
use crate::play::PlayError;
use crate::source::Source;
use crate::status::Status;
use crate::veil::Veil;

pub(super) const EXAMPLES: &str = "\
A place is an input as #120, or a time as 2026-11-30T12:05+01:00 (without a zone: UTC) or as
t1700000000123 (milliseconds since 1970, as `show` prints them). Texts of prompts and events are in the result: see --no-bodies,
--redact and --pseudonyms. --redact takes a policy (see
`pi-replay redact`) and hides what it finds also in the words of failures; an identifier in which it
finds something gets a pseudonym. --pseudonyms replaces all identifiers, wherever they stand: ids of
sessions, commands, dialogs and keys, names of clients and sessions, paths. The same one has the
same pseudonym in every export of one journal, and nothing in the pseudonym comes from it. What is
not shown with them: the name of the directory, and of what the daemon makes its ids.

Examples:
  pi-replay export DIR --format html -o incident.html
  pi-replay export DIR --format md --from '#1000' --session mine
  pi-replay export DIR --format perfetto -o trace.json    open it at https://ui.perfetto.dev
  pi-replay export DIR --format md --redact policy.json --pseudonyms
  pi-replay export DIR --format jsonl | jq 'select(.phase == \"refused\")'";

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The daemon's data directory
    dir: PathBuf,
    /// In which form
    #[arg(long, value_enum)]
    format: Format,
    /// From this place on; commands that are at work there are in it
    #[arg(long, value_name = "N|TIME", value_parser = place)]
    from: Option<Place>,
    /// Up to this place
    #[arg(long, visible_alias = "until", value_name = "N|TIME", value_parser = place)]
    to: Option<Place>,
    /// Only what is about this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Leave out the texts of frames and events
    #[arg(long)]
    no_bodies: bool,
    /// Leave out what this policy names
    #[arg(long, value_name = "POLICY")]
    redact: Option<PathBuf>,
    /// Replace identifiers by pseudonyms: the same one by the same one
    #[arg(long)]
    pseudonyms: bool,
    /// Write to this file, which must not exist, and not to standard output (`-`)
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print what was written to the file as one JSON object
    #[arg(long, requires = "out")]
    json: bool,
}

pub(super) fn run(args: &ExportArgs) -> Result<Status, PlayError> {
    let source = Source::open(&args.dir)?;
    let mut wanted =
        Wanted { session: args.session.clone(), bodies: !args.no_bodies, ..Wanted::default() };
    if let Some(from) = args.from {
        wanted.from = super::input_at(&source, from, false)?;
    }
    if let Some(to) = args.to {
        wanted.to = super::input_at(&source, to, true)?;
    }
    let policy = args.redact.as_deref().map(super::bundle::policy).transpose()?;
    let mut out = super::Output::new(args.out.as_deref())?;
    let mut progress = Progress::new();
    if policy.is_some() || args.pseudonyms {
        let progress = &mut |inputs| progress.show(inputs);
        wanted.veil = Some(Veil::new(&source, policy, args.pseudonyms, progress)?);
    }
    let (chart, ending) = chart(&source, &wanted, &mut |inputs| progress.show(inputs))?;
    progress.clear();
    let title = if args.pseudonyms { "journal".to_owned() } else { title(&source) };
    export(&chart, args.format, &title, &mut out)?;
    let is_standard = out.is_standard();
    out.finish()?;
    if args.json && !is_standard {
        let (bars, events, notes) = (chart.bars.len(), chart.events.len(), chart.notes.len());
        let begins = chart.begins.map(|begins| begins.to_json());
        let told = json!({ "commands": bars, "events": events, "notes": notes, "begins": begins });
        writeln!(io::stdout().lock(), "{told}")?;
    }
    super::say_begins(chart.begins);
    Ok(ending.status())
}

/// What an export is of: the name of the directory or the bundle.
fn title(source: &Source) -> String {
    source.dir().file_name().map_or_else(
        || source.dir().display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}
