//! What time it is for the keeper: ages of data are counted on the wall, and only as far as elapsed
//! time agrees. PROTOCOL.md section 9.1.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pi_server_core::Micros;
use pi_server_core::walls::Walls;

/// A reading of the clocks that the loop has made.
#[derive(Clone, Debug)]
pub(in crate::daemon) struct Times {
    /// Elapsed awake time, as inputs have it.
    pub(in crate::daemon) at: Micros,
    /// The clock on the wall.
    pub(in crate::daemon) wall: Micros,
    /// Where it was before.
    pub(in crate::daemon) walls: Walls,
    /// When both were read; `None` if they stand still until they are read again.
    pub(in crate::daemon) read: Option<Instant>,
}

/// The time on the wall, twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Now {
    /// What elapsed time agrees with.
    pub(super) agreed: Micros,
    /// What the clock shows.
    pub(super) shown: Micros,
}

impl Times {
    /// The time by now. A clock that was set since, which the loop has not noticed, is not believed.
    pub(super) fn now(&self) -> Now {
        let (at, shown) = match self.read {
            None => (self.at, self.wall),
            Some(read) => {
                let passed = micros(read.elapsed());
                let shown = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                (Micros(self.at.0.saturating_add(passed)), Micros(micros(shown)))
            }
        };
        Now { agreed: self.walls.agreed(at).min(shown), shown }
    }

    /// The time on the wall of an input.
    pub(super) fn wall(&self, at: Micros) -> Micros {
        self.walls.wall(at)
    }
}

/// How the end of a segment stands to an age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// It is not so old.
    Young,
    /// It is by what the clock shows, and elapsed time does not agree.
    Doubtful,
    /// It is.
    Old,
}

impl Now {
    /// How what happened at this time on the wall stands to an age.
    pub(super) fn age(self, wall: Micros, age: Duration) -> Age {
        let by = Micros(wall.0.saturating_add(micros(age)));
        if by < self.agreed {
            Age::Old
        } else if by < self.shown {
            Age::Doubtful
        } else {
            Age::Young
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use pi_server_core::WallOffset;

    use super::*;

    const DAY: u64 = 24 * 3_600 * 1_000_000;
    const BEGIN: u64 = 20_000 * DAY;
    const MONTH: Duration = Duration::from_secs(30 * 24 * 3_600);

    fn times(at: u64, offset: i64, moved: &[(u64, i64)]) -> Times {
        let mut walls = Walls::new();
        walls.started(Micros(BEGIN), WallOffset(0), true);
        for (at, offset) in moved {
            walls.moved(Micros(BEGIN + at), WallOffset(*offset));
        }
        let at = Micros(BEGIN + at);
        Times { at, wall: WallOffset(offset).wall(at), walls, read: None }
    }

    #[test]
    fn what_passes_makes_old_and_a_jump_does_not_for_24_hours() {
        let ahead = i64::try_from(40 * DAY).expect("in range");
        let begun = Micros(BEGIN);
        let age = |times: Times| times.now().age(times.wall(begun), MONTH);
        assert_eq!(age(times(29 * DAY, 0, &[])), Age::Young);
        assert_eq!(age(times(31 * DAY, 0, &[])), Age::Old);
        // Not noticed by the loop, noticed, a day later, and taken back.
        assert_eq!(age(times(DAY, ahead, &[])), Age::Doubtful);
        assert_eq!(age(times(DAY + 1, ahead, &[(DAY, ahead)])), Age::Doubtful);
        assert_eq!(age(times(2 * DAY, ahead, &[(DAY, ahead)])), Age::Old);
        assert_eq!(age(times(2 * DAY, 0, &[(DAY, ahead), (DAY + 1, 0)])), Age::Young);
        // 1970, not noticed and noticed.
        let back = -i64::try_from(BEGIN).expect("in range");
        assert_eq!(age(times(31 * DAY, back, &[])), Age::Young);
        assert_eq!(age(times(31 * DAY, back, &[(DAY, back)])), Age::Young);
    }

    #[test]
    fn times_go_on_by_themselves_if_they_are_to() {
        let mut times = times(0, 0, &[]);
        times.read = Instant::now().checked_sub(Duration::from_secs(5));
        let begun = times.at;
        let Now { agreed, shown } = times.now();
        assert!(agreed >= Micros(begun.0 + 5_000_000) && agreed <= shown, "{agreed} {shown}");
    }
}
