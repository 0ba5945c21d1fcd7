//! Looking for an id before its command is journaled: what the loop does.

use std::sync::Arc;
use std::time::Instant;

use pi_server_core::command::Class;
use pi_server_core::input::{Earlier, Envelope, InputKind, RuleSet};
use pi_server_core::state::IdPlace;
use pi_server_core::{ConnId, Seq};

use super::super::error::Error;
use super::super::history::Covered;
use super::super::keeper::Report;
use super::super::turn::Daemon;
use super::filter::IdFilter;
use super::paused::{Next, Paused, Waiting};
use super::remembered::{Found, Trail};
use super::search::{Finding, Job, Search};
use crate::journal::{Archive, JournalError};
use crate::net::{Happened, Link};

/// What the loop has for looking up ids.
pub(in crate::daemon) struct Ids {
    search: Search,
    paused: Paused,
    archive: Archive,
    filter: Option<IdFilter>,
    /// How many filters the keeper had made when this one was opened.
    opened: u64,
    /// The filter was found damaged, which the keeper is to be told.
    is_damaged: bool,
    /// The last input of the segment that was sealed early so that its ids can be indexed.
    rolled_at: Seq,
}

/// What is known of an id after a search.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Searched {
    /// What the search has come to; `None` if there was none.
    finding: Option<Finding>,
    /// How far the files went that it searched.
    indexed: Seq,
    /// When the frame began to wait, if it did.
    since: Option<Instant>,
}

impl Searched {
    /// When the frame began to wait, if it did.
    pub(in crate::daemon) fn since(&self) -> Option<Instant> {
        self.since
    }
}

/// What looking for an id has come to.
pub(in crate::daemon) enum LookUp {
    /// The command can be journaled, with what is known of an earlier one.
    Done(Option<Earlier>),
    /// Files have to be searched first.
    Search(Box<Job>),
}

impl Ids {
    /// What is needed to look up the ids of this journal.
    pub(in crate::daemon) fn new(search: Search, archive: Archive) -> Ids {
        Ids {
            search,
            paused: Paused::default(),
            archive,
            filter: None,
            opened: 0,
            is_damaged: false,
            rolled_at: Seq(0),
        }
    }

    /// Searches for what was asked first, if there is no thread for that. Returns false if there was
    /// nothing.
    pub(in crate::daemon) fn step(&mut self) -> bool {
        self.search.step()
    }

    /// Keeps what a client said if it waits for a search, or gives it back.
    pub(in crate::daemon) fn keep(&mut self, happened: Happened) -> Option<Happened> {
        self.paused.keep(happened)
    }

    /// When the next search has taken too long.
    pub(in crate::daemon) fn deadline(&self) -> Option<Instant> {
        self.paused.deadline()
    }

    /// Segments whose files of ids turned out to be unusable.
    pub(in crate::daemon) fn damaged(&self) -> impl Iterator<Item = u64> + '_ {
        self.search.damaged()
    }

    /// Whether the files may have an id. They may as long as there is no filter for all of them.
    fn may_have(&mut self, hash: u64, covered: Covered) -> bool {
        if covered.segment == 0 {
            return false;
        }
        let filter = self.filter.as_ref().filter(|filter| filter.last() >= covered.segment);
        let Some(filter) = filter else { return true };
        filter.may_have(hash).unwrap_or_else(|()| {
            self.is_damaged = true;
            self.filter = None;
            true
        })
    }

    /// Opens the filter that the keeper has made last, if it is another one.
    fn open_filter(&mut self, report: &Report) {
        if report.filters != self.opened {
            self.opened = report.filters;
            self.filter = IdFilter::open(&self.archive, report.filter);
        }
    }
}

