//! Virtual clocks: they stand still unless they are told to go on, and the one on the wall may jump.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use pi_server::world::Time;

/// Both clocks of a simulated machine.
#[derive(Clone, Debug)]
pub struct Clocks {
    /// Only differences to it count.
    origin: Instant,
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

    /// What has passed since the beginning of the run.
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
