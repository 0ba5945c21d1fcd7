//! What of a journal is on its page: all of it, or of a long one what matters most, and how much there
//! was of the rest. Memory and page are bounded, however long the journal is.

use std::collections::{BTreeMap, BTreeSet};

use crate::chart::{Bar, End, Event, Note, Problem, ProblemKind, Step};

/// Most commands that are on a page one by one.
pub(super) const COMMANDS_MAX: usize = 15_000;
/// Most bytes of frames on a page.
const FRAME_BYTES_MAX: usize = 5 << 20;
/// Most events that are on a page one by one.
const EVENTS_MAX: usize = 100_000;
/// Most problems of each kind that are listed.
const LISTED_MAX: usize = 1_500;
/// Most boots, stops and drains.
const NOTES_MAX: usize = 2_000;
/// Most lanes that have a place of their own.
const LANES_MAX: usize = 1_000;
/// Most equal parts of the time for which what was left out is counted.
const PARTS_MAX: u64 = 200;
/// Where everything stands that is in none of the first lanes.
const OTHERS: &str = "other lanes";

/// How much a command is worth a place: those that went wrong or are not over, then the longest.
type Worth = (bool, u64, u64);

/// For each lane, how many commands and events there were in which part of the time.
type Shades = BTreeMap<usize, Vec<[u64; 3]>>;

/// What is on a page.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// All commands that there were.
    pub(super) commands: u64,
    /// All events that there were.
    pub(super) events: u64,
    /// Boots, stops and drains, as far as there is room.
    pub(super) notes: Vec<(Step, &'static str)>,
    kept: BTreeMap<u64, (Bar, usize)>,
    by_worth: BTreeSet<Worth>,
    kept_events: Vec<(Step, usize)>,
    listed: BTreeMap<ProblemKind, (u64, Vec<Problem>)>,
    lanes: Vec<String>,
    lane_index: BTreeMap<String, usize>,
    /// Lanes without a place of their own were met.
    has_others: bool,
    span: Option<(u64, u64)>,
    density: Density,
}

impl Page {
    fn seen(&mut self, at: u64) {
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
    }

    fn lane(&mut self, name: String) -> usize {
        if self.lanes.is_empty() {
            self.lanes.push("server".into());
            self.lane_index.insert("server".into(), 0);
        }
        if let Some(index) = self.lane_index.get(&name) {
            return *index;
        }
        if self.lanes.len() >= LANES_MAX {
            self.has_others = true;
            return LANES_MAX;
        }
        self.lanes.push(name.clone());
        self.lane_index.insert(name, self.lanes.len() - 1);
        self.lanes.len() - 1
    }

    /// Takes a command whose life is told.
    pub(super) fn bar(&mut self, bar: &Bar) {
        self.commands += 1;
        self.seen(bar.arrived.at.0);
        self.seen(bar.last().at.0);
        let lane = self.lane(bar.lane());
        if let Some(problem) = Problem::of(bar) {
            self.problem(problem);
        }
        let worth = worth(bar);
        if self.kept.len() >= COMMANDS_MAX {
            match self.by_worth.first().copied() {
                Some(least) if least < worth => {
                    self.by_worth.remove(&least);
                    if let Some((bar, lane)) = self.kept.remove(&least.2) {
                        self.density.add(lane, bar.arrived.at.0, [1, 0]);
                    }
                }
                _ => return self.density.add(lane, bar.arrived.at.0, [1, 0]),
            }
        }
        self.by_worth.insert(worth);
        self.kept.insert(bar.number.0, (bar.clone(), lane));
    }

    pub(super) fn event(&mut self, event: &Event) {
        self.events += 1;
        self.seen(event.step.at.0);
        let lane = self.lane(event.lane());
        if self.events > EVENTS_MAX as u64 {
            // Some here and none there would look as if there were none there.
            for (step, lane) in self.kept_events.drain(..) {
                self.density.add(lane, step.at.0, [0, 1]);
            }
            self.density.add(lane, event.step.at.0, [0, 1]);
        } else {
            self.kept_events.push((event.step, lane));
        }
    }

    pub(super) fn note(&mut self, note: &Note) {
        self.seen(note.step.at.0);
        if matches!(note.what, "boot" | "stop" | "drain") && self.notes.len() < NOTES_MAX {
            self.notes.push((note.step, note.what));
        }
    }

    pub(super) fn problem(&mut self, problem: Problem) {
        let (count, listed) = self.listed.entry(problem.kind).or_default();
        *count += 1;
        if listed.len() < LISTED_MAX {
            listed.push(problem);
        }
    }

    /// The first moment, in microseconds.
    pub(super) fn begin(&self) -> u64 {
        self.span.map_or(0, |(first, _)| first)
    }

