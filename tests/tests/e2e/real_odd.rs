//! The real agent with extensions that make it say odd things, or nothing: no conversation is lost,
//! and nobody waits for what does not come.

use std::time::{Duration, Instant};

use pi_server_tests::Client;
use serde_json::{Value, json};

use crate::prompt;
use crate::real_pi::{Stage, with_each_pi};

/// Names the session through the middle of a character, takes what begins with `take:` itself, takes its
/// time for `/slow` and for what begins with `slow:`, and ends its pi.
const ODD: &str = r#"
export default function (pi) {
	pi.registerCommand("name-me", {
		description: "Names the session",
		handler: async () => pi.setSessionName("Fix the bug \u{1f600}".slice(0, 13)),
	});
	const nap = () => new Promise((resolve) => setTimeout(resolve, 5000));
	pi.registerCommand("slow", { description: "Takes its time", handler: nap });
	pi.registerCommand("leave", {
		description: "Ends",
		handler: async (_, context) => context.shutdown(),
	});
	pi.on("input", async (event) => {
		if (event.text.startsWith("slow:")) await nap();
		if (event.text.startsWith("take:")) return { action: "handled" };
	});
}
"#;

fn odd(stage: &mut Stage) -> Client {
    let extensions = stage.home.path().join("user/extensions");
    std::fs::write(extensions.join("odd.ts"), ODD).expect("an extension");
    stage.client()
}

fn answer(client: &mut Client, id: &str, message: &str) -> Value {
    client.send(&prompt(id, "s", message));
    client.response(id)
}

#[test]
fn a_name_that_ends_in_half_a_character_costs_no_conversation() {
    with_each_pi(|stage| {
        let mut client = odd(stage);
        assert_eq!(answer(&mut client, "p1", "[say:one]")["success"], true);
        assert_eq!(answer(&mut client, "n", "/name-me")["success"], true);
        let before = client.ok(json!({ "type": "get_state", "sessionId": "s" }));
        let (file, name) = (&before["data"]["sessionFile"], &before["data"]["sessionName"]);
        assert!(file.is_string(), "{before}");
        assert_eq!(name, "Fix the bug \u{fffd}", "{before}");
        for round in 0..2 {
            assert!(stage.daemon.stop().success());
            stage.daemon.restart();
            let mut client = stage.daemon.websocket();
            let id = format!("q{round}");
            assert_eq!(answer(&mut client, &id, "[say:two]")["success"], true);
            let messages = client.ok(json!({ "type": "get_fork_messages", "sessionId": "s" }));
            let said = messages["data"]["messages"].as_array().expect("a list").len();
            assert_eq!(said, 2 + round, "{messages}");
            let state = client.ok(json!({ "type": "get_state", "sessionId": "s" }));
            assert_eq!(&state["data"]["sessionFile"], file);
        }
    });
}

#[test]
fn a_prompt_that_an_extension_takes_is_answered_at_once() {
    with_each_pi(|stage| {
        let mut client = odd(stage);
        let begun = Instant::now();
        let taken = answer(&mut client, "t", "take: this");
        assert_eq!(taken["success"], true, "{taken}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        assert_eq!(answer(&mut client, "p", "[say:and on]")["success"], true);
    });
}

#[test]
fn stopping_one_shell_command_leaves_the_next_one_alone() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        let bash = |id: &str, command: &str| json!({ "id": id, "type": "bash", "sessionId": "s", "command": command });
        client.send(&bash("b0", "sleep 20"));
        for number in 1..4 {
            client.send(&bash(&format!("b{number}"), &format!("sleep 0.4; echo NEW{number}")));
        }
        client.ok(json!({ "type": "abort_bash", "sessionId": "s" }));
        assert_eq!(client.response("b0")["data"]["cancelled"], true);
        for number in 1..4 {
            let done = client.response(&format!("b{number}"));
            assert_eq!(done["data"]["cancelled"], false, "{done}");
            assert_eq!(done["data"]["output"], format!("NEW{number}\n"), "{done}");
        }
    });
}

#[test]
fn a_prompt_right_behind_an_agent_that_ends_by_itself_is_answered() {
    with_each_pi(|stage| {
        let mut client = odd(stage);
        assert_eq!(answer(&mut client, "p", "[say:hello]")["success"], true);
        for round in 0..3 {
            client.send(&prompt(&format!("l{round}"), "s", "/leave"));
            client.send(&prompt(&format!("q{round}"), "s", "[say:after]"));
            let left = client.response(&format!("l{round}"));
            assert_eq!(left["success"], true, "{left}");
            let after = client.response(&format!("q{round}"));
            assert_eq!(after["success"], true, "{after}");
        }
    });
}

#[test]
fn while_a_command_or_a_hook_is_at_work_the_session_can_be_read_and_stopped() {
    with_each_pi(|stage| {
        let mut client = odd(stage);
        client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
        let is_over = |client: &Client, id: &str| {
            let over = |frame: &Value| frame["type"] == "response" && frame["id"] == id;
            client.seen().iter().any(over)
        };
        for (id, message) in [("c", "/slow"), ("p", "slow: [delay:100] [words:300]")] {
            client.send(&prompt(id, "s", message));
            client.lifecycle(id, "started");
            client.ok(json!({ "type": "get_messages", "sessionId": "s" }));
            client.ok(json!({ "type": "get_state", "sessionId": "s" }));
            let begun = |frame: &Value| frame["event"]["type"] == "agent_start";
            assert!(!is_over(&client, id) && !client.seen().iter().any(begun), "{id}");
        }
        client.ok(json!({ "type": "abort", "sessionId": "s" }));
        client.response("p");
        let delta =
            |frame: &&Value| frame["event"]["assistantMessageEvent"]["type"] == "text_delta";
        let deltas = client.seen().iter().filter(delta).count();
        assert!(deltas < 100, "{deltas} pieces of what was to be stopped");
    });
}

#[test]
fn what_a_provider_refuses_closes_it_for_nobody_and_a_command_passes_a_closed_one() {
    with_each_pi(|stage| {
        let mut client = odd(stage);
        for round in 0..6 {
            let refused = answer(&mut client, &format!("r{round}"), "[error:400]");
            assert_eq!(refused["success"], true, "{refused}");
        }
        assert_eq!(answer(&mut client, "p", "[say:fine]")["success"], true);
        client.ok(json!({ "type": "set_auto_retry", "sessionId": "s", "enabled": false }));
        for round in 0..5 {
            answer(&mut client, &format!("f{round}"), "[error:500]");
        }
        let closed = answer(&mut client, "q", "[say:too soon]");
        assert_eq!(closed["errorCode"], "circuit_open", "{closed}");
        let passed = answer(&mut client, "n", "/name-me");
        assert_eq!(passed["success"], true, "{passed}");
    });
}
