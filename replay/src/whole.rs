//! Files and directories that appear whole or not at all.
//!
//! They are written beside their place under a name that says that they are not done, synced, and
//! get their name last. Nothing is ever written over, least of all a journal.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::play::PlayError;

/// The name under which something is made that will be `path`.
fn unfinished(path: &Path) -> Result<PathBuf, PlayError> {
    let Some(name) = path.file_name() else {
        return Err(PlayError::Unfit(format!("{} is no name for a result", path.display())));
    };
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".unfinished-{}", std::process::id()));
    Ok(path.with_file_name(hidden))
}

/// Says so if something is where a result is to be.
///
/// # Errors
/// Something is there, or that cannot be found out.
pub fn must_be_new(path: &Path) -> Result<(), PlayError> {
    match path.symlink_metadata() {
        Ok(_) => Err(PlayError::Exists { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(PlayError::Create { path: path.to_owned(), source }),
    }
}

/// Makes the name of something in a directory durable.
fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// A file in the making. Dropped before it is finished, it leaves nothing behind.
#[derive(Debug)]
pub struct NewFile {
    /// Where it will be.
    path: PathBuf,
    /// Where it is until then; `None` for a device or a pipe, which is written to as it is.
    unfinished: Option<PathBuf>,
    file: File,
}

impl NewFile {
    /// Begins a file with these rights. A device or a pipe that is there is written to.
    ///
    /// # Errors
    /// The file exists, or cannot be made.
    pub fn new(path: &Path, mode: u32) -> Result<NewFile, PlayError> {
        let failed = |source| PlayError::Create { path: path.to_owned(), source };
        let is_stream = path
            .metadata()
            .is_ok_and(|there| there.file_type().is_char_device() || there.file_type().is_fifo());
        if is_stream {
            let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
            return Ok(NewFile { path: path.to_owned(), unfinished: None, file });
        }
        must_be_new(path)?;
        let unfinished = unfinished(path)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(mode);
        let file = options.open(&unfinished).map_err(failed)?;
        Ok(NewFile { path: path.to_owned(), unfinished: Some(unfinished), file })
    }

    /// Gives it its name, if nothing has got it meanwhile.
    ///
    /// # Errors
    /// It cannot be synced, or the name is taken. There is no file then.
    pub fn finish(mut self) -> Result<(), PlayError> {
        let failed = |path: &Path, source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => PlayError::Exists { path: path.to_owned() },
            _ => PlayError::Create { path: path.to_owned(), source },
        };
        let Some(unfinished) = self.unfinished.take() else { return Ok(()) };
        let named = self.file.sync_all().and_then(|()| name(&unfinished, &self.path));
        if named.is_err() {
            drop(std::fs::remove_file(&unfinished));
        }
        named.map_err(|error| failed(&self.path, error))?;
        sync_parent(&self.path).map_err(|error| failed(&self.path, error))
    }
}

/// Gives a file its name, which must be free.
fn name(unfinished: &Path, path: &Path) -> io::Result<()> {
    match std::fs::hard_link(unfinished, path) {
        Ok(()) => std::fs::remove_file(unfinished),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // Some file systems have no second names.
        Err(_) if path.symlink_metadata().is_err() => std::fs::rename(unfinished, path),
        Err(_) => Err(io::Error::from(io::ErrorKind::AlreadyExists)),
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(path) = &self.unfinished {
            drop(std::fs::remove_file(path));
        }
    }
}

/// A directory in the making, for whoever runs this alone. Dropped before it is finished, it leaves
/// nothing behind.
#[derive(Debug)]
pub struct NewFolder {
    /// Where it will be.
    path: PathBuf,
    /// Where it is until then; `None` once it is finished.
    unfinished: Option<PathBuf>,
}

impl NewFolder {
    /// Begins a directory.
    ///
    /// # Errors
    /// It exists, or cannot be made.
    pub fn new(path: &Path) -> Result<NewFolder, PlayError> {
        must_be_new(path)?;
        let unfinished = unfinished(path)?;
        make(&unfinished).map_err(|source| PlayError::Create { path: path.to_owned(), source })?;
        Ok(NewFolder { path: path.to_owned(), unfinished: Some(unfinished) })
    }

    /// Where something in it is for now.
    fn inside(&self, name: &str) -> PathBuf {
        self.now().join(name)
    }

    /// Where it is for now.
    pub fn now(&self) -> &Path {
        self.unfinished.as_deref().unwrap_or(&self.path)
    }

    /// Makes a folder in it, if it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn folder(&self, name: &str) -> Result<(), PlayError> {
        let path = self.inside(name);
        if path.is_dir() {
            return Ok(());
        }
        make(&path).map_err(|source| self.failed(name, source))
    }

    /// Writes a file in it; zeros at its end take no room.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn file(&self, name: &str, bytes: &[u8]) -> Result<(), PlayError> {
        self.file_of(name, bytes, bytes.len() as u64)
    }

    /// Writes a file of a length, of which `bytes` are all but zeros at its end.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn file_of(&self, name: &str, bytes: &[u8], length: u64) -> Result<(), PlayError> {
        let write = || -> io::Result<()> {
            let mut options = OpenOptions::new();
            let options = options.write(true).create_new(true).mode(0o600);
            let mut file = options.open(self.inside(name))?;
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            file.write_all(&bytes[..used])?;
            file.set_len(length)?;
            file.sync_all()
        };
        write().map_err(|source| self.failed(name, source))
    }

    fn failed(&self, name: &str, source: io::Error) -> PlayError {
        PlayError::Create { path: self.path.join(name), source }
    }

    /// Gives it its name, if nothing has got it meanwhile.
    ///
    /// # Errors
    /// It cannot be synced, or the name is taken. There is no directory then.
    pub fn finish(mut self) -> Result<(), PlayError> {
        let failed = |source| PlayError::Create { path: self.path.clone(), source };
        let unfinished = self.now().to_owned();
        sync_folders(&unfinished).map_err(failed)?;
        must_be_new(&self.path)?;
        std::fs::rename(&unfinished, &self.path).map_err(failed)?;
        sync_parent(&self.path).map_err(failed)?;
        self.unfinished = None;
        Ok(())
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        if let Some(path) = &self.unfinished {
            drop(std::fs::remove_dir_all(path));
        }
    }
}

fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Makes the names in a folder and in the folders in it durable.
fn sync_folders(path: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_before_it_is_finished_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let mut file = NewFile::new(&path, 0o600).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(file);
        let folder = NewFolder::new(&path).unwrap();
        folder.folder("in").unwrap();
        folder.file("in/a", b"half").unwrap();
        assert!(!path.exists());
        drop(folder);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_gets_the_name_meanwhile_is_not_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let file = NewFile::new(&path, 0o600).unwrap();
        std::fs::write(&path, "somebody's").unwrap();
        assert!(matches!(file.finish(), Err(PlayError::Exists { .. })));
        assert!(matches!(NewFile::new(&path, 0o600), Err(PlayError::Exists { .. })));
        assert!(matches!(NewFolder::new(&path), Err(PlayError::Exists { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"somebody's");
        std::fs::remove_file(&path).unwrap();
        let folder = NewFolder::new(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(folder.finish(), Err(PlayError::Exists { .. })));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        std::fs::remove_dir(&path).unwrap();
        let folder = NewFolder::new(&path).unwrap();
        folder.file("a", b"all\0\0").unwrap();
        folder.finish().unwrap();
        assert_eq!(std::fs::read(path.join("a")).unwrap(), b"all\0\0");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
