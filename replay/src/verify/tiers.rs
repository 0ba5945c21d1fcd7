//! Which tier each segment is in: what the daemon's retention, or a person, has left of its bodies.
//!
//! A journal does not say so, what is in it does: a *cold* segment has lost most frames of clients, or
//! has no frames and has lost every event of agents; a *warm* one has lost some events; a *hot* one
//! neither. What was erased by hand is counted as
//! everything else. Answers tell nothing: cold segments have those that are stored, and a large one
//! may never have been written.

use std::fmt;

use serde_json::{Value, json};

/// What is left of a segment's bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// All, or all but a few.
    Hot,
    /// Without deltas.
    Warm,
    /// Only what stored outcomes need.
    Cold,
}

impl Tier {
    /// As reports name it.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Hot => "hot",
            Tier::Warm => "warm",
            Tier::Cold => "cold",
        }
    }
}

/// The bodies of one segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bodies {
    /// Which segment.
    pub segment: u64,
    /// All of them.
    pub all: u64,
    /// Those that were erased.
    pub erased: u64,
    /// Events that are there.
    events: u64,
    /// Events that were erased.
    events_erased: u64,
    /// Frames of clients that are there.
    frames: u64,
    /// Frames of clients that were erased.
    frames_erased: u64,
}

/// Where a body came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A client.
    Client,
    /// An agent, by itself.
    Event,
    /// Whatever else.
    Other,
}

impl Bodies {
    fn add(&mut self, more: &Bodies) {
        let Bodies { segment: _, all, erased, events, events_erased, frames, frames_erased } = more;
        self.all += all;
        self.erased += erased;
        self.events += events;
        self.events_erased += events_erased;
        self.frames += frames;
        self.frames_erased += frames_erased;
    }

    /// The tier that this comes to.
    pub fn tier(&self) -> Tier {
        let is_bare = self.frames == 0 && self.events == 0 && self.events_erased > 0;
        if is_bare || self.frames_erased > self.frames {
            Tier::Cold
        } else if self.events_erased > 0 {
            Tier::Warm
        } else {
            Tier::Hot
        }
    }
}

/// The segments that were read, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tiers(Vec<Bodies>);

impl Tiers {
    /// A record in a segment.
    pub(super) fn read(&mut self, segment: u64) {
        if self.0.last().is_none_or(|last| last.segment != segment) {
            self.0.push(Bodies { segment, ..Bodies::default() });
        }
    }

    /// The body of the record that was read last.
    pub(super) fn body(&mut self, from: Origin, erased: bool) {
        let Some(bodies) = self.0.last_mut() else { return };
        bodies.all += 1;
        bodies.erased += u64::from(erased);
        match (from, erased) {
            (Origin::Client, false) => bodies.frames += 1,
            (Origin::Client, true) => bodies.frames_erased += 1,
            (Origin::Event, true) => bodies.events_erased += 1,
            (Origin::Event, false) => bodies.events += 1,
            (Origin::Other, _) => {}
        }
    }

    /// Adds what was read next.
    pub(super) fn add(&mut self, next: &Tiers) {
        for bodies in &next.0 {
            self.read(bodies.segment);
            self.0.last_mut().expect("a segment was just read").add(bodies);
        }
    }

    /// Each segment.
    pub fn segments(&self) -> &[Bodies] {
        &self.0
    }

    /// The coldest of all: what a look at the journal must be ready for.
    pub fn coldest(&self) -> Tier {
        self.0.iter().map(Bodies::tier).max().unwrap_or(Tier::Hot)
    }

    pub(super) fn to_json(&self) -> Value {
        let one = |bodies: &Bodies| {
            json!({
                "segment": bodies.segment,
                "tier": bodies.tier().name(),
                "bodies": bodies.all,
                "erased": bodies.erased,
            })
        };
        self.0.iter().map(one).collect()
    }
}

/// Each tier with its segments, those of one tier in a row as a range.
impl fmt::Display for Tiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = self.0.chunk_by(|one, next| one.tier() == next.tier()).peekable();
        if rows.peek().is_none() {
            return f.write_str(Tier::Hot.name());
        }
        let mut first = true;
        for row in rows {
            let (Some(from), Some(to)) = (row.first(), row.last()) else { continue };
            let comma = if std::mem::take(&mut first) { "" } else { ", " };
            write!(f, "{comma}{} (segment {}", from.tier().name(), from.segment)?;
            if to.segment > from.segment {
                write!(f, " to {}", to.segment)?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(segments: &[(u64, &[(Origin, bool)])]) -> Tiers {
        let mut tiers = Tiers::default();
        for (segment, bodies) in segments {
            tiers.read(*segment);
            for (from, erased) in *bodies {
                tiers.body(*from, *erased);
            }
        }
        tiers
    }

    #[test]
    fn a_tier_is_what_is_left() {
        use Origin::{Client, Event, Other};
        let tier = |bodies: &[(Origin, bool)]| of(&[(1, bodies)]).coldest();
        assert_eq!(tier(&[]), Tier::Hot);
        assert_eq!(tier(&[(Client, false), (Event, false), (Other, false)]), Tier::Hot);
        assert_eq!(tier(&[(Client, false), (Event, true), (Event, false)]), Tier::Warm);
        assert_eq!(tier(&[(Client, true), (Event, true), (Other, false)]), Tier::Cold);
        // In the middle of a long run.
        assert_eq!(tier(&[(Event, true), (Event, true), (Other, false)]), Tier::Cold);
        assert_eq!(tier(&[(Event, true), (Event, false)]), Tier::Warm);
        // A large answer that was never written.
        assert_eq!(tier(&[(Event, false), (Other, true)]), Tier::Hot);
        // One frame that was erased by hand.
        let by_hand = [(Client, true), (Client, false), (Client, false), (Event, false)];
        assert_eq!(tier(&by_hand), Tier::Hot);
        // One command in flight.
        let in_flight = [(Client, true), (Client, true), (Client, false), (Event, true)];
        assert_eq!(tier(&in_flight), Tier::Cold);
    }

    #[test]
    fn rows_of_segments_are_told_together() {
        let (hot, warm, cold) = (
            [(Origin::Event, false); 2],
            [(Origin::Event, true), (Origin::Event, false)],
            [(Origin::Client, true); 2],
        );
        let tiers = of(&[(3, &cold), (4, &warm), (5, &warm), (6, &hot)]);
        assert_eq!(tiers.to_string(), "cold (segment 3), warm (segment 4 to 5), hot (segment 6)");
        assert_eq!(tiers.coldest().name(), "cold");
        assert_eq!(tiers.to_json()[1]["erased"], 1);
        assert_eq!(Tiers::default().to_string(), "hot");
    }
}
