//! Resources: W45 to W62.

use pi_server_core::notation::parse_script;
use pi_server_core::{Outputs, State};
use pi_server_tests::frames::{
    count, get_state, prompt, refused, rename, session, succeeded, with,
};
use pi_server_tests::{Client, Daemon, Setup};
use serde_json::{Value, json};

const MIB: u64 = 1 << 20;

#[test]
fn w45_a_frame_that_is_too_large_is_noticed_while_it_is_read() {
    let daemon = Setup::new().limit("frame_bytes_max", MIB).start();
    let mut line = daemon.unix();
    let mut socket = daemon.websocket();
    line.ok(json!({ "type": "list_sessions" }));
    let before = daemon.peak_memory();
    // On a line there is no end in sight until it comes; a message says its length first.
    line.send_bytes(&vec![b'x'; 64 << 20]);
    refused(&line.expect("an answer", |frame| frame["type"] == "response"), "frame_too_large");
    socket.send_bytes(&vec![b'x'; 4 << 20]);
    refused(&socket.expect("an answer", |frame| frame["type"] == "response"), "frame_too_large");
    for client in [&mut line, &mut socket] {
        client.ok(json!({ "type": "list_sessions" }));
    }
    let grown = daemon.peak_memory() - before;
    assert!(grown < 16 * MIB, "it took {} MiB to refuse 64 MiB", grown / MIB);
    daemon.verify();
}

#[test]
fn w46_stored_outcomes_do_not_live_in_memory() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    // Answers that are written: of a read above 64 KiB only the digest is.
    client.ok(prompt("", "s", &format!("[say:ok] {}", "word ".repeat(10_000))));
    let read = |number: u64| {
        let id = format!("m{number}");
        json!({ "id": id, "type": "get_messages", "sessionId": "s" })
    };
    let fetch = |client: &mut Client, number: u64| {
        client.send(&read(number));
        client.response(&format!("m{number}"))
    };
    let first = fetch(&mut client, 0);
    let size = u64::try_from(first.to_string().len()).expect("a length");
    let before = daemon.own_memory();
    for number in 1..100 {
        fetch(&mut client, number);
    }
    let grown = daemon.own_memory().saturating_sub(before);
    assert!(grown < size * 99 / 4, "{grown} bytes for 99 outcomes of {size} bytes");
    for number in [0, 50, 99] {
        let again = fetch(&mut client, number);
        assert_eq!(again["replayed"], true);
        assert_eq!(again["data"], first["data"]);
    }
}

#[test]
fn w48_a_connection_hears_of_the_commands_that_it_cares_about() {
    let daemon = Daemon::start();
    let mut busy = daemon.websocket();
    session(&mut busy, "s");
    session(&mut busy, "t");
    let mut quiet: Vec<Client> = Vec::new();
    for interest in ["none", "own", "related"] {
        let mut client = daemon.unix();
        client.ok(json!({ "type": "switch_session", "sessionId": "t" }));
        client.ok(json!({ "type": "set_interest", "lifecycle": interest }));
        quiet.push(client);
    }
    let lifecycle = |client: &Client| {
        count(client, |frame| {
            frame["type"].as_str().is_some_and(|kind| kind.starts_with("command_"))
        })
    };
    // Each asks once, so that what it is to hear of its own command is there.
    let settle = |quiet: &mut Vec<Client>| -> Vec<usize> {
        let seen = |client: &mut Client| {
            client.ok(json!({ "type": "list_sessions" }));
            lifecycle(client)
        };
        quiet.iter_mut().map(seen).collect()
    };
    let before = settle(&mut quiet);
    for number in 0..20 {
        busy.ok(rename("", "s", &format!("{number}")));
        busy.ok(rename("", "t", &format!("{number}")));
    }
    let after = settle(&mut quiet);
    let heard: Vec<usize> =
        after.iter().zip(&before).map(|(after, before)| after - before).collect();
    assert_eq!(heard, [0, 3, 3 + 20 * 3], "none; its own; its own and those of its session");
}

#[test]
fn w49_streaming_costs_what_is_new_and_not_all_that_was_said() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    client.ok(prompt("", "s", "[words:2000] [delay:0]"));
    let updates: Vec<usize> = client
        .seen()
        .iter()
        .filter(|frame| frame["event"]["type"] == "message_update")
        .filter(|frame| frame["event"]["assistantMessageEvent"]["type"] == "text_delta")
        .map(|frame| frame.to_string().len())
        .collect();
    assert!(updates.len() > 100);
    let largest = updates.iter().max().expect("some");
    assert!(*largest < 1_000, "an update of {largest} bytes");
    let mut cursors: Vec<u64> =
        client.seen().iter().filter_map(|frame| frame["cursor"].as_u64()).collect();
    let all = cursors.len();
    cursors.dedup();
    assert!(cursors.is_sorted() && cursors.len() == all, "every event has a place of its own");
}

