//! What an agent says that cannot be read: counted every time, logged once for each name.

use std::collections::BTreeSet;

/// Names that are logged in one session, so that an agent cannot fill the log.
const NAMES_MAX: usize = 64;

/// The count of what could not be read in one session, and what was logged about it.
#[derive(Debug, Default)]
pub(super) struct Noise {
    session: String,
    count: u32,
    named: BTreeSet<String>,
}

impl Noise {
    /// Nothing yet of a session; `named` was logged about its agents before.
    pub(super) fn new(session: &str, named: BTreeSet<String>) -> Noise {
        Noise { session: session.to_owned(), count: 0, named }
    }

    /// Counts a line that is not the protocol.
    pub(super) fn line(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    /// Counts something that was found where a readable value had to be, by its name, and logs it
    /// if that name was not logged in this session before.
    pub(super) fn unreadable(&mut self, name: &str) {
        self.line();
        if self.named.len() < NAMES_MAX && self.named.insert(name.to_owned()) {
            pi_server_system::report!(
                "pi-server: session {}: the agent's {name} cannot be read; what was known stays",
                self.session.escape_debug()
            );
        }
    }

    /// The count since the last time.
    pub(super) fn take(&mut self) -> u32 {
        std::mem::take(&mut self.count)
    }

    /// The session, and the names that were logged in it.
    pub(super) fn named(&self) -> (&str, &BTreeSet<String>) {
        (&self.session, &self.named)
    }
}
