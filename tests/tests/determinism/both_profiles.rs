//! Journals of one build in the hands of the other. Needs `cargo build && cargo build --release`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output as Ran};

use pi_server_tests::Setup;
use pi_server_tests::frames::{get_state, session};
use pi_server_tests::programs::program;

use super::busy_lives;

/// The folder of this build's programs, and that of the other profile.
fn profiles() -> [PathBuf; 2] {
    let own = program("pi-server").parent().expect("a program lies in a folder").to_owned();
    let other = if own.ends_with("release") { "debug" } else { "release" };
    let other = own.with_file_name(other);
    [own, other]
}

fn verified(programs: &Path, dir: &Path) -> Ran {
    Command::new(programs.join("pi-replay"))
        .arg("verify")
        .arg(dir)
        .output()
        .expect("pi-replay can be run")
}

#[test]
fn a_journal_of_a_release_build_verifies_with_a_debug_build_and_the_reverse() {
    let [own, other] = profiles();
    for (writer, reader) in [(&own, &other), (&other, &own)] {
        let mut daemon = busy_lives(Setup::new().programs(writer));
        let output = verified(reader, daemon.dir());
        assert!(
            output.status.success(),
            "{} differs from {}:\n{}{}",
            reader.display(),
            writer.display(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        // The other build goes on where the one has stopped, and the one takes it back.
        daemon.restart_with_programs(reader);
        session(&mut daemon.websocket(), "later");
        daemon.kill9();
        daemon.restart_with_programs(writer);
        daemon.websocket().ok(get_state("", "later"));
        assert!(verified(reader, daemon.dir()).status.success());
    }
}
