//! `pi-replay shrink`: the few inputs of a journal that are enough to show something.
//!
//! Whole sessions and connections are left out first, then commands with all that came of them,
//! then single inputs, in ever smaller portions. What is left is a journal of its own: inputs are
//! numbered anew and what refers to them follows; an input goes with the one that it refers to.

mod parts;
mod target;

use pi_server_core::record::digest_outputs;
use pi_server_core::{Digest, Outputs, Seq, State};

use crate::made::Made;
use crate::play::PlayError;
use crate::records::{Kept, load, must_be_whole, write};
use crate::source::Source;

pub use target::Target;

use parts::Parts;
use target::Judge;

/// What was tried and found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// Inputs of the journal.
    pub before: usize,
    /// Inputs that are left.
    pub after: usize,
    /// Smaller journals that were tried.
    pub tries: u64,
    /// Whether `tries_max` was reached before nothing more could be left out.
    pub unfinished: bool,
}

/// Makes a smaller journal of which `target` still holds. `progress` is told the number of inputs
/// that are left and of tries.
///
/// # Errors
/// It does not hold of the whole journal, or a file cannot be read or written.
pub fn shrink(
    source: &Source,
    target: &Target,
    tries_max: u64,
    out: &std::path::Path,
    progress: &mut dyn FnMut(usize, u64),
) -> Result<Shrunk, PlayError> {
    must_be_whole(source)?;
    let key: Option<[u8; 32]> = source.key_bytes().and_then(|key| key.try_into().ok());
    let judge = Judge::new(target, key)?;
    let all = load(source, Seq(u64::MAX))?;
    let Some(end) = judge.first(&all)? else {
        return Err(PlayError::Unfit("it does not hold of the whole journal".into()));
    };
    let parts = Parts::of(&all[..end], judge.steps_safely(end));
    let all = parts.name_sessions(all[..end].to_vec(), key);
    let mut search = Search {
        all: &all,
        parts: &parts,
        judge: &judge,
        kept: vec![true; end],
        tries: 0,
        tries_max,
        progress,
    };
    search.run()?;
    let Search { kept, tries, .. } = search;
    let inputs = parts.renumber(&all, &kept);
    let outputs = judge.outputs(&inputs);
    write(&Made::new(out)?, &inputs, &outputs, key)?;
    let unfinished = tries >= tries_max;
    Ok(Shrunk { before: end, after: inputs.len(), tries, unfinished })
}

/// The digests of the outputs of each step, in this process.
pub(crate) fn step_all(inputs: &[Kept]) -> Vec<Digest> {
    let (mut state, mut outputs, mut scratch) = (State::new(), Outputs::new(), Vec::new());
    let numbered = inputs.iter().zip(1..);
    numbered
        .map(|(kept, seq)| {
            state.step(&kept.input(Seq(seq)), &mut outputs);
            digest_outputs(outputs.as_slice(), &mut scratch)
        })
        .collect()
}

struct Search<'a> {
    all: &'a [Kept],
    parts: &'a Parts,
    judge: &'a Judge,
    /// Which inputs are left.
    kept: Vec<bool>,
    tries: u64,
    tries_max: u64,
    progress: &'a mut dyn FnMut(usize, u64),
}

impl Search<'_> {
    fn run(&mut self) -> Result<(), PlayError> {
        for groups in self.parts.groups() {
            self.leave_out(&groups)?;
        }
        // What could not go alone may go after something else went.
        loop {
            let singles: Vec<Vec<usize>> = self.left().into_iter().map(|at| vec![at]).collect();
            let before = singles.len();
            self.leave_out(&singles)?;
            if self.left().len() == before || self.tries >= self.tries_max {
                return Ok(());
            }
        }
    }

    fn left(&self) -> Vec<usize> {
        (0..self.kept.len()).filter(|at| self.kept[*at]).collect()
    }

    /// Tries to leave out groups, many at once and then fewer.
    fn leave_out(&mut self, groups: &[Vec<usize>]) -> Result<(), PlayError> {
        let mut size = groups.len().div_ceil(2).max(1);
        loop {
            for portion in groups.chunks(size) {
                self.try_without(&portion.concat())?;
            }
            if size == 1 {
                return Ok(());
            }
            size = size.div_ceil(2);
        }
    }

    fn try_without(&mut self, inputs: &[usize]) -> Result<(), PlayError> {
        let mut fewer = self.kept.clone();
        for at in inputs.iter().filter(|at| **at > 0) {
            fewer[*at] = false;
        }
        self.parts.close(&mut fewer);
        if fewer == self.kept || self.tries >= self.tries_max {
            return Ok(());
        }
        self.tries += 1;
        if self.judge.holds(&self.parts.renumber(self.all, &fewer))? {
            self.kept = fewer;
        }
        let left = self.left().len();
        (self.progress)(left, self.tries);
        Ok(())
    }
}
