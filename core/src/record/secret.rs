//! The key of the digests.

use core::fmt;

use crate::ids::Digest;

/// The journal's secret: keys every digest of a client's bytes, so that digests of short texts
/// cannot be guessed, and become meaningless when the key file is dropped.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl Secret {
    /// A secret of these bytes.
    pub fn new(bytes: [u8; 32]) -> Secret {
        Secret(bytes)
    }

    /// The keyed digest of some bytes.
    pub fn digest(&self, bytes: &[u8]) -> Digest {
        truncate(&blake3::keyed_hash(&self.0, bytes))
    }

    /// The digest of a record's body: keyed; all zeros, without hashing, where there is none.
    pub fn body(&self, bytes: &[u8]) -> Digest {
        if bytes.is_empty() { Digest::default() } else { self.digest(bytes) }
    }

    /// A digest that is fed piece by piece; the same bytes in one piece give the same digest.
    pub fn hasher(&self) -> Hasher {
        Hasher(blake3::Hasher::new_keyed(&self.0))
    }
}

/// A keyed digest in the making.
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything that was added.
    pub fn finish(&self) -> Digest {
        truncate(&self.0.finalize())
    }
}

/// The bytes stay out of every log and panic message.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The first 128 bits of a hash.
pub(super) fn truncate(hash: &blake3::Hash) -> Digest {
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.as_bytes()[..16]);
    Digest(digest)
}
