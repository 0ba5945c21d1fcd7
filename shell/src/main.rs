//! `pi-server`: see `pi-server --help`.

use std::env;
use std::process::ExitCode;

use pi_server::agent::{CHILD_COMMAND, child_main};
use tikv_jemallocator::Jemalloc;

/// Threads of its own give back what a burst has left behind; the system's allocator keeps it.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == CHILD_COMMAND) {
        return match child_main(arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                pi_server_system::complain!("pi-server {CHILD_COMMAND}: {error}");
                ExitCode::from(127)
            }
        };
    }
    pi_server::cli::main()
}
