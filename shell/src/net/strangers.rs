//! Those who are refused: counted by where they come from, slowed down, and said in the log, in
//! bounded memory and a bounded number of lines.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Sources that are remembered; the one that was quiet longest is forgotten first.
const SOURCES_MAX: usize = 1_024;
/// How long a source must be quiet to be forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// Wrong tokens that are answered at once: somebody has mistyped, or restarted with a new one.
const FREE: u32 = 3;
/// What the answer to the next wrong token waits; twice as long with each.
const FIRST_DELAY: Duration = Duration::from_millis(100);
const DELAY_MAX: Duration = Duration::from_secs(5);
/// Time between two lines about one source.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// All sources.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    sources: BTreeMap<Option<IpAddr>, Source>,
    /// Wrong tokens in this life.
    wrong_tokens: u64,
}

#[derive(Debug)]
struct Source {
    last: Instant,
    wrong_tokens: u32,
    told: Option<Instant>,
    /// Refusals since the log was told.
    untold: u32,
}

impl Strangers {
    /// How long the answer to a wrong token of this source waits. A right one never waits: the
    /// owner's programs come from the same address as everybody else's on this machine.
    pub(super) fn delay(&self, from: Option<IpAddr>, now: Instant) -> Duration {
        let Some(source) = self.sources.get(&from) else { return Duration::ZERO };
        if now.saturating_duration_since(source.last) >= FORGOTTEN_AFTER {
            return Duration::ZERO;
        }
        match source.wrong_tokens.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(over) => FIRST_DELAY.saturating_mul(1 << over.min(16)).min(DELAY_MAX),
        }
    }

    /// Counts a refusal. What the log is to be told, if it is time for that.
    pub(super) fn refused(
        &mut self,
        from: Option<IpAddr>,
        is_wrong_token: bool,
        words: &str,
        now: Instant,
    ) -> Option<String> {
        self.wrong_tokens = self.wrong_tokens.saturating_add(u64::from(is_wrong_token));
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&from) {
            let quiet = self.sources.iter().min_by_key(|(_, source)| source.last);
            if let Some(quiet) = quiet.map(|(from, _)| *from) {
                self.sources.remove(&quiet);
            }
        }
        let fresh = || Source { last: now, wrong_tokens: 0, told: None, untold: 0 };
        let source = self.sources.entry(from).or_insert_with(fresh);
        if now.saturating_duration_since(source.last) >= FORGOTTEN_AFTER {
            *source = fresh();
        }
        source.last = now;
        source.wrong_tokens = source.wrong_tokens.saturating_add(u32::from(is_wrong_token));
        let is_due =
            source.told.is_none_or(|told| now.saturating_duration_since(told) >= TOLD_EVERY);
        if !is_due {
            source.untold = source.untold.saturating_add(1);
            return None;
        }
        source.told = Some(now);
        let from = from.map_or_else(|| "a local client".to_owned(), |address| address.to_string());
        let more = std::mem::take(&mut source.untold);
        let more =
            if more > 0 { format!(" ({more} more since the last line)") } else { String::new() };
        Some(format!("refused {from}: {words}{more}"))
    }

    /// Wrong tokens in this life.
    pub(super) fn wrong_tokens(&self) -> u64 {
        self.wrong_tokens
    }
}

#[cfg(test)]
mod tests;
