//! Frames to JSON text. PROTOCOL.md sections 4 and 8 have an example of each.
//!
//! Written by hand into the caller's buffer: keys have a fixed order, nothing is allocated on the
//! way, and a frame costs little more than copying its text. Programs that must be fast may go by
//! how frames begin: `{"id":"` or `{"type":"response"` for responses, and
//! `{"type":"command_accepted","data":{"commandId":"` (`_started`, `_finished`) for lifecycle.

use alloc::vec::Vec;

use super::data::{REDACTED, push_body, push_data, push_session, push_summary};
use super::failure::write_failure;
use super::text::{Escaped, Members, push_escaped, push_number, push_string};
use super::{Bodies, RESERVED_PREFIX};
use crate::command::CommandKind;
use crate::failure::Failure;
use crate::frame::{
    CommandName, Data, DialogEnd, Frame, Gone, MadeUp, Outcome, Phase, SessionInfo,
};
use crate::ids::{BodyRef, CommandNo, Seq, Text};
use crate::input::Envelope;

/// The version of the protocol, as clients are told it.
pub const PROTOCOL_VERSION: &str = "1.1.0";

/// Appends a frame as JSON text, without a line end.
pub fn render(frame: &Frame, bodies: &dyn Bodies, json: &mut Vec<u8>) {
    match frame {
        Frame::ServerReady { server_version } => push_ready(server_version, None, json),
        Frame::ServerReadyIn { server_version, epoch } => {
            push_ready(server_version, Some(epoch), json);
        }
        Frame::Lost { session, from, to, exact } => push_lost(session, (*from, *to), *exact, json),
        Frame::RecoverySummary(recovery) => {
            json.extend_from_slice(br#"{"type":"startup_recovery_summary","data":"#);
            push_summary(recovery, json);
            json.push(b'}');
        }
        Frame::ServerShutdown { timeout_ms } => {
            json.extend_from_slice(
                br#"{"type":"server_shutdown","data":{"reason":"graceful_shutdown","timeoutMs":"#,
            );
            push_number(json, *timeout_ms);
            json.extend_from_slice(b"}}");
        }
        Frame::SessionCreated(info) => push_session_created(info, json),
        Frame::SessionDeleted { session } => {
            json.extend_from_slice(br#"{"type":"session_deleted","data":{"sessionId":"#);
            push_string(json, session);
            json.extend_from_slice(b"}}");
        }
        Frame::Event { session, cursor, event } => {
            push_event(session, *cursor, *event, bodies, json);
        }
        Frame::Interrupted { session, cursor, what, gone } => {
            push_interrupted(session, *cursor, *what, gone, json);
        }
        Frame::DialogClosed { session, request, how } => {
            push_dialog_closed(session, request, *how, json);
        }
        Frame::Lifecycle { command, envelope, session, lane_sequence, phase } => {
            let session = session.as_deref();
            push_lifecycle_start(*command, envelope, session, *lane_sequence, phase, json);
            if let Phase::Finished(outcome) = phase {
                push_finish(outcome, envelope.kind, json);
            }
            json.extend_from_slice(b"}}");
        }
        Frame::Response { id, command, outcome, replayed } => {
            push_response(id.as_ref(), command.as_ref(), outcome, *replayed, bodies, json);
        }
    }
}

fn push_ready(server_version: &str, epoch: Option<&str>, json: &mut Vec<u8>) {
    json.extend_from_slice(br#"{"type":"server_ready","data":{"serverVersion":"#);
    push_string(json, server_version);
    json.extend_from_slice(br#","protocolVersion":"#);
    push_string(json, PROTOCOL_VERSION);
    json.extend_from_slice(br#","transports":["websocket","unix","stdio"]"#);
    if let Some(epoch) = epoch {
        json.extend_from_slice(br#","epoch":"#);
        push_string(json, epoch);
    }
    json.extend_from_slice(b"}}");
}

fn push_lost(session: &str, (from, to): (Seq, Seq), exact: bool, json: &mut Vec<u8>) {
    json.extend_from_slice(br#"{"type":"gap","data":"#);
    let mut data = Members::open(json);
    data.string("kind", "events");
    data.string("sessionId", session);
    data.number("fromSeq", from.0);
    data.number("toSeq", to.0);
    data.bool("lost", true);
    data.bool("exact", exact);
    data.close();
    json.push(b'}');
}

fn push_session_created(info: &SessionInfo, json: &mut Vec<u8>) {
    json.extend_from_slice(br#"{"type":"session_created","data":{"sessionId":"#);
    push_string(json, &info.id);
    json.extend_from_slice(br#","sessionInfo":"#);
    push_session(info, json);
    json.extend_from_slice(b"}}");
}

fn push_event(session: &str, cursor: Seq, event: BodyRef, bodies: &dyn Bodies, json: &mut Vec<u8>) {
    push_event_start(session, cursor, json);
    if push_body(event, br#"{"type":"erased","bytes":"#, bodies, json) {
        json.extend_from_slice(REDACTED);
    }
    json.push(b'}');
}

fn push_event_start(session: &str, cursor: Seq, json: &mut Vec<u8>) {
    json.extend_from_slice(br#"{"type":"event","sessionId":"#);
    push_string(json, session);
    json.extend_from_slice(br#","cursor":"#);
    push_number(json, cursor.0);
    json.extend_from_slice(br#","event":"#);
}

fn push_interrupted(session: &str, cursor: Seq, what: MadeUp, gone: &Gone, json: &mut Vec<u8>) {
    push_event_start(session, cursor, json);
    let mut event = Members::open(json);
    let thing = match what {
        MadeUp::CompactionEnd => {
            event.string("type", "compaction_end");
            event.bool("aborted", true);
            event.bool("willRetry", false);
            "compaction"
        }
        MadeUp::AgentEnd => {
            event.string("type", "agent_end");
            event.key("messages").extend_from_slice(b"[]");
            event.bool("willRetry", false);
            "run"
        }
        MadeUp::AgentSettled => {
            event.string("type", "agent_settled");
            "run"
        }
    };
    event.string("stopReason", "interrupted");
    let words = match gone {
        Gone::Daemon => alloc::format!(
            "The daemon ended in the middle of this {thing}; it is over, and nothing of it runs now"
        ),
        Gone::Agent { status } => alloc::format!(
            "The agent ended ({status}) in the middle of this {thing}; it is over, and nothing of it \
             runs now"
        ),
    };
    event.string("errorMessage", &words);
    event.close();
    json.push(b'}');
}

fn push_dialog_closed(session: &str, request: &str, how: DialogEnd, json: &mut Vec<u8>) {
    let how = match how {
        DialogEnd::Answered => "answered",
        DialogEnd::Dismissed => "dismissed",
        DialogEnd::TimedOut => "timed_out",
        DialogEnd::Withdrawn => "withdrawn",
    };
    json.extend_from_slice(br#"{"type":"extension_ui_resolved","data":"#);
    let mut data = Members::open(json);
    data.string("sessionId", session);
    data.string("requestId", request);
    data.string("outcome", how);
    data.close();
    json.push(b'}');
}

/// What the three lifecycle frames of a command have in common.
fn push_lifecycle_start(
    command: CommandNo,
    envelope: &Envelope,
    session: Option<&str>,
    lane_sequence: u64,
    phase: &Phase,
    json: &mut Vec<u8>,
) {
    json.extend_from_slice(match phase {
        Phase::Accepted => br#"{"type":"command_accepted","data":{"commandId":""#.as_slice(),
        Phase::Started => br#"{"type":"command_started","data":{"commandId":""#,
        Phase::Finished(_) => br#"{"type":"command_finished","data":{"commandId":""#,
    });
    match &envelope.id {
        Some(id) => push_escaped(json, id),
        None => push_anonymous(command, json),
    }
    json.extend_from_slice(br#"","commandType":""#);
    json.extend_from_slice(envelope.kind.row().name.as_bytes());
    json.push(b'"');
    if let Some(session) = session {
        json.extend_from_slice(br#","sessionId":"#);
        push_string(json, session);
    }
    json.extend_from_slice(br#","dependsOn":["#);
    for (index, id) in envelope.depends_on.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        push_string(json, id);
    }
    json.push(b']');
    if let Some(version) = envelope.if_session_version {
        json.extend_from_slice(br#","ifSessionVersion":"#);
        push_number(json, version);
    }
    if let Some(key) = &envelope.idempotency_key {
        json.extend_from_slice(br#","idempotencyKey":"#);
        push_string(json, key);
    }
    json.extend_from_slice(br#","laneSequence":"#);
    push_number(json, lane_sequence);
}

/// Appends the id of a command to which its client gave none.
pub(super) fn push_anonymous(command: CommandNo, json: &mut Vec<u8>) {
    json.extend_from_slice(RESERVED_PREFIX.as_bytes());
    push_number(json, command.0);
}

fn push_finish(outcome: &Outcome, kind: CommandKind, json: &mut Vec<u8>) {
    match &outcome.result {
        Ok(_) => json.extend_from_slice(br#","success":true"#),
        Err(failure) => push_failure(failure, Some(kind), json),
    }
    push_version(outcome, json);
    push_timed_out(outcome, json);
}

fn push_failure(failure: &Failure, kind: Option<CommandKind>, json: &mut Vec<u8>) {
    json.extend_from_slice(br#","success":false,"error":""#);
    // Writing to a vector cannot fail.
    let _ = write_failure(&mut Escaped(json), failure, kind);
    json.extend_from_slice(br#"","errorCode":""#);
    json.extend_from_slice(failure.code().name().as_bytes());
    json.push(b'"');
}

fn push_version(outcome: &Outcome, json: &mut Vec<u8>) {
    if let (Some(version), Ok(_)) = (outcome.session_version, &outcome.result) {
        json.extend_from_slice(br#","sessionVersion":"#);
        push_number(json, version);
    }
}

fn push_timed_out(outcome: &Outcome, json: &mut Vec<u8>) {
    if outcome.result.as_ref().is_err_and(Failure::timed_out) {
        json.extend_from_slice(br#","timedOut":true"#);
    }
}

fn push_response(
    id: Option<&Text>,
    command: Option<&CommandName>,
    outcome: &Outcome,
    replayed: bool,
    bodies: &dyn Bodies,
    json: &mut Vec<u8>,
) {
    json.push(b'{');
    if let Some(id) = id {
        json.extend_from_slice(br#""id":"#);
        push_string(json, id);
        json.push(b',');
    }
    json.extend_from_slice(br#""type":"response","command":"#);
    let kind = match command {
        Some(CommandName::Known(kind)) => {
            push_string(json, kind.row().name);
            Some(*kind)
        }
        Some(CommandName::Raw(name)) => {
            push_string(json, name);
            None
        }
        None => {
            push_string(json, "unknown");
            None
        }
    };
    match &outcome.result {
        Ok(data) => match expired(id, data, replayed, bodies) {
            None => {
                json.extend_from_slice(br#","success":true"#);
                push_data(data, bodies, json);
                push_version(outcome, json);
            }
            Some(failure) => push_failure(&failure, kind, json),
        },
        Err(failure) => push_failure(failure, kind, json),
    }
    if replayed {
        json.extend_from_slice(br#","replayed":true"#);
    }
    push_timed_out(outcome, json);
    if let Some(sequence) = outcome.lane_sequence {
        json.extend_from_slice(br#","laneSequence":"#);
        push_number(json, sequence);
    }
    json.push(b'}');
}

/// What is answered in the place of an earlier result that is not there any more (PROTOCOL.md 10.5).
/// The response that was the first to tell it is not a replay, and says that it was erased.
fn expired(id: Option<&Text>, data: &Data, replayed: bool, bodies: &dyn Bodies) -> Option<Failure> {
    let Data::Body(body) = data else { return None };
    // Looking for a body costs something, and a first response is never expired.
    if !replayed || body.is_empty() {
        return None;
    }
    let is_there = bodies.original(*body).is_some() || bodies.body(*body).is_some();
    (!is_there).then(|| Failure::OutcomeExpired { id: id.cloned().unwrap_or_default() })
}

#[cfg(test)]
mod tests;
