//! Small disks for tests: a file system in memory, mounted where nobody else sees it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::programs::program;

const UNSHARE: [&str; 5] = ["--user", "--map-root-user", "--mount", "sh", "-c"];

/// A command that runs a shell script in a mount namespace of its own, in which it may mount. The
/// script has `dir` as `$0` and the `pi-server` under test as `$1`.
///
/// `None`, with a word about it, where the system does not let a test mount anything.
pub fn with_mounts(script: &str, dir: &Path) -> Option<Command> {
    let tried = Command::new("unshare")
        .args(UNSHARE)
        .arg("mount -t tmpfs none \"$0\"")
        .arg(dir)
        .stderr(Stdio::null())
        .status();
    if !tried.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: this system does not let a test mount a file system of its own");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(UNSHARE).arg(script).arg(dir).arg(program("pi-server")).stdin(Stdio::null());
    Some(command)
}
