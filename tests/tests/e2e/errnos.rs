//! System calls of the daemon that fail, one at a time. Needs the feature `strace`. What is to come of
//! each is in docs/errnos.md.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use pi_server_tests::PATIENCE;
use pi_server_tests::programs::program;

/// Clients that come one after another.
const CLIENTS: usize = 5;

/// What has to come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The daemon serves, and ends well.
    GoesOn,
    /// The daemon goes on, does not start, or stops, and says which with a status of its own.
    MayStop,
}

/// A system call, which of a thread's fails, with what, and what then.
type Fault = (&'static str, &'static [u32], &'static [&'static str], Then);

/// A later `sendto` is that of the signal handler to the loop, which never waits, and so is never interrupted.
/// The first opens and reads are the dynamic loader's.
const FAULTS: [Fault; 13] = [
    ("epoll_wait", &[1, 9], &["EINTR"], Then::GoesOn),
    ("accept4", &[1, 3], &["EINTR", "EMFILE", "ENFILE", "ENOMEM", "ECONNABORTED"], Then::GoesOn),
    ("recvfrom", &[1, 3], &["EINTR", "ENOMEM", "ECONNRESET"], Then::GoesOn),
    ("sendto", &[1], &["EINTR", "ENOBUFS", "EPIPE"], Then::GoesOn),
    ("writev", &[1, 3], &["EINTR", "ENOBUFS", "EPIPE"], Then::GoesOn),
    ("epoll_ctl", &[1, 5], &["ENOMEM", "ENOSPC"], Then::MayStop),
    ("openat", &[12, 20], &["EINTR", "EMFILE", "ENFILE", "ENOMEM", "EACCES"], Then::MayStop),
    ("read", &[5, 9], &["EINTR", "EIO"], Then::MayStop),
    ("pwrite64", &[1, 6], &["EINTR", "EIO", "ENOSPC"], Then::MayStop),
    ("fdatasync", &[1, 2], &["EIO", "ENOSPC"], Then::MayStop),
    ("fsync", &[1, 3], &["EIO"], Then::MayStop),
    ("fallocate", &[1], &["EINTR", "ENOSPC", "EOPNOTSUPP"], Then::MayStop),
    ("rename", &[1, 2], &["EIO", "EACCES"], Then::MayStop),
];

/// A daemon of which one system call fails.
struct Traced {
    strace: Child,
}

impl Traced {
    fn start(dir: &Path, call: &str, when: u32, errno: &str) -> Traced {
        let strace = Command::new("strace")
            .args(["-f", "-o"])
            .arg(dir.join("trace"))
            .arg("-e")
            .arg(format!("trace={call}"))
            .arg("-e")
            .arg(format!("inject={call}:error={errno}:when={when}"))
            .arg(program("pi-server"))
            .args(["serve", "--agent", "demo", "--no-listen", "--quiet", "--unix"])
            .arg(dir.join("socket"))
            .arg("--data-dir")
            .arg(dir.join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("`strace` runs");
        Traced { strace }
    }

    /// Waits until it has answered clients, or has ended: how, then.
    fn served(&mut self, dir: &Path) -> Option<ExitStatus> {
        let until = Instant::now() + PATIENCE;
        let mut served = 0;
        for number in 0.. {
            if let Some(status) = self.strace.try_wait().expect("it is a child") {
                return Some(status);
            }
            assert!(Instant::now() < until, "it neither serves nor ends");
            let frame = format!(r#"{{"type":"create_session","sessionId":"s{number}"}}"#);
            let answer = Command::new(program("pi-server"))
                .args(["call", "--timeout", "5", "--unix"])
                .arg(dir.join("socket"))
                .arg(frame)
                .output()
                .expect("pi-server runs");
            served += usize::from(answer.status.success());
            if served == CLIENTS {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    /// Asks it to stop, and waits until it has.
    fn stop(mut self) -> ExitStatus {
        let strace = self.strace.id();
        let children = format!("/proc/{strace}/task/{strace}/children");
        let children = std::fs::read_to_string(children).unwrap_or_default();
        for pid in children.split_whitespace() {
            // It may have ended by itself.
            let _ = Command::new("kill").args(["-TERM", pid]).status().expect("`kill` runs");
        }
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.strace.try_wait().expect("it is a child") {
                return status;
            }
            if Instant::now() >= until {
                drop(self.strace.kill());
                panic!("it does not stop");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn no_system_call_that_fails_once_ends_the_daemon_without_a_word_or_leaves_it_hanging() {
    let mut wrong = Vec::new();
    for (call, whens, errnos, then) in FAULTS {
        let mut injected = 0;
        for (errno, when) in errnos.iter().flat_map(|it| whens.iter().map(move |when| (it, *when)))
        {
            let dir = tempfile::tempdir().expect("a directory");
            let mut daemon = Traced::start(dir.path(), call, when, errno);
            let (how, status) = match daemon.served(dir.path()) {
                Some(status) => ("does not go on", status),
                None => ("serves", daemon.stop()),
            };
            let trace = std::fs::read_to_string(dir.path().join("trace")).unwrap_or_default();
            let times = trace.matches("(INJECTED)").count();
            injected += times;
            let text = format!("{call} {when} {errno}, {times} times: {how}, {status}");
            println!("{text}");
            let is_good = match then {
                Then::GoesOn => how == "serves" && status.success(),
                // 101 is a panic; without a code it was a signal.
                Then::MayStop => status.code().is_some_and(|code| code <= 8),
            };
            if !is_good {
                wrong.push(text);
            }
        }
        if injected == 0 {
            wrong.push(format!("{call} has never failed"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
