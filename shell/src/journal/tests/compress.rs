//! Compressed segments: read as before, by every reader.

use pi_server_compress::is_compressed;
use pi_server_core::record::Fault;

use super::*;

/// Some sealed segments and the one that is being written, closed.
fn written(options: &Options) -> Vec<(Input, Vec<u8>)> {
    let mut journal = Journal::open(options).unwrap().journal;
    let written = fill(&mut journal, 2_000, 400);
    assert!(journal.segment() > 5);
    journal.close().unwrap();
    written
}

/// Compresses the sealed segments of a journal that is closed; how many there were.
fn compress(dir: &Path) -> u64 {
    let archive = archive(dir);
    // The last one is ahead of need, the one before it is being written.
    let sealed = *archive.segments().unwrap().last().unwrap() - 2;
    for segment in 1..=sealed {
        assert!(archive.compress(segment).unwrap(), "segment {segment}");
        assert!(!archive.compress(segment).unwrap(), "only once");
    }
    sealed
}

#[test]
fn a_journal_whose_segments_were_compressed_is_read_as_before_and_gone_on_with() {
    for backend in [Backend::MapAnywhere, Backend::Pwrite] {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { backend, ..options(dir.path()) };
        let written = written(&options);
        let before = files(dir.path());
        let sealed = compress(dir.path());
        for ((name, before), (_, after)) in before.iter().zip(files(dir.path())) {
            let mut restored = Vec::new();
            if pi_server_compress::restore(&after, &mut restored).unwrap() {
                assert!(after.len() < before.len() / 2, "{name}");
                assert!(restored == *before, "{name}");
                let mode = std::fs::metadata(name).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{name}");
            } else {
                assert!(after == *before || !name.contains("/journal/"), "{name}");
            }
        }
        let Opened { mut journal, facts } = Journal::open(&options).unwrap();
        assert_eq!((facts.records, facts.tail), (2_000, Tail::Clean));
        let expected: Vec<_> = written.iter().map(|(input, _)| input.clone()).collect();
        assert_eq!(inputs(&journal), expected);
        for (input, body) in &written {
            assert_eq!(journal.body(input.body), Some(&body[..]), "{}", input.seq);
        }
        let scanned = journal.scan_from(Seq(700)).map(|scanned| scanned.unwrap().input);
        assert!(scanned.eq(expected[699..].iter().cloned()));
        fill(&mut journal, 300, 400);
        journal.close().unwrap();
        assert_eq!(Journal::open(&options).unwrap().facts.records, 2_300);
        assert_eq!(compress_again(dir.path(), sealed), sealed + 1);
    }
}

/// Compresses what was sealed since; the last segment that is compressed.
fn compress_again(dir: &Path, sealed: u64) -> u64 {
    let archive = archive(dir);
    assert!(!archive.compress(sealed).unwrap());
    assert!(archive.compress(sealed + 1).unwrap());
    sealed + 1
}

#[test]
fn what_was_erased_from_a_compressed_segment_is_gone_and_it_stays_compressed() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let mut journal = Journal::open(&options).unwrap().journal;
    let secret: Vec<u8> =
        (0..3_000_u32).flat_map(|it| crc32fast::hash(&it.to_le_bytes()).to_le_bytes()).collect();
    let input = journal.append(Micros(0), closed(1), &secret, NOTHING).unwrap();
    journal.commit(NOTHING).unwrap();
    fill(&mut journal, 900, 400);
    journal.close().unwrap();
    compress(dir.path());
    let path = dir.path().join("data/journal/00000001.seg");
    let before = std::fs::read(&path).unwrap();
    assert!(before.windows(16).any(|window| window == &secret[5_000..5_016]), "it is as it is");
    let erased = archive(dir.path()).erase(1, &mut |record| record.header.seq == input.seq);
    assert_eq!(erased.unwrap().bodies, 1);
    let after = std::fs::read(&path).unwrap();
    assert!(is_compressed(&after) && after.len() < before.len() - 10_000);
    for window in secret.chunks_exact(16) {
        assert!(!after.windows(16).any(|found| found == window));
    }
    let journal = Journal::open(&options).unwrap().journal;
    assert_eq!(journal.body(input.body), None);
    assert_eq!(inputs(&journal).len(), 901);
}

