//! The incident investigator on journals of the real daemon. One binary, a module a subject.

mod bundles;
mod checked;
mod compare;
mod dropped;
mod export;
mod guide;
mod incident;
#[cfg(feature = "other-build")]
mod other_rule;
#[cfg(feature = "browser")]
mod page;
mod perfetto;
mod planted;
mod show;
mod smaller;
mod step;
mod table;
mod trimmed;
mod veiled;

use std::path::Path;
use std::process::{Command, Output};

use pi_server_tests::programs::program;
use serde_json::Value;

/// Runs `pi-replay`.
fn replay(args: &[&str]) -> Output {
    Command::new(program("pi-replay")).args(args).output().expect("pi-replay can be run")
}

/// Runs `pi-replay`, which must end with this status, and returns what it printed.
fn replay_ends(status: i32, args: &[&str]) -> String {
    let output = replay(args);
    let error = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(status), "pi-replay {args:?}: {error}\n{text}");
    text
}

/// The same, and what it printed is one JSON object.
fn replay_json(status: i32, args: &[&str]) -> Value {
    serde_json::from_str(&replay_ends(status, args)).expect("one JSON value")
}

/// A path as an argument.
fn arg(path: &Path) -> &str {
    path.to_str().expect("a path of the test is text")
}
