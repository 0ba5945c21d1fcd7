//! Commands: accepted, started, finished and answered, once each and in order.

use std::sync::Arc;

use pi_server_core::command::{Class, Target};
use pi_server_core::failure::ErrorCode;
use pi_server_core::frame::{Frame, Outcome, Phase};
use pi_server_core::input::{AgentSaid, Details, Earlier, Envelope, InputKind};
use pi_server_core::output::Audience;
use pi_server_core::{CommandNo, ConnId, Input, Seq, Text};

use super::ledger::{Command, Ledger};
use super::{Rule, Step, agents};

/// A frame that is delivered.
pub(super) fn frame(
    ledger: &mut Ledger,
    input: &Input,
    to: &Audience,
    frame: &Frame,
    step: &mut Step,
) -> Rule {
    match frame {
        Frame::Lifecycle { command, envelope, session, lane_sequence, phase } => match phase {
            Phase::Accepted => {
                step.accepted = true;
                accepted(ledger, input, envelope, session.as_ref(), *lane_sequence)
            }
            Phase::Started => started(ledger, *command),
            Phase::Finished(outcome) => finished(ledger, input.seq, *command, outcome),
        },
        Frame::Response { id, command: _, outcome, replayed } => {
            let Audience::Conn(conn) = to else { return Err("a response to many".into()) };
            response(ledger, input, (*conn, id.as_ref()), outcome, *replayed, step)
        }
        Frame::SessionCreated(info) => {
            // The version was noted when the creation ended.
            if ledger.versions.contains_key(&info.id) {
                return Ok(());
            }
            Err(format!("8.4: session {} is announced but was not created", info.id))
        }
        Frame::SessionDeleted { session } if ledger.versions.contains_key(session) => {
            Err(format!("8.4: session {session} is announced as deleted but lives"))
        }
        Frame::Event { cursor, event, .. } => {
            if let Audience::Subscribers(_) = to {
                step.events += 1;
                if step.events > 1 || *cursor != input.seq || *event != input.body {
                    return Err("section 8.5: an event is delivered twice or changed".into());
                }
            }
            Ok(())
        }
        Frame::Interrupted { cursor, .. } => {
            let told = matches!(
                input.kind,
                InputKind::Boot(_)
                    | InputKind::Agent {
                        said: AgentSaid::Exited(_) | AgentSaid::Unavailable { .. },
                        ..
                    }
            );
            if told && *cursor == input.seq && matches!(to, Audience::Subscribers(_)) {
                Ok(())
            } else {
                Err("8.5: an interruption is told of where nothing has ended".into())
            }
        }
        Frame::SessionDeleted { .. }
        | Frame::ServerReady { .. }
        | Frame::ServerReadyIn { .. }
        | Frame::Lost { .. }
        | Frame::RecoverySummary(_)
        | Frame::ServerShutdown { .. }
        | Frame::DialogClosed { .. } => Ok(()),
    }
}

/// Sections 6.1 and 7.1: admission, with the next dense number of the lane.
fn accepted(
    ledger: &mut Ledger,
    input: &Input,
    envelope: &Arc<Envelope>,
    session: Option<&Text>,
    lane_sequence: u64,
) -> Rule {
    let Some((conn, _)) = &input.kind.command() else {
        return Err("a command is accepted that nobody sent".into());
    };
    if let InputKind::Repeated { earlier, .. } = &input.kind
        && envelope.id.is_some()
    {
        return Err(format!("6.2: a command runs again of which is known: {earlier:?}"));
    }
    let no = CommandNo(input.seq.0);
    let lane = Ledger::lane_of(envelope, session);
    let empty = ledger.in_lane(&lane).next().is_none();
    let unknown = lane.as_ref().is_some_and(|id| !ledger.versions.contains_key(id));
    let last = ledger.sequences.get(&lane).copied().unwrap_or(0);
    let next = if empty && unknown { 1 } else { last + 1 };
    if lane_sequence != next {
        return Err(format!("7.1: #{no} is number {lane_sequence} of its lane, {next} is next"));
    }
    ledger.sequences.insert(lane.clone(), lane_sequence);
    let client = ledger.conns.get(conn).cloned().flatten();
    let find = |id: &Text| ledger.ids.get(&(client.clone(), id.clone())).copied();
    let dependencies: Option<Vec<CommandNo>> = envelope.depends_on.iter().map(find).collect();
    let dependencies = dependencies.ok_or(format!("6.4: #{no} depends on the unknown"))?;
    if let Some(id) = &envelope.id {
        ledger.ids.insert((client.clone(), id.clone()), no);
    }
    let command = Command {
        envelope: envelope.clone(),
        client,
        owner: Some(*conn),
        session: session.cloned(),
        lane,
        lane_sequence,
        started: false,
        outcome: None,
        ended: Seq(0),
        answered: false,
        settled: None,
        dependencies,
        waiters: Vec::new(),
    };
    ledger.in_flight.insert(no);
    match ledger.commands.insert(no, command) {
        None => Ok(()),
        Some(_) => Err(format!("8.3: #{no} is accepted twice")),
    }
}

