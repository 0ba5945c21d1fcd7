//! The switch: which mutant is on. This file is no part of the tool; it becomes `core/src/mutant.rs`
//! in the copy, with the number of mutants added.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::io::Write as _;
use std::string::{String, ToString};

/// The number of the mutant, or `reach`.
const WHICH: &str = "PI_SERVER_MUTANT";
/// Where `reach` writes the numbers of the mutants that are come to.
const REACHED: &str = "PI_SERVER_MUTANT_REACHED";

/// The environment was not asked yet.
const UNKNOWN: u32 = u32::MAX;
/// None is on; it is noted which are come to.
const REACH: u32 = u32::MAX - 1;

static ACTIVE: AtomicU32 = AtomicU32::new(UNKNOWN);
static SEEN: [AtomicBool; COUNT + 1] = [const { AtomicBool::new(false) }; COUNT + 1];

/// Whether this mutant is on.
#[inline]
pub fn on(number: u32) -> bool {
    match ACTIVE.load(Ordering::Relaxed) {
        UNKNOWN => {
            ACTIVE.store(asked(), Ordering::Relaxed);
            on(number)
        }
        REACH => {
            note(number);
            false
        }
        active => active == number,
    }
}

#[cold]
fn asked() -> u32 {
    match std::env::var(WHICH) {
        Ok(text) if text == "reach" => REACH,
        Ok(text) => text.parse().expect("the number of a mutant"),
        Err(_) => 0,
    }
}

fn note(number: u32) {
    let seen = &SEEN[number as usize];
    if seen.load(Ordering::Relaxed) || seen.swap(true, Ordering::Relaxed) {
        return;
    }
    let path: String = std::env::var(REACHED).expect("a file for what is come to");
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    // One call, so that lines of several threads stay whole.
    let line = number.to_string() + "\n";
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("a note");
}
