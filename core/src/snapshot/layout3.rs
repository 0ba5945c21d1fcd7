//! Layout 3, written before release 0.1.0: the state in memory as it then was. It is read only, and
//! converted to `layout4`.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bincode::Decode;

use super::layout4;
use super::outcome::{Outcome, Recovery, SessionInfo};
use crate::command::{Class, CommandKind};
use crate::failure::Failure;
use crate::ids::{AgentNo, BodyRef, CommandNo, ConnId, Micros, Seq, Text};
use crate::input::{AgentInfo, AgentKind, Envelope, Interest, RuleSet};
use crate::limits::Limits;

#[derive(Decode)]
pub(super) struct State {
    rules: RuleSet,
    life: layout4::Life,
    limits: Limits,
    server_version: Text,
    entropy: [u8; 16],
    agent_kind: AgentKind,
    default_cwd: Text,
    now: Micros,
    seq: Seq,
    boots: u64,
    writable: bool,
    conns: Vec<(ConnId, Conn)>,
    sessions: Vec<(Text, Session)>,
    agents: Vec<(AgentNo, Text)>,
    last_agent: u64,
    wanted: Vec<(CommandNo, Text)>,
    lanes: Vec<(LaneKey, Lane)>,
    commands: Vec<(CommandNo, Command)>,
    identity: Identity,
    control: layout4::Bucket,
    due: Vec<(Micros, Wake)>,
    providers: Vec<(Text, layout4::Breaker)>,
    bash: layout4::Breaker,
    recovery: Recovery,
    agent_versions: Vec<Text>,
    absent: Vec<CommandKind>,
    unknown_outcomes: u64,
    counters: layout4::Counters,
    /// Both are empty between steps.
    _dirty: Vec<LaneKey>,
    _doomed: Vec<(CommandNo, Failure)>,
}

#[derive(Decode)]
struct Conn {
    client: Text,
    pending: u64,
    bucket: layout4::Bucket,
    interest: Interest,
    subscriptions: Vec<Text>,
}

#[derive(Decode)]
struct Session {
    id: Text,
    cwd: Text,
    created_at: Micros,
    version: u64,
    creating: Option<CommandNo>,
    agent: layout4::Agent,
    run: layout4::Run,
    compacting: bool,
    run_failed: Option<bool>,
    info: AgentInfo,
    asked: Vec<CommandNo>,
    dialogs: Vec<(Text, layout4::Dialog)>,
    last_event: Seq,
    bucket: layout4::Bucket,
    dialog_bucket: layout4::Bucket,
    bash: layout4::Breaker,
    stop_by: Option<Micros>,
    idle_since: Option<Micros>,
    kept: layout4::Kept,
    _view: Option<SessionInfo>,
}

#[derive(Decode)]
enum LaneKey {
    Server,
    Session(Text),
}

#[derive(Decode)]
struct Lane {
    last_sequence: u64,
    waiting: Vec<(u64, Waiting)>,
    head: Option<CommandNo>,
    asides: Vec<CommandNo>,
    slot: layout4::Slot,
}

#[derive(Decode)]
struct Waiting {
    command: CommandNo,
    _class: Class,
    _ready: bool,
    _creates: bool,
    _prompt: bool,
}

#[derive(Decode)]
struct Command {
    conn: Option<ConnId>,
    client: Text,
    _id_hash: Option<u64>,
    envelope: Arc<Envelope>,
    session: Option<Text>,
    lane: LaneKey,
    lane_sequence: u64,
    frame: BodyRef,
    stage: layout4::Stage,
    announced: bool,
    unmet: Vec<CommandNo>,
    _dependents: Vec<CommandNo>,
    waiters: Vec<(ConnId, Option<Text>)>,
    deadline: Option<Micros>,
    timeout_ms: u64,
    charge: layout4::Charge,
}

#[derive(Decode)]
struct Identity {
    seed: Option<u64>,
    ids: Ids,
    keys: Vec<(layout4::Scope, KeyState)>,
    outcomes: Vec<(CommandNo, Stored)>,
    stored_order: Vec<CommandNo>,
    expiring: Vec<(Micros, layout4::Scope)>,
}

#[derive(Decode)]
struct Ids {
    forgotten: Vec<u64>,
    _live: Vec<(u64, CommandNo)>,
}

#[derive(Decode)]
struct KeyState {
    command: CommandNo,
    expires: Option<Micros>,
}

#[derive(Decode)]
struct Stored {
    envelope: Arc<Envelope>,
    session: Option<Text>,
    outcome: Box<Outcome>,
    client: Text,
    by_id: Option<u64>,
    by_key: bool,
}

