//! The ordered gates that a command passes before it has a place in a lane. PROTOCOL.md section 6.
//!
//! `check_*(&self)` may refuse, `accept(&mut self)` cannot fail: a refusal leaves no trace but a
//! count, and the same id may be sent again.

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::bucket::Rate;
use super::identity::{Found, KeyScope};
use super::lane::{Lane, LaneKey, Means, Waiting};
use super::{Charge, Command, Conn, Life, Stage, State, Waiter, announce, bump};
use crate::command::{Class, CommandKind, Executor, Plane, Target};
use crate::failure::{Bucket, Failure};
use crate::frame::{CommandName, Frame, Outcome, Phase};
use crate::ids::{BodyRef, CommandNo, ConnId, Text};
use crate::input::{Details, Earlier, Envelope, Malformed, RuleSet};
use crate::output::{Audience, Outputs};
use crate::snapshot::outcome;

/// What the gates found.
enum Verdict {
    /// Stored: answer from memory.
    Replay(Arc<Outcome>),
    /// In flight: the request waits for its answer.
    Join(CommandNo),
    /// New, with the dependencies that have not succeeded yet and the lane that it will run in.
    Admit { unmet: Vec<CommandNo>, lane: LaneKey },
}

/// A request on its way through the gates.
struct Request<'a> {
    conn: ConnId,
    client: Text,
    envelope: &'a Arc<Envelope>,
    /// Hash of its id.
    id: Option<u64>,
    key: Option<KeyScope>,
    /// What the shell knows of its id beyond what the state knows.
    earlier: Option<&'a Earlier>,
}

impl State {
    pub(super) fn malformed(&mut self, conn: ConnId, what: &Malformed, outputs: &mut Outputs) {
        bump(&mut self.counters.malformed);
        if !self.conns.contains_key(&conn) {
            bump(&mut self.counters.impossible);
            return;
        }
        let (id, command) = match what {
            Malformed::Invalid { id, command, .. } => (id.clone(), command.clone()),
            Malformed::TooLarge { .. }
            | Malformed::NotUtf8 { .. }
            | Malformed::NotJson { .. }
            | Malformed::NotAnObject => (None, None),
        };
        let outcome = self.refusal(Failure::Malformed(what.clone()));
        let command = command.map(CommandName::Raw);
        outputs.deliver(
            Audience::Conn(conn),
            Frame::Response { id, command, outcome, replayed: false },
        );
    }

    pub(super) fn command(
        &mut self,
        conn: ConnId,
        envelope: &Arc<Envelope>,
        earlier: Option<&Earlier>,
        frame: BodyRef,
        outputs: &mut Outputs,
    ) {
        self.identity.expire_keys(self.now);
        let Some(client) = self.conns.get(&conn).map(|conn| conn.client.clone()) else {
            bump(&mut self.counters.impossible);
            return;
        };
        let id = envelope.id.as_ref().map(|id| self.identity.id_hash(&client, id));
        let key = key_scope(&client, envelope);
        let request = Request { conn, client, envelope, id, key, earlier };
        match self.check(&request) {
            Ok(Verdict::Replay(outcome)) => {
                bump(&mut self.counters.replayed);
                respond(conn, envelope, outcome, true, outputs);
            }
            Ok(Verdict::Join(number)) => {
                bump(&mut self.counters.replayed);
                self.join(conn, envelope, number);
            }
            Ok(Verdict::Admit { unmet, lane }) => {
                self.accept(request, unmet, lane, frame, outputs);
            }
            Err(failure) => {
                bump(&mut self.counters.refused);
                if request.earlier.is_none() && self.is_parked(&request) {
                    bump(&mut self.counters.impossible);
                }
                if let Failure::RateLimited { .. } = failure {
                    bump(&mut self.counters.rate_limited);
                }
                let outcome = self.refusal(failure);
                respond(conn, envelope, outcome, false, outputs);
            }
        }
    }

