//! `pi-replay step`.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;

use super::progress::Progress;
use crate::play::PlayError;
use crate::source::Source;
use crate::status::Status;
use crate::step::walk_with;

pub(super) const EXAMPLES: &str = "\
Commands are read line by line, in a terminal or from a file; h lists them.

Examples:
  pi-replay step DIR
  printf 'break type abort\\nc\\ns beta\\nb\\n' | pi-replay step DIR";

#[derive(Debug, Args)]
pub(super) struct StepArgs {
    /// The daemon's data directory
    dir: PathBuf,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &StepArgs) -> Result<Status, PlayError> {
    let source = Source::open(&args.dir)?;
    let prompt = io::stdin().is_terminal() && !args.json;
    let (mut input, mut out) = (io::stdin().lock(), io::stdout().lock());
    let mut progress = Progress::beside_results();
    walk_with(&source, args.json, prompt, &mut |it| progress.show(it), &mut input, &mut out)?;
    Ok(Status::Good)
}
