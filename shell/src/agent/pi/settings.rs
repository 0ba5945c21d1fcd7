//! The settings of one session: the user's, and over them the keys that the session's own pi has set.
//! Which those are is known from a copy of the user's settings as they were when the session's were
//! made of them.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use pi_server_system::file::read_regular;
use serde_json::{Map, Value};

use super::home::SETTINGS;

/// Longest file of settings, and of what else a session's pi shares, that is read, in bytes.
pub(super) const BYTES_MAX: u64 = 4 << 20;

/// The user's settings as they were, beside the session's own.
pub(super) const BASE: &str = "settings.base.json";

/// What is installed is listed under this key: it is for every session.
const PACKAGES: &str = "packages";

/// Brings a session's settings up to date with the user's.
///
/// # Errors
/// The operation that failed.
pub(super) fn merge(user: &Path, folder: &Path) -> io::Result<()> {
    let (own_path, base_path) = (folder.join(SETTINGS), folder.join(BASE));
    let theirs_bytes = read(user)?;
    let Some(mut theirs) = parse(&theirs_bytes) else {
        // pi says what is wrong with it, as it would of the user's own.
        return if theirs_bytes.is_empty() {
            Ok(())
        } else {
            write_private(&own_path, &theirs_bytes)
        };
    };
    let own = parse(&read(&own_path)?).unwrap_or_default();
    let base_bytes = read(&base_path)?;
    // A folder of an older daemon has no copy; what is not the user's then is the session's.
    let base =
        if base_bytes.is_empty() { theirs.clone() } else { parse(&base_bytes).unwrap_or_default() };
    if add_packages(&own, &base, &mut theirs) {
        let text = serde_json::to_vec_pretty(&theirs)?;
        fs::write(user, text)?;
    }
    let merged = over(&theirs, &base, &own, !own.is_empty());
    write_private(&base_path, &serde_json::to_vec_pretty(&theirs)?)?;
    write_private(&own_path, &serde_json::to_vec_pretty(&merged)?)
}

/// The user's settings with every key that the session's are different in from what they were made
/// of; one level deeper where both are objects.
fn over(
    theirs: &Map<String, Value>,
    base: &Map<String, Value>,
    own: &Map<String, Value>,
    has_own: bool,
) -> Map<String, Value> {
    let mut merged = theirs.clone();
    if !has_own {
        return merged;
    }
    let keys = own.keys().chain(base.keys());
    for key in keys {
        if key == PACKAGES || own.get(key) == base.get(key) {
            continue;
        }
        match (own.get(key), base.get(key), theirs.get(key)) {
            (Some(Value::Object(own)), base, Some(Value::Object(theirs))) => {
                let base = base.and_then(Value::as_object).cloned().unwrap_or_default();
                merged.insert(key.clone(), Value::Object(over(theirs, &base, own, true)));
            }
            (Some(own), _, _) => {
                merged.insert(key.clone(), own.clone());
            }
            // A key that is missing was missing when the session's were made, or was taken out.
            (None, _, _) => {
                merged.remove(key);
            }
        }
    }
    merged
}

/// Adds to the user's list what was installed in the session. Whether there is anything.
fn add_packages(
    own: &Map<String, Value>,
    base: &Map<String, Value>,
    theirs: &mut Map<String, Value>,
) -> bool {
    let list = |settings: &Map<String, Value>| {
        settings.get(PACKAGES).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let (known, mut all) = (list(base), list(theirs));
    let before = all.len();
    for package in list(own) {
        if !known.contains(&package) && !all.contains(&package) {
            all.push(package);
        }
    }
    let grown = all.len() > before;
    if grown {
        theirs.insert(PACKAGES.to_owned(), Value::Array(all));
    }
    grown
}

/// The settings in a text; none in an empty one. `None` if it is something else.
fn parse(bytes: &[u8]) -> Option<Map<String, Value>> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Some(Map::new());
    }
    serde_json::from_slice(bytes).ok()
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    match read_regular(path, BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

/// Writes a file that only its owner may read, whatever was there before.
///
/// # Errors
/// The operation that failed; the file is as it was then.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if read_regular(path, BYTES_MAX).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = Path::new(&fresh);
    drop(fs::remove_file(fresh));
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(fresh)?;
    file.write_all(bytes)?;
    fs::rename(fresh, path)
}
