//! The table of what can have happened to a journal's files between two starts: each cell has its
//! name here, and what a start makes of it. Whatever is wrong with more than one record is in
//! `pi_server_core::record::tests`, byte for byte.

use std::ops::ControlFlow;

use pi_server_core::record::{Evidence, SegmentFault};
use pi_server_core::snapshot::LAYOUT;

use super::*;
use crate::journal::storage::Shelf;
use fake::Image;

/// Inputs in the small journal, the last three of which follow the snapshot.
const INPUTS: u64 = 14;

/// A small journal of three segments, of which the first is dropped and the second is covered by a
/// snapshot; everything is on disk, and `HEAD` says so.
fn small() -> (Arc<FakeDisk>, Vec<(Input, Vec<u8>)>) {
    let disk = FakeDisk::new();
    let mut journal = start(&disk).unwrap().journal;
    let mut written = fill(&mut journal, 4, 60);
    for large in [62_000, 61_000] {
        let body = vec![b'x'; large];
        let at = Micros(journal.last_at().0 + 1);
        written.push((journal.append(at, closed(1), &body, NOTHING).unwrap(), body));
        written.extend(fill(&mut journal, 4, 60));
    }
    journal.sync().unwrap();
    let archive = journal.archive();
    let mut cursor = archive.start();
    while cursor.segment + 1 < journal.settled() {
        assert!(archive.feed(&mut cursor, &mut |_, _| ControlFlow::Continue(())).unwrap());
        let snapshot =
            Snapshot { cursor, outputs: NOTHING, layout: LAYOUT, state: b"state", rest: b"rest" };
        archive.save(&snapshot).unwrap();
    }
    archive.pack(1, written.iter().map(|(input, _)| input.body).take(4).collect()).unwrap();
    journal.let_go(1).unwrap();
    archive.drop_up_to(1).unwrap();
    journal.close().unwrap();
    assert_eq!(disk.segment_numbers(), [2, 3]);
    assert_eq!(written.len() as u64, INPUTS);
    (disk, written)
}

/// As [`small`], with all its segments and neither a snapshot nor a pack.
fn whole() -> (Arc<FakeDisk>, Vec<(Input, Vec<u8>)>) {
    let disk = FakeDisk::new();
    let mut journal = start(&disk).unwrap().journal;
    let mut written = fill(&mut journal, 4, 60);
    let body = vec![b'x'; 62_000];
    written.push((journal.append(Micros(0), closed(1), &body, NOTHING).unwrap(), body));
    written.extend(fill(&mut journal, 4, 60));
    journal.sync().unwrap();
    drop(journal);
    assert_eq!(disk.segment_numbers(), [1, 2]);
    (disk, written)
}

fn start(disk: &Arc<FakeDisk>) -> Result<Opened, OpenError> {
    Journal::open_on(disk.clone(), settings(Durability::Power), &origin(), &mut |_| Ok(()))
}

/// Does something to the files of a journal and starts on them: refused with nothing changed, or
/// all of it is there.
fn after(
    (disk, written): &(Arc<FakeDisk>, Vec<(Input, Vec<u8>)>),
    what: &str,
    change: impl FnOnce(&mut Image),
) -> Option<OpenError> {
    let good = disk.image();
    let mut bad = good.clone();
    change(&mut bad);
    disk.put_back(&bad);
    let result = match start(disk) {
        Ok(opened) => {
            assert_eq!(opened.facts.records, written.len() as u64, "{what}: a silent loss");
            let from = opened.facts.snapshot.map_or(0, |seq| usize::try_from(seq.0).unwrap());
            let expected = written[from..].iter().map(|(input, _)| input);
            assert!(inputs(&opened.journal).iter().eq(expected), "{what}: invented");
            for (input, body) in written {
                let found = opened.journal.body(input.body);
                assert!(found.is_none_or(|found| found == body), "{what}: {} differs", input.seq);
                let covered = input.seq.0 <= from as u64;
                assert!(covered || found.is_some(), "{what}: {} is missing", input.seq);
            }
            None
        }
        Err(error) => {
            assert_eq!(disk.image(), bad, "{what}: a refusal changed something");
            assert!(!error.to_string().is_empty());
            Some(error)
        }
    };
    disk.put_back(&good);
    result
}

