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
/// How long an id waits for a file that is missing or damaged and is being made anew, as after the
/// first start on the journal of an older build, before the answer is `busy`.
const MEND_WITHIN: Duration = Duration::from_secs(30);
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
    /// When the frame began to wait.
    pub(in crate::daemon) since: Instant,
    /// How many filters the keeper had made when the search began.
    filters: u64,
    /// A file that is needed is being made anew, which ends in another filter.
    is_stuck: bool,
    until: Instant,
}

/// What becomes of a frame that waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::daemon) enum Next {
    /// It is answered with what is known by now.
    Answer,
    /// It is searched for again: the file that was needed has been made.
    SearchAgain,
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

    /// Lets a connection wait for the search with a ticket, for the id in its frame. `filters` is how many
    /// the keeper has made, and `since` when the frame began to wait, if it has waited already.
    pub(in crate::daemon) fn add(
        &mut self,
        link: Link,
        ticket: u64,
        (frame, indexed): (Vec<u8>, Seq),
        filters: u64,
        (since, now): (Option<Instant>, Instant),
    ) {
        let until = since.map_or(now + SEARCH_WITHIN, |since| since + MEND_WITHIN);
        let waiting = Waiting {
            ticket,
            frame,
            indexed,
            finding: None,
            later: VecDeque::new(),
            since: since.unwrap_or(now),
            filters,
            is_stuck: false,
            until,
        };
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
        let Some(waiting) = waiting else { return };
        match finding {
            Finding::Unavailable => {
                waiting.is_stuck = true;
                waiting.until = waiting.since + MEND_WITHIN;
            }
            Finding::Found(_) | Finding::Nothing => waiting.finding = Some(finding),
        }
    }

    /// Takes out a connection that need not wait any more: its search has ended, has taken too long, or
    /// is to be begun again. The frames that follow the one that waited are to be taken in after it.
    pub(in crate::daemon) fn take(
        &mut self,
        now: Instant,
        filters: u64,
    ) -> Option<(Link, Waiting, Next)> {
        let next_of = |waiting: &Waiting| {
            if waiting.finding.is_some() || waiting.until <= now {
                Some(Next::Answer)
            } else if waiting.is_stuck && waiting.filters != filters {
                Some(Next::SearchAgain)
            } else {
                None
            }
        };
        let mut waiting = self.waiting.iter();
        let (link, next) = waiting.find_map(|(link, waiting)| Some((*link, next_of(waiting)?)))?;
        Some((link, self.waiting.remove(&link)?, next))
    }

    /// When the next search has taken too long.
    pub(in crate::daemon) fn deadline(&self) -> Option<Instant> {
        self.waiting.values().map(|waiting| waiting.until).min()
    }
}
