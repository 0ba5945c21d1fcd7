//! The same inputs give the same outputs in every process: other addresses, other hash seeds, other
//! environment. The test runs itself as a child for that.

use std::fmt::Write as _;
use std::process::Command;

use pi_server_core::record::digest_outputs;
use pi_server_core::{Outputs, State};
use pi_server_model::entropy::Entropy;
use pi_server_model::run;

const CHILD: &str = "MODEL_DETERMINISM_CHILD";
const RUNS: u64 = 40;
const STEPS: usize = 150;

/// One line for each run: a digest of the digests of all of its outputs, and of its last state.
fn digests() -> String {
    let mut text = String::new();
    for seed in 0..RUNS {
        let inputs = run::run(Entropy::Seed(seed), STEPS).expect("the run keeps every rule");
        let (mut state, mut outputs, mut scratch) = (State::new(), Outputs::new(), Vec::new());
        let mut all = Vec::new();
        for input in &inputs {
            state.step(input, &mut outputs);
            all.extend_from_slice(&digest_outputs(outputs.as_slice(), &mut scratch).0);
        }
        all.extend_from_slice(&state.encode());
        let whole = pi_server_core::record::Secret::new([1; 32]).digest(&all);
        writeln!(text, "run {seed} {} inputs {whole}", inputs.len()).expect("a string takes text");
    }
    text
}

#[test]
fn two_processes_agree_on_every_output() {
    if std::env::var_os(CHILD).is_some() {
        print!("{}", digests());
        return;
    }
    let here = digests();
    let test = std::env::current_exe().unwrap();
    for (zone, locale) in [("UTC", "C"), ("Asia/Kathmandu", "tr_TR.UTF-8")] {
        let child = Command::new(&test)
            .args(["--exact", "two_processes_agree_on_every_output", "--nocapture"])
            .env(CHILD, "1")
            .env("TZ", zone)
            .env("LC_ALL", locale)
            .env("RUST_MIN_STACK", "4000000")
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        let said = String::from_utf8(child.stdout).unwrap();
        // The harness writes its own lines around ours, and one in front without a line end.
        let there: String = said
            .lines()
            .filter_map(|line| line.find("run ").map(|at| &line[at..]))
            .filter(|line| line.contains(" inputs "))
            .flat_map(|line| [line, "\n"])
            .collect();
        assert_eq!(there, here, "a process under {zone} and {locale} computes other outputs");
    }
}
