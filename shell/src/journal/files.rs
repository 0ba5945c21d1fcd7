//! The journal's files in a data directory.
//!
//! ```text
//! DIR/journal/00000001.seg …   segments      DIR/HEAD         how far it is known to be on disk
//! DIR/journal.key              the secret    DIR/lock         see `guard`
//! DIR/quarantine/…             torn tails that were set aside
//! DIR/snapshots/00000001.snap  the state at the end of a segment
//! DIR/bodies/00000001.pack     bodies of dropped segments that are still needed
//! DIR/tiers/00000001.tier      how far bodies were erased
//! ```

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use pi_server_core::record::{HEAD_BYTES, HEAD_SLOT_BYTES, SegmentHeader};
use pi_server_system::file::{open_regular, open_regular_with, read_regular};
use rustix::fs::{Advice, FallocateFlags, IFlags};
use rustix::io::Errno;

use super::PAGE;
use super::error::OpenError;
use super::guard::Guard;
use super::map::{MapSegment, MapView};
use super::options::Backend;
use super::pwrite::{PwriteSegment, ReadView};
use super::storage::{Disk, Kept, Segment, Shelf, View};
use super::usage::{Usage, segment_set_aside};

pub(super) const FILE_MODE: u32 = 0o600;
const DIR_MODE: u32 = 0o700;
/// Longest `HEAD` and longest key that are read: what is longer is none of ours.
const HEAD_FILE_BYTES_MAX: u64 = 64 << 10;
const KEY_BYTES_MAX: u64 = 4 << 10;

/// Name of the key file in the data directory.
pub const KEY_FILE: &str = "journal.key";
/// Name of `HEAD` in the data directory.
pub const HEAD_FILE: &str = "HEAD";
/// Name of the lock file in the data directory.
pub const LOCK_FILE: &str = "lock";
/// Name of the directory of segments in the data directory.
pub const SEGMENT_DIR: &str = "journal";
/// Name of the directory of snapshots in the data directory.
pub const SNAPSHOT_DIR: &str = "snapshots";
/// Name of the directory of bodies that outlive their segments in the data directory.
pub const BODIES_DIR: &str = "bodies";
/// The folder of the indexes of the history.
pub const HISTORY_DIR: &str = "history";
/// The folder of torn tails that were set aside.
pub const QUARANTINE_DIR: &str = "quarantine";
const TIERS_DIR: &str = "tiers";
const IDS_DIR: &str = "ids";
const FILTER_DIR: &str = "filters";

/// Name of a segment's file.
pub fn segment_file(number: u64) -> String {
    format!("{number:08}.seg")
}

/// The segment whose file has this name.
pub fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg")?;
    let number = digits.parse().ok()?;
    (segment_file(number) == name).then_some(number)
}

impl Shelf {
    fn dir_and_suffix(self) -> (&'static str, &'static str) {
        match self {
            Shelf::Snapshots => (SNAPSHOT_DIR, ".snap"),
            Shelf::Bodies => (BODIES_DIR, ".pack"),
            Shelf::History => (HISTORY_DIR, ".idx"),
            Shelf::Tiers => (TIERS_DIR, ".tier"),
            Shelf::Ids => (IDS_DIR, ".ids"),
            Shelf::Filters => (FILTER_DIR, ".filter"),
        }
    }

    /// The number of the file on the shelf that has this name.
    fn number(self, name: &str) -> Option<u64> {
        name.strip_suffix(self.dir_and_suffix().1)?.parse().ok()
    }

    /// The path of a file on the shelf, in a data directory.
    fn path(self, dir: &Path, number: u64) -> PathBuf {
        let (name, suffix) = self.dir_and_suffix();
        dir.join(name).join(format!("{number:08}{suffix}"))
    }
}

/// The journal's files, locked for this process as long as the value lives.
pub(super) struct FileDisk {
    dir: PathBuf,
    mapped: bool,
    no_copy_on_write: bool,
    guard: Guard,
    /// `HEAD`, once it is there: a sync must not depend on a descriptor that may not be had.
    head: Mutex<Option<File>>,
}

