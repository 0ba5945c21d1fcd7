//! One command in the history: its envelope, what became of it and when, and how that is told.

use std::sync::Arc;

use bincode::{Decode, Encode};
use pi_server_core::command::{CommandKind, Target};
use pi_server_core::failure::ErrorCode;
use pi_server_core::frame::Outcome;
use pi_server_core::input::{Details, Envelope, HistoryFilter};
use pi_server_core::wire::failure_text;
use pi_server_core::{CommandNo, Micros, Seq, Text};
use serde_json::{Value, json};

/// Bytes of an error that the history holds.
pub(super) const ERROR_BYTES_MAX: usize = 512;

/// One command.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(in crate::daemon) struct Entry {
    pub(super) command: CommandNo,
    pub(super) envelope: Arc<Envelope>,
    pub(super) session: Option<Text>,
    pub(super) lane_sequence: u64,
    pub(super) accepted: Moment,
    pub(super) started: Option<Moment>,
    pub(super) finished: Option<(Moment, Ending)>,
    pub(super) recovered: bool,
}

/// When something happened, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Moment {
    pub(super) seq: Seq,
    pub(super) at: Micros,
}

/// How a command ended: what the history tells of its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Ending {
    pub(super) failure: Option<(ErrorCode, Box<str>, bool)>,
    pub(super) session_version: Option<u64>,
}

/// Which of the three transitions came last.
#[derive(Clone, Copy, Debug)]
pub(super) enum Latest {
    Accepted,
    Started,
    Finished,
}

impl Latest {
    pub(super) fn name(self) -> &'static str {
        match self {
            Latest::Accepted => "command_accepted",
            Latest::Started => "command_started",
            Latest::Finished => "command_finished",
        }
    }
}

impl Ending {
    pub(super) fn of(outcome: &Outcome, kind: CommandKind) -> Ending {
        let failure = outcome.result.as_ref().err().map(|failure| {
            let mut text = failure_text(failure, Some(kind));
            let cut = (0..=ERROR_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at));
            text.truncate(cut.unwrap_or(0));
            (failure.code(), text.into_boxed_str(), failure.timed_out())
        });
        Ending { failure, session_version: outcome.session_version }
    }

    pub(super) fn by_recovery(&self) -> bool {
        self.failure.as_ref().is_some_and(|(code, ..)| {
            matches!(code, ErrorCode::OutcomeUnknown | ErrorCode::NotRecovered)
        })
    }
}

impl Entry {
    pub(super) fn latest(&self) -> (Latest, Moment) {
        match (&self.started, &self.finished) {
            (_, Some((moment, _))) => (Latest::Finished, *moment),
            (Some(moment), None) => (Latest::Started, *moment),
            (None, None) => (Latest::Accepted, self.accepted),
        }
    }

    pub(super) fn id(&self) -> Text {
        match &self.envelope.id {
            Some(id) => id.clone(),
            None => format!("anon:{}", self.command).into(),
        }
    }

    /// The id of the command whose unknown outcome this one was to settle: it belongs to the
    /// history of both.
    pub(super) fn settles(&self) -> Option<&Text> {
        match &self.envelope.details {
            Details::Reconcile { command, .. } => Some(command),
            _ => None,
        }
    }

    pub(super) fn matches(&self, filter: &HistoryFilter) -> bool {
        let HistoryFilter { session, command, kind, success, from_ms, to_ms, limit: _, before: _ } =
            filter;
        let at_ms = self.latest().1.at.millis();
        let succeeded = self.finished.as_ref().map(|(_, ending)| ending.failure.is_none());
        session.as_ref().is_none_or(|session| self.session.as_ref() == Some(session))
            && command
                .as_ref()
                .is_none_or(|command| self.id() == *command || self.settles() == Some(command))
            && kind.is_none_or(|kind| self.envelope.kind == kind)
            && success.is_none_or(|success| succeeded == Some(success))
            && from_ms.is_none_or(|from| at_ms >= from)
            && to_ms.is_none_or(|to| at_ms <= to)
    }

    pub(super) fn render(&self) -> Value {
        let Envelope { kind, depends_on, if_session_version, idempotency_key, .. } =
            &*self.envelope;
        let (latest, moment) = self.latest();
        let mut entry = json!({
            "recordedAt": moment.at.millis(),
            "phase": latest.name(),
            "commandId": &*self.id(),
            "commandType": kind.row().name,
            "laneKey": self.lane_key(),
            "laneSequence": self.lane_sequence,
            "fingerprint": format!("b3:{}", self.envelope.fingerprint),
            "explicitId": self.envelope.id.is_some(),
            "dependsOn": depends_on.iter().map(|id| &**id).collect::<Vec<_>>(),
            "transitions": self.transitions(),
        });
        let mut set = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                entry[key] = value;
            }
        };
        set("sessionId", self.session.as_deref().map(Value::from));
        set("ifSessionVersion", if_session_version.map(Value::from));
        set("idempotencyKey", idempotency_key.as_deref().map(Value::from));
        if let Some((_, ending)) = &self.finished {
            set("success", Some(ending.failure.is_none().into()));
            set("sessionVersion", ending.session_version.map(Value::from));
            if let Some((code, text, timed_out)) = &ending.failure {
                set("error", Some((&**text).into()));
                set("errorCode", Some(code.name().into()));
                set("timedOut", timed_out.then_some(true.into()));
                if ending.by_recovery() {
                    set("recoveryReason", Some(code.name().into()));
                }
            }
        }
        set("recovered", self.recovered.then_some(true.into()));
        if let Details::Reconcile { command, succeeded, note } = &self.envelope.details {
            let outcome = if *succeeded { "succeeded" } else { "failed" };
            let mut settled = json!({ "commandId": &**command, "outcome": outcome });
            if let Some(note) = note {
                settled["note"] = (&**note).into();
            }
            entry["reconciles"] = settled;
        }
        entry
    }

    fn lane_key(&self) -> String {
        match (self.envelope.kind.row().target, &self.session) {
            (Target::Session | Target::Creates, Some(session)) => format!("session:{session}"),
            (Target::Server, _) | (_, None) => "server".to_owned(),
        }
    }

    fn transitions(&self) -> Vec<Value> {
        let finished = self.finished.as_ref().map(|(moment, _)| *moment);
        [
            (Latest::Accepted, Some(self.accepted)),
            (Latest::Started, self.started),
            (Latest::Finished, finished),
        ]
        .into_iter()
        .filter_map(|(phase, moment)| {
            let Moment { seq, at } = moment?;
            Some(json!({
                "phase": phase.name(),
                "seq": seq.0,
                "recordedAt": at.millis(),
                "laneSequence": self.lane_sequence,
            }))
        })
        .collect()
    }
}
