//! The command line.

mod bundle;
mod compare;
mod export;
mod migrate;
mod progress;
mod smaller;
mod step;

use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use pi_server_core::{ConnId, Seq};
use serde_json::{Value, json};

use crate::place::{Place, inputs_at, place};
use crate::play::{Ending, PlayError};
use crate::show::{self, About, Range, Timeline, frames, script, state_at, timeline};
use crate::shown::Escaping;
use crate::source::Source;
use crate::start::Begins;
use crate::stats::Stats;
use crate::status::{Status, TABLE};
use crate::times::Iso;
use crate::verify::verify;
use crate::whole::NewFile;

use progress::Progress;

/// Replays a pi-server journal and looks into it.
///
/// DIR is the daemon's data directory. It is only read, never written to or locked, so all of this
/// may be used while the daemon runs: what it has committed so far is seen.
#[derive(Debug, Parser)]
#[command(name = "pi-replay", version, after_help = TABLE)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Step every input again and compare every output with what the daemon recorded
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Show what happened, a lane, a command, the state at a place, or what a client was sent
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowArgs),
    /// Count what is in a journal
    #[command(after_help = STATS_EXAMPLES)]
    Stats(StatsArgs),
    /// Compare two journals, or one journal under two builds
    #[command(after_help = compare::DIFF_EXAMPLES)]
    Diff(compare::DiffArgs),
    /// Print the digest of every step's outputs
    #[command(after_help = compare::DIGESTS_EXAMPLES)]
    Digests(compare::DigestsArgs),
    /// Find the first of several builds that has other outputs
    #[command(after_help = compare::BISECT_EXAMPLES)]
    Bisect(compare::BisectArgs),
    /// Run a journal under other limits and compare the outcomes
    #[command(after_help = compare::WHAT_IF_EXAMPLES)]
    WhatIf(compare::WhatIfArgs),
    /// Put a journal into one sealed file
    #[command(after_help = bundle::BUNDLE_EXAMPLES)]
    Bundle(bundle::BundleArgs),
    /// Make a data directory of a bundle
    #[command(after_help = bundle::UNBUNDLE_EXAMPLES)]
    Unbundle(bundle::UnbundleArgs),
    /// Prove that a bundle is complete and unedited, and that it replays
    #[command(after_help = bundle::VERIFY_BUNDLE_EXAMPLES)]
    VerifyBundle(bundle::VerifyBundleArgs),
    /// Make a pair of keys to sign bundles with
    #[command(after_help = bundle::KEYGEN_EXAMPLES)]
    Keygen(bundle::KeygenArgs),
    /// Copy a journal without what a policy names
    #[command(after_help = bundle::REDACT_EXAMPLES)]
    Redact(bundle::RedactArgs),
    /// Copy a journal into the format of this build
    #[command(after_help = migrate::EXAMPLES)]
    Migrate(migrate::MigrateArgs),
    /// Find the few inputs that are enough to show something
    #[command(after_help = smaller::SHRINK_EXAMPLES)]
    Shrink(smaller::ShrinkArgs),
    /// Make seeds and a script of a journal, or a journal of one of those
    #[command(after_help = smaller::CORPUS_EXAMPLES)]
    Corpus(smaller::CorpusArgs),
    /// Walk through a journal by hand, forwards and backwards
    #[command(after_help = step::EXAMPLES)]
    Step(step::StepArgs),
    /// Write what happened for other tools and people: JSON lines, a page, a trace, a report
    #[command(after_help = export::EXAMPLES)]
    Export(export::ExportArgs),
}

const VERIFY_EXAMPLES: &str = "\
Checks every checksum, the chain of records, every body's keyed digest, and that every client's
frame decodes again to the input that was recorded. Names the first difference.

Examples:
  pi-replay verify ~/.local/share/pi-server
  pi-replay verify /var/backups/pi-server --json | jq .verdict";

const SHOW_EXAMPLES: &str = "\
Inputs stand at the start of a line with their number, their time on the clock on the wall and, in
the notation, their own (t, in milliseconds); outputs are indented below. A TIME is on the wall, as
2026-11-30T12:05+01:00 (without a zone: UTC) or as t1700000000123 (milliseconds since 1970). c7 is the connection that input #7 opened, s:x a session, a1 an agent.

