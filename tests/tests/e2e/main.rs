//! End-to-end tests: the real daemon, real sockets, the demo agent. One binary, a module a subject.

mod compress;
mod crash;
mod dependencies;
mod drop_key;
mod edges;
mod epochs;
mod erase;
#[cfg(feature = "strace")]
mod errnos;
mod exactly_once;
mod formats;
mod identity;
mod key_shares;
mod lanes;
mod large_reads;
mod looking;
mod many;
mod operator;
mod pitfalls;
mod pool;
#[cfg(feature = "strace")]
mod power;
mod privacy;
#[cfg(feature = "real-pi")]
mod real_odd;
#[cfg(feature = "real-pi")]
mod real_pi;
#[cfg(feature = "real-pi")]
mod real_pitfalls;
#[cfg(feature = "real-pi")]
mod real_scenes;
#[cfg(feature = "real-pi")]
mod real_table;
mod releases;
mod retention;
mod timeouts;
mod traces;
mod transports;
mod turns;
#[cfg(feature = "faketime")]
mod wall;

use pi_server_tests::frames::{get_state, places, prompt, refused, session};
