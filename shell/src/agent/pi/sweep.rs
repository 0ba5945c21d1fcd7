//! Finds what an agent has left running. The commands that pi runs have process groups of their own
//! and survive a pi that is killed; but all of them inherit a mark in their environment.

use std::os::fd::AsFd;
use std::path::Path;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// The environment variable that marks an agent and all its descendants.
pub(super) const MARK: &str = "PI_SERVER_SESSION";

/// The mark of a data directory: the same for every daemon life on it.
pub(super) fn data_dir_mark(data_dir: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;

    let real = data_dir.canonicalize().unwrap_or_else(|_| data_dir.to_owned());
    let hash = blake3::hash(real.as_os_str().as_bytes()).to_hex();
    hash[..16].to_owned()
}

/// Kills every process whose mark begins with `prefix`, this one excepted. Gives how many.
///
/// Processes are held by descriptor before they are looked at, so that a number that is used again
/// in between cannot lead to the wrong one.
pub(super) fn sweep(prefix: &str) -> usize {
    let wanted = format!("{MARK}={prefix}");
    let own = std::process::id().to_string();
    let Ok(processes) = std::fs::read_dir("/proc") else { return 0 };
    let mut killed = 0;
    for process in processes.flatten() {
        let name = process.file_name();
        let Some(name) = name.to_str().filter(|name| *name != own) else { continue };
        let Some(pid) = name.parse().ok().and_then(Pid::from_raw) else { continue };
        let Ok(held) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        let Ok(environment) = std::fs::read(process.path().join("environ")) else { continue };
        let marked = environment
            .split(|byte| *byte == 0)
            .any(|variable| variable.starts_with(wanted.as_bytes()));
        if marked && pidfd_send_signal(held.as_fd(), Signal::KILL).is_ok() {
            killed += 1;
        }
    }
    killed
}

/// Sweeps on a thread of its own: looking at every process of a machine takes milliseconds.
pub(super) fn sweep_aside(prefix: String) {
    let sweeping = std::thread::Builder::new().name("sweep".to_owned());
    // Without a thread nothing is swept; the next start of the daemon does it.
    drop(sweeping.spawn(move || sweep(&prefix)));
}
