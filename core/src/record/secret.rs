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

    /// The keyed digest of some bytes; that of no bytes is all zeros.
    pub fn digest(&self, bytes: &[u8]) -> Digest {
        if bytes.is_empty() {
            return Digest::default();
        }
        truncate(blake3::keyed_hash(&self.0, bytes))
    }
}

/// The bytes stay out of every log and panic message.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The first 128 bits of a hash.
pub(super) fn truncate(hash: blake3::Hash) -> Digest {
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.as_bytes()[..16]);
    Digest(digest)
}