    fn check(&self, request: &Request<'_>) -> Result<Verdict, Failure> {
        self.check_life(request.envelope.kind)?;
        if let Some(verdict) = self.check_replay(request)? {
            return Ok(verdict);
        }
        let row = request.envelope.kind.row();
        // Looking must go on when the disk is full; only what changes something is refused.
        if !self.writable && row.class != Class::Read {
            return Err(Failure::StorageFull);
        }
        self.check_pending(request.conn)?;
        self.check_rate(request)?;
        if count(self.commands.len()) >= self.limits.commands_in_flight_max {
            return Err(Failure::Busy);
        }
        let unmet = self.check_dependencies(request)?;
        let max = self.limits.lane_waiting_max;
        let lane = self.lane_of(request.envelope, CommandNo(self.seq.0));
        if self.lanes.get(&lane).is_some_and(|lane| lane.waiting_count() >= max) {
            return Err(Failure::LaneFull { max });
        }
        if request.key.is_some() {
            let Request { client, conn, .. } = request;
            self.identity.check_key_room(self.rules, &self.limits, client, *conn)?;
        }
        if self.rules >= RuleSet::V2 && row.class != Class::Read && request.id.is_some() {
            self.identity.check_unindexed_room(&self.limits)?;
        }
        Ok(Verdict::Admit { unmet, lane })
    }

    /// Whether the shell should have looked for the id of a request.
    fn is_parked(&self, request: &Request<'_>) -> bool {
        let is_parked = |hash| self.identity.by_hash(hash) == Found::Parked;
        self.rules >= RuleSet::V2 && request.id.is_some_and(is_parked)
    }

    /// A drain waits for what is in flight, so what helps that to its end is taken.
    fn check_life(&self, kind: CommandKind) -> Result<(), Failure> {
        let helps = kind == CommandKind::ExtensionUiResponse
            || kind == CommandKind::CancelCommand
            || stops_something(kind);
        match self.life {
            Life::Running => Ok(()),
            Life::Draining if helps => Ok(()),
            Life::Draining | Life::Leaving | Life::Down => Err(Failure::ShuttingDown),
        }
    }

    /// Key before id, as the peer has it: a retry under a new id is what keys are for.
    fn check_replay(&self, request: &Request<'_>) -> Result<Option<Verdict>, Failure> {
        let envelope = request.envelope;
        if let Some(scope) = &request.key
            && let Some(number) = self.identity.by_key(scope, self.now)
        {
            return self.same(request, number, |before| Failure::KeyConflict {
                key: scope.key.clone(),
                before,
                now: envelope.kind,
            });
        }
        let (Some(hash), Some(id)) = (request.id, &envelope.id) else { return Ok(None) };
        match self.find_id(hash, &request.client, id) {
            Found::Unknown => match request.earlier {
                None => Ok(None),
                Some(earlier) => answer_of(earlier, envelope, id).map(Some),
            },
            Found::Parked => match (self.rules, request.earlier) {
                (RuleSet::V1, _) => Err(Failure::OutcomeExpired { id: id.clone() }),
                (RuleSet::V2 | RuleSet::V3, Some(earlier)) => {
                    answer_of(earlier, envelope, id).map(Some)
                }
                // The shell has not looked for it. It must not run, and may be asked for again.
                (RuleSet::V2 | RuleSet::V3, None) => Err(Failure::Busy),
            },
            Found::Forgotten => Err(Failure::OutcomeExpired { id: id.clone() }),
            Found::Command(number) => self.same(request, number, |before| Failure::IdConflict {
                id: id.clone(),
                before,
                now: envelope.kind,
            }),
        }
    }

    /// What an id of a namespace leads to.
    pub(super) fn known_id(&self, client: &Text, id: &Text) -> Found {
        self.find_id(self.identity.id_hash(client, id), client, id)
    }

    /// Ids are found by their keyed hash. Two with the same hash are a chance of one in 10^14 a
    /// question; the second is treated as forgotten, so that it never gets the other's outcome.
    pub(super) fn find_id(&self, hash: u64, client: &Text, id: &Text) -> Found {
        let found = self.identity.by_hash(hash);
        let Found::Command(number) = found else { return found };
        let is_this = match self.commands.get(&number) {
            Some(command) => command.client == *client && command.envelope.id.as_ref() == Some(id),
            None => self.identity.stored(number).is_some_and(|stored| stored.has_id(client, id)),
        };
        if is_this { found } else { Found::Forgotten }
    }

