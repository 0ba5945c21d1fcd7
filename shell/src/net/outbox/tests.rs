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
        outbox.follow_all(&log);
        Wire { log, outbox, received: Vec::new() }
    }

    /// A wire of a client that gets what it is given.
    fn choosy() -> Wire {
        Wire { outbox: Outbox::new(Framing::Lines, u64::MAX), ..Wire::new(0) }
    }

    fn broadcast(&mut self, seq: u64, text: &str) -> Span {
        self.log.push(Seq(seq), |bytes| Framing::Lines.put(text.as_bytes(), bytes))
    }

    /// A frame that this client is given.
    fn give(&mut self, seq: u64, text: &str) {
        let span = self.broadcast(seq, text);
        self.outbox.give([span].into_iter());
    }

    /// A frame about a command of this client, which follows all.
    fn own(&mut self, seq: u64, text: &str) {
        let span = self.broadcast(seq, text);
        self.outbox.own(span);
    }

    fn answer(&mut self, seq: u64, text: &str) {
        self.outbox.answer(&self.log, Seq(seq), text.as_bytes());
    }

    fn event(&mut self, seq: u64, text: &str) -> bool {
        self.outbox.event(&self.log, Seq(seq), Framing::Lines.frame(text.as_bytes()).into())
    }

    /// The socket takes up to `count` bytes; answers whether it could have taken more.
    fn take(&mut self, count: usize) -> bool {
        self.outbox.sort();
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
        self.outbox.sort();
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
        let mut follows = true;
        for seq in 1..300 {
            let text = format!("{seq}{}", "x".repeat(random.below(40) as usize));
            match random.below(6) {
                0 => wire.answer(seq, &text),
                1 => assert!(wire.event(seq, &text)),
                2 if follows => wire.own(seq, &text),
                3 if follows => drop(wire.broadcast(seq, &text)),
                2 | 3 => wire.give(seq, &text),
                4 => {
                    follows = !follows;
                    if follows {
                        wire.outbox.follow_all(&wire.log);
                    } else {
                        wire.outbox.follow_given(&wire.log);
                    }
                    continue;
                }
                _ => {
                    wire.broadcast(seq, &text);
                    if !follows {
                        continue;
                    }
                }
            }
            expected.push_str(&text);
            expected.push('\n');
            if random.below(3) == 0 {
                wire.take(random.below(90) as usize);
            }
            if random.below(20) == 0 {
                wire.outbox.sort();
                wire.log.trim(wire.outbox.place(&wire.log).unwrap_or(wire.log.end()));
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
    wire.outbox.follow_all(&wire.log);
    wire.broadcast(2, "for all");
    wire.outbox.follow_all(&wire.log);
    wire.outbox.follow_given(&wire.log);
    wire.broadcast(3, "no more");
    wire.answer(3, "late answer");
    assert_eq!(wire.take_all(), "greeting\nfor all\nlate answer\n");
    assert_eq!(wire.outbox.place(&wire.log), None, "it holds up nobody");
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
fn what_a_client_is_given_comes_once_and_in_order_whoever_gave_it() {
    let mut wire = Wire::choosy();
    let spans: Vec<Span> = (1..=6).map(|seq| wire.broadcast(seq, &format!("all {seq}"))).collect();
    wire.answer(6, "answer");
    wire.outbox.give([spans[4]].into_iter());
    wire.outbox.give([spans[0], spans[1], spans[5]].into_iter());
    wire.outbox.give([spans[3]].into_iter());
    wire.outbox.sort();
    assert_eq!(wire.outbox.unread.spans(&wire.log).count(), 2, "neighbours are one span");
    assert_eq!(wire.take_all(), "all 1\nall 2\nall 4\nall 5\nall 6\nanswer\n");
    assert_eq!(wire.outbox.bytes(), 0);
}

#[test]
fn a_gap_never_covers_frames_of_the_clients_own_commands() {
    for follows in [true, false] {
        let mut wire = if follows { Wire::new(10) } else { Wire::choosy() };
        let put = |wire: &mut Wire, seq, text: &str, own: bool| {
            let span = wire.broadcast(seq, text);
            if !follows {
                wire.outbox.give([span].into_iter());
            }
            if own {
                wire.outbox.own(span);
            }
        };
        put(&mut wire, 1, "own 1", true);
        put(&mut wire, 2, "lost", false);
        put(&mut wire, 3, "own 3", true);
        wire.answer(3, "answer 3");
        put(&mut wire, 4, "own 4", true);
        put(&mut wire, 5, "lost", false);
        put(&mut wire, 6, "lost", false);
        put(&mut wire, 7, "own 7", true);
        wire.answer(8, "answer 8");
        wire.outbox.skip(&wire.log);
        wire.log.trim(wire.log.end());
        put(&mut wire, 9, "own 9", true);
        put(&mut wire, 10, "lost", false);
        wire.outbox.skip(&wire.log);
        wire.log.trim(wire.log.end());
        put(&mut wire, 11, "all 11", false);
        let gap = gap(4, 2, 10);
        let expected =
            format!("own 1\n{gap}\nown 3\nanswer 3\nown 4\nown 7\nanswer 8\nown 9\nall 11\n");
        assert_eq!(wire.take_all(), expected, "follows all: {follows}");
        assert_eq!(wire.outbox.bytes(), 0);
    }
}

#[test]
fn a_client_that_missed_nothing_but_its_own_frames_is_told_of_no_gap() {
    let mut wire = Wire::new(10);
    wire.own(1, "own 1");
    wire.own(2, "own 2");
    wire.outbox.skip(&wire.log);
    wire.log.trim(wire.log.end());
    assert_eq!(wire.take_all(), "own 1\nown 2\n");
}

#[test]
fn own_frames_of_a_client_that_lags_and_falls_off_the_log_keep_their_places() {
    let mut wire = Wire::new(15);
    assert!(wire.event(1, "event 1 is long"));
    wire.own(2, "own 2");
    assert!(!wire.event(3, "event 3"));
    wire.own(3, "own 3");
    wire.broadcast(4, "lost 4");
    wire.answer(4, "answer 4");
    wire.own(6, "own 6");
    wire.outbox.skip(&wire.log);
    wire.log.trim(wire.log.end());
    wire.own(7, "own 7");
    wire.take(16);
    assert!(wire.outbox.feed(&wire.log, Seq(3), b"event 3"));
    assert!(!wire.outbox.feed(&wire.log, Seq(5), b"event 5"));
    wire.outbox.caught_up();
    let gap = gap(1, 4, 4);
    let expected =
        format!("event 1 is long\nown 2\n{gap}\nevent 3\nown 3\nanswer 4\nevent 5\nown 6\nown 7\n");
    assert_eq!(wire.take_all(), expected);
    assert_eq!(wire.outbox.bytes(), 0);
}

#[test]
fn frames_that_are_not_for_a_client_are_never_looked_at_for_it() {
    let frames = 10_000;
    let mut wire = Wire::choosy();
    for seq in 1..=frames {
        if seq % 100 == 0 {
            wire.give(seq, "x");
        } else {
            wire.broadcast(seq, "for others");
        }
        if seq % 1_000 == 0 {
            wire.take_all();
        }
    }
    let looked_up = wire.log.looked_up.get();
    assert!(looked_up <= 4 * 100, "{looked_up} look-ups for 100 frames");

    // A client that reads nothing: giving up costs by what was given, not by what was pushed.
    wire.log.looked_up.set(0);
    for seq in frames..2 * frames {
        if seq % 100 == 0 {
            wire.give(seq, "x");
        } else {
            wire.broadcast(seq, "for others");
        }
        if seq % 1_000 == 0 {
            wire.outbox.skip(&wire.log);
        }
    }
    let looked_up = wire.log.looked_up.get();
    assert!(looked_up <= 4 * 100, "{looked_up} look-ups for 100 frames");
    assert_eq!(wire.outbox.items.len(), 1, "one gap, however often it was widened");
}

#[test]
fn a_burst_leaves_no_memory_behind() {
    let mut wire = Wire::choosy();
    for seq in 1..=10_000 {
        wire.answer(seq, "answer");
        let span = wire.broadcast(seq, "own");
        wire.outbox.own(span);
        wire.outbox.give([span].into_iter());
        wire.broadcast(seq, "for others");
    }
    wire.take_all();
    assert!(wire.outbox.items.capacity() <= ITEMS_KEPT);
    assert_eq!(wire.outbox.bytes(), 0);
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
fn unread_frames_about_its_own_commands_choke_a_client_like_answers() {
    let mut wire = Wire::new(u64::MAX);
    let text = "x".repeat(ANSWER_BYTES_MAX / 2);
    wire.own(1, &text);
    wire.broadcast(2, &text);
    assert!(!wire.outbox.is_choked(), "frames of others do not count");
    wire.own(3, &text);
    assert!(wire.outbox.is_choked());
    wire.outbox.skip(&wire.log);
    wire.log.trim(wire.log.end());
    assert!(wire.outbox.is_choked(), "also when they have fallen off the log");
    wire.take(ANSWER_BYTES_MAX / 2 + 100);
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
