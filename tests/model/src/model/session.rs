//! What the daemon does by itself: section 5.3, and what sessions look like: section 5.2.

use std::sync::Arc;

use pi_server_core::CommandNo;
use pi_server_core::command::{Class, CommandKind};
use pi_server_core::failure::Failure;
use pi_server_core::frame::{Capabilities, Data, Frame, Health, Outcome, SessionInfo};
use pi_server_core::input::{Details, DialogMethod, RuleSet};
use pi_server_core::{ConnId, Seq, Text};

use super::Model;
use super::types::{Command, Ending, Namespace, Place, Run, Session};

impl Model {
    pub(super) fn do_it(&mut self, command: &Command) {
        let no = command.no;
        let session = command.session.as_ref().and_then(|id| self.session(id)).cloned();
        let ending = match (command.kind(), &command.envelope.details) {
            (CommandKind::ListSessions, _) => {
                let mut list: Vec<_> =
                    self.sessions.iter().map(|session| self.info(session)).collect();
                let age =
                    |id: &Text| self.sessions.iter().find(|s| s.id == *id).map(|s| s.created_at);
                list.sort_by_key(|info| (age(&info.id), info.id.clone()));
                Ok(Data::Sessions(list))
            }
            (CommandKind::HealthCheck, _) => Ok(Data::Health(self.health())),
            (CommandKind::GetStartupRecovery, _) => Ok(Data::Recovery(self.report.clone())),
            (CommandKind::GetCapabilities, _) => Ok(Data::Capabilities(Box::new(Capabilities {
                agent: self.default_agent,
                agent_versions: Vec::new(),
                absent: Vec::new(),
                limits: self.limits.clone(),
                server_version: self.server_version.clone(),
            }))),
            (CommandKind::SetInterest, Details::Interest(interest)) => {
                // The change is there when the command has ended.
                let (owner, interest) = (command.owner, *interest);
                self.finish(no, Ok(Data::None));
                if let Some(conn) = self.conns.iter_mut().find(|c| Some(c.no) == owner) {
                    conn.interest = interest;
                }
                return;
            }
            (CommandKind::CancelCommand, Details::Cancel { command: target }) => {
                self.cancel(command, target)
            }
            (
                CommandKind::ReconcileCommand,
                Details::Reconcile { command: id, succeeded, note },
            ) => self.reconcile(command, id, *succeeded, note.as_ref()),
            (CommandKind::ExtensionUiResponse, Details::DialogAnswer { request, method }) => {
                self.answer_dialog(command, request, *method)
            }
            (CommandKind::GetState, _) => {
                Ok(Data::State(self.info(&session.expect("it was looked for"))))
            }
            (CommandKind::SwitchSession, details) => {
                let cursor = match details {
                    Details::Switch { cursor } => (*cursor, None),
                    Details::SwitchIn { cursor, epoch } => (*cursor, Some(epoch.clone())),
                    _ => (None, None),
                };
                return self.switch(command, &session.expect("it was looked for"), cursor);
            }
            (CommandKind::Unsubscribe, _) => {
                let session = command.session.clone().expect("it is about one");
                self.finish(no, Ok(Data::None));
                if let Some(conn) = self.conns.iter_mut().find(|c| Some(c.no) == command.owner) {
                    conn.subscriptions.retain(|id| *id != session);
                }
                return;
            }
            (CommandKind::DeleteSession, _) => {
                Ok(self.delete(no, &session.expect("it was looked for").id))
            }
            _ => unreachable!("the table says that the core does it"),
        };
        self.finish(no, ending);
    }

    /// Section 5.2.
    pub(super) fn info(&self, session: &Session) -> Arc<SessionInfo> {
        let agent = self.agent_of(&session.id);
        let run = agent.map_or(&Run::Idle, |agent| &agent.run);
        let dialogs = self.dialogs.iter().filter(|dialog| dialog.session == session.id).count();
        Arc::new(SessionInfo {
            id: session.id.clone(),
            name: session.info.name.clone(),
            file: session.info.file.clone(),
            model: session.info.model.clone(),
            thinking: session.info.thinking.clone(),
            streaming: matches!(run, Run::Running | Run::Between { .. }),
            compacting: agent.is_some_and(|agent| agent.compacting),
            messages: session.info.messages,
            queued: session.info.queued,
            created_at: session.created_wall,
            cwd: session.cwd.clone(),
            version: session.version,
            dialogs: dialogs as u64,
        })
    }

