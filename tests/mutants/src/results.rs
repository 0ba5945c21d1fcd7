//! What became of each mutant; a line of JSON each, written as it is known.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fate {
    /// A test failed.
    Found,
    /// A test did not end.
    TimedOut,
    /// Every test passed.
    Survived,
    DoesNotCompile,
    /// It has no switch.
    LeftOut,
}

/// The fate of a mutant, and what is to say about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) name: String,
    pub(crate) fate: Fate,
    /// The stage and its tests that noticed it, or why it was left out.
    pub(crate) note: String,
}

/// The file with the verdicts.
pub(crate) struct Results {
    path: PathBuf,
    file: File,
    verdicts: BTreeMap<String, Verdict>,
}

impl Results {
    /// Begins a file, or goes on with one.
    pub(crate) fn open(path: &Path, goes_on: bool) -> Result<Results, Error> {
        let fail = |error| Error::File { path: path.to_owned(), error };
        let mut verdicts = BTreeMap::new();
        if goes_on && path.exists() {
            for line in fs::read_to_string(path).map_err(fail)?.lines() {
                let verdict: Verdict = serde_json::from_str(line).map_err(|error| {
                    Error::Results { path: path.to_owned(), words: error.to_string() }
                })?;
                verdicts.insert(verdict.name.clone(), verdict);
            }
        }
        let mut file = File::options();
        file.append(goes_on).truncate(!goes_on).write(true).create(true);
        let file = file.open(path).map_err(fail)?;
        Ok(Results { path: path.to_owned(), file, verdicts })
    }

    /// What is known of a mutant from before. A survivor is always asked about again: there may be
    /// new tests.
    pub(crate) fn settled(&self, name: &str) -> Option<&Verdict> {
        self.verdicts.get(name).filter(|verdict| verdict.fate != Fate::Survived)
    }

    /// Writes a verdict down.
    pub(crate) fn add(&mut self, verdict: &Verdict) -> Result<(), Error> {
        let fail = |error| Error::File { path: self.path.clone(), error };
        let line = serde_json::to_string(verdict).map_err(|error| fail(error.into()))?;
        writeln!(self.file, "{line}").map_err(fail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_goes_on_asks_only_about_survivors_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results.jsonl");
        let verdict = |name: &str, fate| Verdict { name: name.into(), fate, note: String::new() };
        let mut results = Results::open(&path, false).unwrap();
        results.add(&verdict("a", Fate::Survived)).unwrap();
        results.add(&verdict("b", Fate::Found)).unwrap();
        drop(results);
        let mut results = Results::open(&path, true).unwrap();
        assert_eq!(results.settled("a"), None);
        assert_eq!(results.settled("b").unwrap().fate, Fate::Found);
        results.add(&verdict("a", Fate::Found)).unwrap();
        drop(results);
        let results = Results::open(&path, true).unwrap();
        assert_eq!(results.settled("a").unwrap().fate, Fate::Found);
        drop(results);
        assert_eq!(Results::open(&path, false).unwrap().settled("b"), None);
    }
}
