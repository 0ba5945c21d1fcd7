//! Every call of the loop and of the start fails with every error that the system may give for it. None
//! of them is a failure of storage unless it is one, and whatever was answered is there afterwards.
//! Needs the feature `strace`. docs/errnos.md has the table.
//!
//! ```sh
//! ERRNOS=all cargo test -p pi-server-tests --features strace --test e2e errnos:: -- --nocapture
//! ```

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use pi_server_tests::programs::program;
use pi_server_tests::{Daemon, Setup};
use serde_json::{Value, json};

use crate::session;

/// Errors that say that storage is full or broken. A daemon that must write down what is in flight may
/// stop for them, with its own status and words; for no other.
const OF_STORAGE: [&str; 4] = ["EIO", "ENOSPC", "EDQUOT", "EFBIG"];

/// Exit status of a daemon whose storage failed.
const STORAGE_FAILED: i32 = 8;

/// The calls that are made while the daemon runs, with the errors of each. The first one of each is
/// always tried.
const RUNNING: &[(&str, &[&str])] = &[
    ("epoll_wait", &["EINTR"]),
    (
        "accept4",
        &["ENFILE", "EMFILE", "ENOMEM", "ENOBUFS", "ECONNABORTED", "EINTR", "EPERM", "EPROTO"],
    ),
    ("recvfrom", &["EINTR", "ECONNRESET", "ENOMEM", "ETIMEDOUT"]),
    ("writev", &["EINTR", "EPIPE", "ENOBUFS", "ENOMEM", "ECONNRESET"]),
    ("epoll_ctl", &["ENOMEM", "ENOSPC"]),
    ("setsockopt", &["ENOMEM", "EINVAL"]),
    ("fcntl", &["EINTR", "ENOMEM"]),
    ("openat", &["ENFILE", "EMFILE", "ENOMEM", "EINTR", "EACCES", "EIO"]),
    ("fallocate", &["EINTR", "ENOSYS", "EOPNOTSUPP", "EPERM", "EINVAL", "ENOSPC", "EIO"]),
    ("ftruncate", &["EINTR", "EFBIG", "EIO"]),
    ("statx", &["ENOMEM", "EIO", "EINTR"]),
    ("getdents64", &["EIO", "ENOMEM"]),
    ("pread64", &["EINTR", "EIO"]),
    ("write", &["EINTR", "ENOSPC", "EIO"]),
    ("mkdir", &["ENOSPC", "ENOMEM", "EACCES"]),
    ("unlink", &["EIO", "EACCES"]),
    ("rename", &["ENOSPC", "EIO"]),
    ("fsync", &["EINTR", "EIO", "ENOSPC"]),
    ("pwrite64", &["EINTR", "EIO", "ENOSPC", "EDQUOT"]),
    ("fdatasync", &["EINTR", "EIO", "ENOSPC", "EDQUOT"]),
];

/// The calls of a start, with the errors of each. Without prlimit64: the system gives none for the limits
/// of the process itself, and strace cannot tell reading from setting.
const STARTING: &[(&str, &[&str])] = &[
    ("openat", &["ENFILE", "EMFILE", "EACCES", "EINTR", "ENOMEM", "EIO"]),
    ("mkdir", &["ENOSPC", "EACCES", "EROFS"]),
    ("flock", &["EINTR", "ENOLCK", "EAGAIN"]),
    ("fallocate", &["ENOSPC", "ENOSYS", "EPERM", "EINTR"]),
    ("ftruncate", &["EINTR", "EFBIG"]),
    ("fsync", &["EIO", "EINTR"]),
    ("fdatasync", &["EIO", "EINTR"]),
    ("rename", &["EIO", "ENOSPC"]),
    ("pwrite64", &["EIO", "ENOSPC", "EINTR"]),
    ("write", &["ENOSPC", "EPIPE"]),
    ("fchmod", &["EPERM"]),
    ("getrandom", &["ENOSYS", "EINTR"]),
    ("socket", &["EMFILE", "ENFILE", "ENOBUFS", "EACCES"]),
    ("bind", &["EADDRINUSE", "EACCES", "ENOMEM"]),
    ("listen", &["EADDRINUSE"]),
    ("epoll_create1", &["EMFILE", "ENOMEM"]),
    ("epoll_ctl", &["ENOSPC", "ENOMEM"]),
    ("eventfd2", &["EMFILE", "ENFILE", "ENOMEM"]),
    ("socketpair", &["EMFILE"]),
    ("fstatfs", &["ENOSYS", "EIO"]),
    ("setpriority", &["EACCES"]),
    ("clone3", &["EAGAIN"]),
    // The last one is that of the signal to stop.
    ("sendto", &["ENOBUFS", "EINTR", "ENOMEM"]),
];

