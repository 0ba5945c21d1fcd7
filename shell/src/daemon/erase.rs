//! Erasing what was said, by command, in the journal of a daemon that is not running: the texts of
//! sessions, of commands, of a time. What was decided stays, and so does every digest, so the journal
//! replays as before.
//!
//! Which session an event is about, and which command it belongs to, is found by stepping the
//! journal again. A command that has not ended keeps its text: it may still run.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use pi_server_core::command::Class;
use pi_server_core::frame::{Frame, Phase};
use pi_server_core::input::{AgentSaid, Details, InputKind};
use pi_server_core::record::{Cursor, Record, decode_kind};
use pi_server_core::walls::Walls;
use pi_server_core::{AgentNo, BodyRef, CommandNo, Digest, Input, Micros, Output, Seq, Text};

use super::error::Error;
use super::past::{Divergence, Past};
use super::query::date;
use crate::journal::{Archive, Journal, Opened, Options, QUARANTINE_DIR};

/// Which texts are to go. All conditions that are given must hold.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Those about one of these sessions; all if there are none.
    pub sessions: Vec<String>,
    /// Those of one of these commands: its frame, its answer, and what its agent said while it ran;
    /// all if there are none.
    pub commands: Vec<String>,
    /// Those from before this moment.
    pub before: Option<Moment>,
    /// Also every text of which the journal does not tell any more whose it was: answers that
    /// outlived their segments.
    pub dropped: bool,
    /// Also torn tails that were set aside.
    pub quarantine: bool,
}

/// A moment as a person gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// On the wall, in microseconds since the Unix epoch: `2026-02-22`, `2026-02-22T16:09:11Z`.
    Wall(Micros),
    /// In the time of inputs: `t1771776551130`, as `pi-replay` prints it.
    Journal(Micros),
}

impl Moment {
    /// Whether an input came before this, by its own time and by that on the wall.
    fn is_after(self, at: Micros, wall: Micros) -> bool {
        match self {
            Moment::Wall(moment) => wall < moment,
            Moment::Journal(moment) => at < moment,
        }
    }
}

impl Selection {
    /// A moment in either form.
    pub fn moment(text: &str) -> Option<Moment> {
        let us = |ms: u64| ms.checked_mul(1_000).map(Micros);
        match text.strip_prefix('t') {
            Some(digits) => us(digits.parse().ok()?).map(Moment::Journal),
            None => us(date::of_iso(text)?).map(Moment::Wall),
        }
    }
}

/// What was erased, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erasure {
    /// Frames of clients.
    pub frames: u64,
    /// Answers of agents and of the daemon.
    pub answers: u64,
    /// Events and whatever else agents said.
    pub events: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Segments that have some of them.
    pub segments: u64,
    /// Answers that outlived their segments.
    pub packed: u64,
    /// Such answers that stay, since it is not known whose they are.
    pub unknown: u64,
    /// Files of torn tails.
    pub quarantined: u64,
    /// Such files that stay.
    pub set_aside: u64,
    /// Commands that are chosen and keep their texts, since they have not ended.
    pub unfinished: Vec<String>,
}

impl Erasure {
    /// Counts a body by what it is.
    fn count(&mut self, record: &Record<'_>) {
        match decode_kind(record.input) {
            Ok(InputKind::Command { .. } | InputKind::Malformed { .. }) => self.frames += 1,
            Ok(
                InputKind::Answered { .. }
                | InputKind::Agent { said: AgentSaid::Replied { .. }, .. },
            ) => self.answers += 1,
            Ok(_) | Err(_) => self.events += 1,
        }
    }
}

/// Finds what is to go, and erases it if `really` says so. Takes the lock of the journal, and sets a
/// torn tail aside as every start does.
///
/// # Errors
/// The journal cannot be opened or read, does not replay, or cannot be written. What was erased
/// before stays erased, and the rest goes when it is tried again.
pub fn erase(dir: &Path, selection: &Selection, really: bool) -> Result<Erasure, Error> {
    let opened = Journal::open_with(&Options::new(dir), &mut |it| Past::restore(it).map(drop));
    let Opened { journal, .. } = opened.map_err(Error::Open)?;
    // Holds the lock of the directory for as long as it is there.
    let archive = journal.archive();
    let search = Search::new(selection, &journal);
    let Found { chosen, working, walls } = search.run(&archive, dir)?;
    journal.close().map_err(Error::Journal)?;
    let mut erasure = Erasure::default();
    for (segment, chosen) in &chosen {
        let mut is_chosen = |record: &Record<'_>| {
            let seq = record.header.seq;
            if chosen.binary_search(&seq).is_err() {
                return false;
            }
            if let Some(name) = working.get(&CommandNo(seq.0)) {
                erasure.unfinished.push(name.clone());
                return false;
            }
            erasure.count(record);
            true
        };
        let erased = if really {
            archive.erase(*segment, &mut is_chosen).map_err(Error::Erase)?
        } else {
            archive.would_erase(*segment, &mut is_chosen).map_err(Error::Read)?
        };
        erasure.segments += u64::from(erased.bodies > 0);
        erasure.bytes += erased.bytes;
    }
    packs(&archive, selection, (&working, &walls), really, &mut erasure)?;
    quarantine(&dir.join(QUARANTINE_DIR), selection, really, &mut erasure)?;
    Ok(erasure)
}

