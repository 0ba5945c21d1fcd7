//! What a smaller journal must still show.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use pi_server_core::{Digest, Seq};

use super::step_all;
use crate::builds::{BuildError, compare};
use crate::made::Made;
use crate::play::PlayError;
use crate::records::{Ground, Kept, write};

/// What a smaller journal must still show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// This build and another have different outputs.
    Diverges {
        /// The other.
        build: PathBuf,
    },
    /// A build panics.
    Panics {
        /// Which; `None` for this one.
        build: Option<PathBuf>,
    },
    /// A step has an output that contains this text, in the notation.
    Output(String),
    /// A program that is given the directory of the journal ends with status 0.
    Program(PathBuf),
}

impl Target {
    /// Reads `diverges`, `panics`, `output:TEXT` or `exec:PROGRAM`; the first two may be about
    /// another build.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, build: Option<PathBuf>) -> Result<Target, String> {
        match (text, text.split_once(':'), build) {
            ("diverges", _, Some(build)) => Ok(Target::Diverges { build }),
            ("diverges", _, None) => {
                Err("diverges needs --build: the build that behaves in another way".into())
            }
            ("panics", _, build) => Ok(Target::Panics { build }),
            (_, _, Some(_)) => Err("--build goes with diverges and panics".into()),
            (_, Some(("output", words)), None) if !words.is_empty() => {
                Ok(Target::Output(words.to_owned()))
            }
            (_, Some(("exec", program)), None) if !program.is_empty() => {
                Ok(Target::Program(program.into()))
            }
            (_, _, None) => Err("diverges, panics, output:TEXT or exec:PROGRAM".into()),
        }
    }
}

/// Decides about journals.
pub(super) struct Judge<'a> {
    target: Target,
    ground: &'a Ground,
    own: PathBuf,
    key: Option<[u8; 32]>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        target: &Target,
        ground: &'a Ground,
        key: Option<[u8; 32]>,
    ) -> Result<Judge<'a>, PlayError> {
        let failed = |source| BuildError::Run { build: PathBuf::from("this program"), source };
        let own = std::env::current_exe().map_err(failed)?;
        Ok(Judge { target: target.clone(), ground, own, key })
    }

    /// Whether it holds.
    pub(super) fn holds(&self, inputs: &[Kept]) -> Result<bool, PlayError> {
        self.first(inputs).map(|found| found.is_some())
    }

    /// After how many inputs it holds for the first time; `None` if it does not.
    pub(super) fn first(&self, inputs: &[Kept]) -> Result<Option<usize>, PlayError> {
        match &self.target {
            Target::Output(words) => Ok(first_output(self.ground, inputs, words)),
            Target::Diverges { build } => self.in_directory(inputs, |dir| {
                let agreement = compare([&self.own, build], dir, &mut |_| {})?;
                let place = |seq: Seq| self.ground.place(seq.0).map_or(0, |at| at + 1);
                Ok(agreement.difference.map(|found| place(found.seq)))
            }),
            Target::Panics { build } => self.in_directory(inputs, |dir| {
                let build = build.as_deref().unwrap_or(&self.own);
                Ok(panics(build, dir)?.then_some(inputs.len()))
            }),
            Target::Program(program) => self.in_directory(inputs, |dir| {
                let mut command = Command::new(program);
                command.arg(dir).stdin(Stdio::null()).stdout(Stdio::null());
                let status = command.stderr(Stdio::null()).status();
                let failed = |source| BuildError::Run { build: program.clone(), source };
                Ok(status.map_err(failed)?.success().then_some(inputs.len()))
            }),
        }
    }

    /// How many of the inputs this process may step by itself: none if it is this build that
    /// panics somewhere among them.
    pub(super) fn steps_safely(&self, inputs: usize) -> usize {
        match self.target {
            Target::Panics { build: None } => 0,
            Target::Panics { build: Some(_) }
            | Target::Diverges { .. }
            | Target::Output(_)
            | Target::Program(_) => inputs,
        }
    }

    /// The digests of the outputs; none where this build would panic.
    pub(super) fn outputs(&self, inputs: &[Kept]) -> Vec<Digest> {
        if self.steps_safely(inputs.len()) == inputs.len() {
            return step_all(self.ground, inputs);
        }
        Vec::new()
    }

    /// Lets `ask` look at the inputs as a journal, in a directory that is gone afterwards.
    fn in_directory<T>(
        &self,
        inputs: &[Kept],
        ask: impl FnOnce(&Path) -> Result<T, BuildError>,
    ) -> Result<T, PlayError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("pi-replay-shrink-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let asked = Made::new(&dir)
            .and_then(|made| {
                write(&made, self.ground, inputs, &[], self.key)?;
                made.finish()
            })
            .and_then(|()| ask(&dir).map_err(PlayError::from));
        drop(std::fs::remove_dir_all(&dir));
        asked
    }
}

fn first_output(ground: &Ground, inputs: &[Kept], words: &str) -> Option<usize> {
    let mut found = None;
    ground.step_all(inputs, |at, _, outputs| {
        let is_there = outputs.as_slice().iter().any(|output| output.to_string().contains(words));
        found = is_there.then_some(at + 1);
        is_there
    });
    found
}

/// Whether a build panics on a journal: a signal, or the status of a panic that unwinds.
fn panics(build: &Path, dir: &Path) -> Result<bool, BuildError> {
    let mut command = Command::new(build);
    command.arg("digests").arg(dir).stdin(Stdio::null()).stdout(Stdio::null());
    let failed = |source| BuildError::Run { build: build.to_owned(), source };
    let status = command.stderr(Stdio::null()).status().map_err(failed)?;
    Ok(matches!(status.code(), None | Some(101)))
}
