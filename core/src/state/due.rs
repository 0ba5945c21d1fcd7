//! What is due when. Every entry repeats a time that some part of the state holds, so nothing here
//! can be forgotten or doubled; `tick` takes out what is due.

use alloc::collections::BTreeSet;

use crate::ids::{CommandNo, Micros, Text};

/// Why the state wants to be woken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wake {
    /// A command's timeout, or the end of its wait for dependencies.
    Command(CommandNo),
    /// A session's agent should be ready by now.
    AgentStart(Text),
    /// A session's run should have begun, or nothing more has followed its end.
    Run(Text),
    /// A turn that was given up should be over by now.
    Stopping(Text),
    /// A dialog's own timeout.
    Dialog(Text, Text),
    /// The drain should be over by now.
    Drain,
    /// A session's agent has had nothing to do for long.
    AgentIdle(Text),
}

/// All of them, soonest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    entries: BTreeSet<(Micros, Wake)>,
}

impl Due {
    pub(super) fn set(&mut self, at: Micros, wake: Wake) {
        self.entries.insert((at, wake));
    }

    pub(super) fn clear(&mut self, at: Option<Micros>, wake: Wake) {
        if let Some(at) = at {
            self.entries.remove(&(at, wake));
        }
    }

    pub(super) fn clear_all(&mut self) {
        self.entries.clear();
    }

    pub(super) fn first(&self) -> Option<Micros> {
        self.entries.first().map(|(at, _)| *at)
    }

    /// When a drain should be over, while one is going on: the one time that nothing else states.
    pub(super) fn drain_by(&self) -> Option<Micros> {
        self.entries.iter().find(|(_, wake)| *wake == Wake::Drain).map(|(at, _)| *at)
    }

    /// Takes out the soonest entry that is due by `now`.
    pub(super) fn pop(&mut self, now: Micros) -> Option<Wake> {
        if self.first()? > now {
            return None;
        }
        self.entries.pop_first().map(|(_, wake)| wake)
    }
}