/// Answers that outlived their segments: all that is known of them is how old they are at least.
fn packs(
    archive: &Archive,
    selection: &Selection,
    (working, walls): (&BTreeMap<CommandNo, String>, &Walls),
    really: bool,
    erasure: &mut Erasure,
) -> Result<(), Error> {
    let packed = archive.packed().map_err(failed("read the bodies of dropped segments"))?;
    let Some(first) = archive.segments().map_err(failed("list the segments"))?.first().copied()
    else {
        return Ok(());
    };
    let (_, newest) = archive.facts(first).map_err(failed("read a segment"))?;
    let of_all = selection.sessions.is_empty() && selection.commands.is_empty();
    let old = of_all
        && selection.before.is_some_and(|before| before.is_after(newest, walls.wall(newest)));
    let may_go = |body: &BodyRef| !working.contains_key(&CommandNo(body.seq.0));
    let count = packed.iter().filter(|body| may_go(body)).count() as u64;
    if !(selection.dropped || old) {
        erasure.unknown = count;
        return Ok(());
    }
    erasure.packed = count;
    if really && count > 0 {
        let erased = archive.erase_packed(&mut |body| may_go(&body));
        erased.map_err(failed("write the bodies of dropped segments"))?;
    }
    Ok(())
}

fn quarantine(
    dir: &Path,
    selection: &Selection,
    really: bool,
    erasure: &mut Erasure,
) -> Result<(), Error> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(failed("list quarantine/"))?,
    };
    for entry in entries {
        let path = entry.map_err(failed("list quarantine/"))?.path();
        if !selection.quarantine {
            erasure.set_aside += 1;
            continue;
        }
        erasure.quarantined += 1;
        if really {
            std::fs::remove_file(&path).map_err(failed("remove a file of quarantine/"))?;
        }
    }
    if really && erasure.quarantined > 0 {
        let synced = std::fs::File::open(dir).and_then(|dir| dir.sync_all());
        synced.map_err(failed("sync quarantine/"))?;
    }
    Ok(())
}

fn failed(operation: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::System { operation, source }
}

/// What a search has come to.
struct Found {
    /// The inputs whose bodies are to go, ascending, by their segments.
    chosen: BTreeMap<u64, Vec<Seq>>,
    /// Commands that have not ended, by what they are called.
    working: BTreeMap<CommandNo, String>,
    /// The clock on the wall.
    walls: Walls,
}

/// Goes through a journal and decides about each body.
struct Search<'a> {
    selection: &'a Selection,
    journal: &'a Journal,
    past: Past,
    chosen: BTreeMap<u64, Vec<Seq>>,
    /// Commands about a session that is chosen.
    of_session: BTreeSet<CommandNo>,
    /// Commands that are chosen by their ids.
    named: BTreeSet<CommandNo>,
    /// Turns among those that are at work, with their sessions.
    turns: BTreeMap<CommandNo, Text>,
}

