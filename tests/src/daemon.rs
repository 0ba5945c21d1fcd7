//! A daemon under test: the real program, on a temporary directory and a free port.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

use tempfile::TempDir;

use crate::PATIENCE;
use crate::client::Client;
use crate::programs::program;

/// How a daemon is started.
#[derive(Clone, Debug)]
pub struct Setup {
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    /// The real agent's program, and the user's agent folder that it is to have.
    pi: Option<(PathBuf, PathBuf)>,
    programs: Option<PathBuf>,
    agent: &'static str,
    tcp: bool,
    unix: bool,
    stdio: bool,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            args: Vec::new(),
            env: Vec::new(),
            pi: None,
            programs: None,
            agent: "demo",
            tcp: true,
            unix: true,
            stdio: false,
        }
    }
}

impl Setup {
    /// Demo agent, no rate limits, a free port and a Unix socket.
    pub fn new() -> Setup {
        Setup::default()
    }

    /// One more argument of `pi-server serve`.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Setup {
        self.args.push(arg.into());
        self
    }

    /// One more variable of the environment of `pi-server serve`.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Setup {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The real agent in the place of the demo agent, with the settings in `folder`.
    #[must_use]
    pub fn pi(mut self, program: &Path, folder: &Path) -> Setup {
        self.pi = Some((program.to_owned(), folder.to_owned()));
        self
    }

    /// Another value of `--agent` than `demo`.
    #[must_use]
    pub fn agent(mut self, agent: &'static str) -> Setup {
        self.agent = agent;
        self
    }

    /// Runs the `pi-server` in this folder, and not the one that was built with the tests.
    #[must_use]
    pub fn programs(mut self, dir: &Path) -> Setup {
        self.programs = Some(dir.to_owned());
        self
    }

    /// Sets a limit.
    #[must_use]
    pub fn limit(self, name: &str, value: u64) -> Setup {
        self.arg("--set").arg(format!("limits.{name}={value}"))
    }

    /// Also standard input and output.
    #[must_use]
    pub fn stdio(mut self) -> Setup {
        self.stdio = true;
        self
    }

    /// No way in but standard input and output.
    #[must_use]
    pub fn only_stdio(mut self) -> Setup {
        self.stdio = true;
        self.tcp = false;
        self.unix = false;
        self
    }

    /// Starts a daemon on a directory of its own.
    pub fn start(self) -> Daemon {
        Daemon::start_in(self, tempfile::tempdir().expect("a temporary directory"))
    }

    /// Starts a daemon on a directory that is there already; it goes with the daemon.
    pub fn start_in(self, dir: TempDir) -> Daemon {
        Daemon::start_in(self, dir)
    }

    fn command(&self, dir: &Path) -> Command {
        let path = self.programs.as_ref().map(|dir| dir.join("pi-server"));
        let mut command = Command::new(path.unwrap_or_else(|| program("pi-server")));
        command.arg("serve");
        match &self.pi {
            Some((program, folder)) => {
                command.args(["--agent", "pi", "--pi-command"]).arg(program);
                command.env("PI_CODING_AGENT_DIR", folder).env("PI_OFFLINE", "1");
            }
            None => {
                command.args(["--agent", self.agent]);
            }
        }
        command.args(["--set", "limits.rate=off", "--data-dir"]);
        command.arg(dir);
        if self.tcp {
            command.args(["--listen", "127.0.0.1:0"]);
        } else {
            command.arg("--no-listen");
        }
        if self.unix {
            command.arg("--unix");
        }
        if self.stdio {
            command.arg("--stdio");
        }
        command.args(&self.args);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// A running daemon. It is killed when the test ends, however it ends.
#[derive(Debug)]
pub struct Daemon {
    setup: Setup,
    dir: TempDir,
    child: Child,
    said: Receiver<String>,
    log: Vec<String>,
    pipes: Option<(ChildStdin, ChildStdout)>,
}

impl Daemon {
    /// A daemon with the usual setup.
    pub fn start() -> Daemon {
        Setup::new().start()
    }

    fn start_in(setup: Setup, dir: TempDir) -> Daemon {
        let (child, said, pipes) = spawn(&setup, dir.path());
        let mut daemon = Daemon { setup, dir, child, said, log: Vec::new(), pipes };
        daemon.wait_until_up();
        daemon
    }

    /// Its data directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What it has said on standard error since its last start.
    pub fn log(&mut self) -> String {
        self.log.extend(self.said.try_iter());
        self.log.join("\n")
    }

    /// How many inputs its last start has stepped through, as it says itself.
    pub fn stepped(&mut self) -> u64 {
        let log = self.log();
        let said = log.lines().find(|line| line.starts_with("recovered "));
        let words: Vec<&str> = said.unwrap_or_default().split(' ').collect();
        let count = words.windows(4).find_map(|words| match words {
            [count, "input" | "inputs", "stepped", "through"] => count.parse().ok(),
            _ => None,
        });
        count.unwrap_or_else(|| panic!("no count of inputs in:\n{log}"))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The WebSocket URL, token included.
    pub fn url(&self) -> String {
        let read = |name| {
            let path = self.dir().join(name);
            std::fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        format!("ws://{}/?token={}", read("address").trim(), read("token").trim())
    }

    /// The path of its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.dir().join("pi-server.sock")
    }

    /// A WebSocket client of the shared namespace, greeted.
    pub fn websocket(&self) -> Client {
        Client::websocket(&self.url()).greeted()
    }

    /// A WebSocket client with a name, greeted.
    pub fn websocket_as(&self, name: &str) -> Client {
        Client::websocket(&format!("{}&client={name}", self.url())).greeted()
    }

    /// A client on the Unix socket, greeted.
    pub fn unix(&self) -> Client {
        Client::unix(&self.socket(), None).greeted()
    }

    /// A client on the Unix socket with a name, greeted.
    pub fn unix_as(&self, name: &str) -> Client {
        Client::unix(&self.socket(), Some(name)).greeted()
    }

    /// The client on standard input and output, greeted.
    ///
    /// # Panics
    /// There is none, or it was taken before.
    pub fn stdio(&mut self) -> Client {
        let (input, output) = self.pipes.take().expect("started with stdio, taken once");
        Client::stdio(input, output).greeted()
    }

    /// Kills it without any warning and waits until it is gone.
    pub fn kill9(&mut self) {
        self.child.kill().expect("a running daemon can be killed");
        self.child.wait().expect("a killed daemon ends");
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Asks it to stop, as an operator would, and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.pid().to_string()])
            .status()
            .expect("kill can be run");
        assert!(status.success());
    }

    /// Waits until it has ended by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        // The end of standard error is the end of the process.
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.said.recv_timeout(left) {
                Ok(line) => self.log.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("the daemon does not end; it said:\n{}", self.log.join("\n"))
                }
            }
        }
        self.child.wait().expect("a daemon that ended can be waited for")
    }

    /// Starts it again on the same directory.
    pub fn restart(&mut self) {
        let (child, said, pipes) = spawn(&self.setup, self.dir.path());
        self.child = child;
        self.said = said;
        self.pipes = pipes;
        self.log.clear();
        self.wait_until_up();
    }

    /// Starts it again with one more argument.
    pub fn restart_with(&mut self, args: &[&str]) {
        self.setup.args.extend(args.iter().map(OsString::from));
        self.restart();
    }

    /// Starts it again in another way.
    pub fn restart_as(&mut self, setup: Setup) {
        self.setup = setup;
        self.restart();
    }

    /// Starts it again with the `pi-server` in this folder.
    pub fn restart_with_programs(&mut self, dir: &Path) {
        self.setup.programs = Some(dir.to_owned());
        self.restart();
    }

    /// Runs its journal again with `pi-replay verify`, which must find it identical.
    pub fn verify(&self) {
        let output = self.replay(&["verify"]);
        assert!(
            output.status.success(),
            "the journal does not verify: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Runs `pi-replay` on its directory.
    pub fn replay(&self, args: &[&str]) -> Output {
        Command::new(program("pi-replay"))
            .args(args)
            .arg(self.dir())
            .output()
            .expect("pi-replay can be run")
    }

    /// Runs `pi-server call` against it, with `input` on standard input.
    pub fn call(&self, args: &[&str], input: &str) -> Output {
        let mut child = Command::new(program("pi-server"))
            .args(["call", "--data-dir"])
            .arg(self.dir())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("pi-server can be run");
        let mut stdin = child.stdin.take().expect("piped");
        // A call that takes its frame from the command line may end before it reads.
        drop(stdin.write_all(input.as_bytes()));
        drop(stdin);
        child.wait_with_output().expect("a call ends")
    }

    /// Its resident memory, in bytes.
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// Its resident memory without files that are mapped, in bytes.
    pub fn own_memory(&self) -> u64 {
        self.status("RssAnon:")
    }

    /// The most resident memory that it ever had, in bytes.
    pub fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))
            .expect("a running daemon has a status");
        let line = status.lines().find(|line| line.starts_with(name)).expect("a size");
        let kib: u64 = line
            .split_whitespace()
            .nth(1)
            .and_then(|number| number.parse().ok())
            .expect("a number of KiB");
        kib * 1024
    }

    /// Waits until it says a line that fits.
    ///
    /// # Panics
    /// It does not.
    pub fn says(&mut self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        let mut looked = 0;
        loop {
            if let Some(line) = self.log.iter().skip(looked).find(|line| fits(line)) {
                return line.clone();
            }
            looked = self.log.len();
            match self.said.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.log.push(line),
                Err(error) => {
                    panic!("the daemon never says {what} ({error}):\n{}", self.log.join("\n"))
                }
            }
        }
    }

    fn wait_until_up(&mut self) {
        let until = Instant::now() + PATIENCE;
        // The last line of the greeting.
        while !self
            .log
            .last()
            .is_some_and(|line| line.starts_with("recovered ") || line.starts_with("first start"))
        {
            let left = until.saturating_duration_since(Instant::now());
            match self.said.recv_timeout(left) {
                Ok(line) => self.log.push(line),
                Err(error) => {
                    panic!("the daemon does not start ({error}); it said:\n{}", self.log.join("\n"))
                }
            }
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("the daemon said:\n{}", self.log());
        }
    }
}

/// Starts `pi-server serve` without waiting for anything: for starts that must fail.
///
/// # Panics
/// It does not end.
pub fn fails_to_start(dir: &Path, args: &[&str]) -> Output {
    Command::new(program("pi-server"))
        .args(["serve", "--agent", "demo", "--data-dir"])
        .arg(dir)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("pi-server can be run")
}

type Spawned = (Child, Receiver<String>, Option<(ChildStdin, ChildStdout)>);

fn spawn(setup: &Setup, dir: &Path) -> Spawned {
    let mut command = setup.command(dir);
    let pipe = || if setup.stdio { Stdio::piped() } else { Stdio::null() };
    let mut child = command
        .stdin(pipe())
        .stdout(pipe())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pi-server can be run");
    let stderr = child.stderr.take().expect("piped");
    let (lines, said) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    let pipes = child.stdin.take().zip(child.stdout.take());
    (child, said, pipes)
}
