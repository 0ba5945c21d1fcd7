//! A daemon without sockets and agents, on a disk in memory.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pi_server_core::frame::{Data, Frame};
use pi_server_core::input::{
    AgentEvent, AgentInfo, AgentKind, AgentReady, AgentSaid, Answer, Boot, DialogMethod, InputKind,
    JournalFacts, Opened, RecoveryPolicy, RuleSet, Transport,
};
use pi_server_core::output::Output;
use pi_server_core::record::JournalId;
use pi_server_core::walls::Walls;
use pi_server_core::wire::decode;
use pi_server_core::{AgentNo, BodyRef, CommandNo, ConnId, Digest, Limits, Micros, Seq};

use super::super::super::machine::Machine;
use super::super::super::past::Past;
use super::super::times::Times;
use super::super::{Ages, Asked, Keeper, Report, Retention, Shared, Worker};
use crate::journal::storage::Shelf;
use crate::journal::tests::fake::{FakeDisk, Faults, Image, Reach};
use crate::journal::{
    Archive, Durability, Facts, Journal, OpenError, Origin, Settings, SnapshotError,
};

pub(super) const SEGMENT_BYTES: u32 = 64 << 10;
pub(super) const KEEP_ALL: Retention =
    Retention { bytes: 0, age: Duration::ZERO, tiers: NO_AGES, compress: false };
const NO_AGES: Ages = Ages { warm: None, cold: None };

pub(super) struct World {
    pub(super) disk: Arc<FakeDisk>,
    machine: Option<Machine>,
    conn: ConnId,
    count: u64,
    /// Bodies that stored outcomes answer with, and what is in them.
    answers: Vec<(BodyRef, String)>,
    ask: Sender<Asked>,
    pub(super) asked: Receiver<Asked>,
    boundary: u64,
    archive: Option<Archive>,
    segment_bytes: u32,
}

impl World {
    pub(super) fn new() -> World {
        World::with_segments_of(SEGMENT_BYTES)
    }

