//! A disk in memory that keeps apart what was written and what is durable, and fails when told to:
//! an operation before it has begun, in the middle, or when all is done, once or for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use pi_server_compress::is_compressed;
use pi_server_core::record::{HEAD_BYTES, HEAD_SLOT_BYTES, SegmentHeader};

use crate::journal::storage::{Disk, Segment, Shelf, SyncFile, View};
use crate::journal::{Usage, segment_set_aside};

const SECTOR: usize = 512;

/// What goes wrong, and what happened.
#[derive(Default)]
pub(crate) struct Faults {
    /// No segment can be built.
    pub(crate) full: bool,
    /// No segment of this number or a higher one can be built; 0 for no such bound.
    pub(crate) full_from: u64,
    /// So many syncs fail from here on.
    pub(crate) failing_syncs: u32,
    /// How many syncs were asked for.
    pub(crate) syncs: u32,
    /// This operation from here on fails, once.
    pub(crate) fail_operation: Option<u32>,
    /// How far it gets.
    pub(crate) reach: Reach,
    /// And every operation after it: the process or the machine is gone, or the disk is.
    pub(crate) for_ever: bool,
    /// Nothing works any more.
    pub(crate) dead: bool,
}

/// How far an operation gets that fails.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Reach {
    /// It does not begin.
    #[default]
    Nothing,
    /// It ends in the middle, wherever this seed says.
    Part(u64),
    /// All is done, and then it fails.
    Whole,
}

impl Faults {
    /// Lets the next operation happen: `apply` does all of it, or as much as the generator says
    /// that it is given.
    fn perform<T>(
        &mut self,
        apply: impl FnOnce(Option<&mut Random>) -> io::Result<T>,
    ) -> io::Result<T> {
        let failed = || io::Error::other("injected");
        if self.dead {
            return Err(failed());
        }
        match &mut self.fail_operation {
            Some(0) => {
                self.fail_operation = None;
                self.dead = self.for_ever;
                match self.reach {
                    Reach::Nothing => {}
                    Reach::Part(seed) => drop(apply(Some(&mut Random(seed)))),
                    Reach::Whole => drop(apply(None)),
                }
                Err(failed())
            }
            Some(left) => {
                *left -= 1;
                apply(None)
            }
            None => apply(None),
        }
    }
}

/// A small generator, so that a failure can be run again from its printed seed.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A place in something of this length.
    pub(crate) fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[derive(Clone)]
struct File {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors that may differ.
    dirty: BTreeSet<usize>,
}

impl File {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        self.live[at..at + bytes.len()].copy_from_slice(bytes);
        if !bytes.is_empty() {
            self.dirty.extend(at / SECTOR..=(at + bytes.len() - 1) / SECTOR);
        }
    }

    fn sync(&mut self) {
        self.write_back(&mut || true);
    }

    /// Puts sectors on the disk that `keep` picks; the others stay as they are.
    fn write_back(&mut self, keep: &mut dyn FnMut() -> bool) {
        let (live, durable) = (&self.live, &mut self.durable);
        self.dirty.retain(|sector| {
            let written = keep();
            if written {
                let range = sector_range(*sector, live.len());
                durable[range.clone()].copy_from_slice(&live[range]);
            }
            !written
        });
    }

    fn lose_power(&mut self) {
        for sector in std::mem::take(&mut self.dirty) {
            let range = sector_range(sector, self.live.len());
            self.live[range.clone()].copy_from_slice(&self.durable[range]);
        }
    }
}

fn sector_range(sector: usize, length: usize) -> std::ops::Range<usize> {
    sector * SECTOR..((sector + 1) * SECTOR).min(length)
}

#[derive(Default)]
struct Contents {
    segments: BTreeMap<u64, Arc<Mutex<File>>>,
    head: Vec<u8>,
    key: Option<[u8; 32]>,
    set_aside: Vec<(String, Vec<u8>)>,
    kept: BTreeMap<(Shelf, u64), Vec<u8>>,
    /// Files that were discarded from a shelf; without a power cut nobody sees them again.
    discarded: BTreeMap<(Shelf, u64), Vec<u8>>,
}

/// What a daemon would find, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) segments: BTreeMap<u64, Vec<u8>>,
    pub(crate) head: Vec<u8>,
    pub(crate) kept: BTreeMap<(Shelf, u64), Vec<u8>>,
    set_aside: usize,
}

