//! Rough edges of the protocol, and what the peer's own papers say of it: W70 to W84.

use std::path::{Path, PathBuf};
use std::process::Command;

use pi_server_tests::frames::{
    get_state, places, prompt, refused, rename, session, succeeded, with,
};
use pi_server_tests::programs::program;
use pi_server_tests::{Client, Daemon, Setup};
use serde_json::{Value, json};

#[test]
fn w70_every_thinking_level_that_a_session_may_show_can_be_set() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let set =
        |level: &str| json!({ "type": "set_thinking_level", "sessionId": "s", "level": level });
    for level in ["minimal", "low", "medium", "high", "off"] {
        client.ok(set(level));
        let state = client.ok(get_state("", "s"));
        let shown = state["data"]["thinkingLevel"].as_str().expect("a level").to_owned();
        client.ok(set(&shown));
    }
    client.ok(set("none"));
    assert_eq!(client.ok(get_state("", "s"))["data"]["thinkingLevel"], "off");
    refused(&client.call(set("deep")), "invalid");
}

#[test]
fn w71_a_dialog_of_a_session_with_an_odd_or_long_name_can_be_answered() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    for name in ["a.b.c", &"x".repeat(256), "-._"] {
        session(&mut client, name);
        client.ok(json!({ "type": "switch_session", "sessionId": name }));
        client.send(&prompt(&format!("in {}", &name[..3]), name, "[ask:input]"));
        let asked = client.event(name, "extension_ui_request");
        client.ok(json!({
            "type": "extension_ui_response", "sessionId": name,
            "requestId": asked["event"]["requestId"],
            "response": { "method": "input", "value": "an answer" },
        }));
        succeeded(&client.response(&format!("in {}", &name[..3])));
    }
}

#[test]
fn w72_fields_that_make_no_sense_never_reach_an_agent() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let long = "x".repeat(5_000);
    let on = |kind: &str, field: &str, value: Value| {
        let frame = json!({ "type": kind, "sessionId": "s", "message": "x", "command": "x" });
        with(frame, field, value)
    };
    let answer = |response: Value| {
        let frame = json!({ "type": "extension_ui_response", "sessionId": "s", "requestId": "r" });
        with(frame, "response", response)
    };
    let cases = [
        on("prompt", "images", json!("none")),
        on("prompt", "images", json!([{ "type": "text", "text": "x" }])),
        on("prompt", "streamingBehavior", json!("later")),
        on("bash", "excludeFromContext", json!("yes")),
        on("new_session", "parentSession", json!(7)),
        on("compact", "customInstructions", json!(["x"])),
        on("fork", "entryId", json!(long)),
        on("navigate_tree", "targetId", json!(long)),
        on("export_html", "outputPath", json!(long)),
        with(on("set_model", "provider", json!(long)), "modelId", "m"),
        with(on("set_model", "modelId", json!(long)), "provider", "p"),
        answer(json!({ "method": "select", "value": 1 })),
        answer(json!({ "method": "confirm" })),
        answer(json!({ "method": "editor", "value": null })),
    ];
    for frame in cases {
        let response = client.call(frame.clone());
        assert_eq!(response["errorCode"], "invalid", "{frame} was answered {response}");
    }
    assert_eq!(client.ok(get_state("", "s"))["data"]["messageCount"], 0);
}

#[test]
fn w74_a_shell_command_that_was_killed_has_no_exit_code() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.send(&json!({ "id": "b", "type": "bash", "sessionId": "s", "command": "[stall]" }));
    client.lifecycle("b", "started");
    client.ok(json!({ "type": "abort_bash", "sessionId": "s" }));
    let killed = client.response("b");
    succeeded(&killed);
    assert_eq!(killed["data"]["exitCode"], Value::Null);
    assert_eq!(killed["data"]["cancelled"], true);
    let failed = client.ok(json!({ "type": "bash", "sessionId": "s", "command": "[exit:3]" }));
    assert_eq!(failed["data"]["exitCode"], 3);
    assert_eq!(failed["data"]["truncated"], false);
}

