//! The journal's bytes, pure over slices, shared by daemon, replay and fuzzing.
//!
//! A journal is a row of segments; a segment is a header and then records, each of which names
//! the one before by its chain tag. docs/journal-format.md is the same in prose.
//!
//! ```text
//! segment   0 header copy   2048 header copy   4096 record  record  record  zeros
//! record    0 length u32 │ 4 kind u8 │ 5 flags u8 │ 6 zero u16
//!           8 seq u64 │ 16 at u64 │ 24 input length u32 │ 28 body length u32
//!          32 digest of the previous step's outputs │ 48 keyed digest of the body
//!          64 chain tag │ 80 CRC32 of the body │ 84 CRC32 of the journal id, 0..84 and the input
//!          88 input │ body │ zeros up to a multiple of 8
//! ```

mod code;
mod head;
mod header;
mod mark;
mod pack;
mod read;
mod secret;
mod segment;
mod snapshot;
mod survey;

pub use code::{
    DecodeError, EncodeError, INPUT_BYTES_MAX, decode_kind, digest_encoded, digest_outputs,
    encode_kind, encode_outputs, has_frame, is_command,
};
pub use head::{HEAD_BYTES, HEAD_SLOT_BYTES, Head, read_head};
pub use header::{Fault, Framer, Header, RECORD_HEADER_BYTES, RECORD_STEP, RecordKind};
pub use mark::{Begin, Commit, Mark, Recovered, Seal};
pub use pack::{PACK_VERSION, PackEntry, PackFault, pack_entries, pack_head, packed_body};
pub use read::{Cursor, Reader, Record, Tags, peek, record_again, record_at};
pub use secret::{Hasher, Secret};
pub use segment::{
    FORMAT_VERSION, FORMAT_VERSION_MIN, JournalId, SEGMENT_BYTES_MIN, SEGMENT_HEADER_BYTES,
    SegmentFault, SegmentHeader,
};
pub use snapshot::{SNAPSHOT_HEADER_BYTES, SNAPSHOT_VERSION, Snapshot, SnapshotFault};
pub use survey::{Damage, Evidence, Place, Survey, Tail, Verdict};

#[cfg(test)]
mod tests;
