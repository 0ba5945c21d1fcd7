//! The agent folder of one session. Several of pi's commands write `settings.json`, which would
//! change the defaults of every other session; so each session's pi has a folder of its own, whose
//! settings are a copy of the user's and whose everything else is the user's.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

use pi_server_system::file::{read_regular, read_regular_text};

const SETTINGS: &str = "settings.json";
/// Longest file of settings that is read.
const SETTINGS_BYTES_MAX: u64 = 4 << 20;

/// Where the user's own agent folder is.
pub(super) fn user_folder() -> Option<PathBuf> {
    let given = std::env::var_os("PI_CODING_AGENT_DIR").filter(|path| !path.is_empty());
    given.map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(".pi").join("agent")))
}

/// Makes (or brings up to date) the agent folder of a session, under `folders`.
///
/// # Errors
/// The operation that failed; a session without a folder of its own must not run on the user's.
pub(super) fn prepare(folders: &Path, session: &str, user: &Path) -> io::Result<PathBuf> {
    // Session ids may be longer than file names.
    let name = &blake3::hash(session.as_bytes()).to_hex()[..32];
    let folder = folders.join(name);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let Ok(entries) = fs::read_dir(user) else {
        // A user who never ran pi has no folder yet.
        return Ok(folder);
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if Path::new(&name).extension() == Some(OsStr::new("lock")) {
            // Gone in a moment; a link to it would look like a lock that nobody ever gives back.
            continue;
        }
        if name == OsStr::new(SETTINGS) {
            copy_if_newer(&entry.path(), &folder.join(&name))?;
        } else {
            match symlink(entry.path(), folder.join(&name)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
    }
    Ok(folder)
}

/// Copies the user's settings unless the session's own are newer: what a client has set stays, what
/// the user changes arrives.
fn copy_if_newer(from: &Path, to: &Path) -> io::Result<()> {
    let changed = fs::metadata(from)?.modified()?;
    let is_newer =
        fs::metadata(to).and_then(|facts| facts.modified()).is_ok_and(|at| at >= changed);
    if !is_newer {
        let fresh = to.with_extension("new");
        fs::write(&fresh, read_regular(from, SETTINGS_BYTES_MAX)?)?;
        fs::rename(&fresh, to)?;
    }
    Ok(())
}

/// Where pi keeps the session files of a working directory, in the user's folder; `None` where the
/// user has said otherwise.
pub(super) fn session_folder(user: &Path, cwd: &str) -> Option<PathBuf> {
    if std::env::var_os("PI_CODING_AGENT_SESSION_DIR").is_some_and(|path| !path.is_empty()) {
        return None;
    }
    let settings = read_regular_text(&user.join(SETTINGS), SETTINGS_BYTES_MAX).unwrap_or_default();
    let settings: serde_json::Value = serde_json::from_str(&settings).unwrap_or_default();
    if settings.get("sessionDir").is_some() {
        return None;
    }
    let name = cwd.strip_prefix('/').unwrap_or(cwd).replace(['/', '\\', ':'], "-");
    Some(user.join("sessions").join(format!("--{name}--")))
}
