//! The history, from indexes and memory: the same as if all of it were in memory, and never
//! answered from what is damaged.
#![allow(clippy::disallowed_macros, reason = "figures for whoever runs the test")]

use pi_server_core::Seq;
use pi_server_core::command::CommandKind;
use pi_server_core::input::HistoryFilter;
use serde_json::Value;

use super::super::super::history::{Damaged, History, Search, build_first, check};
use super::super::super::past::Past;
use super::super::Retention;
use super::world::{KEEP_ALL, World};
use crate::journal::storage::{Disk as _, Shelf};

/// Something that happens to a file.
type Change = fn(&mut Vec<u8>);

fn all() -> HistoryFilter {
    HistoryFilter { limit: 100, ..HistoryFilter::default() }
}

/// Filters of every kind, alone and together.
fn filters(middle_ms: u64) -> Vec<HistoryFilter> {
    let session = |id: &str| HistoryFilter { session: Some(id.into()), ..all() };
    let command = |id: &str| HistoryFilter { command: Some(id.into()), ..all() };
    let kind = |kind| HistoryFilter { kind: Some(kind), ..all() };
    let success = |success| HistoryFilter { success: Some(success), ..all() };
    vec![
        all(),
        HistoryFilter { limit: 7, ..all() },
        session("s"),
        session("t"),
        session("nobody"),
        command("x3"),
        command("anon:77"),
        command("never"),
        kind(CommandKind::ListSessions),
        kind(CommandKind::Prompt),
        success(true),
        success(false),
        HistoryFilter { success: Some(false), limit: 3, ..kind(CommandKind::GetState) },
        HistoryFilter { session: Some("t".into()), ..kind(CommandKind::Unsubscribe) },
        HistoryFilter { session: Some("t".into()), ..success(false) },
        HistoryFilter { from_ms: Some(middle_ms), ..all() },
        HistoryFilter { to_ms: Some(middle_ms), ..session("s") },
        HistoryFilter { from_ms: Some(middle_ms), to_ms: Some(middle_ms), ..all() },
        HistoryFilter { from_ms: Some(u64::MAX), ..all() },
    ]
}

impl World {
    fn ask_history(&self, history: &History, filter: &HistoryFilter) -> Result<Value, Damaged> {
        let journal = self.machine().journal();
        let tail = history.tail(filter, journal.first_seq());
        Search { filter: filter.clone(), tail }.answer(&journal.archive(), "/journal")
    }

    fn page(&self, filter: &HistoryFilter) -> Result<Value, Damaged> {
        self.ask_history(self.machine().history(), filter)
    }

    /// Every page, one after the other.
    fn walk(&self, history: &History, filter: &HistoryFilter) -> Result<Vec<Value>, Damaged> {
        let (mut filter, mut entries) = (filter.clone(), Vec::new());
        loop {
            let data = self.ask_history(history, &filter)?;
            entries.extend(data["entries"].as_array().expect("entries").clone());
            match data.get("nextCursor") {
                Some(cursor) => filter.before = cursor.as_u64().map(Seq),
                None => return Ok(entries),
            }
        }
    }

    /// What all of it would be, were it in memory.
    fn whole(&mut self) -> History {
        let past = self.replayed(None);
        self.restart();
        past.history
    }

    fn middle_ms(&self) -> u64 {
        let data = self.page(&HistoryFilter { limit: 500, ..all() }).expect("answered");
        data["entries"][250]["recordedAt"].as_u64().expect("a time")
    }
}

/// A journal whose segments all have an index, and what the history is.
fn indexed(rounds: u64) -> (World, u64, History) {
    let mut world = World::new();
    world.mix(rounds);
    let last = world.settle();
    world.worker(KEEP_ALL).keep(last).ok().expect("kept");
    let whole = world.whole();
    (world, last, whole)
}

#[test]
fn indexes_and_memory_answer_as_memory_alone() {
    let (mut world, last, whole) = indexed(700);
    assert!(last > 4, "{last}");
    world.mix(3);
    let middle = world.middle_ms();
    for filter in filters(middle) {
        let recent = world.walk(world.machine().history(), &filter).expect("answered");
        let of_before = HistoryFilter { before: Some(Seq(u64::MAX)), ..filter.clone() };
        assert_eq!(world.walk(world.machine().history(), &of_before).expect("answered"), recent);
        let expected = world.walk(&whole, &filter).expect("memory");
        let newest = recent.len() - expected.len();
        assert!(newest <= 3 * 4 + 2, "{newest} for {filter:?}");
        assert_eq!(&recent[newest..], expected, "{filter:?}");
    }
    let counts = filters(middle)
        .into_iter()
        .filter(|filter| !world.walk(&whole, filter).expect("memory").is_empty());
    assert!(counts.count() > 12, "the filters find something");
}

