use alloc::collections::{BTreeSet, VecDeque};

use super::Forgotten;

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

#[test]
fn the_set_holds_the_newest_hashes_and_no_others() {
    for seed in 0..50 {
        let (mut random, mut set) = (Random(seed), Forgotten::default());
        let (mut order, mut naive) = (VecDeque::new(), BTreeSet::new());
        let max = 1 + random.next() % 40;
        for _ in 0..2_000 {
            // Few different hashes, so that they meet in the table.
            let hash = (random.next() % 97) << (random.next() % 3 * 20);
            let kept = hash.max(1);
            if naive.insert(kept) {
                order.push_back(kept);
            }
            while order.len() as u64 > max {
                naive.remove(&order.pop_front().unwrap());
            }
            set.insert(hash, max);
            for probe in 0..97 {
                let expected = naive.contains(&u64::max(probe, 1));
                assert_eq!(set.contains(probe), expected, "seed {seed} probe {probe}");
            }
            assert_eq!(set.len(), order.len() as u64, "seed {seed}");
        }
    }
}
