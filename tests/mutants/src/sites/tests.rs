//! Small texts with known mutants, and what becomes of them.

use super::*;
use crate::list::Span;
use crate::weave::weave;

/// A mutant that puts `by` where `part` first stands in a text.
fn mutant(number: u32, genre: Genre, text: &str, part: &str, by: &str) -> Mutant {
    let at = text.find(part).unwrap_or_else(|| panic!("{part} in {text}"));
    let place = |at: usize| {
        let before = &text[..at];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Place {
            line: before.matches('\n').count() + 1,
            column: text[line_start..at].chars().count() + 1,
        }
    };
    Mutant {
        number,
        name: format!("a.rs:1:1: {number}"),
        file: "a.rs".into(),
        span: Span { start: place(at), end: place(at + part.len()) },
        replacement: by.into(),
        genre,
    }
}

/// The text with the switches of all mutants, whose conditions are shown as their numbers.
fn woven(text: &str, mutants: &[Mutant]) -> String {
    let mutants: Vec<&Mutant> = mutants.iter().collect();
    let sites = find(text, &mutants).unwrap();
    assert_eq!((&sites.left_out[..], &sites.ungrammatical[..]), (&[][..], &[][..]), "{text}");
    let woven = weave(text, &sites.edits).text;
    assert!(syn::parse_file(&woven).is_ok(), "{woven}");
    woven.replace("crate::mutant::on", "")
}

/// Why the only mutant of a text has no switch.
fn left_out(text: &str, mutant: &Mutant) -> LeftOut {
    let sites = find(text, &[mutant]).unwrap();
    assert_eq!(sites.edits, [], "{text}");
    sites.left_out.iter().map(|(_, why)| *why).next().unwrap()
}

#[test]
fn a_body_returns_early() {
    let text = "fn f(é: u8) -> u8 { let x = é; x }";
    let mutant = mutant(7, Genre::FnValue, text, "let x = é; x", "0");
    assert_eq!(woven(text, &[mutant]), "fn f(é: u8) -> u8 { if (7) { return 0; } let x = é; x }");
}

#[test]
fn every_operator_of_a_chain_changes_the_whole_chain() {
    let text = "fn f() -> u8 { a + b * !c }";
    let mutants = [
        mutant(1, Genre::BinaryOperator, text, "+", "-"),
        mutant(2, Genre::BinaryOperator, text, "*", "/"),
        mutant(3, Genre::UnaryOperator, text, "!", ""),
    ];
    assert_eq!(
        woven(text, &mutants),
        "fn f() -> u8 { (if (1) { a - b * !c } else if (2) { a + b / !c } else { a + b * \
         (if (3) { c } else { !c }) }) }"
    );
}

#[test]
fn an_assignment_is_a_choice_of_two() {
    let text = "fn f() { a += 1; }";
    let mutants = [mutant(1, Genre::BinaryOperator, text, "+=", "*=")];
    assert_eq!(woven(text, &mutants), "fn f() { (if (1) { a *= 1 } else { a += 1 }); }");
}

#[test]
fn an_arm_is_deleted_by_a_guard_and_a_guard_has_alternatives() {
    let text = "fn f() { match x { A => 1, B if b => 2, _ => 3 } }";
    let mutants = [
        mutant(1, Genre::MatchArm, text, "A => 1,", ""),
        mutant(2, Genre::MatchArm, text, "B if b => 2,", ""),
        mutant(3, Genre::MatchArmGuard, text, "b =>", "true"),
    ];
    let mut mutants = mutants.to_vec();
    // The guard itself, without the arrow by which it was found.
    mutants[2].span.end.column -= " =>".len();
    assert_eq!(
        woven(text, &mutants),
        "fn f() { match x { A if !(1) => 1, B if !(2) && ((if (3) { true } else { b })) => 2, \
         _ => 3 } }"
    );
}

#[test]
fn a_field_is_taken_from_the_base() {
    let text = "fn f() { S { a: 1, b: 2, ..base } }";
    let mutants = [mutant(1, Genre::StructField, text, "a: 1", "")];
    assert_eq!(
        woven(text, &mutants),
        "fn f() { (if (1) { S {  b: 2, ..base } } else { S { a: 1, b: 2, ..base } }) }"
    );
}

#[test]
fn what_cannot_have_a_switch_says_why() {
    let text = "const C: u8 = 1 + 2;";
    let constant = mutant(1, Genre::BinaryOperator, text, "+", "-");
    assert_eq!(left_out(text, &constant), LeftOut::Constant);
    let text = "const fn f() -> u8 { 1 }";
    assert_eq!(left_out(text, &mutant(1, Genre::FnValue, text, "1 ", "0")), LeftOut::Constant);
    let text = "fn f() -> [u8; 1 + 2] { [1; 3] }";
    let length = mutant(1, Genre::BinaryOperator, text, "+", "-");
    assert_eq!(left_out(text, &length), LeftOut::Constant);
    let text = "fn f() -> u8 { g::<{ 1 << 2 }>() }";
    let argument = mutant(1, Genre::BinaryOperator, text, "<<", ">>");
    assert_eq!(left_out(text, &argument), LeftOut::Constant);
    let text = "fn f() -> impl Iterator { list.iter() }";
    let opaque = mutant(1, Genre::FnValue, text, "list.iter()", "empty()");
    assert_eq!(left_out(text, &opaque), LeftOut::OpaqueType);
    let text = "fn f() { match x { A => 1, other => 2 } }";
    let arm = mutant(1, Genre::MatchArm, text, "A => 1,", "");
    assert_eq!(left_out(text, &arm), LeftOut::NoOtherArm);
    let text = "fn f() { a + b }";
    let elsewhere = mutant(1, Genre::UnaryOperator, text, "b", "");
    assert_eq!(left_out(text, &elsewhere), LeftOut::NoPlace);
}

#[test]
fn an_or_beside_a_let_does_not_compile() {
    let text = "fn f() { if a && let Some(b) = c { d } }";
    let mutants = [mutant(1, Genre::BinaryOperator, text, "&&", "||")];
    let sites = find(text, &[&mutants[0]]).unwrap();
    assert_eq!((sites.ungrammatical, sites.edits), (vec![1], vec![]));
}
