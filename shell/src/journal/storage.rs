//! The small interface between the journal and a disk, so that the same journal runs on a map, on
//! `pwrite` and on the faulty disk of a simulation.

use std::io;

use pi_server_compress::{SEGMENT_START_BYTES, Start, is_compressed, restore, restore_start};
use pi_server_core::record::{HEAD_SLOT_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader};

use super::usage::Usage;

/// The files of one journal.
///
/// Every operation has reached the disk when it returns, except [`Segment::put`].
///
/// The file of a sealed segment may be compressed. A disk knows nothing of that: what is in the file
/// is read with [`Disk::read_file`], [`Disk::read_file_start`] and [`Disk::view_file`], and the bytes
/// of the segment with the methods that are made of these here.
pub trait Disk: Send + Sync {
    /// Numbers of the segments that are there, ascending.
    fn segments(&self) -> io::Result<Vec<u64>>;

    /// Reads a segment's whole file into `bytes`, as a later start would find it: what is only in
    /// memory because an earlier sync failed is not to be trusted. `settled` segments were synced
    /// before.
    fn read_file(&self, segment: u64, settled: bool, bytes: &mut Vec<u8>) -> io::Result<()>;

    /// Reads the first bytes of a segment's file, as many as `bytes` has or the file is long. How
    /// long the file is.
    fn read_file_start(&self, segment: u64, bytes: &mut [u8]) -> io::Result<u64>;

    /// Opens a sealed segment's file for reading.
    fn view_file(&self, segment: u64) -> io::Result<Box<dyn View>>;

    /// Reads a whole segment into `bytes`, as [`Disk::read_file`] does its file.
    fn read(&self, segment: u64, settled: bool, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.read_file(segment, settled, bytes)?;
        let mut restored = Vec::new();
        if restore(bytes, &mut restored)? {
            *bytes = restored;
        }
        Ok(())
    }

    /// Reads the first bytes of a segment, as many as `bytes` has or the segment is long. How long
    /// the segment is.
    fn read_start(&self, segment: u64, bytes: &mut [u8]) -> io::Result<u64> {
        let mut front = vec![0; bytes.len().max(SEGMENT_START_BYTES)];
        loop {
            // From its beginning each time: another file may have taken the name meanwhile.
            let length = self.read_file_start(segment, &mut front)?;
            match restore_start(&front, length, bytes)? {
                Start::Read(length) => return Ok(length),
                Start::More(needed) => front.resize(needed, 0),
            }
        }
    }

    /// Opens a sealed segment for reading. One that is compressed is held in memory as a whole.
    fn view(&self, segment: u64) -> io::Result<Box<dyn View>> {
        let view = self.view_file(segment)?;
        let mut restored = Vec::new();
        let is_restored = restore(view.bytes(), &mut restored)?;
        Ok(if is_restored { Box::new(Restored(restored)) } else { view })
    }

    /// How long a segment's file is, and whether it is compressed.
    fn file_facts(&self, segment: u64) -> io::Result<(u64, bool)> {
        let mut start = [0; SEGMENT_HEADER_BYTES];
        let length = self.read_file_start(segment, &mut start)?;
        Ok((length, is_compressed(&start)))
    }

    /// Drops a segment.
    fn drop_segment(&self, segment: u64) -> io::Result<()>;

    /// Puts other bytes in the place of a segment's file, as many as the segment has, or fewer that
    /// are its compressed form if it is `sealed`; they appear all at once.
    /// Whoever has the segment open goes on reading what was there. Of a `sealed` one the disk may
    /// leave out pages of zeros, since nothing is written to it any more.
    fn replace(&self, segment: u64, bytes: &[u8], sealed: bool) -> io::Result<()>;

    /// Returns an error if the files are not this daemon's any more: they were moved or replaced, or
    /// another one writes them.
    fn check(&self) -> io::Result<()> {
        Ok(())
    }

    /// Builds an unused segment: its header and zeros. Appears under its number all at once;
    /// replaces an unused one of the same number.
    fn build(&self, header: &SegmentHeader) -> io::Result<()>;

    /// Opens a segment for writing.
    fn open(&self, segment: u64) -> io::Result<Box<dyn Segment>>;

    /// Overwrites a range of a segment with zeros.
    fn clear(&self, segment: u64, from: usize, to: usize) -> io::Result<()>;

    /// Keeps bytes that were set aside, under a name of the caller's choice.
    fn set_aside(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Drops what was set aside of the segments up to this one
    /// ([`super::segment_set_aside`] tells from a name which one it is).
    fn drop_set_aside(&self, segment: u64) -> io::Result<()>;

    /// How much room every file takes.
    fn usage(&self) -> io::Result<Usage>;

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
    /// `ids/NNNNNNNN.ids`: ids of mutations that ended in that segment.
    Ids,
    /// `filters/NNNNNNNN.filter`: which ids are in none of the segments up to that one.
    Filters,
}

impl Shelf {
    /// All of them.
    pub const ALL: [Shelf; 6] =
        [Shelf::Snapshots, Shelf::Bodies, Shelf::History, Shelf::Tiers, Shelf::Ids, Shelf::Filters];
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

/// A segment whose file is compressed.
struct Restored(Vec<u8>);

impl View for Restored {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn is_restored(&self) -> bool {
        true
    }
}

/// A file that is only read.
pub trait View: Send {
    /// The whole segment.
    fn bytes(&self) -> &[u8];

    /// Whether the file is compressed, and these bytes are memory.
    fn is_restored(&self) -> bool {
        false
    }
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
