//! The transports without a daemon behind them, for conformance suites and to measure what the
//! sockets alone cost.
//!
//! ```text
//! cargo run --release --example echo -- 127.0.0.1:3900 suite|echo|fanout
//! ```
//!
//! - `suite`: every message comes back as it came, text as text and binary as binary.
//! - `echo`: every message comes back as an answer, the way that a response takes.
//! - `fanout`: every message becomes three frames for every client and a response, which are the
//!   frames that the protocol demands for a command.

use std::io::Write;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use pi_server::net::{Auth, Config, Happened, Link, Net};
use pi_server_core::Seq;

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Suite,
    Echo,
    Fanout,
}

const HEALTHY: &str =
    r#""healthy":true,"issues":[],"hasOpenCircuit":false,"hasOpenBashCircuit":false"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let listen = words.next().ok_or("an address is needed")?.parse()?;
    let mode = match words.next().as_deref() {
        None | Some("echo") => Mode::Echo,
        Some("suite") => Mode::Suite,
        Some("fanout") => Mode::Fanout,
        Some(word) => return Err(format!("{word} is no mode").into()),
    };
    let config = Config {
        listen: Some(listen),
        auth: Auth::None,
        frame_bytes_max: 64 << 20,
        echo: mode == Mode::Suite,
        ..Config::default()
    };
    let mut poll = Poll::new()?;
    let mut net = Net::bind(config, poll.registry(), Token(0))?;
    let mut events = Events::with_capacity(1024);
    let mut happened = Vec::new();
    let mut seq = Seq(0);
    loop {
        let wait = net.deadline().map(|at| at.saturating_duration_since(Instant::now()));
        poll.poll(&mut events, if net.has_backlog() { Some(Duration::ZERO) } else { wait })?;
        let now = Instant::now();
        for event in &events {
            net.poll(event, now, &mut happened);
        }
        net.tick(now, &mut happened);
        for what in happened.drain(..) {
            seq.0 += 1;
            match what {
                Happened::Opened { link, .. } => {
                    if mode == Mode::Fanout {
                        net.send(link, seq, br#"{"type":"server_ready","data":{}}"#);
                    }
                    net.admit(link);
                }
                Happened::Frame { link, bytes } if mode == Mode::Fanout => {
                    fan_out(&mut net, link, seq, &String::from_utf8_lossy(&bytes))?;
                }
                Happened::Frame { link, bytes } => net.send(link, seq, &bytes),
                Happened::TooLarge { .. } | Happened::Closed { .. } => {}
            }
        }
        net.flush();
    }
}

fn fan_out(net: &mut Net, link: Link, seq: Seq, frame: &str) -> std::io::Result<()> {
    let field = |key: &str| {
        let start = frame.find(key).map_or(frame.len(), |at| at + key.len());
        frame[start..].split('"').next().unwrap_or_default()
    };
    let (id, kind) = (field("\"id\":\""), field("\"type\":\""));
    let mut json = Vec::new();
    for (phase, tail) in [("accepted", ""), ("started", ""), ("finished", ",\"success\":true")] {
        json.clear();
        write!(
            json,
            r#"{{"type":"command_{phase}","data":{{"commandId":"{id}","commandType":"{kind}","dependsOn":[]{tail}}}}}"#
        )?;
        net.broadcast(seq, &json);
    }
    json.clear();
    write!(
        json,
        r#"{{"type":"response","command":"{kind}","success":true,"data":{{{HEALTHY}}},"id":"{id}"}}"#
    )?;
    net.send(link, seq, &json);
    Ok(())
}
