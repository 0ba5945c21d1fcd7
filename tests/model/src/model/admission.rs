//! Section 6: the gates.

use pi_server_core::command::{Class, CommandKind, Plane, Target};
use pi_server_core::failure::{Bucket as Whose, Failure};
use pi_server_core::frame::{CommandName, Frame, Outcome, Phase};
use pi_server_core::input::{Earlier, Envelope, RuleSet};
use pi_server_core::{CommandNo, ConnId, Input, Text};
use std::sync::Arc;

use super::Model;
use super::lane::is_abort;
use super::types::{Bucket, Command, Key, Lane, Namespace, Needs, Place};

impl Model {
    pub(super) fn command(
        &mut self,
        input: &Input,
        conn: ConnId,
        envelope: &Arc<Envelope>,
        earlier: Option<&Earlier>,
    ) {
        let now = self.now;
        self.keys.retain(|key| key.ended.as_ref().is_none_or(|(_, end)| *end > now));
        let Some(client) = self.conns.iter().find(|c| c.no == conn).map(|c| c.client.clone())
        else {
            return;
        };
        if self.drain_until.is_some() && (self.exited || !helps_a_drain(envelope.kind)) {
            return self.refuse(conn, envelope, Failure::ShuttingDown);
        }
        if self.replayed(conn, &client, envelope)
            || self.looked_up(conn, &client, envelope, earlier)
        {
            return;
        }
        match self.gates(conn, &client, envelope) {
            Err(failure) => self.refuse(conn, envelope, failure),
            Ok(()) => self.admit(input, conn, client, envelope),
        }
    }

    pub(super) fn refuse(&mut self, conn: ConnId, envelope: &Envelope, failure: Failure) {
        let outcome = Outcome {
            result: Err(failure),
            session_version: None,
            lane_sequence: None,
            at: self.now,
        };
        self.respond(conn, envelope.id.clone(), envelope, &Arc::new(outcome), false);
    }

    pub(super) fn respond(
        &mut self,
        conn: ConnId,
        id: Option<Text>,
        envelope: &Envelope,
        outcome: &Arc<Outcome>,
        replayed: bool,
    ) {
        let command = Some(CommandName::Known(envelope.kind));
        let frame = Frame::Response { id, command, outcome: outcome.clone(), replayed };
        if self.conns.iter().any(|c| c.no == conn) {
            self.seen.frame(conn, &frame);
        }
    }

    /// Gate 3 (section 6.2). Whether the request was dealt with.
    fn replayed(&mut self, conn: ConnId, client: &Namespace, envelope: &Envelope) -> bool {
        let key = self.keys.iter().find(|known| {
            known.client == *client
                && known.session == envelope.session
                && Some(&known.text) == envelope.idempotency_key.as_ref()
        });
        if let Some(key) = key.cloned() {
            let conflict =
                Failure::KeyConflict { key: key.text, before: key.kind, now: envelope.kind };
            let outcome = key.ended.map(|(outcome, _)| outcome);
            let same = key.fingerprint == envelope.fingerprint;
            self.repeat(conn, envelope, key.no, outcome, same, conflict);
            return true;
        }
        let Some(id) = &envelope.id else { return false };
        let stored = self.stored.iter().find(|s| s.client == *client && s.id == *id);
        let in_flight = self
            .commands
            .iter()
            .find(|c| c.client == *client && c.envelope.id.as_ref() == Some(id));
        let (no, kind, fingerprint, outcome) = match (stored, in_flight) {
            (Some(s), _) => (s.no, s.kind, s.fingerprint, Some(s.outcome.clone())),
            (None, Some(c)) => (c.no, c.kind(), c.envelope.fingerprint, None),
            (None, None) => return false,
        };
        let conflict = Failure::IdConflict { id: id.clone(), before: kind, now: envelope.kind };
        self.repeat(conn, envelope, no, outcome, fingerprint == envelope.fingerprint, conflict);
        true
    }

    /// Gates 3 and 4: the id is not in flight and not stored, and the shell has looked for it where it
    /// could be.
    fn looked_up(
        &mut self,
        conn: ConnId,
        client: &Namespace,
        envelope: &Envelope,
        earlier: Option<&Earlier>,
    ) -> bool {
        let Some(id) = &envelope.id else { return false };
        let is_parked = self.parked.iter().any(|(c, parked, _)| c == client && parked == id);
        match earlier {
            Some(Earlier::Answer { fingerprint, outcome, .. })
                if *fingerprint == envelope.fingerprint =>
            {
                let outcome = Arc::new(Outcome::from((**outcome).clone()));
                self.respond(conn, Some(id.clone()), envelope, &outcome, true);
            }
            Some(Earlier::Answer { kind, .. }) => {
                let (before, now) = (*kind, envelope.kind);
                self.refuse(conn, envelope, Failure::IdConflict { id: id.clone(), before, now });
            }
            Some(Earlier::Expired) => {
                self.refuse(conn, envelope, Failure::OutcomeExpired { id: id.clone() });
            }
            Some(Earlier::Unavailable) => self.refuse(conn, envelope, Failure::Busy),
            // An id that should have been looked for does not run.
            None if is_parked => self.refuse(conn, envelope, Failure::Busy),
            None => return false,
        }
        true
    }

