//! Idempotency keys are shared: whoever takes many leaves some. PROTOCOL.md section 6.1, gates 11
//! and 12.

use pi_server_tests::{Client, Setup};
use serde_json::json;

use crate::{refused, session};

/// Takes keys until there are no more for this client; how many it got, at most 40.
fn flood(client: &mut Client, name: &str) -> usize {
    for number in 0..40 {
        let response = client.call(json!({
            "type": "set_session_name", "sessionId": "s", "name": "n",
            "idempotencyKey": format!("{name}-{number}"),
        }));
        if response["success"] != true {
            refused(&response, "busy");
            return number;
        }
    }
    40
}

#[test]
fn one_client_that_takes_all_the_keys_it_can_leaves_some_to_every_other() {
    let mut daemon = Setup::new().limit("idempotency_keys_max", 32).start();
    let mut flooder = daemon.unix_as("flooder");
    session(&mut flooder, "s");
    assert_eq!(flood(&mut flooder, "f"), 17);
    let mut named = daemon.unix_as("named");
    let mut nameless = [daemon.unix(), daemon.websocket()];
    assert_eq!(flood(&mut named, "n"), 8);
    assert_eq!(flood(&mut nameless[0], "a"), 4);
    assert_eq!(flood(&mut nameless[1], "b"), 2);
    // Without a key nobody is held up, and a key that one has is one's own.
    flooder.ok(json!({ "type": "set_session_name", "sessionId": "s", "name": "m" }));
    let again = json!({
        "type": "set_session_name", "sessionId": "s", "name": "n", "idempotencyKey": "f-3",
    });
    assert_eq!(flooder.call(again.clone())["replayed"], true);
    // The same after a restart, in which connections end and names do not.
    daemon.kill9();
    daemon.restart();
    let mut flooder = daemon.unix_as("flooder");
    assert_eq!(flooder.call(again)["replayed"], true);
    assert_eq!(flood(&mut flooder, "g"), 0);
    assert_eq!(flood(&mut daemon.unix_as("late"), "l"), 1);
    assert!(daemon.stop().success());
    daemon.verify();
}

#[test]
fn connections_that_come_again_without_a_name_do_not_take_what_names_need() {
    let mut daemon = Setup::new().limit("idempotency_keys_max", 256).start();
    session(&mut daemon.unix_as("named"), "s");
    let mut taken = 0;
    for round in 0..30 {
        let mut client = daemon.unix();
        for part in 0..5 {
            taken += flood(&mut client, &format!("{round}-{part}"));
        }
    }
    assert!(taken > 128 && taken < 200, "{taken} of 256");
    assert_eq!(flood(&mut daemon.unix_as("named"), "n"), 28.max((256 - taken) / 2 + 1).min(40));
    assert!(daemon.stop().success());
    daemon.verify();
}