fn damage_after(
    journal: &(Arc<FakeDisk>, Vec<(Input, Vec<u8>)>),
    change: impl FnOnce(&mut Image),
) -> Damage {
    match after(journal, "damage", change) {
        Some(OpenError::Damaged { damage, .. }) => damage,
        other => panic!("not refused as damaged: {other:?}"),
    }
}

/// Whether a byte of the large bodies is left out: one in 101 is enough.
fn is_tried(at: usize, length: usize) -> bool {
    at < SEGMENT_HEADER_BYTES + 2_000 || at + 2_000 > length || at.is_multiple_of(101)
}

#[test]
fn a_flipped_bit_in_any_byte_of_any_file_is_found_or_harmless() {
    let journal = small();
    let image = journal.0.image();
    let mut refused = 0;
    for (segment, bytes) in &image.segments {
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        for at in (0..used).filter(|at| is_tried(*at, used)) {
            let what = format!("segment {segment} byte {at}");
            let found = after(&journal, &what, |image| {
                image.segments.get_mut(segment).unwrap()[at] ^= 1 << (at % 8);
            });
            // What follows the snapshot is read, but for the padding behind the last record.
            assert!(found.is_some() || *segment == 2 || at + 8 > used, "{what}: not noticed");
            refused += u32::from(found.is_some());
        }
    }
    for at in 0..HEAD_BYTES {
        let what = format!("HEAD byte {at}");
        let found = after(&journal, &what, |image| image.head[at] ^= 1 << (at % 8));
        assert!(found.is_none(), "{what}: the other slot serves");
    }
    for (shelf, number) in image.kept.keys() {
        for at in 0..image.kept[&(*shelf, *number)].len() {
            let what = format!("{shelf:?} {number} byte {at}");
            let found = after(&journal, &what, |image| {
                image.kept.get_mut(&(*shelf, *number)).unwrap()[at] ^= 1 << (at % 8);
            });
            match shelf {
                // The snapshot before it serves, or the one behind it; a start reads no other.
                Shelf::Snapshots | Shelf::History | Shelf::Tiers | Shelf::Ids | Shelf::Filters => {
                    assert!(found.is_none(), "{what}: {found:?}");
                }
                Shelf::Bodies => {
                    assert!(matches!(found, Some(OpenError::BadPack { .. })), "{what}: {found:?}");
                }
            }
        }
    }
    assert!(refused > 4_000, "{refused}");
}

#[test]
fn a_file_that_is_cut_short_anywhere_is_refused() {
    let journal = small();
    for segment in [2, 3] {
        let length = journal.0.image().segments[&segment].len();
        for to in (0..length).filter(|to| is_tried(*to, length)) {
            let damage = damage_after(&journal, |image| {
                image.segments.get_mut(&segment).unwrap().truncate(to);
            });
            let named =
                matches!(damage, Damage::Segment { segment: found, .. } if found == segment);
            assert!(named, "segment {segment} cut to {to}: {damage}");
        }
    }
}

#[test]
fn a_cut_at_any_place_is_refused_once_head_speaks_of_more() {
    let journal = whole();
    let bytes = journal.0.image().segments[&2].clone();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    for from in (SEGMENT_HEADER_BYTES..used).filter(|from| is_tried(*from, used)) {
        let damage = damage_after(&journal, |image| {
            image.segments.get_mut(&2).unwrap()[from..].fill(0);
        });
        let lost = matches!(damage, Damage::Lost { evidence: Evidence::Head, .. });
        assert!(lost, "from {from} on: {damage}");
    }
}

