//! How a frame is put on each kind of connection.

use std::sync::Arc;

/// What separates frames on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// WebSocket text messages, each in one unmasked frame.
    WebSocket,
    /// A line feed after each frame.
    Lines,
}

/// Every framing, in the order of [`Framing::index`].
pub(super) const FRAMINGS: [Framing; 2] = [Framing::WebSocket, Framing::Lines];

/// Longest head that a framing puts before a frame.
const HEAD_MAX: usize = 10;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;

/// A ping without payload.
pub(super) const PING: [u8; 2] = [0x89, 0];

impl Framing {
    /// The place of this framing in [`FRAMINGS`].
    pub(super) fn index(self) -> usize {
        match self {
            Framing::WebSocket => 0,
            Framing::Lines => 1,
        }
    }

    /// Appends `json` as one frame.
    pub(super) fn put(self, json: &[u8], to: &mut Vec<u8>) {
        match self {
            Framing::WebSocket => {
                let (head, len) = websocket_head(TEXT, json.len());
                to.extend_from_slice(&head[..len]);
                to.extend_from_slice(json);
            }
            Framing::Lines => {
                to.extend_from_slice(json);
                to.push(b'\n');
            }
        }
    }

    /// `json` as one frame.
    pub(super) fn frame(self, json: &[u8]) -> Vec<u8> {
        let mut frame = Vec::with_capacity(json.len() + HEAD_MAX);
        self.put(json, &mut frame);
        frame
    }
}

/// One frame for several clients: framed at most once per framing.
pub(super) struct Shared<'a> {
    json: &'a [u8],
    framed: [Option<Arc<[u8]>>; 2],
}

impl<'a> Shared<'a> {
    /// A frame that nobody has asked for yet.
    pub(super) fn new(json: &'a [u8]) -> Shared<'a> {
        Shared { json, framed: [None, None] }
    }

    /// The frame in a framing.
    pub(super) fn get(&mut self, framing: Framing) -> Arc<[u8]> {
        let slot = &mut self.framed[framing.index()];
        Arc::clone(slot.get_or_insert_with(|| framing.frame(self.json).into()))
    }
}

/// A WebSocket message, whatever it is made of.
pub(super) fn message(is_binary: bool, payload: &[u8]) -> Vec<u8> {
    let (head, len) = websocket_head(if is_binary { BINARY } else { TEXT }, payload.len());
    [&head[..len], payload].concat()
}

/// A WebSocket close frame. The reason is cut to what a control frame can hold, at a character.
pub(super) fn close_frame(code: u16, reason: &str) -> Vec<u8> {
    const REASON_BYTES_MAX: usize = 123;
    let fits = |end: &usize| *end <= REASON_BYTES_MAX && reason.is_char_boundary(*end);
    let reason = &reason[..(0..=reason.len()).rev().find(fits).unwrap_or(0)];
    let (head, len) = websocket_head(CLOSE, 2 + reason.len());
    let mut frame = head[..len].to_vec();
    frame.extend_from_slice(&code.to_be_bytes());
    frame.extend_from_slice(reason.as_bytes());
    frame
}

/// The head of an unmasked WebSocket frame, and its length.
fn websocket_head(first: u8, payload: usize) -> ([u8; HEAD_MAX], usize) {
    let mut head = [first, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    match (u8::try_from(payload), u16::try_from(payload)) {
        (Ok(short), _) if short < 126 => {
            head[1] = short;
            (head, 2)
        }
        (_, Ok(middle)) => {
            head[1] = 126;
            head[2..4].copy_from_slice(&middle.to_be_bytes());
            (head, 4)
        }
        (_, Err(_)) => {
            head[1] = 127;
            head[2..10].copy_from_slice(&(payload as u64).to_be_bytes());
            (head, 10)
        }
    }
}
