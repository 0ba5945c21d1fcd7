//! Ordering, identity and replays: W11 to W28.

use pi_server_tests::frames::{
    count, get_state, places, prompt, refused, rename, session, succeeded, with,
};
use pi_server_tests::{Client, Daemon, Setup};
use serde_json::{Value, json};

#[test]
fn w11_a_command_finishes_before_the_next_of_its_lane_starts() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    for number in 0..60 {
        client.send(&rename(&format!("n{number}"), "s", "x"));
    }
    client.response("n59");
    let order: Vec<(&str, &str)> = client
        .seen()
        .iter()
        .filter_map(|frame| {
            let id = frame["data"]["commandId"].as_str().filter(|id| id.starts_with('n'))?;
            let kind = frame["type"].as_str().filter(|kind| *kind != "command_accepted")?;
            Some((kind, id))
        })
        .collect();
    let names: Vec<String> = (0..60).map(|number| format!("n{number}")).collect();
    let expected: Vec<(&str, &str)> = names
        .iter()
        .flat_map(|id| [("command_started", id.as_str()), ("command_finished", id.as_str())])
        .collect();
    assert_eq!(order, expected);
    daemon.verify();
}

#[test]
fn w12_a_replay_is_one_response_and_repeats_no_effect() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    let create = json!({ "id": "c", "type": "create_session", "sessionId": "s" });
    let subscribe = json!({ "id": "w", "type": "switch_session", "sessionId": "s" });
    let delete = json!({ "id": "d", "type": "delete_session", "sessionId": "s" });
    for frame in [&create, &subscribe, &delete] {
        client.send(frame);
        succeeded(&client.response(frame["id"].as_str().expect("an id")));
    }
    client.expect("its announcement", |frame| frame["type"] == "session_deleted");
    let before = client.seen().len();
    for frame in [&create, &subscribe, &delete] {
        client.send(frame);
        let again = client.response(frame["id"].as_str().expect("an id"));
        succeeded(&again);
        assert_eq!(again["replayed"], true);
    }
    let sessions = client.ok(json!({ "type": "list_sessions" }));
    assert_eq!(sessions["data"]["sessions"], json!([]), "nothing was created again");
    let mut after: Vec<&Value> = client.seen()[before..].iter().collect();
    after.retain(|frame| !frame["data"]["commandId"].as_str().unwrap_or("").starts_with("call-"));
    let kinds: Vec<&str> = after.iter().filter_map(|frame| frame["type"].as_str()).collect();
    assert_eq!(kinds, ["response"; 4], "three replays and the list, and nothing else");
    daemon.verify();
}

#[test]
fn w13_a_named_client_cannot_fetch_the_answer_of_another() {
    let daemon = Daemon::start();
    let mut ann = daemon.websocket_as("ann");
    let mut bob = daemon.websocket_as("bob");
    session(&mut ann, "s");
    let command = with(rename("1", "s", "ann's"), "idempotencyKey", "k");
    ann.send(&command);
    assert_eq!(ann.response("1")["sessionVersion"], 1);
    bob.send(&command);
    let own = bob.response("1");
    assert_eq!(own.get("replayed"), None, "{own}");
    assert_eq!(own["sessionVersion"], 2, "bob's command is his own");
}

#[test]
fn w14_a_conflict_says_what_differs() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.send(&rename("x", "s", "one"));
    client.response("x");
    client.send(&rename("x", "s", "two"));
    let same_type = client.response("x");
    refused(&same_type, "id_conflict");
    let text = same_type["error"].as_str().expect("a text");
    assert!(text.ends_with("with different fields"), "{text}");
    client.send(&get_state("x", "s"));
    let other_type = client.response("x");
    let text = other_type["error"].as_str().expect("a text");
    assert!(text.contains("'set_session_name'") && text.contains("'get_state'"), "{text}");
}

