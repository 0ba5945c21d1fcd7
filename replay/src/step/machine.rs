//! A state that can go back: states of earlier places are kept, and the way from the nearest one,
//! or from the nearest snapshot, is stepped again.
//!
//! The inputs stay in the journal. What is kept in memory is where each of them is and the digest of
//! its outputs, a segment, and few states.

use pi_server_core::record::{Mark, decode_kind, digest_outputs, record_again};
use pi_server_core::{Digest, Input, Output, Outputs, Seq, State};

use crate::attribution::Attribution;
use crate::feed::Feed;
use crate::play::PlayError;
use crate::source::Source;
use crate::start::{Begins, Start};

/// Inputs between two kept states, at first. Stepping so many takes less than a millisecond.
const DISTANCE: usize = 512;
/// Most states that are kept; then every other one goes, and the distance doubles. A state can take
/// tens of megabytes.
const KEPT_MAX: usize = 16;

/// Where an input is, and what the journal says about its outputs.
#[derive(Clone, Copy, Debug)]
struct Entry {
    segment: u32,
    offset: u32,
    recorded: Recorded,
}

pub(super) struct Machine {
    source: Source,
    /// Inputs before the first: those that a snapshot stands for.
    base: usize,
    begins: Option<Begins>,
    entries: Vec<Entry>,
    /// The segment that was read last.
    segment: (u64, Vec<u8>),
    state: State,
    whose: Attribution,
    outputs: Outputs,
    /// The input that was stepped last.
    input: Option<Input>,
    /// Inputs that were stepped.
    at: usize,
    kept: Vec<Kept>,
    distance: usize,
}

/// A state after so many inputs.
struct Kept {
    at: usize,
    state: State,
    whose: Attribution,
}