#[test]
fn w50_sessions_that_do_not_exist_and_odd_names_have_no_say_in_other_buckets() {
    let daemon = Setup::new()
        .arg("--set")
        .arg("limits.rate=on")
        .limit("session_burst", 5)
        .limit("session_per_second", 1)
        .start();
    let mut client = daemon.websocket();
    session(&mut client, "_server_control_");
    session(&mut client, "s");
    let empty = |client: &mut Client| {
        client.call(get_state("", "_server_control_"))["errorCode"] == "rate_limited"
    };
    assert!((0..200).any(|_| empty(&mut client)), "it has a bucket of its own");
    client.ok(json!({ "type": "list_sessions" }));
    client.ok(get_state("", "s"));
    for number in 0..50 {
        refused(&client.call(get_state("", &format!("ghost{number}"))), "session_not_found");
    }
    let metrics = client.ok(json!({ "type": "get_metrics" }));
    let lanes = metrics["data"]["stores"]["execution"]["laneCount"].as_u64().expect("a number");
    assert!(lanes <= 2 + 1, "sessions that do not exist leave nothing behind: {metrics}");
}

#[test]
fn w51_deleting_a_session_fills_no_bucket() {
    let daemon = Setup::new()
        .arg("--set")
        .arg("limits.rate=on")
        .limit("control_burst", 6)
        .limit("control_per_second", 1)
        .start();
    let mut client = daemon.websocket();
    let mut limited = |number: u32| {
        let name = format!("s{number}");
        client.call(json!({ "type": "create_session", "sessionId": name }));
        let deleted = client.call(json!({ "type": "delete_session", "sessionId": name }));
        deleted["errorCode"] == "rate_limited"
    };
    assert!((0..200).any(&mut limited), "twice two hundred at once, six of which are paid for");
}

#[test]
fn w52_a_client_that_floods_does_not_shut_the_others_out() {
    let daemon = Setup::new().arg("--set").arg("limits.rate=on").start();
    let mut flood = daemon.websocket();
    let mut other = daemon.unix();
    let mut sent = 0;
    // Until the flood is held back, and a good while longer.
    let mut refusals = 0;
    while refusals < 1_000 {
        for _ in 0..150 {
            flood.send(&json!({ "id": format!("f{sent}"), "type": "list_sessions" }));
            sent += 1;
        }
        flood.response(&format!("f{}", sent - 1));
        other.ok(json!({ "type": "list_sessions" }));
        refusals = count(&flood, |frame| frame["errorCode"] == "rate_limited");
        assert!(sent < 30_000, "nothing holds the flood back");
    }
}

#[test]
fn w53_creations_do_not_wait_for_each_other() {
    let daemon = Daemon::start();
    let mut client = daemon.websocket();
    for number in 0..5 {
        client.send(&json!({ "id": format!("c{number}"), "type": "create_session" }));
    }
    for number in 0..5 {
        let created = client.response(&format!("c{number}"));
        succeeded(&created);
        assert_eq!(created["laneSequence"], 1, "the first command of its own lane");
        let name = created["data"]["sessionId"].as_str().expect("a name");
        assert!(name.starts_with("session-"), "{name}");
    }
    let history =
        client.ok(json!({ "type": "get_command_history", "commandType": "create_session" }));
    for entry in history["data"]["entries"].as_array().expect("entries") {
        assert_eq!(
            entry["laneKey"],
            format!("session:{}", entry["sessionId"].as_str().unwrap_or(""))
        );
    }
}

#[test]
fn w54_a_listing_of_many_files_holds_up_neither_its_lane_nor_the_daemon() {
    let daemon = Daemon::start();
    let dir = daemon.dir().join("sessions");
    std::fs::create_dir(&dir).expect("a directory");
    for number in 0..500 {
        let header = json!({ "type": "session", "version": 3, "id": "x", "cwd": "/work" });
        let path = dir.join(format!("2026-01-01T00-00-00-{number:03}Z_x.jsonl"));
        std::fs::write(path, format!("{header}\n")).expect("written");
    }
    let mut client = daemon.unix();
    let both = [
        json!({ "id": "files", "type": "list_stored_sessions" }).to_string(),
        json!({ "id": "next", "type": "list_sessions" }).to_string(),
    ];
    client.send_text(&both.join("\n"));
    let listed = client.response("files");
    assert_eq!(listed["data"]["sessions"].as_array().map(Vec::len), Some(500));
    let order: Vec<&Value> = client
        .seen()
        .iter()
        .filter(|frame| frame["type"] == "response")
        .map(|frame| &frame["id"])
        .collect();
    assert_eq!(order, ["next", "files"], "the next command of the lane did not wait");
}

