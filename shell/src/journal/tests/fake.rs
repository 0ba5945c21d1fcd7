//! A disk in memory that keeps apart what was written and what is durable, and fails when told to.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use pi_server_core::record::{HEAD_BYTES, HEAD_SLOT_BYTES, SegmentHeader};

use crate::journal::storage::{Disk, Segment, Shelf, SyncFile, View};

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
}

#[derive(Clone)]
struct File {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors that may differ.
    dirty: std::collections::BTreeSet<usize>,
}

impl File {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        self.live[at..at + bytes.len()].copy_from_slice(bytes);
        if !bytes.is_empty() {
            self.dirty.extend(at / SECTOR..=(at + bytes.len() - 1) / SECTOR);
        }
    }

    fn sync(&mut self) {
        for sector in std::mem::take(&mut self.dirty) {
            let range = sector_range(sector, self.live.len());
            self.durable[range.clone()].copy_from_slice(&self.live[range]);
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

    fn operation(&self) -> io::Result<()> {
        let mut faults = self.faults();
        match &mut faults.fail_operation {
            Some(0) => {
                faults.fail_operation = None;
                Err(io::Error::other("injected"))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn file(&self, segment: u64) -> io::Result<Arc<Mutex<File>>> {
        let contents = self.contents.lock().unwrap();
        let file = contents.segments.get(&segment).cloned();
        file.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// The power goes: of every sector that was not synced, `keep` says whether it got to the disk.
    pub(crate) fn lose_power(&self, mut keep: impl FnMut() -> bool) {
        for file in self.contents.lock().unwrap().segments.values() {
            let file = &mut *file.lock().unwrap();
            for sector in std::mem::take(&mut file.dirty) {
                let range = sector_range(sector, file.live.len());
                if keep() {
                    file.durable[range.clone()].copy_from_slice(&file.live[range]);
                } else {
                    file.live[range.clone()].copy_from_slice(&file.durable[range]);
                }
            }
        }
    }

    /// Changes bytes behind the journal's back, in what was written and in what is durable.
    pub(crate) fn damage(&self, segment: u64, change: impl Fn(&mut [u8])) {
        let file = self.file(segment).unwrap();
        let mut file = file.lock().unwrap();
        change(&mut file.live);
        change(&mut file.durable);
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

    /// The bytes of every segment, as they are on the disk.
    pub(crate) fn segments_durable(&self) -> Vec<Vec<u8>> {
        let contents = self.contents.lock().unwrap();
        contents.segments.values().map(|file| file.lock().unwrap().durable.clone()).collect()
    }
}

impl Disk for FakeDisk {
    fn segments(&self) -> io::Result<Vec<u64>> {
        self.operation()?;
        Ok(self.contents.lock().unwrap().segments.keys().copied().collect())
    }

    fn read(&self, segment: u64, settled: bool, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.operation()?;
        let file = self.file(segment)?;
        let mut file = file.lock().unwrap();
        if settled {
            bytes.clone_from(&file.live);
        } else {
            file.sync();
            bytes.clone_from(&file.durable);
        }
        Ok(())
    }

    fn build(&self, header: &SegmentHeader) -> io::Result<()> {
        self.operation()?;
        let faults = self.faults();
        if faults.full || header.number >= faults.full_from {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let mut live = header.encode().to_vec();
        live.resize(usize::try_from(header.capacity).unwrap(), 0);
        let file = File { durable: live.clone(), live, dirty: [].into() };
        let file = Arc::new(Mutex::new(file));
        self.contents.lock().unwrap().segments.insert(header.number, file);
        Ok(())
    }

    fn read_start(&self, segment: u64, bytes: &mut [u8]) -> io::Result<u64> {
        self.operation()?;
        let file = self.file(segment)?;
        let live = &file.lock().unwrap().live;
        let there = live.len().min(bytes.len());
        bytes[..there].copy_from_slice(&live[..there]);
        Ok(live.len() as u64)
    }

    fn drop_segment(&self, segment: u64) -> io::Result<()> {
        self.operation()?;
        let dropped = self.contents.lock().unwrap().segments.remove(&segment);
        dropped.map(drop).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
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
        self.operation()?;
        if self.faults().full {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let mut bytes = Vec::new();
        write(&mut bytes)?;
        self.contents.lock().unwrap().kept.insert((shelf, number), bytes);
        Ok(())
    }

    fn discard(&self, shelf: Shelf, number: u64) -> io::Result<()> {
        self.operation()?;
        let dropped = self.contents.lock().unwrap().kept.remove(&(shelf, number));
        dropped.map(drop).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn open(&self, segment: u64) -> io::Result<Box<dyn Segment>> {
        self.operation()?;
        let file = self.file(segment)?;
        let copy = file.lock().unwrap().live.clone();
        Ok(Box::new(FakeSegment { file, copy, faults: self.faults.clone() }))
    }

    fn view(&self, segment: u64) -> io::Result<Box<dyn View>> {
        self.operation()?;
        let copy = self.file(segment)?.lock().unwrap().live.clone();
        Ok(Box::new(FakeView(copy)))
    }

    fn clear(&self, segment: u64, from: usize, to: usize) -> io::Result<()> {
        self.operation()?;
        let file = self.file(segment)?;
        let mut file = file.lock().unwrap();
        file.write(from, &vec![0; to - from]);
        file.sync();
        Ok(())
    }

    fn set_aside(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.operation()?;
        self.contents.lock().unwrap().set_aside.push((name.to_owned(), bytes.to_vec()));
        Ok(())
    }

    fn read_head(&self) -> io::Result<Vec<u8>> {
        self.operation()?;
        Ok(self.contents.lock().unwrap().head.clone())
    }

    fn write_head(&self, slot: usize, bytes: &[u8; HEAD_SLOT_BYTES]) -> io::Result<()> {
        self.operation()?;
        let head = &mut self.contents.lock().unwrap().head;
        head.resize(HEAD_BYTES, 0);
        head[slot * HEAD_SLOT_BYTES..][..HEAD_SLOT_BYTES].copy_from_slice(bytes);
        Ok(())
    }

    fn read_key(&self) -> io::Result<Option<[u8; 32]>> {
        self.operation()?;
        Ok(self.contents.lock().unwrap().key)
    }

    fn write_key(&self, key: &[u8; 32]) -> io::Result<()> {
        self.operation()?;
        self.contents.lock().unwrap().key = Some(*key);
        Ok(())
    }
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
        let mut file = self.file.lock().unwrap();
        let mut at = at;
        for part in parts {
            self.copy[at..at + part.len()].copy_from_slice(part);
            file.write(at, part);
            at += part.len();
        }
        Ok(())
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
        self.0.lock().unwrap().sync();
        Ok(())
    }
}
