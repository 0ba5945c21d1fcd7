//! See `pi_server::agent::rendered_frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pi_server::agent::rendered_frame(bytes));