#[test]
fn damage_to_a_compressed_segment_is_named_by_everybody_who_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let written = written(&options);
    compress(dir.path());
    let path = dir.path().join("data/journal/00000002.seg");
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    let last = bad.len() - 3;
    bad[last] ^= 4;
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let before = files(&dir.path().join("data/journal"));
        let error = Journal::open(&options).err().expect("refused");
        assert!(files(&dir.path().join("data/journal")) == before);
        error
    };
    let error = refused(&bad);
    assert!(matches!(error, OpenError::Compressed { segment: 2, .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("segment 2: the compressed block of the bytes from 4096 on"), "{text}");
    let error = refused(&good[..good.len() - 100]);
    assert!(error.to_string().contains("segment 2: the compressed file has"), "{error}");
    // In the table, in the zeros at the end of the header, and in the header itself.
    for length in [5_000, 3_000] {
        let error = refused(&good[..length]);
        assert!(matches!(error, OpenError::Compressed { segment: 2, .. }), "{length}: {error}");
    }
    let error = refused(&good[..1_000]);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    // Damage that comes later is met where it is read.
    std::fs::write(&path, &good).unwrap();
    let journal = Journal::open(&options).unwrap().journal;
    std::fs::write(&path, &bad).unwrap();
    let second = journal.first_of(2).unwrap();
    let errors: Vec<_> = journal.scan_from(second).filter_map(Result::err).collect();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].segment, 2);
    assert!(errors[0].to_string().contains("compressed block"));
    let error = journal.replay(|_, _| {}).unwrap_err();
    assert_eq!((error.segment, error.offset), (2, 4_096));
    let within = |input: &Input| input.seq >= second && input.seq < journal.first_of(3).unwrap();
    for (input, body) in &written {
        let left = (!within(input) || body.is_empty()).then_some(&body[..]);
        assert_eq!(journal.body(input.body), left, "{}", input.seq);
    }
    drop(journal);
    let error = archive(dir.path()).erase(2, &mut |_| true).unwrap_err();
    assert!(matches!(error.fault, ReadFault::Compressed(_)), "{error}");
}

#[test]
fn damage_from_before_is_found_after_compressing_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    written(&options);
    let path = dir.path().join("data/journal/00000002.seg");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[30_000] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let fault = |archive: &Archive| archive.erase(2, &mut |_| false).unwrap_err().to_string();
    let before = fault(&archive(dir.path()));
    compress(dir.path());
    assert_eq!(fault(&archive(dir.path())), before);
    bytes[100] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let error = archive(dir.path()).compress(2).unwrap_err();
    assert!(matches!(error.fault, ReadFault::Segment(_)), "{error}");
    assert!(std::fs::read(&path).unwrap() == bytes);
    std::fs::copy(dir.path().join("data/journal/00000003.seg"), &path).unwrap();
    let foreign = archive(dir.path()).erase(2, &mut |_| false).unwrap_err();
    assert!(matches!(foreign.fault, ReadFault::Record(Fault::Order)), "{foreign}");
}

#[test]
fn what_was_decompressed_is_let_go_of_and_a_turn_knows_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let written = written(&options);
    let sealed = compress(dir.path());
    let mut journal = Journal::open(&options).unwrap().journal;
    assert!(!journal.has_restored());
    let of = |segment: u64, journal: &Journal| {
        let first = journal.first_of(segment).unwrap();
        written.iter().map(|(input, _)| input).find(|input| input.seq > first && input.body.len > 0)
    };
    let body = of(1, &journal).unwrap().body;
    assert!(journal.body(body).is_some());
    assert!(journal.has_restored());
    // A turn that takes nothing in ends as well.
    journal.commit(NOTHING).unwrap();
    assert!(!journal.has_restored());
    assert!(journal.body(body).is_some());
    assert!(!journal.has_restored(), "it is still there");
    for segment in 1..=sealed {
        let body = of(segment, &journal).unwrap().body;
        assert!(journal.body(body).is_some());
    }
    assert!(journal.views_open.get() > VIEWS_MAX);
    journal.commit(NOTHING).unwrap();
    assert_eq!(journal.views_open.get(), 0, "memory does not grow with what was read");
    let last = of(sealed + 1, &journal).unwrap().body;
    assert!(journal.body(last).is_some());
    assert!(!journal.has_restored(), "what is no file of its own form costs nothing");
}
