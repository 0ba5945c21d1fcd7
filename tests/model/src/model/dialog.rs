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
            self.seen.ask(&Ask::Dialog {
                agent,
                request: dialog.request.clone(),
                answer: None,
            });
            self.dialog_ended(&dialog, DialogEnd::Withdrawn);
        }
    }

    /// A client has answered or dismissed a dialog.
    pub(super) fn close_dialog(&mut self, place: usize, answer: Option<BodyRef>) {
        let dialog = self.dialogs.remove(place);
        let request = dialog.request.clone();
        self.seen.ask(&Ask::Dialog { agent: dialog.agent, request, answer });
        let how = if answer.is_some() { DialogEnd::Answered } else { DialogEnd::Dismissed };
        self.dialog_ended(&dialog, how);
    }

    /// The run, the agent or the session is no more.
    pub(super) fn withdraw_dialogs(&mut self, session: &Text) {
        let (gone, kept) =
            std::mem::take(&mut self.dialogs).into_iter().partition(|d| d.session == *session);
        self.dialogs = kept;
        let gone: Vec<Dialog> = gone;
        for dialog in gone {
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
        self.to_subscribers(&dialog.session, &frame);
    }
}
