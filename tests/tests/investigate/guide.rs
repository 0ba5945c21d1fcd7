//! docs/guides/incident.md, command by command as it is written.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use pi_server_tests::Daemon;
use pi_server_tests::programs::program;
use serde_json::json;

use crate::incident::{incident, prompt, tree};

/// The lines of the `sh` blocks, each with the status that it must end with.
fn commands(guide: &str) -> Vec<(String, i32)> {
    let blocks = guide.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let lines = blocks.flat_map(|(block, _)| block.lines());
    lines
        .map(|line| match line.split_once(" # status ") {
            Some((command, status)) => (command.to_owned(), status.parse().expect("a status")),
            None => (line.to_owned(), 0),
        })
        .collect()
}

fn script(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("set");
}

/// A quieter day than the incident, with the same ids.
fn yesterday() -> Daemon {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    client.ok(json!({ "type": "create_session", "sessionId": "alpha" }));
    for id in ["p1", "bad"] {
        client.send(&prompt(id, "alpha", "[say:fine] [delay:0]"));
        assert_eq!(client.response(id)["success"], true);
    }
    daemon.stop();
    daemon
}

#[test]
fn every_command_of_the_guide_does_what_it_says() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides/incident.md");
    let commands = commands(&std::fs::read_to_string(guide).expect("the guide"));
    assert!(commands.len() > 20, "{commands:?}");
    let (daemon, before) = (incident(), yesterday());
    let work = tempfile::tempdir().expect("a directory");
    let at = |name: &str| work.path().join(name);
    for (name, source) in [("data", daemon.dir()), ("yesterday", before.dir())] {
        for (path, bytes) in tree(source) {
            let copy = at(name).join(path.strip_prefix(source).expect("below"));
            std::fs::create_dir_all(copy.parent().expect("a folder")).expect("made");
            std::fs::write(copy, bytes).expect("written");
        }
    }
    for folder in ["fuzz/corpus/frame_decoder", "core/tests/scripts"] {
        std::fs::create_dir_all(at(folder)).expect("made");
    }
    let real = program("pi-replay");
    let plain = format!("#!/bin/sh\nexec '{}' \"$@\"\n", real.display());
    script(&at("pi-replay-old"), &plain);
    script(&at("pi-replay-now"), &plain);
    let other = "awk '$1 == 9 && NF == 2 { $2 = 0 } { print }'";
    let next = format!("#!/bin/sh\n'{}' \"$@\" | {other}\n", real.display());
    script(&at("pi-replay-next"), &next);
    let data = tree(&at("data"));
    let path = format!(
        "{}:{}",
        real.parent().expect("a folder").display(),
        std::env::var("PATH").expect("a path")
    );
    for (command, status) in commands {
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(work.path())
            .env("PATH", &path)
            .output()
            .expect("sh can be run");
        let (text, error) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{command}\n{text}\n{error}");
    }
    assert_eq!(tree(&at("data")), data, "reading writes nothing");
    let kept = std::fs::read_to_string(at("core/tests/scripts/90-bad-prompt.txt")).expect("kept");
    assert!(kept.contains("\"bad\" prompt"), "{kept}");
    let inputs = kept.lines().filter(|line| line.starts_with('t')).count();
    assert!(inputs < 12, "{inputs} inputs are not few:\n{kept}");
}
