//! Rules of PROTOCOL.md that an onlooker can check after every step, one function each.
//!
//! They know no more than what went in and what came out, so they hold for every implementation.
//! Each names the section that it comes from.

mod agents;
mod answers;
mod ledger;
mod lives;
mod order;

use pi_server_core::input::InputKind;
use pi_server_core::output::{Audience, Output};
use pi_server_core::{Input, State};

use self::ledger::Ledger;

/// A rule that is broken, in words.
pub type Rule = Result<(), String>;

/// The onlooker.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    ledger: Ledger,
}

impl Watch {
    /// Looks at a step. Where the state before it is given, it is compared with.
    ///
    /// # Errors
    /// The rule that does not hold.
    pub fn after(
        &mut self,
        before: Option<&State>,
        input: &Input,
        outputs: &[Output],
        state: &State,
    ) -> Rule {
        lives::note_input(&mut self.ledger, input);
        let mut step = Step::default();
        for output in outputs {
            order::outputs_point_back(input, output)?;
            self.output(input, output, &mut step)?;
            order::note_subscriptions(&mut self.ledger, output);
        }
        order::subscriptions_are_to_sessions(&self.ledger)?;
        if let Some((conn, envelope)) = input.kind.command()
            && !step.accepted
            && !step.refused
        {
            step.waits_for = answers::waits_for(&self.ledger, envelope, conn);
        }
        answers::every_request_is_answered(&self.ledger, input, &step)?;
        answers::nothing_is_left_unanswered(&mut self.ledger)?;
        lives::bounds_hold(&self.ledger)?;
        lives::a_dead_daemon_is_silent(&self.ledger, input, outputs)?;
        self.note_waiter(input, &step);
        if let (Some(before), true) = (before, step.refused) {
            refusal_leaves_no_trace(before, state)?;
        }
        time_goes_on(input, state)
    }

    fn output(&mut self, input: &Input, output: &Output, step: &mut Step) -> Rule {
        match output {
            Output::Deliver { to, frame } => {
                if let Audience::Conn(conn) = to {
                    lives::addressee_is_connected(&self.ledger, *conn)?;
                }
                answers::frame(&mut self.ledger, input, to, frame, step)
            }
            Output::Admit { conn }
            | Output::Subscribe { conn, .. }
            | Output::Unsubscribe { conn, .. }
            | Output::SetInterest { conn, .. } => {
                lives::addressee_is_connected(&self.ledger, *conn)
            }
            Output::Leave { .. } | Output::Unlist { .. } => Ok(()),
            Output::Ask(ask) => agents::ask(&mut self.ledger, ask),
            Output::Query { query, what: _ } => agents::query(&mut self.ledger, *query),
            Output::Exit => lives::exits_once(&mut self.ledger),
        }
    }

    /// A command that was neither accepted nor answered waits for another's outcome.
    fn note_waiter(&mut self, input: &Input, step: &Step) {
        if let (Some((conn, envelope)), Some(no)) = (input.kind.command(), step.waits_for)
            && let Some(command) = self.ledger.commands.get_mut(&no)
        {
            command.waiters.push((conn, envelope.id.clone()));
        }
    }
}

/// What a step has shown so far.
#[derive(Clone, Debug, Default)]
struct Step {
    accepted: bool,
    refused: bool,
    waits_for: Option<pi_server_core::CommandNo>,
    events: u32,
}

/// DESIGN section 2: deadlines are derived from the state; a tick at the deadline does away with it.
fn time_goes_on(input: &Input, state: &State) -> Rule {
    match state.deadline() {
        Some(deadline) if matches!(input.kind, InputKind::Tick) && deadline <= input.at => {
            Err(format!("after the tick the deadline {deadline} is still due"))
        }
        _ => Ok(()),
    }
}

/// Section 6.1: nothing is stored of a refusal or a replay. Counts aside, all that can be looked at
/// is as it was, but for keys that have expired; that nothing else has changed either is what the
/// model finds out.
fn refusal_leaves_no_trace(before: &State, state: &State) -> Rule {
    let same = before.commands().eq(state.commands())
        && before.lanes().eq(state.lanes())
        && before.sessions().eq(state.sessions())
        && before.deadline() == state.deadline()
        && before.metrics().outcomes >= state.metrics().outcomes
        && before.metrics().forgotten == state.metrics().forgotten;
    if same { Ok(()) } else { Err("6.1: a refusal leaves a trace".into()) }
}
