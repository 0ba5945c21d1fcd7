//! Where a generated run takes its choices from: a seed, or the bytes of a fuzzer.

use arbitrary::Unstructured;

/// A source of choices. The same source gives the same run.
#[derive(Clone, Debug)]
pub enum Entropy<'a> {
    /// `SplitMix64` from a seed; never runs dry.
    Seed(u64),
    /// Bytes from a fuzzer; a run ends when they are used up.
    Bytes(&'a [u8]),
}

impl Entropy<'_> {
    /// Whether there is nothing left to choose with.
    pub fn is_dry(&self) -> bool {
        match self {
            Entropy::Seed(_) => false,
            Entropy::Bytes(bytes) => bytes.is_empty(),
        }
    }

    /// A number below `bound`; 0 if `bound` is 0 or the source is dry.
    ///
    /// Of fuzzer bytes, as few are taken as the bound needs, so that a mutation of one byte is a
    /// mutation of one choice.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound <= 1 {
            return 0;
        }
        match self {
            Entropy::Seed(state) => splitmix(state) % bound,
            Entropy::Bytes(bytes) => {
                let mut source = Unstructured::new(bytes);
                let number = source.int_in_range(0..=bound - 1).unwrap_or(0);
                *bytes = source.take_rest();
                number
            }
        }
    }

    /// True once in `times`, on average.
    pub fn once_in(&mut self, times: u64) -> bool {
        // A dry source gives 0, and what is rare should not happen then.
        self.below(times) + 1 == times
    }

    /// One of a slice.
    ///
    /// # Panics
    /// The slice is empty.
    pub fn pick<'s, T>(&mut self, from: &'s [T]) -> &'s T {
        let index = self.below(u64::try_from(from.len()).unwrap_or(u64::MAX));
        &from[usize::try_from(index).unwrap_or(0)]
    }

    /// An index into `weights`, chosen in proportion; 0 if all are 0.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let sum = weights.iter().map(|weight| u64::from(*weight)).sum();
        let mut left = self.below(sum);
        for (index, weight) in weights.iter().enumerate() {
            if left < u64::from(*weight) {
                return index;
            }
            left -= u64::from(*weight);
        }
        0
    }
}

/// One step of `SplitMix64` (Steele, Lea, Flood 2014).
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
