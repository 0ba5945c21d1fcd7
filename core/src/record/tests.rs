//! The journal's bytes under every single fault, and the table of torn and damaged.

extern crate std;

use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use std::println;

use super::*;
use crate::command::CommandKind;
use crate::frame::{Data, Frame, Outcome, Phase};
use crate::ids::{CommandNo, ConnId, Digest, Micros, Seq};
use crate::input::{Details, Envelope, Input, InputKind};
use crate::output::{Audience, Output};

mod evidence;

const CAPACITY: usize = 4096 + 2048;
const ID: JournalId = JournalId([7; 16]);

/// Writes journals in memory, as the shell does on disk.
struct Writer {
    segments: Vec<Vec<u8>>,
    cursor: Cursor,
    offset: usize,
    secret: Secret,
    inputs: Vec<(Input, Vec<u8>)>,
    /// Where each record is: segment, offset, length without padding.
    records: Vec<(usize, usize, usize)>,
}

impl Writer {
    fn new() -> Writer {
        let mut writer = Writer {
            segments: Vec::new(),
            cursor: Cursor::start(ID),
            offset: 0,
            secret: Secret::new([9; 32]),
            inputs: Vec::new(),
            records: Vec::new(),
        };
        writer.begin();
        writer
    }

    fn blank(&self, number: u64) -> Vec<u8> {
        let header = SegmentHeader {
            format: FORMAT_VERSION,
            journal: ID,
            number,
            capacity: u32::try_from(CAPACITY).unwrap(),
            created: Micros(1),
            key_check: ID.key_check(&self.secret),
        };
        let mut bytes = header.encode().to_vec();
        bytes.resize(CAPACITY, 0);
        bytes
    }

    fn begin(&mut self) {
        let segment = self.cursor.segment + 1;
        self.segments.push(self.blank(segment));
        self.offset = SEGMENT_HEADER_BYTES;
        let Cursor { tag: before, epoch, commit, .. } = self.cursor;
        self.mark(&Mark::Begin(Begin { segment, before, epoch, commit }));
    }

    fn roll(&mut self) {
        self.mark(&Mark::Seal(Seal { next: self.cursor.segment + 1 }));
        self.begin();
    }

    fn input(&mut self, body: &[u8]) {
        let seq = Seq(self.cursor.seq.0 + 1);
        let kind = InputKind::Closed { conn: ConnId(seq.0) };
        let mut encoded = Vec::new();
        encode_kind(&kind, &mut encoded).unwrap();
        let header = self.fields(RecordKind::Input, seq, &encoded, body);
        self.inputs
            .push((Input { seq, at: header.at, body: header.body_ref(), kind }, body.to_vec()));
        self.put(header, None, &encoded, body);
    }

    fn commit(&mut self, durable_upto: u64) {
        let mark = Mark::Commit(Commit {
            number: self.cursor.commit + 1,
            epoch: self.cursor.epoch,
            durable_upto: Seq(durable_upto),
            journal: ID,
        });
        self.mark(&mark);
    }

    fn mark(&mut self, mark: &Mark) {
        mark.with_bytes(|bytes| {
            let header = self.fields(mark.kind(), self.cursor.seq, bytes, &[]);
            self.put(header, Some(mark), bytes, &[]);
        });
    }

    fn fields(&self, kind: RecordKind, seq: Seq, input: &[u8], body: &[u8]) -> Header {
        Header {
            kind,
            erased: false,
            redacted: false,
            seq,
            at: Micros(seq.0 * 10),
            outputs: Digest([3; 16]),
            input_len: u32::try_from(input.len()).unwrap(),
            body_len: u32::try_from(body.len()).unwrap(),
            body_digest: self.secret.body(body),
            body_crc: if body.is_empty() { 0 } else { crc32fast::hash(body) },
            tag: Digest::default(),
        }
    }

