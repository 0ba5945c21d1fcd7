//! The state to and from a snapshot: [`crate::snapshot::layout5`]. What follows from other facts is
//! derived here.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::admission::waiting_entry;
use super::breaker::Probe;
use super::due::{Due, Wake};
use super::identity::Identity;
use super::lane::{Lane, LaneKey};
use super::lives::{Life as Past, Lives};
use super::session::{Agent, Run};
use super::{Charge, Command, Conn, Counters, Dirty, Life, Stage, State, Waiter};
use crate::ids::CommandNo;
use crate::snapshot::{self, SnapshotError, layout4, layout5, outcome};
use crate::walls::Walls;

impl State {
    /// The state as bytes, in the layout that this build writes: [`snapshot::LAYOUT`].
    pub fn encode(&self) -> Vec<u8> {
        // Encoding into a growing vector has no way to fail.
        bincode::encode_to_vec(self.image(), bincode::config::standard()).unwrap_or_default()
    }

    /// The state that a build has written, in any layout from [`snapshot::OLDEST_LAYOUT`] on.
    ///
    /// # Errors
    /// The layout is unknown, or the bytes are no snapshot in it.
    pub fn decode(layout: u32, bytes: &[u8]) -> Result<State, SnapshotError> {
        State::restore(snapshot::read(layout, bytes)?)
    }

    fn image(&self) -> layout5::State {
        let begins = self.sessions.values();
        let begins = begins.filter_map(|it| Some((it.id.clone(), it.begins?))).collect();
        let paused = self.commands.iter();
        let paused = paused.filter_map(|(number, it)| Some((*number, it.paused_since?)));
        let again = self.commands.iter().filter(|(_, command)| command.asked_again);
        let aborted = self.sessions.values().filter(|session| session.abort_came_early);
        layout5::State {
            before: self.image_before(),
            begins,
            turns: layout5::Turns {
                paused: paused.collect(),
                asked_again: again.map(|(number, _)| *number).collect(),
                aborted_early: aborted.map(|session| session.id.clone()).collect(),
            },
        }
    }

    /// What layout 4 knows of the state.
    fn image_before(&self) -> layout4::State {
        layout4::State {
            rules: self.rules,
            life: match self.life {
                Life::Down => layout4::Life::Down,
                Life::Running => layout4::Life::Running,
                Life::Draining => layout4::Life::Draining,
                Life::Leaving => layout4::Life::Leaving,
            },
            limits: self.limits.clone(),
            server_version: self.server_version.clone(),
            entropy: self.entropy,
            agent_kind: self.agent_kind,
            default_cwd: self.default_cwd.clone(),
            walls: self.walls.changes().collect(),
            now: self.now,
            seq: self.seq,
            boots: self.boots,
            lives: self.lives.known().map(|it| (it.boot, it.mark, it.first)).collect(),
            writable: self.writable,
            drain_by: self.due.drain_by(),
            conns: self.conns.iter().map(|(conn, known)| known.image(*conn)).collect(),
            sessions: self.sessions.values().map(Into::into).collect(),
            agents: self.agents.iter().map(|(agent, id)| (*agent, id.clone())).collect(),
            last_agent: self.last_agent,
            wanted: self.wanted.iter().map(|(number, id)| (*number, id.clone())).collect(),
            lanes: self.lanes.iter().map(|(key, lane)| lane.image(key)).collect(),
            commands: self.commands.iter().map(|(number, it)| it.image(*number)).collect(),
            identity: self.identity.image(),
            control: (&self.control).into(),
            providers: self.providers.iter().map(|(name, it)| (name.clone(), it.into())).collect(),
            bash: (&self.bash).into(),
            recovery: outcome::of_shared(self.recovery.clone()),
            agent_versions: self.agent_versions.iter().cloned().collect(),
            absent: self.absent.iter().copied().collect(),
            unknown_outcomes: self.unknown_outcomes,
            counters: self.counters.image(),
        }
    }