    fn same(
        &self,
        request: &Request<'_>,
        number: CommandNo,
        conflict: impl FnOnce(CommandKind) -> Failure,
    ) -> Result<Option<Verdict>, Failure> {
        if let Some(stored) = self.identity.stored(number) {
            if stored.envelope.fingerprint != request.envelope.fingerprint {
                return Err(conflict(stored.envelope.kind));
            }
            return Ok(Some(Verdict::Replay(stored.outcome.clone())));
        }
        let Some(command) = self.commands.get(&number) else { return Ok(None) };
        if command.envelope.fingerprint != request.envelope.fingerprint {
            return Err(conflict(command.envelope.kind));
        }
        let max = self.limits.waiters_per_command_max;
        let live = |waiter: &&Waiter| self.conns.contains_key(&waiter.conn);
        if count(command.waiters.iter().filter(live).count()) >= max {
            return Err(Failure::TooManyWaiters { max });
        }
        self.check_pending(request.conn)?;
        Ok(Some(Verdict::Join(number)))
    }

    fn check_pending(&self, conn: ConnId) -> Result<(), Failure> {
        let max = self.limits.pending_per_connection_max;
        let full = self.conns.get(&conn).is_some_and(|conn| conn.pending >= max);
        if full { Err(Failure::TooManyPending { max }) } else { Ok(()) }
    }

    fn check_rate(&self, request: &Request<'_>) -> Result<(), Failure> {
        if !self.limits.rate {
            return Ok(());
        }
        let limited = |bucket| move |retry_ms| Failure::RateLimited { bucket, retry_ms };
        if let Some(conn) = self.conns.get(&request.conn) {
            conn.bucket
                .check(self.now, self.rate(Bucket::Connection))
                .map_err(limited(Bucket::Connection))?;
        }
        let bucket = self.bucket_of(request.envelope);
        let rate = self.rate(bucket);
        let session = request.envelope.session.as_ref().and_then(|id| self.sessions.get(id));
        match (bucket, session) {
            (Bucket::Session, Some(session)) => session.bucket.check(self.now, rate),
            (Bucket::Dialog, Some(session)) => session.dialog_bucket.check(self.now, rate),
            (
                Bucket::Control | Bucket::Connection | Bucket::Session | Bucket::Dialog,
                Some(_) | None,
            ) => self.control.check(self.now, rate),
        }
        .map_err(limited(bucket))
    }

    fn take_rate(&mut self, conn: ConnId, envelope: &Envelope) {
        if !self.limits.rate {
            return;
        }
        let (bucket, now) = (self.bucket_of(envelope), self.now);
        let (rate, conn_rate) = (self.rate(bucket), self.rate(Bucket::Connection));
        if let Some(conn) = self.conns.get_mut(&conn) {
            conn.bucket.take(now, conn_rate);
        }
        let session = envelope.session.as_ref().and_then(|id| self.sessions.get_mut(id));
        match (bucket, session) {
            (Bucket::Session, Some(session)) => session.bucket.take(now, rate),
            (Bucket::Dialog, Some(session)) => session.dialog_bucket.take(now, rate),
            (
                Bucket::Control | Bucket::Connection | Bucket::Session | Bucket::Dialog,
                Some(_) | None,
            ) => self.control.take(now, rate),
        }
    }

    /// Names that are no sessions pay from the common bucket, so that inventing names gains
    /// nothing and costs no memory.
    fn bucket_of(&self, envelope: &Envelope) -> Bucket {
        let known = envelope.session.as_ref().is_some_and(|id| self.open_session(id).is_some());
        match envelope.kind.row().plane {
            Plane::Data if known => Bucket::Session,
            Plane::Dialog if known => Bucket::Dialog,
            Plane::Control | Plane::Data | Plane::Dialog => Bucket::Control,
        }
    }

