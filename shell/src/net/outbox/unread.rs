//! What of the log a client is still to be sent: everything from a place on, or the spans that it was
//! given, and which of these frames are about the client's own commands.

use std::collections::VecDeque;
use std::mem;

use crate::net::log::{Log, Span};

/// Spans from which a client counts as behind, as if it had fallen off the end of the log.
const SPANS_MAX: usize = 16 << 10;
/// Entries for which memory is kept when there are none.
const ENTRIES_KEPT: usize = 64;

/// The unread part of the log, as one client sees it.
#[derive(Debug, Default)]
pub(super) struct Unread {
    /// In order, apart from each other, and before `rest`.
    spans: VecDeque<Span>,
    /// Given in this turn, in any order.
    given: Vec<Span>,
    /// Everything from here on. `None`: only what is given.
    rest: Option<u64>,
    /// Unread frames about the client's own commands, in order. They are among the others.
    own: VecDeque<Span>,
    own_bytes: usize,
}

/// What a client that was too far behind had not read.
#[derive(Debug, Default)]
pub(super) struct Dropped {
    /// Frames that it will not be sent, in order.
    pub(super) missed: Vec<Span>,
    /// Frames about its own commands, which it will be sent, in order.
    pub(super) own: Vec<Span>,
}

impl Unread {
    /// Everything that is pushed from here on is for the client.
    pub(super) fn follow_all(&mut self, log: &Log) {
        self.rest.get_or_insert(log.end());
    }

    /// From here on only what is given is for the client.
    pub(super) fn follow_given(&mut self, log: &Log) {
        if let Some(start) = self.rest.take() {
            self.given.push(Span { start, end: log.end() });
            self.sort();
        }
    }

    /// Adds spans, which must be of this turn, and not be there already.
    pub(super) fn give(&mut self, spans: impl Iterator<Item = Span>) {
        self.given.extend(spans.filter(|span| !span.is_empty()));
    }

    /// Notes that a frame that is or will be among those for the client is about one of its own
    /// commands.
    pub(super) fn own(&mut self, span: Span) {
        if !span.is_empty() {
            self.own.push_back(span);
            self.own_bytes += span.len();
        }
    }

    /// Brings what was given into order. Before anything is read, at the end of the turn.
    pub(super) fn sort(&mut self) {
        let mut given = mem::take(&mut self.given);
        // Each source gives in order, so this merges few runs.
        given.sort();
        for span in given.drain(..).filter(|span| !span.is_empty()) {
            match self.spans.back_mut() {
                Some(last) if last.end == span.start => last.end = span.end,
                Some(_) | None => self.spans.push_back(span),
            }
        }
        if given.capacity() <= ENTRIES_KEPT {
            self.given = given;
        }
    }

    /// Returns the spans that are not read, in order.
    pub(super) fn spans(&self, log: &Log) -> impl Iterator<Item = Span> {
        let rest = self.rest.map(|start| Span { start, end: log.end() });
        self.spans.iter().copied().chain(rest.filter(|span| !span.is_empty()))
    }

    /// Returns the first place that is not read.
    pub(super) fn first(&self, log: &Log) -> Option<Span> {
        self.spans(log).next()
    }

    /// Notes that the first span is read up to `place`.
    pub(super) fn advance(&mut self, place: u64) {
        match self.spans.front_mut() {
            Some(front) if place < front.end => front.start = place,
            Some(_) => drop(self.spans.pop_front()),
            None => self.rest = self.rest.map(|rest| rest.max(place)),
        }
        while self.own.front().is_some_and(|own| own.start < place) {
            self.own_bytes -= self.own.pop_front().map_or(0, Span::len);
        }
        shrink(&mut self.spans);
        shrink(&mut self.own);
    }

    /// Bytes of frames about the client's own commands.
    pub(super) fn own_bytes(&self) -> usize {
        self.own_bytes
    }

    /// Bytes of memory that the spans take.
    pub(super) fn bytes(&self) -> usize {
        (self.spans.len() + self.given.len() + self.own.len()) * size_of::<Span>()
    }

    /// Returns true if the client is behind by too many spans.
    pub(super) fn is_scattered(&self) -> bool {
        self.spans.len() > SPANS_MAX
    }

    /// Gives up everything up to the end of the log. What was given must have been brought into order.
    pub(super) fn drop_all(&mut self, log: &Log) -> Dropped {
        let mut dropped = Dropped::default();
        let mut own = mem::take(&mut self.own).into_iter().peekable();
        self.own_bytes = 0;
        for Span { mut start, end } in self.spans(log) {
            while let Some(frame) = own.next_if(|frame| frame.start < end) {
                dropped.missed.push(Span { start, end: frame.start });
                start = frame.end;
                dropped.own.push(frame);
            }
            dropped.missed.push(Span { start, end });
        }
        dropped.missed.retain(|span| !span.is_empty());
        self.spans = VecDeque::new();
        self.rest = self.rest.map(|_| log.end());
        dropped
    }
}

/// Gives back what a burst has taken.
fn shrink(entries: &mut VecDeque<Span>) {
    if entries.is_empty() && entries.capacity() > ENTRIES_KEPT {
        *entries = VecDeque::new();
    }
}
