//! docs/journal-format.md says what the code does.
#![expect(clippy::unwrap_used, reason = "a test that cannot read the page has failed")]

use pi_server_core::command::TABLE;
use pi_server_core::ids::ConnId;
use pi_server_core::input::InputKind;
use pi_server_core::limits::Limits;
use pi_server_core::record::{
    Begin, Commit, FORMAT_VERSION, HEAD_BYTES, HEAD_SLOT_BYTES, RECORD_HEADER_BYTES, Recovered,
    SEGMENT_BYTES_MIN, SEGMENT_HEADER_BYTES, Seal, encode_kind,
};

/// The page with every run of white space as one space.
fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/journal-format.md");
    let text = std::fs::read_to_string(path).unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn assert_says(sentence: &str) {
    assert!(page().contains(sentence), "docs/journal-format.md does not say: {sentence}");
}

#[test]
fn the_page_numbers_commands_as_the_table_does() {
    let list = TABLE.iter().enumerate();
    let list: Vec<_> = list.map(|(index, row)| format!("{index} {:?}", row.kind)).collect();
    assert_says(&format!("CommandKind = {} Limits", list.join(" | ")));
}

#[test]
fn the_page_lists_limits_in_the_order_in_which_they_are_stored() {
    let list: Vec<_> = Limits::TABLE.iter().map(|(name, ..)| format!("{name} u64")).collect();
    let (first, later) = list.split_at(Limits::GROUP_ENDS[0]);
    assert_says(&format!("Limits = {}, rest LimitsRest LimitsRest", first.join(", ")));
    let mut from = 0;
    for (group, end) in Limits::GROUP_ENDS[1..].iter().enumerate() {
        let end = end - Limits::GROUP_ENDS[0];
        assert_says(&format!("LimitsLater{} = {} ", group + 1, later[from..end].join(", ")));
        from = end;
    }
}

#[test]
fn the_page_states_the_sizes() {
    assert_says(&format!("Format version {FORMAT_VERSION}."));
    assert_says(&format!("The first record of a segment is at {SEGMENT_HEADER_BYTES}."));
    assert_says(&format!("length: {RECORD_HEADER_BYTES} + input length + body length"));
    assert_says(&format!("Two slots of {HEAD_SLOT_BYTES} bytes"));
    assert_eq!(HEAD_BYTES, 2 * HEAD_SLOT_BYTES);
    assert_says(&format!("at least {SEGMENT_BYTES_MIN} where it is written"));
    for (kind, span) in [
        ("COMMIT", Commit::SPAN),
        ("RECOVERED", Recovered::SPAN),
        ("SEAL", Seal::SPAN),
        ("BEGIN", Begin::SPAN),
    ] {
        assert_says(&format!("| {kind} | {} |", span - RECORD_HEADER_BYTES));
    }
}

#[test]
fn the_examples_are_what_is_written() {
    for (kind, name) in [
        (InputKind::Storage { writable: true }, "`Storage { writable: true }` is"),
        (InputKind::Closed { conn: ConnId(300) }, "`Closed { conn: 300 }` is"),
    ] {
        let mut bytes = Vec::new();
        encode_kind(&kind, &mut bytes).unwrap();
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_says(&format!("{name} `{}`", hex.join(" ")));
    }
}
