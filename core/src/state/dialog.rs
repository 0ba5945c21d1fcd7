//! Questions that extensions ask through their agent. The agent keeps their time; this keeps who
//! has to know. PROTOCOL.md section 8, "Dialogs".

use alloc::vec::Vec;

use super::due::Wake;
use super::lane::{Lane, LaneKey, Slot};
use super::session::Run;
use super::{Stage, State};
use crate::command::TimeoutClass;
use crate::failure::Failure;
use crate::frame::{Data, DialogEnd, Frame};
use crate::ids::{BodyRef, CommandNo, ConnId, Micros, Seq, Text};
use crate::input::{Details, DialogMethod, RuleSet};
use crate::output::{Ask, Audience, Output, Outputs};
use crate::snapshot::layout4;

/// A question that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialog {
    /// The event that asked it, to be offered again to who comes later.
    cursor: Seq,
    event: BodyRef,
    method: DialogMethod,
    /// When its agent gives up waiting, without a word.
    until: Option<Micros>,
}

impl Dialog {
    /// The body of the event that asked it.
    pub(super) fn event(&self) -> BodyRef {
        self.event
    }

    /// When its agent gives up waiting for the answer.
    pub(super) fn until(&self) -> Option<Micros> {
        self.until
    }
}

impl From<&Dialog> for layout4::Dialog {
    fn from(dialog: &Dialog) -> layout4::Dialog {
        let Dialog { cursor, event, method, until } = *dialog;
        layout4::Dialog { cursor, event, method, until }
    }
}

impl From<layout4::Dialog> for Dialog {
    fn from(image: layout4::Dialog) -> Dialog {
        let layout4::Dialog { cursor, event, method, until } = image;
        Dialog { cursor, event, method, until }
    }
}

impl State {
    pub(super) fn dialog_opened(
        &mut self,
        id: &Text,
        request: &Text,
        method: DialogMethod,
        timeout_ms: Option<u64>,
        event: BodyRef,
        outputs: &mut Outputs,
    ) {
        let open: usize = self.sessions.values().map(|session| session.dialogs.len()).sum();
        let full = super::admission::count(open) >= self.limits.dialogs_max;
        let until = timeout_ms.map(|ms| self.now.plus_ms(ms));
        let Some(session) = self.sessions.get_mut(id) else { return };
        if full {
            if let Some(agent) = session.agent_up() {
                let request = request.clone();
                outputs.push(Output::Ask(Ask::Dialog { agent, request, answer: None }));
            }
            return close_frame(id, request, DialogEnd::Withdrawn, outputs);
        }
        let dialog = Dialog { cursor: self.seq, event, method, until };
        if !session.asks() {
            self.pause_turns(id);
        }
        let Some(session) = self.sessions.get_mut(id) else { return };
        let before = session.dialogs.insert(request.clone(), dialog);
        session.touch();
        self.dirty.insert(LaneKey::Session(id.clone()));
        let run = session.run;
        if let Some(Dialog { until, .. }) = before {
            self.due.clear(until, Wake::Dialog(id.clone(), request.clone()));
        }
        if let Some(at) = until {
            self.due.set(at, Wake::Dialog(id.clone(), request.clone()));
        }
        if let Run::Prompted(command) | Run::Accepted { command, .. } = run {
            // Who asks a question for a prompt has acknowledged it; its answer must be able to
            // pass.
            self.acknowledge(id, command);
        }
    }

    /// The agent asks something: the time of turns stands still until nothing is asked any more.
    fn pause_turns(&mut self, id: &Text) {
        if self.rules < RuleSet::V3 {
            return;
        }
        for number in self.turns_of(id) {
            let Some(command) = self.commands.get_mut(&number) else { continue };
            if command.deadline.is_some() && command.paused_since.is_none() {
                command.paused_since = Some(self.now);
                self.due.clear(command.deadline, Wake::Command(number));
            }
        }
    }

    /// Nothing is asked any more: the time of turns goes on.
    fn resume_turns(&mut self, id: &Text) {
        let Some(session) = self.sessions.get(id).filter(|session| !session.asks()) else { return };
        let head = self.lanes.get(&LaneKey::Session(id.clone())).and_then(Lane::head);
        let started: Vec<CommandNo> = session.asked.iter().copied().chain(head).collect();
        for number in started {
            let Some(command) = self.commands.get_mut(&number) else { continue };
            if let (Some(since), Some(at)) = (command.paused_since.take(), command.deadline) {
                let at = Micros(at.0.saturating_add(self.now.0.saturating_sub(since.0)));
                command.deadline = Some(at);
                self.due.set(at, Wake::Command(number));
            }
        }
    }

