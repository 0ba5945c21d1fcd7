//! The severe defects: W1 to W8.

use pi_server_tests::frames::{
    count, get_state, places, prompt, refused, rename, session, succeeded, with,
};
use pi_server_tests::{Daemon, Setup};
use serde_json::json;

/// `limits.pending_per_connection_max` by default.
const PENDING_MAX: usize = 100;

#[test]
fn w01_a_running_prompt_can_be_watched_read_steered_and_aborted() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("run", "s", "[stall]"));
    client.event("s", "agent_start");
    let mut other = daemon.unix();
    let watched = other.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    assert_eq!(watched["data"]["sessionInfo"]["isStreaming"], true);
    assert_eq!(other.ok(get_state("", "s"))["data"]["isStreaming"], true);
    other.ok(json!({ "type": "get_messages", "sessionId": "s" }));
    other.ok(json!({ "type": "steer", "sessionId": "s", "message": "left" }));
    other.ok(json!({ "type": "follow_up", "sessionId": "s", "message": "on" }));
    assert!(places(&client, "command_finished", "run").is_empty(), "it still runs");
    other.ok(json!({ "type": "abort", "sessionId": "s" }));
    succeeded(&client.response("run"));
    daemon.verify();
}

#[test]
fn w01_a_session_can_be_deleted_while_its_prompt_runs() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("run", "s", "[stall]"));
    client.event("s", "agent_start");
    client.ok(json!({ "type": "delete_session", "sessionId": "s" }));
    refused(&client.response("run"), "session_deleted");
    daemon.verify();
}

#[test]
fn w02_a_chain_of_dependencies_in_one_lane_sent_in_one_burst_runs_in_order() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.send(&prompt("n0", "s", "[words:5] [delay:1]"));
    for number in 1..10 {
        let before = format!("n{}", number - 1);
        let command = rename(&format!("n{number}"), "s", "x");
        client.send(&with(command, "dependsOn", json!([before])));
    }
    for number in 0..10 {
        succeeded(&client.response(&format!("n{number}")));
    }
    for number in 1..10 {
        let before = places(&client, "command_finished", &format!("n{}", number - 1))[0];
        let started = places(&client, "command_started", &format!("n{number}"))[0];
        assert!(before < started, "n{number} started before what it depends on had ended");
    }
    daemon.verify();
}

#[test]
fn w03_a_null_behind_a_hundred_pending_commands_kills_nobody() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    let mut bystander = daemon.unix();
    session(&mut bystander, "s");
    for number in 0..PENDING_MAX {
        client.send(&prompt(&format!("p{number}"), "s", "[stall]"));
    }
    client.lifecycle(&format!("p{}", PENDING_MAX - 1), "accepted");
    client.send(&prompt("one too many", "s", "[stall]"));
    refused(&client.response("one too many"), "too_many_pending");
    for text in ["null", "0", "\"\"", "[]", "true"] {
        client.send_text(text);
        let answer = client.expect(text, |frame| frame["type"] == "response");
        refused(&answer, "malformed");
    }
    succeeded(&bystander.ok(json!({ "type": "health_check" })));
    bystander.ok(json!({ "type": "abort", "sessionId": "s" }));
    succeeded(&client.response("p0"));
    client.ok(json!({ "type": "list_sessions" }));
    daemon.verify();
}

#[test]
fn w04_time_in_the_queue_is_not_counted_and_what_timed_out_waiting_never_runs() {
    let daemon = Setup::new().limit("dependency_timeout_ms", 100).start();
    let mut client = daemon.websocket();
    session(&mut client, "a");
    session(&mut client, "b");
    client.send(
        &json!({ "id": "long", "type": "bash", "sessionId": "a", "command": "[delay:2500]" }),
    );
    // It waits for longer than it may run, and then runs.
    client.send(&with(prompt("queued", "a", "[say:done]"), "timeoutMs", 2_000));
    // It waits for longer than anything may wait for a dependency.
    client.send(&with(rename("late", "b", "never"), "dependsOn", json!(["queued"])));
    refused(&client.response("late"), "dependency_timeout");
    succeeded(&client.response("long"));
    succeeded(&client.response("queued"));
    let state = client.ok(get_state("", "b"));
    assert_eq!(state["sessionVersion"], 0, "what timed out had no effect");
    assert_eq!(state["data"].get("sessionName"), None);
    assert!(places(&client, "command_started", "late").is_empty());
    assert_eq!(places(&client, "command_finished", "late").len(), 1);
    daemon.verify();
}

