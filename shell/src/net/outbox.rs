//! What one client is still to be sent: frames for it alone, what it has not read of the log, and how
//! the two interleave. Knows no socket.
//!
//! Each item of the queue remembers the place in the log that must be reached first, so the client
//! sees all frames in the order in which they were queued. Frames are never split: what remains of a
//! frame that was partly written goes first, whatever happens to the rest.
//!
//! A client that is too far behind gives up what it has not read of the log: a gap says what it
//! misses. Frames about its own commands are never among that; they are taken over into the queue,
//! and count like answers, so that a client that does not take them is not read from.

mod gap;
mod unread;
mod write;

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use pi_server_core::Seq;

use super::framing::Framing;
use super::log::{Log, Span};
use gap::Gap;
use unread::Unread;

/// Bytes of unread answers, and of unread frames about its own commands, from which a client is not
/// read from.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Items for which memory is kept when there are none.
const ITEMS_KEPT: usize = 64;

/// The queue of one client.
#[derive(Debug)]
pub(super) struct Outbox {
    framing: Framing,
    /// A partly written frame and how much of it is written.
    partial: Option<(Bytes, usize)>,
    /// Pings and pongs, which may go between any two frames.
    control: Vec<u8>,
    items: VecDeque<Item>,
    unread: Unread,
    lag: Option<Lag>,
    event_bytes_max: usize,
    answer_bytes: usize,
    event_bytes: usize,
    /// The place of the last event that was to be queued.
    last_event: Option<Seq>,
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
            unread: Unread::default(),
            lag: None,
            event_bytes_max: usize::try_from(event_bytes_max).unwrap_or(usize::MAX),
            answer_bytes: 0,
            event_bytes: 0,
            last_event: None,
        }
    }

    /// The client's framing.
    pub(super) fn framing(&self) -> Framing {
        self.framing
    }

    /// Everything that is pushed to the log from here on is for this client.
    pub(super) fn follow_all(&mut self, log: &Log) {
        self.unread.follow_all(log);
    }

    /// Only what is given from here on is for this client.
    pub(super) fn follow_given(&mut self, log: &Log) {
        self.unread.follow_given(log);
    }

    /// Gives the client frames of this turn.
    pub(super) fn give(&mut self, spans: impl Iterator<Item = Span>) {
        self.unread.give(spans);
    }

    /// Notes that a frame of this turn is about a command of this client, and is never to be dropped.
    /// The client is given the frame as well, unless it follows all.
    pub(super) fn own(&mut self, span: Span) {
        self.unread.own(span);
    }

    /// Brings what was given into order, before it is written.
    pub(super) fn sort(&mut self) {
        self.unread.sort();
    }

    /// Queues a frame for this client only, which is never dropped.
    pub(super) fn answer(&mut self, log: &Log, seq: Seq, json: &[u8]) {
        let bytes = Bytes::Own(self.framing.frame(json));
        self.answer_bytes += bytes.len();
        self.push(log, seq, Kind::Answer, bytes);
    }

    /// Queues a session event. `false`: the client is lagging from here on.
    #[must_use]
    pub(super) fn event(&mut self, log: &Log, cursor: Seq, frame: Arc<[u8]>) -> bool {
        if self.lag.is_some() {
            return false;
        }
        // What has the same place as the event before it goes with it: nobody could ask for it alone.
        let goes_along = self.last_event.replace(cursor) == Some(cursor);
        let is_full = self.event_bytes + frame.len() > self.event_bytes_max;
        if self.event_bytes > 0 && is_full && !goes_along {
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
        self.event_bytes += bytes.len();
        self.items.push_back(Item { at: lag.until, seq: cursor, kind: Kind::Event, bytes });
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
        self.follow_given(log);
        self.push(log, Seq(u64::MAX), Kind::Farewell, Bytes::Own(bytes));
    }

    /// Whether the client leaves so much unread that it is not to be read from.
    pub(super) fn is_choked(&self) -> bool {
        let partial = self.partial.as_ref().map_or(0, |(bytes, written)| bytes.len() - written);
        self.answer_bytes + self.unread.own_bytes() + self.control.len() + partial
            > ANSWER_BYTES_MAX
    }

    /// Whether the rest of a frame is due.
    pub(super) fn is_mid_frame(&self) -> bool {
        self.partial.is_some()
    }

    /// Returns the first place in the log that the client has not read, if there is any.
    pub(super) fn place(&self, log: &Log) -> Option<u64> {
        self.unread.first(log).map(|span| span.start)
    }

    /// Bytes that this queue alone keeps in memory.
    pub(super) fn bytes(&self) -> usize {
        self.answer_bytes + self.event_bytes + self.control.len() + self.unread.bytes()
    }

    /// Returns true if what the client has not read of the log lies in so many pieces that it is to
    /// [`Outbox::skip`] them.
    pub(super) fn is_scattered(&self) -> bool {
        self.unread.is_scattered()
    }

    /// Gives up what the client has not read of the log, and tells it. Frames about its own commands
    /// are taken over into the queue.
    pub(super) fn skip(&mut self, log: &Log) {
        self.sort();
        let dropped = self.unread.drop_all(log);
        let mut own: Vec<Item> =
            dropped.own.iter().filter_map(|span| self.take_over(log, *span)).collect();
        if let Some(lag) = &mut self.lag {
            let later = own.split_off(own.partition_point(|item| item.at < lag.until));
            merge(&mut lag.held, later);
            lag.until = lag.until.max(log.end());
        }
        merge(&mut self.items, own);
        if let Some((gap, first)) = Gap::of(log, &dropped.missed).zip(dropped.missed.first()) {
            self.put_gap(first.start, gap);
        }
    }

    /// Copies a frame about one of the client's own commands out of the log.
    fn take_over(&mut self, log: &Log, span: Span) -> Option<Item> {
        let bytes = Bytes::Own(log.piece(span.start).get(..span.len())?.to_vec());
        self.answer_bytes += bytes.len();
        let seq = log.frame_at(span.start)?.seq;
        Some(Item { at: span.start, seq, kind: Kind::Answer, bytes })
    }

    /// Puts a gap into the queue, or widens the one that is there: a client that never reads has one.
    fn put_gap(&mut self, place: u64, gap: Gap) {
        for item in &mut self.items {
            if let Kind::Gap(earlier) = &mut item.kind {
                *earlier = earlier.and(gap);
                item.bytes = Bytes::Own(earlier.frame(self.framing));
                return;
            }
        }
        let bytes = Bytes::Own(gap.frame(self.framing));
        let later = self.items.iter().position(|item| item.at > place);
        let index = later.unwrap_or(self.items.len());
        self.items.insert(index, Item { at: place, seq: gap.from(), kind: Kind::Gap(gap), bytes });
    }

    fn push(&mut self, log: &Log, seq: Seq, kind: Kind, bytes: Bytes) {
        let at = log.end();
        let items = self.lag.as_mut().map_or(&mut self.items, |lag| &mut lag.held);
        items.push_back(Item { at, seq, kind, bytes });
    }
}

/// Puts own frames, which are in order, to where they belong in a queue.
fn merge(items: &mut VecDeque<Item>, own: Vec<Item>) {
    if own.is_empty() {
        return;
    }
    let mut earlier = mem::take(items);
    for frame in own {
        while earlier.front().is_some_and(|item| item.at <= frame.at) {
            items.extend(earlier.pop_front());
        }
        items.push_back(frame);
    }
    items.append(&mut earlier);
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
