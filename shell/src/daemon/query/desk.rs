//! Who looks up what, and until when. Each look-up has a thread of its own and a deadline: one that
//! hangs (a dead mount, a device that does not answer) is answered with an error, keeps its thread
//! until it returns, and keeps nobody else waiting.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use pi_server_core::CommandNo;
use pi_server_core::input::Answer;

/// How long one look-up may take, from when it was asked for.
pub(super) const LOOK_UP_WITHIN: Duration = Duration::from_secs(15);
/// Look-ups that run at a time, of one kind.
const RUNNING_MAX: usize = 8;
/// Of these, such as look at the same thing.
const SAME_MAX: usize = 4;
/// Threads of look-ups that were given up and have not returned.
const STUCK_MAX: usize = 64;

/// What is looked up, as far as others may have to wait for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// A path that a client has chosen.
    Path(String),
    /// All session files: one at a time.
    Stored,
    /// The history.
    History,
}

impl Subject {
    fn kind(&self) -> u8 {
        match self {
            Subject::Path(_) => 0,
            Subject::Stored => 1,
            Subject::History => 2,
        }
    }

    /// How many may run at a time that look at the same thing.
    fn same_max(&self) -> usize {
        match self {
            Subject::Path(_) | Subject::History => SAME_MAX,
            Subject::Stored => 1,
        }
    }
}

/// Whoever looks up.
pub(super) trait LookUp: Send + Sync {
    /// A question.
    type Job: Send + 'static;

    /// Looks one thing up, which may take for ever.
    fn look_up(&self, job: Self::Job) -> (Answer, Vec<u8>);
}

/// An answer: to which question, and what.
pub(super) type Answered = (CommandNo, Answer, Vec<u8>);

/// All look-ups that are open.
pub(super) struct Desk<L: LookUp> {
    clerk: Arc<L>,
    waiting: VecDeque<(CommandNo, L::Job)>,
    /// Those that were asked for and are not answered, running or not.
    open: BTreeMap<CommandNo, Open>,
    /// Those that were given up and have not returned.
    stuck: BTreeMap<CommandNo, Subject>,
    ready: Vec<Answered>,
    sender: Sender<Answered>,
    done: Receiver<Answered>,
    /// Look-ups that were given up in this life.
    given_up: u64,
    /// What tells the loop that an answer is there; `None` without threads.
    wake: Option<Arc<dyn Fn() + Send + Sync>>,
}

struct Open {
    subject: Subject,
    deadline: Instant,
    is_running: bool,
}

impl<L: LookUp + 'static> Desk<L> {
    /// No look-ups yet. Without `wake` there are no threads, and they run in [`Desk::step`] only.
    pub(super) fn new(clerk: L, wake: Option<Arc<dyn Fn() + Send + Sync>>) -> Desk<L> {
        let (sender, done) = mpsc::channel();
        Desk {
            clerk: Arc::new(clerk),
            waiting: VecDeque::new(),
            open: BTreeMap::new(),
            stuck: BTreeMap::new(),
            ready: Vec::new(),
            sender,
            done,
            given_up: 0,
            wake,
        }
    }

    /// Asks for something. Its number is bounded by the core's bound on commands in flight.
    pub(super) fn ask(&mut self, query: CommandNo, subject: Subject, job: L::Job, now: Instant) {
        let is_stuck = |stuck: &Subject| *stuck == subject && subject != Subject::History;
        if self.stuck.values().any(is_stuck) {
            return self.fail(query, "The last look at this has not returned; try later");
        }
        let deadline = now + LOOK_UP_WITHIN;
        self.open.insert(query, Open { subject, deadline, is_running: false });
        self.waiting.push_back((query, job));
        self.start_waiting();
    }

    /// The answers that are there.
    pub(super) fn drain(&mut self) -> Vec<Answered> {
        // Most turns have none, and asking a channel costs.
        if self.open.is_empty() && self.stuck.is_empty() && self.ready.is_empty() {
            return Vec::new();
        }
        while let Ok(answered) = self.done.try_recv() {
            // One that was given up is answered already.
            if self.stuck.remove(&answered.0).is_none() && self.open.remove(&answered.0).is_some() {
                self.ready.push(answered);
            }
        }
        self.start_waiting();
        std::mem::take(&mut self.ready)
    }

    /// How many were given up in this life.
    pub(super) fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Whether an answer is there that nobody has announced.
    pub(super) fn has_backlog(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When [`Desk::tick`] is wanted.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.open.values().map(|open| open.deadline).min()
    }

    /// Gives up what has taken too long.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        // What has come by now counts.
        let answered = self.drain();
        self.ready.extend(answered);
        let overdue = self.open.iter().filter(|(_, open)| open.deadline <= now);
        let overdue: Vec<CommandNo> = overdue.map(|(query, _)| *query).collect();
        for query in overdue {
            let Some(open) = self.open.remove(&query) else { continue };
            if open.is_running {
                self.stuck.insert(query, open.subject);
            } else {
                self.waiting.retain(|(waiting, _)| *waiting != query);
            }
            self.given_up = self.given_up.saturating_add(1);
            let seconds = LOOK_UP_WITHIN.as_secs();
            self.fail(query, &format!("The look-up took longer than {seconds} seconds"));
        }
        self.start_waiting();
    }

    /// Without threads: looks up what was asked first. Whether there was anything.
    pub(super) fn step(&mut self) -> bool {
        if self.wake.is_some() {
            return false;
        }
        let Some((query, job)) = self.waiting.pop_front() else { return false };
        self.open.remove(&query);
        let (answer, body) = self.clerk.look_up(job);
        self.ready.push((query, answer, body));
        true
    }

    /// Starts as many as may run.
    fn start_waiting(&mut self) {
        let Some(wake) = self.wake.clone() else { return };
        while self.stuck.len() < STUCK_MAX
            && let Some(at) = self.waiting.iter().position(|(query, _)| self.may_run(*query))
            && let Some((query, job)) = self.waiting.remove(at)
        {
            let (clerk, sender, wake) = (self.clerk.clone(), self.sender.clone(), wake.clone());
            let started = thread::Builder::new().name("look-up".to_owned()).spawn(move || {
                let (answer, body) = clerk.look_up(job);
                // The loop may have ended meanwhile.
                if sender.send((query, answer, body)).is_ok() {
                    wake();
                }
            });
            match (started, self.open.get_mut(&query)) {
                (Ok(_), Some(open)) => open.is_running = true,
                (Ok(_), None) => {}
                (Err(error), _) => {
                    self.open.remove(&query);
                    self.fail(query, &format!("The daemon cannot look that up now: {error}"));
                }
            }
        }
    }

    fn may_run(&self, query: CommandNo) -> bool {
        let Some(Open { subject, .. }) = self.open.get(&query) else { return true };
        let running = || self.open.values().filter(|open| open.is_running);
        running().filter(|open| open.subject.kind() == subject.kind()).count() < RUNNING_MAX
            && running().filter(|open| open.subject == *subject).count() < subject.same_max()
    }

    fn fail(&mut self, query: CommandNo, words: &str) {
        self.ready.push((query, Answer::Failed(words.into()), Vec::new()));
    }
}

#[cfg(test)]
mod tests;
