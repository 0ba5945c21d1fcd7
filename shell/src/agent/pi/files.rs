//! Session files: which of them a session may go on from.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use pi_server_system::file::{open_regular, open_regular_with};
use serde_json::Value;

/// How much of a file is looked at for its header.
const HEADER_BYTES_MAX: u64 = 64 << 10;

/// What the header of a session file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionHeader {
    /// The working directory; the first version of the format has none.
    pub(crate) cwd: Option<String>,
}

/// Reads the header in the first bytes of a session file, as pi does: the first line that is JSON has
/// to be one, whatever its version. `None` if it is no session file; some versions of pi overwrite
/// such a file.
pub(crate) fn session_header(head: &[u8]) -> Option<SessionHeader> {
    let head = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head);
    let mut lines = head.split(|byte| *byte == b'\n');
    let first: Value = lines.find_map(|line| serde_json::from_slice(line).ok())?;
    header_of(&first)
}

/// The header that a whole file is, which may be one object over many lines.
pub(crate) fn header_of(value: &Value) -> Option<SessionHeader> {
    let is_session = value["type"] == "session" && value["id"].is_string();
    let cwd = value["cwd"].as_str().filter(|cwd| !cwd.is_empty()).map(str::to_owned);
    is_session.then_some(SessionHeader { cwd })
}

/// Whether a file begins with the header of a session.
pub(super) fn is_session(path: &Path) -> bool {
    let mut head = Vec::new();
    let Ok(file) = open_regular(path) else { return false };
    if file.take(HEADER_BYTES_MAX).read_to_end(&mut head).is_err() {
        return false;
    }
    session_header(&head).is_some()
}

/// Ends the last line of a session file. A pi that was killed may have left half a line, to which
/// the next one would append without a line break.
pub(super) fn end_last_line(path: &Path) -> std::io::Result<()> {
    let mut file = open_regular_with(File::options().read(true).write(true), path)?;
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(());
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{SessionHeader, session_header};

    #[test]
    fn headers_are_what_pi_takes_for_one() {
        let with = |cwd: Option<&str>| Some(SessionHeader { cwd: cwd.map(str::to_owned) });
        for (head, expected) in [
            (r#"{"type":"session","version":3,"id":"i","cwd":"/c"}"#, with(Some("/c"))),
            (r#"{"type":"session","id":"i","cwd":"/c"}"#, with(Some("/c"))),
            (r#"{"type":"session","version":"3","id":"i","cwd":"/c"}"#, with(Some("/c"))),
            (r#"{"type":"session","version":3,"id":"i"}"#, with(None)),
            ("\u{feff}{\"type\":\"session\",\"id\":\"i\"}", with(None)),
            ("\n \n{\"type\":\"session\",\"id\":\"i\"}\n{}", with(None)),
            ("half a li\n{\"type\":\"session\",\"id\":\"i\"}\n", with(None)),
            (r#"{"type":"session","version":3,"cwd":"/c"}"#, None),
            (r#"{"type":"message","id":"i"}"#, None),
            ("{\"type\":\"message\"}\n{\"type\":\"session\",\"id\":\"i\"}", None),
            ("", None),
            ("text", None),
        ] {
            assert_eq!(session_header(head.as_bytes()), expected, "{head}");
        }
    }
}
