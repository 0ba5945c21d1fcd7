//! Files that are held open, so that they can be read although a daemon drops or replaces them.
//!
//! A verb may read a journal twice and take long, and a daemon beside it drops old segments once a
//! snapshot stands for them. A file that is open stays readable without its name. So the files that
//! are there when a journal is opened are held, and are the journal: nothing has to begin again
//! half-way. What was written later is read as long as nothing is missing before it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use pi_server_compress::read_part;
use pi_server_system::file::open_regular;
use rustix::io::Errno;

/// Most files of a kind that are held: the first ones, since those are dropped first. What is behind
/// them would have to be dropped while they are read.
pub const PINNED_MAX: usize = 128;

/// Files by their number.
#[derive(Debug, Default)]
pub(super) struct Pins {
    /// Those that there were.
    numbers: Vec<u64>,
    files: BTreeMap<u64, File>,
}

impl Pins {
    /// Opens the first files of a list; `None` if one is not there any more, and with it the list is
    /// out of date. What cannot be opened for another reason is left for whoever reads it.
    pub(super) fn open(numbers: Vec<u64>, path: impl Fn(u64) -> PathBuf) -> Option<Pins> {
        let mut files = BTreeMap::new();
        for number in numbers.iter().take(PINNED_MAX) {
            match open_regular(&path(*number)) {
                Ok(file) => drop(files.insert(*number, file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
                Err(error) if is_out_of_files(&error) => {
                    // Whoever reads needs some too: what is held is a help, no need.
                    while files.len() > FEW {
                        files.pop_last();
                    }
                    break;
                }
                Err(_) => {}
            }
        }
        Some(Pins { numbers, files })
    }

    /// The numbers of those that there were.
    pub(super) fn numbers(&self) -> Vec<u64> {
        self.numbers.clone()
    }

    /// The same, and those of a list that follow them one by one.
    pub(super) fn with(&self, listed: &[u64]) -> Vec<u64> {
        let mut numbers = self.numbers.clone();
        for number in listed {
            if numbers.last().is_some_and(|last| last + 1 == *number) {
                numbers.push(*number);
            }
        }
        numbers
    }

    /// The file of a number: the one that is held, or else what has that path now.
    fn reader(&self, number: u64, path: &Path) -> io::Result<Reader<'_>> {
        match self.files.get(&number) {
            Some(file) => Ok(Reader::Held(file)),
            None => open_regular(path).map(Reader::Now),
        }
    }

    /// Reads a whole file into `bytes`.
    pub(super) fn read(&self, number: u64, path: &Path, bytes: &mut Vec<u8>) -> io::Result<()> {
        let reader = self.reader(number, path)?;
        let file = reader.file();
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        // Old bytes are written over: zeroing them first would take as long as reading.
        bytes.resize(length, 0);
        file.read_exact_at(bytes, 0)
    }

    /// Reads a part of a segment, whose file may be compressed.
    pub(super) fn read_part(
        &self,
        number: u64,
        path: &Path,
        at: u64,
        bytes: &mut [u8],
    ) -> io::Result<()> {
        // One file for all that is read of it: another may take its name meanwhile.
        let reader = self.reader(number, path)?;
        let file = reader.file();
        let length = file.metadata()?.len();
        read_part(length, &mut |at, part| file.read_exact_at(part, at), at, bytes)
    }
}

/// So many files are held where the process may not open more.
const FEW: usize = 2;

fn is_out_of_files(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    code == Some(Errno::MFILE.raw_os_error()) || code == Some(Errno::NFILE.raw_os_error())
}

enum Reader<'a> {
    Held(&'a File),
    Now(File),
}

impl Reader<'_> {
    fn file(&self) -> &File {
        match self {
            Reader::Held(file) => file,
            Reader::Now(file) => file,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HEAD_FILE, SEGMENT_DIR, Source, SourceError};
    use super::*;

    fn segment(dir: &Path, number: u64) -> PathBuf {
        dir.join(SEGMENT_DIR).join(format!("{number:08}.seg"))
    }

    /// A folder with files that look like segments by their names.
    fn folder(count: u64) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(SEGMENT_DIR)).unwrap();
        std::fs::write(dir.path().join(HEAD_FILE), "").unwrap();
        for number in 1..=count {
            std::fs::write(segment(dir.path(), number), number.to_string()).unwrap();
        }
        dir
    }

    #[test]
    fn so_many_dropped_files_are_read_all_the_same_and_no_more() {
        let most = u64::try_from(PINNED_MAX).unwrap();
        let dir = folder(most + 1);
        let source = Source::open(dir.path()).unwrap();
        std::fs::remove_dir_all(dir.path().join(SEGMENT_DIR)).unwrap();
        std::fs::create_dir(dir.path().join(SEGMENT_DIR)).unwrap();
        assert_eq!(source.segments().unwrap(), (1..=most + 1).collect::<Vec<_>>());
        let mut bytes = b"what was there before".to_vec();
        source.read_segment(most, &mut bytes).unwrap();
        assert_eq!(bytes, most.to_string().as_bytes());
        source.read_part(1, 0, &mut bytes[..1]).unwrap();
        assert_eq!(&bytes[..1], b"1");
        let beyond = source.read_segment(most + 1, &mut bytes).unwrap_err();
        assert!(matches!(beyond, SourceError::Dropped { .. }), "{beyond}");
        assert!(beyond.to_string().contains("run it again"), "{beyond}");
    }

    #[test]
    fn files_that_go_while_they_are_listed_are_no_error() {
        let dir = folder(4);
        let path = dir.path().to_owned();
        let daemon = std::thread::spawn(move || {
            // A thousand times as fast as a daemon does it.
            for number in 1..=1_000 {
                std::fs::write(segment(&path, number + 4), "x").unwrap();
                std::fs::remove_file(segment(&path, number)).unwrap();
                std::thread::sleep(std::time::Duration::from_micros(300));
            }
        });
        while !daemon.is_finished() {
            let source = Source::open(dir.path()).unwrap();
            let held = source.segments().unwrap();
            let mut bytes = Vec::new();
            source.read_segment(held[0], &mut bytes).unwrap();
        }
        daemon.join().unwrap();
    }
}
