#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

use std::io::IoSlice;

use std::mem;

use super::*;

/// A client's outbox, the log, and what the client has received so far.
struct Wire {
    log: Log,
    outbox: Outbox,
    received: Vec<u8>,
}

impl Wire {
    fn new(event_bytes_max: u64) -> Wire {
        let log = Log::new(u64::MAX);
        let mut outbox = Outbox::new(Framing::Lines, event_bytes_max);
        assert!(outbox.admit(&log));
        Wire { log, outbox, received: Vec::new() }
    }

    fn broadcast(&mut self, seq: u64, text: &str) {
        self.log.push(Seq(seq), |bytes| Framing::Lines.put(text.as_bytes(), bytes));
    }

    fn answer(&mut self, seq: u64, text: &str) {
        self.outbox.answer(&self.log, Seq(seq), text.as_bytes());
    }

    fn notice(&mut self, seq: u64, text: &str) {
        self.outbox.notice(&self.log, Seq(seq), Framing::Lines.frame(text.as_bytes()).into());
    }

    fn event(&mut self, seq: u64, text: &str) -> bool {
        self.outbox.event(&self.log, Seq(seq), Framing::Lines.frame(text.as_bytes()).into())
    }

    /// The socket takes up to `count` bytes; answers whether it could have taken more.
    fn take(&mut self, count: usize) -> bool {
        let mut slices = [IoSlice::new(&[]); 4];
        let filled = self.outbox.gather(&self.log, &mut slices);
        let bytes = slices[..filled].iter().flat_map(|slice| slice.iter()).take(count);
        let before = self.received.len();
        self.received.extend(bytes);
        let written = self.received.len() - before;
        self.outbox.wrote(&self.log, written);
        written == count && count > 0
    }

    fn take_all(&mut self) -> String {
        while self.take(1 << 20) || self.outbox.gather(&self.log, &mut [IoSlice::new(&[])]) > 0 {}
        String::from_utf8(mem::take(&mut self.received)).expect("frames are text")
    }
}

fn gap(missed: u64, from: u64, to: u64) -> String {
    format!(
        "{{\"type\":\"gap\",\"data\":{{\"kind\":\"lifecycle\",\"missed\":{missed},\
         \"fromSeq\":{from},\"toSeq\":{to}}}}}"
    )
}

/// A small generator, so that a failure can be run again from its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[test]
fn every_frame_comes_in_the_order_of_the_calls_however_little_the_socket_takes() {
    let start = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let first = start.expect("the clock is past 1970").as_nanos() as u64 | 1;
    for seed in (first..).step_by(2).take(200) {
        let mut random = Random(seed);
        let mut wire = Wire::new(u64::MAX);
        let mut expected = String::new();
        for seq in 1..300 {
            let text = format!("{seq}{}", "x".repeat(random.below(40) as usize));
            match random.below(4) {
                0 => wire.answer(seq, &text),
                1 => assert!(wire.event(seq, &text)),
                2 => wire.notice(seq, &text),
                _ => wire.broadcast(seq, &text),
            }
            expected.push_str(&text);
            expected.push('\n');
            if random.below(3) == 0 {
                wire.take(random.below(90) as usize);
            }
            if random.below(20) == 0 {
                wire.log.trim(wire.outbox.place().unwrap_or(0));
            }
        }
        let rest = mem::take(&mut wire.received);
        let all = String::from_utf8(rest).expect("frames are text") + &wire.take_all();
        assert_eq!(all, expected, "seed {seed}");
        assert_eq!(wire.outbox.bytes(), 0, "seed {seed}");
    }
}

#[test]
fn a_ping_goes_first_but_never_into_a_frame() {
    let mut wire = Wire::new(u64::MAX);
    wire.broadcast(1, "one");
    wire.broadcast(2, "two");
    wire.take(6);
    wire.outbox.control().extend(b"!!");
    wire.take(3);
    wire.outbox.control().extend(b"??");
    wire.answer(3, "three");
    assert_eq!(wire.take_all(), "one\ntwo\n!!??three\n");
}

#[test]
fn a_client_that_is_not_admitted_gets_its_own_frames_only() {
    let mut wire = Wire::new(u64::MAX);
    wire.outbox = Outbox::new(Framing::Lines, u64::MAX);
    wire.broadcast(1, "not yet");
    wire.answer(1, "greeting");
    assert!(wire.outbox.admit(&wire.log));
    assert!(!wire.outbox.admit(&wire.log), "once is enough");
    wire.broadcast(2, "for all");
    wire.outbox.dismiss(&wire.log);
    wire.broadcast(3, "no more");
    wire.answer(3, "late answer");
    assert_eq!(wire.take_all(), "greeting\nfor all\nlate answer\n");
    assert_eq!(wire.outbox.place(), None, "it holds up nobody");
}

#[test]
fn broadcasts_that_fall_off_the_log_leave_one_gap_in_their_place() {
    let mut wire = Wire::new(u64::MAX);
    wire.broadcast(1, "first");
    wire.take(2);
    wire.answer(1, "before");
    for seq in 2..=9 {
        wire.broadcast(seq, "lost");
    }
    wire.answer(9, "after");
    wire.outbox.skip(&wire.log);
    wire.log.trim(wire.log.end());
    wire.broadcast(10, "lost too");
    wire.outbox.skip(&wire.log);
    wire.broadcast(11, "last");
    let gap = gap(9, 2, 10);
    assert_eq!(wire.take_all(), format!("first\nbefore\n{gap}\nafter\nlast\n"));
}

