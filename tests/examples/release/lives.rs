//! Four lives of a daemon, in which its clients do everything that a journal can tell of.

use std::fs;

use pi_server_tests::frames::{get_state, prompt, rename, session, with};
use pi_server_tests::journal::Journal;
use pi_server_tests::{Client, Daemon, Setup, until};
use serde_json::{Value, json};

use crate::refusals;

/// The last segment that is sealed when the lives are over.
pub(crate) const SEALED: u64 = 4;

/// Bounds that the lives run into, all of them other than the defaults.
pub(crate) fn limits(setup: Setup) -> Setup {
    let limits = [
        ("frame_bytes_max", 4_096),
        ("connections_max", 5),
        ("pending_per_connection_max", 6),
        ("subscriptions_per_connection_max", 4),
        ("sessions_max", 6),
        ("lane_waiting_max", 3),
        ("waiters_per_command_max", 2),
        ("outcomes_max", 60),
        ("forgotten_max", 300),
        ("idempotency_keys_max", 3),
        ("idempotency_ttl_ms", 604_800_000),
        ("dependency_timeout_ms", 100),
        ("bash_failures", 2),
        ("provider_failures", 2),
        ("circuit_open_ms", 200),
        ("circuit_successes", 1),
        ("agents_max", 7),
    ];
    limits.into_iter().fold(setup, |setup, (name, value)| setup.limit(name, value))
}

/// The commands whose stored answers are asked for again, as `ann` sent them.
pub(crate) fn stored() -> Vec<Value> {
    let mut all = looks();
    all.extend([
        with(rename("keyed", "s", "By key"), "idempotencyKey", "key"),
        json!({ "id": "messages", "type": "get_messages", "sessionId": "s" }),
        json!({ "id": "ran", "type": "bash", "sessionId": "s", "command": "echo kept" }),
        json!({ "id": "cycled", "type": "cycle_model", "sessionId": "s" }),
        json!({ "id": "made", "type": "create_session", "sessionId": "made" }),
        prompt("said", "s", "[say:what is kept] [delay:0]"),
        prompt("fails", "s", "[fail:no luck]"),
        prompt("cut", "alpha.1", "[stall]"),
        prompt("at it", "alpha.1", "[stall]"),
    ]);
    all
}

/// Those that only look at the daemon. Their answers are of every kind.
fn looks() -> Vec<Value> {
    let commands = [
        "get_capabilities",
        "get_startup_recovery",
        "health_check",
        "get_metrics",
        "list_sessions",
        "list_stored_sessions",
    ];
    let look = |name: &&str| json!({ "id": format!("look {name}"), "type": name });
    let mut all: Vec<_> = commands.iter().map(look).collect();
    all.push(json!({ "id": "look back", "type": "get_command_history", "limit": 3 }));
    all
}

/// The commands whose outcomes have left the window of stored ones, as `bob` sent them. Retention drops
/// their segment first.
pub(crate) fn early() -> Vec<Value> {
    (0..5).map(|number| rename(&format!("early {number}"), "s", "Early")).collect()
}

/// All four lives. The last one ends with a kill, a command and a dialog in flight, and the newest
/// snapshot behind the last sealed segment.
pub(crate) fn live(daemon: &mut Daemon) {
    busy(daemon);
    assert!(daemon.stop().success());
    daemon.restart_with(&rate(&[
        "limits.rate=on",
        "limits.session_burst=2",
        "limits.session_per_second=1",
    ]));
    hurried(daemon);
    daemon.kill9();
    tear(daemon);
    daemon.restart_with(&rate(&["limits.rate=off", "limits.idempotency_keys_max=8"]));
    stored_for_later(daemon);
    daemon.kill9();
    daemon.restart_with(&["--recovery", "fail"]);
    in_flight(daemon);
    daemon.kill9();
}

fn rate<'a>(limits: &[&'a str]) -> Vec<&'a str> {
    limits.iter().flat_map(|limit| ["--set", *limit]).collect()
}

