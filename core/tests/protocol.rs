//! PROTOCOL.md and the code say the same: its tables are the code's tables, and its examples are
//! frames.

use std::collections::BTreeSet;

use pi_server_core::Limits;
use pi_server_core::command::{Class, CommandKind, Plane, Row, TABLE, Target, TimeoutClass};
use pi_server_core::failure::ErrorCode;
use pi_server_core::record::Secret;
use pi_server_core::wire::decode;
use serde_json::Value;

const PROTOCOL: &str = include_str!("../../PROTOCOL.md");

/// An example of the document: who sends it, what it is called, its text.
struct Example {
    sender: &'static str,
    name: &'static str,
    text: &'static str,
}

fn examples() -> Vec<Example> {
    let marks = PROTOCOL.split("<!-- example: ").skip(1);
    marks
        .map(|rest| {
            let (mark, rest) = rest.split_once(" -->\n```json\n").expect("a fence follows");
            let (sender, name) = mark.split_once(' ').expect("sender and name");
            let (text, _) = rest.split_once("\n```").expect("the fence ends");
            Example { sender, name, text }
        })
        .collect()
}

/// The text from the heading that begins with `heading` to the next one of any level.
fn section(heading: &str) -> &'static str {
    let at = PROTOCOL.find(heading).unwrap_or_else(|| panic!("no heading {heading:?}"));
    let body = PROTOCOL.get(at + heading.len()..).unwrap_or_default();
    body.find("\n#").map_or(body, |end| body.get(..end).unwrap_or_default())
}

/// The cells of every row of the tables in a section, without the heads.
fn rows(section: &'static str) -> Vec<Vec<&'static str>> {
    let lines: Vec<&str> = section.lines().collect();
    let is_head = |at: usize| lines.get(at + 1).is_some_and(|line| line.starts_with("|---"));
    let of_table = lines.iter().enumerate().filter(|(_, line)| line.starts_with("| `"));
    of_table
        .filter(|(at, _)| !is_head(*at))
        .map(|(_, line)| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

fn code(cell: &str) -> &str {
    cell.trim_matches('`')
}

#[test]
fn every_example_of_a_client_is_the_command_it_is_called() {
    let (limits, secret) = (Limits::default(), Secret::new([7; 32]));
    let mut shown = BTreeSet::new();
    for Example { sender, name, text } in examples() {
        if sender != "client" || name == "hello" {
            continue;
        }
        let envelope = decode(text.as_bytes(), &limits, &secret)
            .unwrap_or_else(|malformed| panic!("example {name}: {malformed:?}"));
        assert_eq!(envelope.kind.row().name, name);
        shown.insert(envelope.kind);
    }
    let all: BTreeSet<CommandKind> = TABLE.iter().map(|row| row.kind).collect();
    assert_eq!(shown, all, "every command has an example");
}

#[test]
fn every_example_of_the_server_is_a_frame_with_a_known_type() {
    let known = [
        "response",
        "server_ready",
        "startup_recovery_summary",
        "server_shutdown",
        "session_created",
        "session_deleted",
        "event",
        "extension_ui_resolved",
        "command_accepted",
        "command_started",
        "command_finished",
        "gap",
    ];
    let codes: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
    let mut shown = BTreeSet::new();
    for Example { sender, name, text } in examples() {
        if sender == "client" {
            continue;
        }
        assert_eq!(sender, "server", "example {name}");
        let frame: Value =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("example {name}: {error}"));
        let kind = frame["type"].as_str().expect("a type").to_owned();
        assert!(name.starts_with(&kind), "example {name} is a {kind}");
        let told = if kind == "response" { &frame } else { &frame["data"] };
        if told["success"] == false {
            let code = told["errorCode"].as_str().expect("a failure has a code");
            assert!(codes.contains(code), "example {name}: {code}");
        }
        shown.insert(kind);
    }
    assert_eq!(shown, known.map(str::to_owned).into(), "every type of frame has an example");
}

#[test]
fn the_table_of_commands_is_the_code() {
    let told: Vec<String> =
        rows(section("### 5.1 The table")).iter().map(|cells| cells.join(" ")).collect();
    let meant: Vec<String> = TABLE.iter().map(in_words).collect();
    assert_eq!(told, meant);
}

fn in_words(row: &Row) -> String {
    let Row { kind: _, name, target, class, mutates, timeout, plane, executor: _ } = *row;
    let target = match target {
        Target::Server => "server",
        Target::Session => "session",
        Target::Creates => "creates",
    };
    let class = match class {
        Class::Turn => "turn",
        Class::Write => "write",
        Class::Read => "read",
        Class::Interrupt => "interrupt",
    };
    let mutates = if mutates { "yes" } else { "no" };
    let timeout = match timeout {
        TimeoutClass::Short => "short",
        TimeoutClass::Turn => "turn",
        TimeoutClass::Never => "never",
    };
    let plane = match plane {
        Plane::Control => "control",
        Plane::Data => "data",
        Plane::Dialog => "dialog",
    };
    format!("`{name}` {target} {class} {mutates} {timeout} {plane}")
}

#[test]
fn the_table_of_limits_is_the_code() {
    let told: Vec<(&str, String, String)> = rows(section("### 12.1 Table"))
        .iter()
        .map(|cells| (code(cells[0]), cells[1].to_owned(), cells[2].to_owned()))
        .collect();
    let meant: Vec<(&str, String, String)> = Limits::TABLE
        .iter()
        .map(|(name, default, min, max)| (*name, default.to_string(), format!("{min} to {max}")))
        .collect();
    assert_eq!(told, meant);
}

#[test]
fn every_error_code_is_explained_and_no_other() {
    let refusals = rows(section("### 11.1 Refusals"));
    let outcomes = rows(section("### 11.2 Outcomes"));
    let told: BTreeSet<&str> =
        refusals.iter().chain(&outcomes).map(|cells| code(cells[0])).collect();
    let meant: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(told, meant);
}
