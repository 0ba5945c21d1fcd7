//! Frames to inputs and back: pure functions over bytes. PROTOCOL.md sections 3, 4 and 8.

use alloc::vec::Vec;

use crate::frame::Frame;
use crate::ids::BodyRef;
use crate::input::{Envelope, Malformed};
use crate::limits::Limits;
use crate::record::Secret;

/// Where rendering finds the bytes of bodies.
pub trait Bodies {
    /// The bytes, or `None` where they were erased.
    fn body(&self, body: BodyRef) -> Option<&[u8]>;
}

/// Makes an [`Envelope`] of a frame from a client.
///
/// # Errors
/// What is wrong with the frame; the connection lives on.
pub fn decode(_frame: &[u8], _limits: &Limits, _secret: &Secret) -> Result<Envelope, Malformed> {
    Err(Malformed::NotAnObject)
}

/// Appends a frame as JSON text, without a line end.
pub fn render(_frame: &Frame, _bodies: &dyn Bodies, _json: &mut Vec<u8>) {}
