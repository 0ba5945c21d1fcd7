//! Thousands of crashes: sectors that were not synced survive or not, one by one; and with durable
//! sectors damaged as well. Nothing acknowledged may be missing without a word, and an ordinary
//! crash may never be taken for damage.

use super::*;

/// A small generator, so that a failure can be run again from its printed seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What the world outside knows.
struct World {
    disk: Arc<FakeDisk>,
    /// Every input that was appended, by number; what is replaced after a crash was never durable.
    appended: Vec<(Input, Vec<u8>)>,
    /// Outputs of inputs up to this one were released.
    released: u64,
    /// Inputs up to this one were synced.
    synced: u64,
}

fn open(disk: &Arc<FakeDisk>, durability: Durability) -> Result<Opened, OpenError> {
    Journal::open_on(disk.clone(), settings(durability), &origin(), &mut from_the_start)
}

/// Runs a life until it ends without warning.
fn live(world: &mut World, random: &mut Random, durability: Durability) {
    let mut journal = open(&world.disk, durability).unwrap().journal;
    assert_eq!(journal.last_seq().0, world.appended.len() as u64);
    for _ in 0..random.below(120) {
        match random.below(20) {
            0..=11 => {
                let length = match random.below(12) {
                    0..=5 => 0,
                    6..=9 => random.below(400),
                    10 => random.below(6_000),
                    _ => random.below(70_000),
                };
                let body = random.next().to_le_bytes().repeat(usize::try_from(length).unwrap() / 8);
                let at = Micros(random.below(1_000_000));
                let kind = closed(random.below(9));
                let input = journal.append(at, kind, &body, Digest([4; 16])).unwrap();
                world.appended.push((input, body));
            }
            12..=16 => {
                journal.commit(Digest([5; 16])).unwrap();
                world.released = world.released.max(journal.durable().seq().0);
            }
            17 | 18 => {
                journal.sync().unwrap();
                world.synced = world.synced.max(journal.syncer.durable().0);
                world.released = world.released.max(journal.durable().seq().0);
            }
            _ => journal.poll().unwrap(),
        }
    }
    if random.chance(15) {
        journal.commit(NOTHING).unwrap();
        journal.close().unwrap();
        world.synced = world.appended.len() as u64;
        world.released = world.synced;
    }
}

/// Opens the journal after a crash and compares it with what the world knows.
fn check(world: &mut World, durability: Durability, at_least: u64, what: &str) {
    let Opened { journal, facts } = match open(&world.disk, durability) {
        Ok(opened) => opened,
        Err(error) => panic!("{what}: refused after an ordinary crash: {error}"),
    };
    assert!(facts.records >= at_least, "{what}: {} of {at_least}", facts.records);
    world.appended.truncate(usize::try_from(facts.records).unwrap());
    let expected: Vec<_> = world.appended.iter().map(|(input, _)| input.clone()).collect();
    assert_eq!(inputs(&journal), expected, "{what}");
    for (input, body) in &world.appended {
        assert_eq!(journal.body(input.body), Some(&body[..]), "{what}: body of {}", input.seq);
    }
    // Reading has synced what it found.
    world.synced = facts.records;
    world.released = facts.records;
}

fn world() -> World {
    World { disk: FakeDisk::new(), appended: Vec::new(), released: 0, synced: 0 }
}

/// How many seeds to try: `JOURNAL_CRASHES` for a long run, else what suits every run of the tests.
fn seeds(usual: u64) -> u64 {
    let wanted = std::env::var("JOURNAL_CRASHES").ok();
    wanted.and_then(|count| count.parse().ok()).unwrap_or(usual)
}

#[test]
fn ordinary_crashes_lose_nothing_acknowledged_and_are_never_taken_for_damage() {
    for seed in 0..seeds(600) {
        let mut random = Random(seed);
        let durability = if random.chance(50) { Durability::Power } else { Durability::Process };
        let mut world = world();
        for life in 0..4 {
            let what = format!("seed {seed} life {life} {durability:?}");
            live(&mut world, &mut random, durability);
            let at_least = if random.chance(30) {
                // The process is killed: the page cache survives.
                match durability {
                    Durability::Power => world.synced.max(world.released),
                    Durability::Process | Durability::None => world.released,
                }
            } else {
                let kept = random.below(101);
                world.disk.lose_power(|| random.chance(kept));
                world.synced
            };
            if durability == Durability::Power {
                assert!(world.released <= world.synced, "{what}: released before it was durable");
            }
            check(&mut world, durability, at_least, &what);
        }
    }
}

#[test]
fn damage_to_what_was_durable_is_never_accepted_without_a_word() {
    let (mut refused, mut harmless) = (0, 0);
    let tried = seeds(700);
    for seed in 1_000_000..1_000_000 + tried {
        let mut random = Random(seed);
        let mut world = world();
        for _ in 0..=random.below(2) {
            live(&mut world, &mut random, Durability::Power);
            world.disk.lose_power(|| random.chance(50));
            // Only what reading proves is known from here on.
            let synced = world.synced;
            check(&mut world, Durability::Power, synced, &format!("seed {seed}"));
        }
        live(&mut world, &mut random, Durability::Power);
        world.disk.lose_power(|| random.chance(50));
        let count = world.disk.segments_durable().len() as u64;
        let victim = 1 + random.below(count);
        let bytes = world.disk.segments_durable()[usize::try_from(victim - 1).unwrap()].clone();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        let at = usize::try_from(random.below(used as u64)).unwrap();
        let length = usize::try_from(1 + random.below(600)).unwrap().min(bytes.len() - at);
        let zero = random.chance(50);
        world.disk.damage(victim, |bytes| {
            for byte in &mut bytes[at..at + length] {
                *byte = if zero { 0 } else { *byte ^ 0x40 };
            }
        });
        match open(&world.disk, Durability::Power) {
            Ok(Opened { journal, facts }) => {
                harmless += 1;
                assert!(facts.records >= world.synced, "seed {seed}: a silent loss");
                let found = inputs(&journal);
                for (input, (expected, body)) in found.iter().zip(&world.appended) {
                    assert_eq!(input, expected, "seed {seed}");
                    assert_eq!(journal.body(input.body), Some(&body[..]), "seed {seed}");
                }
            }
            Err(OpenError::Damaged { .. }) => refused += 1,
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    assert!(refused > tried / 4 && harmless > tried / 20, "refused {refused}, harmless {harmless}");
}

#[test]
fn an_old_copy_put_back_is_refused() {
    let mut world = world();
    let mut journal = open(&world.disk, Durability::Power).unwrap().journal;
    world.appended = fill(&mut journal, 10, 100);
    journal.sync().unwrap();
    let old = world.disk.segments_durable()[0].clone();
    fill(&mut journal, 10, 100);
    journal.close().unwrap();
    world.disk.damage(1, |bytes| bytes.copy_from_slice(&old));
    let error = open(&world.disk, Durability::Power).err().unwrap();
    assert!(matches!(error, OpenError::Damaged { damage: Damage::Lost { .. }, .. }), "{error}");
}
