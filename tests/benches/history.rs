//! What a page of the history costs on a journal of many commands: the newest, an old one by its
//! id, the few that failed, those of one session, and an hour in the middle.
//!
//! ```text
//! cargo bench -p pi-server-tests --bench history
//! ```
//!
//! `HISTORY_COMMANDS` is how many commands there are (default 300,000).

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use pi_server_tests::{Client, Daemon, Setup, until};
use serde_json::{Value, json};

/// Commands that are sent before their answers are read.
const BURST: u64 = 100;
/// Questions of each kind, of which the median counts.
const QUESTIONS: usize = 31;

fn main() {
    let wanted = std::env::var("HISTORY_COMMANDS").ok().and_then(|value| value.parse().ok());
    let commands: u64 = wanted.unwrap_or(300_000);
    let daemon = Setup::new().arg("--segment-bytes").arg("4194304").start();
    let mut client = daemon.websocket();
    client.ok(json!({ "type": "create_session", "sessionId": "s" }));
    fill(&daemon, commands);
    println!("{commands} commands in the history");
    let ask = |client: &mut Client, filter: &Value| {
        let mut frame = json!({ "type": "get_command_history", "limit": 50 });
        for (key, value) in filter.as_object().expect("a filter") {
            frame[key] = value.clone();
        }
        client.ok(frame)["data"].clone()
    };
    // Until every sealed segment has its index, the answer says that something is missing.
    until("the indexes are made", || {
        let all = ask(&mut client, &json!({ "commandId": "c1" }));
        all.get("missing").is_none() && all["returned"] == 1
    });
    let middle = ask(&mut client, &json!({ "commandId": format!("c{}", commands / 2) }));
    let middle = middle["entries"][0]["recordedAt"].as_u64().expect("a time");
    let questions = [
        ("the newest", json!({})),
        ("the oldest, by its id", json!({ "commandId": "c1" })),
        ("the few that failed", json!({ "outcome": "failed" })),
        ("those of a session", json!({ "sessionIdFilter": "s" })),
        (
            "of a second in the middle",
            json!({ "fromTimestamp": middle, "toTimestamp": middle + 1000 }),
        ),
    ];
    for (name, filter) in questions {
        let mut times: Vec<Duration> = Vec::new();
        let mut returned = Value::Null;
        for _ in 0..QUESTIONS {
            let start = Instant::now();
            returned = ask(&mut client, &filter)["returned"].clone();
            times.push(start.elapsed());
        }
        times.sort_unstable();
        let (median, longest) = (times[QUESTIONS / 2], times[QUESTIONS - 1]);
        assert!(returned.as_u64().is_some_and(|count| count > 0), "{name}: nothing was found");
        println!("  {name:28} {returned:>3} entries in {median:?}, at most {longest:?}");
    }
}

/// Commands of which one in ten thousand fails and one in a hundred is a session's.
fn fill(daemon: &Daemon, commands: u64) {
    let mut stream = UnixStream::connect(daemon.socket()).expect("a daemon that listens");
    let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
    for first in (1..=commands).step_by(usize::try_from(BURST).expect("small")) {
        let burst = first..(first + BURST).min(commands + 1);
        let mut frames = Vec::new();
        for number in burst.clone() {
            let rest = if number % 10_000 == 0 {
                r#""type":"delete_session","sessionId":"ghost""#
            } else if number % 100 == 0 {
                r#""type":"get_state","sessionId":"s""#
            } else {
                r#""type":"health_check""#
            };
            writeln!(frames, r#"{{"id":"c{number}",{rest}}}"#).expect("a vector takes all");
        }
        stream.write_all(&frames).expect("commands are sent");
        let mut unanswered = burst.count();
        while unanswered > 0 {
            let line = lines.next().expect("a daemon that answers").expect("a line");
            unanswered -= usize::from(line.starts_with(r#"{"id":"c"#));
        }
    }
}
