//! The part of [`Net`] that gives out: queues, lag, closing, writing.

use std::mem;
use std::time::Instant;

use pi_server_core::Seq;

use super::framing::{FRAMINGS, Shared};
use super::log::{Log, Span};
use super::outbox::Outbox;
use super::peer::{Fate, Peer, Scene};
use super::{Entry, Happened, Link, Net};

impl Net {
    /// Every [`Net::broadcast`] from here on is for the client.
    pub fn admit(&mut self, link: Link) {
        let Some(peer) = self.peers.get_mut(link).filter(|peer| peer.is_listening()) else {
            return;
        };
        let framing = peer.outbox.framing();
        peer.outbox.follow_all(&self.logs[framing.index()]);
        self.followers.insert(link.slot);
        if !mem::replace(&mut peer.is_member, true) {
            self.members[framing.index()] += 1;
        }
    }

    /// Only what the client is given ([`Net::give`]) from here on is for it, which may be nothing.
    pub fn dismiss(&mut self, link: Link) {
        let Some(peer) = self.peers.get_mut(link) else { return };
        let framing = peer.outbox.framing();
        peer.outbox.follow_given(&self.logs[framing.index()]);
        self.followers.remove(&link.slot);
        // It may have something left of the log to read.
        self.mark_dirty(link.slot);
    }

    /// Sends a frame to one client. Never dropped while the client lives. `seq` is the input that
    /// caused it: a lagging client gets it after the events before that place.
    pub fn send(&mut self, link: Link, seq: Seq, json: &[u8]) {
        self.queue(link, |outbox, log| outbox.answer(log, seq, json));
    }

    /// Sends a frame to every client that follows all, and returns where it is, so that it can be given
    /// to others. `seq`, the input that caused it, never decreases.
    pub fn broadcast(&mut self, seq: Seq, json: &[u8]) -> Entry {
        self.has_broadcast = true;
        let (logs, members) = (&mut self.logs, &self.members);
        let mut spans = [Span { start: 0, end: 0 }; FRAMINGS.len()];
        for framing in FRAMINGS {
            let log = &mut logs[framing.index()];
            spans[framing.index()] = if members[framing.index()] == 0 {
                Span { start: log.end(), end: log.end() }
            } else {
                log.push(seq, |bytes| framing.put(json, bytes))
            };
        }
        Entry { spans }
    }

    /// Gives frames of this turn to a client that does not follow all. At the end of the turn they are
    /// brought into order, so they may come in any; each may come once only.
    pub fn give(&mut self, link: Link, entries: &[Entry]) {
        let index = |outbox: &Outbox| outbox.framing().index();
        self.queue(link, |outbox, _| {
            let index = index(outbox);
            outbox.give(entries.iter().map(|entry| entry.spans[index]));
        });
    }

    /// Notes that a frame of this turn, which the client gets because it follows all or is given it, is
    /// about one of its own commands, and is never to be dropped.
    pub fn own(&mut self, link: Link, entry: Entry) {
        self.queue(link, |outbox, _| outbox.own(entry.spans[outbox.framing().index()]));
    }

    /// Sends a session event to some clients. One that is far behind, or lagging, is lagging from
    /// its cursor on.
    pub fn event(&mut self, links: &[Link], cursor: Seq, json: &[u8]) {
        let mut shared = Shared::new(json);
        for link in links {
            let queued = self.queue(*link, |outbox, log| {
                outbox.event(log, cursor, shared.get(outbox.framing()))
            });
            if queued == Some(false) {
                self.lagging.insert(*link);
            }
        }
    }

    /// Makes the client lag from `after` on, so that older events can be fed before newer ones.
    /// If it lags already, from the earlier of the two places on.
    pub fn lag(&mut self, link: Link, after: Seq) {
        if self.queue(link, |outbox, log| outbox.lag(log, after)).is_some() {
            self.lagging.insert(link);
        }
    }

    /// If the client lags: the place up to which it has every event.
    pub fn lags_after(&self, link: Link) -> Option<Seq> {
        self.peers.look(link)?.outbox.lags_after()
    }

    /// Lagging clients that have room, each with the place up to which it has every event.
    pub fn lagging(&mut self) -> Vec<(Link, Seq)> {
        let Net { lagging, peers, .. } = self;
        lagging.retain(|link| peers.look(*link).is_some_and(Peer::is_listening));
        let hungry = |link: &Link| Some((*link, peers.look(*link)?.outbox.hungry()?));
        lagging.iter().filter_map(hungry).collect()
    }

    /// Gives a lagging client the next event it missed, in order. `false`: no more for now.
    pub fn feed(&mut self, link: Link, cursor: Seq, json: &[u8]) -> bool {
        self.queue(link, |outbox, log| outbox.feed(log, cursor, json)).unwrap_or(false)
    }

    /// The client has been fed everything that it missed.
    pub fn caught_up(&mut self, link: Link) {
        self.queue(link, |outbox, _| outbox.caught_up());
        self.lagging.remove(&link);
    }

    /// Ends a connection after everything that was sent to it. The code and the reason (cut to 123
    /// bytes) are those of a WebSocket close frame; a line transport just ends.
    pub fn close(&mut self, link: Link, code: u16, reason: &str) {
        if self.peers.look(link).is_none() {
            return;
        }
        let close = |peer: &mut Peer, scene: &Scene<'_>| peer.close(code, reason, scene);
        if self.with(link.slot, self.now, close) == Some(true) {
            let closed = Happened::Closed { link };
            self.held.behind(link, &mut self.pending, |happened| happened.push(closed));
        }
        self.lagging.remove(&link);
        self.mark_dirty(link.slot);
    }

