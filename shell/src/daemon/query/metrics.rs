//! `get_metrics`: the keys of protocol 1.0 as far as the thing exists, and ours beside them.
//! PROTOCOL.md section 5.3.

use serde_json::{Value, json};

use super::super::keeper::Report;
use super::super::machine::Machine;

/// What the loop counts about itself, since its start.
#[derive(Clone, Debug, Default)]
pub(in crate::daemon) struct LoopStats {
    /// Turns that had something to do.
    pub(in crate::daemon) turns: u64,
    /// Inputs of the turn that had most of them.
    pub(in crate::daemon) inputs_per_turn_max: u64,
    /// The longest turn, in microseconds, waiting apart.
    pub(in crate::daemon) turn_max_us: u64,
    /// The newest turn, in microseconds.
    pub(in crate::daemon) turn_last_us: u64,
    /// Connections.
    pub(in crate::daemon) links: u64,
    /// Connections that lag behind and have room for what they missed.
    pub(in crate::daemon) links_lagging: u64,
    /// Wrong tokens that clients have shown.
    pub(in crate::daemon) wrong_tokens: u64,
    /// What the keeper has done.
    pub(in crate::daemon) keeper: Report,
}

impl LoopStats {
    /// A turn took in this many inputs and this many microseconds.
    pub(in crate::daemon) fn count(&mut self, inputs: u64, us: u64) {
        self.turns = self.turns.saturating_add(1);
        self.inputs_per_turn_max = self.inputs_per_turn_max.max(inputs);
        self.turn_max_us = self.turn_max_us.max(us);
        self.turn_last_us = us;
    }
}

/// The `data` of the response.
pub(super) fn render(machine: &Machine, stats: &LoopStats, journal_path: &str) -> Value {
    let limits = machine.state().limits();
    let core = machine.state().metrics();
    let circuits: Vec<Value> = core
        .circuits
        .iter()
        .map(|(name, position, successes, failures, refused)| {
            json!({
                "providerName": &**name, "state": position, "totalSuccesses": successes,
                "totalFailures": failures, "totalRejected": refused,
            })
        })
        .collect();
    json!({
        "sessionCount": core.sessions,
        "connectionCount": core.connections,
        "totalCommandsExecuted": core.admitted,
        "commandsRejected": {
            "rateLimit": core.rate_limited,
            "malformed": core.malformed,
            "refused": core.refused,
        },
        "wrongTokens": stats.wrong_tokens,
        // Nothing is registered twice here; a client of protocol 1.0 may read it.
        "doubleUnregisterErrors": 0,
        "commands": {
            "inFlight": core.in_flight,
            "succeeded": core.succeeded,
            "failed": core.failed,
            "replayed": core.replayed,
            "unknownOutcomes": core.unknown_outcomes,
        },
        "agents": {
            "alive": core.agents,
            "waiting": core.agents_wanted,
            "events": core.events,
            "noiseLines": core.agent_noise,
        },
        "stores": {
            "replay": {
                "inFlightCount": core.in_flight,
                "outcomeCount": core.outcomes,
                "forgottenCount": core.forgotten,
                "unindexedCount": core.unindexed,
                "idempotencyCacheSize": core.idempotency_keys,
                "maxInFlightCommands": limits.commands_in_flight_max,
                "maxCommandOutcomes": limits.outcomes_max,
            },
            "version": { "sessionCount": core.sessions },
            "execution": { "laneCount": core.lanes },
            "extensionUI": {
                "pendingCount": core.dialogs,
                "maxPendingRequests": limits.dialogs_max,
            },
            "journal": journal(machine, &stats.keeper, journal_path),
        },
        "circuitBreakers": circuits,
        "loop": {
            "inputs": core.inputs,
            "impossibleInputs": core.impossible,
            "turns": stats.turns,
            "inputsPerTurnMax": stats.inputs_per_turn_max,
            "turnMaxUs": stats.turn_max_us,
            "turnLastUs": stats.turn_last_us,
            "links": stats.links,
            "linksLagging": stats.links_lagging,
        },
    })
}

fn journal(machine: &Machine, keeper: &Report, journal_path: &str) -> Value {
    let journal = machine.journal();
    json!({
        "enabled": true,
        "initialized": true,
        "journalPath": journal_path,
        "schemaVersion": 1,
        "lastSeq": journal.last_seq().0,
        "durableSeq": journal.durable().seq().0,
        "writable": journal.writable(),
        "firstSeq": journal.first_seq().0,
        "verifiedSeq": keeper.verified.0,
        "snapshotSeq": keeper.snapshot.map(|seq| seq.0),
        "divergences": keeper.divergences,
        "keeperFailures": keeper.failures,
        "keptByDoubt": keeper.kept_by_doubt,
        "keeperBehind": keeper.behind,
        "retainFloorBytes": keeper.floor,
    })
}
