//! The bound on bytes: everything that the directory holds stays within it, whatever fills it.

use super::super::{Retention, Worker};
use super::world::{KEEP_ALL, SEGMENT_BYTES, World};
use crate::journal::storage::Shelf;

/// A kind of load: about a segment of it, the bound in segments, and how often.
type Load = (&'static str, fn(&mut World), u64, u32);

const LOADS: [Load; 3] = [
    ("events", |world| world.work(40), 24, 36),
    ("many small commands", |world| world.mix(50), 24, 36),
    (
        "large answers",
        |world| {
            world.answer_at_length(3, 2_500);
            world.work(34);
        },
        56,
        100,
    ),
];

/// What the thread does about what was settled, as the loop and the thread do it together. The room
/// that was taken at most meanwhile.
fn tend(world: &mut World, worker: &mut Worker) -> u64 {
    let last = world.settle();
    worker.settled = last + 1;
    let mut peak = world.disk.used().total();
    let mut note = |world: &World| peak = peak.max(world.disk.used().total());
    assert!(worker.keep(last).is_ok());
    note(world);
    assert!(worker.retain().is_ok());
    note(world);
    while let Some(segment) = world.heed() {
        worker.drop_up_to(segment);
    }
    assert!(worker.mend(last).is_ok());
    assert!(worker.compress().is_ok());
    note(world);
    world.heed();
    peak
}

#[test]
fn all_files_together_stay_within_the_bound_whatever_fills_the_journal() {
    for (name, load, segments, rounds) in LOADS {
        for compress in [false, true] {
            let bound = segments * u64::from(SEGMENT_BYTES);
            let retention = Retention { bytes: bound, compress, ..KEEP_ALL };
            let mut world = World::new();
            let mut worker = world.worker(retention);
            for round in 0..rounds {
                load(&mut world);
                let peak = tend(&mut world, &mut worker);
                let used = world.disk.used();
                assert!(
                    peak <= bound,
                    "{name}, compress {compress}, round {round}: {peak} of {bound}, now {used:?}"
                );
                if round % 25 == 24 {
                    world.restart();
                    worker = world.worker(retention);
                }
            }
            let segments = world.disk.segment_numbers();
            assert!(segments[0] > 1, "{name}, compress {compress}: {segments:?}");
            let used = world.disk.used().total();
            assert!(used > bound / 3, "{name}, compress {compress}: {used} of {bound} is far less");
            let indexes = world.disk.kept_numbers(Shelf::History);
            assert!(indexes[0] >= segments[0], "an index goes with its segment");
            world.restart();
        }
    }
}

#[test]
fn what_cannot_go_is_named_with_its_number_and_nothing_else_stays() {
    for compress in [false, true] {
        let bound = 12 * u64::from(SEGMENT_BYTES);
        let retention = Retention { bytes: bound, compress, ..KEEP_ALL };
        let mut world = World::new();
        let mut worker = world.worker(retention);
        let mut largest = 0;
        for round in 0..40 {
            world.answer_at_length(20, 2_500);
            let peak = tend(&mut world, &mut worker);
            let floor = worker.shared.report().floor;
            assert!(peak <= bound.max(floor.unwrap_or(0)), "round {round}: {peak}, {floor:?}");
            largest = largest.max(floor.unwrap_or(0));
        }
        assert!(largest > bound, "answers that are stored cannot go: {largest}");
        world.check_answers();
        world.restart();
        world.check_answers();
    }
}

#[test]
fn what_was_set_aside_of_a_segment_is_counted_and_goes_with_it() {
    use crate::journal::storage::Disk as _;
    let mut world = World::new();
    let before = world.disk.used().total();
    let name = "epoch-2-segment-00000001-offset-900.bin";
    world.disk.set_aside(name, &vec![1; 100_000]).expect("kept");
    assert!(world.disk.used().total() >= before + 100_000);
    world.work(200);
    world.settle();
    let full = world.disk.used().without(0);
    world.drop_up_to(1);
    assert!(world.disk.used().total() < full - 100_000);
}
