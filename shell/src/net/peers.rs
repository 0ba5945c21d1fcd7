//! The clients by slot, and their deadlines. A slot that is given up is taken again only in a
//! later turn, so that readiness events of one client cannot reach the next.

use std::collections::BTreeSet;
use std::time::Instant;

use super::Link;
use super::peer::{Gate, Peer};

/// All clients.
#[derive(Debug, Default)]
pub(super) struct Peers {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Given up in this turn.
    resting: Vec<u32>,
    deadlines: BTreeSet<(Instant, u32)>,
    /// Those that are not in, or not any more, by how they came; those first that never were in, and
    /// the oldest first.
    strangers: BTreeSet<Stranger>,
    /// How many came before.
    ordinal: u64,
    count: usize,
}

/// A socket that takes none of the connections that are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stranger {
    gate: Gate,
    was_in: bool,
    ordinal: u64,
    slot: u32,
}

#[derive(Debug, Default)]
struct Slot {
    life: u32,
    peer: Option<Box<Peer>>,
    /// Its entry in the deadlines.
    due: Option<Instant>,
    /// How many came before it.
    ordinal: u64,
    /// Its entry among the strangers.
    stranger: Option<Stranger>,
}

impl Peers {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// A link for a client that is about to be put in.
    pub(super) fn reserve(&mut self) -> Link {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).expect("there are fewer sockets than u32 can count")
        });
        Link { slot, life: self.slots[slot as usize].life }
    }

    /// Puts a client in under the link that was reserved for it.
    pub(super) fn insert(&mut self, link: Link, peer: Peer) {
        self.ordinal += 1;
        let entry = &mut self.slots[link.slot as usize];
        entry.peer = Some(Box::new(peer));
        entry.ordinal = self.ordinal;
        self.count += 1;
        self.settle(link.slot);
    }

    /// Gives back a link that was reserved, or takes the client out.
    pub(super) fn remove(&mut self, slot: u32) -> Option<Box<Peer>> {
        let entry = self.slots.get_mut(slot as usize)?;
        let peer = entry.peer.take();
        entry.life = entry.life.wrapping_add(1);
        self.resting.push(slot);
        self.count -= usize::from(peer.is_some());
        self.settle(slot);
        peer
    }

    /// A turn has begun: slots that were given up may be taken again.
    pub(super) fn rest(&mut self) {
        self.free.append(&mut self.resting);
    }

    /// The client in a slot.
    pub(super) fn at(&self, slot: u32) -> Option<&Peer> {
        self.slots.get(slot as usize)?.peer.as_deref()
    }

    /// The client in a slot.
    pub(super) fn at_mut(&mut self, slot: u32) -> Option<&mut Peer> {
        self.slots.get_mut(slot as usize)?.peer.as_deref_mut()
    }

    /// The client that is meant, if it is still there.
    pub(super) fn look(&self, link: Link) -> Option<&Peer> {
        self.at(link.slot).filter(|peer| peer.link() == link)
    }

    /// The client that is meant, if it is still there.
    pub(super) fn get_mut(&mut self, link: Link) -> Option<&mut Peer> {
        self.at_mut(link.slot).filter(|peer| peer.link() == link)
    }

    /// Every client.
    pub(super) fn links(&self) -> Vec<Link> {
        self.slots.iter().filter_map(|slot| Some(slot.peer.as_ref()?.link())).collect()
    }

    /// How many came by a gate that are not in.
    pub(super) fn strangers(&self, gate: Gate) -> usize {
        self.strangers.range(Peers::of(gate)).count()
    }

    /// The one of them that goes first when there are too many.
    pub(super) fn first_stranger(&self, gate: Gate) -> Option<u32> {
        self.strangers.range(Peers::of(gate)).next().map(|stranger| stranger.slot)
    }

    fn of(gate: Gate) -> std::ops::RangeInclusive<Stranger> {
        let first = Stranger { gate, was_in: false, ordinal: 0, slot: 0 };
        first..=Stranger { was_in: true, ordinal: u64::MAX, slot: u32::MAX, ..first }
    }

    /// Brings the deadlines and the strangers in line with what became of a client.
    pub(super) fn settle(&mut self, slot: u32) {
        let Some(entry) = self.slots.get_mut(slot as usize) else { return };
        let ordinal = entry.ordinal;
        let peer = entry.peer.as_ref();
        let stranger = peer.and_then(|peer| peer.waits_at()).map(|(gate, was_in)| Stranger {
            gate,
            was_in,
            ordinal,
            slot,
        });
        if stranger != entry.stranger {
            if let Some(old) = &entry.stranger {
                self.strangers.remove(old);
            }
            self.strangers.extend(stranger);
            entry.stranger = stranger;
        }
        let due = entry.peer.as_ref().and_then(|peer| peer.due());
        if due == entry.due {
            return;
        }
        if let Some(old) = entry.due {
            self.deadlines.remove(&(old, slot));
        }
        if let Some(new) = due {
            self.deadlines.insert((new, slot));
        }
        entry.due = due;
    }

    /// The first deadline.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    /// A client whose deadline has passed.
    pub(super) fn overdue(&self, now: Instant) -> Option<u32> {
        self.deadlines.first().filter(|(due, _)| *due <= now).map(|(_, slot)| *slot)
    }
}
