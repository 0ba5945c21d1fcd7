//! The programs under test, built with the profile of the tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The path of `pi-server` or `pi-replay`.
///
/// # Panics
/// They cannot be built.
pub fn program(name: &str) -> PathBuf {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(build).join(name)
}

/// Builds both programs once and returns the directory they are in. A package's tests do not build
/// the programs of another package, so this does; it costs nothing when they are up to date.
fn build() -> PathBuf {
    if let Some(dir) = std::env::var_os("PI_SERVER_TEST_BIN_DIR") {
        return PathBuf::from(dir);
    }
    build_with_profile(&["-p", "pi-server", "-p", "pi-replay", "--bins"])
}

/// Builds with the profile of this test, and returns the directory of the profile.
fn build_with_profile(what: &[&str]) -> PathBuf {
    let dir = profile_dir();
    let target = dir.parent().expect("a profile's directory lies in the target directory");
    let mut build = cargo_build(target, what);
    if dir.file_name().is_some_and(|profile| profile == "release") {
        build.arg("--release");
    }
    finish(build);
    dir
}

/// A build into a target directory, not yet run.
fn cargo_build(target: &Path, what: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--target-dir"]).arg(target).args(what);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    build
}

fn finish(mut build: Command) {
    let status = build.status().expect("cargo can be run");
    assert!(status.success(), "the programs under test cannot be built: {status}");
}

/// The directory of the profile that this test was built with.
fn profile_dir() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    // <target>/<profile>/deps/<test>
    let dir = test.ancestors().nth(2).expect("tests lie two levels below the profile's directory");
    dir.to_path_buf()
}

/// The transport without a daemon: the example `echo` of the shell.
///
/// # Panics
/// It cannot be built.
pub fn echo() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM
        .get_or_init(|| {
            build_with_profile(&["-p", "pi-server", "--example", "echo"]).join("examples/echo")
        })
        .clone()
}

/// A `pi-replay` whose core has one other rule: what depends on a command that failed runs, where
/// else it fails too. It is built into a directory of its own, so that nothing else gets the rule.
///
/// # Panics
/// It cannot be built.
pub fn other_replay() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let target = profile_dir().with_file_name("other-rule");
        let mut build = cargo_build(&target, &["-p", "pi-replay", "--bins"]);
        build.env("RUSTFLAGS", "--cfg pi_server_other_rule");
        finish(build);
        target.join("debug/pi-replay")
    };
    PROGRAM.get_or_init(build).clone()
}
