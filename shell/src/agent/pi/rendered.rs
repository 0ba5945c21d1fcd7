//! The fuzz target `rendered_frame`: whatever an agent writes, every frame that a client is sent of
//! it keeps the rules that clients are held to. It is here and not in `fuzz/`, so that its corpus
//! runs as an ordinary test as well.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use pi_server_core::input::{
    AgentKind, Answer, Boot, InputKind, JournalFacts, Opened, RecoveryPolicy, RuleSet, Transport,
};
use pi_server_core::output::{Output, Query};
use pi_server_core::record::Secret;
use pi_server_core::wire::{self, Bodies, decode, render};
use pi_server_core::{BodyRef, ConnId, Digest, Input, Limits, Micros, Outputs, Seq, State};

use super::scripted::{Script, Scripted};
use crate::agent::{Heard, Troupe};

/// Commands of the client, after its session is there.
const COMMANDS: &[&str] = &[
    r#""type":"switch_session""#,
    r#""type":"set_session_name","name":"n""#,
    r#""type":"prompt","message":"m""#,
    r#""type":"get_messages""#,
    r#""type":"get_commands""#,
    r#""type":"get_available_models""#,
    r#""type":"set_model","provider":"p","modelId":"m""#,
    r#""type":"bash","command":"c""#,
    r#""type":"get_tree""#,
    r#""type":"get_session_stats""#,
    r#""type":"new_session""#,
    r#""type":"get_state""#,
    r#""type":"list_sessions""#,
];

/// An agent that is up, and then writes the lines that it was given, some for each that it is told.
struct Tape {
    lines: VecDeque<String>,
    told: u32,
}

impl Script for Tape {
    fn started(&mut self, _: &str, _: Option<&str>) {}

    fn told(&mut self, _: &str, _: &str) -> Vec<String> {
        self.told += 1;
        match self.told {
            1 => vec![r#"{"id":1,"type":"response","success":true,"data":{}}"#.to_owned()],
            2 => vec![r#"{"id":2,"type":"response","success":true,"data":{}}"#.to_owned()],
            _ => {
                let share = self.lines.len().min(4);
                self.lines.drain(..share).collect()
            }
        }
    }
}

/// Bytes of all inputs.
#[derive(Default)]
struct Journal(BTreeMap<Seq, Vec<u8>>);

impl Bodies for Journal {
    fn body(&self, body: BodyRef) -> Option<&[u8]> {
        self.0.get(&body.seq).map(Vec::as_slice)
    }
}

struct Machine {
    state: State,
    journal: Journal,
    agents: Scripted<Tape>,
    seq: u64,
    now: Instant,
}

impl Machine {
    /// Steps an input and all that come of it.
    fn feed(&mut self, kind: InputKind, body: Vec<u8>) {
        let mut inputs = VecDeque::from([(kind, body)]);
        let mut outputs = Outputs::new();
        while let Some((kind, body)) = inputs.pop_front() {
            self.seq += 1;
            let seq = Seq(self.seq);
            let len = u32::try_from(body.len()).expect("a small body");
            self.journal.0.insert(seq, body);
            let body = BodyRef { seq, len, digest: Digest::default(), redacted: false };
            let input = Input { seq, at: Micros(self.seq * 1_000), body, kind };
            self.state.step(&input, &mut outputs);
            let mut heard = Vec::new();
            for output in outputs.drain() {
                match output {
                    Output::Deliver { frame, .. } => {
                        let mut json = Vec::new();
                        render(&frame, &self.journal, &mut json);
                        let fit = wire::json::parse(&json);
                        let shown = String::from_utf8_lossy(&json);
                        assert!(fit.is_ok(), "{fit:?}: {shown}");
                    }
                    Output::Ask(ask) => {
                        self.agents.ask(&ask, &self.journal, self.now, &mut heard);
                    }
                    Output::Query { query, what: Query::Directory { .. } } => {
                        let answer = Answer::Directory { cwd: "/".into() };
                        inputs.push_back((InputKind::Answered { query, answer }, Vec::new()));
                    }
                    _ => {}
                }
            }
            self.now += Duration::from_millis(1);
            self.agents.tick(self.now, &mut heard);
            let said = heard
                .into_iter()
                .map(|Heard { agent, said, body }| (InputKind::Agent { agent, said }, body));
            inputs.extend(said);
        }
    }
}

/// What an agent writes, byte by byte as it likes: the first byte chooses its version, the rest are
/// its lines, a few of them after each thing that it is told.
///
/// # Panics
/// A client would be sent a frame that breaks a rule of PROTOCOL.md section 3.
pub fn rendered_frame(bytes: &[u8]) {
    let (choice, lines) = bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest));
    let version = ["0.73.1", "0.87.1", "1.6.0", "9.0.0"][usize::from(choice % 4)];
    let lines = lines.split(|byte| *byte == b'\n');
    let lines = lines.map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let mut machine = Machine {
        state: State::new(),
        journal: Journal::default(),
        agents: Scripted::new(version, Tape { lines, told: 0 }),
        seq: 0,
        now: Instant::now(),
    };
    let boot = Boot {
        rules: RuleSet::default(),
        server_version: "0".into(),
        limits: Limits { rate: false, ..Limits::default() },
        entropy: [1; 16],
        clean: true,
        recovery: RecoveryPolicy::default(),
        agent: AgentKind::Pi,
        default_cwd: "/".into(),
        journal_path: "journal".into(),
        journal: JournalFacts::default(),
        wall: pi_server_core::WallOffset(0),
    };
    machine.feed(InputKind::Boot(Box::new(boot)), Vec::new());
    let opened = Opened { transport: Transport::Unix, client: None };
    machine.feed(InputKind::Opened(opened), Vec::new());
    let conn = ConnId(machine.seq);
    let secret = Secret::new([1; 32]);
    let create = r#""type":"create_session""#;
    for (index, command) in [create].iter().chain(COMMANDS).enumerate() {
        let session = if command.contains("list_sessions") { "" } else { r#","sessionId":"s""# };
        let frame = format!(r#"{{"id":"{index}",{command}{session}}}"#).into_bytes();
        let envelope = decode(&frame, machine.state.limits(), &secret).expect("a command");
        machine.feed(InputKind::Command { conn, envelope: envelope.into() }, frame);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_corpus_of_lines_is_rendered_for_every_reader() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
        let folders =
            ["seeds/pi_line", "corpus/pi_line", "seeds/rendered_frame", "corpus/rendered_frame"];
        let files = folders.iter().flat_map(|name| std::fs::read_dir(root.join(name)).into_iter());
        let files: Vec<_> = files.flatten().map(|entry| entry.expect("an entry").path()).collect();
        assert!(files.len() >= 25, "{} files", files.len());
        for file in files {
            let bytes = std::fs::read(&file).expect("a file");
            let done = std::panic::catch_unwind(|| super::rendered_frame(&bytes));
            assert!(done.is_ok(), "{}", file.display());
        }
    }
}
