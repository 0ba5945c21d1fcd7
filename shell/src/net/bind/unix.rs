//! The Unix socket: made so that nobody else can ever open it, and owned by one daemon at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};

use mio::net::UnixListener;
use pi_server_system::file::open_regular_with;
use rustix::fs::{FlockOperation, Mode};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::BindError;

/// Longest path of a Unix socket in bytes: `sun_path` without the byte that ends it.
pub(super) const PATH_BYTES_MAX: usize = 107;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 1_024;
/// How often a lock is tried whose file goes away meanwhile.
const LOCK_TRIES: u32 = 8;

/// A Unix socket that only its owner can open. Its file goes when it is dropped.
#[derive(Debug)]
pub(in crate::net) struct UnixDoor {
    /// The listener.
    pub(in crate::net) listener: UnixListener,
    path: PathBuf,
    /// Device and number of the file, so that another one in its place is left alone.
    file: (u64, u64),
    lock: PathLock,
}

impl UnixDoor {
    /// Listens at a path. A socket file there is replaced if nobody answers on it.
    pub(in crate::net) fn open(path: &Path) -> Result<UnixDoor, BindError> {
        let bytes = path.as_os_str().as_bytes().len();
        if bytes > PATH_BYTES_MAX {
            return Err(BindError::TooLong { path: path.to_path_buf(), bytes });
        }
        let failed = |operation| {
            move |source| BindError::Unix { path: path.to_path_buf(), operation, source }
        };
        // Between the look at what is there and the new socket nobody else may do the same.
        let lock = PathLock::take(path)?;
        make_way(path)?;
        let (listener, file) = listen(path).map_err(failed("make the socket"))?;
        Ok(UnixDoor { listener, path: path.to_path_buf(), file, lock })
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
        self.lock.remove();
    }
}

/// A socket has its mode before it has a name, and is made without a name of its own for the time
/// between: no path is longer than the one that was asked for.
fn listen(path: &Path) -> io::Result<(UnixListener, (u64, u64))> {
    let socket = socket()?;
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    let file = fs::symlink_metadata(path)?;
    rustix::net::listen(&socket, BACKLOG)?;
    let listener = UnixListener::from_std(StdListener::from(socket));
    Ok((listener, (file.dev(), file.ino())))
}

fn socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
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
    let probe =
        || socket().and_then(|it| Ok(rustix::net::connect(&it, &SocketAddrUnix::new(path)?)?));
    match probe() {
        Ok(()) => Err(BindError::SocketInUse { path: path.to_path_buf() }),
        Err(error) => match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::CONNREFUSED) => {
                fs::remove_file(path).map_err(failed("remove the stale socket"))
            }
            Some(Errno::NOENT) => Ok(()),
            // Somebody listens, and takes nobody for now.
            Some(Errno::AGAIN | Errno::INPROGRESS) => {
                Err(BindError::SocketInUse { path: path.to_path_buf() })
            }
            _ => Err(failed("find out who listens on")(error)),
        },
    }
}

/// The right to have a socket at a path: a lock on the file `PATH.lock`, from before the path is
/// looked at until the socket is gone. It is in the kernel and ends with the process.
#[derive(Debug)]
struct PathLock {
    path: PathBuf,
    file: File,
}

impl PathLock {
    fn take(socket: &Path) -> Result<PathLock, BindError> {
        let mut path = socket.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let failed = |source| BindError::Unix { path: path.clone(), operation: "lock", source };
        for _ in 0..LOCK_TRIES {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            let file = open_regular_with(&mut options, &path).map_err(failed)?;
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    return Err(BindError::SocketInUse { path: socket.to_path_buf() });
                }
                Err(Errno::INTR) => continue,
                Err(error) => return Err(failed(error.into())),
            }
            let lock = PathLock { path: path.clone(), file };
            // The one before may have removed it between our open and our lock.
            if lock.is_there() {
                return Ok(lock);
            }
        }
        Err(failed(ErrorKind::TimedOut.into()))
    }

    fn is_there(&self) -> bool {
        let there = fs::symlink_metadata(&self.path);
        let held = self.file.metadata();
        matches!((there, held), (Ok(there), Ok(held))
            if (there.dev(), there.ino()) == (held.dev(), held.ino()))
    }

    /// Removes the file while it is locked: whoever has opened it finds that it is gone.
    fn remove(&self) {
        if self.is_there() {
            // If it stays, the next start locks it.
            let _ = fs::remove_file(&self.path);
        }
    }
}
