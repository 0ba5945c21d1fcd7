//! Whether a bundle is as it was made.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::{MAGIC, SEAL_BYTES, Table};
use crate::source::SourceError;

/// What a bundle is found to be, before anything in it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// As it was made.
    Whole {
        /// Its seal.
        seal: String,
    },
    /// Not as it was made, or not the expected one.
    Refused(Refusal),
}

/// Why a bundle is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It does not begin as a bundle does.
    NoBundle,
    /// It is shorter than any bundle.
    Short,
    /// Its seal does not hold.
    Changed {
        /// The seal that it has.
        found: String,
        /// The one that its bytes have.
        actual: String,
    },
    /// It is whole, but another one than expected.
    Other {
        /// Its seal.
        seal: String,
    },
    /// The seal holds, but it was put together in another way than this tool does.
    Form {
        /// What is wrong with it.
        why: &'static str,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NoBundle => "it does not begin as a bundle does",
            Refusal::Short => "it ends too early",
            Refusal::Changed { .. } => "it was changed",
            Refusal::Other { .. } => "it is whole, but has another seal",
            Refusal::Form { why } => why,
        })
    }
}

impl Refusal {
    /// The seal that it has, and the one that its bytes have, as far as there are any.
    pub fn seals(&self) -> [Option<&str>; 2] {
        match self {
            Refusal::Changed { found, actual } => [Some(found), Some(actual)],
            Refusal::Other { seal } => [Some(seal), Some(seal)],
            Refusal::NoBundle | Refusal::Short | Refusal::Form { .. } => [None, None],
        }
    }
}

/// Checks every byte of a bundle against its seal, and the seal against the expected one if there
/// is one.
///
/// # Errors
/// The file cannot be read. What is wrong with its bytes is no error.
pub fn check(path: &Path, expected: Option<&str>) -> Result<Checked, SourceError> {
    let io = |source| SourceError::Io { operation: "read", path: path.to_owned(), source };
    let mut file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut magic = [0; MAGIC.len()];
    let Some(sealed) = length.checked_sub(SEAL_BYTES + magic.len() as u64) else {
        return Ok(Checked::Refused(Refusal::Short));
    };
    file.read_exact(&mut magic).map_err(io)?;
    if magic != *MAGIC {
        return Ok(Checked::Refused(Refusal::NoBundle));
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&magic);
    hash(&mut file, sealed, &mut hasher).map_err(io)?;
    let mut seal = [0; 32];
    file.read_exact(&mut seal).map_err(io)?;
    let found = blake3::Hash::from_bytes(seal).to_hex().to_string();
    let actual = hasher.finalize().to_hex().to_string();
    if found != actual {
        return Ok(Checked::Refused(Refusal::Changed { found, actual }));
    }
    if expected.is_some_and(|expected| !expected.eq_ignore_ascii_case(&actual)) {
        return Ok(Checked::Refused(Refusal::Other { seal: found }));
    }
    match Table::read(path) {
        Ok(_) => Ok(Checked::Whole { seal: found }),
        Err(SourceError::Bundle { why, .. }) => Ok(Checked::Refused(Refusal::Form { why })),
        Err(error) => Err(error),
    }
}

/// Hashes the next `length` bytes of a file.
fn hash(file: &mut File, length: u64, hasher: &mut blake3::Hasher) -> io::Result<()> {
    let mut left = length;
    let mut buffer = vec![0; 1 << 16];
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let read = file.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        hasher.update(&buffer[..read]);
        left = left.saturating_sub(read as u64);
    }
    Ok(())
}
