//! The daemon with the real agent: `PI_SERVER_TEST_PI` lists the programs, separated by colons
//! (`scripts/install-pi.sh` installs them). They exist only with the feature `real-pi`, so that none
//! passes without having run.

use std::path::{Path, PathBuf};

use pi_server_tests::provider::Provider;
use pi_server_tests::{Client, Daemon, Setup, until};
use serde_json::{Value, json};

use crate::{prompt, refused};

/// Asks before it runs a command that is guarded.
const GUARD: &str = r#"
export default function (pi) {
	pi.on("tool_call", async (event, context) => {
		const command = String(event.input?.command ?? "");
		if (command.includes("guarded") && !(await context.ui.confirm("Run it?", command))) {
			return { block: true, reason: "not allowed" };
		}
	});
}
"#;

/// A daemon on the real agent, and a directory for its sessions.
pub(crate) struct Stage {
    pub(crate) daemon: Daemon,
    pub(crate) home: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn work(&self) -> PathBuf {
        self.home.path().join("work")
    }

    /// A client with a session that it is subscribed to.
    pub(crate) fn client(&mut self) -> Client {
        let mut client = self.daemon.websocket();
        let create = json!({ "type": "create_session", "sessionId": "s", "cwd": self.work() });
        client.ok(create);
        client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
        client
    }
}

/// Runs a test with every program that is installed; the journal of each must verify.
pub(crate) fn with_each_pi(test: fn(&mut Stage)) {
    with_each_pi_and(Setup::new, test);
}

/// The same, with settings of the daemon.
pub(crate) fn with_each_pi_and(setup: fn() -> Setup, test: fn(&mut Stage)) {
    let list = std::env::var_os("PI_SERVER_TEST_PI").unwrap_or_default();
    let programs = std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty());
    let programs: Vec<_> = programs.collect();
    assert!(!programs.is_empty(), "set PI_SERVER_TEST_PI to the real agent's programs");
    for program in programs {
        eprintln!("with {}", program.display());
        let mut stage = stage(&program, setup());
        test(&mut stage);
        stage.daemon.stop();
        stage.daemon.verify();
    }
}

fn stage(program: &Path, setup: Setup) -> Stage {
    let provider = Provider::start().expect("a stand-in for the model service");
    let home = tempfile::tempdir().expect("a directory");
    let user = home.path().join("user");
    provider.configure(&user).expect("an agent folder");
    std::fs::create_dir_all(user.join("extensions")).expect("a folder");
    std::fs::write(user.join("extensions/guard.ts"), GUARD).expect("an extension");
    std::fs::create_dir_all(home.path().join("work")).expect("a directory to work in");
    Stage { daemon: setup.pi(program, &user).start(), home }
}

/// What the agent said last.
pub(crate) fn last_text(client: &mut Client) -> Value {
    let command = json!({ "type": "get_last_assistant_text", "sessionId": "s" });
    client.ok(command)["data"]["text"].clone()
}

/// Process ids of the agents of a daemon and of all that they run, by the mark in their
/// environment.
pub(crate) fn marked(daemon: &Daemon) -> Vec<String> {
    let parent = daemon.dir().canonicalize().expect("a directory");
    let folder = format!("PI_CODING_AGENT_DIR={}", parent.display());
    let mut found = Vec::new();
    for process in std::fs::read_dir("/proc").expect("a process table").flatten() {
        let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        if variables.any(|variable| variable.starts_with(folder.as_bytes())) {
            found.push(process.file_name().to_string_lossy().into_owned());
        }
    }
    found
}

#[test]
fn a_turn_streams_and_ends_with_its_run() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        client.send(&prompt("p", "s", "[words:4] hello"));
        assert_eq!(client.response("p")["success"], true);
        let deltas = client
            .seen()
            .iter()
            .filter(|frame| frame["event"]["assistantMessageEvent"]["type"] == "text_delta");
        assert_eq!(deltas.count(), 4);
        assert_eq!(last_text(&mut client), "w0 w1 w2 w3");
        let state = client.ok(json!({ "type": "get_state", "sessionId": "s" }));
        assert_eq!(state["data"]["isStreaming"], false);
        assert!(state["data"]["messageCount"].as_u64() >= Some(2), "{state}");
    });
}

