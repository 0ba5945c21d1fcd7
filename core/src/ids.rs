//! A newtype for every number that crosses a module boundary, so that none can be mistaken for another.

use alloc::sync::Arc;
use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};
use core::fmt;

/// Text that came from outside and is shared by state, outputs and frames without copying.
pub type Text = Arc<str>;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode,
        )]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// An input's place in the journal: dense from 1. It is also the identity of whatever the
    /// input introduced.
    Seq
}
number! {
    /// A time in microseconds. Journal time is strictly increasing from input to input; under rule set 1
    /// it is the wall clock's, since then time that has passed, to which a [`WallOffset`] is added.
    Micros
}
number! {
    /// A connection: the [`Seq`] of the input that opened it.
    ConnId
}
number! {
    /// A command: the [`Seq`] of the input that carried it.
    CommandNo
}
number! {
    /// One life of one agent. Dense from 1 over the whole journal, never reused.
    AgentNo
}

impl Micros {
    /// This time plus `ms` milliseconds; saturates at the end of time.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Micros {
        Micros(self.0.saturating_add(ms.saturating_mul(1_000)))
    }

    /// Whole milliseconds since the epoch, as protocol timestamps carry them.
    pub fn millis(self) -> u64 {
        self.0 / 1_000
    }
}

/// How far the wall clock is ahead of journal time, in microseconds. An input brings it, so that times
/// for people do not depend on the clock of whoever replays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct WallOffset(pub i64);

impl WallOffset {
    /// The wall time of a journal time, in microseconds since the Unix epoch; never before it.
    pub fn wall(self, at: Micros) -> Micros {
        Micros(at.0.saturating_add_signed(self.0))
    }
}

/// 128 bits of a BLAKE3 hash. Keyed with the journal's secret wherever it covers a client's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Digest(pub [u8; 16]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Where the raw bytes that came with an input are: in the journal record of input `seq`.
///
/// The core decides without ever seeing them; see docs/decisions/bodies-by-reference.md.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodyRef {
    /// The input whose record holds the bytes.
    pub seq: Seq,
    /// Length in bytes; 0 means that there is no body.
    pub len: u32,
    /// Keyed digest of the bytes.
    pub digest: Digest,
    /// The bytes are not those that came: something was taken out before they were written.
    pub redacted: bool,
}

/// The mark of redaction lies above the length, so that a body without it is encoded as it was
/// before there was such a mark.
const REDACTED: u64 = 1 << 32;

impl Encode for BodyRef {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let mark = if self.redacted { REDACTED } else { 0 };
        self.seq.encode(encoder)?;
        (u64::from(self.len) | mark).encode(encoder)?;
        self.digest.encode(encoder)
    }
}

impl<Context> Decode<Context> for BodyRef {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let seq = Seq::decode(decoder)?;
        let packed = u64::decode(decoder)?;
        let len = u32::try_from(packed & !REDACTED);
        let len = len.map_err(|_| DecodeError::Other("a length beyond 32 bits"))?;
        let digest = Digest::decode(decoder)?;
        Ok(BodyRef { seq, len, digest, redacted: packed & REDACTED != 0 })
    }
}

bincode::impl_borrow_decode!(BodyRef);

impl BodyRef {
    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}
