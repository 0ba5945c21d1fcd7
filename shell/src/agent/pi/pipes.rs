//! The three pipes of a child, non-blocking: lines in, bytes out, the tail of its standard error.

use std::io::{self, Read, Write};

use mio::unix::pipe::{Receiver, Sender};

use crate::agent::voice::WORDS_BYTES_MAX;

/// Bytes read from one pipe in one go, so that a loud child leaves room for others.
const SHARE: usize = 256 << 10;
/// Longest line.
pub(super) const LINE_BYTES_MAX: usize = 256 << 20;
/// Most bytes that wait to be written.
pub(super) const UNWRITTEN_BYTES_MAX: usize = 256 << 20;
/// A buffer that has grown beyond this is given back when it is empty.
const KEEP: usize = 1 << 20;

/// How reading went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Everything that was there has been read.
    Drained,
    /// The share is used up; there may be more.
    More,
    /// The other end is closed.
    End,
}

/// Lines from a child.
pub(super) struct Lines {
    pipe: Receiver,
    buffer: Vec<u8>,
    /// How far the buffer has been searched for a line end: each byte is looked at once.
    searched: usize,
}

impl Lines {
    /// Reads from a pipe that is non-blocking.
    pub(super) fn new(pipe: Receiver) -> Lines {
        Lines { pipe, buffer: Vec::new(), searched: 0 }
    }

    /// The pipe, for registering it.
    pub(super) fn pipe(&mut self) -> &mut Receiver {
        &mut self.pipe
    }

    /// Reads a share, and calls `each` with every complete line, without its line end.
    pub(super) fn read(&mut self, mut each: impl FnMut(&[u8])) -> io::Result<Progress> {
        let before = self.buffer.len();
        let outcome = loop {
            let used = self.buffer.len() - before;
            if used >= SHARE {
                break Progress::More;
            }
            match (&mut self.pipe).take((SHARE - used) as u64).read_to_end(&mut self.buffer) {
                Ok(0) => break Progress::End,
                // What came before the pipe was empty is in the buffer.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Progress::Drained,
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                Ok(_) | Err(_) => {}
            }
        };
        self.split(&mut each);
        if self.buffer.len() > LINE_BYTES_MAX {
            return Err(io::Error::other("a line of more than 256 MiB"));
        }
        Ok(outcome)
    }

    /// A last line without a line end, once the pipe has ended.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        self.searched = 0;
        std::mem::take(&mut self.buffer)
    }

    fn split(&mut self, each: &mut impl FnMut(&[u8])) {
        let mut from = 0;
        while let Some(at) = memchr(&self.buffer[self.searched..]) {
            let end = self.searched + at;
            let line = &self.buffer[from..end];
            each(line.strip_suffix(b"\r").unwrap_or(line));
            from = end + 1;
            self.searched = from;
        }
        self.searched = self.buffer.len() - from;
        self.buffer.drain(..from);
        if self.buffer.is_empty() && self.buffer.capacity() > KEEP {
            self.buffer = Vec::new();
        }
    }
}

fn memchr(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n')
}

/// Bytes to a child.
pub(super) struct Unwritten {
    pipe: Option<Sender>,
    buffer: Vec<u8>,
    written: usize,
}

impl Unwritten {
    /// Writes to a pipe that is non-blocking.
    pub(super) fn new(pipe: Sender) -> Unwritten {
        Unwritten { pipe: Some(pipe), buffer: Vec::new(), written: 0 }
    }

    /// The pipe, for registering it; `None` once it is closed.
    pub(super) fn pipe(&mut self) -> Option<&mut Sender> {
        self.pipe.as_mut()
    }

    /// Takes bytes over, to be written as soon as they can be.
    ///
    /// # Errors
    /// The child has not read for too long.
    pub(super) fn push(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        if self.buffer.is_empty() {
            std::mem::swap(&mut self.buffer, bytes);
        } else {
            self.buffer.append(bytes);
        }
        if self.buffer.len() - self.written > UNWRITTEN_BYTES_MAX {
            return Err(io::Error::other("more than 256 MiB that it does not read"));
        }
        Ok(())
    }

    /// Writes what can be written.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.pipe else { return Ok(()) };
        while self.written < self.buffer.len() {
            match pipe.write(&self.buffer[self.written..]) {
                Ok(n) => self.written += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.written = 0;
        self.buffer.clear();
        if self.buffer.capacity() > KEEP {
            self.buffer = Vec::new();
        }
        Ok(())
    }

    /// Closes the pipe; gives it back for deregistering.
    pub(super) fn close(&mut self) -> Option<Sender> {
        self.buffer = Vec::new();
        self.written = 0;
        self.pipe.take()
    }
}

/// The tail of a child's standard error.
pub(super) struct Tail {
    pipe: Receiver,
    tail: Vec<u8>,
}

impl Tail {
    /// Reads from a pipe that is non-blocking.
    pub(super) fn new(pipe: Receiver) -> Tail {
        Tail { pipe, tail: Vec::new() }
    }

    /// The pipe, for registering it.
    pub(super) fn pipe(&mut self) -> &mut Receiver {
        &mut self.pipe
    }

    /// Reads a share and keeps its end; calls `each` with all of it.
    pub(super) fn read(&mut self, mut each: impl FnMut(&[u8])) -> Progress {
        let mut chunk = [0; 16 << 10];
        for _ in 0..SHARE / chunk.len() {
            match self.pipe.read(&mut chunk) {
                Ok(0) => return Progress::End,
                Ok(n) => {
                    each(&chunk[..n]);
                    self.tail.extend_from_slice(&chunk[..n]);
                    let surplus = self.tail.len().saturating_sub(WORDS_BYTES_MAX);
                    self.tail.drain(..surplus);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Progress::Drained;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What standard error held is lost; the child itself is none the worse.
                Err(_) => return Progress::End,
            }
        }
        Progress::More
    }

    /// What is kept of it, as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.tail).into_owned()
    }
}
