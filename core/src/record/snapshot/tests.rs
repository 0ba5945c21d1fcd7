//! Tests of the snapshot reader.

use super::*;
use crate::snapshot::LAYOUT;

fn example() -> Vec<u8> {
    let cursor = Cursor {
        seq: Seq(7),
        at: Micros(8),
        tag: Digest([3; 16]),
        epoch: 2,
        commit: 5,
        durable_upto: Seq(6),
        segment: 4,
        ..Cursor::start(JournalId([9; 16]))
    };
    Snapshot {
        cursor,
        outputs: Digest([1; 16]),
        layout: LAYOUT,
        state: b"the state",
        rest: b"the rest",
    }
    .encode()
}

#[test]
fn what_is_written_is_read() {
    let bytes = example();
    let snapshot = Snapshot::parse(&bytes).unwrap();
    assert_eq!((snapshot.state, snapshot.rest), (&b"the state"[..], &b"the rest"[..]));
    assert_eq!((snapshot.cursor.seq, snapshot.cursor.segment), (Seq(7), 4));
    assert!(snapshot.cursor.between);
    assert_eq!(snapshot.encode(), bytes);
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let bytes = example();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bad = bytes.clone();
            bad[at] ^= 1 << bit;
            assert!(Snapshot::parse(&bad).is_err(), "byte {at} bit {bit}");
        }
        assert!(Snapshot::parse(&bytes[..at]).is_err(), "cut at {at}");
    }
    assert_eq!(Snapshot::parse(&[&bytes[..], b"x"].concat()), Err(SnapshotFault::Length));
}

#[test]
fn another_build_is_told_from_damage() {
    for (at, fault) in
        [(8, SnapshotFault::Version { found: 77 }), (12, SnapshotFault::Layout { found: 77 })]
    {
        let mut bytes = example();
        bytes[at] = 77;
        let sum = crc32fast::hash(&bytes[..CRC_AT]);
        bytes[CRC_AT..SNAPSHOT_HEADER_BYTES].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(Snapshot::parse(&bytes), Err(fault));
    }
}
