//! `pi-replay export`.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use pi_server_core::{Micros, Seq};
use serde_json::json;

use super::progress::Progress;
use crate::chart::{Wanted, chart};
use crate::export::{Format, export};
use crate::play::PlayError;
use crate::source::Source;
use crate::status::Status;
use crate::veil::Veil;

pub(super) const EXAMPLES: &str = "\
A place in time is an input as #120, or a time as t1700000000123 (milliseconds since 1970), as
`show` prints them. Texts of prompts and events are in the result: see --no-bodies,
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
    #[arg(long, value_name = "T", value_parser = place)]
    from: Option<Place>,
    /// Up to this place
    #[arg(long, value_name = "T", value_parser = place)]
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
    /// Write to this file, which must not exist, and not to standard output
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print what was written to the file as one JSON object
    #[arg(long, requires = "out")]
    json: bool,
}

/// A place in a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Input(Seq),
    Time(Micros),
}

pub(super) fn place(text: &str) -> Result<Place, String> {
    let wrong = || "an input such as #120 or a time such as t1700000000123".to_owned();
    if let Some(time) = text.strip_prefix('t') {
        let (millis, micros) = time.split_once('.').unwrap_or((time, "0"));
        let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
        let millis = number(millis)?.saturating_mul(1_000);
        return Ok(Place::Time(Micros(millis.saturating_add(number(micros)?))));
    }
    let number = text.strip_prefix('#').unwrap_or(text).parse().map_err(|_| wrong())?;
    Ok(Place::Input(Seq(number)))
}

pub(super) fn run(args: &ExportArgs) -> Result<Status, PlayError> {
    let source = Source::open(&args.dir)?;
    let mut wanted =
        Wanted { session: args.session.clone(), bodies: !args.no_bodies, ..Wanted::default() };
    match args.from {
        Some(Place::Input(seq)) => wanted.from = seq,
        Some(Place::Time(at)) => wanted.from_at = at,
        None => {}
    }
    match args.to {
        Some(Place::Input(seq)) => wanted.to = seq,
        Some(Place::Time(at)) => wanted.to_at = at,
        None => {}
    }
    let policy = args.redact.as_deref().map(super::bundle::policy).transpose()?;
    let mut progress = Progress::new();
    if policy.is_some() || args.pseudonyms {
        let progress = &mut |inputs| progress.show(inputs);
        wanted.veil = Some(Veil::new(&source, policy, args.pseudonyms, progress)?);
    }
    let (chart, ending) = chart(&source, &wanted, &mut |inputs| progress.show(inputs))?;
    progress.clear();
    let title = if args.pseudonyms { "journal".to_owned() } else { title(&source) };
    let Some(path) = &args.out else {
        let mut out = BufWriter::new(io::stdout().lock());
        export(&chart, args.format, &title, &mut out)?;
        out.flush()?;
        return Ok(ending.status());
    };
    let mut out = BufWriter::new(super::create(path)?);
    export(&chart, args.format, &title, &mut out)?;
    out.flush()?;
    if args.json {
        let (bars, events, notes) = (chart.bars.len(), chart.events.len(), chart.notes.len());
        let facts = json!({ "commands": bars, "events": events, "notes": notes });
        writeln!(io::stdout().lock(), "{facts}")?;
    }
    Ok(ending.status())
}

/// What an export is of: the name of the directory or the bundle.
fn title(source: &Source) -> String {
    source.dir().file_name().map_or_else(
        || source.dir().display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}
