//! Journals made by the shell's own writer, verified and shown.
#![expect(clippy::unwrap_used, reason = "what a test cannot make or read has failed it")]

use std::path::{Path, PathBuf};

use pi_replay::Error;
use pi_replay::show::{Choice, show};
use pi_replay::verify::{Divergence, verify};
use pi_server::journal::{Backend, Journal, Options};
use pi_server_core::input::{
    AgentEvent, AgentInfo, AgentReady, AgentSaid, Answer, Boot, Opened, RuleSet, Transport,
};
use pi_server_core::input::{Disposition, JournalFacts, RecoveryPolicy, Reply};
use pi_server_core::record::digest_outputs;
use pi_server_core::wire::decode;
use pi_server_core::{
    AgentNo, CommandNo, ConnId, Digest, InputKind, Limits, Micros, Outputs, Seq, State,
};

/// What the daemon does with an input, without its sockets.
struct Daemon {
    journal: Journal,
    state: State,
    outputs: Outputs,
    digest: Digest,
}

impl Daemon {
    fn open(dir: &Path) -> Daemon {
        let options =
            Options { segment_bytes: 64 << 10, backend: Backend::Pwrite, ..Options::new(dir) };
        let journal = Journal::open(&options).unwrap().journal;
        let mut daemon = Daemon {
            journal,
            state: State::new(),
            outputs: Outputs::new(),
            digest: Digest::default(),
        };
        let Daemon { journal, state, outputs, digest } = &mut daemon;
        journal
            .replay(|input, _| {
                state.step(input, outputs);
                *digest = digest_outputs(outputs.as_slice(), &mut Vec::new());
            })
            .unwrap();
        daemon.take(boot(), b"");
        daemon
    }

    fn take(&mut self, kind: InputKind, body: &[u8]) -> Seq {
        let at = Micros(self.journal.last_at().0 + 1_000);
        let input = self.journal.append(at, kind, body, self.digest).unwrap();
        self.state.step(&input, &mut self.outputs);
        self.digest = digest_outputs(self.outputs.as_slice(), &mut Vec::new());
        input.seq
    }

    /// A frame, as a client sends it.
    fn frame(&mut self, conn: ConnId, frame: &str) -> Seq {
        let kind = match decode(frame.as_bytes(), self.state.limits(), self.journal.secret()) {
            Ok(envelope) => InputKind::Command { conn, envelope: envelope.into() },
            Err(malformed) => InputKind::Malformed { conn, malformed: Box::new(malformed) },
        };
        self.take(kind, frame.as_bytes())
    }

    fn commit(&mut self) {
        self.journal.commit(self.digest).unwrap();
    }

    fn client(&mut self, name: Option<&str>) -> ConnId {
        let client = name.map(Into::into);
        ConnId(self.take(InputKind::Opened(Opened { transport: Transport::Unix, client }), b"").0)
    }

