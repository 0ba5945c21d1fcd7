//! How commands end: sections 6 and 8.3.

use std::sync::Arc;

use pi_server_core::command::{CommandKind, Target};
use pi_server_core::failure::Failure;
use pi_server_core::frame::{Data, Frame, Outcome, Phase};
use pi_server_core::input::Interest;
use pi_server_core::{CommandNo, Seq, Text};

use super::Model;
use super::types::{Command, Ending, Namespace, Stored};

impl Model {
    /// Sends a lifecycle frame to those whose interest covers the command.
    pub(super) fn lifecycle(&mut self, no: CommandNo, phase: Phase) {
        let command = self.find(no).cloned().expect("it is in flight");
        self.lifecycle_of(&command, phase);
    }

    fn lifecycle_of(&mut self, command: &Command, phase: Phase) {
        let frame = Frame::Lifecycle {
            command: command.no,
            envelope: command.envelope.clone(),
            session: command.session.clone(),
            lane_sequence: command.lane_sequence,
            phase,
        };
        for conn in &self.conns {
            let own = command.owner == Some(conn.no);
            let subscribed =
                command.session.as_ref().is_some_and(|id| conn.subscriptions.contains(id));
            let wanted = match conn.interest {
                Interest::All => true,
                Interest::Related => own || subscribed,
                Interest::Own => own,
                Interest::Nothing => false,
            };
            if wanted {
                self.seen.frame(conn.no, &frame);
            }
        }
    }

    /// Ends a command, unless it has ended; those that cannot start because of it end next.
    pub(super) fn finish(&mut self, no: CommandNo, ending: Ending) {
        let Some(place) = self.commands.iter().position(|c| c.no == no) else { return };
        let command = self.commands.remove(place);
        self.circuits_learn(&command, &ending);
        let session_version = self.version_after(&command, &ending);
        let outcome = Arc::new(Outcome {
            result: ending,
            session_version,
            lane_sequence: Some(command.lane_sequence),
            at: self.now,
        });
        self.store(&command, &outcome);
        self.lifecycle_of(&command, Phase::Finished(outcome.clone()));
        if let Some(owner) = command.owner {
            let id = command.envelope.id.clone();
            self.respond(owner, id, &command.envelope, &outcome, false);
        }
        for (conn, id) in &command.waiters {
            self.respond(*conn, id.clone(), &command.envelope, &outcome, true);
        }
        match &outcome.result {
            Ok(Data::Created(info)) => {
                self.tell_everyone(&Frame::SessionCreated(info.clone()));
            }
            Ok(Data::Deleted) => {
                let session = command.session.clone().expect("a deletion has a session");
                self.tell_everyone(&Frame::SessionDeleted { session: session.clone() });
                for conn in &mut self.conns {
                    conn.subscriptions.retain(|id| *id != session);
                }
            }
            _ => {}
        }
        self.tell_dependents(no, &outcome);
    }

    fn tell_dependents(&mut self, no: CommandNo, outcome: &Outcome) {
        for command in &mut self.commands {
            let Some(place) = command.open.iter().position(|(open, _)| *open == no) else {
                continue;
            };
            let (_, id) = command.open[place].clone();
            command.open.retain(|(open, _)| *open != no);
            if let Err(failure) = &outcome.result {
                let code = failure.code();
                self.doomed.push((command.no, Err(Failure::DependencyFailed { id, code })));
            }
        }
    }

    /// Section 6.5.
    fn version_after(&mut self, command: &Command, ending: &Ending) -> Option<u64> {
        let row = command.kind().row();
        if ending.is_err() || row.target == Target::Server {
            return None;
        }
        if command.kind() == CommandKind::DeleteSession {
            return None;
        }
        let id = command.session.clone().expect("it is about a session");
        let session = self.session_mut(&id)?;
        session.version += u64::from(row.mutates);
        Some(session.version)
    }

    /// Section 6.2.
    fn store(&mut self, command: &Command, outcome: &Arc<Outcome>) {
        let end = self.now.plus_ms(self.limits.idempotency_ttl_ms);
        for key in &mut self.keys {
            if key.no == command.no {
                key.ended = Some((outcome.clone(), end));
            }
        }
        let Some(id) = &command.envelope.id else { return };
        let stored = Stored {
            client: command.client.clone(),
            id: id.clone(),
            no: command.no,
            kind: command.kind(),
            fingerprint: command.envelope.fingerprint,
            session: command.session.clone(),
            outcome: outcome.clone(),
            ended: self.seq,
        };
        self.ended.push(stored.clone());
        self.remember(stored);
    }

    /// Stores an outcome; of mutations and of reads the oldest over their bounds are stored no longer.
    fn remember(&mut self, stored: Stored) {
        self.stored.push(stored);
        let (mutations, reads) = (self.limits.outcomes_max, self.limits.read_outcomes_max);
        while let Some(oldest) = self.take_oldest_over(mutations, Stored::is_mutation) {
            if oldest.ended > self.indexed {
                self.parked.push((oldest.client, oldest.id, oldest.ended));
            }
        }
        while self.take_oldest_over(reads, |stored| !stored.is_mutation()).is_some() {}
    }

    /// Takes out the oldest of such outcomes, if there are more than `max` of them.
    fn take_oldest_over(&mut self, max: u64, which: impl Fn(&Stored) -> bool) -> Option<Stored> {
        let count = self.stored.iter().filter(|stored| which(stored)).count();
        let oldest = self.stored.iter().position(which)?;
        (count as u64 > max).then(|| self.stored.remove(oldest))
    }

    /// Outcomes are stored in the order in which commands ended, and which of several lanes goes
    /// first is the daemon's choice: what is stored and forgotten follows from that.
    pub(super) fn store_in_the_order_of_ends(&mut self, before: Option<Ids>) {
        let mut ended = std::mem::take(&mut self.ended);
        if ended.is_sorted_by_key(|stored| self.choices.end(stored.no)) {
            return;
        }
        let Some(before) = before else { return };
        ended.sort_by_key(|stored| self.choices.end(stored.no));
        // What was settled in this very step stays settled.
        let after = std::mem::replace(&mut self.stored, before.stored);
        self.parked = before.parked;
        for stored in ended {
            self.remember(stored);
        }
        for stored in &mut self.stored {
            if let Some(known) = after.iter().find(|known| known.no == stored.no) {
                stored.outcome = known.outcome.clone();
            }
        }
    }

    /// What ids lead to now, if it may be asked for after the step: of one end there is one order.
    pub(super) fn ids(&self) -> Option<Ids> {
        let matters = self.choices.has_several_ends();
        matters.then(|| Ids { stored: self.stored.clone(), parked: self.parked.clone() })
    }
}

/// What ids led to before a step.
pub(super) struct Ids {
    stored: Vec<Stored>,
    parked: Vec<(Namespace, Text, Seq)>,
}
