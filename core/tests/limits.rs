//! Limits of journals of several ages: what is read is what is written again.
#![expect(clippy::unwrap_used, reason = "a test that cannot encode has failed")]

use pi_server_core::Limits;

fn encoded(limits: &Limits) -> Vec<u8> {
    bincode::encode_to_vec(limits, bincode::config::standard()).unwrap()
}

fn decoded(bytes: &[u8]) -> Option<Limits> {
    let read = bincode::decode_from_slice(bytes, bincode::config::standard());
    read.ok().filter(|(_, used)| *used == bytes.len()).map(|(limits, _)| limits)
}

/// The limits of a journal that has only the first `groups` groups of later ones.
fn of_age(groups: u32) -> Limits {
    Limits::of_age(groups).unwrap()
}

#[test]
fn limits_of_every_age_are_read_and_written_as_they_were() {
    for groups in 0..u32::try_from(Limits::GROUP_ENDS.len()).unwrap() {
        for rate in [false, true] {
            let limits = Limits { rate, sessions_max: 77, ..of_age(groups) };
            let bytes = encoded(&limits);
            assert_eq!(decoded(&bytes).as_ref(), Some(&limits), "{groups} groups");
            assert_eq!(encoded(&decoded(&bytes).unwrap()), bytes, "{groups} groups");
        }
    }
}

#[test]
fn a_limit_that_a_journal_lacks_is_as_wide_as_it_can_be_and_is_not_shown() {
    let old = decoded(&encoded(&of_age(0))).unwrap();
    let (name, _, _, max) = Limits::TABLE[Limits::GROUP_ENDS[0]];
    assert_eq!(old.value(name), Some(max));
    assert!(old.rows().iter().all(|(shown, ..)| *shown != name));
    assert_eq!(Limits::default().rows().len(), Limits::TABLE.len());
}

#[test]
fn limits_of_a_newer_build_are_refused() {
    let newer = Limits { rate: false, ..Limits::default() };
    let bytes = encoded(&newer);
    // The number of groups stands behind the first of them, as one byte.
    let at = encoded(&of_age(0)).len() - 1;
    let groups = u8::try_from(newer.groups).unwrap();
    assert_eq!(encoded(&Limits { rate: false, ..of_age(0) })[at], 0);
    assert_eq!(bytes[at], groups * 2);
    let mut more = bytes.clone();
    more[at] = (groups + 1) * 2;
    more.extend_from_slice(&bytes[at + 1..]);
    assert_eq!(decoded(&more), None);
}