    /// A session with a turn of many events.
    fn session(&mut self, conn: ConnId, id: &str, agent: u64, events: u64) {
        let frame = format!(r#"{{"type":"create_session","id":"c-{id}","sessionId":"{id}"}}"#);
        let query = CommandNo(self.frame(conn, &frame).0);
        let answer = Answer::Directory { cwd: "/work".into() };
        self.take(InputKind::Answered { query, answer }, b"");
        let agent = AgentNo(agent);
        let ready = AgentReady {
            version: "demo".into(),
            settles: true,
            disposition: true,
            absent: Vec::new(),
            info: AgentInfo::default(),
        };
        self.says(agent, AgentSaid::Ready(Box::new(ready)), b"");
        let prompt = r#"{"type":"prompt","sessionId":"ID","message":"do"}"#.replace("ID", id);
        let call = CommandNo(self.frame(conn, &prompt).0);
        let reply = Reply::Done(Disposition::Started);
        self.says(agent, AgentSaid::Replied { call, reply }, b"");
        self.says(agent, AgentSaid::Event(AgentEvent::RunStarted), b"{}");
        for event in 0..events {
            let body = format!(r#"{{"type":"message_update","n":{event}}}"#);
            self.says(agent, AgentSaid::Event(AgentEvent::Other), body.as_bytes());
            if event % 5 == 0 {
                self.commit();
            }
        }
        let ended = AgentEvent::RunEnded { will_retry: false, failed: false };
        self.says(agent, AgentSaid::Event(ended), b"{}");
        self.says(agent, AgentSaid::Event(AgentEvent::RunSettled), b"{}");
        self.commit();
    }

    fn says(&mut self, agent: AgentNo, said: AgentSaid, body: &[u8]) -> Seq {
        self.take(InputKind::Agent { agent, said }, body)
    }
}

fn boot() -> InputKind {
    InputKind::Boot(Box::new(Boot {
        rules: RuleSet::V1,
        server_version: "test".into(),
        limits: Limits { rate: false, ..Limits::default() },
        entropy: [3; 16],
        clean: false,
        recovery: RecoveryPolicy::Resume,
        agent: pi_server_core::input::AgentKind::Demo,
        default_cwd: "/work".into(),
        journal_path: "journal".into(),
        journal: JournalFacts::default(),
    }))
}

struct Fixture {
    _dir: tempfile::TempDir,
    data: PathBuf,
}

/// A journal of two lives, several segments and bad frames.
fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut daemon = Daemon::open(&data);
    let conn = daemon.client(Some("editor"));
    daemon.session(conn, "a", 1, 700);
    let other = daemon.client(None);
    daemon.frame(other, "null");
    daemon.frame(other, r#"{"type":"nothing_we_know","id":"x"}"#);
    daemon.frame(other, r#"{"type":"list_sessions","id":"ls"}"#);
    daemon.commit();
    drop(daemon);
    let mut daemon = Daemon::open(&data);
    let conn = daemon.client(None);
    daemon.session(conn, "b", 2, 100);
    drop(daemon);
    Fixture { _dir: dir, data }
}

fn shown(dir: &Path, choice: &Choice) -> String {
    let mut text = Vec::new();
    show(dir, choice, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut list = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list.extend(files(&path));
        } else {
            list.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    list.sort();
    list
}

#[test]
fn a_journal_of_several_lives_and_segments_is_identical_and_not_touched() {
    let fixture = fixture();
    let before = files(&fixture.data);
    let report = verify(&fixture.data).unwrap();
    assert_eq!(report.divergence, None);
    assert_eq!(report.status(), 0);
    let end = report.end.unwrap();
    assert!(end.end.segment > 2, "the fixture has several segments");
    assert_eq!(report.inputs, end.cursor.seq.0);
    let counts = report.counts.unwrap();
    assert!(counts.frames >= 7 && counts.bodies > 800, "{counts:?}");
    assert_eq!((counts.erased, counts.incomplete), (0, 0));
    assert!(before == files(&fixture.data), "reading leaves no trace");
    // The directory of segments names the same journal.
    assert_eq!(verify(&fixture.data.join("journal")).unwrap().inputs, end.cursor.seq.0);
}

#[test]
fn without_the_key_everything_but_bodies_and_frames_is_verified() {
    let fixture = fixture();
    std::fs::remove_file(fixture.data.join("journal.key")).unwrap();
    let report = verify(&fixture.data).unwrap();
    assert_eq!((report.divergence, report.counts), (None, None));
}

#[test]
fn a_step_that_was_recorded_otherwise_is_named_with_what_it_does_today() {
    let fixture = fixture();
    let mut daemon = Daemon::open(&fixture.data);
    let conn = daemon.client(None);
    daemon.digest = Digest([9; 16]);
    daemon.frame(conn, r#"{"type":"list_sessions"}"#);
    daemon.commit();
    let report = verify(&fixture.data).unwrap();
    assert_eq!(report.status(), 10);
    let Some(Divergence::Outputs { seq, input, recorded, computed, outputs }) = &report.divergence
    else {
        panic!("{:?}", report.divergence)
    };
    assert_eq!(seq.0, conn.0, "the input before the record that says otherwise");
    assert!(input.contains(" open"), "{input}");
    assert_eq!(*recorded, Digest([9; 16]));
    assert_ne!(recorded, computed);
    assert!(outputs.iter().any(|output| output.contains("server_ready")), "{outputs:?}");
    let json = report.json();
    assert_eq!(json["result"], "diverged");
    assert_eq!(json["divergence"]["seq"], seq.0);
}

#[test]
fn the_last_step_is_compared_as_well() {
    let fixture = fixture();
    let mut daemon = Daemon::open(&fixture.data);
    daemon.client(None);
    daemon.digest = Digest([9; 16]);
    daemon.commit();
    assert_eq!(verify(&fixture.data).unwrap().status(), 10);
}

#[test]
fn a_frame_that_decodes_to_something_else_is_named() {
    let fixture = fixture();
    let mut daemon = Daemon::open(&fixture.data);
    let conn = daemon.client(None);
    let secret = daemon.journal.secret().clone();
    let envelope = decode(br#"{"type":"list_sessions"}"#, &Limits::default(), &secret).unwrap();
    let command = InputKind::Command { conn, envelope: envelope.into() };
    let forged = daemon.take(command, br#"{"type":"health_check"}"#);
    daemon.commit();
    let report = verify(&fixture.data).unwrap();
    let Some(Divergence::Frame { seq, .. }) = report.divergence else {
        panic!("{:?}", report.divergence)
    };
    assert_eq!(seq, forged);
}

#[test]
fn what_is_not_committed_is_no_part_of_it_and_a_running_daemon_does_not_matter() {
    let fixture = fixture();
    let committed = verify(&fixture.data).unwrap().inputs;
    let mut daemon = Daemon::open(&fixture.data);
    daemon.client(None);
    let report = verify(&fixture.data).unwrap();
    assert_eq!((report.status(), report.inputs), (0, committed));
    daemon.commit();
    assert_eq!(verify(&fixture.data).unwrap().inputs, committed + 2);
}

#[test]
fn damage_is_named_and_told_apart_from_a_wrong_directory() {
    let fixture = fixture();
    let daemon = Daemon::open(&fixture.data);
    daemon.journal.close().unwrap();
    let path = fixture.data.join("journal/00000001.seg");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[9_000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = verify(&fixture.data).unwrap_err();
    assert_eq!(error.status(), 3);
    assert!(error.to_string().contains("segment 1 offset "), "{error}");
    let error = verify(Path::new("/nonexistent")).unwrap_err();
    assert!(matches!(error, Error::NoJournal { .. }) && error.status() == 2, "{error}");
}

#[test]
fn shown_steps_are_a_script_that_can_be_parsed_again() {
    let fixture = fixture();
    let text = shown(&fixture.data, &Choice::default());
    let script = pi_server_core::notation::parse_script(&text);
    let script = script.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(script.steps.len() as u64, verify(&fixture.data).unwrap().inputs);
}

#[test]
fn steps_are_chosen_by_number_session_and_client() {
    let fixture = fixture();
    let steps = |choice: &Choice| {
        shown(&fixture.data, choice).lines().filter(|line| !line.starts_with(' ')).count()
    };
    let all = steps(&Choice::default());
    let choice = |session: &str| Choice { session: Some(session.into()), ..Choice::default() };
    let (a, b) = (steps(&choice("a")), steps(&choice("b")));
    assert!(a > 700 && b > 100 && a + b < all, "{a} {b} {all}");
    assert_eq!(steps(&choice("nobody")), 0);
    let client = |name: &str| Choice { client: Some(name.into()), ..Choice::default() };
    let editor = steps(&client("editor"));
    assert!(editor > 2 && editor < a, "{editor}");
    assert_eq!(editor, steps(&client("c2")));
    let one = shown(&fixture.data, &Choice { at: Some(2), ..Choice::default() });
    assert!(one.starts_with('t') && one.contains("server_ready"), "{one}");
    assert!(one.contains("# the state after it\nState {"), "{one}");
    let json = shown(&fixture.data, &Choice { json: true, ..Choice::default() });
    assert_eq!(json.lines().count(), all);
    assert!(json.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    let late = Choice { at: Some(1_000_000), ..Choice::default() };
    let error = show(&fixture.data, &late, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, Error::NoSuchInput { .. }), "{error}");
}
