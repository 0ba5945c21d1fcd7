//! What was tried where: faults against situations, and things that should happen sometimes.

use std::collections::BTreeMap;
use std::fmt;

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$item_doc])* $item,)*
        }

        impl $name {
            /// Every one.
            pub const ALL: &'static [$name] = &[$($name::$item,)*];

            /// How it is called in tables.
            pub fn name(self) -> &'static str {
                match self {
                    $($name::$item => $text,)*
                }
            }
        }
    };
}

names! {
    /// What can go wrong.
    Fault {
        /// The process is killed between two operations.
        Kill = "kill",
        /// The process is killed in the middle of an operation of the disk.
        TornKill = "torn-kill",
        /// The power goes between two operations.
        PowerCut = "power-cut",
        /// The power goes in the middle of an operation of the disk.
        TornPower = "torn-power",
        /// A sync fails.
        SyncFails = "sync-fails",
        /// A record cannot be written.
        PutFails = "put-fails",
        /// The disk has no room, and later has room again.
        DiskFull = "disk-full",
        /// A segment or a snapshot cannot be built, once.
        BuildFails = "build-fails",
        /// A bit of what was written is another one at the next start.
        BitFlip = "bit-flip",
        /// A client is gone without a word.
        Disconnect = "disconnect",
        /// A client ends its half.
        HalfClose = "half-close",
        /// A client stops reading.
        SlowReader = "slow-reader",
        /// A client sends a command again.
        Resend = "resend",
        /// A client sends what is no command.
        Garbage = "garbage",
        /// No agent says anything for a while.
        AgentStalls = "agent-stalls",
        /// An agent dies.
        AgentDies = "agent-dies",
        /// An agent says the same again.
        AgentRepeats = "agent-repeats",
        /// An agent says what it must not, perhaps for another.
        AgentLies = "agent-lies",
        /// An agent says a great deal at once.
        AgentFloods = "agent-floods",
        /// An agent says something of its own accord, dialogs included.
        AgentBabbles = "agent-babbles",
        /// The clock on the wall is set forward.
        ClockForward = "clock-forward",
        /// The clock on the wall is set back.
        ClockBack = "clock-back",
        /// Everything is suspended for a while.
        Suspend = "suspend",
        /// Look-ups never answer for a while.
        LookUpsHang = "look-ups-hang",
        /// Connections come that say nothing.
        Strangers = "strangers",
        /// There is no descriptor for the next segment.
        NoDescriptors = "no-descriptors",
        /// The directory of the journal is moved away.
        Moved = "moved",
        /// A clean stop.
        Stop = "stop",
    }
}

names! {
    /// When it goes wrong.
    Situation {
        /// Nothing is in flight.
        Idle = "idle",
        /// Many commands are in flight.
        Burst = "burst",
        /// A turn runs.
        Turn = "turn",
        /// A dialog is open.
        Dialog = "dialog",
        /// Outputs wait for a sync.
        Unsynced = "unsynced",
        /// A sync has begun and not ended.
        Syncing = "syncing",
        /// A segment has just been begun.
        Roll = "roll",
        /// A snapshot has just been written.
        Snapshot = "snapshot",
        /// The disk has no room.
        Full = "full",
        /// A client catches up from the journal.
        CatchUp = "catch-up",
        /// The daemon is about to stop.
        Drain = "drain",
        /// The daemon is starting.
        Recovery = "recovery",
    }
}