/// Section 7.3: the start rule, as far as an onlooker can see it.
fn started(ledger: &mut Ledger, no: CommandNo) -> Rule {
    let Some(command) = ledger.commands.get(&no).cloned() else {
        return Err(format!("8.3: #{no} starts without having been accepted"));
    };
    if command.started || command.outcome.is_some() {
        return Err(format!("8.3: #{no} starts twice, or after its end"));
    }
    agents::dependencies_have_succeeded(ledger, no, &command.dependencies)?;
    for (other, before) in ledger.in_lane(&command.lane) {
        if before.lane_sequence >= command.lane_sequence {
            continue;
        }
        if before.is_waiting() && !command.may_pass(before) {
            return Err(format!("7.3: #{no} passes #{other}"));
        }
    }
    if command.kind().row().class == Class::Turn && !command.is_streaming() {
        let turn = ledger.in_lane(&command.lane).find(|(_, other)| {
            other.started && other.kind().row().class == Class::Turn && !other.is_streaming()
        });
        if let Some((other, _)) = turn {
            return Err(format!("7.2: #{no} starts while #{other} has the turn"));
        }
    }
    if let Some(command) = ledger.commands.get_mut(&no) {
        command.started = true;
    }
    Ok(())
}

/// Sections 6.1 and 6.5: one outcome, and versions without gaps.
fn finished(ledger: &mut Ledger, seq: Seq, no: CommandNo, outcome: &Arc<Outcome>) -> Rule {
    let Some(command) = ledger.commands.get_mut(&no) else {
        return Err(format!("8.3: #{no} ends without having been accepted"));
    };
    if command.outcome.is_some() {
        return Err(format!("6.1: #{no} ends twice"));
    }
    command.outcome = Some(outcome.clone());
    command.ended = seq;
    ledger.in_flight.remove(&no);
    ledger.just_ended.push(no);
    let command = command.clone();
    if outcome.lane_sequence != Some(command.lane_sequence) {
        return Err(format!("4.4: #{no} ends with another lane sequence"));
    }
    if outcome.result.is_ok() && !command.started {
        return Err(format!("8.3: #{no} succeeds without having started"));
    }
    failed_dependency_is_real(ledger, &command, outcome)?;
    note_settled(ledger, &command, outcome);
    version_is_next(ledger, no, &command, outcome)
}

/// Section 10.4: the one way in which an outcome is replaced.
fn note_settled(ledger: &mut Ledger, command: &Command, outcome: &Outcome) {
    let Details::Reconcile { command: id, succeeded, .. } = &command.envelope.details else {
        return;
    };
    let settled = ledger.ids.get(&(command.client.clone(), id.clone()));
    if let (Ok(_), Some(settled)) = (&outcome.result, settled)
        && let Some(settled) = ledger.commands.get_mut(settled)
    {
        settled.settled = Some(*succeeded);
        let (ended, mutates) = (settled.ended, settled.kind().row().mutates);
        if let Some(session) = settled.session.clone()
            && *succeeded
            && mutates
            && ledger.born.get(&session).is_some_and(|born| *born <= ended)
            && let Some(version) = ledger.versions.get_mut(&session)
        {
            *version += 1;
        }
    }
}

fn failed_dependency_is_real(ledger: &Ledger, command: &Command, outcome: &Outcome) -> Rule {
    let Err(failure) = &outcome.result else { return Ok(()) };
    if failure.code() != ErrorCode::DependencyFailed {
        return Ok(());
    }
    let failed = |no: &CommandNo| ledger.commands.get(no).is_some_and(Command::has_failed);
    if command.started || !command.dependencies.iter().any(failed) {
        return Err("6.4: ends for a dependency that has not failed".into());
    }
    Ok(())
}

/// Section 6.5: 0 at creation, one more with each successful mutation, no other change.
fn version_is_next(
    ledger: &mut Ledger,
    no: CommandNo,
    command: &Command,
    outcome: &Outcome,
) -> Rule {
    let row = command.kind().row();
    let mut expected = None;
    if let (Ok(_), Some(session)) = (&outcome.result, &command.session) {
        expected = match row.target {
            Target::Server => None,
            Target::Creates => {
                ledger.born.insert(session.clone(), command.ended);
                if ledger.versions.insert(session.clone(), 0).is_some() {
                    return Err(format!("5.3: #{no} creates a session that exists"));
                }
                Some(0)
            }
            Target::Session if row.name == "delete_session" => {
                ledger.versions.remove(session);
                None
            }
            Target::Session => {
                let version = ledger.versions.get_mut(session);
                if version.is_none() && row.name != "unsubscribe" {
                    return Err(format!("5.1: #{no} succeeds without its session"));
                }
                version.map(|version| {
                    *version += u64::from(row.mutates);
                    *version
                })
            }
        };
    }
    if outcome.session_version != expected {
        let got = outcome.session_version;
        return Err(format!("6.5: #{no} ends with version {got:?}, {expected:?} is next"));
    }
    Ok(())
}