    fn restore(image: layout5::State) -> Result<State, SnapshotError> {
        let layout5::State { before: image, begins, turns } = image;
        let layout5::Turns { paused, asked_again, aborted_early } = turns;
        let is_connected = |conn| image.conns.iter().any(|known| known.number == conn);
        let (mut identity, forgotten) = Identity::restore(image.identity, is_connected);
        let commands = image.commands.into_iter();
        let mut commands: alloc::collections::BTreeMap<CommandNo, Box<Command>> =
            commands.map(|image| restore_command(image, &identity)).collect();
        let in_flight =
            commands.iter().filter_map(|(number, command)| Some((command.id_hash?, *number)));
        identity.restore_ids(forgotten, in_flight);
        for (number, since) in paused {
            commands.get_mut(&number).ok_or(SnapshotError)?.paused_since = Some(since);
        }
        for number in asked_again {
            commands.get_mut(&number).ok_or(SnapshotError)?.asked_again = true;
        }
        let waits: Vec<(CommandNo, CommandNo)> = commands
            .iter()
            .flat_map(|(number, command)| command.unmet.iter().map(|unmet| (*unmet, *number)))
            .collect();
        for (dependency, dependent) in waits {
            if let Some(dependency) = commands.get_mut(&dependency) {
                dependency.dependents.push(dependent);
            }
        }
        let entry = |number| {
            let command = commands.get(&number)?;
            Some(waiting_entry(number, &command.envelope, command.unmet.is_empty()))
        };
        let lanes = image.lanes.into_iter().map(|image| Lane::restore(image, entry));
        let lanes = lanes.collect::<Option<_>>().ok_or(SnapshotError)?;
        let lives = image.lives.into_iter().map(|(boot, mark, first)| Past { boot, mark, first });
        let mut state = State {
            rules: image.rules,
            life: match image.life {
                layout4::Life::Down => Life::Down,
                layout4::Life::Running => Life::Running,
                layout4::Life::Draining => Life::Draining,
                layout4::Life::Leaving => Life::Leaving,
            },
            limits: image.limits,
            server_version: image.server_version,
            entropy: image.entropy,
            agent_kind: image.agent_kind,
            default_cwd: image.default_cwd,
            walls: Walls::of(image.walls),
            now: image.now,
            seq: image.seq,
            boots: image.boots,
            lives: Lives::of(lives),
            writable: image.writable,
            conns: image.conns.into_iter().map(|image| (image.number, image.into())).collect(),
            sessions: image.sessions.into_iter().map(|it| (it.id.clone(), it.into())).collect(),
            agents: image.agents.into_iter().collect(),
            last_agent: image.last_agent,
            wanted: image.wanted.into_iter().collect(),
            lanes,
            commands,
            identity,
            control: image.control.into(),
            due: Due::default(),
            providers: image.providers.into_iter().map(|(name, it)| (name, it.into())).collect(),
            bash: image.bash.into(),
            recovery: outcome::shared(image.recovery),
            agent_versions: image.agent_versions.into_iter().collect(),
            absent: image.absent.into_iter().collect(),
            unknown_outcomes: image.unknown_outcomes,
            counters: image.counters.into(),
            dirty: Dirty::default(),
            doomed: VecDeque::new(),
        };
        for (id, begins) in begins {
            state.sessions.get_mut(&id).ok_or(SnapshotError)?.begins = Some(begins);
        }
        for id in aborted_early {
            state.sessions.get_mut(&id).ok_or(SnapshotError)?.abort_came_early = true;
        }
        state.derive_due(image.drain_by);
        Ok(state)
    }

    /// Collects the deadlines that the parts of the state have.
    fn derive_due(&mut self, drain_by: Option<crate::ids::Micros>) {
        let due = &mut self.due;
        if let Some(by) = drain_by {
            due.set(by, Wake::Drain);
        }
        for (number, command) in &self.commands {
            if let Some(at) = command.deadline.filter(|_| command.paused_since.is_none()) {
                due.set(at, Wake::Command(*number));
            }
        }
        for (id, session) in &self.sessions {
            if let Agent::Starting { by, .. } = session.agent {
                due.set(by, Wake::AgentStart(id.clone()));
            }
            if let Run::Accepted { by, .. } | Run::Ended { by } = session.run {
                due.set(by, Wake::Run(id.clone()));
            }
            if let Some(by) = session.stop_by {
                due.set(by, Wake::Stopping(id.clone()));
            }
            if let Some(since) = session.idle_since {
                due.set(since.plus_ms(self.limits.agent_idle_ms), Wake::AgentIdle(id.clone()));
            }
            for (request, dialog) in &session.dialogs {
                if let Some(until) = dialog.until() {
                    due.set(until, Wake::Dialog(id.clone(), request.clone()));
                }
            }
        }
    }
}

