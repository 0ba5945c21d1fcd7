//! The report of a verification as text and as JSON.

use std::fmt;

use pi_server_core::Seq;
use pi_server_core::record::{Tail, Verdict};
use serde_json::{Value, json};

use super::{
    Altered, Checks, Difference, Divergence, Files, RanAgain, Report, Unchecked, Unreadable,
};
use crate::feed::Key;
use crate::shown::Shown;
use crate::status::Status;
use crate::times::Iso;

impl Report {
    /// What it comes to. Damage weighs more than a difference: it may be its cause.
    pub fn status(&self) -> Status {
        let reading = self.reading.status();
        if reading != Status::Good {
            reading
        } else if self.checks.altered.is_some() || self.unreadable.is_some() {
            Status::Damaged
        } else if self.divergence.is_some() || self.ran_again.is_some() {
            Status::Diverged
        } else {
            let faults = || self.files.faults.iter().map(|(status, _)| *status);
            let worst = [Status::Damaged, Status::Unread, Status::Diverged];
            let is_there = |status: &Status| faults().any(|fault| fault == *status);
            worst.into_iter().find(is_there).or(faults().next()).unwrap_or(Status::Good)
        }
    }

    /// Everything that was not checked, and why.
    pub fn unchecked(&self) -> Vec<Unchecked> {
        let mut all = self.files.clone();
        let Checks { unchecked, frames_skipped, erased, .. } = &self.checks;
        if *unchecked > 0 {
            let why = match &self.key {
                Key::Missing => "there is no key",
                Key::Fits(_) | Key::Foreign | Key::Malformed | Key::Unreadable { .. } => {
                    "the key cannot be used"
                }
            };
            all.skip(format!("{unchecked} bodies against their keyed digests"), why);
        }
        if *erased > 0 {
            all.skip(format!("{erased} bodies that were erased"), "nothing of them is there");
        }
        if *frames_skipped > 0 {
            all.skip(
                format!("{frames_skipped} frames of clients, decoded again"),
                "they were erased, redacted or cut, or there is no key",
            );
        }
        all.skip(
            "the wording of the frames that clients were sent",
            "no digest of it was recorded",
        );
        all.unchecked
    }

    /// Inputs stepped in a second.
    #[expect(clippy::float_arithmetic, reason = "a rate for people, compared with nothing")]
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive")]
    pub fn inputs_per_second(&self) -> u64 {
        (self.counts.inputs as f64 / self.elapsed.as_secs_f64().max(1e-9)) as u64
    }

    fn verdict(&self) -> &'static str {
        match self.status() {
            Status::Good => "identical",
            Status::Usage
            | Status::Absent
            | Status::Unread
            | Status::Unwritten
            | Status::Internal => "unreadable",
            Status::Damaged => "damaged",
            Status::Newer => "newer",
            Status::Diverged => "diverged",
        }
    }

    /// As JSON: one object, whose `verdict` is `identical`, `diverged`, `damaged`, `newer` or `unreadable`
    /// (of a newer format).
    pub fn to_json(&self) -> Value {
        json!({
            "verdict": self.verdict(),
            "exitStatus": self.status().code(),
            "journal": self.reading.journal.to_string(),
            "records": self.counts.records,
            "begins": self.reading.begins.map(|begins| begins.to_json()),
            "snapshot": (self.reading.start > Seq(0)).then_some(self.reading.start.0),
            "inputs": self.counts.inputs,
            "commits": self.counts.commits,
            "boots": self.counts.boots,
            "segments": self.reading.segments,
            "bytes": self.reading.bytes,
            "bodies": self.checks.bodies,
            "bodiesErased": self.checks.erased,
            "bodiesRedacted": self.checks.redacted,
            "bodiesUnchecked": self.checks.unchecked,
            "tier": self.checks.tiers.coldest().name(),
            "tiers": self.checks.tiers.to_json(),
            "frames": self.checks.frames,
            "framesSkipped": self.checks.frames_skipped,
            "key": self.key.name(),
            "snapshotsCompared": self.files.snapshots,
            "packs": self.files.packs,
            "packedBodies": self.files.packed,
            "unchecked": self.unchecked().iter().map(Unchecked::to_json).collect::<Vec<_>>(),
            "faults": self.files.faults.iter().map(|(_, why)| why).collect::<Vec<_>>(),
            "tail": self.reading.verdict.as_ref().ok().map(|verdict| tail_name(&verdict.tail)),
            "damage": self.damage(),
            "divergence": self.divergence.as_ref().map(divergence_json),
            "ranAgain": self.ran_again.as_ref().map(|again| json!({ "seq": again.seq.0, "id": again.id })),
            "elapsedMs": u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX),
            "inputsPerSecond": self.inputs_per_second(),
        })
    }

    /// What is damaged, in words.
    fn damage(&self) -> Option<String> {
        if let Err(damage) = &self.reading.verdict {
            return Some(damage.to_string());
        }
        if let Some(Altered { seq, place }) = self.checks.altered {
            return Some(format!(
                "{place}: the body of input #{seq} is not the one that was written (its keyed \
                 digest is wrong, its checksum was made to fit)"
            ));
        }
        let unreadable = self.unreadable.map(|Unreadable { seq, place, error }| {
            format!("{place}: input #{seq} cannot be decoded ({error}); is the journal newer?")
        });
        unreadable.or_else(|| self.files.faults.first().map(|(_, why)| why.clone()))
    }
}

