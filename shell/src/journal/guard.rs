//! Keeping a data directory for one daemon, and noticing when it is not that daemon's any more.
//!
//! A lock on a *file* is gone with its name: whoever removes `lock` lets a second writer in. The
//! directories themselves are locked, which have no second inode under the same name as long as they
//! are where they were; `lock` is held as well, for builds that know nothing else.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use pi_server_system::file::open_regular_with;
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::error::OpenError;
use super::files::{FILE_MODE, LOCK_FILE, SEGMENT_DIR, make_dir};

/// The locks on a data directory, held for this process as long as the value lives. They are in the
/// kernel and end with the process, however it ends; the handles are close-on-exec, so that no
/// agent inherits them.
pub(super) struct Guard {
    /// The data directory, and the directory of segments, which may be a link or a mount.
    directories: [Directory; 2],
    path: PathBuf,
    lock: Mutex<File>,
}

/// A directory that is locked, by its path and by itself.
struct Directory {
    path: PathBuf,
    handle: File,
}

impl Guard {
    /// Locks a data directory, which exists, and its directory of segments, which is made if need be.
    ///
    /// # Errors
    /// Another daemon has it, or it cannot be locked.
    pub(super) fn lock(dir: &Path) -> Result<Guard, OpenError> {
        let unwritable = |source| OpenError::Unwritable { dir: dir.to_owned(), source };
        let path = dir.join(LOCK_FILE);
        let data = Directory { path: dir.to_owned(), handle: File::open(dir).map_err(unwritable)? };
        let refuse = |error: io::Error| match error.kind() {
            ErrorKind::WouldBlock => OpenError::Locked { dir: dir.to_owned(), pid: holder(&path) },
            _ => OpenError::Io { operation: "lock", dir: dir.to_owned(), source: error },
        };
        // Before the file: a start that is refused must not leave one in the place of ours.
        data.lock().map_err(refuse)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
        let mut lock = open_regular_with(&mut options, &path).map_err(unwritable)?;
        flock(&lock).map_err(refuse)?;
        let segments = dir.join(SEGMENT_DIR);
        make_dir(&segments).map_err(unwritable)?;
        let handle = File::open(&segments).map_err(unwritable)?;
        let segments = Directory { path: segments, handle };
        segments.lock().map_err(refuse)?;
        sign(&mut lock).map_err(unwritable)?;
        Ok(Guard { directories: [data, segments], path, lock: Mutex::new(lock) })
    }

    /// The directory that the segments are in.
    pub(super) fn segments(&self) -> &File {
        &self.directories[1].handle
    }

    /// Returns an error if the journal is not this process's any more: a directory was moved or
    /// replaced, or another daemon has a lock of its own. To be called before anything is written
    /// under a path. A `lock` that was only removed is made again: no build comes in without one.
    pub(super) fn check(&self) -> io::Result<()> {
        for directory in &self.directories {
            directory.check()?;
        }
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let taken =
            || io::Error::other(format!("{} is the lock of another daemon", self.path.display()));
        match std::fs::symlink_metadata(&self.path) {
            Ok(facts) if is_same(&facts, &lock.metadata()?) => Ok(()),
            Ok(_) => Err(taken()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut options = OpenOptions::new();
                options.read(true).write(true).create_new(true).mode(FILE_MODE);
                match options.open(&self.path) {
                    Ok(mut file) => {
                        flock(&file).map_err(|_| taken())?;
                        // Only for the message that another one gets.
                        let _ = sign(&mut file);
                        *lock = file;
                        Ok(())
                    }
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(taken()),
                    // It is tried again before the next file; the directories are locked meanwhile.
                    Err(_) => Ok(()),
                }
            }
            // The system cannot say for now.
            Err(_) => Ok(()),
        }
    }
}

impl Directory {
    fn lock(&self) -> io::Result<()> {
        match flock(&self.handle) {
            // Some file systems, NFS among them, lock no directories; `lock` is all there is then.
            Err(error) if is_unsupported(&error) => Ok(()),
            other => other,
        }
    }

    fn check(&self) -> io::Result<()> {
        let gone = match std::fs::metadata(&self.path) {
            Ok(facts) => !is_same(&facts, &self.handle.metadata()?),
            // Other errors do not say that it is gone.
            Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        };
        if gone {
            let words = format!("{} was moved or replaced", self.path.display());
            return Err(io::Error::other(words));
        }
        Ok(())
    }
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

fn flock(file: &File) -> io::Result<()> {
    loop {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::INTR) => {}
            other => return Ok(other?),
        }
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(
        errno,
        Some(Errno::BADF | Errno::INVAL | Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP)
    )
}

/// Writes the number of this process into the lock, for the message that the next one gets.
fn sign(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    write!(lock, "{}", std::process::id())
}

/// The process that has signed a lock.
fn holder(path: &Path) -> Option<u32> {
    let mut text = String::new();
    let file = open_regular_with(OpenOptions::new().read(true), path).ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests;
