//! A short report: what there was, what went wrong, what took longest, what was not over.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::chart::{Bar, Chart, End, Problem, counts};
use crate::shown::Shown;
use crate::start::Begins;
use crate::times::Iso;

/// Rows of each table.
const ROWS_MAX: usize = 20;

pub(super) fn write(chart: &Chart, title: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# Incident report: {}\n", cell(title))?;
    if let Some((first, last)) = chart.span() {
        let span = last.0.saturating_sub(first.0);
        let (seconds, micros) = (span / 1_000_000, span % 1_000_000);
        let (first, last) = (Iso(first), Iso(last));
        writeln!(out, "From {first} to {last}: {seconds}.{micros:06} s.\n")?;
    }
    if let Some(begins) = &chart.begins {
        let Begins { seq, in_flight, .. } = begins;
        writeln!(out, "Note: {begins}.")?;
        writeln!(
            out,
            "Times of the {in_flight} commands that were in flight after #{seq} are counted from there.\n"
        )?;
    }
    problems(chart, out)?;
    summary(chart, out)?;
    failures(chart, out)?;
    slowest(chart, out)?;
    open(chart, out)?;
    around(chart, out)
}

fn summary(chart: &Chart, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "| lane | commands | succeeded | failed | refused | repeated | open |")?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    let mut lanes: BTreeMap<String, [u64; 6]> = BTreeMap::new();
    for bar in &chart.bars {
        let row = lanes.entry(bar.lane()).or_default();
        row[0] += 1;
        row[match bar.end {
            End::Done { .. } => 1,
            End::Failed(_) => 2,
            End::Refused(_) => 3,
            End::Repeated => 4,
            End::Open => 5,
        }] += 1;
    }
    for (lane, counts) in &lanes {
        let counts: Vec<String> = counts.iter().map(u64::to_string).collect();
        writeln!(out, "| {} | {} |", lane_name(lane), counts.join(" | "))?;
    }
    writeln!(out, "\n{} events of agents.\n", chart.events.len())
}

/// What went wrong, counted and in the order in which it was seen.
fn problems(chart: &Chart, out: &mut dyn Write) -> io::Result<()> {
    let problems = chart.problems();
    writeln!(out, "## Problems ({})\n", problems.len())?;
    if problems.is_empty() {
        return writeln!(out, "None.\n");
    }
    let counts = counts(&problems);
    let counts: Vec<String> =
        counts.iter().map(|(kind, count)| format!("{count} {}", kind.name())).collect();
    writeln!(out, "{}.\n", counts.join(", "))?;
    writeln!(out, "| time | input | what | command or session | why |\n|---|---|---|---|---|")?;
    for problem in problems.iter().take(ROWS_MAX) {
        let Problem { step, kind, session, command, words, since: _ } = problem;
        let bar = command.and_then(|number| chart.bar(number));
        let whose = match (bar, session) {
            (Some(bar), _) => what(bar),
            (None, Some(session)) => code(&format!("session:{session}")),
            (None, None) => String::new(),
        };
        let (time, seq, kind) = (Iso(step.at), step.seq, kind.name());
        writeln!(out, "| {time} | #{seq} | {kind} | {whose} | {} |", cell(words))?;
    }
    rest(problems.len(), out)
}

/// Commands that were not admitted or failed, by what they were.
fn failures(chart: &Chart, out: &mut dyn Write) -> io::Result<()> {
    let bad: Vec<&Bar> = chart.bars.iter().filter(|bar| bar.end.why().is_some()).collect();
    writeln!(out, "## Failed and refused ({})\n", bad.len())?;
    if bad.is_empty() {
        return writeln!(out, "None.\n");
    }
    writeln!(out, "| input | command | lane | how | why |\n|---|---|---|---|---|")?;
    for bar in bad.iter().take(ROWS_MAX) {
        let why = bar.end.why().map(|why| format!("`{}` {}", why.code, cell(&why.words)));
        let why = why.unwrap_or_default();
        let (what, lane) = (what(bar), lane_name(&bar.lane()));
        writeln!(out, "| #{} | {what} | {lane} | {} | {why} |", bar.number, bar.end.name())?;
    }
    rest(bad.len(), out)
}

