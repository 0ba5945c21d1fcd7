//! `pi-replay bundle`, `unbundle`, `verify-bundle` and `redact`.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{Progress, print};
use crate::bundle::{BundleError, Checked, bundle, bundle_redacted, check};
use crate::made::Made;
use crate::play::PlayError;
use crate::redact::{Policy, redact};
use crate::source::Source;
use crate::status::Status;
use crate::verify::verify;

pub(super) const BUNDLE_EXAMPLES: &str = "\
Every verb takes a bundle in the place of a data directory. The key is left out unless asked for:
with it, frames can be decoded again and bodies checked, but guesses of erased texts
can be checked too. --redact leaves out what a policy names (see `pi-replay redact`); ids, session
names, client names and paths stay, since what is decided depends on them: see
`pi-replay export --pseudonyms` for a form without them.

Examples:
  pi-replay bundle ~/.local/share/pi-server -o incident.pib
  pi-replay bundle ~/.local/share/pi-server --redact policy.json -o incident.pib";

pub(super) const UNBUNDLE_EXAMPLES: &str = "\
Example:
  pi-replay unbundle incident.pib -o incident";

pub(super) const VERIFY_BUNDLE_EXAMPLES: &str = "\
Checks the seal over every byte, that the journal in it is whole, and replays it bit for bit. The
seal finds whatever happened by accident; to exclude a forger, compare it with the one that `bundle`
printed: there is no signature.

Examples:
  pi-replay verify-bundle incident.pib
  pi-replay verify-bundle incident.pib --seal 8f4e...";

