//! Who a command is: ids, idempotency keys, stored outcomes. PROTOCOL.md section 6.
//!
//! An id is in flight, then stored, then forgotten; a forgotten id answers `outcome_expired` and
//! does not run again. Stored outcomes and forgotten ids are kept up to a number each, oldest out
//! first; what is in flight is never touched by that.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use bincode::{Decode, Encode};

use crate::failure::Failure;
use crate::frame::Outcome;
use crate::ids::{CommandNo, Micros, Text};
use crate::input::Envelope;
use crate::limits::Limits;

/// An id in its namespace.
pub(super) type IdKey = (Text, Text);

/// An idempotency key in its scope. Three parts, never joined, so that no two can collide.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(super) struct KeyScope {
    pub(super) client: Text,
    pub(super) session: Option<Text>,
    pub(super) key: Text,
}

/// What is known of commands that were admitted under an id or a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Identity {
    ids: BTreeMap<IdKey, IdState>,
    keys: BTreeMap<KeyScope, KeyState>,
    outcomes: BTreeMap<CommandNo, Stored>,
    /// Commands whose id is stored, in the order of their ends.
    stored_order: VecDeque<CommandNo>,
    forgotten_order: VecDeque<IdKey>,
    /// Keys whose command has ended, soonest expiry first.
    expiring: VecDeque<(Micros, KeyScope)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
enum IdState {
    /// In flight or stored.
    Command(CommandNo),
    Forgotten,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct KeyState {
    command: CommandNo,
    /// Set when the command has ended.
    expires: Option<Micros>,
}

/// An outcome with what is needed to answer for it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Stored {
    pub(super) envelope: Arc<Envelope>,
    pub(super) client: Text,
    pub(super) session: Option<Text>,
    pub(super) outcome: Arc<Outcome>,
    /// The id still leads here.
    by_id: bool,
    /// A live key still leads here.
    by_key: bool,
}

/// What an id leads to.
pub(super) enum Found {
    Unknown,
    /// In flight, or stored: then [`Identity::stored`] has it.
    Command(CommandNo),
    Forgotten,
}

impl Identity {
    pub(super) fn by_id(&self, id: &IdKey) -> Found {
        match self.ids.get(id) {
            None => Found::Unknown,
            Some(IdState::Command(number)) => Found::Command(*number),
            Some(IdState::Forgotten) => Found::Forgotten,
        }
    }

    pub(super) fn by_key(&self, scope: &KeyScope, now: Micros) -> Option<CommandNo> {
        let state = self.keys.get(scope)?;
        match state.expires {
            Some(at) if at <= now => None,
            Some(_) | None => Some(state.command),
        }
    }

    pub(super) fn stored(&self, number: CommandNo) -> Option<&Stored> {
        self.outcomes.get(&number)
    }

    /// Whether another key fits (after the expired ones have gone).
    pub(super) fn check_key_room(&self, limits: &Limits) -> Result<(), Failure> {
        let max = limits.idempotency_keys_max;
        if count(self.keys.len()) >= max { Err(Failure::TooManyKeys { max }) } else { Ok(()) }
    }

    /// Takes note of a command that has been admitted.
    pub(super) fn admit(&mut self, number: CommandNo, id: Option<IdKey>, key: Option<KeyScope>) {
        if let Some(id) = id {
            self.ids.insert(id, IdState::Command(number));
        }
        if let Some(scope) = key {
            self.keys.insert(scope, KeyState { command: number, expires: None });
        }
    }

    /// Stores how a command ended, if anything can lead to it, and forgets the oldest over bound.
    pub(super) fn store(
        &mut self,
        number: CommandNo,
        mut stored: Stored,
        key: Option<KeyScope>,
        now: Micros,
        limits: &Limits,
    ) {
        stored.by_id = stored.envelope.id.is_some();
        stored.by_key = key.is_some();
        if let Some(scope) = key {
            let expires = now.plus_ms(limits.idempotency_ttl_ms);
            if let Some(state) = self.keys.get_mut(&scope) {
                state.expires = Some(expires);
            }
            self.expiring.push_back((expires, scope));
        }
        if stored.by_id {
            self.stored_order.push_back(number);
        }
        if stored.by_id || stored.by_key {
            self.outcomes.insert(number, stored);
        }
        self.trim(limits);
    }

    fn trim(&mut self, limits: &Limits) {
        while count(self.stored_order.len()) > limits.outcomes_max {
            let Some(number) = self.stored_order.pop_front() else { break };
            self.forget_id(number);
        }
        while count(self.forgotten_order.len()) > limits.forgotten_max {
            let Some(id) = self.forgotten_order.pop_front() else { break };
            self.ids.remove(&id);
        }
    }

    fn forget_id(&mut self, number: CommandNo) {
        let Some(stored) = self.outcomes.get_mut(&number) else { return };
        stored.by_id = false;
        if let Some(id) = stored.envelope.id.clone() {
            let id = (stored.client.clone(), id);
            self.ids.insert(id.clone(), IdState::Forgotten);
            self.forgotten_order.push_back(id);
        }
        if !stored.by_key {
            self.outcomes.remove(&number);
        }
    }

    /// Drops the keys whose time has passed. Costs only what it drops: ends are in order of time.
    pub(super) fn expire_keys(&mut self, now: Micros) {
        while self.expiring.front().is_some_and(|(at, _)| *at <= now) {
            let Some((at, scope)) = self.expiring.pop_front() else { break };
            // The key may have been taken again by a younger command since.
            let Some(state) = self.keys.get(&scope) else { continue };
            if state.expires != Some(at) {
                continue;
            }
            let number = state.command;
            self.keys.remove(&scope);
            if let Some(stored) = self.outcomes.get_mut(&number) {
                stored.by_key = false;
                if !stored.by_id {
                    self.outcomes.remove(&number);
                }
            }
        }
    }

    /// Replaces an unknown outcome by what an operator found out.
    pub(super) fn reconcile(&mut self, number: CommandNo, outcome: Arc<Outcome>) {
        if let Some(stored) = self.outcomes.get_mut(&number) {
            stored.outcome = outcome;
        }
    }

    pub(super) fn outcome_count(&self) -> u64 {
        count(self.outcomes.len())
    }

    pub(super) fn key_count(&self) -> u64 {
        count(self.keys.len())
    }

    pub(super) fn forgotten_count(&self) -> u64 {
        count(self.forgotten_order.len())
    }
}

impl Stored {
    pub(super) fn new(
        envelope: Arc<Envelope>,
        client: Text,
        session: Option<Text>,
        outcome: Arc<Outcome>,
    ) -> Stored {
        Stored { envelope, client, session, outcome, by_id: false, by_key: false }
    }
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
