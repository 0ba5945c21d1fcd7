//! File descriptors: how many this process may have, and who gets them. What must not fail (journal,
//! agents, look-ups) has a reserve; clients share the rest, and are refused before the reserve is
//! touched.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors of the daemon itself: event queue, signals, listeners, locks, segments, `HEAD`, files
/// that the keeper and look-ups open, standard streams.
const OWN: u64 = 64;
/// Descriptors of an agent: three pipes and its process.
const PER_AGENT: u64 = 4;
/// More of them while an agent is started.
const PER_START: u64 = 8;
/// Sockets of each listener that have not been let in, or are about to close.
const STRANGERS_MAX: u64 = 256;
const STRANGERS_MIN: u64 = 4;

/// The soft limit that this process was given.
static GIVEN: OnceLock<u64> = OnceLock::new();

/// What clients may have of the descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// Clients that are in.
    pub(crate) connections: u64,
    /// Sockets of each listener that are not in.
    pub(crate) strangers: u64,
}

/// Descriptors for so many connections and agents.
fn wanted(connections: u64, agents: u64) -> u64 {
    reserve(agents).saturating_add(connections).saturating_add(2 * STRANGERS_MAX)
}

fn reserve(agents: u64) -> u64 {
    OWN + if agents == 0 { 0 } else { agents.saturating_mul(PER_AGENT).saturating_add(PER_START) }
}

/// Raises the limit of this process to what so many connections and agents need, as far as the hard
/// limit allows. Returns the limit that holds from here on.
pub(crate) fn raise(connections: u64, agents: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let (soft, hard) = (current.unwrap_or(u64::MAX), maximum.unwrap_or(u64::MAX));
    GIVEN.get_or_init(|| soft);
    let target = wanted(connections, agents).clamp(soft, hard.max(soft));
    if target == soft {
        return soft;
    }
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(target), maximum });
    if raised.is_ok() { target } else { soft }
}

/// Gives this process the soft limit again that the daemon was given: programs that know only
/// `select`, or close every descriptor that there could be, do not expect a larger one.
pub(crate) fn restore(soft: u64) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = Some(maximum.map_or(soft, |maximum| soft.min(maximum)));
    // An agent with a larger limit is better than none.
    let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
}

/// The soft limit that this process was given, if [`raise`] was called.
pub(crate) fn given() -> Option<u64> {
    GIVEN.get().copied()
}

/// Divides `limit` descriptors. Half of them at most, or what the daemon itself needs, is kept from
/// clients; one client always gets in.
pub(crate) fn divide(limit: u64, connections: u64, agents: u64) -> Share {
    let floor = OWN.min(limit.saturating_sub(4 * STRANGERS_MIN));
    let reserved = reserve(agents).min(floor.max(limit / 2));
    let left = limit.saturating_sub(reserved);
    let strangers = (left / 8).clamp(STRANGERS_MIN, STRANGERS_MAX);
    let connections = left.saturating_sub(2 * strangers).min(connections).max(1);
    Share { connections, strangers }
}

#[cfg(test)]
mod tests;
