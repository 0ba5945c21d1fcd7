//! A disk in memory that keeps apart what was written and what is durable, sector by sector, and
//! that fails when it is told to: it dies in the middle of an operation, loses or keeps each sector
//! that was not synced, flips bits, has no room, fails to sync or to write.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pi_server::world::{Disk, Segment, Shelf, SyncFile, Usage, View, segment_set_aside};
use pi_server_compress::is_compressed;
use pi_server_core::record::{HEAD_BYTES, HEAD_SLOT_BYTES, SegmentHeader};
use pi_server_model::entropy::Entropy;

/// What a device writes in one piece.
const SECTOR: usize = 512;

/// What goes wrong next.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "faults come alone and together")]
pub struct Faults {
    /// The power or the process goes in the middle of so manieth operation that writes.
    pub fuel: Option<u64>,
    /// Nothing new can be built or kept.
    pub full: bool,
    /// The next sync fails.
    pub fail_sync: bool,
    /// The next record that is put fails.
    pub fail_put: bool,
    /// The next segment, snapshot or pack that is built fails half way.
    pub fail_build: bool,
    /// There is no descriptor for the next segment that is opened.
    pub fail_open: bool,
    /// The directory is not where it was: nothing can be made under its path.
    pub moved: bool,
}

/// What happened to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Operations that write.
    pub writes: u64,
    /// Syncs that were asked for and worked.
    pub syncs: u64,
    /// Faults that were injected and met.
    pub failed_syncs: u64,
    /// See `failed_syncs`.
    pub failed_puts: u64,
    /// See `failed_syncs`.
    pub refused_builds: u64,
    /// How often it was noticed that the directory was moved.
    pub lost: u64,
    /// Compressed segments that were opened for reading.
    pub restored: u64,
}

#[derive(Clone, Default)]
struct File {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors that a sync would write.
    dirty: BTreeSet<usize>,
    /// Sectors that were dirty when the sync began that is under way.
    covered: BTreeSet<usize>,
    /// Sectors whose write failed: memory shows them, the disk does not have them, and no later
    /// sync tries again.
    lost: BTreeSet<usize>,
}

impl File {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        self.live[at..at + bytes.len()].copy_from_slice(bytes);
        if !bytes.is_empty() {
            self.dirty.extend(at / SECTOR..=(at + bytes.len() - 1) / SECTOR);
        }
    }

    fn settle(&mut self, sector: usize, written: bool) {
        let range = range_of(sector, self.live.len());
        if written {
            self.durable[range.clone()].copy_from_slice(&self.live[range]);
        } else {
            self.live[range.clone()].copy_from_slice(&self.durable[range]);
        }
    }

    fn sync(&mut self) {
        for sector in std::mem::take(&mut self.dirty) {
            self.settle(sector, true);
            self.lost.remove(&sector);
        }
    }

    /// The same, by a sync that began earlier: what got dirty since is left out.
    fn sync_covered(&mut self) {
        for sector in std::mem::take(&mut self.covered) {
            if self.dirty.remove(&sector) {
                self.settle(sector, true);
                self.lost.remove(&sector);
            }
        }
    }

    /// What is only in memory is gone; `keep` says of each dirty sector whether it was written.
    fn lose(&mut self, mut keep: impl FnMut() -> bool) {
        self.covered.clear();
        for sector in std::mem::take(&mut self.lost) {
            if !self.dirty.contains(&sector) {
                self.settle(sector, false);
            }
        }
        for sector in std::mem::take(&mut self.dirty) {
            let kept = keep();
            self.settle(sector, kept);
        }
    }
}

fn range_of(sector: usize, length: usize) -> Range<usize> {
    sector * SECTOR..((sector + 1) * SECTOR).min(length)
}

#[derive(Clone, Default)]
struct Contents {
    segments: BTreeMap<u64, File>,
    head: Vec<u8>,
    key: Option<[u8; 32]>,
    set_aside: Vec<(String, Vec<u8>)>,
    kept: BTreeMap<(Shelf, u64), Vec<u8>>,
    faults: Faults,
    counts: Counts,
    /// The syncs of now began earlier.
    syncs_covered: bool,
    /// Chooses where a write is cut.
    cut: u64,
}

