//! Frames to inputs and back: pure functions over bytes. PROTOCOL.md sections 3, 4 and 8.

use crate::ids::BodyRef;

mod canonical;
mod data;
mod decode;
mod failure;
pub mod fields;
pub mod json;
pub mod number;
#[cfg(test)]
mod random;
mod render;
pub mod text;

pub use decode::{RESERVED_PREFIX, decode};
pub use failure::{BASH_CIRCUIT, BASH_CIRCUIT_OF_SESSION, failure_text, write_failure};
pub use render::{PROTOCOL_VERSION, render};

/// Where rendering finds the bytes of bodies.
pub trait Bodies {
    /// The bytes, or `None` where they were erased.
    fn body(&self, body: BodyRef) -> Option<&[u8]>;

    /// The bytes that came in the place of a redacted body, while they are at hand.
    fn original(&self, body: BodyRef) -> Option<&[u8]> {
        let _ = body;
        None
    }
}
