//! Stepping a journal in order, for everything that looks at what happened.

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;

use pi_server_core::record::{DecodeError, Place, decode_kind};
use pi_server_core::{Input, Output, Outputs, Seq, State};

use crate::attribution::Attribution;
use crate::builds::BuildError;
use crate::feed::{Feed, Item, Key, Reading};
use crate::source::{Source, SourceError};
use crate::start::{Begins, Start};
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
    /// Whose everything is, after it.
    pub whose: &'a Attribution,
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
        /// The first input that was looked at.
        first: Seq,
        /// The last.
        last: Seq,
    },
    /// What was found could not be written.
    Write(io::Error),
    /// There is something where a result was to be.
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// A file that was named besides the journal cannot be read.
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another build or program cannot be asked.
    Build(BuildError),
    /// The tool itself is wrong.
    Internal(String),
    /// A file for a result could not be made.
    Create {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The journal is damaged, where only a whole one will do.
    Damaged(String),
    /// The journal has a newer format than this build reads.
    Newer(String),
    /// There is nothing of that name in the journal.
    Absent(String),
    /// What was asked for makes no sense for this journal.
    Unfit(String),
}

impl PlayError {
    /// There is no such session.
    pub(crate) fn no_session(session: &str, begins: Option<Begins>) -> PlayError {
        let from = begins.map_or_else(String::new, |begins| {
            format!("; the journal begins behind #{} with a snapshot", begins.seq)
        });
        PlayError::Absent(format!("no session {session:?} there{from}"))
    }

    /// The exit status that says so.
    pub fn status(&self) -> Status {
        match self {
            PlayError::Source(error) => error.status(),
            PlayError::Unreadable { .. } | PlayError::Damaged(_) => Status::Damaged,
            PlayError::Newer(_) => Status::Newer,
            // Whoever reads has seen enough, as `head` has.
            PlayError::Write(error) if error.kind() == io::ErrorKind::BrokenPipe => Status::Good,
            PlayError::Write(_) | PlayError::Create { .. } => Status::Unwritten,
            PlayError::NoInput { .. } | PlayError::NoConnection { .. } | PlayError::Absent(_) => {
                Status::Absent
            }
            PlayError::Exists { .. } | PlayError::Unfit(_) => Status::Usage,
            PlayError::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Status::Absent
            }
            PlayError::Read { .. } => Status::Unread,
            PlayError::Build(error) => error.status(),
            PlayError::Internal(_) => Status::Internal,
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
                if last < first {
                    return write!(f, "there is no input #{asked}: the journal has none");
                }
                write!(f, "there is no input #{asked}: the journal has #{first} to #{last}")
            }
            PlayError::NoConnection { conn, first, last } => write!(
                f,
                "no connection c{conn}: inputs #{first} to #{last} do not open it, and it is not open \
                 before (a connection is named by the number of its `open` input)"
            ),
            PlayError::Write(source) => write!(f, "cannot write the result: {source}"),
            PlayError::Exists { path } => write!(
                f,
                "cannot make {}: it exists, and nothing is ever written over",
                path.display()
            ),
            PlayError::Read { path, source } => {
                write!(f, "cannot read {}: {source}", path.display())
            }
            PlayError::Build(error) => error.fmt(f),
            PlayError::Internal(why) => write!(f, "internal error: {why}"),
            PlayError::Create { path, source } => {
                write!(f, "cannot make {}: {source}", path.display())
            }
            PlayError::Damaged(why)
            | PlayError::Newer(why)
            | PlayError::Absent(why)
            | PlayError::Unfit(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for PlayError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PlayError::Source(error) => Some(error),
            PlayError::Build(error) => Some(error),
            PlayError::Write(error)
            | PlayError::Read { source: error, .. }
            | PlayError::Create { source: error, .. } => Some(error),
            PlayError::Exists { .. }
            | PlayError::Internal(_)
            | PlayError::Unreadable { .. }
            | PlayError::NoInput { .. }
            | PlayError::NoConnection { .. }
            | PlayError::Damaged(_)
            | PlayError::Newer(_)
            | PlayError::Absent(_)
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
    /// Where the journal begins, if that is a snapshot.
    pub begins: Option<Begins>,
    /// What there is of the secret.
    pub key: Key,
}

impl Ending {
    /// What is told of something that was looked for and not found: that the journal is damaged or
    /// newer, if it is, and with it the reason, and else `absent`.
    pub(crate) fn not_found(&self, absent: PlayError) -> PlayError {
        self.reading.as_ref().and_then(Reading::error).unwrap_or(absent)
    }

