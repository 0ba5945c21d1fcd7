//! Data directories that this tool makes. They are always new: nothing is ever written over.

use std::path::Path;

use crate::play::PlayError;
use crate::source::{HEAD_FILE, KEY_FILE, PACK_DIR, SEGMENT_DIR, SNAPSHOT_DIR};
use crate::whole::NewFolder;

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

    /// Takes a pack of bodies.
    ///
    /// # Errors
    /// It cannot be written.
    fn pack(&mut self, number: u64, bytes: &[u8]) -> Result<(), PlayError>;
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

    fn pack(&mut self, number: u64, bytes: &[u8]) -> Result<(), PlayError> {
        Made::pack(self, number, bytes)
    }
}

/// A data directory in the making, with the rights that a daemon's has.
#[derive(Debug)]
pub struct Made {
    folder: NewFolder,
}

impl Made {
    /// Begins the directory, which appears when it is finished.
    ///
    /// # Errors
    /// It exists, or cannot be made.
    pub fn new(dir: &Path) -> Result<Made, PlayError> {
        let folder = NewFolder::new(dir)?;
        folder.folder(SEGMENT_DIR)?;
        Ok(Made { folder })
    }

    /// Where it is for now.
    pub fn now(&self) -> &Path {
        self.folder.now()
    }

    /// Lets it appear.
    ///
    /// # Errors
    /// It cannot be synced, or its name is taken.
    pub fn finish(self) -> Result<(), PlayError> {
        self.folder.finish()
    }

    /// Writes `HEAD`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn head(&self, bytes: &[u8]) -> Result<(), PlayError> {
        self.folder.file(HEAD_FILE, bytes)
    }

    /// Writes the key.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn key(&self, bytes: &[u8]) -> Result<(), PlayError> {
        self.folder.file(KEY_FILE, bytes)
    }

    /// Writes a snapshot.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn snapshot(&self, number: u64, bytes: &[u8]) -> Result<(), PlayError> {
        self.folder.folder(SNAPSHOT_DIR)?;
        self.folder.file(&format!("{SNAPSHOT_DIR}/{number:08}.snap"), bytes)
    }

    /// Writes a pack of bodies.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn pack(&self, number: u64, bytes: &[u8]) -> Result<(), PlayError> {
        self.folder.folder(PACK_DIR)?;
        self.folder.file(&format!("{PACK_DIR}/{number:08}.pack"), bytes)
    }

    /// Writes a segment; zeros at its end take no room.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn segment(&self, number: u64, bytes: &[u8]) -> Result<(), PlayError> {
        self.segment_of(number, bytes, bytes.len() as u64)
    }

    /// Writes a segment of a length, of which `bytes` are all but zeros at its end.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn segment_of(&self, number: u64, bytes: &[u8], length: u64) -> Result<(), PlayError> {
        self.folder.file_of(&format!("{SEGMENT_DIR}/{number:08}.seg"), bytes, length)
    }
}
