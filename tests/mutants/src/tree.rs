//! The copy of the workspace in which every mutant has its switch.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::list::Mutant;
use crate::sites::{self, LeftOut, Sites};
use crate::weave::{Woven, weave};

const SWITCH: &str = include_str!("switch.rs");
const ROOT: &str = "core/src/lib.rs";
/// Behind the text of a module: replacements name what every crate with a standard library knows.
const NAMES: &str = "\nuse std::prelude::v1::*;\n";
/// Behind the text of [`ROOT`].
const TAIL: &str = "\n#[macro_use]\nextern crate std;\nuse std::prelude::v1::*;\npub mod mutant;\n";

/// A file of the core that has mutants.
struct Source {
    text: String,
    sites: Sites,
}

/// The core's files, what is to be put into them, and which mutants have a switch.
pub(crate) struct Tree {
    sources: BTreeMap<String, Source>,
    /// How many mutants there are.
    count: usize,
    pub(crate) left_out: BTreeMap<u32, LeftOut>,
    /// Which do not compile, as far as it is known.
    pub(crate) broken: BTreeSet<u32>,
}

impl Tree {
    /// Finds all mutants in the sources under `root`.
    pub(crate) fn read(root: &Path, mutants: &[Mutant]) -> Result<Tree, Error> {
        let mut files: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
        for mutant in mutants {
            files.entry(&mutant.file).or_default().push(mutant);
        }
        let mut tree = Tree {
            sources: BTreeMap::new(),
            count: mutants.len(),
            left_out: BTreeMap::new(),
            broken: BTreeSet::new(),
        };
        for (file, mutants) in files {
            let text = read(&root.join(file))?;
            let sites = sites::find(&text, &mutants)
                .map_err(|error| Error::Syntax { file: file.to_owned(), error })?;
            tree.left_out.extend(sites.left_out.iter().copied());
            tree.broken.extend(&sites.ungrammatical);
            tree.sources.insert(file.to_owned(), Source { text, sites });
        }
        Ok(tree)
    }

    /// Whether a mutant can be switched on.
    pub(crate) fn has(&self, number: u32) -> bool {
        !self.left_out.contains_key(&number) && !self.broken.contains(&number)
    }

    /// Copies what git knows of `root` to `copy`. What is there already and the same stays
    /// untouched, so that it is not built again.
    pub(crate) fn copy(&self, root: &Path, copy: &Path) -> Result<(), Error> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .map_err(|error| Error::Start { program: "git", error })?;
        if !listed.status.success() {
            let words = String::from_utf8_lossy(&listed.stderr).into_owned();
            return Err(Error::Files { words });
        }
        let listed = String::from_utf8_lossy(&listed.stdout);
        let mut kept: BTreeSet<PathBuf> = BTreeSet::new();
        for file in listed.split('\0').filter(|file| !file.is_empty()) {
            let (from, to) = (root.join(file), copy.join(file));
            // A file that is deleted, which git was not told yet, is still listed.
            if !from.is_file() {
                continue;
            }
            if file == ROOT {
                write(&to, (read(&from)? + TAIL).as_bytes())?;
            } else if !self.sources.contains_key(file) {
                write(&to, &fs::read(&from).map_err(|error| Error::File { path: from, error })?)?;
            }
            kept.insert(to);
        }
        let switch = copy.join("core/src/mutant.rs");
        let count = self.count;
        write(&switch, format!("{SWITCH}\nconst COUNT: usize = {count};\n").as_bytes())?;
        kept.insert(switch);
        sweep(copy, &kept).map_err(|error| Error::File { path: copy.to_owned(), error })
    }

    /// Writes the core's files with every mutant in them that compiles, as far as it is known.
    pub(crate) fn weave(&self, copy: &Path) -> Result<BTreeMap<String, Woven>, Error> {
        let mut all = BTreeMap::new();
        for (file, Source { text, sites }) in &self.sources {
            let edits: Vec<_> = sites
                .edits
                .iter()
                .filter_map(|edit| edit.only(|number| self.has(number)))
                .collect();
            let mut woven = weave(text, &edits);
            woven.text.push_str(if file == ROOT { TAIL } else { NAMES });
            write(&copy.join(file), woven.text.as_bytes())?;
            all.insert(file.clone(), woven);
        }
        Ok(all)
    }
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| Error::File { path: path.to_owned(), error })
}

fn write(path: &PathBuf, bytes: &[u8]) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let written = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = written.and_then(|()| fs::write(path, bytes));
    written.map_err(|error| Error::File { path: path.clone(), error })
}

/// Removes the files of an earlier copy that are no more.
fn sweep(dir: &Path, kept: &BTreeSet<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            sweep(&path, kept)?;
        } else if !kept.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
