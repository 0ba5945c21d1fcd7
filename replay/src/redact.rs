//! `pi-replay redact`: a copy of a journal without what its policy names, which still replays bit
//! for bit, since no decision ever depended on a body and the chain covers only a body's digest.
//!
//! A body is erased whole, or keeps what the policy leaves of it: the JSON without the values that
//! were named, in the same place, padded with spaces to the old length. Either way its record is
//! marked as erased, and nothing takes its bytes for the original ones.
//!
//! What the daemon had redacted before it wrote the journal stays as it is and may lose more.
//!
//! What the core decides on is no body and stays: ids, session names, paths, the words of an
//! agent's failures.

use std::collections::BTreeMap;
use std::fmt;

use pi_server_core::Input;
use pi_server_core::record::{Framer, SEGMENT_HEADER_BYTES, pack_head};
use pi_server_redact::{Left, MARK};
use serde_json::{Value, json};

use crate::attribution::Attribution;
use crate::feed::{Feed, Item};
use crate::made::Target;
use crate::play::{PlayError, Walker};
use crate::source::Source;

pub use pi_server_redact::Policy;

/// What was redacted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redacted {
    /// Bodies in the journal.
    pub bodies: u64,
    /// Bodies that were erased whole, by this policy.
    pub erased: u64,
    /// Bodies that lost a part.
    pub reduced: u64,
}

impl Redacted {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        json!({ "bodies": self.bodies, "erased": self.erased, "reduced": self.reduced })
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Redacted { bodies, erased, reduced } = self;
        write!(f, "{bodies} bodies: {erased} erased, {reduced} reduced")
    }
}

/// Writes a redacted copy, without the key unless that is wanted: who has it can check guesses of
/// short texts against the digests that stay.
///
/// # Errors
/// The journal is damaged or cannot be read, or the copy cannot be written.
pub fn redact(
    source: &Source,
    policy: &Policy,
    made: &mut dyn Target,
    with_key: bool,
    progress: &mut dyn FnMut(u64),
) -> Result<Redacted, PlayError> {
    let head = source.head_bytes()?;
    let journal = source.head()?.journal;
    let framer = Framer::new(journal);
    let mut feed = Feed::start(source)?;
    // Segments that a snapshot stands for are left out, and so are the bodies kept of dropped ones.
    let start = feed.begin();
    let covered = start.cursor.map_or(0, |cursor| cursor.segment);
    let mut walker = Walker::new(start.state);
    let mut redacted = Redacted::default();
    let mut images: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    while let Some(batch) = feed.take() {
        for item in batch.items() {
            let number = item.place.segment;
            if !images.contains_key(&number) {
                flush(made, &mut images)?;
                images.insert(number, blank(source, number)?);
            }
            // Marks have no bodies.
            let input = if item.mark.is_none() { Some(walker.step(&item)?) } else { None };
            if let Some(image) = images.get_mut(&number) {
                let left = input.map_or(Left::All, |it| apply(policy, &item, &it, walker.whose()));
                copy(&item, left, &framer, image, &mut redacted);
            }
            progress(item.header.seq.0);
        }
    }
    let reading = feed.finish()?;
    if let Some(error) = reading.error() {
        return Err(error);
    }
    let last = images.keys().next_back().copied().unwrap_or(covered);
    flush(made, &mut images)?;
    // Segments that were built ahead, or hold nothing that was committed.
    for number in source.segments()?.into_iter().filter(|number| *number > last) {
        made.segment(number, &blank(source, number)?)?;
    }
    if covered > 0 {
        made.snapshot(covered, &source.read_snapshot(covered)?)?;
        // No daemon goes on without a pack where segments were dropped; nothing is in this one.
        made.pack(covered, &pack_head(journal, covered, &[], &[]))?;
    }
    made.head(&head)?;
    if let (true, Some(key)) = (with_key, source.key_bytes()) {
        made.key(&key)?;
    }
    Ok(redacted)
}

fn flush(made: &mut dyn Target, images: &mut BTreeMap<u64, Vec<u8>>) -> Result<(), PlayError> {
    for (number, image) in std::mem::take(images) {
        made.segment(number, &image)?;
    }
    Ok(())
}

/// A segment with its header only: what was never committed is not copied either.
fn blank(source: &Source, number: u64) -> Result<Vec<u8>, PlayError> {
    let mut bytes = Vec::new();
    source.read_segment(number, &mut bytes)?;
    bytes.get_mut(SEGMENT_HEADER_BYTES..).unwrap_or_default().fill(0);
    Ok(bytes)
}

fn copy(item: &Item<'_>, left: Left, framer: &Framer, image: &mut [u8], redacted: &mut Redacted) {
    let mut header = item.header;
    let mut body = item.raw_body().to_vec();
    if !body.is_empty() {
        redacted.bodies += 1;
        match left {
            Left::All => {}
            Left::Nothing => {
                redacted.erased += 1;
                header.erased = true;
                body.fill(0);
            }
            Left::Part(part) => {
                redacted.reduced += 1;
                header.erased = true;
                body.fill(b' ');
                // The part is never longer: see `apply`.
                body.iter_mut().zip(&part).for_each(|(to, from)| *to = *from);
            }
        }
    }
    if header.erased {
        header.body_crc = 0;
    }
    let head = framer.header(&header, item.input);
    let parts = head.iter().chain(item.input).chain(&body);
    let place = image.get_mut(item.place.offset..).unwrap_or_default();
    place.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
}

/// What the policy leaves of a body, in no more bytes than it has.
fn apply(policy: &Policy, item: &Item<'_>, input: &Input, whose: &Attribution) -> Left {
    let Some(body) = item.remains() else { return Left::All };
    let (what, session) = whose.body_of(input);
    match policy.apply(what, session.map(|id| &**id), body) {
        // Marks may be longer than what they hide, and numbers be written longer than they came.
        Left::Part(part) if part.len() > body.len() => shorter(&part, body.len()),
        left => left,
    }
}

/// The same without marks, if that fits.
fn shorter(part: &[u8], most: usize) -> Left {
    let bare = String::from_utf8_lossy(part).replace(MARK, "").into_bytes();
    if bare.len() <= most { Left::Part(bare) } else { Left::Nothing }
}