/// Steps a script of the notation and returns the state with what the last step put out.
fn played(script: &str) -> (State, Vec<String>) {
    let script = parse_script(script).expect("a script in the notation");
    let (mut state, mut outputs) = (State::new(), Outputs::new());
    for step in &script.steps {
        state.step(&step.input, &mut outputs);
    }
    let said = outputs.as_slice().iter().map(ToString::to_string).collect();
    (state, said)
}

const IDLE: &str = "t1 boot rate=off\nt2 open\nt3 command c2 \"c\" create_session s:a\n\
    t4 answered #3 directory \"/\"\nt5 agent a1 ready settles disposition\n";

#[test]
fn w55_nothing_ever_happens_to_an_idle_session_by_itself() {
    let (state, _) = played(IDLE);
    assert_eq!(state.deadline(), None, "no time will ever come at which it is deleted");
    // Thirty days later.
    let (_, said) =
        played(&format!("{IDLE}t2592000000 tick\nt2592000001 command c2 - get_state s:a\n"));
    let answer = said.last().expect("an answer");
    assert!(answer.contains("ok state s:a"), "{answer}");
}

#[test]
fn w56_idle_is_not_ill() {
    let (_, said) = played(&format!("{IDLE}t2592000001 command c2 - health_check\n"));
    let answer = said.last().expect("an answer");
    assert!(answer.contains("ok issues 0"), "{answer}");
}

#[test]
fn w57_a_stop_ends_stalled_work_in_time_and_says_so_before_it_closes() {
    let mut daemon = Setup::new().limit("drain_timeout_ms", 300).start();
    let mut client = daemon.websocket();
    let mut watcher = daemon.unix();
    session(&mut client, "s");
    client.send(&prompt("run", "s", "[stall]"));
    client.lifecycle("run", "started");
    daemon.signal("TERM");
    let said = watcher.expect("the announcement", |frame| frame["type"] == "server_shutdown");
    assert_eq!(said["data"]["timeoutMs"], 300);
    refused(&client.response("run"), "shutting_down");
    assert_eq!(client.closed(), Some(1001));
    assert!(daemon.wait().success());
    daemon.verify();
}

#[test]
fn w58_a_probe_that_says_nothing_gives_its_place_back() {
    let daemon = Setup::new()
        .limit("provider_failures", 1)
        .limit("circuit_open_ms", 50)
        .limit("circuit_probes", 1)
        .limit("circuit_successes", 1)
        .start();
    let mut client = daemon.websocket();
    session(&mut client, "s");
    let wait = json!({ "type": "bash", "sessionId": "s", "command": "[delay:100]" });
    client.ok(prompt("", "s", "[error:overloaded]"));
    client.ok(wait.clone());
    for round in 0..3 {
        let id = format!("hangs{round}");
        client.send(&prompt(&id, "s", "[stall]"));
        client.lifecycle(&id, "started");
        client.ok(json!({ "type": "cancel_command", "commandId": id }));
        refused(&client.response(&id), "cancelled");
        refused(&client.call(prompt("", "s", "[fail:no such command]")), "agent_error");
    }
    client.ok(prompt("", "s", "[say:closed again]"));
    let health = client.ok(json!({ "type": "health_check" }));
    assert_eq!(health["data"]["healthy"], true, "{health}");
    daemon.verify();
}

#[test]
fn w61_frames_that_are_sent_before_the_greeting_are_handled_in_order() {
    let daemon = Daemon::start();
    let mut clients =
        [Client::websocket(&daemon.url()), Client::unix(&daemon.socket(), Some("early"))];
    for (number, client) in clients.iter_mut().enumerate() {
        let name = format!("s{number}");
        client.send(&json!({ "id": "e1", "type": "create_session", "sessionId": name }));
        for step in 2..10 {
            let command = rename(&format!("e{step}"), &name, "x");
            client.send(&with(command, "ifSessionVersion", step - 2));
        }
        for step in 1..10 {
            succeeded(&client.response(&format!("e{step}")));
        }
        let kinds: Vec<&Value> = client.seen().iter().map(|frame| &frame["type"]).collect();
        assert_eq!(kinds[..2], ["server_ready", "startup_recovery_summary"]);
    }
    daemon.verify();
}
