use alloc::collections::{BTreeMap, VecDeque};

use super::{Found, Ids};
use crate::ids::CommandNo;

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
}

impl Naive {
    fn find(&self, hash: u64) -> Found {
        match self.live.get(&hash) {
            Some(number) => Found::Command(*number),
            None if self.forgotten.contains(&hash) => Found::Forgotten,
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
    Ids::restore(ids.forgotten(), live)
}

#[test]
fn an_id_is_live_then_forgotten_then_unknown() {
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
                Found::Command(_) | Found::Forgotten => {
                    ids.forget(hash, max);
                    naive.forget(known, max);
                }
            }
            for probe in 0..97 {
                assert_eq!(ids.find(probe), naive.find(probe.max(1)), "seed {seed} probe {probe}");
            }
            assert_eq!(ids.forgotten_count(), naive.forgotten.len() as u64, "seed {seed}");
        }
        assert_eq!(copied(&ids), ids, "seed {seed}");
    }
}

#[test]
fn of_an_id_that_a_snapshot_has_twice_the_first_counts() {
    let ids = Ids::restore([7, 7], [(7, CommandNo(3)), (8, CommandNo(4)), (8, CommandNo(5))]);
    assert_eq!(ids.find(7), Found::Forgotten);
    assert_eq!(ids.find(8), Found::Command(CommandNo(4)));
    assert_eq!(ids.forgotten_count(), 1);
    // Nothing leads to the command zero, which stands for a forgotten id in the table.
    assert_eq!(Ids::restore([], [(9, CommandNo(0))]).find(9), Found::Unknown);
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
