//! `pi-replay diff`: the first place where two journals differ, without stepping anything.
//!
//! Meant for copies of one journal (a backup, a shipped copy, one that was redacted): times, inputs
//! and digests are compared as they are. Digests of bodies and of outputs depend on a journal's
//! key, so that between different journals only times and inputs are compared, in the notation.

use std::fmt;

use pi_server_core::record::{JournalId, Mark, decode_kind};
use pi_server_core::{Digest, Micros, Seq};
use serde_json::{Value, json};

use crate::feed::{Batch, Feed, Item, Reading};
use crate::source::{Source, SourceError};
use crate::start::Begins;
use crate::status::Status;

/// What a comparison has found.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Inputs that both have and that are equal.
    pub equal: u64,
    /// They are one journal, or copies of it.
    pub same_journal: bool,
    /// The first difference.
    pub difference: Option<Differing>,
    /// The first input that both have, if one of them begins later than the other.
    pub from: Option<Seq>,
    /// Where each begins, if that is a snapshot.
    pub begins: [Option<Begins>; 2],
    /// The last input of each.
    pub ends: [Seq; 2],
    /// The first of the two that is damaged, and how.
    pub damage: Option<String>,
    /// What that comes to: damaged, or of a newer format.
    pub damage_status: Status,
}

/// The first difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differing {
    /// The input.
    pub seq: Seq,
    /// What of it: `time`, `input`, `body` or `outputs`; of an input also which of its fields, as
    /// `input.envelope.session`.
    pub field: String,
    /// The input, in the notation of the first journal.
    pub input: String,
    /// As the first journal has it.
    pub left: String,
    /// As the second has it.
    pub right: String,
}

/// Compares two journals.
///
/// # Errors
/// A file could not be read.
pub fn diff(left: &Source, right: &Source) -> Result<Comparison, SourceError> {
    let ids: [JournalId; 2] = [left.head()?.journal, right.head()?.journal];
    let same_journal = ids[0] == ids[1];
    let mut sides = [Steps::new(Feed::start(left)?), Steps::new(Feed::start(right)?)];
    let begins = [sides[0].begins, sides[1].begins];
    let behind = |begins: Option<Begins>| begins.map_or(Seq(0), |begins| begins.seq);
    let first = Seq(behind(begins[0]).max(behind(begins[1])).0 + 1);
    let mut comparison = Comparison {
        equal: 0,
        same_journal,
        difference: None,
        from: (behind(begins[0]) != behind(begins[1])).then_some(first),
        begins,
        ends: [Seq(0); 2],
        damage: None,
        damage_status: Status::Good,
    };
    loop {
        let [left, right] = &mut sides;
        // Where retention has dropped more of one, the other's inputs have no counterpart.
        let (Some(left), Some(right)) = (left.next_from(first), right.next_from(first)) else {
            break;
        };
        comparison.difference = compare(&left, &right, same_journal);
        if comparison.difference.is_some() {
            break;
        }
        comparison.equal += 1;
    }
    for (side, (end, name)) in sides.into_iter().zip(comparison.ends.iter_mut().zip(["A", "B"])) {
        let (last, reading) = side.finish()?;
        *end = last;
        if let (Err(damage), None) = (&reading.verdict, &comparison.damage) {
            comparison.damage = Some(format!("{name}: {damage}"));
            comparison.damage_status = reading.status();
        }
    }
    Ok(comparison)
}

/// A step as a journal knows it.
struct Step {
    seq: Seq,
    at: Micros,
    input: Vec<u8>,
    body: Digest,
    /// Digest of the outputs of the step before, as this input's record has it.
    before: Digest,
    /// Digest of its own outputs: the next record has it.
    outputs: Option<Digest>,
}

fn compare(left: &Step, right: &Step, same_journal: bool) -> Option<Differing> {
    let (seq, other) = (left.seq, left);
    if same_journal && left.before != right.before {
        let seq = Seq(seq.0.saturating_sub(1));
        let (left, right) = (left.before.to_string(), right.before.to_string());
        let input = format!("the step before {}", notation(other));
        return Some(Differing { seq, field: "outputs".into(), input, left, right });
    }
    let input = notation(left);
    let differing = |field: &str, left: String, right: String| {
        let (field, input) = (field.to_owned(), input.clone());
        (left != right).then_some(Differing { seq, field, input, left, right })
    };
    if left.at != right.at {
        return differing("time", left.at.to_string(), right.at.to_string());
    }
    if !same_journal && notation(left) == notation(right) {
        return None;
    }
    if left.input != right.input {
        let field = match (decode_kind(&left.input), decode_kind(&right.input)) {
            (Ok(left), Ok(right)) => first_field(&left, &right),
            (Err(_), _) | (_, Err(_)) => None,
        };
        return match field {
            Some((path, left, right)) => differing(&format!("input{path}"), left, right),
            None => differing("input", hex(&left.input), hex(&right.input)),
        };
    }
    if left.body != right.body {
        return differing("body", left.body.to_string(), right.body.to_string());
    }
    match (left.outputs, right.outputs) {
        (Some(left), Some(right)) => differing("outputs", left.to_string(), right.to_string()),
        (None, _) | (_, None) => None,
    }
}

fn notation(step: &Step) -> String {
    decode_kind(&step.input).map_or_else(|error| error.to_string(), |kind| kind.to_string())
}

