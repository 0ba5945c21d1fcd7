//! The lives that a journal has had, by which cursors of a future that was lost are known. PROTOCOL.md
//! section 8.5.

use alloc::collections::VecDeque;
use alloc::format;

use crate::ids::{Seq, Text};

/// Lives that are remembered. Cursors of older ones are taken as they are.
pub const LIVES_MAX: usize = 1_000;

/// One life of a daemon on this journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// Its number: how many `Boot`s there were, itself included.
    pub(super) boot: u64,
    /// What tells it from another life of the same number, in a copy of the journal that went on
    /// without this one.
    pub(super) mark: u64,
    /// Its first input.
    pub(super) first: Seq,
}

/// The newest lives, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lives {
    known: VecDeque<Life>,
}

impl Life {
    /// A life, whose mark follows from the randomness of its start and does not tell it.
    pub(super) fn new(boot: u64, entropy: &[u8; 16], first: Seq) -> Life {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"pi-server epoch");
        hasher.update(entropy);
        let mut mark = [0; 8];
        hasher.finalize_xof().fill(&mut mark);
        Life { boot, mark: u64::from_be_bytes(mark), first }
    }

    /// As clients know it, e.g. `17-9f3c2a77d0b1e5f4`.
    pub(super) fn epoch(&self) -> Text {
        Text::from(format!("{}-{:016x}", self.boot, self.mark))
    }
}

/// The epoch of a life: its number, and what tells it from another of the same number.
pub fn epoch_of(boot: u64, entropy: &[u8; 16]) -> Text {
    Life::new(boot, entropy, Seq(0)).epoch()
}

/// Where what a client was told and what this journal has part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fork {
    /// The last place before what the client has not been told.
    pub(super) after: Seq,
    /// Up to there they are one.
    pub(super) exact: bool,
}

impl Lives {
    /// A life begins.
    pub(super) fn begin(&mut self, life: Life) {
        self.known.push_back(life);
        while self.known.len() > LIVES_MAX {
            self.known.pop_front();
        }
    }

    /// Those that [`Lives::known`] gave.
    pub(super) fn of(known: impl IntoIterator<Item = Life>) -> Lives {
        Lives { known: known.into_iter().collect() }
    }

    /// All that are remembered, oldest first.
    pub(super) fn known(&self) -> impl Iterator<Item = Life> + '_ {
        self.known.iter().copied()
    }

    /// The one that goes on.
    pub(super) fn current(&self) -> Option<&Life> {
        self.known.back()
    }

    /// Where a cursor leaves the past of this journal, if it does. `newest` is the newest input, and
    /// `epoch` what the client says of the life in which it was given the cursor.
    pub(super) fn fork(&self, cursor: Seq, epoch: Option<&str>, newest: Seq) -> Option<Fork> {
        let current = self.current()?;
        let guess = |after: Seq| Fork { after, exact: false };
        // Nothing of the life that goes on can be ahead of it.
        let ahead = || (cursor > newest).then(|| guess(before(current)));
        let Some(epoch) = epoch else { return ahead() };
        let number = epoch.split('-').next().and_then(|number| number.parse::<u64>().ok());
        let from = self.known.partition_point(|life| Some(life.boot) < number);
        let oldest = self.known.front().map(|life| life.boot);
        if number.is_some() && number < oldest {
            return ahead();
        }
        match self.known.get(from).filter(|_| number.is_some()) {
            Some(life) if *life.epoch() == *epoch => {
                let end = self.known.get(from + 1).map_or(newest, before);
                (cursor > end).then_some(Fork { after: end, exact: true })
            }
            // Whatever came before its number may be the client's past, and nothing after is.
            Some(life) => Some(guess(before(life).min(cursor))),
            None => Some(guess(before(current).min(cursor))),
        }
    }
}

