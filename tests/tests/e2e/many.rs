//! Many clients, and clients that do not read. PROTOCOL.md section 2.5.

use pi_server_tests::{Client, Daemon, Setup};
use serde_json::{Value, json};

use crate::{prompt, session};

#[test]
fn a_thousand_clients_are_served_at_once() {
    let daemon = Setup::new().limit("connections_max", 1_010).start();
    let url = daemon.url();
    let mut first = daemon.websocket();
    session(&mut first, "s");
    let mut clients: Vec<Client> = (0..1_000).map(|_| Client::websocket(&url)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        // Everybody else's lifecycle frames are of no interest here.
        client.send(&json!({
            "id": format!("i{number}"), "type": "set_interest", "lifecycle": "own",
        }));
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.response(&format!("i{number}"))["success"], true);
        client.send(&json!({ "id": format!("g{number}"), "type": "get_state", "sessionId": "s" }));
    }
    for (number, client) in clients.iter_mut().enumerate() {
        let response = client.response(&format!("g{number}"));
        assert_eq!(response["data"]["sessionId"], "s");
        client.lifecycle(&format!("g{number}"), "finished");
    }
    daemon.verify();
}

#[test]
fn a_client_that_does_not_read_costs_little_and_gets_every_event_in_the_end() {
    let daemon = Daemon::start();
    let mut lazy = daemon.websocket();
    let mut busy = daemon.websocket();
    session(&mut busy, "s");
    lazy.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    let before = daemon.memory();
    for turn in 0..4 {
        // Some 20 MB of events in all, of which the lazy client reads nothing.
        busy.send(&prompt(&format!("p{turn}"), "s", "[words:12000] [delay:0]"));
        busy.response(&format!("p{turn}"));
    }
    let grown = daemon.memory().saturating_sub(before);
    lazy.send(&json!({ "id": "end", "type": "get_state", "sessionId": "s" }));
    lazy.response("end");
    let cursors: Vec<u64> = lazy
        .seen()
        .iter()
        .filter(|frame| frame["type"] == "event")
        .filter_map(|frame| frame["cursor"].as_u64())
        .collect();
    let mut witness = daemon.unix();
    witness.ok(json!({ "type": "switch_session", "sessionId": "s", "cursor": 0 }));
    let all: Vec<u64> = witness
        .seen()
        .iter()
        .filter(|frame: &&Value| frame["type"] == "event")
        .filter_map(|frame| frame["cursor"].as_u64())
        .collect();
    assert!(all.len() > 40_000, "{} events", all.len());
    assert_eq!(cursors, all);
    assert!(grown < 64 << 20, "{} MiB more", grown >> 20);
}
