//! What is said at the end, and whether all is well.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::known::{List, Wrong};
use crate::list::Mutant;
use crate::results::{Fate, Verdict};
use crate::tree::Tree;

/// Gathers the verdicts.
pub(crate) struct Report<'a> {
    known: &'a List,
    verdicts: BTreeMap<u32, (&'a Mutant, Verdict)>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(known: &'a List) -> Report<'a> {
        Report { known, verdicts: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, mutant: &'a Mutant, verdict: Verdict) {
        self.verdicts.insert(mutant.number, (mutant, verdict));
    }

    fn of(&self, fate: Fate) -> impl Iterator<Item = (&'a Mutant, &Verdict)> {
        let of_fate = self.verdicts.values().filter(move |(_, verdict)| verdict.fate == fate);
        of_fate.map(|(mutant, verdict)| (*mutant, verdict))
    }

    /// The words, and whether there is nothing to do.
    pub(crate) fn finish(&self, took: Duration) -> (String, bool) {
        let mut words = String::new();
        self.left_out(&mut words);
        for (mutant, verdict) in self.of(Fate::Survived) {
            let note = match self.known.reason(mutant.number) {
                Some(reason) => format!("  known: {reason}"),
                None if verdict.note.is_empty() => String::new(),
                None => format!("  ({})", verdict.note),
            };
            line(&mut words, &format!("{}{note}", mutant.name));
        }
        let wrong =
            self.known.compare(self.verdicts.values().map(|(one, verdict)| (*one, verdict.fate)));
        for wrong in &wrong {
            match wrong {
                // Told above.
                Wrong::NewSurvivor { .. } => {}
                Wrong::NoSurvivor { name, fate } => {
                    line(&mut words, &format!("survivors.toml: {name} is {fate:?}"));
                }
                Wrong::NoMutant { file, mutant } => {
                    line(&mut words, &format!("survivors.toml: {file} has no: {mutant}"));
                }
            }
        }
        let count = |fate| self.of(fate).count();
        let new = wrong.iter().filter(|wrong| matches!(wrong, Wrong::NewSurvivor { .. })).count();
        let survived = count(Fate::Survived);
        line(
            &mut words,
            &format!(
                "{} mutants in {} s: {} found, {} timed out, {survived} survived ({new} of them not \
                 in the list), {} do not compile, {} have no switch",
                self.verdicts.len(),
                took.as_secs(),
                count(Fate::Found),
                count(Fate::TimedOut),
                count(Fate::DoesNotCompile),
                count(Fate::LeftOut),
            ),
        );
        (words, wrong.is_empty())
    }

    /// Those without a switch, and how to try them.
    fn left_out(&self, words: &mut String) {
        let left_out: Vec<_> = self.of(Fate::LeftOut).collect();
        if left_out.is_empty() {
            return;
        }
        line(words, "Without a switch, and left to cargo mutants, each with a build of its own:");
        line(words, "  MODEL_RUNS=150 MODEL_FAILURES=1 cargo mutants -p pi-server-core \\");
        for (index, (mutant, verdict)) in left_out.iter().enumerate() {
            let next = if index + 1 < left_out.len() { " \\" } else { "" };
            let pattern = pattern(&mutant.name);
            line(words, &format!("    --re '{pattern}'{next}"));
            debug_assert!(!verdict.note.is_empty(), "why it was left out");
        }
    }
}

fn line(words: &mut String, text: &str) {
    writeln!(words, "{text}").expect("a string takes everything");
}

/// A regular expression for a name, in single quotes of a shell.
fn pattern(name: &str) -> String {
    let mut pattern = String::from("^");
    for char in name.chars() {
        match char {
            // Quotes stay out of the way.
            '\'' => pattern.push('.'),
            char if char.is_alphanumeric() || " _/:,=!<>&%\"-".contains(char) => pattern.push(char),
            char => pattern.extend(['\\', char]),
        }
    }
    pattern + "$"
}

/// All mutants with their numbers.
pub(crate) fn list(mutants: &[&Mutant], tree: &Tree) -> String {
    let mut words = String::new();
    for mutant in mutants {
        let why = tree.left_out.get(&mutant.number).map(|why| format!("  ({})", why.words()));
        line(
            &mut words,
            &format!("{:>5} {}{}", mutant.number, mutant.name, why.unwrap_or_default()),
        );
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_its_own_pattern() {
        assert_eq!(
            pattern("a.rs:1:2: replace f -> &'a[u8] with *"),
            r"^a\.rs:1:2: replace f -> &.a\[u8\] with \*$"
        );
    }
}
