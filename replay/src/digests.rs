//! Digests of many short texts at once: docs/decisions/digests-in-bulk.md.
//!
//! BLAKE3 compresses a text block by block, each of which waits for the one before; a processor
//! has room for up to sixteen such rows side by side. The library uses it for the chunks of one
//! long text, but a journal is made of short ones: a chain tag is over 120 bytes, the outputs of a
//! command are 400. So their rows are put side by side here, all blocks but the last: that one has
//! a length of its own and is compressed by itself.

use blake3::IncrementCounter;
use blake3::platform::Platform;
use pi_server_core::Digest;
use pi_server_core::record::digest_encoded;

/// Bytes of a block (BLAKE3, section 2).
const BLOCK_BYTES: usize = 64;
/// Texts up to this many bytes are a single chunk, and so a single row of blocks.
const CHUNK_BYTES: usize = 1_024;
/// Blocks of a chunk.
const CHUNK_BLOCKS: usize = CHUNK_BYTES / BLOCK_BYTES;
/// Texts that are put side by side in one call: as many as the widest processor takes.
const LANES: usize = 16;
/// Bytes of what a row of blocks comes to, before its last block.
const CHAINING_BYTES: usize = 32;
/// Flags of the first block, the last block, and the last block of a whole text (section 2.1).
const CHUNK_START: u8 = 1 << 0;
const CHUNK_END: u8 = 1 << 1;
const ROOT: u8 = 1 << 3;
/// What every row begins with (section 2.2).
const IV: [u32; 8] = [
    0x6A09_E667,
    0xBB67_AE85,
    0x3C6E_F372,
    0xA54F_F53A,
    0x510E_527F,
    0x9B05_688C,
    0x1F83_D9AB,
    0x5BE0_CD19,
];

/// Computes digests. Keeps its memory for the next time.
pub(crate) struct Digests {
    platform: Platform,
    /// Texts by the number of blocks before their last one.
    rows: [Vec<Text>; CHUNK_BLOCKS],
    done: Vec<Digest>,
}

/// Where a text is, and which of all it is.
#[derive(Clone, Copy)]
struct Text {
    index: usize,
    begin: usize,
    end: usize,
}

impl Digests {
    pub(crate) fn new() -> Digests {
        Digests::on(Platform::detect())
    }

    fn on(platform: Platform) -> Digests {
        Digests { platform, rows: Default::default(), done: Vec::new() }
    }

    /// [`digest_encoded`] of each of the texts that lie in `bytes` one after the other, of which
    /// `ends` are the ends: ascending, none behind the end of `bytes`.
    pub(crate) fn of(&mut self, bytes: &[u8], ends: impl IntoIterator<Item = usize>) -> &[Digest] {
        self.done.clear();
        let mut begin = 0;
        for (index, end) in ends.into_iter().enumerate() {
            match end - begin {
                // A single block waits for nobody.
                0..=BLOCK_BYTES => self.done.push(digest_encoded(&bytes[begin..end])),
                length @ ..=CHUNK_BYTES => {
                    self.done.push(Digest::default());
                    self.rows[(length - 1) / BLOCK_BYTES].push(Text { index, begin, end });
                }
                // Longer ones have several rows of their own.
                _ => self.done.push(digest_encoded(&bytes[begin..end])),
            }
            begin = end;
        }
        self.row::<{ BLOCK_BYTES }>(bytes);
        self.row::<{ 2 * BLOCK_BYTES }>(bytes);
        self.row::<{ 3 * BLOCK_BYTES }>(bytes);
        self.row::<{ 4 * BLOCK_BYTES }>(bytes);
        self.row::<{ 5 * BLOCK_BYTES }>(bytes);
        self.row::<{ 6 * BLOCK_BYTES }>(bytes);
        self.row::<{ 7 * BLOCK_BYTES }>(bytes);
        self.row::<{ 8 * BLOCK_BYTES }>(bytes);
        self.row::<{ 9 * BLOCK_BYTES }>(bytes);
        self.row::<{ 10 * BLOCK_BYTES }>(bytes);
        self.row::<{ 11 * BLOCK_BYTES }>(bytes);
        self.row::<{ 12 * BLOCK_BYTES }>(bytes);
        self.row::<{ 13 * BLOCK_BYTES }>(bytes);
        self.row::<{ 14 * BLOCK_BYTES }>(bytes);
        self.row::<{ 15 * BLOCK_BYTES }>(bytes);
        &self.done
    }

    /// The texts that have `N` bytes before their last block.
    fn row<const N: usize>(&mut self, bytes: &[u8]) {
        let mut before = [0; LANES * CHAINING_BYTES];
        for texts in self.rows[N / BLOCK_BYTES].chunks(LANES) {
            let mut lanes = [&[0; N]; LANES];
            for (lane, text) in lanes.iter_mut().zip(texts) {
                *lane = bytes[text.begin..].first_chunk().expect("a text is longer than its row");
            }
            let lanes = &lanes[..texts.len()];
            let no = IncrementCounter::No;
            self.platform.hash_many(lanes, &IV, 0, no, 0, CHUNK_START, 0, &mut before);
            for (chaining, text) in before.chunks_exact(CHAINING_BYTES).zip(texts) {
                let rest = &bytes[text.begin + N..text.end];
                self.done[text.index] = last_block(self.platform, chaining, rest);
            }
        }
        self.rows[N / BLOCK_BYTES].clear();
    }
}

/// The digest of a text of which one block is left.
fn last_block(platform: Platform, chaining: &[u8], rest: &[u8]) -> Digest {
    let mut words = [0; 8];
    for (word, bytes) in words.iter_mut().zip(chaining.as_chunks().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    let mut block = [0; BLOCK_BYTES];
    block[..rest.len()].copy_from_slice(rest);
    let length = u8::try_from(rest.len()).expect("a block has 64 bytes");
    platform.compress_in_place(&mut words, &block, length, 0, CHUNK_END | ROOT);
    let mut digest = [0; 16];
    for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    Digest(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of every length up to three blocks more than a chunk, in an order that mixes them.
    fn texts() -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut ends, mut state) = (Vec::new(), Vec::new(), 1_u32);
        for round in 0..3 * 1_217 {
            let length = round * 700 % 1_217;
            bytes.extend((0..length).map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            }));
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    fn one_by_one(bytes: &[u8], ends: &[usize]) -> Vec<Digest> {
        let begins = [0].into_iter().chain(ends.iter().copied());
        begins.zip(ends).map(|(begin, end)| digest_encoded(&bytes[begin..*end])).collect()
    }

    #[test]
    fn digests_in_bulk_are_those_of_every_single_text_on_this_processor_and_without_its_help() {
        let (bytes, ends) = texts();
        let expected = one_by_one(&bytes, &ends);
        for platform in [Platform::detect(), Platform::portable()] {
            let mut digests = Digests::on(platform);
            assert_eq!(digests.of(&bytes, ends.iter().copied()), expected, "{platform:?}");
            // Its memory holds nothing of the time before.
            let few = &ends[..40];
            assert_eq!(digests.of(&bytes, few.iter().copied()), &expected[..40], "{platform:?}");
            assert_eq!(digests.of(&[], []), [], "{platform:?}");
        }
    }
}
