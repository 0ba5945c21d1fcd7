use std::cell::Cell;

use super::*;

/// 2026-01-01.
const BEGIN: Duration = Duration::from_secs(1_767_225_600);
const HOUR: Duration = Duration::from_secs(3_600);

/// Clocks that are moved by hand.
#[derive(Debug)]
struct Hands {
    origin: Instant,
    awake: Cell<Duration>,
    wall: Cell<Duration>,
}

impl Time for Hands {
    fn now(&self) -> Instant {
        self.origin + self.awake.get()
    }

    fn wall(&self) -> Duration {
        self.wall.get()
    }
}

impl Hands {
    fn new() -> Rc<Hands> {
        let (awake, wall) = (Cell::default(), Cell::new(BEGIN));
        Rc::new(Hands { origin: Instant::now(), awake, wall })
    }

    fn pass(&self, time: Duration) {
        self.awake.set(self.awake.get() + time);
        self.wall.set(self.wall.get() + time);
    }
}

fn us(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).expect("in range")
}

#[test]
fn no_two_readings_are_equal() {
    let mut clock = Clock::after(Micros(0), Rc::new(SystemClocks));
    let mut last = clock.tick();
    for _ in 0..10_000 {
        let next = clock.tick();
        assert!(next > last);
        last = next;
    }
}

#[test]
fn a_wall_clock_that_is_set_moves_no_deadline_in_either_direction() {
    for wall in
        [BEGIN + 12 * HOUR, BEGIN.saturating_sub(12 * HOUR), Duration::ZERO, BEGIN + 24 * 40 * HOUR]
    {
        let hands = Hands::new();
        let mut clock = Clock::after(Micros(micros(BEGIN)), hands.clone());
        let before = clock.tick();
        let deadline = before.plus_ms(45_000);
        hands.wall.set(wall);
        assert_eq!(clock.until(deadline), Duration::from_micros(45_000_000 - 1));
        hands.pass(Duration::from_secs(44));
        assert_eq!(clock.until(deadline), Duration::from_micros(1_000_001));
        assert_eq!(clock.tick(), Micros(before.0 + 44_000_000 - 1));
        hands.pass(Duration::from_micros(1_000_001));
        assert_eq!(clock.until(deadline), Duration::ZERO);
        let at = clock.tick();
        let offset = clock.moved(hands.now(), WallOffset(0)).expect("it was set");
        assert_eq!(offset.wall(at).0.abs_diff(micros(hands.wall())), 1, "{wall:?}");
    }
}

#[test]
fn time_goes_on_where_the_last_life_left_it_whatever_the_wall_says() {
    let hands = Hands::new();
    let last = Micros(micros(BEGIN + HOUR));
    let mut clock = Clock::after(last, hands.clone());
    assert_eq!(clock.tick(), Micros(last.0 + 1));
    assert_eq!(clock.offset(), WallOffset(-us(HOUR) - 2));
    // A journal that has no input begins with the time on the wall.
    assert_eq!(Clock::after(Micros(0), hands).tick(), Micros(micros(BEGIN) + 1));
}

#[test]
fn a_wall_clock_that_moves_is_noticed_from_a_second_on() {
    let hands = Hands::new();
    let mut clock = Clock::after(Micros(micros(BEGIN)), hands.clone());
    clock.tick();
    let known = clock.offset();
    hands.wall.set(BEGIN + Duration::from_millis(999));
    assert_eq!(clock.moved(hands.now(), known), None);
    hands.wall.set(BEGIN + Duration::from_secs(2));
    assert!(clock.moved(hands.now(), known).is_some());
    hands.wall.set(BEGIN);
    assert!(clock.moved(hands.now(), WallOffset(2_000_000)).is_some(), "back again");
    // A suspension looks like a clock that was set: the monotonic clock has stood still.
    hands.pass(HOUR);
    hands.wall.set(hands.wall.get() + 8 * HOUR);
    let woken = clock.moved(hands.now(), WallOffset(0)).expect("eight hours");
    assert!(woken.0.abs_diff(us(8 * HOUR)) < 10, "{woken:?}");
}

#[test]
fn a_million_readings_lose_nothing_of_what_passes_between_them() {
    let hands = Hands::new();
    let mut clock = Clock::after(Micros(7), hands.clone());
    for _ in 0..1_000_000 {
        hands.pass(Duration::from_nanos(1_900));
        clock.tick();
    }
    assert!(clock.tick().0.abs_diff(7 + 1_900_000) <= 1);
}

#[test]
fn a_deadline_that_has_passed_is_due() {
    let clock = Clock::after(Micros(3), Rc::new(SystemClocks));
    assert_eq!(clock.until(Micros(1)), Duration::ZERO);
}