    fn rate(&self, bucket: Bucket) -> Rate {
        let limits = &self.limits;
        let (burst, per_second) = match bucket {
            Bucket::Session => (limits.session_burst, limits.session_per_second),
            Bucket::Connection => (limits.connection_burst, limits.connection_per_second),
            Bucket::Control => (limits.control_burst, limits.control_per_second),
            Bucket::Dialog => (limits.dialog_burst, limits.dialog_per_second),
        };
        Rate { burst, per_second }
    }

    /// Every dependency must be known by now, so every wait is for an earlier command and no loop
    /// can form.
    fn check_dependencies(&self, request: &Request<'_>) -> Result<Vec<CommandNo>, Failure> {
        let mut unmet = Vec::new();
        for id in &request.envelope.depends_on {
            if request.envelope.id.as_ref() == Some(id) {
                return Err(Failure::DependencySelf { id: id.clone() });
            }
            let number = match self.known_id(&request.client, id) {
                Found::Command(number) => number,
                Found::Parked | Found::Forgotten | Found::Unknown => {
                    return Err(Failure::DependencyUnknown { id: id.clone() });
                }
            };
            if self.identity.stored(number).is_none() && !unmet.contains(&number) {
                unmet.push(number);
            }
        }
        Ok(unmet)
    }

    fn join(&mut self, conn: ConnId, envelope: &Envelope, number: CommandNo) {
        if let Some(command) = self.commands.get_mut(&number) {
            // Whoever has gone waits no longer.
            command.waiters.retain(|waiter| self.conns.contains_key(&waiter.conn));
            command.waiters.push(Waiter { conn, id: envelope.id.clone() });
        }
        if let Some(conn) = self.conns.get_mut(&conn) {
            bump(&mut conn.pending);
        }
    }

    fn accept(
        &mut self,
        request: Request<'_>,
        unmet: Vec<CommandNo>,
        lane: LaneKey,
        frame: BodyRef,
        outputs: &mut Outputs,
    ) {
        let Request { conn, client, envelope, id, key, earlier: _ } = request;
        let number = CommandNo(self.seq.0);
        bump(&mut self.counters.admitted);
        self.take_rate(conn, envelope);
        if let Some(Conn { pending, .. }) = self.conns.get_mut(&conn) {
            bump(pending);
        }
        self.identity.admit(number, conn, id, key);
        let failed = self.failed_dependency(&client, envelope);
        for dependency in &unmet {
            if let Some(command) = self.commands.get_mut(dependency) {
                command.dependents.push(number);
            }
        }
        let waiting = waiting_entry(number, envelope, unmet.is_empty());
        let lane_sequence = match self.lanes.get_mut(&lane) {
            Some(known) => known.enqueue(waiting),
            None => self.lanes.entry(lane.clone()).or_insert_with(Lane::new).enqueue(waiting),
        };
        let session = match &lane {
            LaneKey::Server => None,
            LaneKey::Session(id) => Some(id.clone()),
        };
        let command = Command {
            conn: Some(conn),
            client,
            id_hash: id,
            envelope: envelope.clone(),
            session,
            lane: lane.clone(),
            lane_sequence,
            frame,
            stage: Stage::Waiting,
            announced: false,
            unmet,
            dependents: Vec::new(),
            waiters: Vec::new(),
            deadline: None,
            paused_since: None,
            asked_again: false,
            timeout_ms: 0,
            charge: Charge::None,
        };
        announce(number, &command, Phase::Accepted, outputs);
        self.commands.insert(number, Box::new(command));
        self.arm_dependency_wait(number);
        match failed {
            Some(failure) => self.doomed.push_back((number, failure)),
            None => {
                self.dirty.insert(lane);
            }
        }
    }

    /// A dependency that is known to have failed is no reason to refuse the command: it is
    /// admitted and ends at once, so that its id has an outcome.
    fn failed_dependency(&self, client: &Text, envelope: &Envelope) -> Option<Failure> {
        envelope.depends_on.iter().find_map(|id| {
            let Found::Command(number) = self.known_id(client, id) else { return None };
            let failure = self.identity.stored(number)?.outcome.result.as_ref().err()?;
            Some(Failure::DependencyFailed { id: id.clone(), code: failure.code() })
        })
    }

