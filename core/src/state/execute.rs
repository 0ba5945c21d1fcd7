//! From the queue to whoever does the work. PROTOCOL.md sections 5 and 7.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::admission::{needs_agent, stops_something};
use super::breaker::Thresholds;
use super::due::Wake;
use super::lane::{LaneKey, Slot};
use super::session::{Agent, Kept, Run, Session};
use super::{Charge, Command, Stage, State, announce, bump};
use crate::command::{CommandKind, Executor, Target, TimeoutClass};
use crate::failure::Failure;
use crate::frame::{Capabilities, Data, Frame, Health, HealthIssue, Outcome, Phase};
use crate::ids::{AgentNo, BodyRef, CommandNo, ConnId, Seq, Text};
use crate::input::{Answer, Details, HistoryFilter, RuleSet};
use crate::output::{Ask, Audience, Output, Outputs, Query};

impl State {
    /// Starts a command that its lane has let go.
    pub(super) fn start(&mut self, number: CommandNo, outputs: &mut Outputs) {
        let Some(command) = self.commands.get_mut(&number) else { return };
        command.stage = Stage::Starting;
        if !core::mem::replace(&mut command.announced, true) {
            announce(number, command, Phase::Started, outputs);
        }
        match self.check_start(number) {
            Ok(()) => self.execute(number, outputs),
            Err(failure) => {
                if let Failure::CircuitOpen { .. } = failure {
                    self.count_refusal(number);
                }
                self.finish_failed(number, failure, outputs);
            }
        }
    }

    /// A circuit has kept a command from starting.
    fn count_refusal(&mut self, number: CommandNo) {
        let Some(command) = self.commands.get(&number) else { return };
        let session = command.session.as_ref().and_then(|id| self.sessions.get(id));
        let provider = session.and_then(|session| session.info.provider.clone());
        let breaker = match (command.envelope.kind, provider) {
            (CommandKind::Bash, _) => Some(&mut self.bash),
            (_, Some(provider)) => self.providers.get_mut(&provider),
            (_, None) => None,
        };
        if let Some(breaker) = breaker {
            bump(&mut breaker.totals.refused);
        }
    }

    /// What must hold at the moment of start: the session, its version, the agent's abilities, the
    /// circuits.
    fn check_start(&self, number: CommandNo) -> Result<(), Failure> {
        let Some(command) = self.commands.get(&number) else { return Ok(()) };
        let (kind, session) = (command.envelope.kind, command.session.as_ref());
        match kind.row().target {
            Target::Server => {}
            Target::Session => self.check_session(command)?,
            Target::Creates => {
                let Some(session) = session else { return Ok(()) };
                if self.sessions.contains_key(session) {
                    return Err(Failure::SessionExists { session: session.clone() });
                }
                self.check_session_room()?;
            }
        }
        if self.absent.contains(&kind) {
            return Err(Failure::Unsupported);
        }
        self.check_circuits(command)
    }