    pub(super) fn with_segments_of(segment_bytes: u32) -> World {
        let (ask, asked) = channel();
        let mut world = World {
            disk: FakeDisk::new(),
            machine: None,
            conn: ConnId(0),
            count: 0,
            answers: Vec::new(),
            ask,
            asked,
            boundary: 0,
            archive: None,
            segment_bytes,
        };
        world.restart();
        let query = world.frame(r#"{"type":"create_session","id":"c","sessionId":"s"}"#);
        let answer = Answer::Directory { cwd: "/".into() };
        world.take(InputKind::Answered { query, answer }, b"");
        let ready = AgentReady {
            version: "demo".into(),
            settles: true,
            disposition: true,
            absent: Vec::new(),
            info: AgentInfo::default(),
        };
        world.take(agent(AgentSaid::Ready(Box::new(ready))), b"");
        world
    }

    pub(super) fn machine(&self) -> &Machine {
        self.machine.as_ref().expect("it runs")
    }

    pub(super) fn journal(&mut self) -> &mut Journal {
        self.machine.as_mut().expect("it runs").journal_mut()
    }

    /// Events, and answers that are stored under ids, with large bodies now and then.
    pub(super) fn work(&mut self, rounds: u64) {
        for _ in 0..rounds {
            self.count += 1;
            let count = self.count;
            let body = format!(r#"{{"type":"message_update","n":{count}}}"#);
            for _ in 0..4 {
                self.take(agent(AgentSaid::Event(AgentEvent::Other)), body.as_bytes());
            }
            let query = self.frame(&format!(r#"{{"type":"get_metrics","id":"m{count}"}}"#));
            let padding = if count.is_multiple_of(50) { 3_000 } else { 10 };
            let answer = format!(r#"{{"n":{count},"x":"{}"}}"#, "x".repeat(padding));
            let kind = InputKind::Answered { query, answer: Answer::Data };
            self.take(kind, answer.as_bytes());
            self.machine_mut().commit().expect("committed");
        }
    }

    /// Answers that are stored under ids, each of so many bytes.
    pub(super) fn answer_at_length(&mut self, count: u64, bytes: usize) {
        for _ in 0..count {
            self.count += 1;
            let count = self.count;
            let query = self.frame(&format!(r#"{{"type":"get_metrics","id":"m{count}"}}"#));
            let answer = format!(r#"{{"n":{count},"x":"{}"}}"#, "x".repeat(bytes));
            let kind = InputKind::Answered { query, answer: Answer::Data };
            self.take(kind, answer.as_bytes());
        }
    }

    /// Puts everything on disk; the last segment that is settled.
    pub(super) fn settle(&mut self) -> u64 {
        self.machine_mut().commit().expect("committed");
        let journal = self.journal();
        journal.sync().expect("synced");
        journal.settled() - 1
    }

    /// What feeding the journal's inputs makes, from the snapshot of a number on or all of them.
    pub(super) fn replayed(&mut self, snapshot: Option<u64>) -> Past {
        self.machine = None;
        let mut past = Past::new();
        let opened = Journal::open_on(
            self.disk.clone(),
            settings(self.segment_bytes),
            &origin(),
            &mut |taken| {
                if snapshot != Some(taken.cursor.segment) {
                    return Err(SnapshotError::Payload);
                }
                past = Past::restore(taken)?;
                Ok(())
            },
        );
        let journal = opened.expect("a journal").journal;
        let read = journal.replay(|input, previous| past.feed(input, previous).expect("the same"));
        let read = read.expect("read");
        assert!(snapshot.is_none() || read < journal.last_seq().0);
        past.check(journal.last_seq(), journal.last_outputs()).expect("the same");
        past
    }

    pub(super) fn restart(&mut self) -> Facts {
        self.try_restart().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The end of the process and the next start.
    pub(super) fn try_restart(&mut self) -> Result<Facts, OpenError> {
        self.machine = None;
        let mut past = Past::new();
        let opened = Journal::open_on(
            self.disk.clone(),
            settings(self.segment_bytes),
            &origin(),
            &mut |taken| {
                past = Past::restore(taken)?;
                Ok(())
            },
        )?;
        let read = opened.journal.replay(|input, previous| {
            past.feed(input, previous).expect("the same");
        });
        read.expect("read");
        self.archive = Some(opened.journal.archive());
        self.machine = Some(Machine::new(opened.journal, past));
        self.take(boot(), b"");
        let opened_kind = Opened { transport: Transport::Unix, client: None };
        self.conn = ConnId(self.take(InputKind::Opened(opened_kind), b"").0);
        self.machine_mut().commit().expect("committed");
        Ok(opened.facts)
    }

    /// Every answer that is stored is there.
    pub(super) fn check_answers(&self) {
        let journal = self.machine().journal();
        assert!(self.answers.len() > 100);
        for (body, text) in &self.answers {
            let found = journal.body(*body).map(String::from_utf8_lossy);
            assert_eq!(found.as_deref(), Some(&**text), "the body of input {}", body.seq);
        }
        let wanted = self.machine().state().bodies().count();
        assert!(wanted >= self.answers.len(), "{wanted}");
    }

    /// Every step of the whole journal puts out what it put out when it was recorded, and a start
    /// finds everything.
    pub(super) fn check_replay(&mut self, before: &Past) {
        let again = self.replayed(None);
        assert!(again.state == before.state);
        assert_eq!((again.digest, again.at), (before.digest, before.at));
        self.restart();
        self.check_answers();
    }

    /// Lets each operation of an attempt on this disk fail once, alone or with the power, after
    /// nothing, a part or all of it. `check` is told which one, and whether the attempt said that it
    /// was done and had ended before it. How many operations an attempt has.
    pub(super) fn at_each_operation(
        &mut self,
        image: &Image,
        worker: impl Fn(&World) -> Worker,
        attempt: impl Fn(&mut Worker) -> bool,
        check: impl Fn(&mut World, u32, bool, bool),
    ) -> u32 {
        for operation in 0.. {
            let mut beyond = false;
            for (reach, power) in [
                (Reach::Nothing, false),
                (Reach::Part(7), true),
                (Reach::Part(8), true),
                (Reach::Whole, true),
            ] {
                self.disk.put_back(image);
                let mut worker = worker(self);
                *self.disk.faults() = Faults {
                    fail_operation: Some(operation),
                    reach,
                    for_ever: power,
                    full_from: u64::MAX,
                    ..Faults::default()
                };
                let done = attempt(&mut worker);
                beyond = self.disk.faults().fail_operation.is_some();
                self.disk.revive();
                if power {
                    self.disk.lose_power(|| false);
                }
                check(self, operation, done, beyond);
                self.end();
            }
            if beyond {
                return operation;
            }
        }
        unreachable!("an attempt ends")
    }

    pub(super) fn worker(&self, retention: Retention) -> Worker {
        self.worker_told_bad(retention, Vec::new())
    }

    pub(super) fn worker_told_bad(&self, retention: Retention, bad: Vec<u64>) -> Worker {
        worker_of(self.archive.clone().expect("it has run"), retention, bad, self.ask.clone())
    }

    /// Applies retention, as loop and thread do it together.
    pub(super) fn retain(&mut self, worker: &mut Worker) {
        worker.retain().ok().expect("retained");
        while let Some(segment) = self.heed() {
            worker.drop_up_to(segment);
        }
    }

    /// Lets segments grow old, as loop and thread do it together.
    pub(super) fn age(&mut self, retention: Retention) {
        let aged = self.worker(retention).age();
        assert!(aged.is_ok());
        self.heed();
    }

    /// Does as the loop what the thread asks for; up to which segment it has let go.
    pub(super) fn heed(&mut self) -> Option<u64> {
        self.machine.as_ref()?;
        while let Ok(asked) = self.asked.try_recv() {
            match asked {
                Asked::LetGo(segment) => {
                    self.journal().let_go(segment).expect("let go");
                    return Some(segment);
                }
                Asked::Reopen(segment) => self.journal().reopen(segment),
            }
        }
        None
    }

    /// Drops the segments up to this one, and makes a snapshot behind it.
    pub(super) fn drop_up_to(&mut self, segment: u64) {
        let mut worker = self.worker(Retention { bytes: 1, ..KEEP_ALL });
        worker.keep(segment).ok().expect("kept");
        worker.keep(segment + 1).ok().expect("kept");
        self.retain(&mut worker);
        assert_eq!(self.disk.segment_numbers()[0], segment + 1);
    }

    /// Commands of several types in several sessions, some of which fail.
    pub(super) fn mix(&mut self, rounds: u64) {
        for _ in 0..rounds {
            self.count += 1;
            let count = self.count;
            let (session, id) = (["s", "t"][usize::from(count % 7 < 3)], count % 40);
            self.frame(&format!(
                r#"{{"type":"unsubscribe","id":"x{count}","sessionId":"{session}"}}"#
            ));
            self.frame(r#"{"type":"list_sessions"}"#);
            let cancel =
                format!(r#"{{"type":"cancel_command","id":"y{count}","commandId":"none{id}"}}"#);
            self.frame(&cancel);
            if count.is_multiple_of(5) {
                self.frame(&format!(
                    r#"{{"type":"get_state","id":"z{count}","sessionId":"gone"}}"#
                ));
            }
        }
    }

    /// A message that a delta has announced, as a whole.
    pub(super) fn message(&mut self) {
        let message = "all of it ".repeat(30);
        let body = format!(r#"{{"type":"message_end","message":"{message}"}}"#);
        self.take(agent(AgentSaid::Event(AgentEvent::Other)), body.as_bytes());
    }

    /// Sends a frame; the reference to it.
    pub(super) fn frame_body(&mut self, frame: &str) -> BodyRef {
        let seq = Seq(self.frame(frame).0);
        self.body_of(seq)
    }

    /// The agent asks something; the reference to its question.
    pub(super) fn ask_dialog(&mut self, request: &str, question: &str) -> BodyRef {
        let event = AgentEvent::DialogOpened {
            request: request.into(),
            method: DialogMethod::Confirm,
            timeout_ms: None,
        };
        let seq = self.take(agent(AgentSaid::Event(event)), question.as_bytes());
        self.body_of(seq)
    }

    fn body_of(&self, seq: Seq) -> BodyRef {
        let scanned = self.machine().journal().scan_from(seq).next();
        scanned.expect("an input").expect("read").input.body
    }

    /// The end of the process.
    pub(super) fn end(&mut self) {
        self.machine = None;
    }

    /// The first input of a segment.
    pub(super) fn first_of(&self, segment: u64) -> Seq {
        self.machine().journal().first_of(segment).expect("a segment")
    }

    /// The first input behind a segment.
    pub(super) fn first_behind(&self, segment: u64) -> Seq {
        let archive = self.machine().journal().archive();
        let end = archive.load(segment, |snapshot| Ok(snapshot.cursor.seq));
        Seq(end.expect("a snapshot").0 + 1)
    }

    /// Lets the record of an input say that the step before it put out something else.
    pub(super) fn record_otherwise(&mut self, rounds: u64) {
        self.work(rounds);
        self.machine_mut().pretend(Digest([0xee; 16]));
        self.take(InputKind::Tick, b"");
    }

    /// The same for the last step of a segment.
    pub(super) fn record_otherwise_at_a_boundary(&mut self) {
        let before = self.machine().journal().segment();
        let record = |world: &mut World| {
            let digest = world.machine().digest();
            world.machine_mut().pretend(Digest([0xee; 16]));
            let kind = agent(AgentSaid::Event(AgentEvent::Other));
            let body = vec![b' '; 2_000];
            let room = world.journal().fits(body.len() + 300);
            if room {
                world.machine_mut().pretend(digest);
            }
            world.take(kind, &body);
        };
        while self.machine().journal().segment() == before {
            record(self);
        }
        self.boundary = before;
    }

    pub(super) fn tampered_boundary(&self) -> u64 {
        self.boundary
    }

    fn machine_mut(&mut self) -> &mut Machine {
        self.machine.as_mut().expect("it runs")
    }

    pub(super) fn frame(&mut self, frame: &str) -> CommandNo {
        let journal = self.machine().journal();
        let envelope = decode(frame.as_bytes(), self.machine().state().limits(), journal.secret());
        let envelope = envelope.expect("a command");
        let kind = InputKind::Command { conn: self.conn, envelope: envelope.into() };
        CommandNo(self.take(kind, frame.as_bytes()).0)
    }

    fn take(&mut self, kind: InputKind, body: &[u8]) -> Seq {
        let is_answer = matches!(kind, InputKind::Answered { answer: Answer::Data, .. });
        let machine = self.machine_mut();
        let seq = machine.take(kind, body).expect("taken");
        machine.commit().expect("committed");
        let durable = machine.journal().durable();
        let mut answer = None;
        while let Some((_, output)) = machine.release(durable) {
            if let Output::Deliver { frame: Frame::Response { outcome, .. }, .. } = output
                && let Ok(Data::Body(body)) = outcome.result
            {
                answer = Some(body);
            }
        }
        if is_answer {
            let text = String::from_utf8_lossy(body).into_owned();
            self.answers.push((answer.expect("an answer"), text));
        }
        seq
    }
}

/// The thread's side, on a journal of the caller's.
pub(super) fn worker(journal: &Journal, retention: Retention) -> Worker {
    worker_of(journal.archive(), retention, Vec::new(), channel().0)
}

fn worker_of(archive: Archive, retention: Retention, bad: Vec<u64>, ask: Sender<Asked>) -> Worker {
    let shared = Arc::new(Shared::default());
    assert_eq!(*shared.report(), Report::default());
    Worker {
        archive,
        retention,
        settled: 0,
        bad,
        bad_indexes: BTreeSet::new(),
        given_up: BTreeSet::new(),
        bad_filter: false,
        stuck: None,
        compressed: 0,
        times: Some(Box::new(times())),
        doubtful: 0,
        has_doubted: false,
        growth: super::super::room::Growth::default(),
        asking: ask,
        shared,
        wake: Box::new(|| {}),
    }
}

/// The present, a moment after every input: nobody has set a clock.
pub(super) fn times() -> Times {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after the epoch");
    let now = Micros(u64::try_from(now.as_micros()).expect("in range")).plus_ms(1_000);
    Times { at: now, wall: now, walls: Walls::new(), read: None }
}

/// Tells a keeper the present.
pub(super) fn tell_time(keeper: &mut Keeper) {
    let Times { at, wall, walls, read: _ } = times();
    keeper.tell_time(at, &walls, || Duration::from_micros(wall.0));
}

/// What is said by the only agent.
pub(super) fn agent(said: AgentSaid) -> InputKind {
    InputKind::Agent { agent: AgentNo(1), said }
}

fn settings(segment_bytes: u32) -> Settings {
    Settings {
        durability: Durability::Process,
        segment_bytes,
        background: false,
        waker: Arc::new(|| {}),
    }
}

fn origin() -> Origin {
    Origin { journal: JournalId([5; 16]), key: [6; 32], now: Micros(1) }
}

pub(super) fn boot() -> InputKind {
    InputKind::Boot(Box::new(Boot {
        rules: RuleSet::default(),
        server_version: "test".into(),
        limits: Limits { rate: false, read_outcomes_max: 10_000, ..Limits::default() },
        entropy: [3; 16],
        clean: false,
        recovery: RecoveryPolicy::Resume,
        agent: AgentKind::Demo,
        default_cwd: "/".into(),
        journal_path: "journal".into(),
        journal: JournalFacts::default(),
        wall: pi_server_core::WallOffset(0),
    }))
}

impl FakeDisk {
    pub(super) fn bytes_kept(&self, shelf: Shelf, number: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.damage_kept(shelf, number, |kept| bytes.clone_from(kept));
        bytes
    }
}
