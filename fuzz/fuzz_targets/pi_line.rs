//! See `pi_server::agent::pi_line`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pi_server::agent::pi_line(bytes));
