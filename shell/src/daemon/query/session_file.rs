//! Whether a file is a session file that may be loaded. PROTOCOL.md section 5.3, `load_session`.
//!
//! Symbolic links are resolved before any rule is applied, so that no link leads out of the allowed
//! directories. What pi writes is read as pi reads it: line by line, skipping what does not parse.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use pi_server_core::Text;
use pi_server_core::input::Answer;
use pi_server_system::file::open_regular;
use serde_json::Value;

use super::places::Places;
use crate::agent::{SessionHeader, header_of, plain_name, session_header};

/// Bytes of a file in which its header must be.
const HEADER_BYTES_MAX: u64 = 64 << 10;
/// Bytes of a file that are searched for its name.
const NAME_BYTES_MAX: u64 = 64 << 20;
/// How a line that gives the session a name begins, somewhere in its first bytes.
const NAME_MARK: &[u8] = b"\"session_info\"";
const NAME_MARK_WITHIN: usize = 256;

/// Applies the path rules, in the order of the protocol.
///
/// # Errors
/// The words for the client.
pub(super) fn check(path: &str, places: &Places) -> Result<Answer, String> {
    let given = Path::new(path);
    if !given.is_absolute() {
        return Err("sessionPath must be an absolute path".to_owned());
    }
    let missing = || "sessionPath must point to an existing session file".to_owned();
    let wrong_name = || "sessionPath must point to a .jsonl or .json session file".to_owned();
    if !has_session_name(given) {
        return Err(wrong_name());
    }
    let real = fs::canonicalize(given).map_err(|_| missing())?;
    if !has_session_name(&real) {
        return Err(wrong_name());
    }
    if !is_allowed(&real, places) {
        return Err("sessionPath must be under an allowed session directory for this server \
            (e.g. ~/.pi/agent/sessions/ or this project's .pi/sessions/)"
            .to_owned());
    }
    let header = header(&real).ok_or_else(missing)?;
    let cwd = header.cwd.as_deref().filter(|cwd| Path::new(cwd).is_absolute());
    if cwd.is_some_and(|cwd| !Path::new(cwd).is_dir()) {
        // pi does not start where there is nothing.
        return Err("CWD must point to an existing directory".to_owned());
    }
    let cwd = cwd.unwrap_or_else(|| places.default_cwd());
    let text = real.to_str().ok_or_else(missing)?;
    Ok(Answer::SessionFile {
        path: text.into(),
        cwd: cwd.into(),
        name: name(&real).map(Text::from),
    })
}

/// Whether a path ends like a session file.
pub(super) fn has_session_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jsonl" || extension == "json")
}

/// Whether a path without links lies in one of the allowed directories.
pub(super) fn is_allowed(real: &Path, places: &Places) -> bool {
    // The directories may have come into being, or have become links, since the start.
    let mut dirs = places.session_dirs().iter().filter_map(|dir| fs::canonicalize(dir).ok());
    dirs.any(|dir: PathBuf| real.starts_with(dir))
}

/// The header of a session file; `None` if it is no session file.
pub(super) fn header(path: &Path) -> Option<SessionHeader> {
    let file = open_regular(path).ok()?;
    let metadata = file.metadata().ok()?;
    let mut bytes = Vec::new();
    file.take(HEADER_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    session_header(&bytes).or_else(|| {
        // A small `.json` file may be one object over many lines.
        let whole = metadata.len() <= HEADER_BYTES_MAX;
        header_of(&serde_json::from_slice(&bytes).ok().filter(|_| whole)?)
    })
}

/// The name that a session was given last, cut to the protocol's bound.
pub(super) fn name(path: &Path) -> Option<String> {
    let mut lines = BufReader::new(open_regular(path).ok()?).take(NAME_BYTES_MAX);
    let mut line = Vec::new();
    let mut name = None;
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line).ok()? == 0 {
            return name;
        }
        let head = line.get(..NAME_MARK_WITHIN).unwrap_or(&line);
        if !head.windows(NAME_MARK.len()).any(|window| window == NAME_MARK) {
            continue;
        }
        let Ok(value) = serde_json::from_slice::<Value>(&line) else { continue };
        if value["type"] == "session_info" {
            name = value["name"].as_str().filter(|name| !name.trim().is_empty()).map(plain_name);
        }
    }
}
