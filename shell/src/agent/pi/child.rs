//! One pi: its process, its pipes, and how it is ended.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use pi_server_core::input::AgentInfo;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

use super::diagnostics::Diagnostics;
use super::pipes::{Lines, Progress, Tail, Unwritten};
use super::session::{Asked, Session};
use super::sweep::{MARK, sweep_aside};
use crate::agent::voice::Voice;

/// Tokens that one child takes.
pub(super) const TOKENS: usize = 4;
/// How long a child has between being asked to end and being killed.
const KILL_AFTER: Duration = Duration::from_secs(3);
/// How long a child that has closed a pipe has to end by itself.
const END_AFTER: Duration = Duration::from_secs(1);
/// Reads after the end of a child, for what is left in its pipe.
const LAST_READS_MAX: u32 = 64;

/// What a token of a child is for, by its distance from the child's first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Its standard input.
    Input,
    /// Its standard output.
    Output,
    /// Its standard error.
    Errors,
    /// Its end.
    Process,
}

impl Source {
    /// The source of the token at a distance below [`TOKENS`].
    pub(super) fn at(distance: usize) -> Source {
        match distance {
            0 => Source::Input,
            1 => Source::Output,
            2 => Source::Errors,
            _ => Source::Process,
        }
    }
}

/// How a child is started.
pub(super) struct Launch {
    /// The program and its arguments.
    pub(super) command: Vec<OsString>,
    /// Where it works.
    pub(super) cwd: PathBuf,
    /// Its agent folder.
    pub(super) folder: PathBuf,
    /// The mark in its environment.
    pub(super) mark: String,
    /// The first of its tokens.
    pub(super) first_token: usize,
}

/// A pi that runs.
pub(super) struct Child {
    /// The protocol with it.
    pub(super) session: Session,
    process: std::process::Child,
    pidfd: OwnedFd,
    input: Unwritten,
    output: Lines,
    errors: Tail,
    diagnostics: Diagnostics,
    mark: String,
    first_token: usize,
    ending: Ending,
    /// Why the daemon ends it, where that is the child's own fault.
    fault: Option<String>,
    /// Its standard output may hold more than a share.
    more: bool,
}

/// How far the ending of a child has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It is to live.
    No,
    /// It has closed a pipe: it is asked to end at this time.
    Ask(Instant),
    /// It has been asked to end: it is killed at this time.
    Kill(Instant),
    /// It has been killed.
    Killed,
}

