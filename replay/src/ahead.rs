//! Chain tags of a segment, computed for many records ahead.
//!
//! A record's tag covers the tag before it, so tags must be made one after the other; but they can
//! be checked in any order, since each record says its own.

use std::collections::VecDeque;

use pi_server_core::Digest;
use pi_server_core::record::{Record, record_again};

use crate::digests::Digests;

/// Records to look ahead.
const RECORDS_MAX: usize = 256;
/// An input of more bytes is not looked at ahead: damage can make any number out of a length.
const INPUT_BYTES_MAX: usize = 4 << 10;

/// Computes tags. Keeps its memory for the next segment.
pub(crate) struct Ahead {
    digests: Digests,
    /// What lies ahead, the next record first.
    known: VecDeque<Known>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// The tag that the record at an offset must have after one with the tag `before`.
#[derive(Clone, Copy)]
struct Known {
    offset: usize,
    before: Digest,
    tag: Digest,
}

impl Ahead {
    pub(crate) fn new() -> Ahead {
        let (known, bytes, ends) = (VecDeque::new(), Vec::new(), Vec::new());
        Ahead { digests: Digests::new(), known, bytes, ends }
    }

    /// To be called before the first record of another segment.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
    }

    /// The tag that this record of a segment must have after one with the tag `before`.
    pub(crate) fn tag(&mut self, segment: &[u8], before: Digest, record: &Record<'_>) -> Digest {
        if self.known.is_empty() {
            self.look(segment, before, record.offset);
        }
        match self.known.pop_front() {
            Some(next) if next.offset == record.offset && next.before == before => next.tag,
            Some(_) | None => {
                self.clear();
                record.header.chain(before, record.input)
            }
        }
    }

    /// Looks at the records from an offset on, which nobody has checked yet.
    fn look(&mut self, segment: &[u8], before: Digest, offset: usize) {
        self.bytes.clear();
        self.ends.clear();
        let (mut before, mut offset) = (before, offset);
        while self.known.len() < RECORDS_MAX
            && let Some(record) = record_again(segment, offset)
            && record.input.len() <= INPUT_BYTES_MAX
        {
            record.header.append_chained(before, record.input, &mut self.bytes);
            self.ends.push(self.bytes.len());
            self.known.push_back(Known { offset, before, tag: Digest::default() });
            (before, offset) = (record.header.tag, record.end());
        }
        let tags = self.digests.of(&self.bytes, self.ends.iter().copied());
        self.known.iter_mut().zip(tags).for_each(|(known, tag)| known.tag = *tag);
    }
}

#[cfg(test)]
mod tests {
    use pi_server_core::record::{Framer, Header, JournalId, RECORD_STEP, RecordKind, record_at};
    use pi_server_core::{Micros, Seq};

    use super::*;

    /// A row of records with inputs of many lengths, and where each begins.
    fn segment() -> (Framer, Vec<u8>, Vec<usize>) {
        let framer = Framer::new(JournalId([7; 16]));
        let (mut bytes, mut offsets) = (Vec::new(), Vec::new());
        for number in 0..1_000_u16 {
            let length = if number % 300 == 299 { 5_000 } else { number * 37 % 500 };
            let [low, high] = number.to_le_bytes();
            let input = [low].repeat(usize::from(length));
            let header = Header {
                kind: RecordKind::Input,
                erased: number % 5 == 0,
                redacted: number % 7 == 0,
                seq: Seq(u64::from(number)),
                at: Micros(u64::from(number) * 1_000),
                outputs: Digest([high; 16]),
                input_len: length.into(),
                body_len: 3,
                body_digest: Digest([low; 16]),
                body_crc: if number % 5 == 0 { 0 } else { crc32fast::hash(b"abc") },
                tag: Digest([low ^ high; 16]),
            };
            offsets.push(bytes.len());
            bytes.extend(framer.header(&header, &input));
            bytes.extend(input);
            bytes.extend(b"abc");
            bytes.resize(bytes.len().next_multiple_of(RECORD_STEP), 0);
        }
        (framer, bytes, offsets)
    }

    #[test]
    fn a_tag_is_the_same_whether_it_was_computed_ahead_or_not() {
        let (framer, bytes, offsets) = segment();
        let mut ahead = Ahead::new();
        let mut before = Digest([1; 16]);
        let mut foreseen = 0;
        for offset in &offsets {
            let record = record_at(&framer, &bytes, *offset).expect("it was written there");
            let tag = ahead.tag(&bytes, before, &record);
            assert_eq!(tag, record.header.chain(before, record.input), "{offset}");
            foreseen += usize::from(!ahead.known.is_empty());
            before = record.header.tag;
        }
        assert!(foreseen > 900, "{foreseen} of {}", offsets.len());
    }

    #[test]
    fn a_record_that_was_not_foreseen_has_its_own_tag() {
        let (framer, bytes, offsets) = segment();
        let mut ahead = Ahead::new();
        let mut before = Digest([1; 16]);
        for (number, offset) in offsets.iter().enumerate() {
            // One is left out now and then, and one follows another than was foreseen.
            if number % 7 == 3 {
                continue;
            }
            before.0[0] ^= u8::from(number % 5 == 2);
            let record = record_at(&framer, &bytes, *offset).expect("it was written there");
            let tag = ahead.tag(&bytes, before, &record);
            assert_eq!(tag, record.header.chain(before, record.input), "{offset}");
            before = record.header.tag;
        }
    }
}