/// The disk, as its owner holds it.
#[derive(Clone)]
pub struct FaultyDisk {
    contents: Arc<Mutex<Contents>>,
    /// Whether the machine is down: nothing is done any more, and nothing leaves it.
    down: Arc<AtomicBool>,
}

impl Contents {
    fn usage(&self) -> Usage {
        let mut usage = Usage::default();
        for (number, file) in &self.segments {
            usage.add_segment(*number, file.live.len() as u64);
        }
        for ((shelf, number), bytes) in &self.kept {
            usage.add_kept(*shelf, *number, bytes.len() as u64);
        }
        for (name, bytes) in &self.set_aside {
            usage.add_set_aside(segment_set_aside(name), bytes.len() as u64);
        }
        usage.add_other(self.head.len() as u64);
        usage
    }
}

fn died() -> io::Error {
    io::Error::other("the machine is down")
}

impl FaultyDisk {
    /// An empty disk; `cut` chooses where interrupted writes are cut.
    pub fn new(cut: u64) -> FaultyDisk {
        let contents = Contents { cut, ..Contents::default() };
        FaultyDisk {
            contents: Arc::new(Mutex::new(contents)),
            down: Arc::new(AtomicBool::new(false)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what goes wrong.
    pub fn faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.lock().faults);
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// How many segments are compressed.
    pub fn compressed(&self) -> usize {
        let contents = self.lock();
        contents.segments.values().filter(|file| is_compressed(&file.live)).count()
    }

    /// The room that all files take together, in bytes.
    pub fn used(&self) -> u64 {
        self.lock().usage().total()
    }

    /// Whether the machine is down.
    pub fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed)
    }

    /// Shared with whatever must stop when the machine is down.
    pub fn switch(&self) -> Arc<AtomicBool> {
        self.down.clone()
    }

    /// The machine goes down, between operations.
    pub fn stop(&self) {
        self.down.store(true, Ordering::Relaxed);
    }

    /// The machine is up again, its faults forgotten but for the room.
    pub fn up(&self) {
        let mut contents = self.lock();
        let full = contents.faults.full;
        contents.faults = Faults { full, ..Faults::default() };
        self.down.store(false, Ordering::Relaxed);
    }

    /// The memory of the machine is lost. Of every sector that was not synced `keep` says whether
    /// it got to the disk.
    pub fn lose_memory(&self, mut keep: impl FnMut() -> bool) {
        for file in self.lock().segments.values_mut() {
            file.lose(&mut keep);
        }
    }

    /// A sync begins: it is for what has been written by now.
    pub fn sync_begins(&self) {
        for file in self.lock().segments.values_mut() {
            file.covered.clone_from(&file.dirty);
        }
    }

    /// A sync ends that began when [`FaultyDisk::sync_begins`] was told. Nothing else is on disk by
    /// it: what was written since waits for another.
    pub fn sync_ends<T>(&self, end: impl FnOnce() -> T) -> T {
        self.lock().syncs_covered = true;
        let ended = end();
        self.lock().syncs_covered = false;
        ended
    }

