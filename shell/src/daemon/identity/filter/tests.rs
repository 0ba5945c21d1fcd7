use std::io;

use super::*;

const JOURNAL: JournalId = JournalId([7; 16]);

/// A file in memory.
struct Bytes(Vec<u8>);

impl Kept for Bytes {
    fn length(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(at).expect("a place in memory");
        let part = self.0.get(at..at + bytes.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(part);
        Ok(())
    }
}

/// The hash of the id with a number, as good as those of the state.
fn hash(number: u64) -> u64 {
    let digest = blake3::hash(&number.to_le_bytes());
    u64::from_le_bytes(*digest.as_bytes().first_chunk().expect("eight bytes"))
}

fn filter_of(ids: std::ops::Range<u64>, bytes_max: u64) -> Vec<u8> {
    let mut builder = FilterBuilder::new(1, ids.end - ids.start, bytes_max);
    ids.map(hash).for_each(|id| builder.add(id));
    let (mut file, bits) = builder.finish(JOURNAL, 9, Digest([3; 16]));
    file.extend(bits);
    file
}

fn open(file: Vec<u8>) -> IdFilter {
    let head = Head::parse(file.first_chunk().expect("a block"), JOURNAL).expect("a head");
    let blocks = file.len() as u64 / 64 - 1;
    IdFilter { file: Box::new(Bytes(file)), journal: JOURNAL, head, blocks }
}

#[test]
fn no_id_that_was_put_in_is_denied_and_few_others_are_not() {
    let ids = 50_000;
    let filter = open(filter_of(0..ids, 1 << 20));
    assert!((0..ids).all(|id| filter.may_have(hash(id)) == Ok(true)));
    let others = (ids..2 * ids).filter(|id| filter.may_have(hash(*id)) != Ok(false)).count();
    assert!(others < 1_000, "{others} of {ids} new ids are not denied");
}

#[test]
fn a_filter_that_is_added_to_denies_none_of_the_old_and_of_the_new_ids() {
    let filter = open(filter_of(0..10_000, 1 << 20));
    let mut builder = filter.extend(8_000, 1 << 20).expect("there is room");
    (10_000..18_000).map(hash).for_each(|id| builder.add(id));
    let (mut file, bits) = builder.finish(JOURNAL, 10, Digest([4; 16]));
    file.extend(bits);
    let filter = open(file);
    assert_eq!((filter.last(), filter.head.ids), (10, 18_000));
    assert!((0..18_000).all(|id| filter.may_have(hash(id)) == Ok(true)));
    let others = (20_000..30_000).filter(|id| filter.may_have(hash(*id)) != Ok(false)).count();
    assert!(others < 600, "{others} of 10,000 new ids are not denied");
}

#[test]
fn a_filter_without_room_is_made_anew_unless_it_is_as_large_as_it_may_be() {
    let filter = open(filter_of(0..10_000, 1 << 20));
    assert!(filter.extend(15_000, 1 << 20).is_none());
    assert!(filter.extend(15_000, 20_000).is_some());
}

#[test]
fn a_block_that_is_not_what_was_written_denies_nothing() {
    let file = filter_of(0..1_000, 1 << 20);
    let id = hash(5);
    for byte in 64..file.len() {
        let mut damaged = file.clone();
        damaged[byte] ^= 0x10;
        let answer = open(damaged).may_have(id);
        assert_ne!(answer, Ok(false), "with byte {byte} changed");
    }
    // Blocks of zeros, as a lost write leaves them, are damaged too.
    let mut empty = file.clone();
    empty[64..].fill(0);
    assert_eq!(open(empty).may_have(id), Err(()));
    // And so is a block in another's place.
    let mut moved = file;
    moved.copy_within(64..128, 128);
    let filter = open(moved);
    assert!((0..1_000).all(|id| filter.may_have(hash(id)) != Ok(false)));
}

#[test]
fn a_head_of_another_journal_or_with_a_changed_byte_is_none() {
    let file = filter_of(0..10, 1 << 20);
    let head: [u8; 64] = *file.first_chunk().expect("a block");
    assert!(Head::parse(&head, JOURNAL).is_some());
    assert!(Head::parse(&head, JournalId([8; 16])).is_none());
    for byte in 0..head.len() {
        let mut damaged = head;
        damaged[byte] ^= 1;
        assert!(Head::parse(&damaged, JOURNAL).is_none(), "with byte {byte} changed");
    }
}

#[test]
fn the_size_follows_from_what_is_kept_of_the_journal() {
    assert_eq!(filter_bytes(0), 16 << 20);
    assert_eq!(filter_bytes(4 << 30), 16 << 20);
    assert_eq!(filter_bytes(1), 64 << 10);
    assert_eq!(filter_bytes(u64::MAX), 64 << 20);
    // Until there are ids for it, it is smaller.
    assert_eq!(filter_of(0..10, 16 << 20).len(), 65 * 64);
}
