//! Virtual clocks: they stand still unless they are told to go on. There are three times, as on every
//! machine: what passes awake, what passes asleep as well, and what is on the wall, which may jump.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use pi_server::world::Time;

/// The clocks of a simulated machine.
#[derive(Clone, Debug)]
pub struct Clocks {
    /// Only differences to it count.
    origin: Instant,
    /// What has passed awake.
    passed: Rc<Cell<Duration>>,
    /// How far the clock on the wall is from the beginning of the run plus what has passed.
    wall: Rc<Cell<Duration>>,
}

impl Default for Clocks {
    fn default() -> Clocks {
        // 2026-01-01, so that times look like times.
        let wall = Duration::from_secs(1_767_225_600);
        Clocks { origin: Instant::now(), passed: Rc::default(), wall: Rc::new(Cell::new(wall)) }
    }
}

impl Clocks {
    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        self.passed.set(self.passed.get() + time);
    }

    /// Sets the clock on the wall forward, or back.
    pub fn jump(&self, by: Duration, back: bool) {
        let wall = self.wall.get();
        self.wall.set(if back { wall.saturating_sub(by) } else { wall + by });
    }

    /// Suspends everything for a while: only the clock on the wall goes on.
    pub fn sleep(&self, time: Duration) {
        self.wall.set(self.wall.get() + time);
    }

    /// What has passed, awake, since the beginning of the run.
    pub fn passed(&self) -> Duration {
        self.passed.get()
    }
}

impl Time for Clocks {
    fn now(&self) -> Instant {
        self.origin + self.passed.get()
    }

    fn wall(&self) -> Duration {
        self.wall.get() + self.passed.get()
    }
}
