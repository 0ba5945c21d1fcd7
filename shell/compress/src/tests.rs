use pi_server_core::Micros;
use pi_server_core::record::{FORMAT_VERSION, JournalId};

use super::*;

/// A segment with texts as journals have them, and zeros behind.
fn segment(capacity: u32, used: usize) -> Vec<u8> {
    let header = SegmentHeader {
        format: FORMAT_VERSION,
        journal: JournalId([7; 16]),
        number: 3,
        capacity,
        created: Micros(1_700_000_000_000_000),
        key_check: JournalId([7; 16]).genesis(),
    };
    let mut bytes = header.encode().to_vec();
    let mut line = 0_u32;
    while bytes.len() < used {
        let digest = crc32fast::hash(&line.to_le_bytes());
        let text = format!("{{\"type\":\"message_update\",\"n\":{line},\"d\":\"{digest:08x}\"}}");
        bytes.extend_from_slice(text.as_bytes());
        line += 1;
    }
    bytes.resize(usize::try_from(capacity).unwrap(), 0);
    bytes
}

/// Bytes that nothing makes shorter, from the end of the header on.
fn noise(bytes: &mut [u8]) {
    let mut state = 1_u64;
    for byte in &mut bytes[SEGMENT_HEADER_BYTES..] {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *byte = state.to_be_bytes()[0];
    }
}

