//! A connection between a client and the daemon: two bounded queues of bytes that the simulator
//! moves on in pieces of any size.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pi_server::world::{Ready, Stream};

/// What both ends share.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each end closes by itself")]
struct Shared {
    to_daemon: VecDeque<u8>,
    to_client: VecDeque<u8>,
    capacity: usize,
    /// The client has ended its half.
    half_closed: bool,
    /// The client is gone, without a word.
    broken: bool,
    /// The daemon has ended its half, or is gone.
    ended: bool,
    /// A write did not fit since the client read last.
    blocked: bool,
}

/// The client's end.
#[derive(Debug)]
pub struct ClientEnd(Rc<RefCell<Shared>>);

/// The daemon's end. Dead when the machine is down.
#[derive(Debug)]
pub struct DaemonEnd {
    shared: Rc<RefCell<Shared>>,
    down: Arc<AtomicBool>,
}

/// A connection whose daemon's end has room for `capacity` unread bytes.
pub fn pipe(capacity: usize, down: Arc<AtomicBool>) -> (ClientEnd, DaemonEnd) {
    let shared = Rc::new(RefCell::new(Shared {
        to_daemon: VecDeque::new(),
        to_client: VecDeque::new(),
        capacity,
        half_closed: false,
        broken: false,
        ended: false,
        blocked: false,
    }));
    (ClientEnd(shared.clone()), DaemonEnd { shared, down })
}

impl ClientEnd {
    /// Bytes arrive at the daemon.
    pub fn deliver(&self, bytes: impl Iterator<Item = u8>) -> Ready {
        self.0.borrow_mut().to_daemon.extend(bytes);
        Ready { readable: true, ..Ready::default() }
    }

    /// The client says nothing more.
    pub fn half_close(&self) -> Ready {
        self.0.borrow_mut().half_closed = true;
        Ready { readable: true, read_closed: true, ..Ready::default() }
    }

    /// The client is gone.
    pub fn cut(&self) -> Ready {
        self.0.borrow_mut().broken = true;
        Ready { readable: true, read_closed: true, write_closed: true, writable: false }
    }

    /// The client reads at most `count` bytes. What the daemon notices of it.
    pub fn read(&self, count: usize, into: &mut Vec<u8>) -> Ready {
        let mut shared = self.0.borrow_mut();
        let count = count.min(shared.to_client.len());
        into.extend(shared.to_client.drain(..count));
        let writable = count > 0 && std::mem::take(&mut shared.blocked);
        Ready { writable, ..Ready::default() }
    }

    /// Bytes that wait for the client.
    pub fn waiting(&self) -> usize {
        self.0.borrow().to_client.len()
    }

    /// Whether the daemon sends nothing more.
    pub fn is_ended(&self) -> bool {
        self.0.borrow().ended
    }
}

impl DaemonEnd {
    fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed)
    }
}

impl Stream for DaemonEnd {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut shared = self.shared.borrow_mut();
        if self.is_down() {
            return Err(io::Error::from(io::ErrorKind::ConnectionReset));
        }
        let count = into.len().min(shared.to_daemon.len());
        if count == 0 {
            return if shared.half_closed || shared.broken {
                Ok(0)
            } else {
                Err(io::Error::from(io::ErrorKind::WouldBlock))
            };
        }
        for (place, byte) in into.iter_mut().zip(shared.to_daemon.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }

    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut shared = self.shared.borrow_mut();
        if self.is_down() || shared.broken || shared.ended {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe));
        }
        let room = shared.capacity.saturating_sub(shared.to_client.len());
        let mut left = room;
        for slice in slices {
            let count = left.min(slice.len());
            shared.to_client.extend(&slice[..count]);
            left -= count;
        }
        let written = room - left;
        let asked: usize = slices.iter().map(|slice| slice.len()).sum();
        if written < asked {
            shared.blocked = true;
        }
        if written == 0 && asked > 0 {
            return Err(io::Error::from(io::ErrorKind::WouldBlock));
        }
        Ok(written)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.shared.borrow_mut().ended = true;
        Ok(())
    }
}

impl Drop for DaemonEnd {
    fn drop(&mut self) {
        self.shared.borrow_mut().ended = true;
    }
}