    /// The exit status, with a line on standard error if the journal is damaged.
    pub fn status(&self) -> Status {
        let Some(reading) = &self.reading else { return Status::Good };
        if let Err(damage) = &reading.verdict {
            pi_server_system::complain!("pi-replay: {damage}");
        }
        reading.status()
    }
}

/// The state of a walk through a journal and whose everything in it is.
pub struct Walker {
    state: State,
    outputs: Outputs,
    whose: Attribution,
}

impl Walker {
    /// Begins with what a journal begins with.
    pub fn new(state: State) -> Walker {
        let whose = Attribution::of(&state);
        Walker { state, outputs: Outputs::new(), whose }
    }

    /// The state after the steps so far.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whose everything is, after the steps so far.
    pub fn whose(&self) -> &Attribution {
        &self.whose
    }

    /// Decodes the input of a record and steps it.
    ///
    /// # Errors
    /// It cannot be decoded.
    pub fn step(&mut self, item: &Item<'_>) -> Result<Input, PlayError> {
        let header = item.header;
        let kind = decode_kind(item.input).map_err(|error| PlayError::Unreadable {
            seq: header.seq,
            place: item.place,
            error,
        })?;
        let input = Input { seq: header.seq, at: header.at, body: header.body_ref(), kind };
        self.state.step(&input, &mut self.outputs);
        self.whose.note(&input, self.outputs.as_slice());
        Ok(input)
    }
}

/// A journal that is about to be played, where it begins.
pub struct Player {
    feed: Feed,
    walker: Walker,
    begins: Option<Begins>,
    seq: Seq,
}

impl Player {
    /// Opens a journal where it begins.
    ///
    /// # Errors
    /// `HEAD`, the list of segments or the snapshot cannot be read.
    pub fn open(source: &Source) -> Result<Player, PlayError> {
        Ok(Player::new(Feed::start(source)?))
    }

    /// Opens a journal behind the newest snapshot that has not more than input `at`, or where it
    /// begins: for looks at steps behind that input which depend on nothing before.
    ///
    /// # Errors
    /// As of [`Player::open`].
    pub fn near(source: &Source, at: Seq) -> Result<Player, PlayError> {
        let mut player = Player::new(Feed::start_near(source, at)?);
        // Where the journal begins is told, not where this look does.
        player.begins = if source.segments()?.first().is_some_and(|first| *first > 1) {
            Start::of(source)?.begins()
        } else {
            None
        };
        Ok(player)
    }

    fn new(mut feed: Feed) -> Player {
        let start = feed.begin();
        let (begins, seq) = (start.begins(), start.seq);
        Player { feed, walker: Walker::new(start.state), begins, seq }
    }

    /// The state before the first step.
    pub fn state(&self) -> &State {
        self.walker.state()
    }

    /// Whose everything is that there is before the first step.
    pub fn whose(&self) -> &Attribution {
        self.walker.whose()
    }

    /// Where the journal begins, if older segments were dropped.
    pub fn begins(&self) -> Option<Begins> {
        self.begins
    }

    /// The last input before the first step; 0 if the journal is there from the beginning.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// Steps every committed input and shows each step to `each`, until it has seen enough.
    ///
    /// # Errors
    /// The journal cannot be read or decoded, or `each` has failed.
    pub fn run(
        self,
        mut each: impl FnMut(&Played<'_>) -> Result<ControlFlow<()>, PlayError>,
    ) -> Result<Ending, PlayError> {
        let Player { mut feed, mut walker, begins, seq: mut last } = self;
        let key = feed.key().clone();
        let first = Seq(begins.map_or(0, |begins| begins.seq.0) + 1);
        while let Some(batch) = feed.take() {
            for item in batch.items().filter(|item| item.mark.is_none()) {
                let input = walker.step(&item)?;
                last = input.seq;
                let Walker { state, outputs, whose } = &walker;
                let outputs = outputs.as_slice();
                let played = Played { item, input: &input, outputs, state, whose };
                if each(&played)?.is_break() {
                    return Ok(Ending { reading: None, first, last, begins, key });
                }
            }
        }
        Ok(Ending { reading: Some(feed.finish()?), first, last, begins, key })
    }
}

/// Steps every committed input from where the journal begins and shows each step to `each`, until it
/// has seen enough.
///
/// # Errors
/// The journal cannot be read or decoded, or `each` has failed.
pub fn play(
    source: &Source,
    each: impl FnMut(&Played<'_>) -> Result<ControlFlow<()>, PlayError>,
) -> Result<Ending, PlayError> {
    Player::open(source)?.run(each)
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
    let player = Player::new(Feed::start_near(source, at)?);
    if player.seq() == at {
        look(player.state());
        let (begins, key) = (player.begins(), player.feed.key().clone());
        return Ok(Ending { reading: None, first: Seq(at.0 + 1), last: at, begins, key });
    }
    let mut look = Some(look);
    player.run(|played| {
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
