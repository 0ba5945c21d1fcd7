use super::*;
use crate::failure::Failure;
use crate::ids::{Digest, Micros, Seq};

fn body() -> BodyRef {
    BodyRef { seq: Seq(3), len: 5, digest: Digest([1; 16]), redacted: false }
}

fn response(result: Result<Data, Failure>) -> Frame {
    let outcome = Outcome { result, session_version: None, lane_sequence: None, at: Micros(1) };
    Frame::Response { id: None, command: None, outcome: Arc::new(outcome), replayed: false }
}

#[test]
fn events_and_answers_that_are_kept_in_the_journal_have_a_body() {
    let event = Frame::Event { session: "a".into(), cursor: Seq(3), event: body() };
    for (frame, expected) in [
        (event, Some(body())),
        (response(Ok(Data::Body(body()))), Some(body())),
        (response(Ok(Data::Deleted)), None),
        (response(Err(Failure::Cancelled)), None),
        (Frame::SessionDeleted { session: "a".into() }, None),
    ] {
        assert_eq!(frame.body(), expected, "{frame:?}");
    }
}