    fn check_session(&self, command: &Command) -> Result<(), Failure> {
        let Some(id) = &command.session else { return Ok(()) };
        let Some(session) = self.open_session(id) else {
            // Whoever wants no events of a session gets none of one that is gone.
            return match command.envelope.kind {
                CommandKind::Unsubscribe => Ok(()),
                _ => Err(Failure::SessionNotFound { session: id.clone() }),
            };
        };
        match command.envelope.if_session_version {
            Some(expected) if expected != session.version => {
                Err(Failure::VersionMismatch { expected, actual: session.version })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn check_session_room(&self) -> Result<(), Failure> {
        let max = self.limits.sessions_max;
        let full = super::admission::count(self.sessions.len()) >= max;
        if full { Err(Failure::SessionLimit { max }) } else { Ok(()) }
    }

    fn check_circuits(&self, command: &Command) -> Result<(), Failure> {
        let open = |circuit: Text| move |retry_ms| Failure::CircuitOpen { circuit, retry_ms };
        let session = || command.session.as_ref().and_then(|id| self.sessions.get(id));
        match command.envelope.kind {
            CommandKind::Prompt | CommandKind::Compact => {
                let Some(session) = session() else { return Ok(()) };
                let Some(provider) = &session.info.provider else { return Ok(()) };
                let Some(breaker) = self.providers.get(provider) else { return Ok(()) };
                let by = Thresholds::provider(&self.limits);
                match breaker.check(self.now, by) {
                    // An extension's command may need no model; the agent is to say.
                    Err(_) if self.passes_circuit(command) => Ok(()),
                    verdict => verdict.map_err(open(provider.clone())),
                }
            }
            CommandKind::Bash => {
                let Some(session) = session() else { return Ok(()) };
                let mut name = String::from(crate::wire::BASH_CIRCUIT_OF_SESSION);
                name.push_str(&session.id);
                let by = Thresholds::bash(&self.limits);
                session.bash.check(self.now, by).map_err(open(Text::from(name)))?;
                let by = Thresholds::bash_global(&self.limits);
                self.bash.check(self.now, by).map_err(open(Text::from(crate::wire::BASH_CIRCUIT)))
            }
            _ => Ok(()),
        }
    }

    /// A prompt that an extension may handle without the model's provider.
    fn passes_circuit(&self, command: &Command) -> bool {
        self.rules >= RuleSet::V3
            && matches!(command.envelope.details, Details::Prompt { slash: true, .. })
    }

    /// What the core answers with by itself and changes nothing for.
    fn look(&mut self, number: CommandNo) -> Option<Data> {
        let command = self.commands.get(&number)?;
        match command.envelope.kind {
            CommandKind::ListSessions => Some(self.list_sessions()),
            CommandKind::HealthCheck => Some(Data::Health(self.health())),
            CommandKind::GetStartupRecovery => Some(Data::Recovery(self.recovery.clone())),
            CommandKind::GetCapabilities => Some(Data::Capabilities(Box::new(self.capabilities()))),
            CommandKind::GetState => {
                let session = command.session.as_ref().and_then(|id| self.sessions.get_mut(id));
                Some(session.map(Session::view).map_or(Data::None, Data::State))
            }
            _ => None,
        }
    }

    fn execute(&mut self, number: CommandNo, outputs: &mut Outputs) {
        if let Some(data) = self.look(number) {
            return self.finish_done(number, data, outputs);
        }
        let Some(command) = self.commands.get(&number) else { return };
        let (conn, envelope) = (command.conn, command.envelope.clone());
        let session = command.session.clone();
        // What the core does by itself ends within this very step.
        if envelope.kind.row().executor != Executor::Core {
            self.arm_timeout(number);
        }
        let session = session.as_ref();
        match envelope.kind {
            CommandKind::SwitchSession => self.switch_session(number, conn, session, outputs),
            CommandKind::Unsubscribe => {
                if let (Some(conn), Some(session)) = (conn, session)
                    && let Some(known) = self.conns.get_mut(&conn)
                {
                    known.subscriptions.remove(session);
                    outputs.push(Output::Unsubscribe { conn, session: session.clone() });
                }
                self.finish_done(number, Data::None, outputs);
            }
            CommandKind::SetInterest => {
                // The new interest holds from the response on, so that nobody sees half of the
                // frames of this command.
                self.finish_done(number, Data::None, outputs);
                if let (Some(conn), Details::Interest(interest)) = (conn, &envelope.details)
                    && let Some(known) = self.conns.get_mut(&conn)
                {
                    known.interest = *interest;
                    outputs.push(Output::SetInterest { conn, interest: *interest });
                }
            }
            CommandKind::CancelCommand => self.cancel(number, outputs),
            CommandKind::ReconcileCommand => self.reconcile(number, outputs),
            CommandKind::DeleteSession => self.delete_session(number, session, outputs),
            CommandKind::ExtensionUiResponse => self.answer_dialog(number, outputs),
            CommandKind::CreateSession
            | CommandKind::LoadSession
            | CommandKind::SwitchSessionFile
            | CommandKind::ListStoredSessions
            | CommandKind::GetMetrics
            | CommandKind::GetCommandHistory => self.query(number, outputs),
            _ => {
                debug_assert!(needs_agent(envelope.kind), "the table says who does the work");
                self.start_at_agent(number, outputs);
            }
        }
    }

    /// The timeout counts from the start. Commands whose late effect could not be undone have
    /// none, whatever the client asks for.
    fn arm_timeout(&mut self, number: CommandNo) {
        let joins = self.joins_run(number);
        let Some(command) = self.commands.get_mut(&number) else { return };
        let turn = command.envelope.kind.row().timeout == TimeoutClass::Turn && !joins;
        let default = match command.envelope.kind.row().timeout {
            TimeoutClass::Never => return,
            TimeoutClass::Turn if !joins => self.limits.turn_timeout_ms,
            TimeoutClass::Short | TimeoutClass::Turn => self.limits.short_timeout_ms,
        };
        let ms = command.envelope.timeout_ms.unwrap_or(default);
        let at = self.now.plus_ms(ms);
        command.timeout_ms = ms;
        command.deadline = Some(at);
        let session = command.session.as_ref().and_then(|id| self.sessions.get(id));
        if turn && self.rules >= RuleSet::V3 && session.is_some_and(Session::asks) {
            command.paused_since = Some(self.now);
        } else {
            self.due.set(at, Wake::Command(number));
        }
    }

    /// Whether a command that starts is a prompt for the run that is going, and no turn itself.
    fn joins_run(&self, number: CommandNo) -> bool {
        let Some(command) = self.commands.get(&number) else { return false };
        let session = command.session.as_ref().and_then(|id| self.sessions.get(id));
        command.envelope.kind == CommandKind::Prompt
            && session.is_some_and(|session| session.run != Run::Idle)
    }

    fn list_sessions(&mut self) -> Data {
        let mut sessions: Vec<_> = self
            .sessions
            .values_mut()
            .filter(|session| session.creating.is_none())
            .map(|session| (session.created_at, session.view()))
            .collect();
        sessions.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| x.id.cmp(&y.id)));
        Data::Sessions(sessions.into_iter().map(|(_, view)| view).collect())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            agent: self.agent_kind,
            agent_versions: self.agent_versions.iter().cloned().collect(),
            absent: self.absent.iter().copied().collect(),
            limits: self.limits.clone(),
            server_version: self.server_version.clone(),
        }
    }

