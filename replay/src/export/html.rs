//! One page with everything in it: no network, no other file, no dependency.
//!
//! The page is `timeline.html` and its code `timeline.js`; what there was is put in as JSON. Times are
//! microseconds from the first, so that they stay exact in a browser's numbers. Of a long journal not
//! all is put in: see [`Page`].

use std::io::{self, Write};

use serde_json::{Value, json};

use super::command_json;
use super::page::Page;
use crate::chart::{Bar, Chart, Step};

const PAGE: &str = include_str!("timeline.html");
/// Where the page expects its data.
const DATA: &str = "/*DATA*/";
const SCRIPT: &str = include_str!("timeline.js");
/// Where the page expects its code.
const CODE: &str = "/*CODE*/";
/// Most characters of the words of a failure or a problem.
const WORDS_CHARS_MAX: usize = 400;

pub(super) fn write(chart: &Chart, title: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::default();
    chart.bars.iter().for_each(|bar| page.bar(bar));
    chart.events.iter().for_each(|event| page.event(event));
    chart.notes.iter().for_each(|note| page.note(note));
    chart.troubles.iter().for_each(|trouble| page.problem(trouble.clone()));
    let begins = chart.begins.map(|begins| begins.to_string());
    write_page(page, title, begins, out)
}

fn write_page(
    mut page: Page,
    title: &str,
    begins: Option<String>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let parts = PAGE.split_once(DATA).and_then(|(before, rest)| {
        let (between, after) = rest.split_once(CODE)?;
        Some((before, between, after))
    });
    let Some((before, between, after)) = parts else {
        return Err(io::Error::other("the page has no place for its data"));
    };
    out.write_all(before.as_bytes())?;
    let begin = page.begin();
    let since = |at: pi_server_core::Micros| at.0.saturating_sub(begin);
    page.bound_frames();
    let (problems, kinds) = page.problems();
    let kinds: Vec<_> = kinds.iter().map(|(kind, count)| json!([kind.name(), count])).collect();
    let mut head = json!({
        "title": title,
        "begin": begin,
        "end": page.end().saturating_sub(begin),
        "lanes": page.lanes(),
        "counts": {
            "commands": page.commands,
            "events": page.events,
            "problems": page.problems_count(),
            "kinds": kinds,
        },
    });
    if let Some(begins) = begins {
        head["begins"] = begins.into();
    }
    if let Some((width, lanes)) = page.density() {
        head["density"] = json!({ "width": width, "lanes": lanes });
    }
    if let Some(left) = page.left_out() {
        head["left"] = left.into();
    }
    let head = safe(&head);
    // The object is written open, so that the long lists need no second copy in memory.
    write!(out, "{},\n\"commands\":[", head.strip_suffix('}').unwrap_or(&head))?;
    list(page.kept().map(|(bar, lane)| command(bar, begin, lane)), out)?;
    out.write_all(b"],\n\"events\":[")?;
    list(page.kept_events().map(|(step, lane)| json!([since(step.at), lane, step.seq.0])), out)?;
    out.write_all(b"],\n\"notes\":[")?;
    let notes = page
        .notes
        .iter()
        .map(|(step, what)| json!({ "at": since(step.at), "seq": step.seq.0, "what": what }));
    list(notes, out)?;
    out.write_all(b"],\n\"problems\":[")?;
    let problems = problems.iter().map(|problem| {
        let mut object = json!({
            "at": since(problem.step.at),
            "seq": problem.step.seq.0,
            "kind": problem.kind.name(),
            "session": problem.session.as_deref(),
            "command": problem.command.map(|number| number.0),
            "words": cut(&problem.words),
        });
        if let Some(from) = problem.since {
            object["since"] = since(from).into();
        }
        object
    });
    list(problems, out)?;
    out.write_all(b"]}")?;
    out.write_all(between.as_bytes())?;
    out.write_all(SCRIPT.as_bytes())?;
    out.write_all(after.as_bytes())
}

fn list(values: impl Iterator<Item = Value>, out: &mut dyn Write) -> io::Result<()> {
    for (index, value) in values.enumerate() {
        write!(out, "{}{}", if index > 0 { ",\n" } else { "" }, safe(&value))?;
    }
    Ok(())
}

fn cut(words: &str) -> String {
    words.chars().take(WORDS_CHARS_MAX).collect()
}

fn command(bar: &Bar, begin: u64, lane: usize) -> Value {
    let at = |step: Step| step.at.0.saturating_sub(begin);
    let mut object = command_json(bar);
    object.remove("lane");
    object.insert("laneIndex".into(), lane.into());
    object.insert("accepted".into(), at(bar.arrived).into());
    object.insert("started".into(), bar.started.map(at).into());
    object.insert("acknowledged".into(), bar.acknowledged.map(at).into());
    object.insert("finished".into(), bar.finished.map(at).into());
    object.insert("outcome".into(), bar.end.name().into());
    if let Some(why) = bar.end.why() {
        object.insert("errorCode".into(), why.code.into());
        object.insert("error".into(), cut(&why.words).into());
    }
    if bar.before {
        object.insert("before".into(), true.into());
    }
    if let Some(frame) = &bar.frame {
        object.insert("frame".into(), frame.as_str().into());
    }
    Value::Object(object)
}

/// JSON that no text of a client can use to leave its script element.
fn safe(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c")
}