Examples:
  pi-replay show DIR --from 100 --to 120         inputs #100 to #120 with their outputs
  pi-replay show DIR --session mine              all about one session
  pi-replay show DIR --lane session:mine         its commands in their order, with their times
  pi-replay show DIR --command p7                all steps of the command p7 (or #120)
  pi-replay show DIR --at 120                    the state after input #120
  pi-replay show DIR --client c7                 every frame that connection c7 was sent
  pi-replay show DIR --script --to 120 > core/tests/scripts/incident.txt";

const STATS_EXAMPLES: &str = "\
Example:
  pi-replay stats ~/.local/share/pi-server";

#[derive(Debug, Args)]
struct VerifyArgs {
    /// The daemon's data directory
    dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// The daemon's data directory
    dir: PathBuf,
    /// The state after input N: sessions, lanes, commands in flight and counters
    #[arg(long, value_name = "N|TIME", value_parser = at, conflicts_with_all = ["from", "to"])]
    at: Option<Place>,
    /// From input N on, or from a time on
    #[arg(long, value_name = "N|TIME", value_parser = at)]
    from: Option<Place>,
    /// Up to input N, or up to a time
    #[arg(long, visible_alias = "until", value_name = "N|TIME", value_parser = at)]
    to: Option<Place>,
    /// Only what is about this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// The commands of this lane in their order, with the steps of their lives
    #[arg(long, value_name = "server|session:ID", value_parser = lane_name,
        conflicts_with_all = ["at", "session"])]
    lane: Option<String>,
    /// Only what is about this command: an id, or a number such as #7
    #[arg(long, value_name = "ID|#N", conflicts_with_all = ["at", "session", "lane"])]
    command: Option<String>,
    /// Every frame that this connection was sent, byte for byte
    #[arg(long, value_name = "C", value_parser = conn, 
        conflicts_with_all = ["at", "session", "lane", "command"])]
    client: Option<ConnId>,
    /// A script for the regression tests, from the first input on
    #[arg(long, conflicts_with_all = ["at", "from", "session", "lane", "command", "client",
        "json"])]
    script: bool,
    /// Print JSON: one object a line, or one object for the state
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct StatsArgs {
    /// The daemon's data directory
    dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A place at which there can be an input.
fn at(text: &str) -> Result<Place, String> {
    let wrong = "a number such as #7, or a time such as 2026-11-30T12:05Z or t1700000000123";
    match place(text) {
        Ok(Place::Input(Seq(0))) | Err(_) => Err(wrong.into()),
        Ok(found) => Ok(found),
    }
}

/// The input at a place: of a time, the first one that is not earlier, or with `last` the last one
/// that is not later.
fn input_at(source: &Source, place: Place, last: bool) -> Result<Seq, PlayError> {
    let time = match place {
        Place::Input(seq) => return Ok(seq),
        Place::Time(time) => time,
    };
    let [next, before] = inputs_at(source, time)?;
    let (found, where_) = if last { (before, "up to") } else { (next, "from") };
    found.ok_or_else(|| PlayError::Absent(format!("there is no input {where_} {}", Iso(time))))
}

/// A lane as frames name it.
fn lane_name(text: &str) -> Result<String, String> {
    let of_session = text.strip_prefix("session:").is_some_and(|id| !id.is_empty());
    let known = text == "server" || of_session;
    known.then(|| text.to_owned()).ok_or_else(|| "a lane is `server` or `session:ID`".into())
}

fn conn(text: &str) -> Result<ConnId, String> {
    numbered(text, 'c').map(ConnId)
}

/// A number from 1, with or without the mark that the notation puts before it.
fn numbered(text: &str, mark: char) -> Result<u64, String> {
    let number = text.strip_prefix(mark).unwrap_or(text).parse();
    number.ok().filter(|number| *number > 0).ok_or_else(|| format!("a number such as {mark}7"))
}

/// Parses the arguments of the process, does what they say, and returns the exit status.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.verb {
        Verb::Verify(args) => verify_verb(args),
        Verb::Show(args) => show_verb(args),
        Verb::Stats(args) => stats_verb(args),
        Verb::Diff(args) => compare::run_diff(args),
        Verb::Digests(args) => compare::run_digests(args),
        Verb::Bisect(args) => compare::run_bisect(args),
        Verb::WhatIf(args) => compare::run_what_if(args),
        Verb::Bundle(args) => bundle::run_bundle(args),
        Verb::Unbundle(args) => bundle::run_unbundle(args),
        Verb::VerifyBundle(args) => bundle::run_verify_bundle(args),
        Verb::Keygen(args) => bundle::run_keygen(args),
        Verb::Redact(args) => bundle::run_redact(args),
        Verb::Migrate(args) => migrate::run(args),
        Verb::Shrink(args) => smaller::run_shrink(args),
        Verb::Corpus(args) => smaller::run_corpus(args),
        Verb::Step(args) => step::run(args),
        Verb::Export(args) => export::run(args),
    };
    let status = done.unwrap_or_else(|error| {
        let status = error.status();
        if status != Status::Good {
            say(&error);
        }
        status
    });
    status.into()
}

fn verify_verb(args: &VerifyArgs) -> Result<Status, PlayError> {
    let source = Source::open(&args.dir)?;
    let mut progress = Progress::new();
    let report = verify(&source, &mut |inputs| progress.show(inputs))?;
    progress.clear();
    print(args.json.then(|| report.to_json()), &report)?;
    Ok(report.status())
}

