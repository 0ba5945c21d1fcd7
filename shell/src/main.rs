//! `pi-server`: see `pi-server --help`.

fn main() {}
