//! What the hidden subcommand does, in two roles: it stands between the daemon and each agent, so
//! that the agent ends when the daemon dies; and it watches over all of them, so that nothing that
//! they run is left over.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use super::pi::sweep;
use crate::descriptors;

/// Name of the hidden subcommand.
pub const CHILD_COMMAND: &str = "__child";

/// First argument of the role that watches.
pub(super) const WATCH: &str = "watch";

/// How long agents have to end by themselves when the daemon has died.
const GRACE: Duration = Duration::from_secs(3);
/// Between two looks at who is left.
const LOOK: Duration = Duration::from_millis(100);

/// Plays a role, by its arguments: `watch PREFIX`, which returns when the daemon is gone and its
/// agents with it; or `PARENT PROGRAM ARGUMENTS…`, where `PARENT` is `parent_word`'s, which becomes
/// the agent.
///
/// # Errors
/// What keeps it from that.
pub fn child_main(arguments: impl IntoIterator<Item = OsString>) -> io::Result<()> {
    let mut arguments = arguments.into_iter();
    let usage = || io::Error::new(io::ErrorKind::InvalidInput, "for the daemon only");
    let role = arguments.next().and_then(|text| text.into_string().ok()).ok_or_else(usage)?;
    if role == WATCH {
        let prefix = arguments.next().and_then(|text| text.into_string().ok());
        return watch(&prefix.ok_or_else(usage)?);
    }
    let (parent, descriptors) = match role.split_once(':') {
        None => (&*role, None),
        Some((parent, descriptors)) => (parent, Some(descriptors.parse().map_err(|_| usage())?)),
    };
    let parent: i32 = parent.parse().map_err(|_| usage())?;
    if let Some(descriptors) = descriptors {
        descriptors::restore(descriptors);
    }
    let program = arguments.next().ok_or_else(usage)?;
    Err(become_agent(parent, program, arguments))
}

/// What an agent's wrapper is told of this process: its number and, if it is known, the limit of file
/// descriptors that it was given.
pub(super) fn parent_word() -> String {
    let pid = std::process::id();
    descriptors::given().map_or_else(|| pid.to_string(), |limit| format!("{pid}:{limit}"))
}

/// Becomes the agent; returns only if that fails.
///
/// The death signal is the polite one, so that the agent can end its own commands. It survives the
/// change of program; the daemon itself could only set it between fork and exec, which takes unsafe
/// code.
fn become_agent(
    parent: i32,
    program: OsString,
    arguments: impl Iterator<Item = OsString>,
) -> io::Error {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::TERM)) {
        return error.into();
    }
    // The daemon may have died before the line above.
    if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(parent) {
        return io::Error::other("the daemon is gone");
    }
    Command::new(program).args(arguments).exec()
}

/// Waits for the end of the daemon, which is the end of standard input, however it came; then gives
/// its agents some time, and kills what is left. Some versions of pi leave their commands running
/// when their own input ends first.
fn watch(prefix: &str) -> io::Result<()> {
    let mut nothing = [0; 64];
    while io::stdin().read(&mut nothing)? > 0 {}
    let patience = Instant::now() + GRACE;
    while !sweep::marked(prefix).is_empty() && Instant::now() < patience {
        std::thread::sleep(LOOK);
    }
    sweep::sweep(prefix);
    Ok(())
}
