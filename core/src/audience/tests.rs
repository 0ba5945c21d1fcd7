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
fn a_frame_is_for_everyone_only_while_nobody_is_choosy() {
    let of = Audience::Lifecycle { owner: Some(ONE) };
    let mut audiences = after(&[admit(ONE), admit(TWO)]);
    assert!(audiences.is_everyone(&Audience::Everyone) && audiences.is_everyone(&of));
    assert!(!audiences.is_everyone(&Audience::Conn(ONE)));
    assert!(!audiences.is_everyone(&Audience::Subscribers("a".into())));
    // Whoever is choosy twice counts once, and not at all when it wants everything again.
    for (output, everyone) in [
        (interest(ONE, Interest::Own), false),
        (interest(ONE, Interest::Nothing), false),
        (interest(ONE, Interest::All), true),
        (interest(ONE, Interest::All), true),
        (interest(TWO, Interest::Related), false),
        (Output::Leave { conn: ONE }, false),
        (Output::Leave { conn: TWO }, true),
    ] {
        audiences.apply(&output);
        assert_eq!(audiences.is_everyone(&of), everyone, "{output}");
        assert!(audiences.is_everyone(&Audience::Everyone), "{output}");
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
    assert!(audiences.is_everyone(&Audience::Lifecycle { owner: None }));
}
