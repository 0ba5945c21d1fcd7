//! The clock of the journal: microseconds since the Unix epoch, strictly increasing.

use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pi_server_core::Micros;

/// Where time comes from.
pub trait Time: fmt::Debug {
    /// The monotonic clock.
    fn now(&self) -> Instant;

    /// The clock on the wall, since the Unix epoch; zero before it.
    fn wall(&self) -> Duration;
}

/// The clocks of the operating system.
#[derive(Debug)]
pub(super) struct SystemClocks;

impl Time for SystemClocks {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

/// Tells the time of inputs. Two readings are never equal, so equal times are the same reading.
///
/// A system clock that is set back does not hold deadlines up: time goes on at the speed of the
/// monotonic clock until the system clock is ahead again.
#[derive(Debug)]
pub(super) struct Clock {
    time: Rc<dyn Time>,
    last: Micros,
    read: Instant,
}

impl Clock {
    /// A clock that goes on after `last`, the time of the journal's last input.
    pub(super) fn after(last: Micros, time: Rc<dyn Time>) -> Clock {
        let read = time.now();
        Clock { time, last, read }
    }

    /// The time of the next input.
    pub(super) fn tick(&mut self) -> Micros {
        let now = self.time.now();
        self.last = self.reading(now, micros(self.time.wall()));
        self.read = now;
        self.last
    }

    /// How long it is until `deadline`; zero if it has passed.
    pub(super) fn until(&self, deadline: Micros) -> Duration {
        let now = self.reading(self.time.now(), micros(self.time.wall()));
        Duration::from_micros(deadline.0.saturating_sub(now.0))
    }

    fn reading(&self, now: Instant, wall: u64) -> Micros {
        let passed = micros(now.saturating_duration_since(self.read)).max(1);
        Micros(wall.max(self.last.0.saturating_add(passed)))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_system_clock_that_was_set_back_does_not_stop_time() {
        let hour = 3_600_000_000;
        let wall = || micros(SystemClocks.wall());
        let mut clock = Clock::after(Micros(wall() + hour), Rc::new(SystemClocks));
        let before = clock.last;
        let read = clock.read;
        assert_eq!(
            clock.reading(read + Duration::from_millis(5), wall()),
            Micros(before.0 + 5_000)
        );
        assert!(clock.tick() > before);
        assert!(clock.until(Micros(before.0 + hour)) > Duration::from_secs(3_500));
    }

    #[test]
    fn a_deadline_that_has_passed_is_due() {
        let clock = Clock::after(Micros(0), Rc::new(SystemClocks));
        assert_eq!(clock.until(Micros(1)), Duration::ZERO);
    }
}