    fn health(&self) -> Health {
        let now = self.now;
        Health {
            issues: Vec::new(),
            open_circuit: self.providers.values().any(|circuit| circuit.is_open(now)),
            open_bash_circuit: self.bash_global.is_open(now)
                || self.bash.values().any(|circuit| circuit.is_open(now)),
        }
    }

    /// Section 8.5: where a session begins whose creation begins now. Before rule set 3 nobody asked.
    pub(super) fn beginning(&self) -> Seq {
        if self.rules >= RuleSet::V3 { self.seq } else { Seq(0) }
    }

    /// Section 8.5.
    fn switch(
        &mut self,
        command: &Command,
        session: &Session,
        (cursor, epoch): (Option<Seq>, Option<Text>),
    ) {
        let max = self.limits.subscriptions_per_connection_max;
        let owner = self.conns.iter().find(|c| Some(c.no) == command.owner);
        if let Some(conn) = owner
            && !conn.subscriptions.contains(&session.id)
            && conn.subscriptions.len() as u64 >= max
        {
            return self.finish(command.no, Err(Failure::TooManySubscriptions { max }));
        }
        let newest = self.agent_of(&session.id).map_or(Seq(0), |agent| agent.newest_event);
        let cursor_now = session.newest_event.max(newest);
        let info = self.info(session);
        let data = match self.epoch() {
            None => Data::Switched { info, cursor: cursor_now },
            Some(epoch) => Data::SwitchedIn { info, cursor: cursor_now, epoch },
        };
        self.finish(command.no, Ok(data));
        let Some(owner) = command.owner else { return };
        let mut after = cursor;
        if let Some(to) = cursor
            && self.rules >= RuleSet::V2
            && self.conns.iter().any(|c| c.no == owner)
            && let Some((from, exact)) = self.parts(to, epoch.as_ref())
        {
            let lost = Frame::Lost { session: session.id.clone(), from, to, exact };
            self.seen.frame(owner, &lost);
            after = Some(Seq(from.0 - 1));
        }
        if self.rules >= RuleSet::V3 {
            after = after.map(|place| place.max(session.not_before));
        }
        self.subscribe(owner, session, after);
    }

    /// The epoch of cursors.
    pub(super) fn epoch(&self) -> Option<Text> {
        let (_, epoch, _) = self.lives.last().filter(|_| self.rules >= RuleSet::V2)?;
        Some(epoch.clone())
    }

    /// Section 8.5, a lost future: where what follows begins for a cursor that has left the past, and
    /// whether what lies before it holds.
    fn parts(&self, cursor: Seq, epoch: Option<&Text>) -> Option<(Seq, bool)> {
        let (_, _, current) = self.lives.last()?;
        let known = epoch.and_then(|epoch| self.lives.iter().position(|(_, it, _)| it == epoch));
        if let Some(at) = known {
            let end = self.lives.get(at + 1).map_or(self.seq.0, |(_, _, next)| next.0 - 1);
            return (cursor.0 > end).then_some((Seq(end + 1), true));
        }
        let number = epoch.map(|epoch| epoch.split('-').next().unwrap_or("").parse::<u64>().ok());
        let is_older = |number| self.lives.first().is_some_and(|(first, ..)| number < *first);
        match number {
            None => (cursor > self.seq).then_some((*current, false)),
            Some(Some(number)) if is_older(number) => {
                (cursor > self.seq).then_some((*current, false))
            }
            Some(number) => {
                let same = self.lives.iter().find(|(life, ..)| Some(*life) == number);
                let first = same.map_or(*current, |(_, _, first)| *first);
                Some((first.min(Seq(cursor.0 + 1)), false))
            }
        }
    }

    fn subscribe(&mut self, owner: ConnId, session: &Session, cursor: Option<Seq>) {
        let Some(conn) = self.conns.iter_mut().find(|c| c.no == owner) else { return };
        if !conn.subscriptions.contains(&session.id) {
            conn.subscriptions.push(session.id.clone());
        }
        self.seen.note(owner, format!("subscribe {} {cursor:?}", session.id));
        let dialogs: Vec<_> = self
            .dialogs
            .iter()
            .filter(|d| d.session == session.id && cursor.is_none_or(|after| d.cursor <= after))
            .cloned()
            .collect();
        for dialog in dialogs {
            let frame = Frame::Event {
                session: dialog.session,
                cursor: dialog.cursor,
                event: dialog.event,
            };
            self.seen.frame(owner, &frame);
        }
    }

