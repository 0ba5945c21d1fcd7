//! Who holds how many idempotency keys, so that nobody can use up what all share. PROTOCOL.md
//! section 6.1, gates 11 and 12.
//!
//! Names of clients are free to choose, so there is no fixed share for a name: whoever holds more
//! than are free gets no more, which leaves something for the next, however much others have taken.

use alloc::collections::BTreeMap;

use crate::ids::{ConnId, Text};

/// Where connections without a name that are gone have left more keys than are free, one that is
/// there gets a key only while it holds at most such a part of the free ones: who comes again and
/// again to take the half of what is left gets little.
const NAMELESS_PART: u64 = 64;

/// Who answers for a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holder {
    /// The clients of a name.
    Client(Text),
    /// A connection without one.
    Conn(ConnId),
}

/// How many keys each holds. Nobody is listed who holds none, so this is bounded as the keys are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shares {
    held: BTreeMap<Holder, u64>,
    /// Keys that connections without a name have taken and that are gone.
    left_behind: u64,
}

impl Holder {
    /// Who answers for a key that this connection of this client takes.
    pub(super) fn of(client: &Text, conn: ConnId) -> Holder {
        if client.is_empty() { Holder::Conn(conn) } else { Holder::Client(client.clone()) }
    }
}

impl Shares {
    /// Whether a holder may take another key while so many are free.
    pub(super) fn has_room(&self, holder: &Holder, free: u64) -> bool {
        let held = self.held.get(holder).copied().unwrap_or(0);
        let part = match holder {
            Holder::Conn(_) if self.left_behind > free => free / NAMELESS_PART,
            Holder::Client(_) | Holder::Conn(_) => free,
        };
        free > 0 && held <= part
    }

    /// A key was taken.
    pub(super) fn take(&mut self, holder: Holder) {
        let held = self.held.entry(holder).or_default();
        *held = held.saturating_add(1);
    }

    /// A key that was taken under this name or by this connection is free again.
    pub(super) fn give_back(&mut self, holder: &Holder) {
        match self.held.get_mut(holder) {
            Some(held) if *held > 1 => *held -= 1,
            Some(_) => drop(self.held.remove(holder)),
            // The connection is gone.
            None => self.left_behind = self.left_behind.saturating_sub(1),
        }
    }

    /// A connection is gone; what it took without a name is nobody's in particular.
    pub(super) fn leave(&mut self, conn: ConnId) {
        let left = self.held.remove(&Holder::Conn(conn)).unwrap_or(0);
        self.left_behind = self.left_behind.saturating_add(left);
    }

    /// All connections are gone.
    pub(super) fn leave_all(&mut self) {
        self.keep(|_| false);
    }

    /// All connections are gone but these.
    pub(super) fn keep(&mut self, is_connected: impl Fn(ConnId) -> bool) {
        let left_behind = &mut self.left_behind;
        self.held.retain(|holder, held| match holder {
            Holder::Client(_) => true,
            Holder::Conn(conn) if is_connected(*conn) => true,
            Holder::Conn(_) => {
                *left_behind = left_behind.saturating_add(*held);
                false
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u64 = 10_000;

    /// Takes keys until there are no more for this one; how many it got.
    fn flood(shares: &mut Shares, total: &mut u64, holder: &Holder) -> u64 {
        let before = *total;
        while shares.has_room(holder, MAX - *total) {
            shares.take(holder.clone());
            *total += 1;
        }
        *total - before
    }

    fn named(name: &str) -> Holder {
        Holder::of(&Text::from(name), ConnId(1))
    }

    fn nameless(conn: u64) -> Holder {
        Holder::of(&Text::from(""), ConnId(conn))
    }

    #[test]
    fn one_that_floods_gets_half_and_the_next_half_of_the_rest() {
        let (mut shares, mut total) = (Shares::default(), 0);
        assert_eq!(flood(&mut shares, &mut total, &named("a")), 5_001);
        assert_eq!(flood(&mut shares, &mut total, &nameless(1)), 2_500);
        assert_eq!(flood(&mut shares, &mut total, &nameless(2)), 1_250);
        assert!(shares.has_room(&named("b"), MAX - total));
        assert!(!shares.has_room(&named("a"), MAX - total));
        // What it gives back is free for others first.
        shares.give_back(&named("a"));
        assert!(!shares.has_room(&named("a"), MAX - total + 1));
    }

    #[test]
    fn connections_that_come_again_and_again_without_a_name_leave_most_to_others() {
        let (mut shares, mut total) = (Shares::default(), 0);
        for conn in 1..=20 {
            flood(&mut shares, &mut total, &nameless(conn));
            shares.leave(ConnId(conn));
        }
        assert!(MAX - total > 3_000, "{} are free", MAX - total);
        assert!(shares.has_room(&nameless(99), MAX - total));
        assert!(shares.has_room(&named("a"), MAX - total));
        for _ in 0..total {
            shares.give_back(&nameless(7));
        }
        assert_eq!(shares, Shares::default());
    }

    #[test]
    fn after_a_restart_keys_without_a_name_are_nobodys_in_particular() {
        let mut shares = Shares::default();
        for holder in [named("a"), nameless(3), nameless(3), nameless(4)] {
            shares.take(holder);
        }
        shares.leave_all();
        assert_eq!(shares.left_behind, 3);
        shares.give_back(&nameless(4));
        shares.give_back(&named("a"));
        assert_eq!(shares, Shares { left_behind: 2, ..Shares::default() });
    }

    #[test]
    fn the_last_key_is_taken_and_none_after_it() {
        let shares = Shares::default();
        assert!(shares.has_room(&named("a"), 1));
        assert!(!shares.has_room(&named("a"), 0));
    }
}
