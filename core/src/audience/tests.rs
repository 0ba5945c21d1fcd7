//! Who is a member, who subscribes, and who wants what. PROTOCOL.md section 8.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::*;
use crate::command::CommandKind;
use crate::frame::Phase;
use crate::ids::{CommandNo, Digest};
use crate::input::{Details, Envelope};

const ONE: ConnId = ConnId(1);
const TWO: ConnId = ConnId(2);

/// The audiences after some outputs.
fn after(outputs: &[Output]) -> Audiences {
    let mut audiences = Audiences::new();
    for output in outputs {
        audiences.apply(output);
    }
    audiences
}

fn admit(conn: ConnId) -> Output {
    Output::Admit { conn }
}

fn interest(conn: ConnId, interest: Interest) -> Output {
    Output::SetInterest { conn, interest }
}

fn subscribe(conn: ConnId) -> Output {
    Output::Subscribe { conn, session: "a".into(), after: None }
}

fn lifecycle(session: Option<&str>) -> Frame {
    let session = session.map(Text::from);
    let envelope = Envelope {
        kind: CommandKind::GetState,
        id: None,
        session: session.clone(),
        depends_on: Vec::new(),
        if_session_version: None,
        idempotency_key: None,
        timeout_ms: None,
        fingerprint: Digest::default(),
        details: Details::None,
    };
    let (command, envelope, phase) = (CommandNo(1), Arc::new(envelope), Phase::Accepted);
    Frame::Lifecycle { command, envelope, session, lane_sequence: 1, phase }
}

fn to(audiences: &Audiences, audience: &Audience, frame: &Frame) -> Vec<u64> {
    let mut conns = Vec::new();
    audiences.resolve(audience, frame, |conn| conns.push(conn.0));
    conns
}

#[test]
fn connections_are_kept_by_what_they_want() {
    let mut audiences = after(&[admit(ONE), admit(TWO), subscribe(ONE), subscribe(TWO)]);
    assert!(audiences.has_all() && !audiences.is_empty());
    for (output, all, choosy, related) in [
        (interest(ONE, Interest::Own), true, &[1][..], &[][..]),
        (interest(ONE, Interest::Related), true, &[1], &[1]),
        (interest(ONE, Interest::Related), true, &[1], &[1]),
        (interest(TWO, Interest::Related), false, &[1, 2], &[1, 2]),
        (interest(ONE, Interest::All), true, &[2], &[2]),
        (Output::Unsubscribe { conn: TWO, session: "a".into() }, true, &[2], &[]),
        (subscribe(TWO), true, &[2], &[2]),
        (interest(TWO, Interest::Nothing), true, &[2], &[]),
        (interest(TWO, Interest::Related), true, &[2], &[2]),
        (Output::Unlist { session: "a".into() }, true, &[2], &[]),
        (subscribe(TWO), true, &[2], &[2]),
        (Output::Leave { conn: ONE }, false, &[2], &[2]),
        (Output::Leave { conn: TWO }, false, &[], &[]),
    ] {
        audiences.apply(&output);
        let numbers = |conn: ConnId| conn.0;
        assert_eq!(audiences.has_all(), all, "{output}");
        assert_eq!(audiences.choosy().map(numbers).collect::<Vec<_>>(), choosy, "{output}");
        assert_eq!(audiences.related("a").map(numbers).collect::<Vec<_>>(), related, "{output}");
    }
    assert!(audiences.is_empty());
}

#[test]
fn a_lifecycle_frame_goes_to_each_once_and_in_order() {
    let conns = [1, 2, 3, 4, 5].map(ConnId);
    let mut audiences = after(&conns.map(admit));
    for (conn, wants) in [(1, Interest::Related), (3, Interest::Own), (4, Interest::Related)] {
        audiences.apply(&subscribe(ConnId(conn)));
        audiences.apply(&interest(ConnId(conn), wants));
    }
    for (owner, gets) in [
        (None, &[1, 2, 4, 5][..]),
        (Some(1), &[1, 2, 4, 5]),
        (Some(2), &[1, 2, 4, 5]),
        (Some(3), &[1, 2, 3, 4, 5]),
        (Some(6), &[1, 2, 4, 5]),
    ] {
        let audience = Audience::Lifecycle { owner: owner.map(ConnId) };
        assert_eq!(to(&audiences, &audience, &lifecycle(Some("a"))), gets, "{owner:?}");
    }
}

