//! The keeper on a disk that fails when told to: what a snapshot and the tail make is what all
//! inputs make, and nothing that is dropped is missed.

mod ageing;
mod compressing;
mod history;
mod large;
mod room;
mod world;

use pi_server_core::{Digest, State};

use super::super::past::Past;
use super::*;
use crate::journal::OpenError;
use crate::journal::storage::Shelf;
use world::{KEEP_ALL, World};

#[test]
fn a_snapshot_and_the_tail_make_what_all_inputs_make_at_every_boundary() {
    let mut world = World::new();
    world.work(400);
    let last = world.settle();
    assert!(last > 5, "the segments are small enough to roll");
    let whole = world.replayed(None);
    for boundary in 1..=last {
        world.worker(KEEP_ALL).keep(boundary).ok().expect("kept");
        let mut past = world.replayed(Some(boundary));
        assert_eq!(past.state, whole.state, "segment {boundary}");
        assert_eq!(past.encode(), whole.encode(), "segment {boundary}");
        assert_eq!((past.digest, past.at, past.clean), (whole.digest, whole.at, whole.clean));
        past.clean = !past.clean;
        assert_ne!(past.encode(), whole.encode());
    }
    // A start takes the newest, and reads only what follows it.
    let facts = world.restart();
    assert_eq!(facts.rejected, []);
    assert!(facts.snapshot.is_some_and(|seq| seq.0 > 1_000), "{facts:?}");
    world.check_answers();
}

#[test]
fn a_snapshot_does_not_depend_on_those_before_it() {
    let mut world = World::new();
    world.work(200);
    let last = world.settle();
    world.worker(KEEP_ALL).keep(last).ok().expect("kept");
    let at_once = world.disk.bytes_kept(Shelf::Snapshots, last);
    let worker = world.worker(KEEP_ALL);
    worker.archive.discard(last).expect("discarded");
    (1..=last).for_each(|target| world.worker(KEEP_ALL).keep(target).ok().expect("kept"));
    assert!(world.disk.bytes_kept(Shelf::Snapshots, last) == at_once);
}

#[test]
fn a_bad_snapshot_is_named_the_one_before_serves_and_it_is_made_again() {
    let mut world = World::new();
    world.work(300);
    let last = world.settle();
    let mut worker = world.worker(KEEP_ALL);
    worker.keep(last - 1).ok().expect("kept");
    worker.keep(last).ok().expect("kept");
    let good = world.disk.bytes_kept(Shelf::Snapshots, last);
    for at in [3, 40, 50, 130, 150, 600] {
        world.disk.damage_kept(Shelf::Snapshots, last, |bytes| bytes[at] ^= 16);
        let facts = world.restart();
        assert_eq!(facts.rejected.len(), 1, "byte {at}");
        assert_eq!(facts.rejected[0].0, last, "byte {at}");
        world.check_answers();
        let mut worker = world.worker_told_bad(KEEP_ALL, vec![last]);
        worker.keep(last).ok().expect("kept");
        assert!(world.disk.bytes_kept(Shelf::Snapshots, last) == good, "byte {at}");
    }
}

#[test]
fn a_snapshot_of_another_past_is_not_taken_in() {
    let (mut world, mut other) = (World::new(), World::new());
    world.work(300);
    other.work(301);
    let last = world.settle().min(other.settle());
    other.worker(KEEP_ALL).keep(last).ok().expect("kept");
    let foreign = other.disk.bytes_kept(Shelf::Snapshots, last);
    world.worker(KEEP_ALL).keep(last).ok().expect("kept");
    world.disk.damage_kept(Shelf::Snapshots, last, |bytes| bytes.clone_from(&foreign));
    let facts = world.restart();
    assert_eq!(facts.rejected.len(), 1, "{facts:?}");
    assert!(facts.rejected[0].1.contains("does not continue"), "{facts:?}");
}

