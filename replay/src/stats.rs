//! `pi-replay stats`: what is in a journal, counted.

use std::collections::BTreeMap;
use std::fmt;

use pi_server_core::input::{AgentSaid, InputKind};
use pi_server_core::record::{Mark, decode_kind};
use pi_server_core::{Micros, Seq};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::feed::{Feed, Item, Reading};
use crate::source::{Source, SourceError};
use crate::times::Iso;

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Committed records of all kinds.
    pub records: u64,
    /// Committed inputs.
    pub inputs: u64,
    /// Inputs by what they are.
    pub kinds: BTreeMap<String, u64>,
    /// Turns of the daemon's loop.
    pub commits: u64,
    /// Daemon lives.
    pub boots: u64,
    /// Torn tails that were set aside.
    pub recoveries: u64,
    /// Bytes of encoded inputs.
    pub input_bytes: u64,
    /// Bodies, erased ones included.
    pub bodies: u64,
    /// Their bytes.
    pub body_bytes: u64,
    /// Bodies that were erased.
    pub erased: u64,
    /// Inputs that this build cannot decode.
    pub unknown: u64,
    /// Time of the first input, and what the wall showed then.
    pub first: Option<(Micros, Micros)>,
    /// Time of the last input, and what the wall showed then.
    pub last: Option<(Micros, Micros)>,
    /// The last input that was known to be on disk, as the last commit or `HEAD` says.
    pub durable_upto: Seq,
}

impl Stats {
    /// Counts the committed records of a journal. `progress` is called with the number of inputs.
    ///
    /// # Errors
    /// A file could not be read.
    pub fn count(
        source: &Source,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(Stats, Reading), SourceError> {
        let mut feed = Feed::start(source)?;
        let mut clock = Clock::of(&feed.begin().state);
        let mut stats = Stats::default();
        while let Some(batch) = feed.take() {
            for item in batch.items() {
                stats.add(&item, &mut clock);
                progress(stats.inputs);
            }
        }
        let reading = feed.finish()?;
        // A commit says what was on disk before it; `HEAD` knows more where the daemon has stopped.
        stats.durable_upto = stats.durable_upto.max(reading.head);
        Ok((stats, reading))
    }

    fn add(&mut self, item: &Item<'_>, clock: &mut Clock) {
        self.records += 1;
        match item.mark {
            None => self.add_input(item, clock),
            Some(Mark::Commit(commit)) => {
                self.commits += 1;
                self.durable_upto = commit.durable_upto;
            }
            Some(Mark::Recovered(_)) => self.recoveries += 1,
            Some(Mark::Seal(_) | Mark::Begin(_)) => {}
        }
    }

    fn add_input(&mut self, item: &Item<'_>, clock: &mut Clock) {
        self.inputs += 1;
        self.input_bytes += item.input.len() as u64;
        if item.header.body_len > 0 {
            self.bodies += 1;
            self.body_bytes += u64::from(item.header.body_len);
            self.erased += u64::from(item.header.erased);
        }
        let kind = decode_kind(item.input);
        if let Ok(kind) = &kind {
            clock.note(kind);
        }
        let time = (item.header.at, clock.wall(item.header.at));
        self.first.get_or_insert(time);
        self.last = Some(time);
        let Ok(kind) = kind else {
            self.unknown += 1;
            return;
        };
        self.boots += u64::from(matches!(kind, InputKind::Boot(_)));
        *self.kinds.entry(kind_name(&kind)).or_default() += 1;
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "records": self.records,
            "inputs": self.inputs,
            "inputsByKind": self.kinds,
            "commits": self.commits,
            "boots": self.boots,
            "recoveries": self.recoveries,
            "inputBytes": self.input_bytes,
            "bodies": self.bodies,
            "bodyBytes": self.body_bytes,
            "erasedBodies": self.erased,
            "unknownInputs": self.unknown,
            "firstTime": self.first.map(|(_, wall)| Iso(wall).to_string()),
            "lastTime": self.last.map(|(_, wall)| Iso(wall).to_string()),
            "firstAt": self.first.map(|(at, _)| at.0),
            "lastAt": self.last.map(|(at, _)| at.0),
            "durableUpto": self.durable_upto.0,
        })
    }
}

/// What an input is, in a word or two: `command prompt`, `agent event`, `tick`.
fn kind_name(kind: &InputKind) -> String {
    match kind {
        InputKind::Boot(_) => "boot".into(),
        InputKind::Opened(_) => "open".into(),
        InputKind::Closed { .. } => "close".into(),
        InputKind::Command { envelope, .. } | InputKind::Repeated { envelope, .. } => {
            format!("command {}", envelope.kind.row().name)
        }
        InputKind::Malformed { .. } => "malformed".into(),
        InputKind::Agent { said, .. } => match said {
            AgentSaid::Ready(_) => "agent ready".into(),
            AgentSaid::Replied { .. } => "agent replied".into(),
            AgentSaid::Event(_) => "agent event".into(),
            AgentSaid::Info(_) => "agent info".into(),
            AgentSaid::Noise { .. } => "agent noise".into(),
            AgentSaid::Exited(_) => "agent exited".into(),
            AgentSaid::Unavailable { .. } => "agent unavailable".into(),
        },
        InputKind::Answered { .. } => "answered".into(),
        InputKind::Storage { .. } => "storage".into(),
        InputKind::Tick => "tick".into(),
        InputKind::Wall { .. } => "wall".into(),
        InputKind::Indexed { .. } => "indexed".into(),
        InputKind::Drain => "drain".into(),
        InputKind::Stop => "stop".into(),
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "inputs        {} in {} records", self.inputs, self.records)?;
        writeln!(f, "commits       {}, durable up to #{}", self.commits, self.durable_upto)?;
        writeln!(f, "boots         {}", self.boots)?;
        if self.recoveries > 0 {
            writeln!(f, "torn tails    {} set aside", self.recoveries)?;
        }
        writeln!(f, "input bytes   {}", self.input_bytes)?;
        write!(f, "bodies        {} with {} bytes", self.bodies, self.body_bytes)?;
        writeln!(f, ", {} erased", self.erased)?;
        if let (Some((first, begin)), Some((last, end))) = (self.first, self.last) {
            let span = last.0.saturating_sub(first.0);
            write!(f, "time          {} to {}", Iso(begin), Iso(end))?;
            writeln!(f, ", {}.{:06} s", span / 1_000_000, span % 1_000_000)?;
        }
        if self.unknown > 0 {
            writeln!(f, "unknown       {} inputs of a newer build", self.unknown)?;
        }
        for (name, count) in &self.kinds {
            writeln!(f, "  {count:>10}  {name}")?;
        }
        Ok(())
    }
}
