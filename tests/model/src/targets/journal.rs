//! Journals that were bitten: whatever is done to the bytes of a real one, reading it never panics,
//! never gives an input that was not written, and never loses one that was durable in silence.

use std::sync::OnceLock;

use pi_server_core::record::{
    Begin, Commit, Cursor, FORMAT_VERSION, Framer, Head, Header, JournalId, Mark, RECORD_STEP,
    RecordKind, SEGMENT_BYTES_MIN, SEGMENT_HEADER_BYTES, Secret, SegmentHeader, Survey, Verdict,
    digest_outputs, encode_kind, peek,
};
use pi_server_core::{BodyRef, Digest, Input, Micros, Outputs, Seq, State};

use crate::entropy::Entropy;
use crate::run;

const JOURNAL: JournalId = JournalId([5; 16]);
/// One commit ends so many inputs.
const TURN: u64 = 3;
/// Inputs of the journal that is bitten.
const INPUTS: usize = 40;
/// Most bites.
const BITES_MAX: usize = 24;

/// Journals to choose from.
pub(super) const JOURNALS: usize = 8;
static WRITTEN: [OnceLock<Written>; JOURNALS] = [const { OnceLock::new() }; JOURNALS];

/// A journal of a generated run, and what is known of it.
#[derive(Clone, Debug)]
pub struct Written {
    /// The segment's bytes.
    pub bytes: Vec<u8>,
    /// Of each input, what its record holds.
    inputs: Vec<Vec<u8>>,
    /// What `HEAD` says is on disk.
    durable: Seq,
}

/// Bites a journal where the bytes say, and reads it.
///
/// # Panics
/// What is read was not written, or durable inputs are missing and nobody says so.
pub fn journal_reader(bytes: &[u8]) {
    let mut entropy = Entropy::Bytes(bytes);
    let index = usize::try_from(entropy.below(JOURNALS as u64)).unwrap_or(0);
    let written = written(index);
    let mut bitten = written.bytes.clone();
    for _ in 0..BITES_MAX {
        if entropy.is_dry() {
            break;
        }
        bite(&mut bitten, &mut entropy);
    }
    let head = Head { journal: JOURNAL, write: 1, durable_upto: written.durable, segment: 1 };
    let (verdict, read) = survey(head, &bitten);
    let Some(verdict) = verdict else { return };
    assert!(verdict.cursor.seq >= written.durable, "durable inputs are lost without a word");
    let count = usize::try_from(verdict.cursor.seq.0).expect("a journal of this size");
    assert_eq!(read.get(..count), written.inputs.get(..count), "what is read was not written");
}

/// One of the journals.
pub(super) fn written(index: usize) -> &'static Written {
    // Making a journal costs a thousand times as much as reading it.
    WRITTEN[index].get_or_init(|| journal_of(index as u64))
}

/// The verdict on a segment, with the input parts of its good records.
fn survey(head: Head, bytes: &[u8]) -> (Option<Verdict>, Vec<Vec<u8>>) {
    let mut survey = Survey::new(head);
    let mut read = Vec::new();
    let taken = survey.segment(1, bytes, &mut |_, record| {
        if record.mark.is_none() {
            read.push(record.input.to_vec());
        }
    });
    (taken.and_then(|()| survey.finish()).ok(), read)
}

/// One change of the bytes.
pub(super) fn bite(bytes: &mut Vec<u8>, entropy: &mut Entropy<'_>) {
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 64);
    let used = used.min(bytes.len());
    let place =
        |entropy: &mut Entropy<'_>| usize::try_from(entropy.below(used as u64)).unwrap_or(0);
    let at = place(entropy);
    let length = usize::try_from(entropy.below(200)).unwrap_or(0).min(bytes.len() - at);
    match entropy.below(7) {
        0 => bytes[at] ^= 1 << entropy.below(8),
        1 => bytes[at..at + length].fill(0),
        // A sector that was never written, or another one in its place.
        2 => {
            let sector = at / 512 * 512;
            let end = (sector + 512).min(bytes.len());
            bytes[sector..end].fill(0);
        }
        3 => {
            let from = place(entropy);
            let length = length.min(bytes.len() - from);
            bytes.copy_within(from..from + length, at);
        }
        4 => {
            // A whole record copied over another, as a splice would.
            let (from, to) = (aligned(place(entropy)), aligned(at));
            if let Some(header) = peek(bytes, from) {
                let span = usize::try_from(header.span()).unwrap_or(0);
                if from + span <= bytes.len() && to + span <= bytes.len() {
                    bytes.copy_within(from..from + span, to);
                }
            }
        }
        5 => bytes.truncate(bytes.len() - length),
        _ => {
            let sum = u8::try_from(entropy.below(256)).unwrap_or(0);
            bytes[at] = sum;
        }
    }
}

