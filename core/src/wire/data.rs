//! The `data` of responses, as JSON text. PROTOCOL.md section 5.

use alloc::format;
use alloc::vec::Vec;
use core::fmt::Write;

use super::Bodies;
use super::render::{PROTOCOL_VERSION, push_anonymous};
use super::text::{Escaped, Members, push_escaped, push_number, push_string};
use crate::command::TABLE;
use crate::frame::{
    Capabilities, Data, Fate, Health, HealthIssue, RecoveredCommand, Recovery, SessionInfo,
};
use crate::ids::{BodyRef, Micros};
use crate::input::AgentKind;
use crate::limits::{
    BASH_CHARS_MAX, DEPENDENCIES_MAX, DEPTH_MAX, ID_CHARS_MAX, Limits, MESSAGE_CHARS_MAX,
    PATH_CHARS_MAX,
};

/// Most commands that a recovery report lists.
const RECOVERED_MAX: usize = 100;

/// The bounds that cannot be set.
const FIXED: [(&str, usize); 6] = [
    ("id_chars_max", ID_CHARS_MAX),
    ("message_chars_max", MESSAGE_CHARS_MAX),
    ("bash_chars_max", BASH_CHARS_MAX),
    ("path_chars_max", PATH_CHARS_MAX),
    ("dependencies_max", DEPENDENCIES_MAX),
    ("depth_max", DEPTH_MAX),
];

/// Appends `,"data":…` where there is any.
pub(super) fn push_data(data: &Data, bodies: &dyn Bodies, json: &mut Vec<u8>) {
    const KEY: &[u8] = br#","data":"#;
    let is_empty = match data {
        Data::None => true,
        Data::Body(body) => body.is_empty(),
        Data::Sessions(_)
        | Data::Created(_)
        | Data::Deleted
        | Data::Switched { .. }
        | Data::SwitchedIn { .. }
        | Data::State(_)
        | Data::Health(_)
        | Data::Recovery(_)
        | Data::Capabilities(_)
        | Data::Cancelled { .. } => false,
    };
    if is_empty {
        return;
    }
    json.extend_from_slice(KEY);
    match data {
        Data::None => {}
        Data::Body(body) => {
            if push_body(*body, br#"{"erased":true,"bytes":"#, bodies, json) {
                json.extend_from_slice(REDACTED);
            }
        }
        Data::Sessions(sessions) => {
            let mut members = Members::open(json);
            push_list(members.key("sessions"), sessions, |info, json| push_session(info, json));
            members.close();
        }
        Data::Created(info) => {
            let mut members = Members::open(json);
            members.string("sessionId", &info.id);
            push_session(info, members.key("sessionInfo"));
            members.close();
        }
        Data::Deleted => json.extend_from_slice(br#"{"deleted":true}"#),
        Data::Switched { info, cursor } => {
            let mut members = Members::open(json);
            push_session(info, members.key("sessionInfo"));
            members.number("cursor", cursor.0);
            members.close();
        }
        Data::SwitchedIn { info, cursor, epoch } => {
            let mut members = Members::open(json);
            push_session(info, members.key("sessionInfo"));
            members.number("cursor", cursor.0);
            members.string("epoch", epoch);
            members.close();
        }
        Data::State(info) => push_session(info, json),
        Data::Health(health) => push_health(health, json),
        Data::Recovery(recovery) => push_recovery(recovery, json),
        Data::Capabilities(capabilities) => push_capabilities(capabilities, json),
        Data::Cancelled { started } => {
            let mut members = Members::open(json);
            members.bool("cancelled", true);
            members.bool("started", *started);
            members.close();
        }
    }
}

/// A member behind a body that is not what came.
pub(super) const REDACTED: &[u8] = br#","redacted":true"#;

/// Appends a body as it came; where it was erased, its length between `erased` and a brace. Whether
/// something was taken out of what was appended.
pub(super) fn push_body(
    body: BodyRef,
    erased: &[u8],
    bodies: &dyn Bodies,
    json: &mut Vec<u8>,
) -> bool {
    if let Some(original) = bodies.original(body) {
        json.extend_from_slice(original);
        return false;
    }
    if let Some(bytes) = bodies.body(body) {
        json.extend_from_slice(bytes);
        return body.redacted;
    }
    json.extend_from_slice(erased);
    push_number(json, body.len.into());
    json.push(b'}');
    false
}

/// Appends a `SessionInfo`.
pub(super) fn push_session(info: &SessionInfo, json: &mut Vec<u8>) {
    let SessionInfo {
        id,
        name,
        file,
        model,
        thinking,
        streaming,
        compacting,
        messages,
        queued,
        created_at,
        cwd,
        version,
        dialogs,
    } = info;
    let mut members = Members::open(json);
    members.string("sessionId", id);
    if let Some(name) = name {
        members.string("sessionName", name);
    }
    if let Some(file) = file {
        members.string("sessionFile", file);
    }
    if let Some(model) = model {
        members.key("model").extend_from_slice(model.as_bytes());
    }
    members.string("thinkingLevel", thinking);
    members.bool("isStreaming", *streaming);
    members.number("messageCount", *messages);
    push_date(*created_at, members.key("createdAt"));
    members.bool("isCompacting", *compacting);
    members.number("pendingMessageCount", *queued);
    members.string("cwd", cwd);
    members.number("sessionVersion", *version);
    members.number("pendingDialogCount", *dialogs);
    members.close();
}

fn push_list<T>(json: &mut Vec<u8>, list: &[T], each: impl Fn(&T, &mut Vec<u8>)) {
    json.push(b'[');
    for (index, item) in list.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        each(item, json);
    }
    json.push(b']');
}