#[test]
fn a_journal_that_begins_with_a_snapshot_is_refused_without_one() {
    let mut world = World::new();
    world.work(300);
    let last = world.settle();
    world.drop_up_to(last - 1);
    for number in [last - 1, last] {
        world.disk.damage_kept(Shelf::Snapshots, number, |bytes| bytes[200] ^= 1);
    }
    let error = world.try_restart().expect_err("refused");
    assert!(matches!(&error, OpenError::NoSnapshot { rejected, .. } if rejected.len() == 2));
    assert!(error.to_string().contains("its digest is wrong"), "{error}");
}

#[test]
fn bodies_that_are_still_needed_outlive_their_segments() {
    let mut world = World::new();
    world.work(300);
    let last = world.settle();
    world.drop_up_to(last / 2);
    assert!(world.machine().journal().first_seq() > Seq(100));
    world.check_answers();
    world.restart();
    world.check_answers();
    // Once more: what is needed of the first pack moves into the second.
    world.work(300);
    let later = world.settle();
    world.drop_up_to(later - 2);
    world.check_answers();
    let facts = world.restart();
    assert!(facts.snapshot.is_some());
    world.check_answers();
    assert_eq!(world.disk.kept_numbers(Shelf::Bodies), [later - 2]);
    world.disk.damage_kept(Shelf::Bodies, later - 2, |bytes| {
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
    });
    let error = world.try_restart().expect_err("refused");
    assert!(matches!(error, OpenError::BadPack { .. }), "{error}");
}

#[test]
fn events_of_dropped_segments_are_not_there_and_later_ones_are() {
    let mut world = World::new();
    world.work(300);
    let last = world.settle();
    world.drop_up_to(last - 1);
    let journal = world.machine().journal();
    let first = journal.first_seq();
    assert_eq!(journal.scan_from(Seq(first.0 - 1)).count(), 0);
    let seqs = journal.scan_from(first).map(|scanned| scanned.expect("read").input.seq.0);
    assert!(seqs.eq(first.0..=journal.last_seq().0));
}

#[test]
fn retention_drops_whole_segments_up_to_a_snapshot_and_keeps_the_newest_two() {
    let mut world = World::new();
    let bound = 8 * u64::from(world::SEGMENT_BYTES);
    let retention = Retention { bytes: bound, ..KEEP_ALL };
    for _ in 0..12 {
        world.work(100);
        let last = world.settle();
        let mut worker = world.worker(retention);
        worker.keep(last).ok().expect("kept");
        world.retain(&mut worker);
    }
    let segments = world.disk.segment_numbers();
    assert!(segments[0] > 1, "{segments:?}");
    let bytes = segments.len() as u64 * u64::from(world::SEGMENT_BYTES);
    assert!(bytes <= bound + 2 * u64::from(world::SEGMENT_BYTES), "{segments:?}");
    let snapshots = world.disk.kept_numbers(Shelf::Snapshots);
    assert_eq!(snapshots[0] + 1, segments[0], "a replay can begin where the journal does");
    // The journal may be as small as it likes: two snapshots stay, with all that follows them.
    let mut worker = world.worker(Retention { bytes: 1, ..KEEP_ALL });
    world.retain(&mut worker);
    let segments = world.disk.segment_numbers();
    assert_eq!(world.disk.kept_numbers(Shelf::Snapshots).len(), 2);
    assert_eq!(segments.len(), 2, "{segments:?}");
    world.restart();
    world.check_answers();
}

#[test]
fn a_crash_at_any_step_of_keeping_and_dropping_is_harmless() {
    let mut failures = 0;
    for operation in 0.. {
        let mut world = World::new();
        world.work(130);
        let last = world.settle();
        world.disk.faults().fail_operation = Some(operation);
        let mut worker = world.worker(Retention { bytes: 1, ..KEEP_ALL });
        let kept = worker.keep(last - 1).and_then(|()| worker.keep(last));
        if kept.is_ok()
            && worker.retain().is_ok()
            && let Ok(Asked::LetGo(segment)) = world.asked.try_recv()
            && world.journal().let_go(segment).is_ok()
        {
            worker.drop_up_to(last - 1);
        }
        let done = world.disk.faults().fail_operation.take().is_some();
        world.restart();
        world.check_answers();
        // The next attempt ends what was begun.
        let mut worker = world.worker(Retention { bytes: 1, ..KEEP_ALL });
        worker.keep(last).ok().expect("kept");
        world.retain(&mut worker);
        world.check_answers();
        world.restart();
        world.check_answers();
        if done {
            break;
        }
        failures += 1;
    }
    assert!(failures > 30, "{failures}");
}

