//! Many clients, and clients that do not read. PROTOCOL.md section 2.5.

use pi_server_tests::{Client, Daemon, Setup};
use serde_json::json;

use crate::{get_state, prompt, session};

#[test]
fn a_thousand_clients_are_served_at_once() {
    let daemon = Setup::new().limit("connections_max", 1_010).start();
    let url = daemon.url();
    let mut first = daemon.websocket();
    session(&mut first, "s");
    let mut clients: Vec<Client> = Vec::new();
    for number in 0..1_000 {
        let mut client = Client::websocket(&url);
        // Everybody else's lifecycle frames are of no interest here.
        let id = format!("i{number}");
        client.send(&json!({ "id": id, "type": "set_interest", "lifecycle": "own" }));
        assert_eq!(client.response(&id)["success"], true);
        clients.push(client);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(&get_state(&format!("g{number}"), "s"));
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
    let settled = busy.call(json!({ "type": "switch_session", "sessionId": "s" }));
    let end = settled["data"]["cursor"].as_u64().expect("a place");
    let mut witness = daemon.unix();
    witness.ok(json!({ "type": "switch_session", "sessionId": "s", "cursor": 0 }));
    let cursors = |client: &mut Client| -> Vec<u64> {
        client.expect("the last event", |frame| frame["cursor"] == end);
        let events = client.seen().iter().filter(|frame| frame["type"] == "event");
        events.filter_map(|frame| frame["cursor"].as_u64()).collect()
    };
    let (late, all) = (cursors(&mut lazy), cursors(&mut witness));
    assert!(all.len() > 40_000, "{} events", all.len());
    assert!(late == all, "{} of {} events", late.len(), all.len());
    assert!(grown < 64 << 20, "{} MiB more", grown >> 20);
}
