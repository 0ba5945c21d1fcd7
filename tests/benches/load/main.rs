//! The daemon under load, beside servers that only echo, in turns: one command at a time on one
//! connection, and 64 connections with 16 commands in flight each. Also its memory when idle, and what
//! it costs that connections want different things.
//!
//! ```text
//! cargo bench -p pi-server-tests --bench load
//! ```
//!
//! `LOAD_SECONDS` is how long each of the runs takes (default 3), `LOAD_ROUNDS` how many there are of
//! each (default 3, of which the median counts). `LOAD_ONLY=interests` and
//! `LOAD_ONLY=floods` run one part only. Every answer is checked, and at the end of a run every
//! lifecycle frame has come.

#![allow(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "figures for people")]

mod driver;

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use driver::{Flood, Flooder, Load, Measured, Work};
use pi_server_tests::{Daemon, Setup, programs};

/// The argument with which this program is the echo.
const ECHO: &str = "serve-echo";

fn main() {
    if std::env::args().nth(1).as_deref() == Some(ECHO) {
        return serve_echo();
    }
    let seconds = Duration::from_secs(number("LOAD_SECONDS", 3));
    let rounds = number("LOAD_ROUNDS", 3);
    let single = Load {
        connections: 1,
        in_flight: 1,
        fan_out: false,
        crowd: 0,
        work: Work::Health,
        seconds,
    };
    let many = Load { connections: 64, in_flight: 16, fan_out: true, ..single };
    match std::env::var("LOAD_ONLY").as_deref() {
        Ok("interests") => return interests(many, rounds),
        Ok("floods") => return floods(single, rounds),
        _ => idle(),
    }
    let (mut daemon, mut echo) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        echo.push(Server::echo().run(single));
        daemon.push(Server::daemon().run(Load { fan_out: true, ..single }));
    }
    println!("\none command at a time, one connection");
    let echo = told("a tungstenite echo (one frame each)", &mut echo);
    let ours = told("pi-server (four frames each)", &mut daemon);
    println!("  median latency: {:.2} times the echo's", ratio(ours.p50, echo.p50));

    let (mut daemon, mut fan_out) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        fan_out.push(Server::fan_out().run(many));
        daemon.push(Server::daemon().run(many));
    }
    println!(
        "\n64 connections, 16 commands in flight each: 192 lifecycle frames and a response each"
    );
    let fan_out = told("the transport alone", &mut fan_out);
    let ours = told("pi-server", &mut daemon);
    println!("  throughput: {:.2} of the transport alone", ours.per_second / fan_out.per_second);
    interests(many, rounds);
    floods(single, rounds);
}

/// One client that asks one thing at a time, alone and beside one that floods.
fn floods(single: Load, rounds: u64) {
    println!("\none command at a time, beside a client that floods");
    let load = Load { work: Work::HealthOfOwn, ..single };
    let mut alone = Vec::new();
    let mut beside =
        [Flood::Commands, Flood::Keyed, Flood::Malformed].map(|kind| (kind, Vec::new()));
    for _ in 0..rounds {
        alone.push(Server::daemon().run(load));
        for (flood, runs) in &mut beside {
            runs.push(Server::daemon().run_beside(load, *flood));
        }
    }
    let alone = told("alone", &mut alone);
    for (flood, mut runs) in beside {
        let measured = told(&format!("beside a flood: {flood:?}"), &mut runs);
        println!("  p99: {:.2} times that of alone", ratio(measured.p99, alone.p99));
    }
}