fn slowest(chart: &Chart, out: &mut dyn Write) -> io::Result<()> {
    let mut bars: Vec<(&Bar, u64, u64)> = chart
        .bars
        .iter()
        .filter(|bar| bar.finished.is_some() && bar.lane_sequence.is_some())
        .map(|bar| {
            let (begin, end) = (bar.arrived.at.0, bar.last().at.0);
            let started = bar.started.map_or(end, |step| step.at.0);
            (bar, started.saturating_sub(begin), end.saturating_sub(started))
        })
        .collect();
    bars.sort_by_key(|(bar, waited, ran)| (std::cmp::Reverse(waited + ran), bar.number));
    writeln!(out, "## What took longest\n")?;
    writeln!(out, "| input | command | lane | waited ms | ran ms |\n|---|---|---|---|---|")?;
    for (bar, waited, ran) in bars.iter().take(ROWS_MAX) {
        let (what, lane) = (what(bar), lane_name(&bar.lane()));
        let (waited, ran) = (waited / 1_000, ran / 1_000);
        writeln!(out, "| #{} | {what} | {lane} | {waited} | {ran} |", bar.number)?;
    }
    rest(bars.len(), out)
}

fn open(chart: &Chart, out: &mut dyn Write) -> io::Result<()> {
    let open: Vec<&Bar> = chart.bars.iter().filter(|bar| bar.end == End::Open).collect();
    writeln!(out, "## Not over at the end ({})\n", open.len())?;
    if open.is_empty() {
        return writeln!(out, "None.\n");
    }
    writeln!(out, "| input | command | lane | was |\n|---|---|---|---|")?;
    for bar in open.iter().take(ROWS_MAX) {
        let was = if bar.started.is_some() { "running" } else { "waiting" };
        writeln!(out, "| #{} | {} | {} | {was} |", bar.number, what(bar), lane_name(&bar.lane()))?;
    }
    rest(open.len(), out)
}

fn around(chart: &Chart, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "## The daemon and its agents\n")?;
    if chart.notes.is_empty() {
        return writeln!(out, "Nothing.\n");
    }
    for note in chart.notes.iter().take(ROWS_MAX) {
        writeln!(out, "- #{} {}", note.step.seq, cell(&note.words))?;
    }
    writeln!(out)?;
    rest(chart.notes.len(), out)
}

fn what(bar: &Bar) -> String {
    format!("{} {}", bar.kind.row().name, code(&bar.name()))
}

fn rest(count: usize, out: &mut dyn Write) -> io::Result<()> {
    if count > ROWS_MAX {
        return writeln!(out, "\nand {} more.\n", count - ROWS_MAX);
    }
    writeln!(out)
}

/// An identifier from outside, in one cell of a table, shown as it is.
fn code(text: &str) -> String {
    format!("`{}`", Shown(text).to_string().replace('`', "'").replace('|', "\\|"))
}

/// The name of a lane, in one cell of a table.
fn lane_name(name: &str) -> String {
    match name.strip_prefix("session:") {
        Some(id) => format!("session:{}", cell(id)),
        None => cell(name),
    }
}

/// Text from outside, in one cell of a table. Nothing in it is markup, and no link is made of it but
/// of an address of the web.
fn cell(text: &str) -> String {
    let mut safe = String::new();
    for letter in Shown(text).to_string().chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            '@' => safe.push_str("&#64;"),
            ':' if !safe.ends_with("http") && !safe.ends_with("https") => safe.push_str("&#58;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => {
                safe.push('\\');
                safe.push(letter);
            }
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_no_markup_and_no_link_but_to_the_web() {
        let text =
            "[a](javascript:b) ![x](y) <c> ftp://d mailto:e@f https://g\n| `h` \u{1b}[31m\u{202e}";
        let shown = cell(text);
        for part in
            ["[a]", "![", "<c>", "ftp://", "mailto:", "e@f", "\n", "\u{1b}", "\u{202e}", " `"]
        {
            assert!(!shown.contains(part), "{part:?} is in {shown}");
        }
        assert!(shown.contains("https://g") && shown.contains("\\| \\`h\\`"), "{shown}");
        assert_eq!(code("a`b|c\n"), "`a'b\\|c\\u{a}`");
    }
}
