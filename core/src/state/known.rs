//! What the state knows of an id, for the shell: before it journals a command, it looks for the id in
//! what the state remembers no longer. PROTOCOL.md section 6.2.

use alloc::sync::Arc;

use super::State;
use super::identity::Found;
use crate::frame::Outcome;
use crate::ids::{CommandNo, ConnId, Seq, Text};
use crate::input::RuleSet;

/// How far the state alone can answer for an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdPlace {
    /// The state has no trace of it.
    Nowhere,
    /// Its command is in flight, or its outcome is stored.
    Known,
    /// Its outcome was stored and no index of the journal is known to have it yet.
    Parked,
}

/// An id in its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownId {
    /// The namespace: the name of the client; empty for the shared one.
    pub client: Text,
    /// The keyed hash by which the id is found everywhere.
    pub hash: u64,
    /// How far the state can answer for it.
    pub place: IdPlace,
}

impl State {
    /// What the state knows of an id that a connection sends. `None` if there is no such connection.
    pub fn look_up_id(&self, conn: ConnId, id: &Text) -> Option<KnownId> {
        let client = self.client_of(conn)?.clone();
        let hash = self.id_hash(&client, id);
        let place = match self.find_id(hash, &client, id) {
            Found::Unknown => IdPlace::Nowhere,
            Found::Command(_) => IdPlace::Known,
            Found::Parked | Found::Forgotten => IdPlace::Parked,
        };
        Some(KnownId { client, hash, place })
    }

    /// The keyed hash by which an id of a namespace is found.
    pub fn id_hash(&self, client: &str, id: &str) -> u64 {
        self.identity.id_hash(client, id)
    }

    /// The namespace of a connection's ids; empty for the shared one.
    pub fn client_of(&self, conn: ConnId) -> Option<&Text> {
        self.conns.get(&conn).map(|conn| &conn.client)
    }

    /// The namespaces of the commands in flight, oldest first.
    pub fn clients_in_flight(&self) -> impl Iterator<Item = (CommandNo, &Text)> + '_ {
        self.commands.iter().map(|(number, command)| (*number, &command.client))
    }

    /// How many ids of commands that changed something are neither stored nor known to be indexed.
    pub fn unindexed_ids(&self) -> u64 {
        self.identity.parked_count()
    }

    /// The last input that the indexes of ids are known to cover.
    pub fn indexed(&self) -> Seq {
        self.identity.indexed()
    }

    /// The rules of this daemon life.
    pub fn rules(&self) -> RuleSet {
        self.rules
    }

    /// The stored outcome of an id.
    pub fn stored_outcome(&self, client: &Text, id: &Text) -> Option<&Arc<Outcome>> {
        let Found::Command(number) = self.known_id(client, id) else { return None };
        self.identity.stored(number).map(|stored| &stored.outcome)
    }
}