    fn put(&mut self, mut header: Header, mark: Option<&Mark>, input: &[u8], body: &[u8]) {
        header.tag = header.chain(self.cursor.tag, input);
        let segment = self.segments.last_mut().unwrap();
        let mut at = self.offset;
        for part in [&Framer::new(ID).header(&header, input), input, body] {
            segment[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        self.records.push((self.segments.len() - 1, self.offset, at - self.offset));
        self.offset = at.next_multiple_of(RECORD_STEP);
        self.cursor.follow(&header, mark).unwrap();
    }
}

/// Two segments, four commits, seven inputs of which five are known to be durable.
fn sample() -> Writer {
    let mut writer = Writer::new();
    writer.input(b"");
    writer.commit(0);
    writer.input(b"a body of some bytes");
    writer.input(&[0; 100]);
    writer.commit(1);
    writer.roll();
    writer.input(b"after the roll");
    writer.input(b"");
    writer.commit(3);
    writer.input(&[b'z'; 700]);
    writer.input(b"last");
    writer.commit(5);
    writer
}

fn head(durable_upto: u64) -> Head {
    Head { journal: ID, write: 4, durable_upto: Seq(durable_upto), segment: 1 }
}

/// The verdict, and the inputs with their bodies up to its end.
type Surveyed = Result<(Verdict, Vec<(Input, Vec<u8>)>), Damage>;

fn survey(head: Head, segments: &[Vec<u8>]) -> Surveyed {
    let mut survey = Survey::new(head);
    let mut inputs = Vec::new();
    for (number, bytes) in (1..).zip(segments) {
        survey.segment(number, bytes, &mut |_, record| {
            if record.mark.is_none() {
                let kind = decode_kind(record.input).expect("a good record holds an input");
                inputs.push((record.rebuild(kind), record.body().unwrap_or_default().to_vec()));
            }
        })?;
    }
    let verdict = survey.finish()?;
    inputs.truncate(usize::try_from(verdict.cursor.seq.0).unwrap());
    Ok((verdict, inputs))
}

/// Whatever was done to the bytes: nothing is invented, and nothing that was durable is missing
/// without a word.
fn assert_honest(whole: &Writer, durable: u64, segments: &[Vec<u8>], what: &str) {
    match survey(head(durable), segments) {
        Ok((verdict, inputs)) => {
            assert!(verdict.cursor.seq >= Seq(durable), "{what}: durable inputs are missing");
            assert_eq!(inputs, whole.inputs[..inputs.len()], "{what}: something was invented");
        }
        Err(damage) => assert!(!format!("{damage}").is_empty()),
    }
}

#[test]
fn an_intact_journal_is_read_back_whole() {
    let writer = sample();
    let (verdict, inputs) = survey(head(5), &writer.segments).unwrap();
    assert_eq!(inputs, writer.inputs);
    assert_eq!(verdict.tail, Tail::Clean);
    assert_eq!(verdict.cursor, writer.cursor);
    assert_eq!(verdict.end, Place { segment: 2, offset: writer.offset });
    assert!(!verdict.stopped);
    assert_eq!(verdict.floor, Seq(5));
}

#[test]
fn every_flipped_bit_is_detected_or_harmless() {
    let writer = sample();
    for segment in 0..writer.segments.len() {
        let used = |byte: &usize| {
            let byte = *byte;
            let header = byte < SEGMENT_HEADER_BYTES && byte % 2048 < 80;
            let record = (SEGMENT_HEADER_BYTES..SEGMENT_HEADER_BYTES + 1_600).contains(&byte);
            // Of the zeros between, one byte in 32.
            header || record || byte % 32 == 5
        };
        for byte in (0..CAPACITY).filter(used) {
            let mut segments = writer.segments.clone();
            for bit in 0..8 {
                segments[segment][byte] ^= 1 << bit;
                let what = format!("segment {segment} byte {byte} bit {bit}");
                assert_honest(&writer, 5, &segments, &what);
                segments[segment][byte] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn a_flipped_bit_in_a_durable_record_is_always_refused() {
    let writer = sample();
    // The first ten records are those up to the commit that names input 5.
    for (segment, offset, length) in &writer.records[..10] {
        for byte in *offset..offset + length {
            let mut segments = writer.segments.clone();
            segments[*segment][byte] ^= 0x10;
            let verdict = survey(head(5), &segments);
            assert!(verdict.is_err(), "segment {segment} byte {byte}: {verdict:?}");
        }
    }
}

#[test]
fn every_cut_of_a_file_is_detected() {
    let writer = sample();
    for segment in 0..writer.segments.len() {
        for length in 0..CAPACITY {
            let mut segments = writer.segments.clone();
            segments[segment].truncate(length);
            let verdict = survey(head(0), &segments);
            assert!(matches!(verdict, Err(Damage::Segment { .. })), "{length}: {verdict:?}");
        }
    }
}

#[test]
fn every_place_where_writing_stopped_is_a_torn_tail_and_keeps_what_was_durable() {
    let writer = sample();
    for stop in SEGMENT_HEADER_BYTES..CAPACITY {
        let mut segments = writer.segments.clone();
        segments[1][stop..].fill(0);
        match survey(head(0), &segments) {
            Ok((_, inputs)) => {
                assert!(inputs.len() >= 3, "{stop}");
                assert_eq!(inputs, writer.inputs[..inputs.len()], "{stop}");
            }
            // The first commit of the second segment proves inputs that are in the first.
            Err(damage) => panic!("{stop}: {damage}"),
        }
        assert_honest(&writer, 5, &segments, &format!("stop at {stop}"));
    }
}

/// Zeros in the place of a record, as a page that was never written back.
fn with_hole(writer: &Writer, record: usize) -> Vec<Vec<u8>> {
    let mut segments = writer.segments.clone();
    let (segment, offset, length) = writer.records[record];
    segments[segment][offset..offset + length].fill(0);
    segments
}

#[test]
fn a_hole_behind_everything_durable_is_torn() {
    let mut writer = sample();
    writer.input(b"lost");
    writer.commit(5);
    let lost = writer.records.len() - 2;
    let (verdict, inputs) = survey(head(5), &with_hole(&writer, lost)).unwrap();
    assert_eq!(inputs.len(), 7);
    assert!(matches!(verdict.tail, Tail::Torn { fault: Fault::Blank, .. }));
    assert_eq!((verdict.end.segment, verdict.dirty_upto), (2, 2));
}

#[test]
fn a_hole_that_a_later_commit_disproves_is_damage() {
    let mut writer = sample();
    writer.input(b"lost");
    writer.commit(5);
    let lost = writer.records.len() - 2;
    writer.commit(8);
    let Err(Damage::Lost { at, resumes, prefix, floor, evidence, .. }) =
        survey(head(5), &with_hole(&writer, lost))
    else {
        panic!("a later commit says that input 8 was durable");
    };
    assert_eq!((prefix, floor), (Seq(7), Seq(8)));
    assert_eq!(at, Place { segment: 2, offset: writer.records[lost].1 });
    assert_eq!(resumes, Some(Place { segment: 2, offset: writer.records[lost + 1].1 }));
    assert_eq!(
        evidence,
        Evidence::Commit(Place { segment: 2, offset: writer.records[lost + 2].1 })
    );
}

#[test]
fn a_hole_that_head_disproves_is_damage() {
    let mut writer = sample();
    writer.input(b"lost");
    writer.commit(5);
    let lost = writer.records.len() - 2;
    let found = survey(head(8), &with_hole(&writer, lost));
    assert!(matches!(found, Err(Damage::Lost { evidence: Evidence::Head, .. })), "{found:?}");
}

#[test]
fn a_journal_cut_at_a_record_boundary_is_damage() {
    let writer = sample();
    let mut segments = writer.segments.clone();
    let (segment, offset, _) = writer.records[9];
    segments[segment][offset..].fill(0);
    let found = survey(head(5), &segments);
    assert!(matches!(found, Err(Damage::Lost { evidence: Evidence::Head, .. })), "{found:?}");
}

#[test]
fn good_records_without_their_commit_are_an_incomplete_turn() {
    let mut writer = sample();
    writer.input(b"not committed");
    let (verdict, inputs) = survey(head(5), &writer.segments).unwrap();
    assert_eq!((verdict.tail, inputs.len()), (Tail::Incomplete, 7));
    writer.roll();
    writer.input(b"nor this");
    let (verdict, _) = survey(head(5), &writer.segments).unwrap();
    assert_eq!((verdict.tail, verdict.end.segment), (Tail::Incomplete, 2));
    assert_eq!(verdict.dirty_upto, 3);
}

#[test]
fn an_unused_segment_behind_the_last_is_clean() {
    let mut writer = sample();
    let spare = writer.blank(3);
    writer.segments.push(spare);
    let (verdict, _) = survey(head(5), &writer.segments).unwrap();
    assert_eq!((verdict.tail, verdict.dirty_upto), (Tail::Clean, 0));
}

#[test]
fn a_stop_at_the_end_is_noticed() {
    let mut writer = sample();
    let kind = InputKind::Stop;
    let mut encoded = Vec::new();
    encode_kind(&kind, &mut encoded).unwrap();
    let header = writer.fields(RecordKind::Input, Seq(8), &encoded, &[]);
    writer.put(header, None, &encoded, &[]);
    writer.commit(5);
    let (verdict, _) = survey(head(5), &writer.segments).unwrap();
    assert!(verdict.stopped);
}

#[test]
fn missing_foreign_and_renamed_segments_are_refused() {
    let writer = sample();
    let first = survey(head(0), &writer.segments[..1]);
    assert!(matches!(first, Err(Damage::Missing { segment: 2 })), "{first:?}");
    let swapped = [writer.segments[1].clone(), writer.segments[0].clone()];
    let swapped = survey(head(0), &swapped);
    assert!(matches!(swapped, Err(Damage::Renamed { segment: 1, found: 2 })), "{swapped:?}");
    let other = Head { journal: JournalId([8; 16]), ..head(0) };
    let foreign = survey(other, &writer.segments);
    assert!(matches!(foreign, Err(Damage::Foreign { segment: 1, .. })), "{foreign:?}");
    let none = survey(head(1), &[]);
    assert!(matches!(none, Err(Damage::Missing { segment: 1 })), "{none:?}");
    let mut gap = Survey::new(head(0));
    assert!(gap.segment(1, &writer.segments[0], &mut |_, _| {}).is_ok());
    assert_eq!(gap.segment(3, &[], &mut |_, _| {}), Err(Damage::Missing { segment: 2 }));
}

#[test]
fn a_good_record_in_a_wrong_place_is_refused() {
    let writer = sample();
    // The second commit in the place of the first.
    let (from, to) = (writer.records[5], writer.records[2]);
    let mut segments = writer.segments.clone();
    segments[0].copy_within(from.1..from.1 + from.2, to.1);
    let found = survey(head(0), &segments);
    assert!(matches!(found, Err(Damage::Misplaced { fault: Fault::Chain, .. })), "{found:?}");
}

/// A good record with a good checksum and a tag that continues the chain, whose numbers were forged.
fn forged(kind: RecordKind, seq: u64, at: u64, mark: Option<Mark>) -> Vec<Vec<u8>> {
    let writer = sample();
    let put = |input: &[u8]| {
        let fields = writer.fields(kind, Seq(seq), input, &[]);
        let mut header = Header { at: Micros(at), ..fields };
        header.tag = header.chain(writer.cursor.tag, input);
        let mut segments = writer.segments.clone();
        let bytes = [&Framer::new(ID).header(&header, input)[..], input].concat();
        segments[1][writer.offset..writer.offset + bytes.len()].copy_from_slice(&bytes);
        segments
    };
    if let Some(mark) = mark {
        return mark.with_bytes(put);
    }
    let mut encoded = Vec::new();
    encode_kind(&InputKind::Closed { conn: ConnId(1) }, &mut encoded).unwrap();
    put(&encoded)
}

#[test]
fn numbers_that_do_not_follow_are_refused_however_good_the_record_is() {
    let commit = |number, epoch, durable_upto| {
        let durable_upto = Seq(durable_upto);
        Some(Mark::Commit(Commit { number, epoch, durable_upto, journal: ID }))
    };
    let recovered = |epoch| {
        let digest = Digest::default();
        Some(Mark::Recovered(Recovered { epoch, segment: 2, offset: 4_096, bytes: 1, digest }))
    };
    let (input, mark) = (RecordKind::Input, RecordKind::Commit);
    let cases = [
        ("a jump in seq", forged(input, 9, 90, None)),
        ("an input twice", forged(input, 7, 90, None)),
        ("time that goes back", forged(input, 8, 69, None)),
        ("time that stands still", forged(input, 8, 70, None)),
        ("a commit of a later input", forged(mark, 8, 70, commit(5, 0, 5))),
        ("a jump in commits", forged(mark, 7, 70, commit(6, 0, 5))),
        ("a commit twice", forged(mark, 7, 70, commit(4, 0, 5))),
        ("a commit of another epoch", forged(mark, 7, 70, commit(5, 1, 5))),
        ("durability that goes back", forged(mark, 7, 70, commit(5, 0, 4))),
        ("durability of what was never written", forged(mark, 7, 70, commit(5, 0, 8))),
        ("a jump in epochs", forged(RecordKind::Recovered, 7, 70, recovered(2))),
        (
            "a seal to a later one",
            forged(RecordKind::Seal, 7, 70, Some(Mark::Seal(Seal { next: 4 }))),
        ),
    ];
    for (what, segments) in cases {
        let found = survey(head(5), &segments);
        assert!(matches!(found, Err(Damage::Misplaced { fault: Fault::Order, .. })), "{what}");
    }
    // The same records with the numbers that do follow.
    assert!(survey(head(5), &forged(input, 8, 80, None)).is_ok());
    assert!(survey(head(5), &forged(mark, 7, 70, commit(5, 0, 6))).is_ok());
}

#[test]
fn every_record_zeroed_repeated_swapped_or_cut_out_and_every_earlier_file_is_noticed_or_harmless() {
    let writer = sample();
    let records = &writer.records;
    let span = |record: usize| records[record].2.next_multiple_of(RECORD_STEP);
    for one in 0..records.len() {
        let (segment, at, length) = records[one];
        assert_honest(&writer, 5, &with_hole(&writer, one), &format!("zeroed {one}"));
        let mut segments = writer.segments.clone();
        segments[segment].copy_within(at + span(one).., at);
        assert_honest(&writer, 5, &segments, &format!("cut out {one}"));
        let mut segments = writer.segments.clone();
        let end = CAPACITY - span(one);
        segments[segment].copy_within(at..end, at + span(one));
        assert_honest(&writer, 5, &segments, &format!("doubled {one}"));
        // What the file held before this record was written.
        let mut segments = writer.segments.clone();
        segments[segment][at..].fill(0);
        assert_honest(&writer, 5, &segments, &format!("rolled back to {one}"));
        for other in (0..records.len()).filter(|other| *other != one) {
            let (to, there, size) = records[other];
            let (mut segments, before) = (writer.segments.clone(), &writer.segments);
            segments[to][there..there + length.min(CAPACITY - there)]
                .copy_from_slice(&before[segment][at..at + length.min(CAPACITY - there)]);
            assert_honest(&writer, 5, &segments, &format!("{one} in the place of {other}"));
            if length == size {
                segments[segment][at..at + size].copy_from_slice(&before[to][there..there + size]);
                assert_honest(&writer, 5, &segments, &format!("{one} and {other} swapped"));
            }
        }
    }
}

#[test]
fn two_copies_of_a_header_must_agree() {
    let writer = sample();
    let mut segments = writer.segments.clone();
    segments[0][2048..2048 + 80].fill(0);
    let found = survey(head(0), &segments);
    let fault = SegmentFault::CopiesDisagree;
    assert_eq!(found.unwrap_err(), Damage::Segment { segment: 1, fault });
}

#[test]
fn a_newer_format_is_told_apart_from_damage() {
    let newer = FORMAT_VERSION + 1;
    let writer = sample();
    let mut segments = writer.segments.clone();
    for at in [0, 2048] {
        segments[0][at + 8] = u8::try_from(newer).unwrap();
        let sum = crc32fast::hash(&segments[0][at..at + 76]);
        segments[0][at + 76..at + 80].copy_from_slice(&sum.to_le_bytes());
    }
    let fault = SegmentFault::Version { found: newer };
    assert_eq!(survey(head(0), &segments).unwrap_err(), Damage::Segment { segment: 1, fault });
}

#[test]
fn a_commit_inside_a_body_proves_nothing() {
    // Whoever sends bodies knows neither the journal's id nor the chain: another id is as far as
    // they get.
    let mut forger = Writer::new();
    forger.input(b"x");
    forger.commit(1);
    let (_, offset, length) = forger.records[2];
    let mut copy = forger.segments[0][offset..offset + length].to_vec();
    copy[88 + 24..88 + 40].fill(0);
    let mut writer = sample();
    writer.input(&copy);
    let hole = writer.records.len() - 1;
    let mut segments = writer.segments.clone();
    let (segment, offset, _) = writer.records[hole];
    segments[segment][offset..offset + 88].fill(0);
    let (verdict, _) = survey(head(5), &segments).unwrap();
    assert_eq!(verdict.floor, Seq(5));
}

#[test]
fn an_erased_body_keeps_the_chain() {
    let writer = sample();
    let mut segments = writer.segments.clone();
    let (segment, offset, length) = writer.records[3];
    let framer = Framer::new(ID);
    let record = record_at(&framer, &writer.segments[segment], offset).unwrap();
    assert_eq!(record.body(), Some(&b"a body of some bytes"[..]));
    assert!(record.body_holds(&writer.secret));
    let header = Header { erased: true, body_crc: 0, ..record.header };
    let bytes = framer.header(&header, record.input);
    segments[segment][offset..offset + bytes.len()].copy_from_slice(&bytes);
    let body = offset + length - record.body().unwrap().len();
    segments[segment][body..offset + length].fill(0);
    let (verdict, inputs) = survey(head(5), &segments).unwrap();
    assert_eq!((verdict.tail, verdict.cursor), (Tail::Clean, writer.cursor));
    // The input is the same to the bit, so that a replay of it is as well.
    assert_eq!(inputs[1].0, writer.inputs[1].0);
    assert!(inputs[1].1.is_empty());
}

#[test]
fn head_survives_the_loss_of_either_slot() {
    let older = Head { write: 6, durable_upto: Seq(10), ..head(0) };
    let newer = Head { write: 7, durable_upto: Seq(12), ..head(0) };
    let mut bytes = older.encode().to_vec();
    bytes.extend_from_slice(&newer.encode());
    assert_eq!(read_head(&bytes), Some(newer));
    for byte in 0..HEAD_SLOT_BYTES {
        let mut torn = bytes.clone();
        torn[HEAD_SLOT_BYTES + byte] ^= 1;
        assert_eq!(read_head(&torn), Some(older), "{byte}");
    }
    assert_eq!(read_head(&bytes[..HEAD_SLOT_BYTES]), Some(older));
    assert_eq!(read_head(&[]), None);
    assert_eq!(read_head(&vec![0; HEAD_BYTES]), None);
    assert_eq!((older.slot(), newer.slot()), (0, 1));
}

/// A small generator, so that a failure can be run again from its printed seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }
}

#[test]
fn no_damage_however_large_panics_or_invents() {
    let writer = sample();
    let seed = 0x9e37_79b9_7f4a_7c15;
    println!("seed {seed:#x}");
    let mut random = Random(seed);
    for round in 0..20_000 {
        let mut segments = writer.segments.clone();
        for _ in 0..=random.below(3) {
            let segment = random.below(2);
            let from = random.below(CAPACITY);
            let length = random.below((CAPACITY - from).min(600) + 1);
            match random.below(4) {
                0 => segments[segment][from..from + length].fill(0),
                1 => segments[segment][from..from + length].fill(0xff),
                2 => {
                    let to = random.below(CAPACITY - length);
                    segments[segment].copy_within(from..from + length, to);
                }
                _ => {
                    for byte in &mut segments[segment][from..from + length] {
                        *byte = random.next().to_le_bytes()[0];
                    }
                }
            }
        }
        assert_honest(&writer, 5, &segments, &format!("round {round}"));
    }
}

#[test]
fn inputs_decode_to_what_was_encoded_and_nothing_may_follow() {
    let kind = InputKind::Storage { writable: true };
    let mut bytes = Vec::new();
    encode_kind(&kind, &mut bytes).unwrap();
    assert_eq!(bytes, [7, 1], "docs/journal-format.md says so");
    assert_eq!(decode_kind(&bytes), Ok(kind));
    bytes.push(0);
    assert_eq!(decode_kind(&bytes), Err(DecodeError::Trailing { at: 2 }));
    assert_eq!(decode_kind(&[]), Err(DecodeError::Invalid));
    assert_eq!(decode_kind(&[250]), Err(DecodeError::Invalid));
}

#[test]
fn an_input_beyond_the_bound_is_refused_and_leaves_no_trace() {
    let text = core::iter::repeat_n('x', INPUT_BYTES_MAX).collect::<alloc::string::String>();
    let kind = InputKind::Opened(crate::input::Opened {
        transport: crate::input::Transport::Unix,
        client: Some(text.into()),
    });
    let mut bytes = vec![1, 2, 3];
    assert_eq!(encode_kind(&kind, &mut bytes), Err(EncodeError));
    assert_eq!(bytes, [1, 2, 3]);
}

#[test]
fn the_digest_of_outputs_depends_on_each_and_on_their_order() {
    let mut scratch = vec![1, 2, 3];
    let one = Output::Admit { conn: ConnId(1) };
    let two = Output::Leave { conn: ConnId(1) };
    assert_eq!(digest_outputs(&[], &mut scratch), Digest::default());
    let forth = digest_outputs(&[one.clone(), two.clone()], &mut scratch);
    let back = digest_outputs(&[two, one.clone()], &mut scratch);
    assert_ne!(forth, back);
    assert_ne!(forth, digest_outputs(&[one], &mut scratch));
}

fn envelope(id: &str) -> Arc<Envelope> {
    Arc::new(Envelope {
        kind: CommandKind::GetState,
        id: Some(id.into()),
        session: Some("a".into()),
        depends_on: vec!["before".into()],
        if_session_version: Some(300),
        idempotency_key: None,
        timeout_ms: None,
        fingerprint: Digest([3; 16]),
        details: Details::None,
    })
}

#[test]
fn the_session_of_a_lifecycle_frame_is_encoded_with_its_audience_too() {
    let (one, other) = (envelope("one"), envelope("other"));
    let outcome = Arc::new(Outcome {
        result: Ok(Data::None),
        session_version: Some(2),
        lane_sequence: Some(1),
        at: Micros(5),
    });
    // An envelope that is encoded already, one that is equal but another, and one that is new.
    let twin = Arc::new(Envelope::clone(&one));
    let frames = [
        (Some(ConnId(2)), &one, Phase::Accepted),
        (Some(ConnId(2)), &one, Phase::Started),
        (None, &other, Phase::Accepted),
        (None, &twin, Phase::Finished(outcome.clone())),
        (Some(ConnId(2)), &one, Phase::Finished(outcome)),
    ];
    let (mut outputs, mut expected) = (Vec::new(), Vec::new());
    for (number, (owner, envelope, phase)) in (1..).zip(frames) {
        let (command, session) = (CommandNo(number), envelope.session.clone());
        let config = bincode::config::standard();
        // The numbers are those of `Deliver`, of its audience and of its frame.
        let whole = (
            (0_u32, (3_u32, owner, session.clone())),
            (7_u32, command, envelope.clone(), session.clone(), number, phase.clone()),
        );
        expected.extend(bincode::encode_to_vec(whole, config).unwrap());
        let envelope = envelope.clone();
        let frame = Frame::Lifecycle { command, envelope, session, lane_sequence: number, phase };
        outputs.push(Output::Deliver { to: Audience::Lifecycle { owner }, frame });
        let plain = Output::Admit { conn: ConnId(number) };
        expected.extend(bincode::encode_to_vec(&plain, config).unwrap());
        outputs.push(plain);
    }
    let mut bytes = Vec::new();
    encode_outputs(&outputs, &mut bytes);
    assert_eq!(bytes, expected);
}

#[test]
fn a_command_is_known_by_its_bytes_whoever_sent_it() {
    let mut scratch = Vec::new();
    for conn in [0, 250, 251, 65_536, u64::MAX].map(ConnId) {
        let kind = InputKind::Command { conn, envelope: envelope("one") };
        let mut bytes = Vec::new();
        encode_kind(&kind, &mut bytes).unwrap();
        assert!(is_command(&bytes, &envelope("one"), &mut scratch));
        assert!(!is_command(&bytes, &envelope("two"), &mut scratch));
        assert!(!is_command(&bytes[..bytes.len() - 1], &envelope("one"), &mut scratch));
        bytes.push(0);
        assert!(!is_command(&bytes, &envelope("one"), &mut scratch));
        bytes[0] = 4;
        assert!(!is_command(&bytes[..bytes.len() - 1], &envelope("one"), &mut scratch));
    }
    assert!(!is_command(&[], &envelope("one"), &mut scratch));
}

#[test]
fn a_chain_tag_is_the_same_whether_what_it_covers_is_long_or_short() {
    let writer = Writer::new();
    for length in [0, 239, 240, 241, 5_000] {
        let input = vec![5; length];
        let header = writer.fields(RecordKind::Input, Seq(1), &input, b"body");
        let mut whole = Digest([8; 16]).0.to_vec();
        let bytes = Framer::new(ID).header(&header, &input);
        whole.extend(&bytes[..64]);
        whole.extend(&input);
        let digest = Digest(blake3::hash(&whole).as_bytes()[..16].try_into().unwrap());
        assert_eq!(header.chain(Digest([8; 16]), &input), digest, "{length}");
        let mut covered = b"as before".to_vec();
        header.append_chained(Digest([8; 16]), &input, &mut covered);
        assert_eq!(covered, [b"as before".as_slice(), &whole].concat(), "{length}");
    }
}

#[test]
fn what_is_reserved_in_a_header_must_be_zero() {
    let writer = sample();
    let (segment, offset, _) = writer.records[3];
    let bytes = &writer.segments[segment][offset..offset + RECORD_HEADER_BYTES];
    let intact: [u8; RECORD_HEADER_BYTES] = bytes.try_into().unwrap();
    assert!(Header::parse(&intact).is_ok());
    for (at, value) in [(5, 4), (5, 0x80), (6, 1), (7, 1)] {
        let mut bytes = intact;
        bytes[at] |= value;
        // Checked on its own: behind it stands a checksum that would hide it.
        assert_eq!(Header::parse(&bytes), Err(Fault::Form), "{value} at {at}");
    }
    for flags in 0..4 {
        let mut bytes = intact;
        bytes[5] = flags;
        let header = Header::parse(&bytes).unwrap();
        assert_eq!((header.erased, header.redacted), (flags & 1 != 0, flags & 2 != 0));
    }
}

#[test]
fn a_mark_has_its_length_and_no_body() {
    let mark = Mark::Seal(Seal { next: 7 });
    let fields = Writer::new().fields(RecordKind::Seal, Seq(1), &[], b"");
    mark.with_bytes(|bytes| {
        assert_eq!(Mark::parse(&fields, bytes), Ok(Some(mark)));
        assert_eq!(Mark::parse(&fields, &bytes[1..]), Err(Fault::Mark));
        let bodied = Header { body_len: 1, ..fields };
        assert_eq!(Mark::parse(&bodied, bytes), Err(Fault::Mark));
    });
}

#[test]
fn a_record_that_was_found_is_read_again_as_it_was() {
    let writer = sample();
    let framer = Framer::new(ID);
    for (segment, offset, _) in &writer.records {
        let bytes = &writer.segments[*segment];
        let first = record_at(&framer, bytes, *offset).unwrap();
        let again = record_again(bytes, *offset).unwrap();
        assert_eq!((again.offset, again.header), (first.offset, first.header));
        assert_eq!((again.input, again.mark), (first.input, first.mark));
        assert_eq!(again.raw_body(), first.raw_body());
        assert_eq!(first.body(), Some(first.raw_body()));
        let with_body = !first.raw_body().is_empty();
        assert!(first.body_holds(&writer.secret));
        // Nothing is said about a body that is not there.
        assert_eq!(first.body_holds(&Secret::new([1; 32])), !with_body);
    }
    let (segment, offset, _) = writer.records[3];
    let record = record_again(&writer.segments[segment], offset).unwrap();
    assert_eq!(record.raw_body(), b"a body of some bytes");
    assert!(record_again(&writer.segments[segment], CAPACITY).is_none());
}

#[test]
fn an_input_of_exactly_the_bound_is_written() {
    let text = |length| core::iter::repeat_n('x', length).collect::<alloc::string::String>();
    let opened = |length| {
        InputKind::Opened(crate::input::Opened {
            transport: crate::input::Transport::Unix,
            client: Some(text(length).into()),
        })
    };
    // Some bytes name the variants and the length.
    let mut bytes = vec![1, 2, 3];
    encode_kind(&opened(1 << 17), &mut bytes).unwrap();
    let fixed = bytes.len() - 3 - (1 << 17);
    let largest = INPUT_BYTES_MAX - fixed;
    let mut bytes = vec![1, 2, 3];
    assert_eq!(encode_kind(&opened(largest), &mut bytes), Ok(()));
    assert_eq!(bytes.len(), 3 + INPUT_BYTES_MAX);
    let mut bytes = vec![1, 2, 3];
    assert_eq!(encode_kind(&opened(largest + 1), &mut bytes), Err(EncodeError));
    assert_eq!(bytes, [1, 2, 3]);
}

#[test]
fn an_input_that_came_with_a_frame_is_known_by_its_bytes() {
    let conn = ConnId(2);
    let malformed = alloc::boxed::Box::new(crate::input::Malformed::NotAnObject);
    for (kind, expected) in [
        (InputKind::Command { conn, envelope: envelope("one") }, true),
        (InputKind::Malformed { conn, malformed }, true),
        (InputKind::Closed { conn }, false),
        (InputKind::Storage { writable: true }, false),
        (InputKind::Tick, false),
    ] {
        let mut bytes = Vec::new();
        encode_kind(&kind, &mut bytes).unwrap();
        assert_eq!(has_frame(&bytes), expected, "{kind:?}");
    }
    assert!(!has_frame(&[]));
}
