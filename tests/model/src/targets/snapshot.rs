//! Snapshots: whatever bytes are taken for one must be a state that can be gone on with.

use pi_server_core::State;
use pi_server_core::snapshot::LAYOUT;

use crate::entropy::Entropy;
use crate::shape::World;

/// Inputs that a state is stepped with after it was read.
const STEPS: usize = 6;

/// Reads bytes as a snapshot and goes on with it.
///
/// # Panics
/// What was read is written as something else, or cannot be stepped.
pub fn snapshot_reader(bytes: &[u8]) {
    let Ok(state) = State::decode(LAYOUT, bytes) else { return };
    let again = State::decode(LAYOUT, &state.encode()).expect("what was written can be read");
    assert!(again == state, "a snapshot of the state is another state");
    // The inputs are chosen by the snapshot's own bytes, so that a find can be repeated.
    let mut world = World::new(Entropy::Bytes(bytes));
    let mut state = state;
    for _ in 0..STEPS {
        let input = world.next(state.deadline());
        let (next, outputs) = state.stepped(&input);
        world.saw(&outputs);
        state = next;
    }
}
