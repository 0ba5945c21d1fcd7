//! A token bucket in integer arithmetic on journaled time. PROTOCOL.md section 12.

use crate::ids::Micros;
use crate::snapshot::layout4;

/// A token is a million parts, so that one microsecond at one token per second is one part.
const PARTS: u64 = 1_000_000;

/// How fast a bucket fills and how much it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Tokens the bucket holds.
    pub(super) burst: u64,
    /// Tokens it regains per second.
    pub(super) per_second: u64,
}

/// A bucket. A new one is full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TokenBucket {
    /// Parts that were missing from a full bucket at `at`.
    missing: u64,
    at: Micros,
}

impl TokenBucket {
    /// Whether a token can be taken; otherwise, in how many milliseconds.
    pub(super) fn check(&self, now: Micros, rate: Rate) -> Result<(), u64> {
        let room = rate.burst.saturating_mul(PARTS);
        let needed = self.missing_at(now, rate).saturating_add(PARTS);
        if needed <= room {
            return Ok(());
        }
        let parts_per_ms = rate.per_second.saturating_mul(1_000).max(1);
        Err(needed.saturating_sub(room).div_ceil(parts_per_ms))
    }

    /// Takes a token that [`TokenBucket::check`] found.
    pub(super) fn take(&mut self, now: Micros, rate: Rate) {
        self.missing = self.missing_at(now, rate).saturating_add(PARTS);
        self.at = now;
    }

    fn missing_at(&self, now: Micros, rate: Rate) -> u64 {
        let elapsed = now.0.saturating_sub(self.at.0);
        self.missing.saturating_sub(elapsed.saturating_mul(rate.per_second))
    }
}

impl From<&TokenBucket> for layout4::Bucket {
    fn from(bucket: &TokenBucket) -> layout4::Bucket {
        layout4::Bucket { missing: bucket.missing, at: bucket.at }
    }
}

impl From<layout4::Bucket> for TokenBucket {
    fn from(image: layout4::Bucket) -> TokenBucket {
        TokenBucket { missing: image.missing, at: image.at }
    }
}
