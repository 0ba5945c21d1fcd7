//! What is remembered of a mutation that has ended: enough to answer its id for ever.

use std::sync::Arc;

use pi_server_core::command::CommandKind;
use pi_server_core::failure::Failure;
use pi_server_core::frame::Outcome;
use pi_server_core::{Digest, Seq, Text};

/// One fact about an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::daemon) struct Remembered {
    /// Namespace of the id.
    pub(in crate::daemon) client: Text,
    pub(in crate::daemon) id: Text,
    /// The input in whose step this became true.
    pub(in crate::daemon) at: Seq,
    pub(in crate::daemon) fact: Fact,
}

/// What became true of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::daemon) enum Fact {
    /// Its command ended.
    Ended { kind: CommandKind, fingerprint: Digest, outcome: Arc<Outcome> },
    /// Its unknown outcome was replaced by what an operator found out.
    Reconciled { outcome: Arc<Outcome> },
}

/// What an id answers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::daemon) struct Found {
    pub(in crate::daemon) kind: CommandKind,
    pub(in crate::daemon) fingerprint: Digest,
    pub(in crate::daemon) outcome: Arc<Outcome>,
}

/// A search on its way through the places, newest first: an outcome that was reconciled later is
/// met after its reconciliation.
#[derive(Clone, Debug, Default)]
pub(in crate::daemon) struct Trail {
    reconciled: Option<Arc<Outcome>>,
}

impl Trail {
    /// Takes in the next older fact about the id. The answer, if this completes it.
    pub(in crate::daemon) fn follow(&mut self, fact: &Fact) -> Option<Found> {
        match fact {
            Fact::Reconciled { outcome } => {
                self.reconciled.get_or_insert_with(|| outcome.clone());
                None
            }
            Fact::Ended { kind, fingerprint, outcome } => {
                let reconciled = self.reconciled.take();
                let is_open = outcome.result == Err(Failure::OutcomeUnknown);
                let outcome = reconciled.filter(|_| is_open).unwrap_or_else(|| outcome.clone());
                Some(Found { kind: *kind, fingerprint: *fingerprint, outcome })
            }
        }
    }
}

impl Remembered {
    /// Whether this is about the id.
    pub(in crate::daemon) fn is_about(&self, client: &str, id: &str) -> bool {
        &*self.client == client && &*self.id == id
    }
}
