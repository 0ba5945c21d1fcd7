//! Bodies that outlive their segments: what stored outcomes, commands in flight and open dialogs
//! still need of segments that were dropped. The bytes are those of [`pi_server_core::record`].

use std::io;

use pi_server_core::BodyRef;
use pi_server_core::record::{JournalId, PackEntry, pack_entries, packed_body};

use super::storage::{Disk, Shelf, View};

pub(super) use pi_server_core::record::pack_head as head;

/// An open pack.
pub(super) struct Pack {
    view: Box<dyn View>,
    /// In the order of inputs.
    entries: Vec<PackEntry>,
}

impl Pack {
    /// Opens the pack of a number and checks all of it.
    ///
    /// # Errors
    /// It cannot be read, or is not what was written.
    pub(super) fn open(disk: &dyn Disk, journal: JournalId, segment: u64) -> io::Result<Pack> {
        let view = disk.view_kept(Shelf::Bodies, segment)?;
        let entries = pack_entries(view.bytes(), journal, segment).map_err(|fault| {
            io::Error::new(io::ErrorKind::InvalidData, format!("the pack is damaged: {fault}"))
        })?;
        Ok(Pack { view, entries })
    }

    /// What is in it, in the order of inputs.
    pub(super) fn bodies(&self) -> impl Iterator<Item = BodyRef> {
        self.entries.iter().map(|entry| entry.body)
    }

    /// The bytes of a body; `None` if it is not there.
    pub(super) fn body(&self, body: BodyRef) -> Option<&[u8]> {
        packed_body(&self.entries, body)?.bytes(self.view.bytes())
    }
}
