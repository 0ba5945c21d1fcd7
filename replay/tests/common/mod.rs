//! Writes journals as the daemon does, and alters them as only a forger would.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(unreachable_pub, missing_docs, reason = "shared by test binaries")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use pi_server::journal::{Durability, Journal, OpenError, Options};
use pi_server_core::audience::Audiences;
use pi_server_core::input::{
    AgentEvent, AgentInfo, AgentKind, AgentReady, AgentSaid, Answer, Boot, Disposition, InputKind,
    JournalFacts, Opened, RecoveryPolicy, Reply, RuleSet, Transport,
};
use pi_server_core::output::Output;
use pi_server_core::record::{
    Cursor, Framer, Header, Mark, RECORD_HEADER_BYTES, Reader, SEGMENT_HEADER_BYTES, Secret,
    SegmentHeader, digest_outputs,
};
use pi_server_core::wire::{decode, render};
use pi_server_core::{
    AgentNo, CommandNo, ConnId, Digest, Limits, Micros, Outputs, Seq, State, Text,
};

/// A small daemon: journal and state, and the frames that connections were sent.
pub struct Scribe {
    pub journal: Journal,
    pub state: State,
    outputs: Outputs,
    scratch: Vec<u8>,
    previous: Digest,
    at: u64,
    audiences: Audiences,
    /// Frames that were rendered at their time: to whom, and the bytes.
    pub sent: Vec<(ConnId, Vec<u8>)>,
    /// Keep `sent`; benchmarks do not.
    pub keeps_sent: bool,
    /// Every input and its outputs in the notation.
    pub notation: String,
}

