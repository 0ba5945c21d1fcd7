//! Looking things up for the core: the file system on a thread of its own, so that a slow disk
//! never holds the loop up; what is in memory at once. Every answer is an input.

pub(super) mod date;
mod directory;
mod metrics;
mod places;
mod session_file;
mod stored;

use std::sync::mpsc::{self, Receiver, Sender};
use std::{io, thread};

use pi_server_core::CommandNo;
use pi_server_core::input::{Answer, InputKind};
use pi_server_core::output::Query;
use serde_json::Value;

use super::history::{Damaged, Search};
use super::machine::Machine;
use crate::journal::{Archive, HISTORY_DIR};
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

/// A question for the thread. Their number is bounded by the core's bound on commands in flight.
#[derive(Debug)]
enum Job {
    Directory { cwd: Option<String> },
    SessionFile { path: String },
    Stored { known: Vec<Known> },
    History { search: Box<Search> },
}

/// All questions that are open.
pub(super) struct Queries {
    jobs: Sender<(CommandNo, Job)>,
    done: Receiver<Answered>,
    ready: Vec<Answered>,
    damaged: Receiver<u64>,
    journal_path: String,
    /// What would be the thread's, if there is none.
    aside: Option<Worker>,
}

/// Whoever looks up, on a thread or not.
struct Worker {
    todo: Receiver<(CommandNo, Job)>,
    answers: Sender<Answered>,
    places: Places,
    stored: Stored,
    archive: Archive,
    journal_path: String,
    /// Segments whose indexes cannot be used.
    damaged: Sender<u64>,
}

impl Worker {
    /// Looks one thing up. Whether anybody wants to know.
    fn heed(&mut self, query: CommandNo, job: Job) -> bool {
        let (answer, body) = self.look_up(job);
        self.answers.send(Answered { query, answer, body }).is_ok()
    }
}

impl Queries {
    /// Starts the thread. It calls `wake` whenever an answer is there, and ends with this.
    ///
    /// # Errors
    /// No thread can be had.
    pub(super) fn start(
        places: Places,
        archive: Archive,
        journal_path: String,
        wake: impl Fn() + Send + 'static,
    ) -> io::Result<Queries> {
        let mut queries = Queries::stepped(places, archive, journal_path);
        if let Some(mut worker) = queries.aside.take() {
            thread::Builder::new().name("look-up".to_owned()).spawn(move || {
                while let Ok((query, job)) = worker.todo.recv() {
                    if !worker.heed(query, job) {
                        return;
                    }
                    wake();
                }
            })?;
        }
        Ok(queries)
    }

    /// The same without a thread: it looks up in [`Queries::step`] only.
    pub(super) fn stepped(places: Places, archive: Archive, journal_path: String) -> Queries {
        let (jobs, todo) = mpsc::channel();
        let (answers, done) = mpsc::channel();
        let (damaged_sender, damaged) = mpsc::channel();
        let worker = Worker {
            todo,
            answers,
            places,
            stored: Stored::new(),
            archive,
            journal_path: journal_path.clone(),
            damaged: damaged_sender,
        };
        Queries { jobs, done, ready: Vec::new(), damaged, journal_path, aside: Some(worker) }
    }

    /// Looks up what was asked first, on this thread. Whether there was anything.
    pub(super) fn step(&mut self) -> bool {
        let Some(worker) = &mut self.aside else { return false };
        let Ok((query, job)) = worker.todo.try_recv() else { return false };
        worker.heed(query, job)
    }

    /// Looks something up; the answer comes out of [`Queries::drain`], now or later.
    pub(super) fn ask(
        &mut self,
        query: CommandNo,
        what: &Query,
        machine: &Machine,
        stats: &LoopStats,
    ) {
        let job = match what {
            Query::Directory { cwd } => Job::Directory { cwd: cwd.as_deref().map(str::to_owned) },
            Query::SessionFile { path } => Job::SessionFile { path: path.as_ref().to_owned() },
            Query::StoredSessions => {
                Job::Stored { known: stored::known(machine.state().sessions()) }
            }
            Query::History(filter) => {
                let tail = machine.history().tail(filter, machine.journal().first_seq());
                Job::History { search: Box::new(Search { filter: filter.clone(), tail }) }
            }
            Query::Metrics => {
                let data = metrics::render(machine, stats, &self.journal_path);
                return self.data(query, data.to_string());
            }
        };
        if self.jobs.send((query, job)).is_err() {
            // The thread ends by itself only if it panicked, and a panic ends the process. Still,
            // no question stays without an answer.
            let answer = Answer::Failed("The daemon cannot look that up any more".into());
            self.ready.push(Answered { query, answer, body: Vec::new() });
        }
    }

    /// The answers that are there.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Answered> + '_ {
        self.ready.drain(..).chain(self.done.try_iter())
    }

    /// Whether an answer is there that no waker has announced.
    pub(super) fn has_backlog(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Segments whose indexes of the history turned out to be unusable.
    pub(super) fn damaged(&self) -> impl Iterator<Item = u64> + '_ {
        self.damaged.try_iter()
    }

    fn data(&mut self, query: CommandNo, json: String) {
        self.ready.push(Answered { query, answer: Answer::Data, body: json.into_bytes() });
    }
}

impl Worker {
    fn look_up(&mut self, job: Job) -> (Answer, Vec<u8>) {
        let answer = match job {
            Job::Directory { cwd } => directory::check(cwd.as_deref(), self.places.default_cwd())
                .map(|cwd| Answer::Directory { cwd }),
            Job::SessionFile { path } => session_file::check(&path, &self.places),
            Job::Stored { known } => {
                return data(&self.stored.list(&known, &self.places));
            }
            Job::History { search } => match search.answer(&self.archive, &self.journal_path) {
                Ok(found) => return data(&found),
                Err(damaged) => Err(self.report(&damaged)),
            },
        };
        let answer = answer.unwrap_or_else(|text| Answer::Failed(text.into()));
        (answer, Vec::new())
    }

    /// Has an index made again. What the client is told.
    fn report(&self, Damaged { segment, damage }: &Damaged) -> String {
        pi_server_system::report!(
            "pi-server: {HISTORY_DIR}/{segment:08}.idx cannot be used: {damage}"
        );
        // The loop ends after the thread, or with it.
        let _ = self.damaged.send(*segment);
        format!("The history of segment {segment} is being indexed again; try later")
    }
}

fn data(data: &Value) -> (Answer, Vec<u8>) {
    (Answer::Data, data.to_string().into_bytes())
}

#[cfg(test)]
mod tests;