/// The last input before a life.
fn before(life: &Life) -> Seq {
    Seq(life.first.0.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// Lives that begin at these inputs.
    fn lives(firsts: &[u64]) -> Lives {
        let mut lives = Lives::default();
        for (number, first) in (1..).zip(firsts) {
            let entropy = [u8::try_from(number % 251).expect("small"); 16];
            lives.begin(Life::new(number, &entropy, Seq(*first)));
        }
        lives
    }

    fn fork(lives: &Lives, cursor: u64, epoch: Option<&str>) -> Option<u64> {
        lives.fork(Seq(cursor), epoch, Seq(99)).map(|fork| fork.after.0)
    }

    #[test]
    fn a_cursor_of_the_past_is_taken_as_it_is() {
        let lives = lives(&[1, 40, 70]);
        let epochs: Vec<Text> = lives.known().map(|life| life.epoch()).collect();
        for (epoch, cursors) in epochs.iter().zip([[0, 39], [0, 69], [0, 99]]) {
            for cursor in cursors {
                assert_eq!(fork(&lives, cursor, Some(epoch)), None, "{cursor} of {epoch}");
                assert_eq!(fork(&lives, cursor, None), None);
            }
        }
    }

    #[test]
    fn a_cursor_beyond_the_end_of_its_life_leaves_the_past_there() {
        let lives = lives(&[1, 40, 70]);
        let epochs: Vec<Text> = lives.known().map(|life| life.epoch()).collect();
        for (epoch, end) in epochs.iter().zip([39, 69, 99]) {
            assert_eq!(fork(&lives, end + 1, Some(epoch)), Some(end));
            assert!(lives.fork(Seq(end + 1), Some(epoch), Seq(99)).is_some_and(|it| it.exact));
            assert_eq!(fork(&lives, u64::MAX, Some(epoch)), Some(end));
        }
    }

    #[test]
    fn a_cursor_of_a_life_that_this_journal_never_had_leaves_it_before_that_number() {
        let lives = lives(&[1, 40, 70]);
        for (epoch, end) in [("2-0000000000000000", 39), ("3-0000000000000000", 69)] {
            assert_eq!(fork(&lives, 12, Some(epoch)), Some(12));
            assert!(lives.fork(Seq(12), Some(epoch), Seq(99)).is_some_and(|it| !it.exact));
            assert_eq!(fork(&lives, 80, Some(epoch)), Some(end));
        }
        // Of lives after the newest, or of none that anybody had, all that is certain is that the
        // one that goes on is not theirs.
        for epoch in ["4-0000000000000000", "", "x", "-", "99999999999999999999999-00"] {
            assert_eq!(fork(&lives, 80, Some(epoch)), Some(69), "{epoch}");
        }
    }

    #[test]
    fn without_an_epoch_only_what_lies_ahead_is_known_to_be_lost() {
        let lives = lives(&[1, 40, 70]);
        assert_eq!(fork(&lives, 99, None), None);
        assert_eq!(fork(&lives, 100, None), Some(69));
        assert_eq!(fork(&Lives::default(), 100, None), None);
    }

    #[test]
    fn lives_are_forgotten_and_their_cursors_taken_as_they_are() {
        let firsts: Vec<u64> = (1..=1_100).collect();
        let lives = lives(&firsts);
        assert_eq!(lives.known().count(), LIVES_MAX);
        assert_eq!(fork(&lives, 50, Some("100-0000000000000000")), None);
        assert_eq!(
            lives.fork(Seq(2_000), Some("100-00"), Seq(1_500)).map(|it| it.after),
            Some(Seq(1_099))
        );
        assert_eq!(Lives::of(lives.known()), lives);
    }

    #[test]
    fn an_epoch_does_not_tell_the_randomness_that_it_is_made_of() {
        let life = Life::new(17, &[0xab; 16], Seq(1));
        let epoch = life.epoch();
        assert!(epoch.starts_with("17-") && epoch.len() == 19, "{epoch}");
        assert!(!epoch.contains("abab"), "{epoch}");
    }
}
