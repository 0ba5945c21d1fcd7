//! Looking things up for the core: the file system on threads of their own, so that a slow disk never
//! holds the loop up, nor one look-up another ([`desk`]); what is in memory at once. Every answer is
//! an input.

pub(super) mod date;
mod desk;
mod directory;
mod metrics;
mod places;
mod session_file;
mod stored;

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use pi_server_core::CommandNo;
use pi_server_core::input::{Answer, InputKind};
use pi_server_core::output::Query;
use serde_json::Value;

use super::history::{Damaged, Search};
use super::machine::Machine;
use crate::journal::{Archive, HISTORY_DIR};
use desk::{Desk, LookUp, Subject};
pub(super) use metrics::LoopStats;
pub(super) use places::Places;
use stored::{Known, Stored};

/// An answer on its way to the core.
#[derive(Debug)]
pub(super) struct Answered {
    query: CommandNo,
    answer: Answer,
    body: Vec<u8>,
}

impl Answered {
    /// As the core takes it.
    pub(super) fn into_input(self) -> (InputKind, Vec<u8>) {
        let Answered { query, answer, body } = self;
        (InputKind::Answered { query, answer }, body)
    }
}

/// A question for a thread.
#[derive(Debug)]
enum Job {
    Directory { cwd: Option<String> },
    SessionFile { path: String },
    Stored { known: Vec<Known> },
    History { search: Box<Search> },
}

/// All questions that are open.
pub(super) struct Queries {
    desk: Desk<Worker>,
    ready: Vec<Answered>,
    damaged: Receiver<u64>,
    journal_path: String,
}

/// Whoever looks up.
struct Worker {
    places: Places,
    /// What is remembered of session files; away while they are looked at.
    stored: Mutex<Option<Stored>>,
    archive: Archive,
    journal_path: String,
    /// Segments whose indexes cannot be used.
    damaged: Sender<u64>,
}

impl Queries {
    /// No questions yet. It calls `wake` whenever an answer is there.
    pub(super) fn start(
        places: Places,
        archive: Archive,
        journal_path: String,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Queries {
        Queries::new(places, archive, journal_path, Some(Arc::new(wake)))
    }

    /// The same without threads: it looks up in [`Queries::step`] only.
    pub(super) fn stepped(places: Places, archive: Archive, journal_path: String) -> Queries {
        Queries::new(places, archive, journal_path, None)
    }

    fn new(
        places: Places,
        archive: Archive,
        journal_path: String,
        wake: Option<Arc<dyn Fn() + Send + Sync>>,
    ) -> Queries {
        let (damaged_sender, damaged) = mpsc::channel();
        let worker = Worker {
            places,
            stored: Mutex::new(None),
            archive,
            journal_path: journal_path.clone(),
            damaged: damaged_sender,
        };
        Queries { desk: Desk::new(worker, wake), ready: Vec::new(), damaged, journal_path }
    }

    /// Looks up what was asked first, on this thread. Whether there was anything.
    pub(super) fn step(&mut self) -> bool {
        self.desk.step()
    }

    /// Looks something up; the answer comes out of [`Queries::drain`], now or later.
    pub(super) fn ask(
        &mut self,
        query: CommandNo,
        what: &Query,
        machine: &Machine,
        stats: &LoopStats,
        now: Instant,
    ) {
        let (subject, job) = match what {
            Query::Directory { cwd } => {
                let cwd = cwd.as_deref().map(str::to_owned);
                (Subject::Path(cwd.clone().unwrap_or_default()), Job::Directory { cwd })
            }
            Query::SessionFile { path } => {
                let path = path.as_ref().to_owned();
                (Subject::Path(path.clone()), Job::SessionFile { path })
            }
            Query::StoredSessions => {
                let known = stored::known(machine.state().sessions());
                (Subject::Stored, Job::Stored { known })
            }
            Query::History(filter) => {
                let tail = machine.history().tail(filter, machine.journal().first_seq());
                let search = Box::new(Search { filter: filter.clone(), tail });
                (Subject::History, Job::History { search })
            }
            Query::Metrics => {
                let data = metrics::render(machine, stats, &self.journal_path);
                return self.data(query, data.to_string());
            }
        };
        self.desk.ask(query, subject, job, now);
    }

    /// The answers that are there.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Answered> + '_ {
        let looked_up = self.desk.drain().into_iter();
        let looked_up = looked_up.map(|(query, answer, body)| Answered { query, answer, body });
        self.ready.drain(..).chain(looked_up)
    }

    /// Whether an answer is there that no waker has announced.
    pub(super) fn has_backlog(&self) -> bool {
        !self.ready.is_empty() || self.desk.has_backlog()
    }

    /// When [`Queries::tick`] is wanted.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.desk.deadline()
    }

    /// Gives up what has taken too long.
    pub(super) fn tick(&mut self, now: Instant) {
        self.desk.tick(now);
    }

    /// How many look-ups were given up in this life.
    pub(super) fn given_up(&self) -> u64 {
        self.desk.given_up()
    }

    /// Segments whose indexes of the history turned out to be unusable.
    pub(super) fn damaged(&self) -> impl Iterator<Item = u64> + '_ {
        self.damaged.try_iter()
    }

    fn data(&mut self, query: CommandNo, json: String) {
        self.ready.push(Answered { query, answer: Answer::Data, body: json.into_bytes() });
    }
}

impl LookUp for Worker {
    type Job = Job;

    fn look_up(&self, job: Job) -> (Answer, Vec<u8>) {
        let answer = match job {
            Job::Directory { cwd } => directory::check(cwd.as_deref(), self.places.default_cwd())
                .map(|cwd| Answer::Directory { cwd }),
            Job::SessionFile { path } => session_file::check(&path, &self.places),
            Job::Stored { known } => {
                let held = || self.stored.lock().unwrap_or_else(PoisonError::into_inner);
                let mut stored = held().take().unwrap_or_else(Stored::new);
                let found = stored.list(&known, &self.places);
                *held() = Some(stored);
                return data(&found);
            }
            Job::History { search } => match search.answer(&self.archive, &self.journal_path) {
                Ok(found) => return data(&found),
                Err(damaged) => Err(self.report(&damaged)),
            },
        };
        let answer = answer.unwrap_or_else(|text| Answer::Failed(text.into()));
        (answer, Vec::new())
    }
}

impl Worker {
    /// Has an index made again. What the client is told.
    fn report(&self, Damaged { segment, damage }: &Damaged) -> String {
        pi_server_system::report!(
            "pi-server: {HISTORY_DIR}/{segment:08}.idx cannot be used: {damage}"
        );
        // The loop may have ended meanwhile.
        let _ = self.damaged.send(*segment);
        format!("The history of segment {segment} is being indexed again; try later")
    }
}

fn data(data: &Value) -> (Answer, Vec<u8>) {
    (Answer::Data, data.to_string().into_bytes())
}

#[cfg(test)]
mod tests;
