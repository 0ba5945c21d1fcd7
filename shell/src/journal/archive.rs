//! What is settled of a journal, for threads beside the loop: sealed segments to be fed again,
//! snapshots and indexes to be written and read, and segments to be dropped.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use pi_server_core::record::{
    Cursor, Fault, Framer, JournalId, Mark, Reader, Record, RecordKind, SEGMENT_BYTES_MIN,
    SEGMENT_HEADER_BYTES, SegmentHeader, Snapshot, decode_kind, peek, record_at,
};
use pi_server_core::{BodyRef, Digest, Input, Micros};

use super::erase::{Erased, erase_bodies};
use super::error::{ReadError, ReadFault, SnapshotError};
use super::pack::{self, Pack};
use super::storage::{Disk, Kept, Shelf};
use super::tiers::Tiers;
use super::usage::Usage;

/// The settled part of a journal. Nothing here touches the segment that is being written, but to
/// read its beginning.
#[derive(Clone)]
pub struct Archive {
    disk: Arc<dyn Disk>,
    framer: Framer,
    journal: JournalId,
    segment_bytes: u32,
}

/// Where a body is that is to be packed.
struct Located {
    body: BodyRef,
    crc: u32,
}

impl Archive {
    pub(super) fn new(disk: Arc<dyn Disk>, journal: JournalId, segment_bytes: u32) -> Archive {
        Archive { disk, framer: Framer::new(journal), journal, segment_bytes }
    }

    /// The chain before the first record.
    pub fn start(&self) -> Cursor {
        Cursor::start(self.journal)
    }

    /// Size of a segment in bytes, as configured.
    pub fn segment_bytes(&self) -> u32 {
        self.segment_bytes
    }