/// The disk.
#[derive(Default)]
pub(crate) struct FakeDisk {
    contents: Mutex<Contents>,
    faults: Arc<Mutex<Faults>>,
}

impl FakeDisk {
    pub(crate) fn new() -> Arc<FakeDisk> {
        let disk = FakeDisk::default();
        disk.faults().full_from = u64::MAX;
        Arc::new(disk)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap()
    }

    /// One that only reads.
    fn operation(&self) -> io::Result<()> {
        self.faults().perform(|_| Ok(()))
    }

    /// One that happens or not, but never in part.
    fn at_once(&self, apply: impl FnOnce(&mut Contents)) -> io::Result<()> {
        self.faults().perform(|part| {
            if part.is_none_or(|random| random.chance(50)) {
                apply(&mut self.contents.lock().unwrap());
            }
            Ok(())
        })
    }

    fn file(&self, segment: u64) -> io::Result<Arc<Mutex<File>>> {
        let contents = self.contents.lock().unwrap();
        let file = contents.segments.get(&segment).cloned();
        file.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// The machine is there again, whatever ended the last life.
    pub(crate) fn revive(&self) {
        let mut faults = self.faults();
        faults.dead = false;
        faults.fail_operation = None;
    }

    /// The power goes: of every sector that was not synced, `keep` says whether it got to the disk.
    pub(crate) fn lose_power(&self, mut keep: impl FnMut() -> bool) {
        self.write_back(&mut keep);
        let mut contents = self.contents.lock().unwrap();
        for file in contents.segments.values() {
            file.lock().unwrap().lose_power();
        }
        for (key, bytes) in std::mem::take(&mut contents.discarded) {
            if keep() {
                contents.kept.entry(key).or_insert(bytes);
            }
        }
    }

    /// The kernel puts sectors on the disk when it likes and in its own order.
    pub(crate) fn write_back(&self, keep: &mut dyn FnMut() -> bool) {
        for file in self.contents.lock().unwrap().segments.values() {
            file.lock().unwrap().write_back(keep);
        }
    }

    /// What is on the disk.
    pub(crate) fn image(&self) -> Image {
        let contents = self.contents.lock().unwrap();
        let durable = |file: &Arc<Mutex<File>>| file.lock().unwrap().durable.clone();
        Image {
            segments: contents.segments.iter().map(|(n, file)| (*n, durable(file))).collect(),
            head: contents.head.clone(),
            kept: contents.kept.clone(),
            set_aside: contents.set_aside.len(),
        }
    }

    /// Puts other bytes on the disk.
    pub(crate) fn put_back(&self, image: &Image) {
        let mut contents = self.contents.lock().unwrap();
        let file = |bytes: &Vec<u8>| {
            let file = File { live: bytes.clone(), durable: bytes.clone(), dirty: [].into() };
            Arc::new(Mutex::new(file))
        };
        contents.segments = image.segments.iter().map(|(n, bytes)| (*n, file(bytes))).collect();
        contents.head.clone_from(&image.head);
        contents.kept.clone_from(&image.kept);
        contents.discarded.clear();
    }

    /// Changes bytes behind the journal's back, in what was written and in what is durable.
    pub(crate) fn damage(&self, segment: u64, change: impl Fn(&mut [u8])) {
        let file = self.file(segment).unwrap();
        let mut file = file.lock().unwrap();
        change(&mut file.live);
        change(&mut file.durable);
    }

    /// How much room every file takes; no operation of the daemon's.
    pub(crate) fn used(&self) -> Usage {
        let contents = self.contents.lock().unwrap();
        let mut usage = Usage::default();
        for (number, file) in &contents.segments {
            usage.add_segment(*number, file.lock().unwrap().live.len() as u64);
        }
        for ((shelf, number), bytes) in &contents.kept {
            usage.add_kept(*shelf, *number, bytes.len() as u64);
        }
        for (name, bytes) in &contents.set_aside {
            usage.add_set_aside(segment_set_aside(name), bytes.len() as u64);
        }
        usage.add_other(contents.head.len() as u64);
        usage.add_other(32);
        usage
    }

    /// Numbers of the files on a shelf.
    pub(crate) fn kept_numbers(&self, shelf: Shelf) -> Vec<u64> {
        let contents = self.contents.lock().unwrap();
        contents.kept.keys().filter(|key| key.0 == shelf).map(|key| key.1).collect()
    }

    /// Numbers of the segments.
    pub(crate) fn segment_numbers(&self) -> Vec<u64> {
        self.contents.lock().unwrap().segments.keys().copied().collect()
    }

    /// Changes the bytes of a file on a shelf.
    pub(crate) fn damage_kept(
        &self,
        shelf: Shelf,
        number: u64,
        mut change: impl FnMut(&mut Vec<u8>),
    ) {
        change(self.contents.lock().unwrap().kept.get_mut(&(shelf, number)).unwrap());
    }
}

impl Disk for FakeDisk {
    fn segments(&self) -> io::Result<Vec<u64>> {
        self.operation()?;
        Ok(self.contents.lock().unwrap().segments.keys().copied().collect())
    }

