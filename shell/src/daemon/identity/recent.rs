//! The ids of mutations that ended behind the last segment that is indexed, in memory.
//!
//! Each takes about 200 bytes and its outcome; what is indexed takes none. The core bounds their number: it admits no mutation with an id while `limits.unindexed_ids_max`
//! of them wait for an index. A journal of the first rules knows no such bound, so there is one here
//! as well; what exceeds it is known to be missing, and until it is indexed nobody is told that an id
//! is new.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use pi_server_core::command::Class;
use pi_server_core::failure::Failure;
use pi_server_core::frame::{Data, Frame, Outcome, Phase};
use pi_server_core::input::{Details, Envelope};
use pi_server_core::output::{Audience, Output};
use pi_server_core::{CommandNo, Seq, State, Text};

use super::super::history::Covered;
use super::remembered::{Fact, Found, Remembered, Trail};

/// Facts that are held: more than the core lets there be with the default limits.
const FACTS_MAX: usize = 250_000;

/// What is in memory.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::daemon) struct RecentIds {
    /// Namespaces of the mutations with an id that have not ended.
    open: BTreeMap<CommandNo, Text>,
    /// Facts by the hash of the id, oldest first.
    facts: BTreeMap<u64, Vec<Remembered>>,
    /// When each fact became true, and the hash of its id, oldest first.
    order: VecDeque<(Seq, u64)>,
    capacity: usize,
    /// How far there are files of ids.
    covered: Covered,
    /// The newest fact that was dropped before it was indexed.
    lost: Option<Seq>,
}

impl RecentIds {
    /// Nothing.
    pub(in crate::daemon) fn new() -> RecentIds {
        RecentIds {
            open: BTreeMap::new(),
            facts: BTreeMap::new(),
            order: VecDeque::new(),
            capacity: FACTS_MAX,
            covered: Covered::default(),
            lost: None,
        }
    }

    /// What a snapshot of the state tells, up to whose end there are files of ids.
    pub(in crate::daemon) fn of_snapshot(state: &State, covered: Covered) -> RecentIds {
        let open = state.clients_in_flight().map(|(number, client)| (number, client.clone()));
        RecentIds { open: open.collect(), covered, ..RecentIds::new() }
    }

    /// Holds everything until it is taken out by [`RecentIds::take`].
    pub(in crate::daemon) fn unbounded(mut self) -> RecentIds {
        self.capacity = usize::MAX;
        self
    }

    /// Takes note of what the step of input `seq` put out; `state` is the one after it.
    pub(in crate::daemon) fn note(&mut self, seq: Seq, outputs: &[Output], state: &State) {
        for output in outputs {
            let Output::Deliver { to, frame } = output else { continue };
            let Frame::Lifecycle { command, envelope, phase, .. } = frame else { continue };
            if envelope.kind.row().class == Class::Read {
                continue;
            }
            let Some(id) = &envelope.id else { continue };
            match phase {
                Phase::Accepted => {
                    let Audience::Lifecycle { owner: Some(conn) } = to else { continue };
                    if let Some(client) = state.client_of(*conn) {
                        self.open.insert(*command, client.clone());
                    }
                }
                Phase::Started => {}
                Phase::Finished(outcome) => {
                    let Some(client) = self.open.remove(command) else { continue };
                    let (kind, fingerprint) = (envelope.kind, envelope.fingerprint);
                    if outcome.result.is_ok() {
                        self.note_reconciled(seq, &client, envelope, state);
                    }
                    let fact = Fact::Ended { kind, fingerprint, outcome: outcome.clone() };
                    self.add(seq, client, id.clone(), fact, state);
                }
            }
        }
    }

    /// Takes note of the new outcome of another command, if this one replaced it.
    fn note_reconciled(&mut self, seq: Seq, client: &Text, envelope: &Envelope, state: &State) {
        let Details::Reconcile { command: id, succeeded, note } = &envelope.details else { return };
        let outcome = state.stored_outcome(client, id).cloned().unwrap_or_else(|| {
            // It fell out of the window in the same step.
            let failed = || Failure::ReconciledFailed { note: note.clone() };
            let result = if *succeeded { Ok(Data::None) } else { Err(failed()) };
            let at = state.now();
            Outcome { result, session_version: None, lane_sequence: None, at }.into()
        });
        self.add(seq, client.clone(), id.clone(), Fact::Reconciled { outcome }, state);
    }

    fn add(&mut self, at: Seq, client: Text, id: Text, fact: Fact, state: &State) {
        if at <= self.covered.seq {
            return;
        }
        let hash = state.id_hash(&client, &id);
        if self.order.len() >= self.capacity {
            self.lost = self.pop();
        }
        self.order.push_back((at, hash));
        let fact = Remembered { client, id, at, fact };
        match self.facts.entry(hash) {
            // Nearly always there is one, and no room is taken for more.
            Entry::Vacant(place) => drop(place.insert(vec![fact])),
            Entry::Occupied(mut facts) => facts.get_mut().push(fact),
        }
    }

    /// Drops the oldest fact. When it became true.
    fn pop(&mut self) -> Option<Seq> {
        let (at, hash) = self.order.pop_front()?;
        if let Some(facts) = self.facts.get_mut(&hash) {
            facts.remove(0);
            if facts.is_empty() {
                self.facts.remove(&hash);
            }
        }
        Some(at)
    }

    /// The answer of an id, if its end is among the facts; what is known of it otherwise is in the
    /// trail.
    pub(in crate::daemon) fn find(
        &self,
        hash: u64,
        client: &str,
        id: &str,
        trail: &mut Trail,
    ) -> Option<Found> {
        let facts = self.facts.get(&hash)?.iter().rev();
        facts.filter(|fact| fact.is_about(client, id)).find_map(|fact| trail.follow(&fact.fact))
    }

    /// Whether every fact that is not indexed is here.
    pub(in crate::daemon) fn is_complete(&self) -> bool {
        self.lost.is_none()
    }

    /// How far there are files of ids: what became true behind that is here.
    pub(in crate::daemon) fn covered(&self) -> Covered {
        self.covered
    }

    /// There are files of ids up to here: what they have need not be in memory.
    pub(in crate::daemon) fn cover(&mut self, covered: Covered) {
        let seq = covered.seq;
        if seq <= self.covered.seq {
            return;
        }
        self.covered = covered;
        self.lost = self.lost.filter(|lost| *lost > seq);
        while self.order.front().is_some_and(|(at, _)| *at <= seq) {
            self.pop();
        }
    }

    /// Takes out all facts: what the file of a segment is made of, if nothing was here before the
    /// segment.
    pub(in crate::daemon) fn take(&mut self) -> Vec<(u64, Remembered)> {
        self.order.clear();
        let facts = std::mem::take(&mut self.facts).into_iter();
        facts.flat_map(|(hash, facts)| facts.into_iter().map(move |fact| (hash, fact))).collect()
    }
}

#[cfg(test)]
mod tests;