/// The first life: sessions, turns, dialogs, dependencies and refusals of many kinds.
fn busy(daemon: &mut Daemon) {
    let mut ann = daemon.websocket_as("ann");
    let mut bob = daemon.unix_as("bob");
    let mut none = daemon.stdio();
    for id in ["s", "alpha.1", "zeta", "B_2"] {
        session(&mut ann, id);
        ann.ok(json!({ "type": "switch_session", "sessionId": id, "cursor": 0 }));
    }
    for frame in early() {
        bob.send(&frame);
        bob.response(frame["id"].as_str().expect("an id"));
    }
    none.ok(json!({ "type": "get_capabilities" }));
    dialogs(&mut ann);
    turns(&mut ann, &mut bob);
    stored_file(daemon, &mut bob);
    let mut helper = daemon.unix();
    refusals::of_commands(&mut ann, &mut none, &mut helper);
    // The fifth connection of five.
    daemon.unix().ok(json!({ "type": "health_check" }));
    for interest in ["related", "own", "none", "all"] {
        bob.ok(json!({ "type": "set_interest", "lifecycle": interest }));
    }
    none.ok(json!({ "type": "delete_session", "sessionId": "B_2" }));
    none.ok(json!({ "type": "unsubscribe", "sessionId": "s" }));
}

fn reads_and_writes(client: &mut Client) {
    for name in [
        "get_state",
        "get_session_stats",
        "get_fork_messages",
        "get_tree",
        "get_last_assistant_text",
        "get_context_usage",
        "get_available_models",
        "get_commands",
        "get_skills",
        "get_tools",
        "list_session_files",
        "cycle_model",
        "cycle_thinking_level",
    ] {
        client.ok(json!({ "type": name, "sessionId": "s" }));
    }
    client.ok(json!({ "type": "set_thinking_level", "sessionId": "s", "level": "high" }));
    client.ok(json!({ "type": "set_auto_retry", "sessionId": "s", "enabled": true }));
    client.ok(json!({ "type": "bash", "sessionId": "s", "command": "ls" }));
    client.call(json!({ "type": "compact", "sessionId": "s" }));
}

/// A dialog of each kind, ended in each way.
fn dialogs(client: &mut Client) {
    let answers = [
        ("select", json!({ "method": "select", "value": "first" })),
        ("confirm", json!({ "method": "confirm", "confirmed": true })),
        ("input", json!({ "method": "input", "value": "a line" })),
        ("editor", json!({ "method": "editor", "value": "a text" })),
        ("input", json!({ "method": "cancelled" })),
    ];
    for (method, answer) in answers {
        let id = format!("asks {method} {}", answer["method"]);
        client.send(&prompt(&id, "s", &format!("[ask:{method}] [say:so] [delay:0]")));
        let asked = client.event("s", "extension_ui_request");
        let answered = |session: &str, answer: Value| {
            json!({
                "type": "extension_ui_response", "sessionId": session,
                "requestId": asked["event"]["requestId"], "response": answer,
            })
        };
        let interview = json!({ "method": "interview", "responses": {} });
        refusals::no(client, answered("s", interview));
        refusals::no(client, answered("zeta", answer.clone()));
        client.ok(answered("s", answer.clone()));
        client.response(&id);
        refusals::no(client, answered("s", answer));
    }
    client.call(prompt("", "s", "[ask:input 20] [say:so] [delay:0]"));
    client.send(&prompt("withdrawn", "s", "[ask:input]"));
    client.event("s", "extension_ui_request");
    client.ok(json!({ "type": "abort", "sessionId": "s" }));
    client.response("withdrawn");
}

/// Turns that end in every way that the demo agent knows.
fn turns(ann: &mut Client, bob: &mut Client) {
    ann.ok(prompt("", "s", "[think:hm] [tool:ls] [say:done] [delay:0]"));
    for message in [
        "[error:overloaded*1] [say:so] [delay:0]",
        "[junk] [say:so] [delay:0]",
        "[fail:no]",
        "[die]",
    ] {
        ann.call(prompt("", "zeta", message));
    }
    ann.call(with(prompt("", "zeta", "[noack]"), "timeoutMs", 20));
    bob.send(&prompt("long", "zeta", "[stall]"));
    bob.lifecycle("long", "started");
    ann.send(&prompt("follows", "zeta", "[say:after] [delay:0]"));
    ann.lifecycle("follows", "accepted");
    ann.ok(json!({ "type": "steer", "sessionId": "zeta", "message": "left" }));
    ann.ok(json!({ "type": "follow_up", "sessionId": "zeta", "message": "then right" }));
    ann.ok(get_state("", "zeta"));
    ann.ok(json!({ "type": "cancel_command", "commandId": "follows" }));
    ann.response("follows");
    ann.ok(json!({ "type": "abort", "sessionId": "zeta" }));
    bob.response("long");
}

