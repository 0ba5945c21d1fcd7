//! What pi does to those who drive it, and that the daemon keeps it from its clients. The table of
//! all of them, with the tests that show it, is in `pitfalls.rs`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::real_pi::{last_text, marked, with_each_pi};
use crate::{prompt, refused};
use pi_server_tests::until;

#[test]
fn pitfall_02_null_ends_nobody() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        for text in ["null", "7", "\"text\"", "[]", ""] {
            client.send_text(text);
        }
        client.send(&prompt("p", "s", "[say:alive]"));
        assert_eq!(client.response("p")["success"], true);
        assert_eq!(last_text(&mut client), "alive");
    });
}

#[test]
fn pitfall_03_the_answer_comes_after_the_last_try_and_nothing_after_it() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        client.send(&prompt("p", "s", "[error:500*2] [say:done]"));
        assert_eq!(client.response("p")["success"], true);
        let at = client.seen().len();
        client.ok(json!({ "type": "get_messages", "sessionId": "s" }));
        let late = client.seen()[at..].iter().find(|frame| frame["type"] == "event");
        assert_eq!(late, None, "an event after the end of its turn");
        assert_eq!(last_text(&mut client), "done");
    });
}

#[test]
fn pitfall_04_a_prompt_behind_a_compaction_is_not_lost() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        for id in ["one", "two", "three"] {
            client.send(&prompt(id, "s", "[words:60] and so on"));
            client.response(id);
        }
        client.send(&json!({ "id": "c", "type": "compact", "sessionId": "s" }));
        client.send(&prompt("p", "s", "[say:heard]"));
        assert_eq!(client.response("c")["success"], true);
        assert_eq!(client.response("p")["success"], true);
        assert_eq!(last_text(&mut client), "heard");
    });
}

#[test]
fn pitfall_05_a_new_session_waits_for_the_run() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        client.send(&prompt("p", "s", "[words:20] [delay:20]"));
        client.send(&json!({ "id": "n", "type": "new_session", "sessionId": "s" }));
        assert_eq!(client.response("n")["success"], true);
        assert_eq!(client.response("p")["success"], true);
        let place = |kind: &str| {
            client
                .seen()
                .iter()
                .position(|frame| frame["event"]["type"] == kind || frame["id"] == kind)
        };
        assert!(place("agent_end").expect("its end") < place("n").expect("the answer"));
        let ended = client.seen().iter().find(|frame| {
            frame["event"]["type"] == "message_end"
                && frame["event"]["message"]["role"] == "assistant"
        });
        assert_eq!(ended.expect("an answer")["event"]["message"]["stopReason"], "stop");
    });
}

#[test]
fn pitfall_07_an_abort_ends_a_run_that_asks() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        client.send(&prompt("p", "s", "[tool:echo guarded] [say:done]"));
        client.event("s", "extension_ui_request");
        client.ok(json!({ "type": "abort", "sessionId": "s" }));
        client.expect("its end", |frame| frame["type"] == "extension_ui_resolved");
        assert_eq!(client.response("p")["success"], true);
    });
}

#[test]
fn pitfall_08_a_file_that_is_no_session_is_refused_and_stays() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        client.send(&prompt("p", "s", "[say:one]"));
        client.response("p");
        let state = client.ok(json!({ "type": "get_state", "sessionId": "s" }));
        let own = std::path::PathBuf::from(state["data"]["sessionFile"].as_str().expect("a path"));
        let notes = own.with_file_name("notes.jsonl");
        std::fs::write(&notes, "my notes\n").expect("a file");
        let missing = own.with_file_name("missing.jsonl");
        for path in [&notes, &missing] {
            for command in ["load_session", "switch_session_file"] {
                let session = if command == "load_session" { "other" } else { "s" };
                let frame = json!({ "type": command, "sessionId": session, "sessionPath": path });
                assert_eq!(client.call(frame)["success"], false);
            }
        }
        assert_eq!(std::fs::read_to_string(&notes).expect("notes"), "my notes\n");
        assert!(!missing.exists());
    });
}

