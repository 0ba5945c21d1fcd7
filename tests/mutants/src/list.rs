//! The mutants as `cargo mutants` lists them: its own, under its own names.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::error::Error;

/// What a mutant changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Genre {
    /// A function returns another value at once.
    FnValue,
    /// Another operator between two operands, or in an assignment.
    BinaryOperator,
    /// No operator before an operand.
    UnaryOperator,
    /// One arm less.
    MatchArm,
    /// Another condition of an arm.
    MatchArmGuard,
    /// A field that is taken from the base of a struct expression.
    StructField,
    /// What a later version of `cargo mutants` thinks of.
    #[serde(other)]
    Other,
}

/// A place in a text: lines and columns count from one, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// From the first character to behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Span {
    pub(crate) start: Place,
    pub(crate) end: Place,
}

/// One change of the core.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Mutant {
    /// Number of its switch; from one on.
    #[serde(skip)]
    pub(crate) number: u32,
    /// With file, line and column.
    pub(crate) name: String,
    /// From the root of the workspace.
    pub(crate) file: String,
    pub(crate) span: Span,
    /// What stands there instead.
    pub(crate) replacement: String,
    pub(crate) genre: Genre,
}

impl Mutant {
    /// The name without the place, which stays when the code around it moves.
    pub(crate) fn change(&self) -> &str {
        self.name.splitn(4, ':').last().unwrap_or_default().trim_start()
    }
}

/// All mutants of the core.
pub(crate) fn all(root: &Path) -> Result<Vec<Mutant>, Error> {
    let output = Command::new("cargo")
        .args(["mutants", "--list", "--json", "--package", "pi-server-core"])
        .current_dir(root)
        .output()
        .map_err(|error| Error::Start { program: "cargo mutants", error })?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Error::List { words });
    }
    read(&output.stdout)
}

fn read(json: &[u8]) -> Result<Vec<Mutant>, Error> {
    let mut mutants: Vec<Mutant> =
        serde_json::from_slice(json).map_err(|error| Error::List { words: error.to_string() })?;
    for (mutant, number) in mutants.iter_mut().zip(1..) {
        mutant.number = number;
    }
    Ok(mutants)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_numbered_and_a_change_is_named_without_its_place() {
        let json = br#"[{"name": "core/src/a.rs:3:9: replace T::f -> a::B with b::C in x",
            "file": "core/src/a.rs", "genre": "FnValue", "replacement": "b::C", "package": "p",
            "span": {"start": {"line": 3, "column": 9}, "end": {"line": 4, "column": 2}}}]"#;
        let mutants = read(json).unwrap();
        assert_eq!(mutants.len(), 1);
        assert_eq!(mutants[0].number, 1);
        assert_eq!(mutants[0].change(), "replace T::f -> a::B with b::C in x");
        assert_eq!(mutants[0].span.end, Place { line: 4, column: 2 });
    }
}
