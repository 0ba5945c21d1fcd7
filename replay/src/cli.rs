//! The command line.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde_json::json;

use crate::source::{Source, SourceError};
use crate::stats::Stats;
use crate::status::Status;
use crate::verify::verify;

/// Replays a pi-server journal and looks into it. Never writes to it, and may be used while the
/// daemon runs.
#[derive(Debug, Parser)]
#[command(name = "pi-replay", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Exit status: 0 good, 2 wrong usage or no journal, 3 damaged, 10 the replay differs.";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Step every input again and compare every output with what the daemon recorded
    Verify(VerifyArgs),
    /// Count what is in a journal
    Stats(StatsArgs),
}

#[derive(Debug, Args)]
struct VerifyArgs {
    /// The daemon's data directory
    dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct StatsArgs {
    /// The daemon's data directory
    dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Parses the arguments of the process, does what they say, and returns the exit status.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.verb {
        Verb::Verify(args) => verified(args),
        Verb::Stats(args) => stats(args),
    };
    let status = done.unwrap_or_else(|error| {
        eprintln!("pi-replay: {error}");
        error.status()
    });
    status.into()
}

fn verified(args: &VerifyArgs) -> Result<Status, SourceError> {
    let source = Source::open(&args.dir)?;
    let report = verify(&source, &mut |_| {})?;
    let text = if args.json { format!("{}\n", report.to_json()) } else { report.to_string() };
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    Ok(report.status())
}

fn stats(args: &StatsArgs) -> Result<Status, SourceError> {
    let source = Source::open(&args.dir)?;
    let (stats, reading) = Stats::count(&source)?;
    let mut out = std::io::stdout().lock();
    let text = if args.json {
        format!("{}\n", json!({ "stats": stats.to_json(), "segments": reading.segments }))
    } else {
        format!("segments      {} with {} bytes\n{stats}", reading.segments, reading.bytes)
    };
    let _ = out.write_all(text.as_bytes());
    Ok(match reading.verdict {
        Ok(_) => Status::Good,
        Err(damage) => {
            eprintln!("pi-replay: damaged: {damage}");
            Status::Damaged
        }
    })
}
