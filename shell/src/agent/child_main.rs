//! What the hidden subcommand does that stands between the daemon and each agent: it has the agent end
//! when the daemon dies, and then becomes the agent.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// Name of the hidden subcommand.
pub const CHILD_COMMAND: &str = "__child";

/// Becomes the agent: `PARENT PROGRAM ARGUMENTS…`, where `PARENT` is the process number of the daemon.
/// Returns only if that fails.
///
/// The death signal is the polite one, so that the agent can end its own commands. It survives the
/// change of program; the daemon itself could only set it between fork and exec, which takes unsafe
/// code.
pub fn child_main(arguments: impl IntoIterator<Item = OsString>) -> io::Error {
    let mut arguments = arguments.into_iter();
    let usage = || io::Error::new(io::ErrorKind::InvalidInput, "for the daemon only");
    let parent = arguments.next().and_then(|text| text.to_str()?.parse::<i32>().ok());
    let (Some(parent), Some(program)) = (parent, arguments.next()) else { return usage() };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::TERM)) {
        return error.into();
    }
    // The daemon may have died before the line above.
    if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(parent) {
        return io::Error::other("the daemon is gone");
    }
    Command::new(program).args(arguments).exec()
}
