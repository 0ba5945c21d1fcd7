//! Whether a bundle is as it was made.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::path::Path;

use pi_server_system::file::open_regular;

use super::sign::{PublicKey, signed_by};
use super::{MAGIC, SEAL_BYTES, Table, is_magic};
use crate::source::SourceError;

/// What a bundle is found to be, before anything in it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// As it was made.
    Whole {
        /// Its seal.
        seal: String,
        /// Who signed it, if somebody did: whether that is a friend is not said.
        signer: Option<PublicKey>,
    },
    /// Not as it was made, or not the expected one.
    Refused(Refusal),
}

/// What a bundle has to be besides whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected<'a> {
    /// The one with this seal.
    pub seal: Option<&'a str>,
    /// Signed with this key.
    pub key: Option<&'a PublicKey>,
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
        /// The one that was expected.
        expected: String,
    },
    /// Its signature does not hold.
    Signature,
    /// It is not signed, and should be.
    Unsigned,
    /// It is signed with another key than expected.
    Signer {
        /// With which.
        key: PublicKey,
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
            Refusal::Signer { key } => return write!(f, "it is signed with another key: {key}"),
            Refusal::Signature => "its signature does not hold",
            Refusal::Unsigned => "it is not signed",
            Refusal::NoBundle => "it does not begin as a bundle does",
            Refusal::Short => "it ends too early",
            Refusal::Changed { .. } => "it was changed",
            Refusal::Other { .. } => "it is whole, but has another seal",
            Refusal::Form { why } => why,
        })
    }
}

impl Refusal {
    /// The seal that it should have (of a changed one, the seal in it; of another one, the expected
    /// one), and the one that its bytes have, as far as there are any.
    pub fn seals(&self) -> [Option<&str>; 2] {
        match self {
            Refusal::Changed { found, actual } => [Some(found), Some(actual)],
            Refusal::Other { seal, expected } => [Some(expected), Some(seal)],
            Refusal::NoBundle
            | Refusal::Short
            | Refusal::Signature
            | Refusal::Unsigned
            | Refusal::Signer { .. }
            | Refusal::Form { .. } => [None, None],
        }
    }
}

/// Checks every byte of a bundle against its seal, its signature if it has one, and both against
/// what is expected.
///
/// # Errors
/// The file cannot be read. What is wrong with its bytes is no error.
pub fn check(path: &Path, expected: Expected<'_>) -> Result<Checked, SourceError> {
    let io = |source| SourceError::Io { operation: "read", path: path.to_owned(), source };
    let mut file = open_regular(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut magic = [0; MAGIC.len()];
    let Some(sealed) = length.checked_sub(SEAL_BYTES + magic.len() as u64) else {
        return Ok(Checked::Refused(Refusal::Short));
    };
    file.read_exact(&mut magic).map_err(io)?;
    if !is_magic(&magic) {
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
    if let Some(expected) = expected.seal.filter(|seal| !seal.eq_ignore_ascii_case(&actual)) {
        let expected = expected.to_owned();
        return Ok(Checked::Refused(Refusal::Other { seal: found, expected }));
    }
    let table = match Table::read(path) {
        Ok(table) => table,
        Err(SourceError::Bundle { why, .. }) => {
            return Ok(Checked::Refused(Refusal::Form { why }));
        }
        Err(error) => return Err(error),
    };
    let signer = match table.signature().map_err(io)? {
        None => None,
        Some((entry, length)) => {
            let mut hasher = blake3::Hasher::new();
            file.rewind().map_err(io)?;
            hash(&mut file, length, &mut hasher).map_err(io)?;
            match signed_by(&entry, &hasher.finalize()) {
                None => return Ok(Checked::Refused(Refusal::Signature)),
                signer => signer,
            }
        }
    };
    Ok(match (expected.key, signer) {
        (Some(_), None) => Checked::Refused(Refusal::Unsigned),
        (Some(expected), Some(key)) if *expected != key => {
            Checked::Refused(Refusal::Signer { key })
        }
        (_, signer) => Checked::Whole { seal: found, signer },
    })
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
