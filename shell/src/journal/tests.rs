//! Tests of the journal as its users see it.

mod compress;
mod crash;
mod damage;
mod erase;
pub(crate) mod fake;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Condvar;
use std::sync::Mutex;
use std::time::Duration;

use pi_server_core::ids::ConnId;
use pi_server_core::record::{
    Damage, HEAD_BYTES, HEAD_SLOT_BYTES, JournalId, Snapshot, Tail, read_head,
};

use super::files::FileDisk;
use super::*;
use fake::FakeDisk;

const NOTHING: Digest = Digest([0; 16]);
const SMALL: u32 = 64 << 10;

fn closed(conn: u64) -> InputKind {
    InputKind::Closed { conn: ConnId(conn) }
}

/// The files of a journal that is closed.
fn archive(dir: &Path) -> Archive {
    let disk = FileDisk::open(&dir.join("data"), Backend::Pwrite).unwrap();
    let head = read_head(&disk.read_head().unwrap()).unwrap();
    Archive::new(Arc::new(disk), head.journal, SMALL)
}

fn options(dir: &Path) -> Options {
    Options { segment_bytes: SMALL, ..Options::new(dir.join("data")) }
}

fn origin() -> Origin {
    Origin { journal: JournalId([5; 16]), key: [6; 32], now: Micros(1) }
}

fn settings(durability: Durability) -> Settings {
    Settings { durability, segment_bytes: SMALL, background: false, waker: Arc::new(|| {}) }
}

/// Takes no snapshot in.
fn from_the_start(_: &Snapshot<'_>) -> Result<(), SnapshotError> {
    Err(SnapshotError::Payload)
}

fn fill(journal: &mut Journal, count: u64, body: usize) -> Vec<(Input, Vec<u8>)> {
    let mut written = Vec::new();
    for nth in 0..count {
        let length = usize::try_from(nth * 7919).unwrap() % (body + 1);
        let body = vec![nth.to_le_bytes()[0]; length];
        let at = Micros(journal.last_at().0 + 3);
        let input = journal.append(at, closed(nth), &body, Digest([1; 16])).unwrap();
        written.push((input, body));
        if nth % 3 == 2 {
            journal.commit(Digest([2; 16])).unwrap();
        }
    }
    journal.commit(Digest([2; 16])).unwrap();
    written
}

fn inputs(journal: &Journal) -> Vec<Input> {
    let mut list = Vec::new();
    journal.replay(|input, _| list.push(input.clone())).unwrap();
    list
}

/// Every file of a data directory with its bytes, in order.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut list = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list.extend(files(&path));
        } else {
            list.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    list.sort();
    list
}

#[test]
fn what_was_committed_is_there_after_the_process_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (written, segment) = {
        let Opened { mut journal, facts } = Journal::open(&options(dir.path())).unwrap();
        assert!(facts.first && facts.records == 0 && !facts.clean);
        let written = fill(&mut journal, 1_000, 300);
        // Not committed: it did not happen.
        journal.append(Micros(0), closed(5), b"not committed", NOTHING).unwrap();
        (written, journal.segment())
    };
    let Opened { journal, facts } = Journal::open(&options(dir.path())).unwrap();
    assert!(!facts.first && facts.records == 1_000, "{facts:?}");
    assert_eq!(facts.tail, Tail::Incomplete);
    assert!(facts.torn_bytes > 100, "{facts:?}");
    let expected: Vec<_> = written.iter().map(|(input, _)| input.clone()).collect();
    assert_eq!(inputs(&journal), expected);
    assert!(segment > 3, "the segments are small enough to roll");
    drop(journal);
    // What was set aside is healed and recorded; the next start finds nothing.
    let Opened { journal, facts } = Journal::open(&options(dir.path())).unwrap();
    assert_eq!((facts.tail, facts.torn_bytes), (Tail::Clean, 0));
    assert_eq!(inputs(&journal), expected);
    assert_eq!(std::fs::read_dir(dir.path().join("data/quarantine")).unwrap().count(), 1);
}

