//! `--durability power` on a disk that fails to sync. Needs the feature `strace`.

use std::os::unix::fs::PermissionsExt as _;

use pi_server_tests::{Setup, programs};
use serde_json::{Value, json};

use crate::{prompt, session};

/// Exit status of a daemon whose storage failed.
const STORAGE_FAILED: i32 = 8;

/// The thirtieth sync of every thread fails, and every later one succeeds, as disks do it.
const WRAPPER: &str = r#"#!/bin/sh
exec strace -f -o /dev/null -e trace=fdatasync -e inject=fdatasync:error=EIO:when=30 PROGRAM "$@"
"#;

#[test]
fn after_a_failed_sync_nothing_is_answered_and_all_that_was_answered_is_there() {
    let wrapped = tempfile::tempdir().expect("a directory");
    let path = wrapped.path().join("pi-server");
    let program = programs::program("pi-server");
    let real = program.parent().expect("a folder");
    let script = WRAPPER.replace("PROGRAM", program.to_str().expect("a path in UTF-8"));
    std::fs::write(&path, script).expect("written");
    let executable = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&path, executable).expect("made executable");

    let power = || Setup::new().arg("--durability").arg("power");
    let mut daemon = power().programs(real).start();
    session(&mut daemon.websocket(), "s");
    assert!(daemon.stop().success());
    daemon.restart_with_programs(wrapped.path());
    let mut client = daemon.unix();
    let turn = prompt("p", "s", "[words:400] [delay:5]");
    let renames: Vec<Value> = (0..50)
        .map(|number| {
            json!({
                "id": format!("r{number}"), "type": "set_session_name", "sessionId": "s",
                "name": format!("name {number}"),
            })
        })
        .collect();
    // In one piece, so that all of it is sent before anything fails.
    let frames = renames.iter().chain([&turn]).map(Value::to_string);
    client.send_text(&frames.collect::<Vec<_>>().join("\n"));
    let status = daemon.wait();
    assert_eq!(status.code(), Some(STORAGE_FAILED), "{}", daemon.log());
    assert!(daemon.log().contains("cannot sync"), "{}", daemon.log());
    client.closed();
    let answered: Vec<Value> = client
        .seen()
        .iter()
        .filter(|frame| frame["type"] == "response" && frame["success"] == true)
        .cloned()
        .collect();
    assert!(!answered.is_empty(), "thirty syncs answer something");
    daemon.restart_with_programs(real);
    let mut client = daemon.websocket();
    for before in &answered {
        let command = renames.iter().find(|rename| rename["id"] == before["id"]);
        client.send(command.unwrap_or_else(|| panic!("not asked: {before}")));
        let now = client.response(before["id"].as_str().expect("an id"));
        assert_eq!(now["replayed"], true, "{now}");
        assert_eq!(now["sessionVersion"], before["sessionVersion"]);
    }
    daemon.verify();
}
