//! The offline tool: feeds a journal to the same [`pi_server_core::State`] and compares every
//! output with what the daemon recorded. It never writes to its input and takes no lock, so it may
//! look at the journal of a daemon that is running: it reads up to the last commit.
//!
//! [`source`] knows the files, [`feed`] reads and checks records on a thread of its own, and each
//! verb of the command line is a module that takes a feed and makes a report.
#![forbid(unsafe_code)]

mod ahead;
pub mod align;
pub mod attribution;
pub mod builds;
pub mod bundle;
pub mod chart;
pub mod cli;
pub mod clock;
pub mod corpus;
pub mod diff;
mod digests;
pub mod export;
pub mod feed;
pub mod made;
pub mod migrate;
pub mod pack;
pub mod place;
pub mod play;
mod pseudonyms;
pub mod records;
pub mod redact;
pub mod show;
pub mod shown;
pub mod shrink;
pub mod source;
pub mod start;
pub mod stats;
pub mod status;
pub mod step;
pub mod times;
pub mod veil;
pub mod verify;
pub mod what_if;
pub mod whole;
