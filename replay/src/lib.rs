//! The offline tool: feeds a journal to the same [`pi_server_core::State`] and compares every output.
//!
//! It reads a data directory, of a daemon that runs or not, and never writes to it. [`source`] finds
//! and checks the bytes, on a thread of its own; [`verify`] steps and compares; [`show`] prints steps
//! in the one notation.

pub mod cli;
mod error;
mod frames;
mod progress;
mod relate;
pub mod show;
pub mod source;
pub mod verify;

pub use error::Error;