    fn repeat(
        &mut self,
        conn: ConnId,
        envelope: &Envelope,
        no: CommandNo,
        outcome: Option<Arc<Outcome>>,
        same: bool,
        conflict: Failure,
    ) {
        if !same {
            return self.refuse(conn, envelope, conflict);
        }
        if let Some(outcome) = outcome {
            return self.respond(conn, envelope.id.clone(), envelope, &outcome, true);
        }
        let max = self.limits.waiters_per_command_max;
        let waiters = self.find(no).expect("it is in flight").waiters.len();
        if waiters as u64 >= max {
            return self.refuse(conn, envelope, Failure::TooManyWaiters { max });
        }
        let max = self.limits.pending_per_connection_max;
        if self.pending(conn) >= max {
            return self.refuse(conn, envelope, Failure::TooManyPending { max });
        }
        let command = self.find_mut(no).expect("it is in flight");
        command.waiters.push((conn, envelope.id.clone()));
    }

    /// Unanswered requests of a connection.
    fn pending(&self, conn: ConnId) -> u64 {
        let of = |command: &Command| {
            let waiting = command.waiters.iter().filter(|(waiter, _)| *waiter == conn).count();
            waiting as u64 + u64::from(command.owner == Some(conn))
        };
        self.commands.iter().map(of).sum()
    }

    /// Gates 5 to 12.
    fn gates(
        &mut self,
        conn: ConnId,
        client: &Namespace,
        envelope: &Envelope,
    ) -> Result<(), Failure> {
        let (limits, row) = (self.limits.clone(), envelope.kind.row());
        if !self.writable && row.class != Class::Read {
            return Err(Failure::StorageFull);
        }
        let max = limits.pending_per_connection_max;
        if self.pending(conn) >= max {
            return Err(Failure::TooManyPending { max });
        }
        if limits.rate {
            let (connection, other, whose) = self.buckets(conn, envelope);
            if !connection.has_one() {
                return Err(Failure::RateLimited { bucket: Whose::Connection, retry_ms: 0 });
            }
            if !other.has_one() {
                return Err(Failure::RateLimited { bucket: whose, retry_ms: 0 });
            }
        }
        if self.commands.len() as u64 >= limits.commands_in_flight_max {
            return Err(Failure::Busy);
        }
        self.dependencies_known(client, envelope)?;
        // A creation whose session has no name yet is in a lane of its own.
        let unnamed = row.target == Target::Creates && envelope.session.is_none();
        let lane: Lane = if row.target == Target::Server { None } else { envelope.session.clone() };
        let waiting =
            self.commands.iter().filter(|c| *c.lane() == lane && c.place == Place::Waiting);
        let max = limits.lane_waiting_max;
        if !unnamed && waiting.count() as u64 >= max {
            return Err(Failure::LaneFull { max });
        }
        let max = limits.idempotency_keys_max;
        if envelope.idempotency_key.is_some() && self.keys.len() as u64 >= max {
            return Err(Failure::TooManyKeys { max });
        }
        if envelope.idempotency_key.is_some() && !self.has_share(conn, client) {
            return Err(Failure::TooManyKeys { max });
        }
        let is_mutation = row.class != Class::Read && envelope.id.is_some();
        if is_mutation && self.parked.len() as u64 >= limits.unindexed_ids_max {
            return Err(Failure::Busy);
        }
        Ok(())
    }

    /// Gate 12: shares of the keys.
    fn has_share(&self, conn: ConnId, client: &Namespace) -> bool {
        if self.rules == RuleSet::V1 {
            return true;
        }
        let free = self.limits.idempotency_keys_max - self.keys.len() as u64;
        let count = |fits: &dyn Fn(&&Key) -> bool| self.keys.iter().filter(fits).count() as u64;
        let nameless = Namespace(None);
        if *client != nameless {
            return count(&|key| key.client == *client) <= free;
        }
        let own = count(&|key| key.client == nameless && key.conn == conn);
        let is_gone = |key: &Key| !self.conns.iter().any(|conn| conn.no == key.conn);
        let left = count(&|key| key.client == nameless && is_gone(key));
        own <= if left > free { free / 64 } else { free }
    }

