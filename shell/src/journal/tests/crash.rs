//! Torn or damaged, on as many crashes as are asked for: `CRASHES=100000` and `CRASH_SEED` for a
//! campaign, else what suits every run of the tests.
//!
//! A trial is a journal's whole life: appends, commits, syncs, rolls, snapshots, packs, dropped
//! segments, and pages that the kernel writes back when it likes. Any operation can be the last one,
//! half done; then the process is gone, or the power, and with it any of the sectors that were not
//! synced. The starts after that can be cut short in the same way. In every other trial something
//! that was on disk is damaged after the last crash. The disk and the world outside know what was
//! promised, without asking the journal: nothing of it may be missing without a word, nothing may be
//! invented, and what was only torn may never be refused.

#![allow(clippy::disallowed_macros, reason = "figures for whoever runs the test")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use pi_server_core::record::RECORD_STEP;
use pi_server_core::snapshot::LAYOUT;

use super::*;
use fake::{Image, Random, Reach};

/// Figures of a campaign.
#[derive(Debug, Default)]
struct Figures {
    trials: AtomicU64,
    /// Ends of lives: kills, power cuts, and either of them during a start.
    crashes: AtomicU64,
    in_starts: AtomicU64,
    torn: AtomicU64,
    healed_bytes: AtomicU64,
    snapshots_used: AtomicU64,
    segments_dropped: AtomicU64,
    compressed: AtomicU64,
    damaged: AtomicU64,
    refused: AtomicU64,
    /// Damaged, opened, and all that had been promised was there.
    harmless: AtomicU64,
    /// Bodies that a start does not read, and that are found to be damaged when they are wanted.
    late: AtomicU64,
    /// Damaged, opened, and something is missing that was synced after `HEAD` was written last.
    young: AtomicU64,
}

fn count(figure: &AtomicU64, by: u64) {
    figure.fetch_add(by, Ordering::Relaxed);
}

/// What the world outside knows.
struct World<'a> {
    disk: Arc<FakeDisk>,
    random: Random,
    durability: Durability,
    figures: &'a Figures,
    /// Every input that was appended, by number; what is replaced after a crash was never promised.
    appended: Vec<(Input, Vec<u8>)>,
    /// Outputs of inputs up to this one were released.
    released: u64,
    /// Inputs up to this one were reported to be on disk.
    synced: u64,
    /// And `HEAD` said so.
    proven: u64,
    /// Inputs up to this one have survived so far; beyond `synced` only because the machine went on.
    alive: u64,
    /// Ends of segments at which a snapshot was written, or may have been: segment and input.
    snapshots: BTreeMap<u64, u64>,
    /// What is before this may have been dropped.
    dropped: u64,
    /// The disk at some earlier time.
    old: Option<Image>,
    what: String,
}

/// What a snapshot of this simulation holds in the place of a state.
fn state(seq: Seq) -> [u8; 8] {
    seq.0.to_le_bytes()
}

/// Bodies that outlive their segments.
fn is_wanted(seq: u64) -> bool {
    seq.is_multiple_of(3)
}

impl<'a> World<'a> {
    fn new(random: Random, durability: Durability, figures: &'a Figures, what: String) -> Self {
        World {
            disk: FakeDisk::new(),
            random,
            durability,
            figures,
            appended: Vec::new(),
            released: 0,
            synced: 0,
            proven: 0,
            alive: 0,
            snapshots: BTreeMap::new(),
            dropped: 0,
            old: None,
            what,
        }
    }

    fn open(&self) -> Result<Opened, OpenError> {
        let settings = settings(self.durability);
        Journal::open_on(self.disk.clone(), settings, &origin(), &mut |snapshot| {
            assert_eq!(
                snapshot.state,
                state(snapshot.cursor.seq),
                "{}: a strange state",
                self.what
            );
            Ok(())
        })
    }

    /// Arms the disk: one of the next operations is the last.
    fn arm(&mut self, operations: u64) {
        let mut faults = self.disk.faults();
        faults.fail_operation = Some(u32::try_from(self.random.below(operations)).unwrap());
        faults.for_ever = true;
        faults.reach = match self.random.below(4) {
            0 => Reach::Nothing,
            1 => Reach::Whole,
            _ => Reach::Part(self.random.next()),
        };
    }