#[test]
fn w15_an_id_that_is_not_stored_any_more_has_its_answer_and_does_not_run_again() {
    let daemon = Setup::new().limit("outcomes_max", 5).start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let old = rename("old", "s", "once");
    client.send(&old);
    succeeded(&client.response("old"));
    for number in 0..6 {
        client.send(
            &json!({ "id": format!("n{number}"), "type": "set_interest", "lifecycle": "all" }),
        );
        client.response(&format!("n{number}"));
    }
    client.send(&old);
    let again = client.response("old");
    succeeded(&again);
    assert_eq!((&again["replayed"], &again["sessionVersion"]), (&json!(true), &json!(1)));
    let dependent = with(rename("dependent", "s", "twice"), "dependsOn", json!(["old"]));
    client.send(&dependent);
    refused(&client.response("dependent"), "dependency_invalid");
    assert_eq!(client.ok(get_state("", "s"))["sessionVersion"], 1);
    daemon.verify();
}

#[test]
fn w16_outcomes_are_forgotten_in_the_order_in_which_commands_ended() {
    let daemon = Setup::new().limit("outcomes_max", 3).start();
    let mut client = daemon.websocket();
    client.send(&json!({ "id": "c", "type": "create_session", "sessionId": "s" }));
    client.response("c");
    let long = json!({ "id": "long", "type": "bash", "sessionId": "s", "command": "[stall]" });
    client.send(&long);
    client.lifecycle("long", "started");
    let short = |id: &str| json!({ "id": id, "type": "set_interest", "lifecycle": "all" });
    for id in ["s1", "s2"] {
        client.send(&short(id));
        client.response(id);
    }
    client.send(&json!({ "type": "abort_bash", "sessionId": "s" }));
    client.response("long");
    for id in ["s3", "s4"] {
        client.send(&short(id));
        client.response(id);
    }
    // The oldest command is not the oldest outcome: others may still depend on it.
    client.send(&with(short("d1"), "dependsOn", json!(["long"])));
    succeeded(&client.response("d1"));
    client.send(&with(short("d2"), "dependsOn", json!(["s2"])));
    refused(&client.response("d2"), "dependency_invalid");
    daemon.verify();
}

#[test]
fn w17_an_id_that_was_answered_through_a_key_is_not_taken() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.send(&with(rename("first", "s", "x"), "idempotencyKey", "k"));
    succeeded(&client.response("first"));
    client.send(&with(rename("retry", "s", "x"), "idempotencyKey", "k"));
    assert_eq!(client.response("retry")["replayed"], true);
    // As PROTOCOL.md 6.2 says: the key was the identity, the id is free.
    client.send(&get_state("retry", "s"));
    let own = client.response("retry");
    succeeded(&own);
    assert_eq!(own.get("replayed"), None);
}

#[test]
fn w18_commands_without_id_and_keys_are_counted() {
    let daemon =
        Setup::new().limit("commands_in_flight_max", 3).limit("idempotency_keys_max", 2).start();
    let mut client = daemon.websocket();
    for name in ["a", "b", "c"] {
        session(&mut client, name);
    }
    for key in ["k1", "k2"] {
        client.ok(with(rename("", "a", "x"), "idempotencyKey", key));
    }
    refused(&client.call(with(rename("", "a", "x"), "idempotencyKey", "k3")), "busy");
    let mut other = daemon.websocket();
    for name in ["a", "b", "c"] {
        let stalled = json!({ "type": "prompt", "sessionId": name, "message": "[stall]" });
        other.send(&stalled);
        client.expect("its start", |frame| {
            frame["type"] == "command_started" && frame["data"]["commandType"] == "prompt"
        });
    }
    refused(&client.call(json!({ "type": "list_sessions" })), "busy");
    daemon.verify();
}

#[test]
fn w19_no_choice_of_names_lets_two_scopes_meet() {
    let daemon = Daemon::start();
    let keyed = |client: &mut Client, frame: Value, key: &str| {
        client.ok(with(frame, "idempotencyKey", key)).get("replayed").cloned()
    };
    let mut client = daemon.websocket();
    for name in ["_server_", "a", "a.b"] {
        session(&mut client, name);
    }
    let list = json!({ "type": "list_sessions" });
    assert_eq!(keyed(&mut client, list.clone(), "k"), None);
    assert_eq!(keyed(&mut client, rename("", "_server_", "x"), "k"), None);
    assert_eq!(keyed(&mut client, rename("", "a", "x"), "b:c"), None);
    assert_eq!(keyed(&mut client, rename("", "a.b", "x"), "c"), None);
    assert_eq!(keyed(&mut client, rename("", "a", "y"), "k"), None);
    assert_eq!(keyed(&mut client, list, "k"), Some(json!(true)), "its own scope knows it");
    // Client names are scopes as well, and are not joined to ids.
    for (name, id) in [("x", "y1"), ("xy", "1")] {
        let mut client = daemon.unix_as(name);
        client.send(&rename(id, "a", name));
        let answer = client.response(id);
        succeeded(&answer);
        assert_eq!(answer.get("replayed"), None);
    }
}