    /// The last moment, in microseconds.
    pub(super) fn end(&self) -> u64 {
        self.span.map_or(0, |(_, last)| last)
    }

    /// The names of the lanes by their places.
    pub(super) fn lanes(&self) -> Vec<&str> {
        let others = self.has_others.then_some(OTHERS);
        let server = self.lanes.is_empty().then_some("server");
        server.into_iter().chain(self.lanes.iter().map(String::as_str)).chain(others).collect()
    }

    /// The problems that are listed in the order in which they were seen, and how many there were of
    /// each kind.
    pub(super) fn problems(&self) -> (Vec<&Problem>, Vec<(ProblemKind, u64)>) {
        let mut all: Vec<&Problem> = self.listed.values().flat_map(|(_, listed)| listed).collect();
        all.sort_by_key(|problem| (problem.step.seq, problem.command));
        (all, self.listed.iter().map(|(kind, (count, _))| (*kind, *count)).collect())
    }

    pub(super) fn problems_count(&self) -> u64 {
        self.listed.values().map(|(count, _)| count).sum()
    }

    /// Leaves out the frames of those commands that are worth least, if they are too much.
    pub(super) fn bound_frames(&mut self) {
        let mut room = FRAME_BYTES_MAX;
        for (_, _, number) in self.by_worth.iter().rev() {
            let Some((bar, _)) = self.kept.get_mut(number) else { continue };
            let length = bar.frame.as_ref().map_or(0, String::len);
            match room.checked_sub(length) {
                Some(left) => room = left,
                None => bar.frame = None,
            }
        }
    }

    /// The commands in the order of their numbers with the places of their lanes.
    pub(super) fn kept(&self) -> impl Iterator<Item = (&Bar, usize)> {
        self.kept.values().map(|(bar, lane)| (bar, *lane))
    }

    pub(super) fn kept_events(&self) -> impl Iterator<Item = (Step, usize)> + '_ {
        self.kept_events.iter().copied()
    }

    /// How much was left out where: the width of the parts of the time, and for each lane the part,
    /// the commands and the events in it.
    pub(super) fn density(&self) -> Option<(u64, Shades)> {
        if self.density.lanes.is_empty() {
            return None;
        }
        Some((self.density.width(), self.density.lists(self.begin())))
    }

    /// What is not on the page, for people.
    pub(super) fn left_out(&self) -> Option<String> {
        let commands = self.commands - self.kept.len() as u64;
        let events = self.events - self.kept_events.len() as u64;
        let listed: usize = self.listed.values().map(|(_, listed)| listed.len()).sum();
        let problems = self.problems_count() - listed as u64;
        let parts = [
            (commands, self.commands, "commands"),
            (events, self.events, "events"),
            (problems, self.problems_count(), "problems"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(left, ..)| *left > 0)
            .map(|(left, all, what)| format!("{left} of {all} {what}"))
            .collect();
        if parts.is_empty() && !self.has_others {
            return None;
        }
        let lanes = if self.has_others {
            format!(" Only the first {LANES_MAX} lanes have a place of their own.")
        } else {
            String::new()
        };
        let shades = if commands + events > 0 {
            "; they are shown as shades, one by one are commands that went wrong and the longest"
        } else {
            ""
        };
        let parts = if parts.is_empty() {
            String::new()
        } else {
            format!(
                "Left out as too many: {}{shades}. Export a part (--from, --until, --session), or --format jsonl for all.",
                parts.join(", ")
            )
        };
        Some(format!("{parts}{lanes}").trim_start().to_owned())
    }
}

fn worth(bar: &Bar) -> Worth {
    let went_well = matches!(bar.end, End::Done { .. } | End::Repeated);
    let length = bar.last().at.0.saturating_sub(bar.arrived.at.0);
    (!went_well, length, bar.number.0)
}

/// How many commands and events there were in equal parts of the time, in each lane. The parts grow
/// with the time.
#[derive(Debug, Default)]
struct Density {
    /// Each part is so many times two microseconds long.
    doublings: u32,
    lanes: BTreeMap<usize, BTreeMap<u64, [u64; 2]>>,
    range: Option<(u64, u64)>,
}

impl Density {
    fn width(&self) -> u64 {
        1 << self.doublings
    }

    fn add(&mut self, lane: usize, at: u64, counts: [u64; 2]) {
        let (first, last) = self.range.map_or((at, at), |(a, b)| (a.min(at), b.max(at)));
        self.range = Some((first, last));
        while (last >> self.doublings) - (first >> self.doublings) >= PARTS_MAX {
            self.doublings += 1;
            for parts in self.lanes.values_mut() {
                let old = std::mem::take(parts);
                for (part, [commands, events]) in old {
                    let sum = parts.entry(part / 2).or_default();
                    sum[0] += commands;
                    sum[1] += events;
                }
            }
        }
        let sum = self.lanes.entry(lane).or_default().entry(at >> self.doublings).or_default();
        sum[0] += counts[0];
        sum[1] += counts[1];
    }

