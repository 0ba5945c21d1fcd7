//! Tests of the journal as its users see it.

use super::*;
use pi_server_core::ids::ConnId;

fn closed(conn: u64) -> InputKind {
    InputKind::Closed { conn: ConnId(conn) }
}

fn options(dir: &std::path::Path) -> Options {
    Options { segment_bytes: 64 << 10, ..Options::new(dir.join("data")) }
}

fn inputs(journal: &Journal) -> Vec<Input> {
    let mut list = Vec::new();
    journal.replay(|input, _| list.push(input.clone())).unwrap();
    list
}

#[test]
fn what_was_committed_is_there_after_the_process_ended() {
    let dir = tempfile::tempdir().unwrap();
    let mut written = Vec::new();
    {
        let Opened { mut journal, facts } = Journal::open(&options(dir.path())).unwrap();
        assert!(facts.first && facts.records == 0);
        for at in 0..1_000 {
            let body = vec![b'x'; usize::try_from(at % 300).unwrap()];
            let input = journal.append(Micros(at), closed(at), &body, Digest::default()).unwrap();
            written.push(input);
            journal.commit(Digest::default()).unwrap();
        }
        // Not committed: it did not happen.
        journal.append(Micros(5), closed(5), b"", Digest::default()).unwrap();
    }
    let Opened { journal, facts } = Journal::open(&options(dir.path())).unwrap();
    assert!(!facts.first && facts.records == 1_000 && facts.torn_bytes > 0, "{facts:?}");
    assert_eq!(inputs(&journal), written);
    assert!(journal.segment() > 3, "the segments are small enough to roll");
}
