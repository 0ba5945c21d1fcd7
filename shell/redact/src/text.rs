//! The mark in the place of what was taken out.

/// Stands in the place of what was taken out.
pub const MARK: &str = "[redacted]";
