use alloc::vec;
use alloc::vec::Vec;

use super::*;

const ID: JournalId = JournalId([7; 16]);

fn segment(number: u64) -> Vec<u8> {
    let header = SegmentHeader {
        format: FORMAT_VERSION,
        journal: ID,
        number,
        capacity: 8192,
        created: Micros(1),
        key_check: ID.key_check(&Secret::new([9; 32])),
    };
    let mut bytes = vec![0; 8192];
    bytes[..SEGMENT_HEADER_BYTES].copy_from_slice(&header.encode());
    assert_eq!(SegmentHeader::parse(&bytes), Ok(header));
    bytes
}

/// Changes both copies.
fn changed(at: usize, with_checksum: bool) -> Vec<u8> {
    let mut bytes = segment(1);
    for copy in [0, COPY_AT] {
        bytes[copy + at] ^= 1;
        if with_checksum {
            let sum = crc32fast::hash(&bytes[copy..copy + CRC_AT]);
            bytes[copy + CRC_AT..copy + COPY_BYTES].copy_from_slice(&sum.to_le_bytes());
        }
    }
    bytes
}

#[test]
fn damage_of_both_copies_alike_is_noticed() {
    for at in 0..COPY_BYTES {
        let found = SegmentHeader::parse(&changed(at, false));
        assert_eq!(found, Err(SegmentFault::Unreadable), "{at}");
    }
    // The magic, what is reserved, and what lies behind a copy; whatever the checksum says.
    for at in (0..8).chain(64..CRC_AT) {
        let found = SegmentHeader::parse(&changed(at, true));
        assert_eq!(found, Err(SegmentFault::Unreadable), "{at}");
    }
    let found = SegmentHeader::parse(&changed(COPY_BYTES, true));
    assert_eq!(found, Err(SegmentFault::Unreadable));
}

#[test]
fn two_good_copies_that_differ_are_no_header() {
    let (mut first, second) = (segment(1), segment(2));
    first[COPY_AT..SEGMENT_HEADER_BYTES].copy_from_slice(&second[COPY_AT..SEGMENT_HEADER_BYTES]);
    assert_eq!(SegmentHeader::parse(&first), Err(SegmentFault::CopiesDisagree));
}

#[test]
fn a_header_tells_one_key_from_another() {
    let check = |byte| ID.key_check(&Secret::new([byte; 32]));
    assert_ne!(check(1), check(2));
    assert_ne!(JournalId([8; 16]).key_check(&Secret::new([1; 32])), check(1));
}
