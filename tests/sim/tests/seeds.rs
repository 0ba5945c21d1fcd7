//! A fixed set of seeds and a few fresh ones, in every run of the tests. A failure prints its seed.

use pi_server_sim::run::{Options, run};

fn expect_well(seed: u64) {
    let outcome = run(seed, Options { trace: false, verify: true });
    if let Some(failure) = outcome.failure {
        panic!(
            "seed {seed}: {failure}\ncargo run -p pi-server-sim --release -- --seed {seed} --trace"
        );
    }
}

#[test]
fn a_fixed_set_of_seeds_is_well() {
    (0..12).for_each(expect_well);
}

#[test]
fn fresh_seeds_are_well() {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("there is randomness");
    let first = u64::from(u32::from_le_bytes(bytes));
    println!("fresh seeds from {first}");
    (first..first + 3).for_each(expect_well);
}

#[test]
fn a_seed_gives_the_same_run_twice() {
    for seed in [3, 8, 12] {
        let runs = [0, 1].map(|_| run(seed, Options::default()));
        assert_eq!(runs[0].digest, runs[1].digest, "seed {seed}");
        assert_eq!(runs[0].inputs, runs[1].inputs, "seed {seed}");
    }
}
