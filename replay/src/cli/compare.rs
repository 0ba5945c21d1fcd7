//! `pi-replay diff`, `digests`, `bisect` and `what-if`.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use pi_server_core::Seq;
use serde_json::json;

use super::print;
use super::progress::Progress;
use crate::align::align;
use crate::builds::{BuildError, FirstOther, bisect, compare, digests};
use crate::chart::{Chart, Wanted, chart};
use crate::diff::diff;
use crate::play::PlayError;
use crate::source::Source;
use crate::start::Start;
use crate::status::Status;
use crate::what_if::{Change, what_if};

pub(super) const DIFF_EXAMPLES: &str = "\
Copies of one journal (a backup, a redacted one) are compared input by input. Different journals are
aligned by cause: a command is the same in both if it is the same client's under the same id.
With --build, one journal is run under this build and under another.

Examples:
  pi-replay diff ~/.local/share/pi-server /var/backups/pi-server
  pi-replay diff good-day bad-day --align cause
  pi-replay diff DIR --build ./pi-replay-0.2";

pub(super) const DIGESTS_EXAMPLES: &str = "\
What `diff --build` and `bisect` ask of a build: one line for each step, with its number and the
digest of its outputs.

Example:
  pi-replay digests DIR > 0.1.txt && pi-replay-0.2 digests DIR | diff 0.1.txt -";

pub(super) const BISECT_EXAMPLES: &str = "\
The builds stand in their order, oldest first. The first that has other outputs than the oldest is
named, with the step. The status is 10 if there is one.

Example:
  pi-replay bisect DIR builds/pi-replay-*";

pub(super) const WHAT_IF_EXAMPLES: &str = "\
What clients sent and agents said stays as recorded; only the limits are others. The status is 10 if
an outcome is another one.

Example:
  pi-replay what-if DIR --set limits.commands_in_flight_max=8 --set limits.rate=off";

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// A data directory
    a: PathBuf,
    /// Another one
    #[arg(required_unless_present = "build", conflicts_with = "build")]
    b: Option<PathBuf>,
    /// Another build of pi-replay, to run the journal A under
    #[arg(long, value_name = "BIN")]
    build: Option<PathBuf>,
    /// How to pair the steps of two journals; if not given, by seq for copies of one journal
    #[arg(long, value_enum, conflicts_with = "build")]
    align: Option<Align>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Align {
    /// By the numbers of inputs: the first input that differs
    Seq,
    /// By client and id: every command with another outcome
    Cause,
}