    /// The turns of a session that have started. A prompt that joins a run is none.
    fn turns_of(&self, id: &Text) -> Vec<CommandNo> {
        let lane = self.lanes.get(&LaneKey::Session(id.clone()));
        let slot = lane.and_then(|lane| match lane.slot {
            Slot::Turn(command) => Some(command),
            Slot::Free | Slot::Foreign | Slot::Stopping(..) => None,
        });
        let at_head = |number: &CommandNo| {
            let command = self.commands.get(number);
            command.is_some_and(|command| {
                !matches!(command.stage, Stage::Asked(_))
                    && command.envelope.kind.row().timeout == TimeoutClass::Turn
            })
        };
        let head = lane.and_then(Lane::head).filter(at_head);
        slot.into_iter().chain(head).collect()
    }

    /// Moves a prompt from the head of its lane into the turn slot.
    fn acknowledge(&mut self, id: &Text, command: CommandNo) {
        let key = LaneKey::Session(id.clone());
        if let Some(lane) = self.lanes.get_mut(&key)
            && lane.head() == Some(command)
        {
            lane.head_to_slot(command);
            self.dirty.insert(key);
        }
    }

    /// `extension_ui_response`: the first answer wins.
    pub(super) fn answer_dialog(&mut self, number: CommandNo, outputs: &mut Outputs) {
        let Some(command) = self.commands.get(&number) else { return };
        let frame = command.frame;
        let Details::DialogAnswer { request, method } = command.envelope.details.clone() else {
            return;
        };
        let Some(id) = command.session.clone() else { return };
        let dismissed = method == DialogMethod::Cancelled;
        let dialog = self.sessions.get(&id).and_then(|session| session.dialogs.get(&request));
        let Some(dialog) = dialog.copied() else {
            let elsewhere =
                self.sessions.values().any(|session| session.dialogs.contains_key(&request));
            let failure = if elsewhere {
                Failure::DialogMismatch { request }
            } else {
                Failure::DialogNotFound { request }
            };
            return self.finish_failed(number, failure, outputs);
        };
        if !dismissed && dialog.method != method {
            // The dialog stays open: a client's mistake must not answer the question.
            let failure = Failure::DialogMethod { request, expected: dialog.method };
            return self.finish_failed(number, failure, outputs);
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.dialogs.remove(&request);
        session.touch();
        let agent = session.agent_up();
        self.resume_turns(&id);
        self.due.clear(dialog.until, Wake::Dialog(id.clone(), request.clone()));
        if let Some(agent) = agent {
            let answer = (!dismissed).then_some(frame);
            let request = request.clone();
            outputs.push(Output::Ask(Ask::Dialog { agent, request, answer }));
        }
        let how = if dismissed { DialogEnd::Dismissed } else { DialogEnd::Answered };
        close_frame(&id, &request, how, outputs);
        self.finish_done(number, Data::None, outputs);
    }

    /// The agent has stopped waiting.
    pub(super) fn dialog_overdue(&mut self, id: &Text, request: &Text, outputs: &mut Outputs) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        if session.dialogs.remove(request).is_some() {
            session.touch();
            self.dirty.insert(LaneKey::Session(id.clone()));
            self.resume_turns(id);
            close_frame(id, request, DialogEnd::TimedOut, outputs);
        }
    }

    /// Closes every dialog of a session; `tell` the agent if it is still there to wait.
    pub(super) fn withdraw_dialogs(&mut self, id: &Text, tell: bool, outputs: &mut Outputs) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        if session.dialogs.is_empty() {
            return;
        }
        let agent = session.agent_up().filter(|_| tell);
        let dialogs = core::mem::take(&mut session.dialogs);
        session.touch();
        self.resume_turns(id);
        for (request, dialog) in dialogs {
            self.due.clear(dialog.until, Wake::Dialog(id.clone(), request.clone()));
            if let Some(agent) = agent {
                let request = request.clone();
                outputs.push(Output::Ask(Ask::Dialog { agent, request, answer: None }));
            }
            close_frame(id, &request, DialogEnd::Withdrawn, outputs);
        }
    }

    /// Offers the open dialogs of a session to a client that has just subscribed, unless the
    /// catch-up that it asked for brings them anyway.
    pub(super) fn offer_dialogs(
        &mut self,
        conn: ConnId,
        id: &Text,
        after: Option<Seq>,
        outputs: &mut Outputs,
    ) {
        let Some(session) = self.sessions.get(id) else { return };
        let mut open: Vec<Dialog> = session.dialogs.values().copied().collect();
        open.retain(|dialog| after.is_none_or(|after| dialog.cursor <= after));
        open.sort_by_key(|dialog| dialog.cursor);
        for dialog in open {
            let session = id.clone();
            let frame = Frame::Event { session, cursor: dialog.cursor, event: dialog.event };
            outputs.deliver(Audience::Conn(conn), frame);
        }
    }
}

fn close_frame(id: &Text, request: &Text, how: DialogEnd, outputs: &mut Outputs) {
    let frame = Frame::DialogClosed { session: id.clone(), request: request.clone(), how };
    outputs.deliver(Audience::Subscribers(id.clone()), frame);
}
