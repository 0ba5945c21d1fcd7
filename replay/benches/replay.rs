//! What verifying costs, for each input: agents' events (the cheapest and most frequent) and cheap
//! commands with everything that they put out.

use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pi_replay::verify::verify;
use pi_server::journal::{Durability, Journal, Options};
use pi_server_core::input::{AgentEvent, AgentSaid};
use pi_server_core::notation::parse_script;
use pi_server_core::record::digest_outputs;
use pi_server_core::wire::decode;
use pi_server_core::{AgentNo, ConnId, Digest, InputKind, Micros, Outputs, State};

/// A daemon with a client and a session.
const SETTING: &str = "t1 boot rate=off\nt2 open\nt3 command c2 \"c\" create_session s:a\n\
    t4 answered #3 directory \"/\"\nt5 agent a1 ready settles disposition\n";

struct Writer {
    journal: Journal,
    state: State,
    outputs: Outputs,
    digest: Digest,
    scratch: Vec<u8>,
    count: u64,
}

impl Writer {
    fn open(dir: &Path) -> Writer {
        let options = Options { durability: Durability::None, ..Options::new(dir) };
        let journal = Journal::open(&options).expect("a temporary directory takes a journal");
        let mut writer = Writer {
            journal: journal.journal,
            state: State::new(),
            outputs: Outputs::new(),
            digest: Digest::default(),
            scratch: Vec::new(),
            count: 0,
        };
        for step in parse_script(SETTING).expect("the setting is in the notation").steps {
            let body: &[u8] = match &step.input.kind {
                InputKind::Command { .. } => {
                    writer.command(r#"{"type":"create_session","id":"c","sessionId":"a"}"#);
                    continue;
                }
                _ => b"",
            };
            writer.take(step.input.kind, body);
        }
        writer
    }

    fn command(&mut self, frame: &str) {
        let secret = self.journal.secret();
        let envelope = decode(frame.as_bytes(), self.state.limits(), secret);
        let envelope = envelope.expect("the frame is a command").into();
        self.take(InputKind::Command { conn: ConnId(2), envelope }, frame.as_bytes());
    }

    fn take(&mut self, kind: InputKind, body: &[u8]) {
        let input = self.journal.append(Micros(0), kind, body, self.digest);
        self.state.step(&input.expect("the disk takes it"), &mut self.outputs);
        self.digest = digest_outputs(self.outputs.as_slice(), &mut self.scratch);
        self.count += 1;
        if self.count.is_multiple_of(16) {
            self.commit();
        }
    }

    fn commit(&mut self) {
        self.journal.commit(self.digest).expect("the disk takes it");
    }
}

fn replay(c: &mut Criterion) {
    const COUNT: u64 = 500_000;
    let mut group = c.benchmark_group("verify");
    group.sample_size(10).throughput(Throughput::Elements(COUNT));
    let fill: [(&str, fn(&mut Writer, u64)); 3] = [
        ("ticks", |writer, _| writer.take(InputKind::Tick, b"")),
        ("events", |writer, _| {
            let said = AgentSaid::Event(AgentEvent::Other);
            let kind = InputKind::Agent { agent: AgentNo(1), said };
            writer.take(kind, br#"{"type":"message_update","delta":"some words of a model"}"#);
        }),
        ("commands", |writer, n| {
            writer.command(&format!(r#"{{"type":"get_state","id":"id-{n}","sessionId":"a"}}"#));
        }),
    ];
    for (name, one) in fill {
        let dir = tempfile::tempdir().expect("there is a place for temporary files");
        let mut writer = Writer::open(dir.path());
        for n in 0..COUNT {
            one(&mut writer, n);
        }
        writer.commit();
        drop(writer);
        group.bench_function(name, |b| {
            b.iter(|| {
                let report = verify(dir.path()).expect("the journal is good");
                assert_eq!(report.divergence, None);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, replay);
criterion_main!(benches);