#[test]
fn w20_a_command_is_the_same_whatever_the_order_of_its_keys_and_deep_input_is_refused() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let fields = "\"type\":\"set_session_name\",\"sessionId\":\"s\",\"name\":\"x\"";
    // A locale would sort these three in another order than their code points do.
    client.send_text(&format!("{{\"id\":\"f\",{fields},\"Z\":1,\"a\":2,\"\u{e4}\":3}}"));
    succeeded(&client.response("f"));
    client.send_text(&format!(
        "{{\"\u{e4}\":3.0,\"dependsOn\":[],\"a\":2,\"\\u005a\":1e0,{fields},\"id\":\"f\"}}"
    ));
    let again = client.response("f");
    succeeded(&again);
    assert_eq!(again["replayed"], true);
    for depth in [129, 20_000, 1_000_000] {
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        client.send_text(&format!("{{\"id\":\"deep\",{fields},\"x\":{open}{close}}}"));
        let answer = client.expect("an answer", |frame| frame["type"] == "response");
        refused(&answer, "malformed");
        let text = answer["error"].as_str().expect("a text");
        assert!(text.starts_with("Invalid JSON at byte "), "{text}");
    }
    client.ok(get_state("", "s"));
}

#[test]
fn w21_commands_cannot_wait_for_each_other_in_a_circle() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "a");
    session(&mut client, "b");
    client.send(&with(rename("first", "a", "x"), "dependsOn", json!(["second"])));
    client.send(&with(rename("second", "b", "x"), "dependsOn", json!(["first"])));
    refused(&client.response("first"), "dependency_invalid");
    refused(&client.response("second"), "dependency_invalid");
    // Neither lane waits for anything.
    client.ok(rename("", "a", "x"));
    client.ok(rename("", "b", "x"));
}

#[test]
fn w22_a_dependency_timeout_names_the_command_and_the_time() {
    let daemon = Setup::new().limit("dependency_timeout_ms", 100).start();
    let mut client = daemon.websocket();
    session(&mut client, "a");
    session(&mut client, "b");
    client.send(&prompt("first", "a", "[stall]"));
    client.send(&with(rename("second", "b", "x"), "dependsOn", json!(["first"])));
    let response = client.response("second");
    refused(&response, "dependency_timeout");
    assert_eq!(response["error"], "Dependencies of 'set_session_name' did not finish within 100ms");
}

#[test]
fn w23_a_stray_session_on_a_server_command_changes_nothing() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    let first = client.ok(json!({ "type": "list_sessions" }));
    let stray = client.ok(json!({ "type": "list_sessions", "sessionId": "ghost" }));
    let (first, stray) = (first["laneSequence"].as_u64(), stray["laneSequence"].as_u64());
    assert_eq!(stray, first.map(|first| first + 1), "it is in the same lane");
    let ghost = client.call(with(get_state("", "ghost"), "ifSessionVersion", 0));
    refused(&ghost, "session_not_found");
    let history =
        client.ok(json!({ "type": "get_command_history", "commandType": "list_sessions" }));
    for entry in history["data"]["entries"].as_array().expect("entries") {
        assert_eq!(entry["laneKey"], "server");
    }
}

#[test]
fn w24_a_version_counts_successes_and_survives_a_restart() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(rename("", "s", "one"));
    // A late completion and a failure do not count.
    let stalled = json!({
        "type": "bash", "sessionId": "s", "command": "[delay:5000]", "timeoutMs": 50,
    });
    refused(&client.call(stalled), "timeout");
    refused(&client.call(prompt("", "s", "[fail:no]")), "agent_error");
    client.ok(json!({ "type": "bash", "sessionId": "s", "command": "[delay:1]" }));
    assert_eq!(client.ok(get_state("", "s"))["sessionVersion"], 2);
    daemon.kill9();
    daemon.restart();
    let mut client = daemon.websocket();
    assert_eq!(client.ok(get_state("", "s"))["sessionVersion"], 2);
    client.ok(with(rename("", "s", "two"), "ifSessionVersion", 2));
    refused(&client.call(with(rename("", "s", "x"), "ifSessionVersion", 2)), "version_mismatch");
    client.ok(json!({ "type": "delete_session", "sessionId": "s" }));
    session(&mut client, "s");
    assert_eq!(client.ok(get_state("", "s"))["sessionVersion"], 0, "a new session begins anew");
    daemon.verify();
}

