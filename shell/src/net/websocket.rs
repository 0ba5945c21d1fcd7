//! Messages out of a WebSocket stream.
//!
//! The protocol is tungstenite's: control frames, fragmentation, UTF-8, close. In front of it
//! stands a gate that reads the heads of frames, for two things that tungstenite cannot do. A
//! message that is too large is passed over without keeping it, and the connection lives on. And a
//! frame that arrives in pieces is handed on piece by piece, as fragments, so that bad UTF-8 is
//! noticed where it stands and no memory is set aside for what a head merely announces.

mod head;

use std::io::{self, Read, Write};

use tungstenite::error::Error;
use tungstenite::protocol::{Message, Role, WebSocket, WebSocketConfig};

use super::config::Config;
use super::framing::{self, close_frame};
use super::{HEAD_BYTES_MAX, Said};
use head::{FIN, Frame, Head, OPCODE, head_len};

/// Longest payload of a control frame.
const CONTROL_BYTES_MAX: u64 = 125;
/// A message of more than so many times the limit is not worth reading to its end.
const PASS_FACTOR: u64 = 4;

/// Bytes that tungstenite sets aside for each connection.
const READ_BUFFER_BYTES: usize = 1 << 10;
/// Pongs and a close reply are all that tungstenite writes, and the pipe takes them at once.
const WRITE_BUFFER_BYTES_MAX: usize = 4 << 10;
/// Memory for what was read that an idle connection may keep, in the pipe and in tungstenite.
const PIPE_BYTES_KEPT: usize = 4 << 10;

/// The reading side of one WebSocket.
#[derive(Debug)]
pub(super) struct Intake {
    socket: WebSocket<Pipe>,
    max: u64,
    /// Messages are sent back and not said.
    echo: bool,
    /// The head of a frame, as far as it has arrived.
    head: Vec<u8>,
    frame: Option<Frame>,
    message: Option<Unfinished>,
    /// A control frame, as far as it has arrived.
    control: Vec<u8>,
    /// Tungstenite has been given a piece that its buffer had to grow for.
    has_grown: bool,
}

/// The connection is over; these are the last bytes to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Farewell(pub(super) Vec<u8>);

/// What tungstenite reads from and writes to.
#[derive(Debug, Default)]
struct Pipe {
    input: Vec<u8>,
    taken: usize,
    output: Vec<u8>,
}

/// A message of which something has arrived.
#[derive(Debug, Default)]
struct Unfinished {
    /// Bytes of its frames so far, as their heads say.
    size: u64,
    /// How it begins, for the report that it is too large.
    beginning: Vec<u8>,
    /// It is too large.
    passed_over: bool,
}

impl Intake {
    /// Nothing has arrived.
    pub(super) fn new(config: &Config) -> Intake {
        let (max, echo) = (config.frame_bytes_max, config.echo);
        let (head, control) = (Vec::new(), Vec::new());
        Intake {
            socket: socket(max),
            max,
            echo,
            head,
            frame: None,
            message: None,
            control,
            has_grown: false,
        }
    }

    /// Takes in what was read and says every message that it completes. What is to be sent back
    /// (pongs) is appended to `control`.
    ///
    /// # Errors
    /// The connection is over; nothing may be fed any more.
    pub(super) fn feed(
        &mut self,
        mut bytes: &[u8],
        control: &mut Vec<u8>,
        mut say: impl FnMut(Said),
    ) -> Result<(), Farewell> {
        let fed = loop {
            let Some(frame) = self.frame else {
                match self.begin(&mut bytes, control, &mut say) {
                    Ok(true) => continue,
                    Ok(false) => break Ok(()),
                    Err(farewell) => break Err(farewell),
                }
            };
            if bytes.is_empty() && frame.done < frame.len {
                break Ok(());
            }
            if frame.is_control() {
                self.go_on_control(frame, &mut bytes);
            } else {
                self.go_on_data(frame, &mut bytes, control, &mut say)?;
            }
        };
        // What came before a broken frame was said by then, so it still counts.
        self.pump(control, &mut say)?;
        if self.has_grown && self.message.is_none() && self.frame.is_none() {
            // Between messages a context has no memory of the past, except the one it allocated.
            self.socket = socket(self.max);
            self.has_grown = false;
        }
        fed
    }

    /// Reads the head of the next frame. `false`: it is not complete.
    fn begin(
        &mut self,
        bytes: &mut &[u8],
        control: &mut Vec<u8>,
        say: &mut impl FnMut(Said),
    ) -> Result<bool, Farewell> {
        while self.head.len() < head_len(&self.head) {
            let Some((byte, rest)) = bytes.split_first() else { return Ok(false) };
            self.head.push(*byte);
            *bytes = rest;
        }
        let frame = Frame::parse(&self.head);
        self.head.clear();
        if frame.is_control() {
            if frame.len > CONTROL_BYTES_MAX {
                return Err(Farewell(close_frame(1002, "Control frame too big")));
            }
        } else {
            self.announce(frame, control, say)?;
        }
        self.frame = Some(frame);
        Ok(true)
    }

