use pi_server_core::input::AgentEvent;
use pi_server_core::output::Audience;
use pi_server_core::{BodyRef, Micros};

use super::*;

const AGENT: AgentNo = AgentNo(7);

fn event(seq: u64) -> Input {
    let said = AgentSaid::Event(AgentEvent::Other);
    let kind = InputKind::Agent { agent: AGENT, said };
    Input { seq: Seq(seq), at: Micros(seq), kind, body: BodyRef::default() }
}

fn told(seq: u64) -> Output {
    let frame = Frame::Event { session: "s".into(), cursor: Seq(seq), event: BodyRef::default() };
    Output::Deliver { to: Audience::Subscribers("s".into()), frame }
}

/// Authors who have seen the agent being asked for by input 10.
fn asked_for(mut authors: Authors) -> Authors {
    let input = Input { kind: InputKind::Tick, ..event(10) };
    let ask = Ask::Spawn { agent: AGENT, session: "s".into(), cwd: "/".into(), resume: None };
    authors.note(&input, &[Output::Ask(ask)]);
    authors
}

#[test]
fn an_event_is_its_agents_sessions_until_the_agent_is_not_heard_any_more() {
    let mut authors = asked_for(Authors::new());
    authors.note(&event(11), &[told(11)]);
    authors.note(&event(12), &[]);
    assert_eq!(authors.session(AGENT, Seq(11)).map(|id| &**id), Some("s"));
    assert_eq!(authors.session(AGENT, Seq(12)), None);
    assert_eq!(authors.session(AGENT, Seq(13)), None);
    assert_eq!(authors.serves(AGENT).map(|id| &**id), Some("s"));
}

/// Seeds 1519 and 1768 of the simulator: the event had made no frame, and was sent to whoever read the
/// session from the journal.
#[test]
fn what_was_said_in_the_name_of_an_agent_that_nobody_had_asked_for_is_nobodys() {
    let mut authors = Authors::new();
    authors.note(&event(9), &[]);
    let mut authors = asked_for(authors);
    authors.note(&event(11), &[told(11)]);
    assert_eq!(authors.session(AGENT, Seq(9)), None);
    assert_eq!(authors.session(AGENT, Seq(11)).map(|id| &**id), Some("s"));
}

#[test]
fn what_was_made_up_is_found_at_its_place_and_in_the_image() {
    let mut authors = asked_for(Authors::new());
    let frame = |what| Frame::Interrupted {
        session: "s".into(),
        cursor: Seq(12),
        what,
        gone: Gone::Agent { status: "signal 9".into() },
    };
    let ends = [frame(MadeUp::AgentEnd), frame(MadeUp::AgentSettled)];
    let to = || Audience::Subscribers("s".into());
    let outputs = ends.clone().map(|frame| Output::Deliver { to: to(), frame });
    authors.note(&event(12), &outputs);
    let again = Authors::restore(authors.image(), authors.made_up_image());
    assert_eq!(again, authors);
    assert_eq!(again.made_up(Seq(12)).collect::<Vec<_>>(), ends);
    assert_eq!(again.made_up(Seq(11)).count(), 0);
}
