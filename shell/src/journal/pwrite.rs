//! Segments written by system calls: the twin of the map, with the same bytes, for file systems
//! where a map can kill the process.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::map::DataSync;
use super::storage::{Segment, SyncFile, View};

/// A segment and a copy of it in memory, which readers of this process use.
pub(super) struct PwriteSegment {
    file: File,
    bytes: Vec<u8>,
}

impl PwriteSegment {
    /// Opens a whole file.
    pub(super) fn open(file: File) -> io::Result<PwriteSegment> {
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        // Zeroed memory is not touched until it is written: an unused segment costs nothing.
        let mut bytes = vec![0; length];
        read_used(&file, &mut bytes)?;
        Ok(PwriteSegment { file, bytes })
    }
}

/// Reads up to the first block of zeros: what follows it is zeros as well, since the journal
/// clears whatever it finds behind its last record.
fn read_used(file: &File, bytes: &mut [u8]) -> io::Result<()> {
    const BLOCK: usize = 256 * 1024;
    let mut block = vec![0; BLOCK];
    for at in (0..bytes.len()).step_by(BLOCK) {
        let here = &mut block[..BLOCK.min(bytes.len() - at)];
        file.read_exact_at(here, at as u64)?;
        if here.iter().any(|byte| *byte != 0) {
            bytes[at..at + here.len()].copy_from_slice(here);
        }
    }
    Ok(())
}

impl View for PwriteSegment {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Segment for PwriteSegment {
    fn put(&mut self, at: usize, parts: [&[u8]; 3]) -> io::Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let target = at
            .checked_add(length)
            .and_then(|end| self.bytes.get_mut(at..end))
            .ok_or_else(|| io::Error::other("a record would leave its segment"))?;
        let mut rest = &mut *target;
        for part in parts {
            let (here, behind) = rest.split_at_mut(part.len());
            here.copy_from_slice(part);
            rest = behind;
        }
        // One call for the whole record. A reader that comes in the middle of it finds a checksum
        // that does not hold, and no commit behind it.
        self.file.write_all_at(target, at as u64)
    }

    fn syncer(&self) -> io::Result<Box<dyn SyncFile>> {
        Ok(Box::new(DataSync(self.file.try_clone()?)))
    }
}

/// A sealed segment, read into memory.
pub(super) struct ReadView(pub(super) Vec<u8>);

impl View for ReadView {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}
