//! The command line.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde_json::json;

use crate::Error;
use crate::show::{self, Choice};
use crate::verify;

/// Replays a pi-server journal: the same inputs through the same machine, bit for bit.
///
/// A journal holds every input that the daemon ever took, and a digest of what it did about each.
/// `verify` does it all again and compares; `show` prints it. Neither writes to the journal, and
/// the daemon may be running.
#[derive(Debug, Parser)]
#[command(name = "pi-replay", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  pi-replay verify ~/.local/share/pi-server
  pi-replay verify --json DIR | jq .result
  pi-replay show DIR --session s1 | less
  pi-replay show DIR --at 1234

DIR is the daemon's data directory (its --data-dir, or what it prints at start as the journal's
place), or a copy of it.

Exit status: 0 identical (or shown), 10 diverged, 3 the journal is damaged, 2 wrong usage or no
journal there, 1 a file cannot be read.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Step every input again and compare every output with what was recorded.
    ///
    /// Checks every checksum and the hash chain, steps every input, and compares the digest of the
    /// outputs with the recorded one. With the journal's key beside it, also compares every body
    /// with its digest, and decodes every frame again. A divergence names the input, and shows it
    /// with what this build puts out.
    Verify(Verify),
    /// Print steps: each input and, indented, its outputs.
    ///
    /// The text can be pasted into core/tests/scripts/ and becomes a regression test.
    Show(Show),
}

#[derive(Debug, Args)]
struct Verify {
    /// The data directory.
    dir: PathBuf,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Show {
    /// The data directory.
    dir: PathBuf,
    /// Only input N, and the state after it.
    #[arg(long, value_name = "N")]
    at: Option<u64>,
    /// Only steps about this session.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Only steps of this client: the name it gave, or a connection such as c7.
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// One JSON object a line instead of text.
    #[arg(long)]
    json: bool,
}

/// Runs the tool.
pub fn main() -> ExitCode {
    let (json, result) = match Cli::parse().command {
        Command::Verify(args) => (args.json, run_verify(&args)),
        Command::Show(args) => (args.json, run_show(args)),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            // Where these cannot be written there is nobody to tell.
            if json {
                let kind = if error.status() == 3 { "damaged" } else { "failed" };
                let line = json!({ "result": kind, "error": error.to_string() });
                let _ = writeln!(io::stdout(), "{line}");
            } else {
                let _ = writeln!(io::stderr(), "pi-replay: {error}");
            }
            ExitCode::from(error.status())
        }
    }
}

fn run_verify(args: &Verify) -> Result<u8, Error> {
    let report = verify::verify(&args.dir)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let written =
        if args.json { writeln!(out, "{}", report.json()) } else { report.write_text(&mut out) };
    match written.and_then(|()| out.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Io { operation: "write to", path: "standard output".into(), source })
        }
        Ok(()) | Err(_) => Ok(report.status()),
    }
}

fn run_show(args: Show) -> Result<u8, Error> {
    let Show { dir, at, session, client, json } = args;
    let mut out = BufWriter::new(io::stdout().lock());
    show::show(&dir, &Choice { at, session, client, json }, &mut out)?;
    // A reader that went away has seen enough; nothing else is behind this buffer.
    let _ = out.flush();
    Ok(0)
}