/// The errors of a call that are tried.
fn chosen<'a>(errnos: &'a [&'a str]) -> &'a [&'a str] {
    if is_all() { errnos } else { &errnos[..1] }
}

fn is_all() -> bool {
    std::env::var("ERRNOS").is_ok_and(|what| what == "all")
}

/// Which calls of a kind fail. The first ones of a process are those of the loader.
fn places() -> Vec<usize> {
    if is_all() { (1..=24).collect() } else { vec![1, 2, 4, 6, 8, 11, 15] }
}

/// A client that lives with connections that end.
struct Patient<'a> {
    dir: &'a Path,
    stream: Option<BufReader<UnixStream>>,
}

impl Patient<'_> {
    /// Sends a frame until it is answered, by as many connections as it takes, or the time is up.
    fn ask(&mut self, frame: &Value, until: Instant) -> Option<Value> {
        while Instant::now() < until {
            if let Some(response) = self.try_once(frame) {
                return Some(response);
            }
            self.stream = None;
        }
        None
    }

    fn try_once(&mut self, frame: &Value) -> Option<Value> {
        if self.stream.is_none() {
            let stream = UnixStream::connect(self.dir.join("pi-server.sock")).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
            let mut stream = BufReader::new(stream);
            stream.get_mut().write_all(b"{\"type\":\"hello\",\"client\":\"patient\"}\n").ok()?;
            self.stream = Some(stream);
        }
        let stream = self.stream.as_mut()?;
        stream.get_mut().write_all(format!("{frame}\n").as_bytes()).ok()?;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let answer: Value = serde_json::from_str(&line).expect("frames are JSON");
            if answer["type"] == "response" && answer["id"] == frame["id"] {
                return Some(answer);
            }
        }
    }
}

fn rename(number: usize) -> Value {
    json!({ "id": format!("r{number}"), "type": "set_session_name", "sessionId": "s", "name": format!("{number}") })
}

fn inject(call: &str, errno: &str, times: &str) -> [String; 4] {
    let inject = format!("inject={call}:error={errno}:when={times}");
    ["-e".into(), format!("trace={call}"), "-e".into(), inject]
}

/// Lets calls of a process fail until it is dropped.
struct Faults(Child);

impl Faults {
    fn begin(pid: u32, call: &str, errno: &str) -> Faults {
        let mut strace = Command::new("strace")
            .args(["-f", "-o", "/dev/null"])
            .args(inject(call, errno, "1..3"))
            .args(["-p", &pid.to_string()])
            .stderr(Stdio::piped())
            .spawn()
            .expect("strace can be run");
        let mut line = String::new();
        let mut said = BufReader::new(strace.stderr.take().expect("piped"));
        said.read_line(&mut line).expect("strace speaks");
        assert!(line.contains("attached"), "{line}");
        // It goes on saying which threads come and go.
        std::thread::spawn(move || said.lines().for_each(drop));
        Faults(strace)
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        // It may have ended with the daemon.
        signal("INT", self.0.id());
        self.0.wait().expect("strace ends");
    }
}

/// Works with a daemon of which calls fail, and says what is wrong with what became of it.
fn while_it_runs(call: &str, errno: &str) -> Result<String, String> {
    let durability = if call == "fdatasync" { "power" } else { "process" };
    let setup =
        Setup::new().arg("--segment-bytes").arg("65536").arg("--durability").arg(durability);
    let mut daemon = setup.start();
    session(&mut daemon.websocket(), "s");
    let faults = Faults::begin(daemon.pid(), call, errno);
    let mut answered = Vec::new();
    let dir = daemon.dir().to_owned();
    let mut client = Patient { dir: &dir, stream: None };
    for number in 0..24 {
        let until = Instant::now() + Duration::from_secs(20);
        if number % 8 == 7 {
            let prompt = json!({ "id": format!("p{number}"), "type": "prompt", "sessionId": "s", "message": "[words:150] [delay:0]" });
            client.ask(&prompt, until);
            client.stream = None;
        }
        if daemon.has_ended() {
            break;
        }
        match client.ask(&rename(number), until) {
            Some(response) if response["success"] == true => answered.push(response),
            // There may be no room until calls succeed again.
            Some(response) if response["errorCode"] == "storage_full" => {}
            Some(response) => return Err(format!("answered {response}")),
            None if daemon.has_ended() => break,
            None => return Err(format!("no answer to {number}: {}", daemon.log())),
        }
    }
    drop(faults);
    let ended = daemon.has_ended();
    let said = if ended {
        let status = daemon.wait();
        if !OF_STORAGE.contains(&errno) || status.code() != Some(STORAGE_FAILED) {
            return Err(format!("ended with {status}: {}", daemon.log()));
        }
        if !daemon.log().contains("pi-server: ") {
            return Err(format!("it says nothing: {}", daemon.log()));
        }
        "stops, status 8"
    } else {
        client.stream = None;
        let until = Instant::now() + Duration::from_secs(30);
        let healthy = loop {
            let response = client.ask(&json!({ "id": "h", "type": "list_sessions" }), until);
            let is_good = response.is_some_and(|response| response["success"] == true);
            if is_good || Instant::now() > until {
                break is_good;
            }
        };
        if !healthy {
            return Err(format!("it does not serve any more: {}", daemon.log()));
        }
        daemon.kill9();
        "goes on"
    };
    daemon.restart();
    let mut client = Patient { dir: &dir, stream: None };
    for before in &answered {
        let number = before["id"].as_str().and_then(|id| id[1..].parse().ok()).expect("a number");
        let until = Instant::now() + Duration::from_secs(20);
        let now = client.ask(&rename(number), until).unwrap_or_default();
        if now["replayed"] != true || now["sessionVersion"] != before["sessionVersion"] {
            return Err(format!("was answered {before}, and now {now}"));
        }
    }
    daemon.verify();
    Ok(format!("{said} ({} answered)", answered.len()))
}

