//! What the journal costs: an append with its commit on both backends, a sync of one input and of a
//! group, the lookup of a body, a start, and writing and reading a snapshot.

use std::ops::ControlFlow;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pi_server::journal::{Backend, Durability, Journal, Options};
use pi_server_core::input::{AgentEvent, AgentSaid};
use pi_server_core::record::Snapshot;
use pi_server_core::snapshot::LAYOUT;
use pi_server_core::{AgentNo, Digest, InputKind, Micros, Seq};

fn kind() -> InputKind {
    InputKind::Agent { agent: AgentNo(1), said: AgentSaid::Event(AgentEvent::Other) }
}

fn open(dir: &std::path::Path, backend: Backend) -> Journal {
    let options = Options { backend, durability: Durability::None, ..Options::new(dir) };
    Journal::open(&options).expect("a temporary directory takes a journal").journal
}

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("append");
    for (name, backend) in [("map", Backend::MapAnywhere), ("pwrite", Backend::Pwrite)] {
        for length in [0, 256, 16 << 10] {
            let dir = tempfile::tempdir().expect("there is a place for temporary files");
            let mut journal = open(dir.path(), backend);
            let body = vec![b'x'; length];
            group.throughput(Throughput::Elements(1));
            group.bench_function(format!("{name}/{length}"), |b| {
                b.iter(|| {
                    let appended = journal.append(Micros(0), kind(), &body, Digest::default());
                    appended.expect("the disk takes it").seq
                });
            });
            journal.commit(Digest::default()).expect("the disk takes it");
        }
    }
    group.finish();
}

fn commit_and_sync(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("there is a place for temporary files");
    let mut journal = open(dir.path(), Backend::MapAnywhere);
    let mut group = |count: usize, sync: bool| {
        for _ in 0..count {
            let appended = journal.append(Micros(0), kind(), &[b' '; 400], Digest::default());
            appended.expect("the disk takes it");
        }
        journal.commit(Digest::default()).expect("the disk takes it");
        if sync {
            journal.sync().expect("the disk takes it");
        }
    };
    c.bench_function("append and commit", |b| b.iter(|| group(1, false)));
    let mut benches = c.benchmark_group("append, commit and sync");
    for count in [1, 64] {
        benches.throughput(Throughput::Elements(count as u64));
        benches.bench_function(format!("a group of {count}"), |b| b.iter(|| group(count, true)));
    }
    benches.finish();
}

/// The file of a snapshot: written, synced and renamed; read, checked and compared with the segment
/// behind it. What it takes to make a state of it is the core's.
fn snapshot(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("there is a place for temporary files");
    let options = Options { segment_bytes: 64 << 10, ..Options::new(dir.path()) };
    let mut journal = Journal::open(&options).expect("a new journal").journal;
    while journal.segment() < 3 {
        let appended = journal.append(Micros(0), kind(), &[b' '; 4_000], Digest::default());
        appended.expect("the disk takes it");
        journal.commit(Digest::default()).expect("the disk takes it");
    }
    journal.sync().expect("the disk takes it");
    let archive = journal.archive();
    let mut cursor = archive.start();
    let fed = archive.feed(&mut cursor, &mut |_, _| ControlFlow::Continue(()));
    assert!(fed.expect("a sealed segment"));
    let mut group = c.benchmark_group("snapshot");
    for mebibytes in [1, 16] {
        let state = vec![b's'; mebibytes << 20];
        let snapshot = Snapshot {
            cursor,
            outputs: Digest::default(),
            layout: LAYOUT,
            state: &state,
            rest: b"",
        };
        group.throughput(Throughput::Bytes(state.len() as u64));
        group.bench_function(format!("write/{mebibytes} MiB"), |b| {
            b.iter(|| archive.save(&snapshot).expect("the disk takes it"));
        });
        group.bench_function(format!("read/{mebibytes} MiB"), |b| {
            b.iter(|| {
                let read = archive.load(cursor.segment, |snapshot| Ok(snapshot.state.len()));
                assert_eq!(read.expect("a good snapshot"), state.len());
            });
        });
    }
    group.finish();
}

fn read(c: &mut Criterion) {
    const COUNT: u64 = 200_000;
    let dir = tempfile::tempdir().expect("there is a place for temporary files");
    let mut journal = open(dir.path(), Backend::MapAnywhere);
    let mut bodies = Vec::new();
    for n in 0..COUNT {
        let body = n.to_le_bytes();
        let appended = journal.append(Micros(0), kind(), &body, Digest::default());
        bodies.push(appended.expect("the disk takes it").body);
        journal.commit(Digest::default()).expect("the disk takes it");
    }
    let mut at = 0;
    c.bench_function("body of any age", |b| {
        b.iter(|| {
            at = (at + 7_919) % bodies.len();
            journal.body(bodies[at]).map(<[u8]>::len)
        });
    });
    c.bench_function("body of the last input", |b| {
        b.iter(|| journal.body(bodies[bodies.len() - 1]).map(<[u8]>::len));
    });
    drop(journal);
    let mut group = c.benchmark_group("start");
    group.sample_size(10).throughput(Throughput::Elements(COUNT));
    group.bench_function("200k records", |b| {
        b.iter(|| assert_eq!(open(dir.path(), Backend::MapAnywhere).last_seq(), Seq(COUNT)));
    });
    group.finish();
}

fn first_start(c: &mut Criterion) {
    let mut group = c.benchmark_group("start");
    group.sample_size(10);
    group.bench_function("first", |b| {
        b.iter_with_large_drop(|| {
            let dir = tempfile::tempdir().expect("there is a place for temporary files");
            (open(dir.path(), Backend::MapAnywhere), dir)
        });
    });
    group.finish();
}

criterion_group!(benches, append, commit_and_sync, snapshot, read, first_start);
criterion_main!(benches);
