//! Finds out once which pi it is, aside from the loop: even `pi --version` takes a quarter of a
//! second.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mio::unix::pipe::{self, Receiver};
use mio::{Interest, Registry, Token};

use super::child::clean_environment;
use super::sweep::sweep;
use super::version::Version;

/// A question that is being answered.
pub(super) struct Probe {
    pipe: Receiver,
    answer: Vec<u8>,
}

impl Probe {
    /// Asks. Before that, what an earlier life of the daemon has left running is swept, so that the
    /// sweep cannot meet a child of this life.
    ///
    /// # Errors
    /// Neither pipe nor thread can be had.
    pub(super) fn start(
        command: PathBuf,
        mark: String,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Probe> {
        let (mut sender, mut receiver) = pipe::new()?;
        registry.register(&mut receiver, token, Interest::READABLE)?;
        sender.set_nonblocking(false)?;
        let thread = std::thread::Builder::new().name("pi-version".to_owned());
        thread.spawn(move || {
            sweep(&mark);
            let answer = ask(&command);
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

fn ask(program: &Path) -> String {
    let mut command = Command::new(program);
    clean_environment(&mut command);
    match command.arg("--version").stdin(Stdio::null()).output() {
        // Some versions print it to standard error.
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            format!("{errors}\n{}", String::from_utf8_lossy(&output.stdout))
        }
        Err(error) => format!("failed: cannot start {}: {error}", program.display()),
    }
}
