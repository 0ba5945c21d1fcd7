//! The agent folder of one session. Several of pi's commands write `settings.json`, which would
//! change the defaults of every other session; so each session's pi has a folder of its own, whose
//! settings are the user's with what the session has set over them ([`super::settings`]), and whose
//! everything else is the user's: docs/decisions/agent-folder.md has the table.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

use pi_server_system::file::{read_regular, read_regular_text};
use serde_json::{Map, Value};

use super::settings;

/// The user's settings.
pub(super) const SETTINGS: &str = "settings.json";

/// Files that pi makes when it needs them. Each is a link from the beginning, also while there is
/// nothing at its end: pi writes through it, and locks what it leads to.
const FILES: &[&str] =
    &["auth.json", "models-store.json", "models.json", "mcp.json", "mcp-auth.json", "trust.json"];

/// Directories that pi makes when it needs them: what is installed in one session is there in all.
const DIRECTORIES: &[&str] = &["npm", "git", "bin", "sessions"];

/// What each session's pi keeps for itself: its logs, and what only the daemon reads.
const PRIVATE: &[&str] = &["mcp.log", "mcp.log.1", "crashes.json", "pi-debug.log", settings::BASE];

/// Where the user's own agent folder is.
pub(crate) fn user_folder() -> Option<PathBuf> {
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
    make_directory(&folder)?;
    make_directory(user)?;
    for name in DIRECTORIES {
        make_directory(&user.join(name))?;
    }
    for name in FILES {
        share(&user.join(name), &folder.join(name))?;
    }
    for entry in fs::read_dir(user)? {
        let entry = entry?;
        let name = entry.file_name();
        // A lock is gone in a moment; a link to it would look like one that nobody ever gives back.
        let is_lock = Path::new(&name).extension() == Some(OsStr::new("lock"));
        let is_private = PRIVATE.iter().any(|own| name == OsStr::new(own));
        if !is_lock && !is_private && name != OsStr::new(SETTINGS) {
            share(&entry.path(), &folder.join(&name))?;
        }
    }
    settings::merge(&user.join(SETTINGS), &folder)?;
    Ok(folder)
}

fn make_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a link in a session's folder to what is the user's. A file in its place was written by a pi
/// before there was one: what only it has goes to the user's file, or it would never be seen again.
fn share(user: &Path, own: &Path) -> io::Result<()> {
    match fs::symlink_metadata(own) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
        Ok(facts) if facts.is_file() => hand_over(user, own)?,
        // Links stay, and a directory may hold anything.
        Ok(_) => return Ok(()),
    }
    match symlink(user, own) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Moves a session's own file out of the way of a link. Members of a JSON object that the user's file
/// does not have are added to it; the session's file is kept beside under another name.
fn hand_over(user: &Path, own: &Path) -> io::Result<()> {
    let bytes = read_regular(own, settings::BYTES_MAX)?;
    let object = |bytes: &[u8]| serde_json::from_slice::<Map<String, Value>>(bytes).ok();
    match read_regular(user, settings::BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            settings::write_private(user, &bytes)?;
        }
        Err(error) => return Err(error),
        Ok(theirs) => {
            if let (Some(mut shared), Some(mine)) = (object(&theirs), object(&bytes)) {
                let before = shared.len();
                for (key, value) in mine {
                    shared.entry(key).or_insert(value);
                }
                if shared.len() > before {
                    let text = serde_json::to_vec_pretty(&shared)?;
                    // Written in place: it may be a link itself, and its mode is the user's.
                    fs::write(user, text)?;
                }
            }
        }
    }
    let mut kept = own.as_os_str().to_owned();
    kept.push(".before");
    fs::rename(own, kept)
}

/// Where pi keeps the session files of a working directory, in the user's folder; `None` where its
/// own variable, the project's settings or the user's say otherwise, which pi then reads itself.
pub(super) fn session_folder(user: &Path, cwd: &str) -> Option<PathBuf> {
    let name = cwd.strip_prefix('/').unwrap_or(cwd).replace(['/', '\\', ':'], "-");
    let usual = user.join("sessions").join(format!("--{name}--"));
    session_folders(user, Path::new(cwd)).is_empty().then_some(usual)
}

/// Where pi may keep the session files of a working directory instead of the user's folder: as its
/// own variable, the project's settings and the user's say. Relative paths are meant from the working
/// directory, as pi takes them.
pub(crate) fn session_folders(user: &Path, cwd: &Path) -> Vec<PathBuf> {
    let of_settings = |path: PathBuf| {
        let text = read_regular_text(&path, settings::BYTES_MAX).ok()?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let settings: Value = serde_json::from_str(text).ok()?;
        settings.get("sessionDir").and_then(Value::as_str).map(str::to_owned)
    };
    let all = [
        std::env::var("PI_CODING_AGENT_SESSION_DIR").ok(),
        of_settings(cwd.join(".pi").join(SETTINGS)),
        of_settings(user.join(SETTINGS)),
    ];
    let given = all.into_iter().flatten().filter(|path| !path.is_empty());
    given.map(|path| cwd.join(without_tilde(&path))).collect()
}

fn without_tilde(path: &str) -> PathBuf {
    match (path.strip_prefix('~'), std::env::home_dir()) {
        (Some(""), Some(home)) => home,
        (Some(rest), Some(home)) if rest.starts_with('/') => home.join(&rest[1..]),
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests;