    /// Runs a life until it ends without warning.
    fn live(&mut self, mut journal: Journal) {
        for _ in 0..self.random.below(90) {
            if self.act(&mut journal).is_err() {
                return;
            }
        }
        if self.random.chance(15) {
            let last = self.appended.len() as u64;
            if journal.commit(NOTHING).is_ok() && journal.close().is_ok() {
                self.synced = last;
                self.proven = last;
                self.released = last;
            }
        }
    }

    fn act(&mut self, journal: &mut Journal) -> Result<(), ()> {
        let all = |error: JournalError| drop(error);
        match self.random.below(40) {
            0..=20 => {
                let length = match self.random.below(24) {
                    0..=9 => 0,
                    10..=20 => self.random.below(900),
                    21 | 22 => self.random.below(20_000),
                    _ => self.random.below(70_000),
                };
                let length = usize::try_from(length).unwrap() / 8;
                let body = self.random.next().to_le_bytes().repeat(length);
                let at = Micros(self.random.below(1_000_000));
                let kind = closed(self.random.below(9));
                match journal.append(at, kind, &body, Digest([4; 16])) {
                    Ok(input) => self.appended.push((input, body)),
                    // Refused; what follows may be taken.
                    Err(AppendError::Full(_)) => {}
                    Err(
                        AppendError::TooLarge { .. } | AppendError::Held | AppendError::Failed(_),
                    ) => return Err(()),
                }
            }
            21..=27 => {
                journal.commit(Digest([5; 16])).map_err(all)?;
                self.released = self.released.max(journal.durable().seq().0);
            }
            28..=30 => {
                let head = self.random.chance(50);
                if head {
                    journal.sync().map_err(all)?;
                } else {
                    journal.sync_aside(false);
                    journal.syncer.check().map_err(all)?;
                }
                self.synced = self.synced.max(journal.syncer.durable().0);
                if head {
                    self.proven = self.synced;
                }
                self.released = self.released.max(journal.durable().seq().0);
            }
            31 => journal.poll().map_err(all)?,
            32 | 33 => {
                let percent = self.random.below(101);
                self.disk.write_back(&mut || self.random.chance(percent));
            }
            // What goes wrong beside the loop is tried again later.
            34 | 35 => self.keep(journal).unwrap_or_default(),
            36 => self.retain(journal).unwrap_or_default(),
            37 => self.old = Some(self.disk.image()),
            38 => drop(journal.build_aside()),
            _ => {
                let full = self.disk.faults().full;
                self.disk.faults().full = !full && self.random.chance(20);
            }
        }
        let sound = self.durability != Durability::Power || self.released <= self.synced;
        assert!(sound, "{}: released before it was durable", self.what);
        Ok(())
    }

    /// Snapshots, as the keeper makes them: of what is settled, by reading it again.
    fn keep(&mut self, journal: &Journal) -> Result<(), ()> {
        let archive = journal.archive();
        let target = journal.settled().saturating_sub(1);
        let newest = archive.snapshots().map_err(drop)?.last().copied();
        let mut cursor = match newest {
            Some(number) => archive.load(number, |snapshot| Ok(snapshot.cursor)).map_err(drop)?,
            None => archive.start(),
        };
        while cursor.segment < target {
            let fed = archive.feed(&mut cursor, &mut |input, _| {
                let place = usize::try_from(input.seq.0 - 1).unwrap();
                assert_eq!(*input, self.appended[place].0, "{}", self.what);
                ControlFlow::Continue(())
            });
            assert!(fed.map_err(drop)?, "{}: the whole segment", self.what);
            self.snapshots.insert(cursor.segment, cursor.seq.0);
            let state = state(cursor.seq);
            let snapshot =
                Snapshot { cursor, outputs: NOTHING, layout: LAYOUT, state: &state, rest: b"rest" };
            archive.save(&snapshot).map_err(drop)?;
        }
        for segment in archive.segments().map_err(drop)? {
            if segment <= target && self.random.chance(40) {
                let done = archive.compress(segment).map_err(drop)?;
                count(&self.figures.compressed, u64::from(done));
            }
        }
        Ok(())
    }

