//! Asks about one mutant after the other, several at a time.

use std::sync::Mutex;
use std::sync::mpsc;

use crate::error::Error;
use crate::list::Mutant;
use crate::process::End;
use crate::results::{Fate, Verdict};
use crate::stage::Stage;

/// Tries every mutant, and tells each verdict as soon as there is one.
pub(crate) fn run<'a>(
    mutants: &[&'a Mutant],
    stages: &[Stage],
    jobs: usize,
    tell: &mut dyn FnMut(&'a Mutant, Verdict) -> Result<(), Error>,
) -> Result<(), Error> {
    let next = Mutex::new(mutants.iter());
    let (sender, verdicts) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some(mutant) = next.lock().ok().and_then(|mut next| next.next()) {
                    // Nobody listens any more after an error.
                    if sender.send((*mutant, try_one(mutant, stages))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (mutant, verdict) in verdicts {
            tell(mutant, verdict?)?;
        }
        Ok(())
    })
}

fn try_one(mutant: &Mutant, stages: &[Stage]) -> Result<Verdict, Error> {
    let verdict = |fate, note| Verdict { name: mutant.name.clone(), fate, note };
    let mut is_reached = false;
    for stage in stages.iter().filter(|stage| stage.reaches(mutant.number)) {
        is_reached = true;
        match stage.try_on(mutant.number)? {
            End::Passed => {}
            End::Failed(words) => {
                return Ok(verdict(Fate::Found, format!("{}: {words}", stage.name)));
            }
            End::TimedOut => return Ok(verdict(Fate::TimedOut, stage.name.clone())),
        }
    }
    let note = if is_reached { "" } else { "no test comes to it" };
    Ok(verdict(Fate::Survived, note.into()))
}
