//! What one client is still to be sent: its own frames, its place in the log of broadcasts, and
//! how the two interleave. Knows no socket.
//!
//! Each own frame remembers the place in the log that must be reached first, so the client sees all
//! frames in the order in which they were queued. Frames are never split: what remains of a frame
//! that was partly written goes first, whatever happens to the rest.

mod write;

use std::collections::VecDeque;
use std::sync::Arc;

use pi_server_core::Seq;

use super::framing::Framing;
use super::log::Log;

/// Bytes of unread answers from which a client is not read from.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Bytes of lifecycle frames for this client only, from which it gets a gap frame for more.
const NOTICE_BYTES_MAX: usize = 256 << 10;

/// The queue of one client.
#[derive(Debug)]
pub(super) struct Outbox {
    framing: Framing,
    /// A partly written frame and how much of it is written.
    partial: Option<(Bytes, usize)>,
    /// Pings and pongs, which may go between any two frames.
    control: Vec<u8>,
    items: VecDeque<Item>,
    /// The place in the log; `None` for clients that take no part in broadcasts.
    place: Option<u64>,
    /// The place behind the last broadcast that is for this client.
    stop: u64,
    lag: Option<Lag>,
    event_bytes_max: usize,
    answer_bytes: usize,
    event_bytes: usize,
    notice_bytes: usize,
}

#[derive(Debug)]
struct Item {
    /// The place in the log that must be reached first.
    at: u64,
    seq: Seq,
    kind: Kind,
    bytes: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Answer,
    Event,
    Notice,
    Gap(Gap),
    /// The last thing that is ever sent.
    Farewell,
}

/// The client has missed events; what comes later waits for them.
#[derive(Debug)]
struct Lag {
    /// Every event up to here has been queued.
    after: Seq,
    /// How far broadcasts may go meanwhile.
    until: u64,
    /// Own frames that were sent meanwhile.
    held: VecDeque<Item>,
}

/// Lifecycle frames that a client is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    missed: u64,
    from: Seq,
    to: Seq,
}

#[derive(Debug)]
enum Bytes {
    Own(Vec<u8>),
    Shared(Arc<[u8]>),
}

impl Outbox {
    /// An empty queue.
    pub(super) fn new(framing: Framing, event_bytes_max: u64) -> Outbox {
        Outbox {
            framing,
            partial: None,
            control: Vec::new(),
            items: VecDeque::new(),
            place: None,
            stop: u64::MAX,
            lag: None,
            event_bytes_max: usize::try_from(event_bytes_max).unwrap_or(usize::MAX),
            answer_bytes: 0,
            event_bytes: 0,
            notice_bytes: 0,
        }
    }

    /// The client's framing.
    pub(super) fn framing(&self) -> Framing {
        self.framing
    }

    /// Broadcasts from here on are for this client too. `false`: they were already.
    #[must_use]
    pub(super) fn admit(&mut self, log: &Log) -> bool {
        let is_new = self.place.is_none();
        self.place.get_or_insert(log.end());
        is_new
    }

    /// Broadcasts from here on are not for this client.
    pub(super) fn dismiss(&mut self, log: &Log) {
        self.stop = self.stop.min(log.end());
    }

    /// Queues a frame for this client only, which is never dropped.
    pub(super) fn answer(&mut self, log: &Log, seq: Seq, json: &[u8]) {
        let bytes = Bytes::Own(self.framing.frame(json));
        self.answer_bytes += bytes.len();
        self.push(log, seq, Kind::Answer, bytes);
    }

    /// Queues a lifecycle frame for this client, or notes that it misses one.
    pub(super) fn notice(&mut self, log: &Log, seq: Seq, frame: Arc<[u8]>) {
        if self.notice_bytes + frame.len() <= NOTICE_BYTES_MAX {
            self.notice_bytes += frame.len();
            self.push(log, seq, Kind::Notice, Bytes::Shared(frame));
            return;
        }
        let at = self.place.map_or(0, |_| log.end());
        let items = self.lag.as_mut().map_or(&mut self.items, |lag| &mut lag.held);
        put_gap(items, items.len(), at, self.framing, Gap { missed: 1, from: seq, to: seq });
    }

    /// Queues a session event. `false`: the client is lagging from here on.
    #[must_use]
    pub(super) fn event(&mut self, log: &Log, cursor: Seq, frame: Arc<[u8]>) -> bool {
        if self.lag.is_some() {
            return false;
        }
        if self.event_bytes > 0 && self.event_bytes + frame.len() > self.event_bytes_max {
            self.lag(log, Seq(cursor.0.saturating_sub(1)));
            return false;
        }
        self.event_bytes += frame.len();
        self.push(log, cursor, Kind::Event, Bytes::Shared(frame));
        true
    }

    /// Holds everything that is sent from here on, until the events after `after` were fed.
    pub(super) fn lag(&mut self, log: &Log, after: Seq) {
        match &mut self.lag {
            Some(lag) => lag.after = lag.after.min(after),
            None => {
                self.lag = Some(Lag { after, until: log.end(), held: VecDeque::new() });
            }
        }
    }

