//! What a pi has said and the core has not heard yet, in order.
//!
//! Before the core hears something after which the session looks different (the end of a run, a
//! rename), it is to hear what the session looks like by then. pi has to be asked for that, so such
//! a statement, and all that follows it, waits here until pi has answered.

use std::collections::VecDeque;
use std::time::Instant;

use pi_server_core::input::{AgentEvent, AgentSaid, Reply};

use super::facts::Facts;
use super::object::{Object, quote};
use crate::agent::voice::Voice;

/// The words of a failure after which the file of a session would be unknown.
const FILE_UNKNOWN: &str = "the agent has gone on to another conversation, but does not say in which \
    file; after its restart it goes on from the file before";

/// The statements that wait.
#[derive(Default)]
pub(super) struct Hold {
    queue: VecDeque<Held>,
}

struct Held {
    /// The question whose answer must come first, and until when it is waited for.
    until: Option<(u64, Instant)>,
    said: AgentSaid,
    body: Vec<u8>,
    kind: Kind,
}

/// What the answer adds to a statement that waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing.
    Plain,
    /// pi's own new id of the conversation; and without its new file the statement is a failure.
    Fork,
    /// Nothing, but without the file that pi went on to the statement is a failure: a restart would
    /// go on from the old one.
    Replaced,
    /// The model in use, which pi's answer should have had.
    Model,
}

impl Hold {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Says something as soon as all before it has been said.
    pub(super) fn say(&mut self, said: AgentSaid, body: Vec<u8>, voice: &mut Voice<'_>) {
        if self.queue.is_empty() {
            voice.say(said, body);
        } else {
            self.queue.push_back(Held { until: None, said, body, kind: Kind::Plain });
        }
    }

    /// Says something as soon as the question `id` is answered, or that takes too long.
    pub(super) fn wait(
        &mut self,
        until: (u64, Instant),
        kind: Kind,
        said: AgentSaid,
        body: Vec<u8>,
    ) {
        self.queue.push_back(Held { until: Some(until), said, body, kind });
    }

    /// When [`Hold::expire`] is wanted.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.queue.front().and_then(|held| held.until).map(|(_, due)| due)
    }

    /// The question `id` is answered, and with it all before. `has_file` says that this session keeps
    /// a file, so that which one it is has to be known.
    pub(super) fn answered(&mut self, id: u64, facts: &Facts, has_file: bool) {
        for held in &mut self.queue {
            if held.until.is_some_and(|(at, _)| at <= id) {
                held.until = None;
                held.fill(facts, has_file);
            }
        }
    }

    /// Waits no longer for what took too long.
    pub(super) fn expire(&mut self, now: Instant, has_file: bool) {
        for held in &mut self.queue {
            if held.until.is_some_and(|(_, due)| due <= now) {
                held.until = None;
                held.fill(&Facts::default(), has_file);
            }
        }
    }

    /// Waits for nothing any more.
    pub(super) fn give_up(&mut self, has_file: bool) {
        for held in &mut self.queue {
            if held.until.take().is_some() {
                held.fill(&Facts::default(), has_file);
            }
        }
    }

    /// Says what waits for nothing.
    pub(super) fn release(&mut self, voice: &mut Voice<'_>) {
        while self.queue.front().is_some_and(|held| held.until.is_none()) {
            if let Some(held) = self.queue.pop_front() {
                voice.say(held.said, held.body);
            }
        }
    }

    /// Another attempt follows. The old dialect does not say so at the end of the run; while that
    /// end waits here, it can still be made to.
    pub(super) fn retry_follows(&mut self) {
        let end = self.queue.iter_mut().rev().find_map(|held| match &mut held.said {
            AgentSaid::Event(
                AgentEvent::RunEnded { will_retry, failed: _ }
                | AgentEvent::RunRefused { will_retry },
            ) if !*will_retry => {
                *will_retry = true;
                Some(held)
            }
            AgentSaid::Event(_)
            | AgentSaid::Ready(_)
            | AgentSaid::Replied { .. }
            | AgentSaid::Info(_)
            | AgentSaid::Noise { .. }
            | AgentSaid::Exited(_)
            | AgentSaid::Unavailable { .. } => None,
        });
        if let Some(held) = end {
            held.set("willRetry", "true".to_owned());
        }
    }
}

impl Held {
    /// Adds what the answer is waited for to add.
    fn fill(&mut self, facts: &Facts, has_file: bool) {
        match self.kind {
            Kind::Fork | Kind::Replaced if has_file && facts.file.is_none() => {
                let AgentSaid::Replied { reply, .. } = &mut self.said else { return };
                *reply = Reply::Failed(FILE_UNKNOWN.into());
                self.body.clear();
            }
            Kind::Fork => {
                if let Some(inner) = &facts.inner {
                    self.set("sessionId", quote(inner));
                }
            }
            Kind::Plain | Kind::Replaced => {}
            Kind::Model => {
                if let Some(model) = &facts.model {
                    self.set("model", model.to_string());
                }
            }
        }
    }

    /// Sets a key of the body.
    fn set(&mut self, key: &'static str, json: String) {
        let object = std::str::from_utf8(&self.body).ok().and_then(Object::parse);
        if let Some(mut object) = object {
            object.set(key, json);
            self.body = object.write().into_bytes();
        }
    }
}
