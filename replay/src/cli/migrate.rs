//! `pi-replay migrate`.

use std::path::PathBuf;

use clap::Args;
use pi_server_core::record::FORMAT_VERSION;
use serde_json::json;

use super::print;
use super::progress::Progress;
use crate::made::Made;
use crate::migrate::migrate;
use crate::play::PlayError;
use crate::source::Source;
use crate::status::Status;
use crate::verify::verify;

pub(super) const EXAMPLES: &str = "\
The input is verified first and the copy afterwards: both must be identical to what was recorded, and
have the same inputs and the same last outputs. Stop the daemon before, and start it on the copy.
A daemon goes on with a journal of the format before by itself; this is for older ones, and for
copies that should be of one format.

Example:
  pi-replay migrate ~/.local/share/pi-server -o migrated";

/// Said of every copy that has it, since whoever gets the copy gets the key.
pub(super) const HAS_KEY: &str = "it has the key (`pi-server journal drop-key` drops it)\n";

#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    /// The daemon's data directory
    dir: PathBuf,
    /// The directory to make, which must not exist
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &MigrateArgs) -> Result<Status, PlayError> {
    let source = Source::open(&args.dir)?;
    let mut progress = Progress::new();
    let before = verify(&source, &mut |inputs| progress.show(inputs))?;
    if before.status() != Status::Good {
        progress.clear();
        print(args.json.then(|| before.to_json()), &before)?;
        return Ok(before.status());
    }
    let made = Made::new(&args.out)?;
    let done = migrate(&source, &made)?;
    let after = verify(&Source::open(made.now())?, &mut |inputs| progress.show(inputs))?;
    progress.clear();
    let end = |report: &crate::verify::Report| {
        report.reading.verdict.as_ref().ok().map(|verdict| verdict.cursor)
    };
    let same = after.status() == Status::Good && end(&before) == end(&after);
    if same {
        made.finish()?;
    }
    let verdict = if same { "identical" } else { "different" };
    let json = args.json.then(|| {
        json!({
            "verdict": verdict,
            "from": done.oldest,
            "to": FORMAT_VERSION,
            "segments": done.segments,
            "segmentsChanged": done.changed,
            "inputs": after.counts.inputs,
        })
    });
    let mut text = format!(
        "{verdict}: {} inputs in {} segments, {} of them from format {} to {FORMAT_VERSION}\n",
        after.counts.inputs, done.segments, done.changed, done.oldest
    );
    if source.key_bytes().is_some() {
        text.push_str(HAS_KEY);
    }
    print(json, &text)?;
    Ok(if same { Status::Good } else { Status::Diverged })
}
