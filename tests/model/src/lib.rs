//! The adversary of the state machine: a generator of input sequences that reacts to outputs
//! ([`shape`]), invariants that hold after every step ([`invariants`]), and a plain twin written
//! from PROTOCOL.md alone ([`model`]). Tests and fuzz targets share all of it; it depends on the
//! core's input and output types and on nothing else, so that it builds in seconds.

pub mod entropy;
pub mod invariants;
pub mod model;
pub mod run;
pub mod shape;
pub mod shrink;
pub mod sometimes;
pub mod targets;
