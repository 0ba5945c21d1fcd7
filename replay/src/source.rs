//! The files of a journal, opened for reading only.

mod pins;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pi_server_compress::{Fault, restore};
use pi_server_core::record::{Head, read_head};
use pi_server_system::file::read_regular;

use crate::bundle::Table;
use crate::status::Status;

pub use pins::PINNED_MAX;
use pins::Pins;

/// Most bytes of `HEAD` and of a key file that are read: both are much smaller.
const SMALL_FILE_BYTES_MAX: u64 = 64 << 10;
/// How often the files are listed again because a daemon has dropped one of them meanwhile.
const ATTEMPTS_MAX: u32 = 100;
/// The folder of the segments in a data directory.
pub const SEGMENT_DIR: &str = "journal";
/// The file that says how far the journal was on disk.
pub const HEAD_FILE: &str = "HEAD";
/// The folder of the snapshots in a data directory.
pub const SNAPSHOT_DIR: &str = "snapshots";
/// The folder of the bodies of dropped segments in a data directory.
pub const PACK_DIR: &str = "bodies";
/// The file with the secret.
pub const KEY_FILE: &str = "journal.key";

/// Why there is nothing to read.
#[derive(Debug)]
pub enum SourceError {
    /// There is no such directory, or no journal in it.
    NoJournal {
        /// What was named.
        dir: PathBuf,
    },
    /// There are segments but no readable `HEAD`.
    NoHead {
        /// The data directory.
        dir: PathBuf,
    },
    /// The journal begins with a snapshot, and there is none that this build can use.
    NoSnapshot {
        /// The data directory.
        dir: PathBuf,
        /// The first segment that is there.
        first: u64,
    },
    /// A file is a bundle, but not a whole one.
    Bundle {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A running daemon has dropped a file before it was read.
    Dropped {
        /// Which file.
        path: PathBuf,
    },
    /// A file cannot be read.
    Io {
        /// What was tried, as in "cannot .. PATH".
        operation: &'static str,
        /// Which file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl SourceError {
    /// The system has no thread for reading.
    pub(crate) fn no_thread(source: io::Error) -> SourceError {
        SourceError::Io { operation: "start", path: PathBuf::from("a thread"), source }
    }

    /// The exit status that says so.
    pub fn status(&self) -> Status {
        match self {
            SourceError::NoJournal { .. } => Status::Absent,
            SourceError::NoHead { .. }
            | SourceError::NoSnapshot { .. }
            | SourceError::Dropped { .. }
            | SourceError::Bundle { .. } => Status::Damaged,
            SourceError::Io { source, .. } if is_newer(source) => Status::Newer,
            SourceError::Io { source, .. } => match Fault::of(source) {
                Some(_) => Status::Damaged,
                None => Status::of_reading(source),
            },
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceError::NoJournal { dir } => write!(
                f,
                "no journal in {} (name the daemon's data directory, which has {SEGMENT_DIR}/ and \
                 {HEAD_FILE})",
                dir.display()
            ),
            SourceError::NoHead { dir } => {
                write!(f, "{}: there are segments but no readable {HEAD_FILE}", dir.display())
            }
            SourceError::NoSnapshot { dir, first } => write!(
                f,
                "{}: the journal begins with segment {first}, and {SNAPSHOT_DIR}/ has no snapshot \
                 before it that this build can use",
                dir.display()
            ),
            SourceError::Bundle { path, why } => {
                write!(f, "{}: not a whole bundle: {why}", path.display())
            }
            SourceError::Dropped { path } => write!(
                f,
                "{} was dropped before it was read: run it again, on a journal that now begins later",
                path.display()
            ),
            SourceError::Io { operation, path, source } => {
                write!(f, "cannot {operation} {}: {source}", path.display())
            }
        }
    }
}

impl std::error::Error for SourceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SourceError::NoJournal { .. }
            | SourceError::NoHead { .. }
            | SourceError::NoSnapshot { .. }
            | SourceError::Dropped { .. }
            | SourceError::Bundle { .. } => None,
            SourceError::Io { source, .. } => Some(source),
        }
    }
}