/// A session that goes on from a file.
fn stored_file(daemon: &Daemon, client: &mut Client) {
    let folder = daemon.dir().join("sessions");
    fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("a.jsonl");
    let header = json!({ "type": "session", "version": 3, "id": "x", "cwd": daemon.dir() });
    fs::write(&path, format!("{header}\n")).expect("written");
    let load = json!({ "type": "load_session", "sessionPath": path, "sessionId": "loaded" });
    client.ok(load.clone());
    refusals::no(client, with(load, "sessionId", "again"));
    fs::remove_file(&path).expect("removed");
}

/// The second life: what comes too fast, and what is cut.
fn hurried(daemon: &mut Daemon) {
    let mut ann = daemon.websocket_as("ann");
    let answers: Vec<_> = (0..4).map(|_| ann.call(get_state("", "s"))).collect();
    assert!(answers.iter().any(|answer| answer["errorCode"] == "rate_limited"), "{answers:?}");
    run(&mut ann, &prompt("cut", "alpha.1", "[stall]"));
}

/// Sends a prompt and waits until the agent is at it. A command that has only started may still wait
/// for its agent.
fn run(client: &mut Client, prompt: &Value) {
    client.ok(json!({ "type": "switch_session", "sessionId": prompt["sessionId"] }));
    client.send(prompt);
    client.event(prompt["sessionId"].as_str().expect("an id"), "agent_start");
}

/// Writes bytes behind the last commit that are no record.
fn tear(daemon: &Daemon) {
    let end = Journal::read(daemon.dir()).end;
    let path = daemon.dir().join(format!("journal/{:08}.seg", end.segment));
    let mut bytes = fs::read(&path).expect("a segment");
    bytes[end.offset..end.offset + 64].fill(0xA5);
    fs::write(&path, bytes).expect("written");
}

/// The third life: what is asked for again, in segments of which retention drops the first, and
/// commands that are cut before and after they started.
fn stored_for_later(daemon: &mut Daemon) {
    let mut ann = daemon.websocket_as("ann");
    ann.send(&prompt("cut", "alpha.1", "[stall]"));
    assert_eq!(ann.response("cut")["errorCode"], "outcome_unknown");
    for frame in stored() {
        let id = frame["id"].as_str().expect("an id");
        if !["cut", "at it"].contains(&id) {
            ann.send(&frame);
            ann.response(id);
        }
    }
    let key = with(rename("key again", "s", "By key"), "idempotencyKey", "key");
    assert_eq!(ann.call(key)["replayed"], true);
    run(&mut ann, &prompt("stops", "zeta", "[stall]"));
    for (id, text) in [("waits", "later"), ("secret", "password=never-was-one")] {
        ann.send(&prompt(id, "zeta", text));
        ann.lifecycle(id, "accepted");
    }
}

/// The last life: what is in flight when snapshots are taken.
fn in_flight(daemon: &mut Daemon) {
    let mut ann = daemon.websocket_as("ann");
    let settle = |outcome: &str, id: &str| json!({ "type": "reconcile_command", "commandId": id, "outcome": outcome, "note": "seen" });
    ann.ok(json!({ "type": "get_startup_recovery" }));
    ann.ok(settle("failed", "stops"));
    refusals::no(&mut ann, settle("succeeded", "stops"));
    ann.send(&prompt("stops", "zeta", "[stall]"));
    ann.response("stops");
    run(&mut ann, &prompt("at it", "alpha.1", "[stall]"));
    ann.ok(json!({ "type": "switch_session", "sessionId": "zeta" }));
    ann.send(&prompt("asks", "zeta", "[ask:confirm]"));
    ann.event("zeta", "extension_ui_request");
    ann.send(&prompt("behind", "alpha.1", "never runs"));
    ann.lifecycle("behind", "accepted");
    reads_and_writes(&mut ann);
    refusals::of_frames(&mut daemon.unix_as("bob"));
    fill(daemon, &mut ann);
    ann.ok(prompt("", "s", "[words:10] [delay:0]"));
}

/// Lets the agent talk until the last segment that is wanted is full. Waits for the snapshot behind
/// each, since the keeper makes one for all that it finds.
fn fill(daemon: &Daemon, client: &mut Client) {
    loop {
        let in_use = Journal::read(daemon.dir()).end.segment;
        assert!(in_use <= SEALED + 1, "more segments than are wanted: {in_use}");
        let snapshot = daemon.dir().join(format!("snapshots/{:08}.snap", in_use - 1));
        until("there is a snapshot", || snapshot.exists());
        if in_use > SEALED {
            return;
        }
        client.ok(prompt("", "s", "[words:40] [delay:0]"));
    }
}
