//! What agents and the shell are asked for.

use pi_server_core::output::Ask;
use pi_server_core::{AgentNo, CommandNo};

use super::Rule;
use super::ledger::{Agent, Command, Ledger};

/// Section 7.2 and DESIGN section 4: calls go to agents that are up, each once, or
/// once more when the agent is gone that was given it first: section 7.4.
pub(super) fn ask(ledger: &mut Ledger, ask: &Ask) -> Rule {
    match ask {
        Ask::Spawn { agent, .. } => match ledger.agents.insert(*agent, Agent::Spawned) {
            None => Ok(()),
            Some(_) => Err(format!("a{agent} is spawned twice")),
        },
        Ask::Call { agent, call, kind: _, frame } => {
            is(ledger, *agent, &[Agent::Up])?;
            let command = ledger.commands.get(call).ok_or(format!("#{call} is no command"))?;
            if command.outcome.is_some() {
                return Err(format!("#{call} is called after its end"));
            }
            if frame.seq.0 != call.0 {
                return Err(format!("#{call} is called with the frame of #{}", frame.seq));
            }
            let dependencies = command.dependencies.clone();
            dependencies_have_succeeded(ledger, *call, &dependencies)?;
            let (agents, earlier) = (&ledger.agents, ledger.called.entry(*call).or_default());
            let gone = |first: &AgentNo| agents.get(first) == Some(&Agent::Gone);
            if earlier.len() > 1 || !earlier.iter().all(gone) {
                return Err(format!("#{call} is called again"));
            }
            earlier.push(*agent);
            Ok(())
        }
        Ask::Interrupt { agent, .. } | Ask::Dialog { agent, .. } => {
            is(ledger, *agent, &[Agent::Up])
        }
        Ask::Kill { agent } => {
            is(ledger, *agent, &[Agent::Spawned, Agent::Up])?;
            ledger.agents.insert(*agent, Agent::Killed);
            Ok(())
        }
    }
}

/// A look-up is asked for once in a daemon life, for a command in flight.
pub(super) fn query(ledger: &mut Ledger, query: CommandNo) -> Rule {
    if !ledger.in_flight.contains(&query) {
        return Err(format!("a look-up for #{query}, which is not in flight"));
    }
    if !ledger.queried.insert(query) {
        return Err(format!("a second look-up for #{query}"));
    }
    Ok(())
}

/// Section 6.4: a command is ready when all of its dependencies have succeeded.
pub(super) fn dependencies_have_succeeded(
    ledger: &Ledger,
    no: CommandNo,
    dependencies: &[CommandNo],
) -> Rule {
    for dependency in dependencies {
        if !ledger.commands.get(dependency).is_some_and(Command::has_succeeded) {
            return Err(format!("#{no} starts before #{dependency} has succeeded"));
        }
    }
    Ok(())
}

fn is(ledger: &Ledger, agent: AgentNo, wanted: &[Agent]) -> Rule {
    match ledger.agents.get(&agent) {
        Some(known) if wanted.contains(known) => Ok(()),
        Some(known) => Err(format!("a{agent} is asked while it is {known:?}")),
        None => Err(format!("a{agent} is asked but was never spawned")),
    }
}
