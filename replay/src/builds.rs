//! A journal under several builds of this tool: the first step whose outputs differ, and the first
//! build of a row that behaves in another way.
//!
//! A build is asked for `digests`, one line for each step, which ends early if it panics.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use pi_server_core::Seq;
use pi_server_core::record::digest_outputs;
use serde_json::{Value, json};

use crate::play::{Ending, PlayError, play};
use crate::source::Source;

/// Writes a line for each step: its number and the digest of its outputs. Each line is written at
/// once, so that those before a panic are there; `json` makes each an object.
///
/// # Errors
/// The journal cannot be read or decoded, or a line cannot be written.
pub fn digests(source: &Source, json: bool, out: &mut dyn Write) -> Result<Ending, PlayError> {
    let mut scratch = Vec::new();
    play(source, |played| {
        let digest = digest_outputs(played.outputs, &mut scratch);
        let seq = played.input.seq;
        if json {
            writeln!(out, r#"{{"seq":{seq},"outputs":"{digest}"}}"#)?;
        } else {
            writeln!(out, "{seq} {digest}")?;
        }
        out.flush()?;
        Ok(ControlFlow::Continue(()))
    })
}

/// Why a build cannot be asked.
#[derive(Debug)]
pub enum BuildError {
    /// It cannot be run, or what it says cannot be read.
    Run {
        /// Which build.
        build: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It does not know the question, or not the journal.
    Refused {
        /// Which build.
        build: PathBuf,
        /// How it ended.
        how: String,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Run { build, source } => {
                write!(f, "cannot run {}: {source}", build.display())
            }
            BuildError::Refused { build, how } => {
                write!(f, "{} digests: {how}", build.display())
            }
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BuildError::Run { source, .. } => Some(source),
            BuildError::Refused { .. } => None,
        }
    }
}

impl From<BuildError> for PlayError {
    fn from(error: BuildError) -> PlayError {
        PlayError::Unfit(error.to_string())
    }
}

/// The first step whose outputs two builds disagree about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The input.
    pub seq: Seq,
    /// The digest of its outputs in each build; how it ended where it has none.
    pub digests: [String; 2],
    /// The step as each build shows it.
    pub steps: [String; 2],
}

/// Steps that two builds agree about, and the first that they do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Steps with equal outputs before it.
    pub steps: u64,
    /// The first other one.
    pub difference: Option<Disagreement>,
}

