//! What readers see of a state, and what the shell keeps for it.

use super::*;

/// A session whose agent is up.
const BEGIN: &str = "t1 boot rate=off\nt2 open\nt3 command c2 \"c\" create_session s:a\n\
                     t4 answered #3 directory \"/\"\nt5 agent a1 ready settles disposition\n";

fn then(script: &str) -> State {
    after(&[BEGIN, script].concat()).0
}

#[test]
fn commands_sessions_and_lanes_are_shown_as_they_are() {
    let state = then("t6 command c2 \"p\" prompt s:a");
    let commands: Vec<_> = state.commands().collect();
    assert_eq!(commands.len(), 1);
    let prompt = &commands[0];
    assert_eq!((prompt.number, prompt.kind), (CommandNo(6), CommandKind::Prompt));
    assert_eq!((&*prompt.lane, prompt.lane_sequence, prompt.stage), ("session:a", 2, "asked"));
    let sessions: Vec<_> = state.sessions().collect();
    assert_eq!(sessions.len(), 1);
    assert_eq!((&*sessions[0].info.id, sessions[0].creating), ("a", false));
    assert_eq!(sessions[0].asked, [CommandNo(6)]);
    let lanes: Vec<_> = state.lanes().map(|lane| (lane.name, lane.head, lane.slot)).collect();
    assert_eq!(lanes, [("session:a".into(), None, "turn")]);
}

#[test]
fn bodies_are_kept_for_what_may_still_ask_for_them() {
    let seqs = |script: &str| {
        let mut seqs: Vec<u64> = then(script).bodies().map(|body| body.seq.0).collect();
        seqs.sort_unstable();
        seqs
    };
    assert_eq!(seqs(""), [0_u64; 0]);
    let asked = "t6 command c2 \"b\" bash s:a\n";
    let dialog = "t7 agent a1 event dialog \"d\" select body=5\n";
    let done = "t8 agent a1 replied #6 done body=4\n";
    assert_eq!(seqs(asked), [6], "the frame of a command in flight");
    assert_eq!(seqs(&[asked, dialog].concat()), [6, 7], "and the question of an open dialog");
    assert_eq!(seqs(&[asked, dialog, done].concat()), [7, 8], "and a stored answer");
}
