//! Tiers: what is erased is nothing that anybody needs, and what is left is what was before.

use pi_server_core::WallOffset;
use pi_server_core::input::{AgentSaid, InputKind};

use super::super::super::history;
use super::world::{KEEP_ALL, World, tell_time, times};
use super::*;
use crate::journal::tests::fake::Image;
use crate::journal::{Scanned, Tiers};

const NOW: Option<std::time::Duration> = Some(std::time::Duration::ZERO);
const WARM: Retention = Retention { tiers: Ages { warm: NOW, cold: None }, ..KEEP_ALL };
const COLD: Retention = Retention { tiers: Ages { warm: None, cold: NOW }, ..KEEP_ALL };

/// Bodies of each kind that are there, and that were erased, in segments up to one.
#[derive(Debug, Default, PartialEq, Eq)]
struct Left {
    deltas: (u64, u64),
    whole: (u64, u64),
    frames: (u64, u64),
    answers: (u64, u64),
}

fn left(world: &World, upto: u64) -> Left {
    let journal = world.machine().journal();
    let end = journal.first_of(upto + 1).expect("a segment");
    let mut left = Left::default();
    for scanned in journal.scan_from(journal.first_seq()) {
        let Scanned { input, body, .. } = scanned.expect("read");
        if input.seq >= end {
            break;
        }
        let count = match &input.kind {
            _ if input.body.is_empty() => continue,
            // The world's deltas are short, and its messages are not.
            InputKind::Agent { said: AgentSaid::Event(_), .. } if input.body.len < 100 => {
                &mut left.deltas
            }
            InputKind::Agent { said: AgentSaid::Event(_), .. } => &mut left.whole,
            InputKind::Answered { .. } => &mut left.answers,
            InputKind::Command { .. } => &mut left.frames,
            other => panic!("{other:?} has a body"),
        };
        if body.is_some() { count.0 += 1 } else { count.1 += 1 }
    }
    left
}

/// A world of some segments with a snapshot behind the last that is settled.
fn kept(rounds: u64) -> (World, u64) {
    let mut world = World::new();
    for _ in 0..4 {
        world.work(rounds / 4);
        world.message();
    }
    let last = world.settle();
    assert!(last > 2, "the segments are small enough to roll");
    world.worker(KEEP_ALL).keep(last).ok().expect("kept");
    (world, last)
}

#[test]
fn a_warm_segment_has_lost_its_deltas_and_nothing_else() {
    let (mut world, last) = kept(300);
    let whole = left(&world, last);
    assert!(whole.deltas.0 > 500 && whole.whole.0 >= 2, "{whole:?}");
    let before = world.replayed(None);
    world.age(WARM);
    world.check_replay(&before);
    let after = left(&world, last);
    assert_eq!(after, Left { deltas: (0, whole.deltas.0), ..whole });
    // What came later has all.
    world.work(20);
    let later = left(&world, world.machine().journal().segment() - 1);
    assert_eq!(later.deltas.1, whole.deltas.0);
}

#[test]
fn a_cold_segment_has_the_answers_of_stored_outcomes_only() {
    let (mut world, last) = kept(300);
    let whole = left(&world, last);
    let before = world.replayed(None);
    world.age(COLD);
    world.check_replay(&before);
    let after = left(&world, last);
    assert_eq!(after.deltas, (0, whole.deltas.0));
    assert_eq!(after.whole, (0, whole.whole.0));
    assert_eq!(after.frames, (0, whole.frames.0));
    assert_eq!(after.answers, whole.answers, "{after:?}");
}

