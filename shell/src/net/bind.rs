//! The two listeners, and everything that can be wrong with their addresses.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as BlockingUnixStream;
use std::path::{Path, PathBuf};

use mio::net::{TcpListener, UnixListener};

use super::config::Auth;

/// Why the transports cannot start.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// A program listens on the address.
    AddressInUse {
        /// The address.
        address: SocketAddr,
    },
    /// The address is not loopback, and no token is asked for.
    OpenToAll {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    Tcp {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A program answers on the Unix socket.
    SocketInUse {
        /// Its path.
        path: PathBuf,
    },
    /// There is something at the path, and it is not a socket.
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The Unix socket cannot be made.
    Unix {
        /// Its path.
        path: PathBuf,
        /// What failed.
        operation: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The event queue or a thread cannot be had.
    System {
        /// What failed.
        operation: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BindError::AddressInUse { address } => {
                write!(f, "{address} is in use; stop the program there or choose another address")
            }
            BindError::OpenToAll { address } => {
                write!(f, "{address} can be reached from other machines, so a token is needed")
            }
            BindError::Tcp { address, source } => write!(f, "cannot listen on {address}: {source}"),
            BindError::SocketInUse { path } => {
                write!(f, "a program answers on {}; stop it or choose another path", path.display())
            }
            BindError::NotASocket { path } => {
                write!(f, "{} exists and is not a socket; choose another path", path.display())
            }
            BindError::Unix { path, operation, source } => {
                write!(f, "cannot {operation} {}: {source}", path.display())
            }
            BindError::System { operation, source } => write!(f, "cannot {operation}: {source}"),
        }
    }
}

impl Error for BindError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            BindError::Tcp { source, .. }
            | BindError::Unix { source, .. }
            | BindError::System { source, .. } => Some(source),
            BindError::AddressInUse { .. }
            | BindError::OpenToAll { .. }
            | BindError::SocketInUse { .. }
            | BindError::NotASocket { .. } => None,
        }
    }
}

/// Listens on a TCP address.
pub(super) fn tcp(address: SocketAddr, auth: &Auth) -> Result<TcpListener, BindError> {
    match auth {
        Auth::None if !address.ip().to_canonical().is_loopback() => {
            return Err(BindError::OpenToAll { address });
        }
        Auth::None | Auth::Token(_) => {}
    }
    TcpListener::bind(address).map_err(|source| {
        if source.kind() == ErrorKind::AddrInUse {
            BindError::AddressInUse { address }
        } else {
            BindError::Tcp { address, source }
        }
    })
}

/// A Unix socket that only its owner can open. Its file goes when it is dropped.
#[derive(Debug)]
pub(super) struct UnixDoor {
    /// The listener.
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// Device and number of the file, so that another one in its place is left alone.
    file: (u64, u64),
}

impl UnixDoor {
    /// Listens at a path. A socket file there is replaced if nobody answers on it.
    pub(super) fn open(path: &Path) -> Result<UnixDoor, BindError> {
        let failed = |operation| {
            move |source| BindError::Unix { path: path.to_path_buf(), operation, source }
        };
        make_way(path)?;
        // The file gets its mode before its name, so that nobody can come in between.
        let mut hidden = path.as_os_str().to_owned();
        hidden.push(format!(".{}", std::process::id()));
        let hidden = PathBuf::from(hidden);
        let listener = UnixListener::bind(&hidden).map_err(failed("make the socket"))?;
        let named = fs::set_permissions(&hidden, fs::Permissions::from_mode(0o600))
            .and_then(|()| fs::rename(&hidden, path))
            .and_then(|()| fs::symlink_metadata(path));
        let file = named.map_err(|source| {
            // The name is free again, or the next start finds it stale; nothing else depends on it.
            let _ = fs::remove_file(&hidden);
            failed("set up the socket")(source)
        })?;
        Ok(UnixDoor { listener, path: path.to_path_buf(), file: (file.dev(), file.ino()) })
    }
}

impl Drop for UnixDoor {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|file| (file.dev(), file.ino()) == self.file);
        if is_ours {
            // If it stays, the next start finds it stale.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes a socket file that nobody answers on.
fn make_way(path: &Path) -> Result<(), BindError> {
    let failed =
        |operation| move |source| BindError::Unix { path: path.to_path_buf(), operation, source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at")(error)),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(BindError::NotASocket { path: path.to_path_buf() });
        }
        Ok(_) => {}
    }
    match BlockingUnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed("remove the stale socket"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("find out who listens on")(error)),
        Ok(_) => Err(BindError::SocketInUse { path: path.to_path_buf() }),
    }
}
