//! Tests of the real agent's host: translators on recorded traffic, the protocol against a puppet,
//! supervision with small fake children, and the real programs where they are installed.

mod faults;
#[path = "../../../../tests/sim/src/faulty.rs"]
#[expect(unreachable_pub, reason = "it is part of the simulator as well")]
mod faulty;
mod found;
mod kit;
#[cfg(feature = "real-pi")]
#[path = "../../../../tests/src/provider.rs"]
#[expect(unreachable_pub, reason = "it is part of a public harness as well")]
mod provider;
#[cfg(feature = "real-pi")]
mod real;
mod session;
mod supervision;
mod transcripts;