fn read_all(file: &[u8], at: u64, bytes: &mut [u8]) -> io::Result<()> {
    let mut read = |at: u64, part: &mut [u8]| {
        let at = usize::try_from(at).unwrap();
        let from = file.get(at..).and_then(|from| from.get(..part.len()));
        part.copy_from_slice(from.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    };
    read_part(file.len() as u64, &mut read, at, bytes)
}

fn read_start(file: &[u8], bytes: &mut [u8]) -> Result<u64, Fault> {
    let mut needed = 0;
    loop {
        let front = &file[..needed.min(file.len())];
        match restore_start(front, file.len() as u64, bytes)? {
            Start::Read(length) => return Ok(length),
            Start::More(more) => {
                assert!(more > needed, "{more} after {needed}");
                needed = more;
            }
        }
    }
}

#[test]
fn the_bytes_of_a_segment_come_back_as_they_were() {
    let mut back = b"what was there before".to_vec();
    for capacity in [64 << 10, (64 << 10) + SEGMENT_HEADER_BYTES, 100_000, 300_001, 1 << 20] {
        let capacity = u32::try_from(capacity).unwrap();
        for used in [SEGMENT_HEADER_BYTES, 5_000, 60_000, 90_000] {
            let segment = segment(capacity, used);
            let file = compress(&segment).unwrap().expect("it is shorter");
            assert!(file.len() < used + 8_000, "{} of {used}", file.len());
            assert!(restore(&file, &mut back).unwrap());
            assert!(back == segment, "{capacity} {used}");
        }
    }
}

#[test]
fn what_is_not_shorter_is_left_and_a_block_that_is_not_is_kept_as_it_is() {
    let mut all = segment(200_000, 0);
    noise(&mut all);
    assert_eq!(compress(&all).unwrap(), None);
    all[150_000..].fill(0);
    let file = compress(&all).unwrap().expect("it is shorter");
    let mut back = Vec::new();
    assert!(restore(&file, &mut back).unwrap());
    assert!(back == all);
    assert_eq!(compress(&file), Err(SegmentFault::Version { found: FORMAT_VERSION | COMPRESSED }));
}

#[test]
fn what_is_no_compressed_segment_is_left_to_others() {
    let segment = segment(64 << 10, 9_000);
    let mut back = Vec::new();
    for file in [&segment[..], &segment[..5_000], &segment[..100], &[], &[0; 9_000]] {
        assert_eq!(restore(file, &mut back), Ok(false));
        assert!(back.is_empty());
        let mut start = [0xff; 5_000];
        assert_eq!(read_start(file, &mut start), Ok(file.len() as u64));
        let there = file.len().min(5_000);
        assert!(start[..there] == file[..there] && start[there..].iter().all(|it| *it == 0xff));
        let mut part = vec![0; file.len().min(40)];
        read_all(file, 0, &mut part).unwrap();
        assert_eq!(part, file[..part.len()]);
    }
}

#[test]
fn a_part_is_the_same_part() {
    let segment = segment(300_000, 200_000);
    let file = compress(&segment).unwrap().unwrap();
    for at in [0, 1, 48, 4_095, 4_096, 4_097, 69_631, 69_632, 69_633, 200_000, 299_999] {
        for length in [0, 1, 16, 5_000, 65_536, 65_537, 140_000] {
            let mut part = vec![0; length];
            let read = read_all(&file, at, &mut part);
            let from = usize::try_from(at).unwrap();
            match segment.get(from..from + length) {
                Some(same) => assert!(read.is_ok() && part == same, "{length} at {at}"),
                None => assert_eq!(read.unwrap_err().kind(), io::ErrorKind::UnexpectedEof),
            }
        }
    }
    for length in [0, 1, 4_096, 4_097, 69_632, 69_633, 300_000] {
        let mut start = vec![0; length];
        assert_eq!(read_start(&file, &mut start), Ok(300_000));
        assert!(start == segment[..length], "{length}");
    }
    let mut longer = vec![0; 300_010];
    assert_eq!(read_start(&file, &mut longer), Ok(300_000));
    assert!(longer[..300_000] == segment);
}

#[test]
fn so_much_is_read_for_a_part_and_no_more() {
    let segment = segment(4 << 20, 4 << 20);
    let file = compress(&segment).unwrap().unwrap();
    let mut total = 0;
    let mut read = |at: u64, part: &mut [u8]| {
        total += part.len();
        let at = usize::try_from(at).unwrap();
        part.copy_from_slice(&file[at..at + part.len()]);
        Ok(())
    };
    let mut part = [0; 100];
    read_part(file.len() as u64, &mut read, 2 << 20, &mut part).unwrap();
    assert!(total < 100_000 && file.len() > 400_000, "{total} of {}", file.len());
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let segment = segment(70_000, 12_000);
    let file = compress(&segment).unwrap().unwrap();
    let mut back = Vec::new();
    for at in 0..file.len() {
        // Another one in each byte.
        let bit = at % 8;
        {
            let mut bad = file.clone();
            bad[at] ^= 1 << bit;
            match restore(&bad, &mut back) {
                // Then the header is not good, which is said of every segment.
                Ok(false) => {
                    assert!(at < SEGMENT_HEADER_BYTES, "byte {at}");
                    let fault = SegmentHeader::parse(&bad).unwrap_err();
                    assert_eq!(fault, SegmentFault::CopiesDisagree, "byte {at}");
                }
                Ok(true) => panic!("byte {at} bit {bit} was not missed"),
                Err(fault) => {
                    assert!(at >= SEGMENT_HEADER_BYTES, "byte {at}");
                    let of_block = matches!(fault, Fault::Block { .. });
                    assert_eq!(of_block, at >= layout::START_BYTES + 16, "byte {at}: {fault}");
                    let mut start = [0; 5_000];
                    let read = read_start(&bad, &mut start);
                    assert!(read == Err(fault) || start == segment[..5_000], "byte {at}");
                }
            }
        }
    }
}

#[test]
fn a_damaged_block_is_named_and_the_others_can_be_read() {
    let segment = segment(300_000, 300_000);
    let mut file = compress(&segment).unwrap().unwrap();
    let last = file.len() - 1;
    file[last] ^= 1;
    let mut back = Vec::new();
    let fault = restore(&file, &mut back).unwrap_err();
    let begin = SEGMENT_HEADER_BYTES + 4 * BLOCK_BYTES;
    assert!(matches!(fault, Fault::Block { offset, .. } if offset == begin as u64), "{fault}");
    assert_eq!(fault.offset(), begin);
    assert!(fault.to_string().contains("from 266240 on, at "), "{fault}");
    let error = read_all(&file, 280_000, &mut [0; 10]).unwrap_err();
    assert_eq!(Fault::of(&error), Some(fault));
    let mut part = [0; 100];
    read_all(&file, 200_000, &mut part).unwrap();
    assert!(part == segment[200_000..200_100]);
}

#[test]
fn a_file_that_ends_early_or_late_is_refused() {
    let segment = segment(70_000, 12_000);
    let file = compress(&segment).unwrap().unwrap();
    let mut back = Vec::new();
    for length in SEGMENT_HEADER_BYTES..file.len() {
        restore(&file[..length], &mut back).unwrap_err();
        read_start(&file[..length], &mut [0; 5_000]).unwrap_err();
        read_all(&file[..length], 0, &mut [0; 10]).unwrap_err();
    }
    let longer = [&file[..], &[0]].concat();
    let fault = restore(&longer, &mut back).unwrap_err();
    let (stated, actual) = (file.len() as u64, longer.len() as u64);
    assert_eq!(fault, Fault::FileLength { stated, actual });
}

#[test]
fn a_file_of_which_not_even_the_header_is_whole_is_never_taken_for_a_newer_format() {
    let segment = segment(70_000, 12_000);
    let file = compress(&segment).unwrap().unwrap();
    for length in 0..SEGMENT_HEADER_BYTES {
        // As readers see it that take what is missing for zeros.
        let mut padded = file[..length].to_vec();
        padded.resize(SEGMENT_HEADER_BYTES, 0);
        let header = SegmentHeader::parse_start(&padded, 0);
        let expected = match header {
            Err(SegmentFault::Version { .. }) => Err(Fault::Table),
            _ => Ok(false),
        };
        assert_eq!(restore(&file[..length], &mut Vec::new()), expected, "{length}");
    }
    // The last bytes of the header are zeros.
    let cut = SEGMENT_HEADER_BYTES - 1;
    assert_eq!(restore(&file[..cut], &mut Vec::new()), Err(Fault::Table));
    assert_eq!(read_start(&file[..cut], &mut [0; 100]), Err(Fault::Table));
}

#[test]
fn a_reader_without_this_says_that_the_file_is_newer_and_not_that_it_is_damaged() {
    let file = compress(&segment(64 << 10, 9_000)).unwrap().unwrap();
    let found = SegmentHeader::parse(&file);
    assert_eq!(found, Err(SegmentFault::Version { found: FORMAT_VERSION | COMPRESSED }));
}

#[test]
fn another_form_and_blocks_of_another_size_are_told_apart() {
    let mut file = compress(&segment(64 << 10, 9_000)).unwrap().unwrap();
    file[SEGMENT_HEADER_BYTES] = 2;
    let fault = restore(&file, &mut Vec::new()).unwrap_err();
    assert_eq!(fault, Fault::Version { found: 2 });
    file[SEGMENT_HEADER_BYTES] = 1;
    let too_large = u32::try_from(BLOCK_BYTES_MAX + 1).unwrap();
    file[SEGMENT_HEADER_BYTES + 4..SEGMENT_HEADER_BYTES + 8]
        .copy_from_slice(&too_large.to_le_bytes());
    assert_eq!(restore(&file, &mut Vec::new()), Err(Fault::Table));
}
