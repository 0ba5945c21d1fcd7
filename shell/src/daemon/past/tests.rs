//! Tests of what a snapshot holds.

use pi_server_core::record::{Cursor, JournalId};
use pi_server_core::snapshot::LAYOUT;

use super::*;

fn snapshot<'a>(state: &'a [u8], rest: &'a [u8]) -> Snapshot<'a> {
    let cursor = Cursor::start(JournalId([1; 16]));
    Snapshot { cursor, outputs: Digest([2; 16]), layout: LAYOUT, state, rest }
}

#[test]
fn what_is_no_past_is_not_taken_in() {
    let (state, rest) = Past::new().encode();
    let past = Past::restore(&snapshot(&state, &rest)).expect("a past");
    assert_eq!((past.digest, past.encode()), (Digest([2; 16]), (state.clone(), rest.clone())));
    for (state, rest) in [
        (&state[..state.len() - 1], &rest[..]),
        (&state, &rest[..rest.len() - 1]),
        (&[&state[..], &[0]].concat(), &rest),
        (&state, &[&rest[..], &[0]].concat()),
        (&state, &[&[rest::LAYOUT.to_le_bytes()[0] + 1], &rest[1..]].concat()),
        (&state, &[]),
    ] {
        assert!(Past::restore(&snapshot(state, rest)).is_err());
    }
}

/// Should this fail, a layout has changed: what a release has written stays readable, so a change makes a
/// new layout beside it, and only then goes the new digest in here. (Another default of a limit changes
/// the digest and not the layout; then the new digest is all.)
#[test]
fn the_layout_is_the_one_that_has_this_number() {
    let (state, rest) = Past::new().encode();
    let digest = |bytes: &[u8]| blake3::hash(bytes).to_hex()[..16].to_owned();
    let known = (LAYOUT, rest::LAYOUT, digest(&state), digest(&rest));
    assert_eq!(known, (5, 4, "b3e0701febc4d04c".to_owned(), "ac4508daa89922d0".to_owned()));
}

/// The rest as release 0.1.0 wrote it ends before what was made up.
#[test]
fn the_rest_of_a_release_is_read() {
    let (state, rest) = Past::new().encode();
    let old = [&[3], &rest[1..rest.len() - 1]].concat();
    let past = Past::restore(&snapshot(&state, &old)).expect("a past");
    assert_eq!(past.encode(), (state, rest));
}
