//! The committed corpora and seeds of the fuzz targets, as an ordinary test.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::path::{Path, PathBuf};

use pi_server_model::sometimes::Sometimes;
use pi_server_model::targets;

fn files(folder: &str, target: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let Ok(list) = std::fs::read_dir(root.join(folder).join(target)) else { return Vec::new() };
    let mut list: Vec<PathBuf> = list.map(|entry| entry.unwrap().path()).collect();
    list.sort();
    list
}

#[test]
fn every_corpus_keeps_every_rule() {
    for (name, target) in targets::ALL {
        let list: Vec<PathBuf> =
            ["seeds", "corpus"].iter().flat_map(|folder| files(folder, name)).collect();
        assert!(!list.is_empty(), "{name} has no corpus");
        for file in list {
            let bytes = std::fs::read(&file).unwrap();
            let done = std::panic::catch_unwind(|| target(&bytes));
            assert!(done.is_ok(), "{}", file.display());
        }
    }
}

/// A new way to fail, a new command: make the seeds again, `cargo run --release -p pi-server-model
/// --example seeds`, and should that say that something is never met, teach the generator.
#[test]
fn the_seeds_of_step_come_to_every_situation() {
    let mut sometimes = Sometimes::new();
    for file in files("seeds", "step") {
        targets::step_noting(&std::fs::read(&file).unwrap(), &mut sometimes);
    }
    assert_eq!(sometimes.never(), Vec::<String>::new());
}

#[test]
fn a_journal_that_nobody_bit_is_read_whole() {
    for seed in 0..8_u8 {
        targets::journal_reader(&[seed]);
        targets::compressed_reader(&[seed]);
    }
}
