//! Why a campaign could not be run.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// What went wrong, so that nothing can be said about the mutants.
#[derive(Debug)]
pub(crate) enum Error {
    /// A program could not be started.
    Start { program: &'static str, error: io::Error },
    /// `cargo mutants` gave no list.
    List { words: String },
    /// Git did not say which files there are.
    Files { words: String },
    /// A file or directory could not be read or written.
    File { path: PathBuf, error: io::Error },
    /// A file of the core is no Rust.
    Syntax { file: String, error: syn::Error },
    /// The copy does not compile, and no mutant is to blame.
    Build { words: String },
    /// A test fails, or does not end, while no mutant is on.
    Baseline { stage: String, words: String },
    /// The list of known survivors cannot be read.
    Known { path: PathBuf, words: String },
    /// The results of before cannot be read.
    Results { path: PathBuf, words: String },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Start { program, error } => {
                write!(f, "{program} cannot be run: {error}")
            }
            Error::List { words } => write!(
                f,
                "cargo mutants gave no list (if it is missing: cargo install cargo-mutants \
                 --locked): {words}"
            ),
            Error::Files { words } => write!(f, "git gave no list of files: {words}"),
            Error::File { path, error } => write!(f, "{}: {error}", path.display()),
            Error::Syntax { file, error } => write!(f, "{file}: {error}"),
            Error::Build { words } => {
                write!(f, "the copy does not compile, and no mutant is to blame:\n{words}")
            }
            Error::Baseline { stage, words } => {
                write!(f, "{stage} fails while no mutant is on:\n{words}")
            }
            Error::Known { path, words } | Error::Results { path, words } => {
                write!(f, "{}: {words}", path.display())
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Start { error, .. } | Error::File { error, .. } => Some(error),
            Error::Syntax { error, .. } => Some(error),
            Error::List { .. }
            | Error::Files { .. }
            | Error::Build { .. }
            | Error::Baseline { .. }
            | Error::Known { .. }
            | Error::Results { .. } => None,
        }
    }
}
