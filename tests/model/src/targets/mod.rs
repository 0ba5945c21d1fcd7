//! What the fuzz targets do with their bytes. It is here and not in `fuzz/`, so that the committed
//! corpus runs as an ordinary test as well.
//!
//! Every target panics when something does not hold, and returns otherwise.

mod compressed;
mod frame;
mod journal;
mod redactor;
mod snapshot;

pub use compressed::compressed_reader;
pub use frame::frame_decoder;
pub use journal::{journal_of, journal_reader};
pub use redactor::redactor;
pub use snapshot::snapshot_reader;

use crate::entropy::Entropy;
use crate::sometimes::Sometimes;
use crate::{run, shrink};

/// Most inputs of one generated run.
const STEPS_MAX: usize = 400;

/// A target: its name and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const ALL: &[Target] = &[
    ("compressed_reader", compressed_reader),
    ("frame_decoder", frame_decoder),
    ("journal_reader", journal_reader),
    ("redactor", redactor),
    ("snapshot_reader", snapshot_reader),
    ("step", step),
];

/// A run of the generated world whose choices are the bytes, under the invariants and the model.
///
/// # Panics
/// A rule does not hold; the message is a script of the few inputs that are enough to show it.
pub fn step(bytes: &[u8]) {
    step_noting(bytes, &mut Sometimes::new());
}

/// The same, taking note of the situations that the run comes to.
///
/// # Panics
/// As [`step`].
pub fn step_noting(bytes: &[u8], sometimes: &mut Sometimes) {
    if let Err(broken) = run::run_noting(Entropy::Bytes(bytes), STEPS_MAX, sometimes) {
        let small = shrink::shrink(&broken);
        panic!("{}\n{}", run::script(&small.inputs), small.rule);
    }
}