impl FileDisk {
    /// Makes the directory if need be, locks it and decides how to write.
    pub(super) fn open(dir: &Path, backend: Backend) -> Result<FileDisk, OpenError> {
        let unwritable = |source| OpenError::Unwritable { dir: dir.to_owned(), source };
        make_dir(dir).map_err(unwritable)?;
        let guard = Guard::lock(dir)?;
        // Of the segments, which need not be where the data directory is.
        let system = file_system(guard.segments());
        let mapped = match (backend, system) {
            (Backend::Pwrite, _) | (Backend::Auto, FileSystem::Unsafe(_)) => false,
            (Backend::Map, FileSystem::Unsafe(name)) => {
                return Err(OpenError::UnsafeFileSystem { name });
            }
            (Backend::Auto | Backend::Map, FileSystem::Btrfs | FileSystem::Other)
            | (Backend::MapAnywhere, _) => true,
        };
        let no_copy_on_write = matches!(system, FileSystem::Btrfs);
        let head = Mutex::new(None);
        let disk = FileDisk { dir: dir.to_owned(), mapped, no_copy_on_write, guard, head };
        // Left by a life that ended while it built a segment.
        let _ = std::fs::remove_file(disk.temporary());
        let _ = std::fs::remove_file(disk.replacement());
        for shelf in Shelf::ALL {
            let _ = std::fs::remove_file(disk.shelf_temporary(shelf));
        }
        Ok(disk)
    }

    /// `map` or `pwrite`.
    pub(super) fn backend_name(&self) -> &'static str {
        if self.mapped { "map" } else { "pwrite" }
    }

    /// Where the key is.
    pub(super) fn key_path(&self) -> PathBuf {
        self.dir.join(KEY_FILE)
    }

    fn segment_path(&self, segment: u64) -> PathBuf {
        self.dir.join(SEGMENT_DIR).join(segment_file(segment))
    }

    fn temporary(&self) -> PathBuf {
        self.dir.join(SEGMENT_DIR).join("next.tmp")
    }

    fn replacement(&self) -> PathBuf {
        self.dir.join(SEGMENT_DIR).join("replaced.tmp")
    }

    fn shelf_temporary(&self, shelf: Shelf) -> PathBuf {
        self.dir.join(shelf.dir_and_suffix().0).join("next.tmp")
    }

    fn new_file(&self) -> PathBuf {
        self.dir.join("new.tmp")
    }

    fn open_file(&self, segment: u64) -> io::Result<File> {
        open_regular_with(OpenOptions::new().read(true).write(true), &self.segment_path(segment))
    }

    /// Writes a file under a temporary name, syncs it, and only then gives it its name.
    fn write_whole(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.new_file();
        let mut file = create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        sync_dir(path.parent().unwrap_or(&self.dir))
    }
}

/// Drops the key of the journal in a data directory: overwrites its file where it is, and removes it.
/// Whether there was one. No daemon can go on with the journal then, and nobody can tell what a
/// keyed digest is of.
///
/// # Errors
/// A daemon is running, or the file cannot be removed.
pub fn drop_key(dir: &Path) -> Result<bool, OpenError> {
    let disk = FileDisk::open(dir, Backend::Pwrite)?;
    let failed = |source| OpenError::Io { operation: "drop the key", dir: dir.to_owned(), source };
    // Left by a life that ended while it wrote a file; that may have been the key.
    for path in [disk.new_file(), disk.key_path()] {
        let file = match open_regular_with(OpenOptions::new().write(true), &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if path == disk.key_path() {
                    return Ok(false);
                }
                continue;
            }
            other => other.map_err(failed)?,
        };
        let length = file.metadata().map_err(failed)?.len();
        let zeros = vec![0; usize::try_from(length).unwrap_or(0)];
        file.write_all_at(&zeros, 0).and_then(|()| file.sync_all()).map_err(failed)?;
        std::fs::remove_file(&path).and_then(|()| sync_dir(dir)).map_err(failed)?;
    }
    Ok(true)
}

/// A file on a shelf. It never changes: one with the same number takes its name, not its place.
struct KeptFile {
    file: File,
    length: u64,
}

impl Kept for KeptFile {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(bytes, at)
    }
}

