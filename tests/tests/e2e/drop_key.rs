//! `pi-server journal drop-key`: the journal replays, and its digests mean nothing any more.

use std::path::Path;
use std::process::{Command, Output};

use pi_server_tests::Daemon;
use pi_server_tests::daemon::fails_to_start;
use pi_server_tests::programs::program;
use serde_json::{Value, json};

use crate::privacy::holding;
use crate::{prompt, session};

fn drop_key(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(program("pi-server"))
        .args(["journal", "drop-key", "--data-dir"])
        .arg(dir)
        .args(args)
        .output()
        .expect("pi-server can be run");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn replay(args: &[&str]) -> Output {
    Command::new(program("pi-replay")).args(args).output().expect("pi-replay can be run")
}

#[test]
fn a_journal_without_its_key_replays_and_is_not_gone_on_with() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.send(&prompt("p", "s", "[say:hello] [delay:0]"));
    client.response("p");
    drop(client);
    let (code, said) = drop_key(daemon.dir(), &["--yes"]);
    assert!(code == Some(4) && said.contains("in use"), "{code:?} {said}");
    assert!(daemon.stop().success());
    let key = std::fs::read(daemon.dir().join("journal.key")).expect("the key");
    // A life that ended while it wrote the key.
    std::fs::write(daemon.dir().join("new.tmp"), &key).expect("written");
    let (code, said) = drop_key(daemon.dir(), &[]);
    assert!(code == Some(0) && said.contains("nothing was dropped"), "{code:?} {said}");
    assert_eq!(holding(daemon.dir(), &key).len(), 2);
    let (code, said) = drop_key(daemon.dir(), &["--yes"]);
    assert!(code == Some(0) && said.contains("no daemon goes on"), "{code:?} {said}");
    assert!(holding(daemon.dir(), &key).is_empty());
    assert_eq!(drop_key(daemon.dir(), &["--yes"]), (Some(0), "there is no key\n".to_owned()));

    // What it says of what goes on, and of what does not.
    let report: Value =
        serde_json::from_slice(&daemon.replay(&["verify", "--json"]).stdout).expect("a report");
    assert_eq!((&report["verdict"], &report["key"]), (&json!("identical"), &json!("missing")));
    let dir = daemon.dir().to_string_lossy().into_owned();
    let out = tempfile::tempdir().expect("a directory");
    let path = |name: &str| out.path().join(name).to_string_lossy().into_owned();
    std::fs::write(path("policy"), "{}").expect("written");
    for args in [
        &["show", &dir][..],
        &["stats", &dir],
        &["diff", &dir, &dir],
        &["export", &dir, "--format", "md"],
        &["redact", &dir, "--policy", &path("policy"), "-o", &path("redacted")],
        &["bundle", &dir, "-o", &path("bundle")],
        &["migrate", &dir, "-o", &path("migrated")],
    ] {
        let output = replay(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
    }
    let with_key = replay(&["bundle", "--with-key", &dir, "-o", &path("with key")]);
    assert_eq!(with_key.status.code(), Some(2));
    let output = fails_to_start(daemon.dir(), &["--listen", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(3) && said.contains("journal drop-key"), "{said}");
    daemon.verify();
}

#[test]
fn a_copy_that_has_the_key_loses_it_too() {
    let mut daemon = Daemon::start();
    session(&mut daemon.websocket(), "s");
    assert!(daemon.stop().success());
    let out = tempfile::tempdir().expect("a directory");
    let copy = out.path().join("migrated");
    let output =
        replay(&["migrate", &daemon.dir().to_string_lossy(), "-o", &copy.to_string_lossy()]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("has the key"), "a copy says so: {said}");
    let (code, _) = drop_key(&copy, &["--yes"]);
    assert_eq!(code, Some(0));
    assert!(replay(&["verify", &copy.to_string_lossy()]).status.success());
    daemon.restart();
    assert!(daemon.stop().success(), "the original has its own");
}
