//! A journal in one file, to be sent to somebody else, and the proof that it is complete and
//! unedited. Every verb takes a bundle in the place of a data directory.
//!
//! ```text
//! 0   "pi-bndl2"
//! 8   entries: kind u8 │ number u64 │ length u64 │ stored u64 │ stored bytes
//!       1 INFO   what is in it, JSON, for people: of the journal that it was made of
//!       2 HEAD   the file HEAD
//!       3 KEY    the file journal.key, if it was asked for
//!       4 SEGMENT, 5 SNAPSHOT, 6 PACK (of bodies): those files of that number, without zeros at
//!         their end, in blocks: bytes without those zeros u64 │ stored length u32 of each block of
//!         64 KiB │ the blocks: LZ4, or as they are where that is not shorter
//!       8 SIGNATURE of everything before it, if it was asked for: public key, Ed25519 signature
//!       7 END    nothing follows but the seal
//!     32 bytes: BLAKE3 of everything before
//! ```
//!
//! In bundles that begin with `pi-bndl1`, as 0.1.0 writes them, nothing is compressed: 4 to 6 are stored
//! as the others are.
//!
//! The seal finds every change that is not made by a forger, who can make it anew: whoever must
//! exclude that compares the seal with the one that `bundle` printed, got by another way, or has the
//! public key of whoever signed it. The format is written down in docs/journal-format.md.

mod check;
mod sign;

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use pi_server_compress::{BLOCK_BYTES, pack_block, unpack_block};
use pi_server_core::record::{SEGMENT_BYTES_MIN, SEGMENT_HEADER_BYTES, SegmentHeader};
use pi_server_system::file::open_regular;
use serde_json::json;

use crate::feed::{Reading, without_seal};
use crate::made::Target;
use crate::play::PlayError;
use crate::redact::{Policy, Redacted, redact};
use crate::source::{Source, SourceError};
use crate::stats::Stats;

pub use check::{Checked, Expected, Refusal, check};
pub use sign::{KeyError, PublicKey, Signer};

const MAGIC: &[u8; 8] = b"pi-bndl2";
/// What a bundle begins with in which nothing is compressed.
const PLAIN_MAGIC: &[u8; 8] = b"pi-bndl1";
const ENTRY_BYTES: u64 = 25;
const SEAL_BYTES: u64 = 32;
/// No file of a journal is longer; a segment's length is a `u32`.
const LENGTH_MAX: u64 = 1 << 32;

/// Zeros that a file may have at its end and that are read as if they were stored.
const ZEROS_MAX: u64 = 16 << 20;
const PAGE: usize = 4096;
/// LZ4 makes no byte into more.
const EXPANSION_MAX: u64 = 256;

const INFO: u8 = 1;
const HEAD: u8 = 2;
const KEY: u8 = 3;
const SEGMENT: u8 = 4;
const SNAPSHOT: u8 = 5;
const PACK: u8 = 6;
const END: u8 = 7;
const SIGNATURE: u8 = 8;

/// Where the files of a bundle are in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    path: PathBuf,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    kind: u8,
    number: u64,
    length: u64,
    stored: u64,
    at: u64,
    /// Bytes without the zeros at their end, if it is stored in blocks.
    packed: Option<u64>,
}

impl Entry {
    /// Bytes without the zeros at their end.
    fn used(&self) -> u64 {
        self.packed.unwrap_or(self.stored)
    }

    /// Bytes before the blocks.
    fn table_bytes(used: u64) -> u64 {
        8 + 4 * used.div_ceil(BLOCK_BYTES as u64)
    }

    /// True if it would take far more memory than it takes in the bundle.
    fn is_sparse(&self) -> bool {
        self.length > self.used().saturating_mul(4).saturating_add(ZEROS_MAX)
    }
}

