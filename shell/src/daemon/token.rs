//! The token that lets a client in over TCP, and the address that the daemon was last reached at.
//!
//! Both are small files in the data directory, so that `pi-server call` and `pi-server token` find
//! the daemon of this user without being told.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pi_server_system::file::read_regular_text;

/// Where a daemon listens that was told nothing else.
pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3141);

/// Longest file that is read; what is longer is none of ours.
const FILE_BYTES_MAX: u64 = 4 << 10;

/// 256 bits of entropy.
const TOKEN_BYTES: usize = 32;
/// Those in base64 without padding.
const TOKEN_CHARS: usize = 43;

/// The secret that a client shows. Its `Debug` form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The text that clients send.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL that a client of this machine connects with.
    pub fn url(&self, address: SocketAddr) -> String {
        format!("ws://{}/?token={}", reachable(address), self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Why there is no token.
#[derive(Debug)]
pub enum TokenError {
    /// The daemon was never started on this data directory.
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else.
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// A file operation failed.
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// How it failed.
        source: io::Error,
    },
    /// The system has no randomness to give.
    Entropy(getrandom::Error),
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenError::Missing { path } => write!(
                f,
                "there is no token at {}: start the daemon once (`pi-server serve`), or name \
                 its data directory with --data-dir",
                path.display()
            ),
            TokenError::Malformed { path } => write!(
                f,
                "{} is no token: delete it, and the next start makes a new one",
                path.display()
            ),
            TokenError::Io { doing, path, source } => {
                write!(f, "cannot {doing} {}: {source}", path.display())
            }
            TokenError::Entropy(source) => write!(f, "no randomness for a token: {source}"),
        }
    }
}

impl std::error::Error for TokenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TokenError::Io { source, .. } => Some(source),
            TokenError::Entropy(source) => Some(source),
            TokenError::Missing { .. } | TokenError::Malformed { .. } => None,
        }
    }
}

/// The token of a data directory.
///
/// # Errors
/// See [`TokenError`].
pub fn read(data_dir: &Path) -> Result<Token, TokenError> {
    let path = data_dir.join("token");
    let text = match read_regular_text(&path, FILE_BYTES_MAX) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(TokenError::Missing { path });
        }
        Err(source) => return Err(TokenError::Io { doing: "read", path, source }),
    };
    let text = text.trim();
    let known = text.len() == TOKEN_CHARS
        && URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == TOKEN_BYTES);
    if known { Ok(Token(text.to_owned())) } else { Err(TokenError::Malformed { path }) }
}

/// The token of a data directory, made now if there is none; `true` if it was made.
///
/// # Errors
/// See [`TokenError`].
pub fn read_or_make(data_dir: &Path) -> Result<(Token, bool), TokenError> {
    match read(data_dir) {
        Ok(token) => Ok((token, false)),
        Err(TokenError::Missing { path }) => {
            let mut bytes = [0; TOKEN_BYTES];
            getrandom::fill(&mut bytes).map_err(TokenError::Entropy)?;
            let token = Token(URL_SAFE_NO_PAD.encode(bytes));
            write_private(&path, &token.0)?;
            Ok((token, true))
        }
        Err(error) => Err(error),
    }
}

/// Whether others than the owner can read the token file.
pub fn is_exposed(data_dir: &Path) -> bool {
    fs::metadata(data_dir.join("token"))
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

/// Remembers where the daemon listens, or that it does not, for `pi-server call` and
/// `pi-server token`.
///
/// # Errors
/// The file cannot be written.
pub fn remember_address(data_dir: &Path, address: Option<SocketAddr>) -> Result<(), TokenError> {
    let path = data_dir.join("address");
    match address {
        Some(address) => write_private(&path, &address.to_string()),
        None => remove(&path),
    }
}

/// Where the daemon of a data directory was last reached by TCP, if it was.
pub fn last_address(data_dir: &Path) -> Option<SocketAddr> {
    let text = read_regular_text(&data_dir.join("address"), FILE_BYTES_MAX).ok()?;
    text.trim().parse().ok().map(reachable)
}

/// An address that a client can connect to: "all interfaces" is none.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address
}

/// Writes a file of mode 0600 that is either whole or not there.
fn write_private(path: &Path, text: &str) -> Result<(), TokenError> {
    let draft = path.with_extension("new");
    let failed = |doing, source| TokenError::Io { doing, path: draft.clone(), source };
    // A draft that an interrupted start left behind may have any mode.
    remove(&draft)?;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .map_err(|source| failed("create", source))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .map_err(|source| failed("write", source))?;
    fs::rename(&draft, path).map_err(|source| failed("rename", source))
}

fn remove(path: &Path) -> Result<(), TokenError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(TokenError::Io { doing: "remove", path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests;
