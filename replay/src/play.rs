//! Stepping a journal in order, for everything that looks at what happened.

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;

use pi_server_core::record::{DecodeError, Place, decode_kind};
use pi_server_core::{Input, Output, Outputs, Seq, State};

use crate::feed::{Feed, Item, Key, Reading};
use crate::source::{Source, SourceError};
use crate::start::Start;
use crate::status::Status;

/// A step that was just done.
pub struct Played<'a> {
    /// The record of the input.
    pub item: Item<'a>,
    /// The input.
    pub input: &'a Input,
    /// What came of it.
    pub outputs: &'a [Output],
    /// The state after it.
    pub state: &'a State,
}

/// Why a journal cannot be shown.
#[derive(Debug)]
pub enum PlayError {
    /// A file cannot be read.
    Source(SourceError),
    /// An input is none that this build knows.
    Unreadable {
        /// Which input.
        seq: Seq,
        /// Where it is.
        place: Place,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// There is no such input.
    NoInput {
        /// The one that was asked for.
        asked: Seq,
        /// The first there is.
        first: Seq,
        /// The last there is.
        last: Seq,
    },
    /// No input opened a connection with this number.
    NoConnection {
        /// The number.
        conn: u64,
    },
    /// What was found could not be written.
    Write(io::Error),
    /// A file for a result could not be made.
    Create {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The journal is damaged, where only a whole one will do.
    Damaged(String),
    /// What was asked for makes no sense for this journal.
    Unfit(String),
}

impl PlayError {
    /// The exit status that says so.
    pub fn status(&self) -> Status {
        match self {
            PlayError::Source(error) => error.status(),
            PlayError::Unreadable { .. } | PlayError::Damaged(_) => Status::Damaged,
            // Whoever reads has seen enough, as `head` has.
            PlayError::Write(error) if error.kind() == io::ErrorKind::BrokenPipe => Status::Good,
            PlayError::NoInput { .. }
            | PlayError::NoConnection { .. }
            | PlayError::Create { .. }
            | PlayError::Unfit(_)
            | PlayError::Write(_) => Status::Usage,
        }
    }
}

impl fmt::Display for PlayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlayError::Source(error) => error.fmt(f),
            PlayError::Unreadable { seq, place, error } => {
                write!(f, "{place}: input #{seq} cannot be decoded ({error})")
            }
            PlayError::NoInput { asked, first, last } => {
                write!(f, "there is no input #{asked}: the journal has #{first} to #{last}")
            }
            PlayError::NoConnection { conn } => write!(
                f,
                "no connection c{conn} in this journal (a connection is named by the number of \
                 its `open` input)"
            ),
            PlayError::Write(source) => write!(f, "cannot write the result: {source}"),
            PlayError::Create { path, source } => {
                write!(f, "cannot make {}: {source}", path.display())
            }
            PlayError::Damaged(why) | PlayError::Unfit(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for PlayError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PlayError::Source(error) => Some(error),
            PlayError::Write(error) | PlayError::Create { source: error, .. } => Some(error),
            PlayError::Unreadable { .. }
            | PlayError::NoInput { .. }
            | PlayError::NoConnection { .. }
            | PlayError::Damaged(_)
            | PlayError::Unfit(_) => None,
        }
    }
}

impl From<SourceError> for PlayError {
    fn from(error: SourceError) -> PlayError {
        PlayError::Source(error)
    }
}

impl From<io::Error> for PlayError {
    fn from(error: io::Error) -> PlayError {
        PlayError::Write(error)
    }
}

/// What playing a journal has told.
#[derive(Debug)]
pub struct Ending {
    /// What reading it has told; `None` if `each` had seen enough.
    pub reading: Option<Reading>,
    /// The first input that was to be played.
    pub first: Seq,
    /// The last input that was played.
    pub last: Seq,
    /// What there is of the secret.
    pub key: Key,
}

impl Ending {
    /// The exit status, with a line on standard error if the journal is damaged.
    pub fn status(&self) -> Status {
        let Some(reading) = &self.reading else { return Status::Good };
        if let Err(damage) = &reading.verdict {
            pi_server_system::complain!("pi-replay: {damage}");
        }
        reading.status()
    }
}

/// Steps every committed input from the beginning and shows each step to `each`, until it has seen
/// enough.
///
/// # Errors
/// The journal cannot be read or decoded, or `each` has failed.
pub fn play(
    source: &Source,
    each: impl FnMut(&Played<'_>) -> Result<ControlFlow<()>, PlayError>,
) -> Result<Ending, PlayError> {
    let mut feed = Feed::start(source)?;
    let start = feed.begin();
    play_feed(feed, start, each)
}

/// Shows `look` the state after input `at`, if there is one, from the newest snapshot on that has
/// not more: what is in it is not stepped. `progress` is called with the number of inputs.
///
/// # Errors
/// The journal cannot be read or decoded.
pub fn look_at(
    source: &Source,
    at: Seq,
    progress: &mut dyn FnMut(u64),
    look: impl FnOnce(&State),
) -> Result<Ending, PlayError> {
    let mut feed = Feed::start_near(source, at)?;
    let start = feed.begin();
    if start.seq == at {
        look(&start.state);
        let key = feed.key().clone();
        return Ok(Ending { reading: None, first: Seq(at.0 + 1), last: at, key });
    }
    let mut look = Some(look);
    play_feed(feed, start, |played| {
        progress(played.input.seq.0);
        if played.input.seq < at {
            return Ok(ControlFlow::Continue(()));
        }
        if let Some(look) = look.take().filter(|_| played.input.seq == at) {
            look(played.state);
        }
        Ok(ControlFlow::Break(()))
    })
}

fn play_feed(
    mut feed: Feed,
    start: Start,
    mut each: impl FnMut(&Played<'_>) -> Result<ControlFlow<()>, PlayError>,
) -> Result<Ending, PlayError> {
    let key = feed.key().clone();
    let Start { mut state, seq: mut last, .. } = start;
    let first = Seq(last.0 + 1);
    let mut outputs = Outputs::new();
    while let Some(batch) = feed.take() {
        for item in batch.items().filter(|item| item.mark.is_none()) {
            let header = item.header;
            let kind = decode_kind(item.input).map_err(|error| PlayError::Unreadable {
                seq: header.seq,
                place: item.place,
                error,
            })?;
            let input = Input { seq: header.seq, at: header.at, body: header.body_ref(), kind };
            state.step(&input, &mut outputs);
            last = input.seq;
            let played = Played { item, input: &input, outputs: outputs.as_slice(), state: &state };
            if each(&played)?.is_break() {
                return Ok(Ending { reading: None, first, last, key });
            }
        }
    }
    Ok(Ending { reading: Some(feed.finish()?), first, last, key })
}
