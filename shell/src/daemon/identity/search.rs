//! Searching the files of ids, newest segment first, on a thread of its own: a slow disk holds up the
//! connection that sent the id and nobody else.

use std::sync::mpsc::{self, Receiver, Sender};
use std::{io, thread};

use pi_server_core::Text;

use super::super::history::{self, Covered};
use super::file::IdFile;
use super::remembered::{Found, Trail};
use crate::journal::Archive;

/// An id that is searched for.
#[derive(Clone, Debug)]
pub(in crate::daemon) struct Job {
    /// Names the question in the answer.
    pub(in crate::daemon) ticket: u64,
    pub(in crate::daemon) hash: u64,
    pub(in crate::daemon) client: Text,
    pub(in crate::daemon) id: Text,
    /// What newer places know of it.
    pub(in crate::daemon) trail: Trail,
    /// How far the files are searched.
    pub(in crate::daemon) covered: Covered,
}

/// What a search has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::daemon) enum Finding {
    /// The id's answer.
    Found(Found),
    /// No file has the id.
    Nothing,
    /// A file that is needed cannot be read now.
    Unavailable,
}

/// All searches that are going on.
pub(in crate::daemon) struct Search {
    jobs: Sender<Job>,
    done: Receiver<(u64, Finding)>,
    damaged: Receiver<u64>,
    /// What would be the thread's, if there is none.
    aside: Option<Worker>,
}

/// The thread's side.
struct Worker {
    todo: Receiver<Job>,
    findings: Sender<(u64, Finding)>,
    archive: Archive,
    /// Segments whose files cannot be used.
    damaged: Sender<u64>,
}

impl Search {
    /// Starts the thread. It calls `wake` whenever a search has ended, and ends with this.
    ///
    /// # Errors
    /// No thread can be had.
    pub(in crate::daemon) fn start(
        archive: Archive,
        wake: impl Fn() + Send + 'static,
    ) -> io::Result<Search> {
        let mut search = Search::stepped(archive);
        if let Some(worker) = search.aside.take() {
            thread::Builder::new().name("ids".to_owned()).spawn(move || {
                while let Ok(job) = worker.todo.recv() {
                    if !worker.answer(&job) {
                        return;
                    }
                    wake();
                }
            })?;
        }
        Ok(search)
    }

    /// The same without a thread: it searches in [`Search::step`] only.
    pub(in crate::daemon) fn stepped(archive: Archive) -> Search {
        let (jobs, todo) = mpsc::channel();
        let (findings, done) = mpsc::channel();
        let (damaged_sender, damaged) = mpsc::channel();
        let worker = Worker { todo, findings, archive, damaged: damaged_sender };
        Search { jobs, done, damaged, aside: Some(worker) }
    }

    /// Searches for what was asked first, on this thread. Returns false if there was nothing.
    pub(in crate::daemon) fn step(&mut self) -> bool {
        let Some(worker) = &self.aside else { return false };
        worker.todo.try_recv().is_ok_and(|job| worker.answer(&job))
    }

    /// Begins a search; its finding comes out of [`Search::findings`]. Their number is bounded by the
    /// caller's connections.
    pub(in crate::daemon) fn begin(&self, job: Job) {
        // The thread ends by itself only if it panicked, and a panic ends the process.
        let _ = self.jobs.send(job);
    }

    /// What searches have come to since the last call.
    pub(in crate::daemon) fn findings(&self) -> impl Iterator<Item = (u64, Finding)> + '_ {
        self.done.try_iter()
    }

    /// Segments whose files of ids turned out to be unusable.
    pub(in crate::daemon) fn damaged(&self) -> impl Iterator<Item = u64> + '_ {
        self.damaged.try_iter()
    }
}

impl Worker {
    /// Searches. Returns false if nobody wants to know.
    fn answer(&self, job: &Job) -> bool {
        let finding = match self.find(job) {
            Ok(Some(found)) => Finding::Found(found),
            Ok(None) => Finding::Nothing,
            Err(segment) => {
                // The loop ends after the thread, or with it.
                let _ = self.damaged.send(segment);
                Finding::Unavailable
            }
        };
        self.findings.send((job.ticket, finding)).is_ok()
    }

    /// The answer of the id, if a file has it. Otherwise the segment whose file is needed and cannot
    /// be read; 0 if the directory cannot be.
    fn find(&self, job: &Job) -> Result<Option<Found>, u64> {
        let segments = self.archive.segments().map_err(|_| 0_u64)?;
        let mut trail = job.trail.clone();
        for segment in segments.into_iter().rev().filter(|segment| *segment <= job.covered.segment)
        {
            let found = IdFile::open(&self.archive, segment)
                .and_then(|file| file.find(job.hash, &job.client, &job.id, &mut trail));
            match found {
                Ok(None) => {}
                Ok(Some(found)) => return Ok(Some(found)),
                Err(_) => {
                    // Dropped since they were listed: everything before it is gone too.
                    if !self.archive.segments().map_err(|_| 0_u64)?.contains(&segment) {
                        return Ok(None);
                    }
                    // The index of the history knows ids as well, if not whose they are.
                    let denied = history::denies_id(&self.archive, segment, &job.id);
                    if !denied {
                        return Err(segment);
                    }
                    // It is made anew all the same.
                    let _ = self.damaged.send(segment);
                }
            }
        }
        Ok(None)
    }
}
