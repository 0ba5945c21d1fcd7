//! Frames from clients to envelopes. PROTOCOL.md sections 3 to 5.
//!
//! The order of the checks is part of the protocol: size, UTF-8, JSON, object, and then every
//! field, so that a client hears all that is wrong with a command at once.

use alloc::format;
use alloc::vec::Vec;

use super::canonical::fingerprint;
use super::fields::{self, between, fields, integer, not_blank};
use super::json::{self, Object, Value};
use super::text::{beginning, is_longer};
use crate::command::{CommandKind, Target};
use crate::ids::{Seq, Text};
use crate::input::{
    Details, DialogMethod, Envelope, HistoryFilter, Interest, Malformed, Problem, Rule,
};
use crate::limits::{DEPENDENCIES_MAX, ID_CHARS_MAX, Limits, PROBLEMS_MAX};
use crate::record::Secret;

/// Ids that begin like this belong to the daemon, which gives them to commands without one.
pub const RESERVED_PREFIX: &str = "anon:";

/// Entries on a page of the history where the client does not say.
const HISTORY_LIMIT_DEFAULT: u32 = 100;

/// Makes an [`Envelope`] of a frame from a client.
///
/// # Errors
/// What is wrong with the frame; the connection lives on.
pub fn decode(frame: &[u8], limits: &Limits, secret: &Secret) -> Result<Envelope, Malformed> {
    let size = u64::try_from(frame.len()).unwrap_or(u64::MAX);
    if size > limits.frame_bytes_max {
        return Err(Malformed::TooLarge { size, max: limits.frame_bytes_max });
    }
    let command = match json::parse(frame)? {
        Value::Object(command) => command,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err(Malformed::NotAnObject);
        }
    };
    let mut problems = Problems::default();
    let kind = check(&command, limits, &mut problems);
    match kind {
        Some(kind) if problems.list.is_empty() => Ok(envelope(kind, &command, secret)),
        Some(_) | None => Err(invalid(&command, problems)),
    }
}

/// What is wrong with the fields of a command, up to a bound.
#[derive(Debug, Default)]
pub(super) struct Problems {
    list: Vec<Problem>,
}

impl Problems {
    /// Adds a problem, unless there are enough.
    pub(super) fn add(&mut self, field: &str, rule: Rule) {
        if self.list.len() < PROBLEMS_MAX {
            self.list.push(Problem { field: Text::from(field), rule });
        }
    }

    fn note(&mut self, field: &str, result: Result<(), Rule>) {
        if let Err(rule) = result {
            self.add(field, rule);
        }
    }
}

fn invalid(command: &Object<'_>, problems: Problems) -> Malformed {
    let id = command.text("id").filter(|id| !id.is_empty() && !is_longer(id, ID_CHARS_MAX));
    Malformed::Invalid {
        id: id.map(Text::from),
        command: command.text("type").map(|name| Text::from(beginning(name, ID_CHARS_MAX))),
        problems: problems.list,
    }
}

/// Checks all fields. There is at least one problem if there is no command kind.
fn check(command: &Object<'_>, limits: &Limits, problems: &mut Problems) -> Option<CommandKind> {
    let name = command.text("type");
    if name.is_none_or(str::is_empty) {
        problems.add("type", Rule::TypeMissing);
    }
    check_identity(command, problems);
    check_dependencies(command, problems);
    if command.get("ifSessionVersion").is_some_and(|version| integer(version).is_none()) {
        problems.add("ifSessionVersion", Rule::NonNegativeInteger);
    }
    if let Some(timeout) = command.get("timeoutMs") {
        problems.note("timeoutMs", between(Some(timeout), 1, limits.timeout_ms_max));
    }
    let kind = name.and_then(CommandKind::from_name);
    if name.is_some() && kind.is_none() {
        problems.add("type", Rule::TypeUnknown);
    }
    let kind = kind?;
    let session_in_fields = fields(kind).iter().any(|field| field.name == "sessionId");
    if kind.row().target == Target::Session && !session_in_fields {
        let session = command.get("sessionId");
        let result = not_blank(session, Rule::SessionRequired, ID_CHARS_MAX);
        problems.note("sessionId", result.map(drop));
    }
    if kind.row().target != Target::Session && command.get("ifSessionVersion").is_some() {
        problems.add("ifSessionVersion", Rule::SessionTargetedOnly);
    }
    fields::check(fields(kind), command, "", problems);
    Some(kind)
}

fn check_identity(command: &Object<'_>, problems: &mut Problems) {
    if let Some(id) = command.get("id") {
        let id = not_blank(Some(id), Rule::NonEmptyStringIfProvided, ID_CHARS_MAX);
        problems.note("id", id.map(drop));
        if command.text("id").is_some_and(|id| id.starts_with(RESERVED_PREFIX)) {
            problems.add("id", Rule::ReservedPrefix);
        }
    }
    if let Some(key) = command.get("idempotencyKey") {
        let key = not_blank(Some(key), Rule::NonEmptyStringIfProvided, ID_CHARS_MAX);
        problems.note("idempotencyKey", key.map(drop));
    }
}

