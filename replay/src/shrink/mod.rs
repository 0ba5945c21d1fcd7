//! `pi-replay shrink`: the few inputs of a journal that are enough to show something.
//!
//! Whole sessions and connections are left out first, then commands with all that came of them,
//! then single inputs, in ever smaller portions. What is left is a journal of its own: inputs are
//! numbered anew and what refers to them follows; an input goes with the one that it refers to.

mod parts;
mod target;

use pi_server_core::record::digest_outputs;
use pi_server_core::{Digest, Seq};

use crate::made::Made;
use crate::play::PlayError;
use crate::records::{Ground, Kept, load, write};
use crate::source::Source;
use crate::start::Begins;

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
    /// Why more might have been left out; `None` if nothing more can be.
    pub unfinished: Option<Unfinished>,
    /// The snapshot with which the journal begins, and what is left of it too.
    pub begins: Option<Begins>,
}

/// Why a search ended before nothing more could be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// As many tries were made as were allowed.
    Tries,
    /// It was told to stop.
    Interrupted,
}

/// How long a search may go on.
pub struct Patience<'a> {
    /// Most smaller journals to try.
    pub tries_max: u64,
    /// Says when to stop with what was found so far.
    pub is_over: &'a dyn Fn() -> bool,
}

/// Makes a smaller journal of which `target` still holds. `progress` is told the number of inputs
/// that are left and of tries. Where the journal begins with a snapshot, the smaller one begins with
/// the same.
///
/// # Errors
/// It does not hold of the whole journal, or a file cannot be read or written.
pub fn shrink(
    source: &Source,
    target: &Target,
    patience: &Patience<'_>,
    out: &std::path::Path,
    progress: &mut dyn FnMut(usize, u64),
) -> Result<Shrunk, PlayError> {
    let ground = Ground::of(source)?;
    let key: Option<[u8; 32]> = source.key_bytes().and_then(|key| key.try_into().ok());
    let judge = Judge::new(target, &ground, key)?;
    let all = load(source, Seq(u64::MAX))?;
    let Some(end) = judge.first(&all)? else {
        return Err(PlayError::Absent("it does not hold of the whole journal".into()));
    };
    progress(end, 0);
    let parts = Parts::of(&ground, &all[..end], judge.steps_safely(end));
    let all = parts.name_sessions(all[..end].to_vec(), key);
    let mut search = Search {
        all: &all,
        parts: &parts,
        judge: &judge,
        // A journal from its first input on begins with a boot.
        first: usize::from(ground.begins.is_none()),
        left: (0..end).collect(),
        gone: vec![false; end],
        tries: 0,
        patience,
        progress,
        unfinished: None,
    };
    search.run()?;
    let Search { left, tries, unfinished, .. } = search;
    let inputs = parts.renumber(&all, &left);
    let outputs = judge.outputs(&inputs);
    let made = Made::new(out)?;
    write(&made, &ground, &inputs, &outputs, key)?;
    made.finish()?;
    let begins = ground.begins;
    Ok(Shrunk { before: end, after: inputs.len(), tries, unfinished, begins })
}

/// The digests of the outputs of each step, in this process.
pub(crate) fn step_all(ground: &Ground, inputs: &[Kept]) -> Vec<Digest> {
    let (mut digests, mut scratch) = (Vec::with_capacity(inputs.len()), Vec::new());
    ground.step_all(inputs, |_, _, outputs| {
        digests.push(digest_outputs(outputs.as_slice(), &mut scratch));
        false
    });
    digests
}

/// A search. What one try costs grows with what is left, and not with what there was: a million
/// inputs of which almost all can go are gone after a few dozen tries.
struct Search<'a> {
    all: &'a [Kept],
    parts: &'a Parts<'a>,
    judge: &'a Judge<'a>,
    /// Inputs before this place stay.
    first: usize,
    /// The places of the inputs that are left, in order.
    left: Vec<usize>,
    /// Which inputs are not left.
    gone: Vec<bool>,
    tries: u64,
    patience: &'a Patience<'a>,
    progress: &'a mut dyn FnMut(usize, u64),
    unfinished: Option<Unfinished>,
}

impl Search<'_> {
    fn run(&mut self) -> Result<(), PlayError> {
        for groups in self.parts.groups() {
            self.leave_out(groups)?;
        }
        // What could not go alone may go after something else went.
        loop {
            let before = self.left.len();
            self.leave_out(self.left.iter().map(|at| vec![*at]).collect())?;
            if self.left.len() == before || self.unfinished.is_some() {
                return Ok(());
            }
        }
    }

    /// Tries to leave out groups, many at once and then fewer.
    fn leave_out(&mut self, mut groups: Vec<Vec<usize>>) -> Result<(), PlayError> {
        let mut size = groups.len().div_ceil(2).max(1);
        loop {
            for portion in groups.chunks(size) {
                self.try_without(portion)?;
                if self.unfinished.is_some() {
                    return Ok(());
                }
            }
            if size == 1 {
                return Ok(());
            }
            // Groups of which nothing is left need not be looked at again.
            groups.retain(|group| group.iter().any(|at| !self.gone[*at]));
            size = size.min(groups.len()).div_ceil(2).max(1);
        }
    }

    fn try_without(&mut self, groups: &[Vec<usize>]) -> Result<(), PlayError> {
        let mut marked = Vec::new();
        for at in groups.iter().flatten() {
            if *at >= self.first && !self.gone[*at] {
                self.gone[*at] = true;
                marked.push(*at);
            }
        }
        if marked.is_empty() {
            return Ok(());
        }
        let (fewer, more) = self.parts.without(&self.left, &mut self.gone);
        let holds = if self.tries < self.patience.tries_max {
            self.tries += 1;
            self.judge.holds(&self.parts.renumber(self.all, &fewer))
        } else {
            self.unfinished = Some(Unfinished::Tries);
            Ok(false)
        };
        if (self.patience.is_over)() {
            // The programs that were asked may have been stopped too: their answer is none.
            self.unfinished = Some(Unfinished::Interrupted);
        }
        if self.unfinished.is_none() && holds? {
            self.left = fewer;
        } else {
            marked.iter().chain(&more).for_each(|at| self.gone[*at] = false);
        }
        (self.progress)(self.left.len(), self.tries);
        Ok(())
    }
}
