//! Wall-clock time of the demo agent's messages, derived from the loop's monotonic time.

use std::time::{Duration, Instant};

/// Ties monotonic time to the calendar once, so that one run's timestamps never go back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calendar {
    instant: Instant,
    since_epoch: Duration,
}

impl Calendar {
    /// Takes `instant`, so long after the Unix epoch, for the reference.
    pub(super) fn at(instant: Instant, since_epoch: Duration) -> Calendar {
        Calendar { instant, since_epoch }
    }

    /// Milliseconds since the epoch.
    pub(super) fn ms(&self, now: Instant) -> u64 {
        let at = self.since_epoch + now.saturating_duration_since(self.instant);
        u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A timestamp as session files have it, e.g. `2026-11-22T19:42:59.251Z`.
pub(super) fn iso(ms: u64) -> String {
    let (days, ms_of_day) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = civil(days);
    let (hours, minutes) = (ms_of_day / 3_600_000, ms_of_day / 60_000 % 60);
    let (seconds, millis) = (ms_of_day / 1_000 % 60, ms_of_day % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z")
}

/// The date of a day since 1970-01-01, after Hinnant's `civil_from_days`.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}
