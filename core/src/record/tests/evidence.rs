//! What a survey concludes, and from what.

use super::*;

/// The cursor behind a segment.
fn behind(writer: &Writer, segment: usize) -> Cursor {
    let framer = Framer::new(ID);
    let mut reader = Reader::new(&framer, &writer.segments[segment]);
    let mut cursor = Cursor::start(ID);
    while reader.next(&mut cursor).is_ok() {}
    cursor
}

#[test]
fn a_journal_without_segments_is_clean_as_long_as_nothing_was_durable() {
    let (verdict, inputs) = survey(head(0), &[]).unwrap();
    assert_eq!((verdict.tail, verdict.cursor), (Tail::Clean, Cursor::start(ID)));
    assert_eq!((inputs, verdict.stopped), (Vec::new(), false));
}

#[test]
fn only_a_stop_is_a_stop() {
    let mut writer = sample();
    let mut encoded = Vec::new();
    // As short as a stop is.
    encode_kind(&InputKind::Tick, &mut encoded).unwrap();
    assert_eq!(encoded.len(), 1);
    let header = writer.fields(RecordKind::Input, Seq(8), &encoded, &[]);
    writer.put(header, None, &encoded, &[]);
    writer.commit(5);
    let (verdict, _) = survey(head(5), &writer.segments).unwrap();
    assert!(!verdict.stopped);
}

#[test]
fn a_snapshot_proves_the_input_behind_it_unless_head_knows_of_more() {
    let writer = sample();
    let snapshot = behind(&writer, 0);
    assert_eq!((snapshot.seq, snapshot.between), (Seq(3), true));
    let after = |durable_upto, segment: &[u8]| {
        let mut survey = Survey::after(head(durable_upto), &snapshot);
        survey.segment(2, segment, &mut |_, _| {}).unwrap();
        assert_eq!(survey.key_check(), Some(ID.key_check(&writer.secret)));
        survey.finish()
    };
    assert_eq!(after(0, &writer.segments[1]).unwrap().cursor, writer.cursor);
    // The first input behind the snapshot is lost.
    let (_, offset, _) =
        writer.records[writer.records.iter().position(|at| at.0 == 1).unwrap() + 1];
    let mut cut = writer.segments[1].clone();
    cut[offset..].fill(0);
    for (durable_upto, expected) in [
        (0, (Seq(4), Evidence::Snapshot)),
        (3, (Seq(4), Evidence::Snapshot)),
        (4, (Seq(4), Evidence::Head)),
        (5, (Seq(5), Evidence::Head)),
    ] {
        let Err(Damage::Lost { floor, evidence, prefix: Seq(3), .. }) = after(durable_upto, &cut)
        else {
            panic!("input 4 was durable: {durable_upto}");
        };
        assert_eq!((floor, evidence), expected, "{durable_upto}");
    }
}

#[test]
fn a_survey_knows_of_no_key_before_a_segment() {
    assert_eq!(Survey::new(head(0)).key_check(), None);
}

#[test]
fn the_first_that_proves_a_loss_is_the_evidence() {
    let mut writer = sample();
    writer.input(b"lost");
    let lost = writer.records.len() - 1;
    writer.commit(8);
    writer.commit(8);
    let segments = with_hole(&writer, lost);
    let Err(Damage::Lost { evidence, .. }) = survey(head(5), &segments) else {
        panic!("two commits say that input 8 was durable");
    };
    let (_, offset, _) = writer.records[lost + 1];
    assert_eq!(evidence, Evidence::Commit(Place { segment: 2, offset }));
    // What HEAD says is known before any commit was looked at.
    let found = survey(head(8), &segments);
    assert!(matches!(found, Err(Damage::Lost { evidence: Evidence::Head, .. })), "{found:?}");
}

#[test]
fn a_segment_goes_on_where_the_one_before_ended() {
    let mut writer = sample();
    writer.mark(&Mark::Seal(Seal { next: 3 }));
    let Cursor { tag: before, epoch, commit, .. } = writer.cursor;
    let begin = Begin { segment: 3, before, epoch, commit };
    let follows = |begin: Begin| {
        let mut cursor = writer.cursor;
        let header = writer.fields(RecordKind::Begin, writer.cursor.seq, &[0; 40], &[]);
        let result = cursor.follow(&header, Some(&Mark::Begin(begin)));
        assert_eq!(cursor == writer.cursor, result.is_err(), "an error changes nothing");
        result
    };
    assert_eq!(follows(begin), Ok(()));
    for wrong in [
        Begin { segment: 4, ..begin },
        Begin { before: Digest([1; 16]), ..begin },
        Begin { epoch: epoch + 1, ..begin },
        Begin { commit: commit + 1, ..begin },
    ] {
        assert_eq!(follows(wrong), Err(Fault::Order), "{wrong:?}");
    }
}
