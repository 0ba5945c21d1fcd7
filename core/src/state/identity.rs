//! Who a command is: ids, idempotency keys, stored outcomes. PROTOCOL.md section 6.
//!
//! An id is in flight, then stored, then forgotten; a forgotten id answers `outcome_expired` and
//! does not run again. Stored outcomes and forgotten ids are kept up to a number each, oldest out
//! first; what is in flight is never touched by that.

use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;

pub(super) use super::ids::Found;
use super::ids::Ids;
use super::shares::{Holder, Shares};
use crate::failure::Failure;
use crate::frame::{Data, Outcome};
use crate::ids::{BodyRef, CommandNo, ConnId, Micros, Seq, Text};
use crate::input::{Envelope, RuleSet};
use crate::limits::Limits;
use crate::snapshot::{layout4, outcome};

/// An idempotency key in its scope. Three parts, never joined, so that no two can collide.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyScope {
    pub(super) client: Text,
    pub(super) session: Option<Text>,
    pub(super) key: Text,
}

/// What is known of commands that were admitted under an id or a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    /// Keys the hashes, so that nobody can choose ids that collide.
    seed: Option<u64>,
    ids: Ids,
    keys: BTreeMap<KeyScope, KeyState>,
    shares: Shares,
    outcomes: BTreeMap<CommandNo, Stored>,
    /// Commands whose id is stored, in the order of their ends.
    stored_order: VecDeque<CommandNo>,
    /// Keys whose command has ended, soonest expiry first.
    expiring: VecDeque<(Micros, KeyScope)>,
    /// The last input that the indexes of ids are known to cover.
    indexed: Seq,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct KeyState {
    command: CommandNo,
    /// The connection that took it, if it has no name.
    conn: Option<ConnId>,
    /// Set when the command has ended.
    expires: Option<Micros>,
}

/// An outcome with what is needed to answer for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) envelope: Arc<Envelope>,
    pub(super) session: Option<Text>,
    pub(super) outcome: Arc<Outcome>,
    /// Namespace of the id.
    client: Text,
    /// The id's hash, while it still leads here.
    by_id: Option<u64>,
    /// A live key still leads here.
    by_key: bool,
}

impl Identity {
    /// Takes the seed from the entropy of the first boot; later ones change nothing, since hashes
    /// that are stored must stay what they are.
    pub(super) fn seed(&mut self, entropy: [u8; 16]) {
        let mut seed = [0; 8];
        seed.iter_mut().zip(entropy).for_each(|(to, from)| *to = from);
        self.seed.get_or_insert(u64::from_le_bytes(seed));
    }

    /// What ids are searched by.
    pub(super) fn id_hash(&self, client: &str, id: &str) -> u64 {
        fold(fold(self.seed.unwrap_or_default(), client.as_bytes()), id.as_bytes())
    }

