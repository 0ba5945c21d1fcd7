//! The survivors that are known, each with the reason why no test has to notice it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::error::Error;
use crate::list::Mutant;
use crate::results::Fate;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    #[serde(default)]
    survivor: Vec<Survivor>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Survivor {
    file: String,
    /// The mutant's name without its place.
    mutant: String,
    /// Which of several with this name in this file, by their places, counted from one; all of them
    /// without it.
    #[serde(default)]
    which: Vec<usize>,
    reason: String,
}

/// What is wrong between the list and what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Nobody knows it.
    NewSurvivor { name: String },
    /// It is listed, but it does not survive.
    NoSurvivor { name: String, fate: Fate },
    /// It is listed, but there is none like it.
    NoMutant { file: String, mutant: String },
}

/// The list, with the reasons by mutant.
pub(crate) struct List {
    reasons: BTreeMap<u32, String>,
    wrong: Vec<Wrong>,
}

impl List {
    /// Reads the list and finds the mutants of it.
    pub(crate) fn read(path: &Path, mutants: &[Mutant]) -> Result<List, Error> {
        let text = fs::read_to_string(path)
            .map_err(|error| Error::File { path: path.to_owned(), error })?;
        List::of(&text, mutants).map_err(|words| Error::Known { path: path.to_owned(), words })
    }

    fn of(text: &str, mutants: &[Mutant]) -> Result<List, String> {
        let known: Known = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut list = List { reasons: BTreeMap::new(), wrong: Vec::new() };
        for Survivor { file, mutant, which, reason } in known.survivor {
            if reason.trim().is_empty() {
                return Err(format!("{file}: {mutant}: no reason"));
            }
            let mut of_name: Vec<&Mutant> =
                mutants.iter().filter(|one| one.file == file && one.change() == mutant).collect();
            of_name.sort_by_key(|one| (one.span.start.line, one.span.start.column));
            let wanted: Vec<usize> =
                if which.is_empty() { (1..=of_name.len().max(1)).collect() } else { which };
            for place in wanted {
                match place.checked_sub(1).and_then(|index| of_name.get(index)) {
                    Some(one) if list.reasons.insert(one.number, reason.clone()).is_some() => {
                        return Err(format!("{file}: {mutant}: twice"));
                    }
                    Some(_) => {}
                    None => list.wrong.push(Wrong::NoMutant {
                        file: file.clone(),
                        mutant: format!("{mutant} ({place})"),
                    }),
                }
            }
        }
        Ok(list)
    }

    /// Why a mutant may survive.
    pub(crate) fn reason(&self, number: u32) -> Option<&str> {
        self.reasons.get(&number).map(String::as_str)
    }

    /// Holds the list against what became of the mutants that were asked about.
    pub(crate) fn compare<'a>(
        &self,
        fates: impl Iterator<Item = (&'a Mutant, Fate)>,
    ) -> Vec<Wrong> {
        let mut wrong = self.wrong.clone();
        for (mutant, fate) in fates {
            let name = mutant.name.clone();
            match (fate == Fate::Survived, self.reasons.contains_key(&mutant.number)) {
                (true, false) => wrong.push(Wrong::NewSurvivor { name }),
                (false, true) => wrong.push(Wrong::NoSurvivor { name, fate }),
                (true, true) | (false, false) => {}
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::{Genre, Place, Span};

    fn mutant(number: u32, change: &str) -> Mutant {
        let place = Place { line: 1, column: 1 };
        Mutant {
            number,
            name: format!("a.rs:{number}:1: {change}"),
            file: "a.rs".into(),
            span: Span { start: place, end: place },
            replacement: String::new(),
            genre: Genre::BinaryOperator,
        }
    }

    #[test]
    fn the_list_and_what_happened_must_agree() {
        let text = "
            [[survivor]]\nfile = 'a.rs'\nmutant = 'x'\nwhich = [2]\nreason = 'the same'
            [[survivor]]\nfile = 'a.rs'\nmutant = 'y'\nreason = 'the same'
            [[survivor]]\nfile = 'a.rs'\nmutant = 'gone'\nreason = 'the same'";
        let mutants = [mutant(1, "x"), mutant(2, "x"), mutant(3, "y")];
        let list = List::of(text, &mutants).unwrap();
        assert_eq!([1, 2, 3].map(|number| list.reason(number).is_some()), [false, true, true]);
        let fates = [Fate::Survived, Fate::Survived, Fate::Found];
        assert_eq!(
            list.compare(mutants.iter().zip(fates)),
            [
                Wrong::NoMutant { file: "a.rs".into(), mutant: "gone (1)".into() },
                Wrong::NewSurvivor { name: "a.rs:1:1: x".into() },
                Wrong::NoSurvivor { name: "a.rs:3:1: y".into(), fate: Fate::Found },
            ]
        );
        let silent = "[[survivor]]\nfile = 'a.rs'\nmutant = 'x'\nreason = ' '";
        assert!(List::of(silent, &mutants).is_err());
    }
}