    /// Section 7.5.
    fn delete(&mut self, no: CommandNo, id: &Text) -> Data {
        let lane = Some(id.clone());
        let mut started: Vec<&Command> = self
            .commands
            .iter()
            .filter(|c| *c.lane() == lane && c.place != Place::Waiting && c.no != no)
            .collect();
        started.sort_by_key(|c| c.lane_sequence);
        let started: Vec<CommandNo> = started.into_iter().map(|c| c.no).collect();
        for other in started {
            self.finish(other, Err(Failure::SessionDeleted));
        }
        self.forget_agent(id);
        self.sessions.retain(|session| session.id != *id);
        self.bash.remove(id);
        Data::Deleted
    }

    /// Section 9.3.
    fn cancel(&mut self, command: &Command, target: &Text) -> Ending {
        let id = target.clone();
        let in_flight = self
            .commands
            .iter()
            .find(|c| c.client == command.client && c.envelope.id.as_ref() == Some(target));
        if in_flight.is_some_and(|other| other.no == command.no) {
            return Err(Failure::CommandNotFound { id });
        }
        if let Some(other) = in_flight.cloned() {
            let started = other.place != Place::Waiting;
            if started {
                self.stop(other.no, Failure::Cancelled);
            } else {
                self.finish(other.no, Err(Failure::Cancelled));
            }
            return Ok(Data::Cancelled { started });
        }
        let same = |client: &Namespace, id: &Text| *client == command.client && id == target;
        let ended = self.stored.iter().any(|s| same(&s.client, &s.id))
            || self.parked.iter().any(|(client, id, _)| same(client, id));
        Err(if ended { Failure::CommandEnded { id } } else { Failure::CommandNotFound { id } })
    }

    /// Section 10.4.
    fn reconcile(
        &mut self,
        command: &Command,
        target: &Text,
        succeeded: bool,
        note: Option<&Text>,
    ) -> Ending {
        let id = target.clone();
        let same = |client: &Namespace, id: &Text| *client == command.client && id == target;
        let in_flight = self
            .commands
            .iter()
            .any(|c| c.envelope.id.as_ref().is_some_and(|id| same(&c.client, id)));
        let parked = self.parked.iter().any(|(client, id, _)| same(client, id));
        let Some(place) = self.stored.iter().position(|s| same(&s.client, &s.id)) else {
            return Err(if in_flight || parked {
                Failure::NothingToReconcile { id }
            } else {
                Failure::CommandNotFound { id }
            });
        };
        if self.stored[place].outcome.result != Err(Failure::OutcomeUnknown) {
            return Err(Failure::NothingToReconcile { id });
        }
        let result = if succeeded {
            Ok(Data::None)
        } else {
            Err(Failure::ReconciledFailed { note: note.cloned() })
        };
        let old = self.stored[place].outcome.clone();
        let no = self.stored[place].no;
        let mutates = self.stored[place].kind.row().mutates;
        // A session that was created since is another one, whatever its name.
        let of = self.stored[place].session.clone().and_then(|id| self.session_mut(&id));
        let of = of.filter(|session| succeeded && mutates && session.created_at <= old.at);
        let session_version = of.map(|session| {
            session.version += 1;
            session.version
        });
        let outcome =
            Arc::new(Outcome { result, session_version, at: self.now, ..Outcome::clone(&old) });
        self.stored[place].outcome = outcome.clone();
        for key in &mut self.keys {
            if let Some((stored, _)) = &mut key.ended
                && key.no == no
            {
                *stored = outcome.clone();
            }
        }
        Ok(Data::None)
    }

    fn answer_dialog(&mut self, command: &Command, request: &Text, method: DialogMethod) -> Ending {
        let request = request.clone();
        let session = command.session.clone().expect("it was looked for");
        let mine = self.dialogs.iter().position(|d| d.session == session && d.request == request);
        let Some(place) = mine else {
            let elsewhere = self.dialogs.iter().any(|d| d.request == request);
            return Err(if elsewhere {
                Failure::DialogMismatch { request }
            } else {
                Failure::DialogNotFound { request }
            });
        };
        let expected = self.dialogs[place].method;
        if method != expected && method != DialogMethod::Cancelled {
            return Err(Failure::DialogMethod { request, expected });
        }
        let cancelled = method == DialogMethod::Cancelled;
        self.close_dialog(place, (!cancelled).then_some(command.body));
        Ok(Data::None)
    }

    /// Whether a command is one that only reads: section 10.3.
    pub(super) fn only_reads(command: &Command) -> bool {
        command.kind().row().class == Class::Read
    }
}
