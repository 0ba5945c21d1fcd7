//! Inputs that are taken out of a journal, and new journals that are made of inputs.

use pi_server_core::input::InputKind;
use pi_server_core::record::{
    Begin, Commit, Cursor, FORMAT_VERSION, Framer, HEAD_SLOT_BYTES, Head, Header, JournalId, Mark,
    RecordKind, SEGMENT_BYTES_MIN, SEGMENT_HEADER_BYTES, Seal, Secret, SegmentHeader, decode_kind,
    encode_kind,
};
use std::sync::Arc;

use pi_server_core::record::{Snapshot, pack_head};
use pi_server_core::{BodyRef, Digest, Input, Micros, Outputs, Seq, State};

use crate::feed::Feed;
use crate::made::Made;
use crate::play::PlayError;
use crate::source::Source;
use crate::start::{Begins, Start};

/// An input with its body, on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its time.
    pub at: Micros,
    /// What happened.
    pub kind: InputKind,
    /// The bytes in the place of its body. Shared, since a search for fewer inputs copies many.
    pub body: Arc<[u8]>,
    /// They are not the ones that were written.
    pub erased: bool,
    /// Something was taken out before they were written.
    pub redacted: bool,
    /// Keyed digest of the ones that were written.
    pub digest: Digest,
}

impl Kept {
    /// As the core sees it, under a number.
    pub fn input(&self, seq: Seq) -> Input {
        let len = u32::try_from(self.body.len()).unwrap_or(u32::MAX);
        let body = BodyRef { seq, len, digest: self.digest, redacted: self.redacted };
        // The core knows no reference to nothing; the digest of no bytes is all zeros.
        Input { seq, at: self.at, body, kind: self.kind.clone() }
    }
}

/// What the inputs of a journal are stepped from: nothing, or a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// The state before the first input.
    pub state: State,
    /// The last input before it.
    pub seq: Seq,
    /// Where the journal begins, if that is a snapshot.
    pub begins: Option<Begins>,
    /// Digest of the outputs of the step before.
    outputs: Digest,
    /// The chain there, with the bytes of the snapshot's file.
    snapshot: Option<(Cursor, Vec<u8>)>,
}

impl Ground {
    /// What a journal begins with.
    ///
    /// # Errors
    /// A file cannot be read, or a snapshot is needed and there is none.
    pub fn of(source: &Source) -> Result<Ground, PlayError> {
        let start = Start::of(source)?;
        let begins = start.begins();
        let snapshot = match start.cursor {
            Some(cursor) => Some((cursor, source.read_snapshot(cursor.segment)?)),
            None => None,
        };
        let Start { state, seq, outputs, cursor: _ } = start;
        Ok(Ground { state, seq, begins, outputs, snapshot })
    }

    /// The number of the input at a place, counted from 0.
    pub fn number(&self, at: usize) -> Seq {
        Seq(self.seq.0.saturating_add(u64::try_from(at).unwrap_or(u64::MAX)).saturating_add(1))
    }

    /// The place of the input with a number; `None` if it is before the first.
    pub fn place(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.seq.0)?).ok()?.checked_sub(1)
    }

    /// Steps inputs and shows each its place, its input and its outputs, until `each` returns true.
    pub fn step_all(&self, inputs: &[Kept], mut each: impl FnMut(usize, &Input, &Outputs) -> bool) {
        let (mut state, mut outputs) = (self.state.clone(), Outputs::new());
        for (at, kept) in inputs.iter().enumerate() {
            let input = kept.input(self.number(at));
            state.step(&input, &mut outputs);
            if each(at, &input, &outputs) {
                return;
            }
        }
    }
}

