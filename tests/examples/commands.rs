//! Sends a daemon a number of commands over its Unix socket and waits for all answers: the load under
//! which `scripts/instructions.sh` counts instructions.
//!
//! ```sh
//! cargo run --release -p pi-server-tests --example commands -- DATA-DIR COMMAND CONNECTIONS IN-FLIGHT COUNT
//! ```
//!
//! `COMMAND` is `health_check`, or `get_state` of a session for each connection. `COUNT` is for all
//! connections together.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;

use serde_json::{Value, json};

/// A client that speaks lines.
struct Line {
    reader: BufReader<UnixStream>,
    sent: usize,
    prefix: String,
}

impl Line {
    fn connect(path: &PathBuf, number: usize) -> Line {
        let stream = UnixStream::connect(path).expect("the daemon listens on its socket");
        Line { reader: BufReader::new(stream), sent: 0, prefix: format!("{number}") }
    }

    fn send(&mut self, mut frame: Value) {
        self.sent += 1;
        frame["id"] = json!(format!("{}-{}", self.prefix, self.sent));
        let line = format!("{frame}\n");
        self.reader.get_mut().write_all(line.as_bytes()).expect("the daemon reads");
    }

    /// Reads until the next response, which must be a good one.
    fn response(&mut self) {
        loop {
            let mut line = String::new();
            let count = self.reader.read_line(&mut line).expect("the daemon writes");
            assert!(count > 0, "the daemon has hung up");
            if line.contains(r#""type":"response""#) {
                assert!(line.contains(r#""success":true"#), "{line}");
                return;
            }
        }
    }

    fn call(&mut self, frame: Value) {
        self.send(frame);
        self.response();
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, command, connections, in_flight, count] = &arguments[..] else {
        panic!("usage: commands DATA-DIR COMMAND CONNECTIONS IN-FLIGHT COUNT");
    };
    let number = |text: &String| text.parse::<usize>().expect("a number");
    let (connections, in_flight) = (number(connections), number(in_flight));
    let each = number(count) / connections;
    let path = PathBuf::from(dir).join("pi-server.sock");
    let threads: Vec<_> = (0..connections)
        .map(|number| {
            let (path, command) = (path.clone(), command.clone());
            thread::spawn(move || run(Line::connect(&path, number), &command, in_flight, each))
        })
        .collect();
    for thread in threads {
        thread.join().expect("every answer came");
    }
}

fn run(mut line: Line, command: &str, in_flight: usize, count: usize) {
    let session = format!("s{}", line.prefix);
    if command != "health_check" {
        line.call(json!({ "type": "create_session", "sessionId": session }));
    }
    let frame = match command {
        "health_check" => json!({ "type": command }),
        _ => json!({ "type": command, "sessionId": session }),
    };
    for number in 0..count {
        line.send(frame.clone());
        if number >= in_flight - 1 {
            line.response();
        }
    }
    for _ in 0..count.min(in_flight - 1) {
        line.response();
    }
}
