use super::*;

const HOUR: u64 = 3_600_000_000;
const DAY: u64 = 24 * HOUR;
/// 2026-01-01.
const BEGIN: u64 = 1_767_225_600_000_000;

fn offset(us: u64) -> WallOffset {
    WallOffset(i64::try_from(us).expect("in range"))
}

fn begun() -> Walls {
    let mut walls = Walls::new();
    walls.started(Micros(BEGIN), WallOffset(0), true);
    walls
}

#[test]
fn without_an_offset_times_are_times_on_the_wall() {
    assert_eq!(Walls::new().wall(Micros(BEGIN)), Micros(BEGIN));
    assert_eq!(Walls::new().agreed(Micros(BEGIN)), Micros(BEGIN));
}

#[test]
fn each_time_has_the_wall_that_was_in_force() {
    let mut walls = begun();
    walls.moved(Micros(BEGIN + HOUR), offset(12 * HOUR));
    walls.moved(Micros(BEGIN + 2 * HOUR), WallOffset(0));
    assert_eq!(walls.wall(Micros(BEGIN + HOUR - 1)), Micros(BEGIN + HOUR - 1));
    assert_eq!(walls.wall(Micros(BEGIN + HOUR)), Micros(BEGIN + 13 * HOUR));
    assert_eq!(walls.wall(Micros(BEGIN + 3 * HOUR)), Micros(BEGIN + 3 * HOUR));
}

#[test]
fn a_jump_forward_is_believed_after_24_elapsed_hours_and_not_if_it_was_taken_back() {
    let mut walls = begun();
    walls.moved(Micros(BEGIN + HOUR), offset(40 * DAY));
    let agreed = |walls: &Walls, hours| walls.agreed(Micros(BEGIN + hours * HOUR)).0 - BEGIN;
    assert_eq!(agreed(&walls, 1), HOUR);
    assert_eq!(agreed(&walls, 24), 24 * HOUR);
    assert_eq!(agreed(&walls, 25), 25 * HOUR + 40 * DAY);
    walls.moved(Micros(BEGIN + 20 * HOUR), WallOffset(0));
    assert_eq!(agreed(&walls, 30), 30 * HOUR);
}

#[test]
fn back_to_1970_ages_nothing_and_neither_does_the_way_to_the_present() {
    let mut walls = begun();
    let back = WallOffset(-i64::try_from(BEGIN).expect("in range"));
    walls.moved(Micros(BEGIN + HOUR), back);
    assert_eq!(walls.wall(Micros(BEGIN + 2 * HOUR)), Micros(2 * HOUR));
    assert_eq!(walls.agreed(Micros(BEGIN + 2 * HOUR)), Micros(2 * HOUR));
    walls.moved(Micros(BEGIN + 3 * HOUR), WallOffset(0));
    assert_eq!(walls.wall(Micros(BEGIN + 3 * HOUR)), Micros(BEGIN + 3 * HOUR));
    assert_eq!(walls.agreed(Micros(BEGIN + 3 * HOUR)), Micros(3 * HOUR));
    assert_eq!(walls.agreed(Micros(BEGIN + 27 * HOUR)), Micros(BEGIN + 27 * HOUR));
    // Before the epoch there is no wall.
    assert_eq!(WallOffset(i64::MIN).wall(Micros(5)), Micros(0));
    assert_eq!(WallOffset(i64::MAX).wall(Micros(u64::MAX)), Micros(u64::MAX));
}

#[test]
fn a_stop_ages_at_once_up_to_a_week() {
    for (days, believed) in [(1, true), (7, true), (8, false), (400, false)] {
        let mut walls = begun();
        walls.started(Micros(BEGIN + 1), offset(days * DAY), false);
        let now = Micros(BEGIN + HOUR);
        let by = walls.agreed(now).0 - now.0;
        assert_eq!(by, if believed { days * DAY } else { 0 }, "{days} days");
        assert_eq!(walls.wall(now), Micros(now.0 + days * DAY));
        assert_eq!(walls.agreed(Micros(BEGIN + 25 * HOUR)).0, BEGIN + 25 * HOUR + days * DAY);
    }
}

#[test]
fn a_stop_in_the_same_day_as_a_jump_ages_by_its_own_length_only() {
    let mut walls = begun();
    walls.moved(Micros(BEGIN + HOUR), offset(40 * DAY));
    walls.started(Micros(BEGIN + 2 * HOUR), offset(42 * DAY), false);
    assert_eq!(walls.agreed(Micros(BEGIN + 3 * HOUR)), Micros(BEGIN + 3 * HOUR + 2 * DAY));
    let mut walls = begun();
    walls.started(Micros(BEGIN + HOUR), offset(2 * DAY), false);
    walls.moved(Micros(BEGIN + 2 * HOUR), offset(42 * DAY));
    assert_eq!(walls.agreed(Micros(BEGIN + 3 * HOUR)), Micros(BEGIN + 3 * HOUR + 2 * DAY));
}

#[test]
fn a_journal_with_times_on_the_wall_goes_on_as_after_a_stop() {
    for (days, believed) in [(2, true), (30, false)] {
        let mut walls = Walls::new();
        walls.started(Micros(BEGIN), offset(days * DAY), false);
        let by = walls.agreed(Micros(BEGIN + HOUR)).0 - BEGIN - HOUR;
        assert_eq!(by, if believed { days * DAY } else { 0 });
        assert_eq!(walls.wall(Micros(BEGIN - 1)), Micros(BEGIN - 1));
    }
}

#[test]
fn a_clock_that_jumps_all_the_time_costs_a_bounded_memory_and_makes_nothing_older() {
    let mut walls = begun();
    for second in 1..3_000 {
        let ahead = if second % 2 == 0 { 0 } else { 40 * DAY };
        walls.moved(Micros(BEGIN + second * 1_000_000), offset(ahead));
    }
    assert_eq!(walls.changes().len(), WALLS_MAX);
    let now = Micros(BEGIN + HOUR);
    assert_eq!(walls.agreed(now), now);
    assert_eq!(Walls::of(walls.changes()), walls);
}
