//! Finds out once which pi it is, aside from the loop: even `pi --version` takes a quarter of a
//! second.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mio::unix::pipe::{self, Receiver};
use mio::{Interest, Registry, Token};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

use super::child::clean_environment;
use super::sweep::{MARK, sweep};
use super::version::Version;

/// How long the program may take, and how much it may print.
const VERSION_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks at whether it has ended.
const LOOK: Duration = Duration::from_millis(50);
const VERSION_BYTES_MAX: usize = 64 << 10;

/// A question that is being answered.
pub(super) struct Probe {
    pipe: Receiver,
    answer: Vec<u8>,
}

impl Probe {
    /// Asks. Before that, what an earlier life of the daemon has left running is swept, so that the
    /// sweep cannot meet a child of this life. The program is marked with `life`.
    ///
    /// # Errors
    /// Neither pipe nor thread can be had.
    pub(super) fn start(
        command: PathBuf,
        mark: String,
        life: String,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Probe> {
        let (mut sender, mut receiver) = pipe::new()?;
        registry.register(&mut receiver, token, Interest::READABLE)?;
        sender.set_nonblocking(false)?;
        let thread = std::thread::Builder::new().name("pi-version".to_owned());
        thread.spawn(move || {
            sweep(&mark);
            let answer = ask(&command, &life);
            // Nobody listens any more when the daemon is ending.
            drop(sender.write_all(answer.as_bytes()));
        })?;
        Ok(Probe { pipe: receiver, answer: Vec::new() })
    }

    /// Reads the answer as far as it has come; `None` while it is not complete.
    pub(super) fn read(&mut self, registry: &Registry) -> Option<Result<Version, String>> {
        match self.pipe.read_to_end(&mut self.answer) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(error) => return Some(Err(format!("cannot ask pi for its version: {error}"))),
        }
        drop(registry.deregister(&mut self.pipe));
        let answer = String::from_utf8_lossy(&self.answer);
        Some(match answer.strip_prefix("failed: ") {
            Some(words) => Err(words.to_owned()),
            None => Version::parse(&answer).ok_or_else(|| {
                let shown: String = answer.trim().chars().take(200).collect();
                format!("`pi --version` gives no version but: {shown}")
            }),
        })
    }
}

fn ask(program: &Path, mark: &str) -> String {
    let mut command = Command::new(program);
    clean_environment(&mut command);
    // Marked as agents are, so that it is found if the daemon ends before it.
    command.env(MARK, mark).arg("--version").process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = |error: io::Error| format!("failed: cannot start {}: {error}", program.display());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return failed(error),
    };
    let heard = listen(&mut child, Instant::now() + VERSION_WITHIN);
    // It may have ended; what it has started may not.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let ended = child.wait();
    match (heard, ended) {
        (Ok(text), Ok(_)) => text,
        (Err(error), _) => format!("failed: `{} --version` {error}", program.display()),
        (Ok(_), Err(error)) => failed(error),
    }
}

/// Reads what a child says until it ends or closes both of its pipes: standard error, where some versions
/// print it, and then standard output.
fn listen(child: &mut Child, until: Instant) -> io::Result<String> {
    let errors = child.stderr.take().map(OwnedFd::from);
    let output = child.stdout.take().map(OwnedFd::from);
    let mut pipes: Vec<(OwnedFd, Vec<u8>, bool)> =
        errors.into_iter().chain(output).map(|pipe| (pipe, Vec::new(), true)).collect();
    while pipes.iter().any(|(_, _, is_open)| *is_open) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let seconds = VERSION_WITHIN.as_secs();
            return Err(io::Error::other(format!("does not end within {seconds} seconds")));
        }
        let open = |it: &&mut (OwnedFd, Vec<u8>, bool)| it.2;
        let mut ready: Vec<PollFd<'_>> = pipes
            .iter()
            .filter(|(_, _, is_open)| *is_open)
            .map(|(pipe, _, _)| PollFd::new(pipe, PollFlags::IN))
            .collect();
        let look = Timespec::try_from(left.min(LOOK)).map_err(io::Error::other)?;
        match poll(&mut ready, Some(&look)) {
            // All is read. What it has left behind may hold its pipes open for ever.
            Ok(0) if child.try_wait()?.is_some() => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<bool> = ready.iter().map(|it| !it.revents().is_empty()).collect();
        for ((pipe, text, is_open), is_ready) in pipes.iter_mut().filter(open).zip(ready) {
            if !is_ready {
                continue;
            }
            let mut buffer = [0; 4096];
            match rustix::io::read(&*pipe, &mut buffer) {
                Ok(0) => *is_open = false,
                Ok(count) => text.extend_from_slice(&buffer[..count]),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            if text.len() > VERSION_BYTES_MAX {
                let words = format!("prints more than {VERSION_BYTES_MAX} bytes");
                return Err(io::Error::other(words));
            }
        }
    }
    let texts = pipes.iter().map(|(_, text, _)| String::from_utf8_lossy(text).into_owned());
    Ok(texts.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn asked(script: &str) -> (String, Duration) {
        let dir = tempfile::tempdir().expect("a directory");
        let program = dir.path().join("pi");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a file");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
        let begun = Instant::now();
        (ask(&program, "test"), begun.elapsed())
    }

    #[test]
    fn a_version_is_taken_from_either_stream() {
        assert!(asked("echo 1.2.3").0.contains("1.2.3"));
        assert!(asked("echo 1.2.3 >&2").0.contains("1.2.3"));
        assert!(asked("exit 3").0.trim().is_empty());
    }

    #[test]
    fn a_program_that_never_ends_or_never_stops_talking_is_killed_with_all_that_it_started() {
        let (answer, took) = asked("yes");
        assert!(answer.contains("prints more than 65536 bytes"), "{answer}");
        assert!(took < VERSION_WITHIN);
        let (answer, took) = asked("sleep 1000 & sleep 1000");
        assert!(answer.contains("does not end within 10 seconds"), "{answer}");
        assert!(took >= VERSION_WITHIN && took < 2 * VERSION_WITHIN);
        // What it has left behind holds the pipe open.
        let (answer, took) = asked("echo 1.2.3; sleep 1000 &");
        assert!(answer.contains("1.2.3"), "{answer}");
        assert!(took < VERSION_WITHIN);
    }
}
