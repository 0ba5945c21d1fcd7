//! Order in a lane. Knows classes, the head and the turn slot; does not know what commands do.
//! PROTOCOL.md section 7.
//!
//! ```text
//! waiting ──start──► head ──answered──────────────────────────────► ended
//!                      │ turn acknowledged ─► slot ──turn over────► ended
//!                      │                        └ given up ─► stopping ─► free
//!                      └ abort passed on, server query asked ─► aside ──► ended
//! ```

use alloc::collections::{BTreeSet, VecDeque};

use crate::command::{Class, CommandKind};
use crate::ids::{CommandNo, Text};
use crate::snapshot::layout4;

/// Which lane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LaneKey {
    /// The daemon's own.
    Server,
    /// A session's, whether or not the session exists.
    Session(Text),
}

/// What the agent of a lane is busy with for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// Nothing: the next turn may start.
    Free,
    /// A turn that the agent has acknowledged.
    Turn(CommandNo),
    /// A run that no command asked for (an extension's, or queued messages).
    Foreign,
    /// A turn that was answered already (timed out, cancelled) and is not over yet.
    Stopping(CommandNo, CommandKind),
}

/// What the agent of a lane would lose if it were given it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// It takes whatever comes. A prompt for the turn that is running would begin a turn.
    Nothing,
    /// It has a run to which prompts can be added.
    Turns,
    /// Prompts that would be added to a run would be lost, turns too.
    TurnsAndPrompts,
    /// It has a prompt and has not begun its run: whatever changes something would come before what was
    /// said before. Looking, answering and stopping would not.
    AllThatChanges,
}

/// One lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    /// Sequence numbers given out so far.
    last_sequence: u64,
    /// By sequence number, ascending. Nearly all come in at the end and leave at the front.
    waiting: VecDeque<(u64, Waiting)>,
    /// The one started command that keeps the others from starting.
    head: Option<CommandNo>,
    /// Started commands that keep nobody from starting.
    asides: BTreeSet<CommandNo>,
    pub(super) slot: Slot,
}

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) command: CommandNo,
    pub(super) class: Class,
    /// All dependencies have succeeded.
    pub(super) ready: bool,
    /// It brings the lane's session into being: nothing may pass it.
    pub(super) creates: bool,
    pub(super) means: Means,
}

/// What a command means to a run, beside its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// Nothing.
    Nothing,
    /// It is a prompt for the turn that is running: an interrupt to what it passes, a turn to
    /// reads that pass it.
    Joining,
    /// It answers a dialog, or stops what is going on.
    Stopping,
}

impl Lane {
    pub(super) fn new() -> Lane {
        Lane {
            last_sequence: 0,
            waiting: VecDeque::new(),
            head: None,
            asides: BTreeSet::new(),
            slot: Slot::Free,
        }
    }

    /// Puts a command at the end of the queue and gives it its sequence number.
    pub(super) fn enqueue(&mut self, waiting: Waiting) -> u64 {
        self.last_sequence = self.last_sequence.saturating_add(1);
        self.waiting.push_back((self.last_sequence, waiting));
        self.last_sequence
    }

    /// Puts a command back to its old place (recovery).
    pub(super) fn requeue(&mut self, sequence: u64, waiting: Waiting) {
        self.last_sequence = self.last_sequence.max(sequence);
        match self.place(sequence) {
            Ok(place) => {
                if let Some(known) = self.waiting.get_mut(place) {
                    known.1 = waiting;
                }
            }
            Err(place) => self.waiting.insert(place, (sequence, waiting)),
        }
    }

    /// Marks the dependencies of a waiting command as met.
    pub(super) fn make_ready(&mut self, sequence: u64) {
        let place = self.place(sequence).ok();
        if let Some((_, waiting)) = place.and_then(|place| self.waiting.get_mut(place)) {
            waiting.ready = true;
        }
    }

    /// Takes a command out of the queue that ends without having started.
    pub(super) fn withdraw(&mut self, sequence: u64) {
        if let Ok(place) = self.place(sequence) {
            self.waiting.remove(place);
        }
    }

    /// Where a sequence number is in the queue, or would be.
    fn place(&self, sequence: u64) -> Result<usize, usize> {
        self.waiting.binary_search_by_key(&sequence, |(known, _)| *known)
    }

