//! A circuit breaker on journaled time. PROTOCOL.md section 12.
//!
//! closed --enough failures within the window--> open --its time passes--> half-open: probes;
//! enough of them succeed: closed; one fails: open again.

use super::bump;
use crate::ids::Micros;
use crate::limits::Limits;
use crate::snapshot::layout4;
use alloc::collections::VecDeque;

/// When a breaker opens and closes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thresholds {
    pub(super) failures: u64,
    pub(super) window_ms: u64,
    pub(super) open_ms: u64,
    pub(super) successes: u64,
    pub(super) probes: u64,
}

impl Thresholds {
    pub(super) fn provider(limits: &Limits) -> Thresholds {
        Thresholds {
            failures: limits.provider_failures,
            window_ms: limits.provider_window_ms,
            open_ms: limits.circuit_open_ms,
            successes: limits.circuit_successes,
            probes: limits.circuit_probes,
        }
    }

    pub(super) fn bash(limits: &Limits) -> Thresholds {
        Thresholds {
            failures: limits.bash_failures,
            window_ms: limits.bash_window_ms,
            ..Thresholds::provider(limits)
        }
    }

    pub(super) fn bash_global(limits: &Limits) -> Thresholds {
        Thresholds { failures: limits.bash_global_failures, ..Thresholds::bash(limits) }
    }
}

/// One circuit. Forgets failures that have left the window, so it never holds more than the
/// threshold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Breaker {
    position: Position,
    failures: VecDeque<Micros>,
    /// How often it has begun to let probes through.
    trials: u64,
    pub(super) totals: Totals,
}

/// What a command that passes is to the circuit: a probe of its n-th trial, or nothing special.
/// A probe of a trial that is over says nothing in the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probe(Option<u64>);

/// What a breaker has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) successes: u64,
    pub(super) failures: u64,
    pub(super) refused: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Position {
    #[default]
    Closed,
    Open {
        until: Micros,
    },
    HalfOpen {
        out: u64,
        succeeded: u64,
    },
}

/// How a command that a breaker let through has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Success,
    Failure,
    /// It says nothing about the circuit: cancelled, refused for another reason.
    Nothing,
}

impl Breaker {
    /// Whether a command may pass; otherwise, in how many milliseconds a probe may (`None` while
    /// all probes are out).
    pub(super) fn check(&self, now: Micros, by: Thresholds) -> Result<(), Option<u64>> {
        match self.position {
            Position::Closed => Ok(()),
            Position::Open { until } if now >= until => Ok(()),
            Position::Open { until } => Err(Some(until.0.saturating_sub(now.0).div_ceil(1_000))),
            Position::HalfOpen { out, .. } if out < by.probes => Ok(()),
            Position::HalfOpen { .. } => Err(None),
        }
    }

    /// Notes a command that passes.
    pub(super) fn pass(&mut self) -> Probe {
        match &mut self.position {
            Position::Closed => return Probe(None),
            Position::Open { .. } => {
                bump(&mut self.trials);
                self.position = Position::HalfOpen { out: 1, succeeded: 0 };
            }
            Position::HalfOpen { out, .. } => bump(out),
        }
        Probe(Some(self.trials))
    }

    /// Notes how a command that passed has ended.
    pub(super) fn learn(&mut self, probe: Probe, verdict: Verdict, now: Micros, by: Thresholds) {
        let probes = probe == Probe(Some(self.trials));
        if let Position::HalfOpen { out, .. } = &mut self.position
            && probes
        {
            *out = out.saturating_sub(1);
        }
        match verdict {
            Verdict::Nothing => {}
            Verdict::Success => {
                bump(&mut self.totals.successes);
                if let Position::HalfOpen { succeeded, .. } = &mut self.position
                    && probes
                {
                    bump(succeeded);
                    if *succeeded >= by.successes {
                        self.position = Position::Closed;
                        self.failures.clear();
                    }
                }
            }
            Verdict::Failure => {
                bump(&mut self.totals.failures);
                self.failed(probes, now, by);
            }
        }
    }

    fn failed(&mut self, probes: bool, now: Micros, by: Thresholds) {
        let open = Position::Open { until: now.plus_ms(by.open_ms) };
        match self.position {
            Position::HalfOpen { .. } if probes => self.position = open,
            // A command that passed before the circuit opened tells nothing new.
            Position::HalfOpen { .. } | Position::Open { .. } => {}
            Position::Closed => {
                self.failures.push_back(now);
                while self.failures.front().is_some_and(|at| at.plus_ms(by.window_ms) < now) {
                    self.failures.pop_front();
                }
                if u64::try_from(self.failures.len()).unwrap_or(u64::MAX) >= by.failures {
                    self.position = open;
                    self.failures.clear();
                }
            }
        }
    }

    /// Nothing is out any more: the daemon was restarted.
    pub(super) fn recall(&mut self) {
        if let Position::HalfOpen { out, .. } = &mut self.position {
            *out = 0;
        }
    }

    pub(super) fn is_open(&self, now: Micros) -> bool {
        matches!(self.position, Position::Open { until } if now < until)
    }

    /// `closed`, `open` or `half_open`, as `get_metrics` has it.
    pub(super) fn position_name(&self) -> &'static str {
        match self.position {
            Position::Closed => "closed",
            Position::Open { .. } => "open",
            Position::HalfOpen { .. } => "half_open",
        }
    }
}

impl From<&Breaker> for layout4::Breaker {
    fn from(breaker: &Breaker) -> layout4::Breaker {
        let Breaker { position, failures, trials, totals } = breaker;
        let Totals { successes, failures: failed, refused } = *totals;
        layout4::Breaker {
            position: match *position {
                Position::Closed => layout4::Position::Closed,
                Position::Open { until } => layout4::Position::Open { until },
                Position::HalfOpen { out, succeeded } => {
                    layout4::Position::HalfOpen { out, succeeded }
                }
            },
            failures: failures.iter().copied().collect(),
            trials: *trials,
            successes,
            failed,
            refused,
        }
    }
}

impl From<layout4::Breaker> for Breaker {
    fn from(image: layout4::Breaker) -> Breaker {
        let layout4::Breaker { position, failures, trials, successes, failed, refused } = image;
        Breaker {
            position: match position {
                layout4::Position::Closed => Position::Closed,
                layout4::Position::Open { until } => Position::Open { until },
                layout4::Position::HalfOpen { out, succeeded } => {
                    Position::HalfOpen { out, succeeded }
                }
            },
            failures: failures.into(),
            trials,
            totals: Totals { successes, failures: failed, refused },
        }
    }
}

impl Probe {
    /// The trial that it is a probe of, as a snapshot has it.
    pub(super) fn trial(self) -> Option<u64> {
        self.0
    }

    /// A probe from a snapshot.
    pub(super) fn of_trial(trial: Option<u64>) -> Probe {
        Probe(trial)
    }
}
