//! The small interface between the journal and a disk, so that the same journal runs on a map, on
//! `pwrite` and on the faulty disk of a simulation.

use std::io;

use pi_server_core::record::{HEAD_SLOT_BYTES, SegmentHeader};

/// The files of one journal.
///
/// Every operation has reached the disk when it returns, except [`Segment::put`].
pub trait Disk: Send + Sync {
    /// Numbers of the segments that are there, ascending.
    fn segments(&self) -> io::Result<Vec<u64>>;

    /// Reads a whole segment into `bytes`, as a later start would find it: what is only in memory
    /// because an earlier sync failed is not to be trusted. `settled` segments were synced before.
    fn read(&self, segment: u64, settled: bool, bytes: &mut Vec<u8>) -> io::Result<()>;

    /// Reads the first bytes of a segment, as many as `bytes` has or the segment is long. How long
    /// the segment is.
    fn read_start(&self, segment: u64, bytes: &mut [u8]) -> io::Result<u64>;

    /// Drops a segment.
    fn drop_segment(&self, segment: u64) -> io::Result<()>;

    /// Puts other bytes in the place of a segment, as many as it has; they appear all at once.
    /// Whoever has the segment open goes on reading what was there. Of a `sealed` one the disk may
    /// leave out pages of zeros, since nothing is written to it any more.
    fn replace(&self, segment: u64, bytes: &[u8], sealed: bool) -> io::Result<()>;

    /// Builds an unused segment: its header and zeros. Appears under its number all at once;
    /// replaces an unused one of the same number.
    fn build(&self, header: &SegmentHeader) -> io::Result<()>;

    /// Opens a segment for writing.
    fn open(&self, segment: u64) -> io::Result<Box<dyn Segment>>;

    /// Opens a sealed segment for reading.
    fn view(&self, segment: u64) -> io::Result<Box<dyn View>>;

    /// Overwrites a range of a segment with zeros.
    fn clear(&self, segment: u64, from: usize, to: usize) -> io::Result<()>;

    /// Keeps bytes that were set aside, under a name of the caller's choice.
    fn set_aside(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Numbers of the files on a shelf, ascending.
    fn kept(&self, shelf: Shelf) -> io::Result<Vec<u64>>;

    /// Opens a file on a shelf.
    fn view_kept(&self, shelf: Shelf, number: u64) -> io::Result<Box<dyn View>>;

    /// Opens a file on a shelf of which only parts are read.
    fn open_kept(&self, shelf: Shelf, number: u64) -> io::Result<Box<dyn Kept>> {
        Ok(Box::new(Whole(self.view_kept(shelf, number)?)))
    }

    /// Puts a file on a shelf: `write` makes its bytes. It appears there all at once, in place of
    /// one with the same number.
    fn keep(
        &self,
        shelf: Shelf,
        number: u64,
        write: &mut dyn FnMut(&mut dyn io::Write) -> io::Result<()>,
    ) -> io::Result<()>;

    /// Drops a file from a shelf.
    fn discard(&self, shelf: Shelf, number: u64) -> io::Result<()>;

    /// The bytes of `HEAD`; none if there is no such file.
    fn read_head(&self) -> io::Result<Vec<u8>>;

    /// Writes one slot of `HEAD`.
    fn write_head(&self, slot: usize, bytes: &[u8; HEAD_SLOT_BYTES]) -> io::Result<()>;

    /// The journal's key, if there is one.
    fn read_key(&self) -> io::Result<Option<[u8; 32]>>;

    /// Writes the journal's key; there is none yet.
    fn write_key(&self, key: &[u8; 32]) -> io::Result<()>;
}

/// Files that are made of segments. The number of each is that of the last segment it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shelf {
    /// `snapshots/NNNNNNNN.snap`: [`pi_server_core::record::Snapshot`].
    Snapshots,
    /// `bodies/NNNNNNNN.pack`: bodies of dropped segments that are still needed.
    Bodies,
    /// `history/NNNNNNNN.idx`: commands that ended in that segment.
    History,
    /// `tiers/NNNNNNNN.tier`: how far bodies were erased.
    Tiers,
}

/// A file of which parts are read.
pub trait Kept: Send {
    /// How long it is, in bytes.
    fn length(&self) -> u64;

    /// Reads as many bytes as `bytes` has, from `at` on.
    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()>;
}

/// A file of which all has been read.
struct Whole(Box<dyn View>);

impl Kept for Whole {
    fn length(&self) -> u64 {
        self.0.bytes().len() as u64
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(at).ok().and_then(|at| self.0.bytes().get(at..));
        let part = from.and_then(|from| from.get(..bytes.len()));
        bytes.copy_from_slice(part.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }
}

/// A file that is only read.
pub trait View: Send {
    /// The whole segment.
    fn bytes(&self) -> &[u8];
}

/// The segment that is being written.
pub trait Segment: View {
    /// Writes `parts` one after the other from `at` on. The first four bytes are stored last, so
    /// that whoever reads along sees a whole record or none.
    fn put(&mut self, at: usize, parts: [&[u8]; 3]) -> io::Result<()>;

    /// A handle by which another thread can sync it.
    fn syncer(&self) -> io::Result<Box<dyn SyncFile>>;
}

/// What a sync is asked of.
pub trait SyncFile: Send + Sync {
    /// Returns when everything that was put before the call is on disk.
    fn sync(&self) -> io::Result<()>;
}
