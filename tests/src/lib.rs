//! Shared parts of the end-to-end tests: the real programs, started on temporary directories and
//! free ports, and clients that wait for frames and fail with everything they have seen.
//!
//! Nothing here sleeps to let something happen: every wait is for an event, with a time limit that
//! only a failure ever reaches.

#![allow(clippy::missing_panics_doc, reason = "a harness fails a test by panicking")]

pub mod client;
pub mod daemon;
pub mod disk;
pub mod fixtures;
pub mod frames;
pub mod journal;
pub mod programs;
pub mod provider;
pub mod worker;

pub use client::Client;
pub use daemon::{Daemon, Setup};

/// Longest wait for anything, before a test fails.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// Waits for what nothing announces, by looking again and again.
///
/// # Panics
/// It does not become true in time.
pub fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let patience = std::time::Instant::now() + PATIENCE;
    while !is_true() {
        assert!(std::time::Instant::now() < patience, "in vain: {what}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