/// The same frames for the same connections, beside others that want nothing of them, and for another
/// reason: none of it may cost more than a tenth.
fn interests(many: Load, rounds: u64) {
    for (connections, in_flight) in [(64, 16), (256, 4)] {
        let load = Load { connections, in_flight, ..many };
        println!("\n{connections} connections, {in_flight} commands in flight each, by interest");
        let loads = [
            ("all to all", load),
            ("beside 60 idle ones: own, related, none", Load { crowd: 60, ..load }),
            ("all to all, of 16 sessions", Load { work: Work::States, ..load }),
            ("related, subscribed to all 16", Load { work: Work::StatesOfRelated, ..load }),
        ];
        let mut runs = [const { Vec::new() }; 4];
        for _ in 0..rounds {
            for (runs, (_, load)) in runs.iter_mut().zip(loads) {
                runs.push(Server::daemon().run(load));
            }
        }
        let medians: Vec<Measured> =
            loads.iter().zip(&mut runs).map(|((name, _), measured)| told(name, measured)).collect();
        for pair in medians.chunks(2) {
            println!("  throughput: {:.2} of all to all", pair[1].per_second / pair[0].per_second);
        }
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

/// Prints the runs' figures and returns the one in the middle.
fn told(name: &str, runs: &mut [Measured]) -> Measured {
    runs.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
    let median = runs[runs.len() / 2];
    let (low, high) = (runs[0].per_second, runs[runs.len() - 1].per_second);
    println!(
        "  {name:36} {:>8.0} commands/s ({low:.0} to {high:.0}), p50 {:.0} µs, p99 {:.0} µs",
        median.per_second,
        median.p50.as_secs_f64() * 1e6,
        median.p99.as_secs_f64() * 1e6,
    );
    median
}

/// Memory of a daemon that nobody talks to, and of one with a thousand connections.
fn idle() {
    let daemon = Setup::new().start();
    println!("idle: {:.1} MB resident", resident(daemon.pid()));
    let address = address(&daemon);
    let open = |_| driver::connect(address, &path(&daemon)).0;
    let connections: Vec<TcpStream> = (0..1000).map(open).collect();
    let held = connections.len();
    println!("with {held} idle connections: {:.1} MB resident", resident(daemon.pid()));
}

/// Resident memory of a process in megabytes, with what it has touched of the mapped journal.
fn resident(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let field = |name: &str| -> f64 {
        let line = status.lines().find(|line| line.starts_with(name)).expect("a field of status");
        let digits: String = line.chars().filter(char::is_ascii_digit).collect();
        digits.parse().expect("kilobytes")
    };
    field("VmRSS:") / 1024.0
}

fn address(daemon: &Daemon) -> SocketAddr {
    let text = std::fs::read_to_string(daemon.dir().join("address")).expect("an address");
    text.trim().parse().expect("an address")
}

fn path(daemon: &Daemon) -> String {
    let url = daemon.url();
    format!("/{}", &url[url.find('?').expect("a token")..])
}

/// What is put under load.
struct Server {
    address: SocketAddr,
    path: String,
    /// How many frames greet a new connection.
    greeting: usize,
    runs: Running,
}

enum Running {
    Daemon(#[expect(dead_code, reason = "held until the run is over")] Box<Daemon>),
    Child(Child),
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Running::Child(child) = self {
            child.kill().expect("a running server can be killed");
            child.wait().expect("a killed server ends");
        }
    }
}

impl Server {
    fn daemon() -> Server {
        let daemon = Setup::new().start();
        let (address, path) = (address(&daemon), path(&daemon));
        Server { address, path, greeting: 2, runs: Running::Daemon(Box::new(daemon)) }
    }

    /// A plain echo, in a process of its own.
    fn echo() -> Server {
        let mut child = Command::new(std::env::current_exe().expect("this program has a path"))
            .arg(ECHO)
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be run");
        let mut line = String::new();
        let said = child.stdout.as_mut().expect("piped");
        BufReader::new(said).read_line(&mut line).expect("a line");
        let address = line.trim().parse().expect("an address");
        Server { address, path: "/".into(), greeting: 0, runs: Running::Child(child) }
    }

    /// The daemon's transport, which sends the same frames without deciding or writing anything.
    fn fan_out() -> Server {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("bound");
        drop(free);
        let program: &Path = &programs::echo();
        let child = Command::new(program)
            .args([&address.to_string(), "fanout"])
            .spawn()
            .expect("the example can be run");
        pi_server_tests::until("the echo listens", || TcpStream::connect(address).is_ok());
        Server { address, path: "/".into(), greeting: 1, runs: Running::Child(child) }
    }

    fn run_beside(self, load: Load, flood: Flood) -> Measured {
        let flooder = Flooder::start(self.address, &self.path, flood);
        let measured = driver::run(self.address, &self.path, self.greeting, load);
        let sent = flooder.stop();
        assert!(sent > 0, "it floods");
        measured
    }

    fn run(self, load: Load) -> Measured {
        let measured = driver::run(self.address, &self.path, self.greeting, load);
        drop(self.runs);
        measured
    }
}

/// Says where it listens, and answers every message with itself.
fn serve_echo() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    println!("{}", listener.local_addr().expect("bound"));
    for stream in listener.incoming().filter_map(Result::ok) {
        std::thread::spawn(move || {
            stream.set_nodelay(true).expect("an option of TCP");
            let Ok(mut socket) = tungstenite::accept(stream) else { return };
            while let Ok(message) = socket.read() {
                if message.is_text() && socket.send(message).is_err() {
                    return;
                }
            }
        });
    }
}