/// All committed inputs of a journal up to one of them, in order.
///
/// # Errors
/// The journal cannot be read or decoded, or is damaged before that input.
pub fn load(source: &Source, to: Seq) -> Result<Vec<Kept>, PlayError> {
    let mut feed = Feed::start(source)?;
    let mut all = Vec::new();
    while let Some(batch) = feed.take() {
        for item in batch.items().filter(|item| item.mark.is_none()) {
            let header = item.header;
            if header.seq > to {
                return Ok(all);
            }
            let kind = decode_kind(item.input).map_err(|error| PlayError::Unreadable {
                seq: header.seq,
                place: item.place,
                error,
            })?;
            let body = item.raw_body().into();
            let Header { at, erased, redacted, body_digest: digest, .. } = header;
            all.push(Kept { at, kind, body, erased, redacted, digest });
        }
    }
    feed.finish()?.error().map_or(Ok(all), Err)
}

/// Segments of a made journal have at most this length.
const SEGMENT_BYTES: u32 = 32 << 20;
/// What must stay free at the end of a segment: a commit and a seal.
const RESERVE: usize = Commit::SPAN + Seal::SPAN;

/// Writes inputs as a journal of their own, all in one turn of the loop; `outputs` are the digests
/// of the outputs of each, as far as they are known. `key` goes into the key file. A snapshot that
/// they are stepped from goes with them.
///
/// # Errors
/// An input is too large, or a file cannot be written.
pub fn write(
    made: &Made,
    ground: &Ground,
    inputs: &[Kept],
    outputs: &[Digest],
    key: Option<[u8; 32]>,
) -> Result<(), PlayError> {
    let encoded = encode(inputs)?;
    let mut hasher = blake3::Hasher::new();
    for (kept, bytes) in inputs.iter().zip(&encoded) {
        hasher.update(&kept.at.0.to_le_bytes()).update(bytes).update(&kept.digest.0);
    }
    if let Some((cursor, bytes)) = &ground.snapshot {
        hasher.update(&cursor.tag.0).update(bytes);
    }
    let mut id = [0; 16];
    id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    // The same inputs make the same journal, other inputs another one.
    let journal = JournalId(id);
    let mut begin = Cursor::start(journal);
    if let Some((cursor, bytes)) = &ground.snapshot {
        begin = Cursor { journal, ..*cursor };
        let snapshot = Snapshot::parse(bytes)
            .map_err(|fault| PlayError::Damaged(format!("the snapshot: {fault}")))?;
        let snapshot = Snapshot { cursor: begin, ..snapshot };
        made.snapshot(begin.segment, &snapshot.encode())?;
        made.pack(begin.segment, &pack_head(journal, begin.segment, &[], &[]))?;
    }
    let mut writer = Writer::new(made, begin, key.map(Secret::new));
    for (index, (kept, bytes)) in inputs.iter().zip(&encoded).enumerate() {
        let before = match index.checked_sub(1) {
            Some(index) => outputs.get(index).copied().unwrap_or_default(),
            None => ground.outputs,
        };
        writer.input(kept, bytes, before)?;
    }
    let last = match inputs.len().checked_sub(1) {
        Some(index) => outputs.get(index).copied().unwrap_or_default(),
        None => ground.outputs,
    };
    writer.finish(last)?;
    key.map_or(Ok(()), |key| made.key(&key))
}

fn encode(inputs: &[Kept]) -> Result<Vec<Vec<u8>>, PlayError> {
    let encode = |kept: &Kept| {
        let mut bytes = Vec::new();
        encode_kind(&kept.kind, &mut bytes).map_err(|error| PlayError::Unfit(error.to_string()))?;
        Ok(bytes)
    };
    inputs.iter().map(encode).collect()
}