    /// Numbers of the segments that are there, ascending; unused ones included.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn segments(&self) -> io::Result<Vec<u64>> {
        self.disk.segments()
    }

    /// Numbers of the snapshots that are there, ascending: that of the last segment each covers.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn snapshots(&self) -> io::Result<Vec<u64>> {
        self.disk.kept(Shelf::Snapshots)
    }

    /// Reads a snapshot.
    ///
    /// # Errors
    /// Why it cannot be used, which may be what `read` says.
    pub fn load<T>(
        &self,
        segment: u64,
        read: impl FnOnce(&Snapshot<'_>) -> Result<T, SnapshotError>,
    ) -> Result<T, SnapshotError> {
        let view = self.disk.view_kept(Shelf::Snapshots, segment).map_err(SnapshotError::Io)?;
        let snapshot = Snapshot::parse(view.bytes()).map_err(SnapshotError::Fault)?;
        if snapshot.cursor.journal != self.journal || snapshot.cursor.segment != segment {
            return Err(SnapshotError::Foreign);
        }
        self.compare_with_next(&snapshot.cursor)?;
        read(&snapshot)
    }

    /// The segment behind a snapshot must go on where it ends. One that cannot be read says nothing
    /// about the snapshot; it is found when it is read itself.
    fn compare_with_next(&self, cursor: &Cursor) -> Result<(), SnapshotError> {
        let mut bytes = [0; SEGMENT_START_BYTES];
        let next = cursor.segment + 1;
        match self.disk.read_start(next, &mut bytes) {
            Ok(_) => {}
            Err(error) if pi_server_compress::Fault::of(&error).is_some() => return Ok(()),
            Err(error) => return Err(SnapshotError::Io(error)),
        }
        let mut reader = Reader::new(&self.framer, &bytes);
        match reader.next(&mut cursor.clone()) {
            Err(Fault::Chain | Fault::Order) => Err(SnapshotError::Chain),
            Ok(_)
            | Err(
                Fault::Blank
                | Fault::Length
                | Fault::Form
                | Fault::Checksum
                | Fault::Body
                | Fault::Padding
                | Fault::Mark,
            ) => Ok(()),
        }
    }

    /// Writes a snapshot; it is on disk when this returns.
    ///
    /// # Errors
    /// There is none then.
    pub fn save(&self, snapshot: &Snapshot<'_>) -> io::Result<()> {
        let Snapshot { cursor, state, rest, outputs: _, layout: _ } = snapshot;
        let header = snapshot.header();
        self.disk.keep(Shelf::Snapshots, cursor.segment, &mut |file| {
            file.write_all(&header)?;
            file.write_all(state)?;
            file.write_all(rest)
        })
    }

    /// Which journal this is.
    pub fn journal(&self) -> JournalId {
        self.journal
    }

    /// Numbers of the indexes of the history that are there, ascending: those of their segments.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn indexes(&self) -> io::Result<Vec<u64>> {
        self.disk.kept(Shelf::History)
    }

    /// Opens the index of a segment.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn open_index(&self, segment: u64) -> io::Result<Box<dyn Kept>> {
        self.disk.open_kept(Shelf::History, segment)
    }

    /// Writes the index of a segment; it is on disk when this returns.
    ///
    /// # Errors
    /// There is none then.
    pub fn save_index(&self, segment: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.keep(Shelf::History, segment, &mut |file| file.write_all(bytes))
    }

    /// Numbers of the files of ids that are there, ascending: those of their segments.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn ids(&self) -> io::Result<Vec<u64>> {
        self.disk.kept(Shelf::Ids)
    }

    /// Opens the file of the ids of a segment.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn open_ids(&self, segment: u64) -> io::Result<Box<dyn Kept>> {
        self.disk.open_kept(Shelf::Ids, segment)
    }

    /// Writes the file of the ids of a segment; it is on disk when this returns.
    ///
    /// # Errors
    /// There is none then.
    pub fn save_ids(&self, segment: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.keep(Shelf::Ids, segment, &mut |file| file.write_all(bytes))
    }

    /// Numbers of the filters of ids that are there, ascending: that of the last segment of each.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn filters(&self) -> io::Result<Vec<u64>> {
        self.disk.kept(Shelf::Filters)
    }

    /// Opens a filter of ids.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn open_filter(&self, segment: u64) -> io::Result<Box<dyn Kept>> {
        self.disk.open_kept(Shelf::Filters, segment)
    }

    /// Writes the filter of the ids in the segments up to `segment`; it is on disk when this returns,
    /// and the only one. Whoever has another open goes on reading it.
    ///
    /// # Errors
    /// An older one may be there.
    pub fn save_filter(&self, segment: u64, parts: [&[u8]; 2]) -> io::Result<()> {
        self.disk.keep(Shelf::Filters, segment, &mut |file| {
            parts.into_iter().try_for_each(|part| file.write_all(part))
        })?;
        for number in self.filters()? {
            if number != segment {
                self.disk.discard(Shelf::Filters, number)?;
            }
        }
        Ok(())
    }

    /// The chain tag at the end of a segment, as the segment behind it tells.
    ///
    /// # Errors
    /// That one cannot be read.
    pub fn tag_behind(&self, segment: u64) -> io::Result<Digest> {
        let mut bytes = [0; SEGMENT_START_BYTES];
        self.disk.read_start(segment + 1, &mut bytes)?;
        match record_at(&self.framer, &bytes, SEGMENT_HEADER_BYTES).map(|record| record.mark) {
            Ok(Some(Mark::Begin(begin))) => Ok(begin.before),
            Ok(_) | Err(_) => Err(io::Error::from(io::ErrorKind::InvalidData)),
        }
    }

    /// Feeds the inputs of the sealed segment behind `cursor` to `each`, with the recorded digest of
    /// the outputs of the step *before* it, and moves the cursor to the segment's end. Every check
    /// is made that a start makes. `false` if `each` has broken off.
    ///
    /// # Errors
    /// The segment is not what was written.
    pub fn feed(
        &self,
        cursor: &mut Cursor,
        each: &mut dyn FnMut(&Input, Digest) -> ControlFlow<()>,
    ) -> Result<bool, ReadError> {
        let segment = cursor.segment + 1;
        let failed = |offset, fault| ReadError { segment, offset, fault };
        let view = self.disk.view(segment).map_err(|error| ReadError::of(segment, error))?;
        self.check_header(segment, view.bytes())?;
        let mut reader = Reader::new(&self.framer, view.bytes());
        loop {
            let offset = reader.offset();
            let record =
                reader.next(cursor).map_err(|fault| failed(offset, ReadFault::Record(fault)))?;
            match record.mark {
                None => {
                    let kind = decode_kind(record.input)
                        .map_err(|error| failed(offset, ReadFault::Input(error)))?;
                    if each(&record.rebuild(kind), record.header.outputs).is_break() {
                        return Ok(false);
                    }
                }
                Some(Mark::Seal(_)) => return Ok(true),
                Some(Mark::Begin(_) | Mark::Commit(_) | Mark::Recovered(_)) => {}
            }
        }
    }

    /// Erases the bodies of a segment that `chosen` picks: it is asked about every body that is
    /// there, in order. On disk when this returns, and not at all if it fails; nothing is written if
    /// nothing was picked. Only for a segment that nobody writes: one that is settled, or any of a
    /// journal that is stopped.
    ///
    /// # Errors
    /// The segment is not what was written, which a checksum must go on telling; or it cannot be
    /// read or written.
    pub fn erase(
        &self,
        segment: u64,
        chosen: &mut dyn FnMut(&Record<'_>) -> bool,
    ) -> Result<Erased, ReadError> {
        let (bytes, erased) = self.without(segment, chosen)?;
        if erased.bodies > 0 {
            let failed = |error| ReadError::of(segment, error);
            // What was compressed does not grow because there is less in it.
            let (_, is_compressed) = self.disk.file_facts(segment).map_err(failed)?;
            let compressed = if is_compressed { compressed(&bytes).map_err(failed)? } else { None };
            let file = compressed.as_ref().unwrap_or(&bytes);
            self.disk.replace(segment, file, erased.sealed).map_err(failed)?;
        }
        Ok(erased)
    }

    /// Compresses the file of a settled segment, if it is not yet and gets shorter. On disk when
    /// this returns, and not at all if it fails. Whether it was done.
    ///
    /// # Errors
    /// The segment cannot be read or written.
    pub fn compress(&self, segment: u64) -> Result<bool, ReadError> {
        let failed = |error| ReadError::of(segment, error);
        let (_, is_compressed) = self.disk.file_facts(segment).map_err(failed)?;
        if is_compressed {
            return Ok(false);
        }
        let view = self.disk.view(segment).map_err(failed)?;
        self.check_header(segment, view.bytes())?;
        let Some(file) = compressed(view.bytes()).map_err(failed)? else { return Ok(false) };
        self.disk.replace(segment, &file, true).map_err(failed)?;
        Ok(true)
    }

    /// What [`Archive::erase`] would erase.
    ///
    /// # Errors
    /// As there.
    pub fn would_erase(
        &self,
        segment: u64,
        chosen: &mut dyn FnMut(&Record<'_>) -> bool,
    ) -> Result<Erased, ReadError> {
        self.without(segment, chosen).map(|(_, erased)| erased)
    }

    /// The bytes of a segment without the bodies that `chosen` picks.
    fn without(
        &self,
        segment: u64,
        chosen: &mut dyn FnMut(&Record<'_>) -> bool,
    ) -> Result<(Vec<u8>, Erased), ReadError> {
        let failed = |offset, fault| ReadError { segment, offset, fault };
        let view = self.disk.view(segment).map_err(|error| ReadError::of(segment, error))?;
        self.check_header(segment, view.bytes())?;
        let mut bytes = view.bytes().to_vec();
        let erased = erase_bodies(&self.framer, &mut bytes, chosen)
            .map_err(|(offset, fault)| failed(offset, ReadFault::Record(fault)))?;
        Ok((bytes, erased))
    }

    /// How far bodies were erased; nothing if that is not known.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn tiers(&self) -> io::Result<Tiers> {
        let Some(newest) = self.disk.kept(Shelf::Tiers)?.pop() else {
            return Ok(Tiers::default());
        };
        let view = self.disk.view_kept(Shelf::Tiers, newest)?;
        Ok(Tiers::parse(view.bytes(), self.journal).unwrap_or_default())
    }

    /// Writes down how far bodies were erased; on disk when this returns.
    ///
    /// # Errors
    /// What was written down before counts.
    pub fn save_tiers(&self, tiers: Tiers) -> io::Result<()> {
        let bytes = tiers.encode(self.journal);
        self.disk.keep(Shelf::Tiers, tiers.last(), &mut |file| file.write_all(&bytes))?;
        for number in self.disk.kept(Shelf::Tiers)? {
            if number != tiers.last() {
                self.disk.discard(Shelf::Tiers, number)?;
            }
        }
        Ok(())
    }

    /// Whether a segment is the one of this number and this journal.
    fn check_header(&self, segment: u64, bytes: &[u8]) -> Result<(), ReadError> {
        let failed = |fault| ReadError { segment, offset: 0, fault };
        let header =
            SegmentHeader::parse(bytes).map_err(|fault| failed(ReadFault::Segment(fault)))?;
        if header.journal != self.journal || header.number != segment {
            return Err(failed(ReadFault::Record(Fault::Order)));
        }
        Ok(())
    }

    /// The recorded digest of the outputs of the last step before the end of a segment: the first
    /// input behind it has it. `None` if that is further in than it ever is.
    ///
    /// # Errors
    /// The segment cannot be read.
    pub fn outputs_at(&self, cursor: &Cursor) -> io::Result<Option<Digest>> {
        let mut bytes = vec![0; usize::try_from(SEGMENT_BYTES_MIN).unwrap_or(0)];
        self.disk.read_start(cursor.segment + 1, &mut bytes)?;
        let mut offset = SEGMENT_HEADER_BYTES;
        while let Some(header) = peek(&bytes, offset) {
            if header.kind == RecordKind::Input {
                return Ok(Some(header.outputs));
            }
            offset = offset.saturating_add(usize::try_from(header.span()).unwrap_or(usize::MAX));
        }
        Ok(None)
    }

    /// Size of a segment's file in bytes, and the time of the last input before it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn facts(&self, segment: u64) -> io::Result<(u64, Micros)> {
        let mut bytes = [0; SEGMENT_START_BYTES];
        self.disk.read_start(segment, &mut bytes)?;
        let (length, _) = self.disk.file_facts(segment)?;
        let begin = peek(&bytes, SEGMENT_HEADER_BYTES);
        Ok((length, begin.map_or(Micros(u64::MAX), |begin| begin.at)))
    }

    /// Writes the pack of the bodies that are still needed of the segments up to `segment`. Erased
    /// ones, and such of which nothing is there, are left out.
    ///
    /// # Errors
    /// There is no new pack then.
    pub fn pack(&self, segment: u64, mut wanted: Vec<BodyRef>) -> io::Result<()> {
        wanted.retain(|body| !body.is_empty());
        wanted.sort_unstable_by_key(|body| body.seq);
        wanted.dedup();
        let older = match self.disk.kept(Shelf::Bodies)?.last() {
            Some(number) => Some(Pack::open(&*self.disk, self.journal, *number)?),
            None => None,
        };
        let mut located = Vec::new();
        self.visit(segment, &wanted, older.as_ref(), &mut |body, bytes| {
            located.push(Located { body, crc: crc32fast::hash(bytes) });
            Ok(())
        })?;
        let bodies: Vec<BodyRef> = located.iter().map(|found| found.body).collect();
        let sums: Vec<u32> = located.iter().map(|found| found.crc).collect();
        let head = pack::head(self.journal, segment, &bodies, &sums);
        self.disk.keep(Shelf::Bodies, segment, &mut |file| {
            file.write_all(&head)?;
            self.visit(segment, &bodies, older.as_ref(), &mut |_, bytes| file.write_all(bytes))
        })
    }

    /// The bodies of dropped segments that are there: those of the newest pack.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn packed(&self) -> io::Result<Vec<BodyRef>> {
        match self.disk.kept(Shelf::Bodies)?.last() {
            Some(number) => Ok(Pack::open(&*self.disk, self.journal, *number)?.bodies().collect()),
            None => Ok(Vec::new()),
        }
    }

    /// Erases bodies of dropped segments: every pack is written anew without those that `chosen`
    /// picks.
    ///
    /// # Errors
    /// A pack cannot be read or written; it is as it was then.
    pub fn erase_packed(&self, chosen: &mut dyn FnMut(BodyRef) -> bool) -> io::Result<()> {
        for number in self.disk.kept(Shelf::Bodies)? {
            let pack = Pack::open(&*self.disk, self.journal, number)?;
            let left: Vec<BodyRef> = pack.bodies().filter(|body| !chosen(*body)).collect();
            if left.len() == pack.bodies().count() {
                continue;
            }
            let bytes = |body: &BodyRef| pack.body(*body).unwrap_or_default();
            let sums: Vec<u32> = left.iter().map(|body| crc32fast::hash(bytes(body))).collect();
            let head = pack::head(self.journal, number, &left, &sums);
            self.disk.keep(Shelf::Bodies, number, &mut |file| {
                file.write_all(&head)?;
                left.iter().try_for_each(|body| file.write_all(bytes(body)))
            })?;
        }
        Ok(())
    }

    /// Calls `each` with those of the wanted bodies that are there, in order.
    fn visit(
        &self,
        upto: u64,
        wanted: &[BodyRef],
        older: Option<&Pack>,
        each: &mut dyn FnMut(BodyRef, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut wanted = wanted.iter().copied().peekable();
        let mut segments = self.disk.segments()?;
        segments.retain(|segment| *segment <= upto);
        let first = match segments.first() {
            Some(first) => self.first_input(*first)?,
            None => u64::MAX,
        };
        while let Some(body) = wanted.next_if(|body| body.seq.0 < first) {
            if let Some(bytes) = older.and_then(|pack| pack.body(body)) {
                each(body, bytes)?;
            }
        }
        for segment in segments {
            let next = self.first_input(segment + 1)?;
            if wanted.peek().is_none_or(|body| body.seq.0 >= next) {
                continue;
            }
            let view = self.disk.view(segment)?;
            let mut offset = SEGMENT_HEADER_BYTES;
            while let Some(header) = peek(view.bytes(), offset) {
                let Some(body) = wanted
                    .next_if(|body| header.kind == RecordKind::Input && body.seq <= header.seq)
                else {
                    if wanted.peek().is_none() || header.kind == RecordKind::Seal {
                        break;
                    }
                    offset += usize::try_from(header.span()).unwrap_or(usize::MAX - offset);
                    continue;
                };
                let at = offset + super::read::body_offset(&header);
                let end = at + usize::try_from(header.body_len).unwrap_or(0);
                if header.body_ref() == body
                    && !header.erased
                    && let Some(bytes) = view.bytes().get(at..end)
                {
                    if crc32fast::hash(bytes) != header.body_crc {
                        // A pack has sums of its own: it must not make a damaged body good.
                        let what = format!("the body of input {} is damaged", body.seq);
                        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                    }
                    each(body, bytes)?;
                }
            }
        }
        Ok(())
    }

    /// The number of the first input in a segment.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn first_input(&self, segment: u64) -> io::Result<u64> {
        let mut bytes = [0; SEGMENT_START_BYTES];
        self.disk.read_start(segment, &mut bytes)?;
        let begin = peek(&bytes, SEGMENT_HEADER_BYTES);
        let begin = begin.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        Ok(begin.seq.0 + 1)
    }

    /// How much room every file of the journal takes.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub fn usage(&self) -> io::Result<Usage> {
        self.disk.usage()
    }

    /// Drops everything up to `segment`, which the loop has let go of: segments, their indexes, torn
    /// tails of them that were set aside, and snapshots and packs that need them. From the oldest on, so that what is left is always one row.
    ///
    /// # Errors
    /// Something is left, which the next call drops.
    pub fn drop_up_to(&self, segment: u64) -> io::Result<()> {
        for number in self.disk.segments()? {
            if number <= segment {
                self.disk.drop_segment(number)?;
            }
        }
        for shelf in [Shelf::History, Shelf::Ids] {
            for number in self.disk.kept(shelf)? {
                if number <= segment {
                    self.disk.discard(shelf, number)?;
                }
            }
        }
        for shelf in [Shelf::Snapshots, Shelf::Bodies] {
            for number in self.disk.kept(shelf)? {
                if number < segment {
                    self.disk.discard(shelf, number)?;
                }
            }
        }
        self.disk.drop_set_aside(segment)
    }

    /// Drops one snapshot.
    ///
    /// # Errors
    /// It is still there.
    pub fn discard(&self, segment: u64) -> io::Result<()> {
        self.disk.discard(Shelf::Snapshots, segment)
    }
}

/// The compressed form of a segment, if it is shorter. It gives the segment's bytes back.
fn compressed(segment: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let invalid = |fault| io::Error::new(io::ErrorKind::InvalidData, format!("{fault}"));
    let Some(file) = pi_server_compress::compress(segment).map_err(invalid)? else {
        return Ok(None);
    };
    let mut restored = Vec::new();
    if pi_server_compress::restore(&file, &mut restored)? && restored == segment {
        return Ok(Some(file));
    }
    Err(io::Error::other("its compressed form does not give it back"))
}

/// What has to be read of a segment to know how it begins.
pub(super) const SEGMENT_START_BYTES: usize =
    SEGMENT_HEADER_BYTES + pi_server_core::record::Begin::SPAN;