#[test]
fn what_is_in_flight_and_what_is_asked_stay_in_a_cold_segment() {
    let mut world = World::new();
    world.work(10);
    let prompt = r#"{"type":"prompt","id":"p","sessionId":"s","message":"stay"}"#;
    let prompt = world.frame_body(prompt);
    let question = r#"{"type":"extension_ui_request","requestId":"q","method":"confirm"}"#;
    let question = world.ask_dialog("q", question);
    world.work(300);
    let last = world.settle();
    world.worker(KEEP_ALL).keep(last).ok().expect("kept");
    world.age(COLD);
    assert!(left(&world, last).frames.1 > 200);
    let journal = world.machine().journal();
    for body in [prompt, question] {
        assert!(journal.first_of(2).is_some_and(|second| body.seq < second), "in the first");
        assert!(journal.body(body).is_some(), "the body of input {}", body.seq);
    }
    // When their segment is dropped, they move along.
    world.work(200);
    let last = world.settle();
    world.drop_up_to(last - 1);
    assert!(world.machine().journal().body(prompt).is_some());
    assert!(world.machine().journal().body(question).is_some());
    world.check_answers();
}

#[test]
fn segments_grow_old_from_the_first_on_and_are_not_looked_at_twice() {
    let (mut world, last) = kept(300);
    world.age(WARM);
    let archive = world.machine().journal().archive();
    assert_eq!(archive.tiers().expect("read"), Tiers { warm: last, cold: 0 });
    assert_eq!(world.disk.kept_numbers(Shelf::Tiers), [last]);
    // One that was done is not read again: damage to it is not noticed by this.
    world.disk.damage(1, |bytes| bytes[30_000] ^= 1);
    world.age(WARM);
    world.disk.damage(1, |bytes| bytes[30_000] ^= 1);
    world.age(COLD);
    assert_eq!(archive.tiers().expect("read"), Tiers { warm: last, cold: last });
    world.restart();
    world.check_answers();
    // Without the note all is looked at again, and there is nothing to do.
    let image = world.disk.image();
    world.disk.damage_kept(Shelf::Tiers, last, |bytes| bytes[20] ^= 1);
    assert_eq!(archive.tiers().expect("read"), Tiers::default());
    world.age(COLD);
    assert!(world.disk.image() == image);
}

#[test]
fn what_is_young_or_not_verified_stays() {
    let (mut world, last) = kept(200);
    let whole = left(&world, last);
    // The world's clock shows the present: nothing is an hour old.
    let hour = Some(std::time::Duration::from_secs(3_600));
    world.age(Retention { tiers: Ages { warm: hour, cold: hour }, ..KEEP_ALL });
    world.age(KEEP_ALL);
    assert_eq!(left(&world, last), whole);
    world.work(200);
    let later = world.settle();
    assert!(later > last);
    world.age(COLD);
    let archive = world.machine().journal().archive();
    assert_eq!(archive.tiers().expect("read").cold, last, "no snapshot is behind the later ones");
}

#[test]
fn what_a_jump_of_the_wall_clock_made_old_is_kept_for_24_elapsed_hours() {
    const DAY: u64 = 24 * 3_600 * 1_000;
    let month = std::time::Duration::from_secs(30 * 24 * 3_600);
    let tiers = Ages { warm: Some(month), cold: Some(month) };
    let retention = Retention { age: month, tiers, ..KEEP_ALL };
    let ahead = |days: u64| WallOffset(i64::try_from(days * DAY * 1_000).expect("in range"));
    let (mut world, last) = kept(300);
    world.work(200);
    let newest = world.settle();
    world.worker(KEEP_ALL).keep(newest).ok().expect("kept");
    let whole = left(&world, last);
    let first = world.machine().journal().first_seq();
    // The jump as the clock shows it, as the loop has noticed it, and almost a day later.
    let begun = times();
    for (noticed, at) in
        [(false, begun.at), (true, begun.at), (true, begun.at.plus_ms(DAY - 1_000))]
    {
        let mut now = Times { at, wall: ahead(40).wall(at), ..begun.clone() };
        if noticed {
            now.walls.moved(begun.at, ahead(40));
        }
        let mut worker = world.worker(retention);
        worker.times = Some(Box::new(now));
        world.retain(&mut worker);
        assert!(worker.age().is_ok());
        worker.doubt();
        assert_eq!(world.machine().journal().first_seq(), first);
        assert_eq!(left(&world, last), whole);
        assert!(worker.shared.report().kept_by_doubt > 0);
    }
    // Taken back: nothing is old, nor is it after the clock has gone to 1970.
    let at = begun.at.plus_ms(2 * DAY);
    for back in [WallOffset(0), WallOffset(-i64::try_from(begun.at.0).expect("in range"))] {
        let mut now = Times { at, wall: back.wall(at), ..begun.clone() };
        now.walls.moved(begun.at, ahead(40));
        now.walls.moved(begun.at.plus_ms(DAY / 2), back);
        let mut worker = world.worker(retention);
        worker.times = Some(Box::new(now));
        world.retain(&mut worker);
        assert!(worker.age().is_ok());
        worker.doubt();
        assert_eq!(left(&world, last), whole);
        assert_eq!(worker.shared.report().kept_by_doubt, 0);
    }
    // It has stayed there: what passes elapsed agrees by now.
    let at = begun.at.plus_ms(DAY);
    let mut now = Times { at, wall: ahead(40).wall(at), ..begun };
    now.walls.moved(Micros(at.0 - DAY * 1_000), ahead(40));
    let mut worker = world.worker(retention);
    worker.times = Some(Box::new(now));
    assert!(worker.age().is_ok());
    world.heed();
    world.retain(&mut worker);
    assert!(world.machine().journal().first_seq() > first);
    assert_eq!(worker.shared.report().kept_by_doubt, 0);
}

