use alloc::format;
use alloc::string::ToString as _;

use super::parse_script;
use crate::ids::Text;
use crate::input::InputKind;
use crate::output::Output;
use crate::wire::text::is_control;

/// Texts that a client may give as an id or name as a session.
const HOSTILE: [&str; 9] = [
    "plain-1_2.3",
    "two words",
    "a\nt5 stop",
    "a\r\u{1b}[2J",
    "\u{9b}31m",
    "\u{202e}txt\u{2066}\u{2028}",
    "\"quoted\" \\ \\u{1b}",
    " ",
    "s:\"x\"",
];

#[test]
fn every_id_that_the_protocol_allows_can_be_written_and_read_in_one_line() {
    let line = |of: &dyn core::fmt::Display| {
        let text = of.to_string();
        assert!(!text.chars().any(is_control), "{text:?}");
        text
    };
    for text in HOSTILE {
        let script = parse_script("t1 command c2 \"i\" get_state s:a after \"j\"").expect("read");
        let mut input = script.steps.into_iter().next().expect("a step").input;
        let InputKind::Command { envelope, .. } = &mut input.kind else { panic!("a command") };
        let envelope = alloc::sync::Arc::make_mut(envelope);
        envelope.id = Some(Text::from(text));
        envelope.session = Some(Text::from(text));
        envelope.depends_on = [Text::from(text)].into();
        let written = line(&input);
        let read = parse_script(&written).map_err(|error| format!("{written}: {error}"));
        let read = read.expect("read").steps.into_iter().next().expect("a step").input;
        let (Some((_, read)), Some((_, given))) = (read.kind.command(), input.kind.command())
        else {
            panic!("{written}");
        };
        assert_eq!(read.id, given.id, "{written}");
        assert_eq!(read.session, given.session, "{written}");
        assert_eq!(read.depends_on, given.depends_on, "{written}");
        // Outputs name sessions, too.
        line(&Output::Unlist { session: Text::from(text) });
    }
}

#[test]
fn a_character_that_is_written_as_its_number_must_be_one() {
    for wrong in [r"\u1b", r"\u{}", r"\u{d800}", r"\u{110000}", r"\u{1b"] {
        let script = format!("t1 open \"{wrong}\"");
        assert!(parse_script(&script).is_err(), "{script}");
    }
}