#[test]
fn what_ended_in_dropped_segments_is_gone_and_the_answer_says_so() {
    let mut world = World::new();
    world.mix(700);
    let last = world.settle();
    let whole = world.whole();
    world.drop_up_to(last / 2);
    world.worker(KEEP_ALL).keep(last).ok().expect("kept");
    world.restart();
    let first = world.machine().journal().first_seq().0;
    assert_eq!(world.disk.kept_numbers(Shelf::History)[0], last / 2 + 1);
    for filter in filters(world.middle_ms()) {
        let ended =
            |entry: &Value| entry["transitions"][2]["seq"].as_u64().is_some_and(|seq| seq >= first);
        let mut expected = world.walk(&whole, &filter).expect("memory");
        expected.retain(ended);
        let found = world.walk(world.machine().history(), &filter).expect("answered");
        assert_eq!(found, expected, "{filter:?}");
        let data = world.page(&filter).expect("answered");
        assert_eq!(
            (data["truncated"].clone(), data["oldestSeq"].clone()),
            (true.into(), first.into())
        );
    }
}

#[test]
fn a_flipped_bit_in_any_byte_of_an_index_is_never_answered_from_and_it_is_made_again() {
    let mut world = World::new();
    // Few commands among many events make an index of few pages.
    world.mix(3);
    world.work(60);
    world.mix(130);
    let last = world.settle();
    world.worker(KEEP_ALL).keep(last).ok().expect("kept");
    let whole = world.whole();
    let segment = 1;
    let good = world.disk.bytes_kept(Shelf::History, segment);
    let filters = filters(world.middle_ms());
    let expected: Vec<_> =
        filters.iter().map(|filter| world.page(filter).expect("answered")).collect();
    assert!(check(&world.machine().journal().archive(), segment).is_ok());
    let mut refused = 0;
    for at in 0..good.len() {
        world.disk.damage_kept(Shelf::History, segment, |bytes| bytes[at] ^= 1 << (at % 8));
        let found = check(&world.machine().journal().archive(), segment);
        assert!(found.is_err(), "byte {at} is not found");
        // Every byte is looked for; every few of them are asked with.
        if at % 97 == 0 {
            for (filter, expected) in filters.iter().zip(&expected) {
                match world.page(filter) {
                    Ok(answer) => assert_eq!(answer, *expected, "byte {at}: {filter:?}"),
                    Err(Damaged { segment: named, .. }) => {
                        assert_eq!(named, segment);
                        refused += 1;
                    }
                }
            }
        }
        world.disk.damage_kept(Shelf::History, segment, |bytes| bytes.clone_from(&good));
    }
    assert!(refused > 100, "{refused}");
    let damages: [Change; 4] = [
        |bytes| bytes[5_000] ^= 1,
        |bytes| bytes.truncate(bytes.len() - 4_096),
        |bytes| bytes.extend([0; 4_096]),
        |bytes| bytes.clear(),
    ];
    for damage in damages {
        world.disk.damage_kept(Shelf::History, segment, damage);
        assert!(world.walk(world.machine().history(), &all()).is_err());
        let mut worker = world.worker(KEEP_ALL);
        worker.bad_indexes.insert(segment);
        worker.mend(last).ok().expect("made again");
        assert!(worker.bad_indexes.is_empty());
        assert!(world.disk.bytes_kept(Shelf::History, segment) == good);
    }
    let found = world.walk(world.machine().history(), &all()).expect("answered");
    assert_eq!(found[3..], world.walk(&whole, &all()).expect("memory")[3..]);
}

