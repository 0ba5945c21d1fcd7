use alloc::collections::{BTreeMap, VecDeque};

use super::{Found, Ids};
use crate::ids::{CommandNo, Seq};

/// `SplitMix64`, so that a failure is repeated by its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The same in maps.
#[derive(Default)]
struct Naive {
    live: BTreeMap<u64, CommandNo>,
    forgotten: VecDeque<u64>,
    parked: VecDeque<(Seq, u64)>,
}

impl Naive {
    fn find(&self, hash: u64) -> Found {
        match self.live.get(&hash) {
            Some(number) => Found::Command(*number),
            None if self.forgotten.contains(&hash) => Found::Forgotten,
            None if self.parked.iter().any(|(_, parked)| *parked == hash) => Found::Parked,
            None => Found::Unknown,
        }
    }

    fn forget(&mut self, hash: u64, max: u64) {
        if self.live.remove(&hash).is_some() {
            self.forgotten.push_back(hash);
        }
        while self.forgotten.len() as u64 > max {
            self.forgotten.pop_front();
        }
    }
}

fn copied(ids: &Ids) -> Ids {
    let live = ids.sorted().into_iter().map(|place| (place.hash, place.command));
    Ids::restore(ids.forgotten(), ids.parked(), live)
}

#[test]
fn an_id_is_live_then_forgotten_or_parked_then_unknown() {
    for seed in 0..50 {
        let (mut random, mut ids, mut naive) = (Random(seed), Ids::default(), Naive::default());
        let max = random.next() % 40;
        for number in 1..2_000 {
            // Few different hashes, so that they meet in the table.
            let hash = (random.next() % 97) << (random.next() % 3 * 20);
            let known = hash.max(1);
            match naive.find(known) {
                Found::Unknown => {
                    ids.admit(hash, CommandNo(number));
                    naive.live.insert(known, CommandNo(number));
                }
                Found::Command(_) | Found::Forgotten | Found::Parked => match random.next() % 4 {
                    0 => {
                        ids.forget(hash, max);
                        naive.forget(known, max);
                    }
                    1 => {
                        ids.drop_id(hash);
                        naive.live.remove(&known);
                    }
                    _ => {
                        ids.park(hash, Seq(number));
                        if naive.live.remove(&known).is_some() {
                            naive.parked.push_back((Seq(number), known));
                        }
                    }
                },
            }
            if number % 100 == 0 {
                let seq = Seq(number - random.next() % 60);
                ids.drop_parked(seq);
                naive.parked.retain(|(ended, _)| *ended > seq);
            }
            if number % 700 == 0 {
                ids.park_forgotten(Seq(number));
                let forgotten = core::mem::take(&mut naive.forgotten).into_iter();
                naive.parked.extend(forgotten.map(|hash| (Seq(number), hash)));
            }
            for probe in 0..97 {
                assert_eq!(ids.find(probe), naive.find(probe.max(1)), "seed {seed} probe {probe}");
            }
            assert_eq!(ids.forgotten_count(), naive.forgotten.len() as u64, "seed {seed}");
            assert_eq!(ids.parked_count(), naive.parked.len() as u64, "seed {seed}");
        }
        assert_eq!(copied(&ids), ids, "seed {seed}");
    }
}

#[test]
fn of_an_id_that_a_snapshot_has_twice_the_first_counts() {
    let ids = Ids::restore(
        [7, 7],
        [(Seq(1), 7), (Seq(1), 6), (Seq(2), 6)],
        [(7, CommandNo(3)), (8, CommandNo(4)), (8, CommandNo(5)), (6, CommandNo(6))],
    );
    assert_eq!((ids.find(6), ids.parked_count()), (Found::Parked, 1));
    assert_eq!(ids.find(7), Found::Forgotten);
    assert_eq!(ids.find(8), Found::Command(CommandNo(4)));
    assert_eq!(ids.forgotten_count(), 1);
    // Nothing leads to the command zero, which stands for a forgotten id in the table.
    assert_eq!(Ids::restore([], [], [(9, CommandNo(0))]).find(9), Found::Unknown);
}

#[test]
fn tables_with_other_answers_are_not_equal() {
    let with = |hashes: &[u64], forgotten: &[u64]| {
        let mut ids = Ids::default();
        for (number, hash) in (1..).zip(hashes) {
            ids.admit(*hash, CommandNo(number));
        }
        for hash in forgotten {
            ids.forget(*hash, 10);
        }
        ids
    };
    assert_eq!(with(&[1, 2], &[]), with(&[1, 2], &[]));
    assert_ne!(with(&[1, 2], &[]), with(&[1, 3], &[]));
    assert_ne!(with(&[1, 2], &[]), with(&[1, 2], &[1]));
    // Each half alone tells them apart.
    assert_ne!(with(&[1, 2, 3], &[1, 2]), with(&[1, 2, 3], &[2, 1]));
    assert_ne!(with(&[1, 2], &[1]), with(&[1, 3], &[1]));
}

#[test]
fn a_table_gives_memory_back_after_many_ids_were_parked() {
    let mut ids = Ids::default();
    for number in 1..=100_000 {
        ids.admit(number * 7, CommandNo(number));
        ids.park(number * 7, Seq(number));
    }
    let length = ids.table.len();
    ids.drop_parked(Seq(99_990));
    assert_eq!(ids.parked_count(), 10);
    assert!(ids.table.len() * 100 < length, "{} of {length} places", ids.table.len());
    assert_eq!(ids.find(99_995 * 7), Found::Parked);
    assert_eq!(ids.find(7), Found::Unknown);
}