    fn read_file(&self, segment: u64, settled: bool, bytes: &mut Vec<u8>) -> io::Result<()> {
        let file = self.file(segment)?;
        let mut file = file.lock().unwrap();
        if settled {
            self.operation()?;
            bytes.clone_from(&file.live);
        } else {
            sync(&self.faults, &mut file)?;
            bytes.clone_from(&file.durable);
        }
        Ok(())
    }

    fn build(&self, header: &SegmentHeader) -> io::Result<()> {
        let faults = self.faults();
        if faults.full || header.number >= faults.full_from {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        drop(faults);
        let mut live = header.encode().to_vec();
        live.resize(usize::try_from(header.capacity).unwrap(), 0);
        let file = File { durable: live.clone(), live, dirty: [].into() };
        let file = Arc::new(Mutex::new(file));
        self.at_once(|contents| drop(contents.segments.insert(header.number, file)))
    }

    fn read_file_start(&self, segment: u64, bytes: &mut [u8]) -> io::Result<u64> {
        self.operation()?;
        let file = self.file(segment)?;
        let live = &file.lock().unwrap().live;
        let there = live.len().min(bytes.len());
        bytes[..there].copy_from_slice(&live[..there]);
        Ok(live.len() as u64)
    }

    fn drop_segment(&self, segment: u64) -> io::Result<()> {
        self.file(segment)?;
        self.at_once(|contents| drop(contents.segments.remove(&segment)))
    }

    fn replace(&self, segment: u64, bytes: &[u8], sealed: bool) -> io::Result<()> {
        if self.faults().full {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.file(segment)?;
        let is_whole = SegmentHeader::parse(bytes).is_ok();
        assert!(is_whole || sealed && is_compressed(bytes), "a segment never changes its length");
        let file = File { durable: bytes.to_vec(), live: bytes.to_vec(), dirty: [].into() };
        let file = Arc::new(Mutex::new(file));
        self.at_once(|contents| drop(contents.segments.insert(segment, file)))
    }

    fn kept(&self, shelf: Shelf) -> io::Result<Vec<u64>> {
        self.operation()?;
        let contents = self.contents.lock().unwrap();
        Ok(contents.kept.keys().filter(|key| key.0 == shelf).map(|key| key.1).collect())
    }

    fn view_kept(&self, shelf: Shelf, number: u64) -> io::Result<Box<dyn View>> {
        self.operation()?;
        let bytes = self.contents.lock().unwrap().kept.get(&(shelf, number)).cloned();
        let bytes = bytes.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Box::new(FakeView(bytes)))
    }

    fn keep(
        &self,
        shelf: Shelf,
        number: u64,
        write: &mut dyn FnMut(&mut dyn io::Write) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.faults().full {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let mut bytes = Vec::new();
        write(&mut bytes)?;
        self.at_once(|contents| {
            // The directory is synced with the new file.
            contents.discarded.retain(|key, _| key.0 != shelf);
            contents.kept.insert((shelf, number), bytes);
        })
    }

    fn discard(&self, shelf: Shelf, number: u64) -> io::Result<()> {
        self.at_once(|contents| {
            if let Some(bytes) = contents.kept.remove(&(shelf, number)) {
                contents.discarded.insert((shelf, number), bytes);
            }
        })
    }

    fn open(&self, segment: u64) -> io::Result<Box<dyn Segment>> {
        self.operation()?;
        let file = self.file(segment)?;
        let copy = file.lock().unwrap().live.clone();
        Ok(Box::new(FakeSegment { file, copy, faults: self.faults.clone() }))
    }

    fn view_file(&self, segment: u64) -> io::Result<Box<dyn View>> {
        self.operation()?;
        let copy = self.file(segment)?.lock().unwrap().live.clone();
        Ok(Box::new(FakeView(copy)))
    }

    fn clear(&self, segment: u64, from: usize, to: usize) -> io::Result<()> {
        let file = self.file(segment)?;
        let mut file = file.lock().unwrap();
        self.faults().perform(|part| {
            file.write(from, &vec![0; to - from]);
            match part {
                None => file.sync(),
                Some(random) => file.write_back(&mut || random.chance(50)),
            }
            Ok(())
        })
    }

    fn set_aside(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = (name.to_owned(), bytes.to_vec());
        self.at_once(|contents| contents.set_aside.push(file))
    }

    fn drop_set_aside(&self, segment: u64) -> io::Result<()> {
        self.at_once(|contents| {
            contents.set_aside.retain(|(name, _)| segment_set_aside(name) > segment);
        })
    }

    fn usage(&self) -> io::Result<Usage> {
        self.operation()?;
        Ok(self.used())
    }

    fn read_head(&self) -> io::Result<Vec<u8>> {
        self.operation()?;
        Ok(self.contents.lock().unwrap().head.clone())
    }

    fn write_head(&self, slot: usize, bytes: &[u8; HEAD_SLOT_BYTES]) -> io::Result<()> {
        self.faults().perform(|part| {
            let head = &mut self.contents.lock().unwrap().head;
            if head.is_empty() && part.is_some() {
                // The file is made under another name.
                return Ok(());
            }
            head.resize(HEAD_BYTES, 0);
            // Disks write a sector whole or not at all; should one not, its slot is spoiled.
            let length = part.map_or(HEAD_SLOT_BYTES, |random| random.place(HEAD_SLOT_BYTES + 1));
            head[slot * HEAD_SLOT_BYTES..][..length].copy_from_slice(&bytes[..length]);
            Ok(())
        })
    }

    fn read_key(&self) -> io::Result<Option<[u8; 32]>> {
        self.operation()?;
        Ok(self.contents.lock().unwrap().key)
    }

    fn write_key(&self, key: &[u8; 32]) -> io::Result<()> {
        self.at_once(|contents| contents.key = Some(*key))
    }
}

/// A sync of a file; one that fails may have put some sectors on the disk.
fn sync(faults: &Mutex<Faults>, file: &mut File) -> io::Result<()> {
    faults.lock().unwrap().perform(|part| {
        match part {
            None => file.sync(),
            Some(random) => file.write_back(&mut || random.chance(50)),
        }
        Ok(())
    })
}

struct FakeView(Vec<u8>);

impl View for FakeView {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

struct FakeSegment {
    file: Arc<Mutex<File>>,
    copy: Vec<u8>,
    faults: Arc<Mutex<Faults>>,
}

impl View for FakeSegment {
    fn bytes(&self) -> &[u8] {
        &self.copy
    }
}

impl Segment for FakeSegment {
    fn put(&mut self, at: usize, parts: [&[u8]; 3]) -> io::Result<()> {
        let record = parts.concat();
        let mut file = self.file.lock().unwrap();
        self.faults.lock().unwrap().perform(|part| {
            if let Some(random) = part {
                // The length comes last.
                let length = random.place(record.len() + 1).max(4);
                file.write(at + 4, &record[4..length]);
            } else {
                file.write(at, &record);
                self.copy[at..at + record.len()].copy_from_slice(&record);
            }
            Ok(())
        })
    }

    fn syncer(&self) -> io::Result<Box<dyn SyncFile>> {
        Ok(Box::new(FakeSync(self.file.clone(), self.faults.clone())))
    }
}

struct FakeSync(Arc<Mutex<File>>, Arc<Mutex<Faults>>);

impl SyncFile for FakeSync {
    fn sync(&self) -> io::Result<()> {
        let mut faults = self.1.lock().unwrap();
        faults.syncs += 1;
        if faults.failing_syncs > 0 {
            faults.failing_syncs -= 1;
            return Err(io::Error::other("injected"));
        }
        drop(faults);
        sync(&self.1, &mut self.0.lock().unwrap())
    }
}
