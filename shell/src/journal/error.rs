//! What can go wrong, in one line each that says what to do.

use core::fmt;
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use pi_server_compress::Fault as CompressedFault;
use pi_server_core::record::{Damage, FORMAT_VERSION, INPUT_BYTES_MAX, SnapshotFault};

/// Why a journal could not be opened. Nothing was changed, except where a torn tail had been set
/// aside before the operation that failed.
#[derive(Debug)]
pub enum OpenError {
    /// Another daemon has it.
    Locked {
        /// The data directory.
        dir: PathBuf,
        /// The other process, as far as it told.
        pid: Option<u32>,
    },
    /// The data directory cannot be made or written to.
    Unwritable {
        /// The data directory.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no room for a segment.
    DiskFull {
        /// The data directory.
        dir: PathBuf,
        /// What was to be written.
        bytes: u64,
    },
    /// A map is not safe on this file system.
    UnsafeFileSystem {
        /// Its name.
        name: &'static str,
    },
    /// Accepted data is not there any more.
    Damaged {
        /// The data directory.
        dir: PathBuf,
        /// What is wrong and where.
        damage: Damage,
    },
    /// The file of a compressed segment is not what was written.
    Compressed {
        /// The data directory.
        dir: PathBuf,
        /// The segment.
        segment: u64,
        /// What is wrong and where.
        fault: CompressedFault,
    },
    /// A newer build wrote it.
    NewerFormat {
        /// Version of the format it wrote.
        found: u32,
    },
    /// There are segments but no key.
    MissingKey {
        /// Where the key should be.
        path: PathBuf,
    },
    /// The key is not the one that the journal was made with.
    WrongKey {
        /// Where the key is.
        path: PathBuf,
    },
    /// The journal begins with a snapshot, and none can be used.
    NoSnapshot {
        /// The data directory.
        dir: PathBuf,
        /// The snapshots that are there, by their numbers, and what is wrong with each.
        rejected: Vec<(u64, SnapshotError)>,
    },
    /// Bodies that outlived their segments cannot be read.
    BadPack {
        /// The data directory.
        dir: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Any other operation failed.
    Io {
        /// What was tried.
        operation: &'static str,
        /// The data directory.
        dir: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Locked { dir, pid } => {
                write!(f, "the journal in {} is in use", dir.display())?;
                if let Some(pid) = pid {
                    write!(f, " by process {pid}")?;
                }
                f.write_str(": stop that daemon or choose another --data-dir")
            }
            OpenError::Unwritable { dir, source } => write!(
                f,
                "cannot write to {} ({source}): make it writable or choose another --data-dir",
                dir.display()
            ),
            OpenError::DiskFull { dir, bytes } => write!(
                f,
                "the disk of {} has no room for {bytes} bytes: free some space or choose another \
                 --data-dir",
                dir.display()
            ),
            OpenError::UnsafeFileSystem { name } => write!(
                f,
                "a memory map is not safe on {name}: use --backend pwrite, or \
                 map-anywhere to insist"
            ),
            OpenError::Damaged { dir, damage } => write!(
                f,
                "the journal in {} is damaged: {damage}; nothing was changed: restore it from a \
                 copy, or choose another --data-dir",
                dir.display()
            ),
            OpenError::Compressed {
                segment,
                fault: fault @ CompressedFault::Version { .. },
                ..
            } => {
                write!(f, "segment {segment} of the journal is {fault}; nothing was changed")
            }
            OpenError::Compressed { dir, segment, fault } => write!(
                f,
                "the journal in {} is damaged: segment {segment}: {fault}; nothing was changed: \
                 restore it from a copy, or choose another --data-dir",
                dir.display()
            ),
            OpenError::NewerFormat { found } => write!(
                f,
                "the journal has format version {found}, this build reads up to {FORMAT_VERSION}; \
                 nothing was changed: use a newer pi-server"
            ),
            OpenError::MissingKey { path } => write!(
                f,
                "the journal's key {} is missing: restore it, or move the journal away to begin a \
                 new one. Without its key (it may have been dropped with \
                 `pi-server journal drop-key`) a journal can be read by pi-replay, and not gone on \
                 with",
                path.display()
            ),
            OpenError::WrongKey { path } => write!(
                f,
                "{} is not the key that the journal was made with: restore the right one",
                path.display()
            ),
            OpenError::NoSnapshot { dir, rejected } => {
                let path = dir.join(super::SNAPSHOT_DIR);
                write!(f, "the journal in {} begins with a snapshot, ", dir.display())?;
                write!(f, "and {} has none that can be used", path.display())?;
                for (number, error) in rejected {
                    write!(f, "; {number:08}.snap: {error}")?;
                }
                f.write_str("; nothing was changed: restore it from a copy")
            }
            OpenError::BadPack { dir, source } => write!(
                f,
                "the bodies in {} cannot be read ({source}); nothing was changed: restore them \
                 from a copy",
                dir.join(super::BODIES_DIR).display()
            ),
            OpenError::Io { operation, dir, source } => {
                write!(f, "cannot {operation} in {}: {source}", dir.display())
            }
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            OpenError::Unwritable { source, .. }
            | OpenError::BadPack { source, .. }
            | OpenError::Io { source, .. } => Some(source),
            OpenError::Compressed { fault, .. } => Some(fault),
            OpenError::Locked { .. }
            | OpenError::DiskFull { .. }
            | OpenError::UnsafeFileSystem { .. }
            | OpenError::Damaged { .. }
            | OpenError::NewerFormat { .. }
            | OpenError::NoSnapshot { .. }
            | OpenError::MissingKey { .. }
            | OpenError::WrongKey { .. } => None,
        }
    }
}

/// The journal takes nothing any more, for good. The process should end, and the next start finds
/// out what is on disk; to try again would prove nothing.
#[derive(Clone, Debug)]
pub enum JournalError {
    /// A sync failed: nobody knows what the disk holds.
    SyncFailed {
        /// What was being synced.
        what: &'static str,
        /// Why.
        source: Arc<io::Error>,
    },
    /// A write failed.
    WriteFailed {
        /// The segment.
        segment: u64,
        /// Why.
        source: Arc<io::Error>,
    },
    /// The files are not this daemon's any more. Nothing was written since that was noticed.
    Lost {
        /// Why.
        source: Arc<io::Error>,
    },
    /// There is no room to go on in.
    Full(Full),
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JournalError::SyncFailed { what, source } => {
                write!(f, "cannot sync {what}: {source}; nothing more is accepted")
            }
            JournalError::WriteFailed { segment, source } => {
                write!(f, "cannot write to segment {segment}: {source}; nothing more is accepted")
            }
            JournalError::Lost { source } => {
                write!(
                    f,
                    "the journal is not this daemon's any more: {source}; nothing more is accepted"
                )
            }
            JournalError::Full(full) => full.fmt(f),
        }
    }
}

