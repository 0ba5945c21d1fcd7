//! Exactly once (PROTOCOL.md 6.2): no mutation was admitted under an id of one that the journal holds.
//!
//! That outputs are the same again does not show this: the daemon looks for an id before it journals the
//! command, and what it found, or did not find, is in the input. So every admission is compared with
//! all before it in the journal. Costs 8 bytes of memory for each id, and as much again for its table.

use std::collections::HashSet;

use pi_server_core::command::Class;
use pi_server_core::frame::{Frame, Phase};
use pi_server_core::input::RuleSet;
use pi_server_core::{CommandNo, Input, Output, Seq, State};

/// A mutation that ran although the journal holds an earlier one with its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RanAgain {
    /// The input that brought it.
    pub seq: Seq,
    /// Its id.
    pub id: String,
}

/// The ids of mutations up to some place of the journal, by their keyed hashes. That two of ten million
/// have the same one is a chance of one in 10^5.
pub(super) struct Identity {
    known: HashSet<u64>,
    /// The first that ran again.
    pub(super) again: Option<RanAgain>,
}

impl Identity {
    /// Of a journal that begins with this state: of what came before, it holds the ends of what was in
    /// flight.
    pub(super) fn new(state: &State) -> Identity {
        let clients = state.clients_in_flight();
        let commands = state.commands().zip(clients);
        let mutations = commands.filter(|(command, _)| command.kind.row().class != Class::Read);
        let hashes = mutations.filter_map(|(command, (_, client))| {
            command.id.as_ref().map(|id| state.id_hash(client, id))
        });
        Identity { known: hashes.collect(), again: None }
    }

    /// Takes note of a step; `state` is the one after it.
    pub(super) fn note(&mut self, input: &Input, outputs: &[Output], state: &State) {
        let Some((conn, envelope)) = input.kind.command() else { return };
        let Some(id) = &envelope.id else { return };
        let is_new = envelope.kind.row().class != Class::Read
            && outputs.iter().any(|output| is_admission(output, CommandNo(input.seq.0)));
        let Some(client) = state.client_of(conn).filter(|_| is_new) else { return };
        let is_first = self.known.insert(state.id_hash(client, id));
        if !is_first && state.rules() >= RuleSet::V2 && self.again.is_none() {
            self.again = Some(RanAgain { seq: input.seq, id: id.to_string() });
        }
    }
}

/// Whether an output says that this command was admitted.
fn is_admission(output: &Output, number: CommandNo) -> bool {
    matches!(
        output,
        Output::Deliver { frame: Frame::Lifecycle { command, phase: Phase::Accepted, .. }, .. }
            if *command == number
    )
}

#[cfg(test)]
mod tests {
    use pi_server_core::Outputs;
    use pi_server_core::notation::parse_script;

    use super::*;

    /// What is found in a journal of these inputs.
    fn look(script: &str) -> Option<RanAgain> {
        let script = parse_script(script).expect("the script is in the notation");
        let (mut state, mut outputs) = (State::new(), Outputs::new());
        let mut identity = Identity::new(&state);
        for step in &script.steps {
            state.step(&step.input, &mut outputs);
            identity.note(&step.input, outputs.as_slice(), &state);
        }
        identity.again
    }

    const BEGIN: &str = "t1 boot rate=off outcomes_max=1 read_outcomes_max=1\nt2 open \"ann\"\n\
                         t3 command c2 \"a\" set_interest own\n\
                         t4 command c2 \"b\" set_interest own\n";

    #[test]
    fn a_mutation_that_runs_again_is_named() {
        // The state is told that an index has the id, and the shell did not look.
        let twice = format!("{BEGIN}t5 indexed #4\nt6 command c2 \"a\" set_interest own\n");
        assert_eq!(look(&twice), Some(RanAgain { seq: Seq(6), id: "a".into() }));
    }

    #[test]
    fn answers_refusals_and_reads_are_no_runs() {
        let fine = format!(
            "{BEGIN}t5 command c2 \"a\" set_interest own\n\
             t6 command c2 \"b\" set_interest own\n\
             t7 command c2 \"r\" health_check\nt8 command c2 \"q\" health_check\n\
             t9 command c2 \"r\" health_check\nt10 open \"bob\"\n\
             t11 command c10 \"a\" set_interest own\n"
        );
        assert_eq!(look(&fine), None);
    }

    #[test]
    fn what_earlier_rules_let_run_again_is_as_it_was() {
        let old = "t1 boot rules=1 rate=off outcomes_max=1 forgotten_max=0\nt2 open\n\
                   t3 command c2 \"a\" set_interest own\n\
                   t4 command c2 \"b\" set_interest own\n\
                   t5 command c2 \"a\" set_interest own\n";
        assert_eq!(look(old), None);
    }
}
