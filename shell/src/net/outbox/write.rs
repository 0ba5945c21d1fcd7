//! What goes out next, and what becomes of the queue when it has gone.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem;

use super::{Bytes, ITEMS_KEPT, Item, Kind, Outbox};
use crate::net::log::{Log, Span};

impl Outbox {
    /// Whether there is nothing to be written, and nothing that waits for something else.
    pub(in crate::net) fn is_empty(&self, log: &Log) -> bool {
        let is_idle = self.partial.is_none() && self.control.is_empty() && self.items.is_empty();
        is_idle && self.unread.first(log).is_none()
    }

    /// Fills `slices` with what is to be written next, in order; answers how many it filled.
    pub(in crate::net) fn gather<'a>(&'a self, log: &'a Log, slices: &mut [IoSlice<'a>]) -> usize {
        let mut slots = slices.iter_mut();
        let mut filled = 0;
        let mut put = |bytes: &'a [u8]| {
            let Some(slot) = slots.next() else { return false };
            *slot = IoSlice::new(bytes);
            filled += 1;
            true
        };
        if let Some((bytes, written)) = &self.partial {
            put(&bytes.as_slice()[*written..]);
        }
        if !self.control.is_empty() {
            put(&self.control);
        }
        let mut spans = self.unread.spans(log);
        let mut span = spans.next();
        for item in self.items.iter().map(Some).chain([None]) {
            let until = self.next_stop(item);
            while let Some(Span { start, end }) = span.filter(|span| span.start < until) {
                let piece = log.piece(start);
                let piece = &piece[..Span { start, end: end.min(until) }.len().min(piece.len())];
                if piece.is_empty() || !put(piece) {
                    return filled;
                }
                let start = start + piece.len() as u64;
                span = if start < end { Some(Span { start, end }) } else { spans.next() };
            }
            let Some(item) = item else { break };
            let bytes = item.bytes.as_slice();
            if bytes.is_empty() || !put(bytes) || item.kind == Kind::Farewell {
                break;
            }
        }
        filled
    }

    /// Takes note that the first `count` gathered bytes were written.
    pub(in crate::net) fn wrote(&mut self, log: &Log, mut count: usize) {
        if let Some((bytes, written)) = &mut self.partial {
            let rest = bytes.len() - *written;
            if count < rest {
                *written += count;
                return;
            }
            count -= rest;
            self.partial = None;
        }
        if count < self.control.len() {
            if count > 0 {
                self.partial = Some((Bytes::Own(mem::take(&mut self.control)), count));
            }
            return;
        }
        count -= self.control.len();
        self.control = Vec::new();
        while let Some(rest) = self.wrote_broadcasts(log, count).filter(|rest| *rest > 0) {
            let Some(item) = self.items.pop_front() else { return };
            count = self.wrote_item(item, rest);
        }
        if self.items.is_empty() && self.items.capacity() > ITEMS_KEPT {
            self.items = VecDeque::new();
        }
    }

    /// Takes note that `count` bytes were written, of which an item was the first.
    fn wrote_item(&mut self, item: Item, count: usize) -> usize {
        let rest = count.saturating_sub(item.bytes.len());
        let is_whole = count >= item.bytes.len();
        match item.kind {
            Kind::Answer => self.answer_bytes -= item.bytes.len(),
            Kind::Event => self.event_bytes -= item.bytes.len(),
            Kind::Gap(_) => {}
            Kind::Farewell => {
                // Nothing may follow it, so what remains of it stays the last item, even if empty.
                let written = count.min(item.bytes.len());
                let bytes = Bytes::Own(item.bytes.as_slice()[written..].to_vec());
                self.items.clear();
                self.items.push_front(Item { bytes, ..item });
                return 0;
            }
        }
        if !is_whole {
            self.partial = Some((item.bytes, count));
        }
        rest
    }

    /// Whether the farewell is written.
    pub(in crate::net) fn is_over(&self) -> bool {
        let last = |item: &Item| item.kind == Kind::Farewell && item.bytes.len() == 0;
        self.partial.is_none() && self.control.is_empty() && self.items.front().is_some_and(last)
    }

    /// Takes note that `count` bytes were written, of which what is unread of the log before the next
    /// item was the first. Returns how many bytes of items were written; `None`: none were.
    fn wrote_broadcasts(&mut self, log: &Log, mut count: usize) -> Option<usize> {
        let until = self.next_stop(self.items.front());
        while let Some(span) = self.unread.first(log).filter(|span| span.start < until) {
            let end = span.end.min(until);
            let len = Span { end, ..span }.len();
            if count >= len {
                self.unread.advance(end);
                count -= len;
                continue;
            }
            let written = span.start + count as u64;
            let frame = log.frame_at(written).filter(|frame| frame.start < written);
            if let Some(frame) = frame {
                let len = usize::try_from(frame.end - frame.start).ok()?;
                let done = usize::try_from(written - frame.start).ok()?;
                let rest = &log.piece(frame.start)[done..len];
                self.partial = Some((Bytes::Own(rest.to_vec()), 0));
            }
            self.unread.advance(frame.map_or(written, |frame| frame.end));
            return None;
        }
        Some(count)
    }

    /// How far the log may be read before `item`, or at all if there is none.
    fn next_stop(&self, item: Option<&Item>) -> u64 {
        let end = self.lag.as_ref().map_or(u64::MAX, |lag| lag.until);
        item.map_or(end, |item| item.at.min(end))
    }
}
