//! One run: a world, a state, the invariants and the model, step by step.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pi_server_core::audience::Audiences;
use pi_server_core::input::InputKind;
use pi_server_core::snapshot::LAYOUT;
use pi_server_core::{Input, Outputs, State};

use crate::entropy::Entropy;
use crate::invariants::Watch;
use crate::model::{Choices, Model, Seen};
use crate::shape::World;
use crate::sometimes::Sometimes;

/// A state costs more to copy and to compare than a step does; every so manieth step is looked at that
/// closely, by its number.
const LOOKS_EVERY: u64 = 8;

/// A run that went wrong.
#[derive(Clone, Debug)]
pub struct Broken {
    /// The rule that does not hold.
    pub rule: String,
    /// The inputs up to there.
    pub inputs: Vec<Input>,
}

impl Broken {
    /// The rule without its numbers, which tells failures of different kinds apart.
    pub fn topic(&self) -> String {
        let line = self.rule.lines().next().unwrap_or_default();
        line.chars().filter(|c| !c.is_ascii_digit()).collect()
    }
}

/// Runs a generated world for at most `steps` inputs.
///
/// # Errors
/// The first step after which something does not hold.
pub fn run(entropy: Entropy<'_>, steps: usize) -> Result<Vec<Input>, Box<Broken>> {
    run_noting(entropy, steps, &mut Sometimes::new())
}

/// The same, taking note of the situations that it comes to.
///
/// # Errors
/// As [`run`].
pub fn run_noting(
    entropy: Entropy<'_>,
    steps: usize,
    sometimes: &mut Sometimes,
) -> Result<Vec<Input>, Box<Broken>> {
    let mut world = World::new(entropy);
    let mut check = Check::new();
    let mut inputs = Vec::new();
    for _ in 0..steps {
        if world.is_over() {
            break;
        }
        let input = world.next(check.state.deadline());
        inputs.push(input.clone());
        if let Err(rule) = check.step(&input) {
            return Err(Box::new(Broken { rule, inputs }));
        }
        sometimes.note(&input, check.outputs.as_slice());
        world.saw(check.outputs.as_slice());
    }
    Ok(inputs)
}

/// A state under watch.
pub struct Check {
    /// The state.
    pub state: State,
    /// What its last step asked for.
    pub outputs: Outputs,
    watch: Watch,
    model: Model,
    audiences: Audiences,
    twin: Option<Twin>,
    snapshots_every: u64,
}

/// A state that comes from a snapshot and goes on beside the one that it was taken of: DESIGN
/// section 6.
struct Twin {
    state: State,
    outputs: Outputs,
}

impl Twin {
    fn of(state: &State) -> Result<Twin, String> {
        let again =
            State::decode(LAYOUT, &state.encode()).map_err(|_| "a snapshot cannot be read")?;
        if again != *state {
            return Err("a snapshot is another state".into());
        }
        Ok(Twin { state: again, outputs: Outputs::new() })
    }
}

impl Default for Check {
    fn default() -> Check {
        Check::new()
    }
}

impl Check {
    /// A state before its first input.
    pub fn new() -> Check {
        Check::with_snapshots_every(LOOKS_EVERY)
    }

    /// The same with a snapshot taken, read and gone on from at every so manieth input only, for
    /// states that hold much.
    pub fn with_snapshots_every(inputs: u64) -> Check {
        Check {
            state: State::new(),
            outputs: Outputs::new(),
            watch: Watch::default(),
            model: Model::new(),
            audiences: Audiences::new(),
            twin: None,
            snapshots_every: inputs,
        }
    }

    /// One step and everything that must hold after it.
    ///
    /// # Errors
    /// What does not hold.
    pub fn step(&mut self, input: &Input) -> Result<(), String> {
        let looks = input.seq.0.is_multiple_of(LOOKS_EVERY);
        let before = looks.then(|| self.state.clone());
        if input.seq.0.is_multiple_of(self.snapshots_every) {
            if self.twin.as_ref().is_some_and(|twin| twin.state != self.state) {
                return Err("the state of a snapshot goes on in another way".into());
            }
            self.twin = Some(Twin::of(&self.state)?);
        }
        // Law 6: no input can panic a step. The state is not looked at after a panic.
        let stepped = catch_unwind(AssertUnwindSafe(|| self.state.step(input, &mut self.outputs)));
        if stepped.is_err() {
            return Err("the step panics".into());
        }
        self.twin_steps(input)?;
        self.watch.after(before.as_ref(), input, self.outputs.as_slice(), &self.state)?;
        self.compare(input)
    }

    /// The state of a snapshot must go on like the one that the snapshot is of; it is compared with it
    /// when the next is taken.
    fn twin_steps(&mut self, input: &Input) -> Result<(), String> {
        let Some(twin) = &mut self.twin else { return Ok(()) };
        twin.state.step(input, &mut twin.outputs);
        if twin.outputs.as_slice() == self.outputs.as_slice() {
            return Ok(());
        }
        Err("the state of a snapshot says something else".into())
    }

    /// What the step shows must be what the model says it shows.
    fn compare(&mut self, input: &Input) -> Result<(), String> {
        if let InputKind::Boot(_) | InputKind::Stop = input.kind {
            self.audiences.clear();
        }
        let outputs = self.outputs.as_slice();
        let expected = self.model.step(input, Choices::of(outputs));
        let shown = Seen::of(outputs, &mut self.audiences);
        expected.difference(&shown).map_or(Ok(()), |text| Err(format!("model: {text}")))
    }
}

/// Inputs as a script, with the outputs that the state gives.
pub fn script(inputs: &[Input]) -> String {
    let (mut state, mut outputs) = (State::new(), Outputs::new());
    let mut text = String::new();
    for input in inputs {
        writeln!(text, "{input}").expect("a string takes text");
        let stepped = catch_unwind(AssertUnwindSafe(|| state.step(input, &mut outputs)));
        if stepped.is_err() {
            text.push_str("  panic\n");
            break;
        }
        for output in outputs.as_slice() {
            writeln!(text, "  {output}").expect("a string takes text");
        }
    }
    text
}