#[derive(Debug, Args)]
pub(super) struct DigestsArgs {
    /// The daemon's data directory
    dir: PathBuf,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct BisectArgs {
    /// The daemon's data directory
    dir: PathBuf,
    /// Builds of pi-replay, oldest first
    #[arg(required = true, num_args = 2.., value_name = "BIN")]
    builds: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct WhatIfArgs {
    /// The daemon's data directory
    dir: PathBuf,
    /// Another value of a limit; may be repeated
    #[arg(long, required = true, value_name = "limits.NAME=VALUE", value_parser = Change::parse)]
    set: Vec<Change>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run_diff(args: &DiffArgs) -> Result<Status, PlayError> {
    let a = Source::open(&args.a)?;
    if let Some(build) = &args.build {
        return run_build(build, a.dir(), args.json);
    }
    let Some(b) = &args.b else { return Ok(Status::Usage) };
    let b = Source::open(b)?;
    let copies = a.head()?.journal == b.head()?.journal;
    let align_by = args.align.unwrap_or(if copies { Align::Seq } else { Align::Cause });
    if align_by == Align::Seq {
        let comparison = diff(&a, &b)?;
        print(args.json.then(|| comparison.to_json()), &comparison)?;
        return Ok(comparison.status());
    }
    // Of copies of one journal, only what both have can be alike.
    let first = if copies { Start::of(&a)?.seq.max(Start::of(&b)?.seq).0 + 1 } else { 0 };
    let wanted = Wanted { bodies: false, from: Seq(first), ..Wanted::default() };
    let mut progress = Progress::new();
    let (left, left_end) = chart(&a, &wanted, &mut |inputs| progress.show(inputs))?;
    let (right, right_end) = chart(&b, &wanted, &mut |inputs| progress.show(inputs))?;
    progress.clear();
    let alignment = align(&left, &right);
    let json = args.json.then(|| {
        let mut object = alignment.to_json();
        object["beginsA"] = left.begins.map(|begins| begins.to_json()).into();
        object["beginsB"] = right.begins.map(|begins| begins.to_json()).into();
        object
    });
    let begins = |name, chart: &Chart| {
        chart.begins.map_or_else(String::new, |begins| format!("{name}: {begins}\n"))
    };
    let text = format!("{}{}{alignment}", begins("A", &left), begins("B", &right));
    print(json, &text)?;
    for ending in [left_end, right_end] {
        let status = ending.status();
        if status != Status::Good {
            return Ok(status);
        }
    }
    Ok(differs(!alignment.differences.is_empty()))
}

fn differs(differs: bool) -> Status {
    if differs { Status::Diverged } else { Status::Good }
}

fn run_build(build: &Path, dir: &Path, json: bool) -> Result<Status, PlayError> {
    let own = own_build()?;
    let mut progress = Progress::new();
    let agreement = compare([&own, build], dir, &mut |steps| progress.show(steps))?;
    progress.clear();
    print(json.then(|| agreement.to_json()), &agreement)?;
    Ok(differs(agreement.difference.is_some()))
}

/// The path of this program.
pub(super) fn own_build() -> Result<PathBuf, BuildError> {
    let failed = |source| BuildError::Run { build: PathBuf::from("this program"), source };
    std::env::current_exe().map_err(failed)
}

pub(super) fn run_digests(args: &DigestsArgs) -> Result<Status, PlayError> {
    let source = Source::open(&args.dir)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let ending = digests(&source, args.json, &mut out)?;
    out.flush()?;
    super::say_begins(ending.begins);
    Ok(ending.status())
}

pub(super) fn run_bisect(args: &BisectArgs) -> Result<Status, PlayError> {
    let source = Source::open(&args.dir)?;
    let mut tried = |build: &Path| super::say(&format_args!("trying {}", build.display()));
    let found = bisect(&args.builds, source.dir(), &mut tried)?;
    let name = |index: usize| args.builds[index].display().to_string();
    let in_doubt: Vec<String> = found.in_doubt().map(name).collect();
    let json = args.json.then(|| {
        let first = found.first.as_ref();
        let skipped = found
            .skipped
            .iter()
            .map(|(index, error)| json!({ "build": name(*index), "why": error.to_string() }));
        json!({
            "builds": args.builds.len(),
            "firstOther": first.map(|first| name(first.index)),
            "difference": first.map(|first| first.agreement.to_json()),
            "skipped": skipped.collect::<Vec<_>>(),
            "inDoubt": in_doubt,
        })
    });
    let mut text = String::new();
    for (_, error) in &found.skipped {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "skipped: {error}");
    }
    let asked = args.builds.len() - found.skipped.len();
    if let Some(FirstOther { index, agreement }) = &found.first {
        let _ = writeln!(text, "first other build: {}", name(*index));
        if !in_doubt.is_empty() {
            let _ = writeln!(text, "or one of those skipped before it: {}", in_doubt.join(", "));
        }
        let _ = write!(text, "{agreement}");
    } else {
        let _ = writeln!(text, "all {asked} builds that could be asked have the same outputs");
    }
    print(json, &text)?;
    Ok(differs(found.first.is_some()))
}

pub(super) fn run_what_if(args: &WhatIfArgs) -> Result<Status, PlayError> {
    let source = Source::open(&args.dir)?;
    let mut progress = Progress::new();
    let (found, ending) = what_if(&source, &args.set, &mut |inputs| progress.show(inputs))?;
    progress.clear();
    let mut text = ending.begins.map_or_else(String::new, |begins| format!("{begins}\n"));
    text.push_str(&found.alignment.to_string());
    if found.unheard > 0 {
        let unheard = format!("{} inputs are of agents that are not started then\n", found.unheard);
        text.push_str(&unheard);
    }
    let json = args.json.then(|| {
        let mut object = found.alignment.to_json();
        object["unheardInputs"] = found.unheard.into();
        object["addedTicks"] = found.ticks.into();
        object["begins"] = ending.begins.map(|begins| begins.to_json()).into();
        object
    });
    print(json, &text)?;
    match ending.status() {
        Status::Good => Ok(differs(!found.alignment.differences.is_empty())),
        other => Ok(other),
    }
}