#[test]
fn lifecycle_frames_for_one_client_become_a_gap_beyond_their_bound() {
    let mut wire = Wire::new(u64::MAX);
    let text = "x".repeat(100_000);
    for seq in 1..=9 {
        wire.notice(seq, &text);
    }
    wire.answer(9, "answer");
    assert!(wire.outbox.bytes() < NOTICE_BYTES_MAX + 100);
    let gap = gap(7, 3, 9);
    assert_eq!(wire.take_all(), format!("{text}\n{text}\n{gap}\nanswer\n"));
    wire.notice(10, "again");
    assert_eq!(wire.take_all(), "again\n");
}

#[test]
fn a_lagging_client_is_fed_in_order_with_answers_and_broadcasts() {
    let mut wire = Wire::new(10);
    assert!(wire.event(2, "event 2"));
    wire.broadcast(3, "all 3");
    assert!(!wire.event(4, "event 4"), "over the bound");
    assert_eq!(wire.outbox.hungry(), None, "nothing has been taken yet");
    wire.broadcast(5, "all 5");
    assert!(!wire.event(6, "event 6"));
    wire.answer(6, "answer 6");
    wire.broadcast(7, "all 7");
    wire.answer(8, "answer 8");
    assert_eq!(wire.take_all(), "event 2\nall 3\n", "the rest waits for the missing events");
    assert_eq!(wire.outbox.hungry(), Some(Seq(3)));
    assert!(wire.outbox.feed(&wire.log, Seq(4), b"event 4"));
    assert_eq!(wire.outbox.hungry(), None);
    assert_eq!(wire.take_all(), "event 4\n");
    assert_eq!(wire.outbox.hungry(), Some(Seq(4)));
    assert!(wire.outbox.feed(&wire.log, Seq(6), b"event 6"));
    wire.outbox.caught_up();
    assert_eq!(
        wire.take_all(),
        "all 5\nevent 6\nanswer 6\nall 7\nanswer 8\n",
        "an event comes before the frames that its own input caused"
    );
    assert!(wire.event(9, "event 9"));
    assert_eq!(wire.take_all(), "event 9\n");
    assert_eq!(wire.outbox.bytes(), 0);
}

#[test]
fn older_events_can_be_fed_before_anything_newer() {
    let mut wire = Wire::new(1_000);
    wire.broadcast(40, "all 40");
    wire.answer(41, "subscribed");
    wire.outbox.lag(&wire.log, Seq(7));
    wire.broadcast(42, "all 42");
    assert!(!wire.event(43, "event 43"));
    assert_eq!(wire.outbox.hungry(), Some(Seq(7)));
    assert!(wire.outbox.feed(&wire.log, Seq(8), b"event 8"));
    assert!(wire.outbox.feed(&wire.log, Seq(43), b"event 43"));
    wire.outbox.caught_up();
    assert_eq!(wire.take_all(), "all 40\nsubscribed\nevent 8\nall 42\nevent 43\n");
}

#[test]
fn a_client_that_lags_and_falls_off_the_log_gets_both_right() {
    let mut wire = Wire::new(10);
    assert!(wire.event(1, "event 1"));
    assert!(!wire.event(2, "event 2"));
    wire.broadcast(3, "lost 3");
    wire.answer(4, "answer 4");
    wire.broadcast(5, "lost 5");
    wire.outbox.skip(&wire.log);
    wire.log.trim(wire.log.end());
    wire.broadcast(6, "all 6");
    wire.take(8);
    assert!(wire.outbox.feed(&wire.log, Seq(2), b"event 2"));
    wire.outbox.caught_up();
    let gap = gap(2, 3, 5);
    assert_eq!(wire.take_all(), format!("event 1\n{gap}\nevent 2\nanswer 4\nall 6\n"));
}

#[test]
fn unread_answers_choke_a_client_until_it_takes_them() {
    let mut wire = Wire::new(u64::MAX);
    let text = "x".repeat(ANSWER_BYTES_MAX / 2);
    wire.answer(1, &text);
    assert!(!wire.outbox.is_choked());
    wire.answer(2, &text);
    assert!(wire.outbox.is_choked());
    wire.take(ANSWER_BYTES_MAX / 2 + 2);
    assert!(!wire.outbox.is_choked());
}

#[test]
fn nothing_follows_a_farewell_even_if_it_is_written_in_pieces_or_empty() {
    for last in ["farewell", ""] {
        let mut wire = Wire::new(1);
        wire.broadcast(1, "all 1");
        assert!(wire.event(2, "event 2"));
        assert!(!wire.event(3, "event 3"));
        wire.answer(4, "answer 4");
        wire.outbox.farewell(&wire.log, last.into());
        wire.broadcast(5, "too late");
        assert!(!wire.outbox.is_over());
        while wire.take(3) {}
        wire.answer(6, "too late");
        assert_eq!(wire.take_all(), format!("all 1\nevent 2\nanswer 4\n{last}"));
        assert!(wire.outbox.is_over());
    }
}