#[test]
fn bodies_of_every_age_are_found_before_and_after_a_restart() {
    for backend in [Backend::MapAnywhere, Backend::Pwrite] {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { backend, ..options(dir.path()) };
        let mut journal = Journal::open(&options).unwrap().journal;
        let written = fill(&mut journal, 2_000, 400);
        let check = |journal: &Journal| {
            for (input, body) in &written {
                assert_eq!(journal.body(input.body), Some(&body[..]), "{}", input.seq);
            }
            let (input, _) = &written[1_000];
            let other = BodyRef { digest: Digest([9; 16]), ..input.body };
            assert_eq!(journal.body(other), None);
            assert_eq!(journal.body(BodyRef { seq: Seq(2_001), ..input.body }), None);
        };
        check(&journal);
        journal.close().unwrap();
        let mut journal = Journal::open(&options).unwrap().journal;
        check(&journal);
        assert!(journal.views_open.get() > VIEWS_MAX);
        fill(&mut journal, 1, 0);
        assert_eq!(journal.views_open.get(), 0, "memory does not grow with what was read");
        check(&journal);
    }
}

#[test]
fn a_scan_gives_inputs_from_any_place_on_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&options(dir.path())).unwrap().journal;
    let written = fill(&mut journal, 700, 500);
    for from in [0, 1, 2, 64, 65, 333, 699, 700, 701] {
        let skipped = usize::try_from(u64::max(from, 1) - 1).unwrap();
        let found: Vec<_> = journal
            .scan_from(Seq(from))
            .map(|scanned| scanned.unwrap())
            .map(|scanned| (scanned.input, scanned.body.unwrap().to_vec()))
            .collect();
        assert_eq!(found, written[skipped..], "from {from}");
    }
}

#[test]
fn the_map_and_its_twin_write_the_same_bytes() {
    let dirs = [Backend::MapAnywhere, Backend::Pwrite].map(|backend| {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let script = |bodies| {
            let disk = Arc::new(FileDisk::open(&data, backend).unwrap());
            let settings = settings(Durability::Process);
            let mut journal =
                Journal::open_on(disk, settings, &origin(), &mut from_the_start).unwrap().journal;
            fill(&mut journal, 300, bodies);
            journal.sync().unwrap();
            journal.poll().unwrap();
            journal.append(Micros(0), closed(1), &vec![1; 100_000], NOTHING).unwrap();
            journal.commit(NOTHING).unwrap();
            journal.append(Micros(0), closed(1), b"torn", NOTHING).unwrap();
        };
        script(900);
        script(100);
        dir
    });
    let [map, twin] = dirs.each_ref().map(|dir| {
        let root = dir.path().display().to_string();
        let list = files(dir.path()).into_iter().filter(|(name, _)| !name.ends_with("lock"));
        list.map(|(name, bytes)| (name.replace(&root, ""), bytes)).collect::<Vec<_>>()
    });
    assert!(map.len() > 8);
    for (one, two) in map.iter().zip(&twin) {
        assert_eq!(one.0, two.0);
        assert!(one.1 == two.1, "{} differs", one.0);
    }
    assert_eq!(map.len(), twin.len());
}

#[test]
fn a_record_larger_than_a_segment_gets_one_of_its_own() {
    for backend in [Backend::MapAnywhere, Backend::Pwrite] {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { backend, ..options(dir.path()) };
        let mut journal = Journal::open(&options).unwrap().journal;
        fill(&mut journal, 10, 100);
        let body: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        let large = journal.append(Micros(0), closed(1), &body, NOTHING).unwrap();
        let after = fill(&mut journal, 500, 300);
        assert_eq!(journal.body(large.body), Some(&body[..]));
        drop(journal);
        let journal = Journal::open(&options).unwrap().journal;
        assert_eq!(journal.body(large.body), Some(&body[..]));
        assert_eq!(inputs(&journal).len(), 511);
        assert_eq!(journal.body(after[499].0.body), Some(&after[499].1[..]));
    }
}

