//! The command line: what can be said, with help that teaches, and what each word sets off.

mod call;
mod journal;
mod limits;
mod serve;
mod status;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use pi_server_system::console;

pub use serve::Serve;
pub use status::Status;

const ABOUT: &str = "One daemon for many coding-agent sessions: ordered lanes, crash-safe, \
replayable bit for bit.";

const EXAMPLES: &str = "\
Examples:
  pi-server serve --agent demo
      A working daemon with no further dependency; a terminal shows the line to connect with.
  pi-server call '{\"type\":\"list_sessions\"}'
      One command to the daemon of this user, over WebSocket with the token of the data directory.
  pi-server serve --stdio --no-listen
      For an editor: newline-delimited JSON on standard input and output, no port.
  pi-replay verify ~/.local/share/pi-server
      Runs the journal again and compares every output.

Exit statuses:
  0  all is well (call: every command succeeded)
  1  anything that has no status of its own (call: a command failed)
  2  usage: the command line makes no sense
  3  the journal is damaged, or does not replay; nothing was changed
  4  another daemon has the journal
  5  an address or socket cannot be bound (call: nobody answers there)
  6  the data directory cannot be written
  7  the disk is full at start
  8  storage failed while the daemon was running; it stopped at once
  9  the journal was written by a newer pi-server
 74  a page of the journal could not be read or written (SIGBUS); it stopped at once";

#[derive(Debug, Parser)]
#[command(name = "pi-server", version, about = ABOUT, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon in the foreground.
    Serve(Box<Serve>),
    /// Send frames to a daemon and print the responses.
    Call(call::Call),
    /// Print the URL, token included, that clients of this machine connect with.
    Token(token::Token),
    /// Take away from the journal of a daemon that is not running.
    #[command(subcommand)]
    Journal(journal::Verb),
    /// List every bound that `serve --set limits.NAME=VALUE` can set.
    Limits(limits::Limits),
}

/// Where everything that must survive is kept.
#[derive(Clone, Debug, Args)]
pub struct DataDir {
    /// Directory of the journal, its key and the token [default: $XDG_DATA_HOME/pi-server or
    /// ~/.local/share/pi-server].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl DataDir {
    /// The directory, by flag or by the XDG rules.
    ///
    /// # Errors
    /// The words for the user, if neither `XDG_DATA_HOME` nor `HOME` is an absolute path.
    pub fn resolve(&self) -> Result<PathBuf, String> {
        if let Some(dir) = &self.data_dir {
            return std::path::absolute(dir)
                .map_err(|error| format!("--data-dir {}: {error}", dir.display()));
        }
        // The XDG rules say that a relative path there is to be ignored.
        let absolute = |name: &str| {
            std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
        };
        if let Some(data) = absolute("XDG_DATA_HOME") {
            return Ok(data.join("pi-server"));
        }
        if let Some(home) = absolute("HOME") {
            return Ok(home.join(".local/share/pi-server"));
        }
        Err("no place for the journal: HOME is not set; name one with --data-dir".to_owned())
    }
}

/// Runs what the command line of this process says.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are not errors, and go to standard output.
            let status = if error.use_stderr() { Status::Usage } else { Status::Ok };
            // Nobody is left to hear about it if the terminal is gone.
            drop(error.print());
            return status.into();
        }
    };
    let done = match cli.command {
        Command::Serve(serve) => serve.run(),
        Command::Call(call) => call.run(),
        Command::Token(token) => token.run(),
        Command::Journal(verb) => verb.run(),
        Command::Limits(limits) => Ok(limits.run()),
    };
    match done {
        Ok(status) => status.into(),
        Err(complaint) => {
            pi_server_system::complain!("pi-server: {}", complaint.text);
            complaint.status.into()
        }
    }
}

/// Prints the result of a command.
fn print(text: &str) -> Result<(), Complaint> {
    console::print(text).map_err(|error| Complaint {
        status: Status::Failed,
        text: format!("cannot write to standard output: {error}"),
    })
}

/// One line that says what is wrong and what to do, with the exit status that goes with it.
#[derive(Debug)]
struct Complaint {
    status: Status,
    text: String,
}

impl Complaint {
    fn usage(text: impl Into<String>) -> Complaint {
        Complaint { status: Status::Usage, text: text.into() }
    }
}

#[cfg(test)]
mod tests;