impl Daemon {
    /// Looks for the id of a command beyond what the state has of it.
    pub(in crate::daemon) fn look_up(
        &mut self,
        conn: ConnId,
        envelope: &Envelope,
        searched: Searched,
    ) -> LookUp {
        let Some(id) = &envelope.id else { return LookUp::Done(None) };
        let state = self.machine.state();
        let Some(known) = state.look_up_id(conn, id) else { return LookUp::Done(None) };
        let is_parked = match known.place {
            IdPlace::Known => return LookUp::Done(None),
            IdPlace::Parked => true,
            // A read runs again.
            IdPlace::Nowhere if envelope.kind.row().class == Class::Read => {
                return LookUp::Done(None);
            }
            IdPlace::Nowhere => false,
        };
        let recent = self.machine.ids();
        let mut trail = Trail::default();
        if let Some(found) = recent.find(known.hash, &known.client, id, &mut trail) {
            return LookUp::Done(Some(earlier(found)));
        }
        if !recent.is_complete() {
            return LookUp::Done(Some(Earlier::Unavailable));
        }
        let covered = recent.covered();
        match searched.finding {
            Some(Finding::Found(found)) => return LookUp::Done(Some(earlier(found))),
            Some(Finding::Unavailable) => return LookUp::Done(Some(Earlier::Unavailable)),
            // What was indexed meanwhile has to be searched too.
            Some(Finding::Nothing) if searched.indexed == covered.seq => {
                return LookUp::Done(is_parked.then_some(Earlier::Expired));
            }
            Some(Finding::Nothing) | None => {}
        }
        if !is_parked && !self.ids.may_have(known.hash, covered) {
            return LookUp::Done(None);
        }
        if !self.ids.paused.has_room() {
            return LookUp::Done(Some(Earlier::Unavailable));
        }
        LookUp::Search(Box::new(Job {
            ticket: self.ids.paused.next_ticket(),
            hash: known.hash,
            client: known.client,
            id: id.clone(),
            trail,
            covered,
        }))
    }

    /// Lets a connection wait for a search.
    pub(in crate::daemon) fn pause(
        &mut self,
        link: Link,
        job: Job,
        frame: Vec<u8>,
        since: Option<Instant>,
    ) {
        self.hands.net.pause(link);
        let (filters, now) = (self.hands.stats.keeper.filters, self.time.now());
        let what = (frame, job.covered.seq);
        self.ids.paused.add(link, job.ticket, what, filters, (since, now));
        self.ids.search.begin(job);
    }

    /// Goes on with the connections whose searches have ended or taken too long.
    ///
    /// # Errors
    /// Storage failed.
    pub(in crate::daemon) fn resume(&mut self) -> Result<(), Error> {
        for (ticket, finding) in self.ids.search.findings() {
            self.ids.paused.found(ticket, finding);
        }
        let (filters, now) = (self.hands.stats.keeper.filters, self.time.now());
        while let Some((link, waiting, next)) = self.ids.paused.take(now, filters) {
            let Waiting { frame, indexed, finding, later, since, .. } = waiting;
            let finding = match next {
                Next::Answer => Some(finding.unwrap_or(Finding::Unavailable)),
                Next::SearchAgain => None,
            };
            self.hands.net.resume(link);
            self.frame(link, frame, Searched { finding, indexed, since: Some(since) })?;
            // If one of them waits as well, those behind it follow it there.
            later.into_iter().try_for_each(|happened| self.arrive(happened))?;
        }
        Ok(())
    }

    /// Tells the core how far there are files of ids, so that it need not know those ids.
    ///
    /// # Errors
    /// The journal cannot take it.
    pub(in crate::daemon) fn take_indexed(&mut self) -> Result<(), Error> {
        let report = self.hands.stats.keeper;
        if std::mem::take(&mut self.ids.is_damaged) {
            self.keeper.complain_of_filter();
        }
        self.ids.open_filter(&report);
        self.machine.cover(report.indexed);
        let Covered { seq, .. } = self.machine.ids().covered();
        let state = self.machine.state();
        // Without room it is told later; until then the state knows more than it needs to.
        let has_room = !self.machine.journal().is_nearly_full();
        if state.rules() >= RuleSet::V2 && state.indexed() < seq && has_room {
            self.take(InputKind::Indexed { seq }, &[])?;
        }
        Ok(())
    }

    /// Seals the segment when half of the ids that may wait for an index do: what is not sealed is not
    /// indexed.
    ///
    /// # Errors
    /// Storage failed.
    pub(in crate::daemon) fn roll_for_ids(&mut self) -> Result<(), JournalError> {
        let state = self.machine.state();
        let is_many = state.unindexed_ids() > state.limits().unindexed_ids_max / 2;
        if is_many && self.ids.rolled_at <= self.machine.ids().covered().seq {
            let last = self.machine.journal().last_seq();
            if self.machine.journal_mut().seal_early()? {
                self.ids.rolled_at = last;
            }
        }
        Ok(())
    }
}

/// What an answer is for the core.
fn earlier(found: Found) -> Earlier {
    let Found { kind, fingerprint, outcome } = found;
    let outcome = Box::new(Arc::unwrap_or_clone(outcome).into());
    Earlier::Answer { kind, fingerprint, outcome }
}