    /// Lets nobody in any more. Those who are in stay.
    pub fn lock(&mut self) {
        self.is_locked = true;
        self.tcp = None;
        self.other_tcp = None;
        self.unix = None;
    }

    /// Ends every connection as [`Net::close`] does, and lets nobody in any more. The loop goes on
    /// until [`Net::is_empty`], or as long as it likes.
    pub fn shut(&mut self, code: u16, reason: &str) {
        self.lock();
        let mut happened = mem::take(&mut self.pending);
        for link in self.peers.links() {
            if self.is_open(link) {
                self.close(link, code, reason);
            } else if !self.peers.look(link).is_some_and(Peer::is_ending) {
                self.remove(link.slot, &mut happened);
            }
        }
        self.pending.splice(0..0, happened);
    }

    /// Writes what is queued, in as few calls as possible. At the end of the turn.
    pub fn flush(&mut self) {
        let now = self.now;
        if mem::take(&mut self.has_broadcast) {
            let Net { followers, peers, dirty, .. } = self;
            for slot in followers.iter() {
                let peer = peers.at_mut(*slot);
                if peer.is_some_and(|peer| !mem::replace(&mut peer.is_dirty, true)) {
                    dirty.push(*slot);
                }
            }
        }
        let mut slots = mem::take(&mut self.dirty);
        for slot in &slots {
            self.write(*slot, now);
        }
        slots.clear();
        self.dirty.append(&mut slots);
        self.trim();
    }

    /// Does something to the queue of a client that can still be sent something.
    fn queue<T>(&mut self, link: Link, act: impl FnOnce(&mut Outbox, &Log) -> T) -> Option<T> {
        let peer = self.peers.get_mut(link).filter(|peer| peer.is_listening())?;
        let framing = peer.outbox.framing();
        let result = act(&mut peer.outbox, &self.logs[framing.index()]);
        self.mark_dirty(link.slot);
        Some(result)
    }

    pub(super) fn mark_dirty(&mut self, slot: u32) {
        let Some(peer) = self.peers.at_mut(slot) else { return };
        if !mem::replace(&mut peer.is_dirty, true) {
            self.dirty.push(slot);
        }
    }

    fn write(&mut self, slot: u32, now: Instant) {
        let Some(peer) = self.peers.at_mut(slot) else { return };
        #[cfg(test)]
        {
            self.served += 1;
        }
        peer.is_dirty = false;
        peer.outbox.sort();
        let fate = self.with(slot, now, |peer, scene| {
            peer.leave(scene);
            peer.write(scene)
        });
        match fate {
            Some(Fate::Gone) => {
                let mut happened = mem::take(&mut self.pending);
                self.remove(slot, &mut happened);
                self.pending = happened;
            }
            Some(Fate::Stays) | None => {
                self.note_behind(slot);
                // Now that it has taken some answers it may be read again.
                self.list(slot);
            }
        }
    }

    /// Notes whether a client still has something of the log to read.
    fn note_behind(&mut self, slot: u32) {
        let Some(peer) = self.peers.at_mut(slot) else { return };
        let log = &self.logs[peer.outbox.framing().index()];
        if peer.outbox.place(log).is_some() && !mem::replace(&mut peer.is_behind, true) {
            self.behind.push(slot);
        }
    }

    /// Drops what everyone has taken from the logs, and what is too much.
    fn trim(&mut self) {
        let mut behind = mem::take(&mut self.behind);
        let mut slowest = self.logs.each_ref().map(Log::end);
        behind.retain(|slot| {
            let Some(peer) = self.peers.at_mut(*slot) else { return false };
            #[cfg(test)]
            {
                self.served += 1;
            }
            let index = peer.outbox.framing().index();
            let log = &self.logs[index];
            if peer.outbox.is_scattered() {
                skip(peer, log, *slot, &mut self.dirty);
            }
            let place = peer.outbox.place(log);
            slowest[index] = slowest[index].min(place.unwrap_or(u64::MAX));
            peer.is_behind = place.is_some();
            peer.is_behind
        });
        for (index, mut slowest) in slowest.into_iter().enumerate() {
            let log = &mut self.logs[index];
            while let Some(until) = log.excess().filter(|until| slowest < *until) {
                for slot in &behind {
                    let Some(peer) = self.peers.at_mut(*slot) else { continue };
                    let is_here = peer.outbox.framing().index() == index;
                    if is_here && peer.outbox.place(log).is_some_and(|place| place < until) {
                        skip(peer, log, *slot, &mut self.dirty);
                    }
                }
                slowest = until;
                log.trim(until);
            }
            log.trim(slowest);
        }
        self.behind = behind;
    }
}

/// Makes a client give up what it has not read of the log. What it is told goes out in the next turn,
/// if it takes anything.
fn skip(peer: &mut Peer, log: &Log, slot: u32, dirty: &mut Vec<u32>) {
    peer.outbox.skip(log);
    if !mem::replace(&mut peer.is_dirty, true) {
        dirty.push(slot);
    }
}
