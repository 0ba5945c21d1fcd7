//! One connected stream, whatever it is made of.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

use mio::event::{Event, Source};
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

/// A connected stream of a world that is not the operating system's. It does not block: what would
/// take time fails as [`io::ErrorKind::WouldBlock`].
pub trait Stream: fmt::Debug {
    /// Reads what is there; 0 at the end.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;

    /// Writes as much as fits.
    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Says that nothing more will be written.
    fn finish(&mut self) -> io::Result<()>;
}

/// What has begun to be true of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is announced by itself")]
pub struct Ready {
    /// There is something to read.
    pub readable: bool,
    /// There is room to write.
    pub writable: bool,
    /// The other side has closed its half.
    pub read_closed: bool,
    /// The other side reads nothing any more, or the stream is broken.
    pub write_closed: bool,
}

impl From<&Event> for Ready {
    fn from(event: &Event) -> Ready {
        Ready {
            readable: event.is_readable(),
            writable: event.is_writable(),
            read_closed: event.is_read_closed(),
            write_closed: event.is_write_closed() || event.is_error(),
        }
    }
}

/// A connected stream that does not block.
#[derive(Debug)]
pub(super) enum Socket {
    /// From the TCP listener.
    Tcp(TcpStream),
    /// From the Unix listener, or one end of the pair that standard input and output hang on.
    Unix(UnixStream),
    /// Of another world; its owner announces readiness ([`super::Net::ready`]).
    Other(Box<dyn Stream>),
}

impl Socket {
    /// Announces readiness under `token`, each time it begins.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let Some(source) = self.source() else { return Ok(()) };
        source.register(registry, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Announces nothing any more.
    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.source().map_or(Ok(()), |source| source.deregister(registry))
    }

    /// Reads what is there.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(into),
            Socket::Unix(stream) => stream.read(into),
            Socket::Other(stream) => stream.read(into),
        }
    }

    /// Writes as much as fits.
    pub(super) fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.write_vectored(slices),
            Socket::Unix(stream) => stream.write_vectored(slices),
            Socket::Other(stream) => stream.write(slices),
        }
    }

    /// Says that nothing more will be written.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self {
            Socket::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Socket::Unix(stream) => stream.shutdown(Shutdown::Write),
            Socket::Other(stream) => stream.finish(),
        }
    }

    fn source(&mut self) -> Option<&mut dyn Source> {
        match self {
            Socket::Tcp(stream) => Some(stream),
            Socket::Unix(stream) => Some(stream),
            Socket::Other(_) => None,
        }
    }
}
