//! Prompts of which nothing may come. A version that does not say what becomes of a prompt accepts
//! one that an extension's `input` handler has taken like any other; no run follows then. Instead of
//! waiting for one until it is too late, pi is asked whether it has anything to do.

use std::time::{Duration, Instant};

use pi_server_core::CommandNo;
use pi_server_core::input::{AgentSaid, Disposition, Reply};
use serde_json::json;
use serde_json::value::RawValue;

use super::{Pending, Run, Session};
use crate::agent::pi::facts::Facts;
use crate::agent::pi::replies::Shape;
use crate::agent::voice::Voice;

/// How long after a prompt was accepted pi is asked, and between two such questions. A run begins
/// within 3 ms of the answer.
const ASK_AFTER: Duration = Duration::from_millis(100);
/// How often in a row pi has to have nothing to do.
const IDLE_MIN: u32 = 2;

/// A prompt that was accepted without a word on what becomes of it.
pub(super) struct Unproven {
    call: CommandNo,
    /// When to ask; `None` while pi has not answered.
    due: Option<Instant>,
    /// How often in a row pi had nothing to do.
    idle: u32,
}

impl Unproven {
    /// When to ask.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }
}

impl Session {
    /// pi has accepted a call, and does not say what becomes of it.
    pub(super) fn accepted(&mut self, call: CommandNo, shape: Shape, now: Instant) {
        if shape == Shape::Prompt && self.run != Run::Going {
            self.unproven = Some(Unproven { call, due: Some(now + ASK_AFTER), idle: 0 });
        } else if shape == Shape::Slash {
            // An extension's command may have gone on to another session, of which nothing is said.
            self.write(json!({ "type": "get_state" }), Pending::Refresh);
        }
    }

    /// Asks pi whether it has anything to do, if it is time to.
    pub(super) fn ask_if_idle(&mut self, now: Instant) {
        let Some(unproven) = &mut self.unproven else { return };
        if unproven.due.is_some_and(|due| due <= now) {
            unproven.due = None;
            let call = unproven.call;
            self.write(json!({ "type": "get_state" }), Pending::Idle { call });
        }
    }

    /// pi has answered. Whatever it is busy with, it may have gone on to another file meanwhile.
    pub(super) fn asked_if_idle(
        &mut self,
        call: CommandNo,
        result: Result<Option<&RawValue>, &str>,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
        let facts = Facts::read(result.ok().flatten(), &mut self.noise);
        let busy = facts.busy;
        self.know(facts.over(&self.info), voice);
        let Some(unproven) = self.unproven.as_mut().filter(|it| it.call == call) else { return };
        unproven.idle = if busy == Some(false) { unproven.idle + 1 } else { 0 };
        unproven.due = Some(now + ASK_AFTER);
        if busy.is_none() {
            // It cannot be asked; the core's own time limit is left.
            self.unproven = None;
        } else if unproven.idle >= IDLE_MIN {
            self.unproven = None;
            let reply = Reply::Done(Disposition::Handled);
            self.hold.say(AgentSaid::Replied { call, reply }, Vec::new(), voice);
        }
    }
}
