//! The index behind `get_command_history`: what became of the newest commands. PROTOCOL.md
//! section 5.3.
//!
//! It is built from the outputs of every step, those of re-fed inputs included, so it is the same
//! before and after a restart. It is bounded by the number of commands and by the bytes that one of
//! them can pin; what is older is still in the journal, for `pi-replay`.

use std::collections::VecDeque;
use std::sync::Arc;

use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};
use pi_server_core::command::{CommandKind, Target};
use pi_server_core::failure::ErrorCode;
use pi_server_core::frame::{Frame, Outcome, Phase};
use pi_server_core::input::{Envelope, HistoryFilter};
use pi_server_core::output::Output;
use pi_server_core::wire::failure_text;
use pi_server_core::{CommandNo, Micros, Seq, Text};
use serde_json::{Map, Value, json};

/// Commands that the index holds.
const COMMANDS_MAX: usize = 10_000;
/// Bytes of an error that the index holds.
const ERROR_BYTES_MAX: usize = 512;
/// Largest page.
const PAGE_MAX: u32 = 500;

/// The newest commands, in the order of their admission.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct History {
    commands: VecDeque<Entry>,
    capacity: usize,
    /// Whether older commands were left out.
    forgotten: bool,
}

/// One command.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
struct Entry {
    command: CommandNo,
    envelope: Arc<Envelope>,
    session: Option<Text>,
    lane_sequence: u64,
    accepted: Moment,
    started: Option<Moment>,
    finished: Option<(Moment, Ending)>,
    recovered: bool,
}

/// When something happened, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Moment {
    seq: Seq,
    at: Micros,
}

/// How a command ended: what the history tells of its outcome.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
struct Ending {
    failure: Option<(ErrorCode, Box<str>, bool)>,
    session_version: Option<u64>,
}

/// Which of the three transitions came last.
#[derive(Clone, Copy, Debug)]
enum Latest {
    Accepted,
    Started,
    Finished,
}

impl Latest {
    fn name(self) -> &'static str {
        match self {
            Latest::Accepted => "command_accepted",
            Latest::Started => "command_started",
            Latest::Finished => "command_finished",
        }
    }
}

impl History {
    /// An empty index.
    pub(super) fn new() -> History {
        History { commands: VecDeque::new(), capacity: COMMANDS_MAX, forgotten: false }
    }

    /// Takes note of what the step of input `seq` put out.
    pub(super) fn note(&mut self, seq: Seq, at: Micros, outputs: &[Output]) {
        let moment = Moment { seq, at };
        for output in outputs {
            let Output::Deliver { frame, .. } = output else { continue };
            let Frame::Lifecycle { command, envelope, session, lane_sequence, phase } = frame
            else {
                continue;
            };
            match phase {
                Phase::Accepted => self.accepted(Entry {
                    command: *command,
                    envelope: envelope.clone(),
                    session: session.clone(),
                    lane_sequence: *lane_sequence,
                    accepted: moment,
                    started: None,
                    finished: None,
                    recovered: false,
                }),
                Phase::Started => {
                    if let Some(entry) = self.entry(*command) {
                        // A second start is a command that recovery runs again.
                        entry.recovered |= entry.started.is_some();
                        entry.started = Some(moment);
                    }
                }
                Phase::Finished(outcome) => {
                    if let Some(entry) = self.entry(*command) {
                        let ending = Ending::of(outcome, entry.envelope.kind);
                        entry.recovered |= ending.by_recovery();
                        entry.session.clone_from(session);
                        entry.finished = Some((moment, ending));
                    }
                }
            }
        }
    }

    /// The `data` of a `get_command_history` response.
    pub(super) fn answer(&self, filter: &HistoryFilter, journal_path: &str) -> Value {
        let limit = filter.limit.clamp(1, PAGE_MAX);
        let mut matching = self
            .commands
            .iter()
            .rev()
            .filter(|entry| filter.before.is_none_or(|before| entry.command.0 < before.0))
            .filter(|entry| entry.matches(filter));
        let page: Vec<&Entry> =
            matching.by_ref().take(usize::try_from(limit).unwrap_or(usize::MAX)).collect();
        let more = matching.next().is_some();
        let mut data = json!({
            "enabled": true,
            "initialized": true,
            "initState": "ready",
            "journalPath": journal_path,
            "schemaVersion": 1,
            "filters": filters(filter),
            "entries": page.iter().map(|entry| entry.render()).collect::<Vec<_>>(),
            "returned": page.len(),
            "truncated": more || self.forgotten,
            "maxItemsReturned": limit,
            "maxItemsAllowed": PAGE_MAX,
        });
        if more && let Some(last) = page.last() {
            data["nextCursor"] = json!(last.command.0);
        }
        if self.forgotten
            && let Some(oldest) = self.commands.front()
        {
            data["oldestSeq"] = json!(oldest.command.0);
        }
        data
    }

