//! What clients said beyond their shares of a turn. It waits for the next turns, a share in each, and
//! its client is not read from until then; so a client that says much waits for itself, and the others
//! for one share of it at most.

use std::collections::{BTreeMap, VecDeque};

use super::{Happened, Link};

/// Frames of one client that are taken in one turn. Who says no more than that is not held up at all.
pub(super) const FRAMES_PER_TURN: usize = 16;
/// The same of a client that says more, while others speak too: they wait for this share, and a frame
/// costs about half as much as the rest of a turn.
pub(super) const FRAMES_BESIDE_OTHERS: usize = 4;
/// Turns in which only one client spoke, after which it counts as alone.
const TURNS_ALONE: u32 = 256;

/// What waits, by client.
#[derive(Debug, Default)]
pub(super) struct Held {
    clients: BTreeMap<Link, Waiting>,
    /// A client that has spoken in this turn.
    spoke: Option<Link>,
    /// For how many more turns several clients are taken to speak.
    several_for: u32,
}

#[derive(Debug)]
struct Waiting {
    events: VecDeque<Happened>,
    /// The client has had its share of this turn.
    is_served: bool,
}

impl Held {
    /// Nothing.
    pub(super) fn new() -> Held {
        Held::default()
    }

    /// Returns true if nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Returns true if something that the client said waits.
    pub(super) fn has(&self, link: Link) -> bool {
        !self.clients.is_empty() && self.clients.contains_key(&link)
    }

    /// Holds back what is beyond a share of what the client has said, which is all of `happened` from
    /// `from` on. Returns how many frames it has said.
    pub(super) fn hold_back(
        &mut self,
        link: Link,
        happened: &mut Vec<Happened>,
        from: usize,
    ) -> usize {
        let said = happened.get(from..).unwrap_or_default();
        let frames = said.iter().filter(|what| is_frame(what)).count();
        if frames > 0 {
            self.speaks(link);
        }
        if frames > FRAMES_PER_TURN {
            let rest = happened.split_off(from + end_of_share(said.iter(), self.share()));
            self.clients.insert(link, Waiting { events: rest.into(), is_served: true });
        }
        frames
    }

    /// Puts what `say` has to say of a client behind what of it waits, or to `happened`.
    pub(super) fn behind(
        &mut self,
        link: Link,
        happened: &mut Vec<Happened>,
        say: impl FnOnce(&mut Vec<Happened>),
    ) {
        match self.clients.get_mut(&link) {
            Some(waiting) => {
                let mut said = Vec::new();
                say(&mut said);
                waiting.events.extend(said);
            }
            None => say(happened),
        }
    }

    /// At the end of a turn: takes a share of each client that has not had one. Returns the clients of
    /// which nothing waits any more.
    pub(super) fn release(&mut self, happened: &mut Vec<Happened>) -> Vec<Link> {
        let mut heard_all = Vec::new();
        let links: Vec<Link> = self.clients.keys().copied().collect();
        for link in links {
            self.speaks(link);
        }
        let share = self.share();
        self.spoke = None;
        self.several_for = self.several_for.saturating_sub(1);
        self.clients.retain(|link, Waiting { events, is_served }| {
            if !std::mem::take(is_served) {
                let end = end_of_share(events.iter(), share);
                happened.extend(events.drain(..end));
            }
            if events.is_empty() {
                heard_all.push(*link);
            }
            !events.is_empty()
        });
        heard_all
    }

    /// Frames that are taken of a client of which something waits.
    fn share(&self) -> usize {
        if self.several_for > 0 { FRAMES_BESIDE_OTHERS } else { FRAMES_PER_TURN }
    }

    fn speaks(&mut self, link: Link) {
        if self.spoke.replace(link).is_some_and(|other| other != link) {
            self.several_for = TURNS_ALONE;
        }
    }
}

/// How many of the events are a share: the frames, and what lies between them and behind the last.
fn end_of_share<'a>(events: impl ExactSizeIterator<Item = &'a Happened>, share: usize) -> usize {
    let all = events.len();
    let mut frames = events.enumerate().filter(|(_, what)| is_frame(what));
    frames.nth(share).map_or(all, |(next, _)| next)
}

fn is_frame(what: &Happened) -> bool {
    match what {
        Happened::Frame { .. } | Happened::TooLarge { .. } => true,
        Happened::Opened { .. } | Happened::Closed { .. } => false,
    }
}