    /// What `health_check` reports.
    pub fn health(&self) -> Health {
        let mut issues = Vec::new();
        let nearly = |count: u64, max: u64| count.saturating_mul(10) >= max.saturating_mul(9);
        let (count, max) = (super::admission::count(self.sessions.len()), self.limits.sessions_max);
        if nearly(count, max) {
            issues.push(HealthIssue::Sessions { count, max });
        }
        let (count, max) = (super::admission::count(self.conns.len()), self.limits.connections_max);
        if nearly(count, max) {
            issues.push(HealthIssue::Connections { count, max });
        }
        let open_circuit = self.providers.values().any(|breaker| breaker.is_open(self.now));
        if open_circuit {
            issues.push(HealthIssue::ProviderCircuit);
        }
        let open_bash_circuit = self.bash.is_open(self.now)
            || self.sessions.values().any(|session| session.bash.is_open(self.now));
        if open_bash_circuit {
            issues.push(HealthIssue::BashCircuit);
        }
        if !self.writable {
            issues.push(HealthIssue::StorageFull);
        }
        if self.unknown_outcomes > 0 {
            issues.push(HealthIssue::UnknownOutcomes { count: self.unknown_outcomes });
        }
        Health { issues, open_circuit, open_bash_circuit }
    }

    fn switch_session(
        &mut self,
        number: CommandNo,
        conn: Option<ConnId>,
        session: Option<&Text>,
        outputs: &mut Outputs,
    ) {
        let Some(id) = session else { return };
        let max = self.limits.subscriptions_per_connection_max;
        let Some(open) = self.sessions.get_mut(id) else { return };
        let (info, cursor, begins) = (open.view(), open.last_event, open.begins);
        let known = conn.and_then(|conn| self.conns.get_mut(&conn));
        if let Some(known) = known {
            let held = super::admission::count(known.subscriptions.len());
            if held >= max && !known.subscriptions.contains(id) {
                let failure = Failure::TooManySubscriptions { max };
                return self.finish_failed(number, failure, outputs);
            }
            known.subscriptions.insert(id.clone());
        }
        let (mut after, epoch) = self.place_of(number);
        let data = match self.epoch() {
            None => Data::Switched { info, cursor },
            Some(epoch) => Data::SwitchedIn { info, cursor, epoch },
        };
        self.finish_done(number, data, outputs);
        if let Some(conn) = conn.filter(|conn| self.conns.contains_key(conn)) {
            if let Some(place) = after.filter(|_| self.rules >= RuleSet::V2)
                && let Some(fork) = self.lives.fork(place, epoch.as_deref(), self.seq)
            {
                let from = Seq(fork.after.0.saturating_add(1));
                let (session, exact) = (id.clone(), fork.exact);
                let lost = Frame::Lost { session, from, to: place, exact };
                outputs.deliver(Audience::Conn(conn), lost);
                after = Some(fork.after);
            }
            // Another session that had this name before is none of the client's business.
            if self.rules >= RuleSet::V3 {
                after = after.map(|place| begins.map_or(place, |begins| place.max(begins)));
            }
            outputs.push(Output::Subscribe { conn, session: id.clone(), after });
            self.offer_dialogs(conn, id, after, outputs);
        }
    }