#[test]
fn an_input_that_no_record_can_hold_is_refused_and_the_journal_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&options(dir.path())).unwrap().journal;
    let huge = InputKind::Opened(pi_server_core::input::Opened {
        transport: pi_server_core::input::Transport::Unix,
        client: Some("x".repeat(2 << 20).into()),
    });
    let refused = journal.append(Micros(0), huge, b"", NOTHING);
    assert!(matches!(refused, Err(AppendError::TooLarge { .. })));
    assert_eq!(fill(&mut journal, 1, 0)[0].0.seq, Seq(1));
}

#[test]
fn time_always_moves_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&options(dir.path())).unwrap().journal;
    let times = [100, 50, 100, 101, 200];
    let given = times.map(|at| journal.append(Micros(at), closed(1), b"", NOTHING).unwrap().at.0);
    assert_eq!(given, [100, 101, 102, 103, 200]);
}

#[test]
fn a_second_daemon_is_refused_and_told_who_has_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let opened = Journal::open(&options).unwrap();
    let Err(error) = Journal::open(&options) else { panic!("two writers") };
    let OpenError::Locked { pid, .. } = &error else { panic!("{error}") };
    assert_eq!(*pid, Some(std::process::id()));
    assert!(error.to_string().contains("--data-dir"), "{error}");
    drop(opened);
    Journal::open(&options).unwrap();
}

#[test]
fn only_the_owner_can_read_what_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&options(dir.path())).unwrap().journal;
    fill(&mut journal, 1_000, 200);
    journal.append(Micros(0), closed(1), b"torn", NOTHING).unwrap();
    drop(journal);
    drop(Journal::open(&options(dir.path())).unwrap());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let data = dir.path().join("data");
    for name in ["", "journal", "quarantine"] {
        assert_eq!(mode(&data.join(name)), 0o700, "{name}");
    }
    let list = files(&data);
    assert!(list.len() > 6);
    for (name, _) in list {
        assert_eq!(mode(Path::new(&name)), 0o600, "{name}");
    }
}

#[test]
fn damage_is_refused_by_name_and_nothing_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&options(dir.path())).unwrap().journal;
    fill(&mut journal, 500, 300);
    journal.close().unwrap();
    let path = dir.path().join("data/journal/00000002.seg");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[5_000] ^= 4;
    std::fs::write(&path, bytes).unwrap();
    let before = files(dir.path());
    let Err(error) = Journal::open(&options(dir.path())) else { panic!("damage was accepted") };
    assert!(matches!(error, OpenError::Damaged { damage: Damage::Lost { .. }, .. }), "{error}");
    assert!(error.to_string().contains("segment 2 offset "), "{error}");
    let names = |list: &[(String, Vec<u8>)]| list.to_vec();
    assert!(names(&before) == names(&files(dir.path())), "a refusal leaves no trace");
}

#[test]
fn a_missing_or_foreign_key_is_named() {
    let dir = tempfile::tempdir().unwrap();
    drop(Journal::open(&options(dir.path())).unwrap());
    let path = dir.path().join("data/journal.key");
    std::fs::write(&path, [1; 32]).unwrap();
    let wrong = Journal::open(&options(dir.path())).err().unwrap();
    assert!(matches!(wrong, OpenError::WrongKey { .. }), "{wrong}");
    std::fs::remove_file(&path).unwrap();
    let missing = Journal::open(&options(dir.path())).err().unwrap();
    assert!(matches!(missing, OpenError::MissingKey { .. }), "{missing}");
    std::fs::write(&path, [1; 31]).unwrap();
    let short = Journal::open(&options(dir.path())).err().unwrap();
    assert!(short.to_string().contains("31 bytes, not 32"), "{short}");
}

#[test]
fn a_journal_without_head_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(Journal::open(&options(dir.path())).unwrap());
    std::fs::remove_file(dir.path().join("data/HEAD")).unwrap();
    let error = Journal::open(&options(dir.path())).err().unwrap();
    assert!(matches!(error, OpenError::Damaged { damage: Damage::NoHead, .. }), "{error}");
}

