//! What outputs may point to, and who subscribes to what.

use pi_server_core::output::{Ask, Output};
use pi_server_core::{ConnId, Input, Seq, Text};

use super::Rule;
use super::ledger::{Agent, Ledger};

/// Section 10.1: an output leaves when its input is durable, and so is all that it points to: nothing
/// that it is made of comes from a later input.
pub(super) fn outputs_point_back(input: &Input, output: &Output) -> Rule {
    let newest = match output {
        Output::Deliver { frame, .. } => frame.body().map(|body| body.seq),
        Output::Ask(Ask::Call { frame, .. } | Ask::Dialog { answer: Some(frame), .. }) => {
            Some(frame.seq)
        }
        Output::Query { query, .. } => Some(Seq(query.0)),
        Output::Ask(
            Ask::Spawn { .. } | Ask::Dialog { .. } | Ask::Interrupt { .. } | Ask::Kill { .. },
        )
        | Output::Admit { .. }
        | Output::Leave { .. }
        // A client may name a cursor of its own making: section 8.5.
        | Output::Subscribe { .. }
        | Output::Unsubscribe { .. }
        | Output::Unlist { .. }
        | Output::SetInterest { .. }
        | Output::Exit => None,
    };
    match newest {
        Some(newest) if newest > input.seq => {
            Err(format!("10.1: {output} points to {newest}, which is not written yet"))
        }
        _ => Ok(()),
    }
}

/// Section 8.5: who gets events, as the outputs say it.
pub(super) fn note_subscriptions(ledger: &mut Ledger, output: &Output) {
    match output {
        Output::Subscribe { conn, session, .. } => {
            ledger.subscriptions.insert((*conn, session.clone()));
        }
        Output::Unsubscribe { conn, session } => {
            ledger.subscriptions.remove(&(*conn, session.clone()));
        }
        Output::Unlist { session } => ledger.subscriptions.retain(|(_, of)| of != session),
        Output::Leave { conn } => ledger.subscriptions.retain(|(who, _)| who != conn),
        _ => {}
    }
}

/// Section 8.5: only what exists can be subscribed to, and a session that ends ends it.
pub(super) fn subscriptions_are_to_sessions(ledger: &Ledger) -> Rule {
    let lost = ledger.subscriptions.iter().find(|(_, of)| !ledger.versions.contains_key(of));
    lost.map_or(Ok(()), |(conn, of)| {
        Err(format!("8.5: c{conn} is subscribed to {of}, which is gone"))
    })
}

/// Section 12: subscriptions of a connection.
pub(super) fn most_subscriptions(ledger: &Ledger) -> usize {
    let of = |conn: &ConnId| ledger.subscriptions.iter().filter(|(who, _)| who == conn).count();
    ledger.conns.keys().map(of).max().unwrap_or(0)
}

/// Section 7.6: agents that run. Those that were told to go count as well, unless their session is
/// deleted, which an onlooker cannot tell of all of them: so they are left out.
pub(super) fn running_agents(ledger: &Ledger) -> usize {
    let runs = |agent: &&Agent| matches!(agent, Agent::Spawned | Agent::Up);
    ledger.agents.values().filter(runs).count()
}

/// A subscription: who, and to what.
pub(super) type Subscription = (ConnId, Text);
