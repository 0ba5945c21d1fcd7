//! Segments as shared memory maps: the only `unsafe` of the workspace.
//!
//! A record is in the page cache, and so survives the end of the process, as soon as it is copied;
//! no system call is needed. The price is that the kernel answers an I/O error or a truncated file
//! with SIGBUS. Segments are therefore written out in full before they are mapped, never shrunk,
//! and not mapped on file systems where others can shrink them.

use std::fs::File;
use std::io;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use memmap2::{Mmap, MmapMut, MmapOptions};

use super::storage::{Segment, SyncFile, View};

/// Exit status after a SIGBUS: `EX_IOERR` of sysexits.
const EXIT_BUS: i32 = 74;

/// A segment that is mapped for writing.
pub(super) struct MapSegment {
    file: File,
    map: MmapMut,
}

impl MapSegment {
    /// Maps a whole file, which must be a segment that was built in full.
    pub(super) fn open(file: File) -> io::Result<MapSegment> {
        catch_bus_errors();
        // SAFETY: the file was filled with zeros and synced when it was built, nothing shrinks it,
        // and the lock on the data directory keeps every other writer away; other processes only
        // read. The file stays open as long as the map.
        let map = unsafe { MmapOptions::new().map_mut(&file)? };
        Ok(MapSegment { file, map })
    }
}

impl View for MapSegment {
    fn bytes(&self) -> &[u8] {
        &self.map
    }
}

impl Segment for MapSegment {
    fn put(&mut self, at: usize, parts: [&[u8]; 3]) -> io::Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let target = at
            .checked_add(length)
            .and_then(|end| self.map.get_mut(at..end))
            .ok_or_else(|| io::Error::other("a record would leave its segment"))?;
        let Some((first, rest)) = parts[0].split_first_chunk::<4>() else {
            return Err(io::Error::other("a record without a header"));
        };
        let (target_first, mut target) = target.split_at_mut(4);
        for part in [rest, parts[1], parts[2]] {
            let (here, behind) = target.split_at_mut(part.len());
            here.copy_from_slice(part);
            target = behind;
        }
        #[expect(clippy::cast_ptr_alignment, reason = "asserted in the next line")]
        let pointer = target_first.as_mut_ptr().cast::<u32>();
        assert!(pointer.is_aligned(), "records begin at multiples of eight");
        // SAFETY: the pointer is aligned (asserted), valid for four bytes, and this thread has the
        // only reference to them. The release store publishes the rest of the record to readers in
        // other processes.
        let length = unsafe { AtomicU32::from_ptr(pointer) };
        // The bytes are copied and not interpreted: they lie in memory as they did in `first`.
        #[expect(clippy::host_endian_bytes, reason = "the bytes are copied, not interpreted")]
        length.store(u32::from_ne_bytes(*first), Ordering::Release);
        Ok(())
    }

    fn syncer(&self) -> io::Result<Box<dyn SyncFile>> {
        Ok(Box::new(DataSync(self.file.try_clone()?)))
    }
}

/// A sealed segment or another finished file, mapped for reading.
pub(super) struct MapView(Mmap);

impl MapView {
    /// Maps a whole file.
    pub(super) fn open(file: &File) -> io::Result<MapView> {
        catch_bus_errors();
        // SAFETY: a sealed segment, like a file on a shelf, is not written any more: one with other
        // bytes takes its name and not its place. The lock keeps other writers away, and nothing
        // shrinks the file.
        let map = unsafe { Mmap::map(file)? };
        Ok(MapView(map))
    }
}

impl View for MapView {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Syncs the data of a file; written pages of its maps are part of it.
pub(super) struct DataSync(pub(super) File);

impl SyncFile for DataSync {
    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// Ends the process with a line of its own when a mapped page cannot be had. Nothing could be
/// trusted afterwards, and the next start finds out what is on disk.
fn catch_bus_errors() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = || {
            let line = b"pi-server: bus error: a page of the journal cannot be read or written \
                (disk error, or a segment was cut short); stopping\n";
            let _ = rustix::io::write(rustix::stdio::stderr(), line);
            signal_hook::low_level::exit(EXIT_BUS);
        };
        // SAFETY: the handler makes two system calls, write and _exit, both of which may be made
        // in a signal handler; it allocates nothing and takes no lock.
        let registered =
            unsafe { signal_hook::low_level::register(signal_hook::consts::SIGBUS, report) };
        // Without the handler the process still ends at once, only with a less clear message.
        drop(registered);
    });
}