    /// Drops what is behind the second newest snapshot.
    fn retain(&mut self, journal: &mut Journal) -> Result<(), ()> {
        let archive = journal.archive();
        let snapshots = archive.snapshots().map_err(drop)?;
        let first = archive.segments().map_err(drop)?.first().copied().unwrap_or(1);
        let Some(number) = snapshots.iter().rev().nth(1).copied().filter(|it| *it >= first) else {
            return Ok(());
        };
        let last = usize::try_from(self.snapshots[&number]).unwrap();
        let wanted = self.appended[..last].iter().map(|(input, _)| input.body);
        let wanted = wanted.filter(|body| is_wanted(body.seq.0)).collect();
        archive.pack(number, wanted).map_err(drop)?;
        self.dropped = self.dropped.max(self.snapshots[&number]);
        journal.let_go(number).map_err(drop)?;
        archive.drop_up_to(number).map_err(drop)?;
        count(&self.figures.segments_dropped, number + 1 - first);
        Ok(())
    }

    /// The process or the machine ends, and the machine is there again.
    fn crash(&mut self) {
        count(&self.figures.crashes, 1);
        if self.random.chance(70) {
            self.alive = self.synced;
            // Sectors or whole pages, few or many of them.
            let percent = self.random.below(101);
            let stretch = if self.random.chance(50) { 1 } else { 8 };
            let (mut left, mut kept) = (0, false);
            let random = &mut self.random;
            self.disk.lose_power(|| {
                if left == 0 {
                    (left, kept) = (stretch, random.chance(percent));
                }
                left -= 1;
                kept
            });
        } else if self.durability == Durability::Process {
            // The page cache survives, and with it all that was committed.
            self.alive = self.alive.max(self.released);
        }
        self.alive = self.alive.max(self.synced);
        if self.durability == Durability::Process {
            self.released = self.synced;
        }
        self.disk.revive();
        self.disk.faults().full = false;
    }

    /// What is there must be what was appended, and all of what was promised.
    fn check(&mut self, opened: &Opened, damaged: bool) {
        let Opened { journal, facts } = opened;
        let what = &self.what;
        // Damage to what was synced in the last second, and by nothing after it said to be, is not
        // told from a torn tail.
        let known = self.alive.max(self.released);
        let promised = if damaged { self.proven } else { known };
        count(&self.figures.young, u64::from(facts.records < self.synced));
        assert!(facts.records >= promised, "{what}: {} of {promised}", facts.records);
        self.appended.truncate(usize::try_from(facts.records).unwrap());
        let from = facts.snapshot.map_or(0, |seq| usize::try_from(seq.0).unwrap());
        assert!(inputs(journal).iter().eq(self.appended[from..].iter().map(|it| &it.0)), "{what}");
        let first = journal.first_seq().0;
        assert!(
            first <= self.dropped + 1,
            "{what}: {first} is the first, {} dropped",
            self.dropped
        );
        let mut late = 0;
        for (input, body) in &self.appended {
            let seq = input.seq.0;
            let found = journal.body(input.body);
            let read = seq > from as u64 || (seq < first && is_wanted(seq));
            match found {
                Some(found) => assert!(found == body, "{what}: another body of {seq}"),
                // Of what a snapshot covers only the damaged is missing.
                None if seq < first => assert!(!read, "{what}: the body of {seq} is missing"),
                None => {
                    assert!(damaged && !read, "{what}: the body of {seq} is missing");
                    late = 1;
                }
            }
        }
        if !damaged {
            let scanned = journal.scan_from(Seq(first)).map(|scanned| scanned.unwrap().input);
            let expected = self.appended.iter().skip(usize::try_from(first - 1).unwrap());
            assert!(scanned.eq(expected.map(|it| it.0.clone())), "{what}: a scan");
        }
        count(&self.figures.late, late);
        count(&self.figures.torn, u64::from(facts.tail != Tail::Clean));
        count(&self.figures.healed_bytes, facts.torn_bytes);
        count(&self.figures.snapshots_used, u64::from(facts.snapshot.is_some()));
        // Reading has synced what it found, and it may have been answered from.
        self.synced = facts.records;
        self.proven = facts.records;
        self.released = facts.records;
        self.alive = facts.records;
    }

    /// A start after an ordinary crash, which may itself be cut short, again and again.
    fn start(&mut self) -> Journal {
        loop {
            if self.random.chance(40) {
                self.arm(40);
            }
            match self.open() {
                Ok(opened) => {
                    // Looking is not to be the last operation.
                    let armed = self.disk.faults().fail_operation.take();
                    self.check(&opened, false);
                    self.disk.faults().fail_operation = armed;
                    return opened.journal;
                }
                Err(error) => {
                    let cut = self.disk.faults().dead;
                    assert!(cut, "{}: refused after an ordinary crash: {error}", self.what);
                    count(&self.figures.in_starts, 1);
                    self.crash();
                }
            }
        }
    }
}

