//! The real agent with extensions that make it say odd things, or nothing: no conversation is lost,
//! and nobody waits for what does not come.

use std::time::{Duration, Instant};

use pi_server_tests::Client;
use serde_json::{Value, json};

use crate::prompt;
use crate::real_pi::{Stage, with_each_pi};

/// Names the session through the middle of a character, and takes what begins with `take:` itself.
const ODD: &str = r#"
export default function (pi) {
	pi.registerCommand("name-me", {
		description: "Names the session",
		handler: async () => pi.setSessionName("Fix the bug \u{1f600}".slice(0, 13)),
	});
	pi.on("input", async (event) => {
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