/// A session file where the daemon may load it from.
fn session_file(daemon: &Daemon, name: &str) -> PathBuf {
    let dir = daemon.dir().join("sessions");
    std::fs::create_dir_all(&dir).expect("a directory");
    let path = dir.join(name);
    let header = json!({ "type": "session", "version": 3, "id": "x", "cwd": "/" });
    std::fs::write(&path, format!("{header}\n")).expect("written");
    path
}

fn load(client: &mut Client, path: &Path, id: &str) -> Value {
    let path = path.to_str().expect("a path in UTF-8");
    client.call(json!({ "type": "load_session", "sessionPath": path, "sessionId": id }))
}

#[test]
fn w75_everybody_hears_of_a_session_that_is_loaded_and_of_one_that_is_deleted() {
    let daemon = Daemon::start();
    let path = session_file(&daemon, "a.jsonl");
    let mut client = daemon.websocket();
    let mut other = daemon.unix();
    succeeded(&load(&mut client, &path, "old"));
    let created = other.expect("session_created", |frame| frame["type"] == "session_created");
    assert_eq!(created["data"]["sessionId"], "old");
    client.ok(json!({ "type": "delete_session", "sessionId": "old" }));
    other.expect("session_deleted", |frame| frame["type"] == "session_deleted");
    daemon.verify();
}

#[test]
fn w77_a_file_has_one_writer() {
    let daemon = Daemon::start();
    let path = session_file(&daemon, "a.jsonl");
    let mut client = daemon.websocket();
    succeeded(&load(&mut client, &path, "one"));
    let second = load(&mut client, &path, "two");
    refused(&second, "file_in_use");
    assert!(second["error"].as_str().is_some_and(|text| text.contains("one")), "{second}");
    // Another way to the same file is the same file.
    let link = path.with_file_name("b.jsonl");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    refused(&load(&mut client, &link, "three"), "file_in_use");
    client.ok(json!({ "type": "delete_session", "sessionId": "one" }));
    succeeded(&load(&mut client, &link, "three"));
    daemon.verify();
}

#[test]
fn w79_every_failure_has_a_code_that_the_protocol_lists() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../PROTOCOL.md");
    let page = std::fs::read_to_string(page).expect("PROTOCOL.md");
    let daemon = Setup::new().limit("sessions_max", 1).start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let frames = [
        json!({ "type": "no_such_command" }),
        json!({ "type": "get_state", "sessionId": "ghost" }),
        json!({ "type": "create_session", "sessionId": "s" }),
        json!({ "type": "create_session", "sessionId": "t" }),
        json!({ "type": "create_session", "sessionId": "u", "cwd": "/no/such/place" }),
        json!({ "type": "cancel_command", "commandId": "ghost" }),
        json!({ "type": "reconcile_command", "commandId": "ghost", "outcome": "failed" }),
        json!({ "type": "set_model", "sessionId": "s", "provider": "no", "modelId": "no" }),
        with(rename("", "s", "x"), "ifSessionVersion", 9),
        with(rename("", "s", "x"), "dependsOn", json!(["ghost"])),
        prompt("", "s", "[fail:no]"),
        prompt("", "s", "[die]"),
    ];
    for frame in frames {
        let response = client.call(frame.clone());
        assert_eq!(response["success"], false, "{frame} was answered {response}");
        let code = response["errorCode"].as_str().expect("a code").to_owned();
        assert!(page.contains(&format!("| `{code}` |")), "{code} is not in the protocol");
        assert!(response["error"].as_str().is_some_and(|text| !text.is_empty()));
    }
    // The lifecycle frames of those that were admitted carry it as well.
    for frame in client.seen().iter().filter(|frame| frame["type"] == "command_finished") {
        assert_eq!(frame["data"]["success"] == false, frame["data"]["errorCode"].is_string());
    }
}