#[test]
fn a_damaged_segment_ends_ageing_and_is_named_once() {
    let (world, _) = kept(300);
    world.disk.damage(2, |bytes| bytes[30_000] ^= 1);
    let mut worker = world.worker(WARM);
    assert!(matches!(worker.age(), Err(Trouble::Read(ReadError { segment: 2, .. }))));
    assert!(worker.age().is_ok(), "it has been said");
    assert_eq!(worker.archive.tiers().expect("read").warm, 1);
    let mut worker = world.worker(WARM);
    assert!(worker.age().is_err(), "the next life says it again");
}

#[test]
fn a_full_disk_keeps_ageing_waiting_and_nothing_else() {
    let (world, last) = kept(200);
    let whole = left(&world, last);
    let mut worker = world.worker(COLD);
    world.disk.faults().full = true;
    for _ in 0..2 {
        let error = worker.age().expect_err("no room");
        assert!(matches!(error, Trouble::Io("erase in a segment", _)), "no alarm");
        assert_eq!(left(&world, last), whole);
    }
    world.disk.faults().full = false;
    assert!(worker.age().is_ok());
    world.check_answers();
}

#[test]
fn a_failure_or_crash_at_any_step_of_ageing_is_harmless() {
    for retention in [WARM, COLD] {
        let (mut world, last) = kept(130);
        let before = world.replayed(None);
        world.disk.lose_power(|| true);
        let hot = world.disk.image();
        world.age(retention);
        let done = world.disk.image();
        let steps = world.at_each_operation(
            &hot,
            |world| world.worker(retention),
            |worker| worker.age().is_ok(),
            |world, operation, aged, beyond| {
                // A snapshot that cannot be read is no failure: the next look finds another.
                assert!(aged || !beyond);
                // Each segment is as it was or as it will be, and so is what was noted.
                let image = world.disk.image();
                for (number, bytes) in &image.segments {
                    let known = [&hot, &done].map(|image: &Image| &image.segments[number]);
                    assert!(known.contains(&bytes), "segment {number}, operation {operation}");
                }
                world.check_replay(&before);
                // The next attempt ends what was begun.
                world.age(retention);
                let image = world.disk.image();
                for number in 1..=last {
                    assert!(image.segments[&number] == done.segments[&number], "{number}");
                }
                world.check_answers();
            },
        );
        assert!(steps > 10, "{steps}");
    }
}

#[test]
fn indexes_of_the_history_are_the_same_after_ageing_and_made_again_alike() {
    let (mut world, last) = kept(300);
    let index = |world: &World, number| world.disk.bytes_kept(Shelf::History, number);
    let before: Vec<_> = (1..=last).map(|number| index(&world, number)).collect();
    world.age(COLD);
    let archive = world.machine().journal().archive();
    (1..=last).for_each(|number| history::check(&archive, number).expect("good"));
    for number in 1..=last {
        world.disk.damage_kept(Shelf::History, number, |bytes| bytes[5_000] ^= 1);
        let mut worker = world.worker(COLD);
        worker.bad_indexes.insert(number);
        worker.mend(last).ok().expect("mended");
        assert!(index(&world, number) == before[usize::try_from(number - 1).expect("small")]);
    }
}