/// Something that happens to what is on a disk. `None` if it changes nothing.
fn damage(random: &mut Random, before: &Image, old: Option<&Image>) -> Option<(Image, String)> {
    let mut image = before.clone();
    let numbers: Vec<u64> = image.segments.keys().copied().collect();
    let victim = numbers[random.place(numbers.len())];
    let bytes = image.segments.get_mut(&victim).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let at = random.place(used);
    let length = (1 + random.place(600)).min(bytes.len() - at);
    // The last one of a compressed segment is no whole one.
    let sector = at / 512 * 512..((at / 512 + 1) * 512).min(bytes.len());
    let how = match random.below(16) {
        0 | 1 => {
            bytes[at] ^= 1 << random.below(8);
            "a flipped bit"
        }
        2 => {
            bytes[at..at + length].fill(0);
            "zeros"
        }
        3 => {
            bytes[at..at + length].iter_mut().for_each(|byte| *byte ^= 0x40);
            "garbage"
        }
        4 => {
            bytes[sector].fill(0);
            "a sector of zeros"
        }
        5 => {
            let to = random.place(bytes.len() / 512) * 512;
            bytes.copy_within(sector, to);
            "a sector in the place of another"
        }
        6 => {
            // Records begin at multiples of eight: one in some of these cuts is at a boundary.
            let from = (at / RECORD_STEP * RECORD_STEP).max(SEGMENT_HEADER_BYTES);
            bytes[from..].fill(0);
            "a cut"
        }
        7 => {
            bytes.truncate(at);
            "a short file"
        }
        8 => {
            image.segments.remove(&victim);
            "a missing segment"
        }
        9 => {
            let other = numbers[random.place(numbers.len())];
            let (one, two) = (image.segments[&victim].clone(), image.segments[&other].clone());
            image.segments.insert(victim, two);
            image.segments.insert(other, one);
            "swapped segments"
        }
        10 => {
            bytes.clone_from(old?.segments.get(&victim)?);
            "an old copy of a segment"
        }
        11 => {
            let there = bytes.len();
            let old = old?.segments.get(&victim).filter(|old| old.len() == there)?;
            bytes[sector.clone()].copy_from_slice(&old[sector]);
            "an old copy of a sector"
        }
        12 => {
            let slot = random.place(2) * HEAD_SLOT_BYTES;
            image.head[slot..][..HEAD_SLOT_BYTES].fill(0);
            "a lost slot of HEAD"
        }
        13 => {
            image.head[random.place(HEAD_BYTES)] ^= 1 << random.below(8);
            "a flipped bit in HEAD"
        }
        14 => {
            let keys: Vec<_> = image.kept.keys().copied().collect();
            let key = *keys.get(random.place(keys.len().max(1)))?;
            let kept = image.kept.get_mut(&key)?;
            let at = random.place(kept.len());
            kept[at] ^= 1 << random.below(8);
            "a flipped bit in a snapshot or a pack"
        }
        _ => {
            let keys: Vec<_> = image.kept.keys().copied().collect();
            image.kept.remove(keys.get(random.place(keys.len().max(1)))?);
            "a missing snapshot or pack"
        }
    };
    (image != *before).then(|| (image, format!("{how}, segment {victim} at {at}")))
}

fn trial(seed: u64, figures: &Figures) {
    let mut random = Random(seed);
    let durability = if random.chance(60) { Durability::Power } else { Durability::Process };
    let lives = 1 + random.below(3);
    let what = format!("CRASH_SEED={seed} CRASHES=1");
    let mut world = World::new(random, durability, figures, what);
    count(&figures.trials, 1);
    for _ in 0..lives {
        let journal = world.start();
        if world.random.chance(60) {
            world.arm(160);
        }
        world.live(journal);
        world.crash();
    }
    // What only the process lost is on the disk in the end.
    world.disk.write_back(&mut || true);
    let image = world.disk.image();
    if seed % 2 == 1 {
        let old = world.old.take();
        let (bad, how) = loop {
            if let Some(damaged) = damage(&mut world.random, &image, old.as_ref()) {
                break damaged;
            }
        };
        count(&figures.damaged, 1);
        world.what = format!("{} ({how})", world.what);
        world.disk.put_back(&bad);
        match world.open() {
            Ok(opened) => {
                count(&figures.harmless, 1);
                world.check(&opened, true);
            }
            Err(error) => {
                count(&figures.refused, 1);
                assert!(is_refusal(&error), "{}: {error}", world.what);
                assert!(world.disk.image() == bad, "{}: a refusal changed something", world.what);
            }
        }
    } else {
        drop(world.start());
    }
}

