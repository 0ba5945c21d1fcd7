//! Who a command is: ids, idempotency keys, stored outcomes. PROTOCOL.md section 6.
//!
//! An id is in flight, then stored. Outcomes are stored up to a number, those of reads apart from all
//! others, oldest out first; what is in flight is never touched by that. An id of a read is then new
//! again. Any other id is *parked* until an index of the journal has it, which the shell asks before it
//! passes a command on: 32 to 80 bytes of memory for each, and at most 20 in a snapshot.
//!
//! Under rule set 1 there is one order of outcomes, and an id is then *forgotten*: it answers
//! `outcome_expired` until the ids that were forgotten after it are too many.

use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

pub(super) use super::ids::Found;
use super::ids::Ids;
use super::shares::{Holder, Shares};
use crate::command::Class;
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
    /// Commands whose id is stored, in the order of their ends; since rule set 2 without reads.
    stored_order: VecDeque<CommandNo>,
    /// Reads whose id is stored, in the order of their ends; since rule set 2.
    read_order: VecDeque<CommandNo>,
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

/// The ids of a snapshot that lead to no command.
pub(super) struct LeadingNowhere {
    forgotten: Vec<u64>,
    parked: Vec<(Seq, u64)>,
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
    /// The input in whose step the command ended; 0 under rule set 1, which has no use for it.
    ended: Seq,
}

impl Stored {
    fn is_read(&self) -> bool {
        self.envelope.kind.row().class == Class::Read
    }
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
            RuleSet::V2 | RuleSet::V3 => self.shares.has_room(&Holder::of(client, conn), free),
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

