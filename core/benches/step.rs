//! What a step costs: a cheap command from the cradle to the grave, an agent's event, and the same
//! step with a body of ten bytes and of ten megabytes.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use pi_server_core::command::CommandKind;
use pi_server_core::input::{AgentEvent, AgentSaid, Details, Envelope, Input, InputKind};
use pi_server_core::notation::parse_script;
use pi_server_core::{AgentNo, BodyRef, ConnId, Digest, Micros, Outputs, Seq, State, Text};

/// A daemon with a client and a session, and the number of inputs so far.
fn world() -> (State, u64) {
    let script = parse_script(
        "t1 boot rate=off\nt2 open\nt3 command c2 \"c\" create_session s:a\n\
         t4 answered #3 directory \"/\"\nt5 agent a1 ready settles disposition\n",
    )
    .expect("the script is in the notation");
    let (mut state, mut outputs) = (State::new(), Outputs::new());
    for step in &script.steps {
        state.step(&step.input, &mut outputs);
    }
    (state, 5)
}

fn input(seq: u64, len: u32, kind: InputKind) -> Input {
    let body = BodyRef { seq: Seq(seq), len, digest: Digest::default(), redacted: false };
    Input { seq: Seq(seq), at: Micros(seq * 1_000_000), body, kind }
}

fn command(seq: u64, kind: CommandKind) -> Input {
    let envelope = Envelope {
        kind,
        id: Some(Text::from(format!("client-{seq}"))),
        session: (kind == CommandKind::GetState).then(|| Text::from("a")),
        depends_on: Vec::new(),
        if_session_version: None,
        idempotency_key: None,
        timeout_ms: None,
        fingerprint: Digest([9; 16]),
        details: Details::None,
    };
    input(seq, 64, InputKind::Command { conn: ConnId(2), envelope: Arc::new(envelope) })
}

fn event(seq: u64, len: u32) -> Input {
    let said = AgentSaid::Event(AgentEvent::Other);
    input(seq, len, InputKind::Agent { agent: AgentNo(1), said })
}

/// Steps a batch of inputs on a daemon that has already stored as many outcomes as it keeps.
fn run(criterion: &mut Criterion, name: &str, make: impl Fn(u64) -> Input) {
    const BATCH: u64 = 1_000;
    let (mut state, mut seq) = world();
    let mut outputs = Outputs::new();
    for _ in 0..3_000 {
        seq += 1;
        state.step(&command(seq, CommandKind::HealthCheck), &mut outputs);
    }
    let mut group = criterion.benchmark_group("step");
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function(name, |bencher| {
        bencher.iter_batched_ref(
            || {
                let from = seq + 1;
                seq += BATCH;
                (from..=seq).map(&make).collect::<Vec<_>>()
            },
            |inputs| inputs.iter().for_each(|input| state.step(input, &mut outputs)),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn steps(criterion: &mut Criterion) {
    run(criterion, "health_check", |seq| command(seq, CommandKind::HealthCheck));
    run(criterion, "get_state", |seq| command(seq, CommandKind::GetState));
    run(criterion, "event_10_bytes", |seq| event(seq, 10));
    run(criterion, "event_10_megabytes", |seq| event(seq, 10_000_000));
}

criterion_group!(benches, steps);
criterion_main!(benches);
