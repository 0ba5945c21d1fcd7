//! `pi-replay verify`, on journals written by the daemon's own writer and on altered ones.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its journal has failed")]

mod common;

use std::path::Path;

use common::{Forged, binary, first_segment, forge, json, tree, two_lives};
use pi_server_core::input::InputKind;
use pi_server_core::record::{RecordKind, decode_kind, encode_kind};
use pi_server_core::{Micros, Text};
use serde_json::Value;

/// Exit status and report.
fn verify(dir: &Path) -> (i32, Value) {
    let output = binary(&["verify", "--json"], dir);
    (output.status.code().unwrap(), json(&output))
}

fn written() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    two_lives(dir.path());
    dir
}

#[test]
fn a_journal_replays_bit_for_bit_and_is_not_touched() {
    let dir = written();
    let before = tree(dir.path());
    let (code, json) = verify(dir.path());
    assert_eq!((code, &json["verdict"]), (0, &Value::from("identical")), "{json:#}");
    assert_eq!(json["boots"], 2);
    assert_eq!(json["frames"], 11, "{json:#}");
    assert_eq!(json["framesSkipped"], 0);
    assert_eq!((&json["bodiesErased"], &json["bodiesUnchecked"]), (&0.into(), &0.into()));
    assert_eq!((&json["divergence"], &json["damage"]), (&Value::Null, &Value::Null));
    assert_eq!((&json["tail"], &json["key"]), (&"clean".into(), &"read".into()));
    assert_eq!((&json["tier"], &json["tiers"][0]["tier"]), (&"hot".into(), &"hot".into()));
    let text = binary(&["verify"], &dir.path().join("journal"));
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.starts_with("identical: "));
    assert!(text.contains("\n  tier      hot (segment 1)\n"), "{text}");
    assert_eq!(tree(dir.path()), before, "reading writes nothing");
}

#[test]
fn a_running_daemon_is_read_up_to_its_last_commit() {
    let dir = tempfile::tempdir().unwrap();
    let mut scribe = common::Scribe::open(dir.path(), 1 << 20);
    scribe.boot(true);
    let conn = scribe.client(None);
    scribe.commit();
    scribe.frame(conn, r#"{"id":"1","type":"health_check"}"#);
    let (code, json) = verify(dir.path());
    assert_eq!((code, &json["inputs"], &json["tail"]), (0, &2.into(), &"incomplete".into()));
    scribe.commit();
    let (code, json) = verify(dir.path());
    assert_eq!((code, &json["inputs"], &json["tail"]), (0, &3.into(), &"clean".into()));
}

#[test]
fn a_journal_that_rolls_over_many_segments_replays() {
    let dir = tempfile::tempdir().unwrap();
    let mut scribe = common::Scribe::open(dir.path(), 64 << 10);
    scribe.boot(true);
    let conn = scribe.client(None);
    scribe.session(conn, "a", 1);
    for turn in 0..100 {
        scribe.turn(conn, "a", 1, &format!("p{turn}"), turn % 50);
    }
    scribe.stop();
    let (code, json) = verify(dir.path());
    assert_eq!((code, &json["verdict"]), (0, &Value::from("identical")), "{json:#}");
    assert!(json["segments"].as_u64().unwrap() > 4, "{json:#}");
}

#[test]
fn a_journal_that_grows_while_it_is_read_is_identical_every_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    let mut scribe = common::Scribe::open(&path, 64 << 10);
    scribe.keeps_sent = false;
    scribe.boot(true);
    let conn = scribe.client(None);
    scribe.session(conn, "a", 1);
    scribe.commit();
    let writer = std::thread::spawn(move || {
        for turn in 0..400 {
            scribe.turn(conn, "a", 1, &format!("p{turn}"), 30);
        }
        scribe.stop();
    });
    let source = pi_replay::source::Source::open(&path).unwrap();
    let mut last = 0;
    loop {
        let done = writer.is_finished();
        let report = pi_replay::verify::verify(&source, &mut |_| {}).unwrap();
        assert_eq!(report.status().code(), 0, "{report}");
        assert!(report.counts.inputs >= last, "what was committed stays");
        last = report.counts.inputs;
        if done {
            break;
        }
    }
    writer.join().unwrap();
    assert_eq!(last, 1 + 1 + 3 + 400 * 35 + 1);
}