    /// The cursor that a `switch_session` has, and the epoch in which it was given.
    fn place_of(&self, number: CommandNo) -> (Option<Seq>, Option<Text>) {
        let details = self.commands.get(&number).map(|command| &command.envelope.details);
        match details {
            Some(Details::Switch { cursor }) => (*cursor, None),
            Some(Details::SwitchIn { cursor, epoch }) => (*cursor, Some(epoch.clone())),
            Some(_) | None => (None, None),
        }
    }

    fn delete_session(&mut self, number: CommandNo, session: Option<&Text>, outputs: &mut Outputs) {
        let Some(id) = session else { return };
        let asked = self.sessions.get(id).map(|session| session.asked.clone());
        for command in asked.unwrap_or_default() {
            self.finish_failed(command, Failure::SessionDeleted, outputs);
        }
        self.remove_session(id, outputs);
        self.dirty.insert(LaneKey::Session(id.clone()));
        self.finish_done(number, Data::Deleted, outputs);
        let frame = Frame::SessionDeleted { session: id.clone() };
        outputs.deliver(Audience::Everyone, frame);
        outputs.push(Output::Unlist { session: id.clone() });
    }

    fn cancel(&mut self, number: CommandNo, outputs: &mut Outputs) {
        let Some(command) = self.commands.get(&number) else { return };
        let Details::Cancel { command: id } = command.envelope.details.clone() else { return };
        let target = match self.known_id(&command.client, &id) {
            super::identity::Found::Command(target) if target != number => target,
            super::identity::Found::Parked | super::identity::Found::Forgotten => {
                return self.finish_failed(number, Failure::CommandEnded { id }, outputs);
            }
            super::identity::Found::Command(_) | super::identity::Found::Unknown => {
                return self.finish_failed(number, Failure::CommandNotFound { id }, outputs);
            }
        };
        let Some(victim) = self.commands.get(&target) else {
            return self.finish_failed(number, Failure::CommandEnded { id }, outputs);
        };
        let started = victim.stage != Stage::Waiting;
        self.give_up(target, Failure::Cancelled, outputs);
        self.finish_done(number, Data::Cancelled { started }, outputs);
    }

    /// Settles an outcome that a crash left unknown. The one way in which a stored outcome
    /// changes, and only by an operator's word.
    fn reconcile(&mut self, number: CommandNo, outputs: &mut Outputs) {
        let Some(command) = self.commands.get(&number) else { return };
        let details = command.envelope.details.clone();
        let Details::Reconcile { command: id, succeeded, note } = details else { return };
        let target = match self.known_id(&command.client, &id) {
            super::identity::Found::Command(target) => target,
            super::identity::Found::Parked | super::identity::Found::Forgotten => {
                return self.finish_failed(number, Failure::NothingToReconcile { id }, outputs);
            }
            super::identity::Found::Unknown => {
                return self.finish_failed(number, Failure::CommandNotFound { id }, outputs);
            }
        };
        let Some(stored) = self.identity.stored(target) else {
            return self.finish_failed(number, Failure::NothingToReconcile { id }, outputs);
        };
        if stored.outcome.result != Err(Failure::OutcomeUnknown) {
            return self.finish_failed(number, Failure::NothingToReconcile { id }, outputs);
        }
        let lane_sequence = stored.outcome.lane_sequence;
        let (session, mutates) = (stored.session.clone(), stored.envelope.kind.row().mutates);
        // The session of that name may be another one by now.
        let ended = stored.outcome.at;
        let session = session.filter(|id| {
            succeeded && self.open_session(id).is_some_and(|known| known.created_at <= ended)
        });
        let session_version = if mutates { self.raise_version(session.as_ref()) } else { None };
        let result =
            if succeeded { Ok(Data::None) } else { Err(Failure::ReconciledFailed { note }) };
        let outcome = Outcome { result, session_version, lane_sequence, at: self.now };
        self.identity.reconcile(target, Arc::new(outcome));
        self.unknown_outcomes = self.unknown_outcomes.saturating_sub(1);
        self.finish_done(number, Data::None, outputs);
    }