impl Machine {
    /// Reads through a journal, without stepping it.
    pub(super) fn load(
        source: &Source,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Machine, PlayError> {
        let mut feed = Feed::start(source)?;
        let start = feed.begin();
        let (begins, state) = (start.begins(), start.state);
        let base = usize::try_from(start.seq.0).unwrap_or(usize::MAX);
        let entries = entries(&mut feed, progress)?;
        let reading = feed.finish()?;
        if let Some(error) = reading.error() {
            return Err(error);
        }
        let whose = Attribution::of(&state);
        let kept = vec![Kept { at: 0, state: state.clone(), whose: whose.clone() }];
        Ok(Machine {
            source: source.clone(),
            base,
            begins,
            entries,
            segment: (0, Vec::new()),
            state,
            whose,
            outputs: Outputs::new(),
            input: None,
            at: 0,
            kept,
            distance: DISTANCE,
        })
    }

    /// The journal.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Where the journal begins, if that is a snapshot.
    pub(super) fn begins(&self) -> Option<Begins> {
        self.begins
    }

    /// The number of the last input.
    pub(super) fn last(&self) -> usize {
        self.base + self.entries.len()
    }

    /// The number of the first input.
    pub(super) fn first(&self) -> usize {
        self.base + 1
    }

    /// The number of the input that was stepped last, or that stands before the first.
    pub(super) fn at(&self) -> usize {
        self.base + self.at
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Whose everything is after the last step.
    pub(super) fn whose(&self) -> &Attribution {
        &self.whose
    }

    /// What was stepped last, and what came of it.
    pub(super) fn step(&self) -> Option<(&Input, &[Output])> {
        Some((self.input.as_ref()?, self.outputs.as_slice()))
    }

    /// Whether the outputs of the last step are not the recorded ones.
    pub(super) fn diverges(&self) -> bool {
        let Some(entry) = self.at.checked_sub(1).and_then(|last| self.entries.get(last)) else {
            return false;
        };
        let mut scratch = Vec::new();
        let digest = digest_outputs(self.outputs.as_slice(), &mut scratch);
        self.input.is_some() && !entry.recorded.agrees(digest)
    }

    /// The input at a place.
    fn read(&mut self, at: usize) -> Result<Option<Input>, PlayError> {
        let Some(Entry { segment, offset, .. }) = self.entries.get(at).copied() else {
            return Ok(None);
        };
        let (held, bytes) = &mut self.segment;
        if *held != u64::from(segment) {
            self.source.read_segment(segment.into(), bytes)?;
            *held = segment.into();
        }
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let changed = || PlayError::Damaged(format!("segment {segment} was changed meanwhile"));
        let record = record_again(bytes, offset).ok_or_else(changed)?;
        let header = record.header;
        let kind = decode_kind(record.input).map_err(|error| PlayError::Unreadable {
            seq: header.seq,
            place: pi_server_core::record::Place { segment: segment.into(), offset },
            error,
        })?;
        Ok(Some(Input { seq: header.seq, at: header.at, body: header.body_ref(), kind }))
    }

    /// Does the next step, if there is one.
    pub(super) fn forward(&mut self) -> Result<bool, PlayError> {
        let Some(input) = self.read(self.at)? else { return Ok(false) };
        self.at += 1;
        self.state.step(&input, &mut self.outputs);
        self.whose.note(&input, self.outputs.as_slice());
        self.input = Some(input);
        let last = self.kept.last().map_or(0, |kept| kept.at);
        if self.at >= last + self.distance {
            let (state, whose) = (self.state.clone(), self.whose.clone());
            self.kept.push(Kept { at: self.at, state, whose });
            if self.kept.len() > KEPT_MAX {
                let mut index = 0;
                self.kept.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.distance *= 2;
            }
        }
        Ok(true)
    }

    /// Goes to the state after an input that exists.
    pub(super) fn go(&mut self, number: usize) -> Result<(), PlayError> {
        let at = number.saturating_sub(self.base);
        // The step itself is done, again if need be, for its outputs.
        let before = at.saturating_sub(1);
        let kept = self.kept.partition_point(|kept| kept.at <= before).checked_sub(1);
        let kept_at = kept.and_then(|index| self.kept.get(index)).map_or(0, |kept| kept.at);
        let here = if self.at <= before { Some(self.at) } else { None };
        let nearest = here.unwrap_or(0).max(kept_at);
        if before - nearest > DISTANCE && self.go_to_snapshot(before, nearest)? {
            // It is nearer than whatever is kept.
        } else if here.is_none_or(|here| kept_at > here)
            && let Some(kept) = kept.and_then(|index| self.kept.get(index))
        {
            self.at = kept.at;
            self.state = kept.state.clone();
            self.whose = kept.whose.clone();
            self.outputs.clear();
            self.input = None;
        }
        while self.at < at && self.forward()? {}
        Ok(())
    }

    /// Goes to the newest snapshot after at most `before` inputs, if it is after more than `nearest`.
    fn go_to_snapshot(&mut self, before: usize, nearest: usize) -> Result<bool, PlayError> {
        let most = Seq(u64::try_from(self.base + before).unwrap_or(u64::MAX));
        let segments = self.source.segments()?;
        let first = segments.first().copied().unwrap_or(1);
        let start = Start::near(&self.source, self.source.head()?.journal, first, most)?;
        let at = usize::try_from(start.seq.0).unwrap_or(usize::MAX).checked_sub(self.base);
        let Some(at) = at.filter(|at| *at > nearest && start.seq > Seq(0)) else {
            return Ok(false);
        };
        self.at = at;
        self.whose = Attribution::of(&start.state);
        self.state = start.state;
        self.outputs.clear();
        self.input = None;
        Ok(true)
    }

    /// The places of the states from which the way back is short, newest first, that are before a
    /// number.
    pub(super) fn anchors_before(&self, number: usize) -> Vec<usize> {
        let at = number.saturating_sub(self.base);
        self.kept
            .iter()
            .rev()
            .map(|kept| kept.at)
            .filter(|kept| *kept < at)
            .map(|at| self.base + at)
            .collect()
    }
}

/// What the journal says about the outputs of a step: nothing about the last that has no commit,
/// and it may say it twice, in a commit and in the next input.
#[derive(Clone, Copy, Debug, Default)]
struct Recorded {
    digest: Option<Digest>,
    /// It contradicts itself.
    disputed: bool,
}

impl Recorded {
    fn tell(&mut self, digest: Digest) {
        self.disputed |= self.digest.is_some_and(|before| before != digest);
        self.digest = Some(digest);
    }

    fn agrees(&self, digest: Digest) -> bool {
        !self.disputed && self.digest.is_none_or(|recorded| recorded == digest)
    }
}

/// Where each input is, with what the journal says about its outputs.
fn entries(feed: &mut Feed, progress: &mut dyn FnMut(u64)) -> Result<Vec<Entry>, PlayError> {
    let mut entries: Vec<Entry> = Vec::new();
    let wide = |number: u64| {
        let why = "a segment has a number or a length that is too large";
        u32::try_from(number).map_err(|_| PlayError::Damaged(why.into()))
    };
    while let Some(batch) = feed.take() {
        for item in batch.items() {
            let tells = matches!(item.mark, None | Some(Mark::Commit(_)));
            if let (true, Some(last)) = (tells, entries.last_mut()) {
                last.recorded.tell(item.header.outputs);
            }
            if item.mark.is_none() {
                entries.push(Entry {
                    segment: wide(item.place.segment)?,
                    offset: wide(item.place.offset as u64)?,
                    recorded: Recorded::default(),
                });
                progress(item.header.seq.0);
            }
        }
    }
    Ok(entries)
}
