//! Compressed segments: smaller, and in no other way different to anybody.

use pi_server_compress::{is_compressed, restore};

use super::world::{KEEP_ALL, SEGMENT_BYTES, World};
use super::*;
use crate::journal::ReadFault;
use crate::journal::tests::fake::Image;

const COMPRESS: Retention = Retention { compress: true, ..KEEP_ALL };
const NOW: Option<std::time::Duration> = Some(std::time::Duration::ZERO);

/// A world of some segments with a snapshot behind the last that is settled.
fn kept(rounds: u64) -> (World, u64) {
    let mut world = World::new();
    world.work(rounds);
    let last = world.settle();
    assert!(last > 1, "the segments are small enough to roll");
    let mut worker = world.worker(KEEP_ALL);
    worker.keep(last - 1).ok().expect("kept");
    worker.keep(last).ok().expect("kept");
    (world, last)
}

/// A thread's side that was told that segments up to this one are settled.
fn worker(world: &World, retention: Retention, last: u64) -> Worker {
    let mut worker = world.worker(retention);
    worker.settled = last + 1;
    worker
}

fn compress(world: &mut World, last: u64) {
    worker(world, COMPRESS, last).compress().ok().expect("compressed");
    world.heed();
}

/// The bytes of the segments, whatever their files are, and which files are compressed.
fn restored(image: &Image) -> (Vec<Vec<u8>>, Vec<u64>) {
    let (mut segments, mut compressed) = (Vec::new(), Vec::new());
    for (number, file) in &image.segments {
        let mut bytes = Vec::new();
        if restore(file, &mut bytes).expect("a good file") {
            compressed.push(*number);
        } else {
            bytes.clone_from(file);
        }
        segments.push(bytes);
    }
    (segments, compressed)
}

#[test]
fn what_is_verified_is_compressed_and_reads_as_before() {
    let (mut world, last) = kept(300);
    let events = |world: &World| {
        let scanned = world.machine().journal().scan_from(Seq(1));
        scanned.map(|it| (it.expect("read").input, ())).collect::<Vec<_>>()
    };
    let (plain, scanned) = (world.disk.image(), events(&world));
    let mut worker = worker(&world, COMPRESS, last);
    worker.compress().ok().expect("compressed");
    assert_eq!(worker.compressed, last);
    let asked: Vec<_> = world.asked.try_iter().collect();
    assert_eq!(asked, (1..=last).map(Asked::Reopen).collect::<Vec<_>>(), "the old files go");
    (1..=last).for_each(|segment| world.journal().reopen(segment));
    let image = world.disk.image();
    let (segments, compressed) = restored(&image);
    assert_eq!(compressed, (1..=last).collect::<Vec<_>>());
    assert!(segments.iter().eq(plain.segments.values()), "to the bit");
    for segment in compressed {
        let bytes = image.segments[&segment].len();
        assert!(bytes < plain.segments[&segment].len() / 2, "{bytes}");
        let (facts, _) = worker.archive.facts(segment).expect("read");
        assert_eq!(facts, bytes as u64, "retention counts what the file takes");
    }
    assert_eq!(events(&world), scanned);
    world.check_answers();
    let compressed = world.replayed(None);
    let image = world.disk.image();
    world.disk.put_back(&plain);
    assert!(world.replayed(None).encode() == compressed.encode());
    world.disk.put_back(&image);
    world.restart();
    world.check_answers();
    // Snapshots and indexes are made of them as well.
    let snapshot = world.disk.bytes_kept(Shelf::Snapshots, last);
    let index = world.disk.bytes_kept(Shelf::History, last);
    let worker = world.worker(KEEP_ALL);
    worker.archive.discard(last).expect("discarded");
    world.worker(KEEP_ALL).keep(last).ok().expect("kept");
    assert!(world.disk.bytes_kept(Shelf::Snapshots, last) == snapshot);
    assert!(world.disk.bytes_kept(Shelf::History, last) == index);
    // And the journal goes on, and what it drops moves along.
    world.work(200);
    let later = world.settle();
    world.drop_up_to(later - 1);
    world.check_answers();
    world.restart();
    world.check_answers();
}

