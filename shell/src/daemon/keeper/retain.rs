//! What of the journal is kept, and for how long.

use std::time::Duration;

use pi_server_core::{BodyRef, State};

use super::age::Ages;
use super::times::Age;
use super::{Asked, Trouble, Worker};
use crate::journal::storage::Shelf;
use crate::journal::{Archive, SnapshotError, Usage};

/// Snapshots between the oldest that is kept and the newest, about.
const SNAPSHOTS: u64 = 16;
/// The newest snapshots, which stay with all that follows them: should one be bad, the next serves.
const NEWEST: usize = 2;
/// Of a bound on bytes, which part snapshots between those may take.
const SNAPSHOT_SHARE: u64 = 8;

/// Bounds of how long the keeper sleeps.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

/// How much of the journal is kept. Whole segments go, oldest first, up to a snapshot, once either
/// bound is exceeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::daemon) struct Retention {
    /// The room that all files of the journal take together, in bytes; 0 for any.
    pub(in crate::daemon) bytes: u64,
    /// Age of inputs, at least; zero for ever.
    pub(in crate::daemon) age: Duration,
    /// What is erased of it before.
    pub(in crate::daemon) tiers: Ages,
    /// Whether segments are compressed.
    pub(in crate::daemon) compress: bool,
}

impl Retention {
    /// How long to sleep when nothing happens: a fraction of the shortest age, so that a journal that
    /// nobody writes to grows old as well.
    pub(super) fn pause(&self) -> Duration {
        let ages = [self.tiers.warm, self.tiers.cold, Some(self.age).filter(|age| !age.is_zero())];
        let shortest = ages.into_iter().flatten().min().unwrap_or(PAUSE_MAX);
        (shortest / 8).clamp(PAUSE_MIN, PAUSE_MAX)
    }

    /// Whether the snapshot at the end of a segment stays when it is not among the newest: as many
    /// stay as give the bytes a fair resolution.
    pub(super) fn keeps(&self, segment: u64, archive: &Archive) -> bool {
        let segments = self.bytes / u64::from(archive.segment_bytes().max(1));
        let stride = if self.bytes == 0 { SNAPSHOTS } else { (segments / SNAPSHOTS).clamp(1, 16) };
        segment.is_multiple_of(stride)
    }
}

impl Worker {
    /// Drops snapshots that nothing needs, and asks the loop to let go of segments that are not to
    /// be kept any more.
    pub(super) fn retain(&mut self) -> Result<(), Trouble> {
        let snapshots = self.snapshots()?;
        let segments = self.archive.segments();
        let segments = segments.map_err(|error| Trouble::Io("list the segments", error))?;
        let Some(first) = segments.first().copied() else { return Ok(()) };
        let usage = self.archive.usage();
        let mut usage = usage.map_err(|error| Trouble::Io("list the files", error))?;
        let mut candidates = self.thin(snapshots, first, &mut usage)?;
        candidates.truncate((candidates.len() + 1).saturating_sub(NEWEST));
        candidates.retain(|number| *number >= first);
        let age = Some(self.retention.age).filter(|age| !age.is_zero());
        let old = self.last_older(&segments, age)?;
        let by_age = candidates.iter().rev().find(|number| **number <= old).copied();
        let by_room = self.exceeding(&usage, &candidates);
        by_age.max(by_room).map_or(Ok(()), |number| self.move_bodies(number))
    }

