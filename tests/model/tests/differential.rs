//! Random runs of the state machine under the invariants and beside the model.
//!
//! `MODEL_RUNS=1000000 cargo test --release -p pi-server-model` is the long campaign;
//! `MODEL_SEED=n` repeats one run; `MODEL_FROM=n` begins there; `MODEL_FAILURES=n` stops after so
//! many different failures.

use pi_server_model::entropy::Entropy;
use pi_server_model::sometimes::Sometimes;
use pi_server_model::{run, shrink};

const RUNS: u64 = 1_000;
const STEPS: usize = 120;
/// So many runs must have come to every situation sometimes.
const CAMPAIGN: u64 = 100_000;
/// After so many failures more would not help.
const FAILURES_MAX: usize = 8;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn random_runs_keep_every_rule() {
    let seeds = if let Some(seed) = number("MODEL_SEED") {
        seed..seed + 1
    } else {
        let from = number("MODEL_FROM").unwrap_or(0);
        from..from + number("MODEL_RUNS").unwrap_or(RUNS)
    };
    let most =
        number("MODEL_FAILURES").map_or(FAILURES_MAX, |most| usize::try_from(most).unwrap_or(1));
    let runs = seeds.end - seeds.start;
    let (mut inputs, mut topics, mut failures) = (0, Vec::new(), Vec::new());
    let mut sometimes = Sometimes::new();
    for seed in seeds {
        match run::run_noting(Entropy::Seed(seed), STEPS, &mut sometimes) {
            Ok(list) => inputs += list.len(),
            Err(broken) => {
                let small = shrink::shrink(&broken);
                let plain = small.rule.replace(|c: char| c.is_ascii_digit(), "");
                if topics.contains(&plain) {
                    continue;
                }
                topics.push(plain);
                let script = run::script(&small.inputs);
                failures.push(format!("{script}MODEL_SEED={seed}: {}", small.rule));
                if failures.len() >= most {
                    break;
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    println!("{sometimes}{inputs} inputs");
    let never = sometimes.never();
    assert!(runs < CAMPAIGN || never.is_empty(), "never met: {}", never.join(", "));
}
