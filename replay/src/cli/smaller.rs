//! `pi-replay shrink` and `corpus`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::print;
use super::progress::Progress;
use crate::corpus::{Extracted, FRAMES, SCRIPT, extract, of_frame, of_script};
use crate::play::PlayError;
use crate::shrink::{Patience, Target, Unfinished, shrink};
use crate::source::Source;
use crate::status::Status;
use crate::whole::must_be_new;

pub(super) const SHRINK_EXAMPLES: &str = "\
Leaves out sessions, connections, commands and single inputs for as long as this holds:
  diverges       this build and --build have different outputs
  panics         --build, or this build, panics
  output:TEXT    some output contains TEXT, as `show` prints it
  exec:PROGRAM   PROGRAM, given the journal's directory, ends with status 0
The result is a journal, in which every verb can look.

Examples:
  pi-replay shrink DIR --until diverges --build ./pi-replay-0.2 -o small
  pi-replay shrink DIR --until 'output:failed dependency_failed' -o small && pi-replay show small";

pub(super) const CORPUS_EXAMPLES: &str = "\
Of a journal: every distinct frame as a seed of the fuzz target frame_decoder, and the whole as a
script for core/tests/scripts. The other way: a script, or a frame such as a crash file, as a
journal.

Examples:
  pi-replay corpus DIR --redact policy.json -o seeds
  pi-replay corpus DIR -o seeds && cp seeds/frame_decoder/* fuzz/corpus/frame_decoder/
  pi-replay corpus --script core/tests/scripts/03-identity.txt -o journal
  pi-replay corpus --frame crash-1f2e -o journal && pi-replay verify journal";

#[derive(Debug, Args)]
pub(super) struct ShrinkArgs {
    /// The daemon's data directory
    dir: PathBuf,
    /// What must still hold
    #[arg(long, value_name = "WHAT")]
    until: String,
    /// Another build of pi-replay, for diverges and panics
    #[arg(long, value_name = "BIN")]
    build: Option<PathBuf>,
    /// The directory to make, which must not exist
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Most smaller journals to try
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    tries: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct CorpusArgs {
    /// The daemon's data directory
    #[arg(required_unless_present_any = ["script", "frame"])]
    dir: Option<PathBuf>,
    /// Leave out what this policy names: see `pi-replay redact`
    #[arg(long, value_name = "POLICY", conflicts_with_all = ["script", "frame"])]
    redact: Option<PathBuf>,
    /// A script to make a journal of
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dir", "frame"])]
    script: Option<PathBuf>,
    /// A frame to make a journal of
    #[arg(long, value_name = "FILE", conflicts_with = "dir")]
    frame: Option<PathBuf>,
    /// The directory to make, which must not exist
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run_shrink(args: &ShrinkArgs) -> Result<Status, PlayError> {
    let target = Target::parse(&args.until, args.build.clone()).map_err(PlayError::Unfit)?;
    let source = Source::open(&args.dir)?;
    must_be_new(&args.out)?;
    // The first signal ends the search, the second one the process.
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let registered = flag::register_conditional_default(signal, interrupted.clone())
            .and_then(|_| flag::register(signal, interrupted.clone()));
        registered.map_err(|error| PlayError::Internal(format!("no signals: {error}")))?;
    }
    let is_over = || interrupted.load(Ordering::Relaxed);
    let patience = Patience { tries_max: args.tries, is_over: &is_over };
    let mut progress = Progress::new();
    let told = &mut |left: usize, tries: u64| {
        progress.say(&format_args!("{left} inputs after {tries} tries"));
    };
    let found = shrink(&source, &target, &patience, &args.out, told)?;
    progress.clear();
    let (before, after, tries) = (found.before, found.after, found.tries);
    let json = args.json.then(|| {
        json!({
            "before": before, "after": after, "tries": tries,
            "unfinished": found.unfinished.is_some(),
            "interrupted": found.unfinished == Some(Unfinished::Interrupted),
            "begins": found.begins.map(|begins| begins.to_json()),
        })
    });
    let more = match found.unfinished {
        None => "",
        Some(Unfinished::Tries) => "; more can go with more --tries",
        Some(Unfinished::Interrupted) => "; interrupted: the best so far",
    };
    super::say_begins(found.begins);
    let out = args.out.display();
    print(json, &format!("{after} of {before} inputs are enough ({tries} tries{more}): {out}\n"))?;
    Ok(Status::Good)
}

pub(super) fn run_corpus(args: &CorpusArgs) -> Result<Status, PlayError> {
    let read = |path: &PathBuf| {
        pi_server_system::file::read_regular(path, u64::MAX)
            .map_err(|source| PlayError::Read { path: path.clone(), source })
    };
    let out = args.out.display();
    let inputs = match (&args.dir, &args.script, &args.frame) {
        (Some(dir), _, _) => {
            let source = Source::open(dir)?;
            let policy = args.redact.as_deref().map(super::bundle::policy).transpose()?;
            let mut progress = Progress::new();
            let told = &mut |inputs| progress.show(inputs);
            let Extracted { frames, begins, unsaid } =
                extract(&source, policy.as_ref(), told, &args.out)?;
            progress.clear();
            let script = match (begins, &unsaid) {
                (Some(begins), _) => format!("no script, since {begins}"),
                (None, Some(why)) => format!("no script: {why}"),
                (None, None) => format!("a script in {out}/{SCRIPT}"),
            };
            let json = args.json.then(|| {
                json!({
                    "frames": frames, "script": begins.is_none() && unsaid.is_none(), "noScript": unsaid,
                    "begins": begins.map(|begins| begins.to_json()),
                })
            });
            print(json, &format!("{frames} frames in {out}/{FRAMES}, {script}\n"))?;
            return Ok(Status::Good);
        }
        (None, Some(script), _) => of_script(&String::from_utf8_lossy(&read(script)?), &args.out)?,
        (None, None, Some(frame)) => of_frame(&read(frame)?, &args.out)?,
        (None, None, None) => return Ok(Status::Usage),
    };
    print(args.json.then(|| json!({ "inputs": inputs })), &format!("{inputs} inputs in {out}\n"))?;
    Ok(Status::Good)
}
