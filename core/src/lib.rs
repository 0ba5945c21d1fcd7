//! The pure machine of pi-server.
//!
//! [`State::step`] takes one [`Input`] and writes [`Output`]s: it decides about lanes,
//! dependencies, versions, identity, timeouts, sessions and recovery, and about nothing else. It
//! cannot read a clock, a file or a random source, because none is in scope. The same snapshot and
//! the same inputs give the same outputs, to the bit, in every build and on every machine.
//!
//! The rules it implements are in PROTOCOL.md; docs/ARCHITECTURE.md says where each one lives.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod audience;
pub mod command;
pub mod failure;
pub mod frame;
pub mod ids;
pub mod input;
pub mod limits;
pub mod notation;
pub mod output;
pub mod record;
pub mod snapshot;
pub mod state;
pub mod walls;
pub mod wire;

pub use ids::{AgentNo, BodyRef, CommandNo, ConnId, Digest, Micros, Seq, Text, WallOffset};
pub use input::{Input, InputKind};
pub use limits::Limits;
pub use output::{Output, Outputs};
pub use state::State;