pub(super) const REDACT_EXAMPLES: &str = "\
A policy is JSON: rules with conditions (what: command, malformed, event, answer; type; session) and
what to take out of the bodies that fit (erase; pointers, where * is every member; words; patterns).
What looks like a key or token goes too, unless the policy says \"builtin\": false. The copy
replays bit for bit. Ids, session names, paths and the words of failures are no bodies and stay.

  {\"rules\": [
    {\"what\": \"command\", \"type\": \"prompt\", \"pointers\": [\"/message\", \"/images\"]},
    {\"what\": \"event\", \"session\": \"private\", \"erase\": true},
    {\"words\": [\"hunter2\"]}
  ]}

Example:
  pi-replay redact DIR --policy policy.json -o redacted && pi-replay verify redacted";

#[derive(Debug, Args)]
pub(super) struct BundleArgs {
    /// The daemon's data directory
    dir: PathBuf,
    /// The file to make, which must not exist
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Leave out what this policy names
    #[arg(long, value_name = "POLICY")]
    redact: Option<PathBuf>,
    /// Put the key into it
    #[arg(long)]
    with_key: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct UnbundleArgs {
    /// The bundle
    file: PathBuf,
    /// The directory to make, which must not exist
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct VerifyBundleArgs {
    /// The bundle
    file: PathBuf,
    /// The seal that it must have, as `bundle` printed it
    #[arg(long, value_name = "HEX")]
    seal: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RedactArgs {
    /// The daemon's data directory
    dir: PathBuf,
    /// What is to be taken out
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The directory to make, which must not exist
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Copy the key too
    #[arg(long)]
    with_key: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Reads a policy, which must take something out.
pub(super) fn policy(path: &Path) -> Result<Policy, PlayError> {
    std::fs::read_to_string(path)
        .map_err(|error| error.to_string())
        .and_then(|text| Policy::parse(&text))
        .and_then(|policy| {
            if policy.is_empty() { Err("it takes nothing out".to_owned()) } else { Ok(policy) }
        })
        .map_err(|why| PlayError::Unfit(format!("{}: {why}", path.display())))
}

pub(super) fn run_bundle(args: &BundleArgs) -> Result<Status, PlayError> {
    let source = Source::open(&args.dir)?;
    let policy = args.redact.as_deref().map(policy).transpose()?;
    let mut out = BufWriter::new(super::create(&args.out)?);
    let mut progress = Progress::new();
    let made = match &policy {
        None => bundle(&source, args.with_key, &mut out).map(|seal| (None, seal)),
        Some(policy) => {
            let progress = &mut |inputs| progress.show(inputs);
            bundle_redacted(&source, policy, args.with_key, progress, &mut out)
                .map(|(done, seal)| (Some(done), seal))
        }
    };
    progress.clear();
    let made = made.map_err(|error| match error {
        BundleError::Source(error) => PlayError::Source(error),
        BundleError::NoKey => PlayError::Unfit("there is no key to put into the bundle".into()),
        BundleError::Write(error) => PlayError::Write(error),
        BundleError::Redact(error) => error,
    });
    let written = made.and_then(|made| out.flush().map(|()| made).map_err(PlayError::Write));
    if written.is_err() {
        // Half a bundle helps nobody; it was made a moment ago by this process.
        drop(std::fs::remove_file(&args.out));
    }
    let (redacted, seal) = written?;
    let json = args.json.then(|| {
        let redacted = redacted.map(|it| it.to_json());
        json!({ "seal": seal, "withKey": args.with_key, "redacted": redacted })
    });
    let redacted = redacted.map_or_else(String::new, |it| format!("{it}\n"));
    print(json, &format!("{redacted}seal {seal}\n"))?;
    Ok(Status::Good)
}

pub(super) fn run_unbundle(args: &UnbundleArgs) -> Result<Status, PlayError> {
    let seal = match checked(&args.file, None)? {
        Checked::Whole { seal } => seal,
        Checked::Refused(why) => {
            return Err(PlayError::Damaged(format!("{}: {why}", args.file.display())));
        }
    };
    let source = Source::open(&args.file)?;
    let made = Made::new(&args.out)?;
    let mut bytes = Vec::new();
    let segments = source.segments()?;
    for number in &segments {
        source.read_segment(*number, &mut bytes)?;
        made.segment(*number, &bytes)?;
    }
    for number in source.snapshots()? {
        made.snapshot(number, &source.read_snapshot(number)?)?;
    }
    for number in source.packs()? {
        made.pack(number, &source.read_pack(number)?)?;
    }
    made.head(&source.head_bytes()?)?;
    if let Some(key) = source.key_bytes() {
        made.key(&key)?;
    }
    let json = args.json.then(|| json!({ "segments": segments.len(), "seal": seal }));
    print(json, &format!("{} segments in {}\n", segments.len(), args.out.display()))?;
    Ok(Status::Good)
}

/// Whether a file is a bundle as it was made.
fn checked(file: &Path, seal: Option<&str>) -> Result<Checked, PlayError> {
    if file.is_dir() {
        return Err(PlayError::Unfit(format!("{} is a directory, and no bundle", file.display())));
    }
    Ok(check(file, seal)?)
}

pub(super) fn run_verify_bundle(args: &VerifyBundleArgs) -> Result<Status, PlayError> {
    let seal = match checked(&args.file, args.seal.as_deref())? {
        Checked::Whole { seal } => seal,
        Checked::Refused(why) => {
            let [found, actual] = why.seals();
            let json = json!({
                "verdict": "edited", "why": why.to_string(), "seal": found, "actualSeal": actual,
            });
            let line = |name: &str, seal: Option<&str>| {
                seal.map_or_else(String::new, |seal| format!("  {name}  {seal}\n"))
            };
            let seals = line("seal  ", found) + &line("actual", actual);
            print(args.json.then_some(json), &format!("edited: {why}\n{seals}"))?;
            return Ok(Status::Damaged);
        }
    };
    let source = Source::open(&args.file)?;
    let mut progress = Progress::new();
    let report = verify(&source, &mut |inputs| progress.show(inputs))?;
    progress.clear();
    let info = source.info().and_then(|info| serde_json::from_slice::<Value>(&info).ok());
    let json = args.json.then(|| {
        let verdict = report.to_json();
        json!({ "verdict": verdict["verdict"], "seal": seal, "info": info, "replay": verdict })
    });
    print(json, &format!("seal {seal} holds\n{report}"))?;
    Ok(report.status())
}

pub(super) fn run_redact(args: &RedactArgs) -> Result<Status, PlayError> {
    let source = Source::open(&args.dir)?;
    let policy = policy(&args.policy)?;
    let mut made = Made::new(&args.out)?;
    let mut progress = Progress::new();
    let done = redact(&source, &policy, &mut made, args.with_key, &mut |it| progress.show(it))?;
    progress.clear();
    print(args.json.then(|| done.to_json()), &format!("{done}\n"))?;
    Ok(Status::Good)
}
