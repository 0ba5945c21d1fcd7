//! Turns, and what can be done while one runs. PROTOCOL.md sections 7.4 and 8.

use pi_server_tests::{Client, Daemon};
use serde_json::{Value, json};

use crate::{prompt, session};

#[test]
fn a_dialog_is_answered_while_its_turn_runs() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("p", "s", "[ask:confirm]"));
    let asked = client.event("s", "extension_ui_request");
    let request = asked["event"]["requestId"].clone();
    let answer = client.call(json!({
        "type": "extension_ui_response", "sessionId": "s",
        "requestId": request, "response": { "method": "confirm", "confirmed": true },
    }));
    assert_eq!(answer["success"], true, "{answer}");
    assert_eq!(client.response("p")["success"], true);
    daemon.verify();
}

#[test]
fn the_events_of_a_turn_come_between_its_start_and_its_end() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("p", "s", "[words:5] [delay:1]"));
    client.response("p");
    let place = |fits: &dyn Fn(&Value) -> bool| client.seen().iter().position(fits);
    let of = |kind: &'static str| {
        place(&move |frame: &Value| frame["type"] == kind && frame["data"]["commandId"] == "p")
    };
    let event = |kind: &'static str| place(&move |frame: &Value| frame["event"]["type"] == kind);
    let order = [
        of("command_accepted"),
        of("command_started"),
        event("agent_start"),
        event("message_update"),
        event("agent_end"),
        of("command_finished"),
        place(&|frame: &Value| frame["type"] == "response" && frame["id"] == "p"),
    ];
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{order:?}");
}

#[test]
fn events_go_to_subscribers_only_and_a_cursor_brings_back_what_was_missed() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    let mut stranger = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("p", "s", "[words:20] [delay:1]"));
    client.response("p");
    stranger.lifecycle("p", "finished");
    assert!(!stranger.seen().iter().any(|frame| frame["type"] == "event"));
    let live: Vec<Value> =
        client.seen().iter().filter(|frame| frame["type"] == "event").cloned().collect();
    assert!(live.len() > 20);
    let third = live[2]["cursor"].clone();
    let mut late = daemon.unix();
    late.ok(json!({ "type": "switch_session", "sessionId": "s", "cursor": third }));
    let last = live[live.len() - 1]["cursor"].clone();
    late.expect("the last event", |frame| frame["type"] == "event" && frame["cursor"] == last);
    let replayed: Vec<&Value> =
        late.seen().iter().filter(|frame| frame["type"] == "event").collect();
    assert_eq!(replayed, live[3..].iter().collect::<Vec<_>>());
    // What happens from then on follows, each event once.
    client.send(&prompt("q", "s", "[say:more]"));
    client.event("s", "agent_settled");
    let settled = client.event("s", "agent_settled")["cursor"].clone();
    late.expect("the next end", |frame| frame["type"] == "event" && frame["cursor"] == settled);
    let cursors = |client: &Client| -> Vec<u64> {
        let events = client.seen().iter().filter(|frame| frame["type"] == "event");
        events.filter_map(|frame| frame["cursor"].as_u64()).collect()
    };
    assert_eq!(cursors(&late), cursors(&client)[3..]);
}

#[test]
fn a_dead_agent_fails_its_turn_and_the_next_command_brings_a_new_one_up() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let died = client.call(json!({ "type": "prompt", "sessionId": "s", "message": "[die]" }));
    crate::refused(&died, "agent_exited");
    client.ok(json!({ "type": "prompt", "sessionId": "s", "message": "[say:here again]" }));
    let text = client.ok(json!({ "type": "get_last_assistant_text", "sessionId": "s" }));
    assert!(text["data"]["text"].as_str().is_some_and(|text| text.contains("here again")));
    daemon.verify();
}

/// The events that say that a run was cut off: the last two of a session.
fn cut_off(client: &mut Client, session: &str) -> [Value; 2] {
    let end = client.expect("the end of the run", |frame| {
        frame["sessionId"] == session && frame["event"]["stopReason"] == "interrupted"
    });
    let settled = client.event(session, "agent_settled");
    [end, settled]
}

#[test]
fn who_watches_a_run_whose_agent_dies_is_told_that_it_is_over() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("p", "s", "[words:3] [die]"));
    let begun = client.event("s", "agent_start")["cursor"].clone();
    let [end, settled] = cut_off(&mut client, "s");
    assert_eq!(end["event"]["type"], "agent_end", "{end}");
    assert_eq!(end["cursor"], settled["cursor"]);
    let words = end["event"]["errorMessage"].as_str().unwrap_or_default();
    assert!(words.contains("The agent ended") && words.contains("nothing of it runs"), "{end}");
    crate::refused(&client.response("p"), "agent_exited");
    let place = |fits: &dyn Fn(&Value) -> bool| client.seen().iter().position(fits);
    let told = place(&|frame: &Value| *frame == settled);
    let finished = place(&|frame: &Value| {
        frame["type"] == "command_finished" && frame["data"]["commandId"] == "p"
    });
    assert!(told < finished, "the end of the run comes before what follows from it");
    // Who was away meanwhile catches up with the same, and once only.
    let mut late = daemon.unix();
    late.ok(json!({ "type": "switch_session", "sessionId": "s", "cursor": begun }));
    assert_eq!(cut_off(&mut late, "s"), [end, settled.clone()]);
    let cursor = settled["cursor"].clone();
    let mut later = daemon.unix();
    later.ok(json!({ "type": "switch_session", "sessionId": "s", "cursor": cursor }));
    client.ok(json!({ "type": "prompt", "sessionId": "s", "message": "[say:again]" }));
    later.event("s", "agent_start");
    let again = |frame: &&Value| frame["event"]["stopReason"] == "interrupted";
    assert_eq!(later.seen().iter().find(again), None, "that place was handled");
    daemon.verify();
}

#[test]
fn the_time_of_a_turn_stands_still_while_it_asks() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let mut asks = prompt("p", "s", "[ask:input 2500] [say:done]");
    asks["timeoutMs"] = json!(1500);
    client.send(&asks);
    let answer = client.response("p");
    assert_eq!(answer["success"], true, "{answer}");
    // Without a question, so much time is too much.
    let mut stalls = prompt("q", "s", "[stall]");
    stalls["timeoutMs"] = json!(100);
    client.send(&stalls);
    crate::refused(&client.response("q"), "timeout");
    daemon.verify();
}

#[test]
fn a_session_can_be_read_and_stopped_while_its_agent_has_not_begun() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.send(&prompt("p", "s", "[noack]"));
    client.lifecycle("p", "started");
    client.send(&json!({
        "id": "w", "type": "set_session_name", "sessionId": "s", "name": "later",
    }));
    client.lifecycle("w", "accepted");
    client.send(&json!({ "id": "a", "type": "abort", "sessionId": "s" }));
    client.lifecycle("a", "started");
    let mut other = daemon.unix();
    other.ok(json!({ "type": "cancel_command", "commandId": "w" }));
    other.ok(json!({ "type": "get_messages", "sessionId": "s" }));
    other.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    let started =
        |frame: &&Value| frame["type"] == "command_started" && frame["data"]["commandId"] == "w";
    assert_eq!(client.seen().iter().find(started), None, "it would come before the run");
    let over = |frame: &&Value| frame["type"] == "response" && frame["id"] == "p";
    assert_eq!(client.seen().iter().find(over), None, "the prompt has not begun");
    other.ok(json!({ "type": "cancel_command", "commandId": "p" }));
    crate::refused(&client.response("p"), "cancelled");
    daemon.verify();
}
