//! Compressed segments that were bitten, some of them with checksums made right again: reading one
//! never panics, and gives back what was compressed or says that it is damaged.

use pi_server_compress::{Start, compress, restore, restore_start};
use pi_server_core::record::{SEGMENT_BYTES_MIN, SEGMENT_HEADER_BYTES, SegmentHeader};

use super::journal::{JOURNALS, bite, written};
use crate::entropy::Entropy;

/// Most bites.
const BITES_MAX: usize = 12;
/// Where the number of blocks is, the checksum of header and table, and the table.
const COUNT_AT: usize = SEGMENT_HEADER_BYTES + 8;
const SUM_AT: usize = SEGMENT_HEADER_BYTES + 12;
const TABLE_AT: usize = SEGMENT_HEADER_BYTES + 16;
const ENTRY_BYTES: usize = 8;

/// Bites a compressed segment where the bytes say, and reads it.
///
/// # Panics
/// What is read is not what was compressed, though no checksum was made anew.
pub fn compressed_reader(bytes: &[u8]) {
    let mut entropy = Entropy::Bytes(bytes);
    let index = usize::try_from(entropy.below(JOURNALS as u64)).unwrap_or(0);
    let segment = &written(index).bytes;
    let file = compress(segment).expect("a segment").expect("it is mostly zeros");
    let (mut bitten, is_forged) = (file.clone(), entropy.below(2) == 1);
    for _ in 0..BITES_MAX {
        if entropy.is_dry() {
            break;
        }
        bite(&mut bitten, &mut entropy);
    }
    if is_forged {
        forge(&mut bitten);
    }
    let mut restored = Vec::new();
    let read = restore(&bitten, &mut restored);
    let mut start = [0; SEGMENT_HEADER_BYTES + 500];
    let begins = read_start(&bitten, &mut start);
    match read {
        Ok(true) if is_forged => {
            assert_eq!(restored.len() as u64, u64::from(SEGMENT_BYTES_MIN), "the header says so");
            assert!(begins.is_some() && restored.starts_with(&start), "both are of the same bytes");
        }
        Ok(true) => assert!(restored == *segment, "what is read was not written"),
        Ok(false) => assert!(SegmentHeader::parse(&bitten).is_err(), "it is no segment either"),
        Err(_) => assert!(bitten != file, "nobody bit it"),
    }
}

/// The start of a segment, as whoever reads no more of it gets it.
fn read_start(file: &[u8], start: &mut [u8]) -> Option<u64> {
    let mut front = 0;
    loop {
        match restore_start(&file[..front.min(file.len())], file.len() as u64, start) {
            Ok(Start::Read(length)) => return Some(length),
            Ok(Start::More(more)) if more > front => front = more,
            Ok(Start::More(more)) => panic!("{more} bytes are wanted, {front} were given"),
            Err(_) => return None,
        }
    }
}

/// Makes the checksums of table and blocks right, if the table makes sense.
fn forge(file: &mut [u8]) {
    let word = |file: &[u8], at: usize| {
        let word = file.get(at..)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*word)).ok()
    };
    let Some(count) = word(file, COUNT_AT) else { return };
    let Some(table_end) = count.checked_mul(ENTRY_BYTES).and_then(|it| it.checked_add(TABLE_AT))
    else {
        return;
    };
    if table_end > file.len() {
        return;
    }
    let mut at = table_end;
    for entry in (TABLE_AT..table_end).step_by(ENTRY_BYTES) {
        let Some(stored) = word(file, entry) else { return };
        let Some(block) = at.checked_add(stored).and_then(|end| file.get(at..end)) else { return };
        let sum = crc32fast::hash(block).to_le_bytes();
        file[entry + 4..entry + ENTRY_BYTES].copy_from_slice(&sum);
        at += stored;
    }
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&file[..SUM_AT]);
    hasher.update(&file[TABLE_AT..table_end]);
    file[SUM_AT..TABLE_AT].copy_from_slice(&hasher.finalize().to_le_bytes());
}
