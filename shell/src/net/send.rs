//! The part of [`Net`] that gives out: queues, lag, closing, writing.

use std::mem;
use std::time::Instant;

use pi_server_core::Seq;

use super::framing::{FRAMINGS, Shared};
use super::log::Log;
use super::outbox::Outbox;
use super::peer::{Fate, Peer, Scene};
use super::{Happened, Link, Net};

impl Net {
    /// The client takes part in broadcasts from here on.
    pub fn admit(&mut self, link: Link) {
        let Some(peer) = self.peers.get_mut(link).filter(|peer| peer.is_listening()) else {
            return;
        };
        let framing = peer.outbox.framing();
        if peer.outbox.admit(&self.logs[framing.index()]) {
            self.admitted.push(link.slot);
            self.members[framing.index()] += 1;
        }
    }

    /// The client takes part in broadcasts no longer.
    pub fn dismiss(&mut self, link: Link) {
        let Some(peer) = self.peers.get_mut(link) else { return };
        let framing = peer.outbox.framing();
        peer.outbox.dismiss(&self.logs[framing.index()]);
    }

    /// Sends a frame to one client. Never dropped while the client lives. `seq` is the input that
    /// caused it: a lagging client gets it after the events before that place.
    pub fn send(&mut self, link: Link, seq: Seq, json: &[u8]) {
        self.queue(link, |outbox, log| outbox.answer(log, seq, json));
    }

    /// Sends a lifecycle frame to every admitted client. `seq`, the input that caused it, never
    /// decreases.
    pub fn broadcast(&mut self, seq: Seq, json: &[u8]) {
        self.has_broadcast = true;
        for framing in FRAMINGS.into_iter().filter(|framing| self.members[framing.index()] > 0) {
            self.logs[framing.index()].push(seq, |bytes| framing.put(json, bytes));
        }
    }

    /// Sends a lifecycle frame to some clients. One that is far behind gets a gap frame for it.
    pub fn multicast(&mut self, links: &[Link], seq: Seq, json: &[u8]) {
        let mut shared = Shared::new(json);
        for link in links {
            self.queue(*link, |outbox, log| {
                outbox.notice(log, seq, shared.get(outbox.framing()));
            });
        }
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
            self.pending.push(Happened::Closed { link });
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
        let mut slots = mem::take(&mut self.dirty);
        for slot in &slots {
            self.write(*slot, now);
        }
        slots.clear();
        if mem::take(&mut self.has_broadcast) {
            slots.extend_from_slice(&self.admitted);
            for slot in &slots {
                self.write(*slot, now);
            }
            slots.clear();
        }
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
        peer.is_dirty = false;
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
            // Now that it has taken some answers it may be read again.
            Some(Fate::Stays) | None => self.list(slot),
        }
    }

    /// Drops what everyone has taken from the logs, and what is too much.
    fn trim(&mut self) {
        for framing in FRAMINGS {
            let log = &mut self.logs[framing.index()];
            if log.is_empty() {
                continue;
            }
            let place =
                |peer: &Peer| peer.outbox.place().filter(|_| peer.outbox.framing() == framing);
            let places = self.admitted.iter().filter_map(|slot| place(self.peers.at(*slot)?));
            let mut slowest = places.min().unwrap_or(log.end());
            while let Some(until) = log.excess().filter(|until| slowest < *until) {
                for slot in &self.admitted {
                    let Some(peer) = self.peers.at_mut(*slot) else { continue };
                    if place(peer).is_some_and(|place| place < until) {
                        peer.outbox.skip(log);
                        // What it is told goes out in the next turn, if it takes anything.
                        if !mem::replace(&mut peer.is_dirty, true) {
                            self.dirty.push(*slot);
                        }
                    }
                }
                slowest = until;
                log.trim(until);
            }
            log.trim(slowest);
        }
    }
}