fn tail_name(tail: &Tail) -> &'static str {
    match tail {
        Tail::Clean => "clean",
        Tail::Incomplete => "incomplete",
        Tail::Torn { .. } => "torn",
    }
}

fn divergence_json(divergence: &Divergence) -> Value {
    let Divergence { seq, at, wall, input, difference } = divergence;
    let time = wall.map(|wall| Iso(wall).to_string());
    let mut value = json!({ "seq": seq.0, "at": at.0, "time": time, "input": input });
    let rest = match difference {
        Difference::Outputs { expected, actual, recorded, outputs, hint } => json!({
            "field": "outputs",
            "expected": expected.to_string(),
            "actual": actual.to_string(),
            "segment": recorded.segment,
            "offset": recorded.offset,
            "outputs": outputs,
            "hint": hint.map(|hint| hint.to_string()),
        }),
        Difference::Frame { field, expected, actual } => json!({
            "field": format!("frame.{field}"),
            "expected": expected,
            "actual": actual,
        }),
    };
    if let (Value::Object(value), Value::Object(rest)) = (&mut value, rest) {
        value.extend(rest);
    }
    value
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { reading, counts, checks, elapsed, .. } = self;
        writeln!(f, "{}: {} inputs, {} boots", self.verdict(), counts.inputs, counts.boots)?;
        if let Some(begins) = reading.begins {
            writeln!(f, "  begins    {begins}")?;
        }
        if let Some(damage) = self.damage() {
            writeln!(f, "  damage    {}", Shown(&damage))?;
        }
        for (_, why) in
            self.files.faults.iter().filter(|(_, why)| Some(why) != self.damage().as_ref())
        {
            writeln!(f, "  also      {}", Shown(why))?;
        }
        if let Some(RanAgain { seq, id }) = &self.ran_again {
            writeln!(
                f,
                "input #{seq} ran again under the id {id:?} of a command that the journal holds \
                 (PROTOCOL.md 6.2)"
            )?;
        }
        if let Some(divergence) = &self.divergence {
            write!(f, "{divergence}")?;
        }
        write!(f, "  records   {} with {} commits", counts.records, counts.commits)?;
        writeln!(f, " in {} segments ({} bytes)", reading.segments, reading.bytes)?;
        write!(f, "  bodies    {} good, {} erased", checks.bodies, checks.erased)?;
        if checks.redacted > 0 {
            write!(f, ", {} redacted", checks.redacted)?;
        }
        if checks.unchecked > 0 {
            write!(f, ", {} not checked (key {})", checks.unchecked, self.key.name())?;
        }
        writeln!(f)?;
        writeln!(f, "  tier      {}", checks.tiers)?;
        write!(f, "  frames    {} decoded again", checks.frames)?;
        writeln!(f, ", {} skipped", checks.frames_skipped)?;
        let Files { snapshots, packs, packed, .. } = &self.files;
        if *snapshots > 0 {
            writeln!(f, "  snapshots {snapshots} are the states that the inputs make")?;
        }
        if *packs > 0 {
            writeln!(f, "  packs     {packs} with {packed} good bodies")?;
        }
        for Unchecked { what, why } in self.unchecked() {
            writeln!(f, "  unchecked {}: {why}", Shown(&what))?;
        }
        if let Ok(Verdict { tail, .. }) = &reading.verdict {
            match tail {
                Tail::Clean => {}
                Tail::Incomplete => {
                    writeln!(f, "  tail      records without their commit: they did not happen")?;
                }
                Tail::Torn { at, fault } => {
                    write!(f, "  tail      torn at {at} ({fault})")?;
                    writeln!(f, "; the next start sets it aside")?;
                }
            }
        }
        let rate = self.inputs_per_second();
        writeln!(
            f,
            "  took      {}.{:03} s, {rate} inputs/s",
            elapsed.as_secs(),
            elapsed.subsec_millis()
        )
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Divergence { seq, at: _, wall, input, difference } = self;
        writeln!(f, "  at        #{seq}")?;
        wall.map_or(Ok(()), |wall| writeln!(f, "  time      {}", Iso(wall)))?;
        writeln!(f, "  input     {input}")?;
        match difference {
            Difference::Outputs { expected, actual, recorded, outputs, hint } => {
                writeln!(f, "  differs   outputs of the step, as the record at {recorded} says")?;
                writeln!(f, "  expected  {expected}")?;
                writeln!(f, "  actual    {actual}")?;
                if let Some(hint) = hint {
                    writeln!(f, "  known     {hint}")?;
                }
                writeln!(f, "  computed  {} outputs", outputs.len())?;
                outputs
                    .iter()
                    .enumerate()
                    .try_for_each(|(index, output)| writeln!(f, "    {:>3} {output}", index + 1))
            }
            Difference::Frame { field, expected, actual } => {
                writeln!(f, "  differs   {field}, when the frame is decoded again")?;
                writeln!(f, "  expected  {expected}")?;
                writeln!(f, "  actual    {actual}")
            }
        }
    }
}
