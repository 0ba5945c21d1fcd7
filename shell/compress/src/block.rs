//! Single blocks, for files other than segments: LZ4, or as they are where that is not shorter. What
//! they are stored in has the checksums and says how long each is.

/// The form of a block in which it takes the least room.
pub fn pack_block(block: &[u8]) -> Vec<u8> {
    let packed = lz4_flex::block::compress(block);
    if packed.len() < block.len() { packed } else { block.to_vec() }
}

/// The bytes of a block of this length, of what [`pack_block`] has made of it; `None` if it has made
/// nothing like that.
pub fn unpack_block(stored: Vec<u8>, length: usize) -> Option<Vec<u8>> {
    if stored.len() == length {
        return Some(stored);
    }
    let mut block = vec![0; length];
    let there = lz4_flex::block::decompress_into(&stored, &mut block).ok()?;
    (there == length).then_some(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_comes_back_and_never_takes_more_room_than_it_has() {
        let mut number = 1_u32;
        let mut next = || {
            number = number.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
            number.to_le_bytes()[3]
        };
        let noise: Vec<u8> = (0..3_000).map(|_| next()).collect();
        for block in [Vec::new(), vec![7], vec![7; 5_000], noise] {
            let packed = pack_block(&block);
            assert!(packed.len() <= block.len());
            assert_eq!(unpack_block(packed.clone(), block.len()), Some(block.clone()));
            assert_ne!(unpack_block(packed, block.len() + 1), Some(block));
        }
        assert_eq!(unpack_block(vec![0xff; 9], 4_000), None);
    }
}
