//! Whether a session may work in a directory. PROTOCOL.md section 5.3, `create_session`.

use std::fs;
use std::path::Path;

use pi_server_core::Text;

/// The canonical form of `cwd`, or of the default.
///
/// # Errors
/// The words for the client.
pub(super) fn check(cwd: Option<&str>, default: &str) -> Result<Text, String> {
    let cwd = Path::new(cwd.unwrap_or(default));
    if !cwd.is_absolute() {
        return Err("CWD must be an absolute path".to_owned());
    }
    if !fs::metadata(cwd).is_ok_and(|metadata| metadata.is_dir()) {
        return Err("CWD must point to an existing directory".to_owned());
    }
    match fs::canonicalize(cwd) {
        // Paths travel as JSON, which has no way to write one that is not UTF-8.
        Ok(path) => path.to_str().map(Text::from),
        Err(_) => None,
    }
    .ok_or_else(|| "CWD could not be resolved".to_owned())
}
