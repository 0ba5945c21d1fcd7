//! Why a daemon did not start, or ended before its time: one line each, that says what to do, and
//! the exit status that goes with it.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use pi_server_compress::Fault;
use pi_server_system::file::is_about_content;

use super::past::Divergence;
use super::token::TokenError;
use crate::cli::Status;
use crate::journal::{AppendError, JournalError, OpenError, ReadError};
use crate::net::BindError;

/// Why the daemon is not running.
#[derive(Debug)]
pub enum Error {
    /// The journal cannot be opened.
    Open(OpenError),
    /// The journal cannot be read.
    Read(ReadError),
    /// The journal does not replay as it ran.
    Diverged {
        /// Where.
        divergence: Divergence,
        /// The data directory.
        dir: String,
    },
    /// There is no token.
    Token(TokenError),
    /// An address cannot be listened on.
    Bind(BindError),
    /// The pi program cannot be found.
    NoPi {
        /// The command that was looked for.
        command: String,
    },
    /// The system lacks something that is always there.
    System {
        /// What was tried.
        operation: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The journal did not take an input.
    Append(AppendError),
    /// The journal failed.
    Journal(JournalError),
    /// Texts could not be erased.
    Erase(ReadError),
}

impl Error {
    /// The exit status of the process.
    pub fn status(&self) -> Status {
        match self {
            Error::Open(open) => match open {
                OpenError::Locked { .. } => Status::JournalLocked,
                OpenError::Unwritable { .. } => Status::NotWritable,
                OpenError::DiskFull { .. } => Status::DiskFull,
                OpenError::NewerFormat { .. }
                | OpenError::Compressed { fault: Fault::Version { .. }, .. } => Status::NewerFormat,
                OpenError::Damaged { .. }
                | OpenError::Compressed { .. }
                | OpenError::NoSnapshot { .. }
                | OpenError::BadPack { .. }
                | OpenError::MissingKey { .. }
                | OpenError::WrongKey { .. } => Status::JournalDamaged,
                OpenError::UnsafeFileSystem { .. } => Status::Usage,
                OpenError::Io { source, .. } if is_about_content(source) => Status::JournalDamaged,
                OpenError::Io { source, .. } => by_kind(source),
            },
            Error::Read(_) | Error::Erase(_) | Error::Diverged { .. } => Status::JournalDamaged,
            Error::Token(TokenError::Io { source, .. }) => by_kind(source),
            Error::Bind(BindError::OpenToAll { .. }) => Status::Usage,
            Error::Bind(_) => Status::CannotConnect,
            Error::Token(_) | Error::NoPi { .. } | Error::System { .. } => Status::Failed,
            Error::Append(_) | Error::Journal(_) => Status::StorageFailed,
        }
    }
}

fn by_kind(source: &io::Error) -> Status {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Status::DiskFull,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Status::NotWritable,
        _ => Status::Failed,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Open(error) => error.fmt(f),
            Error::Read(error) => write!(f, "{error}; nothing was changed"),
            Error::Diverged { divergence, dir } => {
                let Divergence { seq, recorded, computed } = divergence;
                write!(
                    f,
                    "the journal does not replay: the outputs of input {seq} are {computed}, on \
                     record is {recorded}; nothing was changed. Look with \
                     `pi-replay verify {dir}`, and start with the build that wrote it"
                )
            }
            Error::Token(error) => error.fmt(f),
            Error::Bind(error) => bind(error, f),
            Error::NoPi { command } => write!(
                f,
                "cannot find `{command}`: install pi, name it with --pi-command, or try \
                 --agent demo"
            ),
            Error::System { operation, source } => write!(f, "cannot {operation}: {source}"),
            Error::Append(error) => write!(f, "storage failed, stopping: {error}"),
            Error::Journal(error) => write!(f, "storage failed, stopping: {error}"),
            Error::Erase(error) => {
                write!(f, "cannot go on erasing: {error}; what is erased by now stays so")
            }
        }
    }
}

fn bind(error: &BindError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let elsewhere = |address: &SocketAddr| {
        format!("choose another --listen, e.g. {}", SocketAddr::new(address.ip(), 0))
    };
    match error {
        BindError::AddressInUse { address } => write!(
            f,
            "{address} is in use: another daemon may be running (`pi-server call \
             '{{\"type\":\"health_check\"}}'`); stop it, or {}",
            elsewhere(address)
        ),
        BindError::SocketInUse { path } => write!(
            f,
            "a program answers on {}: stop it, or choose another --unix path",
            path.display()
        ),
        other => fmt::Display::fmt(other, f),
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Open(error) => Some(error),
            Error::Read(error) | Error::Erase(error) => Some(error),
            Error::Token(error) => Some(error),
            Error::Append(error) => Some(error),
            Error::Journal(error) => Some(error),
            Error::System { source, .. } => Some(source),
            Error::Bind(error) => Some(error),
            Error::Diverged { .. } | Error::NoPi { .. } => None,
        }
    }
}

impl From<AppendError> for Error {
    fn from(error: AppendError) -> Error {
        Error::Append(error)
    }
}

impl From<JournalError> for Error {
    fn from(error: JournalError) -> Error {
        Error::Journal(error)
    }
}