fn show_verb(args: &ShowArgs) -> Result<Status, PlayError> {
    let source = Source::open(&args.dir)?;
    let ShowArgs { dir: _, at, from, to, session, lane, command, client, script: as_script, json } =
        args;
    let input = |place: &Option<Place>, last: bool| {
        place.map(|place| input_at(&source, place, last)).transpose()
    };
    let (at, from, to) = (input(at, true)?, input(from, false)?, input(to, true)?);
    let range = Range { from: from.unwrap_or(Seq(1)), to: to.unwrap_or(Seq(u64::MAX)) };
    if range.to < range.from {
        let Range { from, to } = range;
        return Err(PlayError::Unfit(format!("--from #{from} is behind --to #{to}")));
    }
    let mut out: Box<dyn Write> = Box::new(BufWriter::new(io::stdout().lock()));
    if !json && !as_script && client.is_none() {
        out = Box::new(Escaping(out));
    }
    let mut progress = Progress::beside_results();
    let told = &mut |inputs| progress.show(inputs);
    let ending: Ending = if let Some(at) = at {
        state_at(&source, at, session.as_deref(), *json, told, &mut out)?
    } else if let Some(conn) = client {
        frames(&source, *conn, range, *json, told, &mut out)?
    } else if let Some(name) = lane {
        show::lane(&source, name, range, *json, told, &mut out)?
    } else if *as_script {
        script(&source, range.to, told, &mut out)?
    } else {
        let about = match (session, command) {
            (Some(session), _) => About::Session(session.clone()),
            (None, Some(command)) => About::Command(command.clone()),
            (None, None) => About::Everything,
        };
        let wanted = Timeline { range, about, json: *json };
        timeline(&source, &wanted, told, &mut out)?
    };
    progress.clear();
    out.flush()?;
    let Ending { first, last, begins, .. } = ending;
    say_begins(begins);
    let beyond = [from.filter(|from| *from > last), to.filter(|to| *to < first)];
    if let Some(asked) = beyond.into_iter().flatten().next() {
        return Err(ending.not_found(PlayError::NoInput { asked, first, last }));
    }
    Ok(ending.status())
}

fn stats_verb(args: &StatsArgs) -> Result<Status, PlayError> {
    let source = Source::open(&args.dir)?;
    let mut progress = Progress::new();
    let (stats, reading) = Stats::count(&source, &mut |inputs| progress.show(inputs))?;
    progress.clear();
    let json = args.json.then(|| {
        json!({
            "journal": reading.journal.to_string(),
            "segments": reading.segments,
            "bytes": reading.bytes,
            "storedBytes": reading.stored,
            "begins": reading.begins.map(|begins| begins.to_json()),
            "counts": stats.to_json(),
        })
    });
    let begins = reading.begins.map_or_else(String::new, |it| format!("begins        {it}\n"));
    let text = format!(
        "journal       {}\n{begins}segments      {} with {} bytes\nstored in     {} bytes, {} %\n{stats}",
        reading.journal,
        reading.segments,
        reading.bytes,
        reading.stored,
        reading.stored.saturating_mul(100).div_ceil(reading.bytes.max(1)),
    );
    print(json, &text)?;
    if let Err(damage) = &reading.verdict {
        say(damage);
    }
    Ok(reading.status())
}

/// Prints the JSON if there is some, and else the text.
fn print(json: Option<Value>, text: &dyn std::fmt::Display) -> Result<(), PlayError> {
    let mut out = io::stdout().lock();
    match json {
        Some(json) => writeln!(out, "{json}")?,
        None => write!(Escaping(&mut out), "{text}")?,
    }
    Ok(())
}

/// Where a result goes: to standard output, or into a file that appears when it is finished.
enum Output {
    Standard(BufWriter<StdoutLock<'static>>),
    File(BufWriter<NewFile>),
}

impl Output {
    /// To a new file, or to standard output if there is none or `-` stands for it.
    fn new(path: Option<&Path>) -> Result<Output, PlayError> {
        match path {
            Some(path) if path != Path::new("-") => {
                Ok(Output::File(BufWriter::new(NewFile::new(path, 0o600)?)))
            }
            Some(_) | None => Ok(Output::Standard(BufWriter::new(io::stdout().lock()))),
        }
    }

    /// True if it goes to standard output.
    fn is_standard(&self) -> bool {
        matches!(self, Output::Standard(_))
    }

    /// Lets all of it be there.
    fn finish(self) -> Result<(), PlayError> {
        match self {
            Output::Standard(mut out) => Ok(out.flush()?),
            Output::File(out) => match out.into_inner() {
                Ok(file) => file.finish(),
                Err(error) => Err(PlayError::Write(error.into_error())),
            },
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Standard(out) => out.write(bytes),
            Output::File(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Standard(out) => out.flush(),
            Output::File(out) => out.flush(),
        }
    }
}

/// Says something on standard error; that nobody reads it is no reason to stop.
fn say(what: &dyn std::fmt::Display) {
    // Messages have lines of their own; whatever else a terminal would act on is escaped.
    let _ = writeln!(Escaping(io::stderr()), "pi-replay: {what}");
}

/// Says where the journal begins, if that is a snapshot.
fn say_begins(begins: Option<Begins>) {
    if let Some(begins) = begins {
        say(&begins);
    }
}

#[cfg(test)]
mod tests;
