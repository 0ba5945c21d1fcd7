//! Committed journals: what they put out, and the state they end in, to the bit. A format that was
//! ever written, and a day of traffic with everything in it.
//!
//! `UPDATE=1 cargo test -p pi-server-tests --test determinism golden` writes down what this build
//! computes. Only a new layout of the state may change the line `state`; a change of `outputs` means
//! that journals of users no longer replay, and needs a new rule set.

use std::path::Path;

use pi_server_core::record::{Secret, digest_outputs};
use pi_server_core::{Outputs, State};
use pi_server_tests::fixtures::goldens;
use pi_server_tests::journal::Journal;

/// What this build makes of a journal.
fn computed(dir: &Path) -> String {
    let journal = Journal::read(dir);
    let (mut state, mut outputs, mut scratch) = (State::new(), Outputs::new(), Vec::new());
    let (mut all, mut before) = (Vec::new(), None);
    for recorded in &journal.inputs {
        if let Some(before) = before {
            assert_eq!(recorded.before, before, "{}: before {}", dir.display(), recorded.input);
        }
        state.step(&recorded.input, &mut outputs);
        let digest = digest_outputs(outputs.as_slice(), &mut scratch);
        all.extend_from_slice(&digest.0);
        before = Some(digest);
    }
    let hash = Secret::new([0; 32]);
    format!(
        "inputs {}\noutputs {}\nstate {}\n",
        journal.inputs.len(),
        hash.digest(&all),
        hash.digest(&state.encode())
    )
}

#[test]
fn golden_journals_put_out_what_they_always_did() {
    let journals = goldens();
    assert!(journals.len() >= 3, "every format and a day of traffic");
    for dir in journals {
        let file = dir.with_extension("golden");
        let computed = computed(&dir);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, &computed).expect("written");
        }
        let expected = std::fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(computed, expected, "{}", dir.display());
    }
}
