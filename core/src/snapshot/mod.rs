//! The formats of snapshots of a [`crate::State`]: what each layout holds, as types of its own.
//!
//! A snapshot outlives the build that wrote it: retention drops the segments before it. So its layout
//! is not that of the state in memory, which may change with every build. The state is converted to
//! and from `layout5` in `state/image.rs`; older layouts are converted to it here. A layout is frozen
//! when a release has written it, and docs/journal-format.md describes it. A change of the state that
//! has to survive makes a new layout.
//!
//! What a layout takes from the vocabulary of inputs ([`crate::input::Envelope`],
//! [`crate::failure::Failure`], [`crate::Limits`], …) is encoded as in the journal, which only ever
//! grows by new last variants.

pub(crate) mod layout3;
pub(crate) mod layout4;
pub(crate) mod layout5;
pub mod outcome;

use bincode::Decode;

/// The oldest layout that this build reads.
pub const OLDEST_LAYOUT: u32 = 3;
/// The layout that this build writes.
pub const LAYOUT: u32 = 5;

/// Largest state that is decoded, in bytes. It bounds what arbitrary bytes can allocate.
const STATE_BYTES_MAX: usize = 1 << 30;

/// Bytes that are no snapshot of a [`crate::State`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotError;

/// Reads a state in any layout that this build knows.
///
/// # Errors
/// The layout is unknown, or the bytes are not one state in it.
pub(crate) fn read(layout: u32, bytes: &[u8]) -> Result<layout5::State, SnapshotError> {
    match layout {
        3 => whole::<layout3::State>(bytes).map(|old| layout4::State::from(old).into()),
        4 => whole::<layout4::State>(bytes).map(Into::into),
        5 => whole(bytes),
        _ => Err(SnapshotError),
    }
}

/// Decodes a value that all of `bytes` are used for.
fn whole<T: Decode<()>>(bytes: &[u8]) -> Result<T, SnapshotError> {
    let config = bincode::config::standard().with_limit::<STATE_BYTES_MAX>();
    let (value, used) = bincode::decode_from_slice(bytes, config).map_err(|_| SnapshotError)?;
    if used == bytes.len() { Ok(value) } else { Err(SnapshotError) }
}