impl Table {
    /// Reads where everything is. The seal is not checked.
    ///
    /// # Errors
    /// The file is no bundle, or ends too early.
    pub(crate) fn read(path: &Path) -> Result<Table, SourceError> {
        let io = |source| SourceError::Io { operation: "read", path: path.to_owned(), source };
        let broken = |why| SourceError::Bundle { path: path.to_owned(), why };
        let mut file = BufReader::new(open_regular(path).map_err(io)?);
        let length = file.get_ref().metadata().map_err(io)?.len();
        let mut magic = [0; 8];
        if file.read_exact(&mut magic).is_err() || !is_magic(&magic) {
            return Err(SourceError::NoJournal { dir: path.to_owned() });
        }
        let end = length.checked_sub(SEAL_BYTES).ok_or(broken("it ends too early"))?;
        let (mut at, mut entries) = (8, Vec::new());
        loop {
            if at + ENTRY_BYTES > end {
                return Err(broken("it ends too early"));
            }
            let mut head = [0; 25];
            file.read_exact(&mut head).map_err(io)?;
            let number = |at: usize| {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(&head[at..at + 8]);
                u64::from_le_bytes(bytes)
            };
            at += ENTRY_BYTES;
            let mut entry = Entry {
                kind: head[0],
                number: number(1),
                length: number(9),
                stored: number(17),
                at,
                packed: None,
            };
            if entry.kind == END {
                if at != end || [entry.number, entry.length, entry.stored] != [0; 3] {
                    return Err(broken("something follows its end"));
                }
                return Ok(Table { path: path.to_owned(), entries });
            }
            if magic == *MAGIC && is_packed(entry.kind) {
                if entry.stored < 8 || at + 8 > end {
                    return Err(broken("an entry makes no sense"));
                }
                let mut used = [0; 8];
                file.read_exact(&mut used).map_err(io)?;
                entry.packed = Some(u64::from_le_bytes(used));
            }
            let used = entry.used();
            let fits = used <= entry.length && entry.length <= LENGTH_MAX && {
                // What is claimed must be there: nothing is believed to expand more than it can.
                let blocks = entry.stored.checked_sub(Entry::table_bytes(used));
                entry.packed.is_none()
                    || blocks.is_some_and(|blocks| used <= blocks.saturating_mul(EXPANSION_MAX))
            };
            let known = (INFO..END).contains(&entry.kind) || entry.kind == SIGNATURE;
            if !known || !fits || at + entry.stored > end {
                return Err(broken("an entry makes no sense"));
            }
            if entries.last().is_some_and(|before: &Entry| before.kind == SIGNATURE) {
                return Err(broken("something follows its signature"));
            }
            at += entry.stored;
            file.seek(SeekFrom::Start(at)).map_err(io)?;
            entries.push(entry);
        }
    }

    pub(crate) fn head(&self) -> Option<Vec<u8>> {
        self.small(HEAD)
    }

    pub(crate) fn key(&self) -> Option<Vec<u8>> {
        self.small(KEY)
    }

    /// What its maker says is in it.
    pub(crate) fn info(&self) -> Option<Vec<u8>> {
        self.small(INFO)
    }

    fn small(&self, kind: u8) -> Option<Vec<u8>> {
        let entry = self.entries.iter().find(|entry| entry.kind == kind)?;
        let mut bytes = Vec::new();
        self.read_whole(entry, &mut bytes).ok()?;
        Some(bytes)
    }

    /// The entry of the signature, if there is one, and how many bytes are before it.
    fn signature(&self) -> io::Result<Option<(Vec<u8>, u64)>> {
        let Some(entry) = self.entries.last().filter(|entry| entry.kind == SIGNATURE) else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        // Written in the one way in which `Sealed` writes it.
        if entry.number == 0 && entry.length == sign::SIGNED_BYTES as u64 {
            self.read_whole(entry, &mut bytes)?;
            if used(&bytes) as u64 != entry.stored {
                bytes.clear();
            }
        }
        Ok(Some((bytes, entry.at - ENTRY_BYTES)))
    }

    pub(crate) fn segments(&self) -> Vec<u64> {
        self.numbers(SEGMENT)
    }

    pub(crate) fn snapshots(&self) -> Vec<u64> {
        self.numbers(SNAPSHOT)
    }

    pub(crate) fn packs(&self) -> Vec<u64> {
        self.numbers(PACK)
    }

    fn numbers(&self, kind: u8) -> Vec<u64> {
        let entries = self.entries.iter().filter(|entry| entry.kind == kind);
        entries.map(|entry| entry.number).collect()
    }