    /// Makes a key lead to a command, and counts it for its holder: once, should it be there already.
    fn hold_key(&mut self, scope: KeyScope, state: KeyState) {
        self.shares.take(holder(&scope, state.conn));
        if let Some(before) = self.keys.get(&scope) {
            self.shares.give_back(&holder(&scope, before.conn));
        }
        self.keys.insert(scope, state);
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
            self.hold_key(scope, KeyState { command: number, conn, expires: None });
        }
    }

    /// A daemon life begins under these rules, with input `seq`: ids that earlier rules left are as these
    /// rules have them.
    pub(super) fn adopt(&mut self, rules: RuleSet, seq: Seq) {
        let Identity { outcomes, stored_order, read_order, ids, .. } = self;
        match rules {
            RuleSet::V1 => stored_order.append(read_order),
            RuleSet::V2 | RuleSet::V3 => {
                ids.park_forgotten(seq);
                let is_read =
                    |number: &CommandNo| outcomes.get(number).is_some_and(Stored::is_read);
                read_order.extend(stored_order.iter().filter(|number| is_read(number)));
                stored_order.retain(|number| !is_read(number));
                for stored in outcomes.values_mut().filter(|stored| stored.ended == Seq(0)) {
                    stored.ended = seq;
                }
            }
        }
    }

    /// Stores how a command ended, if anything can lead to it, and lets go of the oldest over bound.
    pub(super) fn store(
        &mut self,
        number: CommandNo,
        mut stored: Stored,
        key: Option<KeyScope>,
        (seq, now): (Seq, Micros),
        rules: RuleSet,
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
        let is_apart = match rules {
            RuleSet::V1 => false,
            RuleSet::V2 | RuleSet::V3 => {
                stored.ended = seq;
                stored.is_read()
            }
        };
        if stored.by_id.is_some() {
            let order = if is_apart { &mut self.read_order } else { &mut self.stored_order };
            order.push_back(number);
        }
        if stored.by_id.is_some() || stored.by_key {
            self.outcomes.insert(number, stored);
        }
        self.trim(rules, limits);
    }

    fn trim(&mut self, rules: RuleSet, limits: &Limits) {
        while count(self.stored_order.len()) > limits.outcomes_max {
            let Some(number) = self.stored_order.pop_front() else { break };
            let Some((hash, ended)) = self.unlink_id(number) else { continue };
            match rules {
                RuleSet::V1 => self.ids.forget(hash, limits.forgotten_max),
                RuleSet::V2 | RuleSet::V3 if ended <= self.indexed => self.ids.drop_id(hash),
                RuleSet::V2 | RuleSet::V3 => self.ids.park(hash, ended),
            }
        }
        while count(self.read_order.len()) > limits.read_outcomes_max {
            let Some(number) = self.read_order.pop_front() else { break };
            let Some((hash, _)) = self.unlink_id(number) else { continue };
            self.ids.drop_id(hash);
        }
    }

    /// Lets an outcome be found by its id no longer. The id's hash, and when the command ended.
    fn unlink_id(&mut self, number: CommandNo) -> Option<(u64, Seq)> {
        let Entry::Occupied(mut stored) = self.outcomes.entry(number) else { return None };
        let (hash, ended) = (stored.get_mut().by_id.take(), stored.get().ended);
        if !stored.get().by_key {
            stored.remove();
        }
        Some((hash?, ended))
    }

    /// Whether one more id of a command that changes something may have to wait for an index.
    pub(super) fn check_unindexed_room(&self, limits: &Limits) -> Result<(), Failure> {
        let is_full = self.ids.parked_count() >= limits.unindexed_ids_max;
        if is_full { Err(Failure::Busy) } else { Ok(()) }
    }

    /// How many ids of commands that changed something are neither stored nor indexed.
    pub(super) fn parked_count(&self) -> u64 {
        self.ids.parked_count()
    }

    /// The last input that the indexes of ids are known to cover.
    pub(super) fn indexed(&self) -> Seq {
        self.indexed
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
        let ended = Seq(0);
        Stored { envelope, session, outcome, client, by_id: id, by_key: false, ended }
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
        self.ids.drop_parked(self.indexed);
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
            ended: stored.ended,
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
            parked: self.ids.parked().collect(),
            outcomes: self.outcomes.iter().map(stored).collect(),
            stored_order: self.stored_order.iter().copied().collect(),
            read_order: self.read_order.iter().copied().collect(),
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
    ) -> (Identity, LeadingNowhere) {
        let layout4::Identity {
            seed,
            forgotten,
            parked,
            outcomes,
            stored_order,
            read_order,
            keys,
            expiring,
            indexed,
        } = image;
        let mut identity = Identity {
            seed,
            ids: Ids::default(),
            keys: BTreeMap::new(),
            shares: Shares::default(),
            outcomes: BTreeMap::new(),
            stored_order: stored_order.into(),
            read_order: read_order.into(),
            expiring: expiring.into_iter().map(|(at, scope)| (at, scope.into())).collect(),
            indexed,
        };
        for stored in outcomes {
            let layout4::Stored {
                number,
                envelope,
                session,
                outcome,
                client,
                by_id,
                by_key,
                ended,
            } = stored;
            let id = envelope.id.as_ref().filter(|_| by_id);
            let by_id = id.map(|id| identity.id_hash(&client, id));
            let outcome = outcome::shared(*outcome);
            let stored = Stored { envelope, session, outcome, client, by_id, by_key, ended };
            identity.outcomes.insert(number, stored);
        }
        for layout4::Key { scope, conn, command, expires } in keys {
            let scope = KeyScope::from(scope);
            identity.hold_key(scope, KeyState { command, conn, expires });
        }
        identity.shares.keep(is_connected);
        (identity, LeadingNowhere { forgotten, parked })
    }

    /// Derives what ids lead to: to stored outcomes, to commands in flight, or to nothing any more.
    pub(super) fn restore_ids(
        &mut self,
        LeadingNowhere { forgotten, parked }: LeadingNowhere,
        in_flight: impl Iterator<Item = (u64, CommandNo)>,
    ) {
        let stored = self.outcomes.iter();
        let stored = stored.filter_map(|(number, stored)| Some((stored.by_id?, *number)));
        self.ids = Ids::restore(forgotten, parked, stored.chain(in_flight));
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
