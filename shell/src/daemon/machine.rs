//! The pure machine with the journal in front of it: no input reaches [`State::step`] before it is
//! written, and no output leaves before its input is durable (laws 1, 2 and 8).

use std::rc::Rc;
use std::time::Instant;

use pi_server_core::command::Class;
use pi_server_core::input::{AgentSaid, Boot, InputKind};
use pi_server_core::record::digest_outputs;
use pi_server_core::{CommandNo, Digest, Output, Outputs, Seq, State, WallOffset};
use pi_server_redact::Policy;

use super::authors::Authors;
use super::clock::{Clock, SystemClocks, Time};
use super::held::Held;
use super::history::{Covered, History};
use super::identity::RecentIds;
use super::past::Past;
use super::redactor::Redactor;
use crate::journal::{AppendError, Durable, Journal, JournalError};

/// Longest answer of a read that is written, in bytes; of a longer one only the digest is, since it
/// can be asked for again. PROTOCOL.md 10.5.
const READ_ANSWER_BYTES_MAX: usize = 64 << 10;

/// The state, its journal, and what is derived from the outputs of every step.
pub(super) struct Machine {
    journal: Journal,
    state: State,
    clock: Clock,
    outputs: Outputs,
    /// Digest of the outputs of the last step, which the next record carries.
    digest: Digest,
    scratch: Vec<u8>,
    held: Held,
    history: History,
    authors: Authors,
    ids: RecentIds,
    redactor: Redactor,
}

impl Machine {
    /// A machine at the end of a journal whose inputs have been fed to `state`.
    pub(super) fn new(journal: Journal, past: Past) -> Machine {
        Machine::with_time(journal, past, Rc::new(SystemClocks))
    }

    /// The same, with clocks of the caller's choice.
    pub(super) fn with_time(journal: Journal, past: Past, time: Rc<dyn Time>) -> Machine {
        let Past { state, outputs, digest, scratch, history, authors, ids, at, clean: _ } = past;
        Machine {
            journal,
            state,
            clock: Clock::after(at, time),
            outputs,
            digest,
            scratch,
            held: Held::new(),
            history,
            authors,
            ids,
            redactor: Redactor::new(Policy::default()),
        }
    }

    /// The same with another policy than the built-in one.
    pub(super) fn with_policy(mut self, policy: Policy) -> Machine {
        self.redactor = Redactor::new(policy);
        self
    }

    /// Begins a life, with the clock on the wall as it is now.
    ///
    /// # Errors
    /// As [`Machine::take`].
    pub(super) fn begin(&mut self, mut boot: Boot) -> Result<Seq, AppendError> {
        boot.wall = self.clock.offset();
        self.take(InputKind::Boot(Box::new(boot)), &[])
    }

    /// Where the clock on the wall is, if it is not where the core was told last and the journal has
    /// room to say so.
    pub(super) fn moved(&self, now: Instant) -> Option<WallOffset> {
        if self.journal.is_nearly_full() {
            return None;
        }
        self.clock.moved(now, self.state.walls().offset())
    }

    /// Writes an input to the journal, steps it, and holds what it puts out.
    ///
    /// # Errors
    /// The journal cannot take it. Nothing has changed then, and nothing may be tried again.
    pub(super) fn take(&mut self, mut kind: InputKind, body: &[u8]) -> Result<Seq, AppendError> {
        let at = self.clock.tick();
        self.redactor.words(&mut kind, self.journal.secret());
        let redacted = self.redactor.body(&kind, body, &self.authors);
        let left = redacted.as_deref().unwrap_or(body);
        let input = if left.len() > READ_ANSWER_BYTES_MAX && self.answers_read(&kind) {
            self.journal.append_unkept(at, kind, (left, body), self.digest)?
        } else if redacted.is_some() {
            let is_frame = matches!(kind, InputKind::Command { .. } | InputKind::Malformed { .. });
            if is_frame && self.journal.holds_too_much() {
                return Err(AppendError::Held);
            }
            self.journal.append_redacted(at, kind, (left, body), self.digest)?
        } else {
            self.journal.append(at, kind, body, self.digest)?
        };
        self.state.step(&input, &mut self.outputs);
        let outputs = self.outputs.as_slice();
        self.digest = digest_outputs(outputs, &mut self.scratch);
        self.history.note(input.seq, self.state.wall(input.at), outputs);
        self.ids.note(input.seq, outputs, &self.state);
        self.authors.note(&input, outputs);
        self.held.hold(input.seq, self.outputs.drain());
        Ok(input.seq)
    }

    /// Whether an input is the answer to a command that only reads.
    fn answers_read(&self, kind: &InputKind) -> bool {
        let call = match kind {
            InputKind::Agent { said: AgentSaid::Replied { call, .. }, .. } => *call,
            InputKind::Answered { query, .. } => *query,
            InputKind::Agent { .. }
            | InputKind::Boot(_)
            | InputKind::Opened(_)
            | InputKind::Closed { .. }
            | InputKind::Command { .. }
            | InputKind::Repeated { .. }
            | InputKind::Malformed { .. }
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Wall { .. }
            | InputKind::Indexed { .. }
            | InputKind::Drain
            | InputKind::Stop => return false,
        };
        self.state.kind_of(call).is_some_and(|kind| kind.row().class == Class::Read)
    }

    /// Ends a turn.
    pub(super) fn commit(&mut self) -> Result<(), JournalError> {
        self.journal.commit(self.digest)
    }

    /// The next output that may leave, in order.
    pub(super) fn release(&mut self, durable: Durable) -> Option<(Seq, Output)> {
        self.held.release(durable)
    }

    /// Lets go of the originals of redacted bodies that nobody can want any more: all outputs up to
    /// `performed` have left, and no command in flight was sent with them.
    pub(super) fn release_originals(&mut self, performed: Seq) {
        let state = &self.state;
        self.journal
            .release_originals(|seq| seq > performed || state.is_in_flight(CommandNo(seq.0)));
    }

    /// Whether outputs wait for the disk.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// The first input of which outputs wait for the disk.
    pub(super) fn first_held(&self) -> Option<Seq> {
        self.held.first()
    }

    /// How long the state can be left alone; `None` for ever.
    pub(super) fn patience(&self) -> Option<std::time::Duration> {
        self.state.deadline().map(|deadline| self.clock.until(deadline))
    }

    /// Whether something is due at `now`.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.state.deadline().is_some_and(|deadline| self.clock.has_passed(deadline, now))
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(super) fn journal_mut(&mut self) -> &mut Journal {
        &mut self.journal
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn history(&self) -> &History {
        &self.history
    }

    /// There are indexes of the history up to here.
    pub(super) fn cover(&mut self, covered: Covered) {
        self.history.cover(covered);
        self.ids.cover(covered);
    }

    /// The ids of mutations that ended behind the last segment that is indexed.
    pub(super) fn ids(&self) -> &RecentIds {
        &self.ids
    }

    pub(super) fn authors(&self) -> &Authors {
        &self.authors
    }

    /// Lets the next record say that the last step put out something else.
    #[cfg(test)]
    pub(super) fn pretend(&mut self, digest: Digest) {
        self.digest = digest;
    }

    /// Digest of the outputs of the last step.
    #[cfg(test)]
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// The journal, to be closed.
    pub(super) fn into_journal(self) -> Journal {
        self.journal
    }
}

#[cfg(test)]
mod tests;