#[test]
fn a_torn_tail_that_was_set_aside_leaves_an_identical_journal() {
    let dir = tempfile::tempdir().unwrap();
    let mut scribe = common::Scribe::open(dir.path(), 1 << 20);
    scribe.boot(true);
    let conn = scribe.client(None);
    scribe.commit();
    // The process dies within a turn of its loop.
    scribe.frame(conn, r#"{"id":"lost","type":"health_check"}"#);
    drop(scribe);
    let mut scribe = common::Scribe::open(dir.path(), 1 << 20);
    scribe.boot(false);
    scribe.client(None);
    scribe.commit();
    scribe.stop();
    let (code, report) = verify(dir.path());
    assert_eq!((code, &report["inputs"], &report["boots"]), (0, &5.into(), &2.into()));
    let stats = json(&binary(&["stats", "--json"], dir.path()));
    assert_eq!(stats["counts"]["recoveries"], 1, "{stats:#}");
}

/// Alters the digest that the record of input `seq` has of the step before.
fn alter_outputs_before(dir: &Path, seq: u64) {
    forge(dir, |record: &mut Forged| {
        if record.mark.is_none() && record.header.seq.0 == seq {
            record.header.outputs.0[3] ^= 1;
        }
    });
}

#[test]
fn an_altered_digest_of_outputs_is_a_divergence_at_the_step_before() {
    let dir = written();
    alter_outputs_before(dir.path(), 5);
    let before = tree(dir.path());
    let (code, json) = verify(dir.path());
    assert_eq!((code, &json["verdict"]), (10, &Value::from("diverged")), "{json:#}");
    let divergence = &json["divergence"];
    assert_eq!((&divergence["seq"], &divergence["field"]), (&4.into(), &"outputs".into()));
    assert!(divergence["input"].as_str().unwrap().contains("create_session s:a"), "{json:#}");
    let (expected, actual) = (&divergence["expected"], &divergence["actual"]);
    assert!(expected.as_str().unwrap().len() == 32 && expected != actual, "{json:#}");
    assert!(divergence["outputs"].as_array().unwrap().len() > 1, "{json:#}");
    assert_eq!(divergence["hint"], Value::Null);
    assert_eq!(json["inputs"], 4, "stepping ends at the difference");
    assert_eq!(tree(dir.path()), before);
    let text = String::from_utf8(binary(&["verify"], dir.path()).stdout).unwrap();
    assert!(text.contains("at        #4\n") && text.contains("expected"), "{text}");
}

/// A journal of so many records that several threads check it at the same time: three inputs, two
/// thousand health checks and a frame that is longer than the bounds of its life allow, and a stop.
fn long() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut scribe = common::Scribe::open(dir.path(), 4 << 20);
    scribe.boot(true);
    let conn = scribe.client(None);
    for number in 0..2_000 {
        scribe.frame(conn, &format!(r#"{{"id":"c{number}","type":"health_check"}}"#));
        scribe.commit();
    }
    scribe.frame(conn, &format!(r#"{{"type":"prompt","message":"{}"}}"#, "x".repeat(5_000)));
    scribe.stop();
    dir
}

#[test]
fn a_long_journal_is_checked_to_the_last_frame_with_the_bounds_of_its_life() {
    let dir = long();
    let (code, json) = verify(dir.path());
    assert_eq!((code, &json["inputs"]), (0, &2_004.into()), "{json:#}");
    assert_eq!((&json["commits"], &json["boots"]), (&2_001.into(), &1.into()), "{json:#}");
    assert_eq!((&json["frames"], &json["framesSkipped"]), (&2_001.into(), &0.into()), "{json:#}");
}

#[test]
fn the_first_of_several_differences_is_told_wherever_in_a_long_journal_they_are() {
    for first in [3, 514, 600, 1_027, 1_900, 2_004] {
        let dir = long();
        forge(dir.path(), |record: &mut Forged| {
            if record.mark.is_none() && record.header.seq.0 >= first {
                record.header.outputs.0[3] ^= 1;
            }
        });
        let (code, json) = verify(dir.path());
        assert_eq!((code, &json["divergence"]["seq"]), (10, &(first - 1).into()), "{json:#}");
        assert_eq!(json["inputs"], first - 1, "{json:#}");
        assert_eq!(json["bodies"], 2_001, "bodies are checked to the end: {json:#}");
    }
}

#[test]
fn behind_an_input_that_cannot_be_decoded_bodies_are_checked_and_outputs_are_not_judged() {
    let dir = long();
    forge(dir.path(), |record: &mut Forged| {
        if record.mark.is_none() && record.header.seq.0 == 600 {
            record.input.fill(0xff);
        }
        if record.header.seq.0 >= 600 {
            record.header.outputs.0[3] ^= u8::from(record.header.seq.0 > 600);
        }
    });
    let (code, json) = verify(dir.path());
    assert_eq!((code, &json["verdict"]), (3, &"damaged".into()), "{json:#}");
    assert!(json["damage"].as_str().unwrap().contains("input #600 cannot be decoded"), "{json:#}");
    assert_eq!((&json["inputs"], &json["divergence"]), (&599.into(), &Value::Null), "{json:#}");
    assert_eq!((&json["bodies"], &json["frames"]), (&2_001.into(), &597.into()), "{json:#}");
}

#[test]
fn the_outputs_of_the_last_step_are_compared_with_the_last_commit() {
    let dir = written();
    forge(dir.path(), |record: &mut Forged| {
        if record.header.kind == RecordKind::Commit {
            record.header.outputs.0[0] ^= 1;
        }
    });
    let (code, json) = verify(dir.path());
    assert_eq!((code, &json["divergence"]["seq"]), (10, &3.into()), "{json:#}");
}

#[test]
fn a_digest_that_gives_a_missing_output_away_is_explained() {
    use pi_server_core::record::digest_outputs;
    use pi_server_core::{Input, Outputs, State};
    let dir = written();
    let (mut state, mut outputs) = (State::new(), Outputs::new());
    let mut scratch = Vec::new();
    forge(dir.path(), |record: &mut Forged| {
        if record.mark.is_some() {
            return;
        }
        let header = record.header;
        if header.seq.0 == 5 {
            let mut list = outputs.as_slice().to_vec();
            list.remove(1);
            record.header.outputs = digest_outputs(&list, &mut scratch);
        }
        let kind = decode_kind(&record.input).unwrap();
        let input = Input { seq: header.seq, at: header.at, body: header.body_ref(), kind };
        state.step(&input, &mut outputs);
    });
    let (code, json) = verify(dir.path());
    let hint = &json["divergence"]["hint"];
    assert_eq!((code, hint), (10, &"the daemon did not have output 2".into()), "{json:#}");
}

#[test]
fn an_altered_input_is_found_by_its_frame() {
    let dir = written();
    forge(dir.path(), |record: &mut Forged| {
        let Ok(mut kind) = decode_kind(&record.input) else { return };
        if let InputKind::Command { envelope, .. } = &mut kind
            && envelope.id.as_deref() == Some("p2")
        {
            let mut other = (**envelope).clone();
            other.id = Some(Text::from("p9"));
            *envelope = other.into();
            record.input.clear();
            encode_kind(&kind, &mut record.input).unwrap();
        }
    });
    let (code, json) = verify(dir.path());
    let divergence = &json["divergence"];
    assert_eq!((code, &divergence["field"]), (10, &"frame.id".into()), "{json:#}");
    assert_eq!(divergence["expected"], r#"Some("p9")"#);
    assert_eq!(divergence["actual"], r#"Some("p2")"#);
}

#[test]
fn an_altered_time_is_found_at_the_first_output_that_has_it() {
    let dir = written();
    forge(dir.path(), |record: &mut Forged| {
        if record.mark.is_none() && record.header.seq.0 == 5 {
            record.header.at = Micros(record.header.at.0 + 1);
        }
    });
    let (code, json) = verify(dir.path());
    assert_eq!((code, &json["divergence"]["seq"]), (10, &6.into()), "{json:#}");
}

#[test]
fn an_altered_body_is_damage_even_with_every_checksum_made_right() {
    let dir = written();
    forge(dir.path(), |record: &mut Forged| {
        if record.body.starts_with(br#"{"type":"message_update""#) {
            record.body[20] ^= 1;
        }
    });
    let (code, json) = verify(dir.path());
    assert_eq!((code, &json["verdict"]), (3, &Value::from("damaged")), "{json:#}");
    assert!(json["damage"].as_str().unwrap().contains("keyed digest"), "{json:#}");
    assert_eq!(json["divergence"], Value::Null, "no decision depends on a body");
}

#[test]
fn an_erased_body_is_counted_and_nothing_else() {
    let dir = written();
    let mut erased = 0;
    forge(dir.path(), |record: &mut Forged| {
        if !record.body.is_empty() {
            record.header.erased = true;
            record.body.fill(0);
            erased += 1;
        }
    });
    let (code, json) = verify(dir.path());
    assert_eq!((code, &json["bodiesErased"]), (0, &erased.into()), "{json:#}");
    assert_eq!((&json["tier"], &json["tiers"][0]["tier"]), (&"cold".into(), &"cold".into()));
    assert_eq!(json["tiers"][0]["erased"], erased, "{json:#}");
    assert_eq!((&json["frames"], &json["framesSkipped"]), (&0.into(), &11.into()), "{json:#}");
}

#[test]
fn any_flipped_byte_of_the_records_is_damage() {
    let dir = written();
    let path = first_segment(dir.path());
    let good = std::fs::read(&path).unwrap();
    let used = good.iter().rposition(|byte| *byte != 0).unwrap();
    // One in each record and a few between; the journal's own tests flip every bit.
    for at in (4_096..used).step_by(397) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        std::fs::write(&path, bad).unwrap();
        let (code, json) = verify(dir.path());
        assert_eq!(code, 3, "byte {at}: {json:#}");
        assert!(json["damage"].is_string());
    }
    std::fs::write(&path, good).unwrap();
    assert_eq!(verify(dir.path()).0, 0);
}

#[test]
fn a_cut_file_is_damage_and_a_cut_of_what_was_never_synced_is_a_torn_tail() {
    let dir = written();
    let path = first_segment(dir.path());
    let good = std::fs::read(&path).unwrap();
    std::fs::write(&path, &good[..good.len() / 2]).unwrap();
    assert_eq!(verify(dir.path()).0, 3);
    // Bytes behind the last commit that are no record.
    let mut torn = good.clone();
    let used = good.iter().rposition(|byte| *byte != 0).unwrap().next_multiple_of(8);
    torn[used + 64] = 1;
    std::fs::write(&path, torn).unwrap();
    let (code, json) = verify(dir.path());
    assert_eq!((code, &json["tail"]), (0, &"torn".into()), "{json:#}");
    // HEAD says that everything was on disk, so that a journal without its end is damaged.
    let mut cut = good;
    cut[used - 2_000..].fill(0);
    std::fs::write(&path, cut).unwrap();
    assert_eq!(verify(dir.path()).0, 3);
    std::fs::remove_file(dir.path().join("HEAD")).unwrap();
    assert_eq!(verify(dir.path()).0, 3);
}

#[test]
fn without_its_key_a_journal_still_replays_and_a_wrong_one_is_damage() {
    let dir = written();
    let key = dir.path().join("journal.key");
    std::fs::write(&key, [1; 32]).unwrap();
    let (code, json) = verify(dir.path());
    assert_eq!((code, &json["key"]), (3, &"foreign".into()), "{json:#}");
    std::fs::remove_file(&key).unwrap();
    let (code, json) = verify(dir.path());
    assert_eq!((code, &json["key"]), (0, &"missing".into()), "{json:#}");
    assert_eq!((&json["bodies"], &json["framesSkipped"]), (&0.into(), &11.into()));
    assert_eq!(json["bodiesUnchecked"], 23);
}

#[test]
fn a_question_that_makes_no_sense_ends_with_2_and_one_about_nothing_with_5() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("nowhere")] {
        let output = binary(&["verify"], &path);
        assert_eq!(output.status.code(), Some(5));
        assert!(String::from_utf8(output.stderr).unwrap().contains("no journal in"));
    }
    assert_eq!(binary(&["verify", "--no-such"], dir.path()).status.code(), Some(2));
    assert_eq!(binary(&["no-such"], dir.path()).status.code(), Some(2));
}
