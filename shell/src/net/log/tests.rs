#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

use super::*;

fn push(log: &mut Log, seq: u64, frame: &[u8]) {
    log.push(Seq(seq), |bytes| bytes.extend_from_slice(frame));
}

/// Everything from a place on, read piece by piece.
fn rest(log: &Log, mut place: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while place < log.end() {
        let piece = log.piece(place);
        bytes.extend_from_slice(piece);
        place += piece.len() as u64;
    }
    bytes
}

#[test]
fn a_frame_is_found_by_any_of_its_bytes_and_by_its_cause() {
    let mut log = Log::new(1 << 20);
    push(&mut log, 5, b"abc");
    push(&mut log, 5, b"de");
    push(&mut log, 9, b"f");
    let second = Place { start: 3, end: 5, number: 1, seq: Seq(5) };
    assert_eq!(log.frame_at(3), Some(second));
    assert_eq!(log.frame_at(4), Some(second));
    assert_eq!(log.frame_at(5).map(|place| place.seq), Some(Seq(9)));
    assert_eq!(log.frame_at(6), None);
    let places = [1, 5, 6, 9, 10].map(|seq| log.place_of(Seq(seq)));
    assert_eq!(places, [0, 0, 5, 5, 6]);
}

#[test]
fn frames_stay_whole_and_in_order_over_many_chunks() {
    let mut log = Log::new(u64::MAX);
    let mut whole = Vec::new();
    let mut starts = Vec::new();
    for number in 0..3_000_u64 {
        let frame = vec![b'a' + (number % 26) as u8; 1 + (number * 37 % 400) as usize];
        starts.push((whole.len() as u64, number));
        push(&mut log, number * 2, &frame);
        whole.extend(frame);
    }
    assert!(log.chunks.len() > 5);
    assert_eq!(rest(&log, 0), whole);
    for (start, number) in starts {
        assert_eq!(
            log.frame_at(start).map(|place| (place.start, place.number)),
            Some((start, number))
        );
        assert_eq!(log.place_of(Seq(number * 2)), start);
        if number > 0 {
            assert_eq!(log.place_of(Seq(number * 2 - 1)), start);
        }
    }
}

#[test]
fn what_everyone_has_taken_is_dropped_and_places_stay_valid() {
    let mut log = Log::new(u64::MAX);
    for seq in 0..10 {
        push(&mut log, seq, &vec![b'x'; 40_000]);
    }
    log.trim(200_000);
    assert_eq!(log.frame_at(200_000).map(|place| place.number), Some(5));
    assert_eq!(rest(&log, 200_000).len(), 200_000);
    log.trim(log.end());
    assert!(log.is_empty());
    assert_eq!(log.end(), 400_000);
    push(&mut log, 11, b"next");
    assert_eq!(log.frame_at(400_000).map(|place| place.number), Some(10));
}

#[test]
fn a_log_over_its_bound_says_what_is_too_much() {
    let mut log = Log::new(100_000);
    push(&mut log, 1, &vec![b'x'; 300_000]);
    assert_eq!(log.excess(), None, "the last chunk stays, however large");
    push(&mut log, 2, b"y");
    assert_eq!(log.excess(), Some(300_000));
    log.trim(300_000);
    assert_eq!(log.excess(), None);
}
