//! A journal under several builds of this tool: the first step whose outputs differ, and the first
//! build of a row that behaves in another way.
//!
//! A build is asked for `digests`, one line for each step, which ends early if it panics.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use pi_server_core::Seq;
use pi_server_core::record::digest_outputs;
use serde_json::{Value, json};

use crate::feed::Feed;
use crate::play::{Ending, PlayError, play};
use crate::shown::Shown;
use crate::source::Source;
use crate::status::Status;

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
        /// What that means, as far as it has this build's exit statuses.
        status: Status,
        /// The end of what it wrote to standard error.
        said: String,
    },
    /// What it answers is no answer of a build.
    NoBuild {
        /// Which program.
        build: PathBuf,
        /// What it said instead of a step; `None` if it said nothing.
        line: Option<String>,
    },
}

impl BuildError {
    /// The program.
    pub fn build(&self) -> &Path {
        match self {
            BuildError::Run { build, .. }
            | BuildError::Refused { build, .. }
            | BuildError::NoBuild { build, .. } => build,
        }
    }

    /// The exit status that says so.
    pub fn status(&self) -> Status {
        match self {
            BuildError::Run { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Status::Absent
            }
            BuildError::Run { .. } => Status::Unread,
            BuildError::Refused { status, .. } => *status,
            BuildError::NoBuild { .. } => Status::Usage,
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Run { build, source } => {
                write!(f, "cannot run {}: {source}", build.display())
            }
            BuildError::Refused { build, how, status: _, said } => {
                write!(f, "{} digests: {how}", build.display())?;
                said.lines().try_for_each(|line| write!(f, "\n  {}", Shown(line)))
            }
            BuildError::NoBuild { build, line: Some(line) } => write!(
                f,
                "{} is no build of pi-replay: asked for digests it said {:?}",
                build.display(),
                line.chars().take(LINE_CHARS_SHOWN).collect::<String>()
            ),
            BuildError::NoBuild { build, line: None } => write!(
                f,
                "{} is no build of pi-replay: asked for digests it said nothing",
                build.display()
            ),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BuildError::Run { source, .. } => Some(source),
            BuildError::Refused { .. } | BuildError::NoBuild { .. } => None,
        }
    }
}

impl From<BuildError> for PlayError {
    fn from(error: BuildError) -> PlayError {
        PlayError::Build(error)
    }
}

/// Most characters that a message shows of a line that is none of a build.
const LINE_CHARS_SHOWN: usize = 60;
/// Most bytes that are kept of what a build writes to standard error: the last ones.
const SAID_BYTES_MAX: usize = 4 << 10;
/// No line of digests is longer.
const LINE_BYTES_MAX: u64 = 256;

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
    // A journal that cannot be read is what the builds tell of.
    let head = Source::open(dir).and_then(|source| source.head());
    let durable = head.map_or(Seq(u64::MAX), |head| head.durable_upto);
    let mut left = Steps::start(builds[0], dir)?;
    let mut right = Steps::start(builds[1], dir)?;
    let (mut steps, mut last) = (0, Seq(0));
    loop {
        let (one, two) = (left.next()?, right.next()?);
        if let (Some(one), Some(two)) = (&one, &two)
            && one == two
        {
            last = one.0;
            steps += 1;
            progress(steps);
            continue;
        }
        // Where older segments were dropped, the first step has not the number 1.
        let seq = [&one, &two].into_iter().flatten().map(|(seq, _)| *seq).min();
        let seq = seq.unwrap_or(Seq(last.0 + 1));
        let told = |step: Option<(Seq, String)>, side: &mut Steps| match step {
            Some((_, digest)) => Ok(Some(digest)),
            None => side.end(),
        };
        let digests = [told(one, &mut left)?, told(two, &mut right)?];
        for (digest, side, other) in [(&digests[0], &left, &right), (&digests[1], &right, &left)] {
            // What ends well without a word has not read the journal.
            if digest.is_none() && side.read == 0 && (other.read > 0 || has_inputs(dir)) {
                return Err(BuildError::NoBuild { build: side.build.clone(), line: None });
            }
        }
        let (Some(a), Some(b)) = (&digests[0], &digests[1]) else {
            let (both_ended, is_one) = (left.ended && right.ended, digests != [None, None]);
            // What was not on disk when both began, only one of them may have seen.
            if !is_one || (!both_ended && seq > durable) {
                return Ok(Agreement { steps, difference: None });
            }
            let missing = if both_ended { "ended well" } else { "has no such step" };
            let digests = digests.map(|end| end.unwrap_or_else(|| missing.into()));
            return Ok(differ(builds, dir, seq, digests, steps));
        };
        return Ok(differ(builds, dir, seq, [a.clone(), b.clone()], steps));
    }
}

/// True if the journal has inputs, as far as this build can tell.
fn has_inputs(dir: &Path) -> bool {
    let feed = Source::open(dir).and_then(|source| Feed::start(&source));
    let Ok(mut feed) = feed else { return false };
    while let Some(batch) = feed.take() {
        if batch.items().any(|item| item.mark.is_none()) {
            return true;
        }
    }
    false
}