impl Error for JournalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            JournalError::SyncFailed { source, .. }
            | JournalError::WriteFailed { source, .. }
            | JournalError::Lost { source } => Some(&**source),
            JournalError::Full(full) => Some(full),
        }
    }
}

/// Why a snapshot cannot be used.
#[derive(Debug)]
pub enum SnapshotError {
    /// The file.
    Io(io::Error),
    /// The bytes.
    Fault(SnapshotFault),
    /// It belongs to another journal, or has another number than its name.
    Foreign,
    /// The segment behind it does not go on where it ends.
    Chain,
    /// What is in it cannot be decoded.
    Payload,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SnapshotError::Io(error) => error.fmt(f),
            SnapshotError::Fault(fault) => fault.fmt(f),
            SnapshotError::Foreign => f.write_str("it belongs elsewhere"),
            SnapshotError::Chain => f.write_str("the segment behind it does not continue it"),
            SnapshotError::Payload => f.write_str("what is in it cannot be decoded"),
        }
    }
}

impl Error for SnapshotError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            SnapshotError::Io(error) => Some(error),
            SnapshotError::Fault(_)
            | SnapshotError::Foreign
            | SnapshotError::Chain
            | SnapshotError::Payload => None,
        }
    }
}

/// There is no next segment.
#[derive(Clone, Debug)]
pub struct Full {
    /// The segment that could not be built.
    pub segment: u64,
    /// Why.
    pub source: Arc<io::Error>,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the journal is full: cannot build segment {}: {}", self.segment, self.source)
    }
}

