//! The simulator's command line.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use clap::Parser;
use pi_server_sim::matrix::Matrix;
use pi_server_sim::run::{Options, Outcome, current_seed, run};
use serde_json::json;

/// Campaigns of so many seeds must leave no cell of the fault matrix empty.
const FULL_CAMPAIGN: u64 = 2_000;

/// Runs the daemon's own logic in a faulty world, in virtual time, from one seed.
///
/// Each run lives through crashes, failing disks, vanishing clients, lying agents and jumping clocks;
/// then everything must come to rest, and the journal must account for every frame that any client
/// was sent. A seed always gives the same run.
#[derive(Parser)]
#[command(
    name = "pi-server-sim",
    version,
    after_help = "\
Examples:
  pi-server-sim --seed 4711              one run; the digest says whether two runs were the same
  pi-server-sim --seed 4711 --trace      the same, telling what happens
  pi-server-sim --seeds 0..10000         a campaign, with the fault matrix at its end
  pi-server-sim --fresh 1000             a campaign from a random seed, which is printed

Exit status: 0 all is well; 1 a run failed, or a campaign of 2000 seeds or more left a cell of the
matrix empty; 2 wrong usage."
)]
struct Cli {
    /// Runs this seed.
    #[arg(long, value_name = "N", conflicts_with_all = ["seeds", "fresh"])]
    seed: Option<u64>,
    /// Runs the seeds from A up to, and without, B.
    #[arg(long, value_name = "A..B", value_parser = range, conflicts_with = "fresh")]
    seeds: Option<(u64, u64)>,
    /// Runs so many seeds from a random one on.
    #[arg(long, value_name = "COUNT")]
    fresh: Option<u64>,
    /// Tells what happens. Of one seed.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Ends a campaign after so many failures.
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    failures: u64,
    /// How many threads run seeds, each run on one; as many as there are processors by default.
    #[arg(long, value_name = "COUNT", default_value_t = processors())]
    jobs: u64,
    /// Verifies the journal of every so manieth seed with the offline tool, too; 0 for none.
    #[arg(long, value_name = "N", default_value_t = 10)]
    verify_every: u64,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

fn processors() -> u64 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u64)
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let (from, to) = text.split_once("..").ok_or("must be A..B, as in 0..1000")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    let (from, to) = (number(from)?, number(to)?);
    if from < to { Ok((from, to)) } else { Err("must not be empty".into()) }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Release builds abort at a panic, so the seed is told here.
    std::panic::set_hook(Box::new(|panic| {
        let seed = current_seed();
        println!(
            "seed {seed}: {panic}\n  cargo run -p pi-server-sim --release -- --seed {seed} --trace"
        );
    }));
    match (cli.seed, cli.seeds, cli.fresh) {
        (Some(seed), _, _) => one(&cli, seed),
        (None, Some((from, to)), _) => campaign(&cli, from, to),
        (None, None, fresh) => {
            let mut bytes = [0; 4];
            if getrandom::fill(&mut bytes).is_err() {
                eprintln!("pi-server-sim: there is no randomness; name seeds with --seeds");
                return ExitCode::from(2);
            }
            let from = u64::from(u32::from_le_bytes(bytes));
            campaign(&cli, from, from + fresh.unwrap_or(100).max(1))
        }
    }
}

fn one(cli: &Cli, seed: u64) -> ExitCode {
    let outcome = run(seed, Options { trace: cli.trace, verify: true });
    print!("{}", outcome.trace);
    if cli.json {
        println!("{}", to_json(&outcome));
    } else {
        println!(
            "seed {seed}: {} inputs, {} lives, digest {}: {}",
            outcome.inputs,
            outcome.lives,
            outcome.digest,
            outcome.failure.as_deref().unwrap_or("all is well")
        );
    }
    ExitCode::from(u8::from(outcome.failure.is_some()))
}

fn campaign(cli: &Cli, from: u64, to: u64) -> ExitCode {
    let begun = Instant::now();
    let next = AtomicU64::new(from);
    let (sender, outcomes) = mpsc::channel();
    let (mut matrix, mut failures) = (Matrix::default(), Vec::new());
    let (mut runs, mut inputs, mut lives) = (0_u64, 0_u64, 0_u64);
    std::thread::scope(|scope| {
        for _ in 0..cli.jobs.max(1) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let verify = cli.verify_every > 0 && seed.is_multiple_of(cli.verify_every);
                    if seed >= to
                        || sender.send(run(seed, Options { trace: false, verify })).is_err()
                    {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for outcome in outcomes {
            runs += 1;
            inputs += outcome.inputs;
            lives += outcome.lives;
            matrix.add(&outcome.matrix);
            if let Some(failure) = &outcome.failure {
                if !cli.json {
                    println!("seed {}: {failure}", outcome.seed);
                    println!(
                        "  cargo run -p pi-server-sim --release -- --seed {} --trace",
                        outcome.seed
                    );
                }
                failures.push(outcome);
                if failures.len() as u64 >= cli.failures {
                    next.store(to, Ordering::Relaxed);
                }
            }
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    let empty = matrix.empty_cells();
    let is_full = to - from < FULL_CAMPAIGN || empty.is_empty();
    if cli.json {
        println!(
            "{}",
            json!({
                "from": from, "to": to, "runs": runs, "inputs": inputs, "lives": lives,
                "seconds": seconds,
                "failures": failures.iter().map(to_json).collect::<Vec<_>>(),
                "emptyCells": empty.iter().map(|(f, s)| format!("{} x {}", f.name(), s.name())).collect::<Vec<_>>(),
                "never": matrix.never().iter().map(|what| what.name()).collect::<Vec<_>>(),
            })
        );
    } else {
        print!("{matrix}");
        for (fault, situation) in &empty {
            println!("never met: {} x {}", fault.name(), situation.name());
        }
        for what in matrix.never() {
            println!("never happened: {}", what.name());
        }
        println!(
            "seeds {from}..{to}: {runs} runs, {lives} lives, {inputs} inputs, {} failures, \
             {seconds:.1} s",
            failures.len()
        );
    }
    ExitCode::from(u8::from(!failures.is_empty() || !is_full))
}

fn to_json(outcome: &Outcome) -> serde_json::Value {
    json!({
        "seed": outcome.seed, "inputs": outcome.inputs, "lives": outcome.lives,
        "digest": outcome.digest, "failure": outcome.failure,
    })
}