    /// The lane a command runs in. A creation without a name runs in the lane of the name it will
    /// get, so that creations do not wait for each other.
    fn lane_of(&self, envelope: &Envelope, number: CommandNo) -> LaneKey {
        let session = match envelope.kind.row().target {
            Target::Server => None,
            Target::Session => envelope.session.clone(),
            Target::Creates => {
                Some(envelope.session.clone().unwrap_or_else(|| self.new_session_id(number)))
            }
        };
        session.map_or(LaneKey::Server, LaneKey::Session)
    }

    /// An id that nobody has: time, entropy of this life, and the command's own number.
    fn new_session_id(&self, number: CommandNo) -> Text {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.entropy);
        hasher.update(&number.0.to_le_bytes());
        let mut tail = [0; 4];
        hasher.finalize_xof().fill(&mut tail);
        let tail = u32::from_le_bytes(tail);
        Text::from(format!("session-{:x}-{tail:08x}-{number}", self.now.millis()))
    }

    /// A failure that is no outcome: nothing of it is kept.
    pub(super) fn refusal(&self, failure: Failure) -> Arc<Outcome> {
        Arc::new(Outcome {
            result: Err(failure),
            session_version: None,
            lane_sequence: None,
            at: self.now,
        })
    }
}

/// What a request is told of a command that left the state long ago, and that the journal remembers.
fn answer_of(earlier: &Earlier, envelope: &Envelope, id: &Text) -> Result<Verdict, Failure> {
    match earlier {
        Earlier::Answer { fingerprint, outcome, .. } if *fingerprint == envelope.fingerprint => {
            Ok(Verdict::Replay(outcome::shared((**outcome).clone())))
        }
        Earlier::Answer { kind, .. } => {
            Err(Failure::IdConflict { id: id.clone(), before: *kind, now: envelope.kind })
        }
        Earlier::Expired => Err(Failure::OutcomeExpired { id: id.clone() }),
        Earlier::Unavailable => Err(Failure::Busy),
    }
}

/// How a command stands in its lane's queue.
pub(super) fn waiting_entry(number: CommandNo, envelope: &Envelope, ready: bool) -> Waiting {
    let row = envelope.kind.row();
    let prompt = matches!(envelope.details, Details::Prompt { streaming: true, .. });
    Waiting {
        command: number,
        class: if prompt { Class::Interrupt } else { row.class },
        ready,
        creates: row.target == Target::Creates,
        means: match row.kind {
            _ if prompt => Means::Joining,
            CommandKind::ExtensionUiResponse => Means::Stopping,
            kind if stops_something(kind) => Means::Stopping,
            _ => Means::Nothing,
        },
    }
}

/// Keys are per client and session; those of commands without a session are per client.
pub(super) fn key_scope(client: &Text, envelope: &Envelope) -> Option<KeyScope> {
    let key = envelope.idempotency_key.clone()?;
    Some(KeyScope { client: client.clone(), session: envelope.session.clone(), key })
}

/// Sends a response that no command in flight is owed.
fn respond(
    conn: ConnId,
    envelope: &Envelope,
    outcome: Arc<Outcome>,
    replayed: bool,
    outputs: &mut Outputs,
) {
    let frame = Frame::Response {
        id: envelope.id.clone(),
        command: Some(CommandName::Known(envelope.kind)),
        outcome,
        replayed,
    };
    outputs.deliver(Audience::Conn(conn), frame);
}

/// Commands that do nothing but stop what an agent does.
pub(super) fn stops_something(kind: CommandKind) -> bool {
    matches!(
        kind,
        CommandKind::Abort
            | CommandKind::AbortBash
            | CommandKind::AbortCompaction
            | CommandKind::AbortRetry
    )
}

/// Whether a command needs its session's agent to do its work.
pub(super) fn needs_agent(kind: CommandKind) -> bool {
    kind.row().executor == Executor::Agent
}

pub(super) fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
