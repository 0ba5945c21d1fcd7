//! A state that can go back: states of earlier places are kept, and the way from the nearest one
//! is stepped again.

use pi_server_core::input::InputKind;
use pi_server_core::record::{Mark, digest_outputs};
use pi_server_core::{Digest, Outputs, Seq, State};

use crate::feed::Feed;
use crate::play::PlayError;
use crate::records::{Kept, load};
use crate::source::Source;
use crate::start::Start;

/// Inputs between two kept states, at first. Stepping so many takes less than a millisecond.
const DISTANCE: usize = 512;
/// Most states that are kept; then every other one goes, and the distance doubles.
const KEPT_MAX: usize = 256;

pub(super) struct Machine {
    /// Inputs before the first: those that a snapshot stands for.
    base: usize,
    inputs: Vec<Kept>,
    /// The outputs, as recorded.
    recorded: Vec<Recorded>,
    state: State,
    outputs: Outputs,
    /// Inputs that were stepped.
    at: usize,
    kept: Vec<(usize, State)>,
    distance: usize,
    scratch: Vec<u8>,
    diverges: bool,
}

impl Machine {
    pub(super) fn load(source: &Source) -> Result<Machine, PlayError> {
        let inputs = load(source, Seq(u64::MAX))?;
        let Start { state, seq, .. } = Start::of(source)?;
        let base = usize::try_from(seq.0).unwrap_or(usize::MAX);
        let recorded = recorded(source, base, inputs.len())?;
        Ok(Machine {
            base,
            inputs,
            recorded,
            kept: vec![(0, state.clone())],
            state,
            outputs: Outputs::new(),
            at: 0,
            distance: DISTANCE,
            scratch: Vec::new(),
            diverges: false,
        })
    }

    /// The number of the last input.
    pub(super) fn last(&self) -> usize {
        self.base + self.inputs.len()
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

    /// What was stepped last.
    pub(super) fn kind(&self) -> Option<&InputKind> {
        let last = self.at.checked_sub(1)?;
        self.inputs.get(last).map(|kept| &kept.kind)
    }

    /// Whether the outputs are not the recorded ones.
    pub(super) fn diverges(&self) -> bool {
        self.diverges
    }

    /// The last step in the notation.
    pub(super) fn notation(&self) -> (String, Vec<String>) {
        let last = self.at.checked_sub(1).and_then(|last| self.inputs.get(last));
        let input =
            last.map_or_else(String::new, |kept| kept.input(Seq(self.at() as u64)).to_string());
        (input, self.outputs.as_slice().iter().map(ToString::to_string).collect())
    }

    /// Does the next step, if there is one.
    pub(super) fn forward(&mut self) -> bool {
        let Some(kept) = self.inputs.get(self.at) else { return false };
        self.at += 1;
        let seq = Seq((self.base + self.at) as u64);
        self.state.step(&kept.input(seq), &mut self.outputs);
        let digest = digest_outputs(self.outputs.as_slice(), &mut self.scratch);
        let recorded = self.recorded.get(self.at - 1);
        self.diverges = recorded.is_some_and(|recorded| !recorded.agrees(digest));
        let last = self.kept.last().map_or(0, |(at, _)| *at);
        if self.at >= last + self.distance {
            self.kept.push((self.at, self.state.clone()));
            if self.kept.len() > KEPT_MAX {
                let mut index = 0;
                self.kept.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.distance *= 2;
            }
        }
        true
    }

    /// Goes to the state after an input that exists.
    pub(super) fn go(&mut self, number: usize) {
        let at = number.saturating_sub(self.base);
        if at < self.at || at == 0 {
            // The step itself is done again, for its outputs.
            let before = at.saturating_sub(1);
            let nearest = self.kept.partition_point(|(kept, _)| *kept <= before);
            if let Some((kept, state)) = nearest.checked_sub(1).and_then(|at| self.kept.get(at)) {
                self.at = *kept;
                self.state = state.clone();
                self.outputs.clear();
                self.diverges = false;
            }
        }
        while self.at < at && self.forward() {}
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

/// What the journal says about the outputs of each input.
fn recorded(source: &Source, base: usize, inputs: usize) -> Result<Vec<Recorded>, PlayError> {
    let mut recorded: Vec<Recorded> = vec![Recorded::default(); inputs];
    let mut feed = Feed::start(source)?;
    let mut last: Option<usize> = None;
    while let Some(batch) = feed.take() {
        for item in batch.items() {
            let tells = matches!(item.mark, None | Some(Mark::Commit(_)));
            if let (true, Some(at)) = (tells, last)
                && let Some(place) = recorded.get_mut(at)
            {
                place.tell(item.header.outputs);
            }
            if item.mark.is_none() {
                let seq = usize::try_from(item.header.seq.0).ok();
                last = seq.and_then(|seq| seq.checked_sub(base + 1));
            }
        }
    }
    Ok(recorded)
}
