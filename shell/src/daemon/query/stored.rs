//! `list_stored_sessions`: the sessions that the daemon knows, and the session files that lie in
//! the allowed directories. PROTOCOL.md section 5.3.
//!
//! What was read of a file is kept as long as its size and its time of change are the same. Depth,
//! directories and files are bounded, so a link farm or a huge folder costs a bounded answer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pi_server_core::state::SessionView;
use serde_json::{Value, json};

use super::places::Places;
use super::{date, session_file};

/// How deep below an allowed directory session files are looked for.
const DEPTH_MAX: usize = 4;
/// Directories that one answer looks into.
const DIRECTORIES_MAX: usize = 10_000;
/// Files that one answer lists, and that are remembered.
const FILES_MAX: usize = 10_000;
/// How long one answer looks; well below the time that a look-up may take. What is remembered then
/// makes the next one faster.
const LOOKS_FOR: Duration = Duration::from_secs(8);

/// A session that the daemon knows.
#[derive(Clone, Debug)]
pub(super) struct Known {
    id: String,
    name: Option<String>,
    file: String,
    cwd: String,
    created_ms: u64,
}

/// The sessions of the state that have a file.
pub(super) fn known(sessions: impl Iterator<Item = SessionView>) -> Vec<Known> {
    sessions
        .filter(|session| !session.creating)
        .filter_map(|session| {
            let info = session.info;
            Some(Known {
                id: info.id.as_ref().to_owned(),
                name: info.name.as_deref().map(str::to_owned),
                file: info.file.as_deref()?.to_owned(),
                cwd: info.cwd.as_ref().to_owned(),
                created_ms: info.created_at.millis(),
            })
        })
        .collect()
}

/// What is remembered of session files.
#[derive(Debug)]
pub(super) struct Stored {
    files: BTreeMap<PathBuf, Remembered>,
}

#[derive(Clone, Debug)]
struct Remembered {
    len: u64,
    modified: SystemTime,
    /// `None` of a file that is no session.
    cwd: Option<String>,
    name: Option<String>,
    created_ms: u64,
}

impl Stored {
    /// Nothing yet.
    pub(super) fn new() -> Stored {
        Stored { files: BTreeMap::new() }
    }

    /// The `data` of the response.
    pub(super) fn list(&mut self, known: &[Known], places: &Places) -> Value {
        let mut found = BTreeMap::new();
        let mut walk = Walk::until(Instant::now() + LOOKS_FOR);
        for dir in places.session_dirs() {
            walk.directory(dir, DEPTH_MAX, places);
        }
        let mut fresh: BTreeMap<PathBuf, Remembered> = BTreeMap::new();
        for (path, metadata) in std::mem::take(&mut walk.files) {
            if walk.is_over() {
                break;
            }
            if let Some(remembered) = self.remember(&path, &metadata) {
                fresh.insert(path, remembered);
            }
        }
        // What is not there any more is forgotten with the old map.
        self.files = fresh;
        for (path, file) in &self.files {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            let (Some(text), Some(cwd)) = (path.to_str(), &file.cwd) else { continue };
            let id = stem.unwrap_or_default();
            let entry = render(&id, file.name.as_deref(), text, cwd, file.created_ms, true);
            found.insert(text.to_owned(), (file.created_ms, entry));
        }
        for session in known {
            // What the daemon knows itself is newer than what the file says.
            let Known { id, name, file, cwd, created_ms } = session;
            let exists = Path::new(file).is_file();
            let entry = render(id, name.as_deref(), file, cwd, *created_ms, exists);
            found.insert(file.clone(), (*created_ms, entry));
        }
        let mut sessions: Vec<(u64, Value)> = found.into_values().collect();
        sessions.sort_by_key(|(created_ms, _)| std::cmp::Reverse(*created_ms));
        let sessions: Vec<Value> = sessions.into_iter().map(|(_, entry)| entry).collect();
        let mut data = json!({ "sessions": sessions });
        if walk.is_cut {
            data["truncated"] = json!(true);
        }
        data
    }

    fn remember(&self, path: &Path, metadata: &Metadata) -> Option<Remembered> {
        let (len, modified) = (metadata.len(), metadata.modified().ok()?);
        if let Some(file) = self.files.get(path)
            && file.len == len
            && file.modified == modified
        {
            return Some(file.clone());
        }
        let header = session_file::header(path);
        let cwd = header.map(|header| header.cwd.unwrap_or_default());
        let modified_ms = modified.duration_since(UNIX_EPOCH).map_or(0, millis);
        let name = cwd.as_ref().and_then(|_| session_file::name(path));
        Some(Remembered {
            len,
            modified,
            cwd,
            name,
            created_ms: date::of_name(path).unwrap_or(modified_ms),
        })
    }
}

/// Looking for session files, within bounds.
struct Walk {
    until: Instant,
    /// There is more than was looked at.
    is_cut: bool,
    directories: usize,
    /// Directories that were looked into, links resolved: a circle of links ends here.
    seen: BTreeSet<PathBuf>,
    files: Vec<(PathBuf, Metadata)>,
}

impl Walk {
    fn until(until: Instant) -> Walk {
        Walk { until, is_cut: false, directories: 0, seen: BTreeSet::new(), files: Vec::new() }
    }

    /// Returns true if there is no more time, and remembers it.
    fn is_over(&mut self) -> bool {
        self.is_cut |= Instant::now() >= self.until;
        self.is_cut
    }

    fn directory(&mut self, dir: &Path, depth: usize, places: &Places) {
        let Ok(real) = fs::canonicalize(dir) else { return };
        if !self.seen.insert(real.clone()) {
            return;
        }
        if self.directories >= DIRECTORIES_MAX {
            self.is_cut = true;
            return;
        }
        self.directories += 1;
        let Ok(entries) = fs::read_dir(&real) else { return };
        for entry in entries.flatten() {
            if self.is_over() {
                return;
            }
            let path = entry.path();
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if metadata.is_dir() {
                if depth > 0 && !path.is_symlink() {
                    self.directory(&path, depth - 1, places);
                }
            } else if metadata.is_file()
                && session_file::has_session_name(&path)
                && stays_inside(&path, places)
            {
                if self.files.len() >= FILES_MAX {
                    self.is_cut = true;
                    return;
                }
                self.files.push((path, metadata));
            }
        }
    }
}

/// Whether a file that was found in an allowed directory is in one when its links are followed:
/// what could not be loaded is not shown either.
fn stays_inside(path: &Path, places: &Places) -> bool {
    !path.is_symlink()
        || fs::canonicalize(path).is_ok_and(|real| session_file::is_allowed(&real, places))
}

fn render(
    id: &str,
    name: Option<&str>,
    file: &str,
    cwd: &str,
    created_ms: u64,
    exists: bool,
) -> Value {
    let mut entry = json!({
        "sessionId": id,
        "sessionFile": file,
        "sessionPath": file,
        "cwd": cwd,
        "createdAt": date::to_iso(created_ms),
        "fileExists": exists,
        "thinkingLevel": "medium",
        "isStreaming": false,
        "messageCount": 0,
    });
    if let Some(name) = name {
        entry["sessionName"] = json!(name);
    }
    entry
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
