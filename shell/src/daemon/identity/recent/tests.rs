use pi_server_core::Outputs;
use pi_server_core::frame::Data;
use pi_server_core::notation::parse_script;

use super::super::file;
use super::*;

/// What is in memory after the inputs of a script, and the state.
fn after(script: &str) -> (RecentIds, State) {
    let script = parse_script(script).expect("the script is in the notation");
    let (mut state, mut outputs, mut ids) = (State::new(), Outputs::new(), RecentIds::new());
    for step in &script.steps {
        state.step(&step.input, &mut outputs);
        ids.note(step.input.seq, outputs.as_slice(), &state);
    }
    (ids, state)
}

fn find(ids: &RecentIds, state: &State, client: &str, id: &str) -> Option<Found> {
    ids.find(state.id_hash(client, id), client, id, &mut Trail::default())
}

const BEGIN: &str = "t1 boot rate=off outcomes_max=1\nt2 open \"ann\"\n\
    t3 command c2 \"c\" create_session s:a\nt4 answered #3 directory \"/\"\n\
    t5 agent a1 ready settles\nt6 command c2 \"a\" abort s:a\nt7 boot rate=off outcomes_max=1\n\
    t8 open \"ann\"\n";

#[test]
fn the_ends_of_mutations_with_ids_are_held_until_they_are_indexed() {
    let (mut ids, state) = after(&format!("{BEGIN}t9 command c8 \"h\" health_check\n"));
    let created = find(&ids, &state, "ann", "c").expect("the creation");
    assert!(matches!(created.outcome.result, Ok(Data::Created(_))));
    let cut = find(&ids, &state, "ann", "a").expect("what a crash ended");
    assert_eq!(cut.outcome.result, Err(Failure::OutcomeUnknown));
    assert_eq!(find(&ids, &state, "ann", "h"), None, "a read");
    assert_eq!(find(&ids, &state, "", "c"), None, "an id of another name");
    ids.cover(Covered { segment: 1, seq: Seq(6) });
    assert_eq!(find(&ids, &state, "ann", "c"), None);
    assert!(find(&ids, &state, "ann", "a").is_some());
}

#[test]
fn an_outcome_that_was_reconciled_answers_as_reconciled_wherever_the_facts_are() {
    let settled = format!(
        "{BEGIN}t9 command c8 \"r\" reconcile_command target \"a\" succeeded\n\
         t10 command c8 \"x\" set_interest own\nt11 command c8 \"y\" set_interest own\n"
    );
    let (mut ids, state) = after(&settled);
    assert_eq!(state.stored_outcome(&"ann".into(), &"a".into()), None, "it has left the window");
    let found = find(&ids, &state, "ann", "a").expect("the abort");
    assert_eq!((found.kind.row().name, &found.outcome.result), ("abort", &Ok(Data::None)));
    // The end in a file, what was found out about it in memory.
    ids.cover(Covered { segment: 1, seq: Seq(7) });
    let mut trail = Trail::default();
    assert_eq!(ids.find(state.id_hash("ann", "a"), "ann", "a", &mut trail), None);
    let unknown = Outcome {
        result: Err(Failure::OutcomeUnknown),
        session_version: None,
        lane_sequence: Some(1),
        at: state.now(),
    };
    let fact = |result: Result<Data, Failure>| Fact::Ended {
        kind: found.kind,
        fingerprint: found.fingerprint,
        outcome: Outcome { result, ..unknown.clone() }.into(),
    };
    let answer = trail.clone().follow(&fact(Err(Failure::OutcomeUnknown))).expect("an answer");
    assert_eq!(answer.outcome.result, Ok(Data::None));
    // What is known how it ended is as it is.
    let answer = trail.follow(&fact(Err(Failure::Cancelled))).expect("an answer");
    assert_eq!(answer.outcome.result, Err(Failure::Cancelled));
}

#[test]
fn what_does_not_fit_into_memory_is_known_to_be_missing_until_it_is_indexed() {
    let script = parse_script(&format!(
        "{BEGIN}t9 command c8 \"x\" set_interest own\nt10 command c8 \"y\" set_interest own\n"
    ));
    let (mut state, mut outputs) = (State::new(), Outputs::new());
    let mut ids = RecentIds { capacity: 2, ..RecentIds::new() };
    for step in &script.expect("the script is in the notation").steps {
        state.step(&step.input, &mut outputs);
        ids.note(step.input.seq, outputs.as_slice(), &state);
    }
    assert!(!ids.is_complete());
    assert_eq!(find(&ids, &state, "ann", "c"), None);
    ids.cover(Covered { segment: 1, seq: Seq(7) });
    assert!(ids.is_complete());
    assert!(find(&ids, &state, "ann", "y").is_some());
}

#[test]
fn a_fact_is_the_same_after_it_was_written() {
    let (mut ids, _) = after(BEGIN);
    for (_, fact) in ids.take() {
        assert_eq!(file::tests::written(&fact), fact);
    }
}
