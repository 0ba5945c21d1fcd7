//! `SIGINT` and `SIGTERM` as readable bytes: the handler writes to a socket of the event loop.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream as StdStream;

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};

/// Counts the signals that ask the daemon to stop.
#[derive(Debug)]
pub(super) struct Signals {
    bytes: UnixStream,
}

impl Signals {
    /// Catches the signals from here on.
    ///
    /// # Errors
    /// No socket pair, no handler, or no room in the poll.
    pub(super) fn catch(registry: &Registry, token: Token) -> io::Result<Signals> {
        let (read, write) = StdStream::pair()?;
        read.set_nonblocking(true)?;
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::low_level::pipe::register(signal, write.try_clone()?)?;
        }
        let mut bytes = UnixStream::from_std(read);
        registry.register(&mut bytes, token, Interest::READABLE)?;
        Ok(Signals { bytes })
    }

    /// How many came since the last time.
    pub(super) fn count(&mut self) -> usize {
        let mut buffer = [0; 64];
        let mut count = 0;
        loop {
            match self.bytes.read(&mut buffer) {
                Ok(0) => return count,
                Ok(read) => count += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Drained. Any other error of a socket of our own leaves nothing to read either.
                Err(_) => return count,
            }
        }
    }
}
