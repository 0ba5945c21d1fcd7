//! Connections that wait for a search: each with the frame whose id is searched for, and with what the
//! client said after it, in order.
//!
//! Nothing more is read from such a client, so what waits is bounded by what one turn reads.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use pi_server_core::Seq;

use super::search::Finding;
use crate::net::{Happened, Link};

/// How long a search may take before the answer is `busy`.
const SEARCH_WITHIN: Duration = Duration::from_secs(5);
/// Connections that may wait at a time.
const PAUSED_MAX: usize = 1_024;

/// A connection that waits.
#[derive(Debug)]
pub(in crate::daemon) struct Waiting {
    pub(in crate::daemon) ticket: u64,
    /// The frame that waits.
    pub(in crate::daemon) frame: Vec<u8>,
    /// How far the files went in which it was searched for.
    pub(in crate::daemon) indexed: Seq,
    /// What the search has come to.
    pub(in crate::daemon) finding: Option<Finding>,
    /// What the client said behind it.
    pub(in crate::daemon) later: VecDeque<Happened>,
    until: Instant,
}

/// All connections that wait.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Paused {
    waiting: BTreeMap<Link, Waiting>,
    tickets: u64,
}

impl Paused {
    /// Whether one more connection may wait.
    pub(in crate::daemon) fn has_room(&self) -> bool {
        self.waiting.len() < PAUSED_MAX
    }

    /// A number for a search.
    pub(in crate::daemon) fn next_ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    /// Lets a connection wait for the search with a ticket, for the id in its frame.
    pub(in crate::daemon) fn add(
        &mut self,
        link: Link,
        ticket: u64,
        (frame, indexed): (Vec<u8>, Seq),
        now: Instant,
    ) {
        let until = now + SEARCH_WITHIN;
        let later = VecDeque::new();
        let waiting = Waiting { ticket, frame, indexed, finding: None, later, until };
        self.waiting.insert(link, waiting);
    }

    /// Keeps what a client said if it waits, or gives it back.
    pub(in crate::daemon) fn keep(&mut self, happened: Happened) -> Option<Happened> {
        let link = match &happened {
            Happened::Frame { link, .. }
            | Happened::TooLarge { link, .. }
            | Happened::Closed { link } => *link,
            Happened::Opened { .. } => return Some(happened),
        };
        match self.waiting.get_mut(&link) {
            Some(waiting) => {
                waiting.later.push_back(happened);
                None
            }
            None => Some(happened),
        }
    }

    /// A search has ended. One that nobody waits for any more says nothing.
    pub(in crate::daemon) fn found(&mut self, ticket: u64, finding: Finding) {
        let waiting = self.waiting.values_mut().find(|waiting| waiting.ticket == ticket);
        if let Some(waiting) = waiting {
            waiting.finding = Some(finding);
        }
    }

    /// Takes out a connection that need not wait any more: its search has ended, or has taken too long.
    /// The frames that follow the one that waited are to be taken in after it.
    pub(in crate::daemon) fn take(&mut self, now: Instant) -> Option<(Link, Waiting)> {
        let is_over = |waiting: &Waiting| waiting.finding.is_some() || waiting.until <= now;
        let link =
            self.waiting.iter().find(|(_, waiting)| is_over(waiting)).map(|(link, _)| *link)?;
        Some((link, self.waiting.remove(&link)?))
    }

    /// When the next search has taken too long.
    pub(in crate::daemon) fn deadline(&self) -> Option<Instant> {
        self.waiting.values().map(|waiting| waiting.until).min()
    }
}