/// Runs a journal under two builds.
///
/// # Errors
/// One of them cannot be run, or does not take the journal.
pub fn compare(
    builds: [&Path; 2],
    dir: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<Agreement, BuildError> {
    let mut left = Steps::start(builds[0], dir)?;
    let mut right = Steps::start(builds[1], dir)?;
    let mut steps = 0;
    loop {
        let (one, two) = (left.next()?, right.next()?);
        if one.is_none() && two.is_none() {
            let ends = [left.end()?, right.end()?];
            if ends[0].is_some() || ends[1].is_some() {
                let digests = ends.map(|end| end.unwrap_or_else(|| "ended well".into()));
                return Ok(differ(builds, dir, Seq(steps + 1), digests, steps));
            }
            return Ok(Agreement { steps, difference: None });
        }
        if one == two {
            steps += 1;
            progress(steps);
            continue;
        }
        // Where older segments were dropped, the first step has not the number 1.
        let seq = [&one, &two].into_iter().flatten().find_map(|line| number(line));
        let digests = [told(one, &mut left)?, told(two, &mut right)?];
        return Ok(differ(builds, dir, seq.unwrap_or(Seq(steps + 1)), digests, steps));
    }
}

/// The number of the step that a line is about.
fn number(line: &str) -> Option<Seq> {
    line.split(' ').next().and_then(|number| number.parse().ok()).map(Seq)
}

/// What a build has to say about a step: its digest, or how it ended without one.
fn told(line: Option<String>, steps: &mut Steps) -> Result<String, BuildError> {
    if let Some(line) = line {
        return Ok(line.split(' ').next_back().unwrap_or_default().to_owned());
    }
    Ok(steps.end()?.unwrap_or_else(|| "has no such step".into()))
}

fn differ(builds: [&Path; 2], dir: &Path, seq: Seq, digests: [String; 2], steps: u64) -> Agreement {
    let shown = builds.map(|build| shown(build, dir, seq));
    Agreement { steps, difference: Some(Disagreement { seq, digests, steps: shown }) }
}

/// A step as a build shows it; empty if it cannot (it panics there, perhaps).
fn shown(build: &Path, dir: &Path, seq: Seq) -> String {
    let number = seq.to_string();
    let mut command = Command::new(build);
    command.arg("show").arg(dir).args(["--from", &number, "--to", &number]);
    let output = command.stdin(Stdio::null()).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

/// The first build of a row, oldest first, that disagrees with the first one about a journal.
///
/// # Errors
/// One of them cannot be run, or does not take the journal.
pub fn bisect(
    builds: &[PathBuf],
    dir: &Path,
    progress: &mut dyn FnMut(&Path),
) -> Result<Option<(usize, Agreement)>, BuildError> {
    let Some((first, _)) = builds.split_first() else { return Ok(None) };
    let mut asked = |index: usize| {
        progress(&builds[index]);
        compare([first, &builds[index]], dir, &mut |_| {})
    };
    let (mut good, mut bad) = (0, builds.len() - 1);
    let mut found = asked(bad)?;
    if found.difference.is_none() {
        return Ok(None);
    }
    while bad - good > 1 {
        let middle = usize::midpoint(good, bad);
        let agreement = asked(middle)?;
        if agreement.difference.is_some() {
            (bad, found) = (middle, agreement);
        } else {
            good = middle;
        }
    }
    Ok(Some((bad, found)))
}

/// The lines of a running build. It is ended when nobody reads it any more.
struct Steps {
    build: PathBuf,
    child: Child,
    lines: io::Lines<BufReader<ChildStdout>>,
}

impl Steps {
    fn start(build: &Path, dir: &Path) -> Result<Steps, BuildError> {
        let failed = |source| BuildError::Run { build: build.to_owned(), source };
        let mut command = Command::new(build);
        command.arg("digests").arg(dir).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().map_err(failed)?;
        let Some(stdout) = child.stdout.take() else {
            return Err(failed(io::Error::other("it has no standard output")));
        };
        Ok(Steps { build: build.to_owned(), child, lines: BufReader::new(stdout).lines() })
    }

    fn next(&mut self) -> Result<Option<String>, BuildError> {
        let line = self.lines.next().transpose();
        line.map_err(|source| BuildError::Run { build: self.build.clone(), source })
    }

    /// How it ended, if that was not well: killed by a signal, as a panic ends it.
    fn end(&mut self) -> Result<Option<String>, BuildError> {
        let waited = self.child.wait();
        let status =
            waited.map_err(|source| BuildError::Run { build: self.build.clone(), source })?;
        match status.code() {
            Some(0) => Ok(None),
            // A panic that unwinds has this status, one that aborts a signal.
            None | Some(101) => Ok(Some(format!("panicked ({status})"))),
            Some(_) => {
                Err(BuildError::Refused { build: self.build.clone(), how: status.to_string() })
            }
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Agreement {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        let difference = self.difference.as_ref().map(|it| {
            let [a, b] = &it.digests;
            let steps = [&it.steps[0], &it.steps[1]];
            json!({ "seq": it.seq.0, "a": a, "b": b, "stepA": steps[0], "stepB": steps[1] })
        });
        json!({ "equalSteps": self.steps, "difference": difference })
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Disagreement { seq, digests, steps }) = &self.difference else {
            return writeln!(f, "equal: {} steps", self.steps);
        };
        writeln!(f, "differ at #{seq}, after {} equal steps", self.steps)?;
        for (name, (digest, step)) in ["A", "B"].iter().zip(digests.iter().zip(steps)) {
            writeln!(f, "{name}  {digest}")?;
            write!(f, "{step}")?;
        }
        Ok(())
    }
}