impl Disk for FileDisk {
    fn segments(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(self.dir.join(SEGMENT_DIR))? {
            numbers.extend(entry?.file_name().to_str().and_then(segment_number));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn read_file(&self, segment: u64, settled: bool, bytes: &mut Vec<u8>) -> io::Result<()> {
        let mut file = self.open_file(segment)?;
        if !settled {
            // After a sync that failed the page cache can show what the disk does not hold. What
            // can still be written is written; then the disk is asked and not the cache.
            file.sync_data()?;
            // Advice: where it is not taken, the cache was good enough for every other reader too.
            let _ = rustix::fs::fadvise(&file, 0, None, Advice::DontNeed);
        }
        bytes.clear();
        file.read_to_end(bytes)?;
        Ok(())
    }

    fn check(&self) -> io::Result<()> {
        self.guard.check()
    }

    fn build(&self, header: &SegmentHeader) -> io::Result<()> {
        const BLOCK: usize = 256 * 1024;
        self.guard.check()?;
        let temporary = self.temporary();
        let file = create(&temporary)?;
        let built = (|| {
            if self.no_copy_on_write {
                // Overwriting a mapped page needs new room otherwise, and dies if there is none.
                let _ = rustix::fs::ioctl_setflags(&file, IFlags::NOCOW);
            }
            let capacity = u64::from(header.capacity);
            allocate(|| rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, capacity))?;
            let head = header.encode();
            file.write_all_at(&head, 0)?;
            // Written and not only allocated: a device that promises more than it has fails here.
            let zeros = vec![0; BLOCK];
            let mut at = head.len() as u64;
            while at < capacity {
                let length = BLOCK.min(usize::try_from(capacity - at).unwrap_or(BLOCK));
                file.write_all_at(&zeros[..length], at)?;
                at += length as u64;
            }
            file.sync_all()?;
            std::fs::rename(&temporary, self.segment_path(header.number))?;
            sync_dir(&self.dir.join(SEGMENT_DIR))
        })();
        if built.is_err() {
            // Gives the room back. A failure of this too changes nothing about the first one.
            let _ = std::fs::remove_file(&temporary);
        }
        built
    }

    fn read_file_start(&self, segment: u64, bytes: &mut [u8]) -> io::Result<u64> {
        let file = open_regular(&self.segment_path(segment))?;
        let length = file.metadata()?.len();
        let there = usize::try_from(length).map_or(bytes.len(), |length| length.min(bytes.len()));
        file.read_exact_at(&mut bytes[..there], 0)?;
        Ok(length)
    }

    fn drop_segment(&self, segment: u64) -> io::Result<()> {
        self.guard.check()?;
        std::fs::remove_file(self.segment_path(segment))?;
        // One by one, so that no power cut leaves a gap in the row of segments.
        sync_dir(&self.dir.join(SEGMENT_DIR))
    }

    fn replace(&self, segment: u64, bytes: &[u8], sealed: bool) -> io::Result<()> {
        self.guard.check()?;
        let path = self.segment_path(segment);
        let temporary = self.replacement();
        let replaced = (|| {
            let file = create(&temporary)?;
            file.set_len(bytes.len() as u64)?;
            for (nth, page) in bytes.chunks(PAGE).enumerate() {
                // Pages that nobody writes take no room on most file systems. Where somebody may
                // still write through a map, each must be there before.
                if !sealed || page.iter().any(|byte| *byte != 0) {
                    file.write_all_at(page, (nth * PAGE) as u64)?;
                }
            }
            file.sync_all()?;
            std::fs::rename(&temporary, &path)?;
            sync_dir(&self.dir.join(SEGMENT_DIR))
        })();
        if replaced.is_err() {
            // Gives the room back.
            let _ = std::fs::remove_file(&temporary);
        }
        replaced
    }

    fn kept(&self, shelf: Shelf) -> io::Result<Vec<u64>> {
        let names = names_in(&self.dir.join(shelf.dir_and_suffix().0))?;
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| shelf.number(name)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn view_kept(&self, shelf: Shelf, number: u64) -> io::Result<Box<dyn View>> {
        let path = shelf.path(&self.dir, number);
        Ok(if self.mapped {
            Box::new(MapView::open(&open_regular(&path)?)?)
        } else {
            Box::new(ReadView(read_regular(&path, u64::MAX)?))
        })
    }

    fn open_kept(&self, shelf: Shelf, number: u64) -> io::Result<Box<dyn Kept>> {
        let file = open_regular(&shelf.path(&self.dir, number))?;
        let length = file.metadata()?.len();
        Ok(Box::new(KeptFile { file, length }))
    }

    fn keep(
        &self,
        shelf: Shelf,
        number: u64,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        self.guard.check()?;
        let path = shelf.path(&self.dir, number);
        let dir = self.dir.join(shelf.dir_and_suffix().0);
        make_dir(&dir)?;
        let temporary = self.shelf_temporary(shelf);
        let kept = (|| {
            let mut file = io::BufWriter::new(create(&temporary)?);
            write(&mut file)?;
            file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            std::fs::rename(&temporary, &path)?;
            sync_dir(&dir)
        })();
        if kept.is_err() {
            // Gives the room back.
            let _ = std::fs::remove_file(&temporary);
        }
        kept
    }

    fn discard(&self, shelf: Shelf, number: u64) -> io::Result<()> {
        self.guard.check()?;
        std::fs::remove_file(shelf.path(&self.dir, number))
    }

    fn open(&self, segment: u64) -> io::Result<Box<dyn Segment>> {
        let file = self.open_file(segment)?;
        Ok(if self.mapped {
            Box::new(MapSegment::open(file)?)
        } else {
            Box::new(PwriteSegment::open(file)?)
        })
    }

    fn view_file(&self, segment: u64) -> io::Result<Box<dyn View>> {
        let path = self.segment_path(segment);
        Ok(if self.mapped {
            Box::new(MapView::open(&open_regular(&path)?)?)
        } else {
            Box::new(ReadView(read_regular(&path, u64::MAX)?))
        })
    }

    fn clear(&self, segment: u64, from: usize, to: usize) -> io::Result<()> {
        let file = self.open_file(segment)?;
        let zeros = vec![0; to.saturating_sub(from)];
        file.write_all_at(&zeros, from as u64)?;
        file.sync_data()
    }

    fn set_aside(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let dir = self.dir.join(QUARANTINE_DIR);
        make_dir(&dir)?;
        // A start that was interrupted while it set a tail aside does so again, and then finds less
        // of it: the first copy stays.
        let mut path = dir.join(name);
        let mut again = 1_u32;
        while path.exists() {
            again += 1;
            path = dir.join(format!("{name}.{again}"));
        }
        self.write_whole(&path, bytes)
    }

    fn drop_set_aside(&self, segment: u64) -> io::Result<()> {
        let dir = self.dir.join(QUARANTINE_DIR);
        for (name, _) in files_in(&dir)? {
            if segment_set_aside(&name) <= segment {
                std::fs::remove_file(dir.join(name))?;
            }
        }
        Ok(())
    }

    fn usage(&self) -> io::Result<Usage> {
        let mut usage = Usage::default();
        for (name, length) in files_in(&self.dir.join(SEGMENT_DIR))? {
            match segment_number(&name) {
                Some(number) => usage.add_segment(number, length),
                None => usage.add_other(length),
            }
        }
        for shelf in Shelf::ALL {
            for (name, length) in files_in(&self.dir.join(shelf.dir_and_suffix().0))? {
                match shelf.number(&name) {
                    Some(number) => usage.add_kept(shelf, number, length),
                    None => usage.add_other(length),
                }
            }
        }
        for (name, length) in files_in(&self.dir.join(QUARANTINE_DIR))? {
            usage.add_set_aside(segment_set_aside(&name), length);
        }
        for (_, length) in files_in(&self.dir)? {
            usage.add_other(length);
        }
        Ok(usage)
    }

    fn read_head(&self) -> io::Result<Vec<u8>> {
        match read_regular(&self.dir.join(HEAD_FILE), HEAD_FILE_BYTES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            other => other,
        }
    }

    fn write_head(&self, slot: usize, bytes: &[u8; HEAD_SLOT_BYTES]) -> io::Result<()> {
        let path = self.dir.join(HEAD_FILE);
        let at = slot * HEAD_SLOT_BYTES;
        let mut held = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        let open = || open_regular_with(OpenOptions::new().write(true), &path);
        let file = match held.take() {
            Some(file) if is_at(&file, &path) => Ok(file),
            Some(_) | None => open(),
        };
        match file {
            Ok(file) => {
                let written = file.write_all_at(bytes, at as u64).and_then(|()| file.sync_data());
                *held = Some(file);
                written
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut whole = [0; HEAD_BYTES];
                whole[at..at + HEAD_SLOT_BYTES].copy_from_slice(bytes);
                self.write_whole(&path, &whole)?;
                // Should there be no descriptor for it now, the next write asks for one again.
                *held = open().ok();
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn read_key(&self) -> io::Result<Option<[u8; 32]>> {
        let bytes = match read_regular(&self.key_path(), KEY_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        <[u8; 32]>::try_from(bytes).map(Some).map_err(|bytes| {
            let length = bytes.len();
            io::Error::new(io::ErrorKind::InvalidData, format!("{length} bytes, not 32"))
        })
    }

    fn write_key(&self, key: &[u8; 32]) -> io::Result<()> {
        self.write_whole(&self.key_path(), key)
    }
}

/// Names of what is in a directory; nothing if it is not there. The journal's own names are UTF-8.
fn names_in(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string().ok());
    }
    Ok(names)
}

/// The files in a directory and how long they are. One that disappears meanwhile is left out.
fn files_in(dir: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    for name in names_in(dir)? {
        match std::fs::symlink_metadata(dir.join(&name)) {
            Ok(facts) if facts.is_file() => files.push((name, facts.len())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}

/// Returns true if a path still leads to an open file, or if the system cannot say.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(held), Ok(there)) => (held.dev(), held.ino()) == (there.dev(), there.ino()),
        (_, Err(error)) => error.kind() != io::ErrorKind::NotFound,
        (Err(_), Ok(_)) => true,
    }
}

/// Allocates with a call that not every file system, kernel and container has. Without it, writing
/// the zeros allocates as well.
fn allocate(mut call: impl FnMut() -> Result<(), Errno>) -> io::Result<()> {
    loop {
        match call() {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::PERM) => {
                return Ok(());
            }
            Err(Errno::INTR) => {}
            Err(error) => {
                let error = io::Error::from(error);
                return Err(io::Error::new(error.kind(), format!("fallocate: {error}")));
            }
        }
    }
}

pub(super) fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIR_MODE).create(path)?;
    match path.parent() {
        // A directory entry is on disk only when its parent was synced.
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        Some(_) | None => Ok(()),
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file =
        open_regular_with(options.read(true).write(true).create(true).mode(FILE_MODE), path)?;
    file.set_len(0)?;
    Ok(file)
}

fn sync_dir(path: &Path) -> io::Result<()> {
    match File::open(path) {
        Ok(dir) => dir.sync_all(),
        // A directory above the data directory need not be readable for us.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    }
}

/// What matters about a file system here.
#[derive(Clone, Copy)]
enum FileSystem {
    /// Others can shrink a file or lose its pages under a map.
    Unsafe(&'static str),
    /// Copies on write, unless told not to.
    Btrfs,
    Other,
}

/// Magic numbers are those of statfs(2).
fn file_system(file: &File) -> FileSystem {
    let Ok(facts) = rustix::fs::fstatfs(file) else { return FileSystem::Other };
    // The field's type differs between machines; every magic number has 32 bits.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the magic number is in the lower 32 bits"
    )]
    let magic = facts.f_type as u32;
    match magic {
        0x6969 => FileSystem::Unsafe("NFS"),
        0x517B | 0xFF53_4D42 | 0xFE53_4D42 => FileSystem::Unsafe("SMB"),
        0x6573_5546 => FileSystem::Unsafe("FUSE"),
        0x794C_7630 => FileSystem::Unsafe("overlayfs"),
        0x0102_1997 => FileSystem::Unsafe("9p"),
        0x9123_683E => FileSystem::Btrfs,
        _ => FileSystem::Other,
    }
}

#[cfg(test)]
mod tests;
