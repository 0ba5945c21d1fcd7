//! What became of commands, behind `get_command_history`. PROTOCOL.md section 5.3.
//!
//! It is built from the outputs of every step, those of re-fed inputs included, so it is the same
//! before and after a restart. What has not ended is in memory, and so is what ended behind the last
//! segment of which there is an [`index`]; the keeper writes one for every segment that is settled.
//! A [`search`] goes through both.

mod entry;
mod index;
pub(super) mod pages;
pub(super) mod search;

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;

use pi_server_core::frame::{Frame, Phase};
use pi_server_core::input::HistoryFilter;
use pi_server_core::output::Output;
use pi_server_core::{CommandNo, Micros, Seq};

use super::past::RestOpen;
use entry::{Ending, Entry, Moment};
pub(super) use index::build;
#[cfg(test)]
pub(super) use index::build_first;
pub(super) use search::{Damaged, Search};

/// Commands that have ended and are held in memory until their segment has an index: more than a
/// segment has. What exceeds it is found again when it does.
const FINISHED_MAX: usize = 100_000;

/// Ended commands for which memory is kept when there are fewer.
const FINISHED_KEPT: usize = 1_024;

/// What is in memory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct History {
    /// Commands that have not ended; the core bounds their number.
    open: BTreeMap<CommandNo, Entry>,
    /// Commands that have ended, in the order of their ends.
    finished: VecDeque<Entry>,
    capacity: usize,
    /// The newest end that was let go of before there was an index.
    forgotten: Option<Seq>,
    covered: Covered,
}

/// How far there are indexes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Covered {
    /// The last segment that has one; 0 for none.
    pub(super) segment: u64,
    /// The last input in it.
    pub(super) seq: Seq,
}

/// What the loop adds to a search.
#[derive(Debug)]
pub(super) struct Tail {
    /// The newest commands that match and are in memory, newest first: one more than a page.
    pub(super) entries: Vec<Entry>,
    pub(super) covered: Covered,
    /// Commands that ended in these inputs are in no index yet and not in memory any more.
    pub(super) missing: Option<RangeInclusive<u64>>,
    /// The first input that the journal has.
    pub(super) first: Seq,
}

impl History {
    /// Nothing.
    pub(super) fn new() -> History {
        History {
            open: BTreeMap::new(),
            finished: VecDeque::new(),
            capacity: FINISHED_MAX,
            forgotten: None,
            covered: Covered::default(),
        }
    }

    /// Takes note of what the step of input `seq` put out.
    pub(super) fn note(&mut self, seq: Seq, at: Micros, outputs: &[Output]) {
        let moment = Moment { seq, at };
        for output in outputs {
            let Output::Deliver { frame, .. } = output else { continue };
            let Frame::Lifecycle { command, envelope, session, lane_sequence, phase } = frame
            else {
                continue;
            };
            match phase {
                Phase::Accepted => {
                    let entry = Entry {
                        command: *command,
                        envelope: envelope.clone(),
                        session: session.clone(),
                        lane_sequence: *lane_sequence,
                        accepted: moment,
                        started: None,
                        finished: None,
                        recovered: false,
                    };
                    self.open.insert(*command, entry);
                }
                Phase::Started => {
                    if let Some(entry) = self.open.get_mut(command) {
                        // A second start is a command that recovery runs again.
                        entry.recovered |= entry.started.is_some();
                        entry.started = Some(moment);
                    }
                }
                Phase::Finished(outcome) => {
                    if let Some(mut entry) = self.open.remove(command) {
                        let ending = Ending::of(outcome, entry.envelope.kind);
                        entry.recovered |= ending.by_recovery();
                        entry.session.clone_from(session);
                        entry.finished = Some((moment, ending));
                        self.ended(seq, entry);
                    }
                }
            }
        }
    }