    fn entry(&self, kind: u8, number: u64) -> io::Result<&Entry> {
        let found = self.entries.iter().find(|entry| entry.kind == kind && entry.number == number);
        found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    pub(crate) fn read_snapshot(&self, number: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.read_whole(self.entry(SNAPSHOT, number)?, bytes)
    }

    pub(crate) fn read_pack(&self, number: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.read_whole(self.entry(PACK, number)?, bytes)
    }

    /// Reads a segment. Of one that is far longer than what is stored of it, the header is made to
    /// state less: memory is bounded by the length of the bundle, and zeros say nothing. How many
    /// bytes of the bundle it takes.
    pub(crate) fn read_segment(&self, number: u64, bytes: &mut Vec<u8>) -> io::Result<u64> {
        let entry = self.entry(SEGMENT, number)?;
        if !entry.is_sparse() {
            self.read_whole(entry, bytes)?;
            return Ok(entry.stored);
        }
        self.read_stored(entry, bytes)?;
        let shorter = bytes.len().next_multiple_of(PAGE) + PAGE;
        let shorter = shorter.max(usize::try_from(SEGMENT_BYTES_MIN).unwrap_or(usize::MAX));
        bytes.resize(shorter, 0);
        // What has no good header is not touched, and found to have the wrong length.
        let header = SegmentHeader::parse_start(bytes, entry.length).ok();
        if let (Some(header), Ok(capacity)) = (header, u32::try_from(shorter)) {
            let header = SegmentHeader { capacity, ..header }.encode();
            bytes[..SEGMENT_HEADER_BYTES].copy_from_slice(&header);
        }
        Ok(entry.stored)
    }

    /// Reads what is stored of a segment: all but zeros at its end. Returns its length.
    pub(crate) fn read_segment_stored(&self, number: u64, bytes: &mut Vec<u8>) -> io::Result<u64> {
        let entry = self.entry(SEGMENT, number)?;
        self.read_stored(entry, bytes)?;
        Ok(entry.length)
    }

    /// Reads all but the zeros at the end.
    fn read_stored(&self, entry: &Entry, bytes: &mut Vec<u8>) -> io::Result<()> {
        bytes.clear();
        let Some(used) = entry.packed else {
            bytes.resize(usize::try_from(entry.stored).map_err(io::Error::other)?, 0);
            return open_regular(&self.path)?.read_exact_at(bytes, entry.at);
        };
        self.unpack(entry, used, 0, used, &mut |block| bytes.extend_from_slice(block))
    }

    /// Unpacks the blocks that have the bytes from `from` to `to`, and shows them to `each`, in order.
    fn unpack(
        &self,
        entry: &Entry,
        used: u64,
        from: u64,
        to: u64,
        each: &mut dyn FnMut(&[u8]),
    ) -> io::Result<()> {
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "a block is not what was stored");
        let file = open_regular(&self.path)?;
        let table_bytes = Entry::table_bytes(used);
        let mut table = vec![0; usize::try_from(table_bytes - 8).map_err(io::Error::other)?];
        file.read_exact_at(&mut table, entry.at + 8)?;
        let (mut at, end) = (entry.at + table_bytes, entry.at + entry.stored);
        let mut begin = 0;
        for stored in table.as_chunks::<4>().0 {
            let stored = u64::from(u32::from_le_bytes(*stored));
            let length = (used - begin).min(BLOCK_BYTES as u64);
            if stored > length || at + stored > end {
                return Err(wrong());
            }
            if begin < to && from < begin + length {
                let mut block = vec![0; usize::try_from(stored).map_err(io::Error::other)?];
                file.read_exact_at(&mut block, at)?;
                let length = usize::try_from(length).map_err(io::Error::other)?;
                each(&unpack_block(block, length).ok_or_else(wrong)?);
            }
            (at, begin) = (at + stored, begin + length);
        }
        // Nothing is stored that nobody sees.
        if at == end { Ok(()) } else { Err(wrong()) }
    }

