//! The shell of pi-server: event loop, transports, agents, journal. It decides nothing about
//! commands; every decision is made by [`pi_server_core`].

pub mod agent;
pub mod cli;
pub mod daemon;
mod descriptors;
pub mod journal;
pub mod net;
pub use daemon::world;
