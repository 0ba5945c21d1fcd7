//! What is left out of a result is nowhere in it.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its journal has failed")]

mod common;

use std::path::Path;

use common::{Scribe, binary, json, tree};
use pi_server_core::input::InputKind;

/// Two clients with a session each, bad frames of both, and words that nobody else should read.
fn two_clients(dir: &Path) {
    let mut scribe = Scribe::open(dir, 1 << 20);
    scribe.boot(true);
    let (one, two) = (scribe.client(Some("mine")), scribe.client(Some("theirs")));
    scribe.session(one, "a", 1);
    scribe.session(two, "b-secret", 2);
    scribe.turn(one, "a", 1, "in-a", 1);
    scribe.turn(two, "b-secret", 2, "hunter2", 1);
    scribe.frame(two, r#"{"id":"bad-secret","type":"no_such_command"}"#);
    scribe.take(InputKind::Closed { conn: one }, &[]);
    scribe.take(InputKind::Closed { conn: two }, &[]);
    scribe.stop();
}

#[test]
fn an_export_of_one_session_tells_nothing_of_another_and_its_clients() {
    let dir = tempfile::tempdir().unwrap();
    two_clients(dir.path());
    for format in ["jsonl", "html", "md", "perfetto"] {
        let arguments = ["export", "--format", format, "--session", "a"];
        let output = binary(&arguments, dir.path());
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("in-a"), "{format}: {text}");
        for word in ["theirs", "secret", "hunter2", "no_such_command"] {
            assert!(!text.contains(word), "{format} tells {word}");
        }
        if format == "jsonl" {
            let about = |what: &str| text.matches(&format!("\"type\":\"{what}\"")).count();
            assert_eq!([about("open"), about("close"), about("boot"), about("stop")], [1; 4]);
        }
    }
}

#[test]
fn a_corpus_is_made_without_what_a_policy_names() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, out) = (dir.path().join("journal"), dir.path().join("seeds"));
    std::fs::create_dir(&journal).unwrap();
    two_clients(&journal);
    let policy = dir.path().join("policy.json");
    std::fs::write(&policy, r#"{"rules":[{"words":["hunter2"]},{"pointers":["/message"]}]}"#)
        .unwrap();
    let made = |out: &Path, more: &[&str]| {
        let arguments = [&["corpus", "--json", "-o", out.to_str().unwrap()], more].concat();
        let output = binary(&arguments, &journal);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        (
            json(&output),
            String::from_utf8(tree(out).into_iter().flat_map(|(_, it)| it).collect()).unwrap(),
        )
    };
    let (_, all) = made(&dir.path().join("all"), &[]);
    assert!(all.contains("hunter2") && all.contains("say in-a"), "{all}");
    let (told, left) = made(&out, &["--redact", policy.to_str().unwrap()]);
    assert_eq!(told["script"], true, "{told}");
    assert!(!left.contains("hunter2") && !left.contains("say in-a"), "{left}");
    assert!(left.contains("prompt") && left.contains("b-secret"), "{left}");
    let again = dir.path().join("again");
    let script = out.join("script.txt");
    let arguments = ["corpus", "-o", again.to_str().unwrap(), "--script", script.to_str().unwrap()];
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pi-replay"));
    assert!(command.args(arguments).status().unwrap().success(), "it is a script still");
}
