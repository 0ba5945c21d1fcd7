//! How fast a journal of a million inputs is verified: cheap commands, one at a time and in bursts, and an agent's
//! stream of events.
#![allow(missing_docs, reason = "criterion's macros make public functions without one")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set up its journal has failed")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::Path;

use common::Scribe;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pi_replay::source::Source;
use pi_replay::verify::verify;
use pi_server_core::input::{AgentEvent, AgentSaid, InputKind};

const INPUTS: u64 = 1_000_000;

/// A journal of health checks, `turn` of them in one turn of the loop.
fn commands(dir: &Path, turn: u64) {
    let mut scribe = scribe(dir);
    let conn = scribe.client(None);
    for number in 0..INPUTS {
        scribe.frame(conn, &format!(r#"{{"id":"c{number}","type":"health_check"}}"#));
        if number % turn == 0 {
            scribe.commit();
        }
    }
    scribe.stop();
}

/// A journal of inputs that do nothing, 16 of them in one turn of the loop.
fn ticks(dir: &Path) {
    let mut scribe = scribe(dir);
    for number in 0..INPUTS {
        scribe.take(InputKind::Tick, &[]);
        if number % 16 == 0 {
            scribe.commit();
        }
    }
    scribe.stop();
}

/// A journal of small events, 16 of them in one turn of the loop.
fn events(dir: &Path) {
    let mut scribe = scribe(dir);
    let conn = scribe.client(None);
    scribe.session(conn, "a", 1);
    let body = br#"{"type":"message_update","delta":"a word or two"}"#;
    for number in 0..INPUTS {
        scribe.agent(1, AgentSaid::Event(AgentEvent::Other), body);
        if number % 16 == 0 {
            scribe.commit();
        }
    }
    scribe.stop();
}

fn scribe(dir: &Path) -> Scribe {
    let mut scribe = Scribe::open(dir, 32 << 20);
    scribe.keeps_sent = false;
    scribe.boot(true);
    scribe
}

fn measure(criterion: &mut Criterion, name: &str, write: impl Fn(&Path)) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let source = Source::open(dir.path()).unwrap();
    let mut group = criterion.benchmark_group("verify");
    group.throughput(Throughput::Elements(INPUTS)).sample_size(10);
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let report = verify(&source, &mut |_| {}).unwrap();
            assert!(report.divergence.is_none() && report.counts.inputs > INPUTS, "{report}");
        });
    });
    group.finish();
}

fn verifications(criterion: &mut Criterion) {
    measure(criterion, "health_check_one_per_commit", |dir| commands(dir, 1));
    measure(criterion, "health_check_64_per_commit", |dir| commands(dir, 64));
    measure(criterion, "events_16_per_commit", events);
    measure(criterion, "ticks_16_per_commit", ticks);
}

criterion_group!(benches, verifications);
criterion_main!(benches);