    /// Drops snapshots beside the one with which the journal begins and the newest: those that do not
    /// give the bound a fair resolution, or take more than a fair part of it, wherever the journal is
    /// covered most densely. Those that are left, ascending.
    fn thin(
        &self,
        mut snapshots: Vec<u64>,
        first: u64,
        usage: &mut Usage,
    ) -> Result<Vec<u64>, Trouble> {
        let is_beyond = |snapshots: &[u64], usage: &Usage| {
            let bytes: u64 =
                snapshots.iter().map(|number| usage.of_kept(Shelf::Snapshots, *number)).sum();
            snapshots.len() as u64 > SNAPSHOTS || bytes > self.retention.bytes / SNAPSHOT_SHARE
        };
        loop {
            let Some(newest) = snapshots.len().checked_sub(NEWEST) else { return Ok(snapshots) };
            // The one with which the journal begins is what replays begin with.
            let begins = usize::from(snapshots.first().is_some_and(|number| number + 1 == first));
            let middle = snapshots.get(begins..newest).unwrap_or_default();
            // What a drop that was interrupted has left leads nowhere.
            let unneeded = middle.iter().position(|number| *number + 1 < first).or_else(|| {
                if self.retention.bytes == 0 {
                    middle.iter().position(|number| !self.retention.keeps(*number, &self.archive))
                } else if is_beyond(middle, usage) {
                    let gap = |place: &usize| {
                        let before = place.checked_sub(1).and_then(|at| snapshots.get(at));
                        let after = snapshots.get(place + 1).copied().unwrap_or(u64::MAX);
                        after.saturating_sub(before.copied().unwrap_or(first - 1))
                    };
                    (begins..newest).min_by_key(gap).map(|place| place - begins)
                } else {
                    None
                }
            });
            let Some(place) = unneeded else { return Ok(snapshots) };
            let number = snapshots.remove(begins + place);
            let discarded = self.archive.discard(number);
            discarded.map_err(|error| Trouble::Io("drop a snapshot", error))?;
            usage.discard(Shelf::Snapshots, number);
        }
    }

    /// The last of the segments, from the first on, that ended so long ago; 0 if there is none, or as
    /// long as nobody has told what time it is. Counts those that only the clock on the wall calls old.
    pub(super) fn last_older(
        &mut self,
        segments: &[u64],
        age: Option<Duration>,
    ) -> Result<u64, Trouble> {
        let (Some(age), Some(times)) = (age, &self.times) else { return Ok(0) };
        let now = times.now();
        let (mut last, mut doubtful) = (0, 0);
        for pair in segments.windows(2) {
            let [segment, next] = pair else { continue };
            // The beginning of the next one tells when this one ended.
            let facts = self.archive.facts(*next);
            let (_, ended) = facts.map_err(|error| Trouble::Io("read a segment", error))?;
            match now.age(times.wall(ended), age) {
                Age::Old if doubtful == 0 => last = *segment,
                Age::Old | Age::Doubtful => doubtful += 1,
                Age::Young => break,
            }
        }
        self.doubtful = self.doubtful.max(doubtful);
        Ok(last)
    }

    /// Says, once, that something is kept because the clock on the wall may be wrong.
    pub(super) fn doubt(&mut self) {
        let count = self.doubtful;
        self.shared.report().kept_by_doubt = count;
        if count > 0 && !self.has_doubted {
            pi_server_system::report!(
                "pi-server: the clock on the wall has gone ahead by more than what has passed; what \
                 became old by that is kept for 24 hours longer (segments: {count})"
            );
        }
        self.has_doubted = count > 0;
    }

    /// Moves the bodies along that are still needed of the segments up to `segment`, and asks the
    /// loop to let go of these.
    fn move_bodies(&mut self, segment: u64) -> Result<(), Trouble> {
        let Some(bodies) = self.bodies(segment) else { return Ok(()) };
        let packed = self.archive.pack(segment, bodies);
        packed.map_err(|error| Trouble::Io("move bodies along", error))?;
        // The loop ends after the thread, or with it.
        let _ = self.asking.send(Asked::LetGo(segment));
        Ok(())
    }

    /// The bodies that something needs behind a segment with a snapshot; `None` if that cannot be
    /// used, which has been said.
    pub(super) fn bodies(&mut self, segment: u64) -> Option<Vec<BodyRef>> {
        let bodies = self.archive.load(segment, |snapshot| {
            let state = State::decode(snapshot.layout, snapshot.state)
                .map_err(|_| SnapshotError::Payload)?;
            Ok(state.bodies().collect())
        });
        match bodies {
            Ok(bodies) => Some(bodies),
            Err(error) => {
                super::complain_of_snapshot(segment, &error);
                self.shared.report().failures += 1;
                self.bad.push(segment);
                None
            }
        }
    }

    /// Drops the segments that the loop has let go of.
    pub(super) fn drop_up_to(&mut self, segment: u64) {
        if let Err(error) = self.archive.drop_up_to(segment) {
            self.complain(&Trouble::Io("drop a segment", error));
        }
    }
}