#[test]
fn an_old_copy_put_back_is_refused() {
    let (disk, _) = whole();
    let old = disk.image();
    let mut journal = start(&disk).unwrap().journal;
    fill(&mut journal, 10, 100);
    journal.close().unwrap();
    let mut mixed = disk.image();
    mixed.segments = old.segments.clone();
    disk.put_back(&mixed);
    let error = start(&disk).err().unwrap();
    assert!(matches!(error, OpenError::Damaged { damage: Damage::Lost { .. }, .. }), "{error}");
    // A whole old directory is an older journal, and nothing in it says otherwise.
    disk.put_back(&old);
    assert_eq!(start(&disk).unwrap().facts.tail, Tail::Clean);
}

#[test]
fn two_copies_of_a_header_that_disagree_are_refused() {
    let journal = whole();
    for copy in [0, 2_048] {
        let damage = damage_after(&journal, |image| {
            image.segments.get_mut(&1).unwrap()[copy + 20] ^= 1;
        });
        let fault = SegmentFault::CopiesDisagree;
        assert_eq!(damage, Damage::Segment { segment: 1, fault });
    }
}

#[test]
fn a_gap_in_the_numbers_of_segments_is_refused() {
    let journal = whole();
    // Without its beginning it looks like one that begins with a snapshot, and there is none.
    let gone = after(&journal, "the first", |image| drop(image.segments.remove(&1)));
    assert!(matches!(gone, Some(OpenError::NoSnapshot { .. })), "{gone:?}");
    let none = damage_after(&journal, |image| image.segments.clear());
    assert_eq!(none, Damage::Missing { segment: 1 });
    let last = damage_after(&journal, |image| drop(image.segments.remove(&2)));
    assert_eq!(last, Damage::Missing { segment: 2 });
    let renamed = damage_after(&journal, |image| {
        let segment = image.segments.remove(&2).unwrap();
        image.segments.insert(3, segment);
    });
    assert_eq!(renamed, Damage::Missing { segment: 2 });
    let swapped = damage_after(&journal, |image| {
        let one = image.segments.remove(&1).unwrap();
        let two = image.segments.insert(2, one).unwrap();
        image.segments.insert(1, two);
    });
    assert_eq!(swapped, Damage::Renamed { segment: 1, found: 2 });
}

/// The same life in another journal.
fn foreign() -> Image {
    let disk = FakeDisk::new();
    let origin = Origin { journal: JournalId([9; 16]), ..origin() };
    let opened =
        Journal::open_on(disk.clone(), settings(Durability::Power), &origin, &mut from_the_start);
    fill(&mut opened.unwrap().journal, 4, 60);
    disk.lose_power(|| true);
    disk.image()
}

#[test]
fn files_of_another_journal_are_refused() {
    let journal = whole();
    let other = foreign();
    let segment = damage_after(&journal, |image| {
        image.segments.insert(1, other.segments[&1].clone());
    });
    assert_eq!(segment, Damage::Foreign { segment: 1, found: JournalId([9; 16]) });
    let head = damage_after(&journal, |image| image.head.clone_from(&other.head));
    assert!(matches!(head, Damage::Foreign { segment: 1, .. }), "{head}");
    let record = damage_after(&journal, |image| {
        let place = SEGMENT_HEADER_BYTES..SEGMENT_HEADER_BYTES + 2_000;
        let bytes = image.segments.get_mut(&1).unwrap();
        bytes[place.clone()].copy_from_slice(&other.segments[&1][place]);
    });
    assert!(matches!(record, Damage::Lost { .. }), "{record}");
}

#[test]
fn a_journal_with_one_slot_of_head_goes_on_and_with_none_is_refused() {
    let journal = whole();
    for slot in [0, HEAD_SLOT_BYTES] {
        let found = after(&journal, "one slot", |image| image.head[slot..][..512].fill(0xff));
        assert!(found.is_none(), "{found:?}");
    }
    assert_eq!(damage_after(&journal, |image| image.head.fill(0)), Damage::NoHead);
    assert_eq!(damage_after(&journal, |image| image.head.clear()), Damage::NoHead);
}