    fn read_whole(&self, entry: &Entry, bytes: &mut Vec<u8>) -> io::Result<()> {
        if entry.is_sparse() {
            let why = "an entry claims to be far longer than what is stored of it";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        self.read_stored(entry, bytes)?;
        bytes.resize(usize::try_from(entry.length).map_err(io::Error::other)?, 0);
        Ok(())
    }

    pub(crate) fn read_part(&self, number: u64, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let entry = self.entry(SEGMENT, number)?;
        let long = u64::try_from(bytes.len()).map_err(io::Error::other)?;
        if at.checked_add(long).is_none_or(|end| end > entry.length) {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        bytes.fill(0);
        if let Some(used) = entry.packed {
            let end = (at + long).min(used);
            let mut place = at - at % BLOCK_BYTES as u64;
            return self.unpack(entry, used, at, end, &mut |block| {
                for (byte, place) in block.iter().zip(place..) {
                    let index = place.checked_sub(at).and_then(|it| usize::try_from(it).ok());
                    if let Some(to) = index.and_then(|index| bytes.get_mut(index)) {
                        *to = *byte;
                    }
                }
                place += block.len() as u64;
            });
        }
        let stored = entry.stored.saturating_sub(at).min(long);
        let stored = usize::try_from(stored).map_err(io::Error::other)?;
        open_regular(&self.path)?.read_exact_at(&mut bytes[..stored], entry.at + at)
    }
}

/// Writes a journal as a bundle, with its key if that is wanted, and signed if there is somebody who
/// does. Returns the seal, and what reading the journal has told: one that is damaged is bundled as it
/// is. `progress` is called with the number of inputs.
///
/// # Errors
/// A file cannot be read, or the bundle cannot be written.
pub fn bundle(
    source: &Source,
    with_key: bool,
    signer: Option<&Signer>,
    progress: &mut dyn FnMut(u64),
    out: &mut dyn Write,
) -> Result<(String, Reading), BundleError> {
    must_have_key(source, with_key)?;
    // In the order that a reader of a live journal must keep: HEAD before the segments.
    let head = source.head_bytes()?;
    let (mut sealed, reading) = Sealed::begin(source, with_key, progress, out)?;
    sealed.entry(HEAD, 0, &head)?;
    if let (true, Some(key)) = (with_key, source.key_bytes()) {
        sealed.entry(KEY, 0, &key)?;
    }
    let (mut bytes, segments) = (Vec::new(), source.segments()?);
    for number in &segments {
        let length = source.read_segment_exact(*number, &mut bytes)?;
        // Where a daemon has gone on meanwhile, the journal ends as it did before.
        if segments.last() == Some(number) && source.is_ahead(*number)? {
            without_seal(&mut bytes);
        }
        sealed.entry_of(SEGMENT, *number, &bytes, length)?;
    }
    for number in source.snapshots()? {
        sealed.entry(SNAPSHOT, number, &source.read_snapshot(number)?)?;
    }
    for number in source.packs()? {
        sealed.entry(PACK, number, &source.read_pack(number)?)?;
    }
    Ok((sealed.end(signer)?, reading))
}

/// The same without what a policy names, as [`crate::redact::redact`] copies a journal. Returns
/// what was redacted, and the seal.
///
/// # Errors
/// The journal is damaged or cannot be read, or the bundle cannot be written.
pub fn bundle_redacted(
    source: &Source,
    policy: &Policy,
    with_key: bool,
    signer: Option<&Signer>,
    progress: &mut dyn FnMut(u64),
    out: &mut dyn Write,
) -> Result<(Redacted, String), BundleError> {
    must_have_key(source, with_key)?;
    let (mut sealed, _) = Sealed::begin(source, with_key, progress, out)?;
    let redacted = redact(source, policy, &mut sealed, with_key, progress)?;
    Ok((redacted, sealed.end(signer)?))
}

fn must_have_key(source: &Source, with_key: bool) -> Result<(), BundleError> {
    let is_there = !with_key || source.key_bytes().is_some();
    if is_there { Ok(()) } else { Err(BundleError::NoKey) }
}

/// Whether a file begins as a bundle does.
fn is_magic(bytes: &[u8]) -> bool {
    bytes == MAGIC || bytes == PLAIN_MAGIC
}

/// Whether files of that kind are stored in blocks.
fn is_packed(kind: u8) -> bool {
    matches!(kind, SEGMENT | SNAPSHOT | PACK)
}

/// Bytes without the zeros at their end.
fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

struct Sealed<'a> {
    out: &'a mut dyn Write,
    hasher: blake3::Hasher,
}

impl<'a> Sealed<'a> {
    /// Begins a bundle with what its reader is told of the journal.
    fn begin(
        source: &Source,
        with_key: bool,
        progress: &mut dyn FnMut(u64),
        out: &'a mut dyn Write,
    ) -> Result<(Sealed<'a>, Reading), BundleError> {
        let (stats, reading) = Stats::count(source, progress)?;
        let info = json!({
            "journal": reading.journal.to_string(),
            "counts": stats.to_json(),
            "withKey": with_key,
            "by": concat!("pi-replay ", env!("CARGO_PKG_VERSION")),
        });
        let mut sealed = Sealed { out, hasher: blake3::Hasher::new() };
        sealed.put(MAGIC)?;
        sealed.entry(INFO, 0, info.to_string().as_bytes())?;
        Ok((sealed, reading))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.out.write_all(bytes)
    }

