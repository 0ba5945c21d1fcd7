//! The journal's bytes, pure over slices, shared by daemon and replay.

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
        let hash = blake3::keyed_hash(&self.0, bytes);
        let mut digest = [0; 16];
        digest.copy_from_slice(&hash.as_bytes()[..16]);
        Digest(digest)
    }
}
