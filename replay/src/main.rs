//! `pi-replay`: see `pi-replay --help`.

fn main() {}