#[test]
fn a_burst_behind_a_prompt_loses_nothing() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        // By itself pi throws the second of two prompts away that come close together.
        for n in 0..4 {
            client.send(&prompt(&format!("p{n}"), "s", &format!("[say:answer {n}]")));
        }
        for n in 0..4 {
            assert_eq!(client.response(&format!("p{n}"))["success"], true);
        }
        let messages = client.ok(json!({ "type": "get_fork_messages", "sessionId": "s" }));
        let said: Vec<_> =
            messages["data"]["messages"].as_array().expect("a list").iter().collect();
        assert_eq!(said.len(), 4, "{messages}");
        assert_eq!(said[3]["text"], "[say:answer 3]");
    });
}

#[test]
fn an_abort_right_behind_a_prompt_stops_it() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        client.send(&prompt("p", "s", "[words:2000] [delay:20]"));
        client.send(&json!({ "id": "a", "type": "abort", "sessionId": "s" }));
        assert_eq!(client.response("p")["success"], true);
        assert_eq!(client.response("a")["success"], true);
        client.send(&prompt("q", "s", "[say:after]"));
        assert_eq!(client.response("q")["success"], true);
        assert_eq!(last_text(&mut client), "after");
    });
}

#[test]
fn a_dialog_is_answered_while_its_turn_runs() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        client.send(&prompt("p", "s", "[tool:echo guarded >made] [say:done]"));
        let asked = client.event("s", "extension_ui_request");
        client.ok(json!({
            "type": "extension_ui_response", "sessionId": "s",
            "requestId": asked["event"]["requestId"],
            "response": { "method": "confirm", "confirmed": true },
        }));
        assert_eq!(client.response("p")["success"], true);
        assert!(stage.work().join("made").exists(), "the command was allowed");
    });
}

#[test]
fn an_agent_that_is_killed_fails_its_turn_and_the_session_goes_on() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        client.send(&prompt("first", "s", "[say:remember]"));
        client.response("first");
        client.send(&prompt("p", "s", "[tool:sleep 60]"));
        client.event("s", "tool_execution_start");
        for pid in marked(&stage.daemon) {
            std::process::Command::new("kill").args(["-9", &pid]).status().expect("kill runs");
        }
        let failed = client.response("p");
        refused(&failed, "agent_exited");
        client.send(&prompt("q", "s", "[say:again]"));
        assert_eq!(client.response("q")["success"], true);
        let messages = client.ok(json!({ "type": "get_fork_messages", "sessionId": "s" }));
        assert_eq!(messages["data"]["messages"][0]["text"], "[say:remember]", "{messages}");
    });
}

#[test]
fn a_daemon_that_is_killed_leaves_no_agents_and_its_sessions_go_on() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        client.send(&prompt("first", "s", "[say:remember]"));
        client.response("first");
        client.send(&prompt("p", "s", "[tool:echo begun; sleep 61.5]"));
        client.event("s", "tool_execution_start");
        stage.daemon.kill9();
        let daemon = &stage.daemon;
        until("nobody is left", || marked(daemon).is_empty());
        stage.daemon.restart();
        let mut client = stage.daemon.websocket();
        client.send(&prompt("p", "s", "[tool:echo begun; sleep 61.5]"));
        refused(&client.response("p"), "outcome_unknown");
        client.send(&prompt("q", "s", "[say:again]"));
        assert_eq!(client.response("q")["success"], true);
        let messages = client.ok(json!({ "type": "get_fork_messages", "sessionId": "s" }));
        assert_eq!(messages["data"]["messages"][0]["text"], "[say:remember]", "{messages}");
    });
}

