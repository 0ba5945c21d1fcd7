#![allow(clippy::disallowed_macros, reason = "seeds for whoever runs the test")]

use std::io;

use pi_server_core::record::JournalId;

use super::super::pages::{PAGE_BYTES, Region};
use super::*;
use crate::journal::storage::Kept;
use crate::journal::tests::fake::Random;

/// A file in memory.
struct Memory(Vec<u8>);

impl Kept for Memory {
    fn length(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(at).expect("small");
        bytes.copy_from_slice(&self.0[from..from + bytes.len()]);
        Ok(())
    }
}

/// Parts, one after the other, to be read as those of an index are.
fn opened(parts: &[Vec<u8>]) -> (Pages, Vec<Region>) {
    let owner = Owner { journal: JournalId([7; 16]), segment: 3 };
    let (mut file, mut regions) = (Vec::new(), Vec::new());
    for part in parts {
        let page = (file.len() / PAGE_BYTES) as u64;
        regions.push(Region { page, bytes: part.len() as u64 });
        pages::write(owner, part, &mut file);
    }
    (Pages::new(Box::new(Memory(file)), owner), regions)
}

/// The largest row of some that is at most a bound.
fn last(rows: &[u32], bound: u64) -> Option<u64> {
    rows.iter().rev().map(|row| u64::from(*row)).find(|row| *row <= bound)
}

#[test]
fn lists_find_what_is_in_them_whether_few_or_many_rows_are() {
    for seed in 0..6 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let rows = 1 + u32::try_from(random.below(100_000)).expect("small");
        // Of each key, in how many of a thousand rows it is, and from which row on.
        let keys = [1_000, 999, 500, 40, 3, 0].map(|share| (share, random.below(u64::from(rows))));
        let mut writer = lists::Writer::default();
        let mut expected = vec![Vec::new(); keys.len()];
        for row in 0..rows {
            for (key, (share, from)) in keys.iter().enumerate() {
                if u64::from(row) >= *from && random.below(1_000) < *share {
                    writer.add(key as u64 * 10, row);
                    expected[key].push(row);
                }
            }
        }
        let (containers, bytes) = writer.finish(u64::from(rows));
        let (pages, regions) = opened(&[containers, bytes]);
        let find = |key| {
            let parts = (regions[0], regions[1]);
            lists::Range::find(&pages, parts, u64::from(rows), key).expect("good")
        };
        for (key, expected) in expected.iter().enumerate() {
            let mut range = find(key as u64 * 10);
            // Bounds fall, as a search's do.
            let mut bound = u64::from(rows) + 5;
            while bound > 0 {
                bound = bound.saturating_sub(1 + random.below(700));
                let found = range.last(&pages, bound).expect("good");
                assert_eq!(found, last(expected, bound), "seed {seed}, key {key}, bound {bound}");
                bound = found.unwrap_or(0);
            }
            assert_eq!(find(key as u64 * 10 + 1).last(&pages, u64::MAX >> 1).expect("good"), None);
        }
    }
}

#[test]
fn ids_find_every_row_that_has_them_newest_first() {
    for seed in 0..6 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let mut writer = ids::Writer::default();
        let mut expected = vec![Vec::new(); 40];
        for row in 0..2_000 {
            let id = random.below(40);
            writer.add(key_of_id(&id.to_string()), row);
            expected[usize::try_from(id).expect("small")].push(row);
        }
        let (pages, regions) = opened(&[writer.finish()]);
        for (id, expected) in expected.iter().enumerate() {
            let key = key_of_id(&id.to_string());
            let mut range = ids::Range::find(&pages, regions[0], key).expect("good");
            let mut bound = 2_500;
            while bound > 0 {
                let found = range.last(&pages, bound).expect("good");
                assert_eq!(found, last(expected, bound), "seed {seed}");
                bound = found.unwrap_or(0).saturating_sub(random.below(90));
            }
        }
        let mut nobody = ids::Range::find(&pages, regions[0], key_of_id("nobody")).expect("good");
        assert_eq!(nobody.last(&pages, 2_500).expect("good"), None);
    }
}
