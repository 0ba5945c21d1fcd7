//! What a daemon under test has in its journal, read with the same rules as every other reader.

use std::path::{Path, PathBuf};

use pi_server_core::record::{Mark, Place, Survey, decode_kind, read_head};
use pi_server_core::{Digest, Input};

/// One input with what was recorded around it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The input.
    pub input: Input,
    /// Its body; empty if there is none, or if it was erased.
    pub body: Vec<u8>,
    /// Digest of the outputs of the step *before* it.
    pub before: Digest,
}

/// A journal that was read to its end.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// All inputs, in order.
    pub inputs: Vec<Recorded>,
    /// Turns of the daemon's loop.
    pub commits: usize,
    /// Torn tails that were set aside.
    pub recoveries: usize,
    /// Where the next record goes.
    pub end: Place,
    /// Digest of the outputs of the last input's step.
    pub last: Digest,
}

impl Journal {
    /// Reads the journal in a data directory, which a daemon may be writing.
    ///
    /// # Panics
    /// It is damaged, or there is none.
    pub fn read(dir: &Path) -> Journal {
        let head = std::fs::read(dir.join("HEAD")).expect("a journal has a HEAD");
        let mut survey = Survey::new(read_head(&head).expect("a HEAD that can be read"));
        let mut journal = Journal::default();
        for (number, path) in segments(dir) {
            let bytes = segment(&path);
            let surveyed = survey.segment(number, &bytes, &mut |_, record| {
                journal.last = record.header.outputs;
                match record.mark {
                    Some(Mark::Commit(_)) => journal.commits += 1,
                    Some(Mark::Recovered(_)) => journal.recoveries += 1,
                    Some(Mark::Seal(_) | Mark::Begin(_)) => {}
                    None => {
                        let kind = decode_kind(record.input).expect("an input of this build");
                        journal.inputs.push(Recorded {
                            input: record.rebuild(kind),
                            body: record.body().unwrap_or_default().to_vec(),
                            before: record.header.outputs,
                        });
                    }
                }
            });
            surveyed.unwrap_or_else(|damage| panic!("a damaged journal: {damage}"));
        }
        let verdict = survey.finish().unwrap_or_else(|damage| panic!("{damage}"));
        journal.end = verdict.end;
        journal
    }

    /// Bytes of all bodies.
    pub fn body_bytes(&self) -> usize {
        self.inputs.iter().map(|recorded| recorded.body.len()).sum()
    }
}

/// The bytes of a segment, whether its file is compressed or not.
///
/// # Panics
/// The file cannot be read, or is not what was written.
pub fn segment(path: &Path) -> Vec<u8> {
    let file = std::fs::read(path).expect("a segment can be read");
    restored(&file).unwrap_or(file)
}

/// The bytes of a segment whose file is compressed; `None` if these are not the bytes of one.
///
/// # Panics
/// The file is not what was written.
pub fn restored(file: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let is_compressed = pi_server_compress::restore(file, &mut bytes);
    is_compressed.unwrap_or_else(|fault| panic!("{fault}")).then_some(bytes)
}

/// The segments in a data directory: numbers and paths, in order.
///
/// # Panics
/// The folder cannot be listed.
pub fn segments(dir: &Path) -> Vec<(u64, PathBuf)> {
    let folder = std::fs::read_dir(dir.join("journal")).expect("a folder of segments");
    let mut found: Vec<(u64, PathBuf)> = folder
        .filter_map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name()?.to_str()?.strip_suffix(".seg")?;
            Some((name.parse().ok()?, path))
        })
        .collect();
    found.sort();
    found
}