/// Appends a time as an ISO 8601 string in UTC with milliseconds.
///
/// Civil date from days by eras of 400 years that begin on 1 March, so that the leap day is the
/// last of its year and every month's length follows from its number.
fn push_date(at: Micros, json: &mut Vec<u8>) {
    const MS_PER_DAY: u64 = 86_400_000;
    let (days, ms) = (at.millis() / MS_PER_DAY, at.millis() % MS_PER_DAY);
    // 719,468 days from 1 March of the year 0 to 1 January 1970; 146,097 days in an era.
    let (era, day_of_era) = ((days + 719_468) / 146_097, (days + 719_468) % 146_097);
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    json.push(b'"');
    // Writing to a vector cannot fail.
    let _ = write!(
        Escaped(json),
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
        ms % 1_000
    );
    json.push(b'"');
}

fn push_health(health: &Health, json: &mut Vec<u8>) {
    let Health { issues, open_circuit, open_bash_circuit } = health;
    let is_healthy = issues.is_empty() && !open_circuit && !open_bash_circuit;
    let mut members = Members::open(json);
    members.bool("healthy", is_healthy);
    push_list(members.key("issues"), issues, push_issue);
    members.bool("hasOpenCircuit", *open_circuit);
    members.bool("hasOpenBashCircuit", *open_bash_circuit);
    members.close();
}

fn push_issue(issue: &HealthIssue, json: &mut Vec<u8>) {
    json.push(b'"');
    let mut out = Escaped(json);
    // Writing to a vector cannot fail.
    let _ = match issue {
        HealthIssue::Sessions { count, max } => {
            write!(out, "Session count at {count}/{max} (90%+)")
        }
        HealthIssue::Connections { count, max } => {
            write!(out, "Connection count at {count}/{max} (90%+)")
        }
        HealthIssue::ProviderCircuit => out.write_str("One or more LLM provider circuits are open"),
        HealthIssue::BashCircuit => out.write_str("Bash command circuit breaker is open"),
        HealthIssue::StorageFull => {
            out.write_str("The journal has no room: new commands are refused")
        }
        HealthIssue::UnknownOutcomes { count } => {
            write!(out, "{count} commands of an earlier run have an unknown outcome")
        }
    };
    json.push(b'"');
}

/// Appends the report of the last boot.
pub(super) fn push_recovery(recovery: &Recovery, json: &mut Vec<u8>) {
    let listed = recovery.in_flight.len().min(RECOVERED_MAX);
    let in_flight = recovery.in_flight.get(..listed).unwrap_or_default();
    push_report(recovery, &recovery.journal_path, in_flight, json);
}

/// Appends the report of the last boot without ids and paths.
pub(super) fn push_summary(recovery: &Recovery, json: &mut Vec<u8>) {
    push_report(recovery, "[redacted]", &[], json);
}