#[test]
fn an_index_of_the_format_before_answers_the_same_until_its_segment_goes() {
    let (mut world, last, whole) = indexed(700);
    let filters = filters(world.middle_ms());
    let expected: Vec<_> = filters
        .iter()
        .map(|filter| world.walk(world.machine().history(), filter).expect("answered"))
        .collect();
    let worker = world.worker(KEEP_ALL);
    let (mut cursor, mut past) = (worker.archive.start(), Past::new().unbounded());
    let (mut before, mut now) = (0, 0);
    while cursor.segment < last {
        worker.feed(&mut cursor, &mut past).ok().expect("fed");
        let old = build_first(&cursor, past.history.take_finished());
        before += old.len();
        now += world.disk.bytes_kept(Shelf::History, cursor.segment).len();
        if cursor.segment % 2 == 1 {
            world.disk.damage_kept(Shelf::History, cursor.segment, |bytes| bytes.clone_from(&old));
        }
    }
    // Pages of which little is used are most of these small ones.
    assert!(now < before, "{now} of {before}");
    world.restart();
    for (filter, expected) in filters.iter().zip(&expected) {
        let found = world.walk(world.machine().history(), filter).expect("answered");
        assert_eq!(found, *expected, "{filter:?}");
    }
    assert!(!world.walk(&whole, &all()).expect("memory").is_empty());
}

#[test]
fn an_index_takes_a_small_part_of_what_it_is_of() {
    let mut world = World::with_segments_of(1 << 20);
    world.mix(2_000);
    let last = world.settle();
    world.worker(KEEP_ALL).keep(last).ok().expect("kept");
    let index = world.disk.bytes_kept(Shelf::History, last).len();
    let worker = world.worker(KEEP_ALL);
    let (mut cursor, mut past) = (worker.archive.start(), Past::new().unbounded());
    let mut entries = std::collections::VecDeque::new();
    while cursor.segment < last {
        worker.feed(&mut cursor, &mut past).ok().expect("fed");
        entries = past.history.take_finished();
    }
    let (count, before) = (entries.len(), build_first(&cursor, entries).len());
    println!("{count} commands: {index} bytes, {} each; {before} before", index / count);
    assert!(index * 3 < before, "{index} of {before}");
    assert!(index / count < 60, "{index} for {count}");
}

#[test]
fn missing_indexes_are_made_where_they_are_missing() {
    let (world, last, _) = indexed(700);
    let good: Vec<_> =
        (1..=last).map(|segment| world.disk.bytes_kept(Shelf::History, segment)).collect();
    let expected = world.walk(world.machine().history(), &all()).expect("answered");
    for missing in [vec![1], vec![2, 3], vec![1, last], vec![2, last - 1], (1..=last).collect()] {
        for segment in &missing {
            world.disk.discard(Shelf::History, *segment).expect("there");
        }
        assert!(world.walk(world.machine().history(), &all()).is_err(), "{missing:?}");
        world.worker(KEEP_ALL).mend(last).ok().expect("made again");
        for (segment, good) in (1..).zip(&good) {
            assert!(world.disk.bytes_kept(Shelf::History, segment) == *good, "{missing:?}");
        }
        assert_eq!(world.walk(world.machine().history(), &all()).expect("answered"), expected);
    }
}

#[test]
fn the_index_of_another_journal_or_segment_is_not_taken() {
    let (world, last, _) = indexed(400);
    let (mut other, ..) = (World::new(), ());
    other.work(7);
    other.mix(400);
    let end = other.settle();
    other.worker(KEEP_ALL).keep(end).ok().expect("kept");
    // The same journal id, as after a backup was put back and other things happened since.
    let foreign =
        [other.disk.bytes_kept(Shelf::History, 2), world.disk.bytes_kept(Shelf::History, 3)];
    assert!(last > 3 && end > 2);
    for bytes in foreign {
        world.disk.damage_kept(Shelf::History, 2, |kept| kept.clone_from(&bytes));
        assert!(world.walk(world.machine().history(), &all()).is_err());
    }
}

#[test]
fn an_index_comes_before_the_snapshot_that_needs_it_and_a_full_disk_makes_neither() {
    let mut world = World::new();
    world.mix(300);
    let last = world.settle();
    world.disk.faults().full = true;
    assert!(world.worker(Retention::default()).keep(last).is_err());
    world.disk.faults().full = false;
    assert!(world.disk.kept_numbers(Shelf::History).is_empty());
    assert!(world.disk.kept_numbers(Shelf::Snapshots).is_empty());
    world.worker(Retention::default()).keep(last).ok().expect("kept");
    assert!(world.disk.kept_numbers(Shelf::History).into_iter().eq(1..=last));
}
