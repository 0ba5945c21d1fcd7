//! `pi-replay`: see `pi-replay --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    pi_replay::cli::main()
}
