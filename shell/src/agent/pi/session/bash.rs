//! Stopping shell commands. pi has one word for all of them, which stops what runs at that moment: a
//! command that has just been given is not running yet, so the word is repeated, but only for the
//! commands that were there when they were to be stopped.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Pending, Session};
use crate::agent::pi::replies::Shape;

/// How long after stopping shell commands it is tried again while one of them still runs.
const STOP_AGAIN: Duration = Duration::from_millis(200);

impl Session {
    /// Stops the shell commands that there are.
    pub(super) fn stop_bash(&mut self, now: Instant) {
        let lines = self.pending.iter().filter(|(_, waiting)| {
            matches!(waiting.pending, Pending::Call { call: _, shape: Shape::Bash })
        });
        let lines: BTreeSet<u64> = lines.map(|(id, _)| *id).collect();
        self.stop_lines(lines, now);
    }

    /// Tries again, if it is time to and one of them still runs.
    pub(super) fn stop_bash_again(&mut self, now: Instant) {
        if let Some((_, lines)) = self.stopping_bash.take_if(|(due, _)| *due <= now) {
            self.stop_lines(lines, now);
        }
    }

    fn stop_lines(&mut self, mut lines: BTreeSet<u64>, now: Instant) {
        lines.retain(|id| self.pending.contains_key(id));
        if !lines.is_empty() {
            self.write(json!({ "type": "abort_bash" }), Pending::Own);
            self.stopping_bash = Some((now + STOP_AGAIN, lines));
        }
    }
}
