//! Section 8.7: dialogs.

use pi_server_core::frame::{DialogEnd, Frame};
use pi_server_core::input::DialogMethod;
use pi_server_core::output::Ask;
use pi_server_core::{AgentNo, BodyRef, Text};

use super::Model;
use super::types::Dialog;

impl Model {
    pub(super) fn open_dialog(
        &mut self,
        agent: AgentNo,
        session: &Text,
        request: &Text,
        method: DialogMethod,
        timeout_ms: Option<u64>,
    ) {
        let up = self.agents.iter().any(|a| a.no == agent && a.up.is_some() && !a.ending);
        let dialog = Dialog {
            session: session.clone(),
            agent,
            request: request.clone(),
            method,
            cursor: self.seq,
            event: self.body,
            until: timeout_ms.map(|ms| self.now.plus_ms(ms)),
        };
        self.dialogs.push(dialog);
        if self.dialogs.len() as u64 > self.limits.dialogs_max {
            let dialog = self.dialogs.pop().expect("it was just pushed");
            if up {
                let request = dialog.request.clone();
                self.seen.ask(&Ask::Dialog { agent, request, answer: None });
            }
            self.dialog_ended(&dialog, DialogEnd::Withdrawn);
        } else {
            // A question that is asked again takes the place of the first.
            let newest = self.dialogs.pop().expect("it was just pushed");
            self.dialogs.retain(|d| d.session != *session || d.request != *request);
            self.dialogs.push(newest);
            self.prompt_acknowledged(session, false);
        }
    }

    /// A client has answered or dismissed a dialog.
    pub(super) fn close_dialog(&mut self, place: usize, answer: Option<BodyRef>) {
        let dialog = self.dialogs.remove(place);
        let agent = dialog.agent;
        if self.agents.iter().any(|a| a.no == agent && a.up.is_some() && !a.ending) {
            let request = dialog.request.clone();
            self.seen.ask(&Ask::Dialog { agent, request, answer });
        }
        let how = if answer.is_some() { DialogEnd::Answered } else { DialogEnd::Dismissed };
        self.dialog_ended(&dialog, how);
    }

    /// The run, the agent or the session is no more. An agent that lives on is told.
    pub(super) fn withdraw_dialogs(&mut self, session: &Text, tell: bool) {
        let (gone, kept) =
            std::mem::take(&mut self.dialogs).into_iter().partition(|d| d.session == *session);
        self.dialogs = kept;
        let mut gone: Vec<Dialog> = gone;
        gone.sort_by_key(|dialog| dialog.request.clone());
        for dialog in gone {
            let agent = dialog.agent;
            let up = self.agents.iter().any(|a| a.no == agent && a.up.is_some() && !a.ending);
            if tell && up {
                let request = dialog.request.clone();
                self.seen.ask(&Ask::Dialog { agent, request, answer: None });
            }
            self.dialog_ended(&dialog, DialogEnd::Withdrawn);
        }
    }

    pub(super) fn dialog_is_due(&mut self, place: usize) {
        let dialog = self.dialogs.remove(place);
        self.dialog_ended(&dialog, DialogEnd::TimedOut);
    }

    fn dialog_ended(&mut self, dialog: &Dialog, how: DialogEnd) {
        let frame = Frame::DialogClosed {
            session: dialog.session.clone(),
            request: dialog.request.clone(),
            how,
        };
        self.tell_subscribers(&dialog.session, &frame);
    }
}
