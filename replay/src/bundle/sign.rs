//! Signatures of bundles: Ed25519 over a hash of everything before the signature.
//!
//! A key file is one line of text: what it is, a space, and 32 bytes in hexadecimal digits.

use std::fmt;
use std::path::Path;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

/// Bytes of a signature's entry: the public key and the signature.
pub(super) const SIGNED_BYTES: usize = 32 + 64;
/// What a file with a secret key begins with.
const SECRET: &str = "pi-replay-secret-key-1";
/// What a file with a public key begins with.
const PUBLIC: &str = "pi-replay-public-key-1";
/// What is signed begins with this, so that no signature for anything else is one of a bundle.
const CONTEXT: &[u8; 24] = b"pi-replay bundle signed\n";
/// No key file is longer.
const KEY_FILE_BYTES_MAX: usize = 256;

/// Why a key cannot be used.
#[derive(Debug)]
pub enum KeyError {
    /// Its file cannot be read.
    Read(std::io::Error),
    /// The file has no key, or not of the kind that is needed.
    Form {
        /// What it should begin with.
        expected: &'static str,
    },
    /// It is no point of the curve, or one that anybody can sign for.
    Weak,
    /// The system has no randomness for a new one.
    Random(getrandom::Error),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::Read(error) => error.fmt(f),
            KeyError::Form { expected } => {
                write!(
                    f,
                    "no such key: a line with `{expected}` and 64 hexadecimal digits is needed"
                )
            }
            KeyError::Weak => f.write_str("no key that anything can be signed with"),
            KeyError::Random(error) => write!(f, "no randomness: {error}"),
        }
    }
}

impl std::error::Error for KeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            KeyError::Read(error) => Some(error),
            KeyError::Random(error) => Some(error),
            KeyError::Form { .. } | KeyError::Weak => None,
        }
    }
}

/// Who signs bundles.
pub struct Signer(SigningKey);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The secret does not go into any log.
        f.debug_tuple("Signer").field(&self.public()).finish()
    }
}

impl Signer {
    /// A new one.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn generate() -> Result<Signer, KeyError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(KeyError::Random)?;
        Ok(Signer(SigningKey::from_bytes(&secret)))
    }

    /// The one of a file with a secret key.
    ///
    /// # Errors
    /// The file cannot be read, or has no secret key.
    pub fn read(path: &Path) -> Result<Signer, KeyError> {
        Ok(Signer(SigningKey::from_bytes(&read_key(path, SECRET)?)))
    }

    /// What goes into the file with the secret key.
    pub fn secret_file(&self) -> String {
        format!("{SECRET} {}\n", hex(self.0.as_bytes()))
    }

    /// The key to check what it signs with.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The bytes of a signature's entry, for a bundle whose bytes before it have this hash.
    pub(super) fn sign(&self, before: &blake3::Hash) -> [u8; SIGNED_BYTES] {
        let signature = self.0.sign(&message(before));
        let mut entry = [0; SIGNED_BYTES];
        entry[..32].copy_from_slice(self.public().0.as_bytes());
        entry[32..].copy_from_slice(&signature.to_bytes());
        entry
    }
}

/// A key that signatures are checked with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(self.0.as_bytes()))
    }
}

impl PublicKey {
    /// The one of a file with a public key.
    ///
    /// # Errors
    /// The file cannot be read, or has no public key.
    pub fn read(path: &Path) -> Result<PublicKey, KeyError> {
        PublicKey::from_bytes(&read_key(path, PUBLIC)?)
    }

    fn from_bytes(bytes: &[u8; 32]) -> Result<PublicKey, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Weak)?;
        if key.is_weak() { Err(KeyError::Weak) } else { Ok(PublicKey(key)) }
    }

    /// What goes into the file with the public key.
    pub fn file(&self) -> String {
        format!("{PUBLIC} {self}\n")
    }
}

/// Who signed a bundle whose bytes before the signature have this hash; `None` if nobody did.
pub(super) fn signed_by(entry: &[u8], before: &blake3::Hash) -> Option<PublicKey> {
    let entry: &[u8; SIGNED_BYTES] = entry.try_into().ok()?;
    let (key, signature) = entry.split_first_chunk::<32>()?;
    let key = PublicKey::from_bytes(key).ok()?;
    let signature = Signature::from_slice(signature).ok()?;
    key.0.verify_strict(&message(before), &signature).ok()?;
    Some(key)
}

fn message(before: &blake3::Hash) -> Vec<u8> {
    [CONTEXT.as_slice(), before.as_bytes()].concat()
}

fn read_key(path: &Path, kind: &'static str) -> Result<[u8; 32], KeyError> {
    let bytes =
        pi_server_system::file::read_regular(path, KEY_FILE_BYTES_MAX as u64).or_else(|error| {
            match error.kind() {
                // It is no key of ours; what is said about it says more.
                std::io::ErrorKind::FileTooLarge => Ok(Vec::new()),
                _ => Err(KeyError::Read(error)),
            }
        })?;
    let parse = || {
        let short = (bytes.len() <= KEY_FILE_BYTES_MAX).then_some(&*bytes)?;
        let rest = std::str::from_utf8(short).ok()?.trim_end().strip_prefix(kind)?;
        from_hex(rest.strip_prefix(' ')?)
    };
    parse().ok_or(KeyError::Form { expected: kind })
}

fn hex(bytes: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*bytes).to_hex().to_string()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    blake3::Hash::from_hex(text).ok().map(|hash| *hash.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_stays_the_same() {
        let signer = Signer(SigningKey::from_bytes(&[7; 32]));
        let before = blake3::hash(b"a bundle");
        let entry = signer.sign(&before);
        assert_eq!(signed_by(&entry, &before), Some(signer.public()));
        assert_eq!(signed_by(&entry, &blake3::hash(b"another")), None);
        assert_eq!(signed_by(&entry[1..], &before), None);
        // Ed25519 has one signature for a key and a message: a builder of later years has it too.
        let golden = "9dc7e91d82d4738ffa6c2e3bc108755b76b62d3421dbde8238f818934e027d68";
        assert_eq!(blake3::hash(&entry).to_hex().as_str(), golden);
    }

    #[test]
    fn no_key_is_taken_for_which_anybody_can_sign() {
        // The neutral element, and a point of order eight.
        let mut one = [0; 32];
        one[0] = 1;
        assert!(matches!(PublicKey::from_bytes(&one), Err(KeyError::Weak)));
        assert!(matches!(PublicKey::from_bytes(&[0; 32]), Err(KeyError::Weak)));
    }
}