#[test]
fn interests_choose_among_lifecycle_frames() {
    let of = |owner| Audience::Lifecycle { owner };
    let about = |session| lifecycle(session);
    for (wants, own, of_session, other) in [
        (Interest::All, true, true, true),
        (Interest::Related, true, true, false),
        (Interest::Own, true, false, false),
        (Interest::Nothing, false, false, false),
    ] {
        let audiences = after(&[admit(ONE), subscribe(ONE), interest(ONE, wants)]);
        let gets = |owner, session| to(&audiences, &of(owner), &about(session)) == [1];
        assert_eq!(gets(Some(ONE), None), own, "{wants:?}");
        assert_eq!(gets(Some(TWO), Some("a")), of_session, "{wants:?}");
        assert_eq!(gets(Some(TWO), Some("b")), other, "{wants:?}");
        assert_eq!(gets(None, None), other, "{wants:?}");
    }
}

#[test]
fn who_has_left_gets_responses_and_nothing_else() {
    let audiences = after(&[admit(ONE), admit(TWO), subscribe(ONE), Output::Leave { conn: ONE }]);
    let frame = lifecycle(None);
    assert_eq!(to(&audiences, &Audience::Conn(ONE), &frame), [1]);
    assert_eq!(to(&audiences, &Audience::Everyone, &frame), [2]);
    assert_eq!(to(&audiences, &Audience::Lifecycle { owner: Some(ONE) }, &frame), [2]);
    assert_eq!(to(&audiences, &Audience::Subscribers("a".into()), &frame), [0_u64; 0]);
    assert!(!audiences.is_subscribed(ONE, "a"));
}

#[test]
fn a_subscription_ends_by_request_or_with_its_session() {
    let of = Audience::Subscribers("a".into());
    let end = Output::Unsubscribe { conn: ONE, session: "a".into() };
    for (outputs, subscribed) in [
        (&[subscribe(ONE)][..], [true, false]),
        (&[subscribe(ONE), subscribe(TWO)], [true, true]),
        (&[subscribe(ONE), subscribe(TWO), end], [false, true]),
        (&[subscribe(ONE), subscribe(TWO), Output::Unlist { session: "a".into() }], [false; 2]),
        (&[subscribe(ONE), Output::Unlist { session: "b".into() }], [true, false]),
        // Nobody who was not admitted subscribes.
        (&[subscribe(ConnId(3))], [false, false]),
    ] {
        let mut audiences = after(&[admit(ONE), admit(TWO)]);
        for output in outputs {
            audiences.apply(output);
        }
        let told = to(&audiences, &of, &lifecycle(None));
        for (conn, subscribed) in [ONE, TWO].into_iter().zip(subscribed) {
            assert_eq!(audiences.is_subscribed(conn, "a"), subscribed, "{conn}");
            assert_eq!(told.contains(&conn.0), subscribed, "{conn}");
            assert!(!audiences.is_subscribed(conn, "b"));
        }
    }
}

#[test]
fn nobody_is_left_when_a_daemon_life_has_ended() {
    let mut audiences = after(&[admit(ONE), subscribe(ONE), interest(ONE, Interest::Own)]);
    audiences.clear();
    assert_eq!(to(&audiences, &Audience::Everyone, &lifecycle(None)), [0_u64; 0]);
    assert!(audiences.is_empty() && !audiences.has_all());
    assert_eq!((audiences.choosy().count(), audiences.related("a").count()), (0, 0));
}