    /// Another disk with the same bytes, up and without faults.
    #[must_use]
    pub fn copy(&self) -> FaultyDisk {
        let contents = Contents { faults: Faults::default(), ..self.lock().clone() };
        FaultyDisk {
            contents: Arc::new(Mutex::new(contents)),
            down: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Flips a bit of what is in use of a segment, `HEAD`, or a snapshot. Where.
    pub fn flip(&self, entropy: &mut Entropy<'_>) -> Option<String> {
        let mut contents = self.lock();
        let bit = 1_u8 << entropy.below(8);
        let any = |entropy: &mut Entropy<'_>, length: usize| {
            usize::try_from(entropy.below(length as u64)).unwrap_or(0)
        };
        let shelved: Vec<_> = contents.kept.keys().copied().collect();
        match entropy.weighted(&[8, 1, 2]) {
            1 if !contents.head.is_empty() => {
                let at = any(entropy, contents.head.len());
                contents.head[at] ^= bit;
                Some(format!("HEAD byte {at}"))
            }
            2 if !shelved.is_empty() => {
                let key = *entropy.pick(&shelved);
                let bytes = contents.kept.get_mut(&key)?;
                let at = any(entropy, bytes.len());
                bytes[at] ^= bit;
                Some(format!("{:?} {} byte {at}", key.0, key.1))
            }
            _ => {
                let numbers: Vec<u64> = contents.segments.keys().copied().collect();
                let number = *numbers.get(any(entropy, numbers.len()))?;
                let file = contents.segments.get_mut(&number)?;
                let used = file.live.iter().rposition(|byte| *byte != 0)? + 1;
                let at = any(entropy, used);
                file.live[at] ^= bit;
                file.durable[at] ^= bit;
                Some(format!("segment {number} byte {at}"))
            }
        }
    }

    /// Writes everything as files, for the offline tool.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn export(&self, dir: &std::path::Path) -> io::Result<()> {
        use pi_server::journal as names;
        let contents = self.lock();
        for name in [names::SEGMENT_DIR, names::SNAPSHOT_DIR, names::BODIES_DIR] {
            std::fs::create_dir_all(dir.join(name))?;
        }
        for (number, file) in &contents.segments {
            std::fs::write(
                dir.join(names::SEGMENT_DIR).join(names::segment_file(*number)),
                &file.live,
            )?;
        }
        std::fs::write(dir.join(names::HEAD_FILE), &contents.head)?;
        if let Some(key) = contents.key {
            std::fs::write(dir.join(names::KEY_FILE), key)?;
        }
        for ((shelf, number), bytes) in &contents.kept {
            let (folder, suffix) = match shelf {
                Shelf::Snapshots => (names::SNAPSHOT_DIR, "snap"),
                Shelf::Bodies => (names::BODIES_DIR, "pack"),
                // The offline tool has no use for what is made from the journal.
                Shelf::History | Shelf::Tiers | Shelf::Ids | Shelf::Filters => continue,
            };
            std::fs::write(dir.join(folder).join(format!("{number:08}.{suffix}")), bytes)?;
        }
        Ok(())
    }

    /// Feeds every byte that is durable.
    pub fn digest(&self, hasher: &mut blake3::Hasher) {
        let contents = self.lock();
        for (number, file) in &contents.segments {
            hasher.update(&number.to_le_bytes());
            hasher.update(&file.durable);
        }
        hasher.update(&contents.head);
        for ((_, number), bytes) in &contents.kept {
            hasher.update(&number.to_le_bytes());
            hasher.update(bytes);
        }
    }

    fn alive(&self) -> io::Result<MutexGuard<'_, Contents>> {
        if self.is_down() { Err(died()) } else { Ok(self.lock()) }
    }

    /// Begins an operation that writes `length` bytes: how many of them it gets to write, and
    /// whether the machine goes down with that.
    fn begin(&self, length: usize) -> io::Result<(MutexGuard<'_, Contents>, Option<usize>)> {
        let mut contents = self.alive()?;
        contents.counts.writes += 1;
        if let Some(fuel) = &mut contents.faults.fuel {
            if *fuel > 0 {
                *fuel -= 1;
            } else {
                self.stop();
                let mut entropy = Entropy::Seed(contents.cut ^ contents.counts.writes);
                let cut = usize::try_from(entropy.below(length as u64 + 1)).unwrap_or(0);
                return Ok((contents, Some(cut)));
            }
        }
        Ok((contents, None))
    }

    /// An error if the directory is not where it was.
    fn place(contents: &Contents) -> io::Result<()> {
        if contents.faults.moved { Err(io::Error::other("it was moved")) } else { Ok(()) }
    }

    /// An operation that happens as a whole or not at all.
    fn whole(&self, change: impl FnOnce(&mut Contents) -> io::Result<()>) -> io::Result<()> {
        let (mut contents, cut) = self.begin(1)?;
        match cut {
            None => change(&mut contents),
            Some(0) => Err(died()),
            Some(_) => change(&mut contents).and(Err(died())),
        }
    }

    fn room(contents: &mut Contents) -> io::Result<()> {
        FaultyDisk::place(contents)?;
        if contents.faults.full {
            contents.counts.refused_builds += 1;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        if std::mem::take(&mut contents.faults.fail_build) {
            contents.counts.refused_builds += 1;
            return Err(io::Error::other("injected"));
        }
        Ok(())
    }
}