/// Whether it says that the journal is not what was written.
fn is_refusal(error: &OpenError) -> bool {
    match error {
        OpenError::Damaged { .. }
        | OpenError::Compressed { .. }
        | OpenError::NoSnapshot { .. }
        | OpenError::BadPack { .. } => true,
        OpenError::NewerFormat { .. }
        | OpenError::Locked { .. }
        | OpenError::Unwritable { .. }
        | OpenError::DiskFull { .. }
        | OpenError::UnsafeFileSystem { .. }
        | OpenError::MissingKey { .. }
        | OpenError::WrongKey { .. }
        | OpenError::Io { .. } => false,
    }
}

fn number(name: &str, usual: u64) -> u64 {
    let wanted = std::env::var(name).ok();
    wanted.and_then(|value| value.parse().ok()).unwrap_or(usual)
}

#[test]
fn nothing_promised_is_lost_without_a_word_and_nothing_torn_is_refused() {
    let (trials, from) = (number("CRASHES", 600), number("CRASH_SEED", 0));
    let figures = Figures::default();
    let next = AtomicU64::new(from);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + trials {
                        return;
                    }
                    trial(seed, &figures);
                }
            });
        }
    });
    println!("CRASH_SEED={from} CRASHES={trials}: {figures:?}");
    let at_least = |figure: &AtomicU64, per_thousand: u64| {
        let figure = figure.load(Ordering::Relaxed);
        assert!(trials < 500 || figure * 1_000 > trials * per_thousand, "{figures:?}");
    };
    // A campaign that never came to what it is for has failed.
    at_least(&figures.damaged, 490);
    at_least(&figures.refused, 200);
    at_least(&figures.harmless, 20);
    at_least(&figures.torn, 500);
    at_least(&figures.in_starts, 200);
    at_least(&figures.snapshots_used, 100);
    at_least(&figures.segments_dropped, 20);
    at_least(&figures.compressed, 20);
}

/// A life in which one operation fails, and the disk it leaves.
fn faulty_life(operation: u32, reach: Reach, for_ever: bool, power: bool) -> bool {
    let figures = Figures::default();
    let durability = if power { Durability::Power } else { Durability::Process };
    let what = format!("operation {operation} {reach:?}, for ever: {for_ever}, {durability:?}");
    let mut world = World::new(Random(FAULTY_LIFE), durability, &figures, what);
    {
        let mut faults = world.disk.faults();
        faults.fail_operation = Some(operation);
        (faults.reach, faults.for_ever) = (reach, for_ever);
    }
    // The same choices, up to the failure; long enough for snapshots and for dropping.
    if let Ok(opened) = world.open() {
        let mut journal = opened.journal;
        for _ in 0..500 {
            if world.act(&mut journal).is_err() {
                break;
            }
        }
    }
    let failed = world.disk.faults().fail_operation.is_none();
    assert!(failed || world.dropped > 0, "the life is long enough for everything");
    world.crash();
    let opened = world.open().unwrap_or_else(|error| panic!("{}: {error}", world.what));
    world.check(&opened, false);
    failed
}

/// In this life segments are dropped twice.
const FAULTY_LIFE: u64 = 12;

#[test]
fn each_operation_of_a_life_fails_once_and_for_ever_and_nothing_promised_is_lost() {
    // In a campaign in all ways, else each in turn.
    let (all, mut lives) = (number("CRASHES", 0) > 0, 0);
    for operation in 0.. {
        let mut failed = false;
        for way in 0..12 {
            if !all && way % 6 != operation % 6 {
                continue;
            }
            let reach = [Reach::Nothing, Reach::Part(u64::from(operation)), Reach::Whole];
            let reach = reach[usize::try_from(way % 3).unwrap()];
            failed |= faulty_life(operation, reach, way % 2 == 0, way >= 6);
            lives += 1;
        }
        if !failed {
            break;
        }
    }
    println!("{lives} lives");
    assert!(lives > 600, "{lives}");
}