#[test]
fn the_loop_goes_on_reading_what_it_has_open_until_it_is_told() {
    let (mut world, last) = kept(200);
    let whole = left(&world, last);
    world.worker(WARM).age().ok().expect("aged");
    assert_eq!(left(&world, last), whole, "its views are of the old files");
    world.heed();
    assert_eq!(left(&world, last).deltas, (0, whole.deltas.0));
}

#[test]
fn nothing_happens_to_bodies_of_outputs_that_have_not_left() {
    let mut world = World::new();
    world.work(200);
    let last = world.settle();
    let mut keeper = Keeper::stepped(world.machine().journal(), WARM, Vec::new(), || {});
    let before_end = Seq(world.first_of(last + 1).0 - 1);
    keeper.attend(world.journal(), Some(before_end), std::iter::empty(), Instant::now());
    assert!(!keeper.step(), "it was told nothing");
    let behind = world.first_of(last + 1);
    keeper.attend(world.journal(), Some(behind), std::iter::empty(), Instant::now());
    tell_time(&mut keeper);
    assert!(keeper.step());
    assert_eq!(keeper.report().failures, 0);
    assert_eq!(world.machine().journal().archive().tiers().expect("read").warm, last);
}

#[test]
fn an_alarm_keeps_all_bodies() {
    let mut world = World::new();
    world.work(300);
    let last = world.settle();
    world.worker(KEEP_ALL).keep(last).ok().expect("kept");
    world.record_otherwise(100);
    world.work(300);
    assert!(world.settle() > last + 1);
    let whole = left(&world, last);
    let mut keeper = Keeper::stepped(world.machine().journal(), COLD, Vec::new(), || {});
    keeper.attend(world.journal(), None, std::iter::empty(), Instant::now());
    assert!(keeper.step());
    assert_eq!(keeper.report().divergences, 1);
    assert_eq!(left(&world, last), whole);
}

#[test]
fn the_keeper_sleeps_for_a_fraction_of_the_shortest_age() {
    let pause = |retention: Retention| retention.pause().as_secs();
    let seconds = std::time::Duration::from_secs;
    assert_eq!(pause(KEEP_ALL), 450);
    assert_eq!(pause(Retention { age: seconds(30 * 86_400), ..KEEP_ALL }), 3_600);
    assert_eq!(pause(Retention { age: seconds(80), ..KEEP_ALL }), 10);
    let tiers = Ages { warm: Some(seconds(16)), cold: Some(seconds(800)) };
    assert_eq!(pause(Retention { tiers, ..KEEP_ALL }), 2);
    assert_eq!(pause(WARM), 1);
}

#[test]
fn the_thread_erases_by_itself_when_nothing_happens_any_more() {
    let (mut world, last) = kept(200);
    let second = std::time::Duration::from_secs(1);
    let tiers = Ages { warm: Some(second), cold: None };
    let retention = Retention { tiers, ..KEEP_ALL };
    let keeper = Keeper::start(world.machine().journal(), retention, Vec::new(), || {});
    let mut keeper = keeper.expect("a thread");
    keeper.attend(world.journal(), None, std::iter::empty(), Instant::now());
    tell_time(&mut keeper);
    let archive = world.machine().journal().archive();
    let until = std::time::Instant::now() + 60 * second;
    while archive.tiers().is_ok_and(|tiers| tiers.warm < last) {
        assert!(std::time::Instant::now() < until, "{:?}", archive.tiers());
        std::thread::sleep(second / 50);
    }
    keeper.attend(world.journal(), None, std::iter::empty(), Instant::now());
    drop(keeper);
    assert_eq!(left(&world, last).deltas.0, 0);
}