/// A data directory with a journal, or a bundle of one.
#[derive(Clone, Debug)]
pub struct Source {
    dir: PathBuf,
    bundle: Option<Table>,
    /// What there was of a directory when it was opened: a daemon could drop it meanwhile.
    held: Option<Arc<Held>>,
}

/// Files that are held open.
#[derive(Debug)]
struct Held {
    /// `HEAD`, as far as it can be read. It was read first: a running daemon writes it after the
    /// records that it speaks of.
    head: Option<Vec<u8>>,
    segments: Pins,
    snapshots: Pins,
    packs: Pins,
}

impl Source {
    /// The journal in `dir`: a daemon's data directory, the folder of segments in it, or a bundle.
    ///
    /// # Errors
    /// There is none.
    pub fn open(dir: &Path) -> Result<Source, SourceError> {
        if dir.is_file() {
            let (dir, bundle) = (dir.to_owned(), Some(Table::read(dir)?));
            return Source { dir, bundle, held: None }.not_empty();
        }
        let of_segments = dir.file_name().is_some_and(|name| name == SEGMENT_DIR);
        let data_dir = match dir.parent() {
            Some(parent) if of_segments && parent.join(HEAD_FILE).is_file() => parent,
            Some(_) | None => dir,
        };
        let mut source =
            Source { dir: data_dir.to_owned(), bundle: None, held: None }.not_empty()?;
        source.held = source.hold()?.map(Arc::new);
        Ok(source)
    }

    /// Opens what a daemon could drop. Segments come first: it drops them only when there is a
    /// snapshot for all of them, and that or a newer one is there for whoever comes later. `None` if
    /// it drops faster than one can list: what is read is what is there then.
    fn hold(&self) -> Result<Option<Held>, SourceError> {
        for _ in 0..ATTEMPTS_MAX {
            let head = self.head_bytes().ok();
            let (segments, snapshots, packs) = (self.segments()?, self.snapshots()?, self.packs()?);
            let opened = (
                Pins::open(segments, |number| self.segment_path(number)),
                Pins::open(snapshots, |number| self.snapshot_path(number)),
                Pins::open(packs, |number| self.pack_path(number)),
            );
            if let (Some(segments), Some(snapshots), Some(packs)) = opened {
                return Ok(Some(Held { head, segments, snapshots, packs }));
            }
        }
        Ok(None)
    }

    fn not_empty(self) -> Result<Source, SourceError> {
        if self.segments()?.is_empty() {
            return Err(SourceError::NoJournal { dir: self.dir });
        }
        Ok(self)
    }

    /// The data directory, or the file of the bundle.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `HEAD` as it is now. To be read before any segment: a running daemon writes it after the
    /// records it speaks of, so that whoever reads them later finds at least what it promises.
    ///
    /// # Errors
    /// It cannot be read, or is no `HEAD`.
    pub fn head(&self) -> Result<Head, SourceError> {
        let bytes = self.head_bytes()?;
        read_head(&bytes).ok_or_else(|| SourceError::NoHead { dir: self.dir.clone() })
    }

