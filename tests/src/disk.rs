//! Small disks for tests: a file system in memory, mounted where nobody else sees it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::programs::program;

const UNSHARE: [&str; 5] = ["--user", "--map-root-user", "--mount", "sh", "-c"];

/// A command that runs a shell script in a mount namespace of its own, in which it may mount. The
/// script has `dir` as `$0` and the `pi-server` under test as `$1`. Not every system lets a test do
/// that, so whatever uses it stands behind the feature `mounts`.
pub fn with_mounts(script: &str, dir: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(UNSHARE).arg(script).arg(dir).arg(program("pi-server")).stdin(Stdio::null());
    command
}