fn push_report(
    recovery: &Recovery,
    journal_path: &str,
    listed: &[RecoveredCommand],
    json: &mut Vec<u8>,
) {
    let Recovery {
        journal_path: _,
        journal,
        clean,
        boot,
        outcomes,
        sessions,
        in_flight: _,
        recoverable,
        failed,
    } = recovery;
    let hidden = recoverable.saturating_add(*failed) > u64::try_from(listed.len()).unwrap_or(0);
    let mut members = Members::open(json);
    // The keys that the protocol has always had, in their order. There is always a journal, and a
    // damaged one is not opened, so some of them have only one value.
    members.bool("enabled", true);
    members.bool("initialized", true);
    members.string("initState", "ready");
    members.string("journalPath", journal_path);
    members.number("schemaVersion", 1);
    members.number("entriesScanned", journal.records);
    members.number("malformedEntries", 0);
    members.number("unsupportedVersionEntries", 0);
    members.number("recoveredOutcomes", *outcomes);
    members.key("recoveredOutcomeIds").extend_from_slice(b"[]");
    members.bool("recoveredOutcomeIdsTruncated", *outcomes > 0);
    members.number("recoveredInFlightFailures", *failed);
    push_list(members.key("recoveredInFlight"), listed, push_recovered);
    members.bool("recoveredInFlightTruncated", hidden);
    members.number("maxItemsReturned", 100);
    // What this daemon adds.
    members.number("boot", *boot);
    members.bool("cleanShutdown", *clean);
    members.number("sessions", *sessions);
    members.number("recoverable", *recoverable);
    members.number("tornBytes", journal.torn_bytes);
    members.string("durability", &journal.durability);
    members.number("formatVersion", journal.format.into());
    members.close();
}

fn push_recovered(recovered: &RecoveredCommand, json: &mut Vec<u8>) {
    let RecoveredCommand { command, id, kind, session, started, fate } = recovered;
    let mut members = Members::open(json);
    let json = members.key("commandId");
    json.push(b'"');
    match id {
        Some(id) => push_escaped(json, id),
        None => push_anonymous(*command, json),
    }
    json.push(b'"');
    members.string("commandType", kind.row().name);
    match session {
        Some(session) => members.string("laneKey", &format!("session:{session}")),
        None => members.string("laneKey", "server"),
    }
    let phase = if *started { "command_started" } else { "command_accepted" };
    members.string("lastPhase", phase);
    let (fate, reason) = match fate {
        Fate::NotStarted => ("recoverable", "had_not_reached_the_agent"),
        Fate::Read => ("recoverable", "only_reads"),
        Fate::Unknown => ("failed", "outcome_unknown"),
        Fate::NotRecovered => ("failed", "recovery_was_told_to_fail"),
        Fate::Redacted => ("failed", "its_text_was_redacted"),
    };
    members.string("reason", reason);
    members.string("fate", fate);
    members.close();
}

fn push_capabilities(capabilities: &Capabilities, json: &mut Vec<u8>) {
    let Capabilities { agent, agent_versions, absent, limits, server_version } = capabilities;
    let mut members = Members::open(json);
    members.string("serverVersion", server_version);
    members.string("protocolVersion", PROTOCOL_VERSION);
    let agent = match agent {
        AgentKind::Demo => "demo",
        AgentKind::Pi => "pi",
    };
    members.string("agent", agent);
    push_list(members.key("agentVersions"), agent_versions, |version, json| {
        push_string(json, version);
    });
    let present = TABLE.iter().map(|row| row.kind).filter(|kind| !absent.contains(kind));
    let present: Vec<_> = present.collect();
    push_list(members.key("commands"), &present, |kind, json| push_string(json, kind.row().name));
    push_list(members.key("absent"), absent, |kind, json| push_string(json, kind.row().name));
    push_limits(limits, members.key("limits"));
    members.close();
}

/// Appends every bound under the name by which it is set, and then those that cannot be set.
fn push_limits(limits: &Limits, json: &mut Vec<u8>) {
    let mut members = Members::open(json);
    for (name, default, _, _) in limits.rows() {
        members.number(name, limits.value(name).unwrap_or(*default));
    }
    members.bool("rate", limits.rate);
    for (name, value) in FIXED {
        members.number(name, u64::try_from(value).unwrap_or(u64::MAX));
    }
    members.close();
}