#[test]
fn w05_an_agent_that_ignores_its_abort_delays_no_answer_and_blocks_no_lane() {
    let daemon = Setup::new().limit("stop_grace_ms", 200).start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    // The demo agent never says a word about this prompt, not even when it is told to stop.
    client.send(&with(prompt("mute", "s", "[noack]"), "timeoutMs", 100));
    client.send(&prompt("next", "s", "[say:on]"));
    let answer = client.response("mute");
    refused(&answer, "timeout");
    assert_eq!(answer["timedOut"], true);
    succeeded(&client.response("next"));
    daemon.verify();
}

#[test]
fn w06_a_second_creation_leaves_the_living_session_alone() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&prompt("ask", "s", "[ask:confirm]"));
    let asked = client.event("s", "extension_ui_request");
    refused(&client.call(json!({ "type": "create_session", "sessionId": "s" })), "session_exists");
    let listed = client.ok(json!({ "type": "list_sessions" }));
    assert_eq!(listed["data"]["sessions"][0]["sessionId"], "s");
    assert_eq!(listed["data"]["sessions"][0]["pendingDialogCount"], 1, "its dialog is still open");
    client.ok(json!({
        "type": "extension_ui_response", "sessionId": "s",
        "requestId": asked["event"]["requestId"],
        "response": { "method": "confirm", "confirmed": true },
    }));
    succeeded(&client.response("ask"));
    client.event("s", "agent_settled");
    let health = client.ok(json!({ "type": "health_check" }));
    assert_eq!(health["data"]["healthy"], true);
    assert_eq!(count(&client, |frame| frame["type"] == "session_created"), 1);
    daemon.verify();
}

#[test]
fn w07_a_refusal_never_takes_the_place_of_an_outcome_not_even_over_a_crash() {
    let mut daemon = Setup::new().limit("lane_waiting_max", 1).start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.send(&rename("done", "s", "one"));
    succeeded(&client.response("done"));
    client.send(&prompt("running", "s", "[stall]"));
    client.event("s", "agent_start");
    client.send(&prompt("waiting", "s", "[say:hello]"));
    client.lifecycle("waiting", "accepted");
    // Two conflicts, with what is stored and with what is in flight, and no room for a third.
    client.send(&rename("done", "s", "two"));
    refused(&client.response("done"), "id_conflict");
    client.send(&prompt("running", "s", "something else"));
    refused(&client.response("running"), "id_conflict");
    client.send(&prompt("no room", "s", "[say:there is]"));
    refused(&client.response("no room"), "busy");
    assert!(places(&client, "command_finished", "running").is_empty());
    assert!(places(&client, "command_finished", "no room").is_empty());
    daemon.kill9();
    daemon.restart();
    let mut client = daemon.websocket();
    client.send(&rename("done", "s", "one"));
    let done = client.response("done");
    succeeded(&done);
    assert_eq!(done["replayed"], true);
    client.send(&prompt("running", "s", "[stall]"));
    refused(&client.response("running"), "outcome_unknown");
    client.send(&prompt("no room", "s", "[say:there is]"));
    let new = client.response("no room");
    succeeded(&new);
    assert_eq!(new.get("replayed"), None, "what was refused is as good as new");
    daemon.verify();
}

#[test]
fn w08_circuits_count_errors_of_the_provider_and_nothing_else() {
    let daemon = Setup::new().limit("provider_failures", 2).start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    session(&mut client, "t");
    for _ in 0..5 {
        // Mistakes of the user: nothing to summarise, a prompt that the agent will not have.
        let compacted = client.call(json!({ "type": "compact", "sessionId": "s" }));
        refused(&compacted, "agent_error");
        refused(&client.call(prompt("", "s", "[fail:no such command]")), "agent_error");
    }
    client.ok(prompt("", "s", "[say:all is well]"));
    for _ in 0..2 {
        // The commands succeed; their runs ended with an error of the provider.
        client.ok(prompt("", "s", "[error:overloaded]"));
    }
    refused(&client.call(prompt("", "t", "[say:hello]")), "circuit_open");
    client.ok(json!({ "type": "steer", "sessionId": "s", "message": "on" }));
    refused(&client.call(prompt("", "s", "[say:hello]")), "circuit_open");
    daemon.verify();
}
