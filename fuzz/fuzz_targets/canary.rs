//! A target that must crash within seconds. If it does not, the farm is not working, and what the
//! other targets did not find means nothing.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [a, b, c, d, ..] = bytes else { return };
    assert!(!(*a == b'p' && *b == b'i' && *c == b'-' && *d == 0x9e), "the canary sings");
});