/// Of the deadlines only that of a drain is not stated elsewhere.
#[derive(Decode)]
enum Wake {
    Command(#[expect(dead_code, reason = "stated with the command")] CommandNo),
    AgentStart(#[expect(dead_code, reason = "stated with the session")] Text),
    Run(#[expect(dead_code, reason = "stated with the session")] Text),
    Stopping(#[expect(dead_code, reason = "stated with the session")] Text),
    Dialog(
        #[expect(dead_code, reason = "stated with the session")] Text,
        #[expect(dead_code, reason = "stated with the session")] Text,
    ),
    Drain,
    AgentIdle(#[expect(dead_code, reason = "stated with the session")] Text),
}

impl From<LaneKey> for Option<Text> {
    fn from(key: LaneKey) -> Option<Text> {
        match key {
            LaneKey::Server => None,
            LaneKey::Session(id) => Some(id),
        }
    }
}

impl From<State> for layout4::State {
    fn from(old: State) -> layout4::State {
        let drain = old.due.iter().find(|(_, wake)| matches!(wake, Wake::Drain));
        layout4::State {
            rules: old.rules,
            life: old.life,
            limits: old.limits,
            server_version: old.server_version,
            entropy: old.entropy,
            agent_kind: old.agent_kind,
            default_cwd: old.default_cwd,
            // Times were those of the wall.
            walls: Vec::new(),
            now: old.now,
            seq: old.seq,
            boots: old.boots,
            lives: Vec::new(),
            writable: old.writable,
            drain_by: drain.map(|(at, _)| *at),
            conns: old.conns.into_iter().map(conn).collect(),
            sessions: old.sessions.into_iter().map(|(_, session)| session.into()).collect(),
            agents: old.agents,
            last_agent: old.last_agent,
            wanted: old.wanted,
            lanes: old.lanes.into_iter().map(lane).collect(),
            commands: old.commands.into_iter().map(command).collect(),
            identity: old.identity.into(),
            control: old.control,
            providers: old.providers,
            bash: old.bash,
            recovery: old.recovery,
            agent_versions: old.agent_versions,
            absent: old.absent,
            unknown_outcomes: old.unknown_outcomes,
            counters: old.counters,
        }
    }
}

fn conn((number, old): (ConnId, Conn)) -> layout4::Conn {
    let Conn { client, pending, bucket, interest, subscriptions } = old;
    layout4::Conn { number, client, pending, bucket, interest, subscriptions }
}

impl From<Session> for layout4::Session {
    fn from(old: Session) -> layout4::Session {
        layout4::Session {
            id: old.id,
            cwd: old.cwd,
            created_at: old.created_at,
            created_wall: old.created_at,
            version: old.version,
            creating: old.creating,
            agent: old.agent,
            run: old.run,
            compacting: old.compacting,
            run_failed: old.run_failed,
            info: old.info,
            asked: old.asked,
            dialogs: old.dialogs,
            last_event: old.last_event,
            bucket: old.bucket,
            dialog_bucket: old.dialog_bucket,
            bash: old.bash,
            stop_by: old.stop_by,
            idle_since: old.idle_since,
            kept: old.kept,
        }
    }
}

fn lane((key, old): (LaneKey, Lane)) -> layout4::Lane {
    let Lane { last_sequence, waiting, head, asides, slot } = old;
    let waiting = waiting.into_iter().map(|(sequence, waiting)| (sequence, waiting.command));
    let waiting = waiting.collect();
    layout4::Lane { session: key.into(), last_sequence, waiting, head, asides, slot }
}

fn command((number, old): (CommandNo, Command)) -> layout4::Command {
    layout4::Command {
        number,
        conn: old.conn,
        client: old.client,
        envelope: old.envelope,
        session: old.session,
        lane: old.lane.into(),
        lane_sequence: old.lane_sequence,
        frame: old.frame,
        stage: old.stage,
        announced: old.announced,
        unmet: old.unmet,
        waiters: old.waiters,
        deadline: old.deadline,
        timeout_ms: old.timeout_ms,
        charge: old.charge,
    }
}

impl From<Identity> for layout4::Identity {
    fn from(old: Identity) -> layout4::Identity {
        let Identity { seed, ids, keys, outcomes, stored_order, expiring } = old;
        let stored = |(number, old): (CommandNo, Stored)| {
            let Stored { envelope, session, outcome, client, by_id, by_key } = old;
            let by_id = by_id.is_some();
            let ended = Seq(0);
            layout4::Stored { number, envelope, session, outcome, client, by_id, by_key, ended }
        };
        let key = |(scope, KeyState { command, expires })| layout4::Key {
            scope,
            conn: None,
            command,
            expires,
        };
        layout4::Identity {
            seed,
            forgotten: ids.forgotten,
            parked: Vec::new(),
            outcomes: outcomes.into_iter().map(stored).collect(),
            stored_order,
            read_order: Vec::new(),
            keys: keys.into_iter().map(key).collect(),
            expiring,
            indexed: Seq(0),
        }
    }
}
