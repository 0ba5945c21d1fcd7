//! What came in the place of bodies that were not written as they came: held in memory, and nowhere
//! else, until it has been handed on.

use std::collections::BTreeMap;

use pi_server_core::{BodyRef, Seq};

/// Bytes of originals in use beyond which clients are refused. What agents say beyond it is held all
/// the same: it is handed on in the same turn, or as soon as the disk allows.
const BYTES_MAX: usize = 64 << 20;
/// Bytes of answers that are kept at hand for whoever sends an id again; the oldest goes first.
const ANSWERS_BYTES_MAX: usize = 8 << 20;

/// Originals by the number of their input.
#[derive(Default)]
pub(super) struct Originals {
    held: BTreeMap<Seq, Original>,
    /// Bytes of all of them.
    bytes: usize,
    /// Bytes of answers that were handed on.
    idle: usize,
}

struct Original {
    bytes: Box<[u8]>,
    is_answer: bool,
}

impl Originals {
    /// Takes the original of a redacted body.
    pub(super) fn hold(&mut self, seq: Seq, original: &[u8]) {
        self.insert(seq, original, false);
    }

    /// Takes an answer of which only the digest is written.
    pub(super) fn hold_answer(&mut self, seq: Seq, original: &[u8]) {
        self.insert(seq, original, true);
    }

    fn insert(&mut self, seq: Seq, original: &[u8], is_answer: bool) {
        self.bytes += original.len();
        self.held.insert(seq, Original { bytes: original.into(), is_answer });
    }

    pub(super) fn of(&self, body: BodyRef) -> Option<&[u8]> {
        if !body.redacted {
            return None;
        }
        self.held.get(&body.seq).map(|original| &*original.bytes)
    }

    /// Drops what is not wanted, but for the newest answers.
    pub(super) fn retain(&mut self, mut is_wanted: impl FnMut(Seq) -> bool) {
        let (mut gone, mut idle) = (Vec::new(), 0);
        for (seq, original) in self.held.iter().rev() {
            let length = original.bytes.len();
            if is_wanted(*seq) {
                continue;
            }
            if original.is_answer && idle + length <= ANSWERS_BYTES_MAX {
                idle += length;
            } else {
                gone.push(*seq);
            }
        }
        self.idle = idle;
        for seq in gone {
            let original = self.held.remove(&seq);
            self.bytes -= original.map_or(0, |original| original.bytes.len());
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes - self.idle >= BYTES_MAX
    }
}