#[test]
fn no_error_of_a_call_ends_a_running_daemon_unless_storage_failed_and_answers_stay() {
    let mut wrong = Vec::new();
    for (call, errnos) in RUNNING {
        for errno in chosen(errnos) {
            match while_it_runs(call, errno) {
                Ok(said) => println!("| `{call}` | {errno} | {said} |"),
                Err(why) => wrong.push(format!("{call} {errno}: {why}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn signal(name: &str, pid: u32) {
    let args = [format!("-{name}"), pid.to_string()];
    Command::new("kill").args(args).stderr(Stdio::null()).status().expect("kill can be run");
}

/// What strace runs, which it ends with.
fn traced(strace: &Child) -> u32 {
    let pid = strace.id();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    children.ok().and_then(|list| list.trim().parse().ok()).unwrap_or(pid)
}

/// Starts a daemon of which one call fails, the nth of its kind.
fn start_with(dir: &Path, call: &str, errno: &str, nth: usize) -> (ExitStatus, String) {
    let mut child = Command::new("strace")
        .args(["-f", "-o", "/dev/null"])
        .args(inject(call, errno, &nth.to_string()))
        .arg(program("pi-server"))
        .args(["serve", "--agent", "demo", "--listen", "127.0.0.1:0", "--unix", "--data-dir"])
        .arg(dir)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("strace can be run");
    let stderr = child.stderr.take().expect("piped");
    let (sender, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let mut said = Vec::new();
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                // Of its last two lines one may be what could not be written.
                let is_up = line.starts_with("journal ") || line.starts_with("recovered ");
                said.push(line);
                if is_up {
                    signal("TERM", traced(&child));
                }
            }
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                signal("KILL", traced(&child));
                said.push("it neither came up nor ended".into());
                break;
            }
        }
    }
    (child.wait().expect("it ends"), said.join("\n"))
}

#[test]
fn an_error_of_a_call_of_the_start_is_said_and_the_next_start_is_whole() {
    let mut before = Daemon::start();
    session(&mut before.websocket(), "s");
    assert!(before.stop().success());
    let mut wrong = Vec::new();
    for (call, errnos) in STARTING {
        for errno in chosen(errnos) {
            let mut outcomes = Vec::new();
            for nth in places() {
                let (status, said) = start_with(before.dir(), call, errno, nth);
                let code = status.code();
                let is_told = code == Some(0)
                    || said
                        .lines()
                        .any(|line| line.starts_with("pi-server: ") || line.starts_with("error"));
                let is_loader =
                    said.contains("error while loading shared libraries") || code == Some(127);
                if status.signal().is_some()
                    || code == Some(101)
                    || said.contains("panicked")
                    || said.contains("neither came up")
                    || !(is_told || is_loader)
                {
                    wrong.push(format!("{call} {errno} {nth}: {status}: {said}"));
                }
                if !is_loader {
                    outcomes.push(code.map_or_else(|| "signal".into(), |code| code.to_string()));
                }
            }
            outcomes.sort();
            outcomes.dedup();
            println!("| `{call}` | {errno} | status {} |", outcomes.join(", "));
        }
    }
    before.restart();
    let mut client = before.websocket();
    assert_eq!(client.ok(json!({ "type": "get_state", "sessionId": "s" }))["success"], true);
    before.verify();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
