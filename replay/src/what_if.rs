//! `pi-replay what-if`: the same inputs under other limits, and the difference in outcomes.
//!
//! What clients sent and agents said stays as it was recorded. An agent that is not started in the
//! other world says nothing there, and a call that only the other world makes gets no answer; so
//! the result shows the first effects of a change for certain, and later ones as far as the
//! recorded world goes.

use std::ops::ControlFlow;

use pi_server_core::input::{Input, InputKind};
use pi_server_core::limits::LimitError;
use pi_server_core::{BodyRef, Limits, Micros, Outputs, Seq, State};

use crate::align::{Alignment, align};
use crate::chart::Builder;
use crate::play::{Ending, PlayError, Played, play};
use crate::recast::Cast;
use crate::source::Source;
use crate::start::Start;

/// A limit and its other value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// `limits.NAME=VALUE`.
    Limit(String, u64),
    /// `limits.rate=on` or `off`.
    Rate(bool),
}

impl Change {
    /// Reads `limits.NAME=VALUE`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Change, String> {
        let (name, value) = text.split_once('=').ok_or("limits.NAME=VALUE")?;
        let name = name.strip_prefix("limits.").ok_or("the name begins with limits.")?;
        match (name, value) {
            ("rate", "on") => return Ok(Change::Rate(true)),
            ("rate", "off") => return Ok(Change::Rate(false)),
            ("rate", _) => return Err("limits.rate is on or off".into()),
            (_, _) => {}
        }
        let value = value.parse().map_err(|_| format!("{value} is no number"))?;
        Limits::default().set(name, value).map_err(|error| match error {
            LimitError::Unknown => format!("there is no limit {name}"),
            LimitError::OutOfRange { min, max } => format!("{name} goes from {min} to {max}"),
        })?;
        Ok(Change::Limit(name.to_owned(), value))
    }

    fn apply(&self, limits: &mut Limits) {
        match self {
            // The name and the range were checked when it was read.
            Change::Limit(name, value) => drop(limits.set(name, *value)),
            Change::Rate(rate) => limits.rate = *rate,
        }
    }
}

/// What the change comes to.
#[derive(Debug)]
pub struct WhatIf {
    /// The recorded history against the other one.
    pub alignment: Alignment,
    /// Inputs of agents that the other world does not have.
    pub unheard: u64,
    /// Deadlines that only the other world has, and that were let pass.
    pub ticks: u64,
}

/// Plays a journal twice, as it was and with the changes.
///
/// # Errors
/// The journal cannot be read or decoded.
pub fn what_if(
    source: &Source,
    changes: &[Change],
    progress: &mut dyn FnMut(u64),
) -> Result<(WhatIf, Ending), PlayError> {
    let mut world = Other::new(changes, Start::of(source)?.state);
    let mut recorded = Builder::new(false);
    let mut cast = Cast::default();
    let mut deadline = None;
    let ending = play(source, |played| {
        world.let_pass(deadline, played.input.at);
        cast.note(played.outputs);
        recorded.step(played);
        world.step(played, &cast);
        deadline = played.state.deadline();
        progress(played.input.seq.0);
        Ok(ControlFlow::Continue(()))
    })?;
    let alignment = align(&recorded.chart, &world.builder.chart);
    Ok((WhatIf { alignment, unheard: world.unheard, ticks: world.ticks }, ending))
}

struct Other<'a> {
    changes: &'a [Change],
    state: State,
    outputs: Outputs,
    builder: Builder,
    cast: Cast,
    last: Seq,
    unheard: u64,
    ticks: u64,
}

impl Other<'_> {
    fn new(changes: &[Change], state: State) -> Other<'_> {
        Other {
            changes,
            state,
            outputs: Outputs::new(),
            builder: Builder::new(false),
            cast: Cast::default(),
            last: Seq(0),
            unheard: 0,
            ticks: 0,
        }
    }

    /// Deadlines that the recorded world does not have are due by themselves; the others have
    /// their ticks among the inputs.
    fn let_pass(&mut self, recorded: Option<Micros>, until: Micros) {
        while let Some(at) = self.state.deadline() {
            if at >= until || Some(at) == recorded || at <= self.state.now() {
                return;
            }
            self.ticks += 1;
            self.take(&Input {
                seq: self.last,
                at,
                body: BodyRef::default(),
                kind: InputKind::Tick,
            });
        }
    }

    fn step(&mut self, played: &Played<'_>, recorded: &Cast) {
        let mut input = played.input.clone();
        self.last = input.seq;
        match &mut input.kind {
            InputKind::Boot(boot) => {
                self.changes.iter().for_each(|change| change.apply(&mut boot.limits));
            }
            InputKind::Agent { agent, .. } => {
                let Some(other) = recorded.counterpart(*agent, &self.cast) else {
                    self.unheard += 1;
                    return;
                };
                *agent = other;
            }
            InputKind::Opened(_)
            | InputKind::Closed { .. }
            | InputKind::Command { .. }
            | InputKind::Repeated { .. }
            | InputKind::Malformed { .. }
            | InputKind::Answered { .. }
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Wall { .. }
            | InputKind::Indexed { .. }
            | InputKind::Drain
            | InputKind::Stop => {}
        }
        self.take(&input);
    }

    fn take(&mut self, input: &Input) {
        self.state.step(input, &mut self.outputs);
        self.cast.note(self.outputs.as_slice());
        self.builder.take(input, None, self.outputs.as_slice());
    }
}