impl Scribe {
    /// Opens the journal in a data directory and feeds what is in it.
    pub fn open(dir: &Path, segment_bytes: u32) -> Scribe {
        let durability = Durability::None;
        let options = Options { segment_bytes, durability, ..Options::new(dir) };
        // A child that another test is starting has our lock too, until it becomes its program.
        let journal = loop {
            match Journal::open(&options) {
                Ok(opened) => break opened.journal,
                Err(OpenError::Locked { .. }) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        };
        let (mut state, mut outputs) = (State::new(), Outputs::new());
        let (mut scratch, mut previous) = (Vec::new(), Digest::default());
        journal
            .replay(|input, _| {
                state.step(input, &mut outputs);
                previous = digest_outputs(outputs.as_slice(), &mut scratch);
            })
            .unwrap();
        let at = journal.last_at().0.max(1_000_000);
        Scribe {
            journal,
            state,
            outputs,
            scratch,
            previous,
            at,
            audiences: Audiences::new(),
            sent: Vec::new(),
            keeps_sent: true,
            notation: String::new(),
        }
    }

    pub fn take(&mut self, kind: InputKind, body: &[u8]) -> Seq {
        self.at += 1_000;
        let input = self.journal.append(Micros(self.at), kind, body, self.previous).unwrap();
        self.state.step(&input, &mut self.outputs);
        self.previous = digest_outputs(self.outputs.as_slice(), &mut self.scratch);
        if self.keeps_sent {
            writeln!(self.notation, "{input}").unwrap();
            for output in self.outputs.as_slice() {
                writeln!(self.notation, "  {output}").unwrap();
                self.audiences.apply(output);
                if let Output::Deliver { to, frame } = output {
                    let mut json = Vec::new();
                    render(frame, &self.journal, &mut json);
                    let sent = &mut self.sent;
                    self.audiences.resolve(to, frame, |conn| sent.push((conn, json.clone())));
                }
            }
        }
        input.seq
    }

    pub fn commit(&mut self) {
        self.journal.commit(self.previous).unwrap();
    }

    /// Ends the daemon's life as it should end.
    pub fn stop(mut self) -> String {
        self.take(InputKind::Stop, &[]);
        self.commit();
        self.journal.sync().unwrap();
        let notation = std::mem::take(&mut self.notation);
        self.journal.close().unwrap();
        notation
    }

    pub fn boot(&mut self, clean: bool) -> Seq {
        let mut limits = Limits { rate: false, ..Limits::default() };
        limits.set("frame_bytes_max", 4_096).unwrap();
        let boot = Boot {
            rules: RuleSet::default(),
            server_version: Text::from("0.1.0"),
            limits,
            entropy: [9; 16],
            clean,
            recovery: RecoveryPolicy::Resume,
            agent: AgentKind::Demo,
            default_cwd: Text::from("/home"),
            journal_path: Text::from("/data"),
            journal: JournalFacts::default(),
            wall: pi_server_core::WallOffset(0),
        };
        self.audiences.clear();
        self.take(InputKind::Boot(Box::new(boot)), &[])
    }

    pub fn client(&mut self, name: Option<&str>) -> ConnId {
        let opened = Opened { transport: Transport::WebSocket, client: name.map(Text::from) };
        ConnId(self.take(InputKind::Opened(opened), &[]).0)
    }

    /// A frame as it comes from a client.
    pub fn frame(&mut self, conn: ConnId, json: &str) -> CommandNo {
        let secret = self.journal.secret().clone();
        let kind = match decode(json.as_bytes(), self.state.limits(), &secret) {
            Ok(envelope) => InputKind::Command { conn, envelope: envelope.into() },
            Err(malformed) => InputKind::Malformed { conn, malformed: Box::new(malformed) },
        };
        CommandNo(self.take(kind, json.as_bytes()).0)
    }

    pub fn agent(&mut self, agent: u64, said: AgentSaid, body: &[u8]) -> Seq {
        self.take(InputKind::Agent { agent: AgentNo(agent), said }, body)
    }

    /// A session with an agent that is up. The first one of a journal gets agent 1.
    pub fn session(&mut self, conn: ConnId, id: &str, agent: u64) {
        let create = format!(r#"{{"id":"make-{id}","type":"create_session","sessionId":"{id}"}}"#);
        let query = self.frame(conn, &create);
        let answer = Answer::Directory { cwd: Text::from("/home") };
        self.take(InputKind::Answered { query, answer }, &[]);
        let ready = AgentReady {
            version: Text::from("demo"),
            settles: true,
            disposition: true,
            absent: Vec::new(),
            info: AgentInfo::default(),
        };
        self.agent(agent, AgentSaid::Ready(Box::new(ready)), &[]);
    }

    /// A turn from the prompt to its end, with as many text events as asked for.
    pub fn turn(&mut self, conn: ConnId, session: &str, agent: u64, id: &str, events: u32) {
        let prompt = format!(
            r#"{{"id":"{id}","type":"prompt","sessionId":"{session}","message":"say {id}"}}"#
        );
        let call = self.frame(conn, &prompt);
        let reply = Reply::Done(Disposition::Started);
        self.agent(agent, AgentSaid::Replied { call, reply }, &[]);
        self.agent(agent, AgentSaid::Event(AgentEvent::RunStarted), br#"{"type":"agent_start"}"#);
        for number in 0..events {
            let body = format!(r#"{{"type":"message_update","text":"{id} {number}"}}"#);
            self.agent(agent, AgentSaid::Event(AgentEvent::Other), body.as_bytes());
        }
        let ended = AgentEvent::RunEnded { will_retry: false, failed: false };
        self.agent(agent, AgentSaid::Event(ended), br#"{"type":"agent_end"}"#);
        self.agent(agent, AgentSaid::Event(AgentEvent::RunSettled), br#"{"type":"agent_settled"}"#);
        self.commit();
    }
}

/// A journal of two lives with clients, sessions, turns, bad frames and answers with data.
/// Returns its notation.
pub fn two_lives(dir: &Path) -> String {
    let mut scribe = Scribe::open(dir, 1 << 20);
    scribe.boot(true);
    let (one, two) = (scribe.client(None), scribe.client(Some("editor")));
    scribe.commit();
    scribe.session(one, "a", 1);
    scribe.commit();
    scribe.frame(two, r#"{"id":"s","type":"switch_session","sessionId":"a"}"#);
    scribe.turn(one, "a", 1, "p1", 3);
    scribe.frame(one, "null");
    scribe.frame(one, r#"{"id":"x","type":"no_such_command"}"#);
    scribe.frame(two, &format!(r#"{{"type":"prompt","message":"{}"}}"#, "x".repeat(5_000)));
    let metrics = scribe.frame(two, r#"{"id":"m","type":"get_metrics"}"#);
    scribe.take(InputKind::Answered { query: metrics, answer: Answer::Data }, br#"{"commands":3}"#);
    scribe.commit();
    scribe.turn(one, "a", 1, "p2", 2);
    let mut notation = scribe.stop();
    let mut scribe = Scribe::open(dir, 1 << 20);
    scribe.boot(true);
    let three = scribe.client(None);
    scribe.frame(three, r#"{"id":"back","type":"switch_session","sessionId":"a","cursor":0}"#);
    scribe.frame(three, r#"{"id":"h","type":"health_check"}"#);
    // The answer of the life before, with its data, from its place in the journal.
    scribe.frame(three, r#"{"id":"p1","type":"prompt","sessionId":"a","message":"say p1"}"#);
    scribe.commit();
    notation += &scribe.stop();
    notation
}

/// The first segment of a journal.
pub fn first_segment(dir: &Path) -> PathBuf {
    dir.join("journal/00000001.seg")
}

/// A record in the hands of a forger.
pub struct Forged {
    pub header: Header,
    pub mark: Option<Mark>,
    pub input: Vec<u8>,
    pub body: Vec<u8>,
}

/// Lets `forge` change every record of the first segment, and then makes every checksum and the
/// chain right again. Lengths must stay.
pub fn forge(dir: &Path, mut forge: impl FnMut(&mut Forged)) {
    let path = first_segment(dir);
    let bytes = std::fs::read(&path).unwrap();
    let journal = SegmentHeader::parse(&bytes).unwrap().journal;
    let framer = Framer::new(journal);
    let (mut cursor, mut reader) = (Cursor::start(journal), Reader::new(&framer, &bytes));
    let mut forged = bytes[..SEGMENT_HEADER_BYTES].to_vec();
    let mut tag = journal.genesis();
    while let Ok(record) = reader.next(&mut cursor) {
        let body_at = record.offset + RECORD_HEADER_BYTES + record.input.len();
        let body_len = usize::try_from(record.header.body_len).unwrap();
        let mut copy = Forged {
            header: record.header,
            mark: record.mark,
            input: record.input.to_vec(),
            body: bytes[body_at..body_at + body_len].to_vec(),
        };
        forge(&mut copy);
        let Forged { mut header, mark: _, input, body } = copy;
        header.body_crc = if header.erased || body.is_empty() { 0 } else { crc32fast::hash(&body) };
        header.tag = header.chain(tag, &input);
        tag = header.tag;
        forged.extend_from_slice(&framer.header(&header, &input));
        forged.extend_from_slice(&input);
        forged.extend_from_slice(&body);
        forged.resize(forged.len().next_multiple_of(8), 0);
    }
    forged.resize(bytes.len(), 0);
    std::fs::write(path, forged).unwrap();
}

/// The journal's secret.
pub fn secret(dir: &Path) -> Secret {
    Secret::new(std::fs::read(dir.join("journal.key")).unwrap().try_into().unwrap())
}

/// Runs a verb of the tool on a directory: `arguments` are the verb and what follows the directory.
pub fn binary(arguments: &[&str], dir: &Path) -> std::process::Output {
    let mut command =
        std::process::Command::new(option_env!("CARGO_BIN_EXE_pi-replay").unwrap_or("pi-replay"));
    command.arg(arguments[0]).arg(dir).args(&arguments[1..]).output().unwrap()
}

/// What the tool printed, as JSON.
pub fn json(output: &std::process::Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or(serde_json::Value::Null)
}

/// Every file below a directory with its bytes.
pub fn tree(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((path.clone(), std::fs::read(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}
