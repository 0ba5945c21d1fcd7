//! How a fact about an id is stored in a file. docs/journal-format.md, "Ids".
//!
//! The types are apart from those in memory, so that these can change and files of released versions
//! stay readable: outcomes are as in snapshots.

use std::sync::Arc;

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::{Decode, Encode};
use pi_server_core::command::CommandKind;
use pi_server_core::frame;
use pi_server_core::snapshot::outcome::Outcome;
use pi_server_core::{Digest, Seq, Text};

use super::remembered::{Fact, Remembered};

/// Largest fact that is decoded: an outcome's texts are bounded, and so are ids.
pub(super) const FACT_BYTES_MAX: usize = 1 << 20;

type Config = Configuration<LittleEndian, Varint, Limit<FACT_BYTES_MAX>>;
const CONFIG: Config = bincode::config::standard().with_limit::<FACT_BYTES_MAX>();

/// One fact.
#[derive(Encode, Decode)]
struct StoredFact {
    client: Text,
    id: Text,
    at: Seq,
    what: What,
}

/// What became true.
#[derive(Encode, Decode)]
enum What {
    Ended { kind: CommandKind, fingerprint: Digest, outcome: Outcome },
    Reconciled { outcome: Outcome },
}

/// The bytes of a fact.
pub(super) fn encode(fact: &Remembered) -> Vec<u8> {
    let Remembered { client, id, at, fact } = fact;
    let kept = |outcome: &Arc<frame::Outcome>| Outcome::from((**outcome).clone());
    let what = match fact {
        Fact::Ended { kind, fingerprint, outcome } => {
            What::Ended { kind: *kind, fingerprint: *fingerprint, outcome: kept(outcome) }
        }
        Fact::Reconciled { outcome } => What::Reconciled { outcome: kept(outcome) },
    };
    let stored = StoredFact { client: client.clone(), id: id.clone(), at: *at, what };
    // Encoding into a growing vector has no way to fail.
    bincode::encode_to_vec(stored, CONFIG).unwrap_or_default()
}

/// The fact that all of the bytes are, if they are one.
pub(super) fn decode(bytes: &[u8]) -> Option<Remembered> {
    let (stored, used) = bincode::decode_from_slice::<StoredFact, _>(bytes, CONFIG).ok()?;
    let StoredFact { client, id, at, what } = stored;
    let fact = match what {
        What::Ended { kind, fingerprint, outcome } => {
            Fact::Ended { kind, fingerprint, outcome: Arc::new(outcome.into()) }
        }
        What::Reconciled { outcome } => Fact::Reconciled { outcome: Arc::new(outcome.into()) },
    };
    (used == bytes.len()).then_some(Remembered { client, id, at, fact })
}
