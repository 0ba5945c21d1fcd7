//! The one notation of a step. Script tests, `pi-replay show`, fuzz and simulator failures all
//! write it, so that the trace of any incident can be pasted in as a regression test.
//!
//! ```text
//! t200 command c2 "id-7" prompt s:a after "id-6"
//!   deliver lifecycle c2 s:a accepted #9 prompt lane 3
//! ```
//!
//! An input stands at the start of a line, its outputs are indented below it. `t` is the time in
//! milliseconds (`t200.005` has microseconds), `c` a connection, `s:` a session, `a` an agent, `#` a
//! command; `c` and `#` numbers are the seq of the input that brought them. The scripts in
//! `core/tests/scripts/` are its examples.

mod parse;
mod print;

pub use parse::{ParseError, Script, ScriptStep, parse_script};
pub use print::Escaped;

#[cfg(test)]
mod tests;
