//! How far the journal has been thinned out: `tiers/NNNNNNNN.tier`, of which the newest counts. It
//! saves looking through segments again, and nothing is lost with it.
//!
//! ```text
//! 0 magic │ 8 journal id │ 24 last warm segment u64 │ 32 last cold segment u64 │ 40 CRC32 of 0..40
//! ```

use pi_server_core::record::JournalId;

const MAGIC: [u8; 8] = *b"pi-tier1";
const CRC_AT: usize = 40;
const BYTES: usize = 44;

/// The last segment of each tier; those before it are in it as well, or in a colder one. 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tiers {
    /// Deltas of streams were erased up to here.
    pub warm: u64,
    /// All bodies that nothing needs were erased up to here.
    pub cold: u64,
}

impl Tiers {
    /// The last segment that is not hot.
    pub(super) fn last(self) -> u64 {
        self.warm.max(self.cold)
    }

    pub(super) fn encode(self, journal: JournalId) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..24].copy_from_slice(&journal.0);
        bytes[24..32].copy_from_slice(&self.warm.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.cold.to_le_bytes());
        let sum = crc32fast::hash(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// `None` if the bytes are not those of a file that this journal's daemon has written.
    pub(super) fn parse(bytes: &[u8], journal: JournalId) -> Option<Tiers> {
        let bytes = <&[u8; BYTES]>::try_from(bytes).ok()?;
        let at = |from: usize| Some(u64::from_le_bytes(*bytes.get(from..)?.first_chunk()?));
        let tiers = Tiers { warm: at(24)?, cold: at(32)? };
        (*bytes == tiers.encode(journal)).then_some(tiers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let (tiers, journal) = (Tiers { warm: 300, cold: 7 }, JournalId([5; 16]));
        let good = tiers.encode(journal);
        assert_eq!(Tiers::parse(&good, journal), Some(tiers));
        assert_eq!(Tiers::parse(&good, JournalId([6; 16])), None);
        for at in 0..good.len() {
            let mut bad = good;
            bad[at] ^= 1;
            assert_eq!(Tiers::parse(&bad, journal), None, "byte {at}");
            assert_eq!(Tiers::parse(&good[..at], journal), None, "{at} bytes");
        }
    }
}
