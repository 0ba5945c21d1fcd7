//! Why a journal could not be replayed at all. A divergence is a finding and not an error.

use core::fmt;
use std::error;
use std::io;
use std::path::PathBuf;

use pi_server_core::Seq;
use pi_server_core::record::{Damage, DecodeError, FORMAT_VERSION};

/// Why a journal could not be replayed.
#[derive(Debug)]
pub enum Error {
    /// The directory has no journal in it.
    NoJournal {
        /// The directory.
        dir: PathBuf,
    },
    /// A newer build wrote it.
    NewerFormat {
        /// Version of the format it wrote.
        found: u32,
    },
    /// Data that was on disk is not there any more.
    Damaged(Damage),
    /// A body is not the one that was written.
    BodyDamaged {
        /// The input it came with.
        seq: Seq,
    },
    /// An input that this build does not know.
    UnknownInput {
        /// The input.
        seq: Seq,
        /// What is wrong with its bytes.
        source: DecodeError,
    },
    /// The journal has no such input.
    NoSuchInput {
        /// The one that was asked for.
        seq: Seq,
        /// The last one there is.
        last: Seq,
    },
    /// A file could not be read, or the answer not be written.
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl Error {
    /// The exit status: 3 for damage, 2 for what the caller can do otherwise, 1 for the rest.
    pub fn status(&self) -> u8 {
        match self {
            Error::NoJournal { .. } | Error::NewerFormat { .. } | Error::NoSuchInput { .. } => 2,
            Error::Damaged(_) | Error::BodyDamaged { .. } | Error::UnknownInput { .. } => 3,
            Error::Io { .. } => 1,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoJournal { dir } => write!(
                f,
                "{} holds no journal: give the daemon's data directory, which has a file HEAD and \
                 a directory journal/",
                dir.display()
            ),
            Error::NewerFormat { found } => write!(
                f,
                "the journal has format version {found}, this build reads up to {FORMAT_VERSION}: \
                 use the newer build"
            ),
            Error::Damaged(damage) => write!(f, "the journal is damaged: {damage}"),
            Error::BodyDamaged { seq } => {
                write!(f, "the journal is damaged: the body of input {seq} has another digest")
            }
            Error::UnknownInput { seq, source } => {
                write!(f, "input {seq} cannot be read by this build: {source}")
            }
            Error::NoSuchInput { seq, last } => {
                write!(f, "there is no input {seq}: the journal has inputs 1 to {last}")
            }
            Error::Io { operation, path, source } => {
                write!(f, "cannot {operation} {}: {source}", path.display())
            }
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            Error::NoJournal { .. }
            | Error::NewerFormat { .. }
            | Error::Damaged(_)
            | Error::BodyDamaged { .. }
            | Error::UnknownInput { .. }
            | Error::NoSuchInput { .. } => None,
        }
    }
}
