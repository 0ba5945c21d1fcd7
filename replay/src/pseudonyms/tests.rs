use serde_json::json;

use super::{Names, Pseudonyms};

fn known(names: &[(Names, &str)]) -> Pseudonyms {
    let mut pseudonyms = Pseudonyms::default();
    for (names, text) in names {
        pseudonyms.name(*names, text);
    }
    pseudonyms
}

#[test]
fn a_text_has_one_pseudonym_and_no_two_texts_have_the_same() {
    let it = known(&[
        (Names::Session, "alpha"),
        (Names::Session, "beta"),
        (Names::Session, "alpha"),
        (Names::Command, "alpha"),
        (Names::Command, "session-1"),
    ]);
    assert_eq!(it.text("alpha beta alpha"), "session-1 session-2 session-1");
    assert_eq!(it.text("session-1"), "command-1", "what looks like one is a text as any other");
}

#[test]
fn identifiers_are_replaced_as_words_and_the_longest_first() {
    let it = known(&[(Names::Session, "a"), (Names::Session, "a-b"), (Names::Command, "p1")]);
    assert_eq!(
        it.text("a a-b ab a-bc s:a_ p1 p12 (p1)"),
        "session-1 session-2 ab session-1-bc s:a_ command-1 p12 (command-1)"
    );
    let it = known(&[(Names::Command, "é x"), (Names::Command, "-")]);
    assert_eq!(it.text("é x, é, -é"), "command-1, é, command-2é");
    assert_eq!(Pseudonyms::default().text("é x"), "é x");
}

#[test]
fn a_path_goes_with_the_folders_that_it_is_in_and_what_is_in_it() {
    let mut it = Pseudonyms::default();
    it.path("/home/ann/work");
    assert_eq!(it.text("/home/ann/work/x.rs"), "path-1/x.rs");
    it.path("/");
    assert_eq!(it.text("no /home/ann/.cfg in /home"), "no path-2/.cfg in /home");
}

#[test]
fn escapes_hide_no_identifier() {
    let it = known(&[(Names::Command, "a \"b\"\n\u{1}")]);
    assert_eq!(it.text(r#"command "a \"b\"\n\u{1}" prompt"#), "command \"command-1\" prompt");
    assert_eq!(
        it.json(json!({"a \"b\"\n\u{1}": ["x a \"b\"\n\u{1}", 1]})),
        json!({"command-1": ["x command-1", 1]})
    );
}

#[test]
fn an_identifier_is_found_in_every_form_that_the_notation_gives_it() {
    for odd in ["\u{202e}", "\u{9b}", "\u{2028}", "\u{61c}", "\u{7f}", "\"", "\\", "\n"] {
        let id = format!("ann{odd}berlin");
        let it = known(&[(Names::Command, &id)]);
        let line = format!("t1 command c2 {} health_check", pi_server_core::notation::Escaped(&id));
        assert_eq!(it.text(&line), "t1 command c2 command-1 health_check", "{line}");
    }
}

#[test]
fn what_is_not_wanted_is_left_as_it_is() {
    let mut it = known(&[(Names::Session, "alpha"), (Names::Session, "beta")]);
    it.retain(|text| text == "beta");
    assert_eq!(it.text("alpha beta"), "alpha session-2");
    assert!(!it.is_empty());
}

#[test]
fn what_a_policy_leaves_of_an_identifier_is_that_identifier() {
    let mut it = known(&[(Names::Session, "x-key"), (Names::Session, "key")]);
    it.also(|text| Some(text.replace("key", "[redacted]")));
    assert_eq!(it.text("x-[redacted] [redacted]"), "session-1 [redacted]");
}
