//! Finds what agents have left running. The commands that pi runs have process groups of their own
//! and survive a pi that is killed; but all of them inherit a mark in their environment.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// The environment variable that marks an agent and all its descendants. Its value is
/// `DIRECTORY:LIFE:SESSION:AGENT`.
pub(in crate::agent) const MARK: &str = "PI_SERVER_SESSION";

/// The mark of a data directory: the same for every daemon life on it.
pub(super) fn data_dir_mark(data_dir: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;

    let real = data_dir.canonicalize().unwrap_or_else(|_| data_dir.to_owned());
    let hash = blake3::hash(real.as_os_str().as_bytes()).to_hex();
    hash[..16].to_owned()
}

/// The mark of this daemon life, within that of its data directory.
pub(super) fn life_mark() -> String {
    let since_epoch = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!("{}-{}", std::process::id(), since_epoch.as_micros())
}

/// Every process whose mark begins with `prefix`, this one excepted.
///
/// Processes are held by descriptor before they are looked at, so that a number that is used again
/// in between cannot lead to the wrong one.
pub(in crate::agent) fn marked(prefix: &str) -> Vec<OwnedFd> {
    let wanted = format!("{MARK}={prefix}");
    let own = std::process::id().to_string();
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let is_marked = |environment: Vec<u8>| {
        environment.split(|byte| *byte == 0).any(|it| it.starts_with(wanted.as_bytes()))
    };
    let mut found = Vec::new();
    for process in processes.flatten() {
        let name = process.file_name();
        let Some(name) = name.to_str().filter(|name| *name != own) else { continue };
        let Some(pid) = name.parse().ok().and_then(Pid::from_raw) else { continue };
        let Ok(held) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        if std::fs::read(process.path().join("environ")).is_ok_and(is_marked) {
            found.push(held);
        }
    }
    found
}

/// Kills every process whose mark begins with `prefix`.
pub(in crate::agent) fn sweep(prefix: &str) {
    for process in marked(prefix) {
        // One that has ended meanwhile is just as well.
        let _ = pidfd_send_signal(process.as_fd(), Signal::KILL);
    }
}

/// Sweeps on a thread of its own: looking at every process of a machine takes milliseconds.
pub(super) fn sweep_aside(prefix: String) {
    let sweeping = std::thread::Builder::new().name("sweep".to_owned());
    // Without a thread nothing is swept; the next start of the daemon does it.
    drop(sweeping.spawn(move || sweep(&prefix)));
}
