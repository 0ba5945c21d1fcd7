//! Inputs and outputs as bincode, and the digest of a step's outputs.

use alloc::sync::Arc;
use alloc::vec::Vec;
use bincode::Encode;
use bincode::config::{Configuration, Limit};
use bincode::enc::write::Writer;
use core::fmt;
use core::ops::Range;

use super::secret::truncate;
use crate::frame::Frame;
use crate::ids::{ConnId, Digest, Text};
use crate::input::{Envelope, InputKind};
use crate::output::{Audience, Output};

/// Largest encoded input in bytes. Bodies are not part of it, so that the longest envelope (32
/// dependencies, two paths) and the longest agent report stay far below.
pub const INPUT_BYTES_MAX: usize = 1 << 20;

/// bincode's `standard` configuration: little endian, variable-length integers. The limit bounds
/// what a decoder allocates on arbitrary bytes.
const CONFIG: Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    Limit<INPUT_BYTES_MAX>,
> = bincode::config::standard().with_limit::<INPUT_BYTES_MAX>();

/// Bytes that are no encoded input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// They end too early, have an impossible value, or claim more than [`INPUT_BYTES_MAX`].
    Invalid,
    /// Something follows the input.
    Trailing {
        /// Offset of the first byte that does not belong to it.
        at: usize,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Invalid => f.write_str("not an encoded input"),
            DecodeError::Trailing { at } => write!(f, "bytes after the encoded input at {at}"),
        }
    }
}

/// An input that is too large for the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeError;

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an encoded input would exceed {INPUT_BYTES_MAX} bytes")
    }
}

/// Appends the bytes of an input.
///
/// # Errors
/// They would exceed [`INPUT_BYTES_MAX`]; `bytes` is as before then.
pub fn encode_kind(kind: &InputKind, bytes: &mut Vec<u8>) -> Result<(), EncodeError> {
    let before = bytes.len();
    let encoded = bincode::encode_into_writer(kind, Appender(bytes), CONFIG);
    if encoded.is_err() || bytes.len() - before > INPUT_BYTES_MAX {
        bytes.truncate(before);
        return Err(EncodeError);
    }
    Ok(())
}

/// The input that [`encode_kind`] wrote.
///
/// # Errors
/// The bytes are no input, or more than one.
pub fn decode_kind(bytes: &[u8]) -> Result<InputKind, DecodeError> {
    match bincode::decode_from_slice(bytes, CONFIG) {
        Ok((kind, read)) if read == bytes.len() => Ok(kind),
        Ok((_, at)) => Err(DecodeError::Trailing { at }),
        Err(_) => Err(DecodeError::Invalid),
    }
}

/// Whether an encoded input is this command, whoever sent it. `scratch` is a buffer for reuse.
pub fn is_command(input: &[u8], envelope: &Envelope, scratch: &mut Vec<u8>) -> bool {
    let Some((kind @ &(COMMAND | REPEATED), rest)) = input.split_first() else { return false };
    let Ok((ConnId(_), used)) = bincode::decode_from_slice(rest, CONFIG) else { return false };
    scratch.clear();
    let Some(rest) = rest.get(used..) else { return false };
    append(envelope, scratch).is_ok()
        // What is known of an earlier command stands behind the envelope.
        && if *kind == REPEATED { rest.starts_with(scratch) } else { rest == scratch }
}

/// Whether an encoded input came with the frame of a client, as its body.
pub fn has_frame(input: &[u8]) -> bool {
    matches!(input.first(), Some(&(COMMAND | MALFORMED | REPEATED)))
}

/// The first bytes of an encoded [`InputKind::Command`], [`InputKind::Malformed`] and
/// [`InputKind::Repeated`].
const COMMAND: u8 = 3;
const MALFORMED: u8 = 4;
const REPEATED: u8 = 12;

/// The digest of what a step has put out: BLAKE3 over the bincode of each output in order, cut to
/// 128 bits; all zeros for no outputs. It has no key, since outputs hold no client's bytes but
/// identifiers, and since a replay must compare it without the key file.
///
/// `scratch` is a buffer for reuse; what is in it afterwards means nothing.
pub fn digest_outputs(outputs: &[Output], scratch: &mut Vec<u8>) -> Digest {
    scratch.clear();
    encode_outputs(outputs, scratch);
    digest_encoded(scratch)
}

/// Appends what [`digest_outputs`] is a digest of, for whoever computes it on another thread.
pub fn encode_outputs(outputs: &[Output], bytes: &mut Vec<u8>) {
    let mut envelope = Encoded::default();
    for output in outputs {
        let encoded = match output {
            Output::Deliver { to: Audience::Lifecycle { owner }, frame } => {
                encode_lifecycle(*owner, frame, &mut envelope, bytes)
            }
            _ => append(output, bytes),
        };
        if encoded.is_err() {
            // An output is plain data and appending to a vector cannot fail; if it ever did, it
            // would do so at the same place in every run.
            break;
        }
    }
}

/// An envelope that was encoded, and where.
#[derive(Default)]
struct Encoded<'a> {
    envelope: Option<&'a Arc<Envelope>>,
    at: Range<usize>,
}

/// A lifecycle frame as an output has always been encoded: the session stands with its audience as
/// well as in the frame. All three frames of a command have one envelope, which is encoded once.
fn encode_lifecycle<'a>(
    owner: Option<ConnId>,
    frame: &'a Frame,
    last: &mut Encoded<'a>,
    bytes: &mut Vec<u8>,
) -> Result<(), bincode::error::EncodeError> {
    let Frame::Lifecycle { command, envelope, session, lane_sequence, phase } = frame else {
        return append(&(DELIVER, (TO_LIFECYCLE, owner, None::<Text>), frame), bytes);
    };
    append(&(DELIVER, (TO_LIFECYCLE, owner, session), LIFECYCLE, command), bytes)?;
    let begin = bytes.len();
    match last.envelope {
        Some(known) if Arc::ptr_eq(known, envelope) => bytes.extend_from_within(last.at.clone()),
        Some(_) | None => {
            append(envelope, bytes)?;
            *last = Encoded { envelope: Some(envelope), at: begin..bytes.len() };
        }
    }
    append(&(session, lane_sequence, phase), bytes)
}

/// Places of variants in their enums: `Output::Deliver`, `Audience::Lifecycle`, `Frame::Lifecycle`.
const DELIVER: u32 = 0;
const TO_LIFECYCLE: u32 = 3;
const LIFECYCLE: u32 = 7;

fn append(value: &impl Encode, bytes: &mut Vec<u8>) -> Result<(), bincode::error::EncodeError> {
    bincode::encode_into_writer(value, Appender(bytes), bincode::config::standard())
}

/// The digest of what [`encode_outputs`] appended for one step.
pub fn digest_encoded(bytes: &[u8]) -> Digest {
    if bytes.is_empty() { Digest::default() } else { truncate(&blake3::hash(bytes)) }
}

/// bincode writes into a vector through this.
struct Appender<'a>(&'a mut Vec<u8>);

impl Writer for Appender<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        match bytes {
            // Most numbers are one byte, for which a call of memcpy costs more than the byte.
            [byte] => self.0.push(*byte),
            _ => self.0.extend_from_slice(bytes),
        }
        Ok(())
    }
}