    /// The parts counted from the one that has `begin`.
    fn lists(&self, begin: u64) -> Shades {
        let first = begin >> self.doublings;
        let list = |parts: &BTreeMap<u64, [u64; 2]>| {
            parts.iter().map(|(part, [a, b])| [part.saturating_sub(first), *a, *b]).collect()
        };
        self.lanes.iter().map(|(lane, parts)| (*lane, list(parts))).collect()
    }
}

#[cfg(test)]
mod tests {
    use pi_server_core::command::CommandKind;
    use pi_server_core::{CommandNo, Micros, Seq, Text};

    use super::*;
    use crate::chart::Why;

    fn bar(number: u64, session: &str, length: u64) -> Bar {
        let step = |at| Step { seq: Seq(number), at: Micros(at) };
        Bar {
            number: CommandNo(number),
            id: None,
            kind: CommandKind::from_name("prompt").unwrap(),
            session: Some(Text::from(session)),
            conn: None,
            client: Text::default(),
            lane_sequence: Some(number),
            depends_on: Vec::new(),
            arrived: step(1_000_000 + number * 10),
            before: false,
            started: Some(step(1_000_000 + number * 10)),
            acknowledged: None,
            finished: Some(step(1_000_000 + number * 10 + length)),
            end: End::Done { version: None },
            frame: Some("x".repeat(1_000)),
        }
    }

    #[test]
    fn of_too_many_commands_those_that_went_wrong_and_the_longest_stay_and_the_rest_is_counted() {
        let mut page = Page::default();
        let many = 4 * COMMANDS_MAX as u64;
        for number in 1..=many {
            let mut bar = bar(number, &format!("s{}", number % 3), number % 1_000);
            if number % 5_000 == 0 {
                bar.end = End::Failed(Why { code: "agent_error", words: String::new() });
            }
            page.bar(&bar);
        }
        let (width, density) = page.density().unwrap();
        let counted: u64 = density.values().flatten().map(|[_, commands, _]| commands).sum();
        assert_eq!(counted, many - COMMANDS_MAX as u64);
        assert!(density.len() == 3 && width > 1);
        assert!(density.values().all(|parts| parts.iter().all(|[part, ..]| *part <= PARTS_MAX)));
        let (problems, kinds) = page.problems();
        assert_eq!((problems.len(), kinds), (12, vec![(ProblemKind::Failed, 12)]));
        let left = page.left_out().unwrap();
        assert!(left.contains(&format!("{counted} of {many} commands")), "{left}");
        page.bound_frames();
        let kept: Vec<&Bar> = page.kept().map(|(bar, _)| bar).collect();
        assert_eq!(kept.len(), COMMANDS_MAX);
        assert_eq!(kept.iter().filter(|bar| bar.end.why().is_some()).count(), 12);
        let longest = kept.iter().filter(|bar| bar.number.0 % 1_000 == 999).count();
        assert_eq!(longest as u64, many / 1_000);
        let frames: usize = kept.iter().filter_map(|bar| bar.frame.as_ref()).map(String::len).sum();
        assert!(frames <= FRAME_BYTES_MAX && frames > FRAME_BYTES_MAX / 2, "{frames}");
    }

    #[test]
    fn lanes_events_and_problems_are_bounded_each() {
        let mut page = Page::default();
        for number in 1..=2 * LANES_MAX as u64 {
            let mut bar = bar(number, &format!("s{number}"), 1);
            bar.end = End::Refused(Why { code: "rate_limited", words: String::new() });
            page.bar(&bar);
        }
        assert_eq!((page.lanes().len(), page.lanes().last()), (LANES_MAX + 1, Some(&OTHERS)));
        let (problems, kinds) = page.problems();
        assert_eq!(problems.len(), LISTED_MAX);
        assert_eq!(kinds, [(ProblemKind::Refused, 2 * LANES_MAX as u64)]);
        for number in 0..=EVENTS_MAX as u64 {
            page.event(&Event {
                step: Step { seq: Seq(number), at: Micros(number * 1_000) },
                session: Text::from("s1"),
                body: None,
                bytes: 1,
            });
        }
        assert_eq!(page.kept_events().count(), 0);
        let (_, density) = page.density().unwrap();
        let counted: u64 = density.values().flatten().map(|[_, _, events]| events).sum();
        assert_eq!(counted, EVENTS_MAX as u64 + 1);
        assert!(page.left_out().unwrap().contains("Only the first"));
    }
}