/// The error of a system that has no descriptor left (EMFILE).
const NO_DESCRIPTORS: i32 = 24;

fn missing() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl Disk for FaultyDisk {
    fn segments(&self) -> io::Result<Vec<u64>> {
        Ok(self.alive()?.segments.keys().copied().collect())
    }

    fn read_file(&self, segment: u64, settled: bool, bytes: &mut Vec<u8>) -> io::Result<()> {
        let mut contents = self.alive()?;
        let file = contents.segments.get_mut(&segment).ok_or_else(missing)?;
        if !settled {
            // What can be written is; then the disk is asked, which has not what was lost.
            file.sync();
            file.lose(|| true);
        }
        bytes.clone_from(&file.live);
        Ok(())
    }

    fn read_file_start(&self, segment: u64, bytes: &mut [u8]) -> io::Result<u64> {
        let contents = self.alive()?;
        let live = &contents.segments.get(&segment).ok_or_else(missing)?.live;
        let there = live.len().min(bytes.len());
        bytes[..there].copy_from_slice(&live[..there]);
        Ok(live.len() as u64)
    }

    fn drop_segment(&self, segment: u64) -> io::Result<()> {
        self.whole(|contents| {
            FaultyDisk::place(contents)?;
            contents.segments.remove(&segment).map(drop).ok_or_else(missing)
        })
    }

    fn check(&self) -> io::Result<()> {
        let mut contents = self.alive()?;
        let place = FaultyDisk::place(&contents);
        contents.counts.lost += u64::from(place.is_err());
        place
    }

    fn replace(&self, segment: u64, bytes: &[u8], _sealed: bool) -> io::Result<()> {
        let bytes = bytes.to_vec();
        self.whole(|contents| {
            FaultyDisk::room(contents)?;
            let durable = bytes.clone();
            let file = File { durable, live: bytes, ..File::default() };
            contents.segments.insert(segment, file).map(drop).ok_or_else(missing)
        })
    }

    fn build(&self, header: &SegmentHeader) -> io::Result<()> {
        self.whole(|contents| {
            FaultyDisk::room(contents)?;
            let mut live = header.encode().to_vec();
            live.resize(usize::try_from(header.capacity).map_err(io::Error::other)?, 0);
            let file = File { durable: live.clone(), live, ..File::default() };
            contents.segments.insert(header.number, file);
            Ok(())
        })
    }

    fn open(&self, segment: u64) -> io::Result<Box<dyn Segment>> {
        let mut contents = self.alive()?;
        if std::mem::take(&mut contents.faults.fail_open) {
            contents.counts.refused_builds += 1;
            return Err(io::Error::from_raw_os_error(NO_DESCRIPTORS));
        }
        let copy = contents.segments.get(&segment).ok_or_else(missing)?.live.clone();
        Ok(Box::new(OpenSegment { disk: self.clone(), number: segment, copy }))
    }

    fn view_file(&self, segment: u64) -> io::Result<Box<dyn View>> {
        let mut contents = self.alive()?;
        let bytes = contents.segments.get(&segment).ok_or_else(missing)?.live.clone();
        contents.counts.restored += u64::from(is_compressed(&bytes));
        Ok(Box::new(Bytes(bytes)))
    }

    fn clear(&self, segment: u64, from: usize, to: usize) -> io::Result<()> {
        let length = to.saturating_sub(from);
        let (mut contents, cut) = self.begin(length)?;
        let file = contents.segments.get_mut(&segment).ok_or_else(missing)?;
        file.write(from, &vec![0; cut.unwrap_or(length)]);
        if cut.is_some() {
            return Err(died());
        }
        file.sync();
        Ok(())
    }

    fn set_aside(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.whole(|contents| {
            contents.set_aside.push((name.to_owned(), bytes.to_vec()));
            Ok(())
        })
    }

    fn drop_set_aside(&self, segment: u64) -> io::Result<()> {
        self.whole(|contents| {
            contents.set_aside.retain(|(name, _)| segment_set_aside(name) > segment);
            Ok(())
        })
    }

    fn usage(&self) -> io::Result<Usage> {
        Ok(self.alive()?.usage())
    }

    fn kept(&self, shelf: Shelf) -> io::Result<Vec<u64>> {
        let contents = self.alive()?;
        Ok(contents.kept.keys().filter(|key| key.0 == shelf).map(|key| key.1).collect())
    }

    fn view_kept(&self, shelf: Shelf, number: u64) -> io::Result<Box<dyn View>> {
        let contents = self.alive()?;
        Ok(Box::new(Bytes(contents.kept.get(&(shelf, number)).ok_or_else(missing)?.clone())))
    }

    fn keep(
        &self,
        shelf: Shelf,
        number: u64,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut bytes = Vec::new();
        write(&mut bytes)?;
        self.whole(|contents| {
            FaultyDisk::room(contents)?;
            contents.kept.insert((shelf, number), bytes);
            Ok(())
        })
    }

    fn discard(&self, shelf: Shelf, number: u64) -> io::Result<()> {
        self.whole(|contents| {
            FaultyDisk::place(contents)?;
            contents.kept.remove(&(shelf, number)).map(drop).ok_or_else(missing)
        })
    }

    fn read_head(&self) -> io::Result<Vec<u8>> {
        Ok(self.alive()?.head.clone())
    }

    fn write_head(&self, slot: usize, bytes: &[u8; HEAD_SLOT_BYTES]) -> io::Result<()> {
        let (mut contents, cut) = self.begin(bytes.len())?;
        // The file comes into being as a whole.
        if contents.head.is_empty() && cut.is_some_and(|cut| cut < bytes.len()) {
            return Err(died());
        }
        contents.head.resize(HEAD_BYTES, 0);
        let written = cut.unwrap_or(bytes.len());
        contents.head[slot * HEAD_SLOT_BYTES..][..written].copy_from_slice(&bytes[..written]);
        if cut.is_some() { Err(died()) } else { Ok(()) }
    }

    fn read_key(&self) -> io::Result<Option<[u8; 32]>> {
        Ok(self.alive()?.key)
    }

    fn write_key(&self, key: &[u8; 32]) -> io::Result<()> {
        self.whole(|contents| {
            contents.key = Some(*key);
            Ok(())
        })
    }
}

