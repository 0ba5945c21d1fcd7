//! Connections, daemon lives and bounds.

use std::collections::BTreeMap;

use pi_server_core::input::InputKind;
use pi_server_core::output::Output;
use pi_server_core::{ConnId, Input};

use super::ledger::{Agent, Lane, Ledger};
use super::{Rule, order};
use pi_server_core::input::{AgentKind, AgentSaid};

/// What an input says about the world.
pub(super) fn note_input(ledger: &mut Ledger, input: &Input) {
    match &input.kind {
        InputKind::Boot(boot) => {
            ledger.end_life();
            ledger.limits = boot.limits.clone();
            ledger.agents_are_bounded = boot.agent == AgentKind::Pi;
            ledger.alive = true;
        }
        InputKind::Opened(opened) if ledger.alive => {
            ledger.conns.insert(ConnId(input.seq.0), opened.client.clone());
        }
        InputKind::Closed { conn } => {
            ledger.conns.remove(conn);
            ledger.subscriptions.retain(|(who, _)| who != conn);
            for command in ledger.commands.values_mut() {
                command.waiters.retain(|(waiting, _)| waiting != conn);
                if command.owner == Some(*conn) {
                    command.owner = None;
                }
            }
        }
        InputKind::Agent { agent, said } => {
            let Some(known) = ledger.agents.get_mut(agent) else { return };
            match said {
                AgentSaid::Ready(_) if *known == Agent::Spawned => *known = Agent::Up,
                AgentSaid::Exited(_) | AgentSaid::Unavailable { .. } => *known = Agent::Gone,
                AgentSaid::Ready(_)
                | AgentSaid::Replied { .. }
                | AgentSaid::Event(_)
                | AgentSaid::Info(_)
                | AgentSaid::Noise { .. } => {}
            }
        }
        InputKind::Stop => {
            ledger.end_life();
            ledger.alive = false;
        }
        InputKind::Opened(_)
        | InputKind::Command { .. }
        | InputKind::Repeated { .. }
        | InputKind::Malformed { .. }
        | InputKind::Answered { .. }
        | InputKind::Storage { .. }
        | InputKind::Tick
        | InputKind::Wall { .. }
        | InputKind::Indexed { .. }
        | InputKind::Drain => {}
    }
}

/// Section 2.1: a connection takes part from its admission to its end.
pub(super) fn addressee_is_connected(ledger: &Ledger, conn: ConnId) -> Rule {
    if ledger.conns.contains_key(&conn) {
        return Ok(());
    }
    Err(format!("c{conn} is not connected"))
}

/// Section 13: the daemon exits once.
pub(super) fn exits_once(ledger: &mut Ledger) -> Rule {
    if std::mem::replace(&mut ledger.exited, true) {
        return Err("exits twice".into());
    }
    Ok(())
}

/// Nothing is said before a boot or after a stop.
pub(super) fn a_dead_daemon_is_silent(ledger: &Ledger, input: &Input, outputs: &[Output]) -> Rule {
    let stopped = !ledger.alive && input.kind != InputKind::Stop;
    if stopped && !outputs.is_empty() {
        return Err("speaks while it is down".into());
    }
    Ok(())
}

/// Section 12: limits bound what is kept.
pub(super) fn bounds_hold(ledger: &Ledger) -> Rule {
    let limits = &ledger.limits;
    let within = |what: &str, count: usize, max: u64| {
        if u64::try_from(count).unwrap_or(u64::MAX) > max {
            return Err(format!("{count} {what}, at most {max} are allowed"));
        }
        Ok(())
    };
    within("commands in flight", ledger.in_flight.len(), limits.commands_in_flight_max)?;
    within("sessions", ledger.versions.len(), limits.sessions_max)?;
    if ledger.agents_are_bounded {
        within("agents", order::running_agents(ledger), limits.agents_max)?;
    }
    let subscriptions = order::most_subscriptions(ledger);
    within("subscriptions", subscriptions, limits.subscriptions_per_connection_max)?;
    let mut waiting: BTreeMap<&Lane, usize> = BTreeMap::new();
    let mut pending: BTreeMap<ConnId, usize> = BTreeMap::new();
    for command in ledger.in_flight.iter().filter_map(|no| ledger.commands.get(no)) {
        if command.is_waiting() {
            *waiting.entry(&command.lane).or_default() += 1;
        }
        let waiters = command.waiters.iter().map(|(conn, _)| *conn);
        for conn in waiters.chain(command.owner) {
            *pending.entry(conn).or_default() += 1;
        }
    }
    for count in waiting.into_values() {
        within("commands waiting in a lane", count, limits.lane_waiting_max)?;
    }
    for (_, count) in pending.into_iter().filter(|(conn, _)| ledger.conns.contains_key(conn)) {
        within("unanswered requests", count, limits.pending_per_connection_max)?;
    }
    Ok(())
}
