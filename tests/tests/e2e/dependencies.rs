//! `dependsOn`. PROTOCOL.md section 6.4.

use pi_server_tests::{Daemon, Setup};
use serde_json::json;

use crate::{places, prompt, refused, session};

#[test]
fn a_command_waits_for_one_of_another_session() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "a");
    session(&mut client, "b");
    client.send(&prompt("first", "a", "[words:10] [delay:2]"));
    let mut second = prompt("second", "b", "[say:done]");
    second["dependsOn"] = json!(["first"]);
    client.send(&second);
    assert_eq!(client.response("second")["success"], true);
    let finished = places(&client, "command_finished", "first")[0];
    let started = places(&client, "command_started", "second")[0];
    assert!(finished < started);
    daemon.verify();
}

#[test]
fn a_failed_dependency_fails_its_dependent_without_running_it() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "a");
    session(&mut client, "b");
    client.send(&prompt("first", "a", "[fail:no]"));
    client.response("first");
    let mut second = prompt("second", "b", "[say:done]");
    second["dependsOn"] = json!(["first"]);
    client.send(&second);
    refused(&client.response("second"), "dependency_failed");
    assert!(places(&client, "command_started", "second").is_empty());
    assert_eq!(places(&client, "command_finished", "second").len(), 1);
}

#[test]
fn a_dependency_on_nothing_known_or_on_itself_is_refused_and_not_remembered() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "a");
    let mut command = prompt("p", "a", "[say:hello]");
    command["dependsOn"] = json!(["never sent"]);
    client.send(&command);
    refused(&client.response("p"), "dependency_invalid");
    command["dependsOn"] = json!(["p"]);
    client.send(&command);
    refused(&client.response("p"), "dependency_invalid");
    assert!(places(&client, "command_accepted", "p").is_empty());
    client.send(&prompt("p", "a", "[say:hello]"));
    assert_eq!(client.response("p")["success"], true, "the id is as good as new");
}

#[test]
fn an_earlier_command_of_the_same_lane_is_a_fine_dependency() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "a");
    client.send(&prompt("first", "a", "[say:one]"));
    let mut second = prompt("second", "a", "[say:two]");
    second["dependsOn"] = json!(["first"]);
    client.send(&second);
    assert_eq!(client.response("second")["success"], true);
}

#[test]
fn a_wait_for_a_dependency_ends_and_the_command_never_runs() {
    let daemon = Setup::new().limit("dependency_timeout_ms", 100).start();
    let mut client = daemon.websocket();
    session(&mut client, "a");
    session(&mut client, "b");
    client.send(&prompt("first", "a", "[stall]"));
    let mut second = prompt("second", "b", "[say:done]");
    second["dependsOn"] = json!(["first"]);
    client.send(&second);
    let response = client.response("second");
    refused(&response, "dependency_timeout");
    assert_eq!(response["timedOut"], true);
    client.send(&json!({ "id": "stop", "type": "abort", "sessionId": "a" }));
    client.response("first");
    assert!(places(&client, "command_started", "second").is_empty());
    daemon.verify();
}