    /// If the client is lagging: the cursor of the last event that it was given.
    pub(super) fn lags_after(&self) -> Option<Seq> {
        self.lag.as_ref().map(|lag| lag.after)
    }

    /// If the client is lagging and has room: the cursor of the last event that it was given.
    pub(super) fn hungry(&self) -> Option<Seq> {
        let lag = self.lag.as_ref()?;
        (self.event_bytes <= self.event_bytes_max / 4).then_some(lag.after)
    }

    /// Queues an event that was missed. `false`: no more for now.
    pub(super) fn feed(&mut self, log: &Log, cursor: Seq, json: &[u8]) -> bool {
        let Some(lag) = &mut self.lag else { return false };
        while lag.held.front().is_some_and(|item| item.seq < cursor) {
            self.items.extend(lag.held.pop_front());
        }
        lag.until = lag.until.max(log.place_of(cursor));
        lag.after = lag.after.max(cursor);
        let bytes = Bytes::Own(self.framing.frame(json));
        let at = self.place.map_or(0, |_| lag.until);
        self.event_bytes += bytes.len();
        self.items.push_back(Item { at, seq: cursor, kind: Kind::Event, bytes });
        self.event_bytes < self.event_bytes_max
    }

    /// Lets go of what was held.
    pub(super) fn caught_up(&mut self) {
        if let Some(lag) = self.lag.take() {
            self.items.extend(lag.held);
        }
    }

    /// Frames appended here go before everything that is queued: pings, pongs, and the answer that
    /// makes a connection a WebSocket.
    pub(super) fn control(&mut self) -> &mut Vec<u8> {
        &mut self.control
    }

    /// Queues the last bytes that are ever sent, which may be none. Events that the client lags behind with are
    /// left out; it can ask for them by cursor when it comes back.
    pub(super) fn farewell(&mut self, log: &Log, bytes: Vec<u8>) {
        self.caught_up();
        self.dismiss(log);
        self.push(log, Seq(u64::MAX), Kind::Farewell, Bytes::Own(bytes));
    }

    /// Whether the client leaves so much unread that it is not to be read from.
    pub(super) fn is_choked(&self) -> bool {
        let partial = self.partial.as_ref().map_or(0, |(bytes, written)| bytes.len() - written);
        self.answer_bytes + self.control.len() + partial > ANSWER_BYTES_MAX
    }

    /// Whether the rest of a frame is due.
    pub(super) fn is_mid_frame(&self) -> bool {
        self.partial.is_some()
    }

    /// The place in the log, of clients that still have a use for what follows it.
    pub(super) fn place(&self) -> Option<u64> {
        self.place.filter(|place| *place < self.stop)
    }

    /// Bytes that this queue alone keeps in memory.
    pub(super) fn bytes(&self) -> usize {
        self.answer_bytes + self.event_bytes + self.notice_bytes + self.control.len()
    }

    /// Gives up the broadcasts between this client's place and the end of the log, and tells it.
    pub(super) fn skip(&mut self, log: &Log) {
        let Some(place) = self.place() else { return };
        let Some(first) = log.frame_at(place) else { return };
        let (pushed, last) = log.pushed();
        let gap = Gap { missed: pushed - first.number, from: first.seq, to: last };
        let index = self.items.partition_point(|item| item.at <= place);
        put_gap(&mut self.items, index, place, self.framing, gap);
        self.place = Some(log.end());
        if let Some(lag) = &mut self.lag {
            lag.until = lag.until.max(log.end());
        }
    }

    fn push(&mut self, log: &Log, seq: Seq, kind: Kind, bytes: Bytes) {
        let at = self.place.map_or(0, |_| log.end());
        let items = self.lag.as_mut().map_or(&mut self.items, |lag| &mut lag.held);
        items.push_back(Item { at, seq, kind, bytes });
    }
}

/// Puts a gap into a queue, or widens the one that is there: a client that never reads has one.
fn put_gap(items: &mut VecDeque<Item>, index: usize, at: u64, framing: Framing, gap: Gap) {
    for item in items.iter_mut() {
        if let Kind::Gap(earlier) = &mut item.kind {
            earlier.missed += gap.missed;
            earlier.to = earlier.to.max(gap.to);
            item.bytes = Bytes::Own(earlier.frame(framing));
            return;
        }
    }
    let bytes = Bytes::Own(gap.frame(framing));
    items.insert(index, Item { at, seq: gap.from, kind: Kind::Gap(gap), bytes });
}

impl Gap {
    fn frame(self, framing: Framing) -> Vec<u8> {
        let Gap { missed, from, to } = self;
        let json = format!(
            r#"{{"type":"gap","data":{{"kind":"lifecycle","missed":{missed},"fromSeq":{from},"toSeq":{to}}}}}"#
        );
        framing.frame(json.as_bytes())
    }
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Bytes::Own(bytes) => bytes,
            Bytes::Shared(bytes) => bytes,
        }
    }

    fn len(&self) -> usize {
        self.as_slice().len()
    }
}

#[cfg(test)]
mod tests;
