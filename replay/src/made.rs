//! Data directories that this tool makes. They are always new: nothing is ever written over.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::play::PlayError;
use crate::source::{HEAD_FILE, KEY_FILE, PACK_DIR, SEGMENT_DIR, SNAPSHOT_DIR};

/// What the files of a journal can be written into: a data directory, or a bundle.
pub trait Target {
    /// Takes `HEAD`.
    ///
    /// # Errors
    /// It cannot be written.
    fn head(&mut self, bytes: &[u8]) -> Result<(), PlayError>;

    /// Takes the key.
    ///
    /// # Errors
    /// It cannot be written.
    fn key(&mut self, bytes: &[u8]) -> Result<(), PlayError>;

    /// Takes a segment; zeros at its end take no room.
    ///
    /// # Errors
    /// It cannot be written.
    fn segment(&mut self, number: u64, bytes: &[u8]) -> Result<(), PlayError>;

    /// Takes a snapshot.
    ///
    /// # Errors
    /// It cannot be written.
    fn snapshot(&mut self, number: u64, bytes: &[u8]) -> Result<(), PlayError>;
}

impl Target for Made {
    fn head(&mut self, bytes: &[u8]) -> Result<(), PlayError> {
        Made::head(self, bytes)
    }

    fn key(&mut self, bytes: &[u8]) -> Result<(), PlayError> {
        Made::key(self, bytes)
    }

    fn segment(&mut self, number: u64, bytes: &[u8]) -> Result<(), PlayError> {
        Made::segment(self, number, bytes)
    }

    fn snapshot(&mut self, number: u64, bytes: &[u8]) -> Result<(), PlayError> {
        Made::snapshot(self, number, bytes)
    }
}

/// A data directory in the making, with the rights that a daemon's has.
#[derive(Debug)]
pub struct Made {
    dir: PathBuf,
}

impl Made {
    /// Makes the directory.
    ///
    /// # Errors
    /// It exists, or cannot be made.
    pub fn new(dir: &Path) -> Result<Made, PlayError> {
        for path in [dir.to_owned(), dir.join(SEGMENT_DIR)] {
            make(&path)?;
        }
        Ok(Made { dir: dir.to_owned() })
    }

    /// Writes `HEAD`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn head(&self, bytes: &[u8]) -> Result<(), PlayError> {
        file(&self.dir.join(HEAD_FILE), bytes)
    }

    /// Writes the key.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn key(&self, bytes: &[u8]) -> Result<(), PlayError> {
        file(&self.dir.join(KEY_FILE), bytes)
    }

    /// Writes a snapshot.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn snapshot(&self, number: u64, bytes: &[u8]) -> Result<(), PlayError> {
        self.numbered(SNAPSHOT_DIR, &format!("{number:08}.snap"), bytes)
    }

    /// Writes a pack of bodies.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn pack(&self, number: u64, bytes: &[u8]) -> Result<(), PlayError> {
        self.numbered(PACK_DIR, &format!("{number:08}.pack"), bytes)
    }

    /// Writes a file in a folder that is made when it is needed.
    fn numbered(&self, dir: &str, name: &str, bytes: &[u8]) -> Result<(), PlayError> {
        let path = self.dir.join(dir);
        if !path.is_dir() {
            make(&path)?;
        }
        file(&path.join(name), bytes)
    }

    /// Writes a segment; zeros at its end take no room.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn segment(&self, number: u64, bytes: &[u8]) -> Result<(), PlayError> {
        file(&self.dir.join(SEGMENT_DIR).join(format!("{number:08}.seg")), bytes)
    }
}

fn make(path: &Path) -> Result<(), PlayError> {
    let made = DirBuilder::new().mode(0o700).create(path);
    made.map_err(|source| PlayError::Create { path: path.to_owned(), source })
}

fn file(path: &Path, bytes: &[u8]) -> Result<(), PlayError> {
    let write = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        file.write_all(&bytes[..used])?;
        file.set_len(bytes.len() as u64)?;
        file.sync_all()
    };
    write().map_err(|source| PlayError::Create { path: path.to_owned(), source })
}