/// The first field in which two values differ: the way to it, and both its values. Values are looked
/// at as their `Debug` form shows them, a line for each field.
pub(crate) fn first_field<T: fmt::Debug>(left: &T, right: &T) -> Option<(String, String, String)> {
    let (left, right) = (format!("{left:#?}"), format!("{right:#?}"));
    let mut path: Vec<(usize, String)> = Vec::new();
    let mut rights = right.lines();
    for line in left.lines() {
        let other = rights.next().unwrap_or("");
        let text = line.trim_start();
        let depth = line.len() - text.len();
        path.retain(|(above, _)| *above < depth);
        let plain = |text: &str| text.trim().trim_end_matches([',', '{', '(', '[', ' ']).to_owned();
        let (name, value) = match text.split_once(": ") {
            Some((name, value)) if name.chars().all(|it| it.is_alphanumeric() || it == '_') => {
                (name, value)
            }
            _ => ("", text),
        };
        if line != other {
            let steps = path.iter().map(|(_, name)| name.as_str()).chain([name]);
            let way: String =
                steps.filter(|name| !name.is_empty()).flat_map(|name| [".", name]).collect();
            let other = other.trim_start();
            let mine = other.strip_prefix(name).and_then(|rest| rest.strip_prefix(": "));
            return Some((way, plain(value), plain(mine.unwrap_or(other))));
        }
        path.push((depth, name.to_owned()));
    }
    None
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The steps of a journal, one by one.
struct Steps {
    feed: Feed,
    begins: Option<Begins>,
    batch: Option<Batch>,
    /// The next record of the batch.
    index: usize,
    /// The last input, which waits for the record that knows its outputs.
    open: Option<Step>,
    last: Seq,
}

impl Steps {
    fn new(mut feed: Feed) -> Steps {
        let begins = feed.begin().begins();
        Steps { feed, begins, batch: None, index: 0, open: None, last: Seq(0) }
    }

    /// The next step that is not before `first`.
    fn next_from(&mut self, first: Seq) -> Option<Step> {
        loop {
            let step = self.next()?;
            if step.seq >= first {
                return Some(step);
            }
        }
    }

    fn next(&mut self) -> Option<Step> {
        loop {
            let Some(item) = self.batch.as_ref().and_then(|batch| batch.item(self.index)) else {
                self.index = 0;
                self.batch = self.feed.take();
                if self.batch.is_none() {
                    return self.open.take();
                }
                continue;
            };
            let told = match item.mark {
                None | Some(Mark::Commit(_)) => Some(item.header.outputs),
                // These repeat what the record before them said, whatever was stepped since.
                Some(Mark::Recovered(_) | Mark::Seal(_) | Mark::Begin(_)) => None,
            };
            let next = item.mark.is_none().then(|| step_of(&item));
            self.index += 1;
            let Some(outputs) = told else { continue };
            let done = self.open.take().map(|step| Step { outputs: Some(outputs), ..step });
            if let Some(next) = next {
                self.last = next.seq;
                self.open = Some(next);
            }
            if done.is_some() {
                return done;
            }
        }
    }

    /// Reads to the end. Returns the last input.
    fn finish(mut self) -> Result<(Seq, Reading), SourceError> {
        while self.next().is_some() {}
        Ok((self.last, self.feed.finish()?))
    }
}

fn step_of(item: &Item<'_>) -> Step {
    let header = item.header;
    Step {
        seq: header.seq,
        at: header.at,
        input: item.input.to_vec(),
        body: header.body_digest,
        before: header.outputs,
        outputs: None,
    }
}

impl Comparison {
    /// True if one begins behind the end of the other.
    fn is_apart(&self) -> bool {
        self.from.is_some_and(|from| self.ends.iter().any(|end| *end < from))
    }

    /// What it comes to. One that is the beginning of the other does not differ.
    pub fn status(&self) -> Status {
        match (&self.damage, &self.difference) {
            (Some(_), _) => self.damage_status,
            (None, Some(_)) => Status::Diverged,
            // They have no input in common.
            (None, None) if self.is_apart() => Status::Absent,
            (None, None) => Status::Good,
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        let difference = self.difference.as_ref().map(|Differing { seq, field, input, left, right }| {
            json!({ "seq": seq.0, "field": field, "input": input, "a": left, "b": right })
        });
        json!({
            "equalInputs": self.equal,
            "sameJournal": self.same_journal,
            "comparedFrom": self.from.map(|seq| seq.0),
            "beginsA": self.begins[0].map(|begins| begins.to_json()),
            "beginsB": self.begins[1].map(|begins| begins.to_json()),
            "difference": difference,
            "lastA": self.ends[0].0,
            "lastB": self.ends[1].0,
            "damage": self.damage,
        })
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.same_journal {
            writeln!(f, "different journals: only times and inputs are compared")?;
        }
        for (name, begins) in ["A", "B"].iter().zip(self.begins) {
            begins.map_or(Ok(()), |begins| writeln!(f, "{name}: {begins}"))?;
        }
        if let Some(from) = self.from {
            writeln!(f, "compared from #{from} on, the first input that both have")?;
        }
        let [left, right] = self.ends;
        match &self.difference {
            Some(Differing { seq, field, input, left, right }) => {
                writeln!(f, "differ at #{seq}: {field}\n  of {input}\n  A  {left}\n  B  {right}")?;
            }
            None if self.is_apart() => {
                writeln!(f, "nothing in common: A ends with #{left}, B with #{right}")?;
            }
            None if left == right => writeln!(f, "equal: {} inputs", self.equal)?,
            None => {
                let (short, long) = if left < right { ("A", "B") } else { ("B", "A") };
                let (end, other) = (left.min(right), left.max(right));
                writeln!(f, "{short} is the beginning of {long}: #{end} of #{other}")?;
            }
        }
        self.damage.as_ref().map_or(Ok(()), |damage| writeln!(f, "damaged: {damage}"))
    }
}