impl Error for Full {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// Why an input was not taken. Nothing was written.
#[derive(Clone, Debug)]
pub enum AppendError {
    /// It is larger than any record.
    TooLarge {
        /// Bytes of the body.
        body: u64,
    },
    /// There is no room; later there may be.
    Full(Full),
    /// Too many originals of redacted bodies are held in memory; later there will be fewer.
    Held,
    /// The journal takes nothing any more.
    Failed(JournalError),
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppendError::TooLarge { body } => write!(
                f,
                "an input of {INPUT_BYTES_MAX} bytes or more, or a body of {body} bytes, is too \
                 large for the journal"
            ),
            AppendError::Full(full) => full.fmt(f),
            AppendError::Held => f.write_str("too many redacted commands are in flight"),
            AppendError::Failed(error) => error.fmt(f),
        }
    }
}

impl Error for AppendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            AppendError::TooLarge { .. } | AppendError::Held => None,
            AppendError::Full(full) => Some(full),
            AppendError::Failed(error) => Some(error),
        }
    }
}

impl From<JournalError> for AppendError {
    fn from(error: JournalError) -> AppendError {
        match error {
            JournalError::Full(full) => AppendError::Full(full),
            JournalError::SyncFailed { .. }
            | JournalError::WriteFailed { .. }
            | JournalError::Lost { .. } => AppendError::Failed(error),
        }
    }
}

/// Why a record that was taken earlier cannot be read.
#[derive(Debug)]
pub struct ReadError {
    /// The segment.
    pub segment: u64,
    /// Where in it.
    pub offset: usize,
    /// What failed.
    pub fault: ReadFault,
}

impl ReadError {
    /// The bytes of a segment cannot be had.
    pub(super) fn of(segment: u64, error: io::Error) -> ReadError {
        let fault = ReadFault::of(error);
        let offset = match &fault {
            ReadFault::Compressed(fault) => fault.offset(),
            ReadFault::Io(_)
            | ReadFault::Record(_)
            | ReadFault::Segment(_)
            | ReadFault::Input(_) => 0,
        };
        ReadError { segment, offset, fault }
    }
}

/// What failed when a record was read.
#[derive(Debug)]
pub enum ReadFault {
    /// The file.
    Io(io::Error),
    /// The record is not what was written.
    Record(pi_server_core::record::Fault),
    /// The header of the segment is not what was written.
    Segment(pi_server_core::record::SegmentFault),
    /// The file of the segment, which is compressed, is not what was written.
    Compressed(CompressedFault),
    /// The input in it is none that this build knows.
    Input(pi_server_core::record::DecodeError),
}

impl ReadFault {
    /// What an error says about the file of a segment.
    pub(super) fn of(error: io::Error) -> ReadFault {
        CompressedFault::of(&error).map_or(ReadFault::Io(error), ReadFault::Compressed)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read segment {} at {}: ", self.segment, self.offset)?;
        match &self.fault {
            ReadFault::Io(error) => error.fmt(f),
            ReadFault::Record(fault) => fault.fmt(f),
            ReadFault::Segment(fault) => fault.fmt(f),
            ReadFault::Compressed(fault) => fault.fmt(f),
            ReadFault::Input(error) => error.fmt(f),
        }
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.fault {
            ReadFault::Io(error) => Some(error),
            ReadFault::Compressed(fault) => Some(fault),
            ReadFault::Record(_) | ReadFault::Segment(_) | ReadFault::Input(_) => None,
        }
    }
}
