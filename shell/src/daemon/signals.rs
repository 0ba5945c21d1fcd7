//! `SIGINT` and `SIGTERM` as readable bytes: the handler writes to a socket of the event loop. Should that
//! fail, as where a machine has no buffers left, a flag has the signal, and the call in which the loop
//! waits is interrupted.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream as StdStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};

/// Counts the signals that ask the daemon to stop.
#[derive(Debug)]
pub(super) struct Signals {
    bytes: UnixStream,
    /// Set by the handler before it writes a byte.
    has_come: Arc<AtomicBool>,
    /// Signals that were counted by the flag, whose bytes are still to come, if they do.
    ahead: usize,
}

impl Signals {
    /// Catches the signals from here on.
    ///
    /// # Errors
    /// No socket pair, no handler, or no room in the poll.
    pub(super) fn catch(registry: &Registry, token: Token) -> io::Result<Signals> {
        let (read, write) = StdStream::pair()?;
        read.set_nonblocking(true)?;
        let has_come = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&has_come))?;
            signal_hook::low_level::pipe::register(signal, write.try_clone()?)?;
        }
        let mut bytes = UnixStream::from_std(read);
        registry.register(&mut bytes, token, Interest::READABLE)?;
        Ok(Signals { bytes, has_come, ahead: 0 })
    }

    /// How many came since the last time. To be asked in every turn, whether there is something to read
    /// or not.
    pub(super) fn count(&mut self) -> usize {
        if !self.has_come.swap(false, Ordering::Relaxed) {
            return 0;
        }
        let bytes = self.read();
        let count = bytes.saturating_sub(self.ahead).max(1);
        self.ahead = (self.ahead + count).saturating_sub(bytes);
        count
    }

    /// How many bytes there are.
    fn read(&mut self) -> usize {
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
