//! Bodies that are erased: what is left is read as before, by every reader.

use pi_server_core::record::{Fault, Record};

use super::*;

/// Three segments and the beginning of a fourth, closed.
fn written(dir: &Path, backend: Backend) -> Vec<(Input, Vec<u8>)> {
    let mut journal = Journal::open(&Options { backend, ..options(dir) }).unwrap().journal;
    let written = fill(&mut journal, 900, 400);
    assert!(journal.segment() > 3);
    journal.close().unwrap();
    written
}

#[test]
fn a_journal_whose_bodies_were_erased_is_read_as_before_and_gone_on_with() {
    for backend in [Backend::MapAnywhere, Backend::Pwrite] {
        let dir = tempfile::tempdir().unwrap();
        let written = written(dir.path(), backend);
        let even = |seq: Seq| seq.0.is_multiple_of(2);
        let archive_of = archive(dir.path());
        let last = *archive_of.segments().unwrap().last().unwrap();
        let mut bodies = 0;
        for segment in archive_of.segments().unwrap() {
            let mut again = |record: &Record<'_>| even(record.header.seq);
            let erased = archive_of.erase(segment, &mut again).unwrap();
            // The last one is ahead of need, the one before it is being written.
            assert_eq!(erased.sealed, segment + 1 < last, "segment {segment}");
            bodies += erased.bodies;
            assert_eq!(archive_of.erase(segment, &mut again).unwrap().bodies, 0, "only once");
        }
        drop(archive_of);
        let there = written.iter().filter(|(_, body)| !body.is_empty());
        assert_eq!(bodies, there.filter(|(input, _)| even(input.seq)).count() as u64);
        let options = Options { backend, ..options(dir.path()) };
        let Opened { mut journal, facts } = Journal::open(&options).unwrap();
        assert_eq!((facts.records, facts.tail), (900, Tail::Clean));
        let expected: Vec<_> = written.iter().map(|(input, _)| input.clone()).collect();
        assert_eq!(inputs(&journal), expected, "references and digests stay");
        for (input, body) in &written {
            let left = (!even(input.seq) || body.is_empty()).then_some(&body[..]);
            assert_eq!(journal.body(input.body), left, "{}", input.seq);
        }
        // The segment that is being written is the replaced one.
        fill(&mut journal, 300, 400);
        journal.close().unwrap();
        assert_eq!(Journal::open(&options).unwrap().facts.records, 1_200);
    }
}

#[test]
fn nothing_of_an_erased_body_is_left_in_its_segment() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&options(dir.path())).unwrap().journal;
    let secret = b"wer das liest ist neugierig".repeat(300);
    let input = journal.append(Micros(0), closed(1), &secret, NOTHING).unwrap();
    journal.commit(NOTHING).unwrap();
    fill(&mut journal, 900, 400);
    journal.close().unwrap();
    let path = dir.path().join("data/journal/00000001.seg");
    let length = std::fs::metadata(&path).unwrap().len();
    let mut chosen = |record: &Record<'_>| record.header.seq == input.seq;
    let erased = archive(dir.path()).erase(1, &mut chosen).unwrap();
    assert_eq!(erased, Erased { bodies: 1, bytes: secret.len() as u64, sealed: true });
    let metadata = std::fs::metadata(&path).unwrap();
    assert_eq!((metadata.len(), metadata.permissions().mode() & 0o777), (length, 0o600));
    let bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.windows(9).any(|window| window == b"neugierig"));
    let crc = crc32fast::hash(&secret).to_le_bytes();
    assert!(!bytes.windows(4).any(|window| window == crc), "no unkeyed sum of it stays");
    let digest = input.body.digest.0;
    assert!(bytes.windows(16).any(|window| window == digest), "its keyed digest does");
}

#[test]
fn a_damaged_segment_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let written = written(dir.path(), Backend::Pwrite);
    let path = dir.path().join("data/journal/00000001.seg");
    let mut bytes = std::fs::read(&path).unwrap();
    let (input, body) = written.iter().find(|(_, body)| body.len() > 100).unwrap();
    let at = bytes.windows(body.len()).position(|window| window == body).unwrap();
    bytes[at + 50] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let error = archive(dir.path()).erase(1, &mut |_| true).unwrap_err();
    assert!(matches!(error.fault, ReadFault::Record(Fault::Body)), "{error} at {}", input.seq);
    assert!(std::fs::read(&path).unwrap() == bytes);
}

#[test]
fn a_copy_that_never_took_its_name_is_no_part_of_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), Backend::Pwrite);
    let before = archive(dir.path()).segments().unwrap();
    let copy = dir.path().join("data/journal/replaced.tmp");
    std::fs::write(&copy, vec![7; 100_000]).unwrap();
    let Opened { journal, facts } = Journal::open(&options(dir.path())).unwrap();
    assert_eq!((facts.records, facts.tail), (900, Tail::Clean));
    assert!(!copy.exists(), "its room is given back");
    drop(journal);
    assert_eq!(archive(dir.path()).segments().unwrap(), before);
}