    fn query(&mut self, number: CommandNo, outputs: &mut Outputs) {
        let Some(command) = self.commands.get_mut(&number) else { return };
        command.stage = Stage::Querying;
        let what = match (&command.envelope.details, command.envelope.kind) {
            (Details::Create { cwd }, _) => Query::Directory { cwd: cwd.clone() },
            (Details::Load { path }, _) => Query::SessionFile { path: path.clone() },
            (Details::History(filter), _) => Query::History(filter.clone()),
            (_, CommandKind::ListStoredSessions) => Query::StoredSessions,
            (_, CommandKind::GetCommandHistory) => Query::History(HistoryFilter::default()),
            (_, CommandKind::CreateSession) => Query::Directory { cwd: None },
            _ => Query::Metrics,
        };
        if command.lane == LaneKey::Server {
            // Nothing in the server lane has an effect that others could come before or after.
            if let Some(lane) = self.lanes.get_mut(&LaneKey::Server) {
                lane.head_to_aside(number);
            }
        }
        outputs.push(Output::Query { query: number, what });
    }

    /// The shell has found out what a command wanted to know.
    pub(super) fn answered(
        &mut self,
        number: CommandNo,
        answer: &Answer,
        body: BodyRef,
        outputs: &mut Outputs,
    ) {
        let Some(command) = self.commands.get(&number) else { return };
        if command.stage != Stage::Querying {
            bump(&mut self.counters.impossible);
            return;
        }
        let kind = command.envelope.kind;
        let creates = kind.row().target == Target::Creates;
        let own = command.session.clone();
        match answer {
            Answer::Data if kind.row().target == Target::Server => {
                let data = if body.is_empty() { Data::None } else { Data::Body(body) };
                self.finish_done(number, data, outputs);
            }
            Answer::Failed(text) => {
                self.finish_failed(number, Failure::Unavailable(text.clone()), outputs);
            }
            Answer::Directory { cwd } if kind == CommandKind::CreateSession => {
                self.create(number, cwd, None, None, outputs);
            }
            Answer::SessionFile { path, cwd, name }
                if matches!(kind, CommandKind::LoadSession | CommandKind::SwitchSessionFile) =>
            {
                let holder = self
                    .sessions
                    .values()
                    .find(|known| {
                        known.info.file.as_ref() == Some(path) && Some(&known.id) != own.as_ref()
                    })
                    .map(|session| session.id.clone());
                match holder {
                    // The same file in two sessions would have two writers.
                    Some(session) => {
                        self.finish_failed(number, Failure::FileInUse { session }, outputs);
                    }
                    None if creates => {
                        self.create(number, cwd, Some(path), name.clone(), outputs);
                    }
                    None => self.start_at_agent(number, outputs),
                }
            }
            Answer::Data | Answer::Directory { .. } | Answer::SessionFile { .. } => {
                // Not what was asked for. The command must end all the same.
                bump(&mut self.counters.impossible);
                let words = Text::from("the look-up gave no usable answer");
                self.finish_failed(number, Failure::Unavailable(words), outputs);
            }
        }
    }

    /// Enters a session that is being created and asks for its agent.
    fn create(
        &mut self,
        number: CommandNo,
        cwd: &Text,
        file: Option<&Text>,
        name: Option<Text>,
        outputs: &mut Outputs,
    ) {
        // Creations in other lanes may have taken the room since this one started.
        if let Err(failure) = self.check_session_room() {
            return self.finish_failed(number, failure, outputs);
        }
        let Some(command) = self.commands.get_mut(&number) else { return };
        let Some(id) = command.session.clone() else { return };
        command.stage = Stage::Starting;
        let times = (self.now, self.wall(self.now));
        let mut session = Session::new(id.clone(), cwd.clone(), times, number);
        session.info.file = file.cloned();
        session.info.name = name;
        if file.is_some() {
            session.kept = Kept::InFile;
        }
        if self.rules >= RuleSet::V3 {
            session.begins = Some(self.seq);
        }
        self.sessions.insert(id.clone(), session);
        self.wanted.insert(number, id);
    }