    /// The bytes of `HEAD`.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn head_bytes(&self) -> Result<Vec<u8>, SourceError> {
        let none = || SourceError::NoHead { dir: self.dir.clone() };
        if let Some(bundle) = &self.bundle {
            return bundle.head().ok_or_else(none);
        }
        if let Some(head) = self.held.as_ref().and_then(|held| held.head.clone()) {
            return Ok(head);
        }
        let path = self.dir.join(HEAD_FILE);
        read_regular(&path, SMALL_FILE_BYTES_MAX).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => none(),
            _ => SourceError::Io { operation: "read", path, source },
        })
    }

    /// The bytes of the file with the secret, if it can be read.
    pub fn key_bytes(&self) -> Option<Vec<u8>> {
        self.key_file().ok().flatten()
    }

    /// The bytes of the file with the secret; `None` if there is none.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn key_file(&self) -> Result<Option<Vec<u8>>, SourceError> {
        if let Some(bundle) = &self.bundle {
            return Ok(bundle.key());
        }
        let path = self.dir.join(KEY_FILE);
        match read_regular(&path, SMALL_FILE_BYTES_MAX) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SourceError::Io { operation: "read", path, source }),
        }
    }

    /// What the maker of a bundle says is in it.
    pub fn info(&self) -> Option<Vec<u8>> {
        self.bundle.as_ref().and_then(Table::info)
    }

    /// Whether it is a bundle.
    pub fn is_bundle(&self) -> bool {
        self.bundle.is_some()
    }

    /// The numbers of the segments that there were when it was opened, and of those that follow
    /// them one by one, in order.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn segments(&self) -> Result<Vec<u64>, SourceError> {
        if let Some(bundle) = &self.bundle {
            return Ok(bundle.segments());
        }
        let numbers = self.listed()?;
        Ok(match &self.held {
            Some(held) => held.segments.with(&numbers),
            None => numbers,
        })
    }

    /// Whether a daemon has gone on behind a segment: later ones are there, whatever it has dropped.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(crate) fn is_ahead(&self, last: u64) -> Result<bool, SourceError> {
        Ok(self.held.is_some() && self.listed()?.iter().any(|number| *number > last))
    }

    /// The numbers of the segments that are in the folder now, in order.
    fn listed(&self) -> Result<Vec<u64>, SourceError> {
        let path = self.dir.join(SEGMENT_DIR);
        let failed = |source| SourceError::Io { operation: "list", path: path.clone(), source };
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Err(SourceError::NoJournal { dir: self.dir.clone() });
            }
            Err(error) => return Err(failed(error)),
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            numbers.extend(name.to_str().and_then(segment_number));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The numbers of the snapshots that are there, in order: that of the last segment each covers.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn snapshots(&self) -> Result<Vec<u64>, SourceError> {
        if let Some(bundle) = &self.bundle {
            return Ok(bundle.snapshots());
        }
        match &self.held {
            Some(held) => Ok(held.snapshots.numbers()),
            None => self.numbered(SNAPSHOT_DIR, ".snap"),
        }
    }

    /// The numbers of the packs of bodies whose segments were dropped, in order.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn packs(&self) -> Result<Vec<u64>, SourceError> {
        if let Some(bundle) = &self.bundle {
            return Ok(bundle.packs());
        }
        match &self.held {
            Some(held) => Ok(held.packs.numbers()),
            None => self.numbered(PACK_DIR, ".pack"),
        }
    }

    /// The numbers of the files of a folder, which need not be there.
    fn numbered(&self, dir: &str, suffix: &str) -> Result<Vec<u64>, SourceError> {
        let path = self.dir.join(dir);
        let failed = |source| SourceError::Io { operation: "list", path: path.clone(), source };
        let entries = match std::fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(failed)?,
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            let digits = name.to_str().and_then(|name| name.strip_suffix(suffix));
            numbers.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The names in a folder of the data directory, in order; none if the folder is not there.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(crate) fn names(&self, folder: &str) -> Result<Vec<String>, SourceError> {
        let path = self.dir.join(folder);
        let failed = |source| SourceError::Io { operation: "list", path: path.clone(), source };
        let entries = match std::fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(failed)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The bytes of a snapshot.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_snapshot(&self, number: u64) -> Result<Vec<u8>, SourceError> {
        let path = self.snapshot_path(number);
        self.read_kept(number, path, Table::read_snapshot, |held| &held.snapshots)
    }

    /// The bytes of a pack.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_pack(&self, number: u64) -> Result<Vec<u8>, SourceError> {
        let path = self.pack_path(number);
        self.read_kept(number, path, Table::read_pack, |held| &held.packs)
    }

    /// The bytes of a file that is made of segments, from a bundle or from a folder.
    fn read_kept(
        &self,
        number: u64,
        path: PathBuf,
        of_bundle: impl Fn(&Table, u64, &mut Vec<u8>) -> io::Result<()>,
        pins: impl Fn(&Held) -> &Pins,
    ) -> Result<Vec<u8>, SourceError> {
        let mut bytes = Vec::new();
        let read = match (&self.bundle, &self.held) {
            (Some(bundle), _) => of_bundle(bundle, number, &mut bytes),
            (None, Some(held)) => pins(held).read(number, &path, &mut bytes),
            (None, None) => Pins::default().read(number, &path, &mut bytes),
        };
        read.map_err(|source| self.unread(path, source))?;
        Ok(bytes)
    }

    /// A file that is listed and cannot be read. Only a daemon takes files away.
    fn unread(&self, path: PathBuf, source: io::Error) -> SourceError {
        if self.bundle.is_none() && source.kind() == io::ErrorKind::NotFound {
            return SourceError::Dropped { path };
        }
        SourceError::Io { operation: "read", path, source }
    }

    /// The path of a pack of bodies.
    fn pack_path(&self, number: u64) -> PathBuf {
        self.dir.join(PACK_DIR).join(format!("{number:08}.pack"))
    }

    /// The path of a snapshot.
    pub fn snapshot_path(&self, number: u64) -> PathBuf {
        self.dir.join(SNAPSHOT_DIR).join(format!("{number:08}.snap"))
    }

    /// Reads a whole segment into `bytes`, whose memory is used again. How many bytes it takes where
    /// it is: fewer if it is compressed there.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_segment(&self, number: u64, bytes: &mut Vec<u8>) -> Result<u64, SourceError> {
        let path = self.segment_path(number);
        let read = self.read_whole(number, &path, bytes);
        read.map_err(|source| self.unread(path, source))
    }

    /// Reads a segment as it was written: all of it but zeros at its end, which may be left out.
    /// Returns its length.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_segment_exact(&self, number: u64, bytes: &mut Vec<u8>) -> Result<u64, SourceError> {
        if let Some(bundle) = &self.bundle {
            let read = bundle.read_segment_stored(number, bytes);
            return read.map_err(|source| self.unread(self.segment_path(number), source));
        }
        self.read_segment(number, bytes)?;
        Ok(bytes.len() as u64)
    }

    fn read_whole(&self, number: u64, path: &Path, bytes: &mut Vec<u8>) -> io::Result<u64> {
        if let Some(bundle) = &self.bundle {
            return bundle.read_segment(number, bytes);
        }
        match &self.held {
            Some(held) => held.segments.read(number, path, bytes)?,
            None => Pins::default().read(number, path, bytes)?,
        }
        let stored = bytes.len() as u64;
        let mut restored = Vec::new();
        if restore(bytes, &mut restored)? {
            *bytes = restored;
        }
        Ok(stored)
    }

    /// Reads a part of a segment.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_part(&self, number: u64, at: u64, bytes: &mut [u8]) -> Result<(), SourceError> {
        let path = self.segment_path(number);
        let read = match (&self.bundle, &self.held) {
            (Some(bundle), _) => bundle.read_part(number, at, bytes),
            (None, Some(held)) => held.segments.read_part(number, &path, at, bytes),
            (None, None) => Pins::default().read_part(number, &path, at, bytes),
        };
        read.map_err(|source| self.unread(path, source))
    }

    /// The path of a segment, as messages name it.
    pub fn segment_path(&self, number: u64) -> PathBuf {
        self.dir.join(SEGMENT_DIR).join(format!("{number:08}.seg"))
    }
}

/// Whether a newer build has compressed it.
fn is_newer(error: &io::Error) -> bool {
    matches!(Fault::of(error), Some(Fault::Version { .. }))
}

/// The number of the segment whose file has this name; `None` for every other file.
fn segment_number(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".seg")?.parse().ok()?;
    (name == format!("{number:08}.seg")).then_some(number)
}
