//! What goes out next, and what becomes of the queue when it has gone.

use std::io::IoSlice;
use std::mem;

use super::{Bytes, Item, Kind, Outbox};
use crate::net::log::Log;

impl Outbox {
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
        let mut place = self.place;
        for item in self.items.iter().map(Some).chain([None]) {
            let until = self.next_stop(log, item);
            while let Some(from) = place.filter(|from| *from < until) {
                let piece = log.piece(from);
                let piece = match usize::try_from(until - from) {
                    Ok(len) if len < piece.len() => &piece[..len],
                    Ok(_) | Err(_) => piece,
                };
                if piece.is_empty() || !put(piece) {
                    return filled;
                }
                place = Some(from + piece.len() as u64);
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
    }

    /// Takes note that `count` bytes were written, of which an item was the first.
    fn wrote_item(&mut self, item: Item, count: usize) -> usize {
        let rest = count.saturating_sub(item.bytes.len());
        let is_whole = count >= item.bytes.len();
        match item.kind {
            Kind::Answer => self.answer_bytes -= item.bytes.len(),
            Kind::Event => self.event_bytes -= item.bytes.len(),
            Kind::Notice => self.notice_bytes -= item.bytes.len(),
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

    /// Advances the place in the log by what was written of it. `None`: nothing else was written.
    fn wrote_broadcasts(&mut self, log: &Log, count: usize) -> Option<usize> {
        let Some(place) = self.place else { return Some(count) };
        let until = self.next_stop(log, self.items.front()).max(place);
        let written = place + count as u64;
        if written >= until {
            self.place = Some(until);
            return usize::try_from(written - until).ok();
        }
        self.place = Some(written);
        if let Some(frame) = log.frame_at(written).filter(|frame| frame.start < written) {
            let len = usize::try_from(frame.end - frame.start).ok()?;
            let done = usize::try_from(written - frame.start).ok()?;
            let rest = &log.piece(frame.start)[done..len];
            self.partial = Some((Bytes::Own(rest.to_vec()), 0));
            self.place = Some(frame.end);
        }
        None
    }

    /// How far broadcasts go before `item`, or at all if there is none.
    fn next_stop(&self, log: &Log, item: Option<&Item>) -> u64 {
        let end = self.lag.as_ref().map_or(log.end(), |lag| lag.until).min(self.stop);
        item.map_or(end, |item| item.at.min(end))
    }
}