/// What a client can find out about its session.
fn everything(client: &mut Client) -> Vec<Value> {
    let mut get = |kind: &str| client.ok(json!({ "type": kind, "sessionId": "s" }))["data"].clone();
    let mut state = get("get_state");
    // Counted by the daemon, not by the agent.
    state.as_object_mut().expect("an object").remove("sessionVersion");
    vec![
        get("get_messages"),
        get("get_tree"),
        get("get_fork_messages"),
        get("get_last_assistant_text"),
        get("get_context_usage"),
        get("get_available_models"),
        state,
    ]
}

#[test]
fn a_session_is_the_same_after_its_idle_agent_was_ended() {
    let setup = || Setup::new().limit("agent_idle_ms", 1);
    with_each_pi_and(setup, |stage| {
        let mut client = stage.client();
        let daemon = &stage.daemon;
        // Nothing has happened yet: the session begins again, in the same place.
        until("it is ended", || marked(daemon).is_empty());
        let fresh = client.ok(json!({ "type": "get_state", "sessionId": "s" }));
        client.ok(json!({ "type": "set_session_name", "sessionId": "s", "name": "before" }));
        let state = client.ok(json!({ "type": "get_state", "sessionId": "s" }));
        assert_eq!(state["data"]["sessionFile"], fresh["data"]["sessionFile"]);
        client.send(&prompt("p", "s", "[say:one]"));
        assert_eq!(client.response("p")["success"], true);
        until("it is ended", || marked(daemon).is_empty());
        let model = json!({ "provider": "fake", "modelId": "fake-think" });
        let mut set = json!({ "type": "set_model", "sessionId": "s" });
        set.as_object_mut().expect("an object").extend(model.as_object().expect("one").clone());
        client.ok(set);
        client.ok(json!({ "type": "set_thinking_level", "sessionId": "s", "level": "high" }));
        client.ok(json!({ "type": "set_session_name", "sessionId": "s", "name": "after" }));
        client.ok(json!({ "type": "bash", "sessionId": "s", "command": "echo kept" }));
        let before = everything(&mut client);
        until("it is ended", || marked(daemon).is_empty());
        let after = everything(&mut client);
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before, after);
        }
        let state = after.last().expect("the state");
        assert_eq!(state["model"]["id"], "fake-think", "{state}");
        assert_eq!(
            (&state["thinkingLevel"], &state["sessionName"]),
            (&json!("high"), &json!("after"))
        );
        client.send(&prompt("q", "s", "[say:two]"));
        assert_eq!(client.response("q")["success"], true);
        let messages = client.ok(json!({ "type": "get_fork_messages", "sessionId": "s" }));
        assert_eq!(messages["data"]["messages"].as_array().map(Vec::len), Some(2), "{messages}");
    });
}

#[test]
fn what_only_the_agent_keeps_keeps_the_agent() {
    let setup = || Setup::new().limit("agents_max", 1).limit("agent_idle_ms", 1);
    with_each_pi_and(setup, |stage| {
        let mut client = stage.client();
        for text in ["[say:one]", "[say:the-left-one]"] {
            client.send(&prompt(text, "s", text));
            assert_eq!(client.response(text)["success"], true);
        }
        let tree = client.ok(json!({ "type": "get_tree", "sessionId": "s" }));
        let entries = tree["data"]["nodes"].as_array().expect("nodes").clone();
        let answer = entries.iter().find(|entry| entry["text"] == "one").expect("the answer");
        client.ok(json!({
            "type": "navigate_tree", "sessionId": "s", "targetId": answer["entryId"],
        }));
        // There is room for one agent, and it is needed: the other session waits.
        let work = stage.home.path().join("work");
        client.send(&json!({ "id": "t", "type": "create_session", "sessionId": "t", "cwd": work }));
        let tree = client.ok(json!({ "type": "get_tree", "sessionId": "s" }));
        assert_eq!(tree["data"]["currentLeafId"], answer["entryId"]);
        client.send(&prompt("three", "s", "[say:three]"));
        assert_eq!(client.response("three")["success"], true);
        assert_eq!(client.response("t")["success"], true);
        let messages =
            client.ok(json!({ "type": "get_messages", "sessionId": "s" }))["data"].to_string();
        assert!(messages.contains("three") && !messages.contains("the-left-one"), "{messages}");
    });
}
