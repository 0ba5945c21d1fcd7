//! Everything the machine knows, and the one transition.

use alloc::vec::Vec;

use crate::ids::Micros;
use crate::input::Input;
use crate::limits::Limits;
use crate::output::Outputs;

/// Everything the machine knows.
#[derive(Clone, Debug, Default)]
pub struct State {
    limits: Limits,
}

/// Bytes that are no snapshot of a [`State`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotError;

impl State {
    /// The state before the first input.
    pub fn new() -> State {
        State::default()
    }

    /// One transition: `(state, input) -> (state, outputs)`. Clears `outputs` first. Total.
    pub fn step(&mut self, _input: &Input, outputs: &mut Outputs) {
        outputs.clear();
    }

    /// When the state wants a `Tick`, if nothing else happens before.
    pub fn deadline(&self) -> Option<Micros> {
        None
    }

    /// The bounds in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The state as bytes; [`State::decode`] gives it back exactly.
    pub fn encode(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The state that [`State::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are no snapshot.
    pub fn decode(_bytes: &[u8]) -> Result<State, SnapshotError> {
        Err(SnapshotError)
    }
}