#[test]
fn a_step_that_does_something_else_is_an_alarm_and_nothing_is_written_or_dropped() {
    for tampered in [40, 200] {
        let mut world = World::new();
        world.work(100);
        world.record_otherwise(tampered);
        world.work(200);
        let last = world.settle();
        let mut worker = world.worker(KEEP_ALL);
        let Err(trouble) = worker.keep(last) else { panic!("nobody noticed") };
        worker.complain(&trouble);
        let Trouble::Diverged(divergence) = trouble else { panic!("something else") };
        assert_eq!(divergence.recorded, Digest([0xee; 16]));
        assert_eq!(worker.shared.report().divergences, 1);
        assert!(world.disk.kept_numbers(Shelf::Snapshots).is_empty());
    }
}

#[test]
fn the_last_step_of_a_segment_is_verified_as_well() {
    let mut world = World::new();
    world.work(100);
    world.record_otherwise_at_a_boundary();
    world.work(100);
    let boundary = world.tampered_boundary();
    world.settle();
    let mut worker = world.worker(KEEP_ALL);
    let kept = worker.keep(boundary);
    assert!(matches!(kept, Err(Trouble::Diverged(_))));
}

#[test]
fn a_stop_in_the_middle_of_a_segment_is_no_alarm() {
    let mut world = World::new();
    world.work(200);
    let last = world.settle();
    let worker = world.worker(KEEP_ALL);
    worker.shared.stop.store(true, Ordering::Relaxed);
    let (mut cursor, mut past) = (worker.archive.start(), Past::new());
    assert!(matches!(worker.feed(&mut cursor, &mut past), Err(Trouble::Stopped)));
    let mut worker = world.worker(KEEP_ALL);
    worker.shared.stop.store(true, Ordering::Relaxed);
    assert!(matches!(worker.keep(last), Err(Trouble::Stopped)));
    assert!(world.disk.kept_numbers(Shelf::Snapshots).is_empty());
}

#[test]
fn a_full_disk_keeps_snapshots_and_dropping_waiting_and_nothing_else() {
    let mut world = World::new();
    world.work(200);
    let last = world.settle();
    let mut worker = world.worker(Retention { bytes: 1, ..KEEP_ALL });
    worker.keep(last - 1).ok().expect("kept");
    world.disk.faults().full = true;
    assert!(matches!(worker.keep(last), Err(Trouble::Io(..))));
    world.check_answers();
    world.disk.faults().full = false;
    worker.keep(last).ok().expect("kept");
    world.disk.faults().full = true;
    assert!(matches!(worker.retain(), Err(Trouble::Io(..))), "bodies cannot be moved");
    assert_eq!(world.disk.segment_numbers()[0], 1);
    world.disk.faults().full = false;
    world.retain(&mut worker);
    assert!(world.disk.segment_numbers()[0] > 1);
    world.check_answers();
}

#[test]
fn a_segment_that_was_damaged_since_is_noticed() {
    let mut world = World::new();
    world.work(200);
    let last = world.settle();
    world.disk.damage(2, |bytes| bytes[30_000] ^= 1);
    let kept = world.worker(KEEP_ALL).keep(last);
    assert!(matches!(kept, Err(Trouble::Read(ReadError { segment: 2, .. }))));
}

