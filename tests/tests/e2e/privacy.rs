//! Secrets that are planted everywhere are nowhere under the data directory, and who they were for
//! gets them. docs/guides/privacy.md.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use pi_server_tests::journal::restored;
use pi_server_tests::programs::program;
use pi_server_tests::{Client, Setup, until};
use serde_json::{Value, json};

use crate::{prompt, refused, session};

/// A key that has never been one.
const PLANTED: &str = "ghp_PLANTEDplantedPLANTEDplanted0123456789";

/// Files below a directory that hold some bytes.
pub(crate) fn holding(dir: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path)
                && [restored(&bytes).unwrap_or_default(), bytes]
                    .iter()
                    .any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
            {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[track_caller]
fn assert_nowhere(dir: &Path) {
    let found = holding(dir, b"PLANTEDplanted");
    assert!(found.is_empty(), "the secret is in {found:?}");
}

fn replay(args: &[&str]) -> std::process::Output {
    Command::new(program("pi-replay")).args(args).output().expect("pi-replay can be run")
}

/// Sends the secret by every way that there is.
fn plant(client: &mut Client) {
    let say = |text: &str| format!("[say:{text} {PLANTED}] [delay:0]");
    client.send(&prompt("says", "s", &say("the key is")));
    let told = client.expect("the secret as an event", |frame| {
        frame["type"] == "event" && frame.to_string().contains(PLANTED)
    });
    assert!(told.get("redacted").is_none(), "who listens gets what was said: {told}");
    assert_eq!(client.response("says")["success"], true);
    client.send(&prompt("tool", "s", &format!("[tool:bash {PLANTED}] [delay:0]")));
    assert_eq!(client.response("tool")["success"], true);
    client.send(&json!({
        "id": "bash", "type": "bash", "sessionId": "s", "command": format!("echo {PLANTED}"),
    }));
    client.response("bash");
    client.send(&json!({ "id": "last", "type": "get_last_assistant_text", "sessionId": "s" }));
    client.response("last");
    client.send(&json!({ "id": "all", "type": "get_messages", "sessionId": "s" }));
    let messages = client.response("all");
    assert!(messages.to_string().contains(PLANTED), "{messages}");
    client.send(&json!({
        "id": "m", "type": "set_model", "sessionId": "s", "provider": "p", "modelId": "m",
        "headers": { "Authorization": "PLANTEDplanted" }, "apiKey": "PLANTEDplanted",
    }));
    client.response("m");
    client.send(&prompt("fails", "s", &format!("[fail:no {PLANTED}]")));
    client.response("fails");
    client.send(&prompt("errs", "s", &format!("[error:401 {PLANTED}] [delay:0]")));
    client.response("errs");
    client.send(&prompt("asks", "s", "[ask:input] [say:done] [delay:0]"));
    let dialog = client.event("s", "extension_ui_request");
    client.ok(json!({
        "type": "extension_ui_response", "sessionId": "s",
        "requestId": dialog["event"]["requestId"],
        "response": { "method": "input", "value": PLANTED },
    }));
    client.response("asks");
    let escaped: Vec<String> = PLANTED.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let escaped = escaped.concat();
    for text in [
        format!("no frame {PLANTED}"),
        format!(r#"{{"id":"x","type":"{PLANTED}"}}"#),
        format!(r#"{{"id":"x","type":"prompt","sessionId":"s","text":"{PLANTED}"}}"#),
        format!(r#"{{"id":"x","type":"prompt","sessionId":"s","text":"{escaped}"}}"#),
    ] {
        client.send_text(&text);
        client.expect("a refusal", |frame| frame["success"] == false);
    }
}

#[test]
fn planted_secrets_are_nowhere_under_the_data_directory() {
    let mut daemon = Setup::new().arg("--segment-bytes").arg("65536").start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    plant(&mut client);
    for number in 0..4 {
        let id = format!("p{number}");
        client.send(&prompt(&id, "s", &format!("[words:60] [say:{PLANTED}] [delay:0]")));
        client.response(&id);
    }
    // What was planted first is sealed, was fed again, and stands in a snapshot and an index.
    until("a pass of the keeper", || {
        ["snapshots/00000001.snap", "history/00000001.idx"]
            .iter()
            .all(|kept| daemon.dir().join(kept).exists())
    });
    assert!(!holding(&daemon.dir().join("history"), b"says").is_empty(), "the index is of this");
    assert_nowhere(daemon.dir());
    // A kill, and what waits for an agent then.
    client.send(&prompt("runs", "s", "[stall]"));
    client.lifecycle("runs", "started");
    client.send(&prompt("secret", "s", &format!("[say:{PLANTED}]")));
    client.lifecycle("secret", "accepted");
    client.send(&prompt("plain", "s", "[say:hello] [delay:0]"));
    client.lifecycle("plain", "accepted");
    daemon.kill9();
    assert_nowhere(daemon.dir());
    daemon.restart();
    let mut client = daemon.websocket();
    client.send(&prompt("secret", "s", &format!("[say:{PLANTED}]")));
    let failed = client.response("secret");
    refused(&failed, "not_recovered");
    assert!(failed["error"].as_str().is_some_and(|words| words.contains("secret")), "{failed}");
    client.send(&prompt("plain", "s", "[say:hello] [delay:0]"));
    assert_eq!(client.response("plain")["success"], true, "an ordinary prompt is recovered");
    // Stored answers say that something is missing.
    client.send(&json!({ "id": "all", "type": "get_messages", "sessionId": "s" }));
    let again = client.response("all");
    assert_eq!((&again["replayed"], &again["redacted"]), (&json!(true), &json!(true)), "{again}");
    assert!(again["data"].to_string().contains("[redacted]"), "{again}");
    // So do events that are read from the journal.
    client.ok(json!({ "type": "switch_session", "sessionId": "s", "cursor": 0 }));
    client.expect("a marked event", |frame| frame["type"] == "event" && frame["redacted"] == true);
    daemon.verify();
    assert!(daemon.stop().success());
    assert_nowhere(daemon.dir());
    exports(daemon.dir());
}

/// Speaks as much of the real agent's protocol as it takes to run, and then says too much on
/// standard error: at once, where the tail that is kept begins, and at the end.
const LOOSE_TONGUE: &str = r#"#!/bin/sh
[ "$1" = --version ] && { echo 1.5.3; exit 0; }
answer() { echo '{"type":"response","success":true,"id":'"$1"',"data":'"$2"'}'; }
read -r line; answer 1 '{"thinkingLevel":"off","messageCount":0,"pendingMessageCount":0}'
read -r line; answer 2 '{"commands":[{"name":"pi-server-bridge"}]}'
read -r line
echo "the key is SECRET" >&2
head -c 5000 /dev/zero | tr '\0' . >&2
echo "-----BEGIN PRIVATE KEY-----" >&2
for n in $(seq 200); do echo PLANTEDplantedPLANTEDplantedPLANTEDplanted >&2; done
echo "-----END PRIVATE KEY-----" >&2
printf 'SECRET%*s' PADDING ' and so it ends with SECRET' >&2
exit 7
"#;

#[test]
fn what_an_agent_says_on_standard_error_is_kept_without_secrets_wherever_it_is_cut() {
    let home = tempfile::tempdir().expect("a directory");
    // The tail that is kept begins before the secret, within it, and behind it.
    for padding in [3_000, 4_086, 4_060, 4_096, 5_000] {
        let program = home.path().join("pi");
        let script = LOOSE_TONGUE.replace("SECRET", PLANTED);
        std::fs::write(&program, script.replace("PADDING", &padding.to_string())).expect("written");
        std::fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("executable");
        let mut daemon = Setup::new().pi(&program, &home.path().join("user")).start();
        let mut client = daemon.websocket();
        session(&mut client, "s");
        client.send(&prompt("p", "s", "hello"));
        let failed = client.response("p");
        refused(&failed, "agent_exited");
        let words = failed["error"].as_str().expect("words");
        assert!(words.ends_with("and so it ends with [redacted]"), "{words}");
        assert!(!words.contains("planted") && words.len() < 4_200, "{padding}: {words}");
        assert!(daemon.stop().success());
        assert_nowhere(daemon.dir());
        daemon.verify();
    }
}

#[test]
fn a_client_whose_name_is_a_secret_has_its_namespace_under_another_name() {
    let mut daemon = Setup::new().start();
    let asks = |mut client: Client, is_replayed: bool| {
        client.send(&json!({ "id": "same", "type": "list_sessions" }));
        assert_eq!(client.response("same")["replayed"] == true, is_replayed);
    };
    asks(daemon.websocket_as(PLANTED), false);
    asks(daemon.websocket_as(PLANTED), true);
    asks(daemon.websocket_as(&format!("{PLANTED}2")), false);
    daemon.kill9();
    daemon.restart();
    asks(daemon.websocket_as(PLANTED), true);
    asks(daemon.websocket(), false);
    assert!(daemon.stop().success());
    assert_nowhere(daemon.dir());
    daemon.verify();
}

#[test]
fn beyond_64_mib_of_redacted_commands_in_flight_further_ones_are_refused_until_some_have_ended() {
    const MIB: usize = 1 << 20;
    let mut daemon = Setup::new().start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.send(&prompt("runs", "s", "[stall]"));
    client.lifecycle("runs", "started");
    let large = |id: &str, length: usize| {
        let mut command = prompt(id, "s", &format!("[say:{PLANTED}] [delay:0]"));
        command["filler"] = ".".repeat(length).into();
        command
    };
    for number in 0..7 {
        let id = format!("large {number}");
        // Together a little more than 64 MiB, and without the last one less.
        client.send(&large(&id, if number < 6 { 10 * MIB - MIB / 2 } else { 8 * MIB }));
        client.lifecycle(&id, "accepted");
    }
    let more = large("one more", 1);
    client.send(&more);
    refused(&client.response("one more"), "busy");
    client.send_text(&format!("no command {PLANTED}"));
    client.expect("a refusal", |frame| frame["errorCode"] == "busy");
    client.send(&prompt("plain", "s", "[say:hello] [delay:0]"));
    client.lifecycle("plain", "accepted");
    // A refusal leaves no trace: the id is as free as before.
    client.ok(json!({ "type": "abort", "sessionId": "s" }));
    client.response("large 6");
    client.send(&more);
    assert_eq!(client.response("one more")["success"], true);
    assert!(daemon.stop().success());
    assert_nowhere(daemon.dir());
    daemon.verify();
}

/// What leaves the machine.
fn exports(dir: &Path) {
    let out = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| out.path().join(name).to_string_lossy().into_owned();
    let dir = dir.to_string_lossy();
    for format in ["jsonl", "html", "md", "perfetto"] {
        let file = path(format);
        let output = replay(&["export", "--format", format, "-o", &file, &dir]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(replay(&["bundle", "-o", &path("bundle"), &dir]).status.success());
    let policy = path("policy.json");
    std::fs::write(&policy, r#"{"rules":[{"words":["hello"]}]}"#).expect("written");
    let redacted = path("redacted");
    let output = replay(&["redact", "--json", "--policy", &policy, "-o", &redacted, &dir]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert!(report["reduced"].as_u64() > Some(0), "{report}");
    assert!(replay(&["verify", &redacted]).status.success());
    assert_nowhere(out.path());
}

#[test]
fn without_the_built_in_set_and_rules_everything_is_kept() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let policy = folder.path().join("policy.json");
    std::fs::write(&policy, r#"{"builtin": false}"#).expect("written");
    let mut daemon = Setup::new().arg("--redact-policy").arg(&policy).start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.send(&prompt("p", "s", &format!("[say:{PLANTED}] [delay:0]")));
    client.response("p");
    assert!(daemon.stop().success());
    assert!(!holding(daemon.dir(), b"PLANTEDplanted").is_empty(), "the search finds what is there");
    // And `redact` takes it out afterwards, by default.
    let out = folder.path().join("redacted");
    let (all, out) = (folder.path().join("all.json"), out.to_string_lossy().into_owned());
    std::fs::write(&all, "{}").expect("written");
    let dir = daemon.dir().to_string_lossy().into_owned();
    assert!(
        replay(&["redact", "--policy", &all.to_string_lossy(), "-o", &out, &dir]).status.success()
    );
    assert!(replay(&["verify", &out]).status.success());
    assert_nowhere(Path::new(&out));
}

#[test]
fn a_rule_for_a_session_is_for_its_frames_and_for_what_its_agent_says() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let policy = folder.path().join("policy.json");
    let rules = r#"{"rules": [{"session": "private", "words": ["PLANTEDword"]}]}"#;
    std::fs::write(&policy, rules).expect("written");
    let mut daemon = Setup::new().arg("--redact-policy").arg(&policy).start();
    let mut client = daemon.websocket();
    for id in ["private", "public"] {
        session(&mut client, id);
        client.send(&prompt(id, id, &format!("[say:PLANTEDword of {id}] [delay:0]")));
        client.response(id);
        let read = format!("read {id}");
        client.send(&json!({ "id": read, "type": "get_messages", "sessionId": id }));
        client.response(&read);
    }
    drop(client);
    assert!(daemon.stop().success());
    assert!(!holding(daemon.dir(), b"PLANTEDword of public").is_empty());
    assert!(holding(daemon.dir(), b"PLANTEDword of private").is_empty());
    daemon.verify();
}

#[test]
fn a_policy_that_makes_no_sense_is_no_start() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let policy = folder.path().join("policy.json");
    std::fs::write(&policy, r#"{"rules": [{"patterns": ["("]}]}"#).expect("written");
    let output = Command::new(program("pi-server"))
        .args(["serve", "--agent", "demo", "--data-dir"])
        .arg(folder.path().join("data"))
        .arg("--redact-policy")
        .arg(&policy)
        .output()
        .expect("pi-server can be run");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("--redact-policy") && said.contains("rule 1"), "{said}");
}
