//! Secrets that are planted everywhere are nowhere under the data directory, and who they were for
//! gets them. docs/guides/privacy.md.

use std::path::Path;
use std::process::Command;

use pi_server_tests::programs::program;
use pi_server_tests::{Client, Setup};
use serde_json::{Value, json};

use crate::{prompt, refused, session};

/// A key that has never been one.
const PLANTED: &str = "ghp_PLANTEDplantedPLANTEDplanted0123456789";

/// Files below a directory that hold some bytes.
fn holding(dir: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path)
                && bytes.windows(needle.len()).any(|window| window == needle)
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