impl<'a> Search<'a> {
    fn new(selection: &'a Selection, journal: &'a Journal) -> Search<'a> {
        Search {
            selection,
            journal,
            past: Past::new(),
            chosen: BTreeMap::new(),
            of_session: BTreeSet::new(),
            named: BTreeSet::new(),
            turns: BTreeMap::new(),
        }
    }

    fn run(mut self, archive: &Archive, dir: &Path) -> Result<Found, Error> {
        let mut cursor = self.begin(archive)?;
        let mut diverged = None;
        while cursor.segment + 1 < self.journal.segment() {
            let segment = cursor.segment + 1;
            let fed = archive.feed(&mut cursor, &mut |input, previous| {
                diverged = self.step(segment, input, previous).err();
                if diverged.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            fed.map_err(Error::Read)?;
            if let Some(divergence) = diverged {
                return Err(diverges(divergence, dir));
            }
        }
        for scanned in self.journal.scan_from(Seq(cursor.seq.0 + 1)) {
            let scanned = scanned.map_err(Error::Read)?;
            let stepped = self.step(self.journal.segment(), &scanned.input, scanned.outputs);
            stepped.map_err(|divergence| diverges(divergence, dir))?;
        }
        let checked = self.past.check(self.journal.last_seq(), self.journal.last_outputs());
        checked.map_err(|divergence| diverges(divergence, dir))?;
        Ok(self.end())
    }

    /// Takes in the oldest snapshot that can be used, if the journal does not begin at its beginning.
    fn begin(&mut self, archive: &Archive) -> Result<Cursor, Error> {
        let first = archive.segments().map_err(failed("list the segments"))?;
        let first = first.first().copied().unwrap_or(1);
        if first <= 1 {
            return Ok(archive.start());
        }
        let snapshots = archive.snapshots().map_err(failed("list the snapshots"))?;
        for number in snapshots.into_iter().filter(|number| number + 1 >= first) {
            let loaded = archive.load(number, |it| Ok((it.cursor, Past::restore(it)?)));
            if let Ok((cursor, past)) = loaded {
                self.past = past;
                return Ok(cursor);
            }
        }
        let source = io::Error::from(io::ErrorKind::NotFound);
        Err(Error::System { operation: "read a snapshot to begin with", source })
    }

    fn step(&mut self, segment: u64, input: &Input, previous: Digest) -> Result<(), Divergence> {
        self.past.feed(input, previous)?;
        let chosen = self.is_chosen(input);
        for output in self.past.outputs.as_slice() {
            let Output::Deliver {
                frame: Frame::Lifecycle { command, envelope, session, phase, .. },
                ..
            } = output
            else {
                continue;
            };
            // What an agent says while another command runs need not be about that one.
            let is_turn = envelope.kind.row().class == Class::Turn;
            match (phase, session) {
                (Phase::Started, Some(session)) if is_turn && self.named.contains(command) => {
                    self.turns.insert(*command, session.clone());
                }
                (Phase::Finished(_), _) => {
                    self.turns.remove(command);
                }
                (Phase::Accepted | Phase::Started, _) => {}
            }
        }
        if chosen && !input.body.is_empty() {
            self.chosen.entry(segment).or_default().push(input.seq);
        }
        Ok(())
    }

    /// Whether all conditions hold. Takes note of commands that are chosen.
    fn is_chosen(&mut self, input: &Input) -> bool {
        let Selection { sessions, commands, before, dropped: _, quarantine: _ } = self.selection;
        let wall = self.past.state.wall(input.at);
        let by_session = self.is_of_session(input);
        let by_command = self.is_of_command(input);
        (sessions.is_empty() || by_session)
            && (commands.is_empty() || by_command)
            && before.is_none_or(|before| before.is_after(input.at, wall))
    }

    fn is_of_session(&mut self, input: &Input) -> bool {
        let is_wanted = |session: &Text| self.selection.sessions.iter().any(|it| **it == **session);
        match &input.kind {
            InputKind::Command { envelope, .. } => {
                // One that the daemon chose is only in what the step put out.
                let outputs = self.past.outputs.as_slice().iter();
                let accepted = outputs.filter_map(|output| match output {
                    Output::Deliver { frame: Frame::Lifecycle { session, .. }, .. } => {
                        session.as_ref()
                    }
                    _ => None,
                });
                let found = envelope.session.iter().chain(accepted).any(is_wanted);
                if found {
                    self.of_session.insert(CommandNo(input.seq.0));
                }
                found
            }
            InputKind::Agent { agent, .. } => self.session_of(*agent).is_some_and(is_wanted),
            InputKind::Answered { query, .. } => self.of_session.contains(query),
            _ => false,
        }
    }

    fn is_of_command(&mut self, input: &Input) -> bool {
        match &input.kind {
            InputKind::Command { envelope, .. } => {
                let wanted = &self.selection.commands;
                let named = envelope.id.iter().any(|id| wanted.iter().any(|it| **it == **id));
                if named {
                    self.named.insert(CommandNo(input.seq.0));
                }
                // What a dialog of a turn was answered belongs to the turn.
                let is_answer = matches!(envelope.details, Details::DialogAnswer { .. });
                named || (is_answer && self.is_in_turn(envelope.session.as_ref()))
            }
            InputKind::Agent { said: AgentSaid::Replied { call, .. }, .. } => {
                self.named.contains(call)
            }
            InputKind::Answered { query, .. } => self.named.contains(query),
            InputKind::Agent { agent, .. } => self.is_in_turn(self.session_of(*agent)),
            _ => false,
        }
    }

    /// Whether a turn that is chosen is at work in the session.
    fn is_in_turn(&self, session: Option<&Text>) -> bool {
        session.is_some_and(|session| self.turns.values().any(|turn| turn == session))
    }

    fn session_of(&self, agent: AgentNo) -> Option<&Text> {
        self.past.authors.serves(agent)
    }

    fn end(self) -> Found {
        let commands = self.past.state.commands();
        let called = commands.map(|command| {
            let name = command.id.map(|id| id.to_string());
            (command.number, name.unwrap_or_else(|| format!("#{}", command.number)))
        });
        let working = called.collect();
        Found { working, chosen: self.chosen, walls: self.past.state.walls().clone() }
    }
}

fn diverges(divergence: Divergence, dir: &Path) -> Error {
    Error::Diverged { divergence, dir: dir.display().to_string() }
}