    /// What a search is to add to what it finds in the indexes. `first` is the first input that the
    /// journal has.
    pub(super) fn tail(&self, filter: &HistoryFilter, first: Seq) -> Tail {
        let matching = self.open.values().chain(&self.finished);
        let is_before = |entry: &&Entry| filter.before.is_none_or(|end| entry.command.0 < end.0);
        let mut found: Vec<&Entry> =
            matching.filter(is_before).filter(|entry| entry.matches(filter)).collect();
        let wanted = search::page(filter) + 1;
        if found.len() > wanted {
            found.select_nth_unstable_by(wanted - 1, |a, b| b.command.cmp(&a.command));
            found.truncate(wanted);
        }
        found.sort_unstable_by_key(|entry| Reverse(entry.command));
        Tail {
            entries: found.into_iter().cloned().collect(),
            covered: self.covered,
            missing: self.forgotten.map(|upto| self.covered.seq.0 + 1..=upto.0),
            first,
        }
    }

    /// There are indexes up to here: what they have need not be in memory.
    pub(super) fn cover(&mut self, covered: Covered) {
        if covered.seq <= self.covered.seq {
            return;
        }
        self.covered = covered;
        self.forgotten = self.forgotten.filter(|upto| *upto > covered.seq);
        let ended = |entry: &Entry| entry.finished.as_ref().map(|(moment, _)| moment.seq);
        while self.finished.front().and_then(ended).is_some_and(|seq| seq <= covered.seq) {
            self.finished.pop_front();
        }
        // A burst may have needed far more than a segment of ordinary work does.
        if self.finished.capacity() > FINISHED_KEPT.max(4 * self.finished.len()) {
            self.finished.shrink_to(2 * self.finished.len());
        }
    }

    /// Takes out what has ended: what the index of a segment is made of, if nothing was there
    /// before the segment.
    pub(super) fn take_finished(&mut self) -> VecDeque<Entry> {
        std::mem::take(&mut self.finished)
    }

    /// Lets everything be held that ends, as [`History::take_finished`] needs it.
    pub(super) fn unbounded(mut self) -> History {
        self.capacity = usize::MAX;
        self
    }

    fn ended(&mut self, seq: Seq, entry: Entry) {
        if seq <= self.covered.seq {
            return;
        }
        if self.finished.len() >= self.capacity
            && let Some(Entry { finished: Some((moment, _)), .. }) = self.finished.pop_front()
        {
            self.forgotten = Some(moment.seq);
        }
        self.finished.push_back(entry);
    }
}

/// A snapshot has what has not ended; the rest is in indexes.
impl History {
    /// What has not ended, as a snapshot has it.
    pub(super) fn open(&self) -> Vec<(CommandNo, RestOpen)> {
        let of = |moment: Moment| (moment.seq, moment.at);
        let open = self.open.iter().map(|(number, entry)| {
            let open = RestOpen {
                command: entry.command,
                envelope: entry.envelope.clone(),
                session: entry.session.clone(),
                lane_sequence: entry.lane_sequence,
                accepted: of(entry.accepted),
                started: entry.started.map(of),
                ended: None,
                recovered: entry.recovered,
            };
            (*number, open)
        });
        open.collect()
    }

    /// The history of a snapshot.
    pub(super) fn restore(open: Vec<(CommandNo, RestOpen)>) -> History {
        let of = |(seq, at)| Moment { seq, at };
        let open = open.into_iter().map(|(number, open)| {
            let entry = Entry {
                command: open.command,
                envelope: open.envelope,
                session: open.session,
                lane_sequence: open.lane_sequence,
                accepted: of(open.accepted),
                started: open.started.map(of),
                finished: None,
                recovered: open.recovered,
            };
            (number, entry)
        });
        History { open: open.collect(), ..History::new() }
    }
}

/// Whether the index of a segment says that no command with this id ended in it, whosever it is.
pub(super) fn denies_id(archive: &crate::journal::Archive, segment: u64, id: &str) -> bool {
    let filter = HistoryFilter { command: Some(id.into()), ..HistoryFilter::default() };
    let mut found = Vec::new();
    let searched = index::Index::open(archive, segment)
        .and_then(|index| index.search(&filter, 1, 0, &mut found));
    searched.is_ok() && found.is_empty()
}

/// Checks every byte of the index of a segment.
#[cfg(test)]
pub(super) fn check(archive: &crate::journal::Archive, segment: u64) -> Result<(), Damaged> {
    let checked = index::Index::open(archive, segment).and_then(|index| index.check());
    checked.map_err(|damage| Damaged { segment, damage })
}

#[cfg(test)]
mod tests;
