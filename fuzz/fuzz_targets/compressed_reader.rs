//! See `pi_server_model::targets`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pi_server_model::targets::compressed_reader(bytes));
