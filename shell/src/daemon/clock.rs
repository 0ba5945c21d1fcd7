//! The clocks of the daemon. Inputs carry *elapsed awake* time, in microseconds, which goes on where
//! the last life's last input left it; the time *on the wall* is that plus an offset, which is an
//! input itself. PROTOCOL.md section 9.1.

use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pi_server_core::{Micros, WallOffset};

/// How far the clock on the wall is from where it was, at least, when that is worth an input.
const OFF: Duration = Duration::from_secs(1);

/// Where time comes from.
pub trait Time: fmt::Debug {
    /// The monotonic clock, which stands still while the machine is suspended.
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

/// Tells the time of inputs, by the monotonic clock alone. Two readings are never equal, so equal
/// times are the same reading.
#[derive(Debug)]
pub(super) struct Clock {
    time: Rc<dyn Time>,
    /// The time of inputs at `origin`. Only the whole distance is rounded, so that nothing adds up.
    base: Micros,
    origin: Instant,
    last: Micros,
}

impl Clock {
    /// A clock that goes on after `last`, the time of the journal's last input. The first input of
    /// all is given the time on the wall, so that times look like times; from then on only what
    /// passes counts.
    pub(super) fn after(last: Micros, time: Rc<dyn Time>) -> Clock {
        let last = if last == Micros(0) { Micros(micros(time.wall())) } else { last };
        let origin = time.now();
        Clock { time, base: last, origin, last }
    }

    /// The time of the next input.
    pub(super) fn tick(&mut self) -> Micros {
        self.last = self.reading(self.time.now());
        self.last
    }

    /// How long it is until `deadline`; zero if it has passed.
    pub(super) fn until(&self, deadline: Micros) -> Duration {
        let now = self.reading(self.time.now());
        Duration::from_micros(deadline.0.saturating_sub(now.0))
    }

    /// Whether `deadline` has passed at `now`.
    pub(super) fn has_passed(&self, deadline: Micros, now: Instant) -> bool {
        self.reading(now) >= deadline
    }

    /// What has to be added to the time of inputs to get the time on the wall, by now.
    pub(super) fn offset(&self) -> WallOffset {
        self.offset_at(self.time.now())
    }

    fn offset_at(&self, now: Instant) -> WallOffset {
        let (now, wall) = (self.reading(now).0, micros(self.time.wall()));
        let apart = i64::try_from(wall.abs_diff(now)).unwrap_or(i64::MAX);
        WallOffset(if wall < now { -apart } else { apart })
    }

    /// The offset, if the one in force is off by a second or more: the clock on the wall was set, or
    /// the machine was suspended.
    pub(super) fn moved(&self, now: Instant, in_force: WallOffset) -> Option<WallOffset> {
        let offset = self.offset_at(now);
        let off = Duration::from_micros(offset.0.abs_diff(in_force.0));
        (off >= OFF).then_some(offset)
    }

    fn reading(&self, now: Instant) -> Micros {
        let passed = micros(now.saturating_duration_since(self.origin));
        let next = Micros(self.last.0.saturating_add(1));
        Micros(self.base.0.saturating_add(passed)).max(next)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
