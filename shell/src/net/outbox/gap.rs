//! What a client is told of frames that it is not sent. PROTOCOL.md section 8.6.

use pi_server_core::Seq;

use crate::net::framing::Framing;
use crate::net::log::{Log, Span};

/// Frames that a client is not sent: how many, and the first and the last of their causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    missed: u64,
    from: Seq,
    to: Seq,
}

impl Gap {
    /// Returns the gap that spans of the log leave behind; nothing if they hold no frame.
    pub(super) fn of(log: &Log, spans: &[Span]) -> Option<Gap> {
        let ends = spans.iter().filter_map(|span| log.ends_of(*span));
        ends.map(|(first, last)| {
            let missed = 1 + last.number - first.number;
            Gap { missed, from: first.seq, to: last.seq }
        })
        .reduce(Gap::and)
    }

    /// Returns the gap that covers this one and a later one.
    pub(super) fn and(self, later: Gap) -> Gap {
        Gap {
            missed: self.missed + later.missed,
            from: self.from.min(later.from),
            to: self.to.max(later.to),
        }
    }

    /// Returns the first input of which a frame is missed.
    pub(super) fn from(self) -> Seq {
        self.from
    }

    /// Returns the frame that says so.
    pub(super) fn frame(self, framing: Framing) -> Vec<u8> {
        let Gap { missed, from, to } = self;
        let json = format!(
            r#"{{"type":"gap","data":{{"kind":"lifecycle","missed":{missed},"fromSeq":{from},"toSeq":{to}}}}}"#
        );
        framing.frame(json.as_bytes())
    }
}
