//! The taste of a run: which faults it likes and how much. Together the runs reach corners that runs
//! of one average taste would never reach.

use pi_server::world::Durability;
use pi_server_core::Limits;
use pi_server_model::entropy::Entropy;

use crate::matrix::Fault;

/// What a run is like.
#[derive(Clone, Debug)]
pub struct Taste {
    /// What answers survive.
    pub durability: Durability,
    /// The demo agent instead of the troupe.
    pub demo: bool,
    /// Size of a segment.
    pub segment_bytes: u32,
    /// How much of the journal is kept; 0 for all.
    pub retain_bytes: u64,
    /// How many turns before the faults end.
    pub turns: u64,
    /// How many clients there are.
    pub clients: usize,
    /// Unread bytes that a connection holds.
    pub capacity: usize,
    /// Most bytes of an event.
    pub event_bytes: u64,
    /// A client sends something once in so many turns.
    pub send: u64,
    /// A client sends very much once in so many turns.
    pub flood: u64,
    /// A fault once in so many turns.
    pub fault: u64,
    /// Weights of [`Fault::ALL`], in its order.
    pub weights: Vec<u32>,
    /// Work beside the loop is done once in so many turns.
    pub aside: u64,
    /// The bounds of the core.
    pub limits: Limits,
}

impl Taste {
    /// The taste of a run, from its first choices.
    pub fn new(entropy: &mut Entropy<'_>) -> Taste {
        let mut limits = Limits::default();
        if entropy.once_in(3) {
            limits.outcomes_max = 1 + entropy.below(20);
            limits.read_outcomes_max = 1 + limits.outcomes_max / 3;
            limits.unindexed_ids_max = 10 * limits.outcomes_max;
        }
        if entropy.once_in(3) {
            limits.commands_in_flight_max = 4 + entropy.below(30);
        }
        if entropy.once_in(4) {
            limits.pending_per_connection_max = 2 + entropy.below(10);
        }
        let weights = Fault::ALL
            .iter()
            .map(|_| [0, 1, 1, 2, 8][usize::try_from(entropy.below(5)).unwrap_or(0)])
            .collect();
        Taste {
            durability: *entropy.pick(&[Durability::Power, Durability::Power, Durability::Process]),
            demo: entropy.once_in(4),
            segment_bytes: 64 << 10,
            // Below what can be kept, and above it.
            retain_bytes: if entropy.once_in(4) { *entropy.pick(&[128 << 10, 1 << 20]) } else { 0 },
            turns: 60 + entropy.below(240),
            clients: 1 + usize::try_from(entropy.below(4)).unwrap_or(0),
            capacity: *entropy.pick(&[300, 4_000, 40_000, 400_000]),
            event_bytes: *entropy.pick(&[20, 200, 6_000]),
            send: *entropy.pick(&[1, 1, 2, 4]),
            flood: *entropy.pick(&[15, 200, 1_000_000]),
            fault: *entropy.pick(&[4, 8, 20, 60]),
            weights,
            aside: *entropy.pick(&[1, 2, 6]),
            limits,
        }
    }
}