struct Writer<'a> {
    made: &'a Made,
    framer: Framer,
    template: SegmentHeader,
    cursor: Cursor,
    image: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn new(made: &'a Made, cursor: Cursor, secret: Option<Secret>) -> Writer<'a> {
        let journal = cursor.journal;
        let key_check = secret.map_or_else(Digest::default, |secret| journal.key_check(&secret));
        let template = SegmentHeader {
            format: FORMAT_VERSION,
            journal,
            number: 0,
            capacity: 0,
            created: Micros(0),
            key_check,
        };
        let framer = Framer::new(journal);
        let mut writer = Writer { made, framer, template, cursor, image: Vec::new() };
        writer.begin(cursor.segment + 1);
        writer
    }

    fn begin(&mut self, number: u64) {
        self.image = vec![0; SEGMENT_HEADER_BYTES];
        let begin = Begin {
            segment: number,
            before: self.cursor.tag,
            epoch: self.cursor.epoch,
            commit: self.cursor.commit,
        };
        self.mark(Mark::Begin(begin), self.cursor.outputs);
    }

    fn input(&mut self, kept: &Kept, bytes: &[u8], before: Digest) -> Result<(), PlayError> {
        let long = |bytes: &[u8]| {
            u32::try_from(bytes.len())
                .map_err(|_| PlayError::Unfit("an input is too large for a journal".into()))
        };
        let body_crc =
            if kept.erased || kept.body.is_empty() { 0 } else { crc32fast::hash(&kept.body) };
        let header = Header {
            kind: RecordKind::Input,
            erased: kept.erased,
            redacted: kept.redacted,
            seq: Seq(self.cursor.seq.0 + 1),
            at: kept.at.max(Micros(self.cursor.at.0 + 1)),
            outputs: before,
            input_len: long(bytes)?,
            body_len: long(&kept.body)?,
            body_digest: kept.digest,
            body_crc,
            tag: Digest::default(),
        };
        let most = usize::try_from(SEGMENT_BYTES).unwrap_or(usize::MAX);
        let fits = self.image.len() + bytes.len() + kept.body.len() + RESERVE + 128 <= most;
        if !fits && self.image.len() > SEGMENT_HEADER_BYTES + Begin::SPAN {
            let next = self.cursor.segment + 1;
            self.mark(Mark::Seal(Seal { next }), self.cursor.outputs);
            self.flush(next - 1)?;
            self.begin(next);
        }
        self.put(header, None, bytes, &kept.body);
        Ok(())
    }

    fn mark(&mut self, mark: Mark, outputs: Digest) {
        mark.with_bytes(|bytes| {
            let header = Header {
                kind: mark.kind(),
                erased: false,
                redacted: false,
                seq: self.cursor.seq,
                at: self.cursor.at,
                outputs,
                input_len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                body_len: 0,
                body_digest: Digest::default(),
                body_crc: 0,
                tag: Digest::default(),
            };
            self.put(header, Some(&mark), bytes, &[]);
        });
    }

    fn put(&mut self, mut header: Header, mark: Option<&Mark>, input: &[u8], body: &[u8]) {
        header.tag = header.chain(self.cursor.tag, input);
        self.image.extend_from_slice(&self.framer.header(&header, input));
        self.image.extend_from_slice(input);
        self.image.extend_from_slice(body);
        self.image.resize(self.image.len().next_multiple_of(8), 0);
        let followed = self.cursor.follow(&header, mark);
        assert!(followed.is_ok(), "a writer numbers its own records: {followed:?}");
    }

    /// Writes the segment that is being made.
    fn flush(&mut self, number: u64) -> Result<(), PlayError> {
        let least = usize::try_from(SEGMENT_BYTES_MIN).unwrap_or(usize::MAX);
        self.image.resize(self.image.len().next_multiple_of(4096).max(least), 0);
        let capacity = u32::try_from(self.image.len())
            .map_err(|_| PlayError::Unfit("an input is too large for a journal".into()))?;
        let header =
            SegmentHeader { number, capacity, created: self.cursor.at, ..self.template }.encode();
        self.image[..SEGMENT_HEADER_BYTES].copy_from_slice(&header);
        self.made.segment(number, &self.image)
    }

    fn finish(mut self, outputs: Digest) -> Result<(), PlayError> {
        let commit = Commit {
            number: self.cursor.commit + 1,
            epoch: self.cursor.epoch,
            durable_upto: self.cursor.durable_upto,
            journal: self.cursor.journal,
        };
        self.mark(Mark::Commit(commit), outputs);
        let (journal, segment) = (self.cursor.journal, self.cursor.segment);
        self.flush(segment)?;
        let durable_upto = self.cursor.seq;
        let mut head = Head { journal, write: 2, durable_upto, segment }.encode().to_vec();
        head.resize(2 * HEAD_SLOT_BYTES, 0);
        self.made.head(&head)
    }
}
