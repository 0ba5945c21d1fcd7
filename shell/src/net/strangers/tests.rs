use std::net::Ipv4Addr;

use super::*;

fn source(number: u32) -> IpAddr {
    Ipv4Addr::from(number).into()
}

#[test]
fn wrong_tokens_are_answered_ever_later_and_forgiven_after_a_while() {
    let begun = Instant::now();
    let mut strangers = Strangers::default();
    let mut delays = Vec::new();
    for _ in 0..12 {
        delays.push(strangers.delay(Some(source(1)), begun).as_millis());
        strangers.refused(Some(source(1)), true, "the token is wrong", begun);
    }
    assert_eq!(delays, [0, 0, 0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
    assert_eq!(strangers.delay(Some(source(2)), begun), Duration::ZERO, "each source for itself");
    assert_eq!(strangers.delay(Some(source(1)), begun + FORGOTTEN_AFTER), Duration::ZERO);
    assert_eq!(strangers.wrong_tokens(), 12);
}

#[test]
fn a_flood_of_refusals_is_a_line_now_and_then_in_bounded_memory() {
    let begun = Instant::now();
    let mut strangers = Strangers::default();
    let mut lines = Vec::new();
    for number in 0..1_000 {
        let now = begun + Duration::from_millis(number * 20);
        lines.extend(strangers.refused(Some(source(1)), false, "no such host", now));
    }
    assert_eq!(
        lines,
        [
            "refused 0.0.0.1: no such host",
            "refused 0.0.0.1: no such host (499 more since the last line)"
        ]
    );
    for number in 0..3_000 {
        strangers.refused(Some(source(number)), true, "", begun + Duration::from_secs(20));
    }
    assert_eq!(strangers.sources.len(), SOURCES_MAX);
}