#[test]
fn the_thread_does_it_by_itself_and_ends_with_its_owner() {
    let mut world = World::new();
    world.work(300);
    let last = world.settle();
    let (sender, woken) = mpsc::channel();
    let retention = Retention { bytes: 1, ..KEEP_ALL };
    let journal = world.machine().journal();
    let keeper = Keeper::start(journal, retention, Vec::new(), move || {
        let _ = sender.send(());
    });
    let mut keeper = keeper.expect("a thread");
    keeper.attend(world.journal(), None, std::iter::empty(), Instant::now());
    woken.recv_timeout(std::time::Duration::from_secs(60)).expect("woken");
    assert!(keeper.report().snapshot.is_some());
    assert_eq!(world.disk.kept_numbers(Shelf::Snapshots).last(), Some(&last));
    // It has asked the loop to let go of what is behind the second newest snapshot.
    let begin = world.first_behind(last - 1);
    keeper.attend(world.journal(), None, std::iter::empty(), Instant::now());
    drop(keeper);
    assert_eq!(world.machine().journal().first_seq(), begin);
    world.check_answers();
    world.restart();
    world.check_answers();
    assert_eq!(Past::new().state, State::new());
}

#[test]
fn what_a_keeper_has_not_done_yet_is_counted_and_said_once_it_lasts_and_once_it_is_over() {
    let mut world = World::new();
    world.work(300);
    let last = world.settle();
    assert!(last > BEHIND, "there is something to do");
    let mut keeper = Keeper::stepped(world.machine().journal(), KEEP_ALL, Vec::new(), || {});
    assert_eq!(keeper.report().behind, 0, "it was told of nothing");
    let begin = Instant::now();
    keeper.attend(world.journal(), None, std::iter::empty(), begin);
    assert_eq!(keeper.report().behind, last);
    let mut lag = std::mem::take(&mut keeper.lag);
    assert!(!lag.said);
    assert_eq!(lag.look(last, begin + BEHIND_FOR / 2), None, "a burst is no trouble");
    let said = lag.look(last, begin + BEHIND_FOR).expect("it has lasted");
    assert!(said.contains(&format!("{last} segments behind")), "{said}");
    assert_eq!(lag.look(last + 1, begin + 2 * BEHIND_FOR), None, "it was said");
    keeper.lag = lag;
    assert!(keeper.step());
    assert_eq!(keeper.report().behind, 0);
    let said = keeper.lag.look(0, begin).expect("it is over");
    assert!(said.contains("caught up"), "{said}");
    assert_eq!(keeper.lag.look(0, begin), None);
    // A burst that passes before anybody is told begins anew.
    assert_eq!(keeper.lag.look(BEHIND, begin), None);
    assert_eq!(keeper.lag.look(BEHIND - 1, begin + BEHIND_FOR / 2), None);
    assert_eq!(keeper.lag.look(BEHIND, begin + BEHIND_FOR), None);
}

#[test]
fn what_the_loop_is_told_has_what_is_left_to_do_and_comes_when_there_is_news_only() {
    let mut world = World::new();
    world.work(300);
    let last = world.settle();
    let mut keeper = Keeper::stepped(world.machine().journal(), KEEP_ALL, Vec::new(), || {});
    let now = Instant::now();
    keeper.news();
    assert_eq!(keeper.news(), None, "nothing has happened");
    keeper.attend(world.journal(), None, std::iter::empty(), now);
    assert_eq!(keeper.news().map(|report| report.behind), Some(last));
    keeper.attend(world.journal(), None, std::iter::empty(), now);
    assert_eq!(keeper.news(), None, "nothing has happened since");
    assert!(keeper.step());
    let report = keeper.news().expect("it has done something");
    assert_eq!((report.behind, report), (0, keeper.report()));
    assert_eq!(keeper.news(), None, "to look at the report is no news");
}

#[test]
fn a_keeper_that_cannot_do_its_work_stays_behind() {
    let mut world = World::new();
    world.work(300);
    let last = world.settle();
    world.disk.damage(2, |bytes| bytes[30_000] ^= 1);
    let mut keeper = Keeper::stepped(world.machine().journal(), KEEP_ALL, Vec::new(), || {});
    keeper.attend(world.journal(), None, std::iter::empty(), Instant::now());
    assert!(keeper.step());
    assert_eq!(keeper.report().behind, last);
}