impl Conn {
    fn image(&self, number: crate::ids::ConnId) -> layout4::Conn {
        let Conn { client, pending, bucket, interest, subscriptions } = self;
        layout4::Conn {
            number,
            client: client.clone(),
            pending: *pending,
            bucket: bucket.into(),
            interest: *interest,
            subscriptions: subscriptions.iter().cloned().collect(),
        }
    }
}

impl From<layout4::Conn> for Conn {
    fn from(image: layout4::Conn) -> Conn {
        let layout4::Conn { number: _, client, pending, bucket, interest, subscriptions } = image;
        let subscriptions = subscriptions.into_iter().collect();
        Conn { client, pending, bucket: bucket.into(), interest, subscriptions }
    }
}

impl Command {
    fn image(&self, number: CommandNo) -> layout4::Command {
        let waiters = self.waiters.iter().map(|waiter| (waiter.conn, waiter.id.clone()));
        layout4::Command {
            number,
            conn: self.conn,
            client: self.client.clone(),
            envelope: self.envelope.clone(),
            session: self.session.clone(),
            lane: self.lane.session(),
            lane_sequence: self.lane_sequence,
            frame: self.frame,
            stage: match self.stage {
                Stage::Waiting => layout4::Stage::Waiting,
                Stage::Starting => layout4::Stage::Starting,
                Stage::Querying => layout4::Stage::Querying,
                Stage::Asked(agent) => layout4::Stage::Asked(agent),
            },
            announced: self.announced,
            unmet: self.unmet.clone(),
            waiters: waiters.collect(),
            deadline: self.deadline,
            timeout_ms: self.timeout_ms,
            charge: match &self.charge {
                Charge::None => layout4::Charge::None,
                Charge::Provider { name, probe } => {
                    layout4::Charge::Provider { name: name.clone(), probe: probe.trial() }
                }
                Charge::Bash { session, common } => {
                    layout4::Charge::Bash { session: session.trial(), common: common.trial() }
                }
            },
        }
    }
}

fn restore_command(image: layout4::Command, ids: &Identity) -> (CommandNo, Box<Command>) {
    let id_hash = image.envelope.id.as_ref().map(|id| ids.id_hash(&image.client, id));
    let waiters = image.waiters.into_iter().map(|(conn, id)| Waiter { conn, id });
    let command = Command {
        conn: image.conn,
        client: image.client,
        id_hash,
        envelope: image.envelope,
        session: image.session,
        lane: LaneKey::of(image.lane),
        lane_sequence: image.lane_sequence,
        frame: image.frame,
        stage: match image.stage {
            layout4::Stage::Waiting => Stage::Waiting,
            layout4::Stage::Starting => Stage::Starting,
            layout4::Stage::Querying => Stage::Querying,
            layout4::Stage::Asked(agent) => Stage::Asked(agent),
        },
        announced: image.announced,
        unmet: image.unmet,
        dependents: Vec::new(),
        waiters: waiters.collect(),
        deadline: image.deadline,
        paused_since: None,
        asked_again: false,
        timeout_ms: image.timeout_ms,
        charge: match image.charge {
            layout4::Charge::None => Charge::None,
            layout4::Charge::Provider { name, probe } => {
                Charge::Provider { name, probe: Probe::of_trial(probe) }
            }
            layout4::Charge::Bash { session, common } => {
                Charge::Bash { session: Probe::of_trial(session), common: Probe::of_trial(common) }
            }
        },
    };
    (image.number, Box::new(command))
}

/// The two structures have the same counters, by name.
macro_rules! counters {
    ($($name:ident),* $(,)?) => {
        impl Counters {
            fn image(&self) -> layout4::Counters {
                let Counters { $($name),* } = self;
                layout4::Counters { $($name: *$name),* }
            }
        }

        impl From<layout4::Counters> for Counters {
            fn from(image: layout4::Counters) -> Counters {
                let layout4::Counters { $($name),* } = image;
                Counters { $($name),* }
            }
        }
    };
}

counters! {
    inputs, admitted, succeeded, failed, refused, replayed, malformed, rate_limited, events,
    agent_noise, impossible,
}