impl Child {
    /// Starts a child and registers its pipes.
    ///
    /// # Errors
    /// What the operating system says; nothing runs then.
    pub(super) fn start(
        launch: Launch,
        session: Session,
        registry: &Registry,
    ) -> io::Result<Child> {
        let Launch { command, cwd, folder, mark, first_token } = launch;
        let (program, arguments) = command.split_first().expect("a launch names its program");
        let mut command = Command::new(program);
        command.args(arguments).current_dir(cwd);
        clean_environment(&mut command);
        command.env("PI_CODING_AGENT_DIR", folder).env(MARK, &mark);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0);
        let mut process = command.spawn()?;
        let pid = Pid::from_child(&process);
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(error) => {
                process.kill()?;
                process.wait()?;
                return Err(error.into());
            }
        };
        let pipe = "all three are piped";
        let input = Unwritten::new(process.stdin.take().expect(pipe).into());
        let output = Lines::new(process.stdout.take().expect(pipe).into());
        let errors = Tail::new(process.stderr.take().expect(pipe).into());
        let mut child = Child {
            session,
            process,
            pidfd,
            input,
            output,
            errors,
            diagnostics: Diagnostics::default(),
            mark,
            first_token,
            ending: Ending::No,
            fault: None,
            more: false,
        };
        if let Err(error) = child.register(registry) {
            child.kill();
            child.process.wait()?;
            return Err(error);
        }
        Ok(child)
    }

    fn register(&mut self, registry: &Registry) -> io::Result<()> {
        let token = |source: Source| Token(self.first_token + source as usize);
        let (input, output) = (token(Source::Input), token(Source::Output));
        let (errors, process) = (token(Source::Errors), token(Source::Process));
        if let Some(pipe) = self.input.pipe() {
            pipe.set_nonblocking(true)?;
            registry.register(pipe, input, Interest::WRITABLE)?;
        }
        self.output.pipe().set_nonblocking(true)?;
        registry.register(self.output.pipe(), output, Interest::READABLE)?;
        self.errors.pipe().set_nonblocking(true)?;
        registry.register(self.errors.pipe(), errors, Interest::READABLE)?;
        registry.register(&mut SourceFd(&self.pidfd.as_raw_fd()), process, Interest::READABLE)
    }

    /// Whether its standard output may hold more right now.
    pub(super) fn has_more(&self) -> bool {
        self.more
    }

    /// When [`Child::tick`] is wanted.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let ending = match self.ending {
            Ending::Ask(at) | Ending::Kill(at) => Some(at),
            Ending::No | Ending::Killed => None,
        };
        ending.into_iter().chain(self.session.deadline()).min()
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Instant, voice: &mut Voice<'_>) {
        if self.more {
            self.read(now, voice);
        }
        match self.ending {
            Ending::Ask(at) if at <= now => self.ask_to_end(now),
            Ending::Kill(at) if at <= now => self.kill(),
            Ending::Ask(_) | Ending::Kill(_) | Ending::No | Ending::Killed => {}
        }
        self.session.tick(now, voice);
        self.write(now);
    }

    /// Reads what it says.
    pub(super) fn read(&mut self, now: Instant, voice: &mut Voice<'_>) {
        let session = &mut self.session;
        match self.output.read(|line| session.line(line, now, voice)) {
            Ok(progress) => {
                self.more = progress == Progress::More;
                if progress == Progress::End {
                    self.expect_end(now);
                }
            }
            Err(error) => {
                self.more = false;
                self.fail(&format!("it wrote {error}"));
            }
        }
        self.session.report_noise(voice);
    }

    /// Reads its standard error.
    pub(super) fn read_errors(&mut self) {
        // A share at a time would need a second flag for little: the kernel's buffer is smaller.
        let (diagnostics, session) = (&mut self.diagnostics, self.session.named().0);
        let mut each = |bytes: &[u8]| {
            diagnostics.take(session, bytes, |line| pi_server_system::report!("{line}"));
        };
        while self.errors.read(&mut each) == Progress::More {}
    }

    /// Writes what it is to be told.
    pub(super) fn write(&mut self, now: Instant) {
        if let Err(error) = self.input.push(self.session.output()) {
            self.fail(&format!("there are {error}"));
        }
        if self.input.flush().is_err() {
            self.expect_end(now);
        }
    }

    /// It has closed a pipe: if it is not about to end, it is of no more use.
    fn expect_end(&mut self, now: Instant) {
        if self.ending == Ending::No {
            self.ending = Ending::Ask(now + END_AFTER);
        }
    }

    /// It breaks the rules: it is killed.
    fn fail(&mut self, words: &str) {
        self.fault.get_or_insert_with(|| format!("killed: {words}"));
        self.kill();
    }

    /// Asks it to end: sends the signal and closes its input. Either alone leaves some version's
    /// commands running, or some version itself.
    pub(super) fn ask_to_end(&mut self, now: Instant) {
        match self.ending {
            Ending::No | Ending::Ask(_) => {
                self.write(now);
                // It may be gone already; then its end is on its way.
                let _ = pidfd_send_signal(&self.pidfd, Signal::TERM);
                drop(self.input.close());
                self.ending = Ending::Kill(now + KILL_AFTER);
            }
            Ending::Kill(_) | Ending::Killed => {}
        }
    }

    /// Kills it and its process group.
    pub(super) fn kill(&mut self) {
        // It may be gone already; then its end is on its way.
        let _ = kill_process_group(Pid::from_child(&self.process), Signal::KILL);
        self.ending = Ending::Killed;
    }

    /// Waits for its end, for at most so long; `true` if it has ended.
    pub(super) fn wait_until(&mut self, until: Instant) -> bool {
        loop {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            // What it still writes must not keep it from ending.
            while matches!(self.output.read(|_| {}), Ok(Progress::More)) {}
            self.read_errors();
            std::thread::sleep(left.min(Duration::from_millis(5)));
        }
    }

    /// It has ended: hears its last words, clears up behind it, and says so. Unless it ended by itself
    /// before it read what it was asked last: then nothing is said, and that is given back, with what
    /// is known of the session.
    pub(super) fn finish(
        mut self,
        now: Instant,
        registry: &Registry,
        voice: &mut Voice<'_>,
    ) -> Option<(Vec<Asked>, AgentInfo)> {
        for _ in 0..LAST_READS_MAX {
            self.read(now, voice);
            if !self.more {
                break;
            }
        }
        let rest = self.output.rest();
        if !rest.is_empty() {
            self.session.line(&rest, now, voice);
        }
        self.read_errors();
        self.diagnostics.end(self.session.named().0, |line| pi_server_system::report!("{line}"));
        // Before the process is reaped, since its number then names nobody's group for certain.
        let _ = kill_process_group(Pid::from_child(&self.process), Signal::KILL);
        let waited = self.process.wait();
        let by_itself = self.fault.is_none() && waited.as_ref().is_ok_and(ExitStatus::success);
        let status = match (self.fault.take(), waited) {
            (Some(fault), _) => fault,
            (None, Ok(status)) => describe(status),
            (None, Err(error)) => format!("ended, but how is not known: {error}"),
        };
        let asked_to = matches!(self.ending, Ending::Kill(_) | Ending::Killed);
        let unheard = if by_itself && !asked_to { self.session.unheard() } else { None };
        self.session.end(by_itself, voice);
        let unheard = unheard.map(|calls| (calls, self.session.info().clone()));
        if unheard.is_none() {
            voice.exited(&status, &self.errors.text());
        }
        self.clear_up(registry);
        unheard
    }

    /// Takes its pipes out of the loop, and what it has left running out of the machine.
    fn clear_up(mut self, registry: &Registry) {
        // A pipe that cannot be taken out is closed in a moment anyway.
        if let Some(mut pipe) = self.input.close() {
            drop(registry.deregister(&mut pipe));
        }
        drop(registry.deregister(self.output.pipe()));
        drop(registry.deregister(self.errors.pipe()));
        drop(registry.deregister(&mut SourceFd(&self.pidfd.as_raw_fd())));
        sweep_aside(self.mark);
    }
}

/// Takes out of a child's environment what a package manager that started the daemon has left in
/// it, and what belongs to a pi that the daemon may run under.
pub(super) fn clean_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("npm_") || matches!(&*text, "INIT_CWD" | "PI_SESSION_ID") {
            command.env_remove(&name);
        }
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}