    fn accepted(&mut self, entry: Entry) {
        if self.commands.len() >= self.capacity {
            self.commands.pop_front();
            self.forgotten = true;
        }
        self.commands.push_back(entry);
    }

    /// Commands are admitted in the order of their numbers, so the index is sorted.
    fn entry(&mut self, command: CommandNo) -> Option<&mut Entry> {
        let place = self.commands.binary_search_by_key(&command, |entry| entry.command).ok()?;
        self.commands.get_mut(place)
    }
}

/// How many commands it can hold is this build's choice and not part of it.
impl Encode for History {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.commands.encode(encoder)?;
        self.forgotten.encode(encoder)
    }
}

impl<Context> Decode<Context> for History {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<History, DecodeError> {
        let commands = VecDeque::decode(decoder)?;
        Ok(History { commands, forgotten: bool::decode(decoder)?, ..History::new() })
    }
}

impl Ending {
    fn of(outcome: &Outcome, kind: CommandKind) -> Ending {
        let failure = outcome.result.as_ref().err().map(|failure| {
            let mut text = failure_text(failure, Some(kind));
            let cut = (0..=ERROR_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at));
            text.truncate(cut.unwrap_or(0));
            (failure.code(), text.into_boxed_str(), failure.timed_out())
        });
        Ending { failure, session_version: outcome.session_version }
    }

    fn by_recovery(&self) -> bool {
        self.failure.as_ref().is_some_and(|(code, ..)| {
            matches!(code, ErrorCode::OutcomeUnknown | ErrorCode::NotRecovered)
        })
    }
}

impl Entry {
    fn latest(&self) -> (Latest, Moment) {
        match (&self.started, &self.finished) {
            (_, Some((moment, _))) => (Latest::Finished, *moment),
            (Some(moment), None) => (Latest::Started, *moment),
            (None, None) => (Latest::Accepted, self.accepted),
        }
    }

    fn id(&self) -> Text {
        match &self.envelope.id {
            Some(id) => id.clone(),
            None => format!("anon:{}", self.command).into(),
        }
    }

    fn matches(&self, filter: &HistoryFilter) -> bool {
        let HistoryFilter { session, command, kind, success, from_ms, to_ms, limit: _, before: _ } =
            filter;
        let at_ms = self.latest().1.at.millis();
        let succeeded = self.finished.as_ref().map(|(_, ending)| ending.failure.is_none());
        session.as_ref().is_none_or(|session| self.session.as_ref() == Some(session))
            && command.as_ref().is_none_or(|command| self.id() == *command)
            && kind.is_none_or(|kind| self.envelope.kind == kind)
            && success.is_none_or(|success| succeeded == Some(success))
            && from_ms.is_none_or(|from| at_ms >= from)
            && to_ms.is_none_or(|to| at_ms <= to)
    }

    fn render(&self) -> Value {
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
            Some(json!({ "phase": phase.name(), "seq": seq.0, "recordedAt": at.millis() }))
        })
        .collect()
    }
}

/// The filters that were given, under their names on the wire.
fn filters(filter: &HistoryFilter) -> Value {
    let HistoryFilter { session, command, kind, success, from_ms, to_ms, limit: _, before } =
        filter;
    let mut given = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            given.insert(key.to_owned(), value);
        }
    };
    set("sessionIdFilter", session.as_deref().map(Value::from));
    set("commandId", command.as_deref().map(Value::from));
    set("commandType", kind.map(|kind| kind.row().name.into()));
    set("outcome", success.map(|success| if success { "succeeded" } else { "failed" }.into()));
    set("fromTimestamp", from_ms.map(Value::from));
    set("toTimestamp", to_ms.map(Value::from));
    set("cursor", before.map(|before| before.0.into()));
    Value::Object(given)
}

#[cfg(test)]
mod tests;