    /// Decides whether the message that a data frame belongs to is passed over.
    fn announce(
        &mut self,
        frame: Frame,
        control: &mut Vec<u8>,
        say: &mut impl FnMut(Said),
    ) -> Result<(), Farewell> {
        let is_first = frame.first & OPCODE != 0;
        if is_first && self.message.as_ref().is_some_and(|message| message.passed_over) {
            return Err(Farewell(close_frame(1002, "Expected a continuation")));
        }
        let message = self.message.get_or_insert_default();
        message.size = message.size.saturating_add(frame.len);
        if message.size > self.max.saturating_mul(PASS_FACTOR) {
            return Err(Farewell(close_frame(1009, "")));
        }
        if message.size > self.max && !message.passed_over {
            message.passed_over = true;
            // What tungstenite has of the message is forgotten with the context that holds it.
            self.pump(control, say)?;
            self.socket = socket(self.max);
        }
        Ok(())
    }

    /// Hands on a control frame when it is complete: it may not be cut.
    fn go_on_control(&mut self, mut frame: Frame, bytes: &mut &[u8]) {
        let piece = frame.take(bytes);
        self.control.extend_from_slice(piece);
        if frame.done < frame.len {
            self.frame = Some(frame);
            return;
        }
        let whole = Frame { done: 0, ..frame };
        self.socket.get_mut().put(&whole.head(frame.first, self.control.len()), &self.control);
        self.control.clear();
        self.frame = None;
    }

    /// Hands on what has arrived of a data frame.
    fn go_on_data(
        &mut self,
        mut frame: Frame,
        bytes: &mut &[u8],
        control: &mut Vec<u8>,
        say: &mut impl FnMut(Said),
    ) -> Result<(), Farewell> {
        let before = frame;
        let piece = frame.take(bytes);
        let is_last = frame.done == frame.len;
        let is_end = is_last && frame.first & FIN != 0;
        if let Some(message) = &mut self.message {
            let is_whole = is_end && piece.len() as u64 == message.size;
            if message.passed_over || !is_whole {
                message.remember(&before, piece);
            }
            if !message.passed_over {
                self.has_grown |= piece.len() > PIPE_BYTES_KEPT;
                let head = before.head(before.piece_first(is_last), piece.len());
                self.socket.get_mut().put(&head, piece);
            }
        }
        self.frame = (!is_last).then_some(frame);
        let ended = if is_end { self.message.take() } else { None };
        if let Some(Unfinished { size, beginning, passed_over: true }) = ended {
            self.pump(control, say)?;
            say(Said::TooLarge { size, head: beginning });
        }
        Ok(())
    }

    /// Has tungstenite read everything that was handed on.
    fn pump(&mut self, control: &mut Vec<u8>, say: &mut impl FnMut(Said)) -> Result<(), Farewell> {
        let end = loop {
            match self.socket.read() {
                Ok(message) if self.echo && (message.is_text() || message.is_binary()) => {
                    control.append(&mut self.socket.get_mut().output);
                    let is_binary = message.is_binary();
                    control.extend(framing::message(is_binary, &message.into_data()));
                }
                Ok(Message::Text(text)) => say(Said::Frame(text.as_bytes().to_vec())),
                Ok(Message::Binary(bytes)) => say(Said::Frame(bytes.to_vec())),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Ok(Message::Close(_)) => {
                    // The reply is written only now; what is there already are pongs.
                    control.append(&mut self.socket.get_mut().output);
                    // It reports the end of the connection, which is what is wanted.
                    let _ = self.socket.flush();
                    return Err(Farewell(std::mem::take(&mut self.socket.get_mut().output)));
                }
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break None,
                Err(error) => break Some(error),
            }
        };
        let pipe = self.socket.get_mut();
        control.append(&mut pipe.output);
        pipe.clear();
        match end {
            None => Ok(()),
            Some(Error::Capacity(_)) => Err(Farewell(close_frame(1009, ""))),
            Some(Error::Utf8(_)) => Err(Farewell(close_frame(1007, "Invalid UTF-8"))),
            Some(error) => Err(Farewell(close_frame(1002, &error.to_string()))),
        }
    }
}

fn socket(max: u64) -> WebSocket<Pipe> {
    // The gate keeps messages within the limit, so tungstenite's own is only a second fence.
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(Some(max))
        .max_frame_size(Some(max));
    WebSocket::from_raw_socket(Pipe::default(), Role::Server, Some(config))
}

impl Unfinished {
    /// Keeps the beginning.
    fn remember(&mut self, frame: &Frame, piece: &[u8]) {
        let room = HEAD_BYTES_MAX - self.beginning.len().min(HEAD_BYTES_MAX);
        let mask = frame.mask_here().unwrap_or_default();
        let clear = piece.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key);
        self.beginning.extend(clear.take(room));
    }
}

impl Pipe {
    fn put(&mut self, head: &Head, payload: &[u8]) {
        self.input.extend_from_slice(head.as_slice());
        self.input.extend_from_slice(payload);
    }

    /// Forgets what was read. A thousand clients must not each keep what one large read needed.
    fn clear(&mut self) {
        self.taken = 0;
        self.input.clear();
        if self.input.capacity() > PIPE_BYTES_KEPT {
            self.input = Vec::new();
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let rest = &self.input[self.taken..];
        if rest.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.taken += count;
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
