//! Cursors of a future that was lost: a backup that is put back, a journal that lost its end.
//! PROTOCOL.md section 8.5.

use std::path::Path;

use pi_server_tests::{Client, Daemon};
use serde_json::{Value, json};

use crate::{prompt, session};

/// Every file below a folder, into another one.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (kind, target) = (entry.file_type().expect("a type"), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file()
            && let Err(error) = std::fs::copy(entry.path(), target)
        {
            // What a daemon that runs was writing has got its name meanwhile.
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
        }
    }
}

/// Puts a copy in the place of what is there.
fn put_back(daemon: &Daemon, backup: &Path) {
    for entry in std::fs::read_dir(daemon.dir()).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            std::fs::remove_dir_all(&path).expect("removed");
        } else {
            std::fs::remove_file(&path).expect("removed");
        }
    }
    copy(backup, daemon.dir());
}

/// A client that is greeted, and the epoch that it was told.
fn greeted(daemon: &Daemon) -> (Client, String) {
    let mut client = Client::websocket(&daemon.url());
    let ready = client.expect("server_ready", |frame| frame["type"] == "server_ready");
    let epoch = ready["data"]["epoch"].as_str().expect("an epoch").to_owned();
    (client, epoch)
}

/// Prompts, and waits for the last event; its cursor.
fn run(client: &mut Client, id: &str) -> u64 {
    client.send(&prompt(id, "s", "[say:word] [delay:0]"));
    assert_eq!(client.response(id)["success"], true);
    client.seen().iter().filter_map(|frame| frame["cursor"].as_u64()).max().expect("an event")
}

fn subscribe(client: &mut Client, fields: &Value) -> Value {
    let mut command = json!({ "type": "switch_session", "sessionId": "s" });
    for (name, value) in fields.as_object().expect("fields") {
        command[name] = value.clone();
    }
    client.ok(command)
}

/// What comes behind the response of a subscription, up to that of another command.
fn follows(client: &mut Client) -> Vec<Value> {
    let from = client.seen().len();
    client.ok(json!({ "type": "get_state", "sessionId": "s" }));
    let all = client.seen().iter().skip(from.saturating_sub(1));
    all.filter(|frame| frame["type"] == "gap" || frame["type"] == "event").cloned().collect()
}

/// Two runs, with a copy in between: where each ended, the epoch, and the copy.
fn parted(stops: bool) -> (Daemon, [u64; 2], [String; 2], tempfile::TempDir) {
    let mut daemon = Daemon::start();
    let (mut client, first) = greeted(&daemon);
    session(&mut client, "s");
    subscribe(&mut client, &json!({}));
    let kept = run(&mut client, "p1");
    let backup = tempfile::tempdir().expect("a temporary directory");
    let (mut client, second) = if stops {
        drop(client);
        assert!(daemon.stop().success());
        copy(daemon.dir(), backup.path());
        daemon.restart();
        let (mut client, second) = greeted(&daemon);
        let data = subscribe(&mut client, &json!({ "cursor": kept, "epoch": first }));
        assert_eq!(data["data"]["epoch"], second.as_str());
        (client, second)
    } else {
        copy(daemon.dir(), backup.path());
        (client, first.clone())
    };
    let lost = run(&mut client, "p2");
    assert!(lost > kept);
    assert!(!client.seen().iter().any(|frame| frame["type"] == "gap"), "nothing is lost yet");
    daemon.kill9();
    put_back(&daemon, backup.path());
    daemon.restart();
    (daemon, [kept, lost], [first, second], backup)
}

#[test]
fn a_cursor_beyond_the_end_of_its_life_gets_a_gap_and_all_that_came_after_that_end() {
    let (mut daemon, [kept, lost], [epoch, _], _backup) = parted(false);
    let (mut other, second) = greeted(&daemon);
    assert_ne!(epoch, second);
    subscribe(&mut other, &json!({}));
    run(&mut other, "p3");
    let (mut client, _) = greeted(&daemon);
    subscribe(&mut client, &json!({ "cursor": lost, "epoch": epoch }));
    let gap = client.expect("a gap", |frame| frame["type"] == "gap")["data"].clone();
    assert_eq!(
        (&gap["kind"], &gap["lost"], &gap["exact"]),
        (&json!("events"), &json!(true), &json!(true))
    );
    assert_eq!((&gap["sessionId"], &gap["toSeq"]), (&json!("s"), &json!(lost)));
    let from = gap["fromSeq"].as_u64().expect("a number");
    assert!(from > kept && from <= lost, "{gap}");
    // The run of the new life, from its first event on, each once.
    client.event("s", "agent_settled");
    let told = |client: &Client| -> Vec<Value> {
        let events = client.seen().iter().filter(|frame| frame["type"] == "event");
        events.map(|frame| frame["cursor"].clone()).collect()
    };
    assert_eq!(told(&client), told(&other));
    // What it is told now holds.
    let (mut client, _) = greeted(&daemon);
    subscribe(&mut client, &json!({ "cursor": kept, "epoch": epoch }));
    assert!(follows(&mut client).iter().all(|frame| frame["type"] == "event"));
    assert!(daemon.stop().success());
    daemon.verify();
}

#[test]
fn a_backup_that_is_put_back_begins_an_epoch_that_cursors_of_the_old_one_are_not_of() {
    let (mut daemon, [kept, lost], [first, second], _backup) = parted(true);
    let (mut client, third) = greeted(&daemon);
    assert!(third.starts_with("2-") && second.starts_with("2-") && third != second, "{third}");
    subscribe(&mut client, &json!({ "cursor": lost, "epoch": second }));
    let gap = client.expect("a gap", |frame| frame["type"] == "gap")["data"].clone();
    assert_eq!((&gap["lost"], &gap["exact"]), (&json!(true), &json!(false)), "{gap}");
    assert!(gap["fromSeq"].as_u64().is_some_and(|from| from > kept && from <= lost), "{gap}");
    run(&mut client, "p3");
    // A cursor of the past that both had: an epoch that was lost says that it may not hold.
    for (epoch, is_lost) in [(&second, true), (&first, false)] {
        let (mut client, _) = greeted(&daemon);
        subscribe(&mut client, &json!({ "cursor": kept, "epoch": epoch }));
        let all = follows(&mut client);
        assert_eq!(all.iter().any(|frame| frame["data"]["lost"] == true), is_lost, "{all:?}");
        assert!(client.seen().iter().any(|frame| frame["type"] == "event"), "the run of this life");
    }
    assert!(daemon.stop().success());
    daemon.verify();
}

#[test]
fn without_an_epoch_a_cursor_ahead_of_the_journal_gets_a_gap() {
    let (mut daemon, [kept, lost], _, _backup) = parted(false);
    let (mut client, _) = greeted(&daemon);
    subscribe(&mut client, &json!({ "cursor": lost + 1_000 }));
    let gap = client.expect("a gap", |frame| frame["type"] == "gap")["data"].clone();
    assert_eq!((&gap["lost"], &gap["exact"]), (&json!(true), &json!(false)), "{gap}");
    assert!(gap["fromSeq"].as_u64().is_some_and(|from| from > kept), "{gap}");
    let (mut client, _) = greeted(&daemon);
    subscribe(&mut client, &json!({ "cursor": kept }));
    assert!(follows(&mut client).is_empty());
    assert!(daemon.stop().success());
    daemon.verify();
}
