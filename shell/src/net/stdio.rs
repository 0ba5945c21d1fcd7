//! Standard input and output as a client like any other: two threads carry the bytes to and from
//! one end of a socket pair, and the loop has the other end. So a pipe that cannot be polled, or a
//! terminal that blocks, blocks a thread and not the daemon.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Bytes carried at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// The output side, which is to be waited for at the end.
#[derive(Debug)]
pub(super) struct Stdio {
    done: Receiver<()>,
}

impl Stdio {
    /// Starts to carry; answers with the loop's end of the pair.
    pub(super) fn start(
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
    ) -> io::Result<(Stdio, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (inward, outward) = (theirs.try_clone()?, theirs);
        let (sender, done) = channel();
        thread::Builder::new().name("stdin".into()).spawn(move || {
            carry(input, &inward);
            // The other side sees the end of the input, and may go on writing.
            let _ = inward.shutdown(Shutdown::Write);
        })?;
        thread::Builder::new().name("stdout".into()).spawn(move || {
            carry(&outward, output);
            let _ = outward.shutdown(Shutdown::Both);
            // Dropping it says that all is written.
            drop(sender);
        })?;
        Ok((Stdio { done }, ours))
    }

    /// Waits until everything is written that was sent before the loop's end was dropped.
    pub(super) fn wait(&self, at_most: Duration) {
        match self.done.recv_timeout(at_most) {
            Ok(()) | Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Copies until either side ends. A side that fails has ended.
fn carry(mut from: impl Read, mut to: impl Write) {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        if to.write_all(&buffer[..count]).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}