/// Sections 4.4 and 6.2: one response per request, equal requests get equal answers.
fn response(
    ledger: &mut Ledger,
    input: &Input,
    (conn, id): (ConnId, Option<&Text>),
    outcome: &Arc<Outcome>,
    replayed: bool,
    step: &mut Step,
) -> Rule {
    if !replayed && outcome.lane_sequence.is_none() {
        return refusal(input, conn, outcome, step);
    }
    if !replayed {
        let own = ledger.commands.iter_mut().rev().find(|(_, command)| {
            command.owner == Some(conn)
                && command.envelope.id.as_ref() == id
                && !command.answered
                && command.outcome.as_ref().is_some_and(|known| Arc::ptr_eq(known, outcome))
        });
        let (_, command) = own.ok_or("4.4: a response to a command that has not ended")?;
        command.answered = true;
        return Ok(());
    }
    let content = input.kind.command().filter(|(sender, _)| *sender == conn);
    let content = content.map(|(_, envelope)| envelope);
    if let InputKind::Repeated { earlier, .. } = &input.kind
        && let Earlier::Answer { outcome: found, fingerprint, .. } = &**earlier
        && content.is_some_and(|content| content.fingerprint == *fingerprint)
        && Outcome::from((**found).clone()) == **outcome
    {
        // What was looked up.
        step.refused = true;
        return Ok(());
    }
    // Two commands may have equal outcomes; the one that is repeated, or waited for, is meant.
    let earlier = ledger.commands.values_mut().rev().find(|command| {
        let waited = command.waiters.iter().any(|w| w.0 == conn && w.1.as_ref() == id);
        let repeated = content.is_some_and(|c| c.fingerprint == command.envelope.fingerprint);
        command.answers_with(outcome)
            && (waited || repeated)
            && command.client == ledger.conns.get(&conn).cloned().flatten()
    });
    let command = earlier.ok_or("6.2: a replay of an outcome that never was")?;
    let place = command.waiters.iter().position(|w| w.0 == conn && w.1.as_ref() == id);
    if let Some(place) = place {
        command.waiters.remove(place);
        return Ok(());
    }
    step.refused = true;
    Ok(())
}

/// Section 6.1: a refusal answers the request at hand and is all that it gets.
fn refusal(input: &Input, conn: ConnId, outcome: &Outcome, step: &mut Step) -> Rule {
    let sender = match &input.kind {
        InputKind::Command { conn, .. }
        | InputKind::Repeated { conn, .. }
        | InputKind::Malformed { conn, .. } => *conn,
        _ => return Err("6.1: a refusal that nobody asked for".into()),
    };
    if sender != conn || step.refused || step.accepted || outcome.result.is_ok() {
        return Err("6.1: a refusal beside another answer".into());
    }
    step.refused = true;
    Ok(())
}

/// Section 6.1: every request of a live connection is accepted, answered, or waits.
pub(super) fn every_request_is_answered(ledger: &Ledger, input: &Input, step: &Step) -> Rule {
    let (InputKind::Command { conn, .. }
    | InputKind::Repeated { conn, .. }
    | InputKind::Malformed { conn, .. }) = &input.kind
    else {
        return Ok(());
    };
    if !ledger.alive || !ledger.conns.contains_key(conn) {
        return if step.accepted { Err("a command of nobody is accepted".into()) } else { Ok(()) };
    }
    match (step.accepted, step.refused) {
        (true, false) | (false, true) => Ok(()),
        (true, true) => Err("6.1: a request is accepted and refused".into()),
        (false, false) if step.waits_for.is_some() => Ok(()),
        (false, false) => Err("4.4: a request gets no answer".into()),
    }
}

/// The command in flight that a request repeats: by its key, else by its id.
pub(super) fn waits_for(ledger: &Ledger, envelope: &Envelope, conn: ConnId) -> Option<CommandNo> {
    let client = ledger.conns.get(&conn)?;
    let same = |command: &&CommandNo, by_key: bool| {
        let Some(known) = ledger.commands.get(command) else { return false };
        let (theirs, ours) = (&known.envelope, envelope);
        let key = theirs.idempotency_key.is_some()
            && theirs.idempotency_key == ours.idempotency_key
            && theirs.session == ours.session;
        let id = theirs.id.is_some() && theirs.id == ours.id;
        known.client == *client
            && theirs.fingerprint == ours.fingerprint
            && if by_key { key } else { id }
    };
    let by_key = ledger.in_flight.iter().find(|no| same(no, true));
    by_key.or_else(|| ledger.in_flight.iter().find(|no| same(no, false))).copied()
}

/// Section 4.4: when a command has ended, everybody who waited for it has been told.
///
/// It is looked at once, in the step that ends it: later nobody can begin to wait for it.
pub(super) fn nothing_is_left_unanswered(ledger: &mut Ledger) -> Rule {
    for no in std::mem::take(&mut ledger.just_ended) {
        let Some(command) = ledger.commands.get(&no) else { continue };
        let owner = command.owner.is_some_and(|conn| ledger.conns.contains_key(&conn));
        if owner && !command.answered {
            return Err(format!("4.4: #{no} has ended and its sender was not told"));
        }
        if !command.waiters.is_empty() {
            return Err(format!("6.2: #{no} has ended and a repetition was not told"));
        }
    }
    Ok(())
}
