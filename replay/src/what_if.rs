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
use crate::attribution::Attribution;
use crate::chart::{Builder, Taken};
use crate::play::{Ending, PlayError, Played, Player};
use crate::source::Source;
use crate::start::Begins;

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
    let player = Player::open(source)?;
    let mut world = Other::new(changes, player.state(), player.begins());
    let mut recorded = Builder::new(false, player.state(), player.begins());
    let mut deadline = player.state().deadline();
    let ending = player.run(|played| {
        world.let_pass(deadline, played.input.at);
        recorded.step(played);
        world.step(played);
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
    whose: Attribution,
    last: Seq,
    unheard: u64,
    ticks: u64,
}

impl<'a> Other<'a> {
    /// Begins with the recorded state. Where that is a snapshot, the bounds of the boot before it are
    /// in force, and are changed as that boot would have changed them.
    fn new(changes: &'a [Change], state: &State, begins: Option<Begins>) -> Other<'a> {
        let mut limits = state.limits().clone();
        if begins.is_some() {
            for change in changes {
                change.apply(&mut limits);
            }
        }
        Other {
            changes,
            state: state.clone().with_limits(limits),
            outputs: Outputs::new(),
            builder: Builder::new(false, state, begins),
            whose: Attribution::of(state),
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

    fn step(&mut self, played: &Played<'_>) {
        let mut input = played.input.clone();
        self.last = input.seq;
        match &mut input.kind {
            InputKind::Boot(boot) => {
                self.changes.iter().for_each(|change| change.apply(&mut boot.limits));
            }
            InputKind::Agent { agent, .. } => {
                let Some(other) = played.whose.counterpart(*agent, &self.whose) else {
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
        let (outputs, state) = (self.outputs.as_slice(), &self.state);
        self.whose.note(input, outputs);
        let whose = &self.whose;
        self.builder.take(&Taken { input, body: None, outputs, state, whose });
    }
}