#[test]
fn a_snapshot_with_a_bad_digest_is_named_and_the_one_before_serves() {
    let (disk, _) = small();
    let mut image = disk.image();
    let newest = image.kept.get_mut(&(Shelf::Snapshots, 2)).unwrap();
    *newest.last_mut().unwrap() ^= 1;
    disk.put_back(&image);
    let facts = start(&disk).unwrap().facts;
    assert_eq!(facts.rejected, [(2, "its digest is wrong".to_owned())]);
    assert_eq!(facts.records, INPUTS);
    let older = image.kept.get_mut(&(Shelf::Snapshots, 1)).unwrap();
    *older.last_mut().unwrap() ^= 1;
    disk.put_back(&image);
    let error = start(&disk).err().unwrap();
    assert!(matches!(error, OpenError::NoSnapshot { .. }), "{error}");
}

#[test]
fn a_group_without_its_commit_is_dropped_whole() {
    let (disk, written) = whole();
    let mut journal = start(&disk).unwrap().journal;
    for nth in 0..3 {
        journal.append(Micros(0), closed(nth), b"of one turn", NOTHING).unwrap();
    }
    drop(journal);
    let facts = start(&disk).unwrap().facts;
    assert_eq!((facts.records, facts.tail), (written.len() as u64, Tail::Incomplete));
}

/// Two groups are written and the first of them does not reach the disk.
fn with_a_hole(sync_between: bool) -> Result<Opened, OpenError> {
    let disk = FakeDisk::new();
    let mut journal = start(&disk).unwrap().journal;
    // To the end of a sector, so that the groups share none.
    let used = journal.offset + 2 * 88 + 2 + 40;
    let body = vec![1; used.next_multiple_of(512) - used];
    journal.append(Micros(0), closed(1), &body, NOTHING).unwrap();
    journal.commit(NOTHING).unwrap();
    journal.sync().unwrap();
    for _ in 0..2 {
        let body = vec![2; 512 * 2 - 2 * 88 - 2 - 40];
        journal.append(Micros(0), closed(2), &body, NOTHING).unwrap();
        journal.commit(NOTHING).unwrap();
        assert_eq!(journal.offset % 512, 0, "a group fills its sectors");
        if sync_between {
            journal.sync_aside(false);
        }
    }
    let hole = journal.offset - 4 * 512;
    drop(journal);
    disk.lose_power(|| true);
    disk.damage(1, |bytes| bytes[hole..hole + 1_024].fill(0));
    start(&disk)
}

#[test]
fn a_hole_before_good_records_is_torn_if_nothing_proves_that_it_was_on_disk() {
    let facts = with_a_hole(false).unwrap().facts;
    assert_eq!(facts.records, 1);
    assert!(matches!(facts.tail, Tail::Torn { .. }), "{facts:?}");
}

#[test]
fn a_hole_before_a_commit_that_proves_that_it_was_on_disk_is_refused() {
    let error = with_a_hole(true).err().unwrap();
    let OpenError::Damaged { damage, .. } = error else { panic!("{error}") };
    let proven = matches!(
        damage,
        Damage::Lost { evidence: Evidence::Commit(_), prefix: Seq(1), floor: Seq(2), .. }
    );
    assert!(proven, "{damage}");
}

#[test]
fn a_body_that_was_damaged_behind_a_snapshot_is_never_given_out_nor_packed() {
    let (disk, written) = small();
    let (input, body) = &written[4];
    assert!(body.len() > 60_000, "the large body is in a segment that a start does not read");
    disk.damage(2, |bytes| bytes[30_000] ^= 1);
    let mut journal = start(&disk).unwrap().journal;
    assert_eq!(journal.body(input.body), None);
    let packed = journal.archive().pack(2, vec![input.body]);
    assert_eq!(packed.unwrap_err().kind(), io::ErrorKind::InvalidData);
    fill(&mut journal, 1, 0);
}
