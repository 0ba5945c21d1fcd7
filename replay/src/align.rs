//! Two histories side by side, aligned by cause: a command is the same in both if it is the same
//! client's, under the same id (or, without one, in the same place among those without), for the
//! same time. What is compared is what clients can see of it.

use std::collections::BTreeMap;
use std::fmt;

use pi_server_core::{CommandNo, ConnId, Text};
use serde_json::{Value, json};

use crate::chart::{Bar, Chart, End};
use crate::shown::Shown;

/// What a comparison of two histories has found.
#[derive(Clone, Debug, Default)]
pub struct Alignment {
    /// Commands that are alike in both.
    pub alike: u64,
    /// Commands that are not, in the order of the first history and then of the second.
    pub differences: Vec<Unlike>,
}

/// A command that is not alike in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlike {
    /// Its number in the first and in the second history.
    pub numbers: [Option<CommandNo>; 2],
    /// Its type and id.
    pub name: String,
    /// The first thing that differs: `presence`, `type`, `session`, `outcome`, `errorCode` or
    /// `sessionVersion`. Places in lanes are left out: one command more moves all that follow.
    pub field: &'static str,
    /// That thing in the first and in the second history.
    pub values: [String; 2],
}

/// What a command is, whatever its number: namespace, connection among those of the namespace (for
/// commands without an id), id, and how often that came before.
type Cause = (Text, usize, Option<Text>, usize);

/// Compares two histories.
pub fn align(left: &Chart, right: &Chart) -> Alignment {
    let (left, right) = (by_cause(left), by_cause(right));
    let there: BTreeMap<&Cause, &Bar> = right.iter().map(|(cause, bar)| (cause, *bar)).collect();
    let here: BTreeMap<&Cause, &Bar> = left.iter().map(|(cause, bar)| (cause, *bar)).collect();
    let mut alignment = Alignment::default();
    for (cause, bar) in &left {
        let Some(other) = there.get(cause) else {
            alignment.differences.push(alone(bar, true));
            continue;
        };
        match unlike(bar, other) {
            Some(difference) => alignment.differences.push(difference),
            None => alignment.alike += 1,
        }
    }
    let only_right = right.iter().filter(|(cause, _)| !here.contains_key(cause));
    alignment.differences.extend(only_right.map(|(_, bar)| alone(bar, false)));
    alignment
}

fn by_cause(chart: &Chart) -> Vec<(Cause, &Bar)> {
    let mut conns: BTreeMap<Text, Vec<Option<ConnId>>> = BTreeMap::new();
    let mut counts: BTreeMap<(Text, usize, Option<Text>), usize> = BTreeMap::new();
    let mut all = Vec::new();
    for bar in &chart.bars {
        let known = conns.entry(bar.client.clone()).or_default();
        let place = known.iter().position(|conn| *conn == bar.conn).unwrap_or_else(|| {
            known.push(bar.conn);
            known.len() - 1
        });
        // An id names the same command on every connection of its namespace.
        let place = if bar.id.is_some() { 0 } else { place };
        let count = counts.entry((bar.client.clone(), place, bar.id.clone())).or_default();
        all.push(((bar.client.clone(), place, bar.id.clone(), *count), bar));
        *count += 1;
    }
    all
}

fn name(bar: &Bar) -> String {
    format!("{} {}", bar.kind.row().name, bar.name())
}

fn alone(bar: &Bar, in_left: bool) -> Unlike {
    let (number, end) = (Some(bar.number), bar.end.name().to_owned());
    let (numbers, values) = if in_left {
        ([number, None], [end, "not there".into()])
    } else {
        ([None, number], ["not there".into(), end])
    };
    Unlike { numbers, name: name(bar), field: "presence", values }
}

fn unlike(left: &Bar, right: &Bar) -> Option<Unlike> {
    let session = |bar: &Bar| bar.session.as_ref().map_or("none".into(), ToString::to_string);
    let code = |bar: &Bar| bar.end.why().map_or("none".into(), |why| why.code.to_owned());
    let number = |number: Option<u64>| number.map_or("none".into(), |number| number.to_string());
    let version = |bar: &Bar| match bar.end {
        End::Done { version } => number(version),
        End::Open | End::Failed(_) | End::Refused(_) | End::Repeated => number(None),
    };
    let sides = |of: &dyn Fn(&Bar) -> String| [of(left), of(right)];
    let fields = [
        ("type", sides(&|bar| bar.kind.row().name.to_owned())),
        ("session", sides(&session)),
        ("outcome", sides(&|bar| bar.end.name().to_owned())),
        ("errorCode", sides(&code)),
        ("sessionVersion", sides(&version)),
    ];
    let (field, values) = fields.into_iter().find(|(_, [left, right])| left != right)?;
    let numbers = [Some(left.number), Some(right.number)];
    Some(Unlike { numbers, name: name(left), field, values })
}

impl Unlike {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        let [left, right] = self.numbers.map(|number| number.map(|number| number.0));
        json!({
            "command": self.name,
            "numberA": left,
            "numberB": right,
            "field": self.field,
            "a": self.values[0],
            "b": self.values[1],
        })
    }
}

impl Alignment {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "alike": self.alike,
            "differences": self.differences.iter().map(Unlike::to_json).collect::<Vec<_>>(),
        })
    }
}

/// Differences that are shown to people; JSON has all.
const SHOWN_MAX: usize = 50;

impl fmt::Display for Alignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Alignment { alike, differences } = self;
        writeln!(f, "{alike} commands are alike, {} are not", differences.len())?;
        for Unlike { numbers, name, field, values: [left, right] } in
            differences.iter().take(SHOWN_MAX)
        {
            let [a, b] = numbers.map(|it| it.map_or("-".into(), |it| format!("#{it}")));
            write!(f, "{a:>8} {b:>8}  {}: {field} ", Shown(name))?;
            writeln!(f, "{} -> {}", Shown(left), Shown(right))?;
        }
        if differences.len() > SHOWN_MAX {
            writeln!(f, "and {} more (--json has all)", differences.len() - SHOWN_MAX)?;
        }
        Ok(())
    }
}