/// The step that a line is about: its number and the digest of its outputs.
fn step(line: &str) -> Option<(Seq, String)> {
    let (number, digest) = line.split_once(' ')?;
    let is_digest = !digest.is_empty() && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then_some((Seq(number.parse().ok()?), digest.to_owned()))
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

/// The first build of a row that behaves in another way.
#[derive(Debug)]
pub struct FirstOther {
    /// Its place in the row.
    pub index: usize,
    /// What it disagrees about with the first.
    pub agreement: Agreement,
}

/// What a search among builds has found.
#[derive(Debug, Default)]
pub struct Bisected {
    /// The first other build; `None` if those that could be asked agree.
    pub first: Option<FirstOther>,
    /// Builds that could not be asked, and why. Those right before the first other one may be it.
    pub skipped: Vec<(usize, BuildError)>,
}

impl Bisected {
    /// Builds that could not be asked and may be the first other one.
    pub fn in_doubt(&self) -> impl Iterator<Item = usize> {
        let first = self.first.as_ref().map_or(0, |first| first.index);
        let is_skipped = |index: &usize| self.skipped.iter().any(|(at, _)| at == index);
        (0..first).rev().take_while(move |index| is_skipped(index))
    }
}

/// The first build of a row, oldest first, that disagrees with the first one about a journal. A
/// build that cannot be asked is skipped.
///
/// # Errors
/// The first one cannot be run, or does not take the journal; or one of them is no build at all.
pub fn bisect(
    builds: &[PathBuf],
    dir: &Path,
    progress: &mut dyn FnMut(&Path),
) -> Result<Bisected, BuildError> {
    let mut found = Bisected::default();
    let Some((first, _)) = builds.split_first() else { return Ok(found) };
    let mut asked = |index: usize, skipped: &mut Vec<(usize, BuildError)>| {
        progress(&builds[index]);
        match compare([first, &builds[index]], dir, &mut |_| {}) {
            Ok(agreement) => Ok(Some(agreement)),
            Err(error @ (BuildError::NoBuild { .. } | BuildError::Run { .. })) => Err(error),
            Err(error) if error.build() == *first => Err(error),
            Err(error) => {
                skipped.push((index, error));
                Ok(None)
            }
        }
    };
    let skipped = &mut found.skipped;
    // Everything from `bad` on is other, or could not be asked; everything up to `good` is alike.
    let (mut good, mut bad) = (0, builds.len());
    while bad - good > 1 {
        // The last one first: without it, nothing is to be searched for.
        let middle = if bad == builds.len() { bad - 1 } else { usize::midpoint(good, bad) };
        let mut between: Vec<usize> =
            (good + 1..bad).filter(|index| !skipped.iter().any(|(at, _)| at == index)).collect();
        between.sort_by_key(|index| index.abs_diff(middle));
        let Some(index) = between.first().copied() else { break };
        match asked(index, skipped)? {
            None => {}
            Some(agreement) if agreement.difference.is_some() => {
                bad = index;
                found.first = Some(FirstOther { index, agreement });
            }
            Some(_) => good = index,
        }
    }
    Ok(found)
}

/// The lines of a running build. It is ended when nobody reads it any more.
struct Steps {
    build: PathBuf,
    child: Child,
    lines: BufReader<ChildStdout>,
    /// Steps that were read.
    read: u64,
    /// Whether it has no more lines.
    ended: bool,
    /// Keeps the end of what it writes to standard error.
    said: Option<JoinHandle<Vec<u8>>>,
}

impl Steps {
    fn start(build: &Path, dir: &Path) -> Result<Steps, BuildError> {
        let failed = |source| BuildError::Run { build: build.to_owned(), source };
        let mut command = Command::new(build);
        command.arg("digests").arg(dir).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().map_err(failed)?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(failed(io::Error::other("it has no standard output")));
        };
        let said = std::thread::Builder::new().spawn(move || last_of(stderr)).map_err(failed)?;
        Ok(Steps {
            build: build.to_owned(),
            child,
            lines: BufReader::new(stdout),
            read: 0,
            ended: false,
            said: Some(said),
        })
    }

    fn next(&mut self) -> Result<Option<(Seq, String)>, BuildError> {
        if self.ended {
            return Ok(None);
        }
        let mut line = Vec::new();
        let read = (&mut self.lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        read.map_err(|source| BuildError::Run { build: self.build.clone(), source })?;
        let text = String::from_utf8_lossy(&line);
        if line.is_empty() {
            self.ended = true;
            return Ok(None);
        }
        if let Some(step) = step(text.trim_end_matches('\n')) {
            self.read += 1;
            return Ok(Some(step));
        }
        let line = Some(text.trim_end().to_owned());
        Err(BuildError::NoBuild { build: self.build.clone(), line })
    }

    /// How it ended, if that was not well: killed by a signal, as a panic ends it.
    fn end(&mut self) -> Result<Option<String>, BuildError> {
        let build = self.build.clone();
        let status = match self.child.wait() {
            Ok(status) => status,
            Err(source) => return Err(BuildError::Run { build, source }),
        };
        let said = self.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
        let said = String::from_utf8_lossy(&said).into_owned();
        match status.code() {
            Some(0) => Ok(None),
            // A panic that unwinds has this status, one that aborts a signal.
            None | Some(101) => {
                let why = said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
                Ok(Some(format!("panicked ({status}) {}", Shown(why)).trim_end().to_owned()))
            }
            Some(code) => {
                let meant = Status::of_code(code).filter(|status| *status != Status::Good);
                let (how, status) = (status.to_string(), meant.unwrap_or(Status::Unread));
                Err(BuildError::Refused { build, how, status, said })
            }
        }
    }
}

/// The end of what a program writes to standard error, read to its end so that it never waits.
fn last_of(mut stderr: impl Read) -> Vec<u8> {
    let (mut last, mut buffer) = (Vec::new(), [0; 1 << 12]);
    while let Ok(read @ 1..) = stderr.read(&mut buffer) {
        last.extend_from_slice(&buffer[..read]);
        let over = last.len().saturating_sub(SAID_BYTES_MAX);
        last.drain(..over);
    }
    last
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