    fn entry(&mut self, kind: u8, number: u64, bytes: &[u8]) -> io::Result<()> {
        self.entry_of(kind, number, bytes, bytes.len() as u64)
    }

    /// An entry of a length, of which `bytes` are all but zeros at its end.
    fn entry_of(&mut self, kind: u8, number: u64, bytes: &[u8], length: u64) -> io::Result<()> {
        let bytes = &bytes[..used(bytes)];
        let blocks: Vec<Vec<u8>> = if is_packed(kind) {
            bytes.chunks(BLOCK_BYTES).map(pack_block).collect()
        } else {
            Vec::new()
        };
        let table = blocks.iter().map(|block| u32::try_from(block.len()).map(u32::to_le_bytes));
        let table: Vec<[u8; 4]> = table.collect::<Result<_, _>>().map_err(io::Error::other)?;
        let packed: usize = blocks.iter().map(Vec::len).sum();
        let stored = if is_packed(kind) { 8 + 4 * table.len() + packed } else { bytes.len() };
        self.put(&[kind])?;
        self.put(&number.to_le_bytes())?;
        self.put(&length.to_le_bytes())?;
        self.put(&(stored as u64).to_le_bytes())?;
        if !is_packed(kind) {
            return self.put(bytes);
        }
        self.put(&(bytes.len() as u64).to_le_bytes())?;
        self.put(table.as_flattened())?;
        blocks.iter().try_for_each(|block| self.put(block))
    }

    /// Signs it, if that is wanted, and ends it. Returns the seal.
    fn end(mut self, signer: Option<&Signer>) -> io::Result<String> {
        if let Some(signer) = signer {
            let before = self.hasher.finalize();
            self.entry(SIGNATURE, 0, &signer.sign(&before))?;
        }
        self.entry(END, 0, &[])?;
        let seal = self.hasher.finalize();
        self.out.write_all(seal.as_bytes())?;
        Ok(seal.to_hex().to_string())
    }
}

impl Target for Sealed<'_> {
    fn head(&mut self, bytes: &[u8]) -> Result<(), PlayError> {
        Ok(self.entry(HEAD, 0, bytes)?)
    }

    fn key(&mut self, bytes: &[u8]) -> Result<(), PlayError> {
        Ok(self.entry(KEY, 0, bytes)?)
    }

    fn segment(&mut self, number: u64, bytes: &[u8]) -> Result<(), PlayError> {
        Ok(self.entry(SEGMENT, number, bytes)?)
    }

    fn snapshot(&mut self, number: u64, bytes: &[u8]) -> Result<(), PlayError> {
        Ok(self.entry(SNAPSHOT, number, bytes)?)
    }

    fn pack(&mut self, number: u64, bytes: &[u8]) -> Result<(), PlayError> {
        Ok(self.entry(PACK, number, bytes)?)
    }
}

/// Why there is no bundle, or nothing in it.
#[derive(Debug)]
pub enum BundleError {
    /// The journal cannot be read.
    Source(SourceError),
    /// The key was asked for and there is none.
    NoKey,
    /// The bundle cannot be written.
    Write(io::Error),
    /// The journal cannot be redacted.
    Redact(PlayError),
}

impl From<PlayError> for BundleError {
    fn from(error: PlayError) -> BundleError {
        BundleError::Redact(error)
    }
}

impl From<SourceError> for BundleError {
    fn from(error: SourceError) -> BundleError {
        BundleError::Source(error)
    }
}

impl From<io::Error> for BundleError {
    fn from(error: io::Error) -> BundleError {
        BundleError::Write(error)
    }
}