fn aligned(at: usize) -> usize {
    at / RECORD_STEP * RECORD_STEP
}

/// The journal of the generated run of a seed.
///
/// # Panics
/// The run breaks a rule; there are other tests for that.
pub fn journal_of(seed: u64) -> Written {
    let inputs = run::run(Entropy::Seed(seed), INPUTS).expect("the run keeps every rule");
    let secret = Secret::new([9; 32]);
    let header = SegmentHeader {
        format: FORMAT_VERSION,
        journal: JOURNAL,
        number: 1,
        capacity: SEGMENT_BYTES_MIN,
        created: Micros(1),
        key_check: JOURNAL.key_check(&secret),
    };
    let mut writer = Writer {
        framer: Framer::new(JOURNAL),
        cursor: Cursor::start(JOURNAL),
        bytes: header.encode().to_vec(),
    };
    assert_eq!(writer.bytes.len(), SEGMENT_HEADER_BYTES);
    let before = writer.cursor.tag;
    writer.mark(&Mark::Begin(Begin { segment: 1, before, epoch: 0, commit: 0 }));
    let (mut state, mut outputs, mut scratch) = (State::new(), Outputs::new(), Vec::new());
    let (mut kept, mut durable, mut commits) = (Vec::new(), Seq(0), 0);
    let mut digest = Digest::default();
    for input in &inputs {
        let mut encoded = Vec::new();
        encode_kind(&input.kind, &mut encoded).expect("a generated input fits a record");
        let body = vec![b'x'; usize::try_from(input.body.len).unwrap_or(0)];
        writer.input(input, &encoded, &body, digest, &secret);
        kept.push(encoded);
        state.step(input, &mut outputs);
        digest = digest_outputs(outputs.as_slice(), &mut scratch);
        if input.seq.0.is_multiple_of(TURN) {
            commits += 1;
            let (epoch, journal) = (0, JOURNAL);
            writer.mark(&Mark::Commit(Commit {
                number: commits,
                epoch,
                durable_upto: durable,
                journal,
            }));
            durable = input.seq;
        }
    }
    writer.bytes.resize(usize::try_from(SEGMENT_BYTES_MIN).unwrap_or(0), 0);
    // The last turn is not known to be on disk.
    let durable = Seq(durable.0.saturating_sub(TURN));
    Written { bytes: writer.bytes, inputs: kept, durable }
}

struct Writer {
    framer: Framer,
    cursor: Cursor,
    bytes: Vec<u8>,
}

impl Writer {
    fn input(
        &mut self,
        input: &Input,
        encoded: &[u8],
        body: &[u8],
        outputs: Digest,
        secret: &Secret,
    ) {
        let BodyRef { len, .. } = input.body;
        let header = Header {
            kind: RecordKind::Input,
            erased: false,
            redacted: input.body.redacted,
            seq: input.seq,
            at: input.at,
            outputs,
            input_len: u32::try_from(encoded.len()).expect("inputs are short"),
            body_len: len,
            body_digest: secret.body(body),
            body_crc: if body.is_empty() { 0 } else { crc32fast::hash(body) },
            tag: Digest::default(),
        };
        self.push(header, None, encoded, body);
    }

    fn mark(&mut self, mark: &Mark) {
        let payload = mark.with_bytes(<[u8]>::to_vec);
        let header = Header {
            kind: mark.kind(),
            erased: false,
            redacted: false,
            seq: self.cursor.seq,
            at: self.cursor.at,
            outputs: self.cursor.outputs,
            input_len: u32::try_from(payload.len()).expect("marks are short"),
            body_len: 0,
            body_digest: Digest::default(),
            body_crc: 0,
            tag: Digest::default(),
        };
        self.push(header, Some(mark), &payload, &[]);
    }

    fn push(&mut self, mut header: Header, mark: Option<&Mark>, input: &[u8], body: &[u8]) {
        header.tag = header.chain(self.cursor.tag, input);
        self.cursor.follow(&header, mark).expect("the records are made in order");
        self.bytes.extend_from_slice(&self.framer.header(&header, input));
        self.bytes.extend_from_slice(input);
        self.bytes.extend_from_slice(body);
        self.bytes.resize(self.bytes.len().next_multiple_of(RECORD_STEP), 0);
    }
}
