//! The heads of frames from clients: read, and written again for pieces of a frame.

/// Longest head of a frame from a client.
const FRAME_HEAD_MAX: usize = 14;

/// The bit of the first byte that says that a message ends.
pub(super) const FIN: u8 = 0x80;
/// The bits of the first byte that say what a frame is.
pub(super) const OPCODE: u8 = 0x0f;
const CONTROL: u8 = 0x08;
const MASKED: u8 = 0x80;

/// A frame whose payload is arriving.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// The first byte of its head.
    pub(super) first: u8,
    pub(super) mask: Option<[u8; 4]>,
    pub(super) len: u64,
    pub(super) done: u64,
}

/// How long the head of a frame is, as far as its first bytes tell.
pub(super) fn head_len(head: &[u8]) -> usize {
    let Some(second) = head.get(1) else { return 2 };
    let mask = if second & MASKED == 0 { 0 } else { 4 };
    let len = match second & !MASKED {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + len + mask
}

impl Frame {
    /// Reads a complete head.
    pub(super) fn parse(head: &[u8]) -> Frame {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let masked = head[1] & MASKED != 0;
        let (rest, mask) = if masked { head.split_at(head.len() - 4) } else { (head, &[][..]) };
        let len = match rest[1] & !MASKED {
            126 | 127 => number(&rest[2..]),
            short => u64::from(short),
        };
        Frame { first: head[0], mask: mask.try_into().ok(), len, done: 0 }
    }

    pub(super) fn is_control(&self) -> bool {
        self.first & CONTROL != 0
    }

    /// Takes what `bytes` has of the payload.
    pub(super) fn take<'a>(&mut self, bytes: &mut &'a [u8]) -> &'a [u8] {
        let left = self.len - self.done;
        let count = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let (piece, rest) = bytes.split_at(count);
        *bytes = rest;
        self.done += count as u64;
        piece
    }

    /// The first byte of the head of the next piece.
    pub(super) fn piece_first(&self, is_last: bool) -> u8 {
        let first = if self.done == 0 { self.first & !FIN } else { 0 };
        if is_last { first | self.first & FIN } else { first }
    }

    /// The key that the payload is masked with from `done` on.
    pub(super) fn mask_here(&self) -> Option<[u8; 4]> {
        let mut mask = self.mask?;
        mask.rotate_left(usize::try_from(self.done % 4).unwrap_or(0));
        Some(mask)
    }

    /// The head of a frame with the next `len` bytes of the payload.
    pub(super) fn head(&self, first: u8, len: usize) -> Head {
        let mask = self.mask_here();
        let flag = if mask.is_some() { MASKED } else { 0 };
        let mut head = Head { bytes: [0; FRAME_HEAD_MAX], len: 0 };
        match (u8::try_from(len), u16::try_from(len)) {
            (Ok(short), _) if short < 126 => head.put(&[first, flag | short]),
            (_, Ok(middle)) => {
                head.put(&[first, flag | 0x7e]);
                head.put(&middle.to_be_bytes());
            }
            (_, Err(_)) => {
                head.put(&[first, flag | 0x7f]);
                head.put(&(len as u64).to_be_bytes());
            }
        }
        if let Some(mask) = mask {
            head.put(&mask);
        }
        head
    }
}

/// The head of a frame.
pub(super) struct Head {
    bytes: [u8; FRAME_HEAD_MAX],
    len: usize,
}

impl Head {
    /// As on the wire.
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
}
