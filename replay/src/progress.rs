//! A line on standard error while long work goes on, if a person may be looking.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_millis(250);

/// Progress through inputs.
pub(crate) struct Progress {
    began: Instant,
    next: Instant,
    shown: bool,
    wanted: bool,
}

impl Progress {
    pub(crate) fn start() -> Progress {
        let began = Instant::now();
        let wanted = std::io::stderr().is_terminal();
        Progress { began, next: began + FIRST, shown: false, wanted }
    }

    pub(crate) fn at(&mut self, inputs: u64) {
        let now = Instant::now();
        if !self.wanted || now < self.next {
            return;
        }
        self.next = now + INTERVAL;
        self.shown = true;
        let seconds = self.began.elapsed().as_secs();
        // Whoever closed standard error does not want to know.
        let _ = write!(std::io::stderr(), "\r{inputs} inputs, {seconds} s ");
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = writeln!(std::io::stderr());
        }
    }
}
