//! What a frame costs: decoding a cheap command and messages of growing size, and rendering the
//! frames of a command and of a streaming session.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pi_server_core::command::CommandKind;
use pi_server_core::frame::{CommandName, Data, Frame, Outcome, Phase};
use pi_server_core::ids::CommandNo;
use pi_server_core::input::{Details, Envelope};
use pi_server_core::record::Secret;
use pi_server_core::wire::{Bodies, decode, json, render};
use pi_server_core::{BodyRef, Digest, Limits, Micros, Seq, Text};

/// One body for every reference.
struct One(&'static [u8]);

impl Bodies for One {
    fn body(&self, _body: BodyRef) -> Option<&[u8]> {
        Some(self.0)
    }
}

fn prompt(size: usize, unit: &str) -> Vec<u8> {
    let message = unit.repeat(size / unit.len());
    let fields =
        r#""id":"client-17","type":"prompt","sessionId":"session-a","dependsOn":["client-16"]"#;
    format!("{{{fields},\"message\":\"{message}\"}}").into_bytes()
}

/// A frame of so many bytes with an image, whose length is not bounded but by the frame.
fn picture(size: usize) -> Vec<u8> {
    let image =
        format!(r#"{{"type":"image","data":"{}","mimeType":"image/png"}}"#, "A".repeat(size));
    format!(r#"{{"type":"prompt","sessionId":"a","message":"look","images":[{image}]}}"#)
        .into_bytes()
}

fn decoding(criterion: &mut Criterion) {
    let (limits, secret) = (Limits::default(), Secret::new([7; 32]));
    let cases = [
        ("list_sessions", br#"{"id":"x","type":"list_sessions"}"#.to_vec()),
        ("get_state", br#"{"id":"client-17","type":"get_state","sessionId":"session-a"}"#.to_vec()),
        ("prompt of 100 bytes", prompt(100, "plain ascii ")),
        ("prompt of 100 kB", prompt(100_000, "plain ascii ")),
        ("prompt of 100 kB with escapes", prompt(100_000, "one line of text, \\\"quoted\\\"\\n")),
        ("picture of 10 MB", picture(10_000_000)),
    ];
    let mut group = criterion.benchmark_group("decode");
    for (name, frame) in &cases {
        group.throughput(Throughput::Bytes(frame.len() as u64));
        group.bench_function(*name, |bench| {
            bench.iter(|| decode(black_box(frame), &limits, &secret).expect("a valid command"));
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("scan without a fingerprint");
    for (name, frame) in &cases {
        group.throughput(Throughput::Bytes(frame.len() as u64));
        group.bench_function(*name, |bench| {
            bench.iter(|| json::parse(black_box(frame)).is_ok());
        });
    }
    group.finish();
}

fn outcome() -> Arc<Outcome> {
    Arc::new(Outcome {
        result: Ok(Data::None),
        session_version: Some(17),
        lane_sequence: Some(4_711),
        at: Micros(1),
    })
}

fn lifecycle(phase: Phase) -> Frame {
    let session = Some(Text::from("session-a"));
    let envelope = Envelope {
        kind: CommandKind::GetState,
        id: Some(Text::from("client-17")),
        session: session.clone(),
        depends_on: Vec::new(),
        if_session_version: None,
        idempotency_key: None,
        timeout_ms: None,
        fingerprint: Digest([9; 16]),
        details: Details::None,
    };
    let envelope = Arc::new(envelope);
    Frame::Lifecycle { command: CommandNo(9), envelope, session, lane_sequence: 4_711, phase }
}

fn rendering(criterion: &mut Criterion) {
    let event = br#"{"type":"message_update","assistantMessageEvent":{"type":"text_delta","contentIndex":0,"delta":"Hello"}}"#;
    let body = BodyRef { seq: Seq(9), len: 104, digest: Digest::default(), redacted: false };
    let response = Frame::Response {
        id: Some(Text::from("client-17")),
        command: Some(CommandName::Known(CommandKind::GetState)),
        outcome: outcome(),
        replayed: false,
    };
    let cases = [
        ("accepted", lifecycle(Phase::Accepted)),
        ("started", lifecycle(Phase::Started)),
        ("finished", lifecycle(Phase::Finished(outcome()))),
        ("response", response),
        ("event", Frame::Event { session: Text::from("session-a"), cursor: Seq(8), event: body }),
    ];
    let mut json = Vec::new();
    let mut group = criterion.benchmark_group("render");
    for (name, frame) in &cases {
        group.bench_function(*name, |bench| {
            bench.iter(|| {
                json.clear();
                render(black_box(frame), &One(event), &mut json);
                black_box(json.len())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decoding, rendering);
criterion_main!(benches);
