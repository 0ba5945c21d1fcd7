//! What pi's events mean for the protocol: what is open, what goes on, and what has to be asked for
//! before the core hears of it.

use std::time::Instant;

use pi_server_core::input::{AgentEvent, AgentSaid};
use serde_json::value::RawValue;

use super::{Run, Session};
use crate::agent::fields::Answer;
use crate::agent::pi::facts;
use crate::agent::pi::hold::Kind;
use crate::agent::pi::lines_out;
use crate::agent::pi::object::Object;
use crate::agent::pi::version::Dialect;
use crate::agent::voice::Voice;

impl Session {
    /// Takes an event and passes it on.
    pub(super) fn event(
        &mut self,
        event: AgentEvent,
        body: String,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
        let mut refresh = false;
        match &event {
            AgentEvent::DialogOpened { request, method: _, timeout_ms: _ } => {
                // What an extension asks after an abort would keep the run from ending.
                if self.aborting > 0 {
                    return self.write_line(&lines_out::dialog(request, &Answer::Cancelled));
                }
                self.dialogs.insert(request.clone());
            }
            AgentEvent::RunEnded { will_retry, failed: _ }
            | AgentEvent::RunRefused { will_retry } => {
                self.run = if *will_retry { Run::Ended } else { Run::Unsettled };
                refresh = self.version.dialect() == Dialect::Old;
            }
            AgentEvent::RunSettled => {
                self.run = Run::Settled;
                refresh = true;
            }
            AgentEvent::CompactionStarted => {
                self.goes_on();
                self.compacting = true;
            }
            AgentEvent::CompactionEnded { .. } => {
                self.compacting = false;
                refresh = true;
            }
            AgentEvent::RetryScheduled => {
                self.goes_on();
                self.hold.retry_follows();
            }
            AgentEvent::RunStarted => {
                self.run = Run::Going;
                self.unproven = None;
                // An abort that was never answered must not dismiss the questions of later runs.
                self.aborting = 0;
            }
            AgentEvent::RetryEnded => {}
            AgentEvent::Other => self.other(&body, voice),
        }
        let said = AgentSaid::Event(event);
        if refresh {
            self.say_later(said, body.into_bytes(), Kind::Plain, now);
        } else {
            self.hold.say(said, body.into_bytes(), voice);
        }
    }

    /// Something follows the end of a run.
    fn goes_on(&mut self) {
        if self.run == Run::Unsettled {
            self.run = Run::Ended;
        }
    }

    /// Some events say themselves how the session looks by then.
    fn other(&mut self, body: &str, voice: &mut Voice<'_>) {
        let Some(event) = Object::parse(body) else { return };
        let mut info = self.info.clone();
        match event.text("type").as_deref() {
            Some("queue_update") => {
                let len = |key| event.get::<Vec<&RawValue>>(key).map(|list| list.len() as u64);
                match (len("steering"), len("followUp")) {
                    (Some(steering), Some(follow_up)) => info.queued = steering + follow_up,
                    _ => return self.noise.unreadable("queue"),
                }
            }
            Some("session_info_changed") => match event.raw("name").map(facts::name) {
                None => info.name = None,
                Some(Some(name)) => info.name = Some(name),
                Some(None) => return self.noise.unreadable("name"),
            },
            Some("thinking_level_changed") => match event.raw("level").and_then(facts::level) {
                Some(level) => info.thinking = level,
                None => return self.noise.unreadable("level"),
            },
            Some(_) | None => return,
        }
        self.know(info, voice);
    }
}