fn check_dependencies(command: &Object<'_>, problems: &mut Problems) {
    let Some(value) = command.get("dependsOn") else { return };
    let Value::Array(ids) = value else {
        return problems.add("dependsOn", Rule::ArrayOfIds);
    };
    if ids.len() > DEPENDENCIES_MAX {
        let max = u32::try_from(DEPENDENCIES_MAX).unwrap_or(u32::MAX);
        problems.add("dependsOn", Rule::TooManyDependencies { max });
    } else {
        for (index, id) in ids.iter().enumerate() {
            if let Err(rule) = not_blank(Some(id), Rule::NonEmptyId, ID_CHARS_MAX) {
                problems.add(&format!("dependsOn[{index}]"), rule);
            }
        }
    }
    if !ids.is_empty() && command.get("id").is_none() {
        problems.add("id", Rule::IdRequired);
    }
}

/// Takes out of a command, all of whose fields hold, what the core decides on.
fn envelope(kind: CommandKind, command: &Object<'_>, secret: &Secret) -> Envelope {
    let session = match kind.row().target {
        Target::Session | Target::Creates => optional(command, "sessionId"),
        // A stray one means nothing: it must not choose the lane.
        Target::Server => None,
    };
    let depends_on = match command.get("dependsOn") {
        Some(Value::Array(ids)) => ids.iter().filter_map(as_text).collect(),
        Some(
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_),
        )
        | None => Vec::new(),
    };
    Envelope {
        kind,
        id: optional(command, "id"),
        session,
        depends_on,
        if_session_version: number(command, "ifSessionVersion"),
        idempotency_key: optional(command, "idempotencyKey"),
        timeout_ms: number(command, "timeoutMs"),
        fingerprint: fingerprint(command, secret),
        details: details(kind, command),
    }
}

fn details(kind: CommandKind, command: &Object<'_>) -> Details {
    use CommandKind as C;
    match kind {
        C::Prompt => Details::Prompt {
            streaming: command.get("streamingBehavior").is_some(),
            slash: command.text("message").is_some_and(|message| message.starts_with('/')),
        },
        C::CreateSession => {
            // An empty one has always meant the default.
            Details::Create { cwd: optional(command, "cwd").filter(|cwd| !cwd.is_empty()) }
        }
        C::LoadSession | C::SwitchSessionFile => {
            Details::Load { path: checked(command, "sessionPath") }
        }
        C::SwitchSession => {
            let cursor = number(command, "cursor").map(Seq);
            match optional(command, "epoch") {
                None => Details::Switch { cursor },
                Some(epoch) => Details::SwitchIn { cursor, epoch },
            }
        }
        C::ExtensionUiResponse => Details::DialogAnswer {
            request: checked(command, "requestId"),
            method: dialog_method(command),
        },
        C::CancelCommand => Details::Cancel { command: checked(command, "commandId") },
        C::ReconcileCommand => Details::Reconcile {
            command: checked(command, "commandId"),
            succeeded: command.text("outcome") == Some("succeeded"),
            note: optional(command, "note"),
        },
        C::SetInterest => {
            let named = command.text("lifecycle").and_then(Interest::from_name);
            Details::Interest(named.unwrap_or_default())
        }
        C::GetCommandHistory => Details::History(history(command)),
        C::ListSessions
        | C::DeleteSession
        | C::Unsubscribe
        | C::ListStoredSessions
        | C::GetMetrics
        | C::HealthCheck
        | C::GetStartupRecovery
        | C::GetCapabilities
        | C::GetState
        | C::GetMessages
        | C::GetSessionStats
        | C::GetForkMessages
        | C::GetTree
        | C::GetLastAssistantText
        | C::GetContextUsage
        | C::GetAvailableModels
        | C::GetCommands
        | C::GetSkills
        | C::GetTools
        | C::ListSessionFiles
        | C::Compact
        | C::Bash
        | C::NewSession
        | C::Fork
        | C::NavigateTree
        | C::Steer
        | C::FollowUp
        | C::Abort
        | C::AbortCompaction
        | C::AbortRetry
        | C::AbortBash
        | C::SetModel
        | C::CycleModel
        | C::SetThinkingLevel
        | C::CycleThinkingLevel
        | C::SetAutoCompaction
        | C::SetAutoRetry
        | C::SetSessionName
        | C::ExportHtml => Details::None,
    }
}

fn history(command: &Object<'_>) -> HistoryFilter {
    let limit = number(command, "limit").and_then(|limit| u32::try_from(limit).ok());
    HistoryFilter {
        session: optional(command, "sessionIdFilter"),
        command: optional(command, "commandId"),
        kind: command.text("commandType").and_then(CommandKind::from_name),
        success: command.text("outcome").map(|outcome| outcome == "succeeded"),
        from_ms: number(command, "fromTimestamp"),
        to_ms: number(command, "toTimestamp"),
        limit: limit.unwrap_or(HISTORY_LIMIT_DEFAULT),
        before: number(command, "cursor").map(Seq),
    }
}

fn dialog_method(command: &Object<'_>) -> DialogMethod {
    let Some(Value::Object(response)) = command.get("response") else {
        return DialogMethod::Cancelled;
    };
    let method = response.text("method").and_then(DialogMethod::from_name);
    method.unwrap_or(DialogMethod::Cancelled)
}

fn optional(command: &Object<'_>, key: &str) -> Option<Text> {
    command.text(key).map(Text::from)
}

/// A string that the table of fields requires, so that it is there.
fn checked(command: &Object<'_>, key: &str) -> Text {
    Text::from(command.text(key).unwrap_or_default())
}

fn number(command: &Object<'_>, key: &str) -> Option<u64> {
    command.get(key).and_then(integer)
}

fn as_text(value: &Value<'_>) -> Option<Text> {
    match value {
        Value::String(text) => Some(Text::from(&**text)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests;
