//! `pi-server`: see `pi-server --help`.

use std::env;
use std::process::ExitCode;

use pi_server::agent::{CHILD_COMMAND, child_main};

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == CHILD_COMMAND) {
        // Becomes an agent, and comes back only if that fails.
        let error = child_main(arguments);
        eprintln!("pi-server {CHILD_COMMAND}: {error}");
        return ExitCode::from(127);
    }
    pi_server::cli::main()
}
