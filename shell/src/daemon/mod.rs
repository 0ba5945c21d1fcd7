//! The daemon: one event loop that journals every input, steps the core and performs outputs.
//!
//! It decides nothing about commands. `machine` is the pure state with the journal in front of it,
//! `hands` does what the state asks for, `turn` moves what happens from one to the other,
//! `event_loop` waits for it, and `start` brings them up.

mod authors;
mod clock;
pub mod erase;
mod error;
mod event_loop;
mod fan_out;
mod greeting;
mod hands;
mod held;
mod history;
mod identity;
mod keeper;
mod links;
mod machine;
mod options;
mod past;
mod program;
mod query;
mod redactor;
mod signals;
mod spans;
mod start;
pub mod token;
mod turn;
pub mod world;

pub use error::Error;
pub use options::{AgentChoice, Options};
pub use past::Divergence;

/// Runs a daemon until it is told to stop.
///
/// # Errors
/// Why it did not start, or why it ended before its time; [`Error::status`] is the exit status.
pub fn run(options: &Options) -> Result<(), Error> {
    start::start(options)?.run()
}
