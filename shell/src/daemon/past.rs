//! What the inputs of a journal have made: the state, and what the daemon keeps beside it. Built by
//! feeding inputs again with outputs off, by a start and by the keeper, and held by snapshots.

mod rest;

use pi_server_core::input::{Input, InputKind};
use pi_server_core::record::{Cursor, Snapshot, digest_outputs};
use pi_server_core::{Digest, Micros, Outputs, Seq, State};

use super::authors::Authors;
use super::history::{Covered, History};
use super::identity::RecentIds;
use crate::journal::SnapshotError;
use rest::Rest;
pub(super) use rest::{Agent as RestAgent, MadeUps as RestMadeUps, Open as RestOpen};

/// What feeding a journal's inputs again builds up.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) state: State,
    pub(super) outputs: Outputs,
    /// Digest of the outputs of the last step.
    pub(super) digest: Digest,
    pub(super) scratch: Vec<u8>,
    pub(super) history: History,
    pub(super) authors: Authors,
    pub(super) ids: RecentIds,
    /// Time of the last input.
    pub(super) at: Micros,
    pub(super) clean: bool,
}

/// An input whose outputs are not those that the journal has on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The input after whose step the outputs differ.
    pub seq: Seq,
    /// What the journal has on record.
    pub recorded: Digest,
    /// What the step put out.
    pub computed: Digest,
}

impl Past {
    /// Before the first input.
    pub(super) fn new() -> Past {
        Past {
            state: State::new(),
            outputs: Outputs::new(),
            digest: Digest::default(),
            scratch: Vec::new(),
            history: History::new(),
            authors: Authors::new(),
            ids: RecentIds::new(),
            at: Micros(0),
            // There was no life before the first one that could have ended badly.
            clean: true,
        }
    }

    /// What a snapshot holds.
    ///
    /// # Errors
    /// It was not made by [`Past::encode`] of this build or one before.
    pub(super) fn restore(snapshot: &Snapshot<'_>) -> Result<Past, SnapshotError> {
        let state = State::decode(snapshot.layout, snapshot.state);
        let state = state.map_err(|_| SnapshotError::Payload)?;
        let Rest { open, agents, clean, made_up } =
            Rest::decode(snapshot.rest).ok_or(SnapshotError::Payload)?;
        let mut history = History::restore(open);
        let authors = Authors::restore(agents, made_up);
        let Cursor { segment, seq, .. } = snapshot.cursor;
        history.cover(Covered { segment, seq });
        let ids = RecentIds::of_snapshot(&state, Covered { segment, seq });
        Ok(Past {
            state,
            ids,
            history,
            authors,
            clean,
            digest: snapshot.outputs,
            at: snapshot.cursor.at,
            ..Past::new()
        })
    }

    /// What a snapshot holds: the state, and the rest.
    pub(super) fn encode(&self) -> (Vec<u8>, Vec<u8>) {
        let rest = Rest {
            open: self.history.open(),
            agents: self.authors.image(),
            clean: self.clean,
            made_up: self.authors.made_up_image(),
        };
        (self.state.encode(), rest.encode())
    }

    /// Holds whatever ends, until it is taken for an index.
    pub(super) fn unbounded(mut self) -> Past {
        self.history = self.history.unbounded();
        self.ids = self.ids.unbounded();
        self
    }

    /// Feeds an input again, with outputs off. `previous` is the recorded digest of the step
    /// before.
    ///
    /// # Errors
    /// The step before has put out something else than it did when it was recorded.
    pub(super) fn feed(&mut self, input: &Input, previous: Digest) -> Result<(), Divergence> {
        self.check(Seq(input.seq.0.saturating_sub(1)), previous)?;
        self.state.step(input, &mut self.outputs);
        let outputs = self.outputs.as_slice();
        self.digest = digest_outputs(outputs, &mut self.scratch);
        self.history.note(input.seq, self.state.wall(input.at), outputs);
        self.ids.note(input.seq, outputs, &self.state);
        self.authors.note(input, outputs);
        self.at = input.at;
        self.clean = input.kind == InputKind::Stop;
        Ok(())
    }

    /// Compares the outputs of the last step with what is on record for it.
    ///
    /// # Errors
    /// They differ.
    pub(super) fn check(&self, seq: Seq, recorded: Digest) -> Result<(), Divergence> {
        if recorded == self.digest {
            Ok(())
        } else {
            Err(Divergence { seq, recorded, computed: self.digest })
        }
    }

    /// Whether the last life ended with a stop.
    pub(super) fn is_clean(&self) -> bool {
        self.clean
    }
}

#[cfg(test)]
mod tests;