#[test]
fn w80_a_client_chooses_how_long_it_waits_and_can_take_a_command_back() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let stalled =
        json!({ "type": "bash", "sessionId": "s", "command": "[stall]", "timeoutMs": 30 });
    refused(&client.call(stalled), "timeout");
    client.send(&prompt("running", "s", "[stall]"));
    client.lifecycle("running", "started");
    client.send(&prompt("waiting", "s", "[say:never]"));
    client.lifecycle("waiting", "accepted");
    let cancel = |id: &str| json!({ "type": "cancel_command", "commandId": id });
    assert_eq!(client.ok(cancel("waiting"))["data"]["started"], false);
    refused(&client.response("waiting"), "cancelled");
    assert!(places(&client, "command_started", "waiting").is_empty());
    assert_eq!(client.ok(cancel("running"))["data"]["started"], true);
    refused(&client.response("running"), "cancelled");
    refused(&client.call(cancel("running")), "command_ended");
    client.ok(prompt("", "s", "[say:on]"));
    daemon.verify();
}

#[test]
fn w81_every_bound_and_every_choice_is_on_the_command_line() {
    let listed = Command::new(program("pi-server")).arg("limits").output().expect("it runs");
    let listed = String::from_utf8(listed.stdout).expect("text");
    let daemon = Setup::new().limit("sessions_max", 7).limit("short_timeout_ms", 1_234).start();
    let known = daemon.websocket().ok(json!({ "type": "get_capabilities" }));
    assert_eq!(known["data"]["limits"]["sessions_max"], 7);
    assert_eq!(known["data"]["limits"]["short_timeout_ms"], 1_234);
    for (name, ..) in pi_server_core::Limits::TABLE {
        assert!(listed.contains(name), "`pi-server limits` does not list {name}");
        assert!(known["data"]["limits"][name].is_u64(), "{name} is no capability");
    }
    let help = Command::new(program("pi-server")).args(["serve", "--help"]).output();
    let help = String::from_utf8(help.expect("help").stdout).expect("text");
    for flag in ["--listen", "--auth", "--durability", "--data-dir", "--recovery", "--set"] {
        assert!(help.contains(flag), "{flag} is missing");
    }
}

#[test]
fn w82_nothing_but_protocol_is_on_standard_output_whatever_an_agent_prints() {
    let mut daemon = Setup::new().only_stdio().start();
    let mut client = daemon.stdio();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    // The client fails on any line that is no JSON.
    client.ok(prompt("", "s", "[junk] [say:still here]"));
    refused(&client.call(prompt("", "s", "[die]")), "agent_exited");
    client.ok(prompt("", "s", "[junk] [say:here again]"));
    client.finish();
    assert!(daemon.wait().success());
    for frame in client.seen() {
        assert!(frame["type"].is_string(), "a frame without a type: {frame}");
    }
    daemon.verify();
}

#[test]
fn w84_a_daemon_with_an_open_circuit_does_not_call_itself_healthy() {
    let daemon = Setup::new().limit("provider_failures", 1).limit("bash_failures", 1).start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let healthy = client.ok(json!({ "type": "health_check" }));
    assert_eq!(healthy["data"]["healthy"], true);
    client.ok(prompt("", "s", "[error:overloaded]"));
    let provider = client.ok(json!({ "type": "health_check" }));
    assert_eq!(provider["data"]["healthy"], false);
    assert_eq!(provider["data"]["hasOpenCircuit"], true);
    let stalled =
        json!({ "type": "bash", "sessionId": "s", "command": "[stall]", "timeoutMs": 30 });
    refused(&client.call(stalled), "timeout");
    let bash = client.ok(json!({ "type": "health_check" }));
    assert_eq!(bash["data"]["hasOpenBashCircuit"], true);
    assert_eq!(bash["data"]["issues"].as_array().map(Vec::len), Some(2), "{bash}");
}
