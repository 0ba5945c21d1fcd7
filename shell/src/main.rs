//! `pi-server`: see `pi-server --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    pi_server::cli::main()
}
