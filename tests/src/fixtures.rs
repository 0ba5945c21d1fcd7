//! The committed journals in `fixtures/journals`: those of every format, a day of traffic, scripts,
//! and a family for each release.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The folder with the families: one for each release, by its name.
const RELEASES: &str = "releases";

/// The folder of all committed journals.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journals")
}

/// Every committed journal that has a `.golden` file, or should: all but those of releases.
///
/// # Panics
/// The folder cannot be listed.
pub fn goldens() -> Vec<PathBuf> {
    let mut found = journals_in(&folder());
    found.retain(|path| !path.starts_with(folder().join(RELEASES)));
    found
}

/// One release's journals.
#[derive(Clone, Debug)]
pub struct Release {
    /// The release, as its folder is called.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its journals: `whole`, `trimmed` and so on.
    pub members: Vec<PathBuf>,
}

/// The families of journals that are there, one for each release.
///
/// # Panics
/// A folder cannot be listed.
pub fn releases() -> Vec<Release> {
    let release =
        |folder: PathBuf| Release { name: name(&folder), members: journals_in(&folder), folder };
    folders(&folder().join(RELEASES)).into_iter().map(release).collect()
}

/// The last part of a path, as text.
///
/// # Panics
/// It has none.
pub fn name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

/// The journals in a folder and in the folders of it, sorted: what has a `HEAD` is one.
fn journals_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in folders(folder) {
        if path.join("HEAD").exists() {
            found.push(path);
        } else {
            found.extend(journals_in(&path));
        }
    }
    found
}

/// The folders in a folder, sorted.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    found
}

/// Copies a journal, with the rights that a daemon's has.
///
/// # Panics
/// It cannot be copied.
pub fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            fs::create_dir(&target).expect("a new folder");
            fs::set_permissions(&target, fs::Permissions::from_mode(0o700)).expect("its owner");
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
            fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).expect("its owner");
        }
    }
}

/// A copy of a journal as a data directory, which goes away with the test.
///
/// # Panics
/// It cannot be copied.
pub fn copied(from: &Path) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    copy(from, dir.path());
    dir
}
