//! A day with the real agent, through the daemon: each scene with each version.

use serde_json::{Value, json};

use crate::prompt;
use crate::real_pi::{Stage, last_text, with_each_pi, with_each_pi_and};
use pi_server_tests::{Client, Setup};

/// Runs a prompt to its end.
fn run(client: &mut Client, id: &str, message: &str) -> Value {
    client.send(&prompt(id, "s", message));
    client.response(id)
}

fn get(client: &mut Client, kind: &str) -> Value {
    client.ok(json!({ "type": kind, "sessionId": "s" }))["data"].clone()
}

/// What users have said, in order.
fn said(client: &mut Client) -> Vec<String> {
    let messages = get(client, "get_fork_messages");
    let list = messages["messages"].as_array().expect("a list");
    list.iter().map(|message| message["text"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_tool_runs_within_a_turn() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        let done = run(&mut client, "p", "[tool:echo from-the-tool] [say:used it]");
        assert_eq!(done["success"], true);
        let ended = client.event("s", "tool_execution_end");
        assert!(ended["event"]["result"].to_string().contains("from-the-tool"), "{ended}");
        assert_eq!(ended["event"]["isError"], false);
        assert_eq!(last_text(&mut client), "used it");
    });
}

#[test]
fn steering_and_follow_ups_reach_the_run() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        client.send(&prompt("p", "s", "[tool:sleep 1] [say:one]"));
        client.event("s", "tool_execution_start");
        client.ok(json!({ "type": "follow_up", "sessionId": "s", "message": "[say:three] later" }));
        client.ok(json!({ "type": "steer", "sessionId": "s", "message": "[say:two] now" }));
        assert_eq!(client.response("p")["success"], true);
        let said = said(&mut client);
        assert_eq!(said[1..], ["[say:two] now", "[say:three] later"]);
        assert_eq!(last_text(&mut client), "three");
        // One turn: the prompt ends after all of it.
        let state = get(&mut client, "get_state");
        assert_eq!(state["isStreaming"], false, "{state}");
        assert_eq!(state["pendingMessageCount"], 0, "{state}");
    });
}

#[test]
fn an_abort_ends_a_run_that_streams() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        client.send(&prompt("p", "s", "[words:2000] [delay:20]"));
        client.event("s", "message_update");
        client.ok(json!({ "type": "abort", "sessionId": "s" }));
        assert_eq!(client.response("p")["success"], true);
        assert_eq!(run(&mut client, "q", "[say:after]")["success"], true);
        assert_eq!(last_text(&mut client), "after");
    });
}

#[test]
fn bash_runs_beside_the_lane_and_can_be_stopped() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        let echo = json!({ "type": "bash", "sessionId": "s", "command": "echo hello; exit 3" });
        let answer = client.ok(echo);
        assert_eq!(answer["data"]["exitCode"], 3, "{answer}");
        assert_eq!(answer["data"]["output"], "hello\n", "{answer}");
        client.send(&json!({ "id": "b", "type": "bash", "sessionId": "s", "command": "sleep 63" }));
        client.lifecycle("b", "started");
        client.ok(json!({ "type": "abort_bash", "sessionId": "s" }));
        let stopped = client.response("b");
        assert_eq!(stopped["data"]["cancelled"], true, "{stopped}");
    });
}

#[test]
fn a_conversation_is_compacted_forked_named_and_exported() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        for text in ["[words:60] 1", "[words:60] 2", "[words:60] 3"] {
            assert_eq!(run(&mut client, text, text)["success"], true);
        }
        let stats = get(&mut client, "get_session_stats");
        assert_eq!(stats["userMessages"], 3, "{stats}");
        let compacted = client.ok(json!({ "type": "compact", "sessionId": "s" }));
        assert!(compacted["data"]["summary"].is_string(), "{compacted}");
        client.event("s", "compaction_end");
        let before = get(&mut client, "get_state");
        let messages = get(&mut client, "get_fork_messages");
        let entry = messages["messages"][2]["entryId"].clone();
        let forked = client.ok(json!({ "type": "fork", "sessionId": "s", "entryId": entry }));
        assert_eq!(forked["data"]["text"], "[words:60] 3", "{forked}");
        let after = get(&mut client, "get_state");
        assert_ne!(before["sessionFile"], after["sessionFile"]);
        assert_eq!(said(&mut client), ["[words:60] 1", "[words:60] 2"]);
        let name = json!({ "type": "set_session_name", "sessionId": "s", "name": "the fork" });
        client.ok(name);
        assert_eq!(get(&mut client, "get_state")["sessionName"], "the fork");
        assert_eq!(run(&mut client, "fourth", "fourth")["success"], true);
        let page = client.ok(json!({ "type": "export_html", "sessionId": "s" }));
        let page = std::fs::read_to_string(page["data"]["path"].as_str().expect("a path"));
        assert!(page.expect("a page").contains("<html"));
    });
}

#[test]
fn models_and_levels_change_and_are_seen() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        let model = json!({
            "type": "set_model", "sessionId": "s", "provider": "fake", "modelId": "fake-think",
        });
        client.ok(model);
        client.ok(json!({ "type": "set_thinking_level", "sessionId": "s", "level": "high" }));
        let state = get(&mut client, "get_state");
        assert_eq!(state["model"]["id"], "fake-think", "{state}");
        assert_eq!(state["thinkingLevel"], "high", "{state}");
        assert_eq!(run(&mut client, "p", "[think:hm] [say:thought]")["success"], true);
        let thought =
            |frame: &Value| frame["event"]["assistantMessageEvent"]["type"] == "thinking_delta";
        assert!(client.seen().iter().any(thought));
        let unknown = client.call(json!({
            "type": "set_model", "sessionId": "s", "provider": "fake", "modelId": "no-such",
        }));
        assert_eq!(unknown["errorCode"], "agent_error", "{unknown}");
    });
}

#[test]
fn a_providers_error_is_tried_again_within_the_turn() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        assert_eq!(run(&mut client, "p", "[error:500*2] [say:third time lucky]")["success"], true);
        assert_eq!(last_text(&mut client), "third time lucky");
        let tries = |frame: &&Value| frame["event"]["type"] == "auto_retry_start";
        assert_eq!(client.seen().iter().filter(tries).count(), 2);
        let failed = run(&mut client, "q", "[error:400] never");
        assert_eq!(failed["success"], true, "the turn is over: {failed}");
        let ended = client.seen().iter().rfind(|frame| frame["event"]["type"] == "message_end");
        assert_eq!(ended.expect("a message")["event"]["message"]["stopReason"], "error");
    });
}

#[test]
fn twenty_sessions_work_at_once() {
    // More than there is room for: each waits until another one has nothing to do.
    let setup = || Setup::new().limit("agents_max", 12);
    with_each_pi_and(setup, |stage: &mut Stage| {
        let mut client = stage.daemon.websocket();
        for n in 0..20 {
            let id = format!("s{n}");
            let create = json!({
                "id": id, "type": "create_session", "sessionId": id, "cwd": stage.work(),
            });
            client.send(&create);
            client.send(&prompt(&format!("p{n}"), &id, &format!("[say:answer {n}]")));
        }
        for n in 0..20 {
            // The slowest version takes a second of processor time to come up.
            client.patient_response(&format!("p{n}"), 6);
        }
        for n in [0, 19] {
            let get = json!({ "type": "get_last_assistant_text", "sessionId": format!("s{n}") });
            assert_eq!(client.ok(get)["data"]["text"], format!("answer {n}"));
        }
    });
}