#[test]
fn pitfall_09_a_session_without_a_file_outlives_its_agent() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        for pid in marked(&stage.daemon) {
            std::process::Command::new("kill").args(["-9", &pid]).status().expect("kill runs");
        }
        let daemon = &stage.daemon;
        until("it is gone", || marked(daemon).is_empty());
        client.send(&prompt("p", "s", "[say:begun again]"));
        let answer = client.response("p");
        if answer["success"] == false {
            // The daemon had not heard of the end yet: it says so, and nothing was lost.
            refused(&answer, "agent_exited");
            client.send(&prompt("q", "s", "[say:begun again]"));
            assert_eq!(client.response("q")["success"], true);
        }
        assert_eq!(last_text(&mut client), "begun again");
    });
}

#[test]
fn pitfall_10_updates_carry_the_new_part_only() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        client.send(&prompt("p", "s", "[words:300]"));
        assert_eq!(client.response("p")["success"], true);
        let is_update = |frame: &&Value| frame["event"]["type"] == "message_update";
        let updates: Vec<&Value> = client.seen().iter().filter(is_update).collect();
        assert!(updates.len() >= 300, "{}", updates.len());
        let deltas = updates
            .iter()
            .filter(|frame| frame["event"]["assistantMessageEvent"]["type"] == "text_delta");
        for frame in deltas {
            assert!(frame.to_string().len() < 600, "{frame}");
        }
    });
}

#[test]
fn pitfall_11_settings_stay_with_their_session() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        let settings = stage.home.path().join("user/settings.json");
        let before = std::fs::read_to_string(&settings).expect("settings");
        client.ok(json!({ "type": "set_auto_retry", "sessionId": "s", "enabled": false }));
        client.ok(json!({ "type": "set_auto_compaction", "sessionId": "s", "enabled": false }));
        client.ok(json!({
            "type": "set_model", "sessionId": "s", "provider": "fake", "modelId": "fake-2",
        }));
        assert_eq!(std::fs::read_to_string(&settings).expect("settings"), before);
        client.ok(json!({ "type": "create_session", "sessionId": "t", "cwd": stage.work() }));
        let state = client.ok(json!({ "type": "get_state", "sessionId": "t" }));
        assert_eq!(state["data"]["model"]["id"], "fake-1", "{state}");
    });
}

#[test]
fn pitfall_12_a_deep_tree_is_flat() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        client.send(&prompt("p", "s", "[say:one]"));
        client.response("p");
        let state = client.ok(json!({ "type": "get_state", "sessionId": "s" }));
        let own = std::path::PathBuf::from(state["data"]["sessionFile"].as_str().expect("a path"));
        // A conversation of 7,000 entries, each below the one before.
        let text = std::fs::read_to_string(&own).expect("a session file");
        let header = text.lines().next().expect("a header");
        let mut deep = format!("{header}\n");
        for n in 0..7_000 {
            let parent = if n == 0 { Value::Null } else { json!(format!("{:08x}", n - 1)) };
            let entry = json!({
                "type": "message", "id": format!("{n:08x}"), "parentId": parent,
                "timestamp": "2026-01-01T00:00:00.000Z",
                "message": {
                    "role": "user", "timestamp": 1, "content": [{ "type": "text", "text": "deep" }],
                },
            });
            writeln!(deep, "{entry}").expect("a string takes text");
        }
        let path = own.with_file_name("deep.jsonl");
        std::fs::write(&path, deep).expect("a file");
        client.ok(json!({ "type": "load_session", "sessionId": "deep", "sessionPath": path }));
        let tree = client.ok(json!({ "type": "get_tree", "sessionId": "deep" }));
        let nodes = tree["data"]["nodes"].as_array().expect("nodes").len();
        assert!(nodes >= 7_000 || tree["data"]["truncated"] == true, "{nodes} nodes");
    });
}

#[test]
fn pitfall_14_ids_of_clients_do_not_meet() {
    with_each_pi(|stage| {
        let mut one = stage.client();
        let mut other = stage.daemon.websocket_as("other");
        // The same ids at the same time, and an id that looks like one of the daemon's own.
        one.send(&json!({ "id": "1", "type": "get_session_stats", "sessionId": "s" }));
        other.send(&json!({ "id": "1", "type": "get_available_models", "sessionId": "s" }));
        one.send(&json!({ "id": "2", "type": "get_commands", "sessionId": "s" }));
        other.send(&json!({ "id": "2", "type": "get_messages", "sessionId": "s" }));
        assert!(one.response("1")["data"]["tokens"].is_object());
        assert!(other.response("1")["data"]["models"].is_array());
        assert!(one.response("2")["data"]["commands"].is_array());
        assert!(other.response("2")["data"]["messages"].is_array());
    });
}
