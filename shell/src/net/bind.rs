//! The two listeners, and everything that can be wrong with their addresses.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use mio::net::TcpListener;

use super::config::Auth;
use unix::PATH_BYTES_MAX;

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
    /// The path is longer than the system can take.
    TooLong {
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        bytes: usize,
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
            BindError::TooLong { path, bytes } => write!(
                f,
                "the path {} has {bytes} bytes, and a Unix socket takes {PATH_BYTES_MAX} at most; \
                 choose a shorter one with --unix PATH",
                path.display()
            ),
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
            | BindError::TooLong { .. }
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

/// Listens on the loopback address of the other family, if this machine has one.
pub(super) fn other_loopback(
    address: SocketAddr,
    auth: &Auth,
) -> Result<Option<TcpListener>, BindError> {
    let other = match address.ip() {
        IpAddr::V4(ip) if ip == Ipv4Addr::LOCALHOST => IpAddr::V6(Ipv6Addr::LOCALHOST),
        IpAddr::V6(ip) if ip == Ipv6Addr::LOCALHOST => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V4(_) | IpAddr::V6(_) => return Ok(None),
    };
    match tcp(SocketAddr::new(other, address.port()), auth) {
        Ok(listener) => Ok(Some(listener)),
        // Somebody else would be taken for the daemon there.
        Err(error @ BindError::AddressInUse { .. }) => Err(error),
        // Without that family nobody can come by it.
        Err(_) => Ok(None),
    }
}

mod unix;
pub(super) use unix::UnixDoor;
