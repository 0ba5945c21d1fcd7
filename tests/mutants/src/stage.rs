//! The tests that have to notice a mutant, in the order in which they are asked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::compile::Program;
use crate::error::Error;
use crate::process::{Bounds, End, run};

/// No program that ends by itself comes near it.
const MEMORY_KIB: u64 = 4 << 20;
/// Even the quickest may take so long.
const SECONDS_MIN: u64 = 10;
/// How much longer than without a mutant a program may take.
const TIMES: u64 = 10;

/// One run of a test program.
pub(crate) struct Stage {
    pub(crate) name: String,
    program: Program,
    args: Vec<String>,
    env: Vec<(String, String)>,
    bounds: Bounds,
    /// The mutants that it comes to. It ends as if they were not there if it does not.
    reached: BTreeSet<u32>,
}

impl Stage {
    pub(crate) fn reaches(&self, mutant: u32) -> bool {
        self.reached.contains(&mutant)
    }

    /// Runs it with a mutant.
    pub(crate) fn try_on(&self, mutant: u32) -> Result<End, Error> {
        let mut env = self.env.clone();
        env.push(("PI_SERVER_MUTANT".into(), mutant.to_string()));
        Ok(run(&self.program, &self.args, &env, self.bounds)?.0)
    }
}

/// A test program, its arguments, and what is put into its environment.
type Run<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, u64)]);

/// All stages, each run twice without a mutant: once as it is, and once to see which it comes to.
pub(crate) fn prepare(
    programs: &BTreeMap<String, Program>,
    model_runs: u64,
    notes: &Path,
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<Stage>, Error> {
    // A few runs of the model find most of what there is to find, and the rest takes longer.
    let few = [("MODEL_RUNS", 20), ("MODEL_FAILURES", 1)];
    let all = [("MODEL_RUNS", model_runs), ("MODEL_FAILURES", 1)];
    // The core's own tests in parts, so that few mutants come to those that take long.
    let rest = ["--skip", "record::", "--skip", "wire::"];
    let plan: [Run; 9] = [
        ("core scripts", &[], &[]),
        ("tests/model differential", &[], &few),
        ("core protocol", &[], &[]),
        ("core journal_format", &[], &[]),
        ("core lib", &["wire::"], &[]),
        ("core lib", &["record::"], &[]),
        ("core lib", &rest, &[]),
        ("tests determinism", &["golden"], &[]),
        ("tests/model differential", &[], &all),
    ];
    let mut stages = Vec::new();
    for (program, args, env) in plan {
        let part = args.first().map(|part| format!(" {part}")).unwrap_or_default();
        let runs = env.first().map(|(_, runs)| format!(" {runs}")).unwrap_or_default();
        let name = format!("{program}{part}{runs}");
        let missing = || Error::Baseline { stage: name.clone(), words: "was not built".into() };
        let mut stage = Stage {
            program: programs.get(program).ok_or_else(missing)?.clone(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: env.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect(),
            bounds: Bounds { seconds: 600, memory_kib: MEMORY_KIB },
            reached: BTreeSet::new(),
            name,
        };
        let took = baseline(&stage, &[])?;
        stage.bounds.seconds = SECONDS_MIN.max(took * TIMES / 1000);
        stage.reached = reached(&stage, notes)?;
        tell(&format!("{}: {took} ms, comes to {} mutants", stage.name, stage.reached.len()));
        stages.push(stage);
    }
    Ok(stages)
}

/// Runs a stage without a mutant, which must pass; says how many milliseconds it took.
fn baseline(stage: &Stage, more: &[(String, String)]) -> Result<u64, Error> {
    let env = [&stage.env, more].concat();
    let (end, took) = run(&stage.program, &stage.args, &env, stage.bounds)?;
    let words = match end {
        End::Passed => return Ok(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        End::Failed(words) => words,
        End::TimedOut => "does not end".into(),
    };
    Err(Error::Baseline { stage: stage.name.clone(), words })
}

fn reached(stage: &Stage, notes: &Path) -> Result<BTreeSet<u32>, Error> {
    let fail = |error| Error::File { path: notes.to_owned(), error };
    fs::write(notes, "").map_err(fail)?;
    let more = [
        ("PI_SERVER_MUTANT".to_owned(), "reach".to_owned()),
        ("PI_SERVER_MUTANT_REACHED".to_owned(), notes.display().to_string()),
    ];
    baseline(stage, &more)?;
    let notes = fs::read_to_string(notes).map_err(fail)?;
    Ok(notes.lines().filter_map(|line| line.parse().ok()).collect())
}