#[test]
fn a_data_directory_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("data"), b"a file").unwrap();
    let error = Journal::open(&options(dir.path())).err().unwrap();
    assert!(matches!(error, OpenError::Unwritable { .. }), "{error}");
}

#[test]
fn a_full_disk_at_the_first_start_is_named_and_leaves_nothing_half_made() {
    let disk = FakeDisk::new();
    disk.faults().full = true;
    let open = || {
        Journal::open_on(
            disk.clone(),
            settings(Durability::Process),
            &origin(),
            &mut from_the_start,
        )
    };
    let error = open().err().unwrap();
    assert!(matches!(error, OpenError::DiskFull { .. }), "{error}");
    disk.faults().full = false;
    assert!(open().unwrap().facts.first);
}

#[test]
fn a_full_disk_refuses_new_inputs_ends_the_turn_and_recovers_by_itself() {
    let disk = FakeDisk::new();
    let opened = Journal::open_on(
        disk.clone(),
        settings(Durability::Process),
        &origin(),
        &mut from_the_start,
    );
    let mut journal = opened.unwrap().journal;
    fill(&mut journal, 10, 10);
    disk.faults().full = true;
    let mut taken = 10;
    let error = loop {
        match journal.append(Micros(0), closed(1), &[0; 500], NOTHING) {
            Ok(input) => taken = input.seq.0,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, AppendError::Full(_)), "{error}");
    // The turn can still be ended, and so a clean stop is possible.
    journal.commit(NOTHING).unwrap();
    assert_eq!(journal.durable().seq(), Seq(taken));
    disk.faults().full = false;
    assert_eq!(fill(&mut journal, 1, 10)[0].0.seq, Seq(taken + 1));
}

/// Counts calls of a waker and lets a test wait for them.
#[derive(Default)]
struct Bell {
    rings: Mutex<u32>,
    rung: Condvar,
}

impl Bell {
    fn waker(self: &Arc<Bell>) -> Waker {
        let bell = self.clone();
        Arc::new(move || {
            *bell.rings.lock().unwrap() += 1;
            bell.rung.notify_all();
        })
    }

    fn wait(&self) {
        let rings = self.rings.lock().unwrap();
        let patience = Duration::from_secs(20);
        let (mut rings, late) =
            self.rung.wait_timeout_while(rings, patience, |rings| *rings == 0).unwrap();
        assert!(!late.timed_out(), "the waker was not called");
        *rings = 0;
    }
}

#[test]
fn a_spare_that_cannot_be_built_closes_the_journal_for_new_work_until_it_can() {
    let disk = FakeDisk::new();
    let bell = Arc::new(Bell::default());
    let settings = Settings { background: true, waker: bell.waker(), ..settings(Durability::None) };
    disk.faults().full_from = 2;
    let mut journal =
        Journal::open_on(disk.clone(), settings, &origin(), &mut from_the_start).unwrap().journal;
    while journal.writable() {
        bell.wait();
    }
    assert!(journal.append(Micros(0), closed(1), b"", NOTHING).is_ok(), "there is room yet");
    disk.faults().full_from = u64::MAX;
    while !journal.writable() {
        bell.wait();
    }
}

#[test]
fn in_power_outputs_wait_for_the_sync() {
    let disk = FakeDisk::new();
    let open = Journal::open_on(disk, settings(Durability::Power), &origin(), &mut from_the_start);
    let mut journal = open.unwrap().journal;
    fill(&mut journal, 5, 10);
    assert_eq!(journal.durable().seq(), Seq(0));
    journal.sync().unwrap();
    assert_eq!(journal.durable().seq(), Seq(5));
    fill(&mut journal, 1, 10);
    assert_eq!(journal.durable().seq(), Seq(5));
}