names! {
    /// What should happen in some runs.
    Sometimes {
        /// An outcome was given again.
        Replayed = "an outcome was given again",
        /// A client fell behind and got a gap.
        Gap = "a gap of lifecycle frames",
        /// A client was fed from the journal.
        CaughtUp = "a client caught up from the journal",
        /// A start found a torn tail.
        Torn = "a torn tail was set aside",
        /// A start found records without their commit.
        Incomplete = "records without a commit were dropped",
        /// A start went on from a snapshot.
        FromSnapshot = "a start went on from a snapshot",
        /// A start could not use a snapshot.
        Rejected = "a snapshot was rejected",
        /// Segments were dropped.
        Dropped = "segments were dropped",
        /// A start found compressed segments.
        Compressed = "a start found compressed segments",
        /// A start refused a damaged disk.
        Refused = "a start refused a damaged disk",
        /// A flipped bit did no harm.
        Harmless = "a flipped bit did no harm",
        /// A start was interrupted.
        Interrupted = "a start was interrupted",
        /// Two starts in a row were interrupted.
        InterruptedTwice = "two starts in a row were interrupted",
        /// A look-up was given up.
        GivenUp = "a look-up was given up",
        /// The daemon ended because its journal was moved.
        JournalMoved = "the daemon ended because its journal was moved",
        /// The daemon ended because storage failed.
        FailStop = "the daemon ended because storage failed",
        /// A start found no room.
        NoRoom = "a start found no room",
        /// A stop was clean.
        Clean = "a stop was clean",
        /// A mutation was in flight when the daemon died.
        Unknown = "an outcome was unknown after a crash",
        /// An input told of a clock on the wall that had been set, or of a suspension.
        WallMoved = "the clock on the wall was noticed elsewhere",
        /// A client had a cursor of a future that was lost.
        Lost = "a cursor of a lost future was known as such",
        /// The journal was verified by the offline tool.
        Verified = "the offline tool verified the journal",
    }
}

/// Counts over one run or many.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    cells: BTreeMap<(Fault, Situation), u64>,
    sometimes: BTreeMap<Sometimes, u64>,
}

impl Matrix {
    /// A fault in all these situations.
    pub fn hit(&mut self, fault: Fault, situations: &[Situation]) {
        for situation in situations {
            *self.cells.entry((fault, *situation)).or_default() += 1;
        }
    }

    /// Something happened that should happen sometimes.
    pub fn saw(&mut self, what: Sometimes) {
        *self.sometimes.entry(what).or_default() += 1;
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Matrix) {
        for (cell, count) in &other.cells {
            *self.cells.entry(*cell).or_default() += count;
        }
        for (what, count) in &other.sometimes {
            *self.sometimes.entry(*what).or_default() += count;
        }
    }

    /// How often a fault met a situation.
    pub fn count(&self, fault: Fault, situation: Situation) -> u64 {
        self.cells.get(&(fault, situation)).copied().unwrap_or(0)
    }

    /// Cells that can be met and were not.
    pub fn empty_cells(&self) -> Vec<(Fault, Situation)> {
        let all = Fault::ALL
            .iter()
            .flat_map(|fault| Situation::ALL.iter().map(move |situation| (*fault, *situation)));
        all.filter(|(fault, situation)| can_meet(*fault, *situation))
            .filter(|(fault, situation)| self.count(*fault, *situation) == 0)
            .collect()
    }

    /// What never happened.
    pub fn never(&self) -> Vec<Sometimes> {
        let seen = |what: &&Sometimes| !self.sometimes.contains_key(what);
        Sometimes::ALL.iter().filter(seen).copied().collect()
    }

    /// How often something happened.
    pub fn times(&self, what: Sometimes) -> u64 {
        self.sometimes.get(&what).copied().unwrap_or(0)
    }
}

/// Whether a fault makes sense in a situation. While the daemon starts there are no clients, no
/// agents and nothing to stop; a flipped bit is found by a start; no other fault waits for one.
pub fn can_meet(fault: Fault, situation: Situation) -> bool {
    let of_starts = matches!(
        fault,
        Fault::TornKill | Fault::TornPower | Fault::BitFlip | Fault::SyncFails | Fault::DiskFull
    );
    match (fault, situation) {
        (_, Situation::Recovery) => of_starts,
        // The last ones: it is full already.
        (Fault::BitFlip, _) | (Fault::DiskFull | Fault::BuildFails, Situation::Full) => false,
        _ => true,
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:14}", "")?;
        for situation in Situation::ALL {
            write!(f, "{:>9}", situation.name())?;
        }
        writeln!(f)?;
        for fault in Fault::ALL {
            write!(f, "{:14}", fault.name())?;
            for situation in Situation::ALL {
                match self.count(*fault, *situation) {
                    0 if !can_meet(*fault, *situation) => write!(f, "{:>9}", "-")?,
                    count => write!(f, "{count:>9}")?,
                }
            }
            writeln!(f)?;
        }
        for what in Sometimes::ALL {
            writeln!(f, "{:>9}  {}", self.times(*what), what.name())?;
        }
        Ok(())
    }
}
