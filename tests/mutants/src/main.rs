//! All mutants of the core in one build: the command line.

mod campaign;
mod compile;
mod error;
mod known;
mod list;
mod process;
mod report;
mod results;
mod sites;
mod stage;
mod tree;
mod weave;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::compile::Shop;
use crate::error::Error;
use crate::list::Mutant;
use crate::report::Report;
use crate::results::{Fate, Results, Verdict};
use crate::tree::Tree;

/// Changes the core in every place that `cargo mutants` would change, and expects tests to notice.
///
/// The mutants are those of `cargo mutants --list -p pi-server-core`, but they are compiled once, all
/// together, each behind a switch that an environment variable throws. So a mutant costs some runs
/// of tests and no build. What noticed it is the first to fail of: scripts, 20 runs of the model, the
/// core's other tests, the golden journals, and all runs of the model. Seeds are always the same.
#[derive(Parser)]
#[command(
    name = "pi-server-mutants",
    version,
    after_help = "\
Examples:
  pi-server-mutants                             the whole core, some twenty minutes
  pi-server-mutants --only core/src/state/lane  one file
  pi-server-mutants --only 'in Lane::enqueue'   one function
  pi-server-mutants --resume                    goes on after an interruption, or asks about the
                                                survivors again after tests were written

To see how the core behaves with a mutant, run a test program of the copy with its number, as
`--list` tells it: PI_SERVER_MUTANT=411 target/mutants-core/build/mutants/deps/scripts-…

A survivor that no test has to notice belongs into tests/mutants/survivors.toml, with the reason.

Needs git and cargo-mutants: cargo install cargo-mutants --locked

Exit status: 0 all is well; 1 a survivor is not in the list, or the list is wrong about one; 2 the
campaign could not be run."
)]
struct Cli {
    /// Only the mutants whose name has this in it.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    only: String,
    /// Lists the mutants with their numbers, and says which have no switch; runs nothing.
    #[arg(long)]
    list: bool,
    /// Writes a line of JSON for each mutant to this file, as soon as its fate is known.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Takes over from that file what it knows, except for survivors.
    #[arg(long)]
    resume: bool,
    /// How many mutants are tried at a time.
    #[arg(long, value_name = "N", default_value_t = 2)]
    jobs: usize,
    /// How many runs beside the model a mutant must survive.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    model_runs: u64,
    /// Where the copy of the workspace is kept, with what was built in it, for the next time.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match campaign(&cli) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("pi-server-mutants: {error}");
            ExitCode::from(2)
        }
    }
}

fn campaign(cli: &Cli) -> Result<ExitCode, Error> {
    let begun = Instant::now();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().map_err(|error| Error::File { path: root, error })?;
    let mutants = list::all(&root)?;
    let mut tree = Tree::read(&root, &mutants)?;
    let asked: Vec<&Mutant> = mutants.iter().filter(|one| one.name.contains(&cli.only)).collect();
    if cli.list {
        print!("{}", report::list(&asked, &tree));
        return Ok(ExitCode::SUCCESS);
    }
    let known = known::List::read(&root.join("tests/mutants/survivors.toml"), &mutants)?;
    let keep = cli.keep.clone().unwrap_or_else(|| compile::usual_place(&root));
    let shop = Shop { copy: keep.join("tree"), target: keep.join("build"), jobs: cli.jobs };
    std::fs::create_dir_all(&shop.copy)
        .map_err(|error| Error::File { path: shop.copy.clone(), error })?;
    let json = cli.json.clone().unwrap_or_else(|| keep.join("results.jsonl"));
    let mut results = Results::open(&json, cli.resume)?;
    let mut tell = |words: &str| eprintln!("{:>5} s  {words}", begun.elapsed().as_secs());

    tree.copy(&root, &shop.copy)?;
    compile::cull(&shop, &mut tree, &mut tell)?;
    let programs = compile::tests(&shop)?;
    tell("built");
    let stages = stage::prepare(&programs, cli.model_runs, &keep.join("reached"), &mut tell)?;

    let mut report = Report::new(&known);
    let mut open = Vec::new();
    for mutant in asked {
        let settled = results.settled(&mutant.name).cloned();
        match (without_run(mutant, &tree), settled) {
            (Some(verdict), known) => {
                if known.as_ref() != Some(&verdict) {
                    results.add(&verdict)?;
                }
                report.add(mutant, verdict);
            }
            (None, Some(verdict)) => report.add(mutant, verdict),
            (None, None) => open.push(mutant),
        }
    }
    let (count, mut done) = (open.len(), 0);
    campaign::run(&open, &stages, cli.jobs, &mut |mutant, verdict| {
        done += 1;
        if verdict.fate == Fate::Survived || done % 100 == 0 {
            tell(&format!("{done} of {count}: {:?} {}", verdict.fate, verdict.name));
        }
        results.add(&verdict)?;
        report.add(mutant, verdict);
        Ok(())
    })?;
    let (words, is_well) = report.finish(begun.elapsed());
    print!("{words}");
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The verdict over a mutant that cannot be tried.
fn without_run(mutant: &Mutant, tree: &Tree) -> Option<Verdict> {
    let (fate, note) = if let Some(why) = tree.left_out.get(&mutant.number) {
        (Fate::LeftOut, why.words())
    } else if tree.broken.contains(&mutant.number) {
        (Fate::DoesNotCompile, "")
    } else {
        return None;
    };
    Some(Verdict { name: mutant.name.clone(), fate, note: note.into() })
}