    /// What the hash of an id leads to. Whether that command has this very id is for the caller to
    /// see, who knows the commands in flight.
    pub(super) fn by_hash(&self, hash: u64) -> Found {
        self.ids.find(hash)
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

    /// Whether this client gets another key on this connection (after the expired ones have gone).
    pub(super) fn check_key_room(
        &self,
        rules: RuleSet,
        limits: &Limits,
        client: &Text,
        conn: ConnId,
    ) -> Result<(), Failure> {
        let max = limits.idempotency_keys_max;
        let free = max.saturating_sub(count(self.keys.len()));
        let has_room = match rules {
            RuleSet::V1 => free > 0,
            RuleSet::V2 => self.shares.has_room(&Holder::of(client, conn), free),
        };
        if has_room { Ok(()) } else { Err(Failure::TooManyKeys { max }) }
    }

    /// A connection is gone.
    pub(super) fn leave(&mut self, conn: ConnId) {
        self.shares.leave(conn);
    }

    /// All connections are gone.
    pub(super) fn leave_all(&mut self) {
        self.shares.leave_all();
    }

    /// Takes note of a command that has been admitted.
    pub(super) fn admit(
        &mut self,
        number: CommandNo,
        conn: ConnId,
        id: Option<u64>,
        key: Option<KeyScope>,
    ) {
        if let Some(hash) = id {
            self.ids.admit(hash, number);
        }
        if let Some(scope) = key {
            let conn = scope.client.is_empty().then_some(conn);
            self.shares.take(holder(&scope, conn));
            let state = KeyState { command: number, conn, expires: None };
            if let Some(before) = self.keys.insert(scope.clone(), state) {
                self.shares.give_back(&holder(&scope, before.conn));
            }
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
        stored.by_key = key.is_some();
        if let Some(scope) = key {
            let expires = now.plus_ms(limits.idempotency_ttl_ms);
            if let Some(state) = self.keys.get_mut(&scope) {
                state.expires = Some(expires);
            }
            self.expiring.push_back((expires, scope));
        }
        if stored.by_id.is_some() {
            self.stored_order.push_back(number);
        }
        if stored.by_id.is_some() || stored.by_key {
            self.outcomes.insert(number, stored);
        }
        self.trim(limits);
    }

    fn trim(&mut self, limits: &Limits) {
        while count(self.stored_order.len()) > limits.outcomes_max {
            let Some(number) = self.stored_order.pop_front() else { break };
            self.forget_id(number, limits.forgotten_max);
        }
    }

    fn forget_id(&mut self, number: CommandNo, max: u64) {
        let Entry::Occupied(mut stored) = self.outcomes.entry(number) else { return };
        if let Some(hash) = stored.get_mut().by_id.take() {
            self.ids.forget(hash, max);
        }
        if !stored.get().by_key {
            stored.remove();
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
            self.shares.give_back(&holder(&scope, state.conn));
            self.keys.remove(&scope);
            if let Some(stored) = self.outcomes.get_mut(&number) {
                stored.by_key = false;
                if stored.by_id.is_none() {
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

    /// The bodies that stored outcomes answer with.
    pub(super) fn bodies(&self) -> impl Iterator<Item = BodyRef> + '_ {
        self.outcomes.values().filter_map(|stored| match &stored.outcome.result {
            Ok(Data::Body(body)) => Some(*body),
            Ok(
                Data::None
                | Data::Sessions(_)
                | Data::Created(_)
                | Data::Deleted
                | Data::Switched { .. }
                | Data::SwitchedIn { .. }
                | Data::State(_)
                | Data::Health(_)
                | Data::Recovery(_)
                | Data::Capabilities(_)
                | Data::Cancelled { .. },
            )
            | Err(_) => None,
        })
    }

    pub(super) fn outcome_count(&self) -> u64 {
        count(self.outcomes.len())
    }

    pub(super) fn key_count(&self) -> u64 {
        count(self.keys.len())
    }

    pub(super) fn forgotten_count(&self) -> u64 {
        self.ids.forgotten_count()
    }
}

impl Stored {
    /// An outcome, and the hash of the id that it can be asked for by.
    pub(super) fn new(
        envelope: Arc<Envelope>,
        client: Text,
        id: Option<u64>,
        session: Option<Text>,
        outcome: Arc<Outcome>,
    ) -> Stored {
        Stored { envelope, session, outcome, client, by_id: id, by_key: false }
    }

    /// Whether this is the outcome of a command with this id.
    pub(super) fn has_id(&self, client: &Text, id: &Text) -> bool {
        self.client == *client && self.envelope.id.as_ref() == Some(id)
    }
}

impl Identity {
    /// Takes note that the indexes of ids cover the inputs up to this one.
    pub(super) fn index_upto(&mut self, seq: Seq) {
        self.indexed = self.indexed.max(seq);
    }

    /// What is known of ids and keys, as a snapshot has it.
    pub(super) fn image(&self) -> layout4::Identity {
        let stored = |(number, stored): (&CommandNo, &Stored)| layout4::Stored {
            number: *number,
            envelope: stored.envelope.clone(),
            session: stored.session.clone(),
            outcome: alloc::boxed::Box::new(outcome::of_shared(stored.outcome.clone())),
            client: stored.client.clone(),
            by_id: stored.by_id.is_some(),
            by_key: stored.by_key,
        };
        let key = |(scope, state): (&KeyScope, &KeyState)| layout4::Key {
            scope: scope.into(),
            conn: state.conn,
            command: state.command,
            expires: state.expires,
        };
        layout4::Identity {
            seed: self.seed,
            forgotten: self.ids.forgotten().collect(),
            outcomes: self.outcomes.iter().map(stored).collect(),
            stored_order: self.stored_order.iter().copied().collect(),
            keys: self.keys.iter().map(key).collect(),
            expiring: self.expiring.iter().map(|(at, scope)| (*at, scope.into())).collect(),
            indexed: self.indexed,
        }
    }

    /// What a snapshot has of ids and keys, before [`Identity::restore_ids`].
    /// `is_connected` tells the connections that are there.
    pub(super) fn restore(
        image: layout4::Identity,
        is_connected: impl Fn(ConnId) -> bool,
    ) -> (Identity, alloc::vec::Vec<u64>) {
        let layout4::Identity { seed, forgotten, outcomes, stored_order, keys, expiring, indexed } =
            image;
        let mut identity = Identity {
            seed,
            ids: Ids::default(),
            keys: BTreeMap::new(),
            shares: Shares::default(),
            outcomes: BTreeMap::new(),
            stored_order: stored_order.into(),
            expiring: expiring.into_iter().map(|(at, scope)| (at, scope.into())).collect(),
            indexed,
        };
        for stored in outcomes {
            let layout4::Stored { number, envelope, session, outcome, client, by_id, by_key } =
                stored;
            let id = envelope.id.as_ref().filter(|_| by_id);
            let by_id = id.map(|id| identity.id_hash(&client, id));
            let outcome = outcome::shared(*outcome);
            let stored = Stored { envelope, session, outcome, client, by_id, by_key };
            identity.outcomes.insert(number, stored);
        }
        for layout4::Key { scope, conn, command, expires } in keys {
            let scope = KeyScope::from(scope);
            identity.shares.take(holder(&scope, conn));
            identity.keys.insert(scope, KeyState { command, conn, expires });
        }
        identity.shares.keep(is_connected);
        (identity, forgotten)
    }

    /// Derives what ids lead to: to stored outcomes, to commands in flight, or to nothing any more.
    pub(super) fn restore_ids(
        &mut self,
        forgotten: alloc::vec::Vec<u64>,
        in_flight: impl Iterator<Item = (u64, CommandNo)>,
    ) {
        let stored = self.outcomes.iter();
        let stored = stored.filter_map(|(number, stored)| Some((stored.by_id?, *number)));
        self.ids = Ids::restore(forgotten, stored.chain(in_flight));
    }
}

/// Who answers for a key. One that is older than such notes is nobody's in particular, as if a
/// connection without a name had left it behind.
fn holder(scope: &KeyScope, conn: Option<ConnId>) -> Holder {
    Holder::of(&scope.client, conn.unwrap_or(ConnId(0)))
}

impl From<&KeyScope> for layout4::Scope {
    fn from(scope: &KeyScope) -> layout4::Scope {
        let KeyScope { client, session, key } = scope.clone();
        layout4::Scope { client, session, key }
    }
}

impl From<layout4::Scope> for KeyScope {
    fn from(image: layout4::Scope) -> KeyScope {
        let layout4::Scope { client, session, key } = image;
        KeyScope { client, session, key }
    }
}

/// A multiply-and-fold hash of `bytes`, eight at a time, going on from `state`.
fn fold(state: u64, bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |a: u64, b: u64| {
        let wide = u128::from(a ^ PRIME).wrapping_mul(u128::from(b ^ state) | 1);
        let [low, high] = [wide & u128::from(u64::MAX), wide >> 64];
        u64::try_from(low ^ high).unwrap_or_default()
    };
    let length = mix(count(bytes.len()), state.rotate_left(32));
    bytes.chunks(8).fold(length, |hash, chunk| {
        let mut word = [0; 8];
        word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        mix(hash ^ u64::from_le_bytes(word), hash.rotate_left(17))
    })
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