#[test]
fn nothing_is_compressed_before_its_snapshot_or_when_it_is_switched_off() {
    let (mut world, last) = kept(200);
    let plain = world.disk.image();
    worker(&world, KEEP_ALL, last).compress().ok().expect("nothing");
    assert!(world.disk.image() == plain);
    world.work(200);
    let later = world.settle();
    assert!(later > last);
    compress(&mut world, later);
    let (_, compressed) = restored(&world.disk.image());
    assert_eq!(compressed, (1..=last).collect::<Vec<_>>());
    // Whoever was told to compress nothing reads what is compressed.
    let mut worker = worker(&world, KEEP_ALL, later);
    worker.keep(later).ok().expect("kept");
    worker.compress().ok().expect("nothing");
    let (_, compressed) = restored(&world.disk.image());
    assert_eq!(compressed.last(), Some(&last));
    world.restart();
    world.check_answers();
}

#[test]
fn the_keeper_compresses_by_itself_and_not_after_an_alarm() {
    let mut world = World::new();
    world.work(200);
    let last = world.settle();
    let mut keeper = Keeper::stepped(world.machine().journal(), COMPRESS, Vec::new(), || {});
    keeper.attend(world.journal(), None, std::iter::empty(), Instant::now());
    assert!(keeper.step());
    assert_eq!(keeper.report().failures, 0);
    let (_, compressed) = restored(&world.disk.image());
    assert_eq!(compressed.last(), Some(&last));
    world.record_otherwise(100);
    world.work(200);
    assert!(world.settle() > last + 1);
    keeper.attend(world.journal(), None, std::iter::empty(), Instant::now());
    assert!(keeper.step());
    assert_eq!(keeper.report().divergences, 1);
    let (_, compressed) = restored(&world.disk.image());
    assert_eq!(compressed.last(), Some(&last), "the evidence stays as it is");
}

#[test]
fn a_failure_or_crash_at_any_step_of_compressing_is_harmless() {
    let (mut world, last) = kept(130);
    let before = world.replayed(None);
    world.disk.lose_power(|| true);
    let plain = world.disk.image();
    let (bytes, _) = restored(&plain);
    let steps = world.at_each_operation(
        &plain,
        |world| worker(world, COMPRESS, last),
        |worker| worker.compress().is_ok(),
        |world, operation, compressed, beyond| {
            assert_eq!(compressed, beyond, "operation {operation}");
            assert!(restored(&world.disk.image()).0 == bytes, "operation {operation}");
            world.check_replay(&before);
            // The next attempt ends what was begun.
            compress(world, last);
            assert_eq!(restored(&world.disk.image()).1, (1..=last).collect::<Vec<_>>());
            world.check_answers();
        },
    );
    assert!(steps > 5, "{steps}");
}

#[test]
fn a_flipped_bit_in_a_compressed_segment_is_named_and_nothing_is_made_of_it() {
    let (mut world, last) = kept(200);
    compress(&mut world, last);
    let good = world.disk.image();
    let file = &good.segments[&2];
    assert!(is_compressed(file));
    let archive = world.machine().journal().archive();
    let mut start = archive.start();
    archive.feed(&mut start, &mut |_, _| ControlFlow::Continue(())).expect("the first");
    for at in (0..file.len()).filter(|at| *at < 200 || at.is_multiple_of(5)) {
        world.disk.damage(2, |bytes| bytes[at] ^= 1 << (at % 8));
        let mut fed = 0;
        let mut cursor = start;
        let result = archive.feed(&mut cursor, &mut |_, _| {
            fed += 1;
            ControlFlow::Continue(())
        });
        let error = result.expect_err("noticed");
        assert_eq!((error.segment, fed), (2, 0), "byte {at}: {error}");
        let of_file = matches!(error.fault, ReadFault::Compressed(_) | ReadFault::Segment(_));
        assert!(of_file, "byte {at}: {error}");
        assert!(archive.compress(2).is_err() || is_compressed(&world.disk.image().segments[&2]));
        world.disk.damage(2, |bytes| bytes[at] ^= 1 << (at % 8));
    }
    for at in (0..file.len()).step_by(997) {
        world.disk.damage(2, |bytes| bytes[at] ^= 1);
        match world.try_restart() {
            // Of what a snapshot covers, no more is read than how it begins.
            Ok(facts) => assert!(facts.snapshot.is_some(), "byte {at}"),
            Err(OpenError::Compressed { segment: 2, .. } | OpenError::Damaged { .. }) => {}
            Err(error) => panic!("byte {at}: {error}"),
        }
        world.disk.damage(2, |bytes| bytes[at] ^= 1);
    }
    world.restart();
    world.check_answers();
}