    /// Passes a command on to its session's agent, or waits until there is one.
    pub(super) fn start_at_agent(&mut self, number: CommandNo, outputs: &mut Outputs) {
        let Some(command) = self.commands.get_mut(&number) else { return };
        let Some(id) = command.session.clone() else { return };
        let Some(session) = self.sessions.get(&id) else { return };
        if let Some(agent) = session.agent_up() {
            return self.dispatch(number, agent, outputs);
        }
        if stops_something(command.envelope.kind) {
            // No agent, so nothing runs that could be stopped.
            return self.finish_done(number, Data::None, outputs);
        }
        command.stage = Stage::Starting;
        if session.agent == Agent::Down {
            self.wanted.insert(number, id);
        }
    }

    /// Hands a command to an agent that is up.
    pub(super) fn dispatch(&mut self, number: CommandNo, agent: AgentNo, outputs: &mut Outputs) {
        if !self.joins_run(number) {
            // A prompt that joins a run says nothing of the provider.
            self.charge(number);
        }
        let Some(command) = self.commands.get_mut(&number) else { return };
        command.stage = Stage::Asked(agent);
        let (kind, frame) = (command.envelope.kind, command.frame);
        let Some(id) = command.session.clone() else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.asked.insert(number);
        session.given(kind);
        outputs.push(Output::Ask(Ask::Call { agent, call: number, kind, frame }));
        // It may leave the head, and not only within a start.
        self.dirty.insert(LaneKey::Session(id.clone()));
        let Some(lane) = self.lanes.get_mut(&LaneKey::Session(id.clone())) else { return };
        match kind {
            // A prompt for a turn that has ended meanwhile becomes the turn itself.
            CommandKind::Prompt if lane.slot == Slot::Free && session.run == Run::Idle => {
                session.run = Run::Prompted(number);
                session.run_failed = None;
                if self.rules >= RuleSet::V3 {
                    session.abort_came_early = false;
                    lane.head_to_slot(number);
                }
            }
            CommandKind::Compact
            | CommandKind::Bash
            | CommandKind::NewSession
            | CommandKind::SwitchSessionFile
            | CommandKind::Fork
            | CommandKind::NavigateTree => lane.head_to_slot(number),
            CommandKind::Abort => {
                lane.head_to_aside(number);
                if self.rules >= RuleSet::V3 && session.is_asked() {
                    session.abort_came_early = true;
                }
                // An agent that waits for an answer does not hear the abort.
                self.withdraw_dialogs(&id, true, outputs);
            }
            CommandKind::AbortBash | CommandKind::AbortCompaction | CommandKind::AbortRetry => {
                lane.head_to_aside(number);
            }
            _ => {}
        }
    }

    /// Whether the circuit of a command's provider would keep it back.
    fn provider_is_closed_to(&self, command: &Command) -> bool {
        let session = command.session.as_ref().and_then(|id| self.sessions.get(id));
        let provider = session.and_then(|session| session.info.provider.as_ref());
        let breaker = provider.and_then(|provider| self.providers.get(provider));
        let by = Thresholds::provider(&self.limits);
        breaker.is_some_and(|breaker| breaker.check(self.now, by).is_err())
    }

    /// Notes the command with the circuit that will learn how it ends.
    fn charge(&mut self, number: CommandNo) {
        let Some(command) = self.commands.get(&number) else { return };
        if self.passes_circuit(command) && self.provider_is_closed_to(command) {
            // It is no probe, whatever becomes of it.
            return;
        }
        let Some(command) = self.commands.get_mut(&number) else { return };
        let Some(id) = &command.session else { return };
        let Some(session) = self.sessions.get_mut(id) else { return };
        match command.envelope.kind {
            CommandKind::Prompt | CommandKind::Compact => {
                let Some(provider) = session.info.provider.clone() else { return };
                if !self.providers.contains_key(&provider)
                    && super::admission::count(self.providers.len()) >= PROVIDERS_MAX
                {
                    return;
                }
                let probe = self.providers.entry(provider.clone()).or_default().pass();
                command.charge = Charge::Provider { name: provider, probe };
            }
            CommandKind::Bash => {
                let (session, common) = (session.bash.pass(), self.bash.pass());
                command.charge = Charge::Bash { session, common };
            }
            _ => {}
        }
    }

    /// The place of the input that is being stepped.
    pub fn seq(&self) -> Seq {
        self.seq
    }
}

/// Model providers whose circuits are kept; further ones have none.
const PROVIDERS_MAX: u64 = 256;
