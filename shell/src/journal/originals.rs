//! What came in the place of bodies that were redacted before they were written: held in memory, and
//! nowhere else, until it has been handed on.

use std::collections::BTreeMap;

use pi_server_core::{BodyRef, Seq};

/// Bytes of originals beyond which clients are refused. What agents say beyond it is held all the
/// same: it is handed on in the same turn, or as soon as the disk allows.
const BYTES_MAX: usize = 64 << 20;

/// Originals by the number of their input.
#[derive(Default)]
pub(super) struct Originals {
    held: BTreeMap<Seq, Box<[u8]>>,
    bytes: usize,
}

impl Originals {
    pub(super) fn hold(&mut self, seq: Seq, original: &[u8]) {
        self.bytes += original.len();
        self.held.insert(seq, original.into());
    }

    pub(super) fn of(&self, body: BodyRef) -> Option<&[u8]> {
        if !body.redacted {
            return None;
        }
        self.held.get(&body.seq).map(|original| &**original)
    }

    pub(super) fn retain(&mut self, mut is_wanted: impl FnMut(Seq) -> bool) {
        let bytes = &mut self.bytes;
        self.held.retain(|seq, original| {
            let wanted = is_wanted(*seq);
            *bytes -= if wanted { 0 } else { original.len() };
            wanted
        });
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= BYTES_MAX
    }
}