#[test]
fn a_damaged_segment_is_left_named_once_and_those_behind_it_are_compressed() {
    let (world, last) = kept(300);
    world.disk.damage(2, |bytes| bytes[20] ^= 1);
    let mut worker = worker(&world, COMPRESS, last);
    assert!(matches!(worker.compress(), Err(Trouble::Read(ReadError { segment: 2, .. }))));
    assert!(worker.compress().is_ok(), "it has been said");
    let (_, compressed) = restored(&world.disk.image());
    assert_eq!(compressed, (1..=last).filter(|it| *it != 2).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_keeps_compressing_waiting_and_nothing_else() {
    let (world, last) = kept(200);
    let mut worker = worker(&world, COMPRESS, last);
    world.disk.faults().full = true;
    for _ in 0..2 {
        let error = worker.compress().expect_err("no room");
        assert!(matches!(error, Trouble::Io("compress a segment", _)), "no alarm");
        world.check_answers();
    }
    world.disk.faults().full = false;
    assert!(worker.compress().is_ok());
    assert_eq!(worker.compressed, last);
    world.check_answers();
}

#[test]
fn a_compressed_segment_ages_like_any_other_and_stays_compressed() {
    let ages = Ages { warm: None, cold: NOW };
    let (mut world, last) = kept(300);
    let hot = world.disk.image();
    world.age(Retention { tiers: ages, ..KEEP_ALL });
    let aged = world.disk.image();
    world.disk.put_back(&hot);
    compress(&mut world, last);
    let before = world.disk.image();
    let cold = Retention { tiers: ages, ..COMPRESS };
    let mut worker = worker(&world, cold, last);
    worker.compressed = last;
    worker.age().ok().expect("aged");
    assert_eq!(worker.compressed, 0, "what is left may be shorter now");
    world.heed();
    let image = world.disk.image();
    let (segments, compressed) = restored(&image);
    assert_eq!(compressed, (1..=last).collect::<Vec<_>>());
    assert!(segments.iter().eq(aged.segments.values()), "the same bodies are gone");
    let bytes = |image: &Image| (1..=last).map(|it| image.segments[&it].len()).sum::<usize>();
    assert!(bytes(&image) < bytes(&before), "{} of {}", bytes(&image), bytes(&before));
    world.check_answers();
    world.restart();
    world.check_answers();
}

#[test]
fn retention_counts_what_the_files_take() {
    let (mut world, last) = kept(800);
    let plain = world.disk.used().total();
    compress(&mut world, last);
    let bytes = world.disk.used().total() + 6 * u64::from(SEGMENT_BYTES);
    assert!(bytes < plain, "{bytes} of {plain}");
    let retention = Retention { bytes, ..KEEP_ALL };
    let mut worker = world.worker(retention);
    world.retain(&mut worker);
    assert_eq!(world.disk.segment_numbers()[0], 1, "compressed, it is below the bound");
    let mut worker = world.worker(Retention { bytes: 1, ..KEEP_ALL });
    world.retain(&mut worker);
    assert!(world.disk.segment_numbers()[0] > 1);
    world.check_answers();
}