#[test]
fn w25_a_subscription_can_be_guarded_by_a_version_and_ended() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    let mut other = daemon.unix();
    session(&mut client, "s");
    let watch = json!({ "type": "switch_session", "sessionId": "s" });
    refused(&client.call(with(watch.clone(), "ifSessionVersion", 7)), "version_mismatch");
    client.ok(with(watch, "ifSessionVersion", 0));
    other.ok(prompt("", "s", "[say:one]"));
    client.event("s", "agent_settled");
    client.ok(json!({ "type": "unsubscribe", "sessionId": "s" }));
    let before = count(&client, |frame| frame["type"] == "event");
    other.ok(prompt("", "s", "[say:two]"));
    client.ok(json!({ "type": "list_sessions" }));
    assert_eq!(count(&client, |frame| frame["type"] == "event"), before);
    client.ok(json!({ "type": "unsubscribe", "sessionId": "s" }));
}

#[test]
fn w26_a_timeout_stops_its_own_command_and_not_what_the_session_is_at() {
    let daemon = Setup::new().limit("dependency_timeout_ms", 50).start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    session(&mut client, "t");
    client.send(&json!({ "type": "bash", "sessionId": "t", "command": "[stall]", "id": "never" }));
    client.send(&prompt("run", "s", "[words:30] [delay:10]"));
    client.lifecycle("run", "started");
    client.send(&with(prompt("late", "s", "[say:x]"), "dependsOn", json!(["never"])));
    refused(&client.response("late"), "dependency_timeout");
    succeeded(&client.response("run"));
    let text = client.ok(json!({ "type": "get_last_assistant_text", "sessionId": "s" }));
    let words = text["data"]["text"].as_str().expect("a text").split_whitespace().count();
    assert!(words >= 30, "the run was left alone: {text}");
    let messages = client.ok(json!({ "type": "get_messages", "sessionId": "s" }));
    let messages = messages["data"]["messages"].as_array().cloned().expect("messages");
    assert_eq!(messages.last().expect("an answer")["stopReason"], "stop");
    daemon.verify();
}

#[test]
fn w27_only_timeouts_are_called_timeouts() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let died = client.call(prompt("", "s", "[die]"));
    refused(&died, "agent_exited");
    assert_eq!(died.get("timedOut"), None);
    client.send(&prompt("run", "s", "[stall]"));
    client.lifecycle("run", "started");
    client.ok(json!({ "type": "cancel_command", "commandId": "run" }));
    let cancelled = client.response("run");
    refused(&cancelled, "cancelled");
    assert_eq!(cancelled.get("timedOut"), None);
    let stalled =
        json!({ "type": "bash", "sessionId": "s", "command": "[stall]", "timeoutMs": 20 });
    let late = client.call(stalled);
    refused(&late, "timeout");
    assert_eq!(late["timedOut"], true);
}

#[test]
fn w28_requests_that_wait_for_another_are_bounded_and_all_answered() {
    let daemon = Setup::new().limit("waiters_per_command_max", 2).start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let stalled = prompt("run", "s", "[stall]");
    client.send(&stalled);
    client.lifecycle("run", "started");
    let mut waiters = [daemon.unix(), daemon.unix(), daemon.unix()];
    for waiter in &mut waiters {
        waiter.send(&stalled);
        // The answer to a later frame shows that the one before has been handled.
        waiter.ok(json!({ "type": "list_sessions" }));
    }
    let [first, second, third] = &mut waiters;
    refused(&third.response("run"), "busy");
    client.ok(json!({ "type": "abort", "sessionId": "s" }));
    succeeded(&client.response("run"));
    for waiter in [first, second] {
        let copy = waiter.response("run");
        succeeded(&copy);
        assert_eq!(copy["replayed"], true);
    }
    assert_eq!(places(&client, "command_finished", "run").len(), 1);
}