struct Bytes(Vec<u8>);

impl View for Bytes {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

struct OpenSegment {
    disk: FaultyDisk,
    number: u64,
    copy: Vec<u8>,
}

impl View for OpenSegment {
    fn bytes(&self) -> &[u8] {
        &self.copy
    }
}

impl Segment for OpenSegment {
    fn put(&mut self, at: usize, parts: [&[u8]; 3]) -> io::Result<()> {
        let record = parts.concat();
        let (mut contents, cut) = self.disk.begin(record.len())?;
        if cut.is_none() && std::mem::take(&mut contents.faults.fail_put) {
            contents.counts.failed_puts += 1;
            return Err(io::Error::other("injected"));
        }
        let file = contents.segments.get_mut(&self.number).ok_or_else(missing)?;
        if let Some(cut) = cut {
            // The first four bytes are stored last.
            let from = cut.min(4);
            file.write(at + from, &record[from..cut]);
            return Err(died());
        }
        file.write(at, &record);
        self.copy[at..at + record.len()].copy_from_slice(&record);
        Ok(())
    }

    fn syncer(&self) -> io::Result<Box<dyn SyncFile>> {
        Ok(Box::new(Syncs { disk: self.disk.clone(), number: self.number }))
    }
}

struct Syncs {
    disk: FaultyDisk,
    number: u64,
}

impl SyncFile for Syncs {
    fn sync(&self) -> io::Result<()> {
        let (mut contents, cut) = self.disk.begin(1)?;
        let contents = &mut *contents;
        let file = contents.segments.get_mut(&self.number).ok_or_else(missing)?;
        if std::mem::take(&mut contents.faults.fail_sync) {
            contents.counts.failed_syncs += 1;
            let lost = std::mem::take(&mut file.dirty);
            file.lost.extend(lost);
            return Err(io::Error::other("injected"));
        }
        if cut == Some(0) {
            return Err(died());
        }
        if contents.syncs_covered {
            file.sync_covered();
        } else {
            file.sync();
        }
        if cut.is_some() {
            return Err(died());
        }
        contents.counts.syncs += 1;
        Ok(())
    }
}