    /// Takes the command out of the queue that starts next, if one can, and makes it the head.
    ///
    /// The rule: of the commands that can start, the one with the smallest sequence; a read may
    /// pass waiting turns; an interrupt may pass whatever waits, except a creation.
    pub(super) fn take_startable(&mut self, hold: Hold) -> Option<CommandNo> {
        if self.head.is_some() {
            return None;
        }
        let (mut only_turns_before, mut found) = (true, None);
        for (place, (_, waiting)) in self.waiting.iter().enumerate() {
            let free_to_go = waiting.ready
                && match waiting.class {
                    Class::Turn => self.slot == Slot::Free && hold == Hold::Nothing,
                    Class::Interrupt if waiting.means == Means::Joining => match hold {
                        Hold::Nothing => self.slot == Slot::Free,
                        Hold::Turns => true,
                        Hold::TurnsAndPrompts | Hold::AllThatChanges => false,
                    },
                    Class::Write | Class::Interrupt => {
                        hold != Hold::AllThatChanges || waiting.means == Means::Stopping
                    }
                    Class::Read => true,
                };
            // Whatever stands before this one cannot start, or the loop had ended there.
            let may_pass = match waiting.class {
                Class::Turn | Class::Write => place == 0,
                Class::Read => only_turns_before,
                Class::Interrupt => true,
            };
            if free_to_go && may_pass {
                found = Some(place);
                break;
            }
            if waiting.creates {
                return None;
            }
            only_turns_before &= waiting.class == Class::Turn || waiting.means == Means::Joining;
        }
        let (_, waiting) = self.waiting.remove(found?)?;
        self.head = Some(waiting.command);
        Some(waiting.command)
    }

    /// The head has been acknowledged as a turn and holds the slot from here on.
    pub(super) fn head_to_slot(&mut self, command: CommandNo) {
        if self.head == Some(command) {
            self.head = None;
        }
        self.slot = Slot::Turn(command);
    }

    /// The head keeps nobody from starting any more.
    pub(super) fn head_to_aside(&mut self, command: CommandNo) {
        if self.head == Some(command) {
            self.head = None;
        }
        self.asides.insert(command);
    }

    /// A started command has ended; it holds neither head nor aside any more. The slot is the
    /// caller's business, since the agent may not be done with it.
    pub(super) fn vacate(&mut self, command: CommandNo) {
        if self.head == Some(command) {
            self.head = None;
        }
        self.asides.remove(&command);
    }

    /// Nobody has started anything: the daemon was restarted.
    pub(super) fn reset(&mut self) {
        self.head = None;
        self.asides.clear();
        self.slot = Slot::Free;
    }

    pub(super) fn head(&self) -> Option<CommandNo> {
        self.head
    }

    pub(super) fn waiting_count(&self) -> u64 {
        u64::try_from(self.waiting.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
            && self.head.is_none()
            && self.asides.is_empty()
            && self.slot == Slot::Free
    }
}

impl LaneKey {
    /// The key of the lane of a session, or of the daemon's own.
    pub(super) fn of(session: Option<Text>) -> LaneKey {
        session.map_or(LaneKey::Server, LaneKey::Session)
    }

    /// The session whose lane it is; `None` for the daemon's own.
    pub(super) fn session(&self) -> Option<Text> {
        match self {
            LaneKey::Server => None,
            LaneKey::Session(id) => Some(id.clone()),
        }
    }
}

impl Lane {
    /// The lane as a snapshot has it.
    pub(super) fn image(&self, key: &LaneKey) -> layout4::Lane {
        let Lane { last_sequence, waiting, head, asides, slot } = self;
        let waiting = waiting.iter().map(|(sequence, waiting)| (*sequence, waiting.command));
        layout4::Lane {
            session: key.session(),
            last_sequence: *last_sequence,
            waiting: waiting.collect(),
            head: *head,
            asides: asides.iter().copied().collect(),
            slot: match *slot {
                Slot::Free => layout4::Slot::Free,
                Slot::Turn(command) => layout4::Slot::Turn(command),
                Slot::Foreign => layout4::Slot::Foreign,
                Slot::Stopping(command, kind) => layout4::Slot::Stopping(command, kind),
            },
        }
    }

    /// A lane from a snapshot. `entry` tells how a command stands in the queue; `None` if it is not
    /// in flight, and then the bytes are no lane.
    pub(super) fn restore(
        image: layout4::Lane,
        entry: impl Fn(CommandNo) -> Option<Waiting>,
    ) -> Option<(LaneKey, Lane)> {
        let layout4::Lane { session, last_sequence, waiting, head, asides, slot } = image;
        let mut queue = VecDeque::with_capacity(waiting.len());
        for (sequence, command) in waiting {
            queue.push_back((sequence, entry(command)?));
        }
        let slot = match slot {
            layout4::Slot::Free => Slot::Free,
            layout4::Slot::Turn(command) => Slot::Turn(command),
            layout4::Slot::Foreign => Slot::Foreign,
            layout4::Slot::Stopping(command, kind) => Slot::Stopping(command, kind),
        };
        let asides = asides.into_iter().collect();
        Some((LaneKey::of(session), Lane { last_sequence, waiting: queue, head, asides, slot }))
    }
}