    fn dependencies_known(&self, client: &Namespace, envelope: &Envelope) -> Result<(), Failure> {
        for id in &envelope.depends_on {
            if Some(id) == envelope.id.as_ref() {
                return Err(Failure::DependencySelf { id: id.clone() });
            }
            let stored = self.stored.iter().any(|s| s.client == *client && s.id == *id);
            let in_flight = self
                .commands
                .iter()
                .any(|c| c.client == *client && c.envelope.id.as_ref() == Some(id));
            if !stored && !in_flight {
                return Err(Failure::DependencyUnknown { id: id.clone() });
            }
        }
        Ok(())
    }

    /// The two buckets that pay for a command, up to date, and whose the second is.
    fn buckets(&mut self, conn: ConnId, envelope: &Envelope) -> (Bucket, Bucket, Whose) {
        let (limits, now) = (self.limits.clone(), self.now);
        let conn = self.conns.iter_mut().find(|c| c.no == conn).expect("it is connected");
        conn.bucket.refill(limits.connection_burst, limits.connection_per_second, now);
        let connection = conn.bucket;
        self.control.refill(limits.control_burst, limits.control_per_second, now);
        let session = self.sessions.iter_mut().find(|s| Some(&s.id) == envelope.session.as_ref());
        match (envelope.kind.row().plane, session) {
            (Plane::Data, Some(session)) => {
                session.data.refill(limits.session_burst, limits.session_per_second, now);
                (connection, session.data, Whose::Session)
            }
            (Plane::Dialog, Some(session)) => {
                session.dialog.refill(limits.dialog_burst, limits.dialog_per_second, now);
                (connection, session.dialog, Whose::Dialog)
            }
            _ => (connection, self.control, Whose::Control),
        }
    }

    fn spend(&mut self, conn: ConnId, envelope: &Envelope) {
        if !self.limits.rate {
            return;
        }
        if let Some(conn) = self.conns.iter_mut().find(|c| c.no == conn) {
            conn.bucket.take();
        }
        let session = self.sessions.iter_mut().find(|s| Some(&s.id) == envelope.session.as_ref());
        match (envelope.kind.row().plane, session) {
            (Plane::Data, Some(session)) => session.data.take(),
            (Plane::Dialog, Some(session)) => session.dialog.take(),
            _ => self.control.take(),
        }
    }

    fn admit(&mut self, input: &Input, conn: ConnId, client: Namespace, envelope: &Arc<Envelope>) {
        self.spend(conn, envelope);
        let no = CommandNo(input.seq.0);
        let session = match envelope.kind.row().target {
            Target::Server => None,
            // Which name the daemon chooses is its own affair.
            Target::Creates if envelope.session.is_none() => Some(self.choices.name()),
            Target::Session | Target::Creates => envelope.session.clone(),
        };
        let (mut open, mut failed) = (Vec::new(), None);
        for id in &envelope.depends_on {
            let stored = self.stored.iter().find(|s| s.client == client && s.id == *id);
            match stored.map(|s| &s.outcome.result) {
                Some(Ok(_)) => {}
                Some(Err(failure)) => {
                    let code = failure.code();
                    failed.get_or_insert(Failure::DependencyFailed { id: id.clone(), code });
                }
                None => {
                    let dependency = self
                        .commands
                        .iter()
                        .find(|c| c.client == client && c.envelope.id.as_ref() == Some(id))
                        .expect("gate 9 has found it");
                    open.push((dependency.no, id.clone()));
                }
            }
        }
        if let Some(key) = &envelope.idempotency_key {
            self.keys.push(Key {
                client: client.clone(),
                session: envelope.session.clone(),
                text: key.clone(),
                no,
                conn,
                kind: envelope.kind,
                fingerprint: envelope.fingerprint,
                ended: None,
            });
        }
        let mut command = Command {
            no,
            envelope: envelope.clone(),
            body: input.body,
            client,
            owner: Some(conn),
            session,
            lane_sequence: 0,
            admitted_at: self.now,
            open,
            waiters: Vec::new(),
            place: Place::Waiting,
            needs: Needs::Nothing,
            announced: false,
            agent: None,
            was_put_back: false,
            joined: false,
            times_out: None,
            home: None,
            provider: None,
        };
        command.lane_sequence = self.next_lane_sequence(&command);
        self.commands.push(command);
        self.lifecycle(no, Phase::Accepted);
        if let Some(failure) = failed {
            self.doomed.push((no, Err(failure)));
        }
    }

    /// Section 7.1: dense from 1, and from 1 again when neither session nor command is left.
    fn next_lane_sequence(&mut self, command: &Command) -> u64 {
        let lane = command.lane().clone();
        let entry = self.sequences.entry(lane).or_insert(0);
        *entry += 1;
        *entry
    }
}

/// Section 13: what helps the work in flight to its end.
fn helps_a_drain(kind: CommandKind) -> bool {
    is_abort(kind) || kind == CommandKind::ExtensionUiResponse || kind == CommandKind::CancelCommand
}
