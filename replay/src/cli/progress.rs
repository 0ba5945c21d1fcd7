//! How far long work is, on standard error: on one line of a terminal, and else a line now and then.

use std::fmt::Display;
use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use pi_server_system::console;

/// How often progress is shown on a terminal.
const ON_TERMINAL: Duration = Duration::from_millis(250);
/// How often it is said where it goes into a file, and how long it takes until it is said at all.
const ELSEWHERE: Duration = Duration::from_secs(10);
/// How many inputs are counted for one look at the clock.
const CALLS: u32 = 256;

/// Where progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// On one line that is written over.
    Terminal,
    /// In lines of their own.
    Lines,
    /// Nowhere: results go to the same terminal at the same time.
    Nowhere,
}

/// Progress of long work.
pub(super) struct Progress {
    place: Place,
    begun: Instant,
    calls: u32,
    /// When something was shown last, counted from the beginning.
    shown: Option<Duration>,
}

impl Progress {
    pub(super) fn new() -> Progress {
        Progress::at(if io::stderr().is_terminal() { Place::Terminal } else { Place::Lines })
    }

    /// Of work that writes its results while it goes on.
    pub(super) fn beside_results() -> Progress {
        let both = io::stderr().is_terminal() && io::stdout().is_terminal();
        if both { Progress::at(Place::Nowhere) } else { Progress::new() }
    }

    fn at(place: Place) -> Progress {
        Progress { place, begun: Instant::now(), calls: 0, shown: None }
    }

    /// So many inputs are done. May be called for each.
    pub(super) fn show(&mut self, inputs: u64) {
        self.calls += 1;
        if self.calls >= CALLS {
            self.calls = 0;
            self.say(&format_args!("{inputs} inputs"));
        }
    }

    /// So far is the work; for what is called seldom.
    pub(super) fn say(&mut self, what: &dyn Display) {
        if let Some(text) = self.due(self.begun.elapsed(), what) {
            console::draw(&text);
        }
    }

    /// What is to be written at this time, if it is time for something.
    fn due(&mut self, now: Duration, what: &dyn Display) -> Option<String> {
        let (every, text): (_, fn(&dyn Display) -> String) = match self.place {
            Place::Terminal => (ON_TERMINAL, |what| format!("\r{what}\x1b[K")),
            Place::Lines => (ELSEWHERE, |what| format!("pi-replay: {what} so far\n")),
            Place::Nowhere => return None,
        };
        if now.saturating_sub(self.shown.unwrap_or_default()) < every {
            return None;
        }
        self.shown = Some(now);
        Some(text(what))
    }

    /// Makes room for the results.
    pub(super) fn clear(&self) {
        if self.place == Place::Terminal && self.shown.is_some() {
            console::draw("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_shows_it_at_once_and_a_file_after_a_while() {
        let mut terminal = Progress::at(Place::Terminal);
        assert_eq!(terminal.due(Duration::from_millis(249), &"7 inputs"), None);
        let shown = terminal.due(ON_TERMINAL, &"8 inputs");
        assert_eq!(shown.as_deref(), Some("\r8 inputs\x1b[K"));
        assert_eq!(terminal.due(ON_TERMINAL, &"9 inputs"), None);
        assert!(terminal.due(2 * ON_TERMINAL, &"9 inputs").is_some());
        let mut lines = Progress::at(Place::Lines);
        assert_eq!(lines.due(Duration::from_millis(9_999), &"7 inputs"), None);
        let said = lines.due(ELSEWHERE, &"8 inputs");
        assert_eq!(said.as_deref(), Some("pi-replay: 8 inputs so far\n"));
        assert_eq!(lines.due(ELSEWHERE + ON_TERMINAL, &"9 inputs"), None);
        assert_eq!(Progress::at(Place::Nowhere).due(ELSEWHERE, &"7 inputs"), None);
    }

    #[test]
    fn inputs_are_counted_without_a_look_at_the_clock_for_each() {
        let mut progress = Progress::at(Place::Nowhere);
        (1..CALLS).for_each(|inputs| progress.show(inputs.into()));
        assert_eq!(progress.calls, CALLS - 1);
        progress.show(CALLS.into());
        assert_eq!(progress.calls, 0);
    }
}