#[test]
fn in_power_the_sync_comes_by_itself_and_rings() {
    let dir = tempfile::tempdir().unwrap();
    let bell = Arc::new(Bell::default());
    let options =
        Options { durability: Durability::Power, waker: bell.waker(), ..options(dir.path()) };
    let mut journal = Journal::open(&options).unwrap().journal;
    let written = fill(&mut journal, 400, 600);
    while journal.durable().seq() < written[399].0.seq {
        bell.wait();
    }
    // A sync with nothing behind it is written down, so that a later loss of it is noticed.
    let before = journal.cursor.commit;
    journal.poll().unwrap();
    assert_eq!(journal.cursor.commit, before + 1);
    assert_eq!(journal.cursor.durable_upto, Seq(400));
    journal.poll().unwrap();
    assert_eq!(journal.cursor.commit, before + 1, "once");
}

#[test]
fn a_failed_sync_is_the_last_thing_that_happens() {
    for background in [false, true] {
        let disk = FakeDisk::new();
        let bell = Arc::new(Bell::default());
        let settings = Settings { background, waker: bell.waker(), ..settings(Durability::Power) };
        let mut journal = Journal::open_on(disk.clone(), settings, &origin(), &mut from_the_start)
            .unwrap()
            .journal;
        disk.faults().failing_syncs = 1;
        fill(&mut journal, 1, 10);
        if background {
            while journal.poll().is_ok() {
                bell.wait();
            }
        } else {
            journal.sync().unwrap_err();
        }
        // The disk says Ok again, and nobody asks it.
        let syncs = disk.faults().syncs;
        let failed = JournalError::SyncFailed {
            what: "a segment",
            source: Arc::new(io::Error::from(io::ErrorKind::Other)),
        };
        let same =
            |error: &JournalError| std::mem::discriminant(error) == std::mem::discriminant(&failed);
        assert!(same(&journal.sync().unwrap_err()));
        assert!(same(&journal.commit(NOTHING).unwrap_err()));
        assert!(same(&journal.poll().unwrap_err()));
        assert!(matches!(
            journal.append(Micros(0), closed(1), b"", NOTHING),
            Err(AppendError::Failed(_))
        ));
        assert_eq!(journal.durable().seq(), Seq(0));
        assert!(same(&journal.close().unwrap_err()));
        assert_eq!(disk.faults().syncs, syncs);
    }
}

#[test]
fn a_clean_stop_puts_everything_on_disk_and_says_so_in_head() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&options(dir.path())).unwrap().journal;
    fill(&mut journal, 7, 10);
    journal.append(Micros(0), InputKind::Stop, b"", NOTHING).unwrap();
    journal.commit(NOTHING).unwrap();
    journal.close().unwrap();
    let head = read_head(&std::fs::read(dir.path().join("data/HEAD")).unwrap()).unwrap();
    assert_eq!(head.durable_upto, Seq(8));
    let facts = Journal::open(&options(dir.path())).unwrap().facts;
    assert!(facts.clean && facts.tail == Tail::Clean, "{facts:?}");
}

#[test]
fn every_failing_operation_of_a_start_leaves_a_journal_that_opens_later() {
    let written = |disk: &Arc<FakeDisk>| {
        let opened = Journal::open_on(
            disk.clone(),
            settings(Durability::Process),
            &origin(),
            &mut from_the_start,
        );
        let mut journal = opened.unwrap().journal;
        let written = fill(&mut journal, 300, 700);
        journal.append(Micros(0), closed(1), b"torn", NOTHING).unwrap();
        written.len()
    };
    let mut failures = 0;
    for operation in 0.. {
        let disk = FakeDisk::new();
        let count = written(&disk);
        disk.faults().fail_operation = Some(operation);
        let open = || {
            Journal::open_on(
                disk.clone(),
                settings(Durability::Process),
                &origin(),
                &mut from_the_start,
            )
        };
        let first = open();
        if disk.faults().fail_operation.is_some() {
            assert!(first.is_ok());
            break;
        }
        failures += 1;
        assert!(first.is_err(), "operation {operation} failed and nobody noticed");
        let journal = open().unwrap().journal;
        assert_eq!(inputs(&journal).len(), count, "operation {operation}");
    }
    assert!(failures > 10, "{failures}");
}
