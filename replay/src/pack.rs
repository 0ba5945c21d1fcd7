//! The bodies that were kept of dropped segments.

use pi_server_core::BodyRef;
use pi_server_core::record::{PackEntry, pack_entries, packed_body};

use crate::source::{Source, SourceError};

/// The newest pack of a journal that can be read: it has every body that is still needed of what
/// was dropped, so one serves for all.
#[derive(Clone, Debug, Default)]
pub struct Packs {
    bytes: Vec<u8>,
    entries: Vec<PackEntry>,
}

impl Packs {
    /// Reads the newest pack that is as it was written; empty if there is none.
    ///
    /// # Errors
    /// `HEAD` or the list of packs cannot be read.
    pub fn read(source: &Source) -> Result<Packs, SourceError> {
        let journal = source.head()?.journal;
        for number in source.packs()?.into_iter().rev() {
            let Ok(bytes) = source.read_pack(number) else { continue };
            if let Ok(entries) = pack_entries(&bytes, journal, number) {
                return Ok(Packs { bytes, entries });
            }
        }
        Ok(Packs::default())
    }

    /// The bytes of a body; `None` if it is not in there.
    pub fn body(&self, body: BodyRef) -> Option<&[u8]> {
        packed_body(&self.entries, body)?.bytes(&self.bytes)
    }
}
