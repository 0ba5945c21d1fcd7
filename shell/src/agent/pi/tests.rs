//! Tests of the real agent's host: translators on recorded traffic, supervision with small fake
//! children, and the real programs where they are installed.

mod kit;
#[path = "../../../../tests/src/provider.rs"]
mod provider;
mod real;
mod supervision;
mod transcripts;
